// Encoders: how far what comes back is from what was given, for many shapes of blocks; what has no
// room is refused. What is decoded is what the engine expands.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cmocka_all.h"

#include "chance.h"
#include "engine/kernels.h"
#include "train/encode.h"

enum { ROW = 4096 };

static const struct of_type {
    enum quant_type type;
    double most; // root mean square of the error of normal numbers, relative to theirs
} types[] = {{QUANT_F32, 0},        {QUANT_F16, 0.00022}, {QUANT_BF16, 0.0018},
             {QUANT_Q8_0, 0.0055},  {QUANT_Q4_0, 0.0835}, {QUANT_Q5_0, 0.0415},
             {QUANT_Q4_K, 0.0712}, {QUANT_Q6_K, 0.0179}};
enum { TYPES = sizeof types / sizeof *types };

static uint64_t chance;

static double even(void) { return ((double)(chance_next(&chance) >> 11) + 0.5) * 0x1p-53; }

static double normal(void) { return sqrt(-2 * log(even())) * cos(6.283185307179586 * even()); }

static float row[ROW], back[ROW];
static uint8_t bytes[ROW * 4];

static void there_and_back(enum quant_type type) {
    assert_int_equal(encode_row(type, row, ROW, bytes), SK_OK);
    assert_true(quant_finite(type, bytes, ROW));
    decode_part(type, bytes, 0, ROW, back);
}

static double error(void) {
    double off = 0, all = 0;
    for (size_t i = 0; i < ROW; i++) {
        double d = (double)back[i] - (double)row[i];
        off += d * d;
        all += (double)row[i] * (double)row[i];
    }
    return sqrt(off / all);
}

static void normal_numbers_are_near(void **state) {
    (void)state;
    static const float sizes[] = {1e-3f, 0.02f, 1, 300};
    for (size_t t = 0; t < TYPES; t++)
        for (size_t s = 0; s < 4; s++) {
            for (size_t i = 0; i < ROW; i++) row[i] = sizes[s] * (float)normal();
            there_and_back(types[t].type);
            // Of the smallest the scales of Q6_K are F16 below 2^-14, which have fewer bits.
            double most = types[t].most * (s == 0 ? 1.1 : 1);
            if (!(error() <= most))
                fail_msg("%s of size %g: %g", quant_name(types[t].type), (double)sizes[s],
                         error());
        }
}

// How far an element may be from what was given: a part of its block's largest, and where the least
// F16 is too coarse for a scale, half of it for each step of the type.
static void check_bound(enum quant_type type, const char *what) {
    uint32_t block = quant_find(type)->block;
    static const struct {
        double part, steps;
    } bounds[QUANT_TYPE_MAX + 1] = {
        [QUANT_F16] = {1 / 2048., 1}, [QUANT_BF16] = {1 / 256., 1},
        [QUANT_Q8_0] = {1 / 250., 127}, [QUANT_Q4_0] = {1 / 5., 8},
        [QUANT_Q5_0] = {1 / 12., 16}, [QUANT_Q4_K] = {1 / 5., 2 * 63 * 15},
        [QUANT_Q6_K] = {1 / 20., 128 * 32}};
    for (size_t from = 0; from < ROW; from += block) {
        double most = 0;
        for (size_t i = from; i < from + block; i++) most = fmax(most, fabs((double)row[i]));
        double bound = most * bounds[type].part + 0x1p-25 * bounds[type].steps;
        for (size_t i = from; i < from + block; i++)
            if (!(fabs((double)back[i] - (double)row[i]) <= bound))
                fail_msg("%s, %s: element %zu is %g, came back as %g", quant_name(type), what, i,
                         (double)row[i], (double)back[i]);
    }
}

static float outlier(size_t i) { return i % 77 == 0 ? 50 * (float)normal() : (float)normal(); }
static float shifted(size_t i) { return (i / 32 % 2 ? 3.f : -3.f) + 0.1f * (float)normal(); }
static float steps(size_t i) { return (float)(i % 5) * (i / 256 % 2 ? 1 : -1); }
static float alone(size_t i) { return i % 256 == 200 ? -7 : 0; }
static float small(size_t i) { return 1e-6f * (float)normal() * (float)(i % 3); }
static float least(size_t i) { return 1e-42f * (float)(i % 9); }
static float ranges(size_t i) { return (float)exp(normal() * 4) * (i % 2 ? 1 : -1); }
static float positive(size_t i) { return 1 + (float)(i % 32) / 320; }
static float negative(size_t i) { return -positive(i); }

static void odd_blocks_are_near(void **state) {
    (void)state;
    static const struct {
        const char *name;
        float (*at)(size_t i);
    } shapes[] = {{"outliers", outlier}, {"shifted", shifted}, {"steps", steps},
                  {"one alone", alone},  {"small", small},     {"subnormal", least},
                  {"ranges", ranges},    {"positive", positive}, {"negative", negative}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        for (size_t i = 0; i < ROW; i++)
            row[i] = fmaxf(-60000, fminf(60000, shapes[s].at(i)));
        for (size_t t = 1; t < TYPES; t++) {
            there_and_back(types[t].type);
            check_bound(types[t].type, shapes[s].name);
        }
    }
}

