#include "train/chunks.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

enum { BYTES_EACH = 24, CHUNKS_MAX = 1 << 27 }; // on the average; so that bytes stay below 2^32

enum sk_code chunks_open(struct chunks *chunks, size_t memory) {
    *chunks = (struct chunks){.places_len = 1024};
    size_t each = sizeof *chunks->at + BYTES_EACH + 4 * sizeof *chunks->places, max = memory / each;
    if (max < 1024) max = 1024;
    if (max > CHUNKS_MAX) max = CHUNKS_MAX;
    while (chunks->places_len < 2 * max) chunks->places_len *= 2;
    chunks->max = (uint32_t)max;
    chunks->bytes_max = chunks->max * BYTES_EACH;
    size_t places = chunks->places_len * sizeof *chunks->places;
    chunks->memory_len = max * sizeof *chunks->at + places + chunks->bytes_max;
    char *at = mmap(NULL, chunks->memory_len, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        *chunks = (struct chunks){0};
        return FAIL(SK_LIMIT, "memory: %zu bytes for chunks of text cannot be had", memory);
    }
    chunks->memory = at;
    chunks->at = chunks->memory;
    chunks->places = (uint32_t *)(void *)(at + max * sizeof *chunks->at);
    chunks->bytes = at + max * sizeof *chunks->at + places;
    return SK_OK;
}

void chunks_close(struct chunks *chunks) {
    if (chunks->memory) munmap(chunks->memory, chunks->memory_len);
    *chunks = (struct chunks){0};
}

static uint64_t hash_of(struct view text) { // eight bytes at a time
    uint64_t hash = text.len, word;
    while (text.len) {
        size_t len = text.len < sizeof word ? text.len : sizeof word;
        word = 0;
        memcpy(&word, text.at, len);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
        text = view_from(text, len);
    }
    hash *= 0xbf58476d1ce4e5b9u;
    return hash ^ hash >> 32;
}

static uint32_t *place_of(const struct chunks *chunks, struct view text, uint32_t hash) {
    for (uint32_t place = hash;; place++) {
        uint32_t *at = &chunks->places[place & (chunks->places_len - 1)];
        if (*at == 0) return at;
        const struct chunk *chunk = &chunks->at[*at - 1];
        if (chunk->hash == hash && view_same(chunk_text(chunks, *at - 1), text)) return at;
    }
}

// The lowest count up to which so many chunks are rare that without half of them (or without all)
// the store is full by three quarters at most.
static uint64_t rare_up_to(const struct chunks *chunks, bool all) {
    enum { COUNTS = 4096 };
    uint64_t numbers[COUNTS] = {0}, bytes[COUNTS] = {0}, len = 0, sum = 0;
    for (uint32_t i = 0; i < chunks->len; i++) {
        uint64_t count = chunks->at[i].count < COUNTS ? chunks->at[i].count : 0;
        numbers[count]++;
        bytes[count] += chunks->at[i].len;
    }
    for (uint64_t count = 1; count < COUNTS; count++) {
        len += all ? 2 * numbers[count] : numbers[count];
        sum += all ? 2 * bytes[count] : bytes[count];
        if (chunks->len - len / 2 <= chunks->max / 4 * 3 &&
            chunks->bytes_len - sum / 2 <= chunks->bytes_max / 4 * 3)
            return count;
    }
    return UINT64_MAX;
}

// A bit that depends on all of both: what stayed in one thinning has no better chance in the next.
static bool drawn(uint32_t hash, uint32_t round) {
    uint64_t mixed = ((uint64_t)round << 32 | hash) * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 31) * 0xbf58476d1ce4e5b9u;
    return mixed >> 63;
}

// `all`: not every second one but all of them, for a text whose hashes were made to be alike.
static void forget(struct chunks *chunks, bool all) {
    uint64_t up_to = rare_up_to(chunks, all);
    uint32_t kept = 0, bytes = 0, round = chunks->thinnings++;
    memset(chunks->places, 0, chunks->places_len * sizeof *chunks->places);
    for (uint32_t i = 0; i < chunks->len; i++) {
        struct chunk chunk = chunks->at[i];
        if (chunk.count <= up_to) {
            bool goes = all || drawn(chunk.hash, round);
            if (goes && chunk.count > chunks->forgotten) chunks->forgotten = chunk.count;
            if (goes) continue;
            chunk.count *= 2;
        }
        memmove(chunks->bytes + bytes, chunks->bytes + chunk.at, chunk.len);
        chunk.at = bytes;
        bytes += chunk.len;
        chunks->at[kept] = chunk;
        uint32_t *place = place_of(chunks, chunk_text(chunks, kept), chunk.hash);
        *place = ++kept;
    }
    chunks->len = kept;
    chunks->bytes_len = bytes;
}

static bool is_full(const struct chunks *chunks) {
    return chunks->len == chunks->max || chunks->bytes_max - chunks->bytes_len < CHUNK_BYTES_MAX;
}

void chunks_add(struct chunks *chunks, struct view text) {
    must(text.len && text.len <= CHUNK_BYTES_MAX);
    uint32_t hash = (uint32_t)hash_of(text), *place = place_of(chunks, text, hash);
    if (*place) {
        chunks->at[*place - 1].count++;
        return;
    }
    if (is_full(chunks)) {
        forget(chunks, false);
        if (is_full(chunks)) forget(chunks, true);
        place = place_of(chunks, text, hash);
    }
    struct chunk *chunk = &chunks->at[chunks->len++];
    *chunk = (struct chunk){1, chunks->bytes_len, hash, (uint32_t)text.len};
    memcpy(chunks->bytes + chunks->bytes_len, text.at, text.len);
    chunks->bytes_len += chunk->len;
    *place = chunks->len;
}
