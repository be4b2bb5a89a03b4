#include "engine/tokenize.h"
#include "engine/unicode.h"

// Before each word.
static const struct view mark = {UNICODE_SPACE_MARK_TEXT, sizeof UNICODE_SPACE_MARK_TEXT - 1};

void wordpiece_lay(struct tokenizer *tokenizer, struct lay *lay) {
    tokenizer->word_max = 2 * tokenizer->text_max + mark.len; // a lower case may be longer
    tokenizer->word = lay_take(lay, tokenizer->word_max, 1);
}

// Ideographs, each a word of its own: the ranges BERT's tokenizers have.
static bool is_ideograph(uint32_t codepoint) {
    static const uint32_t ranges[][2] = {{0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xf900, 0xfaff},
                                         {0x20000, 0x2a6df}, {0x2a700, 0x2b73f}, {0x2b740, 0x2b81f},
                                         {0x2b920, 0x2ceaf}, {0x2f800, 0x2fa1f}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (codepoint >= ranges[i][0] && codepoint <= ranges[i][1]) return true;
    return false;
}

// The longest token that text begins with, or VOCAB_NONE.
static int32_t longest(const struct vocab *vocab, struct view text, size_t *len) {
    uint64_t hash = TEXTS_HASH;
    int32_t found = VOCAB_NONE;
    for (size_t i = 0; i < text.len && i < vocab->texts.longest; i++) {
        hash = texts_hash(hash, text.at[i]);
        if (!texts_may_begin(&vocab->texts, hash)) break;
        struct view begin = {text.at, i + 1};
        int32_t id = vocab_plain(vocab, texts_find_hashed(&vocab->texts, begin, hash));
        if (id == VOCAB_NONE) continue;
        found = id;
        *len = begin.len;
    }
    return found;
}

// Ends a word: its tokens, from the left always the longest, or one unknown token for all of it.
static void put_word(const struct vocab *vocab, struct buf *word, struct ids *out) {
    size_t before = out->len, len = 0;
    struct view left = buf_view(word);
    buf_reset(word);
    if (left.len == 0) return;
    while (left.len) {
        int32_t id = longest(vocab, left, &len);
        if (id == VOCAB_NONE) {
            out->len = before;
            ids_put(out, vocab->unknown);
            return;
        }
        ids_put(out, id);
        left = view_from(left, len);
    }
}

static void put_character(const struct vocab *vocab, uint32_t codepoint, struct buf *word) {
    char bytes[4];
    if (word->len == 0) buf_put_view(word, mark);
    uint32_t as = vocab->lower ? unicode_lower(codepoint) : codepoint;
    buf_put(word, bytes, unicode_put(as, bytes));
}

enum sk_code wordpiece_tokenize(struct tokenizer *tokenizer, struct view text, bool first,
                                struct ids *out) {
    (void)first;
    const struct vocab *vocab = tokenizer->vocab;
    struct buf word = buf_over(tokenizer->word, tokenizer->word_max);
    while (text.len) {
        uint32_t codepoint;
        text = view_from(text, unicode_take(text, &codepoint));
        if (vocab->strip_accents) codepoint = unicode_base(codepoint);
        enum unicode_kind kind = unicode_kind(codepoint);
        if (kind == UNICODE_SPACE) {
            put_word(vocab, &word, out);
            continue;
        }
        bool accent = vocab->strip_accents && kind == UNICODE_MARK;
        if (codepoint == 0 || codepoint == UNICODE_WRONG || kind == UNICODE_CONTROL || accent)
            continue;
        bool alone = kind == UNICODE_PUNCTUATION || is_ideograph(codepoint) ||
                     (codepoint < 0x7f && kind == UNICODE_SYMBOL);
        if (alone) put_word(vocab, &word, out);
        put_character(vocab, codepoint, &word);
        if (alone) put_word(vocab, &word, out);
    }
    must(!word.over);
    put_word(vocab, &word, out);
    return SK_OK;
}
