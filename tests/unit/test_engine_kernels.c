// Kernels: every set equals the scalar twin bit for bit on fresh inputs; the twin equals formulas
// written apart from it.
#include "cmocka_chance.h"

#include "bits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels.h"
#include "engine/rope.h"

static uint64_t chance(void) { return chance_next(&chance_state); }

static float chance_float(float most) {
    return most * ((float)(int64_t)(chance() >> 40) * 0x1p-23f - 1);
}

enum { SETS_MAX = ENGINE_KERNELS_END };

// The sets this CPU has, the scalar twin first.
static size_t sets(const struct kernels *out[SETS_MAX]) {
    size_t n = 0;
    for (enum engine_kernels kind = ENGINE_SCALAR; kind < ENGINE_KERNELS_END; kind++)
        n += kernels_choose(kind, &out[n]) == SK_OK;
    return n;
}

// Offsets of the scales of a block, -1 where there is no second.
static void scales_of(enum quant_type type, int at[2]) {
    bool two = type == QUANT_Q4_1 || type == QUANT_Q5_1 || type == QUANT_Q4_K ||
               type == QUANT_Q5_K || type == QUANT_Q2_K;
    at[0] = type == QUANT_Q6_K ? 208 : type == QUANT_Q3_K ? 108 : type == QUANT_Q2_K ? 80 : 0;
    at[1] = two ? at[0] + 2 : -1;
}

// Random blocks with scales of every size a file may hold, infinities and NaN left out.
static void fill_row(enum quant_type type, uint8_t *row, size_t elements) {
    const struct quant *quant = quant_find(type);
    size_t bytes = elements / quant->block * quant->bytes;
    int scale[2];
    scales_of(type, scale);
    for (size_t i = 0; i < bytes; i++) row[i] = (uint8_t)chance();
    for (uint8_t *at = row; at < row + bytes; at += quant->bytes) {
        if (type == QUANT_F32) {
            float value = chance_float(2);
            memcpy(at, &value, sizeof value);
            continue;
        }
        // Exponents below 2^-1, subnormals among them.
        for (int i = 0; i < 2 && scale[i] >= 0; i++) at[scale[i] + 1] &= 0xb7;
    }
}

// ---- formats ----

static double half_value(const uint8_t *at) {
    int bits = at[0] + 256 * at[1], exponent = bits / 1024 % 32, fraction = bits % 1024;
    double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return bits >= 32768 ? -value : value;
}

static double brain_value(const uint8_t *at) {
    int bits = at[0] + 256 * at[1], exponent = bits / 128 % 256, fraction = bits % 128;
    double value = exponent ? ldexp(128 + fraction, exponent - 134) : ldexp(fraction, -133);
    return bits >= 32768 ? -value : value;
}

// What IQ4's four bits mean: differences of neighbours, from the least on.
static int iq4_value(int q) {
    static const int steps[16] = {0, 23, 21, 18, 16, 14, 13, 12, 11, 12, 12, 13, 15, 16, 20, 24};
    int value = -127;
    for (int i = 1; i <= q; i++) value += steps[i];
    return value;
}

// Element i of the blocks that hold two bits a byte four times over.
static double pair_element(enum quant_type type, const uint8_t *block, int i) {
    int part = i / 32, sub = i / 16, at = i % 32;
    int byte = block[(type == QUANT_Q2_K ? 16 : 32) + (i < 128 ? 0 : 32) + at];
    int q = byte / (1 << 2 * (part % 4)) % 4;
    if (type == QUANT_Q2_K)
        return half_value(block + 80) * (block[sub] % 16) * q -
               half_value(block + 82) * (block[sub] / 16);
    const uint8_t *p = block + 96;
    int s = sub < 8 ? p[sub] % 16 : p[sub - 8] / 16;
    s += 16 * (p[8 + sub % 4] / (1 << 2 * (sub / 4)) % 4);
    if (block[at] / (1 << part) % 2 == 0) q -= 4;
    return half_value(block + 108) * (s - 32) * q;
}

