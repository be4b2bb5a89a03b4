// Scores of a prompt's tokens: the bits of engine_score alone and in every company, also where the
// prompt was found; jobs that end with their prompt.
#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#include "engine/engine.h"
#include "specimen.h"

enum { WIDTH = 64, CONTEXT = 128, TOP = 3, JOBS = 40, SLOTS = 6 };

static struct engine *open_with(struct make *make, const char *family,
                                struct engine_options options) {
    struct engine *engine;
    struct view file = specimen_make(make, specimen_find(family), weight_type_find("Q8_0"), false,
                                     WIDTH);
    options.context = CONTEXT;
    if (engine_open(&engine, &file, 1, options) != SK_OK) fail_msg("%s", fail_text());
    return engine;
}

static struct engine *open_engine(struct make *make, uint32_t slots, uint32_t threads) {
    return open_with(make, "llama", (struct engine_options){.slots = slots, .threads = threads});
}

struct asked {
    struct engine_job job;
    int32_t ids[CONTEXT];
    size_t len;
    // What came of it:
    float logprobs[CONTEXT];
    struct engine_candidate top[CONTEXT][TOP];
    uint32_t scored, tokens, cached;
    enum engine_event_kind end;
};

static void start(struct engine *engine, uint32_t slot, struct asked *asked) {
    asked->scored = 0;
    if (engine_start(engine, slot, &asked->job, asked->ids, asked->len) != SK_OK)
        fail_msg("%s", fail_text());
}

// False when that was the last event.
static bool take(struct asked *asked, const struct engine_event *event) {
    assert_true(event->kind != ENGINE_FAILED);
    if (event->scores_len > 0 && asked->scored == 0)
        assert_int_equal(event->scores_at, asked->job.score_from);
    for (uint32_t i = 0; i < event->scores_len; i++) {
        const struct engine_scored *one = &event->scores[i];
        uint32_t at = event->scores_at + i;
        assert_int_equal(at, asked->job.score_from + asked->scored++);
        assert_int_equal(one->token, asked->ids[at]);
        assert_int_equal(one->top_len, asked->job.logprobs ? asked->job.logprobs - 1 : 0);
        asked->logprobs[at] = one->logprob;
        for (uint32_t t = 0; t < one->top_len; t++) asked->top[at][t] = one->top[t];
    }
    asked->tokens = event->tokens;
    asked->cached = event->prompt_cached;
    asked->end = event->kind;
    return event->kind <= ENGINE_TEXT;
}

static void run(struct engine *engine, struct asked *asked) {
    struct engine_event event;
    start(engine, 0, asked);
    do engine_step(engine, &(uint32_t){0}, 1, &event);
    while (take(asked, &event));
}

static void text(int32_t *ids, size_t len, uint32_t seed) {
    for (uint32_t i = 0; i < len; i++) ids[i] = 5 + (int32_t)((i * 37 + i * i * seed) % 140);
}

static void assert_scored(const struct asked *asked, const float *want) {
    uint32_t from = asked->job.score_from;
    assert_int_equal(asked->scored, from ? asked->len - from : 0);
    assert_memory_equal(asked->logprobs + from, want + from, asked->scored * sizeof *want);
}

static void the_scores_are_those_of_the_text(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_engine(&make, 1, 2);
    static const size_t lens[] = {1, 2, 17, 64, 65, 100, CONTEXT};
    for (size_t l = 0; l < sizeof lens / sizeof *lens; l++) {
        float want[CONTEXT];
        struct asked asked = {.len = lens[l], .job = {.prompt_only = true, .tenant = 1}};
        text(asked.ids, asked.len, 3);
        assert_int_equal(engine_score(engine, asked.ids, asked.len, want), SK_OK);
        for (uint32_t from = 1; from <= asked.len; from += 1 + from / 2) { // found, from the second on
            asked.job.score_from = from;
            run(engine, &asked);
            assert_int_equal(asked.end, ENGINE_LENGTH);
            assert_int_equal(asked.tokens, 0);
            assert_true(asked.cached < from);
            assert_scored(&asked, want);
        }
        if (asked.len > 40) assert_true(asked.cached >= 16);
    }
    engine_close(engine);
    make_free(&make);
}

