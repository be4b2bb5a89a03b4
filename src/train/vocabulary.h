// Vocabulary: a recipe's own tokenizer, learned from its training sources as they pass their
// filters and the scrub, as a GGUF file.
//
// Promises: the same sources and recipe give the same bytes. Refuses: what tokens.h refuses.
#pragma once
#include "train/data.h"
#include "train/tokens.h"

// `outside` as data_build has it. The file's key "sekisho.train.key" is `key`, so that it is known
// again. `watch` may be NULL.
enum sk_code vocabulary_make(const struct recipe *recipe, const uint8_t key[HASH_LEN],
                             const struct data_outside *outside, const struct tokens_watch *watch,
                             struct gguf_sink sink);
// Whether it was made with this key.
bool vocabulary_is(const struct gguf *file, const uint8_t key[HASH_LEN]);