static double iq4_element(enum quant_type type, const uint8_t *block, int i) {
    const uint8_t *nibbles = block + (type == QUANT_IQ4_NL ? 2 : 8 + i / 32 * 16);
    int sub = i / 32, q = i % 32 < 16 ? nibbles[i % 16] % 16 : nibbles[i % 16] / 16;
    if (type == QUANT_IQ4_NL) return half_value(block) * iq4_value(q);
    int s = block[4 + sub / 2] / (sub % 2 ? 16 : 1) % 16;
    s += 16 * ((block[2] + 256 * block[3]) / (1 << 2 * sub) % 4);
    return half_value(block) * (s - 32) * iq4_value(q);
}

// Element i of a row, by the description of the format (quant.h), in double.
static double element(enum quant_type type, const uint8_t *row, size_t i) {
    const uint8_t *block = row + i / quant_find(type)->block * quant_find(type)->bytes;
    float value;
    int q, j;
    switch (type) {
    case QUANT_F32: memcpy(&value, block, 4); return (double)value;
    case QUANT_F16: return half_value(block);
    case QUANT_BF16: return brain_value(block);
    case QUANT_Q8_0: return half_value(block) * (int8_t)block[2 + i % 32];
    case QUANT_Q4_0:
        j = (int)(i % 32);
        q = j < 16 ? block[2 + j] % 16 : block[2 + j - 16] / 16;
        return half_value(block) * (q - 8);
    case QUANT_Q4_1:
        j = (int)(i % 32);
        q = j < 16 ? block[4 + j] % 16 : block[4 + j - 16] / 16;
        return half_value(block) * q + half_value(block + 2);
    case QUANT_Q5_0:
        j = (int)(i % 32);
        q = j < 16 ? block[6 + j] % 16 : block[6 + j - 16] / 16;
        q += block[2 + j / 8] >> j % 8 & 1 ? 16 : 0;
        return half_value(block) * (q - 16);
    case QUANT_Q5_1:
        j = (int)(i % 32);
        q = j < 16 ? block[8 + j] % 16 : block[8 + j - 16] / 16;
        q += block[4 + j / 8] >> j % 8 & 1 ? 16 : 0;
        return half_value(block) * q + half_value(block + 2);
    case QUANT_Q4_K:
    case QUANT_Q5_K: {
        j = (int)(i % 256) / 32; // sub-block
        const uint8_t *p = block + 4;
        int s = j < 4 ? p[j] % 64 : p[j + 4] % 16 + p[j - 4] / 64 * 16;
        int m = j < 4 ? p[j + 4] % 64 : p[j + 4] / 16 + p[j] / 64 * 16;
        int byte = block[(type == QUANT_Q5_K ? 48 : 16) + 32 * (j / 2) + (int)(i % 32)];
        q = j % 2 ? byte / 16 : byte % 16;
        if (type == QUANT_Q5_K) q += 16 * (block[16 + i % 32] >> j & 1);
        return half_value(block) * s * q - half_value(block + 2) * m;
    }
    case QUANT_Q6_K: {
        int in = (int)(i % 256), half = in / 128, part = in % 128 / 32, at = in % 32;
        int low = block[64 * half + at + (part % 2) * 32], high = block[128 + 32 * half + at];
        q = (part < 2 ? low % 16 : low / 16) + (high >> (2 * part)) % 4 * 16 - 32;
        return half_value(block + 208) * (int8_t)block[192 + in / 16] * q;
    }
    case QUANT_Q2_K:
    case QUANT_Q3_K: return pair_element(type, block, (int)(i % 256));
    case QUANT_IQ4_NL: return iq4_element(type, block, (int)(i % 32));
    case QUANT_IQ4_XS: return iq4_element(type, block, (int)(i % 256));
    }
    return NAN;
}

static void rows_expand_as_their_formats_say(void **state) {
    (void)state;
    uint8_t row[4 * 256];
    float out[KERNEL_CHUNK];
    for (uint32_t type = 0; type <= QUANT_TYPE_MAX; type++) {
        for (int round = 0; round < chance_rounds(50) && quant_find(type); round++) {
            fill_row(type, row, 256);
            kernels_scalar.expand(type, row, 0, 256, out);
            bits_add_floats(out, 256);
            for (size_t i = 0; i < 256; i++) {
                double want = element(type, row, i);
                if (out[i] != (float)want) // where the format is not exact, it is rounded once
                    fail_msg("%s element %zu: %.9g, not %.17g", quant_name(type), i,
                             (double)out[i], want);
            }
        }
    }
    bits_say("expanded");
}

