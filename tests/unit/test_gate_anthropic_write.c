// Anthropic's answers, through the module's door: every event, byte for byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/json.h"
#include "base/wire.h"
#include "gate/gate.h"

static struct gate_answer answer;
static struct gate_choice choice;
static char echo[256], parts[8192], page[32768];
static struct buf out;

static const struct gate_protocol *protocol_of(const char *target) {
    struct gate_route route;
    struct gate_error error;
    struct gate_head head = {.method = VIEW("POST"), .target = view_of(target)};
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    return route.protocol;
}

// An answer to a request of so many tokens with the stop sequences END and FIN.
static void begin(bool omitted) {
    choice = (struct gate_choice){.stop = ENGINE_NO_STOP, .prompt_tokens = 20, .prompt_cached = 16};
    choice.parts = buf_over(parts, sizeof parts);
    answer = (struct gate_answer){.protocol = protocol_of("/v1/messages"),
                                  .choices = &choice,
                                  .choices_len = 1,
                                  .copies = 1,
                                  .model = "m"};
    answer.echo = buf_over(echo, sizeof echo);
    wire_put_u8(&answer.echo, omitted);
    wire_put_u32(&answer.echo, 9);
    wire_put_text(&answer.echo, VIEW("END"));
    wire_put_text(&answer.echo, VIEW("FIN"));
    gate_answer_name(&answer, (const uint8_t *)"abcdefghijkl");
    out = buf_over(page, sizeof page - 1);
}

static void put_part(struct buf *to, enum engine_channel channel, const char *text) {
    wire_put_u8(to, (uint8_t)channel);
    wire_put_text(to, view_of(text));
}

static void piece(const struct engine_part *list, size_t len) {
    size_t before = choice.parts.len;
    for (size_t i = 0; i < len; i++)
        put_part(&choice.parts, list[i].channel, list[i].text.at);
    struct gate_piece made = {.parts = view_from(buf_view(&choice.parts), before)};
    answer.protocol->piece(&answer, &choice, &made, &out);
}
#define PIECE(...)                                                                                 \
    piece((const struct engine_part[]){__VA_ARGS__},                                               \
          sizeof((const struct engine_part[]){__VA_ARGS__}) / sizeof(struct engine_part))
#define CONTENT(text)                                                                              \
    { ENGINE_CONTENT, VIEW(text) }
#define REASONING(text)                                                                            \
    { ENGINE_REASONING, VIEW(text) }
#define CALL(text)                                                                                 \
    { ENGINE_CALL, VIEW(text) }
#define ARGUMENTS(text)                                                                            \
    { ENGINE_ARGUMENTS, VIEW(text) }

static void over(struct view reason, uint32_t stop, uint32_t tokens) {
    choice.over = true;
    choice.finish_reason = reason;
    choice.stop = stop;
    choice.completion_tokens = tokens;
    choice.receipt = VIEW("{\"r\":1}");
}

static void out_is(const char *expected) {
    assert_false(out.over);
    page[out.len] = 0;
    assert_string_equal(page, expected);
    out.len = 0;
}

#define ID "msg_6162636465666768696a6b6c"
#define START                                                                                      \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"" ID            \
    "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],"               \
    "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":4,"                   \
    "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":16,\"output_tokens\":0,"        \
    "\"output_tokens_details\":{\"thinking_tokens\":0}}}}\n\n"                                     \
    "event: ping\ndata: {\"type\":\"ping\"}\n\n"
#define BLOCK(index, block)                                                                        \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":" index         \
    ",\"content_block\":" block "}\n\n"
#define TEXT_BLOCK     "{\"type\":\"text\",\"text\":\"\"}"
#define THINKING_BLOCK "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"
#define CALL_BLOCK(digit, name)                                                                    \
    "{\"type\":\"tool_use\",\"id\":\"toolu_6162636465666768696a6b6" digit "\",\"name\":\"" name    \
    "\",\"input\":{}}"
#define DELTA(index, delta)                                                                        \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":" index         \
    ",\"delta\":" delta "}\n\n"
