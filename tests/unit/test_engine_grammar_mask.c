// Masks of a large vocabulary beside each token tried alone, so that forms are used (grammar_mask.c);
// tokens by their names; what is forgotten comes back the same; the draw under a mask; and grammars
// made to cost.
#include "cmocka_chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/grammar_parts.h"
#include "engine/sample.h"

enum { TOKENS = 30000, PIECE = 40, WORDS = (TOKENS + 63) / 64, END = 1, CONTROL = 2, USER = 3 };

static uint32_t chance(uint32_t below) {
    return (uint32_t)(chance_next(&chance_state) >> 32) % below;
}

static struct vocab_token tokens[TOKENS];
static char token_bytes[TOKENS][PIECE];
static struct view token_views[TOKENS];
static struct vocab vocab = {.len = TOKENS, .bos = -1, .tokens = tokens};
static struct lay names;

// Words, signs of JSON in every order, long runs, halves of characters.
static void put_token(struct buf *out) {
    static const char *const parts[] = {"a", "e", "in", "er", "the", " ", " ", "\"", ",", ":", "{",
                                        "}", "[", "]", "\\", "n", "u", "0", "12", "-", ".", "true",
                                        "あ", "東京", "é", "😀", "\n", "  "};
    uint32_t kind = chance(10);
    for (uint32_t i = 1 + chance(kind ? 5 : 12); i > 0; i--)
        buf_put_text(out, parts[kind < 5 ? chance(6) : chance(sizeof parts / sizeof *parts)]);
    if (kind == 9 && out->len > 2) out->len -= 1 + chance(2);
    if (kind == 8) memset(out->at, "a =0"[chance(4)], out->len);
}

static int vocab_make(void **state) {
    chance_seed(state);
    struct lay sizes = {0};
    texts_lay(&vocab.texts, &sizes, TOKENS, 0);
    names = (struct lay){.base = calloc(sizes.used, 1)};
    texts_lay(&vocab.texts, &names, TOKENS, 0);
    for (uint32_t i = 0; i < TOKENS; i++) {
        struct buf out = buf_over(token_bytes[i], PIECE);
        tokens[i].kind = VOCAB_NORMAL;
        if (i >= 16 && i < 272)
            buf_put_char(&out, (char)(i - 16));
        else
            put_token(&out);
        token_views[i] = buf_view(&out);
    }
    tokens[END] = (struct vocab_token){.kind = VOCAB_CONTROL, .end = true};
    tokens[CONTROL].kind = VOCAB_CONTROL;
    tokens[USER].kind = VOCAB_USER;
    token_views[END] = VIEW("<end>");
    token_views[CONTROL] = VIEW("<control>");
    token_views[USER] = VIEW("<user>");
    memcpy(vocab.texts.at, token_views, sizeof token_views);
    texts_put(&vocab.texts, END);
    texts_put(&vocab.texts, CONTROL);
    texts_put(&vocab.texts, USER);
    return 0;
}

static int vocab_free(void **state) {
    (void)state;
    free(names.base);
    return 0;
}

static bool in(const uint64_t *mask, uint32_t token) { return mask[token / 64] >> token % 64 & 1; }

static void open_run(struct grammar_run *run, struct grammars *grammars, const char *gbnf) {
    *grammars = (struct grammars){.vocab = &vocab, .trie = grammars->trie};
    if (grammar_run_init(run, grammars, view_of(gbnf)) != SK_OK) fail_msg("%s", fail_text());
}

// The mask of where the run is, as each token alone says; *count of tokens allowed.
static void mask_alone(struct grammar_run *run, uint64_t mask[WORDS], uint32_t *count) {
    memset(mask, 0, WORDS * sizeof *mask);
    *count = 0;
    for (uint32_t i = 0; i < TOKENS; i++) {
        bool allowed;
        assert_int_equal(grammar_run_allows(run, (int32_t)i, &allowed), SK_OK);
        if (!allowed) continue;
        mask[i / 64] |= UINT64_C(1) << i % 64;
        ++*count;
    }
}

