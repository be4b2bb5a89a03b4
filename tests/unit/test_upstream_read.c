// Answers of other servers, in chunks of any size, to pieces, results and ends.
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "base/wire.h"
#include "node/piece.h"
#include "node/result.h"
#include "upstream/upstream.h"

static struct arena arena;
static char told[1 << 20];
static struct buf tale;
static struct gate_task task;

static const char tools[] =
    "{\"messages\":[{\"role\":\"user\",\"content\":\"u\"}],\"tools\":[{\"type\":\"function\","
    "\"function\":{\"name\":\"f\"}},{\"type\":\"function\",\"function\":{\"name\":\"get.it\"}}]}";

static int chat(void **state) {
    (void)state;
    if (!arena.base) assert_int_equal(arena_open(&arena, "test", 4 * UPSTREAM_ARENA), SK_OK);
    task = (struct gate_task){.operation = GATE_OP_CHAT, .job.parallel_calls = true};
    task.job.template_data = (struct view){tools, sizeof tools - 1};
    return 0;
}

// "C text R text K name A text" with a "." after each piece.
static void tell_parts(struct view parts, enum engine_channel *last) {
    struct engine_part part;
    assert_true(parts.len <= PIECE_PARTS_MAX);
    assert_int_equal(piece_parts_check(parts, last), SK_OK);
    while (piece_part_take(&parts, &part)) {
        buf_put_char(&tale, "CRKA"[part.channel]);
        buf_put_view(&tale, part.text);
    }
}

static void tell_logprobs(struct view logprobs) {
    struct wire in = wire_over(logprobs);
    assert_true(logprobs.len <= PIECE_LOGPROBS_MAX);
    assert_int_equal(piece_logprobs_check(logprobs), SK_OK);
    while (in.at < in.end) {
        for (unsigned left = 1, first = 1; left > 0; left--, first = 0) {
            struct view text = wire_take_bytes(&in, wire_take_u16(&in));
            buf_print(&tale, "%s%.*s=%g", first ? "[" : ",", (int)text.len, text.at,
                      (double)wire_take_f32(&in));
            if (first) left += wire_take_u8(&in);
        }
        buf_put_char(&tale, ']');
    }
}

static void tell(const struct upstream_event *event, enum engine_channel *last) {
    switch (event->type) {
    case UPSTREAM_PIECE:
        tell_parts(event->parts, last);
        tell_logprobs(event->logprobs);
        if (event->tokens != 1) buf_print(&tale, "(%u)", event->tokens);
        buf_put_char(&tale, '.');
        break;
    case UPSTREAM_RESULT:
        assert_int_equal(result_check(task.operation, task.texts_len, event->result, &arena),
                         SK_OK);
        hex_put(&tale, event->result.at, event->result.len);
        break;
    case UPSTREAM_END:
        buf_print(&tale, " %s%s", event->length ? "length" : "stop",
                  event->filtered ? " filtered" : "");
        if (event->stop != ENGINE_NO_STOP) buf_print(&tale, " by %u", event->stop);
        buf_print(&tale, " %u/%u %u/%u", event->prompt_tokens, event->prompt_cached,
                  event->completion_tokens, event->reasoning_tokens);
        break;
    }
}

// What came of it before it failed stays told.
static enum sk_code read_chunks(enum upstream_kind kind, struct view bytes, size_t chunk) {
    struct upstream_reader *reader;
    struct upstream_event event;
    enum engine_channel last = ENGINE_CONTENT;
    arena_reset(&arena);
    tale = buf_over(told, sizeof told - 1);
    TRY(upstream_open(kind, &task, &arena, &reader));
    enum sk_code code = SK_OK;
    for (bool more = true; more && code == SK_OK;) {
        struct view now = {bytes.at, bytes.len < chunk ? bytes.len : chunk};
        bytes = view_from(bytes, now.len);
        more = bytes.len > 0;
        code = upstream_push(reader, now, !more);
        while (upstream_next(reader, &event))
            tell(&event, &last);
    }
    assert_false(tale.over);
    told[tale.len] = 0;
    return code;
}

