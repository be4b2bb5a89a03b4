// Anthropic's requests, through the module's door.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "gate/gate.h"

static struct arena arena;
static struct gate_ask ask;
static struct gate_error error;
static char body[1 << 20];

static enum sk_code read_at(const char *target, const char *text) {
    struct gate_route route;
    struct gate_head head = {.method = VIEW("POST"), .target = view_of(target)};
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    arena_reset(&arena);
    size_t len = strlen(text);
    assert_true(len < sizeof body);
    memcpy(body, text, len);
    return gate_ask_read(&route, body, len, &arena, &ask, &error);
}

static enum sk_code read_body(const char *text) {
    return read_at("/v1/messages?beta=true", text);
}

// A request with these members beside those that must be there.
static enum sk_code read_with(const char *members) {
    static char text[16384];
    snprintf(text, sizeof text,
             "{\"model\":\"m\",\"max_tokens\":2048,\"messages\":[{\"role\":\"user\",\"content\":"
             "\"hi\"}]%s%s}",
             members[0] ? "," : "", members);
    return read_body(text);
}

static enum sk_code read_messages(const char *messages) {
    static char text[16384];
    snprintf(text, sizeof text, "{\"model\":\"m\",\"max_tokens\":64,\"messages\":[%s]}", messages);
    return read_body(text);
}

static const struct engine_job *job(void) {
    return &ask.tasks[0].job;
}

static void conversation_is(const char *expected) {
    char text[8192];
    struct view data = job()->template_data;
    assert_true(data.len < sizeof text);
    memcpy(text, data.at, data.len);
    text[data.len] = 0;
    assert_string_equal(text, expected);
}

static void test_smallest(void **state) {
    (void)state;
    assert_int_equal(read_with(""), SK_OK);
    assert_true(view_is(ask.model, "m") && !ask.stream && !ask.seeded);
    assert_int_equal(ask.tasks_len, 1);
    assert_int_equal(ask.copies, 1);
    assert_int_equal(ask.tasks[0].operation, GATE_OP_CHAT);
    assert_int_equal(job()->tokens_max, 2048);
    assert_true(job()->sampling.temperature == 1 && job()->sampling.top_p == 0);
    assert_int_equal(job()->format, ENGINE_FREE);
    assert_true(job()->parallel_calls);
    conversation_is("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
                    "\"enable_thinking\":false}");
}

// What Claude Code 2.1 sends, shortened.
static void test_claude_code(void **state) {
    (void)state;
    assert_int_equal(
        read_body(
            "{\"model\":\"m\",\"max_tokens\":32000,\"stream\":true,"
            "\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"},"
            "\"context_management\":{\"edits\":[{\"type\":\"clear_thinking_20251015\",\"keep\":"
            "\"all\"}]},\"output_config\":{\"effort\":\"high\"},\"metadata\":{\"user_id\":\"u\"},"
            "\"system\":[{\"type\":\"text\",\"text\":\"You\"},{\"type\":\"text\",\"text\":\"are\","
            "\"cache_control\":{\"type\":\"ephemeral\"}}],"
            "\"tools\":[{\"name\":\"Bash\",\"description\":\"Runs\",\"input_schema\":{\"type\":"
            "\"object\",\"properties\":{\"command\":{\"type\":\"string\"}}}},{\"name\":\"Later\","
            "\"input_schema\":{\"type\":\"object\"},\"defer_loading\":true,\"strict\":true}],"
            "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{"
            "\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"system\",\"content\":\"here\"},"
            "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"\","
            "\"signature\":\"sekisho:hm\"},{\"type\":\"tool_use\",\"id\":\"toolu_01\",\"name\":"
            "\"Bash\",\"input\":{\"command\":\"ls\"}}]},{\"role\":\"user\",\"content\":[{"
            "\"tool_use_id\":\"toolu_01\",\"type\":\"tool_result\",\"content\":\"out\","
            "\"is_error\":false,\"cache_control\":{\"type\":\"ephemeral\"}}]}]}"),
        SK_OK);
    assert_true(ask.stream);
    conversation_is(
        "{\"messages\":[{\"role\":\"system\",\"content\":\"You\\nare\\nhere\"},{\"role\":\"user\","
        "\"content\":\"a\\nb\"},{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":"
        "\"hm\",\"tool_calls\":[{\"id\":\"toolu_01\",\"type\":\"function\",\"function\":{\"name\":"
        "\"Bash\",\"arguments\":{\"command\":\"ls\"}}}]},{\"role\":\"tool\",\"content\":\"out\","
        "\"name\":\"Bash\",\"tool_call_id\":\"toolu_01\"}],\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"Bash\",\"description\":\"Runs\",\"parameters\":{\"type\":"
        "\"object\",\"properties\":{\"command\":{\"type\":\"string\"}}}}},{\"type\":\"function\","
        "\"function\":{\"name\":\"Later\",\"parameters\":{\"type\":\"object\"}}}],\"strict_tools\":"
        "[\"Later\"],"
        "\"reasoning_effort\":\"high\",\"enable_thinking\":true}");
}