#define TEXT(text)      "{\"type\":\"text_delta\",\"text\":\"" text "\"}"
#define THINKING(text)  "{\"type\":\"thinking_delta\",\"thinking\":\"" text "\"}"
#define SIGNATURE(text) "{\"type\":\"signature_delta\",\"signature\":\"" text "\"}"
#define INPUT(text)     "{\"type\":\"input_json_delta\",\"partial_json\":\"" text "\"}"
#define STOP(index)                                                                                \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":" index "}\n\n"
#define REASON(reason, sequence) "\"stop_reason\":\"" reason "\",\"stop_sequence\":" sequence
#define USAGE(tokens, thinking)                                                                    \
    "\"usage\":{\"input_tokens\":4,\"cache_creation_input_tokens\":0,"                             \
    "\"cache_read_input_tokens\":16,\"output_tokens\":" tokens                                     \
    ",\"output_tokens_details\":{\"thinking_tokens\":" thinking "}}"
#define RECEIPT "\"sekisho\":{\"receipt\":{\"r\":1}}"
#define END(reason, sequence, tokens, thinking)                                                    \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{" REASON(                  \
        reason, sequence) "}," USAGE(tokens, thinking) "," RECEIPT "}\n\n"                         \
                                                       "event: message_stop\ndata: "               \
                                                       "{\"type\":\"message_stop\"}\n\n"
#define WHOLE(content, reason, sequence, tokens, thinking)                                         \
    "{\"id\":\"" ID "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","              \
    "\"content\":[" content "]," REASON(reason, sequence) "," USAGE(tokens, thinking) "," RECEIPT  \
                                                                                      "}"

static void whole_is(const char *expected) {
    choice.calls = 0;
    answer.protocol->whole(&answer, &out);
    out_is(expected);
}

static void test_text(void **state) {
    (void)state;
    begin(false);
    answer.protocol->begin(&answer, &out);
    out_is(START);
    PIECE(CONTENT("Hello"));
    out_is(BLOCK("0", TEXT_BLOCK) DELTA("0", TEXT("Hello")));
    PIECE(CONTENT(", \"w\"\n"));
    out_is(DELTA("0", TEXT(", \\\"w\\\"\\n")));
    over(VIEW("stop"), ENGINE_NO_STOP, 3);
    answer.protocol->end(&answer, &out);
    out_is(STOP("0") END("end_turn", "null", "3", "0"));
    whole_is(WHOLE("{\"type\":\"text\",\"text\":\"Hello, \\\"w\\\"\\n\"}", "end_turn", "null", "3",
                   "0"));
}

static void test_thinking(void **state) {
    (void)state;
    begin(false);
    answer.protocol->begin(&answer, &out);
    PIECE(REASONING("h"));
    PIECE(REASONING("m"), CONTENT("yes"));
    out_is(START BLOCK("0", THINKING_BLOCK) DELTA("0", THINKING("h")) DELTA("0", THINKING("m"))
               DELTA("0", SIGNATURE("sekisho")) STOP("0") BLOCK("1", TEXT_BLOCK)
                   DELTA("1", TEXT("yes")));
    over(VIEW("stop"), ENGINE_NO_STOP, 5);
    choice.reasoning_tokens = 2;
    answer.protocol->end(&answer, &out);
    out_is(STOP("1") END("end_turn", "null", "5", "2"));
    whole_is(WHOLE("{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"sekisho\"},{"
                   "\"type\":\"text\",\"text\":\"yes\"}",
                   "end_turn", "null", "5", "2"));
    // Omitted, the thoughts are in the signature; cut inside them the block is closed all the same.
    begin(true);
    PIECE(REASONING("h"), REASONING("m"));
    out_is(BLOCK("0", THINKING_BLOCK));
    over(VIEW("length"), ENGINE_NO_STOP, 9);
    answer.protocol->end(&answer, &out);
    out_is(DELTA("0", SIGNATURE("sekisho:hm")) STOP("0") END("max_tokens", "null", "9", "0"));
    whole_is(WHOLE("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"sekisho:hm\"}",
                   "max_tokens", "null", "9", "0"));
}

