#include "engine/quant.h"

#include <string.h>

static const struct quant quants[QUANT_TYPE_MAX + 1] = {
    [QUANT_F32] = {"F32", 1, 4},       [QUANT_F16] = {"F16", 1, 2},
    [QUANT_Q4_0] = {"Q4_0", 32, 18},   [QUANT_Q8_0] = {"Q8_0", 32, 34},
    [QUANT_Q4_1] = {"Q4_1", 32, 20},   [QUANT_Q5_0] = {"Q5_0", 32, 22},
    [QUANT_Q5_1] = {"Q5_1", 32, 24},
    [QUANT_Q2_K] = {"Q2_K", 256, 84},  [QUANT_Q3_K] = {"Q3_K", 256, 110},
    [QUANT_Q4_K] = {"Q4_K", 256, 144}, [QUANT_Q5_K] = {"Q5_K", 256, 176},
    [QUANT_Q6_K] = {"Q6_K", 256, 210}, [QUANT_IQ4_NL] = {"IQ4_NL", 32, 18},
    [QUANT_BF16] = {"BF16", 1, 2},     [QUANT_IQ4_XS] = {"IQ4_XS", 256, 136},
};

const struct quant *quant_find(uint32_t type) {
    return type <= QUANT_TYPE_MAX && quants[type].name ? &quants[type] : NULL;
}

const char *quant_name(uint32_t type) {
    static const char *const names[] = {
        [0] = "F32",      [1] = "F16",     [2] = "Q4_0",     [3] = "Q4_1",    [6] = "Q5_0",
        [7] = "Q5_1",     [8] = "Q8_0",    [9] = "Q8_1",     [10] = "Q2_K",   [11] = "Q3_K",
        [12] = "Q4_K",    [13] = "Q5_K",   [14] = "Q6_K",    [15] = "Q8_K",   [16] = "IQ2_XXS",
        [17] = "IQ2_XS",  [18] = "IQ3_XXS", [19] = "IQ1_S",  [20] = "IQ4_NL", [21] = "IQ3_S",
        [22] = "IQ2_S",   [23] = "IQ4_XS", [24] = "I8",      [25] = "I16",    [26] = "I32",
        [27] = "I64",     [28] = "F64",    [29] = "IQ1_M",   [30] = "BF16",
    };
    return type < sizeof names / sizeof *names && names[type] ? names[type] : "?";
}

float quant_from_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31;
    uint32_t fraction = half & 1023, bits;
    if (exponent == 0) { // zero or subnormal: fraction x 2^-24, exact in float
        float value = (float)fraction * 0x1p-24f;
        return sign ? -value : value;
    }
    bits = exponent == 31 ? sign | 0x7f800000 | fraction << 13
                          : sign | (exponent + 112) << 23 | fraction << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float quant_from_brain(uint16_t brain) {
    uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t quant_to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff)); // NaN, quiet
    if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00); // rounds past 65504
    if (rest < 0x33000000) return (uint16_t)sign;             // below half of the least subnormal
    uint32_t exponent = rest >> 23, fraction = rest & 0x7fffff, shift = 13, high;
    if (exponent < 113) { // subnormal half: the hidden bit moves into the fraction
        shift = 126 - exponent;
        high = (fraction | 0x800000) >> shift;
        fraction |= 0x800000;
    } else {
        high = (exponent - 112) << 10 | fraction >> 13;
    }
    uint32_t cut = fraction & ((1u << shift) - 1), tie = 1u << (shift - 1);
    if (cut > tie || (cut == tie && (high & 1))) high++; // a carry runs into the exponent, rightly
    return (uint16_t)(sign | high);
}

void quant_k_scales(const uint8_t packed[12], uint8_t s[8], uint8_t z[8]) {
    for (size_t i = 0; i < 4; i++) {
        s[i] = packed[i] & 63;
        z[i] = packed[i + 4] & 63;
        s[i + 4] = (uint8_t)((packed[i + 8] & 15) | packed[i] >> 6 << 4);
        z[i + 4] = (uint8_t)(packed[i + 8] >> 4 | packed[i + 4] >> 6 << 4);
    }
}

void quant_q3_scales(const uint8_t packed[12], int8_t s[16]) {
    for (size_t i = 0; i < 16; i++) {
        int low = packed[i % 8] >> i / 8 * 4 & 15, high = packed[8 + i % 4] >> i / 4 * 2 & 3;
        s[i] = (int8_t)((low | high << 4) - 32);
    }
}

void quant_iq4_scales(const uint8_t packed[6], int8_t s[8]) {
    for (size_t i = 0; i < 8; i++) {
        int low = packed[2 + i / 2] >> i % 2 * 4 & 15, high = packed[i / 4] >> i % 4 * 2 & 3;
        s[i] = (int8_t)((low | high << 4) - 32);
    }
}

const int8_t quant_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};

static bool half_finite(const uint8_t *at) { return (quant_u16(at) & 0x7c00) != 0x7c00; }

static bool brain_finite(const uint8_t *at) { return (quant_u16(at) & 0x7f80) != 0x7f80; }

static bool float_finite(const uint8_t *at) { return brain_finite(at + 2); }

bool quant_finite(enum quant_type type, const uint8_t *row, uint64_t elements) {
    const struct quant *quant = &quants[type];
    uint64_t blocks = elements / quant->block;
    bool fine = true;
    for (uint64_t i = 0; i < blocks && fine; i++, row += quant->bytes) {
        switch (type) {
        case QUANT_F32: fine = float_finite(row); break;
        case QUANT_BF16: fine = brain_finite(row); break;
        case QUANT_F16:
        case QUANT_Q4_0:
        case QUANT_Q5_0:
        case QUANT_IQ4_NL:
        case QUANT_IQ4_XS:
        case QUANT_Q8_0: fine = half_finite(row); break;
        case QUANT_Q4_1:
        case QUANT_Q5_1:
        case QUANT_Q5_K:
        case QUANT_Q4_K: fine = half_finite(row) && half_finite(row + 2); break;
        case QUANT_Q2_K: fine = half_finite(row + 80) && half_finite(row + 82); break;
        case QUANT_Q3_K: fine = half_finite(row + 108); break;
        case QUANT_Q6_K: fine = half_finite(row + 208); break;
        }
    }
    return fine;
}
