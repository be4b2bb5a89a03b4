// Chat templates: marks of data, hostile templates, and what goes beyond the oracle of
// tests/api/templates.test.mjs (which compares the rest).
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "engine/jinja.h"

enum { OUT_MAX = 1 << 16, SOURCE_MAX = (1 << 20) + 64 };

static struct arena program;
static struct jinja_memory memory;
static char bytes[OUT_MAX], source[SOURCE_MAX];
static uint8_t marks[OUT_MAX];
static struct jinja_text out;

static int setup(void **state) {
    (void)state;
    return arena_open(&program, "program", 32 << 20) || jinja_memory_open(&memory);
}

static int teardown(void **state) {
    (void)state;
    arena_close(&program);
    jinja_memory_close(&memory);
    return 0;
}

static enum sk_code render(struct view text, const char *json) {
    const struct jinja *jinja;
    struct jinja_input input = {.data = view_of(json), .time_s = 951827696}; // 2000-02-29 12:34:56
    out = (struct jinja_text){.at = bytes, .marks = marks, .max = OUT_MAX - 1};
    arena_reset(&program);
    TRY(jinja_parse(text, &program, &jinja));
    TRY(jinja_render(jinja, &input, &memory, &out));
    bytes[out.len] = '\0';
    return SK_OK;
}

static void assert_text(const char *text, const char *json, const char *want) {
    enum sk_code code = render(view_of(text), json);
    if (code != SK_OK) fail_msg("%s: %s: %s", text, fail_name(code), fail_text());
    assert_string_equal(bytes, want);
}

// Where `want` has a '#' the byte must be data, anywhere else the template's.
static void assert_marks(const char *text, const char *json, const char *want) {
    enum sk_code code = render(view_of(text), json);
    if (code != SK_OK) fail_msg("%s: %s: %s", text, fail_name(code), fail_text());
    assert_int_equal(out.len, strlen(want));
    for (uint32_t i = 0; i < out.len; i++)
        if (marks[i] != (want[i] == '#')) fail_msg("%s: %s: byte %u of %s", text, want, i, bytes);
}

static void marks_go_with_their_bytes(void **state) {
    (void)state;
    static const char json[] = "{\"d\": \"ab c\", \"n\": 42, \"l\": [\"x\", 1], \"o\": {\"k\": \"v\"}, "
                               "\"messages\": [{\"role\": \"user\", \"name\": \"user\"}]}";
    assert_marks("t{{ d }}t", json, "t####t");
    assert_marks("{{ d ~ 't' ~ d }}", json, "####t####");
    assert_marks("{{ 't' + d[1:3] + d[0] }}", json, "t###");
    assert_marks("{{ d | upper }}{{ 'd' | upper }}{{ d.title() }}", json, "####d####");
    assert_marks("{{ d.split(' ') | join('+') }}", json, "##+#");
    assert_marks("{{ d | replace('b', 'TT') }}{{ 'xyx'.replace('x', d) }}", json, "#TT######y####");
    assert_marks("{{ ' ' ~ d ~ ' ' }}{{ (' ' ~ d) | trim }}", json, " #### ####");
    assert_marks("{% set x %}t{{ d }}{% endset %}{{ x }}{{ x[::-1] }}", json, "t########t");
    assert_marks("{% macro m(a) %}t{{ a }}{% endmacro %}{{ m(d) }}{{ m('t') }}", json, "t####tt");
    assert_marks("{% filter upper %}t{{ d }}{% endfilter %}", json, "t####");
    assert_marks("{% for c in d | list %}{{ c }}t{% endfor %}", json, "#t#t#t#t");
    assert_marks("{{ n }}{{ n + 1 }}{{ 7 }}{{ n ~ 't' }}", json, "####7##t");
    assert_marks("{{ l | tojson }}{{ o | tojson }}", json, "##################");
    assert_marks("{{ {'t': d} | tojson }}", json, "##t##########");
    assert_marks("{{ l }}{{ l | first }}{{ o.k }}", json, "##########");
    assert_marks("{% for k, v in o | items %}{{ k }}={{ v }}{% endfor %}", json, "#=#");
    assert_marks("{{ 'a{}b{}'.format(d, 't') }}", json, "a####bt");
    assert_marks("{{ d | indent(2, true) }}{{ (d ~ '<') | e }}", json, "  ########&lt;");
    assert_marks("{{ messages[0].role }}{{ messages[0].name }}", json, "user####");
    assert_marks("{{ '1' | int }}{{ '%d' }}{{ strftime_now('%Y') }}", json, "1%d2000");
}

