#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "border/scan_parts.h"
#include "learn.h"

struct heavy {
    float most;
    uint32_t number;
};

static int by_weight(const void *left, const void *right) {
    const struct heavy *a = left, *b = right;
    if (a->most != b->most) return a->most < b->most ? 1 : -1;
    return a->number < b->number ? -1 : 1;
}

// Where a key is or can be in its bucket of `slots`; slots when the bucket is full.
static unsigned slot_find(const uint8_t *bucket, unsigned slots, uint16_t check) {
    for (unsigned i = 0; i < slots; i++) {
        uint16_t slot;
        memcpy(&slot, bucket + 2U * i, 2);
        if (!slot || slot == check) return i;
    }
    return slots;
}

static bool feature_put(uint8_t *bucket, uint64_t key, const float *weights, float scale) {
    uint16_t check = names_bucket_check(key);
    unsigned slot = slot_find(bucket, NAMES_SLOTS, check);
    if (slot == NAMES_SLOTS) return false;
    memcpy(bucket + 2U * slot, &check, 2);
    for (unsigned y = 0; y < NAMES_WEIGHED; y++) {
        float value = copysignf(roundf(sqrtf(fabsf(weights[y]) / scale)), weights[y]);
        bucket[2U * NAMES_SLOTS + NAMES_WEIGHED * slot + y] = (uint8_t)(int8_t)value;
    }
    return true;
}

// Features by their greatest weight, weightiest first.
static struct heavy *ranked(const struct weights *weights) {
    struct heavy *heavy = calloc(weights->len + 1, sizeof *heavy);
    if (!heavy) give_up("no memory");
    for (uint32_t i = 0; i < weights->len; i++) {
        heavy[i].number = i;
        for (unsigned y = 0; y < NAMES_WEIGHED; y++)
            heavy[i].most = fmaxf(heavy[i].most, fabsf(weights->at[(size_t)NAMES_WEIGHED * i + y]));
    }
    qsort(heavy, weights->len, sizeof *heavy, by_weight);
    return heavy;
}

bool *weights_choose(const struct weights *weights, const struct index *index, uint32_t buckets) {
    struct heavy *heavy = ranked(weights);
    bool *keep = calloc(weights->len + 1, sizeof *keep);
    uint8_t *full = calloc(buckets, 1);
    uint32_t kept = 0;
    if (!keep || !full) give_up("no memory");
    for (uint32_t i = 0; i < weights->len; i++) {
        uint64_t key = index->by_number[heavy[i].number];
        uint8_t *bucket = &full[names_bucket(key, buckets) / NAMES_BUCKET];
        if (*bucket == NAMES_SLOTS) continue;
        ++*bucket;
        keep[heavy[i].number] = true;
        kept++;
    }
    fprintf(stderr, "%u of %u features kept\n", kept, weights->len);
    free(heavy);
    free(full);
    return keep;
}

void weights_pack(const struct weights *weights, const struct index *index, uint32_t buckets,
                  struct names_model *model) {
    struct heavy *heavy = ranked(weights);
    uint8_t *at = calloc(buckets, NAMES_BUCKET);
    if (!at) give_up("no memory");
    model->scale = heavy[0].most / (127 * 127);
    for (uint32_t i = 0; i < weights->len; i++) {
        uint64_t key = index->by_number[i];
        feature_put(at + names_bucket(key, buckets), key, weights->at + (size_t)NAMES_WEIGHED * i,
                    model->scale);
    }
    memcpy(model->transitions, weights->transitions, sizeof model->transitions);
    model->features = at;
    model->features_len = buckets;
    free(heavy);
}

static void entry_put(uint8_t *lexicon, uint32_t buckets, const char *entry, unsigned bits,
                      struct arena *arena) {
    static struct names_sentence cut;
    struct fold fold;
    arena_reset(arena);
    if (fold_make(view_of(entry), arena, &fold) != SK_OK) give_up(fail_text());
    names_units_cut(&cut, fold.folded);
    if (!cut.units_len || cut.units_len > NAMES_ENTRY_MAX) return;
    uint64_t key = names_units_key(&cut, 0, cut.units_len);
    uint8_t *bucket = lexicon + names_bucket(key, buckets);
    uint16_t check = names_bucket_check(key);
    unsigned slot = slot_find(bucket, NAMES_ENTRIES, check);
    if (slot == NAMES_ENTRIES) return; // a full bucket: some entries in a thousand
    memcpy(bucket + 2U * slot, &check, 2);
    bucket[2U * NAMES_ENTRIES + slot] |= (uint8_t)bits;
}

void lexicon_pack(const char *path, uint32_t buckets, struct names_model *model) {
    char line[1024];
    uint8_t *at = calloc(buckets, NAMES_BUCKET);
    struct arena arena;
    FILE *file = fopen(path, "r");
    if (!at || !file || arena_open(&arena, "lexicon", 1 << 20) != SK_OK) give_up(path);
    while (fgets(line, sizeof line, file)) {
        char *tab = strchr(line, '\t');
        if (!tab) give_up("a line of the lexicon has no tab");
        *tab = 0;
        entry_put(at, buckets, line, (unsigned)strtoul(tab + 1, NULL, 10), &arena);
    }
    fclose(file);
    arena_close(&arena);
    model->lexicon = at;
    model->lexicon_len = buckets;
}
