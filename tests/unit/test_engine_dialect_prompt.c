// Dialects: conversations with tools as each template takes them, and tools that are refused.
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "engine/dialect_prompt.h"

enum { ROOM = 1 << 16 };

static struct arena program, scratch;
static struct jinja_memory memory;
static struct buf out;
static char text[ROOM];
static uint8_t marks[ROOM];

static int open_memory(void **state) {
    (void)state;
    assert_int_equal(arena_open(&program, "program", 1 << 22), SK_OK);
    assert_int_equal(arena_open(&scratch, "scratch", 1 << 22), SK_OK);
    assert_int_equal(jinja_memory_open(&memory), SK_OK);
    assert_int_equal(buf_open(&out, 1 << 20), SK_OK);
    return 0;
}

static int close_memory(void **state) {
    (void)state;
    arena_close(&program);
    arena_close(&scratch);
    jinja_memory_close(&memory);
    buf_close(&out);
    return 0;
}

struct made {
    enum sk_code code;
    const char *dialect, *text;
    struct dialect_needs needs;
};

static struct made make(const char *source, struct engine_job job) {
    struct made made = {.text = text};
    const struct jinja *jinja;
    struct dialect_data data;
    arena_reset(&program);
    arena_reset(&scratch);
    buf_reset(&out);
    assert_int_equal(jinja_parse(view_of(source), &program, &jinja), SK_OK);
    struct dialect_trial trial = {.jinja = jinja,
                                  .memory = &memory,
                                  .text = {.at = text, .marks = marks, .max = ROOM},
                                  .arena = &scratch,
                                  .out = &out};
    const struct dialect *dialect =
        dialect_try(&trial, dialect_find(view_of(source)), &made.needs);
    made.dialect = dialect->name;
    made.code = dialect_data_read(&job, &scratch, &data);
    if (made.code != SK_OK) return made;
    made.code = dialect_prompt(&data, &job, dialect, &made.needs, &scratch, &out);
    if (made.code != SK_OK) return made;
    struct jinja_memory free_again = memory;
    struct jinja_text prompt = {.at = text, .marks = marks, .max = ROOM - 1};
    struct jinja_input input = {.data = buf_view(&out)};
    made.code = jinja_render(jinja, &input, &free_again, &prompt);
    text[prompt.len] = 0;
    return made;
}

#define TOOL(name)                                                                                 \
    "{\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"parameters\":{\"type\":\"object\"," \
    "\"properties\":{\"place\":{\"type\":\"string\"}}}}}"
#define FUNCTION(name)                                                                             \
    "{\"name\":\"" name "\",\"parameters\":{\"type\":\"object\",\"properties\":{\"place\":{\"type\":" \
    "\"string\"}}}}"
#define CALL(id, name, args)                                                                       \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":" args \
    "}}"
#define TURNS                                                                                      \
    "{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":null,"             \
    "\"tool_calls\":[" CALL("call_a", "get", "{\"place\":\"京\\\"都\"}") "," CALL(                  \
        "call_b", "put", "\"{\\\"n\\\": [1, 2]}\"") "]},"                                          \
    "{\"role\":\"tool\",\"tool_call_id\":\"call_a\",\"content\":\"A <b>\"},"                       \
    "{\"role\":\"tool\",\"tool_call_id\":\"call_b\",\"content\":\"B\"}"
#define TOOLS "\"tools\":[" TOOL("get") "," TOOL("put") "]"

static const char told[] =
    "# Tools\n\nYou can call functions to answer the user. Each line between <tools> and </tools> "
    "is one of them, as JSON:\n<tools>\n" FUNCTION("get") "\n" FUNCTION("put") "\n</tools>\n\n"
    "To call one, answer with its name and its arguments, as JSON between <tool_call> and "
    "</tool_call>:\n<tool_call>\n{\"name\": \"NAME\", \"arguments\": {\"ARGUMENT\": VALUE}}\n"
    "</tool_call>\nSeveral calls may follow each other. What a function returns comes between "
    "<tool_response> and </tool_response>.";
static const char calls[] =
    "assistant:<tool_call>\n{\"name\": \"get\", \"arguments\": {\"place\":\"京\\\"都\"}}\n"
    "</tool_call>\n<tool_call>\n{\"name\": \"put\", \"arguments\": {\"n\":[1,2]}}\n</tool_call>;";
static const char results[] = "<tool_response>\nA <b>\n</tool_response>\n"
                              "<tool_response>\nB\n</tool_response>";

static void assert_text(struct made made, const char *dialect, const char *want) {
    assert_int_equal(made.code, SK_OK);
    assert_string_equal(made.dialect, dialect);
    assert_string_equal(made.text, want);
}

static struct engine_job job_of(const char *data) {
    return (struct engine_job){.template_data = view_of(data), .parallel_calls = true};
}

static char want[ROOM];
#define WANT(...) (snprintf(want, sizeof want, __VA_ARGS__), want)