static void halves_round_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint8_t at[2] = {(uint8_t)bits, (uint8_t)(bits >> 8)};
        float value = quant_from_half((uint16_t)bits);
        if ((bits & 0x7c00) == 0x7c00) continue;
        assert_true((double)value == half_value(at));
        assert_int_equal(quant_to_half(value), bits);
        if ((bits & 0x7fff) == 0x7bff) continue;
        float next = quant_from_half((uint16_t)(bits + 1)), middle = (value + next) / 2; // exact
        assert_int_equal(quant_to_half(middle), bits + (bits & 1));
        assert_int_equal(quant_to_half(nextafterf(middle, value)), bits);
        assert_int_equal(quant_to_half(nextafterf(middle, next)), bits + 1);
    }
    assert_int_equal(quant_to_half(65520), 0x7c00);
    assert_int_equal(quant_to_half(-INFINITY), 0xfc00);
    assert_true(isnan(quant_from_half(quant_to_half(NAN))));
}

static void a_scale_without_end_is_seen(void **state) {
    (void)state;
    enum { ELEMENTS = 1024 };
    uint8_t row[ELEMENTS * 4];
    for (uint32_t type = 0; type <= QUANT_TYPE_MAX; type++) {
        const struct quant *quant = quant_find(type);
        if (!quant) continue;
        int at[2];
        scales_of(type, at);
        for (int i = 0; i < 2 && at[i] >= 0; i++) {
            for (int nan = 0; nan < 2; nan++) {
                fill_row(type, row, ELEMENTS);
                assert_true(quant_finite(type, row, ELEMENTS));
                uint8_t *block = row + chance() % (ELEMENTS / quant->block) * quant->bytes;
                uint8_t *high = block + at[i] + (type == QUANT_F32 ? 2 : 0);
                bool half = type != QUANT_F32 && type != QUANT_BF16;
                high[0] = half ? 0xff : 0x7f; // the largest there is
                high[1] = half ? 0x7b : 0x7f;
                assert_true(quant_finite(type, row, ELEMENTS));
                high[0] = half ? 0 : 0x80;
                high[1] = half ? 0x7c : 0x7f;
                high[nan ? 0 : 1] |= nan ? 1 : 0x80; // NaN, or minus infinity
                if (type == QUANT_F32) block[0] = block[1] = 0;
                assert_false(quant_finite(type, row, ELEMENTS));
            }
        }
    }
}

// ---- equality of the sets ----

enum { ROWS = 37, COLUMNS_ODD = 7, LONGEST = 2048 };
static uint8_t weights[ROWS * LONGEST * 4];
static float inputs[KERNEL_COLUMNS_MAX * LONGEST], results[SETS_MAX][KERNEL_COLUMNS_MAX * 48];

static void fill_inputs(size_t n, size_t stride) {
    memset(inputs, 0, sizeof inputs);
    for (size_t c = 0; c < KERNEL_COLUMNS_MAX; c++)
        for (size_t i = 0; i < n; i++) inputs[c * stride + i] = chance_float(4);
}

static void expect_equal_products(enum quant_type type, size_t n, const struct kernels *const *set,
                                  size_t n_sets) {
    const struct quant *quant = quant_find(type);
    size_t stride = kernel_pad(n), bytes = n / quant->block * quant->bytes;
    for (size_t r = 0; r < ROWS; r++) fill_row(type, weights + r * bytes, n);
    fill_inputs(n, stride);
    size_t columns = chance() & 1 ? KERNEL_COLUMNS_MAX : COLUMNS_ODD;
    float bias[ROWS];
    for (size_t r = 0; r < ROWS; r++) bias[r] = chance_float(1);
    struct kernel_product p = {.type = type,
                               .weights = weights,
                               .row_bytes = bytes,
                               .n = n,
                               .x = inputs,
                               .x_stride = stride,
                               .y_stride = 48,
                               .columns = columns,
                               .bias = chance() & 1 ? bias : NULL};
    for (size_t s = 0; s < n_sets; s++) {
        memset(results[s], 0, sizeof results[s]);
        p.y = results[s];
        set[s]->multiply(&p, 0, ROWS);
        assert_memory_equal(results[s], results[0], columns * 48 * sizeof(float));
    }
    bits_add_floats(results[0], columns * 48);
    // One column alone, one row alone: the same bits again.
    float alone[48] = {0};
    size_t column = chance() % columns, row = chance() % ROWS;
    struct kernel_product one = p;
    one.x += column * stride;
    one.y = alone;
    one.columns = 1;
    set[n_sets - 1]->multiply(&one, row, row + 1);
    assert_memory_equal(&alone[row], &results[0][column * 48 + row], sizeof(float));
}

