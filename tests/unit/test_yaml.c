// YAML made strict: what a tree holds and where it was, and every refusal with its line and column.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/yaml.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct arena arena;

static int setup(void **state) {
    (void)state;
    return arena_open(&arena, "unit", 64 << 20) != SK_OK;
}

static int teardown(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

// Parses an exact-size copy that is gone afterwards: the tree must own its texts.
static enum sk_code parse(struct view text, const struct yaml_node **root) {
    char *copy = malloc(text.len ? text.len : 1);
    assert_non_null(copy);
    if (text.len) memcpy(copy, text.at, text.len);
    arena_reset(&arena);
    enum sk_code code = yaml_parse((struct view){copy, text.len}, "t", &arena, root);
    free(copy);
    return code;
}

// The tree on one line: {a=1,b=[x,-]} with - for YAML_NULL.
static void show(struct buf *out, const struct yaml_node *node) {
    const struct yaml_node *open[64];
    for (size_t depth = 0; node;) {
        if (node->key.at) {
            buf_put_view(out, node->key);
            buf_put_char(out, '=');
        }
        if (node->type == YAML_NULL) buf_put_char(out, '-');
        if (node->type == YAML_SCALAR) buf_put_view(out, node->text);
        bool list = node->type == YAML_LIST;
        if (list || node->type == YAML_MAP) {
            buf_put_text(out, list ? "[" : "{");
            if (node->first) {
                open[depth++] = node;
                node = node->first;
                continue;
            }
            buf_put_text(out, list ? "]" : "}");
        }
        while (!node->next && depth > 0) {
            node = open[--depth];
            buf_put_text(out, node->type == YAML_LIST ? "]" : "}");
        }
        node = depth > 0 ? node->next : NULL;
        if (node) buf_put_char(out, ',');
    }
}

static void texts_become_trees(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"", "-"},
        {"# only a remark\n", "-"},
        {"---\n", "-"},
        {"---\n...\n", "-"},
        {"word", "word"},
        {"two words\non two lines", "two words on two lines"},
        {"\xef\xbb\xbf# mark\na: 1", "{a=1}"}, // a byte order mark
        {"a: 1\nb: two\nc:\n", "{a=1,b=two,c=-}"},
        {"a: 1\r\nb: 2\r\n", "{a=1,b=2}"},
        {"- a\n-\n- b\n", "[a,-,b]"},
        {"a:\n  - b\n  - c: d\n    e: f\n  - - g\n    - h\n", "{a=[b,{c=d,e=f},[g,h]]}"},
        {"a:\n- b\n- c\n", "{a=[b,c]}"},
        {"{a: 1, b, \"c\": [], d: {}}", "{a=1,b=-,c=[],d={}}"},
        {"{\"a\":{\"b\":[1,2.5e3,true,null,\"x\\ny\"]}}", "{a={b=[1,2.5e3,true,null,x\ny]}}"},
        {"? a\n: b\n? c\n", "{a=b,c=-}"},
        {"country: NO\nyes: on\nnone: null\ntilde: ~\noctal: 010\nday: 2001-01-01\nhex: 0x1f\n",
         "{country=NO,yes=on,none=null,tilde=~,octal=010,day=2001-01-01,hex=0x1f}"},
        {"a: ''\nb: \"\"\nc: ' it''s '\nd: \"\\t\\u5c71\\x41\"\n", "{a=,b=,c= it's ,d=\t山A}"},
        {"a: |\n  one\n   two\n\n  three\nb: >-\n  one\n  two\n\n  three\nc: |+\n  x\n\n",
         "{a=one\n two\n\nthree\n,b=one two\nthree,c=x\n\n}"},
        {"a: b # remark\nc: d#e\nf: 'g # h'\n", "{a=b,c=d#e,f=g # h}"},
        {"関所:\n  - 通行手形\n  - 入り鉄砲: に出女\n", "{関所=[通行手形,{入り鉄砲=に出女}]}"},
        {"url: http://127.0.0.1:8844/a?b=c&d\nglob: a*b\nbang: a!b\n",
         "{url=http://127.0.0.1:8844/a?b=c&d,glob=a*b,bang=a!b}"},
        {"\"*a\": '&b'\n'!c': \"<<\"\n", "{*a=&b,!c=<<}"},
        {"a: 1\n...\n", "{a=1}"},
        {"A: 1\na: 2\n", "{A=1,a=2}"},
        // What libfyaml 0.7 misread: doubled quotes, and breaks before lines that are indented more.
        {"- 'a''''b'\n- 'say '''' now'\n- ''''''''''\n", "[a''b,say '' now,'''']"},
        {"- >\n x\n\n  - y\n\n z\n", "[x\n\n - y\n\nz\n]"},
        {"- |\n last line, not ended", "[last line, not ended]"},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct yaml_node *root;
        enum sk_code code = parse(view_of(texts[i][0]), &root);
        if (code != SK_OK) fail_msg("%s: %s", texts[i][0], fail_text());
        char storage[256];
        struct buf out = buf_over(storage, sizeof storage - 1);
        show(&out, root);
        storage[out.len] = '\0';
        assert_string_equal(storage, texts[i][1]);
    }
}

