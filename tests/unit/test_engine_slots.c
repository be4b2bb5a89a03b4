// Slots: what a job brings out, alone and beside others; text held back.
#include "cmocka_all.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/spout.h"
#include "gguf_make.h"

enum { TOKENS_MAX = 128 };

struct answer {
    int32_t tokens[TOKENS_MAX];
    float logprobs[TOKENS_MAX];
    struct engine_candidate top[TOKENS_MAX][ENGINE_CANDIDATES_MAX];
    char text[4096];
    size_t tokens_len, text_len;
    enum engine_event_kind end;
    uint32_t prefills;
};

static struct engine *open_engine(struct make *make, struct engine_options options) {
    struct engine *engine;
    enum sk_code code = engine_open_file(&engine, make_file(make), options);
    if (code != SK_OK) fail_msg("%s", fail_text());
    return engine;
}

// One step of a slot into its answer; false when the job is over.
static bool step(struct engine *engine, uint32_t slot, struct answer *answer) {
    struct engine_event event;
    engine_step(engine, &slot, 1, &event);
    assert_true(event.kind != ENGINE_FAILED);
    size_t room = sizeof answer->text - answer->text_len;
    struct buf text = buf_over(answer->text + answer->text_len, room);
    engine_event_content(&event, &text);
    assert_true(utf8_check(buf_view(&text)));
    answer->text_len += text.len;
    answer->end = event.kind;
    if (event.kind == ENGINE_PREFILL)
        answer->prefills++;
    else {
        size_t at = answer->tokens_len++;
        answer->tokens[at] = event.token;
        answer->logprobs[at] = event.logprob;
        if (event.top_len > 0)
            memcpy(answer->top[at], event.top, event.top_len * sizeof *event.top);
    }
    return event.kind == ENGINE_PREFILL || event.kind == ENGINE_TEXT;
}

static void start(struct engine *engine, uint32_t slot, const struct engine_job *job) {
    int32_t ids[TOKENS_MAX];
    size_t len;
    if (engine_prompt(engine, job, ids, TOKENS_MAX, &len) != SK_OK) fail_msg("%s", fail_text());
    if (engine_start(engine, slot, job, ids, len) != SK_OK) fail_msg("%s", fail_text());
}

static void run(struct engine *engine, uint32_t slot, const struct engine_job *job,
                struct answer *answer) {
    memset(answer, 0, sizeof *answer);
    start(engine, slot, job);
    while (step(engine, slot, answer)) {}
}

static void assert_same(const struct answer *a, const struct answer *b) {
    assert_int_equal(a->tokens_len, b->tokens_len);
    assert_memory_equal(a->tokens, b->tokens, a->tokens_len * sizeof *a->tokens);
    assert_memory_equal(a->logprobs, b->logprobs, a->tokens_len * sizeof *a->logprobs);
    assert_memory_equal(a->top, b->top, a->tokens_len * sizeof *a->top);
    assert_int_equal(a->text_len, b->text_len);
    assert_memory_equal(a->text, b->text, a->text_len);
    assert_int_equal(a->end, b->end);
}

static struct engine_job job_of(size_t i) {
    static const char *const prompts[] = {"hello world", "こんにちは、世界。", "user hello, hello.",
                                          "a b c d e f g h i l m n o r s t u w . , < > | _ hello"};
    return (struct engine_job){.prompt = view_of(prompts[i % 4]),
                               .sampling = {.temperature = i % 2 ? 0.9f : 0,
                                            .top_p = i == 3 ? 0.8f : 0,
                                            .min_p = i == 3 ? 0.01f : 0,
                                            .typical_p = i == 3 ? 0.95f : 0,
                                            .top_k = i == 1 ? 5 : 0,
                                            .repetition_penalty = i == 2 ? 1.3f : 0,
                                            .frequency_penalty = i == 1 ? 0.5f : 0,
                                            .dry_multiplier = i >= 2 ? 0.8f : 0,
                                            .seed = 7 + i},
                               .logprobs = (uint32_t)(i % 4 * 7), // 21 shows all there can be
                               .tokens_max = 16};
}

