#include "train/score.h"

#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"

// False: more than SCORE_TEXT_MAX.
static bool points_of(struct view text, bool spaces, uint32_t *out, uint32_t *len) {
    *len = 0;
    while (text.len) {
        uint32_t point = (uint8_t)text.at[0];
        size_t n = utf8_take(text, &point);
        if (n == 0) {
            point = 0x110000 + (uint8_t)text.at[0];
            n = 1;
        }
        text = view_from(text, n);
        bool space = point == ' ' || (point >= '\t' && point <= '\r') || point == 0x3000;
        if (space && !spaces) continue;
        if (*len == SCORE_TEXT_MAX) return false;
        out[(*len)++] = point;
    }
    return true;
}

static enum sk_code too_long(void) {
    return FAIL(SK_LIMIT, "score: a text has more than %d characters; cut it into sentences",
                SCORE_TEXT_MAX);
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

enum sk_code score_distance(struct score_room *room, struct view text, struct view reference,
                            uint32_t *distance, uint32_t *len) {
    uint32_t made, wanted;
    if (!points_of(text, true, room->a, &made) || !points_of(reference, true, room->b, &wanted))
        return too_long();
    for (uint32_t k = 0; k <= wanted; k++)
        room->row[k] = k;
    for (uint32_t i = 0; i < made; i++) {
        uint32_t across = room->row[0];
        room->row[0] = i + 1;
        for (uint32_t k = 0; k < wanted; k++) {
            uint32_t change = across + (room->a[i] != room->b[k]);
            across = room->row[k + 1];
            room->row[k + 1] = least(change, least(across, room->row[k]) + 1);
        }
    }
    *distance = room->row[wanted];
    *len = wanted;
    return SK_OK;
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// The n-grams as numbers, sorted. Six characters of 21 bits are hashed into 64: two n-grams of a
// sentence fall together once in 10^15.
static uint32_t grams_of(const uint32_t *points, uint32_t len, uint32_t n, uint64_t *out) {
    uint32_t count = len < n ? 0 : len - n + 1;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = 0xcbf29ce484222325;
        for (uint32_t k = 0; k < n; k++) {
            hash = (hash ^ points[i + k]) * 0x9e3779b97f4a7c15;
            hash ^= hash >> 29;
        }
        out[i] = hash;
    }
    qsort(out, count, sizeof *out, ascending);
    return count;
}

static uint64_t common_of(const uint64_t *a, uint32_t a_len, const uint64_t *b, uint32_t b_len) {
    uint64_t common = 0;
    for (uint32_t i = 0, k = 0; i < a_len && k < b_len;) {
        common += a[i] == b[k];
        bool first = a[i] <= b[k], second = b[k] <= a[i];
        i += first;
        k += second;
    }
    return common;
}

enum sk_code score_chrf_add(struct score_room *room, struct view text, struct view reference,
                            struct score_chrf *sum) {
    uint32_t made, wanted;
    if (!points_of(text, false, room->a, &made) || !points_of(reference, false, room->b, &wanted))
        return too_long();
    for (uint32_t n = 1; n <= SCORE_ORDERS; n++) {
        uint32_t a = grams_of(room->a, made, n, room->grams[0]);
        uint32_t b = grams_of(room->b, wanted, n, room->grams[1]);
        sum->made[n - 1] += a;
        sum->wanted[n - 1] += b;
        sum->common[n - 1] += common_of(room->grams[0], a, room->grams[1], b);
    }
    return SK_OK;
}

double score_chrf_value(const struct score_chrf *sum) {
    double precision = 0, recall = 0, orders = 0;
    for (uint32_t i = 0; i < SCORE_ORDERS; i++) {
        if (!sum->made[i] || !sum->wanted[i]) continue;
        precision += (double)sum->common[i] / (double)sum->made[i];
        recall += (double)sum->common[i] / (double)sum->wanted[i];
        orders++;
    }
    if (precision + recall <= 0) return 0;
    precision /= orders;
    recall /= orders;
    return 100 * 5 * precision * recall / (4 * precision + recall);
}

struct score_interval score_wilson(uint64_t hits, uint64_t trials) {
    const double z = 1.959963984540054;
    if (!trials) return (struct score_interval){0, 1};
    double n = (double)trials, p = (double)hits / n, under = 1 + z * z / n;
    double middle = (p + z * z / (2 * n)) / under;
    double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / under;
    return (struct score_interval){fmax(middle - half, 0), fmin(middle + half, 1)};
}

// SplitMix64 (Steele, Lea, Flood 2014).
static uint64_t draw(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static int rising(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct score_interval score_bootstrap(score_value *value, void *self, uint32_t *picked,
                                      uint32_t len, uint64_t seed) {
    double values[SCORE_RESAMPLES];
    if (!len) return (struct score_interval){0, 0};
    for (uint32_t i = 0; i < SCORE_RESAMPLES; i++) {
        for (uint32_t k = 0; k < len; k++)
            picked[k] = (uint32_t)((draw(&seed) >> 32) * len >> 32);
        values[i] = value(self, picked, len);
    }
    qsort(values, SCORE_RESAMPLES, sizeof *values, rising);
    return (struct score_interval){values[SCORE_RESAMPLES / 40 - 1],
                                   values[SCORE_RESAMPLES - SCORE_RESAMPLES / 40]};
}
