// Lanes on AArch64: four registers of four; integers by SDOT where the file is compiled for it (the
// set "neondot"), else by SMULL. Meaning and bits: lanes_scalar.h.
#pragma once
#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    float32x4_t a, b, c, d;
} lanes;
enum { LANES_COLUMNS = 1 }; // 4 x 1 x 4 accumulators; 32 registers hold no more columns

// The function of each register of one, two or three operands.
#define LANES_1(type, f, x) ((type){f((x).a), f((x).b), f((x).c), f((x).d)})
#define LANES_2(type, f, x, y)                                                                     \
    ((type){f((x).a, (y).a), f((x).b, (y).b), f((x).c, (y).c), f((x).d, (y).d)})
#define LANES_3(type, f, x, y, z)                                                                  \
    ((type){f((x).a, (y).a, (z).a), f((x).b, (y).b, (z).b), f((x).c, (y).c, (z).c),                \
            f((x).d, (y).d, (z).d)})

static inline lanes lanes_all(float value) {
    float32x4_t four = vdupq_n_f32(value);
    return (lanes){four, four, four, four};
}
static inline lanes lanes_load(const float *from) {
    return (lanes){vld1q_f32(from), vld1q_f32(from + 4), vld1q_f32(from + 8), vld1q_f32(from + 12)};
}
static inline void lanes_store(float *to, lanes a) {
    vst1q_f32(to, a.a);
    vst1q_f32(to + 4, a.b);
    vst1q_f32(to + 8, a.c);
    vst1q_f32(to + 12, a.d);
}
static inline lanes lanes_fma(lanes a, lanes b, lanes c) {
    return LANES_3(lanes, vfmaq_f32, c, a, b); // the sum comes first
}
static inline lanes lanes_add(lanes a, lanes b) { return LANES_2(lanes, vaddq_f32, a, b); }
static inline lanes lanes_sub(lanes a, lanes b) { return LANES_2(lanes, vsubq_f32, a, b); }
static inline lanes lanes_mul(lanes a, lanes b) { return LANES_2(lanes, vmulq_f32, a, b); }
static inline lanes lanes_div(lanes a, lanes b) { return LANES_2(lanes, vdivq_f32, a, b); }
// FMIN and FMAX give NaN where either operand is, FMINNM and FMAXNM the other: neither is meant.
static inline float32x4_t lanes_min4(float32x4_t a, float32x4_t b) {
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
static inline float32x4_t lanes_max4(float32x4_t a, float32x4_t b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
static inline lanes lanes_min(lanes a, lanes b) { return LANES_2(lanes, lanes_min4, a, b); }
static inline lanes lanes_max(lanes a, lanes b) { return LANES_2(lanes, lanes_max4, a, b); }
static inline lanes lanes_bytes(int8x16_t bytes) {
    int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    return (lanes){vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))),
                   vcvtq_f32_s32(vmovl_high_s16(low)),
                   vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))),
                   vcvtq_f32_s32(vmovl_high_s16(high))};
}
static inline lanes lanes_u8(const uint8_t *from) {
    uint8x16_t bytes = vld1q_u8(from);
    uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    return (lanes){vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))),
                   vcvtq_f32_u32(vmovl_high_u16(low)),
                   vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
                   vcvtq_f32_u32(vmovl_high_u16(high))};
}
static inline uint8x16_t lanes_low_bytes(const uint8_t *from) {
    return vandq_u8(vld1q_u8(from), vdupq_n_u8(15));
}
static inline uint8x16_t lanes_high_bytes(const uint8_t *from) {
    return vshrq_n_u8(vld1q_u8(from), 4);
}
static inline lanes lanes_i8(const int8_t *from) { return lanes_bytes(vld1q_s8(from)); }
static inline lanes lanes_low(const uint8_t *from) {
    return lanes_bytes(vreinterpretq_s8_u8(lanes_low_bytes(from)));
}
static inline lanes lanes_high(const uint8_t *from) {
    return lanes_bytes(vreinterpretq_s8_u8(lanes_high_bytes(from)));
}
static inline lanes lanes_low_of(const int8_t table[16], const uint8_t *from) {
    return lanes_bytes(vqtbl1q_s8(vld1q_s8(table), lanes_low_bytes(from)));
}
static inline lanes lanes_high_of(const int8_t table[16], const uint8_t *from) {
    return lanes_bytes(vqtbl1q_s8(vld1q_s8(table), lanes_high_bytes(from)));
}
static inline lanes lanes_half(const uint8_t *from) {
    float16x8_t low = vreinterpretq_f16_u8(vld1q_u8(from));
    float16x8_t high = vreinterpretq_f16_u8(vld1q_u8(from + 16));
    return (lanes){vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low),
                   vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)};
}
static inline float32x4_t lanes_brain4(uint16x4_t narrow) {
    return vreinterpretq_f32_u32(vshll_n_u16(narrow, 16));
}
static inline lanes lanes_brain(const uint8_t *from) {
    uint16x8_t low = vreinterpretq_u16_u8(vld1q_u8(from));
    uint16x8_t high = vreinterpretq_u16_u8(vld1q_u8(from + 16));
    return (lanes){lanes_brain4(vget_low_u16(low)), lanes_brain4(vget_high_u16(low)),
                   lanes_brain4(vget_low_u16(high)), lanes_brain4(vget_high_u16(high))};
}
static inline float lanes_scale(const uint8_t *from) {
    uint16x4_t all = vdup_n_u16((uint16_t)(from[0] | from[1] << 8));
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(all)), 0);
}
static inline void lanes_to_half(uint16_t *to, lanes a) {
    float16x8_t low = vcvt_high_f16_f32(vcvt_f16_f32(a.a), a.b);
    float16x8_t high = vcvt_high_f16_f32(vcvt_f16_f32(a.c), a.d);
    vst1q_u16(to, vreinterpretq_u16_f16(low));
    vst1q_u16(to + 8, vreinterpretq_u16_f16(high));
}
static inline float32x4_t lanes_power4(float32x4_t a) {
    uint32x4_t bits = vshlq_n_u32(vreinterpretq_u32_f32(a), 23);
    return vreinterpretq_f32_u32(vaddq_u32(bits, vdupq_n_u32(0x3f800000)));
}
static inline lanes lanes_power(lanes a) { return LANES_1(lanes, lanes_power4, a); }
static inline float lanes_sum(lanes a) {
    float32x4_t four = vaddq_f32(vaddq_f32(a.a, a.c), vaddq_f32(a.b, a.d));
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vpadds_f32(two);
}
static inline uint32x4_t lanes_size4(float32x4_t a, float32x4_t b) {
    return vmaxq_u32(vreinterpretq_u32_f32(vabsq_f32(a)), vreinterpretq_u32_f32(vabsq_f32(b)));
}
static inline float lanes_most(lanes a, lanes b) {
    uint32x4_t low = vmaxq_u32(lanes_size4(a.a, b.a), lanes_size4(a.b, b.b));
    uint32x4_t high = vmaxq_u32(lanes_size4(a.c, b.c), lanes_size4(a.d, b.d));
    uint32_t most = vmaxvq_u32(vmaxq_u32(low, high));
    float out;
    memcpy(&out, &most, sizeof out);
    return out;
}
static inline void lanes_to_i8(int8_t *to, lanes a) {
    int32x4_t w[] = {vcvtnq_s32_f32(a.a), vcvtnq_s32_f32(a.b), vcvtnq_s32_f32(a.c),
                     vcvtnq_s32_f32(a.d)};
    int16x8_t low = vmovn_high_s32(vmovn_s32(w[0]), w[1]);
    int16x8_t high = vmovn_high_s32(vmovn_s32(w[2]), w[3]);
    vst1q_s8(to, vmovn_high_s16(vmovn_s16(low), high));
}
static inline int32_t bytes_sum(const int8_t from[16]) { return vaddlvq_s8(vld1q_s8(from)); }

