// Texts: a fixed number of strings and how to find one of them.
//
// Promises: a look-up costs its own bytes and a bounded number of places, whatever the strings are.
// Of two that are the same the first put is found. Refuses: strings crowded in one place of the
// table beyond chance (a crafted file).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"
#include "engine/lay.h"

enum { TEXTS_NONE = -1, TEXTS_PROBES_MAX = 256 };

struct texts {
    struct view *at; // by number
    uint64_t *places; // number + 1 and 32 bits of its hash; 0: empty
    uint32_t len, places_len; // places: a power of two
    uint32_t longest;         // bytes of the longest that was put
    uint64_t *begins;         // a Bloom filter of all beginnings, or NULL
    uint64_t begins_len;      // its bits: a power of two
};

// `bytes`: of all strings together, to find the beginnings of a text among them; 0: not needed.
void texts_lay(struct texts *texts, struct lay *lay, uint32_t len, uint64_t bytes);

// Makes texts->at[number] found; false when it is crowded out.
bool texts_put(struct texts *texts, uint32_t number);

// The number of a string, or TEXTS_NONE.
int32_t texts_find(const struct texts *texts, struct view text);
// The number of the string "left right".
int32_t texts_find_pair(const struct texts *texts, struct view left, struct view right);

// The same step by step, for all beginnings of a text: hash is TEXTS_HASH with each byte added.
#define TEXTS_HASH UINT64_C(0xcbf29ce484222325)
static inline uint64_t texts_hash(uint64_t hash, char byte) { // FNV-1a
    return (hash ^ (uint8_t)byte) * UINT64_C(0x100000001b3);
}
int32_t texts_find_hashed(const struct texts *texts, struct view text, uint64_t hash);
// False when surely no string begins with what was hashed; only after texts_lay with bytes.
static inline bool texts_may_begin(const struct texts *texts, uint64_t hash) {
    uint64_t bit = (hash ^ hash >> 32) & (texts->begins_len - 1);
    return texts->begins[bit / 64] >> bit % 64 & 1;
}
