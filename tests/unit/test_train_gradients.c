// The net's losses and gradients against a network in double (net_plain.h): losses by value,
// gradients by central differences of its loss.
#include "cmocka_chance.h"

#include <string.h>

#include "net_plain.h"
#include "train/encode.h"

enum { TOKENS = 48, SAMPLES = 24, PAIRS = 7 };

static struct net net;

struct made {
    float *parameters, *gradients;
    struct net_tensors list;
};

static float uniform(void) { // -1 .. 1
    return (float)(int32_t)(chance_next(&chance_state) >> 32) / 2147483648.0f;
}

// Parameters large enough that nothing is nearly linear.
static void make(const struct net_shape *shape, struct made *made) {
    static struct net_tensor tensors[NET_TENSORS_MAX];
    assert_int_equal(net_check(shape), SK_OK);
    made->list = (struct net_tensors){.tensor = tensors, .max = NET_TENSORS_MAX};
    net_list(shape, &made->list);
    made->parameters = calloc(made->list.floats, sizeof(float));
    made->gradients = calloc(made->list.floats, sizeof(float));
    net_draw(shape, chance_next(&chance_state), made->parameters);
    for (uint64_t i = 0; i < made->list.floats; i++)
        made->parameters[i] *= made->parameters[i] == 1 ? 1 + uniform() / 3 : 14;
    net_over(shape, made->parameters, made->gradients, &net);
}

static void unmake(struct made *made) { free(made->parameters), free(made->gradients); }

static int32_t ids[TOKENS], targets[TOKENS];
static uint32_t segments[TOKENS];

static struct net_batch batch_of(const struct net_shape *shape, uint32_t rows, uint32_t len,
                                 bool plain) {
    for (uint32_t t = 0; t < rows * len; t++) {
        ids[t] = (int32_t)(chance_next(&chance_state) % shape->vocabulary);
        targets[t] = (int32_t)(chance_next(&chance_state) % shape->vocabulary);
        segments[t] = t % len == 0 ? 0 : segments[t - 1];
        if (plain) continue;
        if (t % len && chance_next(&chance_state) % 6 == 0) segments[t]++;
        if (chance_next(&chance_state) % 4 == 0) targets[t] = NET_IGNORED;
    }
    return (struct net_batch){ids, targets, segments, rows, len};
}

static struct net_loss run_of(const struct net *which, const struct net_batch *batch,
                              struct net_options options, struct net_step step) {
    struct net_room *room;
    options.threads = options.threads ? options.threads : 1;
    options.tokens_max = batch->rows * batch->len + 5;
    options.len_max = batch->len + 3;
    step.batch = batch;
    assert_int_equal(net_room_open(&room, which, &options), SK_OK);
    struct net_loss loss = net_run(room, which, &step);
    net_room_close(room);
    return loss;
}

static struct net_loss run(const struct net_batch *batch, struct net_options options,
                           struct net_step step) {
    return run_of(&net, batch, options, step);
}

// How far apart two vectors are, of the length of the second.
struct distance {
    double apart, length;
};

// By central differences: the parameter's own two neighbours are exact. A step of 2^-10 is too wide
// for an embedding that is small itself: its own error was up to 1.6e-4 of the slope.
static void compare(const char *name, float *at, const float *gradient, uint64_t len,
                    const struct net_batch *batch, double scale) {
    struct distance sum = {0, 0};
    for (int i = 0; i < SAMPLES; i++) {
        uint64_t j = len <= SAMPLES ? (uint64_t)i : chance_next(&chance_state) % len;
        if (j >= len) break;
        float was = at[j], more = was + 0x1p-14f, less = was - 0x1p-14f;
        at[j] = more;
        double up = plain_loss(&net, batch, NULL);
        at[j] = less;
        double down = plain_loss(&net, batch, NULL);
        at[j] = was;
        double slope = scale * (up - down) / ((double)more - (double)less);
        sum.apart += ((double)gradient[j] - slope) * ((double)gradient[j] - slope);
        sum.length += slope * slope;
    }
    if (!(sqrt(sum.apart) < 1e-4 * sqrt(sum.length) + 1e-7))
        fail_msg("%s: gradient off by %g of %g", name, sqrt(sum.apart), sqrt(sum.length));
}

static const struct net_shape shapes[] = {
    {.layers = 2, .width = 16, .heads = 4, .heads_kv = 2, .head_len = 6, .ff = 22,
     .vocabulary = 37, .rope_base = 10000, .epsilon = 1e-5f, .tied = true},
    {.layers = 2, .width = 32, .heads = 3, .heads_kv = 3, .head_len = 8, .ff = 16,
     .vocabulary = 29, .rope_base = 100, .epsilon = 1e-6f},
    {.layers = 1, .width = 16, .heads = 4, .heads_kv = 1, .head_len = 32, .ff = 40,
     .vocabulary = 64, .rope_base = 500000, .epsilon = 1e-5f},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static void losses_are_those_in_double(void **state) {
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int plain = 0; plain < 2; plain++) {
            struct made made;
            make(&shapes[i], &made);
            struct net_batch batch = batch_of(&shapes[i], 3, 16, plain);
            double want = plain_loss(&net, &batch, NULL);
            struct net_loss loss = run(&batch, (struct net_options){0}, (struct net_step){0});
            if (!(fabs(loss.sum - want) < 1e-5 * want))
                fail_msg("shape %d: loss %.9g, in double %.9g", i, loss.sum, want);
            unmake(&made);
        }
}

