// Dialects: which one a template speaks, and tokens to parts: every form of calls, cut anyhow.
#include "cmocka_chance.h"

#include <stdio.h>
#include <string.h>

#include "engine/dialect_answer.h"

enum { CHUNKINGS = 1000, SAID_MAX = 1 << 14 };

#define DS(name) "<\uff5ctool\u2581" name "\uff5c>"
#define SIGN_DS  DS("calls\u2581begin")

static struct dialect_tools tools;

static void offer(const char *names, const char *texts) {
    tools = (struct dialect_tools){0};
    char list[256];
    strcpy(list, names);
    for (char *name = strtok(list, " "); name; name = strtok(NULL, " ")) {
        tools.name_lens[tools.len] = (uint8_t)strlen(name);
        memcpy(tools.names[tools.len++], name, strlen(name));
    }
    strcpy(list, texts); // of the first tool
    for (char *key = strtok(list, " "); key; key = strtok(NULL, " ")) {
        tools.texts[tools.texts_len++] = 0;
        tools.texts[tools.texts_len++] = (char)strlen(key);
        memcpy(tools.texts + tools.texts_len, key, strlen(key));
        tools.texts_len += (uint32_t)strlen(key);
    }
}

// ---- one answer, as a line: parts of one channel joined, each begun by its letter ----

struct said {
    char text[SAID_MAX];
    struct buf out;
    int channel;
    bool refuses; // what seems to be a call is none
};

static void add_parts(struct said *said, const struct answer *answer) {
    for (uint32_t i = 0; i < answer->parts_len; i++) {
        struct engine_part part = answer->parts[i];
        assert_true(part.text.len > 0);
        if (said->channel != (int)part.channel || part.channel == ENGINE_CALL)
            buf_print(&said->out, "%s%c:", said->out.len ? "|" : "", "CRFA"[part.channel]);
        said->channel = (int)part.channel;
        buf_put_view(&said->out, part.text);
    }
}

static void decide(struct answer *answer, const struct said *said) {
    bool marked;
    struct view text[2];
    while (answer_asks(answer, &marked, text))
        assert_int_equal(said->refuses ? answer_refuse(answer) : answer_accept(answer), SK_OK);
}

// Text between \2 and \3 is the name of a control token, put as one.
static void put(struct answer *answer, struct said *said, struct view text) {
    answer_next(answer);
    if (text.at[0] == '\2')
        assert_int_equal(answer_mark(answer, (struct view){text.at + 1, text.len - 2}), SK_OK);
    else
        assert_int_equal(answer_put(answer, text), SK_OK);
    decide(answer, said);
    add_parts(said, answer);
}

static size_t some(struct view left, uint64_t most) {
    const char *end = memchr(left.at, left.at[0] == '\2' ? '\3' : '\2', left.len);
    size_t len = end ? (size_t)(end - left.at) : left.len;
    if (left.at[0] == '\2') return len + 1;
    size_t n = most ? 1 + (size_t)(chance_next(&chance_state) % most) : len;
    return n < len ? n : len;
}

struct given {
    const char *form, *stop;
    bool thinking, refuses;
};

// `most`: bytes of a token; 0: all at once.
static const char *answer_of(struct given given, const char *text, uint64_t most) {
    static struct answer answer;
    static struct said said;
    struct engine_job job = {.stops = {view_of(given.stop)}, .stops_len = given.stop != NULL};
    struct view form = view_of(given.form);
    const struct dialect *dialect = form.len == 0              ? NULL
                                    : view_is(form, "generic") ? &dialect_generic
                                                               : dialect_find(form);
    assert_int_equal(answer_init(&answer, &job, dialect, dialect_thought_find(view_of("</think>")),
                                 &tools, given.thinking),
                     SK_OK);
    said.out = buf_over(said.text, sizeof said.text);
    said.channel = -1;
    said.refuses = given.refuses;
    for (struct view left = view_of(text); left.len && answer.stop == ENGINE_NO_STOP;) {
        size_t n = some(left, most);
        put(&answer, &said, (struct view){left.at, n});
        left = view_from(left, n);
    }
    answer_next(&answer);
    assert_int_equal(answer_end(&answer), SK_OK);
    add_parts(&said, &answer);
    buf_put_char(&said.out, 0);
    assert_false(said.out.over);
    return said.text;
}

