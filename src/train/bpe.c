#include "train/bpe.h"

#include <stdbool.h>
#include <string.h>

#define NONE UINT32_MAX

struct place { // a symbol of a chunk
    uint32_t symbol, chunk;
    uint32_t before, after;  // its neighbours, or NONE
    uint32_t earlier, later; // places of the same pair: of this symbol and the one after it
};

struct pair {
    uint64_t count;
    uint32_t left, right;
    uint32_t first, last; // places
    uint32_t chain;       // the next pair in its bucket, or the next free one
    uint32_t heap;        // where it is in the heap, or NONE
};

struct learner {
    struct bpe *bpe;
    const struct chunks *chunks;
    struct place *places;
    struct pair *pairs;
    uint32_t *buckets, *heap;
    uint32_t places_len, pairs_len, pairs_max, buckets_len, heap_len, free;
    uint32_t *texts, texts_len; // merge + 1, by the hash of its text
    uint32_t held;              // the pair that is merged: kept though no place is left
    bool over;                  // pairs
    char bytes[BPE_BYTES];      // each at its number
};

// ---- the heap: most frequent first ----

static bool comes_before(const struct pair *a, const struct pair *b) {
    if (a->count != b->count) return a->count > b->count;
    return a->left != b->left ? a->left < b->left : a->right < b->right;
}

static void put_at(struct learner *learner, uint32_t at, uint32_t pair) {
    learner->heap[at] = pair;
    learner->pairs[pair].heap = at;
}

static void sift_up(struct learner *learner, uint32_t at) {
    uint32_t pair = learner->heap[at];
    for (; at; at = (at - 1) / 2) {
        uint32_t above = learner->heap[(at - 1) / 2];
        if (!comes_before(&learner->pairs[pair], &learner->pairs[above])) break;
        put_at(learner, at, above);
    }
    put_at(learner, at, pair);
}

static void sift_down(struct learner *learner, uint32_t at) {
    uint32_t pair = learner->heap[at];
    for (uint32_t child; (child = 2 * at + 1) < learner->heap_len; at = child) {
        if (child + 1 < learner->heap_len &&
            comes_before(&learner->pairs[learner->heap[child + 1]],
                         &learner->pairs[learner->heap[child]]))
            child++;
        if (!comes_before(&learner->pairs[learner->heap[child]], &learner->pairs[pair])) break;
        put_at(learner, at, learner->heap[child]);
    }
    put_at(learner, at, pair);
}

static void leave_heap(struct learner *learner, uint32_t pair) {
    uint32_t at = learner->pairs[pair].heap;
    if (at == NONE) return;
    learner->pairs[pair].heap = NONE;
    uint32_t last = learner->heap[--learner->heap_len];
    if (last == pair) return;
    put_at(learner, at, last);
    sift_up(learner, at);
    sift_down(learner, learner->pairs[last].heap);
}

// ---- pairs and their places ----

static uint32_t *bucket_of(const struct learner *learner, uint32_t left, uint32_t right) {
    uint64_t hash = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
    return &learner->buckets[hash >> 32 & (learner->buckets_len - 1)];
}

// The pair, made where there is none; NONE and `over` when there is no room.
static uint32_t pair_of(struct learner *learner, uint32_t left, uint32_t right) {
    uint32_t *bucket = bucket_of(learner, left, right), i = *bucket;
    for (; i != NONE; i = learner->pairs[i].chain)
        if (learner->pairs[i].left == left && learner->pairs[i].right == right) return i;
    i = learner->free;
    if (i != NONE)
        learner->free = learner->pairs[i].chain;
    else if (learner->pairs_len < learner->pairs_max)
        i = learner->pairs_len++;
    else
        learner->over = true;
    if (i == NONE) return NONE;
    learner->pairs[i] = (struct pair){
        .left = left, .right = right, .first = NONE, .last = NONE, .chain = *bucket};
    *bucket = i;
    put_at(learner, learner->heap_len++, i);
    return i;
}

static void free_pair(struct learner *learner, uint32_t pair) {
    struct pair *is = &learner->pairs[pair];
    uint32_t *link = bucket_of(learner, is->left, is->right);
    while (*link != pair) link = &learner->pairs[*link].chain;
    *link = is->chain;
    leave_heap(learner, pair);
    is->chain = learner->free;
    learner->free = pair;
}

static uint64_t weight(const struct learner *learner, const struct place *place) {
    return learner->chunks->at[place->chunk].count;
}

// Counts the pair that begins at a place, if one does.
static void add_place(struct learner *learner, uint32_t at) {
    struct place *place = &learner->places[at];
    if (place->after == NONE) return;
    uint32_t number = pair_of(learner, place->symbol, learner->places[place->after].symbol);
    if (number == NONE) return;
    struct pair *pair = &learner->pairs[number];
    place->earlier = pair->last;
    place->later = NONE;
    if (pair->last != NONE)
        learner->places[pair->last].later = at;
    else
        pair->first = at;
    pair->last = at;
    pair->count += weight(learner, place);
    if (pair->heap != NONE) sift_up(learner, pair->heap);
}

static void drop_place(struct learner *learner, uint32_t at) {
    struct place *place = &learner->places[at];
    if (place->after == NONE) return;
    uint32_t number = pair_of(learner, place->symbol, learner->places[place->after].symbol);
    if (number == NONE) return;
    struct pair *pair = &learner->pairs[number];
    *(place->earlier == NONE ? &pair->first : &learner->places[place->earlier].later) =
        place->later;
    *(place->later == NONE ? &pair->last : &learner->places[place->later].earlier) =
        place->earlier;
    pair->count -= weight(learner, place);
    if (pair->heap != NONE) sift_down(learner, pair->heap);
    if (pair->first == NONE && number != learner->held) free_pair(learner, number);
}

