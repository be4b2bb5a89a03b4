#include "engine/lanes_neon.h"
#define NET_OPS_TABLE net_ops_neon
#define NET_OPS_NAME "neon"
#include "train/net_ops_body.h"
