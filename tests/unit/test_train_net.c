// The net that learns: its tensors, and that threads, checkpoints and memory do not change a bit.
// Its values: test_train_gradients.c.
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "train/net.h"

static const struct net_shape small = {.layers = 2,
                                       .width = 32,
                                       .heads = 4,
                                       .heads_kv = 2,
                                       .head_len = 8,
                                       .ff = 44,
                                       .vocabulary = 61,
                                       .rope_base = 10000,
                                       .epsilon = 1e-5f};

static struct net_tensor tensors_of[NET_TENSORS_MAX];
static struct net net;

static struct net_tensors list_of(const struct net_shape *shape) {
    struct net_tensors out = {.tensor = tensors_of, .max = NET_TENSORS_MAX};
    net_list(shape, &out);
    return out;
}

static void shapes_that_are_not_computed_are_refused(void **state) {
    (void)state;
    assert_int_equal(net_check(&small), SK_OK);
    struct net_shape shape = small;
    shape.width = 40;
    assert_int_equal(net_check(&shape), SK_INPUT);
    assert_non_null(strstr(fail_text(), "width 40"));
    shape = small;
    shape.heads_kv = 3;
    assert_int_equal(net_check(&shape), SK_INPUT);
    shape = small;
    shape.head_len = 7;
    assert_int_equal(net_check(&shape), SK_INPUT);
    shape = small;
    shape.layers = NET_LAYERS_MAX + 1;
    assert_int_equal(net_check(&shape), SK_LIMIT);
    shape = small;
    shape.vocabulary = 0;
    assert_int_equal(net_check(&shape), SK_INPUT);
    shape = small;
    shape.epsilon = NAN;
    assert_int_equal(net_check(&shape), SK_INPUT);
    shape = small;
    shape.rope_base = NAN;
    assert_int_equal(net_check(&shape), SK_INPUT);
}

static void the_list_and_the_net_agree(void **state) {
    (void)state;
    for (int tied = 0; tied < 2; tied++) {
        struct net_shape shape = small;
        shape.tied = tied;
        struct net_tensors list = list_of(&shape);
        assert_int_equal(list.len, (tied ? 2 : 3) + 9 * shape.layers);
        float *block = calloc(list.floats, sizeof *block), *gradients = block + 16;
        net_over(&shape, block, gradients, &net);
        assert_string_equal(list.tensor[0].name, "token_embd.weight");
        assert_ptr_equal(net.embedding.at, block);
        assert_string_equal(list.tensor[17].name, "blk.1.ffn_up.weight");
        assert_ptr_equal(net.layer[1].up.at, block + list.tensor[17].at);
        assert_ptr_equal(net.layer[1].up.gradient, gradients + list.tensor[17].at);
        assert_int_equal(net.layer[1].up.rows, list.tensor[17].rows);
        assert_int_equal(net.layer[1].up.columns, list.tensor[17].columns);
        assert_string_equal(list.tensor[19].name, "output_norm.weight");
        assert_ptr_equal(net.output_norm.at, block + list.tensor[19].at);
        assert_false(list.tensor[19].decays);
        assert_ptr_equal(net.head.at, tied ? block : block + list.tensor[20].at);
        if (!tied) assert_string_equal(list.tensor[20].name, "output.weight");
        free(block);
    }
}

static double deviation_of(const float *x, uint64_t len) {
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < len; i++) {
        sum += (double)x[i];
        squares += (double)x[i] * (double)x[i];
    }
    assert_true(fabs(sum / (double)len) < 0.002);
    return sqrt(squares / (double)len);
}

static void parameters_are_drawn(void **state) {
    (void)state;
    struct net_tensors list = list_of(&small);
    size_t bytes = list.floats * sizeof(float);
    float *block = malloc(bytes), *again = malloc(bytes);
    net_draw(&small, 7, block);
    net_draw(&small, 7, again);
    assert_memory_equal(block, again, bytes);
    net_draw(&small, 8, again);
    assert_memory_not_equal(block, again, bytes);
    for (uint32_t i = 0; i < list.len; i++) {
        const struct net_tensor *tensor = &list.tensor[i];
        uint64_t len = (uint64_t)tensor->rows * tensor->columns;
        bool residual = strstr(tensor->name, "attn_output") || strstr(tensor->name, "ffn_down");
        if (!tensor->decays)
            for (uint64_t j = 0; j < len; j++) assert_true(block[tensor->at + j] == 1);
        else
            assert_true(fabs(deviation_of(block + tensor->at, len) - (residual ? 0.01 : 0.02)) <
                        0.0015);
    }
    free(block);
    free(again);
}

// ---- runs ----

