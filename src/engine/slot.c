// One generation after another in a slot: how it begins, what a token adds to it, how it ends.
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/logprob.h"
#include "engine/state.h"

struct slot *slot_at(const struct engine *engine, uint32_t slot) {
    must(slot < engine->slots_len);
    return &engine->slots[slot];
}

enum sk_code engine_start(struct engine *engine, uint32_t index, const struct engine_job *job,
                          const int32_t *ids, size_t len) {
    struct slot *slot = slot_at(engine, index);
    must(!slot->running);
    if (engine->model.family->encoder)
        return FAIL(SK_UNSUPPORTED, "a %s model makes embeddings only",
                    engine->model.family->name);
    must(!job->prompt_only || job->tokens_max == 0);
    must(job->adapter <= engine->model.adapters.len);
    uint32_t least = job->prompt_only ? 0 : 1;
    if (len > engine->context || least > engine->context - len)
        return FAIL(SK_LIMIT, "prompt of %zu tokens > %u, the context's %u but one", len,
                    engine->context - least, engine->context);
    TRY(engine_ids_check(engine, "prompt", ids, len));
    if (job->score_from > len)
        return FAIL(SK_INPUT, "prompt: scores from token %u of %zu", job->score_from, len);
    if (job->logprobs > 1 + ENGINE_CANDIDATES_MAX)
        return FAIL(SK_LIMIT, "logprobs: %u alternatives > %d", job->logprobs - 1,
                    ENGINE_CANDIDATES_MAX);
    TRY(sampler_init(&slot->sampler, &job->sampling, &engine->vocab));
    memcpy(slot->ids, ids, len * sizeof *ids);
    slot->prompt = slot->len = (uint32_t)len;
    bool bound = job->tokens_max > 0 && job->tokens_max < engine->context - slot->len;
    slot->len_max = bound ? slot->len + job->tokens_max : engine->context;
    slot->score_from = job->score_from;
    slot->prompt_only = job->prompt_only;
    slot->one_by_one = job->one_by_one;
    guess_begin(&slot->guess);
    // What a scored token is drawn from is computed.
    slot->found_max = job->score_from ? job->score_from : slot->len;
    // The last token made is not run any more.
    uint32_t positions = job->prompt_only ? slot->len : slot->len_max - 1;
    slot->sequence.adapter = job->adapter;
    // First memory: a job that has to wait for it comes again, and its grammar takes time.
    TRY(kv_begin(&engine->kv, &slot->sequence, job->tenant, ids, slot->found_max, positions));
    enum sk_code code = slot_answer_begin(engine, slot, job, ids, len);
    if (code != SK_OK) {
        kv_end(&engine->kv, &slot->sequence);
        return code;
    }
    slot->done = slot->cached = slot->sequence.len * KERNEL_PAGE;
    slot->order = ++engine->orders;
    slot->tenant = job->tenant;
    slot->weight = job->weight;
    slot->owes = 0;
    slot->logprobs = job->logprobs;
    slot->running = true;
    return SK_OK;
}

uint32_t engine_cached(const struct engine *engine, uint32_t index) {
    return slot_at(engine, index)->cached;
}

void slot_free(struct engine *engine, struct slot *slot) {
    kv_end(&engine->kv, &slot->sequence);
    slot_answer_end(slot);
    slot->running = false;
}

void engine_stop(struct engine *engine, uint32_t index) {
    struct slot *slot = slot_at(engine, index);
    if (slot->running) slot_free(engine, slot);
}

// How likely the token was, and what else was.
static void weigh_token(struct slot *slot, const float *logits, uint32_t n, int32_t token,
                        struct engine_event *event) {
    if (slot->logprobs == 0) return;
    double total = logprob_total(logits, n);
    event->logprob = logprob_of(logits, total, token);
    event->top = slot->top;
    event->top_len = logprob_top(logits, n, total, slot->top, slot->logprobs - 1);
}

void engine_event_content(const struct engine_event *event, struct buf *out) {
    for (uint32_t i = 0; i < event->parts_len; i++)
        if (event->parts[i].channel == ENGINE_CONTENT) buf_put_view(out, event->parts[i].text);
}

void slot_fail(struct engine *engine, struct slot *slot, enum sk_code code,
               struct engine_event *event) {
    event->kind = ENGINE_FAILED;
    event->code = code;
    snprintf(slot->why, sizeof slot->why, "%s", fail_text());
    size_t len = strlen(slot->why);
    event->why = (struct view){slot->why, len - utf8_tail((struct view){slot->why, len})};
    slot_free(engine, slot);
}

static uint64_t work_of(const struct slot *slot) {
    return grammar_run_work(&slot->grammar) + grammar_run_work(&slot->thoughts);
}

void slot_next(struct engine *engine, struct slot *slot, const float *logits,
               struct engine_event *event) {
    int32_t token;
    uint64_t before = work_of(slot);
    engine->choice.logits = logits;
    engine->choice.past.ids = slot->ids;
    engine->choice.past.len = slot->len;
    engine->choice.past.prompt = slot->prompt;
    engine->choice.grammar = slot_binds(slot);
    enum sk_code code = sampler_pick(&slot->sampler, engine->kernels, &engine->choice, &token);
    if (code == SK_OK) {
        weigh_token(slot, logits, engine->vocab.len, token, event);
        code = slot_answer_token(engine, slot, token, event);
    }
    if (event->kind == ENGINE_TEXT) guess_learn(&slot->guess, slot->ids, slot->len);
    slot->owes += work_of(slot) - before;
    if (code != SK_OK)
        slot_fail(engine, slot, code, event);
    else if (event->kind != ENGINE_TEXT)
        slot_free(engine, slot);
}
