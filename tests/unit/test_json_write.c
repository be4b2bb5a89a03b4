// The JSON writer: RFC 8785 byte for byte, and random trees that go out and come back equal.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define T(literal) {literal, sizeof(literal) - 1}

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

static void writer_keeps_commas_and_nesting(void **state) {
    (void)state;
    char storage[512];
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    json_open(&w, '{');
    json_member_text(&w, "text", "a\"b");
    json_member_string(&w, "view", (struct view){"\0x", 2});
    json_member_i64(&w, "least", INT64_MIN);
    json_member_u64(&w, "most", UINT64_MAX);
    json_member_bool(&w, "yes", true);
    json_member_hex(&w, "hex", "\x0a\xff", 2);
    json_member_base64(&w, "base64", "\xff", 1);
    json_name(&w, "empty");
    json_open(&w, '[');
    json_close(&w, ']');
    json_name(&w, "list");
    json_open(&w, '[');
    json_put_null(&w);
    json_open(&w, '{');
    json_close(&w, '}');
    json_put_f64(&w, 0.5);
    json_put_raw(&w, VIEW("[1,2]"));
    json_put_hex(&w, "", 0);
    json_close(&w, ']');
    json_name(&w, "end");
    json_put_bool(&w, false);
    json_close(&w, '}');
    assert_int_equal(buf_check(&out, "json"), SK_OK);
    assert_true(view_is(buf_view(&out),
                        "{\"text\":\"a\\\"b\",\"view\":\"\\u0000x\",\"least\":-9223372036854775808,"
                        "\"most\":18446744073709551615,\"yes\":true,\"hex\":\"0aff\","
                        "\"base64\":\"/w==\",\"empty\":[],"
                        "\"list\":[null,{},0.5,[1,2],\"\"],\"end\":false}"));
}

static void writer_nests_as_deep_as_the_reader(void **state) {
    (void)state;
    char storage[512];
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        json_open(&w, i % 2 ? '{' : '[');
        if (i % 2) json_name(&w, "a");
    }
    json_put_i64(&w, 1);
    for (int i = JSON_DEPTH_MAX; i > 0; i--) json_close(&w, i % 2 ? ']' : '}');
    char *copy;
    const struct json_node *root;
    assert_int_equal(parse(buf_view(&out), &copy, &root), SK_OK);
    char again[512];
    struct buf back = buf_over(again, sizeof again);
    w = json_writer_to(&back);
    json_put_node(&w, root);
    assert_true(view_same(buf_view(&out), buf_view(&back)));
    free(copy);
}

static void value_without_name(struct json_writer *w) {
    json_open(w, '{');
    json_put_null(w);
}
static void name_in_array(struct json_writer *w) {
    json_open(w, '[');
    json_name(w, "a");
}
static void name_without_object(struct json_writer *w) { json_name(w, "a"); }
static void name_without_value(struct json_writer *w) {
    json_open(w, '{');
    json_name(w, "a");
    json_close(w, '}');
}
static void other_bracket(struct json_writer *w) {
    json_open(w, '{');
    json_close(w, ']');
}
static void closed_too_often(struct json_writer *w) { json_close(w, ']'); }
static void too_deep(struct json_writer *w) {
    for (int i = 0; i <= JSON_WRITE_DEPTH_MAX; i++) json_open(w, '[');
}
static void not_a_number(struct json_writer *w) { json_put_f64(w, strtod("nan", NULL)); }
static void infinite(struct json_writer *w) { json_put_f64(w, strtod("inf", NULL)); }