static void every_gradient_is_the_slope(void **state) {
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int how = 0; how < 3; how++) {
            struct made made;
            make(&shapes[i], &made);
            struct net_batch batch = batch_of(&shapes[i], 2, 18, how == 0);
            run(&batch, (struct net_options){.threads = 2, .checkpoints = how == 2},
                (struct net_step){.scale = 0.25f});
            for (uint32_t t = 0; t < made.list.len; t++) {
                const struct net_tensor *tensor = &made.list.tensor[t];
                compare(tensor->name, made.parameters + tensor->at, made.gradients + tensor->at,
                        (uint64_t)tensor->rows * tensor->columns, &batch, 0.25);
            }
            unmake(&made);
        }
}

// ---- low-rank pairs beside frozen matrices ----

static float pairs_of[PAIRS + 1][4][2048];

static void add_pair(struct net_matrix *matrix, int index, uint32_t rank) {
    float(*of)[2048] = pairs_of[index];
    memset(of, 0, sizeof pairs_of[index]);
    matrix->gradient = NULL;
    matrix->low = (struct net_low_rank){of[0], of[1], of[2], of[3], rank, 0.5f};
    for (uint32_t i = 0; i < rank * matrix->columns; i++) of[0][i] = uniform() / 3;
    for (uint32_t i = 0; i < rank * matrix->rows; i++) of[1][i] = uniform() / 3;
}

// Only the pairs learn, of all matrices of the last layer and of the head. What stays as it is may
// have biases and RoPE factors.
static void freeze(const struct net_shape *shape, bool more) {
    static float biases[PAIRS][256], factors[NET_HEAD_MAX / 2];
    net_over(shape, net.embedding.at, NULL, &net);
    struct net_layer *layer = &net.layer[shape->layers - 1];
    struct net_matrix *const matrices[PAIRS] = {&layer->query, &layer->key,  &layer->value,
                                                &layer->output, &layer->gate, &layer->up,
                                                &layer->down};
    for (int i = 0; i < PAIRS; i++) add_pair(matrices[i], i, 1 + (uint32_t)i);
    for (int i = 0; more && i < PAIRS; i++) {
        for (int j = 0; j < 256; j++) biases[i][j] = uniform();
        matrices[i]->bias = biases[i];
    }
    for (int i = 0; more && i < NET_HEAD_MAX / 2; i++) factors[i] = 3 + 2 * uniform();
    if (more) net.rope_factors = factors;
    add_pair(&net.head, PAIRS, 3);
}

static void compare_pairs(const struct net_shape *shape, const struct net_batch *batch) {
    const struct net_layer *layer = &net.layer[shape->layers - 1];
    const struct net_matrix *const matrices[] = {&layer->query, &layer->key,  &layer->value,
                                                 &layer->output, &layer->gate, &layer->up,
                                                 &layer->down,  &net.head};
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++) {
        const struct net_low_rank *low = &matrices[i]->low;
        compare("a", low->a, low->a_gradient, low->rank * matrices[i]->columns, batch, 1);
        compare("b", low->b, low->b_gradient, low->rank * matrices[i]->rows, batch, 1);
    }
}

static void every_gradient_of_low_rank_pairs_is_the_slope(void **state) {
    (void)state;
    for (int i = 0; i < 2 * SHAPES; i++) { // then as of qwen2, and of Llama 3
        struct net_shape shape = shapes[i % SHAPES];
        struct made made;
        shape.halves = i > SHAPES;
        make(&shape, &made);
        freeze(&shape, i >= SHAPES);
        struct net_batch batch = batch_of(&shape, 2, 18, i == 0);
        double want = plain_loss(&net, &batch, NULL);
        struct net_loss loss = run(&batch, (struct net_options){.checkpoints = i % SHAPES == 1},
                                   (struct net_step){.scale = 1});
        assert_true(fabs(loss.sum - want) < 1e-5 * want);
        compare_pairs(&shape, &batch);
        unmake(&made);
    }
}

