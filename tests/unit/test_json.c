// The JSON reader: what is accepted, refused (after the kinds of JSONTestSuite) and over a limit, and
// what a tree answers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { ARENA = 64 << 20, TEXT = 4 << 20 };

static struct arena arena;

static int setup(void **state) {
    (void)state;
    return arena_open(&arena, "unit", ARENA) != SK_OK;
}

static int teardown(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

// Parses an exact-size copy, so that a sanitizer sees one byte too far. The caller frees *copy.
static enum sk_code parse(struct view text, char **copy, const struct json_node **root) {
    *copy = malloc(text.len ? text.len : 1);
    assert_non_null(*copy);
    if (text.len) memcpy(*copy, text.at, text.len);
    arena_reset(&arena);
    return json_parse(*copy, text.len, &arena, root);
}

// ---- accepted and refused ----

#define T(literal) {literal, sizeof(literal) - 1}

// clang-format off
static const struct view accepted[] = {
    // structure
    T("[]"), T("{}"), T(" \t\r\n[ \t\r\n] \t\r\n"), T("[[],{},[[]],{\"a\":{}}]"),
    T("{\"a\":1,\"b\":[2,{\"c\":3}],\"d\":null}"), T("{\"\":0}"), T("true"), T("false"),
    T("null"), T("0"), T("\"\""), T("[true , false , null]"),
    // numbers
    T("-0"), T("-0.0"), T("0.0"), T("0e0"), T("0E+00"), T("0e-007"), T("1.000"), T("123e65"),
    T("1e400"), T("-1e-400"), T("1.5E+3"), T("100000000000000000000000000000000000000000"),
    T("[-1,0,1]"), T(" 7 "),
    // strings
    T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), T("\"\\u0000\""),
    T("\"\\u001f\\u007F\\u0080\\uFFFF\\ufdd0\""), T("\"\\ud83c\\udfef\""),
    T("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""), T("\"\\u005C\\u0022\""), T("\"関所 🏯 \x7f\""),
    T("\"\xef\xbb\xbf inside\""),
    T("\"\xe2\x80\xa8\xe2\x80\xa9\""), // line separators stand for themselves
    T("\"/* no comment */\""), T("\"\xf4\x8f\xbf\xbf\""),
    // names given twice
    T("{\"a\":1,\"b\":1,\"A\":1}"), T("[{\"a\":1},{\"a\":1}]"), T("{\"a\":{\"a\":{\"a\":1}}}"),
    T("{\"a\":1,\"a\\u0000\":2}"),
    T("{\"é\":1,\"e\\u0301\":2}"), // names are bytes: no normalisation
    T("{\"12345678\":1,\"x2345678\":2,\"123456789\":3,\"1234567\":4}"),
};