static void products_are_equal_in_every_set(void **state) {
    (void)state;
    const struct kernels *set[SETS_MAX];
    size_t n_sets = sets(set);
    static const size_t lengths[] = {16, 32, 172, 256, 288, 1000, 2048};
    for (uint32_t type = 0; type <= QUANT_TYPE_MAX; type++) {
        const struct quant *quant = quant_find(type);
        for (size_t l = 0; quant && l < sizeof lengths / sizeof *lengths; l++)
            if (lengths[l] % quant->block == 0)
                expect_equal_products(type, lengths[l], set, n_sets);
        if (quant) bits_say(quant->name);
    }
    print_message("%zu sets\n", n_sets);
}

// The order of a sum is this loop; any other would be a change of what models answer.
static void a_product_is_sixteen_lanes_folded(void **state) {
    (void)state;
    enum { N = 1000 };
    float w[N], lane[16] = {0}, y;
    fill_inputs(N, kernel_pad(N));
    for (size_t i = 0; i < N; i++) w[i] = chance_float(1);
    memcpy(weights, w, sizeof w);
    for (size_t i = 0; i < N; i++) lane[i % 16] = fmaf(w[i], inputs[i], lane[i % 16]);
    for (size_t half = 8; half; half /= 2)
        for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
    struct kernel_product p = {.weights = weights,
                               .row_bytes = N * 4,
                               .n = N,
                               .x = inputs,
                               .y = &y,
                               .x_stride = kernel_pad(N),
                               .y_stride = 16,
                               .columns = 1};
    kernels_scalar.multiply(&p, 0, 1);
    assert_memory_equal(&y, &lane[0], sizeof y);
    p.bias = w;
    kernels_scalar.multiply(&p, 0, 1);
    assert_true(y == lane[0] + w[0]);
}

enum { N = 176, HEAD = 96, POSITIONS = 100 };

// Rows through every other kernel, one after another.
static void run_rows(const struct kernels *kernels, const float *up, const float *w, float *x) {
    struct kernel_norm norm = {w, chance_state & 1 ? w : NULL, N - 4, 1e-5f, chance_state & 2};
    kernels->norm(&norm, up, x);
    kernels->activate(chance_state & 4 ? KERNEL_GELU : KERNEL_SILU, x, chance_state & 8 ? w : NULL,
                      N);
    kernels->add(x, up, 0.7f, N);
    const struct kernel_spread spread = {.b = w, .x = up, .y = x, .stride = 2, .ranks = 5, .scale = 0.3f,
                                       .x_stride = 1, .columns = 1};
    kernels->spread(&spread, 0, N / 2 / 16 * 16);
    kernels->scale(x, 1.3f, N);
    kernels->cap(x, 0.9f, 20, N);
}

static void rows_are_equal_in_every_set(void **state) {
    (void)state;
    const struct kernels *set[SETS_MAX];
    size_t n_sets = sets(set);
    static float x[SETS_MAX][N], y[SETS_MAX][112], up[N], w[N], sums[SETS_MAX];
    static uint16_t halves[SETS_MAX][N];
    for (int round = 0; round < chance_rounds(400); round++) {
        float most = ldexpf(1, (int)(chance() % 40) - 20);
        for (size_t i = 0; i < N; i++) {
            up[i] = i < N - 4 ? chance_float(most) : 0;
            w[i] = i < N - 4 ? chance_float(2) : 0;
        }
        for (size_t s = 0; s < n_sets; s++) {
            run_rows(set[s], up, w, x[s]);
            assert_memory_equal(x[s], x[0], sizeof x[0]);
            assert_true(x[s][N - 1] == 0);
            set[s]->halve(x[s], N, halves[s]);
            assert_memory_equal(halves[s], halves[0], sizeof halves[0]);
            for (size_t i = 0; i < 112; i++) y[s][i] = i < 101 ? up[i] : (float)s;
            sums[s] = set[s]->softmax(y[s], 101, 0.5f);
            assert_memory_equal(&sums[s], &sums[0], sizeof sums[0]);
            assert_memory_equal(y[s], y[0], sizeof y[0]);
        }
        bits_add(halves[0], sizeof halves[0]);
        bits_add_floats(x[0], N);
        bits_add_floats(&sums[0], 1);
        bits_add_floats(y[0], 112);
    }
    bits_say("rows");
}

