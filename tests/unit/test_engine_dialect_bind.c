// Dialects: what binds an answer. Random networks, whose every token is chance, are offered tools
// in every dialect: what they call is offered, and its arguments are of its schema.
#include "cmocka_chance.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "dialect_make.h"
#include "engine/engine.h"
#include "gguf_make.h"

enum { CONTEXT = 4096, TOKENS_MAX = 400 };

static const char tools[] =
    "\"tools\":["
    "{\"type\":\"function\",\"function\":{\"name\":\"get_weather\",\"description\":\"天気\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"place\":{\"type\":\"string\",\"enum\":"
    "[\"東京\",\"a \\\"b\\\"\"]},\"days\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9},"
    "\"more\":{\"type\":\"object\",\"properties\":{\"yes\":{\"type\":\"boolean\"},\"list\":"
    "{\"type\":\"array\",\"items\":{\"enum\":[1,2]},\"maxItems\":2}},\"required\":[\"yes\"]}},"
    "\"required\":[\"place\"]}}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"now\"}},"
    "{\"type\":\"function\",\"function\":{\"name\":\"echo-1\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"text\":{\"type\":\"string\",\"maxLength\":4},\"free\":{\"type\":\"string\"}},"
    "\"required\":[\"text\"]}}}]";

struct opened {
    struct make make;
    struct engine *engine;
    struct engine_sampling sampling;
    struct engine_bias biases[2];
};

static int32_t token_of(const struct opened *o, const char *text) {
    for (int32_t i = 0; i < (int32_t)engine_shape(o->engine).vocabulary; i++)
        if (view_is(engine_token_name(o->engine, i), text)) return i;
    return -1;
}

// `kind`: of the tokens that marks are; 0: they are none. `likely`: the mark is.
static void open_model(struct opened *o, const struct dialect_make *made, int32_t kind, bool likely,
                       const char *source) {
    *o = (struct opened){.make = {.bytewise = true,
                                  .chat_template = source,
                                  .key = "llama.context_length",
                                  .kind = 4,
                                  .value = CONTEXT,
                                  .chance = chance_next(&chance_state)}};
    size_t len = 0;
    for (size_t i = 0; kind && i < 4 && made->marks[i]; i++)
        o->make.more[len++] = (struct make_more){made->marks[i], kind};
    if (made->end) o->make.more[len++] = (struct make_more){made->end, 4};
    struct engine_options options = {.context = CONTEXT, .slots = 1, .threads = 1};
    assert_int_equal(engine_open_file(&o->engine, make_file(&o->make), options), SK_OK);
    uint32_t biases = 0;
    int32_t end = made->end ? token_of(o, made->end) : -1, mark = token_of(o, made->marks[0]);
    if (end >= 0) o->biases[biases++] = (struct engine_bias){end, 6};
    if (likely) o->biases[biases++] = (struct engine_bias){mark, 100};
    if (biases == 2 && o->biases[0].token > o->biases[1].token) {
        struct engine_bias first = o->biases[0];
        o->biases[0] = o->biases[1];
        o->biases[1] = first;
    }
    o->sampling = (struct engine_sampling){.temperature = 1.5f,
                                           .logit_bias = o->biases,
                                           .logit_bias_len = biases,
                                           .seed = chance_next(&chance_state)};
}

static void close_model(struct opened *o) {
    engine_close(o->engine);
    make_free(&o->make);
}

// ---- an answer ----

struct said {
    char content[1 << 15], reasoning[1 << 15], arguments[64][1 << 15], names[64][65];
    size_t content_len, reasoning_len, arguments_len[64], calls;
    bool stopped;
};

static void add(char *to, size_t *len, size_t max, struct view text) {
    assert_true(*len + text.len < max);
    memcpy(to + *len, text.at, text.len);
    to[*len += text.len] = 0;
}