// I9: alone, beside three others, with any kernels and any number of threads, and for every type.
static void answers_do_not_depend_on_company_threads_or_kernels(void **state) {
    (void)state;
    static struct answer alone[4], beside[4];
    for (uint32_t type = 0; type <= QUANT_TYPE_MAX; type++) {
        const struct quant *quant = quant_find(type);
        if (!quant) continue;
        bool wide = quant->block > 32;
        struct make make = {.matrix_type = type + 1, .layers = wide ? 1 : 2,
                            .width = wide ? 256 : 64, .ff = wide ? 256 : 96, .chance = type};
        struct engine_options options = {.slots = 4, .threads = 1, .kernels = ENGINE_SCALAR};
        struct engine *engine = open_engine(&make, options);
        for (size_t i = 0; i < 4; i++) {
            struct engine_job job = job_of(i);
            run(engine, 2, &job, &alone[i]);
            assert_true(alone[i].tokens_len > 0);
        }
        engine_close(engine);
        for (uint32_t threads = 1; threads <= 3; threads += 2) {
            for (enum engine_kernels k = ENGINE_SCALAR; k < ENGINE_KERNELS_END; k++) {
                if (k == ENGINE_SCALAR && threads == 1) continue; // that was alone
                options.threads = threads;
                options.kernels = k;
                if (engine_open_file(&engine, buf_view(&make.file), options) != SK_OK) continue;
                memset(beside, 0, sizeof beside);
                bool running[4] = {true, true, true, true};
                for (size_t i = 0; i < 4; i++) {
                    struct engine_job job = job_of(i);
                    start(engine, (uint32_t)i, &job);
                }
                for (int left = 4; left > 0;) {
                    for (uint32_t i = 0; i < 4; i++)
                        if (running[i] && !(running[i] = step(engine, i, &beside[i]))) left--;
                }
                for (size_t i = 0; i < 4; i++) assert_same(&alone[i], &beside[i]);
                engine_close(engine);
            }
        }
        make_free(&make);
    }
}

// A prompt read in chunks and one read a token at a time give the same continuation.
static void chunks_do_not_matter(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_engine(&make, (struct engine_options){.slots = 2, .threads = 1});
    struct engine_job job = {.tokens_max = 20};
    int32_t ids[90];
    for (int i = 0; i < 90; i++) ids[i] = 262 + i % 50;
    static struct answer whole, single;
    memset(&whole, 0, sizeof whole);
    assert_int_equal(engine_start(engine, 0, &job, ids, 90), SK_OK);
    while (step(engine, 0, &whole)) {}
    assert_int_equal(whole.prefills, 1); // 64, then 26 and the first token
    // Its own answer, teacher-forced: every prefix of it continues the same way.
    for (size_t cut = 1; cut < 20; cut += 6) {
        int32_t longer[110];
        memcpy(longer, ids, sizeof ids);
        memcpy(longer + 90, whole.tokens, cut * sizeof *ids);
        memset(&single, 0, sizeof single);
        job.tokens_max = (uint32_t)(20 - cut);
        assert_int_equal(engine_start(engine, 1, &job, longer, 90 + cut), SK_OK);
        while (step(engine, 1, &single)) {}
        assert_memory_equal(single.tokens, whole.tokens + cut, (20 - cut) * sizeof *ids);
    }
    engine_close(engine);
    make_free(&make);
}

