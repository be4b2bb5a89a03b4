#include "engine/kernels.h"

#ifdef __x86_64__
#include <cpuid.h>

// The builtins ask the system too: registers it does not save do not count. F16C and AVX-VNNI are
// named by no builtin of clang 14; their registers are AVX's.
static bool has_avx2(void) {
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static bool has_avxvnni(void) {
    unsigned a, b, c, d;
    return has_avx2() && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1 << 4);
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_avx512vnni(void) { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
#elif defined __aarch64__
#include <sys/auxv.h>

static bool has_neon(void) { return getauxval(AT_HWCAP) & HWCAP_ASIMD; }
static bool has_neondot(void) { return has_neon() && getauxval(AT_HWCAP) & HWCAP_ASIMDDP; }
#endif

static bool has_scalar(void) { return true; }

// The best first.
static const struct {
    enum engine_kernels kind;
    bool (*has)(void);
    const struct kernels *kernels;
} sets[] = {
#ifdef __x86_64__
    {ENGINE_AVX512VNNI, has_avx512vnni, &kernels_avx512vnni},
    {ENGINE_AVX512, has_avx512, &kernels_avx512},
    {ENGINE_AVXVNNI, has_avxvnni, &kernels_avxvnni},
    {ENGINE_AVX2, has_avx2, &kernels_avx2},
#elif defined __aarch64__
    {ENGINE_NEONDOT, has_neondot, &kernels_neondot},
    {ENGINE_NEON, has_neon, &kernels_neon},
#endif
    {ENGINE_SCALAR, has_scalar, &kernels_scalar},
};

enum sk_code kernels_choose(enum engine_kernels kind, const struct kernels **out) {
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if ((kind != ENGINE_AUTO && kind != sets[i].kind) || !sets[i].has()) continue;
        *out = sets[i].kernels;
        return SK_OK;
    }
    static const char *const lacks[] = {[ENGINE_AVX2] = "AVX2, FMA or F16C",
                                        [ENGINE_AVX512] = "AVX-512 F, BW, DQ or VL",
                                        [ENGINE_AVX512VNNI] = "AVX-512 VNNI, F, BW, DQ or VL",
                                        [ENGINE_AVXVNNI] = "AVX-VNNI, AVX2, FMA or F16C",
                                        [ENGINE_NEON] = "NEON",
                                        [ENGINE_NEONDOT] = "NEON with dot products"};
    return FAIL(SK_UNSUPPORTED, "kernels: this CPU lacks %s", lacks[kind]);
}
