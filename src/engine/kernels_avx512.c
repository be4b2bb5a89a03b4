#include "engine/lanes_avx512.h"
#define KERNELS_TABLE kernels_avx512
#define KERNELS_NAME "avx512"
#include "engine/kernels_body.h"
