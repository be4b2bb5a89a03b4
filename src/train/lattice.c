#include "train/lattice.h"

// The edges that begin at a place, into out unless it is NULL; how many.
static uint8_t put_edges(const struct grams *grams, const uint32_t *piece, const uint16_t *at,
                         size_t len, uint32_t *out) {
    uint32_t gram = at[0];
    uint8_t edges = 0;
    for (uint32_t i = 1;; i++) {
        if (piece[gram] != GRAM_NONE) {
            if (out) out[edges] = piece[gram] << LATTICE_LEN_BITS | i;
            edges++;
        }
        if (i == len || (gram = grams_child(grams, gram, at[i])) == GRAM_NONE) return edges;
    }
}

// Once over all strings: first to count, then to write.
static size_t walk(struct lattice *lattice, const struct grams *grams, const uint32_t *piece) {
    const struct letters *letters = lattice->letters;
    size_t at = 0, edges = 0;
    for (uint32_t i = 0; i < letters->len; i++) {
        size_t end = at + letters->lens[i];
        if (i % LATTICE_BLOCK == 0)
            lattice->blocks[i / LATTICE_BLOCK] = (struct lattice_block){at, edges};
        for (; at < end; at++) {
            uint32_t *out = lattice->edges ? lattice->edges + edges : NULL;
            edges += lattice->degrees[at] =
                put_edges(grams, piece, letters->at + at, end - at, out);
        }
    }
    return edges;
}

enum sk_code lattice_make(struct lattice *lattice, const struct letters *letters,
                          const struct grams *grams, const uint32_t *piece, struct arena *arena) {
    *lattice = (struct lattice){.letters = letters,
                                .blocks_len = (letters->len + LATTICE_BLOCK - 1) / LATTICE_BLOCK};
    lattice->blocks = arena_take_raw(arena, lattice->blocks_len, sizeof *lattice->blocks);
    lattice->degrees = arena_take_raw(arena, letters->at_len, 1);
    if (!lattice->blocks || !lattice->degrees) return SK_LIMIT;
    size_t edges = walk(lattice, grams, piece);
    lattice->edges = arena_take_raw(arena, edges, sizeof *lattice->edges);
    if (!lattice->edges) return SK_LIMIT;
    walk(lattice, grams, piece);
    return SK_OK;
}

struct lattice_walk lattice_begin(const struct lattice *lattice, uint32_t block) {
    const struct lattice_block *is = &lattice->blocks[block];
    uint32_t end = (block + 1) * LATTICE_BLOCK, len = lattice->letters->len;
    return (struct lattice_walk){lattice, block * LATTICE_BLOCK, end < len ? end : len, is->at,
                                 lattice->edges + is->edges};
}

bool lattice_next(struct lattice_walk *walk, struct lattice_string *string) {
    if (walk->string == walk->end) return false;
    const struct letters *letters = walk->lattice->letters;
    string->count = letters->counts ? letters->counts[walk->string] : 0;
    string->len = letters->lens[walk->string++];
    string->from[0] = walk->edges;
    for (uint32_t i = 0; i < string->len; i++)
        string->from[i + 1] = string->from[i] + walk->lattice->degrees[walk->at++];
    walk->edges = string->from[string->len];
    return true;
}

struct renumber {
    struct lattice *lattice;
    const uint32_t *piece;
};

static void renumber_block(void *job, uint32_t block, uint32_t thread) {
    (void)thread;
    const struct renumber *renumber = job;
    struct lattice *lattice = renumber->lattice;
    uint32_t *in = lattice->edges + lattice->blocks[block].edges, *out = in;
    size_t at = lattice->blocks[block].at, end = lattice->letters->at_len;
    if (block + 1 < lattice->blocks_len) end = lattice->blocks[block + 1].at;
    for (; at < end; at++) {
        const uint32_t *before = out;
        for (uint32_t i = lattice->degrees[at]; i; i--, in++) {
            uint32_t piece = renumber->piece[edge_piece(*in)];
            if (piece != GRAM_NONE) *out++ = piece << LATTICE_LEN_BITS | edge_len(*in);
        }
        lattice->degrees[at] = (uint8_t)(out - before);
    }
}

void lattice_renumber(struct lattice *lattice, struct pool *pool, const uint32_t *piece) {
    struct renumber renumber = {lattice, piece};
    pool_run(pool, renumber_block, &renumber, lattice->blocks_len);
}
