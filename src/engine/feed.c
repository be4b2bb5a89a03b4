// The feed-forward part of a layer: one network, or those that a router chooses for each row.
#include <string.h>

#include "engine/forward_parts.h"

static size_t ff_stride(const struct forward *f) { return kernel_pad(f->model->ff); }
static size_t routes_stride(const struct forward *f) { return kernel_pad(f->model->experts); }

void feed_lay(struct forward *f, struct lay *lay) {
    const size_t n = KERNEL_COLUMNS_MAX, each = sizeof(float);
    f->gate = lay_take(lay, n * ff_stride(f), each);
    f->up = lay_take(lay, n * ff_stride(f), each);
    if (!f->model->experts) return;
    f->routes = lay_take(lay, n * routes_stride(f), each);
    f->chosen = lay_take(lay, n * forward_stride(f), each);
    f->expert = lay_take(lay, n * forward_stride(f), each);
}

// One network of gate, up and down: rows x to rows y.
static void run_network(struct forward *f, const struct matrix parts[3], uint32_t count,
                        const float *x, float *y) {
    struct product product = forward_product(f, count, x);
    if (!f->model->family->ungated) product_plan(&product, &parts[0], f->gate, ff_stride(f));
    product_plan(&product, &parts[1], product.len ? f->up : f->gate, ff_stride(f));
    product_run_activated(&product, f->model->gelu ? KERNEL_GELU : KERNEL_SILU);
    product = forward_product(f, count, f->gate);
    product_plan(&product, &parts[2], y, forward_stride(f));
    product_run(&product);
}

// Scores of the experts to weights: the largest `used` (of equals the first), their softmax; all
// others 0.
static void choose(const struct forward *f, float *routes) {
    bool chosen[MODEL_EXPERTS_MAX] = {false};
    uint32_t experts = f->model->experts;
    float sum = 0;
    f->kernels->softmax(routes, experts, 1);
    for (uint32_t n = 0; n < f->model->experts_used; n++) {
        uint32_t best = experts;
        for (uint32_t e = 0; e < experts; e++)
            if (!chosen[e] && (best == experts || routes[e] > routes[best])) best = e;
        chosen[best] = true;
        sum += routes[best];
    }
    for (uint32_t e = 0; e < experts; e++) routes[e] = chosen[e] ? routes[e] / sum : 0;
}

// Adds what one expert brings to the rows that chose it.
static void run_expert(struct forward *f, const struct model_layer *layer, uint32_t expert,
                       uint32_t count, const float *x) {
    uint32_t rows[KERNEL_COLUMNS_MAX], len = 0, ff = f->model->ff, width = f->model->width;
    size_t stride = forward_stride(f);
    const float *weights = f->routes + expert;
    for (uint32_t i = 0; i < count; i++) {
        float weight = weights[i * routes_stride(f)];
        if (weight == 0) continue; // NaN goes on, to be seen
        memcpy(f->chosen + len * stride, x + i * stride, stride * sizeof *x);
        rows[len++] = i;
    }
    if (len == 0) return;
    struct matrix parts[] = {matrix_part(&layer->gate, expert * ff, ff),
                             matrix_part(&layer->up, expert * ff, ff),
                             matrix_part(&layer->down, expert * width, width)};
    run_network(f, parts, len, f->chosen, f->expert);
    for (uint32_t i = 0; i < len; i++)
        f->kernels->add(f->brought + rows[i] * stride, f->expert + i * stride,
                        weights[rows[i] * routes_stride(f)], width);
}

void feed_run(struct forward *f, const struct model_layer *layer, uint32_t count,
              const float *x) {
    if (!f->model->experts) {
        run_network(f, (struct matrix[]){layer->gate, layer->up, layer->down}, count, x,
                    f->brought);
        return;
    }
    struct product product = forward_product(f, count, x);
    product_plan(&product, &layer->router, f->routes, routes_stride(f));
    product_run(&product);
    for (uint32_t i = 0; i < count; i++) choose(f, f->routes + i * routes_stride(f));
    memset(f->brought, 0, count * forward_stride(f) * sizeof *f->brought);
    for (uint32_t e = 0; e < f->model->experts; e++) run_expert(f, layer, e, count, x);
    size_t width = f->model->width, stride = forward_stride(f);
    for (uint32_t i = 0; i < count; i++) // a weight that is NaN reached the padding
        memset(f->brought + i * stride + width, 0, (stride - width) * sizeof *f->brought);
}
