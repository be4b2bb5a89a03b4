// OpenAI's chat requests and answers, through the module's door.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/json.h"
#include "gate/gate.h"

enum { ARENA_LEN = 1 << 20 };

static struct arena arena;
static struct gate_chat chat;
static struct gate_error error;
static char body[65536];

static enum sk_code read_body(const char *text) {
    arena_reset(&arena);
    size_t len = strlen(text);
    memcpy(body, text, len);
    return gate_chat_read(body, len, &arena, &chat, &error);
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
    assert_true(view_is(chat.model, "m"));
    assert_int_equal(chat.job.messages_len, 1);
    assert_int_equal(chat.job.messages[0].role, ENGINE_USER);
    assert_true(view_is(chat.job.messages[0].text, "hi"));
    assert_true(chat.job.sampling.temperature == 1 && chat.job.sampling.top_p == 0);
    assert_int_equal(chat.job.sampling.top_k, 0);
    assert_int_equal(chat.job.tokens_max, 0);
    assert_int_equal(chat.job.stops_len, 0);
    assert_false(chat.stream || chat.usage || chat.seeded);
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
                  "\"stream_options\":{\"include_usage\":true},\"n\":1,\"user\":\"u\","
                  "\"metadata\":{\"a\":\"b\"},\"presence_penalty\":0,\"frequency_penalty\":0.0,"
                  "\"logprobs\":false,\"top_logprobs\":null,\"logit_bias\":{},\"tools\":[],"
                  "\"tool_choice\":\"none\",\"response_format\":{\"type\":\"text\"},"
                  "\"modalities\":[\"text\"],\"unknown\":[1]}"),
        SK_OK);
    const struct engine_job *job = &chat.job;
    assert_int_equal(job->messages_len, 4);
    assert_int_equal(job->messages[0].role, ENGINE_SYSTEM);
    assert_true(view_is(job->messages[0].text, "a\xc3\xa9"));
    assert_int_equal(job->messages[1].role, ENGINE_ASSISTANT);
    assert_true(view_is(job->messages[1].text, "b\nc"));
    assert_int_equal(job->messages[2].text.len, 0);
    assert_int_equal(job->messages[3].text.len, 0);
    assert_int_equal(job->tokens_max, 7);
    assert_true(job->sampling.temperature == 0 && job->sampling.top_p == 0.5f);
    assert_int_equal(job->sampling.top_k, 40);
    assert_true(chat.seeded && job->sampling.seed == UINT64_MAX);
    assert_int_equal(job->stops_len, 2);
    assert_true(view_is(job->stops[1], "\n\n"));
    assert_true(chat.stream && chat.usage);
}