static const char *const grammars_of_use[] = {
    // Strings of one rule in many places, counted and not; escapes; deep objects.
    "root ::= object\n"
    "value ::= object | array | string | number | \"true\"\n"
    "object ::= \"{\" ws (string \":\" ws value (\",\" ws string \":\" ws value)*)? ws \"}\"\n"
    "array ::= \"[\" ws (value (\",\" ws value)*)? ws \"]\"\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "char ::= [^\"\\\\\\x00-\\x1f] | \"\\\\\" ([\"\\\\n] | \"u\" [0-9a-f]{4})\n"
    "number ::= \"-\"? [0-9]{1,15} (\".\" [0-9]+)?\nws ::= [ \\n]{0,20}\n",
    "root ::= \"[\" (\"\\\"\" char{5,30} \"\\\"\" \",\"){2,4} \"]\"\n"
    "char ::= [^\"\\\\] | \"\\\\\" [\"n]\n",
    "root ::= (\"- \" [^\\n]{1,25} \"\\n\"){1,3} | ([ae]{14,18} \" \"){2,}\n",
    "root ::= ([a-z]{2,} \" \"?){20,} .* \"}\"\n",
    "root ::= a \",\" a | b \",\" | (a | b) \"x\"\na ::= \"\\\"\" c* \"\\\"\"\nb ::= \"\\\"\" c{0,40} \"\\\"\"\n"
    "c ::= [^\"]\n",
    "root ::= .*",
};

static void masks_are_what_each_token_alone_says(void **state) {
    (void)state;
    static uint64_t want[WORDS];
    struct grammars grammars = {0};
    uint32_t forms = 0;
    for (size_t g = 0; g < sizeof grammars_of_use / sizeof *grammars_of_use; g++) {
        for (int round = 0; round < 3; round++) {
            struct grammar_run run;
            open_run(&run, &grammars, grammars_of_use[g]);
            for (int step = 0; step < 14; step++) {
                const uint64_t *mask;
                uint32_t count, nth;
                mask_alone(&run, want, &count);
                assert_int_equal(grammar_run_mask(&run, &mask), SK_OK);
                for (uint32_t i = 0; i < TOKENS; i++)
                    if (in(mask, i) != in(want, i))
                        fail_msg("grammar %zu, step %d, token %u '%.*s': %d", g, step, i,
                                 (int)token_views[i].len, token_views[i].at, in(want, i));
                forms += run.grammar->forms_len;
                if (chance(6) == 0) grammar_states_clear(run.grammar);
                int32_t token = -1;
                nth = chance(count);
                for (uint32_t i = 0; i < TOKENS; i++)
                    if (in(want, i) && nth-- == 0) token = (int32_t)i;
                if (token == END) break;
                assert_int_equal(grammar_run_token(&run, token), SK_OK);
            }
            grammar_run_fini(&run);
            struct grammar_trie *trie = grammars.trie; // it takes a while to make
            grammars.trie = NULL;
            grammars_close(&grammars);
            grammars.trie = trie;
        }
    }
    assert_true(forms > 0);
    grammars_close(&grammars);
}

static void tokens_are_taken_by_name(void **state) {
    (void)state;
    struct grammars grammars = {0};
    struct grammar_run run;
    const uint64_t *mask;
    bool allowed;
    open_run(&run, &grammars, "root ::= <control> !<[3]>* <[3]> (\"a\" | <user>) <end>?");
    assert_int_equal(grammar_run_mask(&run, &mask), SK_OK);
    for (uint32_t i = 0; i < TOKENS; i++) assert_int_equal(in(mask, i), i == CONTROL);
    assert_int_equal(grammar_run_token(&run, USER), SK_INPUT);
    assert_int_equal(grammar_run_token(&run, CONTROL), SK_OK);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(grammar_run_mask(&run, &mask), SK_OK);
        for (uint32_t i = 0; i < TOKENS; i++)
            assert_int_equal(in(mask, i), i != CONTROL && i != END && token_views[i].len > 0);
        assert_int_equal(grammar_run_token(&run, 100), SK_OK);
    }
    assert_int_equal(grammar_run_text(&run, VIEW("a"), NULL), SK_INPUT); // no token has it
    assert_int_equal(grammar_run_token(&run, USER), SK_OK);
    assert_int_equal(grammar_run_allows(&run, USER, &allowed), SK_OK);
    assert_true(allowed); // as a token, and not by its bytes
    assert_int_equal(grammar_run_allows(&run, 16 + '<', &allowed), SK_OK);
    assert_false(allowed);
    assert_int_equal(grammar_run_token(&run, 16 + 'a'), SK_OK);
    assert_true(grammar_run_ends(&run));
    assert_int_equal(grammar_run_mask(&run, &mask), SK_OK);
    for (uint32_t i = 0; i < TOKENS; i++) assert_int_equal(in(mask, i), i == END);
    grammar_run_fini(&run);
    grammars_close(&grammars);
}

