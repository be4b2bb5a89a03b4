// The words that label numbers, and the walk that finds them.
#include "border/label.h"

#include <endian.h>

// A space in a word stands for nothing, a space, `_` or `-`; case does not count.
static const struct {
    const char *word;
    enum label label;
} words_all[] = {
#define X(label, word) {word, LABEL_##label},
#include "border/label_words.def"
#undef X
};
enum { SPREAD_MAX = 3 };
enum { WORDS = sizeof words_all / sizeof *words_all };
_Static_assert((int)WORDS < (int)LABEL_WORDS_MAX, "label_words holds them all");

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}
static uint32_t lower(char c) {
    return (uint8_t)(is_upper(c) ? c + ('a' - 'A') : c);
}

// Of the first two letters, or the first three bytes of a wide character.
static uint32_t bucket(const char *at) {
    uint32_t key = lower(at[0]) << 8 | lower(at[1]);
    if ((uint8_t)at[0] >= 0x80) key = key << 8 | (uint8_t)at[2];
    return key * 2654435761u >> 21;
}
_Static_assert(LABEL_BUCKETS == 1 << 11, "bucket gives 11 bits");

// Of two wide characters: the row of words->wide by the first, the bit in it by the second.
static uint32_t wide_row(uint64_t bytes) {
    return (uint32_t)((bytes << 40) * 0xc4ceb9fe1a85ec53u >> 54);
}
static uint32_t wide_bit(uint64_t bytes) {
    return (bytes >> 40 ^ bytes >> 32) & 63;
}

static uint64_t eight_bytes(const char *at) {
    uint64_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return le64toh(bytes);
}

// Files a wide word under its first two characters, or under its first and any when the second is
// none.
static void wide_make(struct label_words *words, const char *word) {
    char two[8] = {0};
    if ((uint8_t)word[0] < 0xe0) return;
    bool single = (uint8_t)word[3] < 0xe0;
    memcpy(two, word, single ? 3 : 6);
    uint64_t bytes = eight_bytes(two);
    words->wide[wide_row(bytes)] |= single ? ~0ull : 1ull << wide_bit(bytes);
}

void label_words_make(struct label_words *words) {
    memset(words, 0, sizeof *words);
    for (uint32_t i = 0; i < WORDS; i++) {
        uint32_t key = bucket(words_all[i].word);
        words->next[i] = words->first[key];
        words->first[key] = (uint16_t)(i + 1);
        wide_make(words, words_all[i].word);
    }
}

// Bytes of `text` that are the word; 0: it does not begin with it.
static uint32_t match_len(struct view text, const char *word) {
    size_t at = 0;
    for (; *word; word++) {
        if (*word == ' ') {
            if (at < text.len && (text.at[at] == ' ' || text.at[at] == '_' || text.at[at] == '-'))
                at++;
            continue;
        }
        if (at >= text.len) return 0;
        if (text.at[at] != *word && lower(text.at[at]) != lower(*word)) return 0;
        at++;
    }
    if (!is_letter(word[-1]) || at == text.len || !is_letter(text.at[at])) return (uint32_t)at;
    if (is_upper(text.at[at]) && !is_upper(text.at[at - 1])) return (uint32_t)at; // telNumber
    bool plural = text.at[at] == 's' && (at + 1 == text.len || !is_letter(text.at[at + 1]));
    return plural ? (uint32_t)at + 1 : 0;
}

// Spaces between the wide character before `at` and the next one, as forms set words: 氏　名. 0:
// not so.
static size_t spread(struct view text, size_t at) {
    size_t len = 0;
    while (len < SPREAD_MAX && at + len < text.len && text.at[at + len] == ' ')
        len++;
    return at + len + 2 < text.len && (uint8_t)text.at[at + len] >= 0xe0 ? len : 0;
}

// Bytes of `text` that are the word with spaces between all its characters; 0: it is not.
static uint32_t match_spread(struct view text, const char *word) {
    size_t at = 0;
    for (; *word; word += 3) {
        size_t gap = at ? spread(text, at) : 0;
        if ((at && !gap) || (uint8_t)*word < 0xe0) return 0;
        at += gap;
        if (text.len - at < 3 || memcmp(text.at + at, word, 3) != 0) return 0;
        at += 3;
    }
    return (uint32_t)at;
}

// Most words of a bucket differ from the text in their second wide character.
static bool other_second(struct view text, const char *word) {
    bool two = text.len > 5 && (uint8_t)word[0] >= 0xe0 && (uint8_t)word[3] >= 0xe0;
    return two && (word[4] != text.at[4] || word[5] != text.at[5]);
}

static struct label_hit longest(const struct label_words *words, struct view text) {
    struct label_hit best = {0};
    bool wide = (uint8_t)text.at[0] >= 0xe0 && spread(text, 3);
    for (uint32_t i = words->first[bucket(text.at)]; i; i = words->next[i - 1]) {
        const char *word = words_all[i - 1].word;
        if (!wide && other_second(text, word)) continue;
        uint32_t len = wide ? match_spread(text, word) : match_len(text, word);
        if (len > best.len)
            best = (struct label_hit){0, (uint16_t)len, (uint16_t)words_all[i - 1].label};
    }
    return best;
}

// Whether an ASCII word may begin here: not inside one.
static bool begins(struct view text, size_t at) {
    if (!is_letter(text.at[at])) return false;
    if (at == 0 || !is_letter(text.at[at - 1])) return true;
    return is_upper(text.at[at]) && !is_upper(text.at[at - 1]);
}

// Whether a word may begin with the wide character at `at`: one test that is seldom true.
static bool wide_begins(const struct label_words *words, struct view text, size_t at) {
    if (text.len - at < 8 || text.at[at + 3] == ' ') return true; // or it is spread
    uint64_t bytes = eight_bytes(text.at + at);
    return words->wide[wide_row(bytes)] >> wide_bit(bytes) & 1;
}

// Where the next word may begin, from `at` on.
static size_t next_begin(const struct label_words *words, struct view text, size_t at) {
    while (at + 2 < text.len) {
        uint8_t c = (uint8_t)text.at[at];
        if (c >= 0xe0) {
            if (wide_begins(words, text, at)) return at;
            at += 3; // inside 4 bytes no word begins
        } else if (c < 0x80 && begins(text, at) && words->first[bucket(text.at + at)]) {
            return at;
        } else {
            at++;
        }
    }
    return text.len;
}

enum sk_code labels_find(const struct label_words *words, struct view text, struct arena *arena,
                         struct labels *out) {
    *out = (struct labels){.text = text};
    out->hits = arena_take_raw(arena, text.len / 2 + 1, sizeof *out->hits);
    if (!out->hits) return SK_LIMIT;
    for (size_t at = next_begin(words, text, 0); at < text.len; at = next_begin(words, text, at)) {
        struct label_hit hit = longest(words, view_from(text, at));
        if (hit.len) {
            hit.at = (uint32_t)at;
            out->hits[out->len++] = hit;
            out->present |= 1ull << hit.label;
            at += hit.len;
        } else {
            at += (uint8_t)text.at[at] >= 0xe0 ? 3 : 1;
        }
    }
    return SK_OK;
}