static enum sk_code read_any(enum upstream_kind kind, const char *bytes) {
    static char first[sizeof told];
    static const size_t chunks[] = {UPSTREAM_PUSH_MAX, 1, 2, 3, 7, 64, 1000};
    enum sk_code code = SK_OK;
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        enum sk_code now = read_chunks(kind, view_of(bytes), chunks[i]);
        if (i > 0) {
            assert_int_equal(now, code);
            assert_string_equal(told, first);
        }
        memcpy(first, told, tale.len + 1);
        code = now;
    }
    return code;
}

static void reads(enum upstream_kind kind, const char *bytes, const char *want) {
    enum sk_code code = read_any(kind, bytes);
    if (code != SK_OK) print_message("%s\n", fail_text());
    assert_int_equal(code, SK_OK);
    assert_string_equal(told, want);
}

static void refuses(enum upstream_kind kind, enum sk_code code, const char *bytes,
                    const char *why) {
    assert_int_equal(read_any(kind, bytes), code);
    if (!strstr(fail_text(), why)) fail_msg("'%s' does not say '%s'", fail_text(), why);
}

#define DELTA(members) "data: {\"choices\":[{\"index\":0,\"delta\":{" members "}}]}\n\n"
#define FINISH(word)   "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"" word "\"}]}\n\n"
#define USAGE                                                                                      \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4,"                \
    "\"prompt_tokens_details\":{\"cached_tokens\":2},\"completion_tokens_details\":{"              \
    "\"reasoning_tokens\":1}}}\n\n"
#define DONE "data: [DONE]\n\n"

// ---- OpenAI ----

static void stream(void **state) {
    chat(state);
    reads(UPSTREAM_OPENAI,
          DELTA("\"role\":\"assistant\",\"content\":\"\"") DELTA("\"reasoning_content\":\"思考\"")
              DELTA("\"reasoning\":\"x\",\"reasoning_content\":null") DELTA("\"content\":\"こん\"")
                  DELTA("\"content\":\"にちは\"") FINISH("stop") USAGE DONE "data: junk\n\n",
          "R思考.Rx.Cこん.Cにちは. stop 9/2 4/1");
    // No usage, no [DONE], no last empty line; a length.
    reads(UPSTREAM_OPENAI,
          DELTA("\"content\":\"a\"") "data: {\"choices\":[{\"delta\":{\"content\":\"b\"},"
                                     "\"finish_reason\":\"length\"}]}",
          "Ca.Cb. length 0/0 2/0");
    // llama.cpp's counts.
    reads(UPSTREAM_OPENAI,
          DELTA("\"content\":\"a\"") "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}"
                                     "],\"timings\":{\"prompt_n\":3,\"cache_n\":5,\"predicted_n\":"
                                     "7}}\n\n" DONE,
          "Ca. stop 8/5 7/0");
    // xAI does not count thoughts among the answer's tokens.
    reads(UPSTREAM_OPENAI,
          FINISH("stop") "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,"
                         "\"prompt_tokens_details\":null,\"completion_tokens_details\":{"
                         "\"reasoning_tokens\":9}}}\n\n",
          " stop 1/0 2/2");
    reads(UPSTREAM_OPENAI, DELTA("\"refusal\":\"no\"") FINISH("stop"),
          "Cno. stop filtered 0/0 1/0");
    reads(UPSTREAM_OPENAI, FINISH("content_filter") DONE, " stop filtered 0/0 0/0");
}

static void events(void **state) {
    chat(state);
    // Byte order mark, CR and CRLF, comments, fields of no use, data in two lines.
    reads(UPSTREAM_OPENAI,
          "\xef\xbb\xbf: ping\r\n\r\nid: 1\r\nretry: 5\r\nevent: message\r\ndata:{\"choices\":"
          "[{\"delta\":{\"content\":\r\ndata: \"é\"}}]}\r\n\r\n:\r\rdata: {\"choices\":[{\"delta\":"
          "{\"content\":\"b\"}}]}\r\rdata\n\n" FINISH("stop"),
          "Cé.Cb. stop 0/0 2/0");
}

