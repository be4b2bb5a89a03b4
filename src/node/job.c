#include "node/job.h"

#include "base/wire.h"

enum { JOB_VERSION = 5 };

static void sampling_put(const struct engine_sampling *sampling, struct buf *out) {
    wire_put_f32(out, sampling->temperature);
    wire_put_u32(out, sampling->top_k);
    wire_put_f32(out, sampling->top_p);
    wire_put_f32(out, sampling->min_p);
    wire_put_f32(out, sampling->typical_p);
    wire_put_f32(out, sampling->repetition_penalty);
    wire_put_f32(out, sampling->presence_penalty);
    wire_put_f32(out, sampling->frequency_penalty);
    wire_put_u32(out, sampling->penalty_last_n);
    wire_put_f32(out, sampling->dry_multiplier);
    wire_put_f32(out, sampling->dry_base);
    wire_put_u32(out, sampling->dry_allowed_length);
    wire_put_u32(out, sampling->dry_penalty_last_n);
    wire_put_u32(out, sampling->dry_breakers_len);
    for (uint32_t i = 0; i < sampling->dry_breakers_len; i++)
        wire_put_text(out, sampling->dry_breakers[i]);
    wire_put_u32(out, sampling->logit_bias_len);
    for (uint32_t i = 0; i < sampling->logit_bias_len; i++) {
        wire_put_u32(out, (uint32_t)sampling->logit_bias[i].token);
        wire_put_f32(out, sampling->logit_bias[i].bias);
    }
    wire_put_u64(out, sampling->seed);
}

static void prompt_put(const struct engine_job *job, struct buf *out) {
    wire_put_text(out, job->prompt);
    wire_put_u32(out, job->messages_len);
    for (uint32_t i = 0; i < job->messages_len; i++) {
        wire_put_u8(out, (uint8_t)job->messages[i].role);
        wire_put_text(out, job->messages[i].text);
    }
    wire_put_text(out, job->template_data);
}

static void form_put(const struct engine_job *job, struct buf *out) {
    wire_put_u8(out, (uint8_t)job->format);
    wire_put_text(out, job->format_text);
    wire_put_u8(out, (uint8_t)job->tool_choice);
    wire_put_text(out, job->tool_name);
    wire_put_u8(out, job->parallel_calls);
}

enum sk_code job_write(const struct gate_task *task, struct buf *out) {
    const struct engine_job *job = &task->job;
    wire_put_u8(out, JOB_VERSION);
    wire_put_u8(out, (uint8_t)task->operation);
    wire_put_u32(out, job->tokens_max);
    wire_put_u32(out, job->logprobs);
    wire_put_u32(out, job->score_from);
    wire_put_u8(out, job->prompt_only);
    wire_put_u64(out, (uint64_t)job->time_s);
    sampling_put(&job->sampling, out);
    wire_put_u32(out, job->stops_len);
    for (uint32_t i = 0; i < job->stops_len; i++)
        wire_put_text(out, job->stops[i]);
    prompt_put(job, out);
    form_put(job, out);
    wire_put_u32(out, task->texts_len);
    for (uint32_t i = 0; i < task->texts_len; i++)
        wire_put_text(out, task->texts[i]);
    wire_put_text(out, task->query);
    wire_put_text(out, task->answer);
    wire_put_u32(out, task->spans_len);
    for (uint32_t i = 0; i < task->spans_len; i++) {
        wire_put_u32(out, task->spans[i].message);
        wire_put_u32(out, task->spans[i].first);
        wire_put_u32(out, task->spans[i].end);
    }
    wire_put_u32(out, task->dimensions);
    wire_put_u8(out, task->each_token);
    wire_put_u32(out, task->cost_max);
    return buf_check(out, "job");
}

static enum sk_code breakers_take(struct wire *in, struct arena *arena,
                                  struct engine_sampling *out) {
    out->dry_breakers_len = wire_take_u32(in);
    if (out->dry_breakers_len > ENGINE_BREAKERS_MAX)
        return FAIL(SK_CORRUPT, "job: too many sequence breakers");
    struct view *breakers = arena_take(arena, out->dry_breakers_len, sizeof *breakers);
    if (!breakers) return SK_LIMIT;
    for (uint32_t i = 0; i < out->dry_breakers_len; i++)
        breakers[i] = wire_take_text(in, ENGINE_BREAKER_LEN_MAX);
    out->dry_breakers = breakers;
    return SK_OK;
}

static enum sk_code biases_take(struct wire *in, struct arena *arena, struct engine_sampling *out) {
    out->logit_bias_len = wire_take_u32(in);
    if (out->logit_bias_len > ENGINE_BIASES_MAX)
        return FAIL(SK_CORRUPT, "job: too many biased tokens");
    struct engine_bias *biases = arena_take(arena, out->logit_bias_len, sizeof *biases);
    if (!biases) return SK_LIMIT;
    for (uint32_t i = 0; i < out->logit_bias_len; i++) {
        biases[i].token = (int32_t)wire_take_u32(in);
        biases[i].bias = wire_take_f32(in);
    }
    out->logit_bias = biases;
    return SK_OK;
}

static enum sk_code sampling_take(struct wire *in, struct arena *arena,
                                  struct engine_sampling *out) {
    out->temperature = wire_take_f32(in);
    out->top_k = wire_take_u32(in);
    out->top_p = wire_take_f32(in);
    out->min_p = wire_take_f32(in);
    out->typical_p = wire_take_f32(in);
    out->repetition_penalty = wire_take_f32(in);
    out->presence_penalty = wire_take_f32(in);
    out->frequency_penalty = wire_take_f32(in);
    out->penalty_last_n = wire_take_u32(in);
    out->dry_multiplier = wire_take_f32(in);
    out->dry_base = wire_take_f32(in);
    out->dry_allowed_length = wire_take_u32(in);
    out->dry_penalty_last_n = wire_take_u32(in);
    TRY(breakers_take(in, arena, out));
    TRY(biases_take(in, arena, out));
    out->seed = wire_take_u64(in);
    return SK_OK;
}

