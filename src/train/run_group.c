#include <stdio.h>
#include <string.h>

#include "train/run_parts.h"

struct run_group run_group(const struct run *run) {
    const struct run_group *group = run->options.group;
    return group ? *group : (struct run_group){.ranks = 1};
}

enum sk_code run_sum(const struct run *run, double *at, uint32_t len) {
    const struct run_group *group = run->options.group;
    return group ? group->sum(group->self, at, len) : SK_OK;
}

// ---- gradients ----

// The tensors of a layer follow each other in the list; a name tells which is whose.
static void layer_done(void *self, uint32_t layer) {
    const struct run *run = self;
    const struct run_group *group = run->options.group;
    const struct net_tensors *list = &run->learner.tensors;
    char begin[16];
    uint64_t from = UINT64_MAX, to = 0;
    snprintf(begin, sizeof begin, "blk.%u.", layer);
    if (layer == run->learner.net.shape.layers) snprintf(begin, sizeof begin, "output");
    if (layer == UINT32_MAX) snprintf(begin, sizeof begin, "token_embd");
    for (uint32_t i = 0; i < list->len; i++) {
        if (strncmp(list->tensor[i].name, begin, strlen(begin)) != 0) continue;
        if (from > list->tensor[i].at) from = list->tensor[i].at;
        to = i + 1 < list->len ? list->tensor[i + 1].at : list->floats;
    }
    if (from < to) group->begin(group->self, run->learner.adam.gradients + from, to - from);
}

void run_sum_begin(struct run *run) {
    if (run->options.group) net_room_watch(run->room, layer_done, run);
}

enum sk_code run_sum_end(struct run *run) {
    const struct run_group *group = run->options.group;
    if (!group) return SK_OK;
    net_room_watch(run->room, NULL, NULL);
    return group->finish(group->self);
}

// ---- the same everywhere ----

static enum sk_code digest_of(const struct run *run, uint8_t digest[HASH_LEN]) {
    const struct snapshot *state = &run->state;
    struct hash hash;
    TRY(hash_open(&hash));
    hash_begin(&hash);
    hash_more(&hash, state->recipe.at, state->recipe.len);
    hash_more(&hash, state->base, sizeof state->base);
    hash_more(&hash, &state->step, sizeof state->step);
    hash_more(&hash, &state->cursor, sizeof state->cursor);
    hash_more(&hash, state->block[0].at, state->block[0].bytes);
    hash_end(&hash, digest);
    hash_close(&hash);
    return SK_OK;
}

enum sk_code run_alike(const struct run *run, uint8_t digest[HASH_LEN]) {
    uint8_t own[HASH_LEN];
    TRY(digest_of(run, own));
    memcpy(digest, own, sizeof own);
    if (!run->options.group) return SK_OK;
    TRY(group_first(run->options.group, digest));
    double others = memcmp(own, digest, sizeof own) != 0;
    TRY(run_sum(run, &others, 1));
    if (others <= 0) return SK_OK;
    return FAIL(SK_INPUT,
                "%.0f of %u ranks are not where rank 0 is: recipe, base model and output directory "
                "must be the same files on all machines",
                others, run->options.group->ranks);
}
