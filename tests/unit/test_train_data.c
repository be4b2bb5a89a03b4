// Data: what becomes of documents, where masks fall, and the order of rows.
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "train_data_make.h"

#define HEAD "name: x\noutput: o\nsteps: 5\nmodel: {layers: 1, width: 64, heads: 4, ff: 96, "
#define CONTEXT(n) HEAD "context: " n "}\ntokenizer: {file: t}\n"
#define CHATML                                                                                     \
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"     \
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

static struct arena arena;
static struct recipe recipe;
static const uint8_t key[HASH_LEN] = {1};

static int setup(void **state) {
    (void)state;
    return arena_open(&arena, "recipe", 16 << 20) != SK_OK;
}

static int teardown(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

static void take_recipe(const char *text) {
    arena_reset(&arena);
    if (recipe_read(view_of(text), "r.yaml", &arena, &recipe) != SK_OK) fail_msg("%s", fail_text());
}

static void build(struct sources *s, struct data *data) {
    enum sk_code code = data_build(&recipe, key, &s->tokens, &s->outside, &s->world);
    if (code == SK_OK) code = data_open(data, &s->world, &recipe, key);
    if (code != SK_OK) fail_msg("%s", fail_text());
}

static void build_refused(struct sources *s, enum sk_code want, const char *why) {
    assert_int_equal(data_build(&recipe, key, &s->tokens, &s->outside, &s->world), want);
    if (!strstr(fail_text(), why)) fail_msg("'%s' does not say '%s'", fail_text(), why);
}

enum { CONTEXT_MAX = 64 };
struct row {
    int32_t ids[CONTEXT_MAX], targets[CONTEXT_MAX];
    uint32_t segments[CONTEXT_MAX];
};

static void read_row(const struct data *data, enum data_part part, uint64_t at, struct row *row) {
    struct data_row out = {row->ids, row->targets, row->segments};
    if (data_read(data, part, at, &out) != SK_OK) fail_msg("%s", fail_text());
}

// The row as text, a bar before each document, "[…]" around what is foretold.
static void assert_row(const struct sources *s, const struct data *data, enum data_part part,
                       uint64_t at, const char *want) {
    char text[4096];
    struct buf out = buf_over(text, sizeof text);
    struct row row;
    read_row(data, part, at, &row);
    for (uint32_t i = 0; i < data->context; i++) {
        bool learned = i > 0 && row.targets[i - 1] >= 0;
        if (i > 0 && row.targets[i - 1] >= 0) assert_int_equal(row.targets[i - 1], row.ids[i]);
        if (i > 0 && row.segments[i] != row.segments[i - 1]) buf_put_char(&out, '|');
        if (learned) buf_put_char(&out, '[');
        size_t before = out.len;
        engine_detokenize(s->tokens.engine, row.ids[i], &out);
        if (out.len == before) buf_print(&out, "#%d", row.ids[i]);
        if (learned) buf_put_char(&out, ']');
    }
    buf_put_char(&out, 0);
    assert_string_equal(text, want);
}

static void texts_are_one_stream(void **state) {
    (void)state;
    struct sources s;
    struct data data;
    const struct source_file files[] = {{"a", "hello\nab\n\ncd\n"}, {0}};
    take_recipe(CONTEXT("8") "data: {sources: [{name: a, files: [a], licence: MIT}]}\n");
    sources_open(&s, files, NULL);
    build(&s, &data);
    // <s> hello \n a b </s> | <s> c d </s>
    assert_row(&s, &data, DATA_TRAIN, 0, "#1[hello][\n][a][b][#2]|#1[c]");
    assert_row(&s, &data, DATA_TRAIN, 1, "d[#2]|#0#0#0#0#0#0");
    struct row row;
    read_row(&data, DATA_TRAIN, 0, &row);
    assert_int_equal(row.targets[7], 266); // "d", of the next row
    assert_int_equal(data_rows(&data, DATA_TRAIN), 2);
    assert_int_equal(data_rows(&data, DATA_HELD), 0);
    assert_int_equal(data.source[0].part[DATA_TRAIN].documents, 2);
    assert_int_equal(data.source[0].part[DATA_TRAIN].learned, 8);
    assert_int_equal(data.source[0].part[DATA_TRAIN].bytes, 10);
    data_close(&data);
    sources_close(&s);
}

static void masks_fall_on_replies(void **state) {
    (void)state;
    struct sources s;
    struct data data;
    const struct source_file files[] = {
        {"a", "{\"messages\":[{\"role\":\"user\",\"content\":\"he\"},{\"role\":\"assistant\","
              "\"content\":\"world<|im_end|>\"},{\"role\":\"user\",\"content\":\"ab\"},"
              "{\"role\":\"assistant\",\"content\":\"cd\"}]}\n"},
        {0}};
    take_recipe(CONTEXT("64") "data: {sources: [{name: a, files: [a], format: chat, "
                              "licence: MIT}]}\n");
    sources_open(&s, files, CHATML);
    build(&s, &data);
    struct row row;
    char learned[512], want[512];
    struct buf out = buf_over(learned, sizeof learned);
    read_row(&data, DATA_TRAIN, 0, &row);
    for (uint32_t i = 0; i < data.context; i++) {
        if (row.targets[i] < 0) continue;
        size_t before = out.len;
        engine_detokenize(s.tokens.engine, row.targets[i], &out);
        if (out.len == before) buf_print(&out, "#%d;", row.targets[i]);
    }
    buf_put_char(&out, 0);
    // The text of a mark in a message is text; the token of it ends each reply.
    snprintf(want, sizeof want, "world<|im_end|>#%d;cd#%d;", 260, 260);
    assert_string_equal(learned, want);
    data_close(&data);
    sources_close(&s);
}

static void later_turn_shown_otherwise_begins_a_new_document(void **state) {
    (void)state;
    struct sources s;
    struct data data;
    const struct source_file files[] = {
        {"a", "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\","
              "\"content\":\"b\"},{\"role\":\"user\",\"content\":\"c\"},"
              "{\"role\":\"assistant\",\"content\":\"d\"}]}\n"},
        {0}};
    take_recipe(CONTEXT("16") "data: {sources: [{name: a, files: [a], format: chat, "
                              "licence: MIT}]}\n");
    sources_open(&s, files,
                 "{% for m in messages %}{% if m.role == 'assistant' %}{% if loop.last %}<|im_start|>"
                 "{{ m.content }}<|im_end|>{% endif %}{% else %}{{ m.content }}{% endif %}"
                 "{% endfor %}{% if add_generation_prompt %}<|im_start|>{% endif %}");
    build(&s, &data);
    assert_row(&s, &data, DATA_TRAIN, 0, "#1a#259[b][#260]|#1ac#259[d][#260]|#0#0#0#0#0");
    data_close(&data);
    sources_close(&s);
}

static void documents_are_filtered_and_said_once(void **state) {
    (void)state;
    struct sources s;
    struct data data;
    const struct source_file files[] = {
        {"a", "こんにちは世界\nhello world hello\nこんにちは世界\n#こんにちは\nこ\nは1世界、\n"}, {0}};
    take_recipe(CONTEXT("16")
                "data:\n  deduplicate: {documents: true}\n  scrub: {mode: drop}\n"
                "  sources: [{name: a, files: [a], licence: MIT, documents: line, filters: "
                "{characters_min: 2, japanese_min: 0.5, drop_lines: ['^#']}}]\n");
    sources_open(&s, files, NULL);
    build(&s, &data);
    assert_int_equal(data.source[0].part[DATA_TRAIN].documents, 1);
    assert_int_equal(data.source[0].filtered, 2);
    assert_int_equal(data.source[0].repeated, 1);
    assert_int_equal(data.source[0].personal, 1);
    data_close(&data);
    recipe.data.scrub.mode = RECIPE_SCRUB_MASK;
    build(&s, &data);
    assert_int_equal(data.source[0].masked, 1);
    assert_int_equal(data.source[0].part[DATA_TRAIN].documents, 2);
    data_close(&data);
    sources_close(&s);
}

static void near_twins_go_by_their_lines(void **state) {
    (void)state;
    struct sources s;
    struct data data;
    const struct source_file files[] = {
        {"a", "hello world hello world\nhello hello hello one\n\nhello world hello world\n"
              "hello hello hello one\na new end\n\nhello world hello world\nand much more than "
              "was in the first, so it stays\n"},
        {0}};
    take_recipe(CONTEXT("16") "data: {deduplicate: {lines: 0.7}, sources: [{name: a, files: [a], "
                              "licence: MIT}]}\n");
    sources_open(&s, files, NULL);
    build(&s, &data);
    assert_int_equal(data.source[0].repeated, 1);
    assert_int_equal(data.source[0].part[DATA_TRAIN].documents, 2);
    data_close(&data);
    sources_close(&s);
}

static void bad_lines_are_named(void **state) {
    (void)state;
    struct sources s;
    struct source_file files[] = {{"a.jsonl", "{\"text\":\"a\"}\n{\"text\":}\n"}, {0}};
    take_recipe(CONTEXT("16") "data: {sources: [{name: a, files: [a.jsonl], licence: MIT}]}\n");
    sources_open(&s, files, CHATML);
    build_refused(&s, SK_INPUT, "a.jsonl: line 2: ");
    files[0].text = "{\"text\":\"a\"}\n\n{\"txt\":\"b\"}\n";
    build_refused(&s, SK_INPUT, "a.jsonl: line 3: text: a text is wanted");
    files[0].text = "\n";
    build_refused(&s, SK_INPUT, "source a: nothing to learn is left of it: 0 documents filtered");
    recipe.data.sources[0].format = RECIPE_CHAT;
    files[0].text = "{\"messages\":[{\"role\":\"tool\",\"content\":\"b\"}]}\n";
    build_refused(&s, SK_INPUT, "line 1: messages[0].role: system, user or assistant");
    files[0].text = "{\"messages\":[{\"role\":\"user\",\"content\":\"b\"}]}\n";
    build_refused(&s, SK_INPUT, "nothing to learn is left");
    sources_close(&s);
    sources_open(&s, files, "{% for m in messages %}{{ m.content }}{% endfor %}");
    files[0].text = "{\"messages\":[{\"role\":\"assistant\",\"content\":\"b\"}]}\n";
    build_refused(&s, SK_INPUT, "line 1: messages[0].role: a reply to nothing");
    files[0].text = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                    "{\"role\":\"assistant\",\"content\":\"b\"}]}\n";
    build_refused(&s, SK_UNSUPPORTED, "no control token ends the reply");
    sources_close(&s);
}

// A source of n one-token rows whose tokens tell them apart.
static void many(char *text, size_t lines) {
    for (size_t i = 0; i < lines; i++) {
        *text++ = (char)('a' + i % 26);
        *text++ = (char)('a' + i / 26);
        *text++ = '\n';
    }
    *text = 0;
}

static void rows_come_once_a_pass_and_by_weight(void **state) {
    (void)state;
    static char one[300], two[1000];
    struct sources s;
    struct data data;
    const struct source_file files[] = {{"a", one}, {"b", two}, {0}};
    many(one, 50);
    many(two, 200);
    take_recipe(CONTEXT("8") "data: {sources: [{name: a, files: [a], licence: MIT, documents: "
                             "line}, {name: b, files: [b], licence: MIT, documents: line}]}\n");
    sources_open(&s, files, NULL);
    build(&s, &data);
    uint64_t rows = data_rows(&data, DATA_TRAIN), row, first = 0, same = 0;
    struct data_cursor cursor = {0}, other = {0};
    uint8_t *seen = calloc(rows, 1);
    for (uint64_t pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < rows; i++) {
            uint64_t again;
            assert_true(data_next(&data, 7, &cursor, &row));
            if (pass == 0) assert_true(data_next(&data, 8, &other, &again));
            same += pass == 0 && row == again;
            assert_int_equal(seen[row]++, pass);
            first += i < rows / 5 && row < data.source[0].part[0].rows;
        }
    }
    assert_true(same < rows / 4); // another seed, another order
    uint64_t fifth = rows / 5 * data.source[0].part[0].rows / rows;
    assert_in_range(first, 2 * fifth - 2, 2 * fifth + 3); // and both sources all along
    free(seen);
    data_close(&data);
    recipe.data.sources[0].weight = 3;
    recipe.data.sources[1].weight = 1;
    recipe.data.sources[1].epochs = 1;
    assert_int_equal(data_open(&data, &s.world, &recipe, key), SK_OK);
    memset(&cursor, 0, sizeof cursor);
    for (int i = 0; i < 40; i++) assert_true(data_next(&data, 7, &cursor, &row));
    assert_int_equal(cursor.drawn[0], 30);
    for (int i = 0; i < 10000; i++) assert_true(data_next(&data, 7, &cursor, &row));
    assert_int_equal(cursor.drawn[1], data.source[1].part[0].rows); // its one pass
    data_close(&data);
    sources_close(&s);
}

