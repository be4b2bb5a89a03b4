#include "train/net_ops.h"

#include <string.h>

#include "engine/kernels.h"

// The best first.
static const struct {
    enum engine_kernels like; // of which it has the instructions
    const struct net_ops *ops;
} sets[] = {
#ifdef __x86_64__
    {ENGINE_AVX512, &net_ops_avx512},
    {ENGINE_AVX2, &net_ops_avx2},
#elif defined __aarch64__
    {ENGINE_NEON, &net_ops_neon},
#endif
    {ENGINE_SCALAR, &net_ops_scalar},
};

const struct net_ops *net_ops_find(const char *name) {
    const struct kernels *kernels;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        if ((!name || strcmp(name, sets[i].ops->name) == 0) &&
            kernels_choose(sets[i].like, &kernels) == SK_OK)
            return sets[i].ops;
    return NULL;
}
