#include "engine/lanes_avx2.h"
#define NET_OPS_TABLE net_ops_avx2
#define NET_OPS_NAME "avx2"
#include "train/net_ops_body.h"
