#include "train/vocabulary.h"

#include <stdlib.h>

#include "base/text.h"
#include "engine/pool.h"
#include "train/data_parts.h"

enum { PIECE_CHARACTERS = 16, MEMORY = 1 << 30 };

struct reading {
    const struct recipe *recipe;
    const struct data_outside *outside;
    struct documents documents;
    struct data_source count;
    struct buf masked;
    uint32_t source, file; // the next to be opened
    bool open;
    uint64_t each, left; // bytes of a source; of the one under way
};

static enum sk_code file_close(struct reading *r) {
    uint8_t digest[HASH_LEN];
    uint64_t bytes;
    r->open = false;
    return r->outside->close(r->outside->self, digest, &bytes);
}

// Opens the next file of a source to train on; none: r->open stays false.
static enum sk_code file_open(struct reading *r) {
    const struct recipe_data *data = &r->recipe->data;
    for (; r->source < data->sources_len; r->source++, r->file = 0) {
        const struct recipe_source *source = &data->sources[r->source];
        if (source->validation || r->file == source->files.len || (r->file && !r->left)) continue;
        if (r->file == 0) r->left = r->each;
        TRY(documents_source(&r->documents, source, &r->count));
        r->open = true;
        return documents_file(&r->documents, source->files.at[r->file++]);
    }
    return SK_OK;
}

// Nothing personal becomes a token. False: the document goes.
static enum sk_code scrub(struct reading *r, struct view *text, bool *kept) {
    uint32_t mode = r->recipe->data.scrub.mode;
    *kept = true;
    if (mode == RECIPE_SCRUB_OFF) return SK_OK;
    buf_reset(&r->masked);
    TRY(r->outside->scrub(r->outside->self, *text, &r->masked));
    *kept = mode == RECIPE_SCRUB_MASK || view_same(buf_view(&r->masked), *text);
    *text = buf_view(&r->masked);
    return buf_check(&r->masked, "a masked document");
}

static enum sk_code next(void *self, struct view *text) {
    struct reading *r = self;
    bool kept = false;
    *text = (struct view){"", 0};
    while (!kept || !text->len) {
        struct document document;
        if (!r->open) TRY(file_open(r));
        if (!r->open) return SK_OK;
        TRY(documents_next(&r->documents, &document));
        *text = document.text;
        if (!text->len || !r->left) {
            *text = (struct view){"", 0};
            TRY(file_close(r));
            continue;
        }
        r->left -= text->len < r->left ? text->len : r->left;
        TRY(scrub(r, text, &kept));
    }
    return SK_OK;
}

static enum sk_code made_put(const struct tokens_made *made, const uint8_t key[HASH_LEN],
                             struct gguf_sink sink) {
    char hex[2 * HASH_LEN];
    struct buf text = buf_over(hex, sizeof hex);
    struct gguf_writer writer;
    hex_put(&text, key, HASH_LEN);
    TRY(gguf_writer_open(&writer, sink));
    gguf_put_text(&writer, "general.architecture", VIEW("llama"));
    gguf_put_text(&writer, "sekisho.train.key", buf_view(&text));
    tokens_put(made, &writer);
    enum sk_code code = gguf_write_head(&writer);
    if (code == SK_OK) code = gguf_write_end(&writer);
    gguf_writer_close(&writer);
    return code;
}

static enum sk_code make(struct reading *r, const uint8_t key[HASH_LEN],
                         const struct tokens_watch *watch, struct gguf_sink sink) {
    const struct recipe_tokenizer *from = &r->recipe->tokenizer;
    struct tokens_options options = {.vocabulary = from->vocabulary,
                                     .threads = r->recipe->threads ? r->recipe->threads : 1,
                                     .memory_max = MEMORY,
                                     .controls = from->controls.at,
                                     .users = from->users.at,
                                     .controls_len = from->controls.len,
                                     .users_len = from->users.len,
                                     .piece_max = PIECE_CHARACTERS,
                                     .coverage = (double)from->coverage,
                                     .byte_fallback = from->byte_fallback,
                                     .split_digits = from->split_digits};
    struct tokens_source source = {next, r};
    struct tokens_made made = {0};
    TRY(documents_open(&r->documents));
    TRY(buf_open(&r->masked, 4 * DATA_DOCUMENT_MAX));
    enum sk_code code = tokens_make(&made, &options, &source, watch);
    if (code == SK_OK) code = made_put(&made, key, sink);
    tokens_close(&made);
    return code;
}

enum sk_code vocabulary_make(const struct recipe *recipe, const uint8_t key[HASH_LEN],
                             const struct data_outside *outside, const struct tokens_watch *watch,
                             struct gguf_sink sink) {
    static const struct recipe_deduplicate none;
    uint64_t sources = 0;
    struct reading *r = calloc(1, sizeof *r);
    if (!r) return FAIL(SK_LIMIT, "memory: none left");
    r->recipe = recipe;
    r->outside = r->documents.outside = outside;
    r->documents.deduplicate = &none;
    for (uint32_t i = 0; i < recipe->data.sources_len; i++)
        sources += !recipe->data.sources[i].validation;
    r->each = ((uint64_t)recipe->tokenizer.megabytes << 20) / sources;
    enum sk_code code = make(r, key, watch, sink);
    if (r->open && file_close(r) != SK_OK && code == SK_OK) code = SK_IO;
    documents_close(&r->documents);
    buf_close(&r->masked);
    free(r);
    return code == SK_OK ? code : fail_within(code, "tokenizer");
}

bool vocabulary_is(const struct gguf *file, const uint8_t key[HASH_LEN]) {
    uint8_t is[HASH_LEN];
    struct view text = {"", 0};
    return gguf_text(file, "sekisho.train.key", GGUF_MAY_BE, &text) == SK_OK &&
           hex_take(text, is, HASH_LEN) && memcmp(is, key, HASH_LEN) == 0;
}
