// Grammars: what they take and which tokens they allow, beside the slow reference of grammar_make.h
// on random grammars, vocabularies, texts and ways to cut them; what is refused; and hostile ones.
#include "cmocka_chance.h"

#include <stdio.h>

#include "engine/grammar.h"
#include "grammar_make.h"

enum { TOKENS = 128, PIECE = 24 };

static uint32_t chance(uint32_t below) {
    return (uint32_t)(chance_next(&chance_state) >> 32) % below;
}

// ---- a vocabulary ----

static struct vocab_token tokens[TOKENS];
static char token_bytes[TOKENS][PIECE + 1];
static struct view token_views[TOKENS];
static struct vocab vocab = {
    .len = TOKENS, .tokens = tokens, .texts = {.at = token_views, .len = TOKENS}, .bos = -1};
enum { STOP = 0, CONTROL = 1 };

// Runs of bytes out of the words of the grammars, cut anywhere, also within a character.
static void vocab_make(void) {
    for (int i = 0; i < TOKENS; i++) {
        struct buf out = buf_over(token_bytes[i], PIECE);
        uint32_t words = 1 + chance(i % 16 == 0 ? 10 : 4), len;
        tokens[i] = (struct vocab_token){.kind = VOCAB_NORMAL};
        for (uint32_t k = 0; k < words; k++)
            buf_put_text(&out, tree_words[chance(TREE_WORDS)]);
        len = out.len ? 1 + chance((uint32_t)out.len) : 0;
        memmove(token_bytes[i], token_bytes[i] + (out.len - len), len);
        token_views[i] = (struct view){token_bytes[i], len};
    }
    tokens[STOP] = (struct vocab_token){.kind = VOCAB_CONTROL, .end = true};
    tokens[CONTROL].kind = VOCAB_CONTROL;
    token_views[STOP] = VIEW("</s>");
    token_views[CONTROL] = VIEW("<think>");
}

static bool in(const uint64_t *mask, uint32_t token) { return mask[token / 64] >> token % 64 & 1; }

// ---- random ones beside the reference ----

static struct tree tree;

static void assert_mask(struct grammar_run *run, const char *text, size_t len) {
    const uint64_t *mask;
    bool whole, begins, allowed;
    char longer[TEXT_LEN_MAX + 1];
    enum sk_code code = grammar_run_mask(run, &mask);
    assert_true(code == SK_OK || code == SK_UNSUPPORTED);
    tree_look(&tree, (struct view){text, len}, &whole, &begins);
    assert_true(begins);
    assert_int_equal(whole, grammar_run_ends(run));
    assert_int_equal(whole, code == SK_OK && in(mask, STOP));
    memcpy(longer, text, len);
    for (uint32_t i = CONTROL; i < TOKENS; i++) {
        struct view bytes = token_views[i];
        if (len + bytes.len > TEXT_LEN_MAX) continue;
        memcpy(longer + len, bytes.at, bytes.len);
        tree_look(&tree, (struct view){longer, len + bytes.len}, &whole, &begins);
        bool want = begins && bytes.len > 0 && i != CONTROL;
        if (want != (code == SK_OK && in(mask, i)))
            fail_msg("after '%.*s' token '%.*s': %d", (int)len, text, (int)bytes.len, bytes.at,
                     want);
        assert_int_equal(grammar_run_allows(run, (int32_t)i, &allowed), SK_OK);
        assert_int_equal(allowed, want);
    }
}

// Goes on with an allowed token as long as there is one, and takes the same bytes as a text.
static void walk(struct grammars *grammars, struct grammar_run *run, struct view gbnf) {
    char text[TEXT_LEN_MAX + 1];
    size_t len = 0;
    for (int step = 0; step < 8; step++) {
        assert_mask(run, text, len);
        int32_t token = -1;
        uint32_t seen = 0;
        for (uint32_t i = CONTROL; i < TOKENS; i++) {
            bool allowed;
            assert_int_equal(grammar_run_allows(run, (int32_t)i, &allowed), SK_OK);
            if (allowed && chance(++seen) == 0) token = (int32_t)i;
        }
        if (token < 0 || len + token_views[token].len > TEXT_LEN_MAX - PIECE) return;
        assert_int_equal(grammar_run_token(run, token), SK_OK);
        memcpy(text + len, token_views[token].at, token_views[token].len);
        len += token_views[token].len;
        struct grammar_run other;
        assert_int_equal(grammar_run_init(&other, grammars, gbnf), SK_OK);
        assert_int_equal(grammar_run_text(&other, (struct view){text, len}, NULL), SK_OK);
        assert_int_equal(other.state, run->state);
        grammar_run_fini(&other);
    }
}

