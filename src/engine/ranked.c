#include "engine/tokenize.h"
#include "engine/unicode.h"

enum { BYTES_LONGER = 2, PLAIN_LONGER = 3 }; // a byte as a character; a space as U+2581

void ranked_lay(struct tokenizer *tokenizer, struct lay *lay) {
    size_t longer = tokenizer->vocab->pretoken.plain ? PLAIN_LONGER : BYTES_LONGER;
    tokenizer->word_max = tokenizer->text_max * longer;
    tokenizer->word = lay_take(lay, tokenizer->word_max, 1);
    tokenizer->chars = lay_take(lay, tokenizer->text_max + 1, sizeof *tokenizer->chars);
    merge_lay(&tokenizer->merge, lay, (uint32_t)tokenizer->text_max);
}

// Byte-level BPE writes a byte as a printable character: itself when it is one of Latin-1's
// visible ones, else U+0100 + its number among the others.
static uint32_t character_of(uint8_t byte) {
    if (byte < 0x21) return 0x100u + byte;
    if (byte >= 0x7f && byte <= 0xa0) return 0x121u + byte - 0x7f;
    return byte == 0xad ? 0x143 : byte;
}

int ranked_byte(uint32_t codepoint) {
    if (codepoint >= 0x100 && codepoint < 0x121) return (int)(codepoint - 0x100);
    if (codepoint >= 0x121 && codepoint < 0x143) return (int)(codepoint - 0x121 + 0x7f);
    if (codepoint == 0x143) return 0xad;
    return codepoint < 0x100 && character_of((uint8_t)codepoint) == codepoint ? (int)codepoint : -1;
}

static bool pair_by_rank(const void *with, struct view left, struct view right, float *score) {
    const struct vocab *vocab = with;
    int32_t rank = texts_find_pair(&vocab->merges, left, right);
    *score = -(float)rank; // exact: VOCAB_MERGES_MAX < 2^24
    return rank != TEXTS_NONE;
}

// A piece that is no token: by its bytes, where they have tokens.
static void put_bytes(const struct vocab *vocab, struct view piece, struct ids *out) {
    for (size_t i = 0; i < piece.len; i++) {
        int32_t id = vocab->pretoken.plain
                         ? vocab->bytes[(uint8_t)piece.at[i]]
                         : vocab_find(vocab, (struct view){piece.at + i, 1});
        if (id != VOCAB_NONE) ids_put(out, id);
    }
}

// A word as tokens have it, its pieces added to the merge.
static struct view write_word(struct tokenizer *tokenizer, const struct pattern_char *chars,
                              size_t len) {
    struct buf word = buf_over(tokenizer->word, tokenizer->word_max);
    bool plain = tokenizer->vocab->pretoken.plain;
    merge_begin(&tokenizer->merge);
    for (size_t i = 0; i < len; i++) {
        char bytes[4], as[4];
        size_t bytes_len = unicode_put(chars[i].codepoint, bytes);
        if (plain) {
            merge_add(&tokenizer->merge, word.len, bytes_len);
            buf_put(&word, bytes, bytes_len);
            continue;
        }
        for (size_t j = 0; j < bytes_len; j++) {
            size_t as_len = unicode_put(character_of((uint8_t)bytes[j]), as);
            merge_add(&tokenizer->merge, word.len, as_len);
            buf_put(&word, as, as_len);
        }
    }
    must(!word.over);
    return buf_view(&word);
}

static bool is_whole(const struct vocab *vocab, struct view word) {
    if (vocab->pretoken.whole_words) return true;
    size_t breaks = 0;
    while (vocab->pretoken.whole_breaks && breaks < word.len && word.at[breaks] == '\n') breaks++;
    return breaks == word.len;
}

static void tokenize_word(struct tokenizer *tokenizer, const struct pattern_char *chars, size_t len,
                          struct ids *out) {
    const struct vocab *vocab = tokenizer->vocab;
    struct merge *merge = &tokenizer->merge;
    struct view word = write_word(tokenizer, chars, len);
    int32_t whole = is_whole(vocab, word) ? vocab_find(vocab, word) : VOCAB_NONE;
    if (whole != VOCAB_NONE) {
        ids_put(out, whole);
        return;
    }
    merge_run(merge, word, pair_by_rank, vocab);
    tokenize_pieces(tokenizer, word, put_bytes, out);
}

enum sk_code ranked_tokenize(struct tokenizer *tokenizer, struct view text, bool first,
                             struct ids *out) {
    (void)first;
    const struct pretoken *pretoken = &tokenizer->vocab->pretoken;
    struct pattern_char *chars = tokenizer->chars;
    size_t len = 0, bytes = 0;
    while (text.len) {
        uint32_t codepoint;
        char as[4];
        text = view_from(text, unicode_take(text, &codepoint));
        if (pretoken->plain && codepoint == ' ') codepoint = UNICODE_SPACE_MARK;
        bytes += unicode_put(codepoint, as);
        chars[len++] =
            (struct pattern_char){codepoint, pattern_classes(&pretoken->pattern, codepoint)};
    }
    if (!pretoken->plain && bytes > tokenizer->text_max) // with U+FFFD for each wrong byte
        return FAIL(SK_LIMIT, "text of %zu bytes > %zu for this context", bytes,
                    tokenizer->text_max);
    pretoken_cut(pretoken, chars, len);
    for (size_t at = 0, end; at < len; at = end) {
        for (end = at + 1; !(chars[end].classes & PATTERN_BEGINS);) end++;
        tokenize_word(tokenizer, chars + at, end - at, out);
    }
    return SK_OK;
}
