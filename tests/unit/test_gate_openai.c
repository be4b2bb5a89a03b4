// OpenAI's endpoints, through the module's door: requests to asks, pieces to answers.
#include "cmocka_all.h"

#include <stdio.h>

#include "base/json.h"
#include "base/wire.h"
#include "gate/gate.h"

enum { ARENA_LEN = 1 << 20 };

static struct arena arena;
static struct gate_ask ask;
static struct gate_error error;
static char body[65536];

static struct gate_route route_of(const char *path) {
    struct gate_head head = {.method = VIEW("POST"), .target = view_of(path)};
    struct gate_route route;
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    return route;
}

static enum sk_code read_at(const char *path, const char *text) {
    struct gate_route route = route_of(path);
    arena_reset(&arena);
    size_t len = strlen(text);
    memcpy(body, text, len);
    return gate_ask_read(&route, body, len, &arena, &ask, &error);
}

static enum sk_code read_body(const char *text) {
    return read_at("/v1/chat/completions", text);
}

static const struct engine_job *job(void) {
    return &ask.tasks[0].job;
}

static void assert_data(const char *want) {
    char text[8192];
    snprintf(text, sizeof text, "%.*s", (int)job()->template_data.len, job()->template_data.at);
    assert_string_equal(text, want);
}

// A request with these members beside the two that must be there.
static enum sk_code read_with(const char *members) {
    static char text[8192];
    snprintf(text, sizeof text,
             "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]%s%s}",
             members[0] ? "," : "", members);
    return read_body(text);
}

