// The weights of the name tagger, read in place (names_parts.h says the layout).
#include <endian.h>
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

typedef uint16_t checks8 __attribute__((vector_size(16)));
typedef uint8_t bytes8 __attribute__((vector_size(8)));

// Which of eight checks are `check`: a byte each, the first lowest.
static inline uint64_t same_of(const uint8_t *checks, uint16_t check) {
    checks8 eight;
    memcpy(&eight, checks, sizeof eight);
    bytes8 same = __builtin_convertvector(eight == check, bytes8);
    uint64_t bytes;
    memcpy(&bytes, &same, sizeof bytes);
    return le64toh(bytes);
}

// The slot of the first `slots`, at least eight, that has the check; `slots`: none has.
static inline unsigned slot_of(const uint8_t *bucket, unsigned slots, uint16_t check) {
    unsigned i = 0;
    for (; i + 8 <= slots; i += 8) {
        uint64_t same = same_of(bucket + 2U * i, check);
        if (same) return i + (unsigned)__builtin_ctzll(same) / 8;
    }
    for (; i < slots; i++) {
        uint16_t is;
        memcpy(&is, bucket + 2U * i, sizeof is);
        if (is == check) return i;
    }
    return slots;
}

unsigned names_model_listed(const struct names_model *model, uint64_t key) {
    const uint8_t *bucket = model->lexicon + names_bucket(key, model->lexicon_len);
    unsigned slot = slot_of(bucket, NAMES_ENTRIES, names_bucket_check(key));
    return slot < NAMES_ENTRIES ? bucket[2U * NAMES_ENTRIES + slot] : 0;
}

static inline void weigh(const uint8_t *bucket, uint64_t key, int sum[NAMES_WEIGHED]) {
    unsigned slot = slot_of(bucket, NAMES_SLOTS, names_bucket_check(key));
    if (slot == NAMES_SLOTS) return;
    const int8_t *weights = (const int8_t *)bucket + 2U * NAMES_SLOTS + NAMES_WEIGHED * slot;
#pragma GCC unroll 4
    for (unsigned y = 0; y < NAMES_WEIGHED; y++)
        sum[y] += weights[y] * abs(weights[y]);
}

// The features of a unit, with the buckets that may weigh them on their way into the cache.
struct looked_up {
    unsigned len;
    uint64_t keys[NAMES_FEATURES_MAX];
    const uint8_t *buckets[NAMES_FEATURES_MAX];
};

static void look_up(const struct names_model *model, const struct names_sentence *sentence,
                    uint32_t unit, struct looked_up *out) {
    out->len = names_features(sentence, unit, out->keys);
    for (unsigned k = 0; k < out->len; k++) {
        out->buckets[k] = model->features + names_bucket(out->keys[k], model->features_len);
        __builtin_prefetch(out->buckets[k]);
    }
}

// While one unit is weighed the buckets of the next arrive.
void names_model_score(const struct names_model *model, const struct names_sentence *sentence,
                       struct names_chain *chain) {
    struct looked_up two[2];
    if (sentence->units_len) look_up(model, sentence, 0, &two[0]);
    for (uint32_t i = 0; i < sentence->units_len; i++) {
        const struct looked_up *now = &two[i % 2];
        int sum[NAMES_WEIGHED] = {0};
        if (i + 1 < sentence->units_len) look_up(model, sentence, i + 1, &two[(i + 1) % 2]);
        for (unsigned k = 0; k < now->len; k++)
            weigh(now->buckets[k], now->keys[k], sum);
        chain->score[i][0] = 0;
        for (unsigned y = 0; y < NAMES_WEIGHED; y++)
            chain->score[i][y + 1] = model->scale * (float)sum[y];
    }
}