static const struct view refused[] = {
    // structure
    T(""), T(" "), T("["), T("]"), T("{"), T("}"), T("[1"), T("[1,"), T("[1,]"), T("[,1]"),
    T("[1,,2]"), T("[,]"), T("[1 2]"), T("[1:2]"), T("[1}"), T("{]"), T("[}"), T("[[]"), T("[]]"),
    T("{}}"), T("[][]"), T("1 2"), T("null null"), T("{}x"), T("\"a\"\"b\""), T("{\"a\"}"),
    T("{\"a\":}"), T("{\"a\":1"), T("{\"a\":1,"), T("{\"a\":1,}"), T("{,\"a\":1}"),
    T("{\"a\" 1}"), T("{\"a\"::1}"), T("{\"a\",1}"), T("{\"a\":1 \"b\":2}"),
    T("{\"a\":1,,\"b\":2}"), T("{a:1}"), T("{'a':1}"), T("{1:1}"), T("{null:1}"), T("{[]:1}"),
    T("{\"a\":1]"), T("{:1}"), T("{\"a\""), T("{\"a"), T(","), T(":"), T("*"), T("[1]//"),
    T("[1]/**/"), T("[1]#"), T("/**/1"),
    T("\xef\xbb\xbf[]"), // a byte order mark
    T("[]\xef\xbb\xbf"),
    T("\xff\xfe[\0]\0"), // UTF-16
    T("[\0]\0"), T("\0"), T("[]\0"), T("[\0]"), T("[1\0]"), T("\0[]"),
    T("[\x0c]"), // form feed is no space
    T("[\x0b]"), // nor is vertical tab
    T("[\xc2\xa0]"), // nor U+00A0
    T("[\xe3\x80\x80]"), T("\xe2\x80\xa8[]"),
    T("\x1e[]"), // record separator
    // words
    T("tru"), T("t"), T("truth"), T("truee"), T("True"), T("TRUE"), T("fals"), T("[fals]"),
    T("nul"), T("nulll"), T("None"), T("undefined"), T("truefalse"), T("true1"), T("[NaN]"),
    T("[nan]"), T("[Infinity]"), T("[-Infinity]"), T("[inf]"), T("[-NaN]"),
    // numbers
    T("-"), T("[-]"), T("--1"), T("+1"), T("++1"), T("01"), T("-01"), T("00"), T("-00"),
    T("012.5"), T("1."), T("[1.]"), T(".5"), T("-.5"), T("1.e1"), T("1.5.5"), T("1e"), T("1E"),
    T("1e+"), T("1e-"), T("1e1.5"), T("1ee1"), T("1e1e1"), T("0e"), T("0x1f"), T("0b1"),
    T("1_000"), T("1,000"), T("1 000"), T("1f"), T("1a"), T("- 1"), T("1-"), T("1+2"),
    T("\xef\xbc\x91"), // full-width one
    T("[1\xef\xbc\x91]"),
    T("\xe2\x88\x92" "1"), // U+2212 minus
    // strings
    T("\""), T("\"a"), T("\"\\\""), T("\"\\"), T("\"\\u"), T("\"\\u12"), T("\"\\u123\""),
    T("\"\\u123g\""), T("\"\\u 123\""), T("\"\\u+123\""), T("\"\\U0041\""), T("\"\\x41\""),
    T("\"\\0\""), T("\"\\a\""), T("\"\\v\""), T("\"\\'\""), T("\"\\ \""), T("\"\\\n\""),
    T("\"\\\0\""), T("\"\\関\""), T("\"\\\xff\""),
    T("\"\\ud800\""), // lone surrogates, of every shape
    T("\"\\udc00\""), T("\"\\ud800x\""), T("\"\\ud800\\n\""), T("\"\\ud800\\u0041\""),
    T("\"\\ud800\\ud800\""), T("\"\\udc00\\ud800\""), T("\"\\ud800\\udbff\""),
    T("\"\\ud800\\ue000\""), T("\"\\ud800\\udc0\""), T("\"\\ud800\\udc"),
    T("\"\\ud83c\\udfef\\ud83c\""), T("\"\0\""), T("\"a\0b\""), T("\"\n\""), T("\"\t\""),
    T("\"\x1f\""), T("\"eight by\x1fte\""), T("\"\x80\""), T("\"\xc0\xaf\""), T("\"\xe3\x81\""),
    T("\"\xe3\x81"), T("\"\xed\xa0\x80\""), T("\"\xf0\x80\x80\x80\""), T("\"\xf4\x90\x80\x80\""),
    T("\"\xf9\x88\x80\x80\x80\""), T("\"関所\xff\""), T("{\"\xff\":1}"), T("[\xe9]"), T("'a'"),
    T("`a`"), T("\\u0022a\\u0022"),
    // names given twice
    T("{\"a\":1,\"a\":1}"), T("{\"a\":1,\"b\":2,\"a\":3}"), T("{\"a\":1,\"\\u0061\":2}"),
    T("{\"\":1,\"\":2}"), T("{\"/\":1,\"\\/\":2}"), T("{\"\\u0000\":1,\"\\u0000\":2}"),
    T("{\"山\":1,\"\\u5c71\":2}"), T("{\"\\ud83c\\udfef\":1,\"🏯\":2}"),
    T("{\"x\":{\"a\":1,\"a\":2}}"), T("[1,{\"a\":[],\"a\":{}}]"),
    T("{\"a\":{\"b\":1,\"c\":2},\"b\":3,\"a\":4}"), T("{\"123\":1,\"123\":1}"),
    T("{\"1234567\":1,\"1234567\":1}"), T("{\"12345678\":1,\"12345678\":1}"),
    T("{\"0123456789\":1,\"0123456789\":1}"),
};
// clang-format on

static void texts_are_accepted_or_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(accepted) + COUNT(refused); i++) {
        bool good = i < COUNT(accepted);
        struct view text = good ? accepted[i] : refused[i - COUNT(accepted)];
        char *copy;
        const struct json_node *root = NULL;
        enum sk_code code = parse(text, &copy, &root);
        if (code != (good ? SK_OK : SK_INPUT)) {
            fail_msg("%.*s: %s %s", (int)text.len, text.at, fail_name(code), fail_text());
        }
        if (good) assert_ptr_equal(root, arena.base);
        else assert_int_equal(arena.used, 0);
        free(copy);
    }
}