enum { PAGES = (POSITIONS + KERNEL_PAGE - 1) / KERNEL_PAGE, PAGE = KERNEL_PAGE * HEAD };
static uint16_t attend_k[PAGES * PAGE], attend_v[PAGES * PAGE];
static const uint32_t attend_pages[PAGES] = {3, 0, 6, 5, 1, 2, 4};

// Whole pages at random: halves, or codes and their scales.
static void fill_pages(const struct kernel_attention *a, uint16_t *rows, float most) {
    size_t codes = a->cache == ENGINE_CACHE_Q8_0 ? KERNEL_PAGE * a->stride / 2 : 0;
    for (size_t i = 0; i < PAGES * a->page_stride; i++) {
        bool code = i % a->page_stride < codes;
        rows[i] = code ? (uint16_t)chance() : quant_to_half(chance_float(codes ? most / 128 : most));
    }
}

// Element i of a key or a value, by the description of pages (kernels.h).
static double stored(const struct kernel_attention *a, bool key, size_t t, size_t i) {
    size_t place = t % KERNEL_PAGE, at = key ? i * KERNEL_PAGE + place : place * a->stride + i;
    const uint16_t *page = (key ? a->k : a->v) + attend_pages[t / KERNEL_PAGE] * a->page_stride;
    if (a->cache == ENGINE_CACHE_F16) return (double)quant_from_half(page[at]);
    uint16_t scale = page[KERNEL_PAGE * a->stride / 2 + i / 32 * KERNEL_PAGE + place];
    return (double)quant_from_half(scale) * ((const int8_t *)page)[at];
}

// Element 7 of a query's output, by the formula.
static double attended(const struct kernel_attention *a, size_t query) {
    double total = 0, sum = 0;
    for (size_t t = a->from[query]; t < a->to[query]; t++) {
        double score = 0;
        for (size_t i = 0; i < a->len; i++)
            score += (double)a->q[query][i] * stored(a, true, t, i);
        score *= (double)a->scale;
        if (a->cap > 0) score = (double)a->cap * tanh(score / (double)a->cap);
        total += exp(score);
        sum += exp(score) * stored(a, false, t, 7);
    }
    return sum / total;
}

// Several queries together and one alone give the same bits, in every set.
static void attention_is_equal_in_every_set(void **state) {
    (void)state;
    const struct kernels *set[SETS_MAX];
    size_t n_sets = sets(set);
    static float q[KERNEL_QUERIES][HEAD], out[SETS_MAX][KERNEL_QUERIES][HEAD], alone[HEAD];
    static float scores[KERNEL_QUERIES * (POSITIONS + 48)];
    for (int round = 0; round < chance_rounds(600); round++) {
        float most = ldexpf(1, (int)(chance() % 40) - 20);
        size_t stride = KERNEL_LANES * (1 + chance() % (HEAD / KERNEL_LANES));
        struct kernel_attention a = {.cache = (enum engine_cache)(round % ENGINE_CACHE_END),
                                     .queries = 1 + chance() % KERNEL_QUERIES,
                                     .k = attend_k,
                                     .v = attend_v,
                                     .pages = attend_pages,
                                     .len = stride - chance() % 8,
                                     .stride = stride,
                                     .scale = 0.25f,
                                     .cap = chance() & 1 ? 5 : 0,
                                     .scores = scores};
        a.page_stride = kernel_page_halves(a.cache, stride);
        fill_pages(&a, attend_k, most);
        fill_pages(&a, attend_v, most);
        for (size_t i = 0; i < a.queries; i++) {
            for (size_t j = 0; j < HEAD; j++) q[i][j] = j < a.len ? chance_float(3) : 0;
            a.q[i] = q[i];
            a.to[i] = 1 + chance() % POSITIONS;
            a.from[i] = chance() & 1 ? chance() % a.to[i] : 0;
        }
        for (size_t s = 0; s < n_sets; s++) {
            for (size_t i = 0; i < a.queries; i++) a.out[i] = out[s][i];
            set[s]->attend(&a);
            for (size_t i = 0; i < a.queries; i++)
                assert_memory_equal(out[s][i], out[0][i], stride * sizeof **out[0]);
        }
        for (size_t i = 0; i < a.queries; i++) bits_add_floats(out[0][i], stride);
        for (size_t i = 0; i < a.queries; i++) {
            struct kernel_attention one = a;
            one.queries = 1;
            one.q[0] = a.q[i];
            one.from[0] = a.from[i];
            one.to[0] = a.to[i];
            one.out[0] = alone;
            set[n_sets - 1]->attend(&one);
            assert_memory_equal(alone, out[0][i], stride * sizeof *alone);
            if (most < 10)
                assert_true(fabs(attended(&a, i) - (double)out[0][i][7]) < 1e-4 * (double)most);
        }
    }
    bits_say("attention");
}