static void test_calls(void **state) {
    (void)state;
    begin(false);
    PIECE(CONTENT("I look."), CALL("f"), ARGUMENTS("{\"a\":"));
    PIECE(ARGUMENTS("\"}\\\"\"}"), CALL("g"));
    PIECE(ARGUMENTS("{}"));
    out_is(BLOCK("0", TEXT_BLOCK) DELTA("0", TEXT("I look.")) STOP("0")
               BLOCK("1", CALL_BLOCK("c", "f")) DELTA("1", INPUT("{\\\"a\\\":"))
                   DELTA("1", INPUT("\\\"}\\\\\\\"\\\"}")) STOP("1")
                       BLOCK("2", CALL_BLOCK("d", "g")) DELTA("2", INPUT("{}")));
    over(VIEW("stop"), ENGINE_NO_STOP, 7);
    answer.protocol->end(&answer, &out);
    out_is(STOP("2") END("tool_use", "null", "7", "0"));
#define FIRST                                                                                      \
    "{\"type\":\"text\",\"text\":\"I look.\"},{\"type\":\"tool_use\",\"id\":"                      \
    "\"toolu_6162636465666768696a6b6c\",\"name\":\"f\",\"input\":{\"a\":\"}\\\"\"}}"
    whole_is(WHOLE(FIRST ",{\"type\":\"tool_use\",\"id\":\"toolu_6162636465666768696a6b6d\","
                         "\"name\":\"g\",\"input\":{}}",
                   "tool_use", "null", "7", "0"));
    // What max_tokens cut is no call.
    begin(false);
    PIECE(CONTENT("I look."), CALL("f"), ARGUMENTS("{\"a\":\"}\\\"\"}"), CALL("g"));
    PIECE(ARGUMENTS("{\"b\":[{}"));
    over(VIEW("length"), ENGINE_NO_STOP, 9);
    out.len = 0;
    whole_is(WHOLE(FIRST, "max_tokens", "null", "9", "0"));
}

static void test_ends(void **state) {
    (void)state;
    begin(false);
    over(VIEW("stop"), 1, 0);
    answer.protocol->end(&answer, &out);
    out_is(END("stop_sequence", "\"FIN\"", "0", "0"));
    whole_is(WHOLE("", "stop_sequence", "\"FIN\"", "0", "0"));
    begin(false);
    over(VIEW("length"), ENGINE_NO_STOP, 8); // of 9
    whole_is(WHOLE("", "model_context_window_exceeded", "null", "8", "0"));
    begin(false);
    struct gate_error error;
    gate_refuse(&error, 503, "engine_restarting", "", "The engine stopped.");
    error.request_id = "req_1";
    answer.protocol->broken(&answer, &error, &out);
    out_is("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
           "\"message\":\"The engine stopped.\",\"details\":{\"error_code\":"
           "\"engine_restarting\"}},\"request_id\":\"req_1\"}\n\n");
    assert_string_equal(answer.protocol->param("format"), "output_config.format.schema");
    assert_string_equal(answer.protocol->param("stop"), "stop_sequences");
    assert_string_equal(answer.protocol->param("tools"), "tools");
}

static void test_count(void **state) {
    (void)state;
    begin(false);
    answer.protocol = protocol_of("/v1/messages/count_tokens");
    over(VIEW("stop"), ENGINE_NO_STOP, 0);
    choice.result = (struct view){"\x02\x01\x00\x00", 4};
    answer.protocol->whole(&answer, &out);
    out_is("{\"input_tokens\":258," RECEIPT "}");
}

// Too much of everybody's is 529, over a limit of the caller's stays 429.
static void test_status(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        const char *code;
        unsigned told;
    } rows[] = {
        {503, "model_busy", 529},   {429, "queue_full", 529},     {429, "rate_limit_exceeded", 429},
        {400, "invalid_type", 400}, {500, "internal_error", 500},
    };
    struct gate_error error;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        gate_refuse(&error, rows[i].status, rows[i].code, "", "x");
        assert_int_equal(gate_error_status(&error, true), rows[i].told);
        assert_int_equal(gate_error_status(&error, false), rows[i].status);
    }
    struct gate_edge edge = {.id = "req_1", .anthropic = true};
    gate_refuse(&error, 429, "queue_full", "", "x");
    out = buf_over(page, sizeof page - 1);
    gate_error_respond(&error, &edge, false, 0, &out);
    page[out.len] = 0;
    assert_non_null(strstr(page, "HTTP/1.1 529 Overloaded\r\n"));
    assert_non_null(strstr(page, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","));
    out.len = 0;
}

