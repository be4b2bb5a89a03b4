// Products: every set this CPU has, with one to three threads, equals the plain product bit for
// bit, whatever the shapes, strides and turns.
#include "cmocka_chance.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/encode.h"
#include "train/gemm.h"
#include "train/gemm_set.h"

static const char *const names[] = {"scalar", "avx2", "avx512", "neon"};
enum { SETS = sizeof names / sizeof *names };

// Of an operand of floats.
static float element(const struct gemm_operand *operand, size_t row, size_t column) {
    const char *line = (const char *)operand->at +
                       (operand->transposed ? column : row) * operand->stride;
    return ((const float *)(const void *)line)[operand->transposed ? row : column];
}

// A product, one element after the other: what gemm_run must equal, bit for bit.
static void plain_run(const struct gemm *gemm) {
    for (size_t row = 0; row < gemm->m; row++)
        for (size_t column = 0; column < gemm->n; column++) {
            float *c = gemm->c + row * gemm->c_stride + column;
            float sum = gemm->add ? *c : 0;
            for (size_t k = 0; k < gemm->k; k++)
                sum = fmaf(element(&gemm->a, row, k), element(&gemm->b, k, column), sum);
            *c = sum;
        }
}

static size_t chance(size_t below) { return (size_t)(chance_next(&chance_state) >> 32) % below; }

static float *floats(size_t len) {
    float *out = malloc((len + 1) * sizeof *out);
    must(out);
    for (size_t i = 0; i < len; i++)
        out[i] = (float)(int64_t)(chance_next(&chance_state) >> 40) * 0x1p-23f - 1;
    return out;
}

// An operand of this many rows and columns, with a gap behind each row.
static struct gemm_operand operand(size_t rows, size_t columns) {
    bool transposed = chance(2);
    size_t lines = transposed ? columns : rows, len = (transposed ? rows : columns) + chance(5);
    return (struct gemm_operand){floats(lines * len), len * sizeof(float), QUANT_F32, transposed};
}

static size_t padded(size_t len) { return (len + ENCODE_PAD - 1) / ENCODE_PAD * ENCODE_PAD; }

struct rooms {
    struct gemm_room room;
    struct pool pool[3];
    void *memory;
};

static void rooms_open(struct rooms *rooms) {
    struct lay lay = {0};
    gemm_lay(&rooms->room, &lay);
    assert_false(lay.over);
    rooms->memory = aligned_alloc(LAY_ALIGN, lay.used);
    must(rooms->memory);
    memset(rooms->memory, 0xff, lay.used); // NaN: what is packed is written first
    lay = (struct lay){.base = rooms->memory};
    gemm_lay(&rooms->room, &lay);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(pool_open(&rooms->pool[i], i + 1), SK_OK);
}

static void rooms_close(struct rooms *rooms) {
    for (uint32_t i = 0; i < 3; i++) pool_close(&rooms->pool[i]);
    free(rooms->memory);
}

// The product by each set and number of threads equals `plain`, gaps between rows included.
static void check_ways(struct rooms *rooms, const struct gemm *gemm, const float *before,
                       const float *plain) {
    size_t bytes = gemm->m * gemm->c_stride * sizeof(float);
    for (size_t i = 0; i < SETS; i++) {
        rooms->room.set = gemm_set_find(names[i]);
        for (size_t p = 0; p < 3 && rooms->room.set; p++) {
            memcpy(gemm->c, before, bytes);
            gemm_run(&rooms->room, &rooms->pool[p], gemm);
            if (memcmp(gemm->c, plain, bytes) == 0) continue;
            fail_msg("%s, %zu threads, %zu x %zu x %zu, turned %d %d, add %d: other bits", names[i],
                     p + 1, gemm->m, gemm->n, gemm->k, gemm->a.transposed, gemm->b.transposed,
                     gemm->add);
        }
    }
}

static void check(struct rooms *rooms, size_t m, size_t n, size_t k) {
    struct gemm gemm = {m, n, k, operand(m, k), operand(k, n), NULL, n + chance(4), chance(2)};
    float *before = floats(m * gemm.c_stride), *plain = floats(m * gemm.c_stride);
    memcpy(plain, before, m * gemm.c_stride * sizeof *plain);
    gemm.c = plain;
    plain_run(&gemm);
    gemm.c = floats(m * gemm.c_stride);
    check_ways(rooms, &gemm, before, plain);
    free(gemm.c);
    free(plain);
    free(before);
    free((void *)(uintptr_t)gemm.a.at);
    free((void *)(uintptr_t)gemm.b.at);
}

