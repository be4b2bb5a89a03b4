#include <stdlib.h>
#include <string.h>

#include "engine/pages.h"
#include "engine/rope.h"
#include "train/net_parts.h"

enum {
    LEN_MAX = 1 << 16,
    LOGITS = 1 << 23, // floats that are there at once: 32 MB
};

static float *floats(struct lay *lay, uint64_t rows, uint64_t stride) {
    return lay_take(lay, rows * stride, sizeof(float));
}

// What a layer keeps of itself beside x, in one stretch.
static void lay_floats(struct net_room *room, struct lay *lay, struct net_kept *kept) {
    uint64_t n = room->options.tokens_max, width = room->shape.width;
    float *at = floats(lay, 1, room->kept_floats);
    if (!at) return;
    kept->query = at;
    kept->key = kept->query + room->q;
    kept->value = kept->key + room->kv;
    kept->mixed = kept->query + n * room->qkv;
    kept->middle = kept->mixed + n * room->q;
    kept->gate = kept->middle + n * width;
    kept->up = kept->gate + room->ff;
}

static void lay_sums(struct net_room *room, struct lay *lay, struct net_kept *kept) {
    uint64_t n = room->options.tokens_max;
    kept->x_inverse = floats(lay, 1, n);
    kept->middle_inverse = floats(lay, 1, n);
    kept->log_sums = floats(lay, room->shape.heads, n);
}

static void lay_kept(struct net_room *room, struct lay *lay) {
    const struct net_options *options = &room->options;
    uint64_t n = options->tokens_max, width = room->shape.width;
    room->kept_floats = n * (room->qkv + room->q + width + 2 * room->ff);
    for (uint32_t i = 0; i <= room->shape.layers; i++) {
        struct net_kept *kept = &room->kept[i];
        bool own = !options->halved || i < 2, last = i == room->shape.layers;
        if (i) *kept = room->kept[i - 1];
        kept->x = own ? floats(lay, n, width) : room->kept[i - 2].x;
        if (i == 0 || (!options->checkpoints && !options->halved && !last))
            lay_floats(room, lay, kept);
        if (i == 0 || (!options->checkpoints && !last)) lay_sums(room, lay, kept);
        if (!options->halved || last) continue;
        kept->x_halves = lay_take(lay, n * width, sizeof *kept->x_halves);
        if (!options->checkpoints)
            kept->halves = lay_take(lay, room->kept_floats, sizeof *kept->halves);
    }
}

static void lay_heads(struct net_room *room, struct lay *lay) {
    room->heads = lay_take(lay, room->options.threads, sizeof *room->heads);
    for (uint32_t i = 0; i < room->options.threads; i++) {
        struct net_head head = {.key = floats(lay, room->len, room->head),
                                .value = floats(lay, room->len, room->head),
                                .d_key = floats(lay, room->len, room->head),
                                .d_value = floats(lay, room->len, room->head),
                                .key_turned = floats(lay, room->shape.head_len, room->len),
                                .value_turned = floats(lay, room->shape.head_len, room->len),
                                .scores = floats(lay, NET_QUERIES, room->len),
                                .d_scores = floats(lay, NET_QUERIES, room->len),
                                .query = floats(lay, NET_QUERIES, room->head),
                                .d_out = floats(lay, NET_QUERIES, room->head),
                                .out = floats(lay, NET_QUERIES, room->head)};
        if (room->heads) room->heads[i] = head;
    }
}

static uint64_t widest(const struct net_room *room) {
    uint64_t most = room->shape.width > room->q ? room->shape.width : room->q;
    return most > room->ff ? most : room->ff;
}

static void lay_room(struct net_room *room, struct lay *lay) {
    uint64_t n = room->options.tokens_max, width = room->shape.width;
    uint64_t angles = (uint64_t)room->options.len_max * room->shape.head_len / 2;
    gemm_lay(&room->gemm, lay);
    room->cosines = floats(lay, 1, angles);
    room->sines = floats(lay, 1, angles);
    room->begins = lay_take(lay, n, sizeof *room->begins);
    room->counted = lay_take(lay, n, sizeof *room->counted);
    lay_kept(room, lay);
    lay_heads(room, lay);
    room->normed = floats(lay, n, width);
    room->inverse = floats(lay, 1, n);
    room->d_x = floats(lay, n, width);
    room->d_normed = floats(lay, n, width);
    room->d_mixed = floats(lay, n, room->q);
    room->d_qkv = floats(lay, n, room->qkv);
    room->gated = floats(lay, n, room->ff);
    room->d_gated = floats(lay, n, room->ff);
    room->d_feed = floats(lay, n, 2 * room->ff);
    room->low = floats(lay, n, room->rank);
    room->d_low = floats(lay, n, room->rank);
    room->dropped = floats(lay, room->rank ? n : 0, widest(room));
    room->logits = floats(lay, room->part, room->vocabulary);
    room->losses = floats(lay, 1, n);
}