static void assert_answer(struct given given, const char *text, const char *want) {
    assert_string_equal(answer_of(given, text, 0), want);
    for (uint64_t i = 0; i < CHUNKINGS; i++)
        assert_string_equal(answer_of(given, text, 1 + i % 12), want);
}

// ---- templates ----

static void templates_are_recognised(void **state) {
    (void)state;
    static const struct {
        const char *text, *name;
    } rows[] = {
        {"<tool_call>\n{{ c | tojson }}\n</tool_call>", "hermes"},
        {"<tool_call>\n<function={{ f }}>\n<parameter={{ k }}>", "qwen-coder"},
        {"<tool_call>{{ f }}<arg_key>{{ k }}</arg_key><arg_value>", "glm"},
        {"Environment: ipython {\"name\": \"x\", \"parameters\": ", "llama-3"},
        {"<seed:tool_call><function=><parameter=>", "seed"},
        {"[TOOL_CALLS]{{ f }}[ARGS]", "mistral"},
        {"[TOOL_CALLS] [", "mistral-list"},
        {SIGN_DS "function" DS("sep") "f\n```json", "deepseek-r1"},
        {"<|tool_calls_section_begin|>", "kimi"},
        {"<|START_ACTION|>", "command"},
        {"<TOOLCALL>[", "nemotron"},
        {"<function={{ f }}>{}</function>", "functionary"},
        {"<|tool_call>call:{{ f }}{a:<|\"|>x<|\"|>}<tool_call|>", "gemma"},
        {"<start_function_call>call:f{a:<escape>x<escape>}", "functiongemma"},
        {"<|channel|>analysis<|message|>", "gpt-oss"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(dialect_find(view_of(rows[i].text))->name, rows[i].name);
    assert_null(dialect_find(VIEW("<start_of_turn>{{ m.content }}")));
    assert_null(dialect_find(VIEW("")));
    assert_string_equal(dialect_thought_find(VIEW("x</think>"))->open, "<think>");
    assert_null(dialect_thought_find(VIEW("<think")));
    assert_string_equal(dialect_thought_find(VIEW("<channel|>"))->open, "<|channel>thought");
}

// ---- every form ----

// What a form makes of a call: JSON `{"place": "京\"都", "n": [1, {"a": {}}]}` of get_weather, then
// one of add without arguments.
#define NESTED "{\"place\": \"京\\\"都\\n}\", \"n\": [1, {\"a\": {}}]}"
#define ONE    "F:get_weather|A:" NESTED
#define BOTH   ONE "|F:add|A:{}"

static const struct form {
    const char *sign, *one, *both;
    bool first; // calls only at the beginning
} forms[] = {
    {"<tool_call>",
     "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": " NESTED "}\n</tool_call>",
     "<tool_call>{\"name\":\"get_weather\",\"arguments\":" NESTED "}</tool_call>\n<tool_call>\n"
     "{\"name\": \"add\", \"arguments\": {}}\n</tool_call>\n",
     false},
    {"generic", "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": " NESTED "}\n</tool_call>",
     "\2<tool_call>\3\n{\"name\": \"get_weather\", \"arguments\": " NESTED "}\n\2</tool_call>\3\n"
     "\2<tool_call>\3\n{\"name\": \"add\", \"arguments\": {}}\n\2</tool_call>\3",
     false},
    {"<tool_call><function=<parameter=",
     "<tool_call>\n<function=get_weather>\n<parameter=place>\n京\"都\n}\n</parameter>\n"
     "<parameter=n>\n[1, {\"a\": {}}]\n</parameter>\n</function>\n</tool_call>",
     "<tool_call>\n<function=get_weather>\n<parameter=place>\n京\"都\n}\n</parameter>\n"
     "<parameter=n>\n[1, {\"a\": {}}]\n</parameter>\n</function>\n</tool_call>\n"
     "<tool_call>\n<function=add>\n</function>\n</tool_call>",
     false},
    {"<seed:tool_call><function=<parameter=",
     "<seed:tool_call>\n<function=get_weather>\n<parameter=place>京\"都\n}</parameter>\n"
     "<parameter=n>[1, {\"a\": {}}]</parameter>\n</function>\n</seed:tool_call>",
     "<seed:tool_call>\n<function=get_weather>\n<parameter=place>京\"都\n}</parameter>\n"
     "<parameter=n>[1, {\"a\": {}}]</parameter>\n</function>\n</seed:tool_call>\n"
     "<seed:tool_call>\n<function=add>\n</function>\n</seed:tool_call>",
     false},
    {"<tool_call><arg_key><arg_value>",
     "<tool_call>get_weather\n<arg_key>place</arg_key>\n<arg_value>京\"都\n}</arg_value>\n"
     "<arg_key>n</arg_key>\n<arg_value>[1, {\"a\": {}}]</arg_value>\n</tool_call>",
     "\2<tool_call>\3get_weather\n<arg_key>place</arg_key>\n<arg_value>京\"都\n}</arg_value>"
     "<arg_key>n</arg_key>\n<arg_value>[1, {\"a\": {}}]</arg_value>\n\2</tool_call>\3\n"
     "\2<tool_call>\3add\n\2</tool_call>\3",
     false},
    {"ipython \"parameters\": ", "{\"name\": \"get_weather\", \"parameters\": " NESTED "}",
     "\n{\"name\": \"get_weather\", \"parameters\": " NESTED "}; "
     "{\"name\": \"add\", \"parameters\": {}}",
     true},
    {"ipython \"parameters\": ",
     "\2<|python_tag|>\3{\"name\": \"get_weather\", \"parameters\": " NESTED "}",
     "<|python_tag|>{\"name\": \"get_weather\", \"parameters\": " NESTED "}; "
     "{\"name\": \"add\", \"parameters\": {}}",
     false},
    {"[TOOL_CALLS]",
     "\2[TOOL_CALLS]\3 [{\"name\": \"get_weather\", \"arguments\": " NESTED
     ", \"id\": \"a1B2c3D4e\"}]",
     "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": " NESTED "}, "
     "{\"name\": \"add\", \"arguments\": {}, \"id\": \"000000000\"}]",
     false},
    {"[TOOL_CALLS][ARGS]", "\2[TOOL_CALLS]\3get_weather\2[ARGS]\3" NESTED,
     "\2[TOOL_CALLS]\3get_weather\2[ARGS]\3" NESTED "\2[TOOL_CALLS]\3add\2[ARGS]\3{}", false},
    {SIGN_DS "```json",
     SIGN_DS DS("call\u2581begin") "function" DS("sep") "get_weather\n```json\n" NESTED "\n```" DS(
         "call\u2581end") DS("calls\u2581end"),
     "\2" SIGN_DS "\3\2" DS("call\u2581begin") "\3function\2" DS(
         "sep") "\3get_weather\n```json\n" NESTED
                "\n```\2" DS("call\u2581end") "\3\n\2" DS("call\u2581begin") "\3function\2" DS(
                    "sep") "\3add\n```json\n{}\n```\2" DS("call\u2581end") "\3\2" DS("calls\u2581en"
                                                                                     "d") "\3",
     false},
    {"<|tool_calls_section_begin|>",
     "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
     "<|tool_call_argument_begin|>" NESTED "<|tool_call_end|><|tool_calls_section_end|>",
     "\2<|tool_calls_section_begin|>\3\2<|tool_call_begin|>\3functions.get_weather:0"
     "\2<|tool_call_argument_begin|>\3" NESTED "\2<|tool_call_end|>\3\2<|tool_call_begin|>\3"
     "functions.add:1\2<|tool_call_argument_begin|>\3{}\2<|tool_call_end|>\3"
     "\2<|tool_calls_section_end|>\3",
     false},
    {"<|START_ACTION|>",
     "\2<|START_ACTION|>\3[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"get_weather\", "
     "\"parameters\": " NESTED "}\n]\2<|END_ACTION|>\3",
     "<|START_ACTION|>[{\"tool_call_id\": \"0\", \"tool_name\": \"get_weather\", "
     "\"parameters\": " NESTED
     "},\n{\"tool_call_id\": \"1\", \"tool_name\": \"add\", \"parameters\": {}}]<|END_ACTION|>",
     false},
    {"<|tool_call><|\"|>",
     "<|tool_call>call:get_weather{place:<|\"|>京\"都\n}<|\"|>,n:[1,{a:{}}]}<tool_call|>",
     "\2<|tool_call>\3call:get_weather{place:\2<|\"|>\3京\"都\n}\2<|\"|>\3,n:[1, {a: {}}]}"
     "\2<tool_call|>\3\2<|tool_call>\3call:add{}\2<tool_call|>\3",
     false},
    {"<start_function_call><escape>",
     "<start_function_call>call:get_weather{place:<escape>京\"都\n}<escape>,n:[1,{a:{}}]}"
     "<end_function_call>",
     "<start_function_call>call:get_weather{place:<escape>京\"都\n}<escape>,n:[1,{a:{}}]}"
     "<end_function_call><start_function_call>call:add{}<end_function_call>",
     false},
    {"<TOOLCALL>", "<TOOLCALL>[{\"name\": \"get_weather\", \"arguments\": " NESTED "}]</TOOLCALL>",
     "<TOOLCALL>[{\"name\": \"get_weather\", \"arguments\": " NESTED "}, "
     "{\"name\": \"add\", \"arguments\": {}}]</TOOLCALL>\n",
     false},
    {"<function=</function>", "<function=get_weather>" NESTED "</function>",
     "<function=get_weather>" NESTED "</function>\n<function=add>{}</function>", false},
};

