#include "engine/lanes_avx512.h"
#define NET_OPS_TABLE net_ops_avx512
#define NET_OPS_NAME "avx512"
#include "train/net_ops_body.h"
