// What a request becomes and what comes of it, on the wire: jobs, pieces, results, and the value an
// answer's commitment is of.
#include "cmocka_all.h"

#include "base/wire.h"
#include "node/choice.h"
#include "node/job.h"
#include "node/piece.h"
#include "node/result.h"

#include <math.h>
#include <stddef.h>

static struct arena arena;

static int open_arena(void **state) {
    (void)state;
    return arena_open(&arena, "test", 1 << 20) == SK_OK ? 0 : 1;
}
static int close_arena(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

// The lists of a task of everything.
struct lists {
    struct engine_message messages[2];
    struct view breakers[2], texts[2];
    struct engine_bias biases[2];
    struct engine_span spans[1];
};

static struct gate_task a_task(struct lists *lists) {
    *lists =
        (struct lists){.messages = {{ENGINE_SYSTEM, VIEW("丁寧に")}, {ENGINE_USER, VIEW("はい")}},
                       .breakers = {VIEW("\n"), VIEW("。")},
                       .texts = {VIEW("一"), VIEW("")},
                       .biases = {{0, -100}, {INT32_MAX, 0.5f}},
                       .spans = {{1, 0, 2}}};
    struct engine_sampling sampling = {
        0.7f,  40, 0.9f, 0.05f,           0.95f, 1.1f,          -2, 1.5f,      64, 0.8f,
        1.75f, 3,  1024, lists->breakers, 2,     lists->biases, 2,  UINT64_MAX};
    struct engine_job job = {.messages = lists->messages,
                             .messages_len = 2,
                             .template_data = VIEW("{\"tools\":[]}"),
                             .format = ENGINE_GBNF,
                             .format_text = VIEW("root ::= \"a\""),
                             .tool_choice = ENGINE_TOOLS_NAMED,
                             .tool_name = VIEW("天気"),
                             .parallel_calls = true,
                             .tokens_max = 9,
                             .logprobs = 21,
                             .score_from = 4,
                             .tenant = 7, // border's word, not on the wire
                             .time_s = -1,
                             .sampling = sampling,
                             .stops = {VIEW("。"), VIEW("\n")},
                             .stops_len = 2};
    return (struct gate_task){.operation = GATE_OP_ATTRIBUTE,
                              .job = job,
                              .texts = lists->texts,
                              .texts_len = 2,
                              .dimensions = 256,
                              .each_token = true,
                              .cost_max = 8000,
                              .query = VIEW("何"),
                              .answer = VIEW("答"),
                              .spans = lists->spans,
                              .spans_len = 1};
}

static void a_job_comes_back_equal(void **state) {
    (void)state;
    char storage[1024];
    struct buf out = buf_over(storage, sizeof storage);
    struct lists lists;
    struct gate_task task = a_task(&lists), got;
    struct engine_job *job = &got.job;
    arena_reset(&arena);
    assert_int_equal(job_write(&task, &out), SK_OK);
    assert_int_equal(job_read(buf_view(&out), &arena, &got), SK_OK);
    assert_int_equal(got.operation, GATE_OP_ATTRIBUTE);
    assert_true(got.dimensions == 256 && got.each_token && got.cost_max == 8000);
    assert_int_equal(job->messages_len, 2);
    assert_int_equal(job->messages[1].role, ENGINE_USER);
    assert_true(view_same(job->messages[1].text, task.job.messages[1].text));
    assert_true(view_same(job->template_data, task.job.template_data));
    assert_true(job->logprobs == 21 && job->tenant == 0 && job->time_s == -1);
    assert_true(job->score_from == 4 && !job->prompt_only);
    assert_memory_equal(&job->sampling, &task.job.sampling,
                        offsetof(struct engine_sampling, dry_penalty_last_n) + 4); // then padding
    assert_int_equal(job->sampling.dry_breakers_len, 2);
    assert_true(view_is(job->sampling.dry_breakers[1], "。"));
    assert_int_equal(job->sampling.logit_bias_len, 2);
    assert_memory_equal(job->sampling.logit_bias, task.job.sampling.logit_bias,
                        2 * sizeof(struct engine_bias));
    assert_true(job->sampling.seed == UINT64_MAX);
    assert_true(view_is(job->stops[1], "\n"));
    assert_true(job->format == ENGINE_GBNF && view_is(job->format_text, "root ::= \"a\""));
    assert_true(job->tool_choice == ENGINE_TOOLS_NAMED && view_is(job->tool_name, "天気"));
    assert_true(job->parallel_calls);
    assert_true(got.texts_len == 2 && view_is(got.texts[0], "一") && got.texts[1].len == 0);
    assert_true(view_is(got.query, "何") && view_is(got.answer, "答"));
    assert_int_equal(got.spans_len, 1);
    assert_true(got.spans[0].message == 1 && got.spans[0].first == 0 && got.spans[0].end == 2);
    for (size_t len = 0; len < out.len; len++)
        assert_int_not_equal(job_read((struct view){storage, len}, &arena, &got), SK_OK);
    task.job.prompt_only = true; // the engine takes none with tokens to make
    buf_reset(&out);
    assert_int_equal(job_write(&task, &out), SK_OK);
    assert_int_equal(job_read(buf_view(&out), &arena, &got), SK_CORRUPT);
}

static void only_known_terms_are_terms(void **state) {
    (void)state;
    assert_true(view_is(job_term(VIEW("format: keyword 'x'")), "format"));
    assert_true(view_is(job_term(VIEW("tool_choice: no tool")), "tool_choice"));
    assert_true(view_is(job_term(VIEW("tools")), "tools"));
    assert_int_equal(job_term(VIEW("prompt 600 + max 100 tokens > context 512")).len, 0);
    assert_true(view_is(job_term(VIEW("typical_p: it cannot")), "typical_p"));
    assert_int_equal(job_term(VIEW("seed: x")).len, 0);
    assert_int_equal(job_term(VIEW("")).len, 0);
}

// ---- pieces ----

static void parts_come_back_equal(void **state) {
    (void)state;
    char storage[256];
    struct buf out = buf_over(storage, sizeof storage);
    const struct engine_part parts[] = {{ENGINE_REASONING, VIEW("考")},
                                        {ENGINE_CALL, VIEW("f")},
                                        {ENGINE_ARGUMENTS, VIEW("{")},
                                        {ENGINE_ARGUMENTS, VIEW("}")},
                                        {ENGINE_CONTENT, VIEW("済")}};
    for (size_t i = 0; i < 5; i++)
        piece_part_put(parts[i], &out);
    enum engine_channel last = ENGINE_CONTENT;
    struct view left = buf_view(&out);
    struct engine_part got;
    assert_int_equal(piece_parts_check(left, &last), SK_OK);
    assert_int_equal(last, ENGINE_CONTENT);
    for (size_t i = 0; i < 5; i++) {
        assert_true(piece_part_take(&left, &got));
        assert_true(got.channel == parts[i].channel && view_same(got.text, parts[i].text));
    }
    assert_false(piece_part_take(&left, &got));
    for (size_t len = 1; len < out.len; len++) { // cut anywhere but between two
        last = ENGINE_CONTENT;
        enum sk_code code = piece_parts_check((struct view){storage, len}, &last);
        assert_int_equal(code,
                         len == 8 || len == 14 || len == 20 || len == 26 ? SK_OK : SK_CORRUPT);
    }
}

static void parts_that_lie_are_refused(void **state) {
    (void)state;
    static char name[ENGINE_NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    const struct engine_part lies[] = {{ENGINE_CONTENT, VIEW("")},
                                       {ENGINE_CONTENT, VIEW("\xe3\x81")},
                                       {ENGINE_ARGUMENTS, VIEW("{}")},
                                       {ENGINE_CALL, {name, sizeof name}},
                                       {(enum engine_channel)4, VIEW("x")}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char storage[256];
        struct buf out = buf_over(storage, sizeof storage);
        enum engine_channel last = ENGINE_REASONING;
        piece_part_put(lies[i], &out);
        assert_int_equal(piece_parts_check(buf_view(&out), &last), SK_CORRUPT);
    }
    char storage[256];
    struct buf out = buf_over(storage, sizeof storage);
    enum engine_channel last = ENGINE_CALL; // of the piece before
    piece_part_put((struct engine_part){ENGINE_ARGUMENTS, VIEW("{}")}, &out);
    assert_int_equal(piece_parts_check(buf_view(&out), &last), SK_OK);
}

static void log_probabilities_are_numbers(void **state) {
    (void)state;
    char storage[256];
    struct buf out = buf_over(storage, sizeof storage);
    piece_token_put(VIEW("\xe3"), -0.5f, 2, &out);
    piece_alternative_put(VIEW(""), -1, &out);
    piece_alternative_put(VIEW("a"), -2, &out);
    assert_int_equal(piece_logprobs_check(buf_view(&out)), SK_OK);
    for (size_t len = 1; len < out.len; len++)
        assert_int_equal(piece_logprobs_check((struct view){storage, len}), SK_CORRUPT);
    const float none[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        buf_reset(&out);
        piece_token_put(VIEW("a"), none[i], 0, &out);
        assert_int_equal(piece_logprobs_check(buf_view(&out)), SK_CORRUPT);
    }
}

// ---- what is committed to ----

static void choice_of(const struct engine_part *parts, size_t len, struct buf *out) {
    enum engine_channel last = ENGINE_CONTENT;
    buf_reset(out);
    for (size_t i = 0; i < len; i++)
        choice_put(&last, parts[i], out);
}

static void an_answer_of_text_is_its_text(void **state) {
    (void)state;
    char storage[256];
    struct buf out = buf_over(storage, sizeof storage);
    const struct engine_part text[] = {{ENGINE_CONTENT, VIEW("は")}, {ENGINE_CONTENT, VIEW("い")}};
    choice_of(text, 2, &out);
    assert_true(view_is(buf_view(&out), "はい"));
    const struct engine_part all[] = {{ENGINE_REASONING, VIEW("r")}, {ENGINE_CONTENT, VIEW("c")},
                                      {ENGINE_CALL, VIEW("f")},      {ENGINE_ARGUMENTS, VIEW("{")},
                                      {ENGINE_ARGUMENTS, VIEW("}")}, {ENGINE_CALL, VIEW("g")},
                                      {ENGINE_CALL, VIEW("h")}};
    choice_of(all, 7, &out);
    assert_true(view_is(buf_view(&out), "\x1ereasoning\x1fr\x1e"
                                        "content\x1f"
                                        "c\x1e"
                                        "call\x1f"
                                        "f\x1e"
                                        "arguments\x1f{}\x1e"
                                        "call\x1fg\x1e"
                                        "call\x1fh"));
}

static void no_text_looks_like_a_mark(void **state) {
    (void)state;
    char storage[256], other[256];
    struct buf out = buf_over(storage, sizeof storage), second = buf_over(other, sizeof other);
    const struct engine_part sly[] = {{ENGINE_CONTENT, VIEW("a\x1e")},
                                      {ENGINE_CONTENT, VIEW("call\x1f"
                                                            "f")}};
    const struct engine_part call[] = {{ENGINE_CONTENT, VIEW("a")}, {ENGINE_CALL, VIEW("f")}};
    choice_of(sly, 2, &out);
    choice_of(call, 2, &second);
    assert_false(view_same(buf_view(&out), buf_view(&second)));
    assert_true(view_is(buf_view(&out), "a\x1e\x1e"
                                        "call\x1f"
                                        "f"));
}

// ---- results ----

static enum sk_code result_judge(enum gate_operation operation, uint32_t texts, struct view bytes) {
    arena_reset(&arena);
    return result_check(operation, texts, bytes, &arena);
}

static void a_result_has_its_tasks_shape(void **state) {
    (void)state;
    char storage[64];
    struct buf out = buf_over(storage, sizeof storage);
    wire_put_u32(&out, 2);
    for (int i = 0; i < 4; i++)
        wire_put_f32(&out, 0.5f);
    assert_int_equal(result_judge(GATE_OP_EMBED, 2, buf_view(&out)), SK_OK);
    assert_int_equal(result_judge(GATE_OP_EMBED, 1, buf_view(&out)), SK_CORRUPT);
    assert_int_equal(result_judge(GATE_OP_EMBED, 2, (struct view){storage, out.len - 4}),
                     SK_CORRUPT);
    assert_int_equal(result_judge(GATE_OP_CHAT, 2, buf_view(&out)), SK_CORRUPT);
    buf_reset(&out);
    wire_put_u8(&out, 1);
    wire_put_f32(&out, -3);
    assert_int_equal(result_judge(GATE_OP_RERANK, 1, buf_view(&out)), SK_OK);
    storage[0] = GATE_SCORES;
    assert_int_equal(result_judge(GATE_OP_RERANK, 1, buf_view(&out)), SK_CORRUPT);
    buf_reset(&out);
    wire_put_u8(&out, 0);
    wire_put_f32(&out, NAN);
    assert_int_equal(result_judge(GATE_OP_RERANK, 1, buf_view(&out)), SK_CORRUPT);
    assert_int_equal(result_judge(GATE_OP_COUNT, 0, VIEW("four")), SK_OK);
    assert_int_equal(result_judge(GATE_OP_COUNT, 0, VIEW("three")), SK_CORRUPT);
    assert_int_equal(result_judge(GATE_OP_ATTRIBUTE, 0, VIEW("{\"baseline\":1}")), SK_OK);
    assert_int_equal(result_judge(GATE_OP_ATTRIBUTE, 0, VIEW("{\"baseline\":1},{")), SK_CORRUPT);
    assert_int_equal(result_judge(GATE_OP_ATTRIBUTE, 0, VIEW("[]")), SK_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_comes_back_equal),
        cmocka_unit_test(only_known_terms_are_terms),
        cmocka_unit_test(parts_come_back_equal),
        cmocka_unit_test(parts_that_lie_are_refused),
        cmocka_unit_test(log_probabilities_are_numbers),
        cmocka_unit_test(an_answer_of_text_is_its_text),
        cmocka_unit_test(no_text_looks_like_a_mark),
        cmocka_unit_test(a_result_has_its_tasks_shape),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
