// Packed weights: every set multiplies them as the scalar twin does, bit for bit on fresh inputs;
// the twin is a formula written apart from it, and each weight is where the file has it.
#include "cmocka_chance.h"

#include "bits.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/kernels.h"

enum { SETS_MAX = ENGINE_KERNELS_END, ROWS = 37, LONGEST = 2048, Y_STRIDE = 48 };
enum { GROUPS = (ROWS + PACK_ROWS - 1) / PACK_ROWS, CHUNKS = LONGEST / KERNEL_CHUNK };

static uint8_t rows[ROWS * LONGEST * 2];
static _Alignas(64) uint8_t packed[GROUPS * PACK_ROWS * LONGEST * 2];
static float inputs[KERNEL_COLUMNS_MAX * LONGEST];
static struct kernel_codes codes[SETS_MAX][CHUNKS * KERNEL_COLUMNS_MAX];
static float results[SETS_MAX][KERNEL_COLUMNS_MAX * Y_STRIDE];

static uint64_t chance(void) { return chance_next(&chance_state); }

static float chance_float(float most) {
    return most * ((float)(int64_t)(chance() >> 40) * 0x1p-23f - 1);
}

static size_t sets(const struct kernels *out[SETS_MAX]) {
    size_t n = 0;
    for (enum engine_kernels kind = ENGINE_SCALAR; kind < ENGINE_KERNELS_END; kind++)
        n += kernels_choose(kind, &out[n]) == SK_OK;
    return n;
}

static const enum quant_type types[] = {QUANT_Q4_0, QUANT_Q4_1, QUANT_Q5_0, QUANT_Q5_1,
                                        QUANT_Q8_0, QUANT_Q4_K, QUANT_Q5_K, QUANT_Q6_K};
enum { TYPES = sizeof types / sizeof *types };

// Random blocks, their scales below 2^-1.
static size_t fill_rows(enum quant_type type, size_t n) {
    const struct quant *quant = quant_find(type);
    size_t bytes = n / quant->block * quant->bytes, at = type == QUANT_Q6_K ? 208 : 0;
    bool two = type == QUANT_Q4_1 || type == QUANT_Q5_1 || type == QUANT_Q4_K || type == QUANT_Q5_K;
    for (size_t i = 0; i < ROWS * bytes; i++) rows[i] = (uint8_t)chance();
    for (uint8_t *block = rows; block < rows + ROWS * bytes; block += quant->bytes) {
        block[at + 1] &= 0xb7;
        if (two) block[at + 3] &= 0xb7;
    }
    return bytes;
}

static void pack_rows(enum quant_type type, size_t n, size_t row_bytes) {
    size_t group = pack_group_bytes(pack_find(type), n);
    for (size_t r = 0; r < ROWS; r += PACK_ROWS)
        pack_group(type, rows + r * row_bytes, row_bytes, ROWS - r < PACK_ROWS ? ROWS - r : PACK_ROWS,
                   n, packed + r / PACK_ROWS * group);
}

static struct kernel_product product_of(enum quant_type type, size_t n, size_t columns) {
    return (struct kernel_product){.type = type,
                                   .pack = pack_find(type),
                                   .weights = packed,
                                   .row_bytes = pack_group_bytes(pack_find(type), n),
                                   .n = n,
                                   .y_stride = Y_STRIDE,
                                   .columns = columns};
}

// ---- equality of the sets ----

static void quantise_all(const struct kernels *set, size_t n, size_t columns,
                         struct kernel_codes *to) {
    for (size_t c = 0; c < columns; c++) set->quantise(inputs + c * n, n, to + c, columns);
}

// Of the blocks that there are; what lies past them is nobody's.
static void expect_same_codes(const struct kernel_codes *a, const struct kernel_codes *b, size_t n,
                              size_t columns) {
    for (size_t from = 0, chunk = 0; from < n; from += KERNEL_CHUNK, chunk++)
        for (size_t c = 0; c < columns; c++) {
            const struct kernel_codes *x = &a[chunk * columns + c], *y = &b[chunk * columns + c];
            size_t len = n - from < KERNEL_CHUNK ? n - from : KERNEL_CHUNK, blocks = len / 32;
            assert_memory_equal(x->code, y->code, len);
            assert_memory_equal(x->scale, y->scale, blocks * sizeof *x->scale);
            assert_memory_equal(x->weighed, y->weighed, blocks * sizeof *x->weighed);
            assert_memory_equal(x->sum, y->sum, blocks * sizeof *x->sum);
            assert_memory_equal(x->half, y->half, 2 * blocks * sizeof *x->half);
        }
}

