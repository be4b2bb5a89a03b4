// OpenAI's answers, byte for byte: pieces as they travel between rooms to events and bodies.
#include "cmocka_all.h"

#include <stdio.h>

#include "base/json.h"
#include "base/wire.h"
#include "gate/gate.h"

static char page[262144], part_bytes[4096], logprob_bytes[4096];
static struct buf out;
static struct gate_choice choices[4];
static struct gate_answer answer;
static struct gate_error error;

static const struct gate_protocol *protocol_of(const char *path) {
    struct gate_head head = {.method = VIEW("POST"), .target = view_of(path)};
    struct gate_route route;
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    return route.protocol;
}

static void begin(const char *path, uint32_t len) {
    static char stores[4][2][8192];
    answer = (struct gate_answer){.protocol = protocol_of(path),
                                  .model = "m",
                                  .created_s = 5,
                                  .choices = choices,
                                  .choices_len = len,
                                  .copies = len};
    for (uint32_t i = 0; i < len; i++)
        choices[i] = (struct gate_choice){.index = i,
                                          .parts = buf_over(stores[i][0], 8192),
                                          .logprobs = buf_over(stores[i][1], 8192),
                                          .stop = ENGINE_NO_STOP};
    gate_answer_name(&answer, (const uint8_t *)"\0\1\2\3\4\5\6\7\10\11\12\377");
    out = buf_over(page, sizeof page - 1);
}

static const char *written(void) {
    assert_false(out.over);
    page[out.len] = 0;
    return page;
}

static struct buf parts;

static void part(enum engine_channel channel, const char *text) {
    wire_put_u8(&parts, (uint8_t)channel);
    wire_put_text(&parts, view_of(text));
}

static void put_token(struct buf *to, const char *text, float logprob) {
    wire_put_u16(to, (uint16_t)strlen(text));
    buf_put_text(to, text);
    wire_put_f32(to, logprob);
}

// What was put by part() since the last, as one piece of a choice.
static void flow(uint32_t index, struct view logprobs) {
    struct gate_piece piece = {buf_view(&parts), logprobs};
    buf_put_view(&choices[index].parts, piece.parts);
    buf_put_view(&choices[index].logprobs, logprobs);
    if (answer.stream) answer.protocol->piece(&answer, &choices[index], &piece, &out);
    buf_reset(&parts);
}

static void end(uint32_t index, const char *reason) {
    choices[index].over = true;
    choices[index].finish_reason = view_of(reason);
    choices[index].prompt_tokens = 2;
    choices[index].prompt_cached = 1;
    choices[index].completion_tokens = 3;
    choices[index].receipt = VIEW("{\"a\":1}");
    if (answer.stream) answer.protocol->end_choice(&answer, &choices[index], &out);
}

#define ID "\"id\":\"chatcmpl-000102030405060708090aff\""
#define HEAD                                                                                       \
    "data: {" ID ",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"m\",\"choices\":["
#define DELTA HEAD "{\"index\":0,\"delta\":{"
#define TAIL(reason) "},\"logprobs\":null,\"finish_reason\":" reason "}]"
#define USAGE                                                                                      \
    "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":3,\"total_tokens\":5,"                   \
    "\"prompt_tokens_details\":{\"cached_tokens\":1},"                                             \
    "\"completion_tokens_details\":{\"reasoning_tokens\":0}}"

static void test_stream(void **state) {
    (void)state;
    begin("/v1/chat/completions", 1);
    answer.stream = true;
    answer.protocol->begin(&answer, &out);
    part(ENGINE_CONTENT, "a\"\n\xc3\xa9");
    flow(0, (struct view){0});
    end(0, "stop");
    answer.protocol->end(&answer, &out);
    assert_string_equal(
        written(),
        DELTA "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null" TAIL("null") "}\n\n" DELTA
              "\"content\":\"a\\\"\\n\xc3\xa9\"" TAIL("null") "}\n\n" DELTA TAIL("\"stop\"")
              ",\"sekisho\":{\"receipt\":{\"a\":1}}}\n\ndata: [DONE]\n\n");
}

// No two calls of an answer have one id, however many there are.
static void test_call_ids(void **state) {
    (void)state;
    static char ids[300][64];
    begin("/v1/chat/completions", 1);
    answer.stream = true;
    for (int i = 0; i < 300; i++) {
        buf_reset(&out);
        part(ENGINE_CALL, "f");
        flow(0, (struct view){0});
        const char *id = strstr(written(), "\"id\":\"call_");
        assert_non_null(id);
        snprintf(ids[i], sizeof ids[i], "%.40s", id);
        for (int j = 0; j < i; j++) assert_string_not_equal(ids[i], ids[j]);
    }
}

