#include "engine/merge.h"

#include "base/fail.h"

#define NO_PLACE UINT32_MAX

void merge_lay(struct merge *merge, struct lay *lay, uint32_t max) {
    merge->max = max;
    merge->nodes = lay_take(lay, max, sizeof *merge->nodes);
    merge->heap = lay_take(lay, max, sizeof *merge->heap);
}

void merge_begin(struct merge *merge) { merge->len = merge->heap_len = 0; }

void merge_add(struct merge *merge, size_t start, size_t len) {
    must(merge->len < merge->max);
    uint32_t i = merge->len++;
    merge->nodes[i] = (struct merge_node){.start = (uint32_t)start,
                                          .len = (uint32_t)len,
                                          .before = i ? i - 1 : MERGE_END,
                                          .after = MERGE_END,
                                          .place = NO_PLACE};
    if (i) merge->nodes[i - 1].after = i;
}

// ---- the heap of pairs ----

static bool better(const struct merge *merge, uint32_t a, uint32_t b) {
    float x = merge->nodes[a].score, y = merge->nodes[b].score;
    return x > y || (!(x < y) && a < b);
}

static void put_at(struct merge *merge, uint32_t place, uint32_t node) {
    merge->heap[place] = node;
    merge->nodes[node].place = place;
}

static void sift_up(struct merge *merge, uint32_t place) {
    uint32_t node = merge->heap[place];
    while (place && better(merge, node, merge->heap[(place - 1) / 2])) {
        put_at(merge, place, merge->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put_at(merge, place, node);
}

static void sift_down(struct merge *merge, uint32_t place) {
    uint32_t node = merge->heap[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        const uint32_t *at = &merge->heap[child];
        if (child >= merge->heap_len) break;
        if (child + 1 < merge->heap_len && better(merge, at[1], at[0])) child++, at++;
        if (!better(merge, *at, node)) break;
        put_at(merge, place, *at);
        place = child;
    }
    put_at(merge, place, node);
}

static void drop_pair(struct merge *merge, uint32_t node) {
    uint32_t place = merge->nodes[node].place;
    if (place == NO_PLACE) return;
    merge->nodes[node].place = NO_PLACE;
    uint32_t last = merge->heap[--merge->heap_len];
    if (last == node) return;
    put_at(merge, place, last);
    sift_up(merge, place);
    sift_down(merge, merge->nodes[last].place);
}

// Scores the pair of `node` and the node after it anew.
static void judge_pair(struct merge *merge, struct view word, merge_pair *pair, const void *with,
                       uint32_t node) {
    struct merge_node *left = &merge->nodes[node];
    drop_pair(merge, node);
    if (left->after == MERGE_END) return;
    struct view this = {word.at + left->start, left->len};
    struct view next = {this.at + this.len, merge->nodes[left->after].len};
    if (!pair(with, this, next, &left->score)) return;
    put_at(merge, merge->heap_len++, node);
    sift_up(merge, left->place);
}

void merge_run(struct merge *merge, struct view word, merge_pair *pair, const void *with) {
    for (uint32_t i = 0; i < merge->len; i++) judge_pair(merge, word, pair, with, i);
    while (merge->heap_len) {
        uint32_t at = merge->heap[0];
        struct merge_node *left = &merge->nodes[at], *right = &merge->nodes[left->after];
        drop_pair(merge, left->after);
        left->len += right->len;
        left->after = right->after;
        if (left->after != MERGE_END) merge->nodes[left->after].before = at;
        judge_pair(merge, word, pair, with, at);
        if (left->before != MERGE_END) judge_pair(merge, word, pair, with, left->before);
    }
}
