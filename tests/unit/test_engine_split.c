// A model split over several files: the same tokens as the whole, and each lie refused by name.
#include "cmocka_all.h"

#include "engine/engine.h"
#include "gguf_make.h"
#include "gguf_split.h"

enum { TOKENS = 24 };

static const struct engine_options options = {.slots = 1, .threads = 1};

static void answer(struct engine *engine, int32_t tokens[TOKENS]) {
    struct engine_job job = {.prompt = VIEW("hello world"), .tokens_max = TOKENS};
    int32_t ids[64];
    size_t len;
    struct engine_event event = {0};
    assert_int_equal(engine_prompt(engine, &job, ids, 64, &len), SK_OK);
    assert_int_equal(engine_start(engine, 0, &job, ids, len), SK_OK);
    for (size_t i = 0; i < TOKENS && event.kind <= ENGINE_TEXT; i++) {
        engine_step(engine, &(uint32_t){0}, 1, &event);
        tokens[i] = event.token;
    }
}

static void parts_answer_as_the_whole(void **state) {
    (void)state;
    struct make make = {.chat_template = "<|im_start|>"};
    struct view file = make_file(&make);
    int32_t whole[TOKENS] = {0}, parts[TOKENS];
    struct engine *engine;
    assert_int_equal(engine_open_file(&engine, file, options), SK_OK);
    uint64_t parameters = engine_shape(engine).parameters;
    answer(engine, whole);
    engine_close(engine);
    for (size_t count = 1; count <= SPLIT_PARTS_MAX; count++) {
        struct split split = {.repeat = "general.name"};
        if (count == 1) split.repeat = NULL; // it is there already
        split_make(&split, file, count);
        uint64_t bytes = 0;
        for (size_t i = 0; i < count; i++) bytes += split.views[i].len;
        if (engine_open(&engine, split.views, count, options) != SK_OK)
            fail_msg("%zu parts: %s", count, fail_text());
        memset(parts, 0, sizeof parts);
        answer(engine, parts);
        assert_memory_equal(whole, parts, sizeof whole);
        struct engine_shape shape = engine_shape(engine);
        assert_true(shape.parameters == parameters && shape.file_bytes == bytes);
        assert_true(view_is(shape.name, "tiny"));
        engine_close(engine);
        split_free(&split);
    }
    make_free(&make);
}

// The keys alone tell what opening needs: with that much it opens, with a byte less it does not.
static void a_look_tells_what_opening_takes(void **state) {
    (void)state;
    struct make make = {.chat_template = "<|im_start|>"};
    struct split split = {0};
    split_make(&split, make_file(&make), 2);
    struct engine_options four = {.slots = 4, .threads = 1};
    struct engine_shape seen, opened;
    struct engine *engine;
    assert_int_equal(engine_look(split.views, 2, four, &seen), SK_OK);
    assert_int_equal(engine_look(split.views, 1, four, &opened), SK_CORRUPT);
    four.memory_max = seen.state_bytes - 1;
    assert_int_equal(engine_open(&engine, split.views, 2, four), SK_LIMIT);
    four.memory_max = seen.state_bytes;
    assert_int_equal(engine_open(&engine, split.views, 2, four), SK_OK);
    opened = engine_shape(engine);
    assert_true(opened.state_bytes == seen.state_bytes && opened.file_bytes == seen.file_bytes);
    assert_int_equal(opened.context, seen.context);
    assert_int_equal(opened.vocabulary, seen.vocabulary);
    assert_true(view_same(opened.name, seen.name) &&
                view_same(opened.chat_template, seen.chat_template));
    engine_close(engine);
    split_free(&split);
    make_free(&make);
}

struct lie {
    struct split split;
    enum sk_code code;
    const char *names;
};

