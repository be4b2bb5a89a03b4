// What is written is read back, key by key and byte by byte; what a reader would refuse is refused.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#include "chance.h"
#include "memory_sink.h"

enum { FILE_MAX = 1 << 20 };

static int setup(void **state) {
    struct memory *m = calloc(1, sizeof *m);
    if (!m) return -1;
    m->at = malloc(FILE_MAX);
    m->max = FILE_MAX;
    *state = m;
    return m->at ? 0 : -1;
}

static int teardown(void **state) {
    struct memory *m = *state;
    free(m->at);
    free(m);
    return 0;
}

static struct gguf_sink sink_of(struct memory *m) { return (struct gguf_sink){memory_put, m}; }

static const float floats[3] = {1, -0.5f, 2.25f};
static const struct view pieces[2] = {{"言葉", 6}, {"", 0}};

static void put_all(struct gguf_writer *w) {
    static const uint64_t vector[] = {3}, matrix[] = {64, 2};
    gguf_put_text(w, "general.architecture", VIEW("llama"));
    gguf_put_u32(w, "a.u32", 4000000000u);
    gguf_put_u64(w, "a.u64", UINT64_MAX);
    gguf_put_f32(w, "a.f32", 0.1f);
    gguf_put_bool(w, "a.bool", true);
    gguf_put_values(w, "a.floats", GGUF_F32, 3, floats);
    gguf_put_values(w, "a.none", GGUF_I32, 0, NULL);
    gguf_put_texts(w, "a.texts", 2, pieces);
    gguf_put_tensor(w, VIEW("v.weight"), QUANT_F32, 1, vector);
    gguf_put_tensor(w, VIEW("m.weight"), QUANT_Q8_0, 2, matrix);
}

static enum sk_code write_all(struct gguf_writer *w) {
    uint8_t data[4 * 34];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)i;
    put_all(w);
    TRY(gguf_write_head(w));
    TRY(gguf_write_data(w, floats, sizeof floats));
    TRY(gguf_write_data(w, data, 1));
    TRY(gguf_write_data(w, data + 1, sizeof data - 1));
    return gguf_write_end(w);
}

static void comes_back(void **state) {
    struct memory *m = *state;
    struct gguf_writer w;
    struct gguf g;
    assert_int_equal(gguf_writer_open(&w, sink_of(m)), SK_OK);
    assert_int_equal(write_all(&w), SK_OK);
    assert_int_equal(w.head_bytes + w.data_bytes, m->len);
    gguf_writer_close(&w);
    struct view file = {m->at, m->len};
    assert_int_equal(gguf_open(&g, &file, 1), SK_OK);
    assert_int_equal(g.keys_len, 8);
    assert_int_equal(g.tensors_len, 2);
    uint32_t number = 0;
    float value = 0;
    bool yes = false;
    struct view text;
    assert_int_equal(gguf_u32(&g, "a.u32", GGUF_MUST_BE, &number), SK_OK);
    assert_int_equal(number, 4000000000u);
    assert_int_equal(gguf_f32(&g, "a.f32", GGUF_MUST_BE, &value), SK_OK);
    assert_true(value == 0.1f);
    assert_int_equal(gguf_bool(&g, "a.bool", GGUF_MUST_BE, &yes), SK_OK);
    assert_true(yes);
    assert_int_equal(gguf_text(&g, "general.architecture", GGUF_MUST_BE, &text), SK_OK);
    assert_true(view_is(text, "llama"));
    const struct gguf_key *list;
    assert_int_equal(gguf_array(&g, "a.texts", GGUF_STRING, GGUF_MUST_BE, &list), SK_OK);
    struct view at = list->bytes;
    for (uint64_t i = 0; i < list->count; i++)
        assert_true(view_same(gguf_string_next(&at), pieces[i]));
    assert_int_equal(gguf_array(&g, "a.floats", GGUF_F32, GGUF_MUST_BE, &list), SK_OK);
    assert_memory_equal(list->bytes.at, floats, sizeof floats);
    const struct gguf_key *wide = gguf_find(&g, "a.u64");
    assert_memory_equal(wide->bytes.at, &(uint64_t){UINT64_MAX}, 8);
    struct gguf_tensor *v = gguf_tensor(&g, "v.weight"), *q = gguf_tensor(&g, "m.weight");
    assert_memory_equal(gguf_data(&g, v), floats, sizeof floats);
    assert_int_equal(q->type, QUANT_Q8_0);
    assert_int_equal(q->dims, 2);
    assert_int_equal(q->offset % GGUF_WRITE_ALIGN, 0);
    for (uint64_t i = 0; i < q->bytes; i++) assert_int_equal(gguf_data(&g, q)[i], (uint8_t)i);
    gguf_close(&g);
}

