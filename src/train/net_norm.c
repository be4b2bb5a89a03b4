#include "train/net_parts.h"

struct norm_job {
    struct net_room *room;
    const struct net_norm *norm;
    const float *d_y;
    float *d_x;
    bool again;
};

static size_t row_of(const struct net_norm *norm, uint32_t row) {
    return norm->index ? norm->index[row] : row;
}

static void norm_rows(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct norm_job *job = self;
    const struct net_norm *norm = job->norm;
    const struct net_ops *ops = job->room->ops;
    size_t width = job->room->shape.width;
    struct net_span span = net_span(item, NET_TOKENS, norm->rows);
    for (uint32_t i = span.from; i < span.to; i++) {
        const float *x = norm->x + row_of(norm, i) * width;
        if (!job->again) norm->inverse[i] = ops->norm_inverse(x, width, job->room->shape.epsilon);
        ops->norm(x, norm->weight.at, norm->inverse[i], width, norm->y + i * width);
    }
}

static void norm_rows_back(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct norm_job *job = self;
    const struct net_norm *norm = job->norm;
    size_t width = job->room->shape.width;
    struct net_span span = net_span(item, NET_TOKENS, norm->rows);
    for (uint32_t i = span.from; i < span.to; i++) {
        size_t at = row_of(norm, i) * width;
        job->room->ops->norm_back(&(struct net_norm_back){.x = norm->x + at,
                                                          .weight = norm->weight.at,
                                                          .dy = job->d_y + i * width,
                                                          .inverse = norm->inverse[i],
                                                          .n = width,
                                                          .dx = job->d_x + at});
    }
}

// Columns of the weight's gradient: tokens in their order.
static void norm_columns(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct norm_job *job = self;
    const struct net_norm *norm = job->norm;
    size_t width = job->room->shape.width;
    struct net_span span = net_span(item, NET_COLUMNS, job->room->shape.width);
    for (uint32_t i = 0; i < norm->rows; i++)
        job->room->ops->norm_sum(norm->x + row_of(norm, i) * width + span.from,
                                 job->d_y + i * width + span.from, norm->inverse[i],
                                 span.to - span.from, norm->weight.gradient + span.from);
}

void net_norm(struct net_room *room, const struct net_norm *norm) {
    struct norm_job job = {.room = room, .norm = norm};
    pool_run(&room->pool, norm_rows, &job, net_items(norm->rows, NET_TOKENS));
}

void net_norm_again(struct net_room *room, const struct net_norm *norm) {
    struct norm_job job = {.room = room, .norm = norm, .again = true};
    pool_run(&room->pool, norm_rows, &job, net_items(norm->rows, NET_TOKENS));
}

void net_norm_back(struct net_room *room, const struct net_norm *norm, const float *d_y,
                   float *d_x) {
    struct norm_job job = {.room = room, .norm = norm, .d_y = d_y, .d_x = d_x};
    if (norm->weight.gradient)
        pool_run(&room->pool, norm_columns, &job, net_items(room->shape.width, NET_COLUMNS));
    pool_run(&room->pool, norm_rows_back, &job, net_items(norm->rows, NET_TOKENS));
}
