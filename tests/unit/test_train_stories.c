// The story checkpoint of llama2.c (stories260K.bin, MIT), read here: our losses of a text are those
// that llama2.c's own program gives for it, and those of a network in double.
#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "net_plain.h"

// What run.c's tokenizer makes of expected-t0-n200.txt, and the sum of -ln p over its forward().
static const int32_t text[] = {
    1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396,
    267, 337, 410, 408, 419, 292, 411, 322, 265, 282, 295, 433, 426, 385, 328, 432, 358, 394,
    261, 370, 432, 352, 266, 268, 388, 426, 338, 391, 266, 267, 337, 335, 312, 432, 398, 312,
    286, 267, 414, 270, 333, 415, 426, 13, 438, 310, 439, 419, 357, 336, 432, 313, 438, 310, 432,
    278, 316, 439, 419, 298, 414, 267, 265, 282, 295, 433, 426, 436, 317, 286, 296, 418, 269,
    279, 292, 416, 439, 413, 409, 416, 327, 263, 415, 294, 267, 400, 426, 338, 336, 432, 313,
    442, 391, 267, 337, 335, 364, 420, 268, 388, 432, 398, 359, 280, 303, 439, 413, 272, 417,
    264, 312, 426, 436, 13, 438, 310, 286, 296, 418, 269, 279, 292, 416, 439, 413, 409, 416, 327,
    263, 415, 294, 267, 400, 426, 338, 336, 432, 313, 442, 439, 423, 262, 304, 420, 422, 432,
    317, 426, 359, 279, 292, 416, 439, 413, 409, 416, 327, 263, 415, 294, 267, 400, 426, 436, 13,
    438, 310, 279, 292, 416, 439, 413, 391, 267, 281, 421, 427, 311, 357, 432, 384, 358, 13,
};
enum { TEXT = sizeof text / sizeof *text };
static const double llama2c_loss = 107.934943131;

static struct net net;
static char file[1 << 21];

// The file, zeros behind it; 0 when it is not there.
static size_t read_checkpoint(void) {
    const char *shared = getenv("SEKISHO_SHARED"), *strict = getenv("SEKISHO_STRICT");
    char path[4096];
    snprintf(path, sizeof path, "%s/data/train/stories260K/stories260K.bin",
             shared ? shared : SEKISHO_ROOT "/../shared");
    FILE *from = fopen(path, "rb");
    if (!from) {
        print_message("skip: no %s\n", path);
        assert_true(!strict || strcmp(strict, "1") != 0);
        return 0;
    }
    size_t len = fread(file, 1, sizeof file, from);
    fclose(from);
    return len;
}

// Seven numbers: width, ff, layers, heads, heads_kv, vocabulary (tied: above 0), context.
static struct net_shape shape_of(const int32_t head[7]) {
    return (struct net_shape){.layers = (uint32_t)head[2],
                              .width = (uint32_t)head[0],
                              .heads = (uint32_t)head[3],
                              .heads_kv = (uint32_t)head[4],
                              .head_len = (uint32_t)(head[0] / head[3]),
                              .ff = (uint32_t)head[1],
                              .vocabulary = (uint32_t)head[5],
                              .rope_base = 10000,
                              .epsilon = 1e-5f,
                              .tied = true};
}

// Tensors follow each other kind by kind, each of all layers, after the embedding.
static float *fill(const struct net_shape *shape) {
    static const int order[9] = {0, 1, 2, 3, 4, 5, 6, 8, 7}; // their w2 is down, their w3 up
    static struct net_tensor tensors[NET_TENSORS_MAX];
    struct net_tensors list = {.tensor = tensors, .max = NET_TENSORS_MAX};
    net_list(shape, &list);
    float *parameters = calloc(list.floats, sizeof *parameters);
    const char *at = file + 7 * sizeof(int32_t);
    for (uint32_t i = 0; i < list.len; i++) {
        bool inner = i > 0 && i + 1 < list.len;
        uint32_t kind = (i - 1) / shape->layers, layer = (i - 1) % shape->layers;
        uint32_t index = inner ? 1 + 9 * layer + (uint32_t)order[kind] : i;
        const struct net_tensor *tensor = &list.tensor[index];
        size_t bytes = (size_t)tensor->rows * tensor->columns * sizeof(float);
        memcpy(parameters + tensor->at, at, bytes);
        at += bytes;
    }
    return parameters;
}

static void our_loss_is_that_of_llama2c(void **state) {
    (void)state;
    size_t len = read_checkpoint();
    if (len == 0) return;
    int32_t head[7];
    memcpy(head, file, sizeof head);
    struct net_shape shape = shape_of(head);
    assert_int_equal(net_check(&shape), SK_OK);
    float *parameters = fill(&shape), losses[TEXT - 1];
    static const uint32_t segments[TEXT];
    const struct net_batch batch = {text, text + 1, segments, 1, TEXT - 1};
    struct net_room *room;
    struct net_options options = {.threads = 2, .tokens_max = TEXT, .len_max = TEXT};
    net_over(&shape, parameters, NULL, &net);
    assert_int_equal(net_room_open(&room, &net, &options), SK_OK);
    double each[TEXT - 1], loss = net_run(room, &net, &(struct net_step){.batch = &batch}).sum;
    double want = plain_loss(&net, &batch, each);
    print_message("loss %.6f, in double %.6f, llama2.c %.6f nats of %d tokens\n", loss, want,
                  llama2c_loss, TEXT - 1);
    assert_true(fabs(loss - llama2c_loss) < 1e-4);
    assert_true(fabs(loss - want) < 1e-4);
    net_losses(room, &net, &batch, losses);
    for (int i = 0; i < TEXT - 1; i++)
        assert_true(fabs((double)losses[i] - each[i]) < 1e-4);
    net_room_close(room);
    free(parameters);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(our_loss_is_that_of_llama2c)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
