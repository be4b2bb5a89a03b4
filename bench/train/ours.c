// train_ours SHAPE [halved]: training steps of a llama, one for each line it reads. Says what
// torch_step.py does, and after each step what the CPU can do at most (peak.h).
// SHAPE is "layers width heads heads_kv ff vocabulary rows len"; `halved`: moments of BF16.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../peak.h"
#include "chance.h"
#include "engine/pages.h"
#include "train/adam.h"

enum { THREADS = 2 };

static uint64_t chance_state = 1;

static void *pages(uint64_t bytes) {
    void *out = pages_take(bytes);
    must(out);
    return out;
}

static struct net_batch draw_batch(uint32_t rows, uint32_t len, uint32_t vocabulary) {
    size_t n = (size_t)rows * len;
    int32_t *ids = malloc((n + 1) * sizeof *ids);
    uint32_t *segments = calloc(n, sizeof *segments);
    must(ids && segments);
    for (size_t i = 0; i <= n; i++)
        ids[i] = (int32_t)((chance_next(&chance_state) >> 32) % vocabulary);
    return (struct net_batch){ids, ids + 1, segments, rows, len};
}

static void step(struct net_room *room, const struct net *net, const struct net_batch *batch,
                 const struct adam *adam, uint64_t count) {
    struct peak_time began = peak_now();
    double norm, targets = (double)batch->rows * batch->len;
    struct net_loss loss =
        net_run(room, net, &(struct net_step){.batch = batch, .scale = (float)(1 / targets)});
    struct peak_time run = peak_since(began);
    must(adam_step(net_room_pool(room), adam,
                   &(struct adam_step){count, 1e-4, 0.9, 0.95, 1e-8, 0.01, 1}, &norm) == SK_OK);
    struct peak_time took = peak_since(began);
    began = peak_now();
    double most = peak_run(net_room_pool(room));
    struct peak_time peak = peak_since(began);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"wall\": %.4f, \"cpu\": %.4f, \"adam\": %.4f, \"loss\": %.6f, \"memory\": %ld, "
           "\"peak_wall\": %.4g, \"peak_cpu\": %.4g}\n",
           took.wall, took.cpu, took.cpu - run.cpu, loss.sum / targets, usage.ru_maxrss * 1024,
           most / peak.wall, most / peak.cpu);
    fflush(stdout);
}

int main(int argc, char **argv) {
    uint32_t n[8] = {0};
    char *at = argc > 1 ? argv[1] : "";
    for (int i = 0; i < 8; i++) n[i] = (uint32_t)strtoul(at, &at, 10);
    if (n[7] == 0) return 1;
    struct net_shape shape = {.layers = n[0], .width = n[1], .heads = n[2], .heads_kv = n[3],
                              .head_len = n[1] / n[2], .ff = n[4], .vocabulary = n[5],
                              .rope_base = 10000, .epsilon = 1e-5f, .tied = true};
    static struct net_tensor list[NET_TENSORS_MAX];
    static struct net net;
    struct net_tensors tensors = {.tensor = list, .max = NET_TENSORS_MAX};
    net_list(&shape, &tensors);
    uint64_t bytes = tensors.floats * sizeof(float), parameters = 0;
    for (uint32_t i = 0; i < tensors.len; i++)
        parameters += (uint64_t)list[i].rows * list[i].columns;
    bool halved = argc > 2 && strcmp(argv[2], "halved") == 0;
    struct adam adam = {.tensors = &tensors, .parameters = pages(bytes), .gradients = pages(bytes),
                        .mean = pages(halved ? bytes / 2 : bytes),
                        .square = pages(halved ? bytes / 2 : bytes), .halved = halved};
    net_draw(&shape, 1, adam.parameters);
    net_over(&shape, adam.parameters, adam.gradients, &net);
    struct net_options options = {.threads = THREADS, .tokens_max = n[6] * n[7], .len_max = n[7]};
    struct net_room *room;
    if (net_room_open(&room, &net, &options) != SK_OK) {
        printf("%s\n", fail_text());
        return 1;
    }
    struct net_batch batch = draw_batch(n[6], n[7], n[5]);
    printf("{\"parameters\": %llu}\n", (unsigned long long)parameters);
    fflush(stdout);
    char line[8];
    for (uint64_t i = 1; fgets(line, sizeof line, stdin); i++) step(room, &net, &batch, &adam, i);
    net_room_close(room);
    return 0;
}
