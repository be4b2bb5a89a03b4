// The sampler's settings of a chat request: OpenAI's, and under the same names those that llama.cpp
// and vLLM add. What is off is 0 in the job, whichever way the client said so.
#include <string.h>

#include "base/text.h"
#include "gate/openai_reading.h"

// 1 changes nothing: off.
static void one_is_off(float *value) {
    if (*value == 1) *value = 0;
}

static enum sk_code take_shares(const struct reading *r, struct engine_sampling *out) {
    const struct reading_range share = {0, 1, true};
    int64_t top_k = 0;
    out->temperature = 1;
    TRY(reading_number(r, "temperature", (struct reading_range){0, 2, false}, &out->temperature));
    TRY(reading_number(r, "top_p", share, &out->top_p));
    TRY(reading_number(r, "min_p", (struct reading_range){0, 1, false}, &out->min_p));
    TRY(reading_number(r, "typical_p", share, &out->typical_p));
    TRY(reading_count(r, "top_k", -1, &top_k)); // vLLM says off by -1
    out->top_k = top_k > 0 ? (uint32_t)top_k : 0;
    one_is_off(&out->top_p);
    one_is_off(&out->typical_p);
    return SK_OK;
}

// One setting that has two names.
static enum sk_code same(const struct reading *r, bool equal, const char *one, const char *other) {
    if (equal || !reading_given(r->root, one) || !reading_given(r->root, other)) return SK_OK;
    return gate_refuse(r->error, 400, "invalid_value", one, "'%s' and '%s' differ; give one.", one,
                       other);
}

// How far a penalty looks back: -1 is over all, which is 0 in the job; false for 0, over nothing.
static bool looks_back(int64_t last_n, uint32_t *out) {
    *out = last_n > 0 ? (uint32_t)last_n : 0;
    return last_n != 0;
}

static enum sk_code take_penalties(const struct reading *r, struct engine_sampling *out) {
    const struct reading_range signed_range = {-2, 2, false}, factor = {0, 100, true};
    float other = 0;
    int64_t last_n = -1, other_n = -1;
    TRY(reading_number(r, "presence_penalty", signed_range, &out->presence_penalty));
    TRY(reading_number(r, "frequency_penalty", signed_range, &out->frequency_penalty));
    TRY(reading_number(r, "repetition_penalty", factor, &out->repetition_penalty));
    TRY(reading_number(r, "repeat_penalty", factor, &other));
    TRY(same(r, other == out->repetition_penalty, "repetition_penalty", "repeat_penalty"));
    if (other > 0) out->repetition_penalty = other;
    one_is_off(&out->repetition_penalty);
    TRY(reading_count(r, "penalty_last_n", -1, &last_n));
    TRY(reading_count(r, "repeat_last_n", -1, &other_n));
    TRY(same(r, last_n == other_n, "penalty_last_n", "repeat_last_n"));
    if (other_n != -1) last_n = other_n;
    if (!looks_back(last_n, &out->penalty_last_n))
        out->presence_penalty = out->frequency_penalty = out->repetition_penalty = 0;
    return SK_OK;
}

static enum sk_code take_breakers(const struct reading *r, struct engine_sampling *out) {
    static const char name[] = "dry_sequence_breakers";
    static const struct view usual[] = {{"\n", 1}, {":", 1}, {"\"", 1}, {"*", 1}};
    const struct json_node *list = reading_given(r->root, name);
    if (!list) {
        out->dry_breakers = usual;
        out->dry_breakers_len = sizeof usual / sizeof *usual;
        return SK_OK;
    }
    if (!json_is(list, JSON_ARRAY)) return reading_wrong_type(r, name, "an array of strings");
    if (list->len > ENGINE_BREAKERS_MAX)
        return gate_refuse(r->error, 400, "invalid_value", name,
                           "'%s' may hold at most %d strings, not %u.", name, ENGINE_BREAKERS_MAX,
                           list->len);
    struct view *breakers = arena_take(r->arena, list->len, sizeof *breakers);
    if (!breakers) return gate_refuse(r->error, 413, "request_too_large", name, "%s", fail_text());
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        if (!json_is(node, JSON_STRING)) return reading_wrong_type(r, name, "an array of strings");
        if (node->len == 0 || node->len > ENGINE_BREAKER_LEN_MAX)
            return gate_refuse(r->error, 400, "invalid_value", name,
                               "A sequence breaker must have 1 to %d bytes, not %u.",
                               ENGINE_BREAKER_LEN_MAX, node->len);
        breakers[i] = json_view(node);
    }
    out->dry_breakers = breakers;
    out->dry_breakers_len = list->len;
    return SK_OK;
}

