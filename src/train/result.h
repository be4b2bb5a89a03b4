// Result: what a run came to, as GGUF: a model of F32, to be converted (convert.h), or an adapter.
//
// Promises: everything of the recipe that a reader of the file may want is in its keys. Refuses:
// numbers that are not finite, as adapter.h and convert.h say.
#pragma once
#include "train/adapter.h"
#include "train/run.h"

struct result {
    const struct recipe *recipe;
    const struct learner *learner;
    const struct snapshot *state;
    const struct gguf *tokens; // the file whose keys "tokenizer.…" are taken
    uint32_t context;          // for llama.context_length
    uint8_t data[HASH_LEN];    // of the tokens it learned from (data_digest)
};
// The adapter of one that learned pairs, as F32 or F16.
enum sk_code result_adapter(const struct result *result, enum quant_type type,
                            struct gguf_sink sink);
// One that learned whole. Keys: general.* (name, licence and names of the sources), llama.*, the
// tokenizer with the recipe's chat template, and sekisho.train.* (steps, tokens, digest of the
// data).
enum sk_code result_write(const struct result *result, struct gguf_sink sink);

// Those of all sources, each once: "CC-BY-4.0 AND (MIT OR Apache-2.0)".
void result_licence(const struct recipe *recipe, struct buf *out);

// The keys of a vocabulary alone, with the recipe's chat template: what text becomes tokens by.
enum sk_code result_tokens(const struct recipe *recipe, const struct gguf *tokens,
                           struct gguf_sink sink);