static void test_smallest(void **state) {
    (void)state;
    assert_int_equal(read_with(""), SK_OK);
    assert_true(view_is(ask.model, "m"));
    assert_int_equal(ask.tasks_len, 1);
    assert_int_equal(ask.copies, 1);
    assert_int_equal(ask.tasks[0].operation, GATE_OP_CHAT);
    assert_data("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    assert_true(job()->sampling.temperature == 1 && job()->sampling.top_p == 0);
    assert_int_equal(job()->sampling.top_k, 0);
    assert_int_equal(job()->tokens_max, 0);
    assert_int_equal(job()->stops_len, 0);
    assert_int_equal(job()->format, ENGINE_FREE);
    assert_false(ask.stream || ask.usage || ask.seeded);
}

static void test_full(void **state) {
    (void)state;
    assert_int_equal(
        read_body("{\"messages\":[{\"role\":\"developer\",\"content\":\"a\\u00e9\",\"name\":\"x\"},"
                  "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"b\"},"
                  "{\"type\":\"text\",\"text\":\"c\"}],\"tool_calls\":[],\"refusal\":null},"
                  "{\"role\":\"user\",\"content\":\"\"},{\"role\":\"system\",\"content\":[]}],"
                  "\"model\":\"m/1\",\"max_tokens\":7,\"max_completion_tokens\":7,"
                  "\"temperature\":0,\"top_p\":0.5,\"top_k\":40,\"seed\":-1,"
                  "\"stop\":[\"x\",\"\\n\\n\"],\"stream\":true,"
                  "\"stream_options\":{\"include_usage\":true},\"n\":3,\"user\":\"u\","
                  "\"metadata\":{\"a\":\"b\"},\"presence_penalty\":0,\"frequency_penalty\":0.0,"
                  "\"logprobs\":true,\"top_logprobs\":2,\"logit_bias\":{},\"tools\":[],"
                  "\"tool_choice\":\"none\",\"response_format\":{\"type\":\"text\"},"
                  "\"modalities\":[\"text\"],\"reasoning_effort\":\"low\",\"store\":false,"
                  "\"chat_template_kwargs\":{\"k\":[1]}}"),
        SK_OK);
    assert_data("{\"messages\":[{\"role\":\"system\",\"content\":\"a\xc3\xa9\",\"name\":\"x\"},"
                "{\"role\":\"assistant\",\"content\":\"b\\nc\"},"
                "{\"role\":\"user\",\"content\":\"\"},{\"role\":\"system\",\"content\":\"\"}],"
                "\"reasoning_effort\":\"low\",\"enable_thinking\":true,\"k\":[1]}");
    assert_int_equal(job()->tokens_max, 7);
    assert_true(job()->sampling.temperature == 0 && job()->sampling.top_p == 0.5f);
    assert_int_equal(job()->sampling.top_k, 40);
    assert_int_equal(job()->logprobs, 3);
    assert_int_equal(job()->tool_choice, ENGINE_TOOLS_NONE);
    assert_true(ask.seeded && job()->sampling.seed == UINT64_MAX);
    assert_int_equal(job()->stops_len, 2);
    assert_true(view_is(job()->stops[1], "\n\n"));
    assert_true(ask.stream && ask.usage);
    assert_int_equal(ask.copies, 3);
}

static void test_tools(void **state) {
    (void)state;
    assert_int_equal(
        read_body(
            "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"天気\"},"
            "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"r\",\"tool_calls\":["
            "{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"weather\","
            "\"arguments\":\"{\\\"city\\\":\\\"大阪\\\"}\"}},"
            "{\"id\":\"c2\",\"function\":{\"name\":\"now\",\"arguments\":\"{broken\"}}]},"
            "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"12:00\"},"
            "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"晴れ\"}],"
            "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\","
            "\"description\":\"d\",\"strict\":true,\"parameters\":{\"type\":\"object\","
            "\"properties\":{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],"
            "\"additionalProperties\":false}}},{\"type\":\"function\",\"function\":{\"name\":"
            "\"now\"}}],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"now\"}},"
            "\"parallel_tool_calls\":false}"),
        SK_OK);
    assert_data(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"天気\"},{\"role\":\"assistant\","
        "\"content\":null,\"reasoning_content\":\"r\",\"tool_calls\":[{\"id\":\"c1\",\"type\":"
        "\"function\",\"function\":{\"name\":\"weather\",\"arguments\":{\"city\":\"大阪\"}}},"
        "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"now\",\"arguments\":"
        "\"{broken\"}}]},{\"role\":\"tool\",\"content\":\"12:00\",\"name\":\"now\","
        "\"tool_call_id\":\"c2\"},{\"role\":\"tool\",\"content\":\"晴れ\",\"name\":\"weather\","
        "\"tool_call_id\":\"c1\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
        "\"weather\",\"description\":\"d\",\"parameters\":{\"type\":\"object\",\"properties\":"
        "{\"city\":{\"type\":\"string\"}},\"required\":[\"city\"],\"additionalProperties\":false}}}"
        ","
        "{\"type\":\"function\",\"function\":{\"name\":\"now\",\"parameters\":{\"type\":"
        "\"object\",\"properties\":{}}}}],\"strict_tools\":[\"weather\"]}");
    assert_int_equal(job()->tool_choice, ENGINE_TOOLS_NAMED);
    assert_true(view_is(job()->tool_name, "now") && !job()->parallel_calls);
}

// An id that is used again means the call that came last; properties and required in any order.
static void test_calls_and_names(void **state) {
    (void)state;
#define CALL(name)                                                                                 \
    "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"x\",\"function\":{\"name\":\"" name                \
    "\",\"arguments\":\"{}\"}},{\"id\":\"a\",\"function\":{\"name\":\"z\",\"arguments\":\"{}\"}}]}"
#define RESULT "{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":\"\"}"
    assert_int_equal(read_body("{\"model\":\"m\",\"messages\":[" CALL("f") "," RESULT "," CALL("g")
                               "," RESULT "," RESULT "]}"),
                     SK_OK);
    struct view data = job()->template_data;
    const char *names[] = {"\"name\":\"f\",\"tool_call_id\"", "\"name\":\"g\",\"tool_call_id\"",
                           "\"name\":\"g\",\"tool_call_id\""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *at = memmem(data.at, data.len, names[i], strlen(names[i]));
        assert_non_null(at);
        data = view_from(data, (size_t)(at - data.at) + 1);
    }
    assert_int_equal(read_body("{\"model\":\"m\",\"messages\":[" RESULT "," CALL("f") "]}"),
                     SK_INPUT);
    assert_string_equal(error.param, "messages[0]");
    assert_int_equal(
        read_with("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
                  "\"strict\":true,\"schema\":{\"type\":\"object\",\"properties\":{\"b\":{},\"a\":{},"
                  "\"ab\":{}},\"required\":[\"ab\",\"b\",\"a\"],\"additionalProperties\":false}}}"),
        SK_OK);
#undef CALL
#undef RESULT
}

static void test_formats(void **state) {
    (void)state;
    assert_int_equal(read_with("\"response_format\":{\"type\":\"json_object\"}"), SK_OK);
    assert_int_equal(job()->format, ENGINE_JSON);
    assert_int_equal(read_with("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{"
                               "\"name\":\"n\",\"schema\":{\"type\": \"integer\"}}}"),
                     SK_OK);
    assert_int_equal(job()->format, ENGINE_JSON_SCHEMA);
    assert_true(view_is(job()->format_text, "{\"type\":\"integer\"}"));
    assert_int_equal(read_with("\"grammar\":\"root ::= \\\"a\\\"\""), SK_OK);
    assert_int_equal(job()->format, ENGINE_GBNF);
    assert_true(view_is(job()->format_text, "root ::= \"a\""));
    // A property called "properties" is no schema of an object, an enum holds data.
    assert_int_equal(
        read_with("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
                  "\"strict\":true,\"schema\":{\"type\":\"object\",\"properties\":{"
                  "\"properties\":{\"enum\":[{\"type\":\"object\"}]}},\"required\":["
                  "\"properties\"],\"additionalProperties\":false}}}"),
        SK_OK);
}

static void test_nulls(void **state) {
    (void)state;
    assert_int_equal(
        read_with("\"max_tokens\":null,\"temperature\":null,\"top_p\":null,\"top_k\":null,"
                  "\"seed\":null,\"stop\":null,\"stream\":null,\"stream_options\":null,"
                  "\"n\":null,\"tools\":null,\"response_format\":null,\"logprobs\":null"),
        SK_OK);
    assert_false(ask.seeded);
    assert_true(job()->sampling.temperature == 1);
    assert_int_equal(read_with("\"stop\":\"END\""), SK_OK);
    assert_true(job()->stops_len == 1 && view_is(job()->stops[0], "END"));
    assert_int_equal(read_with("\"max_completion_tokens\":9"), SK_OK);
    assert_int_equal(job()->tokens_max, 9);
}

static void test_sampling(void **state) {
    (void)state;
    assert_int_equal(
        read_with("\"min_p\":0.05,\"typical_p\":0.9,\"presence_penalty\":-1.5,"
                  "\"frequency_penalty\":2,\"repeat_penalty\":1.1,\"repeat_last_n\":64,"
                  "\"dry_multiplier\":0.8,\"dry_base\":2,\"dry_allowed_length\":3,"
                  "\"dry_penalty_last_n\":512,\"dry_sequence_breakers\":[\"。\"],"
                  "\"logit_bias\":{\"50\":-100,\"7\":1.5,\"8\":100}"),
        SK_OK);
    char text[1024];
    struct buf canonical = buf_over(text, sizeof text - 1);
    assert_int_equal(engine_sampling_write(&job()->sampling, &canonical), SK_OK);
    text[canonical.len] = 0;
    assert_string_equal(
        text, "{\"temperature\":1,\"min_p\":0.05,\"typical_p\":0.9,\"repetition_penalty\":1.1,"
              "\"presence_penalty\":-1.5,\"frequency_penalty\":2,\"penalty_last_n\":64,"
              "\"dry_multiplier\":0.8,\"dry_base\":2,\"dry_allowed_length\":3,"
              "\"dry_penalty_last_n\":512,\"dry_sequence_breakers\":[\"。\"],"
              "\"logit_bias\":{\"7\":1.5,\"8\":100,\"50\":-100}}");
    // What changes nothing is as if it had not been said.
    assert_int_equal(read_with("\"top_p\":1,\"typical_p\":1.0,\"min_p\":0,\"top_k\":-1,"
                               "\"repetition_penalty\":1,\"repeat_penalty\":1,\"logit_bias\":{},"
                               "\"penalty_last_n\":-1,\"dry_multiplier\":0,\"dry_base\":3"),
                     SK_OK);
    canonical = buf_over(text, sizeof text - 1);
    assert_int_equal(engine_sampling_write(&job()->sampling, &canonical), SK_OK);
    assert_true(view_is(buf_view(&canonical), "{\"temperature\":1}"));
    // Nothing to look back on is off; the usual breakers come by themselves.
    assert_int_equal(read_with("\"repeat_last_n\":0,\"repeat_penalty\":2,\"dry_multiplier\":1,"
                               "\"dry_penalty_last_n\":0"),
                     SK_OK);
    assert_true(job()->sampling.repetition_penalty == 0 && job()->sampling.dry_multiplier == 0);
    assert_int_equal(read_with("\"dry_multiplier\":1"), SK_OK);
    assert_true(job()->sampling.dry_breakers_len == 4 &&
                view_is(job()->sampling.dry_breakers[0], "\n"));
    assert_int_equal(read_with("\"dry_multiplier\":1,\"dry_sequence_breakers\":[]"), SK_OK);
    assert_int_equal(job()->sampling.dry_breakers_len, 0);
}

static void test_refused_members(void **state) {
    (void)state;
    static const struct {
        const char *members, *param, *code;
    } rows[] = {
        {"\"temperature\":\"1\"", "temperature", "invalid_type"},
        {"\"temperature\":-0.1", "temperature", "invalid_value"},
        {"\"temperature\":2.1", "temperature", "invalid_value"},
        {"\"temperature\":1e999", "temperature", "invalid_value"},
        {"\"top_p\":0", "top_p", "invalid_value"},
        {"\"top_p\":1.5", "top_p", "invalid_value"},
        {"\"top_k\":-2", "top_k", "invalid_value"},
        {"\"top_p\":1e-300", "top_p", "invalid_value"}, // 0 as a float
        {"\"min_p\":1.1", "min_p", "invalid_value"},
        {"\"typical_p\":0", "typical_p", "invalid_value"},
        {"\"presence_penalty\":2.1", "presence_penalty", "invalid_value"},
        {"\"presence_penalty\":\"1\"", "presence_penalty", "invalid_type"},
        {"\"frequency_penalty\":-3", "frequency_penalty", "invalid_value"},
        {"\"repetition_penalty\":0", "repetition_penalty", "invalid_value"},
        {"\"repeat_penalty\":101", "repeat_penalty", "invalid_value"},
        {"\"repetition_penalty\":1.1,\"repeat_penalty\":1.2", "repetition_penalty",
         "invalid_value"},
        {"\"penalty_last_n\":-2", "penalty_last_n", "invalid_value"},
        {"\"penalty_last_n\":4,\"repeat_last_n\":5", "penalty_last_n", "invalid_value"},
        {"\"dry_multiplier\":-1", "dry_multiplier", "invalid_value"},
        {"\"dry_base\":0.5", "dry_base", "invalid_value"},
        {"\"dry_allowed_length\":0", "dry_allowed_length", "invalid_value"},
        {"\"dry_penalty_last_n\":1.5", "dry_penalty_last_n", "invalid_value"},
        {"\"dry_sequence_breakers\":\"a\"", "dry_sequence_breakers", "invalid_type"},
        {"\"dry_sequence_breakers\":[1]", "dry_sequence_breakers[0]", "invalid_type"},
        {"\"dry_sequence_breakers\":[\"\"]", "dry_sequence_breakers[0]", "invalid_value"},
        {"\"logit_bias\":[]", "logit_bias", "invalid_type"},
        {"\"logit_bias\":{\"a\":1}", "logit_bias", "invalid_value"},
        {"\"logit_bias\":{\"-1\":1}", "logit_bias", "invalid_value"},
        {"\"logit_bias\":{\"2147483648\":1}", "logit_bias", "invalid_value"},
        {"\"logit_bias\":{\"5\":100.5}", "logit_bias", "invalid_value"},
        {"\"logit_bias\":{\"5\":\"1\"}", "logit_bias", "invalid_value"},
        {"\"mirostat\":2", "mirostat", "unsupported_value"},
        {"\"xtc_probability\":0.5", "xtc_probability", "unsupported_value"},
        {"\"top_k\":1.5", "top_k", "invalid_value"},
        {"\"top_k\":true", "top_k", "invalid_type"},
        {"\"max_tokens\":0", "max_tokens", "invalid_value"},
        {"\"max_tokens\":-1", "max_tokens", "invalid_value"},
        {"\"max_tokens\":1.5", "max_tokens", "invalid_value"},
        {"\"max_tokens\":4294967296", "max_tokens", "invalid_value"},
        {"\"max_tokens\":\"5\"", "max_tokens", "invalid_type"},
        {"\"max_tokens\":5,\"max_completion_tokens\":6", "max_tokens", "invalid_value"},
        {"\"seed\":1.5", "seed", "invalid_value"},
        {"\"seed\":9223372036854775808", "seed", "invalid_value"},
        {"\"stop\":5", "stop", "invalid_type"},
        {"\"stop\":\"\"", "stop", "invalid_value"},
        {"\"stop\":[\"a\",5]", "stop[1]", "invalid_type"},
        {"\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]", "stop", "invalid_value"},
        {"\"stream\":\"true\"", "stream", "invalid_type"},
        {"\"stream\":1", "stream", "invalid_type"},
        {"\"stream_options\":{\"include_usage\":true}", "stream_options", "invalid_value"},
        {"\"stream\":true,\"stream_options\":[]", "stream_options", "invalid_type"},
        {"\"stream\":true,\"stream_options\":{\"include_usage\":1}", "stream_options.include_usage",
         "invalid_type"},
        {"\"n\":17", "n", "invalid_value"},
        {"\"n\":0", "n", "invalid_value"},
        {"\"n\":\"1\"", "n", "invalid_type"},
        {"\"logprobs\":1", "logprobs", "invalid_type"},
        {"\"top_logprobs\":2", "top_logprobs", "invalid_value"},
        {"\"logprobs\":true,\"top_logprobs\":21", "top_logprobs", "invalid_value"},
        {"\"tools\":{}", "tools", "invalid_type"},
        {"\"tools\":[{}]", "tools[0].type", "unsupported_value"},
        {"\"tools\":[{\"type\":\"function\"}]", "tools[0].function", "missing_required_parameter"},
        {"\"tools\":[{\"type\":\"function\",\"function\":{}}]", "tools[0].function.name",
         "missing_required_parameter"},
        {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a b\"}}]",
         "tools[0].function.name", "invalid_value"},
        {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}},"
         "{\"type\":\"function\",\"function\":{\"name\":\"a\"}}]",
         "tools", "invalid_value"},
        {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"strict\":true,"
         "\"parameters\":{\"type\":\"object\"}}}]",
         "tools[0].function.parameters", "invalid_value"},
        {"\"tool_choice\":\"required\"", "tool_choice", "invalid_value"},
        {"\"tool_choice\":\"any\"", "tool_choice", "invalid_value"},
        {"\"tool_choice\":{\"type\":\"function\"}", "tool_choice.function.name",
         "missing_required_parameter"},
        {"\"tool_choice\":{\"type\":\"custom\"}", "tool_choice.type", "unsupported_value"},
        {"\"parallel_tool_calls\":1", "parallel_tool_calls", "invalid_type"},
        {"\"functions\":[{}]", "functions", "unsupported_value"},
        {"\"function_call\":{\"name\":\"f\"}", "function_call", "unsupported_value"},
        {"\"response_format\":\"text\"", "response_format", "invalid_type"},
        {"\"response_format\":{}", "response_format.type", "missing_required_parameter"},
        {"\"response_format\":{\"type\":\"xml\"}", "response_format.type", "invalid_value"},
        {"\"response_format\":{\"type\":\"json_schema\"}", "response_format.json_schema",
         "missing_required_parameter"},
        {"\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\"}}",
         "response_format.json_schema.schema", "missing_required_parameter"},
        {"\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
         "\"strict\":true,\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{}},"
         "\"additionalProperties\":false}}}",
         "response_format.json_schema.schema", "invalid_value"},
        {"\"response_format\":{\"type\":\"json_object\"},\"grammar\":\"root ::= [a]\"", "grammar",
         "invalid_value"},
        {"\"reasoning_effort\":\"much\"", "reasoning_effort", "invalid_value"},
        {"\"chat_template_kwargs\":{\"messages\":[]}", "chat_template_kwargs", "invalid_value"},
        {"\"chat_template_kwargs\":{\"strict_tools\":[]}", "chat_template_kwargs", "invalid_value"},
        {"\"reasoning_effort\":\"low\",\"chat_template_kwargs\":{\"enable_thinking\":false}",
         "chat_template_kwargs", "invalid_value"},
        {"\"reasoning_effort\":\"low\",\"chat_template_kwargs\":{\"reasoning_effort\":\"low\"}",
         "chat_template_kwargs", "invalid_value"},
        {"\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
         "\"strict\":true,\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{},"
         "\"ab\":{}},\"required\":[\"b\",\"c\",\"a\",1,\"a\"],\"additionalProperties\":false}}}",
         "response_format.json_schema.schema", "invalid_value"},
        {"\"store\":true", "store", "unsupported_value"},
        {"\"temprature\":1", "temprature", "unknown_parameter"},
        {"\"stream\":true,\"stream_options\":{\"usage\":true}", "stream_options.usage",
         "unknown_parameter"},
        {"\"modalities\":[\"text\",\"audio\"]", "modalities", "unsupported_value"},
        {"\"audio\":{}", "audio", "unsupported_value"},
        {"\"web_search_options\":{}", "web_search_options", "unsupported_value"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (read_with(rows[i].members) != SK_INPUT || error.status != 400 ||
            strcmp(error.param, rows[i].param) != 0 || strcmp(error.code, rows[i].code) != 0)
            fail_msg("%s: %u %s %s", rows[i].members, error.status, error.param, error.code);
    }
}