// A matrix as `type`, and its floats as the type has them.
static void encode(struct net_matrix *matrix, enum quant_type type, float *floats) {
    const struct quant *quant = quant_find(type);
    size_t row_bytes = matrix->columns / quant->block * quant->bytes;
    uint8_t *out = malloc(row_bytes * matrix->rows);
    for (uint32_t r = 0; r < matrix->rows; r++) {
        float *row = floats + (size_t)r * matrix->columns;
        assert_int_equal(encode_row(type, row, matrix->columns, out + r * row_bytes), SK_OK);
        decode_part(type, out + r * row_bytes, 0, matrix->columns, row);
    }
    matrix->at = out;
    matrix->type = type;
    matrix->row_bytes = row_bytes;
}

// Beside a base in the types of GGUF files: the same as beside the floats that they mean.
static void pairs_learn_beside_frozen_blocks(void **state) {
    (void)state;
    static const struct net_shape shape = {.layers = 1, .width = 256, .heads = 4, .heads_kv = 2,
                                           .head_len = 64, .ff = 256, .vocabulary = 40,
                                           .rope_base = 10000, .epsilon = 1e-5f};
    static const enum quant_type types[] = {QUANT_Q4_K, QUANT_Q6_K, QUANT_Q8_0, QUANT_F16,
                                            QUANT_Q4_0, QUANT_Q5_0, QUANT_BF16, QUANT_Q6_K,
                                            QUANT_Q8_0};
    static struct net blocks;
    struct made made;
    make(&shape, &made);
    for (uint64_t i = 0; i < made.list.floats; i++) made.parameters[i] /= 4;
    freeze(&shape, false);
    blocks = net;
    struct net_layer *layer = &blocks.layer[0];
    struct net_matrix *const matrices[] = {&layer->query, &layer->key,  &layer->value,
                                           &layer->output, &layer->gate, &layer->up,
                                           &layer->down,  &blocks.head, &blocks.embedding};
    enum { MATRICES = sizeof matrices / sizeof *matrices };
    for (int i = 0; i < MATRICES; i++)
        encode(matrices[i], types[i],
               made.parameters + ((const float *)matrices[i]->at - made.parameters));
    struct net_batch batch = batch_of(&shape, 2, 18, false);
    struct net_step step = {.scale = 1};
    double with_floats = run(&batch, (struct net_options){0}, step).sum;
    size_t bytes = sizeof pairs_of;
    float *first = malloc(bytes);
    memcpy(first, pairs_of, bytes);
    for (int i = 0; i <= PAIRS; i++) memset(pairs_of[i][2], 0, 2 * sizeof pairs_of[i][2]);
    double with_blocks = run_of(&blocks, &batch, (struct net_options){.threads = 2}, step).sum;
    assert_memory_equal(&with_floats, &with_blocks, sizeof with_floats);
    assert_memory_equal(first, pairs_of, bytes);
    for (int i = 0; i < MATRICES; i++) free((void *)(uintptr_t)matrices[i]->at);
    free(first);
    unmake(&made);
}

// With dropout the same seed drops the same, so a step along the gradient pays what it promises.
static void dropout_has_gradients(void **state) {
    (void)state;
    struct made made;
    make(&shapes[1], &made);
    freeze(&shapes[1], false);
    struct net_batch batch = batch_of(&shapes[1], 2, 18, false);
    struct net_step step = {.scale = 1, .dropout = 0.3f, .seed = chance_next(&chance_state)};
    struct net_options options = {0};
    double without = run(&batch, options, (struct net_step){0}).sum;
    double with = run(&batch, options, step).sum, squares = 0;
    assert_true(fabs(with - without) > 0); // by how much is chance
    for (int i = 0; i <= PAIRS; i++)
        for (int half = 0; half < 2; half++)
            for (int j = 0; j < 2048; j++)
                squares += (double)pairs_of[i][2 + half][j] * (double)pairs_of[i][2 + half][j];
    step.scale = 0;
    double losses[2];
    for (int side = 0; side < 2; side++) {
        double h = (side ? -1 : 1) * 4e-3 / sqrt(squares);
        for (int i = 0; i <= PAIRS; i++)
            for (int half = 0; half < 2; half++)
                for (int j = 0; j < 2048; j++)
                    pairs_of[i][half][j] += (float)(h * (double)pairs_of[i][2 + half][j]);
        losses[side] = run(&batch, options, step).sum;
        for (int i = 0; i <= PAIRS; i++)
            for (int half = 0; half < 2; half++)
                for (int j = 0; j < 2048; j++)
                    pairs_of[i][half][j] -= (float)(h * (double)pairs_of[i][2 + half][j]);
    }
    double slope = (losses[0] - losses[1]) / 8e-3;
    if (!(fabs(slope - sqrt(squares)) < 0.01 * sqrt(squares)))
        fail_msg("slope %g, gradient %g", slope, sqrt(squares));
    unmake(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_those_in_double),
        cmocka_unit_test(every_gradient_is_the_slope),
        cmocka_unit_test(every_gradient_of_low_rank_pairs_is_the_slope),
        cmocka_unit_test(pairs_learn_beside_frozen_blocks),
        cmocka_unit_test(dropout_has_gradients),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