static void add_part(struct said *said, struct engine_part part) {
    size_t call = said->calls ? said->calls - 1 : 0, none = 0;
    switch (part.channel) {
    case ENGINE_CONTENT:
        assert_int_equal(said->calls, 0);
        add(said->content, &said->content_len, sizeof said->content, part.text);
        break;
    case ENGINE_REASONING:
        assert_int_equal(said->calls + said->content_len, 0);
        add(said->reasoning, &said->reasoning_len, sizeof said->reasoning, part.text);
        break;
    case ENGINE_CALL:
        assert_true(said->calls < 64);
        add(said->names[said->calls++], &none, 65, part.text);
        break;
    case ENGINE_ARGUMENTS:
        assert_true(said->calls > 0);
        add(said->arguments[call], &said->arguments_len[call], sizeof said->arguments[0], part.text);
        break;
    }
}

static enum sk_code answer(struct opened *o, struct engine_job *job, struct said *said) {
    static int32_t ids[CONTEXT];
    size_t len;
    memset(said, 0, sizeof *said);
    job->sampling = o->sampling;
    if (!job->tokens_max) job->tokens_max = TOKENS_MAX;
    TRY(engine_prompt(o->engine, job, ids, CONTEXT, &len));
    TRY(engine_start(o->engine, 0, job, ids, len));
    struct engine_event event;
    do {
        uint32_t slot = 0;
        engine_step(o->engine, &slot, 1, &event);
        assert_int_not_equal(event.kind, ENGINE_FAILED);
        for (uint32_t i = 0; event.kind >= ENGINE_TEXT && i < event.parts_len; i++)
            add_part(said, event.parts[i]);
    } while (event.kind <= ENGINE_TEXT);
    said->stopped = event.kind == ENGINE_STOPPED;
    return SK_OK;
}

// ---- whether a call is of its schema ----

static struct arena arena;

static uint32_t characters(struct view text) {
    uint32_t n = 0;
    for (size_t i = 0; i < text.len; i++) n += ((uint8_t)text.at[i] & 0xc0) != 0x80;
    return n;
}

static void assert_weather(const struct json_node *root) {
    const struct json_node *place = json_find(root, "place"), *days = json_find(root, "days");
    const struct json_node *more = json_find(root, "more");
    int64_t number = 0;
    assert_true(json_is(place, JSON_STRING));
    assert_true(view_is(json_view(place), "東京") || view_is(json_view(place), "a \"b\""));
    if (days) assert_true(json_i64(days, &number) && number >= 0 && number <= 9);
    if (more) assert_true(json_is(more, JSON_OBJECT) && json_find(more, "yes"));
    if (json_find(more, "list")) assert_true(json_find(more, "list")->len <= 2);
    assert_int_equal(root->len, 1u + (days != NULL) + (more != NULL));
}

static void assert_call(struct said *said, size_t i) {
    const struct json_node *root;
    arena_reset(&arena);
    enum sk_code code = json_parse(said->arguments[i], said->arguments_len[i], &arena, &root);
    if (code != SK_OK)
        print_error("call %zu of %zu, %s: '%s': %s\n", i, said->calls, said->names[i],
                    said->arguments[i], fail_text());
    assert_int_equal(code, SK_OK);
    assert_int_equal(root->type, JSON_OBJECT);
    if (strcmp(said->names[i], "get_weather") == 0) {
        assert_weather(root);
    } else if (strcmp(said->names[i], "now") == 0) {
        assert_int_equal(root->len, 0);
    } else {
        assert_string_equal(said->names[i], "echo-1");
        const struct json_node *text = json_find(root, "text"), *free = json_find(root, "free");
        assert_true(json_is(text, JSON_STRING) && characters(json_view(text)) <= 4);
        if (free) assert_int_equal(free->type, JSON_STRING);
    }
}

// All but one that the answer's length has cut.
static void assert_calls(struct said *said) {
    size_t whole = said->stopped || said->calls == 0 ? said->calls : said->calls - 1;
    for (size_t i = 0; i < whole; i++) assert_call(said, i);
}

static struct view data_of(const char *more) {
    static char data[4096];
    int len = snprintf(data, sizeof data, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],%s%s}",
                       tools, more);
    return (struct view){data, (size_t)len};
}