static void a_vocabulary_may_lack_what_must_come(void **state) {
    (void)state;
    struct vocab small = vocab;
    small.len = 4;
    struct grammars grammars = {.vocab = &small};
    struct grammar_run run;
    const uint64_t *mask;
    assert_int_equal(grammar_run_init(&run, &grammars, VIEW("root ::= \"zzz\"")), SK_OK);
    assert_int_equal(grammar_run_mask(&run, &mask), SK_UNSUPPORTED);
    grammar_run_fini(&run);
    grammars_close(&grammars);
}

static void compiled_grammars_are_found_again(void **state) {
    (void)state;
    struct grammars grammars = {0};
    struct grammar_run runs[GRAMMAR_IDLE_MAX + 4], again;
    char text[32];
    for (int i = 0; i < GRAMMAR_IDLE_MAX + 4; i++) {
        snprintf(text, sizeof text, "root ::= \"%d\"", i);
        assert_int_equal(grammar_run_init(&runs[i], &grammars, view_of(text)), SK_OK);
    }
    assert_int_equal(grammar_run_init(&again, &grammars, VIEW("root ::= \"3\"")), SK_OK);
    assert_ptr_equal(again.grammar, runs[3].grammar);
    grammar_run_fini(&again);
    for (int i = 0; i < GRAMMAR_IDLE_MAX + 4; i++) grammar_run_fini(&runs[i]);
    int kept = 0;
    for (struct grammar *at = grammars.kept; at; at = at->other) kept++;
    assert_int_equal(kept, GRAMMAR_IDLE_MAX);
    grammars_close(&grammars);
}

// ---- the draw ----

// As if the logits of all others were minus infinity: so far below that they weigh nothing.
static void draws_are_those_of_masked_logits(void **state) {
    (void)state;
    static float logits[TOKENS + 64], masked[TOKENS + 64], scratch[3][TOKENS + 64];
    static uint32_t counts[TOKENS + 64], order[TOKENS + 64], matches[64];
    static uint64_t sorted[2 * (TOKENS + 64)];
    struct grammars grammars = {0};
    struct grammar_run run;
    const uint64_t *mask;
    open_run(&run, &grammars, grammars_of_use[0]);
    assert_int_equal(grammar_run_text(&run, VIEW("{\"a\": \"b"), NULL), SK_OK);
    for (int round = 0; round < 40; round++) {
        int32_t ids[20], got, want;
        struct engine_bias biases[] = {{300, 5}, {400, -3}};
        struct engine_sampling as = {.seed = chance(1000),
                                     .temperature = chance(3) ? 0.8f : 0,
                                     .top_k = chance(2) * chance(60),
                                     .top_p = chance(2) ? 0.9f : 0,
                                     .min_p = chance(2) ? 0.02f : 0,
                                     .typical_p = chance(4) ? 0 : 0.9f,
                                     .repetition_penalty = chance(2) ? 1.2f : 0,
                                     .presence_penalty = chance(2) ? 0.5f : 0,
                                     .logit_bias = biases,
                                     .logit_bias_len = chance(3)};
        for (int i = 0; i < 20; i++) ids[i] = (int32_t)chance(TOKENS);
        assert_int_equal(grammar_run_mask(&run, &mask), SK_OK);
        for (uint32_t i = 0; i < TOKENS; i++) {
            logits[i] = (float)chance(1000) / 50;
            masked[i] = in(mask, i) ? logits[i] : -1e30f;
        }
        struct sampler one, other;
        assert_int_equal(sampler_init(&one, &as, &vocab), SK_OK);
        assert_int_equal(sampler_init(&other, &as, &vocab), SK_OK);
        struct choice choice = {logits,     TOKENS,     {ids, 20, 5, counts}, &run, scratch[0],
                                scratch[1], scratch[2], order, sorted, matches};
        assert_int_equal(sampler_pick(&one, &kernels_scalar, &choice, &got), SK_OK);
        choice.grammar = NULL;
        choice.logits = masked;
        assert_int_equal(sampler_pick(&other, &kernels_scalar, &choice, &want), SK_OK);
        assert_int_equal(got, want);
    }
    grammar_run_fini(&run);
    grammars_close(&grammars);
}

// ---- made to cost ----

// Whatever it says, it says it soon and without harm; with enough room it is right.
static void try_hostile(struct grammars *grammars, const char *gbnf, const char *text) {
    struct grammar_run run;
    const uint64_t *mask;
    enum sk_code code = grammar_run_init(&run, grammars, view_of(gbnf));
    assert_true(code == SK_OK || code == SK_LIMIT);
    if (code != SK_OK) return;
    for (int i = 0; i < 3 && code == SK_OK; i++) {
        code = grammar_run_mask(&run, &mask);
        assert_true(code == SK_OK || code == SK_LIMIT);
        if (code == SK_OK) code = grammar_run_text(&run, view_of(text), NULL);
        assert_true(code == SK_OK || code == SK_LIMIT);
    }
    grammar_run_fini(&run);
}

