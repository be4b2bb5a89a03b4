// Chunks: how often each short string occurs in a text, in bounded memory.
//
// Where the store is full it thins out the rarest strings: every second one, drawn by its hash, is
// forgotten, and those that stay count twice. So the expected count of whatever stands in them
// is what it was: forgetting all of them made the vocabulary's texts 4 % longer. The same texts in
// the same order give the same counts.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"

enum { CHUNK_BYTES_MAX = 128 };

struct chunk {
    uint64_t count;
    uint32_t at, hash; // its bytes in chunks.bytes
    uint32_t len;
};

struct chunks {
    struct chunk *at; // in the order they came
    uint32_t *places; // number + 1, by hash; 0: empty
    char *bytes;
    uint32_t len, max, places_len;
    uint32_t bytes_len, bytes_max;
    uint32_t thinnings;
    uint64_t forgotten; // the highest count that was forgotten
    void *memory;
    size_t memory_len;
};

// `memory`: bytes it may take, used as they fill. SK_LIMIT: it cannot be had.
enum sk_code chunks_open(struct chunks *chunks, size_t memory);
void chunks_close(struct chunks *chunks); // fine on a zeroed one
// Text: 1 .. CHUNK_BYTES_MAX bytes, once more.
void chunks_add(struct chunks *chunks, struct view text);

static inline struct view chunk_text(const struct chunks *chunks, uint32_t number) {
    return (struct view){chunks->bytes + chunks->at[number].at, chunks->at[number].len};
}
