// Envelopes, byte for byte, of requests as gate reads them.
#include "cmocka_all.h"

#include <stdio.h>

#include "base/json.h"
#include "upstream/upstream.h"

enum { ARENA = 8 << 20 };

static struct arena arena;
static struct gate_error error;
static char body[1 << 16], page[1 << 18];
static struct buf out;

static const struct gate_task *task_of(const char *path, const char *json) {
    struct gate_head head = {.method = VIEW("POST"), .target = view_of(path)};
    struct gate_route route;
    static struct gate_ask ask;
    if (!arena.base) assert_int_equal(arena_open(&arena, "test", ARENA), SK_OK);
    arena_reset(&arena);
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    size_t len = strlen(json);
    assert_true(len < sizeof body);
    memcpy(body, json, len + 1);
    enum sk_code code = gate_ask_read(&route, body, len, &arena, &ask, &error);
    if (code != SK_OK) print_message("%s\n", error.text);
    assert_int_equal(code, SK_OK);
    return ask.tasks;
}

static enum sk_code write(enum upstream_kind kind, const char *path, const char *json) {
    struct gate_task task = *task_of(path, json);
    out = buf_over(page, sizeof page - 1);
    return upstream_write(kind, &task, VIEW("there"), &arena, &out);
}

static void writes(enum upstream_kind kind, const char *path, const char *json, const char *want) {
    enum sk_code code = write(kind, path, json);
    if (code != SK_OK) print_message("%s\n", fail_text());
    assert_int_equal(code, SK_OK);
    page[out.len] = 0;
    assert_string_equal(page, want);
    const struct json_node *root;
    assert_int_equal(json_parse(page, out.len, &arena, &root), SK_OK);
}

static void refuses(enum upstream_kind kind, const char *path, const char *json, const char *name) {
    assert_int_equal(write(kind, path, json), SK_UNSUPPORTED);
    struct view text = view_of(fail_text());
    if (!view_starts(text, view_of(name)) || text.at[strlen(name)] != ':')
        fail_msg("'%s' does not begin with '%s:'", text.at, name);
}

#define CHAT     "/v1/chat/completions"
#define MESSAGES "/v1/messages"
#define HI       "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define M        "{\"model\":\"m\"," HI
#define STREAM   "\"stream\":true,\"stream_options\":{\"include_usage\":true}}"

static void chat_plain(void **state) {
    (void)state;
    writes(UPSTREAM_OPENAI, CHAT, M ",\"seed\":5}",
           "{\"model\":\"there\"," HI ",\"temperature\":1,\"seed\":5," STREAM);
    writes(UPSTREAM_OPENAI, CHAT, M ",\"temperature\":0,\"max_tokens\":7,\"seed\":5}",
           "{\"model\":\"there\"," HI ",\"max_completion_tokens\":7,\"temperature\":0," STREAM);
}

static void chat_settings(void **state) {
    (void)state;
    writes(UPSTREAM_OPENAI, CHAT,
           M
           ",\"temperature\":0.7,\"top_p\":0.9,\"top_k\":40,\"min_p\":0.05,\"presence_penalty\":"
           "0.5,\"frequency_penalty\":-0.1,\"repetition_penalty\":1.1,\"logit_bias\":{\"12\":-100,"
           "\"7\":1.5},\"seed\":-3,\"stop\":[\"a\",\"\\n\"],\"logprobs\":true,\"top_logprobs\":4}",
           "{\"model\":\"there\"," HI ",\"logprobs\":true,\"top_logprobs\":4,\"temperature\":0.7,"
           "\"top_k\":40,\"top_p\":0.9,\"min_p\":0.05,\"presence_penalty\":0.5,"
           "\"frequency_penalty\":-0.1,\"repetition_penalty\":1.1,\"repeat_penalty\":1.1,"
           "\"repeat_last_n\":-1,\"logit_bias\":{\"7\":1.5,\"12\":-100},\"seed\":-3,"
           "\"stop\":[\"a\",\"\\n\"]," STREAM);
}

