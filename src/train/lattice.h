// Lattice: all ways to cut counted strings into pieces, as the pieces that begin at each place.
//
// Strings are in blocks, which threads share out. Dropping pieces makes the lists shorter in place.
#pragma once
#include "engine/pool.h"
#include "train/grams.h"

enum {
    LATTICE_BLOCK = 2048,                       // strings
    LATTICE_LEN_BITS = 5,                       // of an edge: how long its piece is
    LATTICE_PIECES_MAX = 1 << 27,
};

struct lattice {
    const struct letters *letters;
    uint8_t *degrees; // of each place: edges that begin there
    uint32_t *edges;  // piece << LATTICE_LEN_BITS | length, by place, then by length
    struct lattice_block {
        size_t at, edges; // first place, first edge
    } *blocks;
    uint32_t blocks_len;
};

// Of pieces: `piece` of each gram, or GRAM_NONE. Single characters are all pieces. Memory is the
// arena's; SK_LIMIT: not enough.
enum sk_code lattice_make(struct lattice *lattice, const struct letters *letters,
                          const struct grams *grams, const uint32_t *piece, struct arena *arena);

// Pieces get their numbers anew; those that become GRAM_NONE are dropped.
void lattice_renumber(struct lattice *lattice, struct pool *pool, const uint32_t *piece);

// A string of a lattice: its count, its length, the edges of each of its places.
struct lattice_string {
    uint64_t count;
    const uint32_t *from[LETTERS_LEN_MAX + 1]; // of place i: from[i] .. from[i + 1]
    uint32_t len;
};
// Walks the strings of a block.
struct lattice_walk {
    const struct lattice *lattice;
    uint32_t string, end;
    size_t at;
    const uint32_t *edges;
};
struct lattice_walk lattice_begin(const struct lattice *lattice, uint32_t block);
bool lattice_next(struct lattice_walk *walk, struct lattice_string *string);

static inline uint32_t edge_piece(uint32_t edge) { return edge >> LATTICE_LEN_BITS; }
static inline uint32_t edge_len(uint32_t edge) { return edge & ((1u << LATTICE_LEN_BITS) - 1); }
