// engine_floor: the most this machine does, as a line of JSON: bytes read from memory, int8 and
// float operations (a multiply and an add are two) in a second, by one thread and by two. The best
// of some short rounds: a neighbour only ever takes away.
// engine_floor --busy: one core at work until it is killed.
//
// Reading: a stretch larger than the caches, each thread its part, in order: prefetching by hand
// only made it slower. Operations: in registers, with
// more independent sums than a unit's latency times its width. What the CPU has no instructions for
// is 0: int8 without AVX512-VNNI, float without FMA.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fail.h"
#include "base/world.h"

enum { ROUNDS = 16, THREADS_MAX = 2, SUMS = 16, SPINS = 4000000 };
#define MEMORY_BYTES (UINT64_C(1) << 30)

typedef uint64_t line __attribute__((vector_size(64))); // of the cache
static line *memory;
static volatile uint64_t sink;

typedef uint64_t floor_work(uint32_t index, uint32_t of); // how much was done

static uint64_t read_memory(uint32_t index, uint32_t of) {
    uint64_t len = MEMORY_BYTES / of / sizeof(line);
    const line *at = memory + index * len;
    line even = {0}, odd = {0};
    for (uint64_t i = 0; i < len; i += 2) {
        even ^= at[i];
        odd ^= at[i + 1];
    }
    even ^= odd;
    sink = even[0] ^ even[1] ^ even[2] ^ even[3] ^ even[4] ^ even[5] ^ even[6] ^ even[7];
    return len * sizeof(line);
}

#ifdef __x86_64__
// SPINS times an instruction on each of SUMS registers, all of them zero.
#define EACH(f, r) f(r, 0) f(r, 1) f(r, 2) f(r, 3) f(r, 4) f(r, 5) f(r, 6) f(r, 7) \
    f(r, 8) f(r, 9) f(r, 10) f(r, 11) f(r, 12) f(r, 13) f(r, 14) f(r, 15)
#define CLEAR(r, n) "vxorps %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n"
#define INT8(r, n) "vpdpbusd %%" r #n ", %%" r #n ", %%" r #n "\n"
#define FLOAT(r, n) "vfmadd231ps %%" r #n ", %%" r #n ", %%" r #n "\n"
#define MULTIPLY(name, f, r, operations)                                                           \
    static uint64_t name(uint32_t index, uint32_t of) {                                            \
        uint64_t left = SPINS;                                                                     \
        (void)index, (void)of;                                                                     \
        __asm__ volatile(EACH(CLEAR, r) "1:\n" EACH(f, r) "dec %0\njnz 1b"                         \
                         : "+r"(left)                                                              \
                         :                                                                         \
                         : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",   \
                           "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");  \
        return (uint64_t)SPINS * SUMS * (operations);                                              \
    }
MULTIPLY(multiply_int8, INT8, "zmm", 64 * 2)
MULTIPLY(multiply_wide, FLOAT, "zmm", 16 * 2)
MULTIPLY(multiply_narrow, FLOAT, "ymm", 8 * 2)

static floor_work *int8_of_cpu(void) {
    return __builtin_cpu_supports("avx512vnni") ? multiply_int8 : NULL;
}
static floor_work *float_of_cpu(void) {
    if (__builtin_cpu_supports("avx512f")) return multiply_wide;
    return __builtin_cpu_supports("fma") ? multiply_narrow : NULL;
}
#else
static floor_work *int8_of_cpu(void) { return NULL; }
static floor_work *float_of_cpu(void) { return NULL; }
#endif

static double now(void) {
    struct world world = world_real(-1);
    return (double)world.monotonic_us(world.self) / 1e6;
}

struct part {
    pthread_t thread;
    pthread_barrier_t *begin;
    floor_work *work;
    uint32_t index, of;
    uint64_t done;
};

static void *part_run(void *context) {
    struct part *part = context;
    pthread_barrier_wait(part->begin);
    part->done = part->work(part->index, part->of);
    return NULL;
}

// In a second, by so many threads at once.
static double rate(floor_work *work, uint32_t threads) {
    double best = 0;
    for (int round = 0; work && round < ROUNDS; round++) {
        struct part parts[THREADS_MAX];
        pthread_barrier_t begin;
        uint64_t done = 0;
        must(pthread_barrier_init(&begin, NULL, threads + 1) == 0);
        for (uint32_t i = 0; i < threads; i++) {
            parts[i] = (struct part){.begin = &begin, .work = work, .index = i, .of = threads};
            must(pthread_create(&parts[i].thread, NULL, part_run, &parts[i]) == 0);
        }
        double began = now();
        pthread_barrier_wait(&begin);
        for (uint32_t i = 0; i < threads; i++) {
            pthread_join(parts[i].thread, NULL);
            done += parts[i].done;
        }
        double in_a_second = (double)done / (now() - began);
        if (in_a_second > best) best = in_a_second;
        pthread_barrier_destroy(&begin);
    }
    return best;
}

int main(int argc, char **argv) {
    for (volatile uint64_t i = 0; argc == 2 && strcmp(argv[1], "--busy") == 0;) i = i + 1;
    memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(memory != MAP_FAILED);
    madvise(memory, MEMORY_BYTES, MADV_HUGEPAGE); // a third more, where it is allowed
    memset(memory, 1, MEMORY_BYTES);
    floor_work *works[] = {read_memory, int8_of_cpu(), float_of_cpu()};
    static const char *const names[] = {"read", "int8", "float"};
    for (size_t i = 0; i < 3; i++)
        printf("%s\"%s\": [%.0f, %.0f]", i ? ", " : "{", names[i], rate(works[i], 1),
               rate(works[i], 2));
    printf("}\n");
    return 0;
}