static void expect_equal_products(enum quant_type type, size_t n, const struct kernels *const *set,
                                  size_t n_sets) {
    static const size_t widths[] = {1, 2, 3, 4, 5, 7, 8, 11, 12, 16, 29, KERNEL_COLUMNS_MAX};
    size_t columns = widths[chance() % (sizeof widths / sizeof *widths)];
    pack_rows(type, n, fill_rows(type, n));
    float bias[ROWS], most = ldexpf(1, (int)(chance() % 40) - 20);
    for (size_t r = 0; r < ROWS; r++) bias[r] = chance_float(1);
    for (size_t i = 0; i < columns * n; i++) inputs[i] = chance() % 9 ? chance_float(most) : 0;
    struct kernel_product p = product_of(type, n, columns);
    if (chance() & 1) p.bias = bias;
    for (size_t s = 0; s < n_sets; s++) {
        quantise_all(set[s], n, columns, codes[s]);
        expect_same_codes(codes[s], codes[0], n, columns);
        memset(results[s], 0, sizeof results[s]);
        p.codes = codes[s];
        p.y = results[s];
        set[s]->multiply(&p, 0, ROWS);
        assert_memory_equal(results[s], results[0], columns * Y_STRIDE * sizeof(float));
    }
    bits_add_floats(results[0], columns * Y_STRIDE);
    // One column alone, one group alone: the same bits again.
    float alone[Y_STRIDE] = {0};
    size_t column = chance() % columns, row = chance() % GROUPS * PACK_ROWS;
    const struct kernels *last = set[n_sets - 1];
    last->quantise(inputs + column * n, n, codes[0], 1);
    p.codes = codes[0];
    p.y = alone;
    p.columns = 1;
    size_t end = row + PACK_ROWS < ROWS ? row + PACK_ROWS : ROWS;
    last->multiply(&p, row, end);
    assert_memory_equal(alone + row, &results[0][column * Y_STRIDE + row], (end - row) * 4);
}

static void products_are_equal_in_every_set(void **state) {
    (void)state;
    const struct kernels *set[SETS_MAX];
    size_t n_sets = sets(set);
    static const size_t lengths[] = {32, 64, 256, 288, 896, 1024, 2048};
    for (size_t t = 0; t < TYPES; t++) {
        for (int round = 0; round < chance_rounds(6); round++)
            for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
                if (lengths[l] % quant_find(types[t])->block == 0)
                    expect_equal_products(types[t], lengths[l], set, n_sets);
        bits_say(quant_name(types[t]));
    }
    print_message("%zu sets\n", n_sets);
}

// ---- where things lie: the words of pack.h and of quant.h, one element at a time ----

static unsigned code_in_file(enum quant_type type, const uint8_t *block, size_t i) {
    const uint8_t *high = block + (type == QUANT_Q5_1 ? 4 : 2);
    unsigned fifth = (unsigned)high[i % 32 / 8] >> i % 8 & 1;
    switch (type) {
    case QUANT_Q4_0: return block[2 + i % 16] >> i / 16 * 4 & 15;
    case QUANT_Q4_1: return block[4 + i % 16] >> i / 16 * 4 & 15;
    case QUANT_Q5_0:
    case QUANT_Q5_1: return (high[4 + i % 16] >> i / 16 * 4 & 15) | fifth << 4;
    case QUANT_Q8_0: return block[2 + i] ^ 128;
    case QUANT_Q4_K: return block[16 + i / 64 * 32 + i % 32] >> i / 32 % 2 * 4 & 15;
    case QUANT_Q5_K:
        return (block[48 + i / 64 * 32 + i % 32] >> i / 32 % 2 * 4 & 15u) |
               (block[16 + i % 32] >> i / 32 & 1u) << 4;
    default:
        return (block[i / 128 * 64 + i % 64] >> i / 64 % 2 * 4 & 15u) |
               (block[128 + i / 128 * 32 + i % 32] >> i / 32 % 4 * 2 & 3u) << 4;
    }
}

static unsigned code_packed(unsigned bits, const uint8_t *block, size_t row, size_t i) {
    size_t g = i / 4;
    block += 4 * row + i % 4;
    if (bits == 8) return block[g * PACK_LINE];
    unsigned low = block[g % 4 * PACK_LINE] >> g / 4 * 4 & 15;
    if (bits == 5) return low | (block[4 * PACK_LINE] >> g & 1u) << 4;
    if (bits == 6) return low | (block[(4 + g / 4) * PACK_LINE] >> g % 4 * 2 & 3u) << 4;
    return low;
}

