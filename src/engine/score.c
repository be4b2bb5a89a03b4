// How likely a text is: the log-probability of each of its tokens, given those before it.
#include <math.h>
#include <string.h>

#include "engine/logprob.h"
#include "engine/state.h"

static enum sk_code score_row(const struct engine *engine, const float *logits, int32_t next,
                              float *out) {
    uint32_t n = engine->vocab.len;
    for (uint32_t i = 0; i < n; i++)
        if (!isfinite(logits[i]))
            return FAIL(SK_CORRUPT, "the logit of token %u is not finite: damaged weights", i);
    *out = logprob_of(logits, logprob_total(logits, n), next);
    return SK_OK;
}

// Of the `count` columns of a run; next[i] comes after column i.
static enum sk_code score_columns(struct engine *engine, uint32_t count, const int32_t *next,
                                  float *out) {
    uint32_t wanted[KERNEL_COLUMNS_MAX], len;
    for (uint32_t from = 0; from < count; from += len) {
        len = count - from < engine->logits_len ? count - from : engine->logits_len;
        for (uint32_t i = 0; i < len; i++) wanted[i] = from + i;
        forward_logits(&engine->forward, wanted, len, engine->logits);
        for (uint32_t i = 0; i < len; i++) {
            const float *row = engine->logits + i * kernel_pad(engine->vocab.len);
            TRY(score_row(engine, row, next[from + i], &out[from + i]));
        }
    }
    return SK_OK;
}

static enum sk_code score_text(struct engine *engine, const int32_t *ids, uint32_t len,
                               float *logprobs) {
    struct kv_sequence *sequence = &engine->scored;
    struct forward_column columns[KERNEL_COLUMNS_MAX];
    uint32_t done = 0, count;
    for (; done + 1 < len; done += count) {
        for (count = 0; count < KERNEL_COLUMNS_MAX && done + count + 1 < len; count++) {
            uint32_t position = done + count;
            if (position % KERNEL_PAGE == 0) kv_take(&engine->kv, sequence);
            columns[count] = (struct forward_column){ids[position], position, sequence->pages};
        }
        forward_run(&engine->forward, columns, count);
        TRY(score_columns(engine, count, ids + done + 1, logprobs + done + 1));
    }
    return SK_OK;
}

enum sk_code engine_score(struct engine *engine, const int32_t *ids, size_t len,
                          float *logprobs) {
    if (engine->model.family->encoder)
        return FAIL(SK_UNSUPPORTED, "a %s model makes embeddings only",
                    engine->model.family->name);
    TRY(engine_ids_check(engine, "text", ids, len));
    uint32_t run = (uint32_t)len - 1; // the last token is only looked for
    logprobs[0] = 0;
    TRY(kv_begin(&engine->kv, &engine->scored, 0, ids, run, run));
    enum sk_code code = score_text(engine, ids, (uint32_t)len, logprobs);
    kv_end(&engine->kv, &engine->scored);
    return code;
}
