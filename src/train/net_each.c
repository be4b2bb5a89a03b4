#include <math.h>
#include <string.h>

#include "engine/exact.h"
#include "train/encode.h"
#include "train/net_parts.h"

enum { EACH = 4096, ITEMS_MAX = 1 << 16 }; // floats of an item of work, at least

struct each_job {
    const struct net_ops *ops;
    const struct net_each *each;
    uint64_t floats, part; // of an item
};

static void each_part(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct each_job *job = self;
    const struct net_each *e = job->each;
    uint64_t at = item * job->part;
    size_t n = job->floats - at < job->part ? job->floats - at : job->part;
    switch (e->what) {
    case NET_COPY: memcpy(e->to + at, e->x + at, n * sizeof *e->to); return;
    case NET_HALVE: job->ops->halve(e->x + at, n, e->halves + at); return;
    case NET_WIDEN: job->ops->widen(e->halves + at, n, e->to + at); return;
    }
}

void net_each(struct net_room *room, const struct net_each *each, uint64_t floats) {
    uint64_t part = (floats / ITEMS_MAX / EACH + 1) * EACH;
    struct each_job job = {room->ops, each, floats, part};
    pool_run(&room->pool, each_part, &job, (uint32_t)((floats + part - 1) / part));
}

// ---- SwiGLU ----

struct feed_job {
    const struct net_work *work;
    const struct net_kept *kept;
};

static void feed_tokens(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct feed_job *job = self;
    const struct net_room *room = job->work->room;
    struct net_span span = net_span(item, NET_TOKENS, job->work->tokens);
    for (size_t t = span.from; t < span.to; t++) {
        size_t at = t * 2 * room->ff;
        room->ops->swiglu(job->kept->gate + at, job->kept->up + at, room->ff,
                          room->gated + t * room->ff);
    }
}

static void feed_tokens_back(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct feed_job *job = self;
    const struct net_room *room = job->work->room;
    struct net_span span = net_span(item, NET_TOKENS, job->work->tokens);
    for (size_t t = span.from; t < span.to; t++) {
        size_t at = t * 2 * room->ff;
        room->ops->swiglu_back(job->kept->gate + at, job->kept->up + at,
                               room->d_gated + t * room->ff, room->ff, room->d_feed + at);
    }
}

void net_swiglu(const struct net_work *work, const struct net_kept *kept) {
    struct feed_job job = {work, kept};
    pool_run(&work->room->pool, feed_tokens, &job, net_items(work->tokens, NET_TOKENS));
}

void net_swiglu_back(const struct net_work *work, const struct net_kept *kept) {
    struct feed_job job = {work, kept};
    pool_run(&work->room->pool, feed_tokens_back, &job, net_items(work->tokens, NET_TOKENS));
}

float net_log(float x) { return x > 0 ? (float)exact_log((double)x) : NAN; }

// ---- embeddings ----

static void embed_tokens(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct net_work *work = self;
    const struct net_matrix *table = &work->net->embedding;
    struct net_span span = net_span(item, NET_TOKENS, work->tokens);
    for (size_t t = span.from; t < span.to; t++) {
        size_t id = (size_t)work->step->batch->ids[t];
        decode_part(table->type, (const uint8_t *)table->at + id * table->row_bytes, 0,
                    table->columns, work->room->kept[0].x + t * table->columns);
    }
}

void net_embed(const struct net_work *work) {
    struct net_work copy = *work;
    pool_run(&work->room->pool, embed_tokens, &copy, net_items(work->tokens, NET_TOKENS));
}

// Some columns of all rows: tokens in their order.
static void embed_columns(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct net_work *work = self;
    const struct net_matrix *table = &work->net->embedding;
    struct net_span span = net_span(item, NET_COLUMNS, table->columns);
    for (size_t t = 0; t < work->tokens; t++) {
        size_t id = (size_t)work->step->batch->ids[t];
        work->room->ops->add(table->gradient + id * table->columns + span.from,
                             work->room->d_x + t * table->columns + span.from,
                             span.to - span.from);
    }
}

void net_embed_back(const struct net_work *work) {
    if (!work->net->embedding.gradient) return;
    struct net_work copy = *work;
    pool_run(&work->room->pool, embed_columns, &copy,
             net_items(work->net->embedding.columns, NET_COLUMNS));
}