static void every_form_in_any_chunks(void **state) {
    (void)state;
    offer("get_weather add", "place");
    char text[2048], want[2048];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct form *form = &forms[i];
        struct given given = {.form = form->sign};
        assert_answer(given, form->one, ONE);
        assert_answer(given, form->both, BOTH);
        snprintf(text, sizeof text, "<think>\n <tool_call> 思う\n</think>\n\n%s", form->both);
        assert_answer(given, text, "R:<tool_call> 思う|" BOTH);
        if (form->first) continue;
        snprintf(text, sizeof text, "調べます <3.\n\n%s", form->one);
        assert_answer(given, text, "C:調べます <3.|" ONE);
        snprintf(text, sizeof text, "hm</think>\nSee:\n %s", form->both);
        snprintf(want, sizeof want, "R:hm|C:See:|%s", BOTH);
        given.thinking = true;
        assert_answer(given, text, want);
    }
}

static void what_only_looks_like_a_call_is_content(void **state) {
    (void)state;
    offer("get_weather add", "");
    struct given given = {.form = "<tool_call>"};
    assert_answer(given, "the <tool", "C:the <tool");
    assert_answer(given, "a <tool_cal> b \n", "C:a <tool_cal> b \n");
    assert_answer(given, "<tool_call>\n{\"name\": \"rm\", \"arguments\": {}}",
                  "C:<tool_call>\n{\"name\": \"rm\", \"arguments\": {}}");
    assert_answer(given, " <tool_call> is a mark", "C: <tool_call> is a mark");
    assert_answer(given,
                  "<tool_call><tool_call>\n{\"name\": \"add\", \"arguments\": {}}\n</tool_call>",
                  "C:<tool_call>|F:add|A:{}");
    given.refuses = true;
    assert_answer(given, "x <tool_call>\n{\"name\": \"add\", \"arguments\": {}}",
                  "C:x <tool_call>\n{\"name\": \"add\", \"arguments\": {}}");
    given = (struct given){.form = "ipython \"parameters\": "};
    assert_answer(given, "{\"name\": \"Bob\", \"age\": 3}", "C:{\"name\": \"Bob\", \"age\": 3}");
    assert_answer(given, "{\"name\": \"add\", \"age\": 3}", "C:{\"name\": \"add\", \"age\": 3}");
    assert_answer(given, "So: {\"name\": \"add\", \"parameters\": {}}",
                  "C:So: {\"name\": \"add\", \"parameters\": {}}");
    // Without tools everything is.
    given = (struct given){.form = ""};
    assert_answer(given, "<tool_call>\n{\"name\": \"add\"}\2<tool_call>\3",
                  "C:<tool_call>\n{\"name\": \"add\"}");
}

