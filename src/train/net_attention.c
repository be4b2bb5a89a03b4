// Attention: an item of work is a head of keys and values in a row of the batch, with all its
// queries, so that no sum is shared among threads.
#include <math.h>
#include <string.h>

#include "engine/exact.h"
#include "train/net_parts.h"

struct attend_job {
    const struct net_work *work;
    const struct net_kept *kept;
};

// Some queries of one head, from `query` of the row on: scores of positions from `low`, a multiple
// of 16, `seen` of them, to sixteens `wide`.
struct attend_tile {
    const struct net_room *room;
    const struct net_kept *kept;
    struct net_head *head;
    size_t row;   // the row's first token
    size_t at, at_kv; // floats of the head in a token's queries, keys
    float *log_sums;
    size_t query, rows, low, seen, wide;
    float scale;
};

static void copy_in(const struct net_room *room, const float *from, size_t stride, size_t len,
                    float *to) {
    for (size_t t = 0; t < len; t++)
        memcpy(to + t * room->head, from + t * stride, room->shape.head_len * sizeof *to);
}

static void turn_in(const struct net_room *room, const float *from, size_t stride, size_t len,
                    float *to) {
    for (size_t d = 0; d < room->shape.head_len; d++) {
        for (size_t t = 0; t < len; t++) to[d * room->len + t] = from[t * stride + d];
        memset(to + d * room->len + len, 0, (kernel_pad(len) - len) * sizeof *to);
    }
}

static struct attend_tile tile_of(const struct attend_job *job, uint32_t item, uint32_t thread) {
    const struct net_room *room = job->work->room;
    uint32_t len = job->work->step->batch->len, heads = room->shape.heads_kv;
    return (struct attend_tile){.room = room,
                                .kept = job->kept,
                                .head = &room->heads[thread],
                                .row = (size_t)(item / heads) * len,
                                .at_kv = (size_t)(item % heads) * room->shape.head_len,
                                .scale = 1 / sqrtf((float)room->shape.head_len)};
}

// The tile of the queries from `query` on, of head `head` of the group.
static void tile_set(struct attend_tile *tile, uint32_t head, uint32_t query, uint32_t len) {
    const struct net_room *room = tile->room;
    uint32_t group = room->shape.heads / room->shape.heads_kv;
    size_t index = tile->at_kv / room->shape.head_len * group + head;
    tile->at = index * room->shape.head_len;
    tile->log_sums = tile->kept->log_sums + index * room->options.tokens_max + tile->row;
    tile->query = query;
    tile->rows = len - query < NET_QUERIES ? len - query : NET_QUERIES;
    tile->low = room->begins[tile->row + query] / KERNEL_LANES * KERNEL_LANES;
    tile->seen = query + tile->rows - tile->low;
    tile->wide = kernel_pad(tile->seen);
}

// Of query i of the tile.
static struct net_scores scores_of(const struct attend_tile *tile, size_t i) {
    const struct net_room *room = tile->room;
    size_t query = tile->query + i;
    return (struct net_scores){.x = tile->head->scores + i * room->len,
                               .from = room->begins[tile->row + query] - tile->low,
                               .to = query + 1 - tile->low,
                               .n = tile->wide,
                               .scale = tile->scale};
}

// out = rows of `query` times all that is seen.
static void tile_scores(const struct attend_tile *tile, const float *query, size_t stride,
                        const float *turned, float *out) {
    const struct net_room *room = tile->room;
    room->ops->product(&(struct net_product){.m = tile->rows,
                                             .n = tile->wide,
                                             .k = room->shape.head_len,
                                             .a = query,
                                             .a_row = stride,
                                             .a_k = 1,
                                             .b = turned + tile->low,
                                             .b_row = room->len,
                                             .c = out,
                                             .c_row = room->len});
}

