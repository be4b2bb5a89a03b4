// The inside of a vault, for vault.c, mask.c and restore.c only.
//
// A *value* is what one detector found, folded; each way it was written is a *spelling* of it. The
// first spelling is written as the bare token, any other with its number behind (`-12`), so that
// each comes back byte for byte. A short form is a spelling of its full name, told by the names'
// parts, so that a token says who is meant.
#pragma once
#include "base/hash.h"
#include "border/mask.h"

enum {
    MASK_ID_DIGITS = 8,   // of base 32: 40 bits
    MASK_STANDS_MIN = 4,  // bytes of a value that is looked for wherever it stands
    MASK_SLOTS = 1 << 13, // of each index: at most half full
    MASK_NONE = 0xffff,
    MASK_PATTERNS_MAX = 3 * MASK_VALUES_MAX,
    MASK_PARTS_MAX = 6, // of one name
    MASK_PARTS_SLOTS = 1 << 16,
};

struct mask_spelling {
    uint64_t id; // of its value
    struct view raw, folded;
    uint16_t family, given; // bytes of `folded` before the first, after the last space; 0: none
    uint16_t first, next;   // spellings of the same value: the first, and after this one
    uint8_t detector;
    bool one_way;
};

// What is looked for in a text: a spelling as it is, or as JSON writes it.
struct mask_pattern {
    struct view text;
    uint16_t spelling;
    bool escaped;
};

struct vault {
    struct arena arena; // this struct lies in it
    uint8_t key[HASH_LEN];
    struct detector_set one_way;
    uint32_t len, patterns_len;
    struct mask_spelling spellings[MASK_VALUES_MAX];
    struct mask_pattern patterns[MASK_PATTERNS_MAX]; // sorted by their bytes
    // Open addressing; what stands in a slot is an index + 1.
    uint16_t by_id[MASK_SLOTS], by_folded[MASK_SLOTS]; // first spellings
    struct {
        struct view text;
        uint16_t first; // of the one name with this part; MASK_NONE: of several
    } parts[MASK_PARTS_SLOTS];
    uint64_t begun[1 << 10];        // which first four bytes patterns have, a bit each
    uint8_t prefixes[26 * 26 * 26]; // detector + 1
    bool begins[256];               // bytes a token may begin with, as models write it
};

// The first spelling of the value that `token` (base 32 digits, 40 bits) names; NULL: none.
const struct mask_spelling *vault_of_id(const struct vault *vault, uint64_t id);
// The spelling numbered `number` when it is one of the value whose first spelling is `first`, or a
// part of that name; NULL otherwise.
const struct mask_spelling *vault_of_number(const struct vault *vault,
                                            const struct mask_spelling *first, uint32_t number);
// The spelling of exactly these bytes; NULL: it was not learned.
const struct mask_spelling *vault_find(const struct vault *vault, enum detector detector,
                                       struct view raw);
// Whose token a spelling is written with: the first of its value, or of the one name it is part of.
const struct mask_spelling *vault_owner(const struct vault *vault,
                                        const struct mask_spelling *spelling);
enum sk_code vault_learn(struct vault *vault, enum detector detector, struct view raw);
static inline uint32_t vault_head(const char *at) {
    uint32_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes * 0x9e3779b1u >> 16;
}
// Whether a pattern could begin at text.at[at]: false for nearly every byte of a text.
static inline bool vault_begins(const struct vault *vault, struct view text, size_t at) {
    if (text.len - at < MASK_STANDS_MIN) return false;
    uint32_t head = vault_head(text.at + at);
    return vault->begun[head >> 6] >> (head & 63) & 1;
}
// The longest spelling that stands at text.at[at], where one begins, not as part of a longer word
// or number; NULL: none. `escaped`: as JSON writes it, too.
const struct mask_spelling *vault_stands(const struct vault *vault, struct view text, size_t at,
                                         bool escaped);
// A letter, digit or underscore of ASCII.
static inline bool mask_word(uint32_t c) {
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
}