typedef struct {
    int32x4_t a, b, c, d;
} ints;
typedef struct {
    uint8x16_t a, b, c, d;
} line;
enum { LANES_PACKED = 4 }; // columns times groups of a tile of packed weights

static inline ints ints_all(int32_t value) {
    int32x4_t four = vdupq_n_s32(value);
    return (ints){four, four, four, four};
}
static inline line line_load(const uint8_t *from) {
    return (line){vld1q_u8(from), vld1q_u8(from + 16), vld1q_u8(from + 32), vld1q_u8(from + 48)};
}
static inline void line_store(uint8_t *to, line a) {
    vst1q_u8(to, a.a);
    vst1q_u8(to + 16, a.b);
    vst1q_u8(to + 32, a.c);
    vst1q_u8(to + 48, a.d);
}
static inline line line_all(uint8_t value) {
    uint8x16_t all = vdupq_n_u8(value);
    return (line){all, all, all, all};
}
// USHL moves down by what is negative.
static inline line line_moved(line a, int up, uint8_t mask) {
    int8x16_t by = vdupq_n_s8((int8_t)up);
    a = (line){vshlq_u8(a.a, by), vshlq_u8(a.b, by), vshlq_u8(a.c, by), vshlq_u8(a.d, by)};
    return LANES_2(line, vandq_u8, a, line_all(mask));
}
static inline line line_down(line a, int by, uint8_t mask) { return line_moved(a, -by, mask); }
static inline line line_up(line a, int by, uint8_t mask) { return line_moved(a, by, mask); }
static inline line line_or(line a, line b) { return LANES_2(line, vorrq_u8, a, b); }
static inline int32x4_t ints_dot4(int32x4_t a, uint8x16_t w, int8x16_t x) {
    int8x16_t codes = vreinterpretq_s8_u8(w);
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_s32(a, codes, x);
#else // two products fit 16 bits: 2 x 128 x 127
    int16x8_t low = vmull_s8(vget_low_s8(codes), vget_low_s8(x)), high = vmull_high_s8(codes, x);
    return vpadalq_s16(a, vpaddq_s16(low, high));
#endif
}
static inline ints ints_dot(ints a, line w, const int8_t x[4], bool wide) {
    int32_t four;
    memcpy(&four, x, sizeof four);
    int8x16_t xs = vreinterpretq_s8_s32(vdupq_n_s32(four));
    if (wide) { // with its upper bit flipped a byte is signed and 128 less: that is added apart
        int32x4_t rest = vshlq_n_s32(ints_dot4(vdupq_n_s32(0), vdupq_n_u8(1), xs), 7);
        a = (ints){vaddq_s32(a.a, rest), vaddq_s32(a.b, rest), vaddq_s32(a.c, rest),
                   vaddq_s32(a.d, rest)};
        w = LANES_2(line, veorq_u8, w, line_all(128));
    }
    return (ints){ints_dot4(a.a, w.a, xs), ints_dot4(a.b, w.b, xs), ints_dot4(a.c, w.c, xs),
                  ints_dot4(a.d, w.d, xs)};
}
static inline lanes lanes_ints(ints a) { return LANES_1(lanes, vcvtq_f32_s32, a); }
