#include "engine/lanes_avx2.h"
#define KERNELS_TABLE kernels_avx2
#define KERNELS_NAME "avx2"
#include "engine/kernels_body.h"