static void test_nulls(void **state) {
    (void)state;
    assert_int_equal(
        read_with("\"max_tokens\":null,\"temperature\":null,\"top_p\":null,\"top_k\":null,"
                  "\"seed\":null,\"stop\":null,\"stream\":null,\"stream_options\":null,"
                  "\"n\":null,\"tools\":null,\"response_format\":null,\"logprobs\":null"),
        SK_OK);
    assert_false(chat.seeded);
    assert_true(chat.job.sampling.temperature == 1);
    assert_int_equal(read_with("\"stop\":\"END\""), SK_OK);
    assert_true(chat.job.stops_len == 1 && view_is(chat.job.stops[0], "END"));
    assert_int_equal(read_with("\"max_completion_tokens\":9"), SK_OK);
    assert_int_equal(chat.job.tokens_max, 9);
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
    const struct engine_sampling *as = &chat.job.sampling;
    char text[1024];
    struct buf canonical = buf_over(text, sizeof text - 1);
    assert_int_equal(engine_sampling_write(as, &canonical), SK_OK);
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
    assert_int_equal(engine_sampling_write(as, &canonical), SK_OK);
    assert_true(view_is(buf_view(&canonical), "{\"temperature\":1}"));
    // Nothing to look back on is off; the usual breakers come by themselves.
    assert_int_equal(read_with("\"repeat_last_n\":0,\"repeat_penalty\":2,\"dry_multiplier\":1,"
                               "\"dry_penalty_last_n\":0"),
                     SK_OK);
    assert_true(as->repetition_penalty == 0 && as->dry_multiplier == 0);
    assert_int_equal(read_with("\"dry_multiplier\":1"), SK_OK);
    assert_true(as->dry_breakers_len == 4 && view_is(as->dry_breakers[0], "\n"));
    assert_int_equal(read_with("\"dry_multiplier\":1,\"dry_sequence_breakers\":[]"), SK_OK);
    assert_int_equal(as->dry_breakers_len, 0);
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
        {"\"dry_sequence_breakers\":[1]", "dry_sequence_breakers", "invalid_type"},
        {"\"dry_sequence_breakers\":[\"\"]", "dry_sequence_breakers", "invalid_value"},
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
        {"\"seed\":1.5", "seed", "invalid_type"},
        {"\"seed\":9223372036854775808", "seed", "invalid_type"},
        {"\"stop\":5", "stop", "invalid_type"},
        {"\"stop\":\"\"", "stop", "invalid_value"},
        {"\"stop\":[\"a\",5]", "stop", "invalid_type"},
        {"\"stop\":[\"1\",\"2\",\"3\",\"4\",\"5\"]", "stop", "invalid_value"},
        {"\"stream\":\"true\"", "stream", "invalid_type"},
        {"\"stream\":1", "stream", "invalid_type"},
        {"\"stream_options\":{\"include_usage\":true}", "stream_options", "invalid_value"},
        {"\"stream\":true,\"stream_options\":[]", "stream_options", "invalid_type"},
        {"\"stream\":true,\"stream_options\":{\"include_usage\":1}", "include_usage",
         "invalid_type"},
        {"\"n\":2", "n", "unsupported_value"},
        {"\"n\":0", "n", "unsupported_value"},
        {"\"n\":\"1\"", "n", "unsupported_value"},
        {"\"logprobs\":true", "logprobs", "unsupported_value"},
        {"\"top_logprobs\":2", "top_logprobs", "unsupported_value"},
        {"\"tools\":[{}]", "tools", "unsupported_value"},
        {"\"tool_choice\":\"required\"", "tool_choice", "unsupported_value"},
        {"\"functions\":[{}]", "functions", "unsupported_value"},
        {"\"function_call\":{\"name\":\"f\"}", "function_call", "unsupported_value"},
        {"\"response_format\":{\"type\":\"json_object\"}", "response_format", "unsupported_value"},
        {"\"response_format\":\"text\"", "response_format", "unsupported_value"},
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
        {"{}", "model", "missing_required_parameter"},
        {"{\"model\":5}", "model", "invalid_type"},
        {"{\"model\":\"\"}", "model", "invalid_value"},
        {"{\"model\":\"m\"}", "messages", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":\"hi\"}", "messages", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[]}", "messages", "invalid_value"},
        {"{\"model\":\"m\",\"messages\":[5]}", "messages[0]", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[{}]}", "messages[0].role", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":1}]}", "messages[0].role", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"bot\"}]}", "messages[0].role",
         "invalid_value"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"tool\"}]}", "messages[0].role",
         "unsupported_value"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":null}]}",
         "messages[0].content", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":{}}]}",
         "messages[0].content", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[\"a\"]}]}",
         "messages[0].content", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}"
         "]}",
         "messages[0].content", "unsupported_value"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]}",
         "messages[0].content", "invalid_type"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{}]}]}",
         "messages[0].tool_calls", "unsupported_value"},
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
    assert_int_equal(gate_chat_read(text, out.len, &small, &chat, &error), SK_INPUT);
    arena_close(&small);
}

// ---- answers ----

static char page[65536];
static struct buf out;

static struct gate_reply reply_of(bool usage) {
    struct gate_reply reply = {.model = "m",
                               .created_s = 5,
                               .usage = usage,
                               .prompt_tokens = 2,
                               .completion_tokens = 3,
                               .finish_reason = VIEW("stop"),
                               .receipt = VIEW("{\"a\":1}")};
    gate_reply_name(&reply, (const uint8_t *)"\0\1\2\3\4\5\6\7\10\11\12\377");
    out = buf_over(page, sizeof page - 1);
    return reply;
}

static const char *written(void) {
    assert_false(out.over);
    page[out.len] = 0;
    return page;
}

#define HEAD                                                                                       \
    "data: {\"id\":\"chatcmpl-000102030405060708090aff\",\"object\":\"chat.completion.chunk\","    \
    "\"created\":5,\"model\":\"m\",\"choices\":["
#define TAIL(reason) "},\"logprobs\":null,\"finish_reason\":" reason "}]"

