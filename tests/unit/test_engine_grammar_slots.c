// Answers in a given form, end to end: each is a text of its grammar, whatever the draw; the same
// tokens alone, beside others under the same and other grammars, and with any threads (I9).
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "gguf_make.h"

enum { SLOTS = 6, TOKENS_MAX = 100 };

struct answer {
    int32_t tokens[TOKENS_MAX];
    float logprobs[TOKENS_MAX];
    char text[4096];
    size_t tokens_len, text_len;
    enum engine_event_kind end;
};

static const struct {
    enum engine_format format;
    const char *text;
} forms[SLOTS] = {
    {ENGINE_JSON, ""},
    {ENGINE_GBNF, "root ::= (\"yes\" | \"no\") \", \" [a-z]{3,8} \".\""},
    {ENGINE_JSON_SCHEMA, "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\","
                         "\"minimum\":10,\"maximum\":300},\"s\":{\"type\":\"string\",\"maxLength\":"
                         "5}},\"required\":[\"n\",\"s\"],\"additionalProperties\":false}"},
    {ENGINE_FREE, ""},
    {ENGINE_GBNF, "root ::= [ぁ-ん]{4} \"。\""},
    {ENGINE_JSON, ""},
};

static struct engine_job job_of(uint32_t i, uint32_t seed) {
    return (struct engine_job){.prompt = VIEW("hello world"),
                               .format = forms[i].format,
                               .format_text = view_of(forms[i].text),
                               .sampling = {.temperature = (i + seed) % 3 ? 0.9f : 0,
                                            .top_k = i == 2 ? 40 : 0,
                                            .repetition_penalty = i == 1 ? 1.2f : 0,
                                            .seed = seed},
                               .logprobs = 1,
                               .tokens_max = TOKENS_MAX};
}

static struct engine *open_engine(struct view file, uint32_t threads) {
    struct engine *engine;
    struct engine_options options = {.slots = SLOTS, .threads = threads};
    if (engine_open_file(&engine, file, options) != SK_OK) fail_msg("%s", fail_text());
    return engine;
}

static void start(struct engine *engine, uint32_t slot, uint32_t seed) {
    int32_t ids[64];
    size_t len;
    struct engine_job job = job_of(slot, seed);
    assert_int_equal(engine_prompt(engine, &job, ids, 64, &len), SK_OK);
    if (engine_start(engine, slot, &job, ids, len) != SK_OK) fail_msg("%s", fail_text());
}

static void note(struct answer *answer, const struct engine_event *event) {
    if (event->kind == ENGINE_PREFILL || event->kind == ENGINE_WAITED) return;
    if (event->kind == ENGINE_FAILED) fail_msg("%.*s", (int)event->why.len, event->why.at);
    struct buf text = buf_over(answer->text + answer->text_len, 4096 - answer->text_len);
    engine_event_content(event, &text);
    answer->text_len += text.len;
    answer->tokens[answer->tokens_len] = event->token;
    answer->logprobs[answer->tokens_len++] = event->logprob;
    answer->end = event->kind;
}

// All given slots until each has its answer.
static void run(struct engine *engine, uint32_t from, uint32_t to, struct answer *answers) {
    uint32_t slots[SLOTS], len = 0;
    struct engine_event events[SLOTS];
    for (uint32_t i = from; i < to; i++) {
        memset(&answers[i], 0, sizeof answers[i]);
        slots[len++] = i;
    }
    while (len) {
        engine_step(engine, slots, len, events);
        uint32_t left = 0;
        for (uint32_t i = 0; i < len; i++) {
            note(&answers[slots[i]], &events[i]);
            if (events[i].kind <= ENGINE_TEXT) slots[left++] = slots[i];
        }
        len = left;
    }
}

static void assert_form(uint32_t i, const struct answer *answer) {
    static char storage[1 << 16];
    struct buf gbnf = buf_over(storage, sizeof storage);
    struct view text = {answer->text, answer->text_len};
    size_t taken;
    bool whole;
    if (forms[i].format == ENGINE_FREE) return;
    assert_int_equal(engine_format_gbnf(forms[i].format, view_of(forms[i].text), &gbnf), SK_OK);
    assert_int_equal(engine_format_match(buf_view(&gbnf), text, &taken, &whole), SK_OK);
    size_t held = answer->end == ENGINE_LENGTH ? 3 : 0; // half a character became U+FFFD
    if (taken + held < text.len || (answer->end == ENGINE_STOPPED && !whole))
        fail_msg("form %u: %.*s", i, (int)text.len, text.at);
}

