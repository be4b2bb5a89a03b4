// Recipe: a YAML file that says what is trained on what, and how (docs/training.md "Recipe").
//
// Promises: read by one table (recipe.c), so that the same table writes it back in one form: two
// recipes train alike when these texts are the same. Every value is within its limits, and fields
// that exclude or need each other were checked. Refuses: fields it does not know, values out of
// range, sources without a licence; "file:line:column: field: cause".
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "train/net.h"
#include "train/schedule.h"

enum {
    RECIPE_AUTO = INT32_MAX,
    RECIPE_SOURCES_MAX = 64,
    RECIPE_TEXTS_MAX = 64, // of one list
};

struct recipe_texts {
    const struct view *at;
    uint32_t len;
};

struct recipe_tokenizer {
    struct view file;    // a GGUF file with a vocabulary; or one learned from the sources:
    uint32_t vocabulary; // tokens in all
    uint32_t megabytes;  // of texts that are read for it, each source's part from its beginning
    float coverage;      // share of the characters that are pieces
    bool byte_fallback, split_digits;
    struct recipe_texts controls, users; // texts of control and of user-defined tokens
};

enum recipe_format { RECIPE_TEXT, RECIPE_CHAT };
enum recipe_documents { RECIPE_PARAGRAPH, RECIPE_LINE, RECIPE_FILE };

struct recipe_filters { // characters are Unicode's; shares are of a document's characters
    uint32_t characters_min, characters_max;
    float japanese_min;             // kana and kanji
    struct recipe_texts drop_lines; // POSIX extended regular expressions
};

struct recipe_source {
    struct view name;
    struct recipe_texts files;
    uint32_t format;    // enum recipe_format
    uint32_t documents; // enum recipe_documents: what one is in a file of text
    struct view field;  // of a line of JSON that holds its text
    struct view licence, attribution;
    float weight;    // rows drawn relative to other sources'; all have one, or none
    uint32_t epochs; // most passes over it; 0: no limit
    bool validation; // all of it is for validation
    struct recipe_filters filters;
};

struct recipe_deduplicate {
    bool documents; // no document twice
    float lines;    // a document goes whose lines stood elsewhere for this share; 0: off
};

enum recipe_scrub_mode { RECIPE_SCRUB_OFF, RECIPE_SCRUB_MASK, RECIPE_SCRUB_DROP };
struct recipe_scrub {
    uint32_t mode;            // enum recipe_scrub_mode
    struct recipe_texts only; // detectors' names; none: all
};

struct recipe_data {
    struct recipe_deduplicate deduplicate;
    struct recipe_scrub scrub;
    float validation; // share of the documents
    struct recipe_source *sources;
    uint32_t sources_len;
};

struct recipe_optimiser {
    float rate, beta1, beta2, epsilon, decay, clip;
};

struct recipe_schedule {
    uint32_t kind;    // enum schedule_kind
    uint32_t warm_up; // steps; RECIPE_AUTO: a tenth of them, at most 100
    float final;      // of the rate, at the end
    float decay;      // WSD: share of the steps at the end
};

struct recipe_batch {
    uint32_t rows;       // at once
    uint32_t context;    // tokens of a row; 0: the model's
    uint32_t accumulate; // batches of one step
};

enum recipe_storage { RECIPE_F32, RECIPE_BF16 };
struct recipe_precision {
    uint32_t moments, activations; // enum recipe_storage
    bool checkpoints;              // layers are computed again going back
};

struct recipe_low_rank {
    uint32_t rank; // 0: the whole model learns
    float alpha, dropout;
    struct recipe_texts targets; // none: all seven
};

struct recipe {
    struct view name, output;
    uint64_t seed;
    uint32_t threads; // 0: all
    struct view base; // a GGUF file to go on from; else `shape`
    struct net_shape shape; // without its vocabulary, the tokenizer's
    uint32_t context;
    struct recipe_tokenizer tokenizer;
    struct view chat_template;
    struct recipe_data data;
    struct recipe_low_rank low_rank;
    struct recipe_optimiser optimiser;
    struct recipe_schedule schedule;
    struct recipe_batch batch;
    struct recipe_precision precision;
    uint32_t steps, epochs; // one of the three
    float hours;
    uint32_t evaluate_every, evaluate_rows, checkpoint_every; // steps; 0: only at the end
    struct recipe_texts export;
};

// Everything is copied into `arena`. SK_INPUT, SK_LIMIT: as above.
enum sk_code recipe_read(struct view text, const char *name, struct arena *arena,
                         struct recipe *out);

// What decides the result, one "field value" a line, in the order of the table: not the output
// directory, threads, nor how often is evaluated and saved. RECIPE_DATA: what decides the tokens.
enum recipe_part { RECIPE_ALL, RECIPE_DATA };
void recipe_write(const struct recipe *recipe, enum recipe_part part, struct buf *out);