static void random_grammars_are_as_the_reference(void **state) {
    (void)state;
    static char storage[1 << 16];
    int compiled = 0;
    for (int round = 0; round < 600; round++) {
        struct buf gbnf = buf_over(storage, sizeof storage);
        struct grammars grammars = {.vocab = &vocab};
        struct grammar_run run;
        if (round % 20 == 0) vocab_make();
        tree_make(&tree, chance_next(&chance_state));
        tree_write(&tree, &gbnf);
        assert_false(gbnf.over);
        enum sk_code code = grammar_run_init(&run, &grammars, buf_view(&gbnf));
        if (code == SK_OK) {
            compiled++;
            for (int i = 0; i < 2; i++) {
                struct grammar_run again;
                assert_int_equal(grammar_run_init(&again, &grammars, buf_view(&gbnf)), SK_OK);
                walk(&grammars, &again, buf_view(&gbnf));
                grammar_run_fini(&again);
            }
            grammar_run_fini(&run);
        } else {
            assert_int_equal(code, SK_INPUT);
            bool dead = strstr(fail_text(), "never end"), left = strstr(fail_text(), "recursion");
            bool none = strstr(fail_text(), "class without");
            assert_true(dead || left || none);
            if (dead) assert_false(tree.productive[tree.roots[0]]);
        }
        grammars_close(&grammars);
    }
    assert_true(compiled > 150);
}

// ---- what it takes, by hand ----

static struct grammars plain; // no vocabulary

static void assert_takes(const char *gbnf, const char *text, bool whole) {
    struct grammar_run run;
    size_t taken;
    if (grammar_run_init(&run, &plain, view_of(gbnf)) != SK_OK) fail_msg("%s", fail_text());
    bool got = grammar_run_text(&run, view_of(text), &taken) == SK_OK && grammar_run_ends(&run);
    if (got != whole) fail_msg("%s\n'%s': %d, %zu bytes", gbnf, text, got, taken);
    grammar_run_fini(&run);
}

