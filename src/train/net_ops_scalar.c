#include "engine/lanes_scalar.h"
#define NET_OPS_TABLE net_ops_scalar
#define NET_OPS_NAME "scalar"
#include "train/net_ops_body.h"
