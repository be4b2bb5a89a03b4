// How likely tokens are that are known: the log-probability of each, given those before it.
#include <math.h>
#include <string.h>

#include "engine/logprob.h"
#include "engine/product.h"
#include "engine/state.h"

// Rows of engine->logits, a want each.
struct score_rows {
    const struct engine *engine;
    struct score_want *wants;
};

static void score_row(void *job, uint32_t row, uint32_t thread) {
    (void)thread;
    const struct score_rows *rows = job;
    struct score_want *want = &rows->wants[row];
    uint32_t n = rows->engine->vocab.len;
    const float *logits = rows->engine->logits + row * kernel_pad(n);
    for (want->damaged = 0; want->damaged < n && isfinite(logits[want->damaged]);) want->damaged++;
    if (want->damaged < n) return;
    double total = logprob_total(logits, n);
    want->to->logprob = logprob_of(logits, total, want->to->token);
    want->to->top = want->top;
    want->to->top_len = logprob_top(logits, n, total, want->top, want->alternatives);
}

void score_columns(struct engine *engine, struct score_want *wants, uint32_t len) {
    enum { WORK = 16 }; // of a token's e^x, in multiply-adds
    uint32_t wanted[KERNEL_COLUMNS_MAX], count;
    for (uint32_t from = 0; from < len; from += count) {
        count = len - from < engine->logits_len ? len - from : engine->logits_len;
        for (uint32_t i = 0; i < count; i++) wanted[i] = wants[from + i].column;
        forward_logits(&engine->forward, wanted, count, engine->logits);
        struct score_rows rows = {engine, wants + from};
        product_share(engine->pool, score_row, &rows, count,
                      (uint64_t)count * engine->vocab.len * WORK);
    }
}

enum sk_code score_check(const struct engine *engine, const struct score_want *wants,
                         uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        if (wants[i].damaged < engine->vocab.len)
            return FAIL(SK_CORRUPT, "the logit of token %u is not finite: damaged weights",
                        wants[i].damaged);
    return SK_OK;
}

// The columns ids[0 .. count) of a run, and what came after each.
static enum sk_code score_run(struct engine *engine, const int32_t *ids, uint32_t count,
                              float *logprobs) {
    struct engine_scored scored[KERNEL_COLUMNS_MAX];
    struct score_want wants[KERNEL_COLUMNS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        scored[i].token = ids[i + 1];
        wants[i] = (struct score_want){.column = i, .to = &scored[i]};
    }
    score_columns(engine, wants, count);
    TRY(score_check(engine, wants, count));
    for (uint32_t i = 0; i < count; i++) logprobs[i + 1] = scored[i].logprob;
    return SK_OK;
}

static enum sk_code score_text(struct engine *engine, uint32_t adapter, const int32_t *ids,
                               uint32_t len, float *logprobs) {
    struct kv_sequence *sequence = &engine->scored;
    struct forward_column columns[KERNEL_COLUMNS_MAX];
    uint32_t done = 0, count;
    for (; done + 1 < len; done += count) {
        for (count = 0; count < KERNEL_COLUMNS_MAX && done + count + 1 < len; count++) {
            uint32_t position = done + count;
            if (position % KERNEL_PAGE == 0) kv_take(&engine->kv, sequence);
            columns[count] = (struct forward_column){ids[position], position, sequence->pages,
                                                     adapter};
        }
        forward_run(&engine->forward, columns, count);
        TRY(score_run(engine, ids + done, count, logprobs + done));
    }
    return SK_OK;
}

enum sk_code engine_score_adapted(struct engine *engine, uint32_t adapter, const int32_t *ids,
                                  size_t len, float *logprobs) {
    must(adapter <= engine->model.adapters.len);
    if (engine->model.family->encoder)
        return FAIL(SK_UNSUPPORTED, "a %s model makes embeddings only",
                    engine->model.family->name);
    TRY(engine_ids_check(engine, "text", ids, len));
    uint32_t run = (uint32_t)len - 1; // the last token is only looked for
    logprobs[0] = 0;
    engine->runs++;
    TRY(kv_begin(&engine->kv, &engine->scored, 0, ids, run, run));
    enum sk_code code = score_text(engine, adapter, ids, (uint32_t)len, logprobs);
    kv_end(&engine->kv, &engine->scored);
    return code;
}