static void equals_the_plain_product(void **state) {
    (void)state;
    static struct rooms rooms;
    rooms_open(&rooms);
    for (int i = 0; i < chance_rounds(300); i++)
        check(&rooms, chance(80), chance(150), chance(90));
    // Through the seams of blocks, panels and squares.
    for (int i = 0; i < chance_rounds(6); i++) {
        check(&rooms, 1 + chance(40), 990 + chance(80), 1 + chance(30));
        check(&rooms, 990 + chance(80), 1 + chance(40), 1 + chance(30));
        check(&rooms, 1 + chance(100), 1 + chance(100), 360 + chance(900));
    }
    check(&rooms, 2050, 1030, 3);
    check(&rooms, 1030, 2050, 3);
    check(&rooms, 300, 320, 800); // more than SMALL: the pool's threads
    rooms_close(&rooms);
}

// A product with a B of a file's type is that with the floats it stands for.
static void check_type(struct rooms *rooms, enum quant_type type) {
    const struct quant *quant = quant_find(type);
    size_t lines = 1 + chance(90), blocks = 1 + chance(700 / quant->block), m = 1 + chance(60);
    size_t len = blocks * quant->block, bytes = blocks * quant->bytes + chance(9);
    uint8_t *file = malloc(lines * bytes);
    float *expanded = malloc(lines * padded(len) * sizeof *expanded);
    must(file && expanded);
    for (size_t i = 0; i < lines * bytes; i++) file[i] = (uint8_t)chance(256);
    for (size_t i = 0; i < lines; i++)
        decode_part(type, file + i * bytes, 0, len, expanded + i * padded(len));
    bool transposed = chance(2);
    struct gemm gemm = {.m = m, .n = transposed ? lines : len, .k = transposed ? len : lines,
                        .c_stride = transposed ? lines : len};
    gemm.a = operand(m, gemm.k);
    float *whole = floats(m * gemm.n), *tiled = floats(m * gemm.n);
    for (size_t i = 0; i < SETS; i++) {
        rooms->room.set = gemm_set_find(names[i]);
        if (!rooms->room.set) continue;
        gemm.b = (struct gemm_operand){expanded, padded(len) * sizeof *expanded, QUANT_F32,
                                       transposed};
        gemm.c = whole;
        gemm_run(&rooms->room, &rooms->pool[0], &gemm);
        gemm.b = (struct gemm_operand){file, bytes, type, transposed};
        gemm.c = tiled;
        gemm_run(&rooms->room, &rooms->pool[1 + chance(2)], &gemm);
        assert_memory_equal(whole, tiled, m * gemm.n * sizeof *whole);
    }
    free(whole);
    free(tiled);
    free(file);
    free(expanded);
    free((void *)(uintptr_t)gemm.a.at);
}

static void expands_types_of_files(void **state) {
    (void)state;
    static struct rooms rooms;
    rooms_open(&rooms);
    for (uint32_t type = QUANT_F16; type <= QUANT_TYPE_MAX; type++)
        for (int i = 0; quant_find(type) && i < chance_rounds(6); i++)
            check_type(&rooms, (enum quant_type)type);
    rooms_close(&rooms);
}

// Of A x B, with A and B known by formula: the plain product itself.
static void plain_is_a_product(void **state) {
    (void)state;
    float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, 2, 1, 0, 3}, c[4] = {100, 100, 100, 100};
    struct gemm gemm = {2, 2, 3, {a, 12, QUANT_F32, false}, {b, 8, QUANT_F32, false}, c, 2, false};
    plain_run(&gemm);
    const float straight[4] = {5, 11, 14, 23};
    assert_memory_equal(c, straight, sizeof c);
    gemm.a.transposed = gemm.b.transposed = gemm.add = true;
    gemm.a.stride = 8;
    gemm.b.stride = 12;
    plain_run(&gemm);
    const float turned[4] = {5 + 11, 11 + 16, 14 + 14, 23 + 20};
    assert_memory_equal(c, turned, sizeof c);
}

static void says_its_sets(void **state) {
    (void)state;
    size_t n = 0;
    for (size_t i = 0; i < SETS; i++) n += gemm_set_find(names[i]) != NULL;
    print_message("%zu sets\n", n);
    assert_true(n >= 1);
    assert_null(gemm_set_find("abacus"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain_is_a_product),
                                       cmocka_unit_test(equals_the_plain_product),
                                       cmocka_unit_test(expands_types_of_files),
                                       cmocka_unit_test(says_its_sets)};
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