// A message names what it is about, once.
static void test_messages(void **state) {
    (void)state;
    static const struct {
        const char *code, *param, *text, *told;
    } rows[] = {
        {"invalid_type", "a.0", "a.0: must be b.", "a.0: must be b."},
        {"model_not_found", "model", "None.", "model: None."},
        {"context_length_exceeded", "messages", "9 tokens > 8", "prompt is too long: 9 tokens > 8"},
        {"unknown_url", "", "Unknown path.", "Unknown path."},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gate_error error;
        char told[256];
        struct buf text = buf_over(told, sizeof told - 1);
        gate_refuse(&error, 400, rows[i].code, rows[i].param, "%s", rows[i].text);
        out = buf_over(page, sizeof page - 1);
        gate_error_write_anthropic(&error, &out);
        buf_print(&text,
                  "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
                  "\"%s\",\"details\":{\"error_code\":\"%s\"}}}",
                  rows[i].told, rows[i].code);
        told[text.len] = 0;
        out_is(told);
    }
}

// ---- whatever the pieces ----

static uint64_t chance_state;
static uint32_t chance(uint32_t below) { // splitmix64
    uint64_t z = chance_state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (uint32_t)((z ^ (z >> 31)) >> 32) % below;
}

// The script's parts cut between characters at random, in pieces of up to four.
static void stream_cut(const struct engine_part *script, size_t len) {
    struct engine_part list[4];
    char texts[4][64];
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        bool whole = script[i].channel == ENGINE_CALL;
        for (size_t at = 0, end; at < script[i].text.len; at = end) {
            end = whole ? script[i].text.len : at + 1 + chance(12);
            if (end > script[i].text.len) end = script[i].text.len;
            while (end < script[i].text.len && (script[i].text.at[end] & 0xc0) == 0x80)
                end++;
            memcpy(texts[n], script[i].text.at + at, end - at);
            texts[n][end - at] = 0;
            list[n] = (struct engine_part){script[i].channel, {texts[n], end - at}};
            if (++n < 4 && chance(3)) continue;
            piece(list, n);
            n = 0;
        }
    }
    if (n) piece(list, n);
}

// What a client puts together of a stream: of each block its kind and texts.
static void accumulate(struct view events, struct arena *arena, struct buf *made) {
    while (events.len > 0) {
        const char *end = memmem(events.at, events.len, "\n\n", 2);
        const char *data = memmem(events.at, events.len, "\ndata: ", 7);
        const struct json_node *event;
        assert_non_null(end);
        struct view json = {data + 7, (size_t)(end - data - 7)};
        assert_int_equal(json_parse(arena_text(arena, json), json.len, arena, &event), SK_OK);
        const struct json_node *block = json_find(event, "content_block");
        const struct json_node *delta = json_find(event, "delta");
        static const char *const members[] = {"type", "name"};
        static const char *const texts[] = {"text", "thinking", "signature", "partial_json"};
        for (size_t i = 0; block && i < 2; i++) {
            const struct json_node *text = json_find(block, members[i]);
            if (text) buf_print(made, "|%.*s", (int)text->len, text->at);
        }
        for (size_t i = 0; delta && i < 4; i++) {
            const struct json_node *text = json_find(delta, texts[i]);
            if (text) buf_print(made, "%s%.*s", i == 2 ? "#" : "", (int)text->len, text->at);
        }
        events = view_from(events, (size_t)(end + 2 - events.at));
    }
}