static void test_stream(void **state) {
    (void)state;
    struct gate_reply reply = reply_of(false);
    gate_stream_begin(&reply, &out);
    gate_stream_text(&reply, VIEW("a\"\n\xc3\xa9"), &out);
    gate_stream_end(&reply, &out);
    assert_string_equal(
        written(), HEAD
        "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null" TAIL(
            "null") "}\n\n" HEAD
                    "{\"index\":0,\"delta\":{\"content\":\"a\\\"\\n\xc3\xa9\"" TAIL(
                        "null") "}\n\n" HEAD
                                "{\"index\":0,\"delta\":{" TAIL(
                                    "\"stop\"") ",\"sekisho\":{\"receipt\":{\"a\":1}}}"
                                                "\n\ndata: [DONE]\n\n");
}

static void test_stream_usage(void **state) {
    (void)state;
    struct gate_reply reply = reply_of(true);
    reply.receipt = VIEW("");
    gate_stream_text(&reply, VIEW("a"), &out);
    gate_stream_end(&reply, &out);
    assert_string_equal(written(),
                        HEAD "{\"index\":0,\"delta\":{\"content\":\"a\"" TAIL(
                            "null") ",\"usage\":null}\n\n" HEAD
                                    "{\"index\":0,\"delta\":{" TAIL(
                                        "\"stop\"") ",\"usage\":null,\"sekisho\":{\"receipt\":"
                                                    "null}}\n\n" HEAD
                                                    "],\"usage\":{\"prompt_tokens\":2,\"completion_"
                                                    "tokens\":3,\"total_tokens\":5}}\n\n"
                                                    "data: [DONE]\n\n");
}

static void test_stream_error(void **state) {
    (void)state;
    reply_of(false);
    gate_refuse(&error, 503, "engine_restarting", "", "Gone.");
    gate_stream_error(&error, &out);
    assert_string_equal(written(),
                        "data: {\"error\":{\"message\":\"Gone.\",\"type\":\"server_error\","
                        "\"param\":null,\"code\":\"engine_restarting\"}}\n\n");
}

static void test_whole(void **state) {
    (void)state;
    struct gate_reply reply = reply_of(false);
    gate_whole(&reply, VIEW("hi"), &out);
    assert_string_equal(
        written(),
        "{\"id\":\"chatcmpl-000102030405060708090aff\",\"object\":\"chat.completion\","
        "\"created\":5,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
        "\"assistant\",\"content\":\"hi\",\"refusal\":null},\"logprobs\":null,"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":2,"
        "\"completion_tokens\":3,\"total_tokens\":5},\"sekisho\":{\"receipt\":{\"a\":1}}}");
}

// One event of the longest text stays within what the room reserves for it.
static void test_event_bound(void **state) {
    (void)state;
    static char text[16384], event[sizeof text * GATE_ESCAPE_MAX + GATE_EVENT_EXTRA_MAX];
    struct gate_reply reply = reply_of(true);
    memset(text, 1, sizeof text);
    memset(reply.model, 1, sizeof reply.model - 1);
    struct buf to = buf_over(event, sizeof event);
    gate_stream_text(&reply, (struct view){text, sizeof text}, &to);
    assert_false(to.over);
}

static void test_model_pick(void **state) {
    (void)state;
    char list[] = "{\"data\":[{\"id\":\"a\"},{\"id\":\"b/c\",\"created\":1,\"x\":{\"y\":[]}}]}";
    reply_of(false);
    arena_reset(&arena);
    assert_int_equal(gate_model_pick(list, sizeof list - 1, "b/c", &arena, &out, &error), SK_OK);
    assert_string_equal(written(), "{\"id\":\"b/c\",\"created\":1,\"x\":{\"y\":[]}}");
    char again[] = "{\"data\":[{\"id\":\"a\"}]}";
    assert_int_equal(gate_model_pick(again, sizeof again - 1, "b", &arena, &out, &error), SK_INPUT);
    assert_int_equal(error.status, 404);
}

int main(void) {
    if (arena_open(&arena, "test", ARENA_LEN) != SK_OK) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smallest),       cmocka_unit_test(test_full),
        cmocka_unit_test(test_nulls),          cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_refused_members),
        cmocka_unit_test(test_refused_bodies), cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_stream),         cmocka_unit_test(test_stream_usage),
        cmocka_unit_test(test_stream_error),   cmocka_unit_test(test_whole),
        cmocka_unit_test(test_event_bound),    cmocka_unit_test(test_model_pick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
