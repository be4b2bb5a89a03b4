#include "engine/lanes_avx512.h"
#define KERNELS_TABLE kernels_avx512vnni
#define KERNELS_NAME "avx512vnni"
#include "engine/kernels_body.h"