static const char plain[] = "{% for m in messages %}{{ m.role ~ ':' ~ m.content ~ ';' }}{% endfor %}";

static void a_template_without_tools_gets_texts(void **state) {
    (void)state;
    assert_text(make(plain, job_of("{\"messages\":[" TURNS "]," TOOLS "}")), "generic",
                WANT("system:%s;user:hi;%suser:%s;", told, calls, results));
    assert_text(make(plain, job_of("{" TOOLS ",\"messages\":[{\"role\":\"system\",\"content\":\"Be.\"},"
                                   TURNS ",{\"role\":\"user\",\"content\":\"so?\"}]}")),
                "generic", WANT("system:Be.\n\n%s;user:hi;%suser:%s\nso?;", told, calls, results));
    static const char strict[] =
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
        "{{ m.role ~ ':' ~ m.content ~ ';' }}{% endfor %}";
    assert_text(make(strict, job_of("{\"messages\":[" TURNS "]," TOOLS "}")), "generic",
                WANT("user:%s\n\nhi;%suser:%s;", told, calls, results));
    // Without tools only what was called is text.
    assert_text(make(plain, job_of("{\"messages\":[" TURNS "]}")), "generic",
                WANT("user:hi;%suser:%s;", calls, results));
    struct engine_job none = job_of("{\"messages\":[" TURNS "]," TOOLS "}");
    none.tool_choice = ENGINE_TOOLS_NONE;
    assert_text(make(plain, none), "generic", WANT("user:hi;%suser:%s;", calls, results));
    // Messages that are no JSON.
    static const struct engine_message messages[] = {{ENGINE_USER, {"h\"i", 3}}};
    struct engine_job job = job_of("{" TOOLS "}");
    job.messages = messages;
    job.messages_len = 1;
    assert_text(make(plain, job), "generic", WANT("system:%s;user:h\"i;", told));
}

#define SHOWN "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}|"
#define LOOP(call)                                                                                 \
    SHOWN "{% for m in messages %}{% if m.tool_calls %}{{ 'a:' ~ (m.content or '') }}"             \
          "{% for c in m.tool_calls %}" call "{% endfor %}{% else %}"                              \
          "{{ m.role ~ ':' ~ (m.name or '') ~ (m.tool_call_id or '') ~ m.content }}{% endif %};"   \
          "{% endfor %}"
#define PLAIN_TOOL(name)                                                                           \
    "{\"type\": \"function\", \"function\": {\"name\": \"" name "\", \"parameters\": {\"type\": "  \
    "\"object\", \"properties\": {\"place\": {\"type\": \"string\"}}}}}"
#define BOTH_TOOLS PLAIN_TOOL("get") PLAIN_TOOL("put") "|"

static void templates_get_what_they_take(void **state) {
    (void)state;
    struct engine_job job = job_of("{\"messages\":[" TURNS "]," TOOLS "}");
    static const char objects[] =
        LOOP("<tool_call>\n{\"name\": \"{{ c.function.name }}\", \"arguments\": "
             "{{ c.function.arguments | tojson }}}\n</tool_call>");
    assert_text(make(objects, job), "hermes",
                BOTH_TOOLS "user:hi;a:<tool_call>\n{\"name\": \"get\", \"arguments\": {\"place\": "
                           "\"京\\\"都\"}}\n</tool_call><tool_call>\n{\"name\": \"put\", "
                           "\"arguments\": {\"n\": [1, 2]}}\n</tool_call>;tool:getcall_aA <b>;"
                           "tool:putcall_bB;");
    static const char texts[] = LOOP("<tool_call>{{ '{\"name\": \"' + c.function.name + '\", "
                                     "\"arguments\": ' + c.function.arguments }}}</tool_call>");
    struct made made = make(texts, job);
    assert_true(made.needs.texts);
    assert_text(made, "hermes",
                BOTH_TOOLS "user:hi;a:<tool_call>{\"name\": \"get\", \"arguments\": "
                           "{\"place\":\"京\\\"都\"}}</tool_call><tool_call>{\"name\": \"put\", "
                           "\"arguments\": {\"n\":[1,2]}}</tool_call>;tool:getcall_aA <b>;"
                           "tool:putcall_bB;");
    // One call at a time, and content that must be a text.
    static const char single[] =
        SHOWN "ipython {% for m in messages %}{{ m.role + ':' + m.content }}"
              "{% if m.tool_calls %}{% if m.tool_calls | length > 1 %}{{ raise_exception('one') }}"
              "{% endif %}{\"name\": \"{{ m.tool_calls[0].function.name }}\", \"parameters\": "
              "{{ m.tool_calls[0].function.arguments | tojson }}}{% endif %};{% endfor %}";
    made = make(single, job);
    assert_true(made.needs.one_call && made.needs.no_null);
    assert_text(made, "llama-3",
                BOTH_TOOLS "ipython user:hi;assistant:{\"name\": \"get\", \"parameters\": "
                           "{\"place\": \"京\\\"都\"}};tool:A <b>;assistant:{\"name\": \"put\", "
                           "\"parameters\": {\"n\": [1, 2]}};tool:B;");
}

