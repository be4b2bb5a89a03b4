// Attribution by leaving one span out after the other (Li, Monroe, Jurafsky 2016,
// arXiv:1612.08220), as a machine that asks for one job at a time, so that whoever steps it goes on
// with others beside.
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "engine/spans.h"
#include "engine/state.h"

struct engine_attribution {
    const struct engine *engine;
    struct engine_attribute ask;
    struct spans spans;
    uint32_t order[ENGINE_SPANS_MAX]; // of leaving them out
    uint32_t turn;                    // 0: with all; n: without spans.at[order[n - 1]]
    int32_t *answer;
    uint32_t answer_len;
    uint32_t prompt_len, scored;     // of this turn; scored: tokens of the answer
    float *logprobs;                 // answer_len of the whole, then of each span
    struct engine_message *messages; // of this turn
    char *text;                      // of the message that lacks a span
    uint64_t cost_max, computed, cached;
};

// ---- the conversation of a turn ----

// Latest first: what is before a span stays of use to those that come after it.
static void order_spans(struct engine_attribution *a) {
    for (uint32_t i = 0; i < a->spans.len; i++) {
        const struct span *span = &a->spans.at[i];
        uint32_t at = i;
        for (; at > 0; at--) {
            const struct span *other = &a->spans.at[a->order[at - 1]];
            bool later = span->message != other->message ? span->message > other->message
                                                         : span->from > other->from;
            if (!later) break;
            a->order[at] = a->order[at - 1];
        }
        a->order[at] = i;
    }
}

static void put_messages(struct engine_attribution *a) {
    const struct engine_job *job = a->ask.job;
    memcpy(a->messages, job->messages, job->messages_len * sizeof *a->messages);
    if (a->turn == 0) return;
    const struct span *span = &a->spans.at[a->order[a->turn - 1]];
    struct view text = job->messages[span->message].text;
    memcpy(a->text, text.at, span->from);
    memcpy(a->text + span->from, text.at + span->to, text.len - span->to);
    a->messages[span->message].text = (struct view){a->text, text.len - (span->to - span->from)};
}

static struct engine_job turn_job(const struct engine_attribution *a) {
    const struct engine_job *job = a->ask.job;
    return (struct engine_job){.messages = a->messages,
                               .messages_len = job->messages_len,
                               .template_data = job->template_data,
                               .tenant = job->tenant,
                               .weight = job->weight,
                               .adapter = job->adapter,
                               .time_s = job->time_s,
                               .score_from = a->prompt_len,
                               .prompt_only = true};
}

// The prompt of this turn.
static enum sk_code turn_prompt(struct engine_attribution *a, int32_t *ids, size_t max,
                                size_t *len) {
    put_messages(a);
    struct engine_job job = turn_job(a);
    TRY(engine_prompt(a->engine, &job, ids, max, len));
    return *len ? SK_OK : FAIL(SK_INPUT, "messages: an empty prompt");
}

// ---- begin ----

static enum sk_code take_memory(struct engine_attribution *a, struct arena *arena) {
    const struct engine_job *job = a->ask.job;
    size_t longest = 0;
    for (uint32_t i = 0; i < job->messages_len; i++)
        if (job->messages[i].text.len > longest) longest = job->messages[i].text.len;
    a->messages = arena_take(arena, job->messages_len, sizeof *a->messages);
    a->text = arena_take(arena, longest, 1);
    return a->messages && a->text ? SK_OK : SK_LIMIT;
}

// The answer's tokens, behind the prompt's in `ids`: as the model would have gone on.
static enum sk_code take_answer(struct engine_attribution *a, int32_t *ids, size_t max,
                                size_t prompt, struct arena *arena) {
    struct tokenizer tokenizer = a->engine->tokenizer; // its scratch is shared, and free again
    struct ids out = {ids + prompt, max - prompt, 0};
    bool first = a->engine->vocab.tokens[ids[prompt - 1]].kind == VOCAB_CONTROL;
    TRY(tokenize(&tokenizer, a->ask.answer, NULL, false, first, &out));
    if (out.len == 0) return FAIL(SK_INPUT, "answer: no text");
    uint64_t each = prompt + out.len, all = (a->spans.len + 1) * each;
    if (each > a->engine->context || out.len > out.max)
        return FAIL(SK_LIMIT, "answer: prompt %zu + answer %zu tokens > context %u", prompt,
                    out.len, a->engine->context);
    uint64_t most = a->ask.cost_max;
    if (most == 0 || most > ENGINE_COST_MAX) most = ENGINE_COST_MAX;
    if (all > most)
        return FAIL(SK_LIMIT, "spans: (%u + 1) x (%zu prompt + %zu answer) tokens = %llu > %llu",
                    a->spans.len, prompt, out.len, (unsigned long long)all,
                    (unsigned long long)most);
    a->cost_max = all;
    a->answer_len = (uint32_t)out.len;
    a->answer = arena_take(arena, out.len, sizeof *a->answer);
    a->logprobs = arena_take(arena, (a->spans.len + 1) * out.len, sizeof *a->logprobs);
    if (!a->answer || !a->logprobs) return SK_LIMIT;
    memcpy(a->answer, out.at, out.len * sizeof *a->answer);
    return SK_OK;
}