static enum sk_code take_dry(const struct reading *r, struct engine_sampling *out) {
    const struct reading_range base = {1, 100, false}, multiplier = {0, 100, false};
    struct engine_sampling dry = {0};
    int64_t allowed = 0, last_n = -1;
    TRY(reading_number(r, "dry_multiplier", multiplier, &dry.dry_multiplier));
    TRY(reading_number(r, "dry_base", base, &dry.dry_base));
    TRY(reading_count(r, "dry_allowed_length", 1, &allowed));
    TRY(reading_count(r, "dry_penalty_last_n", -1, &last_n));
    TRY(take_breakers(r, &dry));
    if (!(dry.dry_multiplier > 0) || !looks_back(last_n, &out->dry_penalty_last_n)) return SK_OK;
    out->dry_multiplier = dry.dry_multiplier;
    out->dry_base = dry.dry_base;
    out->dry_allowed_length = (uint32_t)allowed;
    out->dry_breakers = dry.dry_breakers;
    out->dry_breakers_len = dry.dry_breakers_len;
    return SK_OK;
}

// {"1234": -100, …}: ids of tokens. The list is kept ascending.
static enum sk_code take_bias(const struct reading *r, struct engine_sampling *out) {
    static const char name[] = "logit_bias";
    const struct json_node *object = reading_given(r->root, name);
    if (!object) return SK_OK;
    if (!json_is(object, JSON_OBJECT))
        return reading_wrong_type(r, name, "an object of token ids and numbers");
    if (object->len > ENGINE_BIASES_MAX)
        return gate_refuse(r->error, 400, "invalid_value", name,
                           "'%s' may hold at most %d tokens, not %u.", name, ENGINE_BIASES_MAX,
                           object->len);
    struct engine_bias *biases = arena_take(r->arena, object->len, sizeof *biases);
    if (!biases) return gate_refuse(r->error, 413, "request_too_large", name, "%s", fail_text());
    const struct json_node *key = json_first(object), *value;
    for (uint32_t i = 0, at; i < object->len; i++, key = json_next(value)) {
        uint64_t token;
        double bias;
        value = json_next(key);
        if (!decimal_take(json_view(key), &token) || token > INT32_MAX)
            return gate_refuse(r->error, 400, "invalid_value", name,
                               "The names in '%s' must be token ids.", name);
        if (!json_is(value, JSON_NUMBER) || !json_f64(value, &bias) || bias < -100 || bias > 100)
            return gate_refuse(r->error, 400, "invalid_value", name,
                               "The values in '%s' must be numbers between -100 and 100.", name);
        for (at = i; at > 0 && biases[at - 1].token > (int32_t)token; at--)
            biases[at] = biases[at - 1];
        biases[at] = (struct engine_bias){(int32_t)token, (float)bias};
    }
    out->logit_bias = biases;
    out->logit_bias_len = object->len;
    return SK_OK;
}

enum sk_code reading_sampling(const struct reading *r, struct gate_chat *out) {
    struct engine_sampling *sampling = &out->job.sampling;
    TRY(take_shares(r, sampling));
    TRY(take_penalties(r, sampling));
    TRY(take_dry(r, sampling));
    TRY(take_bias(r, sampling));
    const struct json_node *seed = reading_given(r->root, "seed");
    int64_t value;
    if (!seed) return SK_OK;
    if (!json_is(seed, JSON_NUMBER) || !json_i64(seed, &value))
        return reading_wrong_type(r, "seed", "an integer of 64 bits");
    sampling->seed = (uint64_t)value;
    out->seeded = true;
    return SK_OK;
}