static void texts_are_taken(void **state) {
    (void)state;
    static const struct {
        const char *gbnf, *whole[6], *not_whole[6];
    } cases[] = {
        {"root ::= \"a\"*", {"", "a", "aaaa"}, {"b", "aab"}},
        {"root ::= \"a\"+ | \"b\"", {"a", "aa", "b"}, {"", "ab"}},
        {"root ::= \"a\" |\n  # or\n \"b\"", {"a", "b"}, {"", "ab"}},
        {"\n# first\nroot\t::=\n (\n\"a\" # one\n)\r\n\r\nx-1 ::= \"y\"", {"a"}, {"y"}},
        {"root ::= \"a\" {2} \"b\"{1,} \"c\"{ 0 , 2 }", {"aab", "aabbbcc"}, {"aa", "abb", "aabccc"}},
        {"root ::= (\"ab\"{2}){2} \"c\"?", {"abababab", "ababababc"}, {"abab", "abababab c"}},
        {"root ::= \"a\"{0} \"b\"{0,} \"c\"{0,0}", {"", "bb"}, {"a", "c"}},
        {"root ::= \"a\"?*+", {"", "aaa"}, {"b"}},
        {"root ::= (\"a\" | \"\") {3}", {"", "a", "aaa"}, {"aaaa"}},
        {"root ::= (\"a\"?){2,3}", {"", "a", "aaa"}, {"aaaa"}},
        {"root ::= ((\"\" | \"a\"*)* \"\"+)*", {"", "aaaa"}, {"ab"}},
        {"root ::= [a-c\\]\\x2d^]+", {"abc]-^"}, {"d", ""}},
        {"root ::= [^a-c\\n]", {"d", "あ", "😀"}, {"a", "\n", "", "dd"}},
        {"root ::= [a-]+ [\\x5e]", {"a-^"}, {"b"}},
        {"root ::= .", {"a", "\n", "é", "\xf4\x8f\xbf\xbf"}, {"", "\xc3", "\xff", "\xed\xa0\x80"}},
        {"root ::= \"\\x41\\u3042\\U0001F600\\\"\\\\\\[\\]\\-\\t\\r\\n\"", {"Aあ😀\"\\[]-\t\r\n"}, {"A"}},
        {"root ::= [\\x80-\\xff\\uD000-\\uF000]", {"é", "퀀", "\xee\x80\x80"}, {"a", "あ", "\xed\xa0\x80"}},
        {"root ::= [ぁ-ゟ]{1,3}", {"あ", "ひらが"}, {"カ", "ひらがな", "\xe3\x81"}},
        {"root ::= x \",\" x\nx ::= \"a\" x \"b\" | \"\"", {",", "ab,aabb"}, {"ab", "aab,", "ab,ab,"}},
        {"root ::= list\nlist ::= \"a\" list | \"b\"", {"b", "aaaaab"}, {"", "a", "bb"}},
        {"root ::= \"a\" root \"c\" | \"a\" root \"d\" | \"b\"", {"b", "aabcd", "aaabdcc"}, {"ab"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t k = 0; k < 6 && (k == 0 || cases[i].whole[k]); k++)
            assert_takes(cases[i].gbnf, cases[i].whole[k], true);
        for (size_t k = 0; k < 6 && cases[i].not_whole[k]; k++)
            assert_takes(cases[i].gbnf, cases[i].not_whole[k], false);
    }
    grammars_close(&plain);
}

// ---- what is refused ----

static void assert_refused(const char *gbnf, enum sk_code code, const char *why) {
    struct grammar_run run;
    enum sk_code got = grammar_run_init(&run, &plain, view_of(gbnf));
    if (got != code || !strstr(fail_text(), why))
        fail_msg("%s\n%d: %s", gbnf, got, got ? fail_text() : "");
}

static void mistakes_are_named_with_their_place(void **state) {
    (void)state;
    assert_refused("", SK_INPUT, "there is no rule root");
    assert_refused("x ::= \"a\"", SK_INPUT, "there is no rule root");
    assert_refused("root ::= \"a\"\n  | zoo", SK_INPUT, "line 2, column 3");
    assert_refused("root ::= \"あ\" zoo", SK_INPUT, "line 1, column 14: there is no rule zoo");
    assert_refused("root ::= \"a\"\nroot ::= \"b\"", SK_INPUT, "line 2, column 1: this rule is there");
    assert_refused("root = \"a\"", SK_INPUT, "column 6: ::= is missing");
    assert_refused("::= \"a\"", SK_INPUT, "column 1: a name");
    assert_refused("root ::= \"a", SK_INPUT, "not closed, and the text ends");
    assert_refused("root ::= [a", SK_INPUT, "not closed, and the text ends");
    assert_refused("root ::= (\"a\"", SK_INPUT, "a group is not closed");
    assert_refused("root ::= \"a\")", SK_INPUT, "column 13: a group is closed");
    assert_refused("root ::= []", SK_INPUT, "column 10: an empty class");
    assert_refused("root ::= [\\uD800-\\uDFFF]", SK_INPUT, "a class without a character");
    assert_refused("root ::= [^\\x00-\\U0010FFFF]", SK_INPUT, "a class without a character");
    assert_refused("root ::= [z-a]", SK_INPUT, "column 11: a range runs backwards");
    assert_refused("root ::= \"\\q\"", SK_INPUT, "column 11: an unknown escape");
    assert_refused("root ::= \"\\x4g\"", SK_INPUT, "more hexadecimal digits");
    assert_refused("root ::= \"\\U00110000\"", SK_INPUT, "no character is this");
    assert_refused("root ::= \"\\uD83D\\uDE00\"", SK_INPUT, "half a surrogate pair");
    assert_refused("root ::= *", SK_INPUT, "nothing stands before");
    assert_refused("root ::= \"a\" | +", SK_INPUT, "nothing stands before");
    assert_refused("root ::= \"a\"{2,1}", SK_INPUT, "a repetition runs backwards");
    assert_refused("root ::= \"a\"{,2}", SK_INPUT, "a number is missing");
    assert_refused("root ::= \"a\"{2", SK_INPUT, "a repetition is {n}");
    assert_refused("root ::= \"a\"{99999999999}", SK_LIMIT, "column 14: the number is over");
    assert_refused("root ::= a_b", SK_INPUT, "column 11: what is this?");
    assert_refused("root ::= <think>", SK_INPUT, "no such token");
    assert_refused("root ::= <[1]", SK_INPUT, "a token is");
    assert_refused("root ::= !\"a\"", SK_INPUT, "a token is");
    assert_refused("root ::= root \"a\" | \"a\"", SK_INPUT, "rule root can begin with itself");
    assert_refused("root ::= x\nx ::= \"\" y?\ny ::= \" \"* (x \"a\"){2}", SK_INPUT,
                   "can begin with itself");
    assert_refused("root ::= \"a\" root", SK_INPUT, "no text is of this grammar");
    assert_refused("root ::= \"\xff\"", SK_INPUT, "not UTF-8");
    grammars_close(&plain);
}

static void limits_are_said(void **state) {
    (void)state;
    static char text[GRAMMAR_TEXT_MAX + 1];
    struct buf out = buf_over(text, sizeof text - 1);
    buf_put_text(&out, "root ::= ");
    for (int i = 0; i <= GRAMMAR_GROUPS_MAX; i++) buf_put_char(&out, '(');
    text[out.len] = 0;
    assert_refused(text, SK_LIMIT, "groups in each other");
    buf_reset(&out);
    buf_put_text(&out, "root ::= \"a\"");
    for (int i = 0; i <= GRAMMAR_RULES_MAX; i++) buf_print(&out, "\nr%d ::= \"a\"", i);
    text[out.len] = 0;
    assert_refused(text, SK_LIMIT, "rules");
    buf_reset(&out);
    buf_put_text(&out, "root ::= ");
    for (int i = 0; i <= GRAMMAR_NODES_MAX / 20; i++) buf_put_text(&out, "[^a]");
    text[out.len] = 0;
    assert_refused(text, SK_LIMIT, "nodes");
    memset(text, ' ', sizeof text - 1);
    text[sizeof text - 1] = 0;
    struct grammar_run run;
    assert_int_equal(grammar_run_init(&run, &plain, (struct view){text, sizeof text}), SK_LIMIT);
    assert_refused("root ::= \"a\"{2000000000}", SK_LIMIT, "over 1073741824");
    grammars_close(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_grammars_are_as_the_reference),
        cmocka_unit_test(texts_are_taken),
        cmocka_unit_test(mistakes_are_named_with_their_place),
        cmocka_unit_test(limits_are_said),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
