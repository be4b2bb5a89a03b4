#include "engine/lanes_avx2.h"
#define KERNELS_TABLE kernels_avxvnni
#define KERNELS_NAME "avxvnni"
#include "engine/kernels_body.h"