static void chat_tools(void **state) {
    (void)state;
    writes(UPSTREAM_OPENAI, CHAT,
           "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":"
           "\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":null,"
           "\"reasoning_content\":\"t\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\","
           "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\": [1, \\\"x\\\"]}\"}},{\"id\":"
           "\"c2\",\"function\":{\"name\":\"f\",\"arguments\":\"oops\"}}]},{\"role\":\"tool\","
           "\"tool_call_id\":\"c1\",\"content\":\"r\"}],\"tools\":[{\"type\":\"function\","
           "\"function\":{\"name\":\"f\",\"description\":\"d\",\"strict\":true,\"parameters\":{"
           "\"type\":\"object\",\"additionalProperties\":false}}},{\"type\":\"function\","
           "\"function\":{\"name\":\"g\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{"
           "\"name\":\"g\"}},\"parallel_tool_calls\":false,\"temperature\":0}",
           "{\"model\":\"there\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":"
           "\"user\",\"content\":\"u\"},{\"role\":\"assistant\",\"content\":null,"
           "\"reasoning_content\":\"t\",\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\","
           "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":[1,\\\"x\\\"]}\"}},{\"id\":"
           "\"c2\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"oops\"}}]},{"
           "\"role\":\"tool\",\"content\":\"r\",\"name\":\"f\",\"tool_call_id\":\"c1\"}],"
           "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
           "\"parameters\":{\"type\":\"object\",\"additionalProperties\":false},\"strict\":true}},"
           "{\"type\":\"function\",\"function\":{\"name\":\"g\",\"parameters\":{\"type\":"
           "\"object\",\"properties\":{}}}}],\"tool_choice\":{\"type\":\"function\",\"function\":{"
           "\"name\":\"g\"}},\"parallel_tool_calls\":false,\"temperature\":0," STREAM);
}

static void chat_forms(void **state) {
    (void)state;
    writes(UPSTREAM_OPENAI, CHAT,
           M ",\"temperature\":0,\"response_format\":{\"type\":\"json_object\"}}",
           "{\"model\":\"there\"," HI ",\"response_format\":{\"type\":\"json_object\"},"
           "\"temperature\":0," STREAM);
    static const char *const schemas[][2] = {
        {"{\"type\":\"object\"}", ""},
        {"{\"type\":\"object\",\"additionalProperties\":false}", "\"strict\":true,"},
        {"{\"properties\":{\"a\":{},\"b\":{}},\"required\":[\"a\",\"b\"],"
         "\"additionalProperties\":false}",
         "\"strict\":true,"},
        {"{\"properties\":{\"a\":{}},\"additionalProperties\":false}", ""},
        {"{\"type\":\"array\",\"items\":{\"type\":\"object\"}}", ""},
        {"{\"type\":\"string\"}", "\"strict\":true,"},
    };
    char json[1024], want[1024];
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        snprintf(json, sizeof json,
                 "%s,\"temperature\":0,\"response_format\":{\"type\":\"json_schema\","
                 "\"json_schema\":{\"name\":\"n\",\"schema\":%s}}}",
                 M, schemas[i][0]);
        snprintf(want, sizeof want,
                 "{\"model\":\"there\",%s,\"response_format\":{\"type\":\"json_schema\","
                 "\"json_schema\":{\"name\":\"answer\",%s\"schema\":%s}},\"temperature\":0,%s",
                 HI, schemas[i][1], schemas[i][0], STREAM);
        writes(UPSTREAM_OPENAI, CHAT, json, want);
    }
    writes(UPSTREAM_OPENAI, CHAT, M ",\"temperature\":0,\"reasoning_effort\":\"low\"}",
           "{\"model\":\"there\"," HI ",\"reasoning_effort\":\"low\",\"temperature\":0," STREAM);
    writes(UPSTREAM_OPENAI, CHAT,
           M ",\"temperature\":0,\"chat_template_kwargs\":{\"enable_thinking\":false,\"x\":[1]}}",
           "{\"model\":\"there\"," HI ",\"chat_template_kwargs\":{\"enable_thinking\":false,"
           "\"x\":[1]},\"temperature\":0," STREAM);
}

static void openai_refuses(void **state) {
    (void)state;
    refuses(UPSTREAM_OPENAI, CHAT, M ",\"typical_p\":0.5}", "typical_p");
    refuses(UPSTREAM_OPENAI, CHAT, M ",\"dry_multiplier\":0.5}", "dry_multiplier");
    refuses(UPSTREAM_OPENAI, CHAT, M ",\"penalty_last_n\":64}", "penalty_last_n");
    refuses(UPSTREAM_OPENAI, CHAT, M ",\"grammar\":\"root ::= \\\"a\\\"\"}", "format");
    refuses(UPSTREAM_OPENAI, "/v1/completions",
            "{\"model\":\"m\",\"prompt\":\"p\",\"echo\":true,\"logprobs\":1}", "logprobs");
    refuses(UPSTREAM_OPENAI, "/v1/completions",
            "{\"model\":\"m\",\"prompt\":\"p\",\"max_tokens\":0}", "prompt");
    refuses(UPSTREAM_OPENAI, "/v1/completions",
            "{\"model\":\"m\",\"prompt\":\"p\",\"json_schema\":{\"type\":\"object\"}}", "format");
    refuses(UPSTREAM_OPENAI, "/v1/messages/count_tokens", M "}", "model");
    assert_null(upstream_path(UPSTREAM_OPENAI, GATE_OP_ATTRIBUTE));
}

