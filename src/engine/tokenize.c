#include "engine/tokenize.h"

#include <stdlib.h>

static const struct {
    void (*lay)(struct tokenizer *, struct lay *);
    enum sk_code (*tokenize)(struct tokenizer *, struct view, bool, struct ids *);
} models[] = {
    [VOCAB_SCORED] = {scored_lay, scored_tokenize},
    [VOCAB_RANKED] = {ranked_lay, ranked_tokenize},
    [VOCAB_UNIGRAM] = {unigram_lay, unigram_tokenize},
    [VOCAB_WORDPIECE] = {wordpiece_lay, wordpiece_tokenize},
};

void tokenizer_lay(struct tokenizer *tokenizer, struct lay *lay, size_t text_max) {
    tokenizer->text_max = text_max;
    cutter_lay(&tokenizer->cutter, lay, text_max);
    models[tokenizer->vocab->model].lay(tokenizer, lay);
}

void tokenize_pieces(const struct tokenizer *tokenizer, struct view word,
                     tokenize_bytes *put_bytes, struct ids *out) {
    const struct merge *merge = &tokenizer->merge;
    for (uint32_t i = 0; i != MERGE_END; i = merge->nodes[i].after) {
        struct view piece = {word.at + merge->nodes[i].start, merge->nodes[i].len};
        int32_t id = vocab_find(tokenizer->vocab, piece);
        if (id != VOCAB_NONE)
            ids_put(out, id);
        else
            put_bytes(tokenizer->vocab, piece, out);
    }
}

enum sk_code tokenize(struct tokenizer *tokenizer, struct view text, const uint8_t *data_marks,
                      bool special, bool first, struct ids *out) {
    const struct vocab *vocab = tokenizer->vocab;
    const struct cutter *cutter = &tokenizer->cutter;
    if (text.len > tokenizer->text_max)
        return FAIL(SK_LIMIT, "text of %zu bytes > %zu for this context", text.len,
                    tokenizer->text_max);
    specials_cut(&vocab->specials, &tokenizer->cutter, text, data_marks, special);
    size_t at = 0;
    for (size_t i = 0; i <= cutter->len; i++) {
        bool last = i == cutter->len;
        size_t next = last ? text.len : cutter->cuts[i].at, end = next;
        while (cutter->len && at < end && cutter->claimed[at]) at++;
        while (cutter->len && at < end && cutter->claimed[end - 1]) end--;
        struct view plain = {text.at + at, end - at};
        if (plain.len) TRY(models[vocab->model].tokenize(tokenizer, plain, first, out));
        if (last) break;
        const struct special *cut = &vocab->specials.at[cutter->cuts[i].special];
        ids_put(out, cut->id);
        at = next + cut->text.len;
        first = true;
    }
    return SK_OK;
}

// ---- ids to bytes ----

static void put_spaces(struct view text, struct buf *out) {
    const struct view mark = VIEW(UNICODE_SPACE_MARK_TEXT);
    while (text.len) {
        bool space = view_starts(text, mark);
        buf_put_char(out, space ? ' ' : text.at[0]);
        text = view_from(text, space ? mark.len : 1);
    }
}

// Characters that stand for no byte are put as they are.
static void put_bytes(struct view text, struct buf *out) {
    while (text.len) {
        uint32_t codepoint;
        size_t len = unicode_take(text, &codepoint);
        int byte = ranked_byte(codepoint);
        if (byte >= 0)
            buf_put_char(out, (char)byte);
        else
            buf_put(out, text.at, len);
        text = view_from(text, len);
    }
}

static void put_byte(struct view text, struct buf *out) { // "<0x41>"
    char digits[3] = {0};
    if (text.len != 6) return;
    memcpy(digits, text.at + 3, 2);
    buf_put_char(out, (char)strtoul(digits, NULL, 16));
}

void detokenize(const struct vocab *vocab, int32_t id, struct buf *out) {
    if (id < 0 || (uint32_t)id >= vocab->len) return;
    struct view text = vocab_text(vocab, id);
    switch (vocab->tokens[id].kind) {
    case VOCAB_NORMAL:
        if (vocab->model == VOCAB_RANKED && !vocab->pretoken.plain)
            put_bytes(text, out);
        else
            put_spaces(text, out);
        break;
    case VOCAB_USER: buf_put_view(out, text); break;
    case VOCAB_BYTE: put_byte(text, out); break;
    default: break;
    }
}