// Codes and scales of a head, by the description of the kernel.
static void codes_are_equal_in_every_set(void **state) {
    (void)state;
    const struct kernels *set[SETS_MAX];
    size_t n_sets = sets(set);
    static int8_t codes[SETS_MAX][HEAD];
    uint16_t scales[SETS_MAX][HEAD / KERNEL_BLOCK];
    static const float odd[] = {NAN, -NAN, INFINITY, -INFINITY, 65520.0f * 127, 0x1p-101f, 1e-6f};
    for (int round = 0; round < chance_rounds(2000); round++) {
        float x[HEAD], most[HEAD / KERNEL_BLOCK] = {0}, spread = ldexpf(1, (int)(chance() % 60) - 40);
        size_t n = KERNEL_LANES * (1 + chance() % (HEAD / KERNEL_LANES)), at = chance() % n;
        for (size_t i = 0; i < n; i++) x[i] = chance_float(spread);
        if (round % 4 == 0) x[at] = odd[chance() % (sizeof odd / sizeof *odd)];
        for (size_t s = 0; s < n_sets; s++) {
            memset(codes[s], 85, HEAD);
            memset(scales[s], 85, sizeof scales[s]);
            set[s]->code(x, n, codes[s], scales[s]);
            assert_memory_equal(codes[s], codes[0], HEAD);
            assert_memory_equal(scales[s], scales[0], sizeof scales[0]);
        }
        bits_add(codes[0], n);
        for (size_t i = 0; i < n; i++) // NaN stays
            if (isnan(x[i]) || fabsf(x[i]) > most[i / 32]) most[i / 32] = fabsf(x[i]);
        for (size_t i = 0; i < n; i++) {
            float block = most[i / 32];
            uint16_t scale = scales[0][i / 32];
            if (!(block / 127 < 65520)) {
                assert_int_equal(scale, 0x7e00);
                continue;
            }
            assert_int_equal(scale, block > 0x1p-100f ? quant_to_half(block / 127) : 0);
            assert_int_equal(codes[0][i], block > 0x1p-100f ? lrintf(x[i] * (127 / block)) : 0);
        }
        for (size_t i = n; i < HEAD; i++) assert_int_equal(codes[0][i], 85);
    }
    bits_say("codes");
}

// ---- accuracy, against libm in double ----

static void exponentials_are_close(void **state) {
    (void)state;
    float x[16], worst = 0;
    for (int i = -8700; i < 0; i++) {
        for (size_t j = 0; j < 16; j++) x[j] = (float)i / 100 + (float)j / 1600;
        x[15] = 0; // the largest
        float before[16];
        memcpy(before, x, sizeof x);
        kernels_scalar.softmax(x, 16, 1);
        for (size_t j = 0; j < 15; j++) {
            if (before[j] > 0 || before[j] < -87) continue;
            float error = (float)fabs((double)x[j] / exp((double)before[j]) - 1);
            worst = error > worst ? error : worst;
        }
    }
    print_message("worst relative error of exp: %.3g\n", (double)worst);
    assert_true(worst < 3e-7f);
}