// Whatever is cut off a text, the rest is refused (or, for bare numbers, is another text).
static void every_prefix_is_refused(void **state) {
    (void)state;
    const struct view text = VIEW("{\"a\":[1,-2.5e+3,true,false,null,\"関\\ud83c\\udfef\\n\"],\"b\":{}}");
    char *copy;
    const struct json_node *root;
    for (size_t len = 0; len < text.len; len++) {
        assert_int_equal(parse((struct view){text.at, len}, &copy, &root), SK_INPUT);
        free(copy);
    }
    assert_int_equal(parse(text, &copy, &root), SK_OK);
    free(copy);
}

static void errors_name_byte_and_cause(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"", "json: byte 0: expected a value"},
        {"{\"name\":\"value\" 1}", "json: byte 16: expected ',' or '}'"},
        {"[1 2]", "json: byte 3: expected ',' or ']'"},
        {"{\"a\":1,}", "json: byte 7: expected a name"},
        {"{\"a\" 1}", "json: byte 5: expected ':'"},
        {"[1,]", "json: byte 3: expected a value"},
        {"1 x", "json: byte 2: text after the value"},
        {"[1.x]", "json: byte 3: expected a digit"},
        {"\"a\\x\"", "json: byte 2: unknown escape"},
        {"\"\\n\\u12\"", "json: byte 3: expected four hexadecimal digits"},
        {"\"\\n\\ud800\"", "json: byte 3: lone surrogate"},
        {"\"\\n\\na\x01\"", "json: byte 6: control character in a string"},
        {"\"abc\xff\"", "json: byte 4: malformed UTF-8"},
        {"\"\\nabc", "json: byte 6: the text ends inside a string"},
        {"{\"a\":1, \"\\u0061\":2}", "json: byte 8: name given twice"},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        char *copy;
        const struct json_node *root;
        assert_int_equal(parse(view_of(texts[i][0]), &copy, &root), SK_INPUT);
        assert_string_equal(fail_text(), texts[i][1]);
        free(copy);
    }
}

// ---- limits ----

static void depth_ends_at_64(void **state) {
    (void)state;
    for (size_t depth = 62; depth < 70; depth++) {
        for (int kind = 0; kind < 2; kind++) {
            char storage[1024];
            struct buf text = buf_over(storage, sizeof storage);
            for (size_t i = 0; i < depth; i++) buf_put_text(&text, kind ? "{\"a\":" : "[");
            buf_put_char(&text, '0');
            for (size_t i = 0; i < depth; i++) buf_put_char(&text, kind ? '}' : ']');
            char *copy;
            const struct json_node *root;
            assert_int_equal(parse(buf_view(&text), &copy, &root), depth <= 64 ? SK_OK : SK_LIMIT);
            if (depth > 64) assert_non_null(strstr(fail_text(), kind ? "byte 320: " : "byte 64: "));
            free(copy);
        }
    }
}

static void nesting_bombs_are_refused_early(void **state) {
    (void)state;
    char *text = malloc(TEXT);
    assert_non_null(text);
    for (int kind = 0; kind < 2; kind++) {
        for (size_t i = 0; i < TEXT; i++) text[i] = kind ? "{\"\":"[i % 4] : '[';
        char *copy;
        const struct json_node *root;
        assert_int_equal(parse((struct view){text, TEXT}, &copy, &root), SK_LIMIT);
        assert_int_equal(arena.used, 0);
        free(copy);
    }
    free(text);
}

static void long_numbers_are_over_a_limit(void **state) {
    (void)state;
    char text[JSON_NUMBER_MAX + 1];
    memset(text, '7', sizeof text);
    char *copy;
    const struct json_node *root;
    assert_int_equal(parse((struct view){text, JSON_NUMBER_MAX}, &copy, &root), SK_OK);
    double number;
    assert_false(json_f64(root, &number)); // 7.7e1023 is not finite
    free(copy);
    assert_int_equal(parse((struct view){text, sizeof text}, &copy, &root), SK_LIMIT);
    free(copy);
}

static void long_texts_are_over_a_limit(void **state) {
    (void)state;
    char text[1] = "1";
    const struct json_node *root;
    assert_int_equal(json_parse(text, ((size_t)1 << 30) + 1, &arena, &root), SK_LIMIT);
}

