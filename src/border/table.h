// Detector files: tables and weights that detectors read, as committed data with a digest.
//
// One file is one kind: "SKDT", u16 version 1, u16 kind, u32 header length, u64 payload length,
// SHA-256 of the payload, then as header a JSON object (source, date, licence, generator), then the
// payload, little-endian, 64-byte aligned. Read in place from a map; a file that is not exactly so
// is refused whole. `detectors/` holds the committed ones, scripts/detectors/ their generators.
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum table_kind {
    TABLE_NAMES = 1, // weights of the name tagger
    TABLE_PLACES,    // prefectures, municipalities, towns
    TABLE_POSTAL,    // postal codes in use
    TABLE_BANKS,     // banks and branches
    TABLE_PHONES,    // area codes
    TABLE_CARE,      // special-care lexicon
    TABLE_LISTED,    // the operator's own words (written by `sekisho border words`)
    TABLE_SECRETS,   // secret rules: ours, and operators'
    TABLE_KINDS,
};
const char *table_name(enum table_kind kind); // "names"; its file is names.skdt

struct table {
    enum table_kind kind;
    struct view header, payload;
};
// SK_CORRUPT names what is wrong.
enum sk_code table_read(struct view file, struct table *out);
// For generators: the whole file.
enum sk_code table_write(const struct table *table, struct buf *out);
