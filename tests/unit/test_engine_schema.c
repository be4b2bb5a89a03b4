// JSON Schema to GBNF: what a grammar looks like, and what is refused, by name and place. That all
// its texts validate is shown by tests/schema.
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/schema.h"
#include "engine/schema_number.h"
#include "engine/schema_regex.h"

static struct arena arena;
static struct buf gbnf;

static enum sk_code compile(const char *schema) {
    buf_reset(&gbnf);
    uint64_t work = 0;
    return schema_to_gbnf(view_of(schema), &arena, &work, &gbnf);
}

static void properties_come_in_their_order(void **state) {
    (void)state;
    const char *schema = "{\"type\":\"object\",\"properties\":{\"名前\":{\"type\":\"string\"},"
                         "\"n\":{\"type\":\"integer\"},\"t\":{\"enum\":[\"a\\\"\",null,1.0]}},"
                         "\"required\":[\"名前\",\"t\"],\"additionalProperties\":false}";
    static const char *const begins =
        "root ::= s1\n"
        "s1 ::= o1\n"
        "o1 ::= \"{\" ws \"\\\"名前\\\":\" \" \"? string \",\" ws o1-1-0\n"
        "o1-1-0 ::= \"\\\"n\\\":\" \" \"? integer \",\" ws \"\\\"t\\\":\" \" \"? s4 ws \"}\" | "
        "o1-2-0\n"
        "o1-2-0 ::= \"\\\"t\\\":\" \" \"? s4 ws \"}\"\n"
        "s4 ::= \"\\\"a\\\\\\\"\\\"\" | \"null\" | \"1\"\n"
        "any ::= ";
    if (compile(schema) != SK_OK) fail_msg("%s", fail_text());
    if (!view_starts(buf_view(&gbnf), view_of(begins))) fail_msg("%.*s", (int)gbnf.len, gbnf.at);
}