#define CALL(id) "{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":{}}"
#define CALLED(id)                                                                                 \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":{}}}"

static void test_turns(void **state) {
    (void)state;
    // Turns of one role in a row are one; results come before what else is said.
    assert_int_equal(
        read_messages(
            "{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"user\",\"content\":\"r\"},"
            "{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
            "\"signature\":\"sekisho\"},{\"type\":\"redacted_thinking\",\"data\":\"x\"},{\"type\":"
            "\"text\",\"text\":\"s\"}," CALL("1") "]},{\"role\":\"assistant\",\"content\":[" CALL(
                "2") "]},"
                     "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
                     "\"1\","
                     "\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"tool_reference\","
                     "\"tool_name\":\"f\"}]},{\"type\":\"tool_result\",\"tool_use_id\":\"2\",\"is_"
                     "error\":"
                     "true,\"content\":\"no\"},{\"type\":\"text\",\"text\":\"go on\"}]}"),
        SK_OK);
    conversation_is(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"q\\nr\"},{\"role\":\"assistant\","
        "\"content\":\"s\",\"reasoning_content\":\"t\",\"tool_calls\":[" CALLED("1") "," CALLED(
            "2") "]},{\"role\":\"tool\",\"content\":\"x\\nf\",\"name\":\"f\",\"tool_call_id\":"
                 "\"1\"},{\"role\":\"tool\",\"content\":\"The call failed:\\nno\",\"name\":\"f\","
                 "\"tool_call_id\":\"2\"},{\"role\":\"user\",\"content\":\"go on\"}],"
                 "\"enable_thinking\":false}");
    // Thoughts of others' making carry nothing.
    assert_int_equal(read_messages("{\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
                                   "\"thinking\":\"\",\"signature\":\"Eq9x\"},{\"type\":\"text\","
                                   "\"text\":\"a\"}]},{\"role\":\"user\",\"content\":\"b\"}"),
                     SK_OK);
    conversation_is("{\"messages\":[{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\","
                    "\"content\":\"b\"}],\"enable_thinking\":false}");
}

static void test_sampling(void **state) {
    (void)state;
    assert_int_equal(
        read_with("\"temperature\":0.5,\"top_p\":0.9,\"top_k\":40,\"seed\":7,\"stop_sequences\":["
                  "\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\","
                  "\"13\",\"14\",\"15\",\"16\"],\"thinking\":{\"type\":\"enabled\","
                  "\"budget_tokens\":1024},\"service_tier\":\"auto\",\"tool_choice\":{\"type\":"
                  "\"none\"},\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{"
                  "\"type\":\"object\"}}}"),
        SK_OK);
    const struct engine_sampling *as = &job()->sampling;
    assert_true(as->temperature == 0.5f && as->top_p == 0.9f && as->top_k == 40);
    assert_true(ask.seeded && as->seed == 7);
    assert_int_equal(job()->stops_len, 16);
    assert_true(view_is(job()->stops[15], "16"));
    assert_int_equal(job()->tool_choice, ENGINE_TOOLS_NONE);
    assert_int_equal(job()->format, ENGINE_JSON_SCHEMA);
    assert_true(view_is(job()->format_text, "{\"type\":\"object\"}"));
    assert_int_equal(read_with("\"tools\":[{\"name\":\"f\",\"type\":\"custom\",\"strict\":true,"
                               "\"input_schema\":{\"type\":\"object\"}}],\"tool_choice\":{\"type\":"
                               "\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":true},"
                               "\"output_format\":{\"type\":\"json_schema\",\"schema\":{}}"),
                     SK_OK);
    assert_int_equal(job()->tool_choice, ENGINE_TOOLS_NAMED);
    assert_true(view_is(job()->tool_name, "f") && !job()->parallel_calls);
    assert_int_equal(job()->format, ENGINE_JSON_SCHEMA);
}

