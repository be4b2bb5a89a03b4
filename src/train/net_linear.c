#include "train/net_parts.h"

static struct gemm_operand floats(const float *at, size_t stride, bool transposed) {
    return (struct gemm_operand){
        .at = at, .stride = stride * sizeof *at, .type = QUANT_F32, .transposed = transposed};
}

static struct gemm_operand weights(const struct net_matrix *matrix, bool transposed) {
    return (struct gemm_operand){.at = matrix->at,
                                 .stride = matrix->row_bytes,
                                 .type = matrix->type,
                                 .transposed = transposed};
}

static void run(const struct net_work *work, const struct gemm *gemm) {
    gemm_run(&work->room->gemm, &work->room->pool, gemm);
}

// ---- dropout of what enters a low-rank pair ----

struct drop_job {
    const struct net_work *work;
    const struct net_flow *flow;
    const float *from;
    float *to;
    size_t from_stride, to_stride;
    bool add;
};

static void drop_rows(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct drop_job *job = self;
    const struct net_ops *ops = job->work->room->ops;
    struct net_span span = net_span(item, NET_TOKENS, job->flow->tokens);
    for (uint32_t t = span.from; t < span.to; t++) {
        uint64_t row = (uint64_t)job->flow->place << 32 | t;
        struct net_drop drop = {(job->work->step->seed + row) * 0x9e3779b97f4a7c15u,
                                job->work->step->dropout};
        size_t n = kernel_pad(job->flow->matrix->columns);
        (job->add ? ops->drop_add : ops->drop)(&drop, job->from + t * job->from_stride, n,
                                               job->to + t * job->to_stride);
    }
}

static void drop(const struct drop_job *job) {
    struct drop_job copy = *job;
    pool_run(&job->work->room->pool, drop_rows, &copy, net_items(job->flow->tokens, NET_TOKENS));
}

// x as the pair of the matrix sees it, and its stride.
static const float *low_input(const struct net_work *work, const struct net_flow *flow,
                              size_t *stride) {
    *stride = flow->x_stride;
    if (work->step->dropout <= 0) return flow->x;
    *stride = kernel_pad(flow->matrix->columns);
    float *to = work->room->dropped;
    drop(&(struct drop_job){work, flow, flow->x, to, flow->x_stride, *stride, false});
    return to;
}

static void scale(const struct net_work *work, float *x, uint32_t tokens, float factor) {
    work->room->ops->scale(x, factor, (size_t)tokens * work->room->rank);
}

// low = scale A x.
static const float *low_run(const struct net_work *work, const struct net_flow *flow,
                            size_t *stride) {
    const struct net_low_rank *pair = &flow->matrix->low;
    const float *x = low_input(work, flow, stride);
    run(work, &(struct gemm){.m = flow->tokens,
                             .n = pair->rank,
                             .k = flow->matrix->columns,
                             .a = floats(x, *stride, false),
                             .b = floats(pair->a, flow->matrix->columns, true),
                             .c = work->room->low,
                             .c_stride = work->room->rank});
    scale(work, work->room->low, flow->tokens, pair->scale);
    return x;
}

static void add_bias(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct net_flow *flow = self;
    struct net_span span = net_span(item, NET_TOKENS, flow->tokens);
    const float *bias = flow->matrix->bias;
    for (size_t t = span.from; t < span.to; t++) {
        float *y = flow->y + t * flow->y_stride;
        for (size_t i = 0; i < flow->matrix->rows; i++) y[i] += bias[i];
    }
}

void net_linear(const struct net_work *work, const struct net_flow *flow) {
    const struct net_matrix *matrix = flow->matrix;
    struct gemm gemm = {.m = flow->tokens,
                        .n = matrix->rows,
                        .k = matrix->columns,
                        .a = floats(flow->x, flow->x_stride, false),
                        .b = weights(matrix, true),
                        .c = flow->y,
                        .c_stride = flow->y_stride,
                        .add = flow->add};
    run(work, &gemm);
    if (matrix->bias) {
        struct net_flow copy = *flow;
        pool_run(&work->room->pool, add_bias, &copy, net_items(flow->tokens, NET_TOKENS));
    }
    if (matrix->low.rank == 0) return;
    size_t stride;
    low_run(work, flow, &stride);
    gemm.k = matrix->low.rank;
    gemm.a = floats(work->room->low, work->room->rank, false);
    gemm.b = floats(matrix->low.b, matrix->low.rank, true);
    gemm.add = true;
    run(work, &gemm);
}

// Gradients of a pair, and its part of d_x.
static void low_back(const struct net_work *work, const struct net_flow *flow, float *d_x) {
    const struct net_matrix *matrix = flow->matrix;
    const struct net_low_rank *pair = &matrix->low;
    struct net_room *room = work->room;
    size_t stride;
    const float *x = low_run(work, flow, &stride);
    run(work, &(struct gemm){.m = matrix->rows,
                             .n = pair->rank,
                             .k = flow->tokens,
                             .a = floats(flow->y, flow->y_stride, true),
                             .b = floats(room->low, room->rank, false),
                             .c = pair->b_gradient,
                             .c_stride = pair->rank,
                             .add = true});
    run(work, &(struct gemm){.m = flow->tokens,
                             .n = pair->rank,
                             .k = matrix->rows,
                             .a = floats(flow->y, flow->y_stride, false),
                             .b = floats(pair->b, pair->rank, false),
                             .c = room->d_low,
                             .c_stride = room->rank});
    scale(work, room->d_low, flow->tokens, pair->scale);
    run(work, &(struct gemm){.m = pair->rank,
                             .n = matrix->columns,
                             .k = flow->tokens,
                             .a = floats(room->d_low, room->rank, true),
                             .b = floats(x, stride, false),
                             .c = pair->a_gradient,
                             .c_stride = matrix->columns,
                             .add = true});
    if (!d_x) return;
    bool drops = work->step->dropout > 0;
    run(work, &(struct gemm){.m = flow->tokens,
                             .n = matrix->columns,
                             .k = pair->rank,
                             .a = floats(room->d_low, room->rank, false),
                             .b = floats(pair->a, matrix->columns, false),
                             .c = drops ? room->dropped : d_x,
                             .c_stride = stride,
                             .add = !drops});
    if (drops)
        drop(&(struct drop_job){work, flow, room->dropped, d_x, stride, flow->x_stride, true});
}

void net_linear_back(const struct net_work *work, const struct net_flow *flow, float *d_x) {
    const struct net_matrix *matrix = flow->matrix;
    if (matrix->gradient)
        run(work, &(struct gemm){.m = matrix->rows,
                                 .n = matrix->columns,
                                 .k = flow->tokens,
                                 .a = floats(flow->y, flow->y_stride, true),
                                 .b = floats(flow->x, flow->x_stride, false),
                                 .c = matrix->gradient,
                                 .c_stride = matrix->columns,
                                 .add = true});
    if (d_x)
        run(work, &(struct gemm){.m = flow->tokens,
                                 .n = matrix->columns,
                                 .k = matrix->rows,
                                 .a = floats(flow->y, flow->y_stride, false),
                                 .b = weights(matrix, false),
                                 .c = d_x,
                                 .c_stride = flow->x_stride,
                                 .add = flow->add});
    if (matrix->low.rank) low_back(work, flow, d_x);
}