static void test_refused_bodies(void **state) {
    (void)state;
    static const struct {
        const char *body, *param, *code;
    } rows[] = {
        {"", "", "invalid_json"},
        {"{", "", "invalid_json"},
        {"{\"model\":\"a\",\"model\":\"b\"}", "", "invalid_json"},
        {"[]", "", "invalid_type"},
        {"{}", "messages", "missing_required_parameter"},
        {"{\"messages\":[]}", "model", "missing_required_parameter"},
        {"{\"model\":5,\"messages\":[]}", "model", "invalid_type"},
        {"{\"model\":\"\",\"messages\":[]}", "model", "invalid_value"},
        {"{\"model\":\"m\"}", "messages", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":\"hi\"}", "messages", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[]}", "messages", "invalid_value"},
        {"{\"model\":\"m\",\"messages\":[5]}", "messages[0]", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[{}]}", "messages[0].role", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":1}]}", "messages[0].role", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"bot\"}]}", "messages[0].role",
         "invalid_value"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"function\"}]}", "messages[0].role",
         "unsupported_value"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"a\"}]}",
         "messages[0].tool_call_id", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":\"a\",\"tool_call_id\":"
         "\"x\"}]}",
         "messages[0]", "invalid_value"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"tool_call_id\":"
         "\"x\"}]}",
         "messages[0].tool_call_id", "invalid_value"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":null}]}",
         "messages[0].content", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":{}}]}",
         "messages[0].content", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}]}",
         "messages[0].content[0]", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}"
         "]}",
         "messages[0].content[0]", "unsupported_value"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
         "messages[0].content[0].text", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]}",
         "messages[0].tool_calls[0].id", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\",\"image\":1}]}",
         "messages[0].image", "unknown_parameter"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (read_body(rows[i].body) != SK_INPUT || error.status != 400 ||
            strcmp(error.param, rows[i].param) != 0 || strcmp(error.code, rows[i].code) != 0)
            fail_msg("%s: %u %s %s", rows[i].body, error.status, error.param, error.code);
    }
}