static void test_count(void **state) {
    (void)state;
    assert_int_equal(
        read_at("/v1/messages/count_tokens?beta=true",
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                "\"foo\"},{\"role\":\"assistant\",\"content\":\"bar\"}],\"tools\":[]}"),
        SK_OK);
    assert_int_equal(ask.tasks[0].operation, GATE_OP_COUNT);
    assert_true(view_is(ask.model, "m") && ask.copies == 1);
    assert_int_equal(read_at("/v1/messages/count_tokens",
                             "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\","
                             "\"content\":\"foo\"}]}"),
                     SK_INPUT);
    assert_string_equal(error.text, "max_tokens: Extra inputs are not permitted");
}

// ---- refusals ----

static void refused(const char *request, const char *param, const char *text) {
    if (strcmp(error.param, param) != 0 || !strstr(error.text, text) || error.status != 400)
        print_error("%s: %u %s: %s\n", request, error.status, error.param, error.text);
    assert_int_equal(error.status, 400);
    assert_string_equal(error.param, param);
    assert_non_null(strstr(error.text, text));
    char page[4096];
    struct buf out = buf_over(page, sizeof page - 1);
    gate_error_write_anthropic(&error, &out);
    page[out.len] = 0;
    static const char begin[] = "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
                                "\"message\":\"";
    assert_memory_equal(page, begin, sizeof begin - 1);
}

static void test_threads(void **state) {
    (void)state;
    assert_int_equal(read_with("\"thread\":{\"type\":\"create\"}"), SK_OK);
    assert_int_equal(
        read_with("\"thread\":{\"type\":\"continue\",\"previous_message_id\":\"msg_1\"}"),
        SK_INPUT);
    assert_int_equal(error.status, 404);
    assert_string_equal(error.code, "thread_not_found");
}

