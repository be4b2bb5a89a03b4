// Any text: a vocabulary that cuts it and gives it back, or an error. The first three bytes choose
// the model, the size and the symbols; NUL parts the texts.
#include <string.h>

#include "engine/engine.h"
#include "taken.h"
#include "train/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
    char at[1 << 18];
    size_t len;
};

static enum sk_code put(void *self, const void *bytes, size_t len) {
    struct bytes *out = self;
    if (len > sizeof out->at - out->len) return FAIL(SK_LIMIT, "full");
    memcpy(out->at + out->len, bytes, len);
    out->len += len;
    return SK_OK;
}

static enum sk_code next(void *self, struct view *text) {
    struct view *left = self;
    while (left->len && left->at[0] == 0) *left = view_from(*left, 1);
    const char *end = left->len ? memchr(left->at, 0, left->len) : NULL;
    *text = (struct view){left->at, end ? (size_t)(end - left->at) : left->len};
    *left = view_from(*left, text->len);
    return SK_OK;
}

static void comes_back(const struct bytes *file, struct view text) {
    static int32_t ids[1 << 16];
    static char out[1 << 18];
    struct engine *engine;
    struct buf back = buf_over(out, sizeof out);
    size_t len;
    struct engine_options options = {.tokens_only = true, .text_max = 1 << 16};
    struct view view = {file->at, file->len};
    must(engine_open_file(&engine, view, options) == SK_OK);
    must(engine_tokenize(engine, text, false, ids, 1 << 16, &len) == SK_OK);
    for (size_t i = 0; i < len; i++) engine_detokenize(engine, ids[i], &back);
    must(view_same(buf_view(&back), text));
    engine_close(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct view users[] = {{"ab", 2}, {"<t>", 3}, {"\n", 1}};
    static struct bytes file, spm;
    if (size < 3 || size > 4096) return 0;
    struct view left = {(const char *)data + 3, size - 3}, text = left;
    struct tokens_options options = {.model = data[0] & 1 ? TOKENS_BPE : TOKENS_UNIGRAM,
                                     .vocabulary = 262u + data[1],
                                     .threads = 1 + (data[0] >> 1 & 1),
                                     .memory_max = TOKENS_MEMORY_MIN,
                                     .users = users,
                                     .users_len = data[2] & 3,
                                     .piece_max = 1 + (data[2] >> 3),
                                     .coverage = data[0] & 4 ? 1 : 0.98,
                                     .byte_fallback = true,
                                     .split_digits = data[0] & 8,
                                     .pre = data[0] & 16 ? VIEW("gpt-2") : VIEW("llama-bpe")};
    struct tokens_made made;
    struct tokens_source source = {next, &left};
    if (tokens_make(&made, &options, &source, NULL) == SK_OK) {
        struct gguf_writer writer;
        fuzz_take();
        must(made.len == options.vocabulary);
        file.len = spm.len = 0;
        must(gguf_writer_open(&writer, (struct gguf_sink){put, &file}) == SK_OK);
        gguf_put_text(&writer, "general.architecture", VIEW("llama"));
        must(tokens_put(&made, &writer) == SK_OK);
        must(gguf_write_head(&writer) == SK_OK && gguf_write_end(&writer) == SK_OK);
        gguf_writer_close(&writer);
        bool marked = memmem(text.at, text.len, "\u2581", 3) != NULL; // comes back as a space
        if (!marked) comes_back(&file, text);
        if (made.model == TOKENS_UNIGRAM)
            must(tokens_write_spm(&made, (struct gguf_sink){put, &spm}) == SK_OK);
    }
    tokens_close(&made);
    return 0;
}
