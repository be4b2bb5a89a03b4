// Q4_K and Q6_K: 256 elements with small scales of their own for each 32 or 16.
#include <math.h>
#include <string.h>

#include "train/encode_parts.h"

// ---- Q6_K: w = (d s) (q - 32) ----

void encode_q6_k(const float *x, uint8_t *block) {
    float scale[16], most = 0;
    memset(block, 0, 210);
    for (size_t j = 0; j < 16; j++) {
        scale[j] = encode_scale(x + 16 * j, 16, 32);
        if (fabsf(scale[j]) > fabsf(most)) most = scale[j];
    }
    float d = encode_half(block + 208, most / -128);
    for (size_t j = 0; j < 16 && d != 0; j++) {
        float s = encode_clamp(encode_nearest(scale[j] / d), -128, 127);
        float inverse = s != 0 ? 1 / (d * s) : 0;
        block[192 + j] = (uint8_t)(int)s;
        for (size_t i = 16 * j; i < 16 * j + 16; i++) {
            float nearest = encode_clamp(encode_nearest(x[i] * inverse), -32, 31);
            unsigned q = (unsigned)(int)(nearest + 32);
            size_t half = i / 128, part = i / 32 % 4, at = i % 32;
            block[64 * half + part % 2 * 32 + at] |= (uint8_t)((q & 15) << part / 2 * 4);
            block[128 + 32 * half + at] |= (uint8_t)(q >> 4 << part * 2);
        }
    }
}

// ---- Q4_K: w = (d s) q - (m z) ----

enum { STEPS = 20 };

// A determinant below this part of what it is the difference of is its rounding: q is one number.
static const float VARIES = 1e-5f;

struct line { // x ~ scale q - least, both >= 0
    float scale, least, error;
};

struct moments { // weighted sums over a part
    float w, x, xx;
};

// The line through q = nearest((x + floor) inverse) in 0..15 that has the least error; false where
// there is none that rises.
static bool line_fit(const float x[32], const float w[32], float floor, float inverse,
                     const struct moments *sum, struct line *out) {
    float wq[8] = {0}, wqq[8] = {0}, wqx[8] = {0};
    for (size_t i = 0; i < 32; i += 8)
        for (size_t l = 0; l < 8; l++) {
            float q = encode_clamp(encode_nearest((x[i + l] + floor) * inverse), 0, 15);
            float v = w[i + l] * q;
            wq[l] += v;
            wqq[l] += v * q;
            wqx[l] += v * x[i + l];
        }
    float q = 0, qq = 0, qx = 0;
    for (size_t l = 0; l < 8; l++) {
        q += wq[l];
        qq += wqq[l];
        qx += wqx[l];
    }
    float determinant = sum->w * qq - q * q;
    bool varies = determinant > VARIES * sum->w * qq;
    if (!(qq > 0)) return false;
    if (varies) {
        out->scale = (sum->w * qx - sum->x * q) / determinant;
        out->least = (q * qx - qq * sum->x) / determinant;
    }
    if (!varies || out->least < 0) { // a minimum above zero cannot be written
        out->least = 0;
        out->scale = qx / qq;
    }
    if (!(out->scale > 0)) return false;
    float s = out->scale, m = out->least; // sum w (x - s q + m)^2
    out->error = sum->xx + s * s * qq + m * m * sum->w - 2 * (s * qx - m * sum->x + s * m * q);
    return true;
}

// The best line of a part, searched over how far q reaches: 14 to 16 for the largest element.
static struct line line_search(const float x[32], const float w[32]) {
    struct moments sum = {0};
    float least = 0, most = x[0];
    for (size_t i = 0; i < 32; i++) {
        sum.w += w[i];
        sum.x += w[i] * x[i];
        sum.xx += w[i] * x[i] * x[i];
        if (x[i] < least) least = x[i];
        if (x[i] > most) most = x[i];
    }
    struct line best = {.least = sum.x < 0 && sum.w > 0 ? -sum.x / sum.w : 0}, line;
    best.error = sum.xx + best.least * best.least * sum.w + 2 * best.least * sum.x;
    float span = most - least, floor = -least;
    if (!(span > 0x1p-60f)) return best;
    for (int step = 0; step <= STEPS; step++) {
        float inverse = (14 + 0.1f * (float)step) / span;
        if (!line_fit(x, w, floor, inverse, &sum, &line) || line.error >= best.error) continue;
        best = line;
        floor = line.least;
    }
    return best;
}

// What is written.
struct block {
    float d, m; // as F16 has them
    uint8_t s[8], z[8], q[256];
};