static void thoughts_come_first(void **state) {
    (void)state;
    struct given given = {.form = ""};
    assert_answer(given, "<think>\n\nso\n so \n\n</think>\n\nyes \n", "R:so\n so|C:yes \n");
    assert_answer(given, "\n<think></think>yes", "C:yes");
    assert_answer(given, "\2<think>\3a\2</think>\3b\2</think>\3c", "R:a|C:bc");
    // What may begin a mark as text does not hide one that is a token.
    assert_answer(given, "\2<think>\3a <\2</think>\3b", "R:a <|C:b");
    assert_answer(given, "yes <think>no</think>", "C:yes <think>no</think>");
    assert_answer(given, "<think>cut </thi", "R:cut </thi");
    assert_answer(given, "<thin", "C:<thin");
    assert_answer(given, "  a", "C:  a");
    assert_answer(given, " ", "C: ");
    given.thinking = true;
    assert_answer(given, "\nso</think>yes", "R:so|C:yes");
    assert_answer(given, "", "");
}

static void stops_are_of_content(void **state) {
    (void)state;
    offer("get_weather add", "");
    struct given given = {.form = "<tool_call>", .stop = "dd"};
    assert_answer(given, "<think>add</think>addx<tool_call>", "R:add|C:a");
    assert_answer(given, "a <\2<tool_call>\3{\"name\": \"add\", \"arguments\": {}}\2</tool_call>\3",
                  "C:a <|F:add|A:{}");
    assert_answer(given,
                  "a<tool_call>\n{\"name\": \"add\", \"arguments\": {\"dd\": 1}}\n</tool_call>",
                  "C:a|F:add|A:{\"dd\": 1}");
}

