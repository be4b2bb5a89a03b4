// OpenAI's Responses, through the module's door: every event, byte for byte, and what is kept.
#include "responses_fixture.h"

#include <stdlib.h>

static struct gate_answer answer;
static struct gate_choice choice;
static char parts[8192], logprobs[4096], echo[8192], kept[65536], page[262144];
static struct buf out;

// An answer to a request with these members.
static void begin(const char *members) {
    assert_int_equal(read_with("\"hi\"", members), SK_OK);
    choice = (struct gate_choice){.stop = ENGINE_NO_STOP,
                                  .parts = buf_over(parts, sizeof parts),
                                  .logprobs = buf_over(logprobs, sizeof logprobs)};
    answer = (struct gate_answer){.protocol = ask.protocol,
                                  .model = "m",
                                  .created_s = 5,
                                  .echo = buf_over(echo, sizeof echo),
                                  .choices = &choice,
                                  .choices_len = 1,
                                  .copies = 1};
    buf_put_view(&answer.echo, ask.echo);
    gate_answer_name(&answer, (const uint8_t *)"abcdefghijkl");
    out = buf_over(page, sizeof page - 1);
}

static void part(enum engine_channel channel, struct view text) {
    wire_put_u8(&choice.parts, (uint8_t)channel);
    wire_put_text(&choice.parts, text);
}

static void token(const char *text, float logprob) {
    wire_put_u16(&choice.logprobs, (uint16_t)strlen(text));
    buf_put_text(&choice.logprobs, text);
    wire_put_f32(&choice.logprobs, logprob);
    wire_put_u8(&choice.logprobs, 0);
}

// What was put since, as one piece.
static void flow(size_t parts_at, size_t logprobs_at) {
    struct gate_piece piece = {view_from(buf_view(&choice.parts), parts_at),
                               view_from(buf_view(&choice.logprobs), logprobs_at)};
    answer.protocol->piece(&answer, &choice, &piece, &out);
}

static void end(const char *reason) {
    choice.over = true;
    choice.finish_reason = view_of(reason);
    choice.prompt_tokens = 2;
    choice.prompt_cached = 1;
    choice.completion_tokens = 3;
    choice.reasoning_tokens = 1;
    choice.receipt = VIEW("{\"r\":1}");
    answer.protocol->end_choice(&answer, &choice, &out);
    answer.protocol->end(&answer, &out);
}

static void out_is(const char *want) {
    assert_false(out.over);
    page[out.len] = 0;
    assert_string_equal(page, want);
    buf_reset(&out);
}

#define CHANCE "6162636465666768696a6b6"
#define REST(store, background)                                                                    \
    ",\"background\":" background ",\"instructions\":null,\"max_output_tokens\":null,"             \
    "\"metadata\":{},\"parallel_tool_calls\":true,\"previous_response_id\":null,\"reasoning\":{"   \
    "\"effort\":null,\"summary\":null},\"service_tier\":\"default\",\"store\":" store              \
    ",\"temperature\":1,\"text\":{\"format\":{\"type\":\"text\"}},\"tool_choice\":\"auto\","       \
    "\"tools\":[],\"top_logprobs\":0,\"top_p\":1,\"truncation\":\"disabled\","                     \
    "\"access_programs\":null,\"usage\":"
#define USAGE                                                                                      \
    "{\"input_tokens\":2,\"input_tokens_details\":{\"cached_tokens\":1},\"output_tokens\":3,"      \
    "\"output_tokens_details\":{\"reasoning_tokens\":1},\"total_tokens\":5},\"sekisho\":{"         \
    "\"receipt\":{\"r\":1}}}"
#define RESPONSE(status, problem, details, output)                                                 \
    "{\"id\":\"resp_" CHANCE "c\",\"object\":\"response\",\"created_at\":5,\"status\":\"" status   \
    "\",\"error\":" problem ",\"incomplete_details\":" details ",\"model\":\"m\",\"output\":["     \
    output "]"
#define BEGUN(status, background)                                                                  \
    RESPONSE(status, "null", "null", "") REST("true", background) "null}"
