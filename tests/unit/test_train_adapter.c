// A LoRA written, read by the engine, and merged: W + (alpha / rank) B A, in the type asked for.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#include "adapter_make.h"
#include "engine/adapter.h"
#include "engine/engine.h"
#include "memory_sink.h"
#include "train/adapter.h"
#include "train/convert.h"
#include "train/encode.h"

enum { FILE_MAX = 1 << 24, COLUMNS = 40, ROWS = 7, RANK = 3 };
static struct memory file, other;

static enum sk_code write_adapter(const struct adapter_file *from, struct memory *to) {
    struct gguf_writer writer;
    to->len = 0;
    assert_int_equal(gguf_writer_open(&writer, (struct gguf_sink){memory_put, to}), SK_OK);
    gguf_put_text(&writer, "general.name", VIEW("keigo"));
    enum sk_code code = adapter_write(from, &writer);
    gguf_writer_close(&writer);
    return code;
}

static void the_engine_reads_it(void **state) {
    (void)state;
    static float a[RANK * COLUMNS], b[ROWS * RANK], wide[2 * 4096];
    uint64_t seed = 7;
    for (size_t i = 0; i < RANK * COLUMNS; i++) a[i] = (float)(chance_next(&seed) % 4001) / 2000 - 1;
    for (size_t i = 0; i < ROWS * RANK; i++) b[i] = (float)(chance_next(&seed) % 4001) / 2000 - 1;
    for (size_t i = 0; i < 2 * 4096; i++) wide[i] = (float)i;
    const struct adapter_matrix matrices[] = {
        {VIEW("blk.0.attn_q.weight"), COLUMNS, ROWS, RANK, a, b},
        {VIEW("blk.0.ffn_down.weight"), 4096, 4096, 2, wide, wide}};
    struct adapter_file from = {VIEW("llama"), 6, QUANT_F32, matrices, 2};
    for (int half = 0; half < 2; half++) {
        struct adapter adapter;
        from.type = half ? QUANT_F16 : QUANT_F32;
        assert_int_equal(write_adapter(&from, &file), SK_OK);
        if (adapter_open(&adapter, memory_view(&file)) != SK_OK) fail_msg("%s", fail_text());
        assert_true(view_is(adapter.architecture, "llama"));
        assert_int_equal(adapter.rank, RANK);
        struct gguf_tensor q = {
            .name = VIEW("blk.0.attn_q.weight"), .dims = 2, .shape = {COLUMNS, ROWS, 1, 1}};
        struct adapter_pair pair;
        assert_int_equal(adapter_find(&adapter, &q, &pair), SK_OK);
        assert_true(pair.scale == 2);
        float back[COLUMNS * RANK + 16];
        decode_part(pair.a->type, gguf_data(&adapter.gguf, pair.a), 0, COLUMNS * RANK, back);
        for (size_t i = 0; i < COLUMNS * RANK; i++)
            assert_true(half ? fabsf(back[i] - a[i]) < 0.001f : back[i] == a[i]);
        decode_part(pair.b->type, gguf_data(&adapter.gguf, pair.b), 0, ROWS * RANK, back);
        for (size_t i = 0; i < ROWS * RANK; i++)
            assert_true(half ? fabsf(back[i] - b[i]) < 0.001f : back[i] == b[i]);
        adapter_close(&adapter);
    }
    b[4] = NAN;
    assert_int_equal(write_adapter(&from, &file), SK_INPUT);
    assert_non_null(strstr(fail_text(), "tensor blk.0.attn_q.weight.lora_b"));
}

