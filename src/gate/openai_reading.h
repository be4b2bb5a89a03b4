// Reading: what the parts of the chat request's reader share. Inside the gate module only.
//
// Promises: every refusal names the field and what it may be. null counts as absent, as it does for
// OpenAI.
#pragma once
#include "base/json.h"
#include "gate/gate.h"

struct reading {
    const struct json_node *root;
    struct arena *arena;
    struct gate_error *error;
};

// The member, or NULL when it is absent or null.
const struct json_node *reading_given(const struct json_node *object, const char *name);

// Refusals; they return SK_INPUT.
enum sk_code reading_wrong_type(const struct reading *r, const char *param, const char *want);
enum sk_code reading_unsupported(const struct reading *r, const char *param, const char *what);
enum sk_code reading_missing(const struct reading *r, const char *param);

// Members of one kind, `*out` unchanged when absent.
enum sk_code reading_bool(const struct reading *r, const struct json_node *object,
                          const char *name, bool *out);
struct reading_range {
    double low, high;
    bool above; // low itself is not in it
};
enum sk_code reading_number(const struct reading *r, const char *name, struct reading_range range,
                            float *out);
// An integer low..2^32-1.
enum sk_code reading_count(const struct reading *r, const char *name, int64_t low, int64_t *out);

// The sampler's settings (openai_sampling.c).
enum sk_code reading_sampling(const struct reading *r, struct gate_chat *out);
