// Record: what a training run was: from which data under which licences, by which recipe and
// program, over which base, with which result. It is a leaf of the ledger (docs/ledger-format.md),
// and card.h writes the model card and the CycloneDX ML-BOM from it.
//
// Promises: one record has one text, canonical JSON (RFC 8785) of strings and integers; what was
// written is read back the same. Refuses: texts that are not UTF-8 or have control characters, too
// long or missing ones, numbers that are no decimals, fields it does not know, records over
// RECORD_MAX (SK_INPUT, SK_LIMIT, naming the field).
#pragma once
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/view.h"

enum {
    RECORD_MAX = 15 << 10, // bytes: a leaf has 16,384
    RECORD_SOURCES_MAX = 64,
    RECORD_METRICS_MAX = 32,
    RECORD_OUTPUTS_MAX = 16,
};

struct record_source {
    struct view name, licence, attribution; // attribution may be empty
    struct view use;                        // "training" or "validation"
    uint8_t sha256[HASH_LEN]; // of the one file, or of the lines that sha256sum prints of several
    uint64_t files, bytes;    // as they were read
    uint64_t documents, tokens; // of these that were learned from
};

// A score. Numbers are decimals, like "3.1416" or "-1e-05".
struct record_metric {
    struct view name, on; // "bits per byte", of which data
    struct view value;
    struct view low, high; // of its confidence interval of 95 %; empty: none
};

struct record_output {
    struct view name, type; // of the file, without a directory; "Q8_0", "LoRA"
    uint8_t sha256[HASH_LEN];
    uint64_t bytes;
};

struct train_record {
    struct view name;         // of the model
    struct view kind;         // "pretraining", "finetuning" or "lora"
    struct view licence;      // of the result
    struct view architecture; // "llama", "qwen2"
    struct view build;        // of the program that trained: its version and build id
    struct view description, intended, limits; // for the card; may be empty
    struct view base_name;                     // empty: it began with random weights
    struct view seed;                          // decimal
    uint8_t base_sha256[HASH_LEN];
    uint8_t recipe_sha256[HASH_LEN]; // of the recipe's one form (recipe.h)
    uint8_t data_sha256[HASH_LEN];   // of the tokens that were learned from, as they were stored
    uint64_t parameters, trained_parameters;
    uint64_t steps, tokens; // tokens: seen in all steps
    uint64_t started_ms, ended_ms; // Unix time
    uint64_t cpu_ms;
    uint64_t energy_mj; // millijoules; 0: this machine does not tell
    uint64_t ranks;     // processes
    struct record_source sources[RECORD_SOURCES_MAX];
    struct record_metric metrics[RECORD_METRICS_MAX];
    struct record_output outputs[RECORD_OUTPUTS_MAX];
    uint32_t sources_len, metrics_len, outputs_len;
};

// Appends the record's text. What it refuses, it refuses before it wrote.
enum sk_code record_write(const struct train_record *record, struct buf *out);
// Texts stand in `arena`. SK_INPUT also where the text is not the one record_write gives.
enum sk_code record_read(struct view text, struct arena *arena, struct train_record *out);