// All keys go over to another file, but those that are named and those of the layout.
static void keys_are_copied(void **state) {
    struct memory *m = *state, copy = {.at = malloc(FILE_MAX), .max = FILE_MAX};
    struct gguf_writer w;
    struct gguf g, h;
    static const char *const without[] = {"a.u32", "a.absent", NULL};
    assert_int_equal(gguf_writer_open(&w, sink_of(m)), SK_OK);
    gguf_put_u32(&w, "general.alignment", 32);
    gguf_put_u32(&w, "split.count", 0);
    put_all(&w);
    assert_int_equal(gguf_write_head(&w), SK_OK);
    gguf_writer_close(&w);
    memset(m->at + m->len, 0, 256); // data
    struct view file = {m->at, m->len + 256};
    assert_int_equal(gguf_open(&g, &file, 1), SK_OK);
    assert_int_equal(gguf_writer_open(&w, sink_of(&copy)), SK_OK);
    gguf_put_keys(&w, &g, without);
    gguf_put_u32(&w, "a.u32", 7);
    assert_int_equal(gguf_write_head(&w), SK_OK);
    assert_int_equal(gguf_write_end(&w), SK_OK);
    gguf_writer_close(&w);
    struct view other = {copy.at, copy.len};
    assert_int_equal(gguf_open(&h, &other, 1), SK_OK);
    assert_int_equal(h.keys_len, 8);
    assert_null(gguf_find(&h, "split.count"));
    for (uint32_t i = 0; i < h.keys_len; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)h.keys[i].name.len, h.keys[i].name.at);
        const struct gguf_key *key = gguf_find(&g, name);
        assert_non_null(key);
        assert_true(view_same(key->bytes, h.keys[i].bytes) == (strcmp(name, "a.u32") != 0));
    }
    gguf_close(&g);
    gguf_close(&h);
    free(copy.at);
}

static void full_sinks_are_told(void **state) {
    struct memory *m = *state;
    struct gguf_writer w;
    m->max = FILE_MAX;
    assert_int_equal(gguf_writer_open(&w, sink_of(m)), SK_OK);
    assert_int_equal(write_all(&w), SK_OK);
    size_t whole = m->len;
    gguf_writer_close(&w);
    for (m->max = 0; m->max < whole; m->max++) {
        m->len = 0;
        assert_int_equal(gguf_writer_open(&w, sink_of(m)), SK_OK);
        assert_int_equal(write_all(&w), SK_LIMIT);
        FAIL(SK_IO, "another text");
        assert_int_equal(gguf_write_end(&w), SK_LIMIT); // it is kept, with its text
        assert_string_equal(fail_text(), "the disk is full");
        gguf_writer_close(&w);
    }
}

static void expect(struct memory *m, void (*put)(struct gguf_writer *), enum sk_code code,
                   const char *text) {
    struct gguf_writer w;
    m->len = 0;
    assert_int_equal(gguf_writer_open(&w, sink_of(m)), SK_OK);
    put(&w);
    assert_int_equal(gguf_write_head(&w), code);
    assert_non_null(strstr(fail_text(), text));
    assert_int_equal(m->len, 0);
    gguf_writer_close(&w);
}