static void calls_have_the_ids_a_template_wants(void **state) {
    (void)state;
    static const char mistral[] =
        LOOP("[TOOL_CALLS]{% if c.id | length != 9 %}{{ raise_exception('nine') }}{% endif %}"
             "{{ c.function.name ~ '[ARGS]' ~ (c.function.arguments | tojson) ~ c.id }}");
    struct engine_job job = job_of(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"role\":\"assistant\",\"content\":"
        "\"\",\"tool_calls\":[" CALL("abcDEF123", "get", "{}") "," CALL("call_1", "put", "{}") "]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"call_1\",\"content\":\"\"}]," TOOLS "}");
    struct made made = make(mistral, job);
    assert_int_equal(made.code, SK_OK);
    assert_string_equal(made.dialect, "mistral");
    assert_non_null(strstr(made.text, "get[ARGS]{}abcDEF123["));
    const char *put = strstr(made.text, "put[ARGS]{}"), *result = strstr(made.text, "tool:put");
    assert_non_null(put);
    assert_non_null(result);
    assert_memory_equal(put + strlen("put[ARGS]{}"), result + strlen("tool:put"), 9);
    static const char kimi[] =
        LOOP("<|tool_calls_section_begin|><|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>"
             "{{ c.function.arguments | tojson }}");
    made = make(kimi, job);
    assert_string_equal(made.dialect, "kimi");
    assert_non_null(strstr(made.text, "functions.get:0<"));
    assert_non_null(strstr(made.text, "functions.put:1<"));
    assert_non_null(strstr(made.text, "tool:putfunctions.put:1;"));
}

static void a_form_that_is_not_rendered_is_not_spoken(void **state) {
    (void)state;
    struct engine_job job = job_of("{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    // The mark stands there, but for something else; or tools are not shown.
    assert_string_equal(make(LOOP("<tool_call><invoke {{ c.function.name }}>"), job).dialect,
                        "generic");
    assert_string_equal(make("{% for m in messages %}{{ m.role }}<tool_call>{% endfor %}", job).dialect,
                        "generic");
    assert_string_equal(make("<|channel|><|message|>", job).dialect, "gpt-oss");
}

static void wrong_tools_are_refused_by_place(void **state) {
    (void)state;
    static const struct {
        const char *data;
        enum engine_tool_choice choice;
        const char *why;
    } rows[] = {
        {"{\"tools\":{}}", 0, "tools: must be an array"},
        {"{\"tools\":[{\"type\":\"web_search\"}]}", 0, "tools: 'tools[0].type' must be \"function\""},
        {"{\"tools\":[" TOOL("a") ",{\"type\":\"function\"}]}", 0,
         "tools: 'tools[1].function' must be an object"},
        {"{\"tools\":[" TOOL("a b") "]}", 0,
         "tools: 'tools[0].function.name' must be 1 to 64 letters, digits, _ or -"},
        {"{\"tools\":[" TOOL("") "]}", 0,
         "tools: 'tools[0].function.name' must be 1 to 64 letters, digits, _ or -"},
        {"{\"tools\":[" TOOL("a") "," TOOL("b") "," TOOL("a") "]}", 0,
         "tools: 'tools[2].function.name': 'a' is there twice"},
        {"{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"parameters\":[]}}]}", 0,
         "tools: 'tools[0].function.parameters' must be an object"},
        {"{\"messages\":[]}", ENGINE_TOOLS_REQUIRED, "tool_choice: there are no tools to call"},
        {"{\"tools\":[]}", ENGINE_TOOLS_NAMED, "tool_choice: there are no tools to call"},
        {"{\"tools\":[" TOOL("a") "]}", ENGINE_TOOLS_NAMED, "tool_choice: 'b' is none of the tools"},
        {"{\"messages\":{}," TOOLS "}", 0, "messages: must be an array"},
        {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[" CALL("1", "a", "\"{\"") "]}]}", 0,
         "messages: arguments of a call: json: byte 1: "},
        {"{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[" CALL("1", "a", "[]") "]}]}", 0,
         "messages: arguments of a call: no JSON object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct engine_job job = job_of(rows[i].data);
        job.tool_choice = rows[i].choice;
        job.tool_name = VIEW("b");
        struct made made = make(plain, job);
        assert_int_equal(made.code, SK_INPUT);
        assert_memory_equal(fail_text(), rows[i].why, strlen(rows[i].why));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_template_without_tools_gets_texts),
        cmocka_unit_test(templates_get_what_they_take),
        cmocka_unit_test(calls_have_the_ids_a_template_wants),
        cmocka_unit_test(a_form_that_is_not_rendered_is_not_spoken),
        cmocka_unit_test(wrong_tools_are_refused_by_place),
    };
    return cmocka_run_group_tests(tests, open_memory, close_memory);
}