static void test_refused_members(void **state) {
    (void)state;
    static const struct {
        const char *members, *param, *text;
    } rows[] = {
        {"\"temperature\":1.1", "temperature", "temperature: must be at least 0 and at most 1"},
        {"\"temperature\":\"1\"", "temperature", "must be a number"},
        {"\"top_p\":0", "top_p", "above 0"},
        {"\"top_k\":-1", "top_k", "from 0"},
        {"\"stop_sequences\":\"a\"", "stop_sequences", "an array"},
        {"\"stop_sequences\":[\"\"]", "stop_sequences.0", "1 to 256 bytes"},
        {"\"stop_sequences\":[1]", "stop_sequences.0", "a string"},
        {"\"stop_sequences\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"a\",\"b\","
         "\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]",
         "stop_sequences", "at most 16 strings, not 17"},
        {"\"stream\":1", "stream", "true or false"},
        {"\"system\":5", "system", "a string or an array"},
        {"\"system\":[{\"type\":\"image\"}]", "system.0.type", "type 'image'"},
        {"\"thinking\":{\"type\":\"enabled\"}", "thinking.budget_tokens", "Field required"},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1023}", "thinking.budget_tokens",
         "from 1024"},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}", "thinking.budget_tokens",
         "below 'max_tokens', 2048"},
        {"\"thinking\":{\"type\":\"adaptive\",\"budget_tokens\":1024}", "thinking.budget_tokens",
         "enabled only"},
        {"\"thinking\":{\"type\":\"between_tools\"}", "thinking.type", "one of"},
        {"\"thinking\":{\"type\":\"adaptive\",\"display\":\"x\"}", "thinking.display", "one of"},
        {"\"output_config\":{\"effort\":\"extreme\"}", "output_config.effort", "one of"},
        {"\"output_config\":{\"format\":{\"type\":\"text\"}}", "output_config.format.schema",
         "Field required"},
        {"\"output_config\":{\"format\":{\"type\":\"text\",\"schema\":{}}}",
         "output_config.format.type", "one of: json_schema"},
        {"\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":[]}}",
         "output_config.format.schema", "a JSON Schema"},
        {"\"output_config\":{\"task_budget\":{}}", "output_config.task_budget", "not supported"},
        {"\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}},"
         "\"output_format\":{\"type\":\"json_schema\",\"schema\":{}}",
         "output_format", "give one"},
        {"\"context_management\":{\"edits\":[{\"type\":\"clear_tool_uses_20250919\"}]}",
         "context_management", "editing the context"},
        {"\"context_management\":{\"edits\":[{\"type\":\"clear_thinking_20251015\",\"keep\":{"
         "\"type\":\"thinking_turns\",\"value\":1}}]}",
         "context_management", "editing the context"},
        {"\"tools\":{}", "tools", "an array"},
        {"\"tools\":[5]", "tools.0", "an object"},
        {"\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]", "tools.0.type",
         "not supported"},
        {"\"tools\":[{\"name\":\"f\"}]", "tools.0.input_schema", "Field required"},
        {"\"tools\":[{\"name\":\"a b\",\"input_schema\":{}}]", "tools.0.name", "may hold"},
        {"\"tools\":[{\"name\":\"f\",\"input_schema\":{},\"parameters\":{}}]", "tools.0.parameters",
         "Extra inputs are not permitted"},
        {"\"tools\":[{\"name\":\"f\",\"input_schema\":{},\"allowed_callers\":["
         "\"code_execution_20260120\"]}]",
         "tools.0.allowed_callers", "not supported"},
        {"\"tools\":[{\"name\":\"f\",\"input_schema\":{}},{\"name\":\"f\",\"input_schema\":{}}]",
         "tools", "twice"},
        {"\"tool_choice\":{\"type\":\"any\"}", "tool_choice", "needs 'tools'"},
        {"\"tool_choice\":\"auto\"", "tool_choice", "an object"},
        {"\"tool_choice\":{\"type\":\"tool\"}", "tool_choice.name", "Field required"},
        {"\"tool_choice\":{\"type\":\"auto\",\"name\":\"f\"}", "tool_choice.name", "tool only"},
        {"\"tools\":[{\"name\":\"f\",\"input_schema\":{}}],\"tool_choice\":{\"type\":\"tool\","
         "\"name\":\"g\"}",
         "tool_choice", "names 'g'"},
        {"\"container\":\"c\"", "container", "not supported"},
        {"\"mcp_servers\":[{}]", "mcp_servers", "not supported"},
        {"\"fallbacks\":[{}]", "fallbacks", "not supported"},
        {"\"diagnostics\":{\"previous_message_id\":\"m\"}", "diagnostics", "not supported"},
        {"\"inference_geo\":\"us\"", "inference_geo", "not supported"},
        {"\"speed\":\"fast\"", "speed", "not supported"},
        {"\"compaction\":{\"a\":1}", "compaction", "not supported"},
        {"\"n\":1", "n", "n: Extra inputs are not permitted"},
        {"\"stop\":\"a\"", "stop", "Extra inputs are not permitted"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_with(rows[i].members), SK_INPUT);
        refused(rows[i].members, rows[i].param, rows[i].text);
    }
}

#define USER(content)      "{\"role\":\"user\",\"content\":" content "}"
#define ASSISTANT(content) "{\"role\":\"assistant\",\"content\":" content "}"