static const struct lie lies[] = {
    {{.drop = "split.no"}, SK_CORRUPT, "part 3 of 3: key split.no: missing"},
    {{.drop = "split.count"}, SK_CORRUPT, "part 3 of 3: key split.count: missing"},
    {{.drop = "split.tensors.count"}, SK_CORRUPT, "part 3 of 3: key split.tensors.count: missing"},
    {{.key = "split.no", .value = 1}, SK_CORRUPT, "part 3 of 3: key split.no: 1, must be 2"},
    {{.key = "split.no", .value = 3}, SK_CORRUPT, "key split.no: 3"},
    {{.key = "split.count", .value = 4}, SK_CORRUPT, "split.count: a model of 4 files, 3 given"},
    {{.key = "split.count", .value = 0}, SK_CORRUPT, "split.count: a model of 0 files, 3 given"},
    {{.key = "split.tensors.count", .value = 5}, SK_CORRUPT, "split.tensors.count: 5, but"},
    {{.key = "split.tensors.count", .value = UINT32_MAX}, SK_CORRUPT, "split.tensors.count"},
    {{.copy = true}, SK_CORRUPT, "blk.0.attn_k.weight: given twice"},
    {{.extra = "general.license"}, SK_CORRUPT, "general.license: not as in the first part"},
    {{.extra = "general.name"}, SK_CORRUPT, "general.name: not as in the first part"},
    {{.extra = "llama.block_count"}, SK_CORRUPT, "llama.block_count: not as in the first part"},
    {{.extra = "split.count"}, SK_CORRUPT, "part 3 of 3: key split.count: given twice"},
};

static enum sk_code try_open(const struct view *files, size_t len) {
    struct engine *engine;
    enum sk_code code = engine_open(&engine, files, len, options);
    if (code == SK_OK) engine_close(engine);
    return code;
}

static void each_lie_is_refused_by_name(void **state) {
    (void)state;
    struct make make = {0};
    struct view file = make_file(&make);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct split split = lies[i].split;
        split_make(&split, file, 3);
        enum sk_code code = try_open(split.views, 3);
        if (code != lies[i].code || !strstr(fail_text(), lies[i].names))
            fail_msg("lie %zu (%s): %s %s", i, lies[i].names, fail_name(code), fail_text());
        split_free(&split);
    }
    make_free(&make);
}

static void expect(const struct view *files, size_t len, enum sk_code code, const char *names) {
    enum sk_code got = try_open(files, len);
    if (got != code || !strstr(fail_text(), names))
        fail_msg("%s: %s %s", names, fail_name(got), fail_text());
}

static void missing_and_misplaced_parts_are_refused(void **state) {
    (void)state;
    struct make make = {0};
    struct view file = make_file(&make);
    struct split split = {0};
    split_make(&split, file, 3);
    const struct view *v = split.views;
    expect((struct view[]){v[0]}, 1, SK_CORRUPT, "split.count: a model of 3 files, 1 given");
    expect((struct view[]){v[0], v[1]}, 2, SK_CORRUPT, "split.count: a model of 3 files, 2 given");
    expect((struct view[]){v[0], v[2], v[1]}, 3, SK_CORRUPT, "part 2 of 3: key split.no: 2");
    expect((struct view[]){v[0], v[1], v[1]}, 3, SK_CORRUPT, "part 3 of 3: key split.no: 1");
    expect((struct view[]){v[1], v[0], v[2]}, 3, SK_CORRUPT, "part 1 of 3: key split.no: 1");
    expect((struct view[]){file, v[1], v[2]}, 3, SK_CORRUPT, "part 1 of 3: key split.no: missing");
    expect((struct view[]){v[0], v[1], file}, 3, SK_CORRUPT, "part 3 of 3: key split.no: missing");
    expect((struct view[]){v[0], v[1], VIEW("GGUF")}, 3, SK_CORRUPT, "part 3 of 3: not a GGUF");
    expect(v, 0, SK_LIMIT, "0 files");
    expect(v, GGUF_PARTS_MAX + 1, SK_LIMIT, "129 files");
    split_free(&split);
    make_free(&make);
}

// Every cut of any part is an error; none reads past the end (the copy is exact).
static void every_cut_is_refused(void **state) {
    (void)state;
    struct make make = {.layers = 1};
    struct split split = {0};
    split_make(&split, make_file(&make), 2);
    for (size_t part = 0; part < 2; part++) {
        struct view files[] = {split.views[0], split.views[1]}, whole = files[part];
        for (size_t len = 0; len + 32 < whole.len; len += len < 256 ? 1 : 61) { // padding may go
            char *copy = malloc(len ? len : 1);
            assert_non_null(copy);
            if (len) memcpy(copy, whole.at, len);
            files[part] = (struct view){copy, len};
            assert_int_not_equal(try_open(files, 2), SK_OK);
            free(copy);
        }
    }
    split_free(&split);
    make_free(&make);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_answer_as_the_whole),
        cmocka_unit_test(a_look_tells_what_opening_takes),
        cmocka_unit_test(each_lie_is_refused_by_name),
        cmocka_unit_test(missing_and_misplaced_parts_are_refused),
        cmocka_unit_test(every_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