static void hostile_grammars_are_bounded(void **state) {
    (void)state;
    static char text[1 << 16];
    struct grammars grammars = {.vocab = &vocab};
    // Ambiguous without end: places and frames are shared, so it is only work.
    try_hostile(&grammars, "root ::= s\ns ::= \"a\" s s | \"a\"", "aaaaaaaaaaaaaaaaaaaa");
    try_hostile(&grammars, "root ::= (\"a\"* \"a\"* \"a\"* \"a\"*)*", "aaaaaaaaaaaaaaaaaaaa");
    try_hostile(&grammars, "root ::= ((\"a\"{0,1000}){0,1000}){0,1000}", "aaaaaaaaaaaaaaaaaaaa");
    try_hostile(&grammars, "root ::= (.{0,1000000000}){0,1000000000}", "aaaaaaaaaaaaaaaaaaaa");
    // One of 2^16 states behind every byte.
    try_hostile(&grammars, "root ::= [ae]* \"a\" [ae]{16} .*", "aaeaeaeaaaeaeaeaeaeaeaea");
    try_hostile(&grammars, "root ::= .* \"a\" .{16} \"b\"", "aaeaeaeaaaeaeaeaeaeaeaea");
    // Rules in each other, as far as it goes.
    memset(text, 'a', 5000);
    try_hostile(&grammars, "root ::= \"a\" root \"b\" | \"\"", text);
    // Rules that double.
    struct buf out = buf_over(text, sizeof text - 1);
    buf_put_text(&out, "root ::= r0");
    for (int i = 0; i < 1000; i++) buf_print(&out, "\nr%d ::= r%d r%d | .", i, i + 1, i + 1);
    buf_put_text(&out, "\nr1000 ::= \".\"");
    text[out.len] = 0;
    try_hostile(&grammars, text, "....");
    // Many words at once.
    buf_reset(&out);
    buf_put_text(&out, "root ::= (\"x\"");
    for (int i = 0; i < 4000; i++) buf_print(&out, "|\"the%d\"", i);
    buf_put_text(&out, ")*");
    text[out.len] = 0;
    try_hostile(&grammars, text, "the17the2");
    grammars_close(&grammars);
}

static void depth_is_a_limit_and_no_wrong_answer(void **state) {
    (void)state;
    static char text[2 * GRAMMAR_DEPTH_MAX];
    struct grammars grammars = {0};
    struct grammar_run run;
    size_t taken;
    assert_int_equal(grammar_run_init(&run, &grammars, VIEW("root ::= \"(\" root \")\" | \"\"")),
                     SK_OK);
    memset(text, '(', sizeof text);
    assert_int_equal(grammar_run_text(&run, (struct view){text, sizeof text}, &taken), SK_LIMIT);
    assert_true(taken > GRAMMAR_DEPTH_MAX / 2);
    taken = GRAMMAR_DEPTH_MAX / 2;
    memset(text + taken, ')', taken);
    assert_int_equal(grammar_run_text(&run, (struct view){text, 2 * taken}, NULL), SK_OK);
    assert_true(grammar_run_ends(&run));
    assert_int_equal(grammar_run_text(&run, VIEW(")"), NULL), SK_INPUT);
    grammar_run_fini(&run);
    // Lists by right recursion are not deep.
    assert_int_equal(grammar_run_init(&run, &grammars, VIEW("root ::= \"(\" root | \"\"")), SK_OK);
    memset(text, '(', sizeof text);
    assert_int_equal(grammar_run_text(&run, (struct view){text, sizeof text}, NULL), SK_OK);
    assert_true(grammar_run_ends(&run));
    grammar_run_fini(&run);
    grammars_close(&grammars);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_what_each_token_alone_says),
        cmocka_unit_test(tokens_are_taken_by_name),
        cmocka_unit_test(a_vocabulary_may_lack_what_must_come),
        cmocka_unit_test(compiled_grammars_are_found_again),
        cmocka_unit_test(draws_are_those_of_masked_logits),
        cmocka_unit_test(hostile_grammars_are_bounded),
        cmocka_unit_test(depth_is_a_limit_and_no_wrong_answer),
    };
    return cmocka_run_group_tests(tests, vocab_make, vocab_free);
}
