// Records of training runs and the ledger.
#pragma once
#include "cli/cli.h"

// Appends the record (record.h's text) as a leaf of the configured node's log; the node may run.
enum sk_code cli_training_seal(const struct conf *conf, struct view record, int64_t *leaf);
