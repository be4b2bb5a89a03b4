// Card: what a training record (record.h) says, for people and for tools.
//
// card_markdown: a model card with headings in Japanese and English, CommonMark with tables; what
// the record's texts hold cannot become markup. card_bom: a CycloneDX 1.6 ML-BOM (ECMA-424) in
// JSON: the model with its modelCard, the base as its pedigree, each source as a data component.
// Promises: the same record gives the same bytes; both name the SHA-256 of the record's text, which
// the ledger has. Refuses: what record_write refuses.
#pragma once
#include "base/buf.h"
#include "train/record.h"

enum { CARD_MAX = 1 << 17 }; // bytes of either

enum sk_code card_markdown(const struct train_record *record, struct buf *out);
enum sk_code card_bom(const struct train_record *record, struct buf *out);