// Norms, activations and caps, by their formulas.
static void rows_are_close(void **state) {
    (void)state;
    float x[32], w[32], b[32], y[32];
    for (int round = 0; round < chance_rounds(2000); round++) {
        double mean = 0, squares = 0, variance = 0;
        memset(x, 0, sizeof x);
        for (size_t i = 0; i < 20; i++) {
            x[i] = chance_float(round % 2 ? 8 : 0.01f) + 1;
            w[i] = chance_float(2);
            b[i] = chance_float(2);
            mean += (double)x[i] / 20;
        }
        for (size_t i = 0; i < 20; i++) {
            squares += (double)x[i] * (double)x[i] / 20;
            variance += ((double)x[i] - mean) * ((double)x[i] - mean) / 20;
        }
        kernels_scalar.norm(&(struct kernel_norm){w, NULL, 20, 1e-5f, false}, x, y);
        for (size_t i = 0; i < 20; i++)
            assert_true(fabs((double)x[i] / sqrt(squares + 1e-5) * (double)w[i] - (double)y[i]) < 1e-5);
        kernels_scalar.norm(&(struct kernel_norm){w, b, 20, 1e-5f, true}, x, y);
        for (size_t i = 0; i < 20; i++) {
            double want = ((double)x[i] - mean) / sqrt(variance + 1e-5) * (double)w[i];
            assert_true(fabs(want + (double)b[i] - (double)y[i]) < 2e-4);
        }
        memcpy(y, x, sizeof x);
        kernels_scalar.activate(KERNEL_GELU, y, NULL, 20);
        for (size_t i = 0; i < 20; i++) {
            double v = (double)x[i], u = 0.7978845608028654 * (v + 0.044715 * v * v * v);
            assert_true(fabs(v / 2 * (1 + tanh(u)) - (double)y[i]) < 3e-6);
        }
        memcpy(y, x, sizeof x);
        kernels_scalar.activate(KERNEL_SILU, y, w, 20);
        for (size_t i = 0; i < 20; i++) {
            double v = (double)x[i], want = v / (1 + exp(-v)) * (double)w[i];
            assert_true(fabs(want - (double)y[i]) < 3e-6);
        }
        memcpy(y, x, sizeof x);
        kernels_scalar.cap(y, 0.01f, 3, 20);
        for (size_t i = 0; i < 20; i++) {
            double want = 3 * tanh(0.01 * (double)x[i] / 3);
            assert_true(fabs((double)y[i] / want - 1) < 1e-6);
        }
    }
}

static void nan_stays_nan(void **state) {
    (void)state;
    const struct kernels *set[SETS_MAX];
    size_t n_sets = sets(set);
    for (size_t s = 0; s < n_sets; s++) {
        float x[16] = {NAN, INFINITY, -INFINITY}, one[16];
        for (size_t i = 0; i < 16; i++) one[i] = 1;
        set[s]->activate(KERNEL_SILU, x, one, 16);
        assert_true(isnan(x[0]) && isinf(x[1]) && x[3] == 0);
        float capped[16] = {NAN, INFINITY, -INFINITY, 1e30f};
        set[s]->cap(capped, 1, 30, 16);
        assert_true(isnan(capped[0]) && capped[1] == 30 && capped[2] == -30 && capped[3] == 30);
        float scores[16] = {1, NAN};
        assert_true(isnan(set[s]->softmax(scores, 2, 1)));
        struct kernel_product p = {.weights = (const uint8_t *)x,
                                   .row_bytes = 64,
                                   .n = 16,
                                   .x = one,
                                   .y = scores,
                                   .x_stride = 16,
                                   .y_stride = 16,
                                   .columns = 1};
        set[s]->multiply(&p, 0, 1);
        assert_true(isnan(scores[0]));
        uint16_t page[KERNEL_PAGE * 9] = {0}; // a NaN among the keys; they lie as the values
        int8_t codes[16];
        float scratch[32];
        set[s]->code(x, 16, codes, page + KERNEL_PAGE * 8 + 3);
        struct kernel_attention a = {.cache = ENGINE_CACHE_Q8_0,
                                     .queries = 1,
                                     .q = {one},
                                     .to = {4},
                                     .out = {capped},
                                     .k = page,
                                     .v = page,
                                     .pages = &(uint32_t){0},
                                     .len = 16,
                                     .stride = 16,
                                     .scale = 1,
                                     .scores = scratch};
        set[s]->attend(&a);
        for (size_t i = 0; i < 16; i++) assert_true(isnan(capped[i]));
    }
}

