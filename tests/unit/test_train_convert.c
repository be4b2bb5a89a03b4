// A model written again as other types: the tensors are of the types asked for, near what they
// were, and the engine runs the file; what cannot be written is named.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#include "engine/engine.h"
#include "gguf_make.h"
#include "memory_sink.h"
#include "train/convert.h"
#include "train/encode.h"

enum { FILE_MAX = 1 << 25, LAYERS = 8 };

static struct memory first, second;
static struct make make;
static struct view model_file;
static struct gguf model;

static int setup(void **state) {
    (void)state;
    first = (struct memory){malloc(FILE_MAX), 0, FILE_MAX};
    second = (struct memory){malloc(FILE_MAX), 0, FILE_MAX};
    // Small random weights: rows of 256, so that every type has whole blocks.
    make = (struct make){.width = 256, .ff = 256, .layers = LAYERS, .matrix_type = QUANT_F16 + 1};
    model_file = make_file(&make);
    return gguf_open(&model, &model_file, 1) == SK_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    gguf_close(&model);
    make_free(&make);
    free(first.at);
    free(second.at);
    return 0;
}

static enum sk_code convert_to(const struct gguf *from, enum convert_type type, uint32_t threads,
                               struct memory *to) {
    static struct pool pool;
    assert_int_equal(pool_open(&pool, threads), SK_OK);
    struct convert convert = {.from = from, .type = type, .pool = &pool};
    to->len = 0;
    enum sk_code code = convert_run(&convert, (struct gguf_sink){memory_put, to});
    pool_close(&pool);
    return code;
}

static const struct {
    const char *name;
    enum convert_type type;
    enum quant_type matrix, output;
    double most; // relative error of a matrix
    uint32_t file;
} all[] = {
    {"f32", CONVERT_F32, QUANT_F32, QUANT_F32, 0, 0},
    {"F16", CONVERT_F16, QUANT_F16, QUANT_F16, 0, 1},
    {"BF16", CONVERT_BF16, QUANT_BF16, QUANT_BF16, 0.002, 32},
    {"Q8_0", CONVERT_Q8_0, QUANT_Q8_0, QUANT_Q8_0, 0.007, 7},
    {"q6_k", CONVERT_Q6_K, QUANT_Q6_K, QUANT_Q6_K, 0.025, 18},
    {"Q5_0", CONVERT_Q5_0, QUANT_Q5_0, QUANT_Q6_K, 0.06, 8},
    {"Q4_0", CONVERT_Q4_0, QUANT_Q4_0, QUANT_Q6_K, 0.12, 2},
    {"Q4_K", CONVERT_Q4_K, QUANT_Q4_K, QUANT_Q6_K, 0.1, 14},
    {"Q4_K_M", CONVERT_Q4_K_M, QUANT_Q4_K, QUANT_Q6_K, 0.1, 15},
};
enum { ALL = sizeof all / sizeof *all };

static double difference(const struct gguf *g, const struct gguf_tensor *t,
                         const struct gguf_tensor *was) {
    static float x[1024], y[1024];
    double off = 0, sum = 0;
    uint64_t rows = t->shape[1];
    for (uint64_t row = 0; row < rows; row++) {
        decode_part(t->type, gguf_data(g, t) + row * (t->bytes / rows), 0, t->shape[0], x);
        decode_part(was->type, gguf_data(&model, was) + row * (was->bytes / rows), 0, t->shape[0],
                    y);
        for (uint64_t i = 0; i < t->shape[0]; i++) {
            off += (double)(x[i] - y[i]) * (double)(x[i] - y[i]);
            sum += (double)y[i] * (double)y[i];
        }
    }
    return sqrt(off / sum);
}

// Layers of Q4_K_M whose attn_v and ffn_down are Q6_K, of 8: 0, the eighth 7, and 1 + 2, 1 + 5.
static bool more_bits(const char *name) {
    unsigned layer = 99;
    char part[32];
    if (sscanf(name, "blk.%u.%31[a-z_]", &layer, part) != 2) return false;
    return (strcmp(part, "attn_v") == 0 || strcmp(part, "ffn_down") == 0) &&
           (layer == 0 || layer == 7 || layer == 3 || layer == 6);
}

static void check_tensors(const struct gguf *g, size_t row) {
    uint32_t file = 99;
    assert_int_equal(gguf_u32(g, "general.file_type", GGUF_MUST_BE, &file), SK_OK);
    assert_int_equal(file, all[row].file);
    assert_int_equal(g->keys_len, model.keys_len + 2 - 1); // general.alignment is as it is
    assert_int_equal(g->tensors_len, model.tensors_len);
    for (uint32_t i = 0; i < g->tensors_len; i++) {
        char name[64];
        const struct gguf_tensor *t = &g->tensors[i];
        snprintf(name, sizeof name, "%.*s", (int)t->name.len, t->name.at);
        const struct gguf_tensor *was = gguf_tensor(&model, name);
        assert_non_null(was);
        if (strstr(name, "_norm")) {
            assert_int_equal(t->type, QUANT_F32);
            assert_memory_equal(gguf_data(g, t), gguf_data(&model, was), t->bytes);
            continue;
        }
        enum quant_type want = strcmp(name, "token_embd.weight") == 0 ? all[row].output
                                                                       : all[row].matrix;
        if (all[row].type == CONVERT_Q4_K_M && more_bits(name)) want = QUANT_Q6_K;
        assert_string_equal(quant_name(t->type), quant_name(want));
        double off = difference(g, t, was);
        if (!(off <= all[row].most)) fail_msg("%s as %s: %g", name, all[row].name, off);
    }
}