enum { ROWS = 3, LEN = 40, TOKENS = ROWS * LEN };
static int32_t ids[TOKENS], targets[TOKENS];
static uint32_t segments[TOKENS];
static const struct net_batch batch = {ids, targets, segments, ROWS, LEN};

static float *parameters, *gradients;
static size_t bytes;

static int fill(void **state) {
    (void)state;
    uint64_t chance = 3;
    struct net_shape shape = small;
    shape.tied = true;
    bytes = list_of(&shape).floats * sizeof(float);
    parameters = malloc(bytes);
    gradients = calloc(1, bytes);
    net_draw(&shape, 5, parameters);
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        parameters[i] *= parameters[i] == 1 ? 1 : 8;
    net_over(&shape, parameters, gradients, &net);
    for (uint32_t t = 0; t < TOKENS; t++) {
        ids[t] = (int32_t)(chance_next(&chance) % shape.vocabulary);
        targets[t] = t % 5 == 3 ? NET_IGNORED : (int32_t)(chance_next(&chance) % shape.vocabulary);
        segments[t] = t % LEN / 17;
    }
    return 0;
}

static int empty(void **state) {
    (void)state;
    free(parameters);
    free(gradients);
    return 0;
}

static struct net_room *open_room(struct net_options options) {
    struct net_room *room;
    options.tokens_max = TOKENS;
    options.len_max = LEN;
    if (options.threads == 0) options.threads = 1;
    assert_int_equal(net_room_open(&room, &net, &options), SK_OK);
    return room;
}

// Gradients of the batch from zero, in memory of the caller.
static struct net_loss gradients_of(struct net_options options, float *out) {
    struct net_room *room = open_room(options);
    memset(gradients, 0, bytes);
    struct net_loss loss = net_run(room, &net, &(struct net_step){.batch = &batch, .scale = 0.01f});
    memcpy(out, gradients, bytes);
    net_room_close(room);
    return loss;
}

static void threads_and_checkpoints_change_no_bit(void **state) {
    (void)state;
    float *first = malloc(bytes), *again = malloc(bytes);
    struct net_loss loss = gradients_of((struct net_options){.threads = 1}, first);
    assert_int_equal(loss.targets, 96);
    for (uint32_t threads = 1; threads <= 4; threads++)
        for (int checkpoints = 0; checkpoints < 2; checkpoints++) {
            struct net_options options = {.threads = threads, .checkpoints = checkpoints};
            struct net_loss other = gradients_of(options, again);
            assert_memory_equal(&other.sum, &loss.sum, sizeof loss.sum);
            assert_memory_equal(again, first, bytes);
        }
    free(first);
    free(again);
}

static double apart(const float *a, const float *b) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < bytes / sizeof *a; i++) {
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        squares += (double)b[i] * (double)b[i];
    }
    return sqrt(sum / squares);
}

static void halved_activations_change_the_loss_by_nothing_and_gradients_little(void **state) {
    (void)state;
    float *first = malloc(bytes), *again = malloc(bytes);
    struct net_loss loss = gradients_of((struct net_options){0}, first);
    for (int checkpoints = 0; checkpoints < 2; checkpoints++) {
        struct net_options options = {.halved = true, .checkpoints = checkpoints, .threads = 2};
        struct net_loss other = gradients_of(options, again);
        assert_memory_equal(&other.sum, &loss.sum, sizeof loss.sum);
        double far = apart(again, first);
        if (!(far > 0 && far < 0.01)) fail_msg("gradients %g apart", far);
    }
    free(first);
    free(again);
}

static void memory_is_less_with_checkpoints_and_halves(void **state) {
    (void)state;
    uint64_t taken[4];
    net.shape.layers = 6; // only for its size
    for (int i = 0; i < 4; i++) {
        struct net_options options = {.checkpoints = i & 1, .halved = i & 2};
        struct net_room *room = open_room(options);
        taken[i] = net_room_bytes(room);
        net_room_close(room);
    }
    net.shape.layers = small.layers;
    assert_true(taken[1] < taken[0] && taken[2] < taken[0] && taken[3] < taken[1]);
}

static void gradients_add_up_and_a_scale_of_zero_adds_none(void **state) {
    (void)state;
    float *first = malloc(bytes), *again = malloc(bytes);
    gradients_of((struct net_options){0}, first);
    struct net_room *room = open_room((struct net_options){0});
    memset(gradients, 0, bytes);
    net_run(room, &net, &(struct net_step){.batch = &batch});
    for (size_t i = 0; i < bytes / sizeof *again; i++) assert_true(gradients[i] == 0);
    for (int i = 0; i < 2; i++)
        net_run(room, &net, &(struct net_step){.batch = &batch, .scale = 0.005f});
    memcpy(again, gradients, bytes);
    assert_true(apart(again, first) < 1e-5);
    net_room_close(room);
    free(first);
    free(again);
}