static void refused_by_name_and_place(void **state) {
    (void)state;
    static const struct {
        const char *schema;
        enum sk_code code;
        const char *text;
    } rows[] = {
        {"{\"properties\":{\"tags\":{\"uniqueItems\":true}}}", SK_UNSUPPORTED,
         "schema keyword 'uniqueItems' at #/properties/tags is not supported"},
        {"{\"items\":{\"a/b\":1}}", SK_UNSUPPORTED, "schema keyword 'a/b' at #/items is not"},
        {"{\"$ref\":\"#/$defs/a~1b\",\"$defs\":{\"a/b\":{\"not\":{\"const\":1}}}}", SK_UNSUPPORTED,
         "'not' at #/$defs/a~1b"},
        {"{\"type\":\"text\"}", SK_INPUT, "schema keyword 'type' at #: names no type"},
        {"{\"$ref\":\"#/nowhere\"}", SK_INPUT, "'$ref' at #: names nothing"},
        {"{\"$ref\":\"#\"}", SK_INPUT, "leads back to itself"},
        {"{\"$ref\":\"https://example.com/a\"}", SK_UNSUPPORTED, "other documents"},
        {"{\"pattern\":\"(?=a)\"}", SK_UNSUPPORTED, "'pattern' at #: lookaround"},
        {"{\"pattern\":\"(a\"}", SK_INPUT, "a parenthesis is not closed"},
        {"{\"format\":\"regex\"}", SK_UNSUPPORTED, "'format' at #"},
        {"{\"multipleOf\":0.1}", SK_UNSUPPORTED, "'multipleOf'"},
        {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", SK_UNSUPPORTED, "'oneOf'"},
        {"false", SK_INPUT, "no finite value"},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
         SK_INPUT, "no finite value"},
        {"{", SK_INPUT, "schema: json"},
        {"7", SK_INPUT, "a schema is an object"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum sk_code code = compile(rows[i].schema);
        if (code != rows[i].code || !strstr(fail_text(), rows[i].text))
            fail_msg("%s: %s %s", rows[i].schema, fail_name(code), fail_text());
        assert_int_equal(gbnf.len, 0);
        assert_int_equal(arena.used, 0);
    }
}

static void a_full_buffer_is_a_limit(void **state) {
    (void)state;
    char little[200];
    struct buf out = buf_over(little, sizeof little);
    uint64_t work = 0;
    assert_int_equal(schema_to_gbnf(VIEW("{}"), &arena, &work, &out), SK_LIMIT);
}

// An expression whose automaton is large, steps of which take many characters; alone and again and
// again.
static void work_has_a_limit_that_schemas_share(void **state) {
    (void)state;
    static char storage[1 << 16];
    struct buf schema = buf_over(storage, sizeof storage);
    buf_put_text(&schema, "{\"type\":\"string\",\"pattern\":\"^(");
    for (uint32_t i = 0; i < 1500; i++)
        buf_print(&schema, "[\\\\u%04x-\\\\u%04x].|", 0x4e00 + 3 * i, 0x4e04 + 3 * i);
    buf_put_text(&schema, "a)*$\"}");
    uint64_t work = 0;
    assert_int_equal(schema_to_gbnf(buf_view(&schema), &arena, &work, &gbnf), SK_LIMIT);
    assert_non_null(strstr(fail_text(), "more work"));
    work = 0;
    uint32_t times = 0;
    while (schema_to_gbnf(VIEW("{\"pattern\":\"(a|b)*a(a|b){10}$\"}"), &arena, &work, &gbnf) ==
           SK_OK) {
        buf_reset(&gbnf);
        times++;
    }
    assert_true(times > 4 && times < 1000);
    assert_int_equal(schema_to_gbnf(VIEW("{}"), &arena, &work, &gbnf), SK_LIMIT);
    assert_int_equal(gbnf.len, 0);
}

// ---- regular expressions ----

static const struct dfa *set_of(const char *pattern) {
    static struct dfa_make make;
    static struct regex regex;
    const struct dfa *set;
    arena_reset(&arena);
    make.work = 0;
    if (dfa_make_init(&make, &arena) || regex_init(&regex, &make, &arena))
        fail_msg("%s", fail_text());
    if (regex_parse(&regex, view_of(pattern), &arena, &set) != SK_OK)
        fail_msg("%s: %s", pattern, fail_text());
    return set;
}

static void expressions_hold_what_they_say(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *in[4], *out[4];
    } rows[] = {
        {"", {"", "x"}, {NULL}},
        {"b", {"b", "abc"}, {"", "a"}},
        {"^a|b$", {"ax", "xb", "a"}, {"xa", "bx"}},
        {"^$", {""}, {"a"}},
        {"$^", {""}, {"a"}},
        {"^(?:a|bc)+$", {"a", "bc", "abca"}, {"", "b", "ab"}},
        {"^(a{2}){2,3}$", {"aaaa", "aaaaaa"}, {"aa", "aaaaa", "aaaaaaaa"}},
        {"^a{0}b{2,}$", {"bb", "bbbb"}, {"abb", "b"}},
        {"^[^a-y]*$", {"z", "東", ""}, {"b"}},
        {"^\\d\\D\\w\\W\\s\\S$", {"1x_- x"}, {"12_- x"}},
        {"^\\u3042\\u{1F600}\\x41\\cJ$", {"あ😀A\n"}, {"あ"}},
        {"^.$", {"あ", "\""}, {"\n", "ab", "\xe2\x80\xa8"}},
        {"^[\\]\\-\\d]$", {"]", "-", "5"}, {"a"}},
        {"^(a*)*b?$", {"", "aab"}, {"ba"}},
        {"^(|a)(b|)$", {"", "a", "b", "ab"}, {"ba"}},
        {"^(?=.*b)(?!c)[abc]+$", {"ab", "bc", "b"}, {"aa", "cb"}},
        {"^a{,2}$", {"a{,2}"}, {"aa"}},
        {"^(?<year>\\d{4})-x$", {"2026-x"}, {"26-x"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct dfa *set = set_of(rows[i].pattern);
        for (size_t j = 0; j < 4 && rows[i].in[j]; j++)
            if (!dfa_has(set, view_of(rows[i].in[j])))
                fail_msg("%s: %s", rows[i].pattern, rows[i].in[j]);
        for (size_t j = 0; j < 4 && rows[i].out[j]; j++)
            if (dfa_has(set, view_of(rows[i].out[j])))
                fail_msg("%s: %s", rows[i].pattern, rows[i].out[j]);
    }
    arena_reset(&arena);
}

// ---- numbers ----

// All integers of a range, and all numbers of three digits after the point, beside a comparison.
static void ranges_hold_what_they_say(void **state) {
    (void)state;
    static const struct {
        const char *min, *max;
        bool integer, min_exclusive, max_exclusive;
        const char *multiple;
    } rows[] = {
        {"0", "150", true, 0, 0, NULL},         {"-17", "23", true, 0, 0, NULL},
        {"-123", "-9", true, 0, 0, NULL},       {"-5", "5", true, true, true, NULL},
        {"0.5", "12.25", false, true, 0, NULL}, {"-1.05", "0", false, 0, true, NULL},
        {"-0.001", "1e2", false, 0, 0, NULL},   {"9.5", "100.5", true, 0, 0, "7"},
        {NULL, "-3", true, 0, 0, "5"},          {"99", NULL, false, true, 0, NULL},
        {"0", NULL, false, true, 0, NULL},      {NULL, "0", true, 0, 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct range range = {.integer = rows[i].integer};
        static struct dfa_make make;
        const struct dfa *set;
        arena_reset(&arena);
        make.work = 0;
        assert_int_equal(dfa_make_init(&make, &arena), SK_OK);
        if (rows[i].min)
            assert_int_equal(range_raise(&range, view_of(rows[i].min), rows[i].min_exclusive),
                             SK_OK);
        if (rows[i].max)
            assert_int_equal(range_lower(&range, view_of(rows[i].max), rows[i].max_exclusive),
                             SK_OK);
        if (rows[i].multiple)
            assert_int_equal(range_multiply(&range, view_of(rows[i].multiple)), SK_OK);
        assert_int_equal(range_texts(&range, &make, &arena, &set), SK_OK);
        for (int n = -200000; n <= 200000; n += range.integer ? 1000 : 1) {
            char text[32];
            double number = strtod(
                (snprintf(text, sizeof text, "%.*f", range.integer ? 0 : 3, n / 1000.0), text),
                NULL);
            bool minus_zero = number == 0 && *text == '-';
            if (dfa_has(set, view_of(text)) != (range_has(&range, number) && !minus_zero))
                fail_msg("row %zu: %s", i, text);
        }
    }
    arena_reset(&arena);
}

static int setup(void **state) {
    (void)state;
    return arena_open(&arena, "schema", SCHEMA_MEMORY) == SK_OK && buf_open(&gbnf, 1 << 20) == SK_OK
               ? 0
               : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_come_in_their_order),
        cmocka_unit_test(refused_by_name_and_place),
        cmocka_unit_test(a_full_buffer_is_a_limit),
        cmocka_unit_test(work_has_a_limit_that_schemas_share),
        cmocka_unit_test(expressions_hold_what_they_say),
        cmocka_unit_test(ranges_hold_what_they_say),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