// The nth node (or the scratch of a large object) does not fit: SK_LIMIT, and nothing is kept.
static void a_full_arena_is_over_a_limit(void **state) {
    (void)state;
    char storage[8192];
    struct buf text = buf_over(storage, sizeof storage);
    buf_put_char(&text, '{');
    for (int i = 0; i < 300; i++) buf_print(&text, "%s\"n%d\":[%d]", i ? "," : "", i, i);
    buf_put_char(&text, '}');
    const size_t nodes = 1 + 3 * 300, whole = nodes * sizeof(struct json_node);
    size_t fits = 0;
    for (size_t max = 0; max < 2 * whole; max += 8) {
        struct arena small = {.base = arena.base, .max = max, .name = "small"};
        char *copy = malloc(text.len);
        memcpy(copy, text.at, text.len);
        const struct json_node *root;
        enum sk_code code = json_parse(copy, text.len, &small, &root);
        free(copy);
        if (code == SK_OK) {
            assert_true(small.used >= whole && small.used <= whole + 15 && small.used <= max);
            if (!fits) fits = max;
        } else {
            assert_int_equal(code, SK_LIMIT);
            assert_int_equal(small.used, 0);
            assert_int_equal(fits, 0);
        }
    }
    assert_true(fits >= whole + 300 * 16 && fits <= whole + 300 * 16 + 256 * sizeof(struct json_node));
}

static void what_the_arena_held_stays(void **state) {
    (void)state;
    arena_reset(&arena);
    char *before = arena_text(&arena, VIEW("before"));
    char first[] = "[1,2,3]", second[] = "{\"a\":\"b\"}";
    const struct json_node *a, *b;
    assert_int_equal(json_parse(first, 7, &arena, &a), SK_OK);
    assert_int_equal(json_parse(second, 9, &arena, &b), SK_OK);
    char *after = arena_text(&arena, VIEW("after"));
    assert_string_equal(before, "before");
    assert_string_equal(after, "after");
    assert_int_equal(a->len, 3);
    assert_true(view_is(json_view(json_find(b, "a")), "b"));
}

// ---- large objects ----

static void put_numbered(struct buf *text, size_t count, size_t twice) {
    buf_put_char(text, '{');
    for (size_t i = 0; i < count; i++) {
        buf_print(text, "%s\"name_%06zu\":{\"k\":%zu}", i ? "," : "", i == twice ? i / 2 : i, i);
    }
    buf_put_char(text, '}');
}

static void large_objects_are_searched_for_twins(void **state) {
    (void)state;
    struct buf text;
    assert_int_equal(buf_open(&text, TEXT), SK_OK);
    static const size_t counts[] = {2, 15, 16, 17, 18, 100, 1000, 100000};
    for (size_t i = 0; i < COUNT(counts); i++) {
        size_t count = counts[i];
        const size_t twice[] = {count, count - 1, count / 2, 1};
        for (size_t k = 0; k < COUNT(twice); k++) {
            buf_reset(&text);
            put_numbered(&text, count, twice[k]);
            assert_int_equal(buf_check(&text, "text"), SK_OK);
            char *copy;
            const struct json_node *root;
            enum sk_code code = parse(buf_view(&text), &copy, &root);
            assert_int_equal(code, twice[k] == count ? SK_OK : SK_INPUT);
            if (code == SK_OK) assert_int_equal(root->span, 1 + 4 * count);
            free(copy);
        }
    }
    buf_close(&text);
}

// ---- questions to a tree ----

static void trees_answer(void **state) {
    (void)state;
    char *copy;
    const struct json_node *root;
    assert_int_equal(parse(VIEW("{\"a\":[1,[2,3],{}],\"\":\"x\\u0000\\n\\\"y\",\"n\":null,\"t\":true,"
                                "\"f\":false,\"long name here\":-1.5}"),
                           &copy, &root),
                     SK_OK);
    assert_true(json_is(root, JSON_OBJECT));
    assert_int_equal(root->len, 6);
    assert_int_equal(root->span, 6 + 6 + 1 + 5);
    const struct json_node *a = json_find(root, "a");
    assert_true(json_is(a, JSON_ARRAY));
    assert_int_equal(a->len, 3);
    assert_int_equal(a->span, 6);
    const struct json_node *item = json_first(a);
    int64_t integer;
    assert_true(json_i64(item, &integer) && integer == 1);
    item = json_next(item);
    assert_int_equal(item->len, 2);
    item = json_next(item);
    assert_true(json_is(item, JSON_OBJECT));
    assert_null(json_first(item));
    assert_null(json_find(item, "a"));
    assert_true(view_same(json_view(json_find(root, "")), VIEW("x\0\n\"y")));
    bool truth;
    assert_true(json_bool(json_find(root, "t"), &truth) && truth);
    assert_true(json_bool(json_find(root, "f"), &truth) && !truth);
    assert_false(json_bool(json_find(root, "n"), &truth));
    assert_true(json_is(json_find(root, "n"), JSON_NULL));
    double number;
    assert_true(json_f64(json_find(root, "long name here"), &number) && number == -1.5);
    assert_null(json_find(root, "absent"));
    assert_null(json_find(root, "A"));
    free(copy);
}