static void test_refused_messages(void **state) {
    (void)state;
    static const struct {
        const char *messages, *param, *text;
    } rows[] = {
        {"", "messages", "at least one"},
        {"5", "messages.0", "an object"},
        {"{\"content\":\"a\"}", "messages.0.role", "messages.0.role: Field required"},
        {"{\"role\":\"user\"}", "messages.0.content", "Field required"},
        {"{\"role\":\"tool\",\"content\":\"a\"}", "messages.0.role", "one of"},
        {"{\"role\":\"user\",\"content\":\"a\",\"name\":\"b\"}", "messages.0.name", "Extra inputs"},
        {USER("5"), "messages.0.content", "a string or an array of blocks"},
        {USER("[\"a\"]"), "messages.0.content.0", "an object with a type"},
        {USER("[{\"text\":\"a\"}]"), "messages.0.content.0.type", "Field required"},
        {USER("[{\"type\":\"text\"}]"), "messages.0.content.0.text", "Field required"},
        {USER("[{\"type\":\"text\",\"text\":5}]"), "messages.0.content.0.text", "a string"},
        {USER("[{\"type\":\"text\",\"text\":\"a\",\"citations\":[{}]}]"),
         "messages.0.content.0.citations", "not supported"},
        {USER("[{\"type\":\"image\",\"source\":{}}]"), "messages.0.content.0.type",
         "messages.0.content.0.type: a block of type 'image' in a message of role user is not"},
        {USER("[{\"type\":\"document\"}]"), "messages.0.content.0.type", "'document'"},
        {USER("[{\"type\":\"search_result\"}]"), "messages.0.content.0.type", "'search_result'"},
        {USER("[" CALL("1") "]"), "messages.0.content.0.type", "'tool_use'"},
        {USER("[{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}]"),
         "messages.0.content.0.type", "'thinking'"},
        {USER("[{\"type\":\"tool_result\",\"tool_use_id\":\"1\"}]"), "messages.0",
         "answers the call '1'"},
        {ASSISTANT("[" CALL("1") "]") "," USER(
             "[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"tool_result\",\"tool_use_id\":"
             "\"1\"}]"),
         "messages.1.content.1", "must come before"},
        {ASSISTANT("[" CALL("1") "]") "," USER(
             "[{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"content\":[{\"type\":"
             "\"image\"}]}]"),
         "messages.1.content.0.content.0", "not supported"},
        {ASSISTANT("[" CALL("1") "]") "," USER(
             "[{\"type\":\"tool_result\",\"tool_use_id\":\"1\",\"content\":5}]"),
         "messages.1.content.0.content", "a string"},
        {ASSISTANT("[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\",\"input\":\"{}\"}]"),
         "messages.0.content.0.input", "an object"},
        {ASSISTANT("[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\",\"input\":{},\"caller\":{"
                   "\"type\":\"code_execution_20260120\"}}]"),
         "messages.0.content.0.caller", "not supported"},
        {ASSISTANT("[{\"type\":\"thinking\",\"thinking\":\"\"}]"), "messages.0.content.0.signature",
         "Field required"},
        {ASSISTANT("[{\"type\":\"server_tool_use\"}]"), "messages.0.content.0.type",
         "'server_tool_use'"},
        {USER("\"a\"") "," ASSISTANT("\"b\""), "messages", "prefill"},
        {"{\"role\":\"system\",\"content\":[{\"type\":\"image\"}]}", "messages.0.content.0.type",
         "role system"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_messages(rows[i].messages), SK_INPUT);
        refused(rows[i].messages, rows[i].param, rows[i].text);
    }
    static const struct {
        const char *request, *param, *text;
    } whole[] = {
        {"{\"max_tokens\":1,\"messages\":[]}", "model", "model: Field required"},
        {"{\"model\":\"m\",\"messages\":[]}", "max_tokens", "max_tokens: Field required"},
        {"{\"model\":\"m\",\"max_tokens\":1}", "messages", "messages: Field required"},
        {"{\"model\":\"m\",\"max_tokens\":0,\"messages\":[]}", "max_tokens", "from 1"},
        {"{\"model\":\"m\",\"max_tokens\":1,\"messages\":{}}", "messages", "an array"},
        {"{\"model\":\"\",\"max_tokens\":1,\"messages\":[]}", "model", "1 to 256 bytes"},
        {"[]", "", "must be a JSON object"},
        {"{", "", "not JSON"},
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        assert_int_equal(read_body(whole[i].request), SK_INPUT);
        refused(whole[i].request, whole[i].param, whole[i].text);
    }
}

static void test_too_many(void **state) {
    (void)state;
    static char text[1 << 18];
    struct buf out = buf_over(text, sizeof text - 1);
    buf_put_text(&out, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[");
    for (int i = 0; i < ENGINE_MESSAGES_MAX; i++)
        buf_print(&out, "{\"role\":\"%s\",\"content\":\"a\"},", i % 2 ? "assistant" : "user");
    struct buf more = out;
    buf_put_text(&more, "{\"role\":\"assistant\",\"content\":\"a\"},"); // the same turn
    buf_put_text(&more, "{\"role\":\"user\",\"content\":\"a\"}]}");
    text[more.len] = 0;
    assert_int_equal(read_body(text), SK_INPUT);
    refused("many", "messages.1025.content", "1024 turns");
    out.len--;
    buf_put_text(&out, "],\"system\":\"a\"}");
    text[out.len] = 0;
    assert_int_equal(read_at("/v1/messages/count_tokens", text), SK_INPUT);
}

static int setup(void **state) {
    (void)state;
    return arena_open(&arena, "test", 1 << 24) == SK_OK ? 0 : -1;
}
static int teardown(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_claude_code),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_refused_members),
        cmocka_unit_test(test_refused_messages),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
