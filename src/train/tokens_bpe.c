#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "train/bpe.h"
#include "train/tokens_parts.h"

// ---- reading ----

// A word in strings that one merge works on: cut between characters where it is long, as a word of
// a script without spaces is a sentence.
static void add_word(struct chunks *chunks, struct view word) {
    while (word.len) {
        size_t len = word.len < CHUNK_BYTES_MAX ? word.len : CHUNK_BYTES_MAX;
        while (len < word.len && (word.at[len] & 0xc0) == 0x80) len--;
        chunks_add(chunks, (struct view){word.at, len});
        word = view_from(word, len);
    }
}

void tokens_add_bpe(struct tokens_text *text, struct view part) {
    struct pattern_char *chars = text->chars;
    while (part.len) {
        size_t len = 0, bytes = 0;
        while (bytes < part.len && len < TOKENS_CHARS_MAX) {
            uint32_t codepoint = 0;
            bytes += utf8_take(view_from(part, bytes), &codepoint);
            chars[len++] = (struct pattern_char){
                codepoint, pattern_classes(&text->pretoken.pattern, codepoint)};
        }
        pretoken_cut(&text->pretoken, chars, len);
        text->characters += len;
        for (size_t at = 0, from = 0, to = 0; at < len; from = to) {
            char utf8[4];
            do
                to += utf8_put(chars[at++].codepoint, utf8);
            while (at < len && !(chars[at].classes & PATTERN_BEGINS));
            add_word(&text->chunks, (struct view){part.at + from, to - from});
        }
        part = view_from(part, bytes);
    }
}

// ---- the vocabulary ----

// Bytes as byte-level BPE writes them (engine/ranked.c): visible ones of Latin-1 as themselves, the
// others from U+0100 on.
static void put_bytes(struct buf *out, struct view bytes) {
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t byte = (uint8_t)bytes.at[i];
        uint32_t codepoint = byte;
        char utf8[4];
        if (byte < 0x21) codepoint = 0x100u + byte;
        if (byte >= 0x7f && byte <= 0xa0) codepoint = 0x121u + byte - 0x7f;
        if (byte == 0xad) codepoint = 0x143;
        buf_put(out, utf8, utf8_put(codepoint, utf8));
    }
}

static enum sk_code put_symbols(struct tokens_made *made, const struct tokens_options *options) {
    made->unknown = VOCAB_NONE;
    made->bos = made->eos = 0;
    TRY(tokens_put_piece(made, VIEW("<|endoftext|>"), 0, VOCAB_CONTROL));
    for (uint32_t i = 0; i < options->controls_len; i++)
        TRY(tokens_put_piece(made, options->controls[i], 0, VOCAB_CONTROL));
    for (uint32_t i = 0; i < options->users_len; i++)
        TRY(tokens_put_piece(made, options->users[i], 0, VOCAB_USER));
    return SK_OK;
}

static enum sk_code put_token(struct tokens_made *made, struct view bytes) {
    char storage[2 * CHUNK_BYTES_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    put_bytes(&text, bytes);
    must(!text.over);
    return tokens_put_piece(made, buf_view(&text), 0, VOCAB_NORMAL);
}

static enum sk_code put_merges(struct tokens_made *made, const struct bpe *bpe) {
    uint32_t firsts = made->len; // the tokens of the bytes follow
    for (unsigned byte = 0; byte < BPE_BYTES; byte++) {
        char one = (char)byte;
        TRY(put_token(made, (struct view){&one, 1}));
    }
    made->merges = arena_take(&made->arena, bpe->len, sizeof *made->merges);
    if (!made->merges) return SK_LIMIT;
    for (uint32_t i = 0; i < bpe->len; i++) {
        const struct bpe_merge *merge = &bpe->merges[i];
        TRY(put_token(made, merge->text));
        struct buf text = arena_rest(&made->arena);
        buf_put_view(&text, made->pieces[firsts + merge->left].text);
        buf_put_char(&text, ' ');
        buf_put_view(&text, made->pieces[firsts + merge->right].text);
        TRY(buf_check(&text, "the merges"));
        made->merges[i] = arena_keep(&made->arena, text.len);
    }
    made->merges_len = bpe->len;
    return SK_OK;
}

struct telling {
    const struct tokens_watch *watch;
    uint32_t of;
};

static void tell(void *self, uint32_t merges) {
    const struct telling *telling = self;
    if (telling->watch)
        telling->watch->tell(telling->watch->self, TOKENS_LEARNING, merges, telling->of);
}

enum sk_code tokens_learn_bpe(struct tokens_made *made, struct tokens_text *text,
                              const struct tokens_watch *watch) {
    const struct tokens_options *options = text->options;
    struct arena arena = {0};
    uint32_t firsts = 1u + options->controls_len + options->users_len + BPE_BYTES;
    if (firsts >= options->vocabulary)
        return FAIL(SK_INPUT, "vocabulary %u is too small: %u symbols and bytes",
                    options->vocabulary, firsts);
    struct telling telling = {watch, options->vocabulary - firsts};
    struct bpe bpe = {.max = telling.of, .tell = tell, .self = &telling};
    TRY(arena_open(&arena, "pairs", options->memory_max));
    bpe.merges = arena_take_raw(&arena, bpe.max, sizeof *bpe.merges);
    enum sk_code code = bpe.merges ? bpe_find(&bpe, &text->chunks, &arena) : SK_LIMIT;
    made->forgotten = text->chunks.forgotten;
    made->pre = options->pre;
    if (code == SK_OK && bpe.len < bpe.max)
        code = FAIL(SK_INPUT, "vocabulary %u is too large for this text: at most %u",
                    options->vocabulary, firsts + bpe.len);
    if (code == SK_OK) code = put_symbols(made, options);
    if (code == SK_OK) code = put_merges(made, &bpe);
    arena_close(&arena);
    return code;
}
