#include "engine/lanes_neon.h"
#define KERNELS_TABLE kernels_neon
#define KERNELS_NAME "neon"
#include "engine/kernels_body.h"
