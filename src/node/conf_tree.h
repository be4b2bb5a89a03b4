// What a parsed configuration file says, put into struct conf over what stands there.
//
// Refuses, with file, line and column: unknown keys, wrong types, values out of range.
#pragma once
#include "base/yaml.h"
#include "node/conf.h"

enum { CONF_PARALLEL = 4 }; // answers at once of a model, when none is given

enum sk_code conf_tree_set(struct conf *conf, const struct yaml_node *root);
