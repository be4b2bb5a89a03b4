// Guesses: what is expected of a text, and answers that are the same with and without, where a
// guess goes over an end, against a grammar or a draw, or is lost because others took a step.
#include "cmocka_all.h"

#include <string.h>

#include "engine/state.h"
#include "gguf_make.h"

enum { CONTEXT = 96, TOP = 2 };

// ---- what is expected ----

static uint32_t guess_text(const char *text, float right, uint32_t beside,
                           char out[GUESS_MAX + 1]) {
    int32_t ids[64];
    uint32_t len = 0;
    struct guess guess;
    guess_begin(&guess);
    for (; text[len]; len++) ids[len] = text[len];
    guess_learn(&guess, ids, len);
    guess.right[guess.kind] = right;
    uint32_t made = guess_make(&guess, ids, len, (struct guess_room){100, beside});
    for (uint32_t i = 0; i < made; i++) out[i] = (char)guess.ids[i];
    out[made] = 0;
    return guess.kind;
}

static void what_followed_before_is_expected(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
        uint32_t kind;
    } cases[] = {
        {"ab", "", 0},           {"abcdefg", "", 0},           {"xxa-aya", "", 0},
        {"xabcdefghi-ab", "cdefghi", 0}, // two are enough
        {"abc1abd2ab", "d2abd2a", 0},    // of equals the latest, and it repeats itself
        {"abcd1-bcd2-abcd", "1-bcd2-", 1}, // the longest
        {"aa", "", 0},           {"aaa", "aaaaaaa", 0},        
        {"xyxyxyxyxyxyxyxyxyxyxy", "xyxyxyx", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[GUESS_MAX + 1];
        uint32_t kind = guess_text(cases[i].text, 1, 1, out);
        assert_string_equal(out, cases[i].expected);
        if (*out) assert_int_equal(kind, cases[i].kind);
    }
}

// As many as are likely to come; right ones make more of them and wrong ones fewer.
static void what_came_says_how_many(void **state) {
    (void)state;
    char out[GUESS_MAX + 1];
    static const struct {
        float right;
        uint32_t beside;
        size_t made;
    } cases[] = {{0, 1, 0},     {0.5f, 1, 0}, {0.6f, 1, 1},  {0.75f, 1, 2}, {0.85f, 1, 3},
                 {0.9f, 1, 5},  {1, 1, 7},    {0.7f, 2, 0},  {0.75f, 2, 1},
                 {0.9f, 2, 3},  {1, 2, 7},    {1, 3, 0},     {1, 63, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        guess_text("abcdefghijk-abcdefg", cases[i].right, cases[i].beside, out);
        assert_int_equal(strlen(out), cases[i].made);
    }
    struct guess guess;
    int32_t ids[200];
    guess_begin(&guess);
    for (uint32_t i = 0; i < 200; i++) { // ten and ten again; then "1 2" and never the same
        ids[i] = (int32_t)(i < 100 ? 10 + i % 10 : i % 3 == 2 ? i : i % 3);
        if (i > 0) guess_learn(&guess, ids, i + 1);
        struct guess_room few = {3, 1}, many = {100, 1};
        if (i == 99) assert_int_equal(guess_make(&guess, ids, i + 1, few), 3);
        if (i == 99) assert_int_equal(guess_make(&guess, ids, i + 1, many), GUESS_MAX);
    }
    assert_true(guess.right[2] > 0.9f && guess.right[0] < 0.1f);
}

// ---- answers ----

struct made {
    uint32_t len;
    int32_t token[CONTEXT];
    float logprob[CONTEXT];
    struct engine_candidate top[CONTEXT][TOP];
    char text[1024];
    size_t text_len;
    enum engine_event_kind end;
    uint32_t stop;
    uint64_t runs;
};

static struct {
    uint32_t tokens, saved, refused, stopped;
} met; // so that a test which tests nothing fails

static int32_t letter(const struct engine *engine, char text) {
    char bytes[VOCAB_PIECE_MAX];
    for (int32_t id = 0; id < (int32_t)engine->vocab.len; id++) {
        struct buf out = buf_over(bytes, sizeof bytes);
        engine_detokenize(engine, id, &out);
        if (out.len == 1 && bytes[0] == text) return id;
    }
    fail_msg("no token for %c", text);
    return -1;
}

// False when that was the last.
static bool take(struct made *made, const struct engine_event *event) {
    if (event->kind == ENGINE_FAILED) fail_msg("%.*s", (int)event->why.len, event->why.at);
    if (event->kind <= ENGINE_PREFILL) return true;
    uint32_t at = made->len++;
    made->token[at] = event->token;
    made->logprob[at] = event->logprob;
    assert_int_equal(event->top_len, TOP);
    memcpy(made->top[at], event->top, sizeof made->top[at]);
    struct buf text = buf_over(made->text + made->text_len, sizeof made->text - made->text_len);
    engine_event_content(event, &text);
    made->text_len += text.len;
    made->end = event->kind;
    made->stop = event->stop;
    return event->kind == ENGINE_TEXT;
}

// Whose steps come between those of slot 0.
enum between { NOTHING, A_SLOT, A_SCORE };

static void run(struct engine *engine, const struct engine_job *job, const int32_t *ids,
                uint32_t len, enum between between, struct made *made) {
    struct engine_event event;
    float logprobs[4];
    uint64_t before = engine->runs;
    *made = (struct made){0};
    if (engine_start(engine, 0, job, ids, len) != SK_OK) fail_msg("%s", fail_text());
    do {
        engine_step(engine, &(uint32_t){0}, 1, &event);
        if (between == A_SCORE && made->len % 3 == 1)
            assert_int_equal(engine_score(engine, ids, 2, logprobs), SK_OK);
        if (between != A_SLOT || made->len % 3 != 1) continue;
        struct engine_job other = {.tokens_max = 1};
        struct engine_event others;
        assert_int_equal(engine_start(engine, 1, &other, ids, 2), SK_OK);
        engine_step(engine, &(uint32_t){1}, 1, &others);
        assert_int_equal(others.kind, ENGINE_LENGTH);
    } while (take(made, &event));
    made->runs = engine->runs - before;
}

static void assert_same(const struct made *a, const struct made *b) {
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->token, b->token, a->len * sizeof *a->token);
    assert_memory_equal(a->logprob, b->logprob, a->len * sizeof *a->logprob);
    assert_memory_equal(a->top, b->top, a->len * sizeof *a->top);
    assert_int_equal(a->text_len, b->text_len);
    assert_memory_equal(a->text, b->text, a->text_len);
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->stop, b->stop);
}