// The scales of element i of a chunk's row, `at` where the chunk has them.
static void expect_scales(enum quant_type type, const uint8_t *block, const uint8_t *at, size_t row,
                          size_t i) {
    uint8_t s[8], z[8];
    const uint8_t *half = at + 2 * row, *of_block = half + i / 32 * 32, *of_two = half + i / 32 * 64;
    switch (pack_find(type)->scales) {
    case PACK_PLAIN: assert_memory_equal(of_block, block, 2); return;
    case PACK_MIN:
        assert_memory_equal(of_two, block, 2);
        assert_memory_equal(of_two + 32, block + 2, 2);
        return;
    case PACK_SUPER:
        quant_k_scales(block + 4, s, z);
        assert_memory_equal(half, block, 2);
        assert_memory_equal(half + 32, block + 2, 2);
        assert_int_equal(at[64 + i / 32 * 32 + row], s[i / 32]);
        assert_int_equal(at[64 + i / 32 * 32 + 16 + row], z[i / 32]);
        return;
    case PACK_HALVES:
        assert_memory_equal(half, block + 208, 2);
        assert_int_equal(at[32 + i / 16 * 16 + row], block[192 + i / 16]);
        return;
    }
}

static void expect_element(enum quant_type type, size_t n, size_t r, size_t i) {
    const struct quant *quant = quant_find(type);
    const struct pack *pack = pack_find(type);
    size_t from = i / PACK_CHUNK * PACK_CHUNK, in_chunk = i - from, row = r % PACK_ROWS;
    size_t blocks = (n - from < PACK_CHUNK ? n - from : PACK_CHUNK) / PACK_BLOCK;
    const uint8_t *block = rows + (r * n + i) / quant->block * quant->bytes;
    const uint8_t *chunk = packed + r / PACK_ROWS * pack_group_bytes(pack, n) +
                           i / PACK_CHUNK * pack_chunk_bytes(pack, PACK_CHUNK / PACK_BLOCK);
    const uint8_t *scales = chunk + blocks * pack_codes_bytes(pack);
    chunk += in_chunk / PACK_BLOCK * pack_codes_bytes(pack);
    assert_int_equal(code_packed(pack->bits, chunk, row, i % PACK_BLOCK),
                     code_in_file(type, block, i % quant->block));
    expect_scales(type, block, scales, row, in_chunk);
}

static void each_code_and_scale_is_in_its_place(void **state) {
    (void)state;
    static const size_t lengths[] = {32, 256, 288, 896, 1024};
    for (size_t t = 0; t < TYPES; t++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            size_t n = lengths[l];
            if (n % quant_find(types[t])->block) continue;
            memset(packed, 0xaa, sizeof packed);
            pack_rows(types[t], n, fill_rows(types[t], n));
            assert_int_equal(packed[GROUPS * pack_group_bytes(pack_find(types[t]), n)], 0xaa);
            for (size_t at = 0; at < ROWS * n; at++) expect_element(types[t], n, at / n, at % n);
        }
}

// A row that is read back has the bits that the file's row expands to.
static void a_packed_row_is_the_row_of_the_file(void **state) {
    (void)state;
    static const size_t lengths[] = {32, 256, 288, 896, 1024};
    static float expected[LONGEST], row[LONGEST];
    for (size_t t = 0; t < TYPES; t++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            size_t n = lengths[l];
            if (n % quant_find(types[t])->block) continue;
            const struct pack *pack = pack_find(types[t]);
            size_t bytes = fill_rows(types[t], n);
            pack_rows(types[t], n, bytes);
            for (size_t r = 0; r < ROWS; r++) {
                for (size_t from = 0; from < n; from += KERNEL_CHUNK)
                    kernels_scalar.expand(types[t], rows + r * bytes, from,
                                          n - from < KERNEL_CHUNK ? n - from : KERNEL_CHUNK,
                                          expected + from);
                pack_row(pack, packed + r / PACK_ROWS * pack_group_bytes(pack, n), r % PACK_ROWS, n,
                         row);
                assert_memory_equal(row, expected, n * sizeof *row);
            }
        }
}

// ---- the arithmetic, written apart ----

// A column of 127 at one place and 0 elsewhere is exact in eight bits.
static void each_weight_is_in_its_place(void **state) {
    (void)state;
    enum { N = 512 };
    static float weight[N];
    for (size_t t = 0; t < TYPES; t++) {
        size_t bytes = fill_rows(types[t], N);
        pack_rows(types[t], N, bytes);
        struct kernel_product p = product_of(types[t], N, KERNEL_COLUMNS_MAX);
        p.codes = codes[0];
        p.y = results[0];
        for (size_t from = 0; from < N; from += KERNEL_COLUMNS_MAX) {
            memset(inputs, 0, sizeof inputs);
            for (size_t c = 0; c < KERNEL_COLUMNS_MAX; c++) inputs[c * N + from + c] = 127;
            quantise_all(&kernels_scalar, N, KERNEL_COLUMNS_MAX, codes[0]);
            kernels_scalar.multiply(&p, 0, ROWS);
            for (size_t r = 0; r < ROWS; r++) {
                size_t chunk = from / KERNEL_CHUNK * KERNEL_CHUNK;
                kernels_scalar.expand(types[t], rows + r * bytes, chunk, KERNEL_CHUNK, weight + chunk);
                for (size_t c = 0; c < KERNEL_COLUMNS_MAX; c++) {
                    double want = 127 * (double)weight[from + c];
                    double got = (double)results[0][c * Y_STRIDE + r];
                    // Where m is taken from d q the two round the difference at other places.
                    assert_true(fabs(got - want) <= 1e-3 + 1e-5 * fabs(want));
                }
            }
        }
    }
}

