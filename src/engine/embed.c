// Embeddings: the states of a text's positions made into one vector.
#include <math.h>
#include <string.h>

#include "engine/state.h"

// The first or last position's state, or the sum of all: after the last step as good as their mean.
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
    TRY(engine_ids_check(engine, "text", ids, len));
    const float *states = forward_encode(&engine->forward, ids, (uint32_t)len);
    pool_states(model, states, len, out);
    return unit_length(out, model->width);
}