static uint32_t rank_of(const struct net *net) {
    uint32_t rank = net->head.low.rank;
    for (uint32_t i = 0; i < net->shape.layers; i++) {
        const struct net_layer *layer = &net->layer[i];
        const struct net_matrix *const all[] = {&layer->query, &layer->key,  &layer->value,
                                                &layer->output, &layer->gate, &layer->up,
                                                &layer->down};
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            if (all[j]->low.rank > rank) rank = all[j]->low.rank;
    }
    return rank;
}

static void set_sizes(struct net_room *room, const struct net *net) {
    const struct net_shape *shape = &room->shape;
    room->q = kernel_pad(shape->heads * shape->head_len);
    room->kv = kernel_pad(shape->heads_kv * shape->head_len);
    room->qkv = room->q + 2 * room->kv;
    room->ff = kernel_pad(shape->ff);
    room->vocabulary = kernel_pad(shape->vocabulary);
    room->head = kernel_pad(shape->head_len);
    room->len = kernel_pad(room->options.len_max) + KERNEL_LANES; // a column: not all in one set
    room->rank = (uint32_t)kernel_pad(rank_of(net));
    uint32_t part = (uint32_t)(LOGITS / room->vocabulary);
    part = part < NET_TOKENS ? NET_TOKENS : part;
    room->part = part < room->options.tokens_max ? part : room->options.tokens_max;
}

// Angles of all positions, as the engine reckons them.
static void fill_angles(struct net_room *room, const float *factors) {
    double rates[NET_HEAD_MAX / 2];
    struct rope rope = {.rates = rates};
    const struct rope_scaling none = {.factor = 1, .magnitude = 1};
    uint32_t pairs = room->shape.head_len / 2;
    rope_rates(&rope, (double)room->shape.rope_base, factors, 2 * pairs, &none);
    for (uint32_t i = 0; i < room->options.len_max; i++)
        rope_angles(&rope, i, pairs, room->cosines + (size_t)i * pairs,
                    room->sines + (size_t)i * pairs);
}

static enum sk_code check_option(const char *field, uint32_t value, uint32_t max) {
    if (value == 0) return FAIL(SK_INPUT, "%s 0: give at least 1", field);
    if (value > max) return FAIL(SK_LIMIT, "%s %u > %u: give less", field, value, max);
    return SK_OK;
}

static enum sk_code fill_room(struct net_room *room, const struct net *net) {
    const struct net_options *options = &room->options;
    TRY(net_check(&room->shape));
    TRY(check_option("threads", options->threads, POOL_THREADS_MAX));
    TRY(check_option("tokens of a batch", options->tokens_max, NET_BATCH_MAX));
    TRY(check_option("tokens of a row", options->len_max, LEN_MAX));
    uint64_t heads = (uint64_t)options->tokens_max * room->shape.heads_kv;
    if (heads > POOL_ITEMS_MAX)
        return FAIL(SK_LIMIT, "tokens of a batch x heads_kv %llu > %d: give fewer tokens",
                    (unsigned long long)heads, POOL_ITEMS_MAX);
    room->ops = net_ops_find(NULL);
    set_sizes(room, net);
    struct lay lay = {0};
    lay_room(room, &lay);
    if (lay.over) return FAIL(SK_LIMIT, "memory of a batch: too much; give a smaller one");
    room->block_bytes = lay.used;
    room->block = pages_take(lay.used);
    if (!room->block)
        return FAIL(SK_LIMIT, "memory of a batch: %llu MB are not there; give a smaller one",
                    (unsigned long long)(lay.used >> 20));
    lay = (struct lay){.base = room->block};
    lay_room(room, &lay);
    fill_angles(room, net->rope_factors);
    return pool_open(&room->pool, options->threads);
}

enum sk_code net_room_open(struct net_room **out, const struct net *net,
                           const struct net_options *options) {
    *out = NULL;
    struct net_room *room = aligned_alloc(LAY_ALIGN, sizeof *room);
    if (!room) return FAIL(SK_LIMIT, "memory: none left");
    memset(room, 0, sizeof *room);
    room->shape = net->shape;
    room->options = *options;
    enum sk_code code = fill_room(room, net);
    if (code == SK_OK)
        *out = room;
    else
        net_room_close(room);
    return code;
}

void net_room_close(struct net_room *room) {
    if (!room) return;
    pool_close(&room->pool);
    pages_give(room->block, room->block_bytes);
    free(room);
}

uint64_t net_room_bytes(const struct net_room *room) { return room->block_bytes + sizeof *room; }

struct pool *net_room_pool(struct net_room *room) { return &room->pool; }

void net_room_watch(struct net_room *room, net_done *done, void *self) {
    room->done = done;
    room->done_self = self;
}