static void losses_of_each_token_add_up(void **state) {
    (void)state;
    float losses[TOKENS];
    double sum = 0;
    struct net_room *room = open_room((struct net_options){.threads = 2});
    struct net_loss loss = net_run(room, &net, &(struct net_step){.batch = &batch});
    net_losses(room, &net, &batch, losses);
    for (uint32_t t = 0; t < TOKENS; t++) {
        assert_true(targets[t] == NET_IGNORED ? losses[t] == 0 : losses[t] > 0);
        sum += (double)losses[t];
    }
    assert_true(fabs(sum - loss.sum) < 1e-9);
    net_room_close(room);
}

static void nan_gives_nan(void **state) {
    (void)state;
    struct net_tensors list = list_of(&net.shape);
    struct net_room *room = open_room((struct net_options){0});
    for (uint32_t i = 0; i < list.len; i++) {
        float *at = parameters + list.tensor[i].at + 3, was = *at;
        if (i == 0) at = parameters + (size_t)ids[0] * small.width, was = *at;
        *at = NAN;
        struct net_step step = {.batch = &batch, .scale = 1};
        assert_true(isnan(net_run(room, &net, &step).sum));
        *at = was;
        memset(gradients, 0, bytes);
        assert_true(isfinite(net_run(room, &net, &step).sum));
        for (size_t j = 0; j < bytes / sizeof *gradients; j++) assert_true(isfinite(gradients[j]));
    }
    net_room_close(room);
}

struct watched {
    uint32_t seen[8], len;
    float head, first;
};

static void watch(void *self, uint32_t layer) {
    struct watched *watched = self;
    watched->seen[watched->len++] = layer;
    if (layer == 1) watched->head = net.layer[1].up.gradient[5];
    if (layer == 1) watched->first = net.layer[0].up.gradient[5];
}

static void layers_are_told_of_when_their_gradients_are_whole(void **state) {
    (void)state;
    struct watched watched = {.len = 0};
    struct net_room *room = open_room((struct net_options){0});
    net_room_watch(room, watch, &watched);
    memset(gradients, 0, bytes);
    net_run(room, &net, &(struct net_step){.batch = &batch, .scale = 1});
    assert_int_equal(watched.len, 4);
    const uint32_t order[] = {2, 1, 0, UINT32_MAX};
    assert_memory_equal(watched.seen, order, sizeof order);
    assert_true(watched.head == net.layer[1].up.gradient[5]);
    assert_true(watched.first == 0 && net.layer[0].up.gradient[5] != 0);
    net_room_close(room);
}

static void batches_that_are_too_large_are_refused(void **state) {
    (void)state;
    struct net_room *room;
    struct net_options options = {.threads = 1, .tokens_max = 1 << 30, .len_max = 4};
    assert_int_equal(net_room_open(&room, &net, &options), SK_LIMIT);
    assert_null(room);
    struct net *many = malloc(sizeof *many); // items of work: one for each row and head
    *many = net;
    many->shape.heads_kv = many->shape.heads = 64;
    options = (struct net_options){.threads = 1, .tokens_max = 1 << 16, .len_max = 64};
    assert_int_equal(net_room_open(&room, many, &options), SK_LIMIT);
    assert_non_null(strstr(fail_text(), "heads_kv"));
    free(many);
    options = (struct net_options){.threads = 1, .tokens_max = 4, .len_max = 0};
    assert_int_equal(net_room_open(&room, &net, &options), SK_INPUT);
    options = (struct net_options){.threads = 1000, .tokens_max = 4, .len_max = 4};
    assert_int_equal(net_room_open(&room, &net, &options), SK_LIMIT);
    net_room_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_that_are_not_computed_are_refused),
        cmocka_unit_test(the_list_and_the_net_agree),
        cmocka_unit_test(parameters_are_drawn),
    };
    const struct CMUnitTest runs[] = {
        cmocka_unit_test(threads_and_checkpoints_change_no_bit),
        cmocka_unit_test(halved_activations_change_the_loss_by_nothing_and_gradients_little),
        cmocka_unit_test(memory_is_less_with_checkpoints_and_halves),
        cmocka_unit_test(gradients_add_up_and_a_scale_of_zero_adds_none),
        cmocka_unit_test(losses_of_each_token_add_up),
        cmocka_unit_test(nan_gives_nan),
        cmocka_unit_test(layers_are_told_of_when_their_gradients_are_whole),
        cmocka_unit_test(batches_that_are_too_large_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL) + cmocka_run_group_tests(runs, fill, empty);
}