static void misuse_aborts(void **state) {
    (void)state;
    void (*const misuses[])(struct json_writer *) = {
        value_without_name, name_in_array,    name_without_object, name_without_value,
        other_bracket,      closed_too_often, too_deep,            not_a_number,
        infinite};
    for (size_t i = 0; i < COUNT(misuses); i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            signal(SIGABRT, SIG_DFL);
            close(STDERR_FILENO);
            char storage[256];
            struct buf out = buf_over(storage, sizeof storage);
            struct json_writer w = json_writer_to(&out);
            misuses[i](&w);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

static void escapes_are_those_of_rfc_8785(void **state) {
    (void)state;
    static const struct {
        struct view text;
        const char *escaped;
    } texts[] = {
        {T(""), "\"\""},
        {T("\"\\/"), "\"\\\"\\\\/\""},
        {T("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {T("\0\x01\x0b\x1f\x7f"), "\"\\u0000\\u0001\\u000b\\u001f\x7f\""},
        {T("€$\x0f\nA'B\"\\\\\"/"), "\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\""}, // RFC 8785 3.2.2
        {T("\xe2\x80\xa8 関所 🏯 <&>"), "\"\xe2\x80\xa8 関所 🏯 <&>\""},
        {T("a\xff\xe3\x81z\xe3\x81"), "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"
                                         "\xef\xbf\xbd\xef\xbf\xbd\""},
        {T("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        char storage[128];
        struct buf out = buf_over(storage, sizeof storage);
        json_escape(&out, texts[i].text);
        assert_int_equal(buf_check(&out, "escape"), SK_OK);
        assert_true(view_is(buf_view(&out), texts[i].escaped));
        assert_true(utf8_check(buf_view(&out)));
    }
}

static double from_bits(uint64_t bits) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static struct view put_f64(double number, char storage[64]) {
    struct buf out = buf_over(storage, 64);
    struct json_writer w = json_writer_to(&out);
    json_put_f64(&w, number);
    assert_int_equal(buf_check(&out, "number"), SK_OK);
    return buf_view(&out);
}

// RFC 8785 appendix B, and the borders between the forms.
static void doubles_are_those_of_rfc_8785(void **state) {
    (void)state;
    static const struct {
        uint64_t bits;
        const char *text;
    } numbers[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
        {0x3ff0000000000000, "1"},
        {0x4059000000000000, "100"},
        {0x3fb999999999999a, "0.1"},
        {0x000fffffffffffff, "2.225073858507201e-308"},
        {0x0010000000000000, "2.2250738585072014e-308"},
    };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        char storage[64];
        struct view text = put_f64(from_bits(numbers[i].bits), storage);
        if (!view_is(text, numbers[i].text)) fail_msg("%.*s", (int)text.len, text.at);
    }
}

// ---- properties ----

static uint64_t chance_state;

static uint64_t chance(uint64_t below) { // splitmix64
    uint64_t z = (chance_state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (z ^ z >> 31) % below;
}

static void random_doubles_return(void **state) {
    (void)state;
    chance_state = 8785;
    for (int i = 0; i < 20000; i++) {
        double number = from_bits(chance(UINT64_MAX)), back;
        if (i % 4 == 0) number = (double)(float)(int64_t)chance(1 << 24) / 1000;
        if (number - number != 0) continue; // infinite, or not a number
        char storage[64];
        struct view text = put_f64(number, storage);
        char *copy;
        const struct json_node *root;
        assert_int_equal(parse(text, &copy, &root), SK_OK);
        assert_true(json_f64(root, &back) && back == number);
        free(copy);
    }
}

enum { NODES = 600, TEXTS = 1 << 16 };

// What a random tree must read back as: its nodes in document order, spans left out.
struct expected {
    struct json_node nodes[NODES];
    size_t count;
    char storage[TEXTS];
    struct buf texts;
};

static struct view random_text(struct expected *e) {
    char *from = e->texts.at + e->texts.len;
    for (uint64_t n = chance(12); n > 0; n--) {
        char bytes[4];
        uint32_t c = (uint32_t)chance(chance(2) ? 0x80 : chance(2) ? 0x10000 : 0x110000);
        if (c < 0xd800 || c > 0xdfff) buf_put(&e->texts, bytes, utf8_put(c, bytes));
    }
    must(buf_check(&e->texts, "texts") == SK_OK);
    return (struct view){from, (size_t)(e->texts.at + e->texts.len - from)};
}

static struct json_node *expect(struct expected *e, enum json_type type, struct view text) {
    must(e->count < NODES);
    struct json_node *node = &e->nodes[e->count++];
    *node = (struct json_node){.at = text.at, .len = (uint32_t)text.len, .type = type};
    return node;
}

static void random_scalar(struct json_writer *w, struct expected *e) {
    size_t from = w->out->len;
    bool comma = w->depth > 0 && !w->named && w->levels[w->depth - 1].many;
    switch (chance(6)) {
    case 0: json_put_null(w); expect(e, JSON_NULL, VIEW("null")); return;
    case 1: json_put_bool(w, true); expect(e, JSON_TRUE, VIEW("true")); return;
    case 2: json_put_bool(w, false); expect(e, JSON_FALSE, VIEW("false")); return;
    case 3: {
        struct view text = random_text(e);
        json_put_string(w, text);
        expect(e, JSON_STRING, text);
        return;
    }
    case 4: json_put_i64(w, (int64_t)chance(UINT64_MAX)); break;
    default: json_put_f64(w, (double)chance(1 << 20) / 64); break;
    }
    from += comma;
    expect(e, JSON_NUMBER, (struct view){w->out->at + from, w->out->len - from});
}

static void random_tree(struct json_writer *w, struct expected *e) {
    struct json_node *open[JSON_DEPTH_MAX];
    size_t wanted = 1 + chance(NODES / 2 - 2);
    bool begun = false;
    while (!begun || w->depth > 0) {
        begun = true;
        struct json_node *parent = w->depth > 0 ? open[w->depth - 1] : NULL;
        if (parent && (e->count >= wanted || chance(6) == 0)) {
            json_close(w, parent->type == JSON_OBJECT ? '}' : ']');
            continue;
        }
        if (parent) parent->len++;
        if (json_is(parent, JSON_OBJECT)) {
            char name[32]; // different from its siblings by its number
            snprintf(name, sizeof name, "%s%u", chance(2) ? "名\n" : "n", parent->len);
            struct view kept = {e->texts.at + e->texts.len, strlen(name)};
            buf_put_text(&e->texts, name);
            json_name(w, name);
            expect(e, JSON_STRING, kept);
        }
        if (w->depth < JSON_DEPTH_MAX && (!parent || chance(3) == 0)) {
            bool object = chance(2);
            struct json_node *node = expect(e, object ? JSON_OBJECT : JSON_ARRAY, VIEW(""));
            json_open(w, object ? '{' : '[');
            open[w->depth - 1] = node;
        } else {
            random_scalar(w, e);
        }
    }
}

static void assert_tree(const struct json_node *root, const struct expected *e) {
    assert_int_equal(root->span, e->count);
    for (size_t i = 0; i < e->count; i++) {
        assert_int_equal(root[i].type, e->nodes[i].type);
        switch (root[i].type) {
        case JSON_ARRAY:
        case JSON_OBJECT: {
            assert_int_equal(root[i].len, e->nodes[i].len);
            const struct json_node *child = json_first(&root[i]);
            size_t children = root[i].type == JSON_OBJECT ? 2 * root[i].len : root[i].len;
            for (size_t k = 0; k < children; k++) child = json_next(child);
            if (children > 0) assert_ptr_equal(child, json_next(&root[i]));
            break;
        }
        case JSON_NUMBER:
        case JSON_STRING:
            assert_true(view_same(json_view(&root[i]), json_view(&e->nodes[i])));
            break;
        default: assert_int_equal(root[i].span, 1);
        }
    }
}

static void random_trees_return(void **state) {
    (void)state;
    static struct expected e;
    struct buf out, back;
    assert_int_equal(buf_open(&out, TEXT), SK_OK);
    assert_int_equal(buf_open(&back, TEXT), SK_OK);
    for (uint64_t seed = 1; seed <= 400; seed++) {
        chance_state = seed;
        e.count = 0;
        e.texts = buf_over(e.storage, sizeof e.storage);
        buf_reset(&out);
        buf_reset(&back);
        struct json_writer w = json_writer_to(&out);
        random_tree(&w, &e);
        assert_int_equal(buf_check(&out, "tree"), SK_OK);
        char *copy;
        const struct json_node *root;
        if (parse(buf_view(&out), &copy, &root) != SK_OK) {
            fail_msg("seed %d: %s", (int)seed, fail_text());
        }
        assert_tree(root, &e);
        w = json_writer_to(&back);
        json_put_node(&w, root);
        assert_true(view_same(buf_view(&out), buf_view(&back)));
        free(copy);
    }
    buf_close(&out);
    buf_close(&back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer_keeps_commas_and_nesting),
        cmocka_unit_test(writer_nests_as_deep_as_the_reader),
        cmocka_unit_test(misuse_aborts),
        cmocka_unit_test(escapes_are_those_of_rfc_8785),
        cmocka_unit_test(doubles_are_those_of_rfc_8785),
        cmocka_unit_test(random_doubles_return),
        cmocka_unit_test(random_trees_return),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