static void whole(void **state) {
    chat(state);
    reads(UPSTREAM_OPENAI,
          " \n{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"c\","
          "\"reasoning_content\":\"r\",\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\","
          "\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"2\",\"function\":{\"name\":\"get.it\","
          "\"arguments\":\"\"}}]},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":"
          "1,\"completion_tokens\":2}}\n",
          "RrCcKfA{\"a\":1}Kget.itA{}. stop 1/0 2/0");
    task.operation = GATE_OP_COMPLETION;
    reads(UPSTREAM_OPENAI, "{\"choices\":[{\"text\":\"t\",\"finish_reason\":\"stop\"}]}",
          "Ct. stop 0/0 1/0");
    reads(UPSTREAM_OPENAI,
          "data: {\"choices\":[{\"text\":\"a\",\"finish_reason\":null}]}\n\ndata: {\"choices\":[{"
          "\"text\":\"b\",\"finish_reason\":\"stop\",\"stop_reason\":\"!\"}]}\n\n" DONE,
          "Ca.Cb. stop 0/0 2/0");
    task.job.stops[0] = VIEW("?");
    task.job.stops[1] = VIEW("!");
    task.job.stops_len = 2;
    reads(UPSTREAM_OPENAI,
          "{\"choices\":[{\"text\":\"b\",\"finish_reason\":\"stop\",\"stop_reason\":\"!\"}]}",
          "Cb. stop by 1 0/0 1/0");
}

#define CALL(members) DELTA("\"tool_calls\":[{" members "}]")

static void calls(void **state) {
    chat(state);
    reads(UPSTREAM_OPENAI,
          CALL("\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
               "\"arguments\":\"\"}")
              CALL("\"index\":0,\"function\":{\"arguments\":\"{\\\"x\\\"\"}")
                  CALL("\"index\":0,\"function\":{\"arguments\":\":1}\"}")
                      CALL("\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"get.it\"}")
                          FINISH("tool_calls") DONE,
          "Kf.A{\"x\".A:1}.Kget.it.A{}. stop 0/0 5/0");
    // Without indexes; the name said again; the same index with another id.
    reads(UPSTREAM_OPENAI,
          CALL("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}")
              CALL("\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}")
                  CALL("\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"f\",\"arguments\":"
                       "\"{}\"}") FINISH("tool_calls"),
          "KfA{.A}.KfA{}. stop 0/0 3/0");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            CALL("\"index\":0,\"function\":{\"name\":\"f\"}")
                CALL("\"index\":0,\"function\":{\"name\":\"get.it\"}"),
            "two names");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT, CALL("\"index\":0,\"function\":{\"name\":\"g\"}"),
            "a call of a tool that was not offered");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            CALL("\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"[1]\"}")
                FINISH("tool_calls"),
            "no JSON object");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            CALL("\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{\"}") FINISH("stop"),
            "arguments of 'f' that are no JSON object");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            CALL("\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
                CALL("\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"f\"}")
                    CALL("\"index\":0,\"function\":{\"arguments\":\"{}\"}"),
            "not open");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT, CALL("\"index\":0,\"function\":{\"arguments\":\"{}\"}"),
            "not open");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            CALL("\"function\":{\"name\":\"f\"}") CALL("\"index\":128,\"function\":{}"),
            "no index");
    task.job.tool_choice = ENGINE_TOOLS_REQUIRED;
    refuses(UPSTREAM_OPENAI, SK_CORRUPT, DELTA("\"content\":\"a\"") FINISH("stop"), "no call");
    reads(UPSTREAM_OPENAI, DELTA("\"content\":\"a\"") FINISH("length"), "Ca. length 0/0 1/0");
    task.job.parallel_calls = false;
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            CALL("\"index\":0,\"function\":{\"name\":\"f\"}")
                CALL("\"index\":1,\"function\":{\"name\":\"f\"}"),
            "one call too many");
    task.job.tool_choice = ENGINE_TOOLS_NONE;
    refuses(UPSTREAM_OPENAI, SK_CORRUPT, CALL("\"index\":0,\"function\":{\"name\":\"f\"}"),
            "not offered");
    task.job.tool_choice = ENGINE_TOOLS_NAMED;
    task.job.tool_name = VIEW("get.it");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT, CALL("\"index\":0,\"function\":{\"name\":\"f\"}"),
            "not offered");
}

