// The scalar twin: what every other set must equal.
#include "engine/lanes_scalar.h"
#define KERNELS_TABLE kernels_scalar
#define KERNELS_NAME "scalar"
#include "engine/kernels_body.h"
