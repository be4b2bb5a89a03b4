// The inside of a vault, for vault*.c, mask.c and restore.c only.
//
// A *value* is what one detector found, folded; each way it was written is a *spelling* of it. The
// first spelling is written as the bare token, any other with its number behind (`-12`), so that
// each comes back byte for byte. A short form is a spelling of its full name, told by the names'
// parts, so that a token says who is meant.
#pragma once
#include "base/hash.h"
#include "border/mask.h"

enum {
    MASK_ID_DIGITS = 8,  // of base 32: 40 bits
    MASK_STANDS_MIN = 4, // bytes of a value that is looked for wherever it stands
    MASK_WRITTEN = 3,    // as it is, in JSON, in JSON within JSON
    MASK_PARTS_MAX = 6,  // of one name
};

struct mask_spelling {
    uint64_t id; // of its value
    struct view raw, folded;
    uint16_t family, given; // bytes of `folded` before the first, after the last space; 0: none
    uint16_t first;         // the first spelling of its value
    uint8_t detector;
    bool one_way;
};

// What is looked for in a text: a spelling as it is, or as JSON writes it.
struct mask_pattern {
    struct view text;
    uint16_t spelling;
    bool escaped;
};

// A part of a name: bytes of its `folded`; len 0: none.
struct mask_part {
    uint16_t name, at, len;
    bool several; // names have it
};

// Most requests hold a few values: all tables are small at first, and made anew, MASK_GROWTH times
// as large, when another value does not fit.
enum { MASK_ROOM = 16, MASK_GROWTH = 4 };
struct mask_tables {
    uint32_t room;                   // spellings; a power of two
    struct mask_spelling *spellings; // `room`; the others' memory follows in the same block
    struct mask_pattern *patterns;   // MASK_WRITTEN a spelling; sorted by their bytes
    uint64_t *begun;                 // a word a spelling: first four bytes of patterns, a bit each
    // Open addressing. Of spellings: an index + 1, in two slots a spelling.
    struct mask_part *parts; // 16 slots a spelling
    uint16_t *by_raw, *by_id, *by_folded;
};

// Digits that stand for others, from the first to the last.
struct mask_substitute {
    struct view value, written;
};

struct vault {
    uint8_t key[HASH_LEN];
    struct detector_set one_way;
    uint32_t len, patterns_len;
    struct mask_tables tables;
    struct mask_bytes *bytes; // what the views of the tables point to
    size_t bytes_len;
    uint8_t prefix[26];                  // detector + 1, by the first letter of its prefix
    uint8_t prefix_next[DETECTOR_COUNT]; // the next with that letter
    bool begins[256]; // bytes a token may begin with, as models write it, or a substitute
    struct mask_substitute substitutes[MASK_SUBSTITUTES_MAX];
    uint32_t substitutes_len;
};

// ---- vault_tables.c ----

enum sk_code mask_tables_open(struct mask_tables *tables, uint32_t room);
void mask_tables_close(struct mask_tables *tables); // overwrites
// Makes room for one more spelling, and for all that is looked up by it.
enum sk_code mask_tables_grow(struct vault *vault);
// Enters spelling `index`, the newest, into what it is looked up by.
void mask_tables_enter(struct vault *vault, uint32_t index);
// The spelling of exactly these bytes; NULL: it was not learned.
const struct mask_spelling *vault_find(const struct vault *vault, enum detector detector,
                                       struct view raw);
// The first spelling of a value; NULL: none is known.
const struct mask_spelling *vault_of_folded(const struct vault *vault, enum detector detector,
                                            struct view folded);
// The one name with this part, by its first spelling; NULL: none, or several.
const struct mask_spelling *vault_of_part(const struct vault *vault, struct view part);
// Begins and ends of a name that are short forms of it.
uint32_t mask_name_parts(const struct mask_spelling *name, struct view out[MASK_PARTS_MAX]);
// Room for `len` bytes that stay where they are, of which mask_bytes_keep then takes the first.
// NULL with SK_LIMIT kept.
char *mask_bytes_room(struct vault *vault, size_t len);
struct view mask_bytes_keep(struct vault *vault, size_t len);
void mask_bytes_close(struct vault *vault); // overwrites

// ---- vault.c ----

// The first spelling of the value that `token` (base 32 digits, 40 bits) names; NULL: none.
const struct mask_spelling *vault_of_id(const struct vault *vault, uint64_t id);
// The detector whose prefix these three letters are; -1: none's.
int vault_prefix(const struct vault *vault, const char letters[3]);
// The spelling numbered `number` when it is one of the value whose first spelling is `first`, or a
// part of that name; NULL otherwise.
const struct mask_spelling *vault_of_number(const struct vault *vault,
                                            const struct mask_spelling *first, uint32_t number);
// Whose token a spelling is written with: the first of its value, or of the one name it is part of.
const struct mask_spelling *vault_owner(const struct vault *vault,
                                        const struct mask_spelling *spelling);
enum sk_code vault_learn(struct vault *vault, enum detector detector, struct view raw);
// Which bit of `begun` the four bytes at `at` have.
static inline uint32_t mask_head(const struct mask_tables *tables, const char *at) {
    uint32_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return (uint32_t)(bytes * 0x9e3779b97f4a7c15u >> 40) & (64 * tables->room - 1);
}
static inline void mask_begins(struct mask_tables *tables, const char *at) {
    uint32_t head = mask_head(tables, at);
    tables->begun[head >> 6] |= UINT64_C(1) << (head & 63);
}
// Whether a pattern could begin at text.at[at]: false for nearly every byte of a text.
static inline bool vault_begins(const struct vault *vault, struct view text, size_t at) {
    if (text.len - at < MASK_STANDS_MIN) return false;
    uint32_t head = mask_head(&vault->tables, text.at + at);
    return vault->tables.begun[head >> 6] >> (head & 63) & 1;
}
// The longest spelling that stands at text.at[at], where one begins, not as part of a longer word
// or number; NULL: none. `escaped`: as JSON writes it, too.
const struct mask_spelling *vault_stands(const struct vault *vault, struct view text, size_t at,
                                         bool escaped);
// ---- mask_format.c ----

// The longest substitute that `text` begins with; NULL: none. *more is set where more of the text
// could make it a longer one.
const struct mask_substitute *vault_substitute(const struct vault *vault, struct view text,
                                               bool *more);

static inline bool mask_digit(uint32_t c) { return c >= '0' && c <= '9'; }
// A letter, digit or underscore of ASCII.
static inline bool mask_word(uint32_t c) {
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
}