static const struct {
    struct view text;
    const char *cause;
} refused[] = {
#define R(literal, cause) {{literal, sizeof(literal) - 1}, cause}
    R("a: &x 1\nb: *x\n", "t:1:4: anchor"),
    R("b:\n  - &x [1]\n", "t:2:5: anchor"),
    R("b:\n  - &x\n", "t:2:5: anchor"),
    R("&x a: b", "t:1:1: anchor"),
    R("&x\na: b", "t:1:1: anchor"),
    R("a: 1\nb: *x\n", "t:2:4: alias"),
    R("a: 1\n*x : b\n", "t:2:1: alias"),
    R("a: !!str 1", "t:1:4: tag"),
    R("a: !local 1", "t:1:4: tag"),
    R("a: !<tag:example.org,2000:x> 1", "t:1:4: tag"),
    R("- ! a", "t:1:3: tag"),
    R("- !\n", "t:1:3: tag"),
    R("!!map {a: 1}", "t:1:1: tag"),
    R("!!str a: 1", "t:1:1: tag"),
    R("a: !!binary &x |\n  AA==\n", "t:1:4: tag"),
    R("a:\n  <<: {b: 1}\n", "t:2:3: merge key"),
    R("\"<<\": 1\n", "t:1:1: merge key"),
    R("a: 1\nb: 2\na: 3\n", "t:3:1: key given twice"),
    R("a: 1\n\"a\": 2\n", "t:2:1: key given twice"),
    R("a: 1\n'\\x61': 2\n\"\\x61\": 3\n", "t:3:1: key given twice"),
    R("{a: 1, a: 2}", "t:1:8: key given twice"),
    R("x:\n  - {y: 1, y: 2}\n", "t:2:12: key given twice"),
    R("? [a]\n: b\n", "t:1:3: a key that is no scalar"),
    R("{a: 1, {b: c}: d}", "t:1:8: a key that is no scalar"),
    R("? \n: x\n", "t:1:2: a member without a key"),
    R("{a: 1, ? : x}", "t:1:10: a member without a key"),
    R("--- a\n--- b\n", "t:2:1: a second document"),
    R("a: 1\n---\n", "t:2:1: a second document"),
    R("a: 1\n...\nb: 2\n", "t:3:1: did not find expected <document start>"),
    R("---\n---\n", "t:2:1: a second document"),
    R("%YAML 1.2\n---\na: 1\n", "t:1:1: directive"),
    R("%TAG ! tag:example.org,2000:\n---\na: 1\n", "t:1:1: directive"),
    R("%OTHER x\n---\na: 1\n", "t:1:7: found unknown directive name"),
    R("%YAML 9.9\n---\na: 1\n", "t:1:1: found incompatible YAML document"),
    R("a: \0b\n", "t:1:4: control character"),
    R("a: 1\r\nb: \x01", "t:2:4: control character"),
    R("a: 1\r\rb: \x7f", "t:3:4: control character"),
    R("\xe5\xb1\xb1: \xc2\x9f", "t:1:4: control character"),
    R("a: \xef\xbb\xbf" "1", "t:1:4: control character"),
    R("a: \xef\xbf\xbe", "t:1:4: control character"),
    R("\xe5\xb1\xb1: \xff", "t:1:4: malformed UTF-8"),
    R("\xff\xfe" "a\0", "t:1:1: malformed UTF-8"),
    R("a: \xed\xa0\x80", "t:1:4: malformed UTF-8"),
    R("a: \"b\\0c\"", "t:1:4: NUL in a scalar"),
    R("? \"\\x00\"", "t:1:3: NUL in a scalar"),
    R("a: \"\\ud800\"", "t:1:7: found invalid Unicode character escape code"),
    R("a: [1, 2\n", "t:2:1: did not find expected ',' or ']'"),
    R("a: b: c\n", "t:1:5: mapping values are not allowed in this context"),
    R("a: \"b\n", "t:2:1: found unexpected end of stream"),
    R("a:\n\tb: 1\n", "t:2:1: found character that cannot start any token"),
};