// out[query] = sum over positions of scores x rows of a head.
static void tile_mix(const struct attend_tile *tile, const float *scores, const float *rows) {
    const struct net_room *room = tile->room;
    room->ops->product(&(struct net_product){.m = tile->rows,
                                             .n = room->head,
                                             .k = tile->seen,
                                             .a = scores,
                                             .a_row = room->len,
                                             .a_k = 1,
                                             .b = rows + tile->low * room->head,
                                             .b_row = room->head,
                                             .c = tile->head->out,
                                             .c_row = room->head});
}

// sum[position] += sum over queries of scores x rows of the tile.
static void tile_spread(const struct attend_tile *tile, const float *scores, const float *rows,
                        float *sum) {
    const struct net_room *room = tile->room;
    room->ops->product(&(struct net_product){.m = tile->seen,
                                             .n = room->head,
                                             .k = tile->rows,
                                             .a = scores,
                                             .a_row = 1,
                                             .a_k = room->len,
                                             .b = rows,
                                             .b_row = room->head,
                                             .c = sum + tile->low * room->head,
                                             .c_row = room->head,
                                             .add = true});
}

static void tile_attend(const struct attend_tile *tile) {
    const struct net_room *room = tile->room;
    struct net_head *head = tile->head;
    size_t first = tile->row + tile->query;
    float totals[NET_QUERIES];
    tile_scores(tile, tile->kept->query + first * room->qkv + tile->at, room->qkv,
                head->key_turned, head->scores);
    for (size_t i = 0; i < tile->rows; i++) {
        struct net_scores scores = scores_of(tile, i);
        float most, total = room->ops->softmax(&scores, &most);
        double log_sum = total > 0 ? exact_log((double)total) : (double)NAN;
        tile->log_sums[tile->query + i] = (float)(log_sum + (double)most * (double)tile->scale);
        totals[i] = total;
    }
    tile_mix(tile, head->scores, head->value);
    for (size_t i = 0; i < tile->rows; i++) {
        room->ops->scale(head->out + i * room->head, 1 / totals[i], room->head);
        memcpy(tile->kept->mixed + (first + i) * room->q + tile->at, head->out + i * room->head,
               room->shape.head_len * sizeof(float));
    }
}

static void attend_head(void *self, uint32_t item, uint32_t thread) {
    const struct attend_job *job = self;
    struct attend_tile tile = tile_of(job, item, thread);
    const struct net_room *room = tile.room;
    uint32_t len = job->work->step->batch->len;
    size_t at = tile.row * room->qkv + tile.at_kv;
    turn_in(room, job->kept->key + at, room->qkv, len, tile.head->key_turned);
    copy_in(room, job->kept->value + at, room->qkv, len, tile.head->value);
    for (uint32_t head = 0; head < room->shape.heads / room->shape.heads_kv; head++)
        for (uint32_t query = 0; query < len; query += NET_QUERIES) {
            tile_set(&tile, head, query, len);
            tile_attend(&tile);
        }
}

// Turns a head's row of token `t`, which begins a row of the batch at `row`.
static void turn(const struct net_room *room, size_t row, size_t t, float *x, bool back) {
    size_t pairs = room->shape.head_len / 2, at = (t - room->begins[row + t]) * pairs;
    (room->shape.halves ? room->ops->turn_halves : room->ops->turn)(
        x, room->cosines + at, room->sines + at, pairs, back);
}

static void turn_tokens(void *self, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct attend_job *job = self;
    const struct net_room *room = job->work->room;
    uint32_t len = job->work->step->batch->len;
    struct net_span span = net_span(item, NET_TOKENS, job->work->tokens);
    for (size_t t = span.from; t < span.to; t++) {
        float *query = job->kept->query + t * room->qkv, *key = query + room->q;
        for (size_t head = 0; head < room->shape.heads; head++)
            turn(room, t / len * len, t % len, query + head * room->shape.head_len, false);
        for (size_t head = 0; head < room->shape.heads_kv; head++)
            turn(room, t / len * len, t % len, key + head * room->shape.head_len, false);
    }
}