static void limits_are_kept(void **state) {
    (void)state;
    struct make make = {0};
    struct engine_options options = {.slots = 1, .threads = 1, .context = 40};
    struct engine *engine = open_engine(&make, options);
    static struct answer answer;
    int32_t ids[64] = {300, 301};
    struct engine_job job = {.tokens_max = 1};
    for (int i = 0; i < 64; i++) ids[i] = 300;
    static const struct {
        size_t len;
        uint32_t tokens_max;
        enum sk_code code;
    } cases[] = {{0, 1, SK_INPUT}, {40, 0, SK_LIMIT}, {41, 0, SK_LIMIT}, {40, 2, SK_LIMIT},
                 {41, UINT32_MAX, SK_LIMIT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        job.tokens_max = cases[i].tokens_max;
        assert_int_equal(engine_start(engine, 0, &job, ids, cases[i].len), cases[i].code);
    }
    assert_int_equal(engine_start(engine, 0, &job, ids, 41), SK_LIMIT);
    assert_non_null(strstr(fail_text(), "prompt of 41 tokens > 39, the context's 40 but one"));
    static const int32_t wrong[] = {-1, 1 << 20};
    job.tokens_max = 1;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(engine_start(engine, 0, &job, &wrong[i], 1), SK_INPUT);
    static const struct engine_job bad[] = {
        {.sampling.temperature = -1},  {.sampling.temperature = NAN},
        {.sampling.temperature = 101}, {.sampling.top_p = -1},
        {.sampling.top_p = 1.5f},      {.sampling.top_p = NAN},
        {.stops_len = 1},              {.stops = {{"\xff", 1}}, .stops_len = 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(engine_start(engine, 0, &bad[i], ids, 1), SK_INPUT);
    struct engine_job many = {.stops_len = ENGINE_STOPS_MAX + 1};
    assert_int_equal(engine_start(engine, 0, &many, ids, 1), SK_LIMIT);

    job.tokens_max = 38; // exactly to the end of the context; random weights rarely end early
    memset(&answer, 0, sizeof answer);
    assert_int_equal(engine_start(engine, 0, &job, ids, 2), SK_OK);
    while (step(engine, 0, &answer)) {}
    assert_int_equal(answer.end, ENGINE_LENGTH);
    assert_int_equal(answer.tokens_len, 38);
    job.tokens_max = UINT32_MAX; // the same, though more is asked for
    memset(&answer, 0, sizeof answer);
    assert_int_equal(engine_start(engine, 0, &job, ids, 2), SK_OK);
    while (step(engine, 0, &answer)) {}
    assert_int_equal(answer.end, ENGINE_LENGTH);
    assert_int_equal(answer.tokens_len, 38);

    assert_int_equal(engine_start(engine, 0, &job, ids, 2), SK_OK); // cancelled, then free again
    assert_true(step(engine, 0, &answer));
    engine_stop(engine, 0);
    engine_stop(engine, 0);
    assert_int_equal(engine_start(engine, 0, &job, ids, 2), SK_OK);
    engine_close(engine);
    make_free(&make);
}

// The first step's logprobs are the model's own, whatever the sampler then did with them.
static void logprobs_come_with_the_token(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_engine(&make, (struct engine_options){.slots = 2, .threads = 1});
    static struct answer plain, forced;
    const struct engine_bias bias = {300, 100};
    struct engine_job job = {.prompt = VIEW("hello"), .tokens_max = 1, .logprobs = 21};
    run(engine, 0, &job, &plain);
    job.sampling = (struct engine_sampling){
        .temperature = 1.5f, .top_p = 0.5f, .logit_bias = &bias, .logit_bias_len = 1};
    run(engine, 1, &job, &forced);
    assert_int_equal(forced.tokens[0], 300);
    assert_true(forced.logprobs[0] < plain.logprobs[0]);
    assert_memory_equal(plain.top, forced.top, sizeof plain.top);
    assert_int_equal(plain.top[0][0].token, plain.tokens[0]);
    assert_true(plain.top[0][0].logprob == plain.logprobs[0]);
    for (int i = 1; i < ENGINE_CANDIDATES_MAX; i++)
        assert_true(plain.top[0][i - 1].logprob >= plain.top[0][i].logprob);
    int32_t id = 5;
    job.logprobs = 22;
    assert_int_equal(engine_start(engine, 0, &job, &id, 1), SK_LIMIT);
    assert_non_null(strstr(fail_text(), "logprobs: 21 alternatives > 20"));
    struct engine_bias none = {(int32_t)engine_shape(engine).vocabulary, 1};
    job.sampling.logit_bias = &none;
    job.logprobs = 0;
    assert_int_equal(engine_start(engine, 0, &job, &id, 1), SK_INPUT);
    assert_non_null(strstr(fail_text(), "logit_bias: token"));
    engine_close(engine);
    make_free(&make);
}

static void damaged_weights_end_the_job_alone(void **state) {
    (void)state;
    struct make make = {.poison = "blk.1.ffn_up.weight"};
    struct engine *engine = open_engine(&make, (struct engine_options){.slots = 1, .threads = 1});
    struct engine_job job = {.prompt = VIEW("hello")};
    for (int i = 0; i < 2; i++) {
        struct engine_event event;
        start(engine, 0, &job);
        engine_step(engine, &(uint32_t){0}, 1, &event);
        assert_int_equal(event.kind, ENGINE_FAILED);
        assert_int_equal(event.code, SK_CORRUPT);
        assert_non_null(memmem(event.why.at, event.why.len, "not finite", 10));
    }
    engine_close(engine);
    make_free(&make);
}

// ---- text held back ----

static void assert_spout(const char *stops, const char *pieces, const char *want, bool stopped) {
    static struct spout spout;
    struct engine_job job = {.stops_len = 0};
    char text[1024], stop_text[256];
    strcpy(stop_text, stops);
    for (char *at = strtok(stop_text, "|"); at; at = strtok(NULL, "|"))
        job.stops[job.stops_len++] = view_of(at);
    assert_int_equal(spout_init(&spout, &job), SK_OK);
    struct buf out = buf_over(text, sizeof text);
    bool found = false;
    for (struct view left = view_of(pieces); left.len && !found;) { // pieces end at '/'
        size_t n = 0;
        while (n < left.len && left.at[n] != '/') n++;
        found = spout_put(&spout, (struct view){left.at, n}, true, &out) != ENGINE_NO_STOP;
        if (!found) buf_put_char(&out, '/');
        left = view_from(left, n + 1);
    }
    if (!found) spout_end(&spout, &out);
    buf_put_char(&out, 0);
    assert_string_equal(text, want);
    assert_int_equal(found, stopped);
}

static void text_comes_out_in_whole_characters(void **state) {
    (void)state;
    assert_spout("", "ab/c", "ab/c/", false);
    assert_spout("", "\xe3/\x81/\x82", "//あ/", false);
    assert_spout("", "a\xf0\x9f\x99/\x82z", "a/🙂z/", false);
    assert_spout("", "\xe3/\x81", "//\xef\xbf\xbd\xef\xbf\xbd", false); // never completed
    assert_spout("", "\xe3/a", "/\xef\xbf\xbd" "a/", false);
    assert_spout("", "\xff\x80", "\xef\xbf\xbd\xef\xbf\xbd/", false);
}

static void stops_are_found_across_tokens(void **state) {
    (void)state;
    assert_spout("END", "abEN/Dcd", "ab/", true);
    assert_spout("END", "abEN/d", "ab/ENd/", false);
    assert_spout("END", "E/E/N/D", "/E//", true);
    assert_spout("aab", "aaa/b", "a/", true);
    assert_spout("xyz|y", "wx/y", "w/x", true); // the earliest beginning that is whole
    assert_spout("bcd|c", "abc/d", "ab", true);
    assert_spout("終わり", "これで終\xe3\x82/\x8f\xe3\x82/\x8a", "これで//", true);
    assert_spout("あ", "\xe3\x81/\x84", "/い/", false);
    assert_spout("STOP", "STO", "/STO", false); // held to the end, then given
    assert_spout("ab", "xab", "x", true);
}

static void stop_strings_stop_jobs(void **state) {
    (void)state;
    struct make make = {0};
    struct engine *engine = open_engine(&make, (struct engine_options){.slots = 1, .threads = 1});
    static struct answer whole, cut;
    struct engine_job job = job_of(0);
    run(engine, 0, &job, &whole);
    assert_true(whole.text_len > 8);
    size_t from = whole.text_len / 2; // any text of the answer, from a whole character on
    while ((whole.text[from] & 0xc0) == 0x80) from++;
    job.stops[0] = (struct view){whole.text + from, 3};
    while (!utf8_check(job.stops[0])) job.stops[0].len++;
    job.stops_len = 1;
    run(engine, 0, &job, &cut);
    assert_int_equal(cut.end, ENGINE_STOPPED);
    const char *first = memmem(whole.text, whole.text_len, job.stops[0].at, job.stops[0].len);
    assert_non_null(first);
    assert_int_equal(cut.text_len, first - whole.text);
    assert_memory_equal(cut.text, whole.text, cut.text_len);
    engine_close(engine);
    make_free(&make);
}

// Right after BOS a space is left out where the vocabulary puts one before every text, only there.
static void the_prefix_space_does_not_come_out(void **state) {
    (void)state;
    const int32_t bos = 1;
    for (int prefixed = 0; prefixed < 2; prefixed++) {
        struct make make = {.drop = prefixed ? "tokenizer.ggml.add_space_prefix" : NULL};
        struct engine *engine =
            open_engine(&make, (struct engine_options){.slots = 1, .threads = 1});
        struct engine_job job = {.sampling.temperature = 100, .tokens_max = 1};
        int spaces = 0;
        for (job.sampling.seed = 0; job.sampling.seed < 400; job.sampling.seed++) {
            struct answer answer = {0};
            if (engine_start(engine, 0, &job, &bos, 1) != SK_OK) fail_msg("%s", fail_text());
            step(engine, 0, &answer);
            char text[64];
            struct buf piece = buf_over(text, sizeof text);
            engine_detokenize(engine, answer.tokens[0], &piece);
            if (piece.len == 0 || text[0] != ' ') continue;
            assert_int_equal(answer.text_len, piece.len - (size_t)prefixed);
            spaces++;
        }
        assert_true(spaces > 0);
        engine_close(engine);
        make_free(&make);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_do_not_depend_on_company_threads_or_kernels),
        cmocka_unit_test(chunks_do_not_matter),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(logprobs_come_with_the_token),
        cmocka_unit_test(damaged_weights_end_the_job_alone),
        cmocka_unit_test(text_comes_out_in_whole_characters),
        cmocka_unit_test(stops_are_found_across_tokens),
        cmocka_unit_test(stop_strings_stop_jobs),
        cmocka_unit_test(the_prefix_space_does_not_come_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