static void test_stream_calls(void **state) {
    (void)state;
    begin("/v1/chat/completions", 1);
    answer.stream = answer.usage = true;
    part(ENGINE_REASONING, "r");
    part(ENGINE_CONTENT, "c");
    part(ENGINE_CALL, "f");
    part(ENGINE_ARGUMENTS, "{\"a\"");
    flow(0, (struct view){0});
    part(ENGINE_ARGUMENTS, ":1}");
    part(ENGINE_CALL, "g");
    part(ENGINE_ARGUMENTS, "{}");
    flow(0, (struct view){0});
    end(0, "stop");
    answer.protocol->end(&answer, &out);
    assert_string_equal(
        written(),
        DELTA "\"reasoning_content\":\"r\"" TAIL("null") ",\"usage\":null}\n\n" DELTA
        "\"content\":\"c\"" TAIL("null") ",\"usage\":null}\n\n" DELTA
        "\"tool_calls\":[{\"index\":0,\"id\":\"call_000102030405060708090aff\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]" TAIL("null")
        ",\"usage\":null}\n\n" DELTA
        "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}}]" TAIL("null")
        ",\"usage\":null}\n\n" DELTA
        "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]" TAIL("null")
        ",\"usage\":null}\n\n" DELTA
        "\"tool_calls\":[{\"index\":1,\"id\":\"call_000102030405060708090afe\",\"type\":"
        "\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]" TAIL("null")
        ",\"usage\":null}\n\n" DELTA
        "\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]" TAIL("null")
        ",\"usage\":null}\n\n" DELTA TAIL("\"tool_calls\"")
        ",\"usage\":null,\"sekisho\":{\"receipt\":{\"a\":1}}}\n\n" HEAD "]," USAGE
        "}\n\ndata: [DONE]\n\n");
}

static void test_stream_broken(void **state) {
    (void)state;
    begin("/v1/chat/completions", 1);
    gate_refuse(&error, 503, "engine_restarting", "", "Gone.");
    answer.protocol->broken(&answer, &error, &out);
    assert_string_equal(written(),
                        "data: {\"error\":{\"message\":\"Gone.\",\"type\":\"server_error\","
                        "\"param\":null,\"code\":\"engine_restarting\"}}\n\n");
}

static struct view logprobs(void) {
    struct buf to = buf_over(logprob_bytes, sizeof logprob_bytes);
    put_token(&to, "h", -0.5f);
    wire_put_u8(&to, 2);
    put_token(&to, "h", -0.5f);
    put_token(&to, "\xe3", -2);
    return buf_view(&to);
}

static void test_whole(void **state) {
    (void)state;
    begin("/v1/chat/completions", 2);
    part(ENGINE_CONTENT, "h");
    flow(0, logprobs());
    part(ENGINE_CONTENT, "i");
    flow(0, (struct view){0});
    part(ENGINE_CALL, "f");
    part(ENGINE_ARGUMENTS, "{\"a\"");
    part(ENGINE_ARGUMENTS, ":1}");
    part(ENGINE_CALL, "g");
    part(ENGINE_ARGUMENTS, "{}");
    flow(1, (struct view){0});
    end(0, "length");
    end(1, "stop");
    answer.protocol->whole(&answer, &out);
    assert_string_equal(
        written(),
        "{" ID ",\"object\":\"chat.completion\",\"created\":5,\"model\":\"m\",\"choices\":[{"
        "\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\",\"refusal\":null},"
        "\"logprobs\":{\"content\":[{\"token\":\"h\",\"logprob\":-0.5,\"bytes\":[104],"
        "\"top_logprobs\":[{\"token\":\"h\",\"logprob\":-0.5,\"bytes\":[104]},{\"token\":"
        "\"\xef\xbf\xbd\",\"logprob\":-2,\"bytes\":[227]}]}],\"refusal\":null},\"finish_reason\":"
        "\"length\"},{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":null,"
        "\"refusal\":null,\"tool_calls\":[{\"id\":\"call_000102030405060708090bff\",\"type\":"
        "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":"
        "\"call_000102030405060708090bfe\",\"type\":\"function\",\"function\":{\"name\":\"g\","
        "\"arguments\":\"{}\"}}]},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],"
        "\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":6,\"total_tokens\":8,"
        "\"prompt_tokens_details\":{\"cached_tokens\":1},\"completion_tokens_details\":{"
        "\"reasoning_tokens\":0}},\"sekisho\":{\"receipts\":[{\"a\":1},{\"a\":1}]}}");
}

