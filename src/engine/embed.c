// What encoders make of a text's states: a vector, or a reranker's score of a pair of texts.
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/state.h"

// The first or last position's state, or the sum of all.
static void pool_states(const struct model *model, const float *states, size_t len, float *out) {
    size_t stride = kernel_pad(model->width), from = 0, to = len;
    if (model->pooling == MODEL_POOL_FIRST) to = 1;
    if (model->pooling == MODEL_POOL_LAST) from = len - 1;
    memset(out, 0, model->width * sizeof *out);
    for (size_t t = from; t < to; t++)
        for (size_t i = 0; i < model->width; i++) out[i] += states[t * stride + i];
}

static enum sk_code unit_length(float *x, size_t len) {
    double squares = 0;
    for (size_t i = 0; i < len; i++) squares += (double)x[i] * (double)x[i];
    if (!isfinite(squares)) return FAIL(SK_CORRUPT, "an embedding is not finite: damaged weights");
    double factor = squares > 0 ? 1 / sqrt(squares) : 0;
    for (size_t i = 0; i < len; i++) x[i] = (float)((double)x[i] * factor);
    return SK_OK;
}

enum sk_code engine_embed(struct engine *engine, const int32_t *ids, size_t len, float *out) {
    const struct model *model = &engine->model;
    if (!model->family->encoder)
        return FAIL(SK_UNSUPPORTED, "a %s model makes no embeddings", model->family->name);
    if (model->ranks)
        return FAIL(SK_UNSUPPORTED, "this model is a reranker: it makes scores, no embeddings");
    TRY(engine_ids_check(engine, "text", ids, len));
    const float *states = forward_encode(&engine->forward, ids, (uint32_t)len);
    pool_states(model, states, len, out); // a sum has the direction of its mean
    return unit_length(out, model->width);
}

enum sk_code engine_embed_cut(float *vector, size_t width, size_t dimensions) {
    if (dimensions < 1 || dimensions > width)
        return FAIL(SK_INPUT, "dimensions: %zu is not in 1..%zu", dimensions, width);
    return dimensions == width ? SK_OK : unit_length(vector, dimensions);
}

enum sk_code engine_rank(struct engine *engine, const int32_t *ids, size_t len, float *score) {
    const struct model *model = &engine->model;
    if (!model->ranks) return FAIL(SK_UNSUPPORTED, "this model has no head that ranks");
    TRY(engine_ids_check(engine, "pair of texts", ids, len));
    const float *states = forward_encode(&engine->forward, ids, (uint32_t)len);
    float *pooled = engine->forward.brought; // free until the head is run
    pool_states(model, states, len, pooled);
    for (size_t i = 0; i < model->width && model->pooling == MODEL_POOL_MEAN; i++)
        pooled[i] /= (float)len;
    *score = forward_rank(&engine->forward, pooled);
    return isfinite(*score) ? SK_OK : FAIL(SK_CORRUPT, "a score is not finite: damaged weights");
}

enum sk_code engine_pair(const struct engine *engine, struct view query, struct view text,
                         int32_t *ids, size_t max, size_t *len) {
    struct tokenizer tokenizer = engine->tokenizer; // its scratch is shared, and free again
    const struct vocab *vocab = &engine->vocab;
    struct ids out = {ids, max, 0};
    *len = 0;
    if (!utf8_check(query)) return FAIL(SK_INPUT, "query: not UTF-8");
    if (!utf8_check(text)) return FAIL(SK_INPUT, "text is not UTF-8");
    if (vocab->add_bos) ids_put(&out, vocab->bos);
    TRY(tokenize(&tokenizer, query, NULL, false, true, &out));
    if (vocab->add_eos) ids_put(&out, vocab->eos);
    if (vocab->add_separator) ids_put(&out, vocab->separator);
    TRY(tokenize(&tokenizer, text, NULL, false, true, &out));
    if (vocab->add_eos) ids_put(&out, vocab->eos);
    *len = out.len;
    if (out.len > max) return FAIL(SK_LIMIT, "%zu tokens > %zu", out.len, max);
    return SK_OK;
}