void net_attend(const struct net_work *work, const struct net_kept *kept) {
    struct attend_job job = {work, kept};
    struct net_room *room = work->room;
    pool_run(&room->pool, turn_tokens, &job, net_items(work->tokens, NET_TOKENS));
    pool_run(&room->pool, attend_head, &job, work->step->batch->rows * room->shape.heads_kv);
}

// The scores' gradients from those of the probabilities, in place.
static void tile_soften_back(const struct attend_tile *tile) {
    const struct net_room *room = tile->room;
    struct net_head *head = tile->head;
    for (size_t i = 0; i < tile->rows; i++) {
        float mean = room->ops->dot(head->d_out + i * room->head, head->out + i * room->head,
                                    room->head);
        room->ops->soften_back(head->scores + i * room->len, mean, tile->scale, tile->wide,
                               head->d_scores + i * room->len);
    }
}

static void tile_back(const struct attend_tile *tile) {
    const struct net_room *room = tile->room;
    struct net_head *head = tile->head;
    size_t first = tile->row + tile->query, at = first * room->q + tile->at;
    copy_in(room, tile->kept->query + first * room->qkv + tile->at, room->qkv, tile->rows,
            head->query);
    copy_in(room, room->d_mixed + at, room->q, tile->rows, head->d_out);
    copy_in(room, tile->kept->mixed + at, room->q, tile->rows, head->out);
    tile_scores(tile, head->query, room->head, head->key_turned, head->scores);
    for (size_t i = 0; i < tile->rows; i++) {
        struct net_scores scores = scores_of(tile, i);
        room->ops->soften(&scores, tile->log_sums[tile->query + i]);
    }
    tile_scores(tile, head->d_out, room->head, head->value_turned, head->d_scores);
    tile_spread(tile, head->scores, head->d_out, head->d_value);
    tile_soften_back(tile);
    tile_spread(tile, head->d_scores, head->query, head->d_key);
    tile_mix(tile, head->d_scores, head->key);
    for (size_t i = 0; i < tile->rows; i++) {
        float *out = head->out + i * room->head;
        turn(room, tile->row, tile->query + i, out, true);
        memcpy(room->d_qkv + (first + i) * room->qkv + tile->at, out,
               room->shape.head_len * sizeof *out);
    }
}

static void attend_head_back(void *self, uint32_t item, uint32_t thread) {
    const struct attend_job *job = self;
    struct attend_tile tile = tile_of(job, item, thread);
    const struct net_room *room = tile.room;
    struct net_head *head = tile.head;
    uint32_t len = job->work->step->batch->len;
    size_t at = tile.row * room->qkv + tile.at_kv, bytes = len * room->head * sizeof(float);
    copy_in(room, job->kept->key + at, room->qkv, len, head->key);
    turn_in(room, job->kept->key + at, room->qkv, len, head->key_turned);
    turn_in(room, job->kept->value + at, room->qkv, len, head->value_turned);
    memset(head->d_key, 0, bytes);
    memset(head->d_value, 0, bytes);
    for (uint32_t each = 0; each < room->shape.heads / room->shape.heads_kv; each++)
        for (uint32_t query = 0; query < len; query += NET_QUERIES) {
            tile_set(&tile, each, query, len);
            tile_back(&tile);
        }
    bytes = room->shape.head_len * sizeof(float);
    float *d_key = room->d_qkv + at + room->q, *d_value = d_key + room->kv;
    for (size_t t = 0; t < len; t++, d_key += room->qkv, d_value += room->qkv) {
        turn(room, tile.row, t, head->d_key + t * room->head, true);
        memcpy(d_key, head->d_key + t * room->head, bytes);
        memcpy(d_value, head->d_value + t * room->head, bytes);
    }
}

void net_attend_back(const struct net_work *work, const struct net_kept *kept) {
    struct attend_job job = {work, kept};
    struct net_room *room = work->room;
    pool_run(&room->pool, attend_head_back, &job,
             work->step->batch->rows * room->shape.heads_kv);
}
