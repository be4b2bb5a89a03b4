#include "engine/kernels.h"

#ifdef __x86_64__
#include <cpuid.h>

// The builtins ask the system too: registers it does not save do not count. F16C is named by no
// builtin of clang 14; its registers are AVX's.
static bool has_avx2(void) {
    unsigned a, b, c, d;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

static bool has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

static bool has_vnni(void) { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
#endif

enum sk_code kernels_choose(enum engine_kernels kind, const struct kernels **out) {
#ifdef __x86_64__
    if ((kind == ENGINE_AUTO || kind == ENGINE_AVX512VNNI) && has_vnni()) {
        *out = &kernels_avx512vnni;
        return SK_OK;
    }
    if ((kind == ENGINE_AUTO || kind == ENGINE_AVX512) && has_avx512()) {
        *out = &kernels_avx512;
        return SK_OK;
    }
    if ((kind == ENGINE_AUTO || kind == ENGINE_AVX2) && has_avx2()) {
        *out = &kernels_avx2;
        return SK_OK;
    }
#endif
    if (kind == ENGINE_AUTO || kind == ENGINE_SCALAR) {
        *out = &kernels_scalar;
        return SK_OK;
    }
    static const char *const lacks[] = {[ENGINE_AVX2] = "AVX2, FMA or F16C",
                                        [ENGINE_AVX512] = "AVX-512 F, BW, DQ or VL",
                                        [ENGINE_AVX512VNNI] = "AVX-512 VNNI, F, BW, DQ or VL"};
    return FAIL(SK_UNSUPPORTED, "kernels: this CPU lacks %s", lacks[kind]);
}