static void angles_are_exact_floats(void **state) {
    (void)state;
    double rates[64];
    float cosines[64], sines[64];
    struct rope rope = {.rates = rates};
    rope_rates(&rope, 10000, NULL, 128, &(struct rope_scaling){.factor = 1, .magnitude = 1});
    for (uint32_t i = 0; i < 64; i++)
        assert_true(fabs(rates[i] / pow(10000, -2.0 * i / 128) - 1) < 1e-14);
    uint32_t off = 0, all = 0;
    for (uint32_t position = 0; position < 1 << 20; position += 997) {
        rope_angles(&rope, position, 64, cosines, sines);
        bits_add_floats(cosines, 64);
        bits_add_floats(sines, 64);
        for (uint32_t i = 0; i < 64; i++, all += 2) {
            double angle = position * rates[i];
            off += cosines[i] != (float)cos(angle);
            off += sines[i] != (float)sin(angle);
            assert_true(fabs((double)cosines[i] - cos(angle)) < 6e-8);
            assert_true(fabs((double)sines[i] - sin(angle)) < 6e-8);
        }
    }
    bits_say("angles");
    print_message("%u of %u angles differ from libm's in the last bit\n", off, all);
    assert_true(off * 1000 < all);
    float x[4] = {1, 0, 0, 1}, c[2] = {0, 1}, s[2] = {1, 0};
    rope_turn(x, c, s, 2, false); // a quarter turn, and none
    assert_true(x[0] == 0 && x[1] == 1 && x[2] == 0 && x[3] == 1);
    float halves[4] = {1, 0, 0, 1};
    rope_turn(halves, c, s, 2, true);
    assert_true(halves[0] == 0 && halves[1] == 0 && halves[2] == 1 && halves[3] == 1);
}

// Linear, factors, and YaRN by the formulas of the paper (section 3.2 and 3.4).
static void positions_are_stretched(void **state) {
    (void)state;
    double plain[32], rates[32];
    float factors[32], cosines[32], sines[32];
    struct rope rope = {.rates = plain};
    struct rope_scaling scaling = {.factor = 1, .magnitude = 1};
    rope_rates(&rope, 10000, NULL, 64, &scaling);
    rope.rates = rates;
    for (size_t i = 0; i < 32; i++) factors[i] = 1 + (float)i;
    scaling = (struct rope_scaling){.factor = 4, .magnitude = 1.5};
    rope_rates(&rope, 10000, factors, 64, &scaling);
    for (size_t i = 0; i < 32; i++)
        assert_true(fabs(rates[i] * 4 * (double)factors[i] / plain[i] - 1) < 1e-14);
    rope_angles(&rope, 9, 32, cosines, sines);
    for (size_t i = 0; i < 32; i++)
        assert_true(fabs(hypot((double)cosines[i], (double)sines[i]) - 1.5) < 1e-6);
    scaling = (struct rope_scaling){
        .factor = 4, .magnitude = 1, .yarn = true, .context = 4096, .fast = 32, .slow = 1, .part = 1};
    rope_rates(&rope, 10000, NULL, 64, &scaling);
    double low = floor(64 * log(4096 / (32 * 2 * 3.14159265358979)) / (2 * log(10000)));
    double high = ceil(64 * log(4096 / (2 * 3.14159265358979)) / (2 * log(10000)));
    for (size_t i = 0; i < 32; i++) {
        double ramp = ((double)i - low) / (high - low);
        ramp = ramp < 0 ? 0 : ramp > 1 ? 1 : ramp;
        assert_true(fabs(rates[i] / (plain[i] * (1 - ramp + ramp / 4)) - 1) < 1e-13);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_expand_as_their_formats_say),
        cmocka_unit_test(a_scale_without_end_is_seen),
        cmocka_unit_test(halves_round_to_nearest_even),
        cmocka_unit_test(products_are_equal_in_every_set),
        cmocka_unit_test(a_product_is_sixteen_lanes_folded),
        cmocka_unit_test(rows_are_equal_in_every_set),
        cmocka_unit_test(attention_is_equal_in_every_set),
        cmocka_unit_test(codes_are_equal_in_every_set),
        cmocka_unit_test(rows_are_close),
        cmocka_unit_test(exponentials_are_close),
        cmocka_unit_test(nan_stays_nan),
        cmocka_unit_test(angles_are_exact_floats),
        cmocka_unit_test(positions_are_stretched),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
