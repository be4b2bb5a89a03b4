#include "node/job.h"

#include "base/wire.h"

enum { JOB_VERSION = 1 };

enum sk_code job_write(const struct engine_job *job, struct buf *out) {
    wire_put_u8(out, JOB_VERSION);
    wire_put_u32(out, job->tokens_max);
    wire_put_f32(out, job->temperature);
    wire_put_u32(out, job->top_k);
    wire_put_f32(out, job->top_p);
    wire_put_u64(out, job->seed);
    wire_put_u32(out, job->stops_len);
    for (uint32_t i = 0; i < job->stops_len; i++) wire_put_text(out, job->stops[i]);
    wire_put_text(out, job->prompt);
    wire_put_u32(out, job->messages_len);
    for (uint32_t i = 0; i < job->messages_len; i++) {
        wire_put_u8(out, (uint8_t)job->messages[i].role);
        wire_put_text(out, job->messages[i].text);
    }
    return buf_check(out, "job");
}

enum sk_code job_read(struct view bytes, struct arena *arena, struct engine_job *out) {
    struct wire in = wire_over(bytes);
    *out = (struct engine_job){0};
    if (wire_take_u8(&in) != JOB_VERSION) in.bad = true;
    out->tokens_max = wire_take_u32(&in);
    out->temperature = wire_take_f32(&in);
    out->top_k = wire_take_u32(&in);
    out->top_p = wire_take_f32(&in);
    out->seed = wire_take_u64(&in);
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
    return wire_end(&in, "job");
}