static void beyond_the_oracle(void **state) {
    (void)state;
    static const char json[] = "{\"l\": [3, 1, 2], \"s\": \"a-b-c\", \"o\": {\"b\": 1, \"a\": 2}}";
    assert_text("{{ '\\n\\n  x'.lstrip('\\n') }}|{{ 'xxayx'.strip('x') }}", json, "  x|ay");
    assert_text("{{ s.rsplit('-', 1) }}{{ 'a\\r\\nb\\n'.splitlines() }}", json,
                "[\"a-b\", \"c\"][\"a\", \"b\"]");
    assert_text("{{ '{} {1} {k}'.format(1, 2, k=3) }}{{ s.find('b') }}{{ s.count('-') }}", json,
                "1 2 322");
    assert_text("{{ l | min }}{{ l | max }}{{ l | sum }}{{ l | batch(2) | list }}", json,
                "136[[3, 1], [2]]");
    assert_text("{{ l | map('string') | join }}{{ l | select('odd') | list }}"
                "{{ l | reject('gt', 1) | list }}", json, "312[3, 1][1]");
    assert_text("{{ 3.14159 | round(2) }} {{ 2.5 | round }} {{ 2.1 | round(method='ceil') }}", json,
                "3.14 2.0 3.0");
    assert_text("{% for x in l if x > 1 %}{{ loop.cycle('a', 'b') }}{{ x }}{% endfor %}", json,
                "a3b2");
    assert_text("{% set q = [] %}{% set _ = q.append(1) %}{% set _ = q.extend([2, 3]) %}"
                "{% set _ = q.insert(0, 0) %}{{ q.pop() }}{{ q.pop(0) }}{{ q }}", json, "30[1, 2]");
    assert_text("{% set d = dict(a=1) %}{% set _ = d.update({'b': 2}) %}{{ d.pop('a') }}{{ d }}",
                json, "1{\"b\": 2}");
    assert_text("{{ {0: 'zero', 1: 'one'}[1] }}{{ 'ab' * 2 }}{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}", json,
                "oneababtruefalse");
    assert_text("{{ 3 is divisibleby 3 }}{{ 2 is in [1, 2] }}{{ 1 is eq 1 }}{{ 1 is ne(1) }}", json,
                "truetruetruefalse");
    assert_text("{{ none_such | length }}{% for x in none_such %}x{% endfor %}{{ none_such | trim }}",
                json, "0");
    assert_text("{{ none | selectattr('a') | list }}{{ none | map('trim') | list }}", json, "[][]");
    assert_text("{{ strftime_now('%a %d %B %y %j %I%p %H:%M:%S %% %e') }}", json,
                "Tue 29 February 00 060 12PM 12:34:56 % 29");
    assert_text("{% for i in [1, 2, 3] %}{{ i }}{% if i == 2 %}{% break %}{% endif %}-{% endfor %}",
                json, "1-2");
    assert_text("{%- set x | upper -%} a {%- endset -%}{{ x }}", json, "A");
    assert_text("{{ 'a' ~ none_such ~ 'b' }}{{ none_such in l }}{{ none_such not in o }}", json,
                "abfalsetrue");
    assert_text("{{ {0: 'zero'}.get(none, 'no') }}{{ {1: 'one'}.get(true) }}", json, "noone");
    assert_text("{{ {'items': 1, 'a': 2}.items() | length }}{{ {'items': 1}.items }}", json, "21");
    // Lines may end as on other systems: the text is as if they ended with \n.
    assert_text("{% if 1 %}\r\na\r\n  {% endif %}\r\n{{ 'x\r\ny' }}\rb\r\n", json, "a\nx\ny\nb");
}

// ---- hostile ----

static void assert_code(struct view text, enum sk_code want, const char *what) {
    enum sk_code code = render(text, "{}");
    if (code != want) fail_msg("%s: %s: %s", what, fail_name(code), fail_text());
}

