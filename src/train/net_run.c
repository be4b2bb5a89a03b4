#include <string.h>

#include "train/net_parts.h"

// ---- losses ----

struct foretell_job {
    const struct net_work *work;
    uint32_t from, rows; // of the counted
};

// A row of logits to its loss, and with a scale to their gradients.
static void foretell_row(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct foretell_job *job = self;
    const struct net_room *room = job->work->room;
    uint32_t index = job->from + item;
    float *x = room->logits + item * room->vocabulary, most;
    size_t target = (size_t)job->work->step->batch->targets[room->counted[index]];
    float own = x[target];
    struct net_scores scores = {
        .x = x, .to = room->shape.vocabulary, .n = room->vocabulary, .scale = 1};
    float total = room->ops->softmax(&scores, &most), scale = job->work->step->scale;
    room->losses[index] = net_log(total) + (most - own);
    if (scale == 0) return;
    room->ops->scale(x, scale / total, room->vocabulary);
    x[target] -= scale;
}

static void foretell_part(const struct net_work *work, uint32_t from, uint32_t rows) {
    struct net_room *room = work->room;
    size_t width = room->shape.width;
    struct net_flow flow = {.matrix = &work->net->head,
                            .x = room->normed + from * width,
                            .y = room->logits,
                            .x_stride = width,
                            .y_stride = room->vocabulary,
                            .tokens = rows,
                            .place = NET_AT_HEAD + from};
    net_linear(work, &flow);
    struct foretell_job job = {work, from, rows};
    pool_run(&room->pool, foretell_row, &job, rows);
    if (work->step->scale != 0) net_linear_back(work, &flow, room->d_normed + from * width);
}

void net_foretell(const struct net_work *work) {
    struct net_room *room = work->room;
    uint32_t layers = room->shape.layers;
    struct net_norm norm = {.weight = work->net->output_norm,
                            .x = room->kept[layers].x,
                            .index = room->counted,
                            .y = room->normed,
                            .inverse = room->inverse,
                            .rows = work->counted};
    net_norm(room, &norm);
    for (uint32_t from = 0; from < work->counted; from += room->part) {
        uint32_t left = work->counted - from;
        foretell_part(work, from, left < room->part ? left : room->part);
    }
    if (work->step->scale == 0) return;
    memset(room->d_x, 0, (size_t)work->tokens * room->shape.width * sizeof *room->d_x);
    net_norm_back(room, &norm, room->d_normed, room->d_x);
    if (room->done) room->done(room->done_self, layers);
}

// ---- a step ----

static void check_batch(const struct net_room *room, const struct net_batch *batch) {
    must(batch->len >= 1 && batch->len <= room->options.len_max);
    must((uint64_t)batch->rows * batch->len <= room->options.tokens_max);
    for (size_t t = 0; t < (size_t)batch->rows * batch->len; t++) {
        must(batch->ids[t] >= 0 && (uint32_t)batch->ids[t] < room->shape.vocabulary);
        int32_t target = batch->targets[t];
        must(target == NET_IGNORED ||
             (target >= 0 && (uint32_t)target < room->shape.vocabulary));
    }
}

// Where documents begin, and what counts; how many do.
static uint32_t mark_tokens(struct net_room *room, const struct net_batch *batch) {
    uint32_t counted = 0;
    for (uint32_t t = 0; t < batch->rows * batch->len; t++) {
        uint32_t at = t % batch->len;
        bool begins = at == 0 || batch->segments[t] != batch->segments[t - 1];
        room->begins[t] = begins ? at : room->begins[t - 1];
        if (batch->targets[t] != NET_IGNORED) room->counted[counted++] = t;
    }
    return counted;
}

// What a layer made, to where it waits as BF16.
static void keep_halves(const struct net_work *work, uint32_t layer) {
    struct net_room *room = work->room;
    const struct net_kept *kept = &room->kept[layer];
    uint64_t x_floats = (uint64_t)work->tokens * room->shape.width;
    struct net_each each = {.what = NET_HALVE, .x = kept->x, .halves = kept->x_halves};
    if (!room->options.halved || work->step->scale == 0) return;
    net_each(room, &each, x_floats);
    if (room->options.checkpoints) return;
    each = (struct net_each){.what = NET_HALVE, .x = kept->query, .halves = kept->halves};
    net_each(room, &each, room->kept_floats);
}

// And back, or computed again. What the last layer made is still there.
static void restore(const struct net_work *work, uint32_t layer) {
    struct net_room *room = work->room;
    if (layer == room->shape.layers - 1) return;
    const struct net_kept *kept = &room->kept[layer];
    struct net_each each = {.what = NET_WIDEN, .halves = kept->x_halves, .to = kept->x};
    if (room->options.halved)
        net_each(room, &each, (uint64_t)work->tokens * room->shape.width);
    if (room->options.checkpoints) {
        net_layer(work, layer, false);
    } else if (room->options.halved) {
        each = (struct net_each){.what = NET_WIDEN, .halves = kept->halves, .to = kept->query};
        net_each(room, &each, room->kept_floats);
    }
}

static void run_back(const struct net_work *work) {
    struct net_room *room = work->room;
    for (uint32_t layer = room->shape.layers; layer-- > 0;) {
        restore(work, layer);
        net_layer_back(work, layer);
        if (room->done) room->done(room->done_self, layer);
    }
    net_embed_back(work);
    if (room->done) room->done(room->done_self, UINT32_MAX);
}

struct net_loss net_run(struct net_room *room, const struct net *net, const struct net_step *step) {
    check_batch(room, step->batch);
    struct net_work work = {.room = room, .net = net, .step = step};
    work.tokens = step->batch->rows * step->batch->len;
    work.counted = mark_tokens(room, step->batch);
    net_embed(&work);
    for (uint32_t layer = 0; layer < room->shape.layers; layer++) {
        net_layer(&work, layer, true);
        keep_halves(&work, layer);
    }
    net_foretell(&work);
    if (step->scale != 0) run_back(&work);
    struct net_loss loss = {.targets = work.counted};
    for (uint32_t i = 0; i < work.counted; i++) loss.sum += (double)room->losses[i];
    return loss;
}

void net_losses(struct net_room *room, const struct net *net, const struct net_batch *batch,
                float *losses) {
    struct net_loss loss = net_run(room, net, &(struct net_step){.batch = batch});
    memset(losses, 0, (size_t)batch->rows * batch->len * sizeof *losses);
    for (uint64_t i = 0; i < loss.targets; i++) losses[room->counted[i]] = room->losses[i];
}