// One by one, then with guesses, each as a tenant of its own; and what they leave to be found.
static void compare(struct engine *engine, struct engine_job job, uint32_t len) {
    static struct made plain, guessed, again;
    static uint64_t tenant;
    int32_t ids[CONTEXT];
    uint32_t cached[2];
    for (uint32_t i = 0; i < len; i++) ids[i] = letter(engine, (char)('a' + i % 2));
    job.logprobs = 1 + TOP;
    for (enum between between = NOTHING; between <= A_SCORE; between++) {
        job.one_by_one = true;
        job.tenant = ++tenant;
        run(engine, &job, ids, len, NOTHING, &plain);
        job.one_by_one = false;
        job.tenant = ++tenant;
        run(engine, &job, ids, len, between, &guessed);
        assert_same(&plain, &guessed);
        if (between == NOTHING) met.tokens += plain.len;
        if (between == NOTHING) met.saved += (uint32_t)(plain.runs - guessed.runs);
    }
    met.stopped += plain.end == ENGINE_STOPPED;
    met.refused += job.format == ENGINE_GBNF && plain.end == ENGINE_STOPPED;
    // All that came and what might have come, as a prompt: only what came may be found.
    uint32_t whole = len;
    for (uint32_t i = 0; i < plain.len && whole < CONTEXT - 2; i++) ids[whole++] = plain.token[i];
    while (whole < CONTEXT - 2) ids[whole] = ids[whole - 2], whole++;
    job.format = ENGINE_FREE;
    job.tokens_max = 1;
    for (uint32_t i = 0; i < 2; i++) {
        job.tenant = tenant - i;
        run(engine, &job, ids, whole, NOTHING, i ? &again : &guessed);
        assert_int_equal(engine_start(engine, 0, &job, ids, whole), SK_OK);
        cached[i] = engine_cached(engine, 0);
        engine_stop(engine, 0);
    }
    assert_same(&again, &guessed);
    assert_int_equal(cached[0], cached[1]);
}

static struct engine *open_engine(struct make *make, uint32_t slots) {
    struct engine *engine;
    struct engine_options options = {.slots = slots, .threads = 1, .context = CONTEXT};
    if (engine_open_file(&engine, make_file(make), options) != SK_OK) fail_msg("%s", fail_text());
    return engine;
}

