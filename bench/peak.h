// The most floating-point operations (a multiply and an add are two) that fused multiply-adds do in
// the registers of all threads of a pool: independent chains, more than a unit's latency times its
// width. 0 where this program has no such instruction for the CPU.
#pragma once
#include <stdint.h>
#include <time.h>

#include "engine/pool.h"

struct peak_time {
    double wall, cpu; // seconds; cpu: of all threads
};

static inline double peak_clock(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
static inline struct peak_time peak_now(void) {
    return (struct peak_time){peak_clock(CLOCK_MONOTONIC), peak_clock(CLOCK_PROCESS_CPUTIME_ID)};
}
static inline struct peak_time peak_since(struct peak_time began) {
    struct peak_time now = peak_now();
    return (struct peak_time){now.wall - began.wall, now.cpu - began.cpu};
}

enum { PEAK_SPINS = 1 << 20, PEAK_CHAINS = 16 };

#ifdef __x86_64__
#define PEAK_EACH(r)                                                                               \
    PEAK_ONE(r, 0) PEAK_ONE(r, 1) PEAK_ONE(r, 2) PEAK_ONE(r, 3) PEAK_ONE(r, 4) PEAK_ONE(r, 5)       \
    PEAK_ONE(r, 6) PEAK_ONE(r, 7) PEAK_ONE(r, 8) PEAK_ONE(r, 9) PEAK_ONE(r, 10) PEAK_ONE(r, 11)     \
    PEAK_ONE(r, 12) PEAK_ONE(r, 13) PEAK_ONE(r, 14) PEAK_ONE(r, 15)
#define PEAK_ONE(r, n) "vfmadd231ps %%" r #n ", %%" r #n ", %%" r #n "\n"
#define PEAK_SPIN(r)                                                                               \
    __asm__ volatile("vzeroall\n1:\n" PEAK_EACH(r) "dec %0\njnz 1b"                                \
                     : "+r"(left)                                                                  \
                     :                                                                             \
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",       \
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

static inline void peak_spin(void *wide, uint32_t item, uint32_t thread) {
    uint64_t left = PEAK_SPINS;
    (void)item, (void)thread;
    if (wide) PEAK_SPIN("zmm");
    else PEAK_SPIN("ymm");
}

// For about 10 ms; how many they were.
static inline double peak_run(struct pool *pool) {
    bool wide = __builtin_cpu_supports("avx512f");
    if (!wide && !__builtin_cpu_supports("fma")) return 0;
    pool_run(pool, peak_spin, wide ? pool : NULL, 2 * pool->threads);
    return 2.0 * (wide ? 16 : 8) * PEAK_CHAINS * PEAK_SPINS * 2 * pool->threads;
}
#else
static inline double peak_run(struct pool *pool) { return 0 * (double)pool->threads; }
#endif
