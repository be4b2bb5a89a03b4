// bench_gemm [THREADS [SHAPE]]: products of the shapes of training beside the CPU's peak and OpenBLAS, all
// in one run. Peak, ours and theirs are measured in turns, by the clock and by the CPU time of all
// threads: on a machine with neighbours only the latter says much. Shares and ratios are medians of
// those of each turn. OpenBLAS is asked where libopenblas.so.0 is found.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "peak.h"
#include "train/gemm.h"

enum { ROUNDS_MAX = 9 };
static const double SECONDS = 0.25; // of ours, for each shape

typedef void sgemm(int order, int a, int b, int m, int n, int k, float alpha, const float *, int,
                   const float *, int, float beta, float *, int);

struct bench {
    struct pool pool;
    struct gemm_room room;
    sgemm *sgemm;
};

static float *floats(size_t len) {
    float *out = malloc(len * sizeof *out);
    must(out);
    uint64_t state = 1;
    for (size_t i = 0; i < len; i++)
        out[i] = (float)(int64_t)(chance_next(&state) >> 40) * 0x1p-23f - 1;
    return out;
}

static void open_bench(struct bench *bench, uint32_t threads) {
    struct lay lay = {0};
    gemm_lay(&bench->room, &lay);
    lay = (struct lay){.base = aligned_alloc(LAY_ALIGN, lay.used)};
    must(lay.base);
    gemm_lay(&bench->room, &lay);
    must(pool_open(&bench->pool, threads) == SK_OK);
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);
    if (!library) {
        printf("no libopenblas.so.0 here: ours alone\n");
        return;
    }
    void *set_threads = dlsym(library, "openblas_set_num_threads");
    void *product = dlsym(library, "cblas_sgemm");
    if (!set_threads || !product) return;
    void (*set)(int);
    memcpy(&set, &set_threads, sizeof set);
    memcpy(&bench->sgemm, &product, sizeof bench->sgemm);
    set((int)threads);
}

static void theirs(const struct bench *bench, const struct gemm *g) {
    enum { ROWS = 101, STRAIGHT = 111, TURNED = 112 };
    bench->sgemm(ROWS, g->a.transposed ? TURNED : STRAIGHT, g->b.transposed ? TURNED : STRAIGHT,
                 (int)g->m, (int)g->n, (int)g->k, 1, g->a.at, (int)(g->a.stride / 4), g->b.at,
                 (int)(g->b.stride / 4), g->add ? 1 : 0, g->c, (int)g->c_stride);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, int len) {
    qsort(values, (size_t)len, sizeof *values, by_size);
    return values[len / 2];
}

struct shape {
    const char *name;
    size_t m, n, k;
    bool a_turned, b_turned, add;
};

static void run_shape(struct bench *bench, const struct shape *s) {
    struct gemm g = {.m = s->m, .n = s->n, .k = s->k, .c_stride = s->n, .add = s->add};
    g.a = (struct gemm_operand){floats(s->m * s->k), (s->a_turned ? s->m : s->k) * sizeof(float),
                                QUANT_F32, s->a_turned};
    g.b = (struct gemm_operand){floats(s->n * s->k), (s->b_turned ? s->k : s->n) * sizeof(float),
                                QUANT_F32, s->b_turned};
    g.c = floats(s->m * s->n);
    double operations = 2 * (double)s->m * (double)s->n * (double)s->k;
    double shares[ROUNDS_MAX], busy[ROUNDS_MAX], ratios[ROUNDS_MAX], best[3] = {0}, spent = 0;
    gemm_run(&bench->room, &bench->pool, &g);
    if (bench->sgemm) theirs(bench, &g);
    int rounds = 0;
    for (; rounds < ROUNDS_MAX && (rounds < 3 || spent < SECONDS); rounds++) {
        struct peak_time began = peak_now(), took;
        double most = peak_run(&bench->pool);
        struct peak_time peak = peak_since(began);
        began = peak_now();
        gemm_run(&bench->room, &bench->pool, &g);
        took = peak_since(began);
        double rates[3] = {operations / took.wall, 0, most / peak.wall};
        spent += took.wall;
        shares[rounds] = most > 0 ? rates[0] / rates[2] : 0;
        busy[rounds] = most > 0 ? operations / took.cpu / (most / peak.cpu) : 0;
        began = peak_now();
        if (bench->sgemm) theirs(bench, &g);
        rates[1] = bench->sgemm ? operations / peak_since(began).wall : 0;
        ratios[rounds] = rates[1] > 0 ? rates[0] / rates[1] : 0;
        for (int i = 0; i < 3; i++) best[i] = rates[i] > best[i] ? rates[i] : best[i];
    }
    double share = 100 * median(busy, rounds);
    printf("RESULT gemm.%s %.0f %%peak goal 80 %s (%zu x %zu x %zu: of a CPU-second's; by the clock "
           "%.0f %%, %.2f x OpenBLAS; best %.1f GFLOP/s, OpenBLAS %.1f, peak %.1f)\n",
           s->name, share, share >= 80 ? "met" : "missed", s->m, s->n, s->k,
           100 * median(shares, rounds), median(ratios, rounds), best[0] / 1e9, best[1] / 1e9,
           best[2] / 1e9);
    fflush(stdout);
    free(g.c);
    free((void *)(uintptr_t)g.a.at);
    free((void *)(uintptr_t)g.b.at);
}

int main(int argc, char **argv) {
    static struct bench bench;
    // tokens x outputs x inputs forward; backward to the inputs; to the weights.
    static const struct shape shapes[] = {
        {"cube", 1024, 1024, 1024, false, false, false},
        {"124m.up", 256, 2048, 768, false, true, false},
        {"124m.up.inputs", 256, 768, 2048, false, false, true},
        {"124m.up.weights", 2048, 768, 256, true, false, true},
        {"124m.query", 256, 768, 768, false, true, false},
        {"124m.logits", 256, 50257, 768, false, true, false},
        {"124m.logits.inputs", 256, 768, 50257, false, false, false},
        {"124m.logits.weights", 50257, 768, 256, true, false, true},
        {"12m.query", 256, 320, 320, false, true, false},
        {"12m.up", 256, 864, 320, false, true, false},
        {"12m.up.inputs", 256, 320, 864, false, false, true},
        {"12m.up.weights", 864, 320, 256, true, false, true},
        {"12m.logits", 256, 8192, 320, false, true, false},
        {"12m.up.2048", 2048, 864, 320, false, true, false},
        {"12m.up.2048.weights", 864, 320, 2048, true, false, true},
    };
    open_bench(&bench, argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (argc < 3 || strcmp(argv[2], shapes[i].name) == 0) run_shape(&bench, &shapes[i]);
    pool_close(&bench.pool);
    return 0;
}