static void key_twice(struct gguf_writer *w) {
    gguf_put_u32(w, "one", 1);
    gguf_put_u32(w, "two", 1);
    gguf_put_f32(w, "one", 1);
}
static void tensor_twice(struct gguf_writer *w) {
    for (int i = 0; i < 2; i++) gguf_put_tensor(w, VIEW("w"), QUANT_F32, 1, &(uint64_t){4});
}
static void key_empty(struct gguf_writer *w) { gguf_put_bool(w, "", true); }
static void key_spaced(struct gguf_writer *w) { gguf_put_bool(w, "a b", true); }
static void name_long(struct gguf_writer *w) {
    char name[GGUF_NAME_LEN_MAX + 1];
    memset(name, 'a', sizeof name);
    gguf_put_tensor(w, (struct view){name, sizeof name}, QUANT_F32, 1, &(uint64_t){4});
}
static void text_bad(struct gguf_writer *w) {
    gguf_put_text(w, "general.name", VIEW("\xff"));
    gguf_put_bool(w, "", true); // the first failure is the one that is told
}
static void texts_bad(struct gguf_writer *w) {
    gguf_put_texts(w, "tokens", 1, &(struct view){"\xc0\x80", 2});
}
static void too_many(struct gguf_writer *w) {
    char name[16];
    for (int i = 0; i <= GGUF_KEYS_MAX; i++) {
        snprintf(name, sizeof name, "key%d", i);
        gguf_put_bool(w, name, true);
    }
}
static void too_large(struct gguf_writer *w) {
    gguf_put_values(w, "much", GGUF_F32, UINT64_MAX / 4, floats);
    gguf_put_u32(w, "more", 1);
}

static void lies_are_refused(void **state) {
    struct memory *m = *state;
    expect(m, key_twice, SK_INPUT, "key one: given twice");
    expect(m, tensor_twice, SK_INPUT, "tensor w: given twice");
    expect(m, key_empty, SK_INPUT, "name of a key");
    expect(m, key_spaced, SK_INPUT, "name of a key");
    expect(m, name_long, SK_INPUT, "name of a tensor must be 1..128");
    expect(m, text_bad, SK_INPUT, "general.name: not UTF-8");
    expect(m, texts_bad, SK_INPUT, "tokens: not UTF-8");
    expect(m, too_many, SK_LIMIT, "keys: more than 4096");
    expect(m, too_large, SK_LIMIT, "more than 268435456 bytes");
}

// Random files, written twice in parts of other lengths: the same bytes, and they are read back.
static void write_random(struct memory *m, uint64_t seed, uint64_t parts) {
    static const enum quant_type types[] = {QUANT_F32, QUANT_F16, QUANT_Q4_0, QUANT_Q4_K};
    struct gguf_writer w;
    uint64_t tensors = chance_next(&seed) % 8;
    assert_int_equal(gguf_writer_open(&w, sink_of(m)), SK_OK);
    for (uint64_t i = 0; i < tensors; i++) {
        enum quant_type type = types[chance_next(&seed) % 4];
        uint64_t shape[3] = {(chance_next(&seed) % 5 + 1) * quant_find(type)->block,
                             chance_next(&seed) % 4 + 1, chance_next(&seed) % 2 + 1};
        char name[16];
        int len = snprintf(name, sizeof name, "t%u", (unsigned)i);
        uint32_t dims = (uint32_t)(chance_next(&seed) % 3) + 1;
        gguf_put_tensor(&w, (struct view){name, (size_t)len}, type, dims, shape);
    }
    assert_int_equal(gguf_write_head(&w), SK_OK);
    for (uint8_t byte = 0; w.left; byte++) {
        uint8_t data[64];
        size_t len = chance_next(&parts) % sizeof data;
        if (len > w.left) len = (size_t)w.left;
        memset(data, (int)(w.tensor + 1), len);
        assert_int_equal(gguf_write_data(&w, data, len), SK_OK);
    }
    assert_int_equal(gguf_write_end(&w), SK_OK);
    gguf_writer_close(&w);
}

static void random_files_come_back(void **state) {
    struct memory *m = *state, again = {.at = malloc(FILE_MAX), .max = FILE_MAX};
    m->max = FILE_MAX;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct gguf g;
        m->len = again.len = 0;
        write_random(m, seed, seed);
        write_random(&again, seed, seed + 1000);
        assert_int_equal(m->len, again.len);
        assert_memory_equal(m->at, again.at, m->len);
        struct view file = {m->at, m->len};
        assert_int_equal(gguf_open(&g, &file, 1), SK_OK);
        for (uint32_t i = 0; i < g.tensors_len; i++)
            for (uint64_t j = 0; j < g.tensors[i].bytes; j++)
                assert_int_equal(gguf_data(&g, &g.tensors[i])[j], g.tensors[i].name.at[1] - '0' + 1);
        gguf_close(&g);
    }
    free(again.at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(full_sinks_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(lies_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(random_files_come_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
