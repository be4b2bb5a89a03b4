// Sampling: the fields that chat and completions share: OpenAI's, and under the same names those
// that llama.cpp and vLLM add. Inside the gate module only.
#pragma once
#include "gate/field.h"

enum { STOPS_MAX = 4 }; // as OpenAI

struct stops {
    struct view texts[ENGINE_STOPS_MAX];
    uint32_t len;
};

struct sampling_fields {
    struct view model;
    bool stream;
    struct {
        bool include_usage;
    } stream_options;
    uint32_t n;
    float temperature, top_p, min_p, typical_p;
    float presence_penalty, frequency_penalty, repetition_penalty, repeat_penalty;
    int64_t top_k, penalty_last_n, repeat_last_n, seed;
    float dry_multiplier, dry_base;
    uint32_t dry_allowed_length;
    int64_t dry_penalty_last_n;
    struct engine_sampling lists; // of which only the lists are read here
    struct stops stop;
    struct view grammar, json_schema; // GBNF text; a schema as JSON
};

extern const struct shape sampling_shape;

// What the fields are when they are absent.
struct sampling_fields sampling_usual(void);

// From fields to the job: sampling, stops, format. What is off is 0 in the job, whichever way the
// client said so. Refuses what contradicts.
enum sk_code sampling_end(struct reading *r, const struct sampling_fields *fields,
                          struct engine_job *job);
// The rest of the ask: model, stream, usage, seed, n.
enum sk_code sampling_ask(struct reading *r, const struct sampling_fields *fields,
                          struct gate_ask *ask);

// An array of so many strings at most.
enum sk_code stops_take(struct reading *r, const struct json_node *array, uint32_t max,
                        struct stops *out);
// A string or an array of up to STOPS_MAX, to a struct stops.
enum sk_code take_stops(struct reading *r, const struct json_node *node, void *out);