static void answers_are_of_their_form_in_any_company(void **state) {
    (void)state;
    static struct answer alone[SLOTS], beside[SLOTS];
    uint32_t whole = 0;
    for (uint32_t seed = 1; seed <= 8; seed++) {
        struct make make = {.layers = 1, .bytewise = seed % 2, .chance = seed};
        struct view file = make_file(&make);
        struct engine *engine = open_engine(file, 1);
        for (uint32_t i = 0; i < SLOTS; i++) {
            start(engine, i, seed);
            run(engine, i, i + 1, alone);
            assert_form(i, &alone[i]);
            whole += forms[i].format && alone[i].end == ENGINE_STOPPED;
        }
        engine_close(engine);
        engine = open_engine(file, 3);
        for (uint32_t i = 0; i < SLOTS; i++) start(engine, i, seed);
        run(engine, 0, SLOTS, beside);
        for (uint32_t i = 0; i < SLOTS; i++) {
            assert_int_equal(alone[i].tokens_len, beside[i].tokens_len);
            assert_memory_equal(alone[i].tokens, beside[i].tokens, sizeof alone[i].tokens);
            assert_memory_equal(alone[i].logprobs, beside[i].logprobs, sizeof alone[i].logprobs);
        }
        engine_close(engine);
        make_free(&make);
    }
    assert_true(whole > 8);
}

static void assert_refused(struct engine *engine, enum engine_format format, const char *text,
                           enum sk_code code, const char *why) {
    struct engine_job job = {.prompt = VIEW("a"), .format = format, .format_text = view_of(text)};
    int32_t ids[8];
    size_t len;
    assert_int_equal(engine_prompt(engine, &job, ids, 8, &len), SK_OK);
    assert_int_equal(engine_start(engine, 0, &job, ids, len), code);
    if (strncmp(fail_text(), why, strlen(why)) != 0) fail_msg("%s", fail_text());
}

static void what_is_no_form_is_refused(void **state) {
    (void)state;
    struct make make = {.layers = 1};
    struct engine *engine = open_engine(make_file(&make), 1);
    assert_refused(engine, ENGINE_GBNF, "root ::= x", SK_INPUT,
                   "format: line 1, column 10: there is no rule x");
    assert_refused(engine, ENGINE_GBNF, "", SK_INPUT, "format: ");
    assert_refused(engine, ENGINE_JSON_SCHEMA, "{\"type\":\"objekt\"}", SK_INPUT, "format: ");
    assert_refused(engine, ENGINE_JSON_SCHEMA, "{", SK_INPUT, "format: ");
    start(engine, 0, 1); // the slot is as free as it was
    engine_close(engine); // what still runs ends with it
    make_free(&make);
}

// A rule with thousands of callers, all to be sorted again at each of its letters.
static void put_laborious(struct buf *out) {
    enum { CALLERS = 4000 };
    buf_put_text(out, "root ::= c0");
    for (int i = 1; i < CALLERS; i++) buf_print(out, " | c%d", i);
    for (int i = 0; i < CALLERS; i++) buf_print(out, "\nc%d ::= word \"%d\"", i, i);
    buf_put_text(out, "\nword ::= \"!\"");
    for (char c = 'a'; c <= 'z'; c++) buf_print(out, " | \"%c\" more", c);
    buf_put_text(out, "\nmore ::= \"?\" | word\n");
}

static void what_labours_over_its_grammar_lets_others_go_first(void **state) {
    (void)state;
    static char storage[1 << 18];
    static struct answer answers[2][2];
    struct buf gbnf = buf_over(storage, sizeof storage);
    put_laborious(&gbnf);
    struct make make = {.layers = 1, .bytewise = true};
    struct engine *engine = open_engine(make_file(&make), 1);
    struct engine_job job = job_of(1, 7);
    job.format_text = buf_view(&gbnf);
    uint32_t waited = 0, slots[] = {0, 3};
    for (uint32_t beside = 2; beside-- > 0;) { // the first time its states are new
        struct engine_event events[2];
        int32_t ids[64];
        size_t len;
        assert_int_equal(engine_prompt(engine, &job, ids, 64, &len), SK_OK);
        assert_int_equal(engine_start(engine, 0, &job, ids, len), SK_OK);
        if (beside) start(engine, 3, 7);
        for (uint32_t step = 0; step < 20; step++) {
            engine_step(engine, slots, 1 + beside, events);
            note(&answers[beside][0], &events[0]);
            if (beside)
                waited += events[0].kind == ENGINE_WAITED;
            else
                assert_true(events[0].kind >= ENGINE_PREFILL);
            if (beside) assert_true(events[1].kind >= ENGINE_PREFILL);
            if (events[0].kind > ENGINE_TEXT || events[beside].kind > ENGINE_TEXT) break;
        }
        engine_stop(engine, 0);
        engine_stop(engine, 3);
    }
    assert_true(waited > 0);
    size_t len = answers[1][0].tokens_len;
    assert_true(len > 0 && len <= answers[0][0].tokens_len);
    assert_memory_equal(answers[0][0].tokens, answers[1][0].tokens, len * sizeof(int32_t));
    engine_close(engine);
    make_free(&make);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_of_their_form_in_any_company),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(what_labours_over_its_grammar_lets_others_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
