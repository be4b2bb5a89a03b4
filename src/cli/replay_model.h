// The model of a replay: found on this machine, read whole and compared with what the receipt
// states of it before anything in it is believed.
#pragma once
#include "cli/cli.h"

struct replay_weights {
    struct view model; // as it was asked for
    struct view model_sha256, template_sha256;
    struct view adapter_sha256, adapter_scale; // empty: it is no adapter
    enum engine_cache cache;
    int64_t context;
    const char *model_file, *adapter_file; // those to take; NULL: the configured ones
};

// *file is the model's. SK_UNKNOWN: they are other files; SK_UNSUPPORTED: another template.
enum sk_code replay_model_open(struct conf *conf, const struct replay_weights *weights,
                               struct cli_model *model, const char **file);
