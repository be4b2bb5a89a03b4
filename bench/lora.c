// bench_lora: steps of low-rank pairs (rank 8, all seven matrices of each layer) beside a frozen
// Q4_K base of 1.1 and of 0.5 G parameters, 128 tokens a step, half of them the answer, two
// threads. Tokens a second by the clock and by CPU time, the share of what the CPU can do at most,
// measured after each step, and the memory of it all.
// Blocks of the base are made from a few rows of chance, over and over.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chance.h"
#include "engine/pages.h"
#include "peak.h"
#include "train/adam.h"
#include "train/encode.h"

enum { THREADS = 2, LEN = 128, RANK = 8, STEPS = 4, ROWS = 32, MATRICES = 7 };

static const struct bench_base {
    const char *name;
    struct net_shape shape;
    const char *goal;
} bases[] = {
    {"1.1b",
     {.layers = 22, .width = 2048, .heads = 32, .heads_kv = 4, .head_len = 64, .ff = 5632,
      .vocabulary = 32000, .rope_base = 10000, .epsilon = 1e-5f},
     "30"},
    {"0.5b",
     {.layers = 24, .width = 1280, .heads = 20, .heads_kv = 4, .head_len = 64, .ff = 3584,
      .vocabulary = 32000, .rope_base = 10000, .epsilon = 1e-5f, .tied = true},
     "-"},
};

static struct net net;
static struct net_tensor list[2 * MATRICES * NET_LAYERS_MAX];
static struct net_tensors pairs = {.tensor = list, .max = sizeof list / sizeof *list};
static uint64_t chance_state = 1, base_bytes;

static float uniform(void) {
    return (float)(int32_t)(chance_next(&chance_state) >> 32) / 2147483648.0f;
}

static void make_matrix(struct net_matrix *matrix, enum quant_type type) {
    const struct quant *quant = quant_find(type);
    size_t bytes = matrix->columns / quant->block * quant->bytes;
    uint8_t *at = pages_take(bytes * matrix->rows);
    float *row = malloc(matrix->columns * sizeof *row), most = 1.5f / sqrtf((float)matrix->columns);
    must(at && row);
    for (uint32_t r = 0; r < ROWS; r++) {
        for (uint32_t c = 0; c < matrix->columns; c++) row[c] = most * uniform();
        must(encode_row(type, row, matrix->columns, at + r * bytes) == SK_OK);
    }
    for (uint32_t r = ROWS; r < matrix->rows; r++)
        memcpy(at + r * bytes, at + r % ROWS * bytes, bytes);
    free(row);
    matrix->at = at;
    matrix->type = type;
    matrix->row_bytes = bytes;
    base_bytes += bytes * matrix->rows;
}

static uint64_t add_tensor(uint32_t rows, uint32_t columns) {
    struct net_tensor tensor = {.rows = rows, .columns = columns, .at = pairs.floats};
    pairs.tensor[pairs.len++] = tensor;
    pairs.floats += ((uint64_t)rows * columns + 15) / 16 * 16;
    return tensor.at;
}

static struct net_matrix *matrix_of(struct net_layer *layer, int i) {
    struct net_matrix *const all[MATRICES] = {&layer->query, &layer->key,  &layer->value,
                                              &layer->output, &layer->gate, &layer->up,
                                              &layer->down};
    return all[i];
}

static struct net_vector ones(uint32_t len) {
    float *at = malloc(len * sizeof *at);
    must(at);
    for (uint32_t i = 0; i < len; i++) at[i] = 1;
    return (struct net_vector){.at = at};
}

// The base, and where its pairs will be in their block.
static void make_base(const struct net_shape *shape) {
    net_over(shape, NULL, NULL, &net); // for its sizes
    make_matrix(&net.embedding, QUANT_Q4_K);
    net.head = shape->tied ? net.embedding : net.head;
    if (!shape->tied) make_matrix(&net.head, QUANT_Q6_K);
    net.output_norm = ones(shape->width);
    for (uint32_t l = 0; l < shape->layers; l++) {
        net.layer[l].attention_norm = net.layer[l].ff_norm = net.output_norm;
        for (int i = 0; i < MATRICES; i++) {
            struct net_matrix *matrix = matrix_of(&net.layer[l], i);
            make_matrix(matrix, QUANT_Q4_K);
            add_tensor(RANK, matrix->columns);
            add_tensor(matrix->rows, RANK);
        }
    }
}