// Joins the symbols of a place and the next into one; nothing of what it was stays counted.
static void join(struct learner *learner, uint32_t at, uint32_t symbol) {
    struct place *place = &learner->places[at], *gone = &learner->places[place->after];
    if (place->before != NONE) drop_place(learner, place->before);
    drop_place(learner, place->after);
    drop_place(learner, at);
    place->symbol = symbol;
    place->after = gone->after;
    if (place->after != NONE) learner->places[place->after].before = at;
    if (place->before != NONE) add_place(learner, place->before);
    add_place(learner, at);
}

// ---- merges ----

static struct view text_of(const struct learner *learner, uint32_t symbol) {
    if (symbol < BPE_BYTES) return (struct view){learner->bytes + symbol, 1};
    return learner->bpe->merges[symbol - BPE_BYTES].text;
}

// Whether a merge spells a text already; else it is noted under the number that the next will have.
static bool is_spelled(struct learner *learner, struct view text) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.len; i++) hash = (hash ^ (uint8_t)text.at[i]) * 0x100000001b3u;
    for (uint64_t at = hash >> 20;; at++) {
        uint32_t *place = &learner->texts[at & (learner->texts_len - 1)];
        if (*place && view_same(learner->bpe->merges[*place - 1].text, text)) return true;
        if (*place) continue;
        *place = learner->bpe->len + 1;
        return false;
    }
}

// Joins all places of a pair, in the order of the text.
static void merge_pair(struct learner *learner, uint32_t pair, uint32_t symbol) {
    learner->held = pair;
    while (learner->pairs[pair].first != NONE && !learner->over)
        join(learner, learner->pairs[pair].first, symbol);
    learner->held = NONE;
    if (!learner->over) free_pair(learner, pair);
}

static enum sk_code merge_all(struct learner *learner, struct arena *arena) {
    enum { TELL_EVERY = 256 };
    struct bpe *bpe = learner->bpe;
    while (bpe->len < bpe->max && learner->heap_len && !learner->over) {
        uint32_t best = learner->heap[0];
        const struct pair *pair = &learner->pairs[best];
        if (pair->count < 2) break;
        struct view left = text_of(learner, pair->left), right = text_of(learner, pair->right);
        char *text = arena_take_raw(arena, left.len + right.len, 1);
        if (!text) return SK_LIMIT;
        memcpy(text, left.at, left.len);
        memcpy(text + left.len, right.at, right.len);
        leave_heap(learner, best);
        struct bpe_merge merge = {pair->left, pair->right, {text, left.len + right.len}};
        bpe->merges[bpe->len] = merge;
        if (is_spelled(learner, merge.text)) continue;
        merge_pair(learner, best, BPE_BYTES + bpe->len++);
        if (bpe->tell && bpe->len % TELL_EVERY == 0) bpe->tell(bpe->self, bpe->len);
    }
    if (!learner->over) return SK_OK;
    return FAIL(SK_LIMIT, "memory: over %u different pairs at once", learner->pairs_max);
}

static void place_chunks(struct learner *learner) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < learner->chunks->len; i++) {
        struct view text = chunk_text(learner->chunks, i);
        for (size_t j = 0; j < text.len; j++, at++)
            learner->places[at] = (struct place){.symbol = (uint8_t)text.at[j],
                                                 .chunk = i,
                                                 .before = j ? at - 1 : NONE,
                                                 .after = j + 1 < text.len ? at + 1 : NONE};
    }
    for (uint32_t i = 0; i < learner->places_len && !learner->over; i++) add_place(learner, i);
}

static uint32_t power_over(uint32_t len) {
    uint32_t power = 1024;
    while (power < len) power *= 2;
    return power;
}

enum sk_code bpe_find(struct bpe *bpe, const struct chunks *chunks, struct arena *arena) {
    enum { PAIRS_LEAST = BPE_BYTES * BPE_BYTES };
    struct learner learner = {.bpe = bpe,
                              .chunks = chunks,
                              .places_len = chunks->bytes_len,
                              .pairs_max = chunks->bytes_len / 2 + PAIRS_LEAST,
                              .free = NONE,
                              .held = NONE};
    learner.buckets_len = power_over(learner.pairs_max);
    learner.texts_len = 2 * power_over(bpe->max);
    learner.places = arena_take_raw(arena, learner.places_len, sizeof *learner.places);
    learner.pairs = arena_take_raw(arena, learner.pairs_max, sizeof *learner.pairs);
    learner.heap = arena_take_raw(arena, learner.pairs_max, sizeof *learner.heap);
    learner.buckets = arena_take_raw(arena, learner.buckets_len, sizeof *learner.buckets);
    learner.texts = arena_take(arena, learner.texts_len, sizeof *learner.texts);
    bool all = learner.places && learner.pairs && learner.heap && learner.buckets && learner.texts;
    if (!all) return SK_LIMIT;
    memset(learner.buckets, 0xff, learner.buckets_len * sizeof *learner.buckets);
    for (unsigned i = 0; i < BPE_BYTES; i++) learner.bytes[i] = (char)i;
    place_chunks(&learner);
    return merge_all(&learner, arena);
}