#define DONE(output) RESPONSE("completed", "null", "null", output) REST("true", "false") USAGE
#define EVENT(type, number, rest)                                                                  \
    "event: response." type "\ndata: {\"type\":\"response." type "\",\"sequence_number\":" number  \
    "," rest "}\n\n"
#define AT(item, index) "\"item_id\":\"" item "\",\"output_index\":" index
#define TEXT(text, logprobs)                                                                       \
    "{\"type\":\"output_text\",\"text\":\"" text "\",\"annotations\":[],\"logprobs\":" logprobs "}"
#define THOUGHT(text) "{\"type\":\"reasoning_text\",\"text\":\"" text "\"}"
#define MESSAGE(id, status, content)                                                               \
    "{\"id\":\"" id "\",\"type\":\"message\",\"status\":\"" status                                 \
    "\",\"role\":\"assistant\",\"content\":[" content "]}"
#define REASONING(id, status, content)                                                             \
    "{\"id\":\"" id "\",\"type\":\"reasoning\",\"status\":\"" status                               \
    "\",\"summary\":[],\"content\":[" content "]}"
#define CALL(digit, status, name, arguments)                                                       \
    "{\"id\":\"fc_" CHANCE digit "\",\"type\":\"function_call\",\"status\":\"" status              \
    "\",\"call_id\":\"call_" CHANCE digit "\",\"name\":\"" name "\",\"arguments\":\"" arguments    \
    "\"}"
#define MSG "msg_" CHANCE "c"
#define START                                                                                      \
    EVENT("created", "0", "\"response\":" BEGUN("in_progress", "false"))                           \
    EVENT("in_progress", "1", "\"response\":" BEGUN("in_progress", "false"))

static void whole_is(const char *want) {
    answer.protocol->whole(&answer, &out);
    out_is(want);
}

static void test_text(void **state) {
    (void)state;
    begin("");
    answer.protocol->begin(&answer, &out);
    out_is(START);
    part(ENGINE_CONTENT, VIEW("a\""));
    flow(0, 0);
    out_is(EVENT("output_item.added", "2",
                 "\"output_index\":0,\"item\":" MESSAGE(MSG, "in_progress", ""))
               EVENT("content_part.added", "3",
                     AT(MSG, "0") ",\"content_index\":0,\"part\":" TEXT("", "[]"))
                   EVENT("output_text.delta", "4",
                         AT(MSG, "0") ",\"content_index\":0,\"delta\":\"a\\\"\",\"logprobs\":[]"));
    end("stop");
#define SAID TEXT("a\\\"", "[]")
    out_is(EVENT("output_text.done", "5",
                 AT(MSG, "0") ",\"content_index\":0,\"text\":\"a\\\"\",\"logprobs\":[]")
               EVENT("content_part.done", "6", AT(MSG, "0") ",\"content_index\":0,\"part\":" SAID)
                   EVENT("output_item.done", "7",
                         "\"output_index\":0,\"item\":" MESSAGE(MSG, "completed", SAID))
                       EVENT("completed", "8",
                             "\"response\":" DONE(MESSAGE(MSG, "completed", SAID))));
    whole_is(DONE(MESSAGE(MSG, "completed", SAID)));
}

static void test_calls(void **state) {
    (void)state;
    begin("");
    part(ENGINE_REASONING, VIEW("hm"));
    part(ENGINE_CONTENT, VIEW("I"));
    part(ENGINE_CALL, VIEW("f"));
    part(ENGINE_ARGUMENTS, VIEW("{\"a\""));
    part(ENGINE_ARGUMENTS, VIEW(":1}"));
    part(ENGINE_CALL, VIEW("f"));
    flow(0, 0);
    buf_reset(&out);
    end("stop");
#define SECOND CALL("f", "completed", "f", "")
    out_is(EVENT("function_call_arguments.done", "18",
                 AT("fc_" CHANCE "f", "3") ",\"name\":\"f\",\"arguments\":\"\"")
               EVENT("output_item.done", "19", "\"output_index\":3,\"item\":" SECOND)
                   EVENT("completed", "20",
                         "\"response\":" DONE(
                             REASONING("rs_" CHANCE "c", "completed", THOUGHT("hm")) "," MESSAGE(
                                 "msg_" CHANCE "d", "completed",
                                 TEXT("I", "[]")) "," CALL("e", "completed", "f",
                                                           "{\\\"a\\\":1}") "," SECOND)));
}