static void other_operations(void **state) {
    (void)state;
    writes(UPSTREAM_OPENAI, "/v1/completions",
           "{\"model\":\"m\",\"prompt\":\"p\",\"logprobs\":0,\"temperature\":0,\"stop\":\"s\"}",
           "{\"model\":\"there\",\"prompt\":\"p\",\"max_tokens\":16,\"logprobs\":0,"
           "\"temperature\":0,\"stop\":[\"s\"]," STREAM);
    writes(UPSTREAM_OPENAI, "/v1/embeddings",
           "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"dimensions\":3}",
           "{\"model\":\"there\",\"input\":[\"a\",\"b\"],\"encoding_format\":\"base64\","
           "\"dimensions\":3}");
    writes(UPSTREAM_OPENAI, "/v1/rerank",
           "{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\",{\"text\":\"b\"}],\"top_n\":1}",
           "{\"model\":\"there\",\"query\":\"q\",\"documents\":[\"a\",\"b\"],\"top_n\":2,"
           "\"return_documents\":false}");
}

static void messages_plain(void **state) {
    (void)state;
    writes(UPSTREAM_ANTHROPIC, MESSAGES, M ",\"max_tokens\":9}",
           "{\"model\":\"there\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
           "\"text\":\"hi\"}]}],\"max_tokens\":9,\"stream\":true}");
    // Of another protocol: no limit, system twice, turns of one role.
    writes(UPSTREAM_ANTHROPIC, CHAT,
           "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":"
           "\"user\",\"content\":\"a\"},{\"role\":\"developer\",\"content\":\"d\"},{\"role\":"
           "\"user\",\"content\":\"b\"},{\"role\":\"assistant\",\"content\":\"\"},{\"role\":"
           "\"user\",\"content\":\"c\"}],\"temperature\":0.5,\"top_p\":0.9,\"top_k\":5,\"stop\":"
           "\"x\"}",
           "{\"model\":\"there\",\"system\":\"s\\nd\",\"messages\":[{\"role\":\"user\",\"content\":"
           "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"},{\"type\":"
           "\"text\",\"text\":\"c\"}]}],\"max_tokens\":8192,\"stop_sequences\":[\"x\"],"
           "\"temperature\":0.5,\"top_p\":0.9,\"top_k\":5,\"stream\":true}");
    writes(UPSTREAM_ANTHROPIC, "/v1/messages/count_tokens", M ",\"system\":\"s\"}",
           "{\"model\":\"there\",\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":[{"
           "\"type\":\"text\",\"text\":\"hi\"}]}]}");
}

static void messages_tools(void **state) {
    (void)state;
    writes(UPSTREAM_ANTHROPIC, MESSAGES,
           "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"u\"},"
           "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
           "\"signature\":\"sekisho\"},{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"tool_use\","
           "\"id\":\"c\",\"name\":\"f\",\"input\":{\"a\":1}}]},{\"role\":\"user\",\"content\":[{"
           "\"type\":\"tool_result\",\"tool_use_id\":\"c\",\"content\":\"r\"},{\"type\":\"text\","
           "\"text\":\"v\"}]}],\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{"
           "\"type\":\"object\"}}],\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\""
           ":true},\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"low\","
           "\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\"}}}}",
           "{\"model\":\"there\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
           "\"text\":\"u\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
           "\"x\"},{\"type\":\"tool_use\",\"id\":\"c\",\"name\":\"f\",\"input\":{\"a\":1}}]},{"
           "\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"c\","
           "\"content\":\"r\"},{\"type\":\"text\",\"text\":\"v\"}]}],\"tools\":[{\"name\":\"f\","
           "\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":{"
           "\"type\":\"any\",\"disable_parallel_tool_use\":true},\"thinking\":{\"type\":"
           "\"adaptive\"},\"output_config\":{\"effort\":\"low\",\"format\":{\"type\":"
           "\"json_schema\",\"schema\":{\"type\":\"object\"}}},\"max_tokens\":9,\"stream\":true}");
}

static void messages_calls(void **state) {
    (void)state; // of a client of OpenAI's protocol: two calls, one without arguments, no thinking
    writes(UPSTREAM_ANTHROPIC, CHAT,
           "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"u\"},{\"role\":"
           "\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":"
           "\"f\",\"arguments\":\"\"}},{\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":"
           "\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"\"},{\"role\":"
           "\"tool\",\"tool_call_id\":\"b\",\"content\":\"r\"}],\"tools\":[{\"type\":\"function\","
           "\"function\":{\"name\":\"f\",\"strict\":true}}],\"parallel_tool_calls\":false,"
           "\"reasoning_effort\":\"none\",\"temperature\":0}",
           "{\"model\":\"there\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
           "\"text\":\"u\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":"
           "\"a\",\"name\":\"f\",\"input\":{}},{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"f\","
           "\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
           "\"tool_use_id\":\"a\"},{\"type\":\"tool_result\",\"tool_use_id\":\"b\",\"content\":"
           "\"r\"}]}],\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\","
           "\"properties\":{}},\"strict\":true}],\"tool_choice\":{\"type\":\"auto\","
           "\"disable_parallel_tool_use\":true},\"max_tokens\":8192,\"temperature\":0,"
           "\"stream\":true}");
    assert_string_equal(upstream_headers(UPSTREAM_ANTHROPIC), "anthropic-version: 2023-06-01");
    assert_string_equal(upstream_credential(UPSTREAM_ANTHROPIC), "x-api-key: ");
    assert_string_equal(upstream_headers(UPSTREAM_OPENAI), "");
    assert_string_equal(upstream_credential(UPSTREAM_OPENAI), "Authorization: Bearer ");
}

static void anthropic_refuses(void **state) {
    (void)state;
    static const char *const settings[][2] = {
        {"\"min_p\":0.1", "min_p"},
        {"\"typical_p\":0.5", "typical_p"},
        {"\"repetition_penalty\":1.1", "repetition_penalty"},
        {"\"presence_penalty\":1", "presence_penalty"},
        {"\"frequency_penalty\":1", "frequency_penalty"},
        {"\"dry_multiplier\":1", "dry_multiplier"},
        {"\"logit_bias\":{\"1\":1}", "logit_bias"},
        {"\"logprobs\":true", "logprobs"},
        {"\"temperature\":1.5", "temperature"},
        {"\"response_format\":{\"type\":\"json_object\"}", "format"},
        {"\"grammar\":\"root ::= \\\"a\\\"\"", "format"},
        {"\"chat_template_kwargs\":{\"x\":1}", "chat_template_kwargs"},
    };
    char json[2048];
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        snprintf(json, sizeof json, "%s,%s}", M, settings[i][0]);
        refuses(UPSTREAM_ANTHROPIC, CHAT, json, settings[i][1]);
    }
    static const char *const messages[] = {
        "{\"role\":\"user\",\"content\":\"a\",\"name\":\"n\"}",
        "{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}",
        ("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\","
         "\"arguments\":\"[1]\"}}]}"),
    };
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        snprintf(json, sizeof json, "{\"model\":\"m\",\"messages\":[%s]}", messages[i]);
        refuses(UPSTREAM_ANTHROPIC, CHAT, json, "messages");
    }
    refuses(UPSTREAM_ANTHROPIC, "/v1/completions", "{\"model\":\"m\",\"prompt\":\"p\"}", "model");
}

static void limits(void **state) {
    (void)state;
    struct gate_task task = *task_of(CHAT, M "}");
    for (size_t max = 0; max < 120; max++) { // a ceiling is an answer, never half an envelope
        struct buf small = buf_over(page, max);
        size_t used = arena.used;
        assert_int_equal(upstream_write(UPSTREAM_OPENAI, &task, VIEW("m"), &arena, &small),
                         SK_LIMIT);
        arena.used = used;
    }
    static const char *const odd[] = {
        "{\"messages\":[]}",
        "{\"messages\":[{\"role\":\"root\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":5}]}",
        "{\"messages\":[{\"role\":\"user\"}],\"tools\":{}}",
        "{\"messages\":[{\"role\":\"user\"}],\"tools\":[{}]}",
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        task.job.template_data = view_of(odd[i]);
        out = buf_over(page, sizeof page);
        assert_int_equal(upstream_write(UPSTREAM_OPENAI, &task, VIEW("m"), &arena, &out), SK_INPUT);
        assert_int_equal(upstream_write(UPSTREAM_ANTHROPIC, &task, VIEW("m"), &arena, &out),
                         SK_INPUT);
    }
    task.job.template_data = VIEW("");
    assert_int_equal(upstream_write(UPSTREAM_ANTHROPIC, &task, VIEW("m"), &arena, &out), SK_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_plain),     cmocka_unit_test(chat_settings),
        cmocka_unit_test(chat_tools),     cmocka_unit_test(chat_forms),
        cmocka_unit_test(openai_refuses), cmocka_unit_test(other_operations),
        cmocka_unit_test(messages_plain), cmocka_unit_test(messages_tools),
        cmocka_unit_test(messages_calls), cmocka_unit_test(anthropic_refuses),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
