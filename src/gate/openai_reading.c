#include "gate/openai_reading.h"

const struct json_node *reading_given(const struct json_node *object, const char *name) {
    const struct json_node *node = json_find(object, name);
    return json_is(node, JSON_NULL) ? NULL : node;
}

enum sk_code reading_wrong_type(const struct reading *r, const char *param, const char *want) {
    return gate_refuse(r->error, 400, "invalid_type", param, "'%s' must be %s.", param, want);
}

enum sk_code reading_unsupported(const struct reading *r, const char *param, const char *what) {
    return gate_refuse(r->error, 400, "unsupported_value", param,
                       "'%s': %s is not supported by this node.", param, what);
}

enum sk_code reading_missing(const struct reading *r, const char *param) {
    return gate_refuse(r->error, 400, "missing_required_parameter", param, "'%s' is required.",
                       param);
}

enum sk_code reading_bool(const struct reading *r, const struct json_node *object,
                          const char *name, bool *out) {
    const struct json_node *node = reading_given(object, name);
    if (!node || json_bool(node, out)) return SK_OK;
    return reading_wrong_type(r, name, "true or false");
}

enum sk_code reading_number(const struct reading *r, const char *name, struct reading_range range,
                            float *out) {
    const struct json_node *node = reading_given(r->root, name);
    if (!node) return SK_OK;
    if (!json_is(node, JSON_NUMBER)) return reading_wrong_type(r, name, "a number");
    double value;
    if (json_f64(node, &value) && value >= range.low && value <= range.high) {
        *out = (float)value;
        if (!range.above || (double)*out > range.low) return SK_OK;
    }
    return gate_refuse(r->error, 400, "invalid_value", name, "'%s' must be %s%g and at most %g.",
                       name, range.above ? "above " : "at least ", range.low, range.high);
}

enum sk_code reading_count(const struct reading *r, const char *name, int64_t low, int64_t *out) {
    const struct json_node *node = reading_given(r->root, name);
    if (!node) return SK_OK;
    if (!json_is(node, JSON_NUMBER)) return reading_wrong_type(r, name, "an integer");
    int64_t value;
    if (json_i64(node, &value) && value >= low && value <= UINT32_MAX) {
        *out = value;
        return SK_OK;
    }
    return gate_refuse(r->error, 400, "invalid_value", name,
                       "'%s' must be an integer from %lld to %u.", name, (long long)low,
                       UINT32_MAX);
}