static enum sk_code merge(struct view model, struct view adapter, enum convert_type type,
                          struct memory *to) {
    static struct pool pool;
    struct gguf from;
    struct adapter low;
    assert_int_equal(gguf_open(&from, &model, 1), SK_OK);
    if (adapter_open(&low, adapter) != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(pool_open(&pool, 2), SK_OK);
    struct convert convert = {.from = &from, .adapter = &low, .type = type, .pool = &pool};
    to->len = 0;
    enum sk_code code = convert_run(&convert, (struct gguf_sink){memory_put, to});
    pool_close(&pool);
    adapter_close(&low);
    gguf_close(&from);
    return code;
}

// Root mean square of the differences of all matrices, relative to what they are to be.
static double difference(struct view is, struct view wanted) {
    static float x[4096], y[4096];
    struct gguf a, b;
    double off = 0, all = 0;
    assert_int_equal(gguf_open(&a, &is, 1), SK_OK);
    assert_int_equal(gguf_open(&b, &wanted, 1), SK_OK);
    assert_int_equal(a.tensors_len, b.tensors_len);
    for (uint32_t i = 0; i < a.tensors_len; i++) {
        const struct gguf_tensor *t = &a.tensors[i], *w = &b.tensors[i];
        uint64_t rows = t->shape[1];
        for (uint64_t row = 0; row < rows; row++) {
            decode_part(t->type, gguf_data(&a, t) + row * (t->bytes / rows), 0, t->shape[0], x);
            decode_part(w->type, gguf_data(&b, w) + row * (w->bytes / rows), 0, t->shape[0], y);
            for (uint64_t j = 0; j < t->shape[0]; j++) {
                off += (double)(x[j] - y[j]) * (double)(x[j] - y[j]);
                all += (double)y[j] * (double)y[j];
            }
        }
    }
    gguf_close(&a);
    gguf_close(&b);
    return sqrt(off / all);
}

static void merged_is_base_and_product(void **state) {
    (void)state;
    static const struct {
        enum convert_type type;
        uint32_t rank, low_type;
        float alpha;
        double most;
    } cases[] = {{CONVERT_SAME, 4, QUANT_F32, 8, 1e-7},  {CONVERT_F32, 5, QUANT_F16, 2, 1e-7},
                 {CONVERT_F16, 1, QUANT_F32, 0, 0.0003}, {CONVERT_Q8_0, 16, QUANT_F32, 16, 0.007},
                 {CONVERT_Q4_K_M, 4, QUANT_F16, 8, 0.1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct make base = {.width = 256, .ff = 256, .matrix_type = QUANT_F32 + 1};
        struct make_adapter low = {.rank = cases[i].rank, .type = cases[i].low_type + 1,
                                   .alpha = cases[i].alpha};
        struct view model = make_file(&base), adapter = make_adapter_file(&low, model);
        if (merge(model, adapter, cases[i].type, &file) != SK_OK) fail_msg("%s", fail_text());
        double before = difference(memory_view(&file), model);
        make_merge(model, adapter, low.alpha, 1);
        double after = difference(memory_view(&file), model);
        if (!(after <= cases[i].most && before > 10 * after))
            fail_msg("%zu: %g, before %g", i, after, before);
        make_free(&low.make);
        make_free(&base);
    }
}

// Only matrices with a pair change, and those keep their type; all else is copied.
static void others_stay(void **state) {
    (void)state;
    struct make base = {.matrix_type = QUANT_Q8_0 + 1};
    struct make_adapter low = {.rank = 2, .alpha = 4, .only = "attn_v"};
    struct view model = make_file(&base), adapter = make_adapter_file(&low, model);
    struct gguf was, is;
    assert_int_equal(merge(model, adapter, CONVERT_SAME, &file), SK_OK);
    struct view merged = memory_view(&file);
    assert_int_equal(gguf_open(&was, &model, 1), SK_OK);
    assert_int_equal(gguf_open(&is, &merged, 1), SK_OK);
    assert_int_equal(is.keys_len, was.keys_len - 1); // general.alignment is as it is
    for (uint32_t i = 0; i < is.tensors_len; i++) {
        const struct gguf_tensor *a = &was.tensors[i], *b = &is.tensors[i];
        assert_true(view_same(a->name, b->name) && a->type == b->type && a->bytes == b->bytes);
        bool same = memcmp(gguf_data(&was, a), gguf_data(&is, b), a->bytes) == 0;
        assert_int_equal(same, memmem(a->name.at, a->name.len, "attn_v", 6) == NULL);
    }
    gguf_close(&was);
    gguf_close(&is);
    make_free(&low.make);
    make_free(&base);
}

static void others_models_are_refused(void **state) {
    (void)state;
    static const char up[] = "blk.0.ffn_up.weight";
    static const struct {
        struct make base, trained;
        struct make_adapter low;
        enum sk_code code;
        const char *text;
    } cases[] = {
        {{0}, {0}, {.rank = 2, .architecture = "qwen2"}, SK_INPUT, "is for another"},
        {{.layers = 1}, {0}, {.rank = 2}, SK_UNSUPPORTED, "blk.1."},
        {{.ff = 96}, {0}, {.rank = 2}, SK_CORRUPT, "the pair is for"},
        {{.width = 256, .ff = 256, .matrix_type = QUANT_Q5_K + 1}, {.width = 256, .ff = 256},
         {.rank = 2}, SK_UNSUPPORTED, "not written as Q5_K: give a type"},
        // Two experts of 32 x 32 in one tensor, and a pair that has the rows of one.
        {{.layers = 1, .tensor = up, .dims = 3, .shape = {32, 32, 2}}, {.layers = 1, .ff = 32},
         {.rank = 2, .only = "ffn_up"}, SK_UNSUPPORTED, "this build does not adapt it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct make base = cases[i].base, trained = cases[i].trained;
        struct make_adapter low = cases[i].low;
        struct view over = make_file(&trained), adapter = make_adapter_file(&low, over);
        struct view model = make_file(&base);
        assert_int_equal(merge(model, adapter, CONVERT_SAME, &other), cases[i].code);
        if (!strstr(fail_text(), cases[i].text)) fail_msg("%zu: %s", i, fail_text());
        assert_int_equal(other.len, 0); // told before anything was written
        make_free(&low.make);
        make_free(&trained);
        make_free(&base);
    }
}

static int setup(void **state) {
    (void)state;
    file = (struct memory){malloc(FILE_MAX), 0, FILE_MAX};
    other = (struct memory){malloc(FILE_MAX), 0, FILE_MAX};
    return file.at && other.at ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    free(file.at);
    free(other.at);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_engine_reads_it),
        cmocka_unit_test(merged_is_base_and_product),
        cmocka_unit_test(others_stay),
        cmocka_unit_test(others_models_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