// What the limit, a failure or the client cut is told as far as it came.
static void test_cut(void **state) {
    (void)state;
    begin("");
    part(ENGINE_CONTENT, VIEW("I"));
    part(ENGINE_CALL, VIEW("f"));
    part(ENGINE_ARGUMENTS, VIEW("{"));
    gate_response_write(&answer, "cancelled", NULL, &out);
#define OUTPUT MESSAGE(MSG, "completed", TEXT("I", "[]")) "," CALL("d", "incomplete", "f", "{")
    out_is(RESPONSE("cancelled", "null", "null", OUTPUT) REST("true", "false") "null}");
    gate_refuse(&error, 503, "engine_restarting", "", "Gone.");
    answer.protocol->broken(&answer, &error, &out);
    out_is(EVENT("failed", "0",
                 "\"response\":" RESPONSE("failed",
                                          "{\"code\":\"server_error\",\"message\":\"Gone.\","
                                          "\"type\":\"engine_restarting\"}",
                                          "null", OUTPUT) REST("true", "false") "null}"));
    end("length");
    buf_reset(&out);
    whole_is(RESPONSE("incomplete", "null", "{\"reason\":\"max_output_tokens\"}", OUTPUT)
                 REST("true", "false") USAGE);
}

static void test_background(void **state) {
    (void)state;
    begin("\"background\":true");
    answer.protocol->begin(&answer, &out);
    out_is(EVENT("created", "0", "\"response\":" BEGUN("queued", "true"))
               EVENT("queued", "1", "\"response\":" BEGUN("queued", "true"))
                   EVENT("in_progress", "2", "\"response\":" BEGUN("in_progress", "true")));
}

#define WEIGHED(text, byte)                                                                        \
    "{\"token\":\"" text "\",\"logprob\":-0.5,\"bytes\":[" byte "],\"top_logprobs\":[]}"

// Of all tokens, with the first message; those of thoughts come with its first delta.
static void test_logprobs(void **state) {
    (void)state;
    begin("\"include\":[\"message.output_text.logprobs\"]");
    token("t", -0.5f);
    part(ENGINE_REASONING, VIEW("t"));
    flow(0, 0);
    size_t at = choice.parts.len;
    buf_reset(&out);
    token("u", -0.5f);
    part(ENGINE_CONTENT, VIEW("u"));
    flow(at, 7 + 1);
#define BOTH "[" WEIGHED("t", "116") "," WEIGHED("u", "117") "]"
    page[out.len] = 0;
    assert_non_null(strstr(page, "\"delta\":\"u\",\"logprobs\":" BOTH));
    buf_reset(&out);
    end("stop");
    page[out.len] = 0;
    assert_non_null(strstr(page, "\"text\":\"u\",\"logprobs\":" BOTH));
    assert_non_null(strstr(page, "\"part\":" TEXT("u", BOTH)));
    assert_non_null(strstr(page, MESSAGE("msg_" CHANCE "d", "completed", TEXT("u", BOTH))));
    // A second message has none to tell.
    at = choice.parts.len;
    part(ENGINE_CALL, VIEW("f"));
    part(ENGINE_CONTENT, VIEW("v"));
    flow(at, choice.logprobs.len);
    buf_reset(&out);
    answer.protocol->whole(&answer, &out);
    page[out.len] = 0;
    assert_non_null(strstr(page, TEXT("u", BOTH)));
    assert_non_null(strstr(page, TEXT("v", "[]")));
}

// ---- any cut into pieces ----