static void bombs_are_bounded(void **state) {
    (void)state;
    static const char *const bombs[] = {
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% for a in range(999) %}{% for b in range(999) %}{{ a }}{% endfor %}{% endfor %}",
        "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}"
        "{% endfor %}",
        "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s.replace('x', 'xx') "
        "%}{% endfor %}",
        "{% set n = namespace(l=[1]) %}{% for i in range(99) %}{% set n.l = n.l + n.l %}{% endfor %}",
        "{% set n = namespace(l=[1]) %}{% for i in range(99) %}{% set n.l = [n.l, n.l] %}{% endfor %}"
        "{{ n.l }}",
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l | tojson }}",
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}",
        "{{ range(999999999999) }}",
        "{{ range(-9223372036854775807, 9223372036854775807, 3) | length }}",
        "{{ 'x' * 999999999999 }}",
        "{{ 'x' | indent(999999999999, true) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(n) %}{{ m(n) ~ m(n) }}{% endmacro %}{{ m(1) }}",
        "{% macro m() %}{% call m() %}{% endcall %}{% endmacro %}{{ m() }}",
        "{% set n = namespace() %}{% set n.n = n %}{{ n }}",
        "{% for i in range(99999) %}{% set x = range(99) | list %}{% endfor %}",
        "{% for i in range(99999) %}{{ 'abcdefgh' | upper | lower | title }}{% endfor %}",
    };
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++)
        assert_code(view_of(bombs[i]), SK_LIMIT, bombs[i]);
}

// What one evaluation does to strings of a mebibyte is counted by their length.
static void long_strings_cost_steps(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "{% if n.s == n.t %}{% endif %}",
        "{% if n.s in [n.t] %}{% endif %}",
        "{% set x = [n.s].index(n.s) %}",
        "{% set x = [n.s, n.t] | unique %}",
        "{% set x = n.s.startswith(n.s) %}",
        "{% set x = n.s.removesuffix(n.t) %}",
        "{% set x = n.t.strip(n.s) %}",
        "{% set x = {n.s: 1}[n.t] %}",
        "{% set x = {n.s: 1}.get(n.t) %}",
        "{% set x = [{}] | map(attribute=n.s) %}",
        "{% set x = n.w.split() %}",
        "{% set x = n.w | int %}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct buf text = buf_over(source, sizeof source);
        buf_print(&text,
                  "{%% set n = namespace(s='ab', t='ab', w='  ') %%}{%% for i in range(19) %%}"
                  "{%% set n.s = n.s ~ n.s %%}{%% set n.t = n.t ~ n.t %%}{%% set n.w = n.w ~ n.w %%}"
                  "{%% endfor %%}{%% for i in range(300000) %%}%s{%% endfor %%}",
                  bodies[i]);
        assert_code(buf_view(&text), SK_LIMIT, bodies[i]);
    }
    struct buf text = buf_over(source, sizeof source);
    buf_put_text(&text, "{% macro m(a");
    for (int i = 0; i < 900; i++) buf_print(&text, ", a%d", i);
    buf_put_text(&text, ") %}{% endmacro %}{% for i in range(60000) %}{{ m() }}{% endfor %}");
    assert_code(buf_view(&text), SK_LIMIT, "many parameters");
}

// `part` repeated between head and tail.
static struct view repeated(const char *head, const char *part, size_t times, const char *tail) {
    struct buf text = buf_over(source, sizeof source);
    buf_put_text(&text, head);
    for (size_t i = 0; i < times; i++) buf_put_text(&text, part);
    buf_put_text(&text, tail);
    assert_false(text.over);
    return buf_view(&text);
}