static void forced_calls_are_valid(void **state) {
    (void)state;
    static struct opened o;
    static struct said said;
    size_t stopped = 0, made = 0;
    for (size_t i = 0; i < DIALECT_MAKES; i++) {
        for (int32_t kind = 0; kind < 5; kind += kind ? 1 : 3) { // no tokens, control, user
            open_model(&o, &dialect_makes[i], kind, false, dialect_makes[i].source);
            for (unsigned n = 0; n < 4; n++) {
                bool named = n & 1;
                struct engine_job job = {.template_data = data_of(""),
                                         .tool_choice =
                                             named ? ENGINE_TOOLS_NAMED : ENGINE_TOOLS_REQUIRED,
                                         .tool_name = VIEW("get_weather"),
                                         .parallel_calls = n & 2};
                o.sampling.seed = chance_next(&chance_state);
                assert_int_equal(answer(&o, &job, &said), SK_OK);
                assert_int_equal(said.content_len, 0);
                assert_calls(&said);
                if (said.stopped) assert_true(said.calls > 0);
                if (!job.parallel_calls) assert_true(said.calls <= 1);
                for (size_t j = 0; named && j < said.calls; j++)
                    assert_string_equal(said.names[j], "get_weather");
                stopped += said.stopped;
                made += said.calls;
            }
            close_model(&o);
        }
    }
    print_message("%zu answers ended, %zu calls\n", stopped, made);
    assert_true(stopped > DIALECT_MAKES * 3 * 4 / 2);
}

// A model that is likely to write the mark is free until then, and bound from then on.
static void calls_are_bound_from_their_mark_on(void **state) {
    (void)state;
    static struct opened o;
    static struct said said;
    for (size_t i = 0; i < DIALECT_MAKES; i++) {
        for (int32_t kind = 3; kind < 5; kind++) {
            open_model(&o, &dialect_makes[i], kind, true, dialect_makes[i].source);
            for (unsigned n = 0; n < 4; n++) {
                struct engine_job job = {.template_data = data_of(""), .parallel_calls = n & 1};
                o.sampling.seed = chance_next(&chance_state);
                o.biases[o.sampling.logit_bias_len - 1].bias = o.biases[0].bias = n & 2 ? 100 : 8;
                assert_int_equal(answer(&o, &job, &said), SK_OK);
                assert_true(said.calls > 0 || n < 2);
                assert_calls(&said);
                if (!job.parallel_calls) assert_true(said.calls <= 1);
            }
            // Nothing is called where nothing may be.
            struct engine_job none = {.template_data = data_of(""),
                                      .tool_choice = ENGINE_TOOLS_NONE,
                                      .tokens_max = 50};
            assert_int_equal(answer(&o, &none, &said), SK_OK);
            assert_int_equal(said.calls, 0);
            close_model(&o);
        }
    }
}

static void content_is_of_its_format_when_nothing_is_called(void **state) {
    (void)state;
    static struct opened o;
    static struct said said;
    size_t called = 0, spoke = 0;
    for (size_t i = 0; i < DIALECT_MAKES; i++) {
        open_model(&o, &dialect_makes[i], 4, false, dialect_makes[i].source);
        for (unsigned n = 0; n < 4; n++) {
            struct engine_job job = {
                .template_data = data_of(""),
                .format = ENGINE_JSON_SCHEMA,
                .format_text = VIEW("{\"type\":\"object\",\"properties\":{\"name\":{\"enum\":[\"now\","
                                    "\"<tool_call>\"]}},\"required\":[\"name\"]}")};
            o.sampling.seed = chance_next(&chance_state);
            assert_int_equal(answer(&o, &job, &said), SK_OK);
            assert_calls(&said);
            if (!said.stopped) continue;
            called += said.calls > 0;
            spoke += said.content_len > 0;
            assert_true((said.calls > 0) != (said.content_len > 0));
            const struct json_node *root;
            arena_reset(&arena);
            if (said.content_len)
                assert_int_equal(json_parse(said.content, said.content_len, &arena, &root), SK_OK);
        }
        close_model(&o);
    }
    print_message("%zu called, %zu spoke\n", called, spoke);
    assert_true(called > 0 && spoke > 0);
}

