// BPE: merges of neighbouring symbols learned from counted byte strings, most frequent first
// (Sennrich, Haddow & Birch 2016).
//
// Each merge touches only the places where its pair stands: places of a pair are a list, pairs a
// heap by count; so the whole is about linear in the text, not in text times merges.
// Promises: the merges that counting anew after each of them gives; of equally frequent pairs the
// one of older symbols (left, then right). A pair that would spell a token again is passed over.
#pragma once
#include "base/arena.h"
#include "train/chunks.h"

enum { BPE_BYTES = 256 }; // symbols 0..255 are the bytes; merge number i makes 256 + i

struct bpe_merge {
    uint32_t left, right;
    struct view text; // what it spells
};

struct bpe {
    struct bpe_merge *merges;
    uint32_t len, max;
    void (*tell)(void *self, uint32_t merges); // now and then; or NULL
    void *self;
};

// Bytes of memory for each byte of chunks, at most; and some for the first pairs and the merges.
enum { BPE_MEMORY_EACH = 48, BPE_MEMORY_LEAST = 32 << 20 };

// Learns up to bpe->max merges of pairs that occur twice or more; memory is the arena's, of which
// bpe->merges was taken. SK_LIMIT: it is too small. bpe->len is less than bpe->max where the text
// gives no more.
enum sk_code bpe_find(struct bpe *bpe, const struct chunks *chunks, struct arena *arena);
