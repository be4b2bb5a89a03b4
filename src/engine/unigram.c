#include <float.h>

#include "engine/tokenize.h"
#include "engine/unicode.h"

enum { LONGER = 4, LONGER_LEAST = 64 }; // normalised text over text
enum { REPLACED_MAX = 256 };            // bytes of what is replaced, and of what comes instead

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

// An entry of the trie: an XOR-compressed double array (S. Kanda 2018), 32 bits each.
static bool entry_at(struct view trie, uint32_t index, uint32_t *entry) {
    if (index >= trie.len / sizeof *entry) return false;
    memcpy(entry, trie.at + index * sizeof *entry, sizeof *entry);
    return true;
}

static uint32_t entry_base(uint32_t entry) { return (entry >> 10) << ((entry >> 9 & 1) * 3); }

// The replacement of the longest beginning of text that has one, and how many bytes that is; 0:
// there is none, or the map is damaged there. Real ones are far shorter than REPLACED_MAX; in a
// crafted trie that leads in circles a text would have no end.
static size_t replacement(struct view map, struct view text, struct view *out) {
    const uint32_t check_bits = 0x800000ff, leaf_bit = 1 << 8;
    uint32_t trie_len, entry, index = 0;
    size_t longest = 0;
    if (map.len == 0) return 0;
    memcpy(&trie_len, map.at, sizeof trie_len);
    struct view trie = {map.at + sizeof trie_len, trie_len};
    struct view texts = view_from(map, sizeof trie_len + trie_len);
    if (!entry_at(trie, 0, &entry)) return 0;
    index = entry_base(entry);
    for (size_t i = 0; i < text.len && i < REPLACED_MAX && text.at[i]; i++) {
        index ^= (uint8_t)text.at[i];
        if (!entry_at(trie, index, &entry) || (entry & check_bits) != (uint8_t)text.at[i]) break;
        bool leaf = entry & leaf_bit;
        index ^= entry_base(entry);
        if (!leaf) continue;
        if (!entry_at(trie, index, &entry)) return 0;
        struct view found = view_from(texts, entry & 0x7fffffff);
        if (found.len > REPLACED_MAX) found.len = REPLACED_MAX;
        const char *end = found.len ? memchr(found.at, 0, found.len) : NULL;
        if (!end) return 0;
        *out = (struct view){found.at, (size_t)(end - found.at)};
        longest = i + 1;
    }
    return longest;
}

// The next piece of text, normalised; returns the bytes it comes from. A beginning shared with a
// user-defined token stays as it is.
static size_t normal_next(const struct vocab *vocab, struct view text, struct view *out) {
    size_t len = specials_common(&vocab->users, text);
    *out = (struct view){text.at, len};
    if (len) return len;
    len = replacement(vocab->charsmap, text, out);
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
