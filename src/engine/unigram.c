#include <float.h>

#include "engine/charsmap.h"
#include "engine/tokenize.h"
#include "engine/unicode.h"

enum { LONGER = 4, LONGER_LEAST = 64 }; // normalised text over text

struct unigram_cell { // how to come to a place in the text
    double score;
    int32_t id;
    uint32_t from;
};

void unigram_lay(struct tokenizer *tokenizer, struct lay *lay) {
    tokenizer->word_max = LONGER * tokenizer->text_max + LONGER_LEAST;
    tokenizer->word = lay_take(lay, tokenizer->word_max, 1);
    tokenizer->cells = lay_take(lay, tokenizer->word_max + 1, sizeof *tokenizer->cells);
}

// ---- normalising ----

// The next piece of text, normalised; returns the bytes it comes from. A beginning shared with a
// user-defined token stays as it is.
static size_t normal_next(const struct vocab *vocab, struct view text, struct view *out) {
    size_t len = specials_common(&vocab->users, text);
    *out = (struct view){text.at, len};
    if (len) return len;
    len = charsmap_find(vocab->charsmap, text, out);
    if (len) return len;
    uint32_t codepoint;
    len = unicode_take(text, &codepoint);
    *out = (struct view){text.at, len};
    if (len == 1 && codepoint == UNICODE_WRONG) *out = VIEW("\xef\xbf\xbd");
    return len;
}

struct spaces {
    bool in_word, put_before;
};

static void put_normal(const struct vocab *vocab, struct view text, struct spaces *spaces,
                       struct buf *out) {
    const struct view mark = VIEW(UNICODE_SPACE_MARK_TEXT);
    for (size_t i = 0; i < text.len && !out->over; i++) {
        if (text.at[i] == ' ') {
            spaces->in_word = false;
            if (!vocab->merge_spaces) buf_put_view(out, mark);
            continue;
        }
        bool before = (vocab->add_space && !spaces->put_before) || vocab->merge_spaces;
        if (!spaces->in_word && before) {
            buf_put_view(out, mark);
            spaces->put_before = true;
        }
        spaces->in_word = true;
        buf_put_char(out, text.at[i]);
    }
}

static enum sk_code normalise(struct tokenizer *tokenizer, struct view text, struct view *out) {
    struct buf normal = buf_over(tokenizer->word, tokenizer->word_max);
    struct spaces spaces = {0};
    while (text.len && !normal.over) {
        struct view piece;
        text = view_from(text, normal_next(tokenizer->vocab, text, &piece));
        put_normal(tokenizer->vocab, piece, &spaces, &normal);
    }
    *out = buf_view(&normal);
    return buf_check(&normal, "the normalised text");
}

// ---- the best tokens: Viterbi over all places ----

static void offer(struct unigram_cell *cell, double score, int32_t id, size_t from) {
    if (score > cell->score) *cell = (struct unigram_cell){score, id, (uint32_t)from};
}

// Offers all tokens that begin at a place, and the unknown one if none is its first character.
static size_t offer_all(const struct vocab *vocab, struct view text, size_t at,
                        struct unigram_cell *cells) {
    uint8_t first = (uint8_t)text.at[at];
    size_t left = text.len - at, whole = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    bool has_first = false;
    uint64_t hash = TEXTS_HASH;
    if (whole > left) whole = left;
    for (size_t len = 1; len <= left && len <= vocab->texts.longest; len++) {
        hash = texts_hash(hash, text.at[at + len - 1]);
        if (!texts_may_begin(&vocab->texts, hash)) break;
        struct view begin = {text.at + at, len};
        int32_t id = vocab_plain(vocab, texts_find_hashed(&vocab->texts, begin, hash));
        if (id == VOCAB_NONE) continue;
        if (len == whole) has_first = true;
        const struct vocab_token *token = &vocab->tokens[id];
        double score = token->kind == VOCAB_USER ? 0 : (double)token->score;
        offer(&cells[at + len], cells[at].score + score, id, at);
    }
    if (!has_first)
        offer(&cells[at + whole], cells[at].score + (double)vocab->unknown_score, vocab->unknown,
              at);
    return whole;
}

// Writes the way back from the end, turned round; neighbouring unknown tokens are one, or their
// bytes.
static void put_way(const struct vocab *vocab, const struct unigram_cell *cells, struct view text,
                    struct ids *out) {
    size_t before = out->len;
    bool was_unknown = false;
    for (size_t at = text.len; at; at = cells[at].from) {
        bool unknown = cells[at].id == vocab->unknown, spelled = unknown && vocab->byte_fallback;
        for (size_t i = at; spelled && i > cells[at].from; i--)
            ids_put(out, vocab->bytes[(uint8_t)text.at[i - 1]]);
        if (!spelled && !(unknown && was_unknown)) ids_put(out, cells[at].id);
        was_unknown = unknown;
    }
    if (out->len > out->max || out->len == before) return;
    for (size_t low = before, high = out->len - 1; low < high; low++, high--) {
        int32_t id = out->at[low];
        out->at[low] = out->at[high];
        out->at[high] = id;
    }
}

enum sk_code unigram_tokenize(struct tokenizer *tokenizer, struct view text, bool first,
                              struct ids *out) {
    (void)first;
    const struct vocab *vocab = tokenizer->vocab;
    struct unigram_cell *cells = tokenizer->cells;
    TRY(normalise(tokenizer, text, &text));
    for (size_t i = 0; i <= text.len; i++)
        cells[i] = (struct unigram_cell){-DBL_MAX, vocab->unknown, 0};
    cells[0].score = 0;
    for (size_t at = 0; at < text.len;) at += offer_all(vocab, text, at, cells);
    put_way(vocab, cells, text, out);
    return SK_OK;
}