// q of part `j` for its scales, and the weighted error with it.
static float choose_q(const float *x, const float *w, struct block *b, size_t j) {
    float d = b->d * (float)b->s[j], m = b->m * (float)b->z[j], inverse = d > 0 ? 1 / d : 0;
    float lane[8] = {0}, error = 0;
    for (size_t i = 32 * j; i < 32 * j + 32; i += 8)
        for (size_t l = 0; l < 8; l++) {
            float q = encode_clamp(encode_nearest((x[i + l] + m) * inverse), 0, 15);
            float off = d * q - m - x[i + l];
            b->q[i + l] = (uint8_t)(int)q;
            lane[l] += w[i + l] * off * off;
        }
    for (size_t l = 0; l < 8; l++) error += lane[l];
    return error;
}

static float choose_all(const float *x, const float *w, struct block *b) {
    float error = 0;
    for (size_t j = 0; j < 8; j++) error += choose_q(x, w, b, j);
    return error;
}

// The best of the nine pairs around the rounded ones of part `j`: rounding moves both.
static void choose_scales(const float *x, const float *w, struct block *b, size_t j) {
    uint8_t s = b->s[j], z = b->z[j], best_s = s, best_z = z;
    float least = INFINITY;
    for (int near = 0; near < 9; near++) {
        int s_near = s + near % 3 - 1, z_near = z + near / 3 - 1;
        if (s_near < 0 || s_near > 63 || z_near < 0 || z_near > 63) continue;
        b->s[j] = (uint8_t)s_near;
        b->z[j] = (uint8_t)z_near;
        float error = choose_q(x, w, b, j);
        if (error >= least) continue;
        least = error;
        best_s = b->s[j];
        best_z = b->z[j];
    }
    b->s[j] = best_s;
    b->z[j] = best_z;
}

static float halved(float value) { return quant_from_half(quant_to_half(value)); }

// d and m for which the error is least with s, z and q as they are: x ~ d (s q) - m z.
static bool refit(const float *x, const float *w, struct block *b) {
    float aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (size_t i = 0; i < 256; i++) {
        float a = (float)(b->s[i / 32] * b->q[i]), z = (float)b->z[i / 32];
        aa += w[i] * a * a;
        ab += w[i] * a * z;
        bb += w[i] * z * z;
        ax += w[i] * a * x[i];
        bx += w[i] * z * x[i];
    }
    float determinant = aa * bb - ab * ab;
    if (!(determinant > VARIES * aa * bb)) return false;
    b->d = halved((ax * bb - ab * bx) / determinant);
    b->m = halved((ab * ax - aa * bx) / determinant);
    return b->d > 0 && b->m >= 0 && b->d <= 65504 && b->m <= 65504;
}

// The nearest of six bits; 0 where there is no unit.
static uint8_t in_units(float value, float unit) {
    return unit > 0 ? (uint8_t)(int)encode_clamp(encode_nearest(value / unit), 0, 63) : 0;
}

static void block_put(const struct block *b, uint8_t *out) {
    encode_half(out, b->d);
    encode_half(out + 2, b->m);
    for (size_t j = 0; j < 4; j++) {
        out[4 + j] = (uint8_t)(b->s[j] | b->s[j + 4] >> 4 << 6);
        out[8 + j] = (uint8_t)(b->z[j] | b->z[j + 4] >> 4 << 6);
        out[12 + j] = (uint8_t)((b->s[j + 4] & 15) | (b->z[j + 4] & 15) << 4);
    }
    for (size_t i = 0; i < 128; i++) {
        const uint8_t *q = b->q + i / 32 * 64 + i % 32;
        out[16 + i] = (uint8_t)(q[0] | q[32] << 4);
    }
}

void encode_q4_k(const float *x, uint8_t *out) {
    struct line line[8];
    float w[256], most = 0, deepest = 0;
    for (size_t j = 0; j < 8; j++) {
        encode_weigh(x + 32 * j, 32, w + 32 * j);
        line[j] = line_search(x + 32 * j, w + 32 * j);
        if (line[j].scale > most) most = line[j].scale;
        if (line[j].least > deepest) deepest = line[j].least;
    }
    struct block b = {.d = halved(most / 63), .m = halved(deepest / 63)};
    for (size_t j = 0; j < 8; j++) {
        b.s[j] = in_units(line[j].scale, b.d);
        b.z[j] = in_units(line[j].least, b.m);
        choose_scales(x, w, &b, j);
    }
    float error = choose_all(x, w, &b);
    struct block again = b;
    if (refit(x, w, &again) && choose_all(x, w, &again) < error) b = again;
    block_put(&b, out);
}