#define WEIGHED(text, list)                                                                        \
    "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"},\"logprobs\":{\"content\":[" list   \
    "]}}]}\n\n"

static void logprobs(void **state) {
    chat(state);
    task.job.logprobs = 3;
    reads(UPSTREAM_OPENAI,
          WEIGHED("ab", "{\"token\":\"a\",\"logprob\":-0.5,\"bytes\":[65],\"top_logprobs\":[{"
                        "\"token\":\"a\",\"logprob\":-0.5},{\"token\":\"x\",\"logprob\":-2},{"
                        "\"token\":\"y\",\"logprob\":-3}]},{\"token\":\"b\",\"logprob\":-1,"
                        "\"top_logprobs\":[]}") FINISH("stop"),
          "Cab[A=-0.5,a=-0.5,x=-2][b=-1](2). stop 0/0 2/0");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT, DELTA("\"content\":\"a\"") FINISH("stop"),
            "no log-probabilities, which were asked for");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT, WEIGHED("a", "{\"token\":\"a\",\"logprob\":1e300}"),
            "no number");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            WEIGHED("a", "{\"token\":\"a\",\"logprob\":0,\"bytes\":[256]}"), "byte");
    task.operation = GATE_OP_COMPLETION;
    reads(UPSTREAM_OPENAI,
          "{\"choices\":[{\"text\":\"ab\",\"logprobs\":{\"tokens\":[\"a\",\"b\"],"
          "\"token_logprobs\":[-1,-2],\"top_logprobs\":[{\"a\":-1,\"c\":-4},null],\"text_offset\":"
          "[0,1]},\"finish_reason\":\"stop\"}]}",
          "Cab[a=-1,a=-1,c=-4][b=-2](2). stop 0/0 2/0");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            "{\"choices\":[{\"text\":\"a\",\"logprobs\":{\"tokens\":[\"a\"],\"token_logprobs\":[]},"
            "\"finish_reason\":\"stop\"}]}",
            "other than its tokens");
}

// A text longer than a piece, in characters of three bytes, and log-probabilities of many tokens.
static void pieces(void **state) {
    static char bytes[200000];
    chat(state);
    struct buf text = buf_over(bytes, sizeof bytes - 1);
    task.job.logprobs = 1;
    buf_put_text(&text, "{\"choices\":[{\"message\":{\"content\":\"");
    for (int i = 0; i < 9000; i++)
        buf_put_text(&text, "関");
    buf_put_text(&text, "\"},\"logprobs\":{\"content\":[");
    for (int i = 0; i < 1500; i++)
        buf_print(&text, "%s{\"token\":\"関関関関関関関関\",\"logprob\":-1}", i ? "," : "");
    buf_put_text(&text, "]},\"finish_reason\":\"stop\"}]}");
    assert_false(text.over);
    bytes[text.len] = 0;
    assert_int_equal(read_chunks(UPSTREAM_OPENAI, buf_view(&text), 60000), SK_OK);
    unsigned characters = 0, tokens = 0, points = 0;
    for (const char *at = told; *at && *at != ' '; at++) {
        points += *at == '.';
        tokens += *at == '[';
        characters += (*at & 0xf0) == 0xe0;
    }
    assert_int_equal(characters, 9000 + 8 * 1500);
    assert_int_equal(tokens, 1500);
    assert_in_range(points, 7, 9);
}

