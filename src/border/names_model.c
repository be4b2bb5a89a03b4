// The weights of the name tagger, read in place (names_parts.h says the layout).
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "border/names_parts.h"
#include "border/scan_parts.h"

enum { VERSION = 1, HEAD = 128, BUCKETS_MAX = 1 << 20 };

// Every number that the weights file brings into sums.
static bool sane(float value, float most) {
    return isfinite(value) && value >= -most && value <= most;
}

enum sk_code names_model_read(struct view payload, struct names_model *out) {
    struct wire wire = wire_over(payload);
    unsigned version = wire_take_u32(&wire);
    *out = (struct names_model){.features_len = wire_take_u32(&wire),
                                .lexicon_len = wire_take_u32(&wire)};
    out->scale = wire_take_f32(&wire);
    out->least = wire_take_f32(&wire);
    bool numbers = sane(out->scale, 100) && out->least > 0 && out->least < 1;
    for (unsigned x = 0; x < NAMES_LABELS; x++)
        for (unsigned y = 0; y < NAMES_LABELS; y++) {
            out->transitions[x][y] = wire_take_f32(&wire);
            numbers = numbers && sane(out->transitions[x][y], 40);
        }
    if (wire.bad || version != VERSION)
        return FAIL(SK_CORRUPT, "weights of form %u, this build reads %d", version, VERSION);
    if (!numbers) return FAIL(SK_CORRUPT, "a number of the head is out of range");
    uint64_t buckets = (uint64_t)out->features_len + out->lexicon_len;
    if (!out->features_len || !out->lexicon_len || out->features_len > BUCKETS_MAX ||
        out->lexicon_len > BUCKETS_MAX || payload.len != HEAD + NAMES_BUCKET * buckets)
        return FAIL(SK_CORRUPT, "%zu bytes do not hold the buckets that the head names",
                    payload.len);
    out->features = (const uint8_t *)payload.at + HEAD;
    out->lexicon = out->features + (size_t)NAMES_BUCKET * out->features_len;
    return SK_OK;
}

enum sk_code names_check(struct view payload) {
    struct names_model model;
    return names_model_read(payload, &model);
}

enum sk_code names_model_write(const struct names_model *model, struct buf *out) {
    size_t begin = out->len;
    wire_put_u32(out, VERSION);
    wire_put_u32(out, model->features_len);
    wire_put_u32(out, model->lexicon_len);
    wire_put_f32(out, model->scale);
    wire_put_f32(out, model->least);
    for (unsigned x = 0; x < NAMES_LABELS; x++)
        for (unsigned y = 0; y < NAMES_LABELS; y++)
            wire_put_f32(out, model->transitions[x][y]);
    while (out->len < begin + HEAD && !out->over)
        wire_put_u8(out, 0);
    buf_put(out, model->features, (size_t)NAMES_BUCKET * model->features_len);
    buf_put(out, model->lexicon, (size_t)NAMES_BUCKET * model->lexicon_len);
    return buf_check(out, "weights of the name tagger");
}

// The slot of the first `slots` that has the check, four at a time; `slots`: none has.
static unsigned slot_of(const uint8_t *bucket, unsigned slots, uint16_t check) {
    const uint64_t ones = 0x0001000100010001, tops = ones << 15;
#pragma GCC unroll 3
    for (unsigned i = 0; i < slots; i += 4) {
        uint64_t four;
        memcpy(&four, bucket + 2U * i, sizeof four);
        four ^= check * ones;
        uint64_t zero = (four - ones) & ~four & tops; // the lowest is right
        if (!zero) continue;
        unsigned slot = i + (unsigned)__builtin_ctzll(zero) / 16;
        return slot < slots ? slot : slots; // weights behind the checks may look like one
    }
    return slots;
}

unsigned names_model_listed(const struct names_model *model, uint64_t key) {
    const uint8_t *bucket = model->lexicon + names_bucket(key, model->lexicon_len);
    unsigned slot = slot_of(bucket, NAMES_ENTRIES, names_bucket_check(key));
    return slot < NAMES_ENTRIES ? bucket[2U * NAMES_ENTRIES + slot] : 0;
}

static void weigh(const uint8_t *bucket, uint64_t key, int sum[NAMES_WEIGHED]) {
    unsigned slot = slot_of(bucket, NAMES_SLOTS, names_bucket_check(key));
    if (slot == NAMES_SLOTS) return;
    const int8_t *weights = (const int8_t *)bucket + 2U * NAMES_SLOTS + NAMES_WEIGHED * slot;
#pragma GCC unroll 4
    for (unsigned y = 0; y < NAMES_WEIGHED; y++)
        sum[y] += weights[y] * abs(weights[y]);
}

void names_model_score(const struct names_model *model, const struct names_sentence *sentence,
                       struct names_chain *chain) {
    uint64_t keys[NAMES_FEATURES_MAX];
    const uint8_t *buckets[NAMES_FEATURES_MAX];
    for (uint32_t i = 0; i < sentence->units_len; i++) {
        int sum[NAMES_WEIGHED] = {0};
        unsigned len = names_features(sentence, i, keys);
        for (unsigned k = 0; k < len; k++) {
            buckets[k] = model->features + names_bucket(keys[k], model->features_len);
            __builtin_prefetch(buckets[k]);
        }
        for (unsigned k = 0; k < len; k++)
            weigh(buckets[k], keys[k], sum);
        chain->score[i][0] = 0;
        for (unsigned y = 0; y < NAMES_WEIGHED; y++)
            chain->score[i][y + 1] = model->scale * (float)sum[y];
    }
}
