#include "train/gemm_set.h"

#include <string.h>

#ifdef __x86_64__
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static bool has_avx512(void) { return has_avx2() && __builtin_cpu_supports("avx512f"); }
#elif defined __aarch64__
static bool has_neon(void) { return true; } // part of the architecture
#endif

static bool has_scalar(void) { return true; }

// The best first.
static const struct {
    bool (*has)(void);
    const struct gemm_set *set;
} sets[] = {
#ifdef __x86_64__
    {has_avx512, &gemm_avx512},
    {has_avx2, &gemm_avx2},
#elif defined __aarch64__
    {has_neon, &gemm_neon},
#endif
    {has_scalar, &gemm_scalar},
};

const struct gemm_set *gemm_set_find(const char *name) {
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if ((!name || strcmp(name, sets[i].set->name) == 0) && sets[i].has()) return sets[i].set;
    return NULL;
}