static void depth_is_bounded(void **state) {
    (void)state;
    static const struct {
        const char *head, *part, *tail;
    } cases[] = {
        {"{{ ", "(", ""},          {"{{ ", "[", ""},          {"{{ ", "{'a':", ""},
        {"{{ ", "not ", "1 }}"},   {"{{ ", "-", "1 }}"},      {"", "{% if 1 %}", ""},
        {"", "{% for i in l %}", ""}, {"", "{% set x %}", ""}, {"{{ 1", " if 1 else 1", " }}"},
        {"{{ ", "f(", ""},         {"{{ a", "[a", ""},        {"{{ 1", "+1", " }}"},
        {"{{ 'a'", "|trim", " }}"}, {"{{ a", ".a", " }}"},    {"{{ a", " is defined", " }}"},
        {"{% filter trim", "|trim", " %}{% endfilter %}"},
        {"{% set x|trim", "|trim", " %}{% endset %}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_code(repeated(cases[i].head, cases[i].part, 50000, cases[i].tail), SK_LIMIT,
                    cases[i].part);
    // Long is not deep.
    assert_code(repeated("{% if 0 %}", "{% elif 0 %}", 5000, "{% endif %}"), SK_OK, "elif");
    assert_code(repeated("{% set x = [", "1,", 5000, "] %}"), SK_OK, "list");
    assert_code(repeated("", "{{ 1 }}", 5000, ""), SK_OK, "output");
}

static void size_is_bounded(void **state) {
    (void)state;
    assert_code(repeated("", "0123456789abcdef", 1 << 16, ""), SK_LIMIT, "over the output");
    assert_code(repeated("", "0123456789abcdef", 1 << 16, "x"), SK_LIMIT, "over 1 MiB");
    assert_code(repeated("{#", "0123456789abcdef", 65535, "#}"), SK_OK, "a long comment");
    assert_code(repeated("", "{{a}}", 200000, ""), SK_LIMIT, "too many parts");
    struct buf text = buf_over(source, sizeof source);
    for (int i = 0; i < JINJA_NAMES_MAX; i++) buf_print(&text, "{{ v%d }}", i);
    assert_code(buf_view(&text), SK_LIMIT, "too many names");
}

static void wrong_templates_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "{%", "{{", "{#", "{% if", "{% if %}", "{% if 1 %}", "{% endif %}", "{% else %}", "{{ }}",
        "{{ 'abc }}", "{{ \"\\u12\" }}", "{{ '\\ud800' }}", "{{ 1 + }}", "{{ (1 }}", "{{ [1 }}",
        "{{ {1} }}", "{{ a.}}", "{{ a[] }}", "{{ a[1:2:3:4] }}", "{{ f(a=1, 2) }}", "{{ f(1=2) }}",
        "{{ a | }}", "{{ a | 1 }}", "{{ a is }}", "{{ 1 2 }}", "{{ a not b }}", "{{ \x01 }}",
        "{% for x %}{% endfor %}", "{% for 1 in x %}{% endfor %}", "{% for x in y recursive %}",
        "{% set %}", "{% set 1 = 2 %}", "{% set f() = 2 %}", "{% macro %}", "{% macro m %}",
        "{% macro m(1) %}{% endmacro %}", "{% call 1 %}{% endcall %}", "{% break %}",
        "{% macro m() %}{% break %}{% endmacro %}", "{% unknown %}", "{% raw %}", "{% do x %}",
        "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{% if 1 }}", "{{ 1 %}",
        "{{ 99999999999999999999 }}", "{{ 1 / 0 }}", "{{ 1 // 0 }}", "{{ 1 % 0 }}", "{{ 2 ** 64 }}",
        "{{ 9223372036854775807 + 1 }}", "{{ none + 1 }}", "{{ {} + {} }}", "{{ 'a' - 1 }}",
        "{{ 'a' | nofilter }}", "{{ 'a' is notest }}", "{{ nofunction() }}", "{{ 'a'.nomethod() }}",
        "{{ 1 | upper }}", "{{ none | length }}", "{{ [1, 'a'] | sort }}", "{{ {}[1.5] }}",
        "{% for x in 1 %}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% set a, b = [1] %}",
        "{% set x.y = 1 %}", "{{ range() }}", "{{ range(1, 2, 0) }}", "{{ 'a'.split('') }}",
        "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{% endmacro %}{{ m(b=2) }}",
        "{{ [] | tojson(indent=-1) }}", "{{ range }}", "{% for i in [1] %}{{ loop }}{% endfor %}",
        "{{ [range] | tojson }}", "{{ '{'.format() }}", "{{ '{:>9}'.format(1) }}", "{{ 2 ** 0.5 }}",
        "{{ [] | map | list }}", "{{ [1] | batch(0) }}", "{{ [1].index(2) }}", "{{ [].pop() }}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_code(view_of(wrong[i]), SK_UNSUPPORTED, wrong[i]);
    assert_code(VIEW("a\0b"), SK_OK, "NUL is text");
    assert_code(VIEW("\xc3"), SK_CORRUPT, "not UTF-8");
    assert_int_equal(render(VIEW("{{ a }}"), "{\"a\": 1e999}"), SK_INPUT);
    assert_int_equal(render(VIEW("{{ a }}"), "{\"a\": "), SK_INPUT);
    assert_int_equal(render(VIEW("{{ raise_exception(a) }}"), "{\"a\": \"why\"}"), SK_INPUT);
    assert_string_equal(fail_text(), "why");
    assert_code(VIEW("\n\n{{ 1 +\n none }}"), SK_UNSUPPORTED, "lines");
    assert_string_equal(fail_text(), "chat template line 3: an integer + none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_go_with_their_bytes), cmocka_unit_test(beyond_the_oracle),
        cmocka_unit_test(bombs_are_bounded),         cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(size_is_bounded),           cmocka_unit_test(wrong_templates_are_refused),
        cmocka_unit_test(long_strings_cost_steps),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