static void broken(void **state) {
    chat(state);
    static const char *const cut[] = {
        "", " ", DELTA("\"content\":\"a\""), DELTA("\"content\":\"a\"") DONE, "{\"choices\":[]}",
    };
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
        assert_int_equal(read_any(UPSTREAM_OPENAI, cut[i]), SK_CORRUPT);
    static const char *const wrong[] = {
        "<html>",
        "data: {\n\n",
        "data: 5\n\n",
        "{\"choices\":5}",
        "\xef{",
        "data: {\"choices\":[{\"index\":1,\"delta\":{}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{}},{\"delta\":{}}]}\n\n",
        DELTA("\"content\":[]"),
        DELTA("\"content\":\"\\ud800\""),
        DELTA("\"content\":\"\xff\""),
        DELTA("\"function_call\":{}"),
        FINISH("why"),
        FINISH("stop") DELTA("\"content\":\"a\""),
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":-1}}\n\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(read_any(UPSTREAM_OPENAI, wrong[i]), SK_CORRUPT);
    static const char *const said[] = {
        "data: {\"error\":{\"message\":\"of 田中\",\"type\":\"overloaded_error\"}}\n\n",
        "event: error\ndata: {\"message\":\"of 田中\",\"code\":\"overloaded_error\"}\n\n",
        "error: {\"type\":\"of 田中\",\"code\":\"overloaded_error\"}\n\n",
        "data: {\"object\":\"error\",\"type\":\"overloaded_error\"}\n\n",
        "{\"error\":{\"type\":null,\"status\":\"overloaded_error\"}}",
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        refuses(UPSTREAM_OPENAI, SK_GONE, said[i], "broke its answer off: overloaded_error");
    refuses(UPSTREAM_OPENAI, SK_GONE, "{\"error\":\"田中\"}", "did not say why");
    refuses(UPSTREAM_OPENAI, SK_GONE, DELTA("\"content\":\"a\"") "event: error\ndata: ?\n\n",
            "did not say why");
    assert_string_equal(told, "Ca."); // what came before it stays
}

static void too_long(void **state) {
    static char bytes[UPSTREAM_EVENT_MAX + 64];
    chat(state);
    memset(bytes, 'a', sizeof bytes);
    memcpy(bytes, "data: ", 6);
    struct view view = {bytes, sizeof bytes};
    assert_int_equal(read_chunks(UPSTREAM_OPENAI, view, UPSTREAM_PUSH_MAX), SK_LIMIT);
    struct arena small = arena; // an answer that comes whole has the arena as its limit
    small.max = 1 << 17;
    struct upstream_reader *reader;
    task.job.template_data.len = 0;
    arena_reset(&small);
    assert_int_equal(upstream_open(UPSTREAM_OPENAI, &task, &small, &reader), SK_OK);
    bytes[0] = '{';
    enum sk_code code = SK_OK;
    for (int i = 0; i < 20 && code == SK_OK; i++)
        code = upstream_push(reader, (struct view){bytes, 10000}, false);
    assert_int_equal(code, SK_LIMIT);
}

// ---- Anthropic ----

#define EVENT(name, members) "event: " name "\ndata: {\"type\":\"" name "\"" members "}\n\n"
#define START                                                                                      \
    EVENT("message_start", ",\"message\":{\"content\":[],\"usage\":{\"input_tokens\":5,"           \
                           "\"cache_read_input_tokens\":3,\"cache_creation_input_tokens\":2,"      \
                           "\"output_tokens\":1}}")
#define BLOCK(n, block)                                                                            \
    EVENT("content_block_start", ",\"index\":" n ",\"content_block\":{" block "}")
#define MORE(n, delta) EVENT("content_block_delta", ",\"index\":" n ",\"delta\":{" delta "}")
#define STOP(n)        EVENT("content_block_stop", ",\"index\":" n)
#define WHY(delta)     EVENT("message_delta", ",\"delta\":{" delta "},\"usage\":{\"output_tokens\":8}")
#define LAST           EVENT("message_stop", "")

static void anthropic(void **state) {
    chat(state);
    task.job.stops[0] = VIEW("!");
    task.job.stops_len = 1;
    reads(UPSTREAM_ANTHROPIC,
          START EVENT("ping", "") BLOCK("0", "\"type\":\"thinking\",\"thinking\":\"\"")
              MORE("0", "\"type\":\"thinking_delta\",\"thinking\":\"t\"")
                  MORE("0", "\"type\":\"signature_delta\",\"signature\":\"s\"") STOP("0")
                      BLOCK("1", "\"type\":\"redacted_thinking\",\"data\":\"d\"") STOP("1")
                          BLOCK("2", "\"type\":\"text\",\"text\":\"\"")
                              MORE("2", "\"type\":\"text_delta\",\"text\":\"関所\"") STOP("2")
                                  WHY("\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"!\"")
                                      EVENT("news", "") LAST,
          "Rt.C関所. stop by 0 10/3 8/0");
    reads(UPSTREAM_ANTHROPIC,
          START BLOCK("0", "\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"f\",\"input\":{}")
              MORE("0", "\"type\":\"input_json_delta\",\"partial_json\":\"\"")
                  MORE("0", "\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"")
                      MORE("0", "\"type\":\"input_json_delta\",\"partial_json\":\"1}\"") STOP("0")
                          BLOCK("1", "\"type\":\"tool_use\",\"id\":\"j\",\"name\":\"f\"") STOP("1")
                              WHY("\"stop_reason\":\"tool_use\"") LAST,
          "Kf.A{\"a\":.A1}.Kf.A{}. stop 10/3 8/0");
    reads(UPSTREAM_ANTHROPIC,
          "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":"
          "\"tool_use\",\"id\":\"i\",\"name\":\"f\",\"input\":{\"a\":[1]}}],\"stop_reason\":"
          "\"max_tokens\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}",
          "CxKfA{\"a\":[1]}. length 1/0 2/0");
    reads(UPSTREAM_ANTHROPIC, START WHY("\"stop_reason\":\"refusal\"") LAST,
          " stop filtered 10/3 8/0");
}

static void anthropic_broken(void **state) {
    chat(state);
    refuses(UPSTREAM_ANTHROPIC, SK_GONE,
            START EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":"
                                 "\"Overloaded\"}"),
            "overloaded_error");
    refuses(UPSTREAM_ANTHROPIC, SK_GONE,
            "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}",
            "api_error");
    static const char *const wrong[] = {
        START LAST,
        START WHY("\"stop_reason\":\"pause_turn\"") LAST,
        BLOCK("1", "\"type\":\"text\",\"text\":\"\""),
        BLOCK("0", "\"type\":\"text\"") BLOCK("0", "\"type\":\"text\""),
        BLOCK("0", "\"type\":\"server_tool_use\""),
        BLOCK("0", "\"type\":\"text\"") MORE("0", "\"type\":\"thinking_delta\""),
        BLOCK("0", "\"type\":\"text\"") MORE("1", "\"type\":\"text_delta\""),
        BLOCK("0", "\"type\":\"tool_use\",\"name\":\"g\""),
        BLOCK("0", "\"type\":\"tool_use\",\"name\":\"f\"")
            MORE("0", "\"type\":\"input_json_delta\",\"partial_json\":\"1\"") STOP("0"),
        BLOCK("0", "\"type\":\"text\"") WHY("\"stop_reason\":\"end_turn\""),
        STOP("0"),
        "data: {}\n\n",
        "data: [DONE]\n\n",
        "{\"type\":\"message\",\"content\":5}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(read_any(UPSTREAM_ANTHROPIC, wrong[i]), SK_CORRUPT);
}

// ---- results ----

static void result_begin(enum gate_operation operation, uint32_t texts) {
    task = (struct gate_task){.operation = operation, .texts_len = texts};
}

static void vectors(void **state) {
    chat(state);
    result_begin(GATE_OP_EMBED, 2);
    const char *want = "02000000"
                       "9a99193fcdcc4c3f"
                       "0000803f00000000"
                       " stop 4/0 0/0";
    reads(UPSTREAM_OPENAI,
          "{\"data\":[{\"index\":1,\"embedding\":[5,0]},{\"index\":0,\"embedding\":[3.0,4]}],"
          "\"usage\":{\"prompt_tokens\":4,\"total_tokens\":4}}",
          want);
    reads(UPSTREAM_OPENAI, // 3, 4 and 5, 0 as floats
          "{\"data\":[{\"index\":0,\"embedding\":\"AABAQAAAgEA=\"},{\"index\":1,\"embedding\":"
          "\"AACgQAAAAAA=\"}],\"usage\":{\"total_tokens\":4}}",
          want);
    static const char *const wrong[] = {
        "data: {}\n\n",
        "{\"data\":[{\"index\":0,\"embedding\":[1]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":2,\"embedding\":[1]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":[1,2]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":[0]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":[\"1\"]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":[1e39]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":\"AABAQA==\"},{\"index\":1,\"embedding\":"
        "\"AADAfw==\"}]}", // NaN
        "{\"data\":[{\"index\":0,\"embedding\":\"AAB!QA==\"},{\"index\":1,\"embedding\":"
        "\"AABAQA==\"}]}",
        "{\"data\":[{\"index\":0,\"embedding\":[]},{\"index\":1,\"embedding\":[]}]}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(read_any(UPSTREAM_OPENAI, wrong[i]), SK_CORRUPT);
    task.dimensions = 3;
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            "{\"data\":[{\"index\":0,\"embedding\":[1,2]},{\"index\":1,\"embedding\":[1,2]}]}",
            "another width");
    refuses(UPSTREAM_OPENAI, SK_GONE, "{\"error\":{\"message\":\"no\"}}", "no");
}

static void scores(void **state) {
    chat(state);
    result_begin(GATE_OP_RERANK, 2);
    reads(UPSTREAM_OPENAI,
          "{\"results\":[{\"index\":1,\"relevance_score\":1},{\"index\":0,\"relevance_score\":-0.5"
          "}],\"usage\":{\"total_tokens\":7}}",
          "02"
          "000000bf"
          "0000803f"
          " stop 7/0 0/0");
    refuses(UPSTREAM_OPENAI, SK_CORRUPT,
            "{\"results\":[{\"index\":1,\"relevance_score\":1},{\"index\":0}]}", "without a score");
    result_begin(GATE_OP_COUNT, 0);
    reads(UPSTREAM_ANTHROPIC, "{\"input_tokens\":258}", "02010000 stop 258/0 0/0");
    refuses(UPSTREAM_ANTHROPIC, SK_CORRUPT, "{\"input_tokens\":\"2\"}", "no count");
}

// ---- answers that are errors ----

static void failed(void **state) {
    chat(state);
    static const struct {
        unsigned status;
        enum sk_code code;
        const char *body, *text;
    } rows[] = {
        {429, SK_BUSY, "{\"error\":{\"message\":\"slow\\tdown\",\"type\":\"t\"}}", "slow down"},
        {503, SK_BUSY, "", "HTTP status 503"},
        {529, SK_BUSY, "{\"type\":\"error\",\"error\":{\"message\":\"m\"}}", "m"},
        {500, SK_GONE, "<html>\xff", "HTTP status 500"},
        {408, SK_GONE, "{}", "HTTP status 408"},
        {401, SK_DENIED, "{\"error\":\"key\"}", "key"},
        {403, SK_DENIED, "{\"detail\":\"d\"}", "d"},
        {404, SK_UNKNOWN, "{\"object\":\"error\",\"message\":\"model\"}", "model"},
        {400, SK_INPUT, "{\"detail\":[{\"msg\":\"x\"}]}", "HTTP status 400"},
        {302, SK_INPUT, "5", "HTTP status 302"},
    };
    char text[UPSTREAM_MESSAGE_MAX + 1];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        arena_reset(&arena);
        assert_int_equal(upstream_failed(rows[i].status, view_of(rows[i].body), &arena, text),
                         rows[i].code);
        assert_string_equal(text, rows[i].text);
    }
    char body[2048];
    struct buf long_one = buf_over(body, sizeof body);
    buf_put_text(&long_one, "{\"error\":{\"message\":\"a");
    for (int i = 0; i < 300; i++)
        buf_put_text(&long_one, "関");
    buf_put_text(&long_one, "\"}}");
    upstream_failed(400, buf_view(&long_one), &arena, text);
    assert_int_equal(strlen(text), 1 + 3 * 133); // whole characters
    struct arena none = {.base = arena.base, .name = "none"};
    assert_int_equal(upstream_failed(500, buf_view(&long_one), &none, text), SK_GONE);
    assert_string_equal(text, "HTTP status 500");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream),    cmocka_unit_test(events),
        cmocka_unit_test(whole),     cmocka_unit_test(calls),
        cmocka_unit_test(logprobs),  cmocka_unit_test(pieces),
        cmocka_unit_test(broken),    cmocka_unit_test(too_long),
        cmocka_unit_test(anthropic), cmocka_unit_test(anthropic_broken),
        cmocka_unit_test(vectors),   cmocka_unit_test(scores),
        cmocka_unit_test(failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