// One of the first `len` values of an enumeration.
static uint8_t choice_take(struct wire *in, unsigned len) {
    uint8_t value = wire_take_u8(in);
    if (value >= len) in->bad = true;
    return in->bad ? 0 : value;
}

static enum sk_code prompt_take(struct wire *in, struct arena *arena, struct engine_job *out) {
    out->prompt = wire_take_text(in, JOB_MAX);
    out->messages_len = wire_take_u32(in);
    if (in->bad || out->messages_len > ENGINE_MESSAGES_MAX)
        return FAIL(SK_CORRUPT, "job: cut, or too many messages");
    struct engine_message *messages = arena_take(arena, out->messages_len, sizeof *messages);
    if (!messages) return SK_LIMIT;
    for (uint32_t i = 0; i < out->messages_len; i++) {
        messages[i].role = (enum engine_role)choice_take(in, ENGINE_ASSISTANT + 1);
        messages[i].text = wire_take_text(in, JOB_MAX);
    }
    out->messages = messages;
    out->template_data = wire_take_text(in, JOB_MAX);
    return SK_OK;
}

static void form_take(struct wire *in, struct engine_job *out) {
    out->format = (enum engine_format)choice_take(in, ENGINE_GBNF + 1);
    out->format_text = wire_take_text(in, JOB_MAX);
    out->tool_choice = (enum engine_tool_choice)choice_take(in, ENGINE_TOOLS_NAMED + 1);
    out->tool_name = wire_take_text(in, ENGINE_NAME_MAX);
    out->parallel_calls = choice_take(in, 2);
}

static enum sk_code texts_take(struct wire *in, struct arena *arena, struct gate_task *out) {
    out->texts_len = wire_take_u32(in);
    if (in->bad || out->texts_len > GATE_TEXTS_MAX)
        return FAIL(SK_CORRUPT, "job: cut, or too many texts");
    struct view *texts = arena_take(arena, out->texts_len, sizeof *texts);
    if (!texts) return SK_LIMIT;
    for (uint32_t i = 0; i < out->texts_len; i++)
        texts[i] = wire_take_text(in, JOB_MAX);
    out->texts = texts;
    return SK_OK;
}

static enum sk_code spans_take(struct wire *in, struct arena *arena, struct gate_task *out) {
    out->spans_len = wire_take_u32(in);
    if (in->bad || out->spans_len > ENGINE_SPANS_MAX)
        return FAIL(SK_CORRUPT, "job: cut, or too many spans");
    struct engine_span *spans = arena_take(arena, out->spans_len, sizeof *spans);
    if (!spans) return SK_LIMIT;
    for (uint32_t i = 0; i < out->spans_len; i++) {
        spans[i].message = wire_take_u32(in);
        spans[i].first = wire_take_u32(in);
        spans[i].end = wire_take_u32(in);
    }
    out->spans = spans;
    return SK_OK;
}

enum sk_code job_read(struct view bytes, struct arena *arena, struct gate_task *out) {
    struct wire in = wire_over(bytes);
    *out = (struct gate_task){0};
    struct engine_job *job = &out->job;
    if (wire_take_u8(&in) != JOB_VERSION) in.bad = true;
    out->operation = (enum gate_operation)choice_take(&in, GATE_OPS);
    job->tokens_max = wire_take_u32(&in);
    job->logprobs = wire_take_u32(&in);
    job->score_from = wire_take_u32(&in);
    job->prompt_only = choice_take(&in, 2);
    if (job->prompt_only && job->tokens_max) in.bad = true;
    job->time_s = (int64_t)wire_take_u64(&in);
    TRY(sampling_take(&in, arena, &job->sampling));
    job->stops_len = wire_take_u32(&in);
    if (job->stops_len > ENGINE_STOPS_MAX) return FAIL(SK_CORRUPT, "job: too many stops");
    for (uint32_t i = 0; i < job->stops_len; i++)
        job->stops[i] = wire_take_text(&in, ENGINE_STOP_LEN_MAX);
    TRY(prompt_take(&in, arena, job));
    form_take(&in, job);
    TRY(texts_take(&in, arena, out));
    out->query = wire_take_text(&in, JOB_MAX);
    out->answer = wire_take_text(&in, JOB_MAX);
    TRY(spans_take(&in, arena, out));
    out->dimensions = wire_take_u32(&in);
    out->each_token = choice_take(&in, 2);
    out->cost_max = wire_take_u32(&in);
    return wire_end(&in, "job");
}

struct view job_term(struct view why) {
    static const char *const terms[] = {
        "messages", "prompt", "stop", "logprobs", "format", "tools", "tool_choice", "spans",
        "documents", "input", "dimensions", "query", "answer", "model",
        // what some places' protocols have no word for (upstream/upstream.h)
        "temperature", "min_p", "typical_p", "repetition_penalty", "presence_penalty",
        "frequency_penalty", "penalty_last_n", "dry_multiplier", "logit_bias",
        "chat_template_kwargs"};
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        struct view term = view_of(terms[i]);
        if (view_same(why, term)) return term;
        if (view_starts(why, term) && why.len > term.len && why.at[term.len] == ':') return term;
    }
    return VIEW("");
}
