#include "train/encode.h"

#include <math.h>
#include <string.h>

#include "engine/kernels.h"
#include "train/encode_parts.h"

enum { STEPS = 9 }; // of the search, to either side

void encode_weigh(const float *x, size_t n, float *w) {
    float squares = 0;
    for (size_t i = 0; i < n; i++) squares += x[i] * x[i];
    float mean = sqrtf(squares / (float)n);
    for (size_t i = 0; i < n; i++) w[i] = mean + fabsf(x[i]);
}

// sum w x q and sum w q q over eight lanes, folded: the same order everywhere.
static void sums(const float *x, const float *w, size_t n, float inverse, float levels,
                 float out[2]) {
    float xq[8] = {0}, qq[8] = {0};
    for (size_t i = 0; i < n; i += 8)
        for (size_t l = 0; l < 8; l++) {
            float q = encode_nearest(x[i + l] * inverse);
            q = encode_clamp(q, -levels, levels - 1);
            float wq = w[i + l] * q;
            xq[l] += wq * x[i + l];
            qq[l] += wq * q;
        }
    out[0] = out[1] = 0;
    for (size_t l = 0; l < 8; l++) {
        out[0] += xq[l];
        out[1] += qq[l];
    }
}

// With q given, sum w (x - d q)^2 is least for d = sum w x q / sum w q^2, and then smaller than
// sum w x^2 by (sum w x q)^2 / sum w q^2: that is what is searched, over scales at which the
// largest magnitude becomes about -levels, the end that reaches further.
float encode_scale(const float *x, size_t n, float levels) {
    float most = 0, best = 0, scale = 0, w[32];
    encode_weigh(x, n, w);
    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(most)) most = x[i];
    if (fabsf(most) < 0x1p-60f) return 0;
    for (int step = -STEPS; step <= STEPS; step++) {
        float sum[2];
        sums(x, w, n, -(levels + 0.1f * (float)step) / most, levels, sum);
        if (sum[1] <= 0 || sum[0] * sum[0] <= best * sum[1]) continue;
        best = sum[0] * sum[0] / sum[1];
        scale = sum[0] / sum[1];
    }
    return scale;
}

static void encode_q8_0(const float *x, uint8_t *block) {
    float most = 0;
    for (size_t i = 0; i < 32; i++)
        if (fabsf(x[i]) > most) most = fabsf(x[i]);
    float d = encode_half(block, most / 127), inverse = d > 0 ? 1 / d : 0;
    for (size_t i = 0; i < 32; i++) {
        int q = (int)encode_clamp(encode_nearest(x[i] * inverse), -127, 127);
        block[2 + i] = (uint8_t)q;
    }
}

// Q4_0 (levels 8) and Q5_0 (16): q + levels, its low four bits and for Q5_0 the fifth before.
static void encode_small(const float *x, float levels, uint8_t *block) {
    float d = encode_half(block, encode_scale(x, 32, levels));
    float inverse = d != 0 ? 1 / d : 0;
    uint32_t fifth = 0;
    uint8_t q[32];
    for (size_t i = 0; i < 32; i++) {
        float nearest = encode_clamp(encode_nearest(x[i] * inverse), -levels, levels - 1);
        q[i] = (uint8_t)(int)(nearest + levels);
        fifth |= (uint32_t)(q[i] >> 4) << i;
    }
    uint8_t *nibbles = block + 2;
    if (levels > 8) {
        for (size_t i = 0; i < 4; i++) *nibbles++ = (uint8_t)(fifth >> 8 * i);
    }
    for (size_t i = 0; i < 16; i++) nibbles[i] = (uint8_t)((q[i] & 15) | q[i + 16] << 4);
}

static void encode_q4_0(const float *x, uint8_t *block) { encode_small(x, 8, block); }
static void encode_q5_0(const float *x, uint8_t *block) { encode_small(x, 16, block); }

static void encode_f32(const float *x, uint8_t *out) { memcpy(out, x, sizeof *x); }

static void encode_f16(const float *x, uint8_t *out) { encode_u16(out, quant_to_half(*x)); }

// To nearest, ties to even; a carry may run into infinity, which is refused afterwards.
static void encode_bf16(const float *x, uint8_t *out) {
    uint32_t bits;
    memcpy(&bits, x, sizeof bits);
    encode_u16(out, (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16));
}

static const struct encoder {
    void (*block)(const float *x, uint8_t *out);
    float room; // the largest magnitude that the type has room for
} encoders[QUANT_TYPE_MAX + 1] = {
    [QUANT_F32] = {encode_f32, 0x1.fffffep127f},
    [QUANT_F16] = {encode_f16, 65504},
    [QUANT_BF16] = {encode_bf16, 0x1.fep127f},
    [QUANT_Q8_0] = {encode_q8_0, 127 * 65504.0f},
    [QUANT_Q4_0] = {encode_q4_0, 4 * 65504.0f},
    [QUANT_Q5_0] = {encode_q5_0, 8 * 65504.0f},
    [QUANT_Q4_K] = {encode_q4_k, 65504},
    [QUANT_Q6_K] = {encode_q6_k, 65504},
};

bool encode_has(enum quant_type type) { return encoders[type].block != NULL; }

enum sk_code encode_row(enum quant_type type, const float *x, uint64_t n, uint8_t *out) {
    const struct encoder *encoder = &encoders[type];
    const struct quant *quant = quant_find(type);
    must(quant && n % quant->block == 0);
    if (!encoder->block)
        return FAIL(SK_UNSUPPORTED, "type %s: weights are not written as it", quant->name);
    for (uint64_t i = 0; i < n; i++)
        if (!(fabsf(x[i]) <= encoder->room))
            return FAIL(SK_INPUT, "element %llu is %g: %s has room for magnitudes up to %g",
                        (unsigned long long)i, (double)x[i], quant->name, (double)encoder->room);
    for (uint64_t i = 0; i < n; i += quant->block, out += quant->bytes) encoder->block(x + i, out);
    return SK_OK;
}

// Of this CPU; asking it again gives the same.
static const struct kernels *kernels_here(void) {
    static _Atomic(const struct kernels *) here;
    const struct kernels *kernels = here;
    if (kernels) return kernels;
    must(kernels_choose(ENGINE_AUTO, &kernels) == SK_OK);
    here = kernels;
    return kernels;
}

void decode_part(enum quant_type type, const uint8_t *row, uint64_t from, uint64_t count,
                 float *out) {
    const struct kernels *kernels = kernels_here();
    must(from % ENCODE_PART == 0);
    for (uint64_t i = 0; i < count; i += KERNEL_CHUNK) {
        uint64_t left = count - i;
        kernels->expand(type, row, (size_t)(from + i),
                        (size_t)(left < KERNEL_CHUNK ? left : KERNEL_CHUNK), out + i);
    }
}