// What a token's alternatives are does not depend on whether it was made or given.
// What a text's scores move by when its keys and values are kept in eight bits, and what that saves.
static void eight_bits_are_close_and_half(void **state) {
    (void)state;
    static const char *const families[] = {"llama", "gemma2", "phi3"};
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        struct engine_shape shape[ENGINE_CACHE_END];
        float logprobs[ENGINE_CACHE_END][CONTEXT], again[CONTEXT];
        int32_t ids[CONTEXT];
        text(ids, CONTEXT, 3);
        for (enum engine_cache cache = 0; cache < ENGINE_CACHE_END; cache++) {
            struct make make = {0};
            struct engine_options options = {.slots = 64, .threads = 1, .cache = cache};
            struct engine *engine = open_with(&make, families[i], options);
            shape[cache] = engine_shape(engine);
            if (engine_score(engine, ids, CONTEXT, logprobs[cache]) != SK_OK)
                fail_msg("%s", fail_text());
            engine_close(engine);
            make_free(&make);
        }
        for (uint32_t threads = 2; threads <= 3; threads++) {
            struct make make = {0};
            struct engine_options options = {
                .slots = 1, .threads = threads, .cache = ENGINE_CACHE_Q8_0};
            struct engine *engine = open_with(&make, families[i], options);
            if (engine_score(engine, ids, CONTEXT, again) != SK_OK) fail_msg("%s", fail_text());
            assert_memory_equal(again, logprobs[ENGINE_CACHE_Q8_0], sizeof again);
            engine_close(engine);
            make_free(&make);
        }
        double moved = 0, apart = 0;
        for (size_t j = 1; j < CONTEXT; j++) {
            moved += fabs((double)logprobs[0][j] - (double)logprobs[1][j]);
            apart += fabs((double)logprobs[0][j] - (double)logprobs[0][j - 1]);
        }
        print_message("%s: scores move by %.4f of what they differ by\n", families[i], moved / apart);
        assert_true(moved > 0 && moved < apart / 20);
        assert_int_equal(shape[0].tokens_held, shape[1].tokens_held);
        assert_true(shape[1].cache == ENGINE_CACHE_Q8_0);
        assert_true(shape[1].state_bytes < shape[0].state_bytes);
    }
}

static void alternatives_are_those_of_an_answer(void **state) {
    (void)state;
    enum { PROMPT = 20, MADE = 12 };
    struct make make = {0};
    struct engine *engine = open_engine(&make, 1, 1);
    struct asked first = {.len = PROMPT, .job = {.logprobs = 1 + TOP, .tokens_max = MADE}};
    struct asked again = {.job = {.logprobs = 1 + TOP, .score_from = PROMPT, .prompt_only = true}};
    struct engine_candidate top[MADE][TOP];
    float logprobs[MADE];
    text(first.ids, PROMPT, 5);
    memcpy(again.ids, first.ids, sizeof first.ids);
    again.len = PROMPT;
    start(engine, 0, &first);
    for (struct engine_event event = {.kind = ENGINE_PREFILL}; event.kind <= ENGINE_TEXT;) {
        engine_step(engine, &(uint32_t){0}, 1, &event);
        if (event.kind < ENGINE_TEXT || event.kind == ENGINE_STOPPED) continue;
        logprobs[again.len - PROMPT] = event.logprob;
        for (uint32_t t = 0; t < TOP; t++) top[again.len - PROMPT][t] = event.top[t];
        again.ids[again.len++] = event.token;
    }
    assert_true(again.len > PROMPT);
    run(engine, &again);
    size_t made = again.len - PROMPT;
    assert_memory_equal(again.logprobs + PROMPT, logprobs, made * sizeof *logprobs);
    assert_memory_equal(again.top + PROMPT, top, made * sizeof *top);
    engine_close(engine);
    make_free(&make);
}

// ---- in company ----

static struct asked asked[JOBS];
static float wanted[JOBS][CONTEXT];

