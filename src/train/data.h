// Data: the texts of a recipe's sources as tokens on disk, built once, and rows of them in an order
// that a seed decides.
//
// A source's documents (paragraphs, lines, files, conversations) pass its filters, lose what stood
// before and what is personal, become tokens, and go by the digest of their text into one of two
// parts: to train on, or held back for validation. A part is one stream of rows of `context` tokens
// in two files, tokens and marks. Texts are cut wherever a row ends; conversations stay whole.
// Promises: memory is bounded, whatever the sources' size; the same sources, recipe and tokenizer
// give the same files; what was interrupted is built again. Refuses, naming file and line: bad
// JSON, messages of other shapes; sources in which nothing is left.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/world.h"
#include "engine/engine.h"
#include "train/recipe.h"

enum {
    DATA_DOCUMENT_MAX = 1 << 24, // bytes of one document
    DATA_INDEX_MAX = 1 << 24,    // bytes of the index
};

enum data_part { DATA_TRAIN, DATA_HELD, DATA_PARTS };

struct data_count {
    uint64_t rows, documents;
    uint64_t tokens;  // all but padding
    uint64_t learned; // of these, whose foretelling is learned
    uint64_t bytes;   // of texts; conversations have none here
};

struct data_source {
    struct data_count part[DATA_PARTS];
    uint64_t first[DATA_PARTS]; // its first row in the part
    // Documents that were left out: by its filters, for they stood before, for personal data, for
    // they were longer than a row; and those in which personal data was masked.
    uint64_t filtered, repeated, personal, long_ones, masked;
    // When opened: its files; their digest, of several that of the lines sha256sum prints of them.
    uint64_t files, file_bytes;
    uint8_t digest[HASH_LEN];
};

// What comes from outside of this module.
struct data_outside {
    void *self;
    // A source's file; its lines (UTF-8) with their line breaks, empty at the end; and in the end
    // its digest and size as it lies on the disk. `close` also after an error.
    enum sk_code (*open)(void *self, const char *path);
    enum sk_code (*line)(void *self, struct view *line);
    enum sk_code (*close)(void *self, uint8_t digest[HASH_LEN], uint64_t *bytes);
    // The text with what is personal in it masked, appended; only with a recipe that scrubs.
    enum sk_code (*scrub)(void *self, struct view text, struct buf *out);
    // Told now and then while it is built; may be NULL.
    void (*told)(void *self, const struct recipe_source *source, const struct data_source *count);
};

// What makes ids of texts.
struct data_tokens {
    struct engine *engine; // opened tokens_only, with text_max of DATA_DOCUMENT_MAX
    int32_t end;           // of a text; -1: none
};

// A digest that stands for all that decides the files: `tokens` for the tokenizer, `files` for the
// sources' (names, sizes, times: whatever changes when they do).
enum sk_code data_key(const struct recipe *recipe, struct view tokens, struct view files,
                      uint8_t key[HASH_LEN]);

// Builds the files in the world's directory: train.ids, train.marks, held.ids, held.marks and, when
// all is there, the index data.json.
enum sk_code data_build(const struct recipe *recipe, const uint8_t key[HASH_LEN],
                        const struct data_tokens *tokens, const struct data_outside *outside,
                        const struct world *world);

struct data {
    const struct world *world;
    int ids[DATA_PARTS], marks[DATA_PARTS]; // files
    bool wide;                              // ids of 32 bits, not 16
    uint32_t context, vocabulary;
    struct data_source source[RECIPE_SOURCES_MAX];
    double weight[RECIPE_SOURCES_MAX]; // 0: nothing of it is trained on
    uint64_t limit[RECIPE_SOURCES_MAX]; // rows that may be drawn of it
    uint32_t sources_len;
    uint8_t key[HASH_LEN];
    uint8_t digest[HASH_LEN]; // of the index: it names the digests of all sources
};

// Opens what was built with this key; the recipe gives weights and limits. SK_UNKNOWN: nothing was,
// or with another; SK_CORRUPT: files that do not fit the index. The world is borrowed.
enum sk_code data_open(struct data *data, const struct world *world, const struct recipe *recipe,
                       const uint8_t key[HASH_LEN]);
void data_close(struct data *data); // fine on a zeroed one

// The text of an index; what data_open checks against the files. SK_CORRUPT. For fuzzing, too.
enum sk_code data_index_read(char *text, size_t len, struct arena *arena, struct data *out);

// The SHA-256 of a part as it is stored: of its ids, then its marks.
enum sk_code data_digest(const struct data *data, enum data_part part, uint8_t out[HASH_LEN]);

uint64_t data_rows(const struct data *data, enum data_part part);

// Row `row` of a part: its tokens, what each is to foretell (NET_IGNORED: nothing) and the document
// it is of, counted from 0 in the row; `context` of each. SK_CORRUPT: a token past the vocabulary.
struct data_row {
    int32_t *ids, *targets;
    uint32_t *segments;
};
enum sk_code data_read(const struct data *data, enum data_part part, uint64_t row,
                       const struct data_row *out);

// How many rows of each source were drawn: where a run is in its data.
struct data_cursor {
    uint64_t drawn[RECIPE_SOURCES_MAX];
};
// The next row to train on. Sources take turns by weight; within one each pass is a permutation of
// its own (Luby & Rackoff 1988: a Feistel network). False: all sources are at their limits.
bool data_next(const struct data *data, uint64_t seed, struct data_cursor *cursor, uint64_t *row);
