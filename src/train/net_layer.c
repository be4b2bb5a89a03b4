#include "train/net_parts.h"

// Matrices of one input, whose outputs lie side by side, each padded to 16.
struct group {
    const struct net_matrix *matrix[3];
    uint32_t len, place;
};

// The matrix and the next one of its group are one: their rows and gradients follow each other, as
// in a block of parameters (net_list), and so do the outputs.
static bool join(struct net_matrix *matrix, const struct net_matrix *next) {
    size_t rows = matrix->rows;
    bool apart = matrix->low.rank || next->low.rank || matrix->bias || next->bias;
    if (rows % KERNEL_LANES || apart || matrix->type != next->type ||
        matrix->row_bytes != next->row_bytes ||
        next->at != (const char *)matrix->at + rows * matrix->row_bytes ||
        next->gradient != (matrix->gradient ? matrix->gradient + rows * matrix->columns : NULL))
        return false;
    matrix->rows += next->rows;
    return true;
}

// The next flow of a group from its matrix `at` on, joined in *joined; how many that are.
static uint32_t next_flow(const struct group *group, uint32_t at, struct net_matrix *joined,
                          struct net_flow *flow) {
    uint32_t len = 1;
    *joined = *group->matrix[at];
    while (at + len < group->len && join(joined, group->matrix[at + len])) len++;
    flow->matrix = joined;
    flow->place = group->place + at;
    return len;
}

// y = W x for each matrix; y_stride apart.
static void forward(const struct net_work *work, const struct group *group, const float *x,
                    float *y, size_t y_stride) {
    struct net_matrix joined;
    struct net_flow flow = {
        .x = x, .y = y, .y_stride = y_stride, .tokens = work->tokens, .add = false};
    for (uint32_t i = 0; i < group->len; flow.y += kernel_pad(joined.rows)) {
        i += next_flow(group, i, &joined, &flow);
        flow.x_stride = kernel_pad(joined.columns);
        net_linear(work, &flow);
    }
}

// From d_y: gradients of the matrices, and the sum of their d_x (may be NULL).
static void back(const struct net_work *work, const struct group *group, struct net_flow flow,
                 float *d_x) {
    struct net_matrix joined;
    flow.tokens = work->tokens;
    for (uint32_t i = 0; i < group->len; flow.y += kernel_pad(joined.rows), flow.add = true) {
        i += next_flow(group, i, &joined, &flow);
        flow.x_stride = kernel_pad(joined.columns);
        net_linear_back(work, &flow, d_x);
    }
}

static struct group attention_of(const struct net_layer *layer, uint32_t index) {
    return (struct group){{&layer->query, &layer->key, &layer->value}, 3,
                          8 * index + NET_AT_QUERY};
}
static struct group output_of(const struct net_layer *layer, uint32_t index) {
    return (struct group){{&layer->output}, 1, 8 * index + NET_AT_OUTPUT};
}
static struct group feed_of(const struct net_layer *layer, uint32_t index) {
    return (struct group){{&layer->gate, &layer->up}, 2, 8 * index + NET_AT_GATE};
}
static struct group down_of(const struct net_layer *layer, uint32_t index) {
    return (struct group){{&layer->down}, 1, 8 * index + NET_AT_DOWN};
}

// y = from + W x.
static void forward_onto(const struct net_work *work, const struct group *group, const float *x,
                         const float *from, float *y) {
    const struct net_matrix *matrix = group->matrix[0];
    net_each(work->room, &(struct net_each){.what = NET_COPY, .x = from, .to = y},
             (uint64_t)work->tokens * matrix->rows);
    net_linear(work, &(struct net_flow){.matrix = matrix,
                                        .x = x,
                                        .y = y,
                                        .x_stride = kernel_pad(matrix->columns),
                                        .y_stride = matrix->rows,
                                        .tokens = work->tokens,
                                        .place = group->place,
                                        .add = true});
}

static struct net_norm norm_of(const struct net_work *work, struct net_vector weight,
                               const float *x, float *inverse) {
    return (struct net_norm){.weight = weight,
                             .x = x,
                             .y = work->room->normed,
                             .inverse = inverse,
                             .rows = work->tokens};
}

void net_layer(const struct net_work *work, uint32_t index, bool out) {
    struct net_room *room = work->room;
    const struct net_layer *layer = &work->net->layer[index];
    const struct net_kept *kept = &room->kept[index];
    struct group attention = attention_of(layer, index), output = output_of(layer, index);
    struct group feed = feed_of(layer, index), down = down_of(layer, index);
    struct net_norm norm = norm_of(work, layer->attention_norm, kept->x, kept->x_inverse);
    net_norm(room, &norm);
    forward(work, &attention, room->normed, kept->query, room->qkv);
    net_attend(work, kept);
    forward_onto(work, &output, kept->mixed, kept->x, kept->middle);
    norm = norm_of(work, layer->ff_norm, kept->middle, kept->middle_inverse);
    net_norm(room, &norm);
    forward(work, &feed, room->normed, kept->gate, 2 * room->ff);
    if (!out) return;
    net_swiglu(work, kept);
    forward_onto(work, &down, room->gated, kept->middle, room->kept[index + 1].x);
}

static void back_feed(const struct net_work *work, uint32_t index) {
    struct net_room *room = work->room;
    const struct net_layer *layer = &work->net->layer[index];
    const struct net_kept *kept = &room->kept[index];
    struct group feed = feed_of(layer, index), down = down_of(layer, index);
    struct net_flow flow = {.x = room->gated, .y = room->d_x, .y_stride = room->shape.width};
    net_swiglu(work, kept);
    back(work, &down, flow, room->d_gated);
    net_swiglu_back(work, kept);
    struct net_norm norm = norm_of(work, layer->ff_norm, kept->middle, kept->middle_inverse);
    net_norm_again(room, &norm);
    flow = (struct net_flow){.x = room->normed, .y = room->d_feed, .y_stride = 2 * room->ff};
    back(work, &feed, flow, room->d_normed);
    net_norm_back(room, &norm, room->d_normed, room->d_x);
}

static void back_attention(const struct net_work *work, uint32_t index) {
    struct net_room *room = work->room;
    const struct net_layer *layer = &work->net->layer[index];
    const struct net_kept *kept = &room->kept[index];
    struct group attention = attention_of(layer, index), output = output_of(layer, index);
    // Below layer 0 is only the embedding: where that is frozen nothing asks for d_x.
    bool ends = index == 0 && !work->net->embedding.gradient && !layer->attention_norm.gradient;
    struct net_flow flow = {.x = kept->mixed, .y = room->d_x, .y_stride = room->shape.width};
    back(work, &output, flow, room->d_mixed);
    net_attend_back(work, kept);
    struct net_norm norm = norm_of(work, layer->attention_norm, kept->x, kept->x_inverse);
    net_norm_again(room, &norm);
    flow = (struct net_flow){.x = room->normed, .y = room->d_qkv, .y_stride = room->qkv};
    back(work, &attention, flow, ends ? NULL : room->d_normed);
    if (!ends) net_norm_back(room, &norm, room->d_normed, room->d_x);
}

void net_layer_back(const struct net_work *work, uint32_t index) {
    back_feed(work, index);
    back_attention(work, index);
}