// The prompt's two tokens: the first has no logprob.
static struct view prompt_logprobs(void) {
    struct buf to = buf_over(logprob_bytes, sizeof logprob_bytes);
    put_token(&to, "p", 0);
    wire_put_u8(&to, 0);
    put_token(&to, "\xc3\xa9", -1);
    wire_put_u8(&to, 1);
    put_token(&to, "q", -0.25f);
    return buf_view(&to);
}

static void test_completion(void **state) {
    (void)state;
    begin("/v1/completions", 1);
    char echo[64];
    answer.echo = buf_over(echo, sizeof echo);
    wire_put_text(&answer.echo, VIEW("p\xc3\xa9"));
    flow(0, prompt_logprobs());
    part(ENGINE_CONTENT, "h");
    flow(0, logprobs());
    end(0, "stop");
    answer.protocol->whole(&answer, &out);
    assert_string_equal(
        written(),
        "{\"id\":\"cmpl-000102030405060708090aff\",\"object\":\"text_completion\",\"created\":5,"
        "\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"p\xc3\xa9h\",\"sekisho\":{\"echoed\":3},"
        "\"logprobs\":{\"tokens\":"
        "[\"p\",\"\xc3\xa9\",\"h\"],\"token_logprobs\":[null,-1,-0.5],\"top_logprobs\":[null,"
        "{\"q\":-0.25},{\"h\":-0.5,\"\xef\xbf\xbd\":-2}],\"text_offset\":[0,1,2]},"
        "\"finish_reason\":\"stop\"}]," USAGE ",\"sekisho\":{\"receipt\":{\"a\":1}}}");
}

// Names of one object differ, also where the tokens are halves of characters.
static void test_completion_halves(void **state) {
    (void)state;
    static const char *const texts[] = {"a\xff", "a\xfe", "a\xff\xff", "\xc3\xa9", "\xc3", "\xe3", "a"};
    char bytes[256];
    struct buf to = buf_over(bytes, sizeof bytes);
    begin("/v1/completions", 1);
    part(ENGINE_CONTENT, "h");
    put_token(&to, "h", -1);
    wire_put_u8(&to, sizeof texts / sizeof *texts);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) put_token(&to, texts[i], -(float)i);
    flow(0, buf_view(&to));
    end(0, "stop");
    answer.protocol->whole(&answer, &out);
    assert_non_null(strstr(written(), "\"top_logprobs\":[{\"a\xef\xbf\xbd\":0,"
                                      "\"a\xef\xbf\xbd\xef\xbf\xbd\":-2,\"\xc3\xa9\":-3,"
                                      "\"\xef\xbf\xbd\":-4,\"a\":-6}]"));
}

// In a stream offsets go on from piece to piece, and only the very first logprob is none.
static void test_completion_streams_the_prompt(void **state) {
    (void)state;
    begin("/v1/completions", 1);
    answer.stream = true;
    char echo[64];
    answer.echo = buf_over(echo, sizeof echo);
    wire_put_text(&answer.echo, VIEW("p\xc3\xa9"));
    flow(0, prompt_logprobs());
    assert_non_null(strstr(written(), "\"token_logprobs\":[null,-1]"));
    assert_non_null(strstr(written(), "\"text_offset\":[0,1]"));
    buf_reset(&out);
    part(ENGINE_CONTENT, "h");
    flow(0, logprobs());
    assert_non_null(strstr(written(), "\"token_logprobs\":[-0.5]"));
    assert_non_null(strstr(written(), "\"text_offset\":[2]"));
}

static void test_results(void **state) {
    (void)state;
    char bytes[64];
    struct buf result = buf_over(bytes, sizeof bytes);
    wire_put_u32(&result, 2);
    for (int i = 0; i < 4; i++) wire_put_f32(&result, (float)i / 2);
    begin("/v1/embeddings", 1);
    choices[0].result = buf_view(&result);
    end(0, "stop");
    answer.protocol->whole(&answer, &out);
    assert_string_equal(
        written(),
        "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0,0.5]"
        "},{\"object\":\"embedding\",\"index\":1,\"embedding\":[1,1.5]}],\"model\":\"m\",\"usage\":"
        "{\"prompt_tokens\":2,\"total_tokens\":2},\"sekisho\":{\"receipt\":{\"a\":1}}}");
    result = buf_over(bytes, sizeof bytes);
    wire_put_u8(&result, 0);
    wire_put_f32(&result, 0.25f);
    wire_put_f32(&result, 0.5f);
    begin("/v1/rerank", 1);
    char echo[64];
    answer.echo = buf_over(echo, sizeof echo);
    wire_put_u32(&answer.echo, 1);
    wire_put_text(&answer.echo, VIEW("a"));
    wire_put_text(&answer.echo, VIEW("b"));
    choices[0].result = buf_view(&result);
    end(0, "stop");
    answer.protocol->whole(&answer, &out);
    assert_string_equal(
        written(),
        "{\"id\":\"rerank-000102030405060708090aff\",\"object\":\"list\",\"model\":\"m\","
        "\"results\":[{\"index\":1,\"relevance_score\":0.5,\"document\":{\"text\":\"b\"}}],"
        "\"usage\":{\"prompt_tokens\":2,\"total_tokens\":2},\"sekisho\":{\"score\":\"cosine\","
        "\"receipt\":{\"a\":1}}}");
}