static void held_back_by_the_text_alone(void **state) {
    (void)state;
    static char text[2000];
    struct sources s;
    struct data data;
    const struct source_file files[] = {{"a", text}, {0}};
    many(text, 600);
    take_recipe(CONTEXT("8") "data: {validation: 0.2, sources: [{name: a, files: [a], "
                             "licence: MIT, documents: line}]}\n");
    sources_open(&s, files, NULL);
    build(&s, &data);
    uint64_t held = data.source[0].part[DATA_HELD].documents;
    assert_in_range(held, 80, 160);
    assert_int_equal(held + data.source[0].part[DATA_TRAIN].documents, 600);
    data_close(&data);
    sources_close(&s);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct sources s;
    struct data data;
    int file;
    const struct source_file files[] = {{"a", "hello world\n"}, {0}};
    const uint8_t other[HASH_LEN] = {2};
    take_recipe(CONTEXT("8") "data: {sources: [{name: a, files: [a], licence: MIT}]}\n");
    sources_open(&s, files, NULL);
    assert_int_equal(data_open(&data, &s.world, &recipe, key), SK_UNKNOWN);
    build(&s, &data);
    data_close(&data);
    assert_int_equal(data_open(&data, &s.world, &recipe, other), SK_UNKNOWN);
    assert_int_equal(s.world.open(s.world.self, "train.ids", 0, &file), SK_OK);
    assert_int_equal(s.world.truncate(s.world.self, file, 6), SK_OK);
    s.world.close(s.world.self, file);
    assert_int_equal(data_open(&data, &s.world, &recipe, key), SK_CORRUPT);
    // A disk that fails leaves no index behind.
    world_sim_faults(s.sim, (struct world_faults){.write_full = 65536});
    build_refused(&s, SK_LIMIT, "train.ids: ");
    world_sim_faults(s.sim, (struct world_faults){0});
    assert_int_equal(data_open(&data, &s.world, &recipe, key), SK_UNKNOWN);
    sources_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_one_stream),
        cmocka_unit_test(masks_fall_on_replies),
        cmocka_unit_test(later_turn_shown_otherwise_begins_a_new_document),
        cmocka_unit_test(documents_are_filtered_and_said_once),
        cmocka_unit_test(near_twins_go_by_their_lines),
        cmocka_unit_test(bad_lines_are_named),
        cmocka_unit_test(rows_come_once_a_pass_and_by_weight),
        cmocka_unit_test(held_back_by_the_text_alone),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
