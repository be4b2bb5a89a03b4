#include "node/job.h"

#include "base/wire.h"

enum { JOB_VERSION = 3 };

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

enum sk_code job_write(const struct engine_job *job, struct buf *out) {
    wire_put_u8(out, JOB_VERSION);
    wire_put_u32(out, job->tokens_max);
    wire_put_u32(out, job->logprobs);
    wire_put_u64(out, (uint64_t)job->time_s);
    sampling_put(&job->sampling, out);
    wire_put_u32(out, job->stops_len);
    for (uint32_t i = 0; i < job->stops_len; i++) wire_put_text(out, job->stops[i]);
    wire_put_text(out, job->prompt);
    wire_put_u32(out, job->messages_len);
    for (uint32_t i = 0; i < job->messages_len; i++) {
        wire_put_u8(out, (uint8_t)job->messages[i].role);
        wire_put_text(out, job->messages[i].text);
    }
    wire_put_text(out, job->template_data);
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

static enum sk_code biases_take(struct wire *in, struct arena *arena,
                                struct engine_sampling *out) {
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

enum sk_code job_read(struct view bytes, struct arena *arena, struct engine_job *out) {
    struct wire in = wire_over(bytes);
    *out = (struct engine_job){0};
    if (wire_take_u8(&in) != JOB_VERSION) in.bad = true;
    out->tokens_max = wire_take_u32(&in);
    out->logprobs = wire_take_u32(&in);
    out->time_s = (int64_t)wire_take_u64(&in);
    TRY(sampling_take(&in, arena, &out->sampling));
    out->stops_len = wire_take_u32(&in);
    if (out->stops_len > ENGINE_STOPS_MAX) return FAIL(SK_CORRUPT, "job: too many stops");
    for (uint32_t i = 0; i < out->stops_len; i++)
        out->stops[i] = wire_take_text(&in, ENGINE_STOP_LEN_MAX);
    out->prompt = wire_take_text(&in, JOB_MAX);
    out->messages_len = wire_take_u32(&in);
    if (in.bad || out->messages_len > ENGINE_MESSAGES_MAX)
        return FAIL(SK_CORRUPT, "job: cut, or too many messages");
    struct engine_message *messages = arena_take(arena, out->messages_len, sizeof *messages);
    if (!messages) return SK_LIMIT;
    for (uint32_t i = 0; i < out->messages_len; i++) {
        uint8_t role = wire_take_u8(&in);
        if (role > ENGINE_ASSISTANT) in.bad = true;
        messages[i].role = (enum engine_role)role;
        messages[i].text = wire_take_text(&in, JOB_MAX);
    }
    out->messages = messages;
    out->template_data = wire_take_text(&in, JOB_MAX);
    return wire_end(&in, "job");
}