static void test_too_many(void **state) {
    (void)state;
    static char text[ENGINE_MESSAGES_MAX * 40];
    struct buf out = buf_over(text, sizeof text - 1);
    buf_put_text(&out, "{\"model\":\"m\",\"messages\":[");
    for (int i = 0; i <= ENGINE_MESSAGES_MAX; i++)
        buf_put_text(&out, i ? ",{\"role\":\"user\",\"content\":\"a\"}"
                             : "{\"role\":\"user\",\"content\":\"a\"}");
    buf_put_text(&out, "]}");
    assert_false(out.over);
    out.at[out.len] = 0;
    assert_int_equal(read_body(text), SK_INPUT);
    assert_string_equal(error.param, "messages");
    // More values than the arena holds.
    struct arena small;
    assert_int_equal(arena_open(&small, "small", 4096), SK_OK);
    struct gate_route route = route_of("/v1/chat/completions");
    assert_int_equal(gate_ask_read(&route, text, out.len, &small, &ask, &error), SK_INPUT);
    arena_close(&small);
}

static void test_completions(void **state) {
    (void)state;
    const char *path = "/v1/completions";
    assert_int_equal(read_at(path, "{\"model\":\"m\",\"prompt\":\"むかし\",\"logprobs\":0}"),
                     SK_OK);
    assert_int_equal(ask.tasks[0].operation, GATE_OP_COMPLETION);
    assert_true(view_is(job()->prompt, "むかし") && job()->tokens_max == 16);
    assert_int_equal(job()->logprobs, 1);
    assert_int_equal(read_at(path,
                             "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"],\"n\":2,\"echo\":true,"
                             "\"best_of\":2}"),
                     SK_OK);
    assert_true(ask.tasks_len == 2 && ask.copies == 2);
    assert_true(view_is(ask.tasks[1].job.prompt, "b"));
    assert_true(job()->score_from == 0 && !job()->prompt_only);
    const char *scored =
        "{\"model\":\"m\",\"prompt\":\"a\",\"echo\":true,\"logprobs\":3,\"max_tokens\":0}";
    assert_int_equal(read_at(path, scored), SK_OK);
    assert_true(job()->score_from == 1 && job()->prompt_only && job()->tokens_max == 0);
    static const struct {
        const char *members, *param, *code;
    } rows[] = {
        {"\"prompt\":[1,2]", "prompt[0]", "unsupported_value"},
        {"\"prompt\":[[1]]", "prompt[0]", "unsupported_value"},
        {"\"prompt\":5", "prompt", "unsupported_value"},
        {"\"prompt\":[]", "prompt", "invalid_value"},
        {"\"prompt\":\"\"", "prompt", "invalid_value"},
        {"\"prompt\":\"a\",\"n\":16,\"best_of\":2", "best_of", "unsupported_value"},
        {"\"prompt\":[\"a\",\"b\"],\"n\":9", "prompt", "invalid_value"},
        {"\"prompt\":\"a\",\"suffix\":\"b\"", "suffix", "unsupported_value"},
        {"\"prompt\":\"a\",\"tools\":[]", "tools", "unknown_parameter"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"model\":\"m\",%s}", rows[i].members);
        if (read_at(path, text) != SK_INPUT || error.status != 400 ||
            strcmp(error.param, rows[i].param) != 0 || strcmp(error.code, rows[i].code) != 0)
            fail_msg("%s: %u %s %s", text, error.status, error.param, error.code);
    }
}