static void add_pairs(const struct adam *adam) {
    const struct net_tensor *at = list;
    for (uint32_t l = 0; l < net.shape.layers; l++)
        for (int i = 0; i < MATRICES; i++, at += 2) {
            struct net_matrix *matrix = matrix_of(&net.layer[l], i);
            matrix->low = (struct net_low_rank){adam->parameters + at[0].at,
                                                adam->parameters + at[1].at,
                                                adam->gradients + at[0].at,
                                                adam->gradients + at[1].at, RANK, 2};
            for (uint32_t j = 0; j < RANK * matrix->columns; j++)
                matrix->low.a[j] = uniform() / sqrtf((float)matrix->columns);
        }
}

static struct net_batch make_batch(uint32_t vocabulary) {
    static int32_t ids[LEN], targets[LEN];
    static uint32_t segments[LEN];
    for (uint32_t t = 0; t < LEN; t++) {
        ids[t] = (int32_t)((chance_next(&chance_state) >> 32) % vocabulary);
        targets[t] = t < LEN / 2 ? NET_IGNORED : (int32_t)(t * 97 % vocabulary);
    }
    return (struct net_batch){ids, targets, segments, 1, LEN};
}

// Floating-point operations of a step: forward and back through each weight, the head's for half
// of the tokens.
static double operations(const struct net_shape *shape) {
    double head = (double)shape->vocabulary * shape->width, all = head / 2;
    for (uint32_t l = 0; l < shape->layers; l++)
        for (int i = 0; i < MATRICES; i++) {
            const struct net_matrix *matrix = matrix_of(&net.layer[l], i);
            all += (double)matrix->rows * matrix->columns;
        }
    return 4 * LEN * all;
}

static void say(const struct bench_base *base, struct peak_time best, double share,
                const struct net_room *room) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double speed = LEN / best.wall, memory = (double)usage.ru_maxrss * 1024e-9;
    const char *met = speed >= strtod(base->goal, NULL) ? "met" : "missed";
    printf("RESULT lora.%s %.1f tokens/s goal %s %s %.1f for a second of CPU, %.0f%% of the peak\n",
           base->name, speed, base->goal, base->goal[0] == '-' ? "" : met, LEN / best.cpu,
           100 * share);
    printf("RESULT lora.%s_memory %.2f GB goal 2.5 %s base %.2f, activations %.2f\n", base->name,
           memory, memory < 2.5 ? "met" : "missed", (double)base_bytes * 1e-9,
           (double)net_room_bytes(room) * 1e-9);
}

static void run_base(const struct bench_base *base) {
    make_base(&base->shape);
    uint64_t bytes = pairs.floats * sizeof(float);
    struct adam adam = {.tensors = &pairs, .parameters = pages_take(bytes),
                        .gradients = pages_take(bytes), .mean = pages_take(bytes),
                        .square = pages_take(bytes)};
    must(adam.parameters && adam.gradients && adam.mean && adam.square);
    add_pairs(&adam);
    struct net_batch batch = make_batch(base->shape.vocabulary);
    struct net_options options = {.threads = THREADS, .tokens_max = LEN, .len_max = LEN};
    struct net_step step = {.batch = &batch, .scale = 2.0f / LEN};
    struct peak_time best = {INFINITY, INFINITY};
    double share = 0;
    struct net_room *room;
    must(net_room_open(&room, &net, &options) == SK_OK);
    for (uint64_t i = 1; i <= STEPS; i++) {
        struct peak_time began = peak_now();
        double loss = net_run(room, &net, &step).sum / (LEN / 2.0), norm;
        must(adam_step(net_room_pool(room), &adam,
                       &(struct adam_step){i, 1e-3, 0.9, 0.95, 1e-8, 0, 1}, &norm) == SK_OK);
        struct peak_time took = peak_since(began);
        best.wall = fmin(best.wall, took.wall);
        best.cpu = fmin(best.cpu, took.cpu);
        began = peak_now();
        double most = peak_run(net_room_pool(room));
        most /= peak_since(began).cpu;
        if (most > 0) share = fmax(share, operations(&base->shape) / took.cpu / most);
        printf("%s: loss %.4f, %.2f s, CPU %.2f s\n", base->name, loss, took.wall, took.cpu);
    }
    say(base, best, share, room);
    net_room_close(room);
}

// Each in a process of its own, so that its memory is its own.
int main(void) {
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        pid_t child = fork();
        if (child == 0) {
            run_base(&bases[i]);
            return 0;
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) return 1;
    }
    return 0;
}