static void absent_nodes_answer_nothing(void **state) {
    (void)state;
    int64_t integer;
    double number;
    bool truth;
    assert_null(json_find(NULL, "a"));
    assert_null(json_first(NULL));
    assert_false(json_is(NULL, JSON_NULL));
    assert_false(json_i64(NULL, &integer));
    assert_false(json_f64(NULL, &number));
    assert_false(json_bool(NULL, &truth));
    const struct json_node text = {.at = "1", .len = 1, .span = 1, .type = JSON_STRING};
    assert_null(json_find(&text, "a"));
    assert_null(json_first(&text));
    assert_false(json_i64(&text, &integer));
    assert_false(json_f64(&text, &number));
    assert_false(json_bool(&text, &truth));
}

static struct json_node number_node(const char *text) {
    return (struct json_node){
        .at = text, .len = (uint32_t)strlen(text), .span = 1, .type = JSON_NUMBER};
}

static void integers_are_exact(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0", 0},
        {"0.000", 0},
        {"0e99999999999", 0},
        {"-0.0e-99999999999", 0},
        {"7", 7},
        {"-7", -7},
        {"1.0", 1},
        {"1e2", 100},
        {"1E+2", 100},
        {"1.50e1", 15},
        {"1.5e2", 150},
        {"1200e-2", 12},
        {"1000000000000000000000e-20", 10},
        {"0.00000000000000000001e21", 10},
        {"9007199254740993", 9007199254740993},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775807.000", INT64_MAX},
        {"922337203685477580.7e1", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"-9.223372036854775808e18", INT64_MIN},
    };
    static const char *const bad[] = {
        "0.5", "1.5", "1e-1", "15e-1", "1e19", "1e400", "1e99999999999", "1e-99999999999",
        "9223372036854775808", "-9223372036854775809", "18446744073709551616",
        "99999999999999999999", "184467440737095516160", "9223372036854775807.5",
        "100000000000000000000000000000000000001e-1", "1.00000000000000000000000000000000001"};
    for (size_t i = 0; i < COUNT(good); i++) {
        const struct json_node node = number_node(good[i].text);
        int64_t value = 99;
        if (!json_i64(&node, &value) || value != good[i].value) fail_msg("%s", good[i].text);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct json_node node = number_node(bad[i]);
        int64_t value;
        if (json_i64(&node, &value)) fail_msg("%s", bad[i]);
    }
}

static void numbers_are_the_nearest_double(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"0", 0},
        {"-0", -0.0},
        {"1e308", 1e308},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"1.7976931348623158e308", 1.7976931348623157e308},
        {"5e-324", 5e-324},
        {"2e-324", 0},
        {"1e-400", 0},
        {"9007199254740993", 9007199254740992.0},
        {"2.2250738585072011e-308", 2.2250738585072011e-308},
        {"0.1", 0.1},
        {"123456789012345678901234567890", 123456789012345678901234567890.0},
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        const struct json_node node = number_node(good[i].text);
        double value;
        assert_true(json_f64(&node, &value));
        assert_memory_equal(&value, &good[i].value, sizeof value);
    }
    static const char *const bad[] = {"1e309", "-1e309", "1e400", "1.7976931348623159e308"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct json_node node = number_node(bad[i]);
        double value;
        assert_false(json_f64(&node, &value));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_accepted_or_refused),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(errors_name_byte_and_cause),
        cmocka_unit_test(depth_ends_at_64),
        cmocka_unit_test(nesting_bombs_are_refused_early),
        cmocka_unit_test(long_numbers_are_over_a_limit),
        cmocka_unit_test(long_texts_are_over_a_limit),
        cmocka_unit_test(a_full_arena_is_over_a_limit),
        cmocka_unit_test(what_the_arena_held_stays),
        cmocka_unit_test(large_objects_are_searched_for_twins),
        cmocka_unit_test(trees_answer),
        cmocka_unit_test(absent_nodes_answer_nothing),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(numbers_are_the_nearest_double),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