#define THINKING "</think>"
static void thoughts_are_free_and_come_before(void **state) {
    (void)state;
    static struct opened o;
    static struct said said;
    static char source[2048];
    struct dialect_make made = dialect_makes[1];
    made.marks[0] = "<think>";
    made.marks[1] = "</think>";
    size_t thought = 0;
    for (int32_t kind = 3; kind < 5; kind++) {
        for (unsigned opens = 0; opens < 2; opens++) { // the prompt ends with the mark
            snprintf(source, sizeof source, "%s%s", dialect_makes[1].source,
                     opens ? "<think>\n" : "{# </think> #}");
            open_model(&o, &made, kind, false, source);
            o.biases[0] = (struct engine_bias){token_of(&o, "</think>"), 5};
            o.sampling.logit_bias_len = 1;
            for (unsigned n = 0; n < 12; n++) {
                struct engine_job job = {.template_data = data_of(""),
                                         .tool_choice = n & 1 ? ENGINE_TOOLS_REQUIRED
                                                              : ENGINE_TOOLS_AUTO,
                                         .format = n & 1 ? ENGINE_FREE : ENGINE_JSON};
                o.sampling.seed = chance_next(&chance_state);
                assert_int_equal(answer(&o, &job, &said), SK_OK);
                assert_calls(&said);
                thought += said.reasoning_len > 0;
                const struct json_node *root;
                arena_reset(&arena);
                if (said.stopped && said.content_len)
                    assert_int_equal(json_parse(said.content, said.content_len, &arena, &root), SK_OK);
                if (said.stopped && n & 1) assert_int_equal(said.calls, 1);
            }
            close_model(&o);
        }
    }
    print_message("%zu thought\n", thought);
    assert_true(thought > 4);
}

static void what_cannot_be_held_is_refused(void **state) {
    (void)state;
    static struct opened o;
    static struct said said;
    static const struct {
        const char *parameters, *why; // of a strict tool; NULL: taken
        size_t dialect;
    } rows[] = {
        {"{\"type\":\"array\"}", "tools: 'tools[0].function.parameters.type' must be \"object\"", 1},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"format\":\"x-none\"}}}",
         "tools: 'tools[0].function.parameters': ", 1},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":1}}}",
         "tools: 'tools[0].function.parameters': ", 1},
        {"{\"type\":\"object\",\"properties\":{\"a>\":{\"type\":\"string\"}}}",
         "tools: 'tools[0].function.parameters.properties': 'a>' cannot be written in this model's",
         2},
        {"{\"type\":\"object\",\"minProperties\":1}",
         "tools: 'tools[0].function.parameters': keyword 'minProperties' is not held", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        open_model(&o, &dialect_makes[rows[i].dialect], 0, false,
                   dialect_makes[rows[i].dialect].source);
        for (unsigned strict = 0; strict < 2; strict++) {
            char data[1024];
            snprintf(data, sizeof data,
                     "{\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                     "\"parameters\":%s}}],\"strict_tools\":[%s]}",
                     rows[i].parameters, strict ? "\"f\"" : "");
            struct engine_job job = {.template_data = view_of(data)};
            job.tokens_max = 5;
            enum sk_code code = answer(&o, &job, &said);
            // What is no schema, or cannot be written, is refused in any case.
            bool loose = strstr(rows[i].parameters, "x-none") || strstr(rows[i].parameters, "min");
            if (!strict && loose) {
                assert_int_equal(code, SK_OK);
                continue;
            }
            assert_int_not_equal(code, SK_OK);
            assert_memory_equal(fail_text(), rows[i].why, strlen(rows[i].why));
        }
        close_model(&o);
    }
    struct dialect_make gpt = {.name = "gpt-oss"};
    open_model(&o, &gpt, 0, false, "<|channel|><|message|>{{ messages | length }}");
    struct engine_job job = {.template_data = data_of("")};
    assert_int_equal(answer(&o, &job, &said), SK_UNSUPPORTED);
    assert_string_equal(fail_text(), "tools: calls as gpt-oss writes them are not known here");
    close_model(&o);
}

static int open_arena(void **state) {
    chance_seed(state);
    return arena_open(&arena, "json", 1 << 22) == SK_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forced_calls_are_valid),
        cmocka_unit_test(calls_are_bound_from_their_mark_on),
        cmocka_unit_test(content_is_of_its_format_when_nothing_is_called),
        cmocka_unit_test(thoughts_are_free_and_come_before),
        cmocka_unit_test(what_cannot_be_held_is_refused),
    };
    return cmocka_run_group_tests(tests, open_arena, NULL);
}
