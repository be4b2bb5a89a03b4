// A task's texts, out and in again: nothing is missed, a label stands before what it labels, and
// what takes a text's place arrives there.
#include "node/texts.h"

#include "cmocka_all.h"
#include <stdio.h>

static struct arena arena;

static struct gate_task task_of(const char *data) {
    struct gate_task task = {.operation = GATE_OP_CHAT};
    task.job.template_data = view_of(data);
    return task;
}

static void test_labels(void **state) {
    (void)state;
    arena_reset(&arena);
    struct gate_task task = task_of("{\"messages\":[{\"role\":\"user\",\"content\":\"a\\nb\"}],"
                                    "\"tools\":[{\"個人番号\":123456789018,\"x\":[true,\"y\"]}]}");
    struct texts texts;
    assert_int_equal(texts_of(&task, &arena, &texts), SK_OK);
    char joined[512];
    snprintf(joined, sizeof joined, "%.*s", (int)texts.joined.len, texts.joined.at);
    assert_non_null(strstr(joined, "role: user\ncontent: a\nb\n"));
    assert_non_null(strstr(joined, "個人番号: 123456789018\nx: y\n"));
    for (uint32_t i = 0; i < texts.len; i++) {
        struct view there = {texts.joined.at + texts.places[i].at, texts.places[i].text.len};
        assert_true(view_same(there, texts.places[i].text));
    }
}

// Strings among the arguments of calls are known as such, and nothing else is.
static void test_arguments(void **state) {
    (void)state;
    arena_reset(&arena);
    struct gate_task task =
        task_of("{\"messages\":[{\"content\":\"no\",\"arguments\":\"no\",\"tool_calls\":"
                "[{\"id\":\"no\",\"function\":{\"name\":\"no\",\"arguments\":"
                "{\"no\":\"yes1\",\"a\":[\"yes2\",{\"no\":\"yes3\"},7],\"messages\":\"yes4\"}}},"
                "{\"function\":{\"arguments\":{\"x\":\"yes5\"},\"name\":\"no\"}}]}],"
                "\"tools\":[{\"function\":{\"arguments\":{\"a\":\"no\"}}}]}");
    struct texts texts;
    uint32_t found = 0;
    assert_int_equal(texts_of(&task, &arena, &texts), SK_OK);
    for (uint32_t i = 0; i < texts.len; i++) {
        struct view text = texts.places[i].text;
        bool yes = text.len == 4 && memcmp(text.at, "yes", 3) == 0;
        assert_int_equal(texts.places[i].argument, yes);
        found += yes;
    }
    assert_int_equal(found, 5);
}

// The texts of a task with one of every kind; all of them replaced by "[n]".
static void test_replaced(void **state) {
    (void)state;
    arena_reset(&arena);
    struct view documents[] = {VIEW("d0"), VIEW("d1")}, breakers[] = {VIEW("b0")};
    struct engine_message messages[] = {{.role = ENGINE_USER, .text = VIEW("m0")}};
    struct gate_task task = task_of("{\"messages\":[{\"content\":\"c\",\"n\":7}]}");
    task.texts = documents;
    task.texts_len = 2;
    task.query = VIEW("q");
    task.answer = VIEW("a");
    task.job.prompt = VIEW("p");
    task.job.messages = messages;
    task.job.messages_len = 1;
    task.job.stops[0] = VIEW("s0");
    task.job.stops_len = 1;
    task.job.sampling.dry_breakers = breakers;
    task.job.sampling.dry_breakers_len = 1;
    task.job.tool_name = VIEW("t");
    task.job.format = ENGINE_JSON_SCHEMA;
    task.job.format_text = VIEW("{\"enum\":[\"e\"]}");
    struct texts texts;
    struct gate_task out;
    assert_int_equal(texts_of(&task, &arena, &texts), SK_OK);
    for (uint32_t i = 0; i < texts.len; i++) {
        char text[16];
        snprintf(text, sizeof text, "[%u]", i);
        texts.places[i].text = (struct view){arena_text(&arena, view_of(text)), strlen(text)};
    }
    assert_int_equal(texts_task(&texts, VIEW(""), &arena, &out), SK_OK);
    assert_true(view_is(out.job.prompt, "[0]"));
    assert_true(view_is(out.job.messages[0].text, "[1]"));
    assert_true(view_is(out.query, "[2]") && view_is(out.texts[1], "[4]"));
    assert_true(view_is(out.answer, "[5]") && view_is(out.job.stops[0], "[6]"));
    assert_true(view_is(out.job.sampling.dry_breakers[0], "[7]"));
    assert_true(view_is(out.job.tool_name, "[8]"));
    assert_true(
        view_is(out.job.template_data, "{\"[9]\":[{\"[10]\":\"[11]\",\"[12]\":\"[13]\"}]}"));
    assert_true(view_is(out.job.format_text, "{\"[14]\":[\"[15]\"]}"));
    assert_int_equal(texts.len, 16);
}

static void instructed(const char *data, const char *want) {
    arena_reset(&arena);
    struct gate_task task = task_of(data), out;
    struct texts texts;
    assert_int_equal(texts_of(&task, &arena, &texts), SK_OK);
    assert_int_equal(texts_task(&texts, VIEW("say"), &arena, &out), SK_OK);
    assert_true(view_is(out.job.template_data, want));
}

static void test_instruction(void **state) {
    (void)state;
    instructed("{\"messages\":[{\"role\":\"system\",\"content\":\"x\"}],\"k\":1}",
               "{\"messages\":[{\"role\":\"system\",\"content\":\"x\\n\\nsay\"}],\"k\":1}");
    instructed("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
               "{\"messages\":[{\"role\":\"system\",\"content\":\"say\"},"
               "{\"role\":\"user\",\"content\":\"x\"}]}");
    instructed("{\"messages\":[]}", "{\"messages\":[{\"role\":\"system\",\"content\":\"say\"}]}");
}

// Findings of the joined text come to the texts they lie in, cut where they reach beyond.
static void test_findings(void **state) {
    (void)state;
    arena_reset(&arena);
    struct gate_task task = {.operation = GATE_OP_COMPLETION};
    task.job.prompt = VIEW("abcd");
    task.query = VIEW("efgh");
    struct texts texts;
    assert_int_equal(texts_of(&task, &arena, &texts), SK_OK);
    struct finding findings[] = {{1, 2, 0, 90}, {2, 5, 1, 90}, {6, 1, 2, 90}};
    struct scan scan = {.findings = findings, .findings_len = 3};
    uint32_t from = 0, len, seen = 0;
    for (uint32_t i = 0; i < texts.len; i++) {
        struct finding *out;
        assert_int_equal(texts_findings(&texts, i, &scan, &from, &out, &len), SK_OK);
        for (uint32_t k = 0; k < len; k++, seen++)
            assert_true(out[k].at + out[k].len <= texts.places[i].text.len);
        if (i == 0) assert_int_equal(len, 2);
        if (view_is(texts.places[i].text, "efgh")) assert_int_equal(len, 2);
    }
    assert_int_equal(seen, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_instruction),
        cmocka_unit_test(test_findings),
    };
    assert_int_equal(arena_open(&arena, "test", 1 << 22), SK_OK);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