// Answers of "aaa…", "abab…" or as chance has it, by what its tokens are given.
static void answers_are_the_same(void **state) {
    (void)state;
    struct make make = {.layers = 2, .bytewise = true, .chance = 5};
    struct engine *engine = open_engine(&make, 2);
    struct engine_bias biases[] = {{letter(engine, 'a'), 60}, {letter(engine, 'b'), 60}};
    const struct engine_sampling samplings[] = {
        {.logit_bias = biases, .logit_bias_len = 1},
        {.logit_bias = biases, .logit_bias_len = 2},
        {.logit_bias = biases, .logit_bias_len = 2, .frequency_penalty = 2},
        {.logit_bias = biases, .logit_bias_len = 2, .temperature = 3, .seed = 4},
        {.logit_bias = biases, .logit_bias_len = 2, .temperature = 1, .top_p = 0.9f,
         .dry_multiplier = 3, .seed = 5},
    };
    for (size_t i = 0; i < sizeof samplings / sizeof *samplings; i++) {
        struct engine_job job = {.sampling = samplings[i]};
        for (job.tokens_max = 1; job.tokens_max < 30; job.tokens_max++) compare(engine, job, 2);
        job.tokens_max = 0;
        for (uint32_t len = 40; len < CONTEXT; len++) compare(engine, job, len);
        static const char stops[] = "aaaaaaaaaaaaaaaaaaaaaaaa";
        job.stops_len = 2;
        job.stops[1] = VIEW("bbabb");
        for (size_t n = 1; n < sizeof stops; n++) {
            job.stops[0] = (struct view){stops, n};
            compare(engine, job, 20);
        }
    }
    print_message("%u tokens, %u runs saved, %u stopped\n", met.tokens, met.saved, met.stopped);
    assert_true(met.saved > met.tokens / 4 && met.stopped > 50);
    engine_close(engine);
    make_free(&make);
}

// What is likely and was guessed is not allowed.
static void grammars_refuse_guesses(void **state) {
    (void)state;
    struct make make = {.layers = 1, .bytewise = true, .chance = 6};
    struct engine *engine = open_engine(&make, 2);
    struct engine_bias biases[] = {{letter(engine, 'a'), 60}, {letter(engine, 'b'), 20}};
    for (uint32_t n = 1; n < 40; n++) {
        char text[200];
        struct buf gbnf = buf_over(text, sizeof text);
        if (n % 3 == 0) buf_print(&gbnf, "root ::= \"a\"{%u} \"b\"", n);
        if (n % 3 == 1) buf_print(&gbnf, "root ::= (\"a\"{%u} [bc]){3}", n % 12 + 1);
        if (n % 3 == 2) buf_print(&gbnf, "root ::= \"{\" ([a-c]{%u} \",\"){1,9} \"}\"", n % 9 + 1);
        struct engine_job job = {.format = ENGINE_GBNF, .format_text = buf_view(&gbnf),
                                 .sampling = {.logit_bias = biases, .logit_bias_len = 2,
                                              .temperature = n % 2 ? 0 : 4, .seed = n},
                                 .tokens_max = 60};
        compare(engine, job, 5);
    }
    assert_true(met.refused > 20);
    engine_close(engine);
    make_free(&make);
}

// Several that guess share the logits there are rows for; nothing is computed beside a prompt.
static void guesses_take_what_is_left(void **state) {
    (void)state;
    enum { SLOTS = 3 };
    struct make make = {.layers = 1, .bytewise = true};
    struct engine *engine = open_engine(&make, SLOTS);
    struct engine_bias bias = {letter(engine, 'a'), 60};
    struct engine_job job = {.sampling = {.logit_bias = &bias, .logit_bias_len = 1}};
    uint32_t slots[SLOTS], tokens = 0;
    struct engine_event events[SLOTS];
    int32_t ids[CONTEXT];
    for (uint32_t i = 0; i < CONTEXT; i++) ids[i] = bias.token;
    for (uint32_t i = 0; i < SLOTS; i++) slots[i] = i;
    for (uint32_t i = 0; i + 1 < SLOTS; i++)
        assert_int_equal(engine_start(engine, i, &job, ids, 2), SK_OK);
    for (uint32_t step = 0; step < 40; step++) {
        uint64_t runs = engine->runs;
        engine_step(engine, slots, SLOTS - 1, events);
        for (uint32_t i = 0; i + 1 < SLOTS; i++) // whoever runs makes a token
            assert_true(events[i].kind == ENGINE_TEXT || engine->runs == runs);
    }
    for (uint32_t i = 0; i + 1 < SLOTS; i++) tokens += events[i].tokens;
    assert_true(tokens > engine->runs * (SLOTS - 1) * 9 / 8);
    job.tokens_max = 1;
    assert_int_equal(engine_start(engine, SLOTS - 1, &job, ids, 90), SK_OK);
    do { // guesses that are there are used first
        engine_step(engine, slots, SLOTS, events);
    } while (events[SLOTS - 1].kind == ENGINE_WAITED);
    for (uint32_t i = 0; i < SLOTS; i++) assert_true(events[i].kind != ENGINE_WAITED);
    engine_step(engine, slots, SLOTS, events);
    for (uint32_t i = 0; i < SLOTS; i++) assert_true(events[i].kind != ENGINE_WAITED);
    engine_close(engine);
    make_free(&make);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_followed_before_is_expected),
        cmocka_unit_test(what_came_says_how_many),
        cmocka_unit_test(answers_are_the_same),
        cmocka_unit_test(grammars_refuse_guesses),
        cmocka_unit_test(guesses_take_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