enum sk_code engine_attribute_begin(struct engine *engine, const struct engine_attribute *ask,
                                    struct arena *arena, int32_t *ids, size_t max,
                                    struct engine_attribution **out) {
    struct engine_attribution *a = *out = arena_take(arena, 1, sizeof *a);
    size_t prompt = 0;
    if (!a) return SK_LIMIT;
    a->engine = engine;
    a->ask = *ask;
    for (uint32_t i = 0; i < ask->job->messages_len; i++)
        if (!utf8_check(ask->job->messages[i].text))
            return FAIL(SK_INPUT, "messages: message %u is not UTF-8", i);
    if (!utf8_check(ask->answer)) return FAIL(SK_INPUT, "answer: not UTF-8");
    TRY(spans_find(ask, &a->spans));
    order_spans(a);
    TRY(take_memory(a, arena));
    TRY(turn_prompt(a, ids, max, &prompt));
    return take_answer(a, ids, max, prompt, arena);
}

// ---- turns ----

enum sk_code engine_attribute_next(struct engine_attribution *a, int32_t *ids, size_t max,
                                   size_t *len, struct engine_job *job) {
    size_t prompt = 0;
    *len = 0;
    if (a->turn > a->spans.len) return SK_OK;
    TRY(turn_prompt(a, ids, max, &prompt));
    if (a->answer_len > max - prompt)
        return FAIL(SK_LIMIT, "prompt %zu + answer %u tokens > %zu", prompt, a->answer_len, max);
    memcpy(ids + prompt, a->answer, a->answer_len * sizeof *ids);
    a->prompt_len = (uint32_t)prompt;
    a->scored = 0;
    *job = turn_job(a);
    *len = prompt + a->answer_len;
    return SK_OK;
}

// The whole, or without spans.at[row - 1].
static float *row_at(const struct engine_attribution *a, uint32_t row) {
    return a->logprobs + (size_t)row * a->answer_len;
}

enum sk_code engine_attribute_take(struct engine_attribution *a,
                                   const struct engine_event *event) {
    if (event->kind == ENGINE_FAILED)
        return FAIL(event->code, "%.*s", (int)event->why.len, event->why.at);
    float *row = row_at(a, a->turn ? 1 + a->order[a->turn - 1] : 0);
    for (uint32_t i = 0; i < event->scores_len; i++) {
        must(event->scores_at + i == a->prompt_len + a->scored && a->scored < a->answer_len);
        row[a->scored++] = event->scores[i].logprob;
    }
    if (event->kind != ENGINE_LENGTH) return SK_OK;
    must(a->scored == a->answer_len);
    a->cached += event->prompt_cached;
    a->computed += event->prompt_done - event->prompt_cached;
    a->turn++;
    return SK_OK;
}

// ---- what came of it ----

static double total(const float *logprobs, uint32_t len) {
    double sum = 0;
    for (uint32_t i = 0; i < len; i++) sum += (double)logprobs[i];
    return sum;
}

static void member_f64(struct json_writer *w, const char *name, double number) {
    json_name(w, name);
    json_put_f64(w, number);
}

static void token_write(const struct engine_attribution *a, uint32_t index,
                        struct json_writer *w) {
    char bytes[VOCAB_PIECE_MAX];
    struct buf piece = buf_over(bytes, sizeof bytes);
    detokenize(&a->engine->vocab, a->answer[index], &piece);
    json_open(w, '{');
    json_member_string(w, "token", buf_view(&piece));
    json_name(w, "bytes");
    json_open(w, '[');
    for (size_t i = 0; i < piece.len; i++) json_put_u64(w, (uint8_t)bytes[i]);
    json_close(w, ']');
    member_f64(w, "logprob", (double)a->logprobs[index]);
    json_close(w, '}');
}

static void baseline_write(const struct engine_attribution *a, struct json_writer *w) {
    json_name(w, "baseline");
    json_open(w, '{');
    member_f64(w, "logprob", total(a->logprobs, a->answer_len));
    if (a->ask.tokens) {
        json_name(w, "tokens");
        json_open(w, '[');
        for (uint32_t i = 0; i < a->answer_len; i++) token_write(a, i, w);
        json_close(w, ']');
    }
    json_close(w, '}');
}

static void span_write(const struct engine_attribution *a, uint32_t index, struct json_writer *w) {
    const struct span *span = &a->spans.at[index];
    const float *without = row_at(a, 1 + index);
    const char *text = a->ask.job->messages[span->message].text.at;
    json_open(w, '{');
    json_member_u64(w, "message", span->message);
    json_member_u64(w, "start", span->first);
    json_member_u64(w, "end", span->end);
    json_member_string(w, "text", (struct view){text + span->from, span->to - span->from});
    member_f64(w, "delta", total(a->logprobs, a->answer_len) - total(without, a->answer_len));
    if (a->ask.tokens) {
        json_name(w, "tokens");
        json_open(w, '[');
        for (uint32_t i = 0; i < a->answer_len; i++)
            json_put_f64(w, (double)a->logprobs[i] - (double)without[i]);
        json_close(w, ']');
    }
    json_close(w, '}');
}

enum sk_code engine_attribute_write(const struct engine_attribution *a, struct buf *out) {
    must(a->turn > a->spans.len);
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    baseline_write(a, &w);
    json_name(&w, "spans");
    json_open(&w, '[');
    for (uint32_t i = 0; i < a->spans.len; i++) span_write(a, i, &w);
    json_close(&w, ']');
    json_name(&w, "cost");
    json_open(&w, '{');
    json_member_u64(&w, "tokens_max", a->cost_max);
    json_member_u64(&w, "tokens_computed", a->computed);
    json_member_u64(&w, "tokens_cached", a->cached);
    json_close(&w, '}');
    json_close(&w, '}');
    return buf_check(out, "attribution");
}