static void test_thousand_cuts(void **state) {
    (void)state;
    const struct engine_part script[] = {
        REASONING("客は天気を尋ねている。\n"),
        CONTENT("京都の天気を調べます。"),
        CALL("weather"),
        ARGUMENTS("{\"city\": \"京都\", \"days\": [1, 2], \"quote\": \"\\\"}\"}"),
        CALL("now"),
        ARGUMENTS("{}"),
    };
    struct arena arena;
    assert_int_equal(arena_open(&arena, "test", 1 << 20), SK_OK);
    for (uint64_t seed = 0; seed < 1000; seed++) {
        chance_state = seed;
        char text[1024];
        struct buf made = buf_over(text, sizeof text - 1);
        begin(false);
        stream_cut(script, sizeof script / sizeof *script);
        over(VIEW("stop"), ENGINE_NO_STOP, 9);
        answer.protocol->end(&answer, &out);
        assert_false(out.over);
        arena_reset(&arena);
        accumulate(buf_view(&out), &arena, &made);
        text[made.len] = 0;
        assert_string_equal(text,
                            "|thinking客は天気を尋ねている。\n#sekisho|text京都の天気を調べます。"
                            "|tool_use|weather{\"city\": \"京都\", \"days\": [1, 2], "
                            "\"quote\": \"\\\"}\"}|tool_use|now{}");
        out.len = 0;
        choice.calls = 0;
        answer.protocol->whole(&answer, &out);
        page[out.len] = 0;
        assert_non_null(strstr(page, "\"input\":{\"city\": \"京都\", \"days\": [1, 2], \"quote\": "
                                     "\"\\\"}\"}}"));
        assert_non_null(strstr(page, "\"thinking\":\"客は天気を尋ねている。\\n\""));
    }
    arena_close(&arena);
}

// To their clients, and to nobody else.
static void test_models(void **state) {
    (void)state;
    struct arena arena;
    struct gate_route route;
    struct gate_error error;
    struct gate_head head = {.method = VIEW("GET"),
                             .target = VIEW("/v1/models?limit=20"),
                             .anthropic_version = VIEW("2023-06-01")};
#define LIST                                                                                       \
    "{\"object\":\"list\",\"data\":[{\"id\":\"a\",\"created\":86400,\"sekisho\":{\"name\":\"A\","  \
    "\"context\":512}},{\"id\":\"b/"                                                               \
    "c\",\"created\":0,\"sekisho\":{\"name\":\"\",\"context\":64}}]}"
#define MODEL_B                                                                                    \
    "{\"type\":\"model\",\"id\":\"b/c\",\"display_name\":\"b/c\",\"created_at\":"                  \
    "\"1970-01-01T00:00:00Z\",\"max_input_tokens\":64,\"max_tokens\":64,\"sekisho\":{\"name\":"    \
    "\"\","                                                                                        \
    "\"context\":64}}"
    assert_int_equal(arena_open(&arena, "test", 65536), SK_OK);
    out = buf_over(page, sizeof page - 1);
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    char list[] = LIST;
    assert_int_equal(gate_models_write(&route, list, sizeof list - 1, &arena, &out, &error), SK_OK);
    out_is("{\"data\":[{\"type\":\"model\",\"id\":\"a\",\"display_name\":\"A\",\"created_at\":"
           "\"1970-01-02T00:00:00Z\",\"max_input_tokens\":512,\"max_tokens\":512,\"sekisho\":{"
           "\"name\":\"A\",\"context\":512}}," MODEL_B "],\"has_more\":false,\"first_id\":\"a\","
           "\"last_id\":\"b/c\"}");
    head.target = VIEW("/v1/models/b%2Fc");
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    char again[] = LIST;
    assert_int_equal(gate_models_write(&route, again, sizeof again - 1, &arena, &out, &error),
                     SK_OK);
    out_is(MODEL_B);
    char none[] = "{\"data\":[]}";
    head.target = VIEW("/v1/models");
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    assert_int_equal(gate_models_write(&route, none, sizeof none - 1, &arena, &out, &error), SK_OK);
    out_is("{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
    head.anthropic_version = (struct view){0};
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    assert_false(route.protocol->anthropic);
    arena_close(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),     cmocka_unit_test(test_thinking),
        cmocka_unit_test(test_calls),    cmocka_unit_test(test_ends),
        cmocka_unit_test(test_count),    cmocka_unit_test(test_status),
        cmocka_unit_test(test_messages), cmocka_unit_test(test_thousand_cuts),
        cmocka_unit_test(test_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
