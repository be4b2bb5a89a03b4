#include "engine/lanes_neon.h"
#define KERNELS_TABLE kernels_neondot
#define KERNELS_NAME "neondot"
#include "engine/kernels_body.h"