static void every_type_is_written(void **state) {
    (void)state;
    for (size_t i = 0; i < ALL; i++) {
        enum convert_type type = CONVERT_TYPES;
        struct gguf g;
        struct engine *engine;
        struct engine_options options = {.slots = 1, .threads = 1, .memory_max = 64 << 20};
        assert_int_equal(convert_find(all[i].name, &type), SK_OK);
        assert_int_equal(type, all[i].type);
        assert_int_equal(convert_to(&model, type, 1, &first), SK_OK);
        assert_int_equal(convert_to(&model, type, 2, &second), SK_OK);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.at, second.at, first.len);
        struct view file = {first.at, first.len};
        assert_int_equal(gguf_open(&g, &file, 1), SK_OK);
        check_tensors(&g, i);
        gguf_close(&g);
        if (engine_open(&engine, &file, 1, options) != SK_OK) fail_msg("%s", fail_text());
        engine_close(engine);
    }
    enum convert_type none;
    assert_int_equal(convert_find("Q9", &none), SK_UNKNOWN);
}

// What is of the type already is copied: writing it again changes nothing.
static void again_is_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < ALL; i++) {
        struct gguf g;
        assert_int_equal(convert_to(&model, all[i].type, 1, &first), SK_OK);
        struct view file = {first.at, first.len};
        assert_int_equal(gguf_open(&g, &file, 1), SK_OK);
        assert_int_equal(convert_to(&g, all[i].type, 1, &second), SK_OK);
        assert_int_equal(first.len, second.len);
        assert_memory_equal(first.at, second.at, first.len);
        gguf_close(&g);
    }
}

// Rows of 96, of 40: no whole blocks of 256, of 32.
static void odd_rows_fall_back(void **state) {
    (void)state;
    static const struct {
        uint32_t width;
        enum convert_type type;
        enum quant_type matrix, output;
    } rows[] = {{96, CONVERT_Q4_K_M, QUANT_Q5_0, QUANT_Q8_0},
                {96, CONVERT_Q6_K, QUANT_Q8_0, QUANT_Q8_0},
                {40, CONVERT_Q4_0, QUANT_F16, QUANT_F16}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct make odd = {.width = rows[i].width, .ff = 64, .layers = 1,
                           .matrix_type = QUANT_F32 + 1};
        struct view file = make_file(&odd);
        struct gguf g, h;
        assert_int_equal(gguf_open(&g, &file, 1), SK_OK);
        assert_int_equal(convert_to(&g, rows[i].type, 1, &first), SK_OK);
        struct view written = {first.at, first.len};
        assert_int_equal(gguf_open(&h, &written, 1), SK_OK);
        assert_int_equal(gguf_tensor(&h, "blk.0.attn_q.weight")->type, rows[i].matrix);
        assert_int_equal(gguf_tensor(&h, "token_embd.weight")->type, rows[i].output);
        gguf_close(&h);
        gguf_close(&g);
        make_free(&odd);
    }
}

static void bad_models_are_refused(void **state) {
    (void)state;
    struct make poisoned = {.matrix_type = QUANT_F32 + 1, .poison = "blk.1.ffn_up.weight"};
    struct make adapter = {.key = "general.type", .kind = 8, .text = "adapter"};
    struct gguf g;
    struct view file = make_file(&poisoned);
    for (uint32_t threads = 1; threads <= 2; threads++) {
        assert_int_equal(gguf_open(&g, &file, 1), SK_OK);
        assert_int_equal(convert_to(&g, CONVERT_Q8_0, threads, &first), SK_INPUT);
        assert_non_null(strstr(fail_text(), "tensor blk.1.ffn_up.weight, row 0: element 0"));
        gguf_close(&g);
    }
    make_free(&poisoned);
    file = make_file(&adapter);
    assert_int_equal(gguf_open(&g, &file, 1), SK_OK);
    assert_int_equal(convert_to(&g, CONVERT_Q8_0, 1, &first), SK_INPUT);
    assert_non_null(strstr(fail_text(), "merge"));
    gguf_close(&g);
    make_free(&adapter);
    for (second.max = 100; second.max < 3000000; second.max += 291313) {
        assert_int_equal(convert_to(&model, CONVERT_Q8_0, 1, &second), SK_LIMIT);
        assert_string_equal(fail_text(), "the disk is full");
    }
    second.max = FILE_MAX;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_written),
        cmocka_unit_test(again_is_the_same),
        cmocka_unit_test(odd_rows_fall_back),
        cmocka_unit_test(bad_models_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