static void make_jobs(struct engine *engine) {
    uint64_t chance = 7;
    for (uint32_t i = 0; i < JOBS; i++) {
        struct asked *one = &asked[i];
        *one = (struct asked){.len = 1 + chance_next(&chance) % 110};
        text(one->ids, one->len, 1 + (uint32_t)(chance_next(&chance) % 3));
        one->job.tenant = chance_next(&chance) % 3;
        one->job.prompt_only = chance_next(&chance) % 2;
        one->job.score_from = (uint32_t)(chance_next(&chance) % (one->len + 1));
        if (!one->job.prompt_only) one->job.tokens_max = 1 + (uint32_t)(chance_next(&chance) % 9);
        if (chance_next(&chance) % 2) one->job.logprobs = 1 + TOP;
        assert_int_equal(engine_score(engine, one->ids, one->len, wanted[i]), SK_OK);
    }
}

// All jobs, as many at a time as there are slots.
static void run_all(struct engine *engine, uint32_t slots) {
    uint32_t of[SLOTS], running[SLOTS], len = 0, next = 0;
    for (uint32_t i = 0; i < slots && next < JOBS; i++) {
        start(engine, i, &asked[next]);
        running[len++] = i;
        of[i] = next++;
    }
    while (len > 0) {
        struct engine_event events[SLOTS];
        uint32_t left = 0;
        engine_step(engine, running, len, events);
        for (uint32_t i = 0; i < len; i++) {
            uint32_t slot = running[i];
            bool more = take(&asked[of[slot]], &events[i]);
            if (!more && next < JOBS) {
                of[slot] = next++;
                start(engine, slot, &asked[of[slot]]);
                more = true;
            }
            if (more) running[left++] = slot;
        }
        len = left;
    }
}

static void company_changes_no_score(void **state) {
    (void)state;
    static const uint32_t ways[][2] = {{1, 1}, {3, 2}, {SLOTS, 3}}; // slots, threads
    struct make make = {0};
    for (size_t w = 0; w < 3; w++) {
        make_free(&make);
        make = (struct make){0};
        struct engine *engine = open_engine(&make, ways[w][0], ways[w][1]);
        make_jobs(engine);
        run_all(engine, ways[w][0]);
        uint32_t cached = 0;
        for (uint32_t i = 0; i < JOBS; i++) {
            assert_scored(&asked[i], wanted[i]);
            if (asked[i].job.prompt_only) assert_int_equal(asked[i].end, ENGINE_LENGTH);
            cached += asked[i].cached;
        }
        assert_true(cached > 0);
        engine_close(engine);
    }
    make_free(&make);
}

// ---- what is refused ----

static void a_prompt_alone_may_fill_the_context(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_engine(&make, 1, 1);
    struct asked one = {.len = CONTEXT, .job = {.prompt_only = true}};
    text(one.ids, CONTEXT, 3);
    run(engine, &one);
    assert_int_equal(one.end, ENGINE_LENGTH);
    one.job.prompt_only = false;
    assert_int_equal(engine_start(engine, 0, &one.job, one.ids, CONTEXT), SK_LIMIT);
    one.job.prompt_only = true;
    one.job.score_from = 11;
    assert_int_equal(engine_start(engine, 0, &one.job, one.ids, 10), SK_INPUT);
    assert_non_null(strstr(fail_text(), "prompt: scores from token 11 of 10"));
    engine_close(engine);
    make_free(&make);
}

static void damaged_weights_are_seen(void **state) {
    (void)state;
    struct make make = {.poison = "output.weight"};
    struct engine *engine = open_engine(&make, 1, 1);
    struct asked one = {.len = 30, .job = {.prompt_only = true, .score_from = 4}};
    struct engine_event event;
    text(one.ids, one.len, 3);
    for (int i = 0; i < 2; i++) { // the slot is free again
        start(engine, 0, &one);
        engine_step(engine, &(uint32_t){0}, 1, &event);
        assert_int_equal(event.kind, ENGINE_FAILED);
        assert_int_equal(event.code, SK_CORRUPT);
    }
    engine_close(engine);
    make_free(&make);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_scores_are_those_of_the_text),
        cmocka_unit_test(eight_bits_are_close_and_half),
        cmocka_unit_test(alternatives_are_those_of_an_answer),
        cmocka_unit_test(company_changes_no_score),
        cmocka_unit_test(a_prompt_alone_may_fill_the_context),
        cmocka_unit_test(damaged_weights_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