// Also: nothing is printed, and nothing stays in the arena.
static void texts_are_refused_with_their_place(void **state) {
    (void)state;
    FILE *said = tmpfile();
    assert_non_null(said);
    int kept = dup(STDERR_FILENO);
    dup2(fileno(said), STDERR_FILENO);
    for (size_t i = 0; i < COUNT(refused); i++) {
        const struct yaml_node *root;
        enum sk_code code = parse(refused[i].text, &root);
        if (code != SK_INPUT || strcmp(fail_text(), refused[i].cause) != 0 || arena.used != 0) {
            dup2(kept, STDERR_FILENO);
            fail_msg("%zu %s: %s %s", i, refused[i].cause, fail_name(code), fail_text());
        }
    }
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_int_equal(lseek(fileno(said), 0, SEEK_END), 0);
    fclose(said);
}

static void nodes_know_their_place(void **state) {
    (void)state;
    const struct yaml_node *root;
    assert_int_equal(parse(VIEW("# head\nrooms:\n  - name: \"gate\"\n    ports: [1, 22]\n  - x\n"
                                "'last': |\n  text\n"),
                           &root),
                     SK_OK);
    assert_int_equal(root->count, 2);
    const struct yaml_node *rooms = yaml_find(root, "rooms");
    assert_int_equal(rooms->line, 2);
    assert_int_equal(rooms->column, 1);
    assert_int_equal(rooms->count, 2);
    const struct yaml_node *ports = yaml_find(rooms->first, "ports");
    assert_int_equal(ports->line, 4);
    assert_int_equal(ports->column, 5);
    assert_int_equal(ports->first->next->line, 4);
    assert_int_equal(ports->first->next->column, 16);
    assert_int_equal(rooms->first->next->line, 5);
    assert_int_equal(rooms->first->next->column, 5);
    assert_int_equal(yaml_find(root, "last")->line, 6);
    assert_int_equal(yaml_find(root, "last")->column, 1);
    assert_null(yaml_find(root, "absent"));
    assert_null(yaml_find(rooms, "name"));
    assert_null(yaml_find(NULL, "name"));
}

static void depth_ends_at_64(void **state) {
    (void)state;
    static const char *const shapes[][3] = {{"[", "a", "]"}, {"- ", "a", ""}, {"{a: ", "b", "}"}};
    for (size_t shape = 0; shape < COUNT(shapes); shape++) {
        for (size_t depth = 62; depth < 70; depth++) {
            char storage[512];
            struct buf text = buf_over(storage, sizeof storage);
            for (size_t i = 0; i < depth; i++) buf_put_text(&text, shapes[shape][0]);
            buf_put_text(&text, shapes[shape][1]);
            for (size_t i = 0; i < depth; i++) buf_put_text(&text, shapes[shape][2]);
            const struct yaml_node *root;
            assert_int_equal(parse(buf_view(&text), &root), depth <= 64 ? SK_OK : SK_LIMIT);
        }
    }
    assert_string_equal(fail_text(), "t:1:257: depth > 64");
}

static void sizes_end_where_stated(void **state) {
    (void)state;
    struct buf text;
    const struct yaml_node *root;
    assert_int_equal(buf_open(&text, YAML_MAX + 1), SK_OK);
    memset(buf_room(&text, YAML_MAX), '#', YAML_MAX);
    assert_int_equal(parse(buf_view(&text), &root), SK_OK);
    buf_put_char(&text, '#');
    assert_int_equal(parse(buf_view(&text), &root), SK_LIMIT);
    buf_reset(&text);
    for (int i = 0; i < 4096; i++) buf_print(&text, "k%d: %d\n", i, i);
    assert_int_equal(parse(buf_view(&text), &root), SK_OK);
    assert_int_equal(root->count, 4096);
    buf_put_text(&text, "more: 1\n");
    assert_int_equal(parse(buf_view(&text), &root), SK_LIMIT);
    assert_string_equal(fail_text(), "t:4097:1: members > 4096");
    buf_close(&text);
}

static void a_full_arena_is_over_a_limit(void **state) {
    (void)state;
    const struct view text = VIEW("a: [1, 2, {b: c}]\nd: |\n  text\ne:\n");
    size_t max = 0;
    for (enum sk_code code = SK_LIMIT; code != SK_OK; max += 8) {
        assert_true(max < 4096);
        struct arena small = {.base = arena.base, .max = max, .name = "small"};
        const struct yaml_node *root;
        code = yaml_parse(text, "t", &small, &root);
        if (code != SK_OK) assert_int_equal(code, SK_LIMIT);
        if (code != SK_OK) assert_int_equal(small.used, 0);
    }
    assert_true(max > 9 * sizeof(struct yaml_node));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_trees),
        cmocka_unit_test(texts_are_refused_with_their_place),
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(depth_ends_at_64),
        cmocka_unit_test(sizes_end_where_stated),
        cmocka_unit_test(a_full_arena_is_over_a_limit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