static void calls_are_cut_where_the_answer_is(void **state) {
    (void)state;
    offer("get_weather add", "q");
    struct given given = {.form = "<tool_call>"};
    assert_answer(given, "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": [1, \"x",
                  "F:add|A:{\"a\": [1, \"x");
    assert_answer(given, "ok <tool_call>\n{\"name\": \"ad", "C:ok");
    assert_answer(given, "<tool_call>\n{\"name\": \"add\", \"arguments\": {}}\n</tool",
                  "F:add|A:{}");
    given.form = "<tool_call><function=<parameter=";
    assert_answer(given, "<tool_call>\n<function=get_weather>\n<parameter=q>\na\tb</par",
                  "F:get_weather|A:{\"q\": \"a\\u0009b</par");
}

static void too_much_in_one_token_is_refused(void **state) {
    (void)state;
    static struct answer answer;
    char text[2048] = "<tool_call>{\"name\":\"add\",\"arguments\":{}}</tool_call>";
    offer("add", "");
    size_t len = strlen(text);
    for (size_t n = 1; n < 20; n++)
        memcpy(text + n * len, text, len);
    struct engine_job job = {.stops_len = 0};
    assert_int_equal(answer_init(&answer, &job, &dialect_generic, NULL, &tools, false), SK_OK);
    assert_int_equal(answer_put(&answer, (struct view){text, 20 * len}), SK_OK);
    assert_int_equal(answer_accept(&answer), SK_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_recognised),
        cmocka_unit_test(every_form_in_any_chunks),
        cmocka_unit_test(what_only_looks_like_a_call_is_content),
        cmocka_unit_test(thoughts_come_first),
        cmocka_unit_test(stops_are_of_content),
        cmocka_unit_test(calls_are_cut_where_the_answer_is),
        cmocka_unit_test(too_much_in_one_token_is_refused),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