static void test_texts(void **state) {
    (void)state;
    assert_int_equal(read_at("/v1/embeddings", "{\"model\":\"m\",\"input\":[\"a\",\"b\"],"
                                               "\"encoding_format\":\"base64\",\"dimensions\":8}"),
                     SK_OK);
    assert_int_equal(ask.tasks[0].operation, GATE_OP_EMBED);
    assert_true(ask.tasks[0].texts_len == 2 && ask.tasks[0].dimensions == 8);
    assert_int_equal(read_at("/v1/embeddings", "{\"model\":\"m\",\"input\":[1]}"), SK_INPUT);
    assert_string_equal(error.param, "input[0]");
    assert_int_equal(read_at("/v1/embeddings", "{\"model\":\"m\",\"input\":\"\"}"), SK_INPUT);
    assert_int_equal(read_at("/v1/rerank", "{\"model\":\"m\",\"query\":\"q\",\"documents\":["
                                           "\"a\",{\"text\":\"b\"}],\"top_n\":1}"),
                     SK_OK);
    assert_true(view_is(ask.tasks[0].query, "q") && view_is(ask.tasks[0].texts[1], "b"));
    assert_int_equal(read_at("/v1/rerank", "{\"model\":\"m\",\"query\":\"q\",\"documents\":[]}"),
                     SK_INPUT);
    assert_string_equal(error.param, "documents");
    assert_int_equal(
        read_at("/v1/attributions",
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"ab\"}],"
                "\"answer\":\"c\",\"spans\":[{\"message\":0,\"start\":0,\"end\":1}]}"),
        SK_OK);
    assert_true(ask.tasks[0].spans_len == 1 && ask.tasks[0].spans[0].end == 1);
    assert_int_equal(read_at("/v1/attributions",
                             "{\"model\":\"m\",\"messages\":[{\"role\":\"tool\",\"content\":"
                             "\"ab\"}],\"answer\":\"c\"}"),
                     SK_INPUT);
    assert_string_equal(error.param, "messages[0].role");
}

int main(void) {
    if (arena_open(&arena, "test", ARENA_LEN) != SK_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest),        cmocka_unit_test(test_full),
        cmocka_unit_test(test_tools),           cmocka_unit_test(test_formats),
        cmocka_unit_test(test_nulls),           cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_refused_members), cmocka_unit_test(test_refused_bodies),
        cmocka_unit_test(test_too_many),        cmocka_unit_test(test_completions),
        cmocka_unit_test(test_texts),           cmocka_unit_test(test_calls_and_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