// One scale for 32, to nearest with ties to even; sums and scales of what was rounded.
static void columns_are_rounded_to_eight_bits(void **state) {
    (void)state;
    enum { N = 288 };
    for (int round = 0; round < chance_rounds(500); round++) {
        float most = ldexpf(1, (int)(chance() % 60) - 30);
        for (size_t i = 0; i < N; i++) inputs[i] = chance_float(most);
        kernels_scalar.quantise(inputs, N, codes[0], 1);
        for (size_t b = 0; b < N / 32; b++) {
            const struct kernel_codes *chunk = &codes[0][b / 8];
            const int8_t *code = chunk->code + b % 8 * 32;
            float largest = 0;
            int32_t sum = 0;
            for (size_t i = 0; i < 32; i++) largest = fmaxf(largest, fabsf(inputs[b * 32 + i]));
            for (size_t i = 0; i < 32; i++) {
                assert_int_equal(code[i], lrintf(inputs[b * 32 + i] * (127 / largest)));
                sum += code[i];
            }
            assert_true(chunk->scale[b % 8] == largest / 127);
            assert_int_equal(chunk->sum[b % 8], sum);
            assert_int_equal(chunk->half[b % 8 * 2] + chunk->half[b % 8 * 2 + 1], sum);
            assert_true(chunk->weighed[b % 8] == largest / 127 * (float)sum);
        }
    }
}

// The order of a sum is this loop; any other would be a change of what models answer.
static void blocks_are_added_in_their_order(void **state) {
    (void)state;
    enum { N = 512 };
    size_t bytes = fill_rows(QUANT_Q4_1, N);
    pack_rows(QUANT_Q4_1, N, bytes);
    for (size_t i = 0; i < N; i++) inputs[i] = chance_float(3);
    kernels_scalar.quantise(inputs, N, codes[0], 1);
    struct kernel_product p = product_of(QUANT_Q4_1, N, 1);
    p.codes = codes[0];
    p.y = results[0];
    kernels_scalar.multiply(&p, 0, ROWS);
    for (size_t r = 0; r < ROWS; r++) {
        float sum = 0;
        for (size_t b = 0; b < N / 32; b++) {
            const struct kernel_codes *x = &codes[0][b / 8];
            const uint8_t *block = rows + r * bytes + b * 20;
            int32_t dot = 0;
            for (size_t i = 0; i < 32; i++)
                dot += (block[4 + i % 16] >> i / 16 * 4 & 15) * x->code[b % 8 * 32 + i];
            sum = fmaf((float)dot, quant_from_half(quant_u16(block)) * x->scale[b % 8], sum);
            sum = fmaf(quant_from_half(quant_u16(block + 2)), x->weighed[b % 8], sum);
        }
        assert_memory_equal(&sum, &results[0][r], sizeof sum);
    }
}

static void what_is_no_number_stays_none(void **state) {
    (void)state;
    const struct kernels *set[SETS_MAX];
    size_t n_sets = sets(set);
    static const float hostile[] = {NAN, INFINITY, -INFINITY};
    pack_rows(QUANT_Q8_0, 64, fill_rows(QUANT_Q8_0, 64));
    struct kernel_product p = product_of(QUANT_Q8_0, 64, 1);
    for (size_t s = 0; s < n_sets; s++)
        for (size_t h = 0; h < 3; h++) {
            for (size_t i = 0; i < 64; i++) inputs[i] = chance_float(1);
            inputs[chance() % 64] = hostile[h];
            set[s]->quantise(inputs, 64, codes[s], 1);
            p.codes = codes[s];
            p.y = results[s];
            set[s]->multiply(&p, 0, ROWS);
            for (size_t r = 0; r < ROWS; r++) assert_true(isnan(results[s][r]));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_and_scale_is_in_its_place),
        cmocka_unit_test(a_packed_row_is_the_row_of_the_file),
        cmocka_unit_test(products_are_equal_in_every_set),
        cmocka_unit_test(each_weight_is_in_its_place),
        cmocka_unit_test(columns_are_rounded_to_eight_bits),
        cmocka_unit_test(blocks_are_added_in_their_order),
        cmocka_unit_test(what_is_no_number_stays_none),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