// One event of the longest text stays within what the room reserves for it.
static void test_event_bound(void **state) {
    (void)state;
    static char text[16384 + 1], bytes[sizeof text + 8];
    static char event[sizeof text * GATE_ESCAPE_MAX + GATE_EVENT_EXTRA_MAX];
    begin("/v1/chat/completions", 1);
    memset(text, 1, sizeof text - 1);
    memset(answer.model, 1, sizeof answer.model - 1);
    parts = buf_over(bytes, sizeof bytes);
    part(ENGINE_CONTENT, text);
    struct gate_piece piece = {.parts = buf_view(&parts)};
    struct buf to = buf_over(event, sizeof event);
    answer.protocol->piece(&answer, &choices[0], &piece, &to);
    assert_false(to.over);
    parts = buf_over(part_bytes, sizeof part_bytes);
}

static void test_model_pick(void **state) {
    (void)state;
    struct arena arena;
    char list[] = "{\"data\":[{\"id\":\"a\"},{\"id\":\"b/c\",\"created\":1,\"x\":{\"y\":[]}}]}";
    struct gate_route one = {.what = GATE_MODEL, .model = "b/c"};
    begin("/v1/chat/completions", 1);
    one.protocol = answer.protocol;
    assert_int_equal(arena_open(&arena, "test", 65536), SK_OK);
    assert_int_equal(gate_models_write(&one, list, sizeof list - 1, &arena, &out, &error), SK_OK);
    assert_string_equal(written(), "{\"id\":\"b/c\",\"created\":1,\"x\":{\"y\":[]}}");
    char again[] = "{\"data\":[{\"id\":\"a\"}]}";
    assert_int_equal(gate_models_write(&one, again, sizeof again - 1, &arena, &out, &error),
                     SK_INPUT);
    assert_int_equal(error.status, 404);
    arena_close(&arena);
}

static void test_document(void **state) {
    (void)state;
    struct arena arena;
    const struct json_node *root;
    assert_int_equal(arena_open(&arena, "test", 1 << 22), SK_OK);
    out = buf_over(page, sizeof page);
    gate_openapi_write(&out);
    assert_false(out.over);
    assert_int_equal(json_parse(page, out.len, &arena, &root), SK_OK);
    const struct json_node *paths = json_find(root, "paths");
    assert_non_null(json_find(paths, "/v1/chat/completions"));
    static const struct {
        const char *path, *method, *media;
    } medias[] = {{"/v1/chat/completions", "post", "application/json"},
                  {"/v1/chat/completions", "post", "text/event-stream"},
                  {"/readyz", "get", "application/json"},
                  {"/metrics", "get", "text/plain; version=0.0.4; charset=utf-8"},
                  {"/witness/add-checkpoint", "post", "text/plain; charset=utf-8"},
                  {"/ledger/checkpoint", "get", "text/plain; charset=utf-8"},
                  {"/ledger/tile/{tile}", "get", "application/octet-stream"},
                  {"/verify", "get", "text/html; charset=utf-8"}};
    for (size_t i = 0; i < sizeof medias / sizeof *medias; i++) {
        const struct json_node *at = json_find(json_find(paths, medias[i].path), medias[i].method);
        at = json_find(json_find(json_find(at, "responses"), "200"), "content");
        assert_non_null(json_find(at, medias[i].media));
    }
    arena_close(&arena);
}

int main(void) {
    parts = buf_over(part_bytes, sizeof part_bytes);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),        cmocka_unit_test(test_stream_calls),
        cmocka_unit_test(test_call_ids),      cmocka_unit_test(test_stream_broken),
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_completion),
        cmocka_unit_test(test_completion_streams_the_prompt),
        cmocka_unit_test(test_completion_halves),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_event_bound),   cmocka_unit_test(test_model_pick),
        cmocka_unit_test(test_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