static void zeros_and_constants_stay(void **state) {
    (void)state;
    static const float constants[] = {0, 1, -1, 0.037f, -123};
    for (size_t t = 0; t < TYPES; t++)
        for (size_t c = 0; c < sizeof constants / sizeof *constants; c++) {
            for (size_t i = 0; i < ROW; i++) row[i] = constants[c];
            there_and_back(types[t].type);
            for (size_t i = 0; i < ROW; i++)
                if (!(fabsf(back[i] - row[i]) <= fabsf(row[i]) * 0.005f))
                    fail_msg("%s: %g came back as %g", quant_name(types[t].type), (double)row[i],
                             (double)back[i]);
        }
}

// What a value of F16 or BF16 is, it stays.
static void exact_types_are_exact(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float half = quant_from_half((uint16_t)bits), brain = quant_from_brain((uint16_t)bits);
        uint8_t out[2];
        if (isfinite(half)) {
            assert_int_equal(encode_row(QUANT_F16, &half, 1, out), SK_OK);
            assert_int_equal(quant_u16(out), bits);
        }
        if (isfinite(brain)) {
            assert_int_equal(encode_row(QUANT_BF16, &brain, 1, out), SK_OK);
            assert_int_equal(quant_u16(out), bits);
        }
    }
    // Between two: to nearest, ties to even.
    static const struct {
        float value;
        uint16_t bits;
    } brains[] = {{0x1.01p0f, 0x3f80}, {0x1.03p0f, 0x3f82}, {0x1.010002p0f, 0x3f81},
                  {-0x1.01p0f, 0xbf80}};
    for (size_t i = 0; i < 4; i++) {
        uint8_t out[2];
        assert_int_equal(encode_row(QUANT_BF16, &brains[i].value, 1, out), SK_OK);
        assert_int_equal(quant_u16(out), brains[i].bits);
    }
}

static void no_room_is_refused(void **state) {
    (void)state;
    static const float bad[] = {INFINITY, -INFINITY, NAN, 3e38f, -3.3e38f};
    for (size_t t = 0; t < TYPES; t++)
        for (size_t b = 0; b < 5; b++) {
            bool fits = types[t].type == QUANT_F32 || types[t].type == QUANT_BF16;
            memset(row, 0, sizeof row);
            row[300] = bad[b];
            enum sk_code code = encode_row(types[t].type, row, ROW, bytes);
            assert_int_equal(code, b > 2 && fits ? SK_OK : SK_INPUT);
            if (code != SK_OK) assert_non_null(strstr(fail_text(), "element 300"));
        }
    row[300] = 0;
    assert_false(encode_has(QUANT_Q3_K));
    assert_int_equal(encode_row(QUANT_Q3_K, row, ROW, bytes), SK_UNSUPPORTED);
    // The largest that there is room for comes back finite.
    static const float most[QUANT_TYPE_MAX + 1] = {
        [QUANT_F16] = 65504,     [QUANT_Q8_0] = 8319008, [QUANT_Q4_0] = 262016,
        [QUANT_Q5_0] = 524032,   [QUANT_Q4_K] = 65504,   [QUANT_Q6_K] = 65504};
    for (size_t t = 1; t < TYPES; t++)
        for (int sign = -1; most[types[t].type] > 0 && sign <= 1; sign += 2) {
            for (size_t i = 0; i < ROW; i++)
                row[i] = i % 3 ? 0 : (float)sign * most[types[t].type];
            there_and_back(types[t].type);
            check_bound(types[t].type, "the largest");
        }
}

// Rows of any bytes whose scales are finite: parts of them, as the scalar kernels expand them.
static void decoding_is_the_engines(void **state) {
    (void)state;
    for (uint32_t type = 0; type <= QUANT_TYPE_MAX; type++) {
        const struct quant *quant = quant_find(type);
        if (!quant) continue;
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(chance_next(&chance) & 0x33);
        for (size_t from = 0; from < 1024; from += ENCODE_PART) {
            size_t blocks = chance_next(&chance) % (1024 / quant->block) + 1;
            size_t count = blocks * quant->block;
            float want[KERNEL_CHUNK];
            memset(back, 0xff, sizeof back);
            decode_part((enum quant_type)type, bytes, from, count, back);
            for (size_t i = 0; i < count; i += KERNEL_CHUNK) {
                size_t left = count - i < KERNEL_CHUNK ? count - i : KERNEL_CHUNK;
                kernels_scalar.expand((enum quant_type)type, bytes, from + i, left, want);
                assert_memory_equal(want, back + i, left * sizeof *want);
            }
            for (size_t i = count; i % ENCODE_PAD; i++) assert_true(back[i] == 0);
            assert_true(isnan(back[(count + ENCODE_PAD - 1) / ENCODE_PAD * ENCODE_PAD]));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_numbers_are_near), cmocka_unit_test(odd_blocks_are_near),
        cmocka_unit_test(zeros_and_constants_stay), cmocka_unit_test(exact_types_are_exact),
        cmocka_unit_test(no_room_is_refused),      cmocka_unit_test(decoding_is_the_engines),
    };
    chance = 20261123;
    print_message("seed %llu\n", (unsigned long long)chance);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