static const struct {
    enum engine_channel channel;
    const char *text;
} said[] = {
    {ENGINE_REASONING, "I think, \"so\".\n"},
    {ENGINE_CONTENT, "東京は晴れ。 \x01"},
    {ENGINE_CALL, "f"},
    {ENGINE_ARGUMENTS, "{\"a\":[1,{\"b\":\"}\"}]}"},
    {ENGINE_CALL, "g"},
    {ENGINE_ARGUMENTS, "{}"},
    {ENGINE_CALL, "h"},
    {ENGINE_CONTENT, "End."},
};
enum { SAID_LEN = sizeof said / sizeof *said };

static unsigned draw(unsigned *state) { return (*state = *state * 1664525 + 1013904223) >> 8; }

static bool starts_character(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

static void say(unsigned *chance) {
    size_t at = 0;
    for (size_t i = 0; i < SAID_LEN; i++) {
        struct view text = view_of(said[i].text);
        for (size_t from = 0, to; from < text.len; from = to) {
            to = from + 1 + draw(chance) % text.len;
            if (to > text.len || said[i].channel == ENGINE_CALL) to = text.len;
            while (to < text.len && !starts_character(text.at[to])) to++;
            part(said[i].channel, (struct view){text.at + from, to - from});
            if (draw(chance) % 2) continue;
            flow(at, 0);
            at = choice.parts.len;
        }
    }
    flow(at, 0);
}

// What the deltas come to, and whether every event fits what came before it.
static void accumulate(char *texts, size_t max) {
    struct buf to = buf_over(texts, max);
    const struct json_node *root;
    uint64_t number = 0;
    for (size_t at = 0; at < out.len; number++) {
        char *line = strstr(page + at, "data: ") + 6, *stop = strstr(line, "\n\n");
        arena_reset(&arena);
        assert_int_equal(json_parse(line, (size_t)(stop - line), &arena, &root), SK_OK);
        char want[32];
        snprintf(want, sizeof want, "%d", (int)number);
        assert_true(view_is(json_view(json_find(root, "sequence_number")), want));
        struct view type = json_view(json_find(root, "type"));
        const struct json_node *delta = json_find(root, "delta");
        if (delta) buf_put_view(&to, json_view(delta));
        if (view_is(type, "response.output_item.done")) buf_put_char(&to, '|');
        at = (size_t)(stop + 2 - page);
    }
    assert_false(to.over);
    texts[to.len] = 0;
}

static void test_cuts(void **state) {
    (void)state;
    static char first[8192], texts[512];
    unsigned chance = 1;
    for (int i = 0; i < 1000; i++) {
        begin("");
        say(&chance);
        end("stop");
        page[out.len] = 0;
        const char *last = strstr(page, "event: response.completed");
        assert_non_null(last);
        char *response = strstr(last, "\"response\":") + 11;
        static char told[8192];
        snprintf(told, sizeof told, "%.*s", (int)(strlen(response) - 3), response);
        accumulate(texts, sizeof texts - 1);
        assert_string_equal(texts, "I think, \"so\".\n|東京は晴れ。 \x01|{\"a\":[1,{\"b\":\"}\"}]}|{}||"
                                   "End.|");
        buf_reset(&out);
        answer.protocol->whole(&answer, &out);
        page[out.len] = 0;
        assert_string_equal(page, told);
        if (i == 0) strcpy(first, told);
        assert_string_equal(first, told);
    }
}

// ---- what is kept ----

static void test_record(void **state) {
    (void)state;
    begin("\"instructions\":\"be\"");
    part(ENGINE_CONTENT, VIEW("so"));
    end("stop");
    record = buf_over(kept, sizeof kept);
    gate_response_record(&answer, NULL, NULL, VIEW("events"), &record);
    assert_false(record.over);
    assert_true(view_is(gate_record_events(buf_view(&record)), "events"));
    answer.protocol->whole(&answer, &out);
    buf_reset(&out);
    answer.protocol->whole(&answer, &out);
    assert_true(view_same(gate_record_response(buf_view(&record)), buf_view(&out)));
    // Its conversation goes on, without its instructions.
    assert_int_equal(read_with("\"and\"", "\"previous_response_id\":\"resp_x\""), SK_OK);
    assert_true(view_is(ask.find, "resp_x"));
    view_is_text(ask.tasks[0].job.template_data,
                 DATA(HI ",{\"role\":\"assistant\",\"content\":\"so\"},"
                         "{\"role\":\"user\",\"content\":\"and\"}"));
    // A refusal names the client's own indices.
    assert_int_equal(read_with("[{\"role\":\"x\"}]", "\"previous_response_id\":\"resp_x\""),
                     SK_INPUT);
    assert_string_equal(error.param, "input[0].role");
    record = (struct buf){0};
    assert_int_equal(read_with("\"and\"", "\"previous_response_id\":\"resp_x\""), SK_OK);
    assert_int_equal(ask.tasks_len, 0); // to be found first
}

static void items_are(const char *query, const char *want) {
    char target[256];
    snprintf(target, sizeof target, "/v1/responses/resp_1/input_items%s", query);
    struct gate_route route = route_of("GET", target);
    arena_reset(&arena);
    buf_reset(&out);
    gate_record_items(buf_view(&record), &route, &arena, &out);
    out_is(want);
}

#define LIST(data, first, last, more)                                                              \
    "{\"object\":\"list\",\"data\":[" data "],\"first_id\":\"" first "\",\"last_id\":\"" last      \
    "\",\"has_more\":" more "}"
#define ITEM0                                                                                      \
    "{\"id\":\"msg_1_0\",\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":"           \
    "\"input_text\",\"text\":\"hi\"}],\"status\":\"completed\"}"
#define ITEM1                                                                                      \
    "{\"id\":\"own\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"          \
    "\"output_text\",\"text\":\"so\",\"annotations\":[]}],\"status\":\"completed\"}"
#define ITEM2                                                                                      \
    "{\"id\":\"item_1_2\",\"type\":\"reasoning\",\"summary\":[],\"status\":\"completed\"}"

static void test_record_items(void **state) {
    (void)state;
    begin("");
    assert_int_equal(read_with("[" HI ",{\"id\":\"own\",\"role\":\"assistant\",\"content\":\"so\"},"
                               "{\"type\":\"reasoning\",\"summary\":[],\"content\":null}]",
                               ""),
                     SK_OK);
    buf_reset(&answer.echo);
    buf_put_view(&answer.echo, ask.echo);
    record = buf_over(kept, sizeof kept);
    gate_response_record(&answer, "completed", NULL, (struct view){0}, &record);
    items_are("", LIST(ITEM2 "," ITEM1 "," ITEM0, "item_1_2", "msg_1_0", "false"));
    items_are("?order=asc&limit=2", LIST(ITEM0 "," ITEM1, "msg_1_0", "own", "true"));
    items_are("?order=asc&after=own", LIST(ITEM2, "item_1_2", "item_1_2", "false"));
    items_are("?after=own", LIST(ITEM0, "msg_1_0", "msg_1_0", "false"));
    items_are("?after=none", LIST("", "", "", "false"));
    record = (struct buf){0};
}

static void test_events_after(void **state) {
    (void)state;
    begin("");
    answer.protocol->begin(&answer, &out);
    struct view all = buf_view(&out), after = gate_events_after(all, 0);
    assert_true(view_same(gate_events_after(all, -1), all));
    assert_true(view_starts(after, VIEW("event: response.in_progress")));
    assert_int_equal(gate_events_after(all, 1).len, 0);
    assert_int_equal(gate_events_after(all, INT64_MAX).len, 0);
    assert_int_equal(gate_events_after((struct view){0}, -1).len, 0);
}

int main(void) {
    assert_int_equal(arena_open(&arena, "test", 1 << 22), SK_OK);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),         cmocka_unit_test(test_calls),
        cmocka_unit_test(test_cut),          cmocka_unit_test(test_background),
        cmocka_unit_test(test_logprobs),     cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_record),       cmocka_unit_test(test_record_items),
        cmocka_unit_test(test_events_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
