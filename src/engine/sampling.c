// The settings of a sampler: their ranges, and their canonical text for receipts.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engine/engine.h"

// Numbers in the order they are written: a float low..high, or a count with high == 0.
static const struct field {
    const char *name;
    size_t offset;
    float low, high;
} fields[] = {
#define FIELD(name, low, high) {#name, offsetof(struct engine_sampling, name), low, high}
    FIELD(temperature, 0, 100),
    FIELD(top_k, 0, 0),
    FIELD(top_p, 0, 1),
    FIELD(min_p, 0, 1),
    FIELD(typical_p, 0, 1),
    FIELD(repetition_penalty, 0, 100),
    FIELD(presence_penalty, -2, 2),
    FIELD(frequency_penalty, -2, 2),
    FIELD(penalty_last_n, 0, 0),
    FIELD(dry_multiplier, 0, 100),
    FIELD(dry_base, 0, 100),
    FIELD(dry_allowed_length, 0, 0),
    FIELD(dry_penalty_last_n, 0, 0),
#undef FIELD
};
enum { FIELDS = sizeof fields / sizeof *fields };

static float float_at(const struct engine_sampling *sampling, const struct field *field) {
    float value;
    memcpy(&value, (const char *)sampling + field->offset, sizeof value);
    return value;
}

static uint32_t count_at(const struct engine_sampling *sampling, const struct field *field) {
    uint32_t value;
    memcpy(&value, (const char *)sampling + field->offset, sizeof value);
    return value;
}

// ---- ranges ----

static enum sk_code breakers_check(const struct engine_sampling *sampling) {
    if (sampling->dry_breakers_len > ENGINE_BREAKERS_MAX)
        return FAIL(SK_LIMIT, "dry_sequence_breakers: %u > %d", sampling->dry_breakers_len,
                    ENGINE_BREAKERS_MAX);
    for (uint32_t i = 0; i < sampling->dry_breakers_len; i++) {
        struct view breaker = sampling->dry_breakers[i];
        if (breaker.len == 0 || breaker.len > ENGINE_BREAKER_LEN_MAX)
            return FAIL(SK_LIMIT, "dry_sequence_breakers: %zu bytes are not in 1..%d",
                        breaker.len, ENGINE_BREAKER_LEN_MAX);
        if (!utf8_check(breaker))
            return FAIL(SK_INPUT, "dry_sequence_breakers: %u is not UTF-8", i);
    }
    return SK_OK;
}

static enum sk_code biases_check(const struct engine_sampling *sampling) {
    if (sampling->logit_bias_len > ENGINE_BIASES_MAX)
        return FAIL(SK_LIMIT, "logit_bias: %u tokens > %d", sampling->logit_bias_len,
                    ENGINE_BIASES_MAX);
    int32_t last = -1;
    for (uint32_t i = 0; i < sampling->logit_bias_len; i++) {
        struct engine_bias bias = sampling->logit_bias[i];
        if (bias.token <= last)
            return FAIL(SK_INPUT, "logit_bias: token %d after %d", bias.token, last);
        if (!(bias.bias >= -100 && bias.bias <= 100))
            return FAIL(SK_INPUT, "logit_bias: %g of token %d is not in -100..100",
                        (double)bias.bias, bias.token);
        last = bias.token;
    }
    return SK_OK;
}

enum sk_code engine_sampling_check(const struct engine_sampling *sampling) {
    for (const struct field *field = fields; field < fields + FIELDS; field++) {
        if (field->high == 0) continue; // a count
        float value = float_at(sampling, field);
        if (!(value >= field->low && value <= field->high))
            return FAIL(SK_INPUT, "%s %g is not in %g..%g", field->name, (double)value,
                        (double)field->low, (double)field->high);
    }
    if (sampling->dry_base > 0 && sampling->dry_base < 1)
        return FAIL(SK_INPUT, "dry_base %g is not in 1..100", (double)sampling->dry_base);
    TRY(breakers_check(sampling));
    return biases_check(sampling);
}

// ---- out ----

// The double with the fewest digits that becomes this float.
static double plainest(float value) {
    char text[32];
    for (int digits = 1; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, (double)value);
        double plain = strtod(text, NULL);
        if ((float)plain == value) return plain;
    }
    snprintf(text, sizeof text, "%.8e", (double)value); // nine digits tell all floats apart
    return strtod(text, NULL);
}

static void breakers_write(const struct engine_sampling *sampling, struct json_writer *w) {
    if (sampling->dry_breakers_len == 0) return;
    json_name(w, "dry_sequence_breakers");
    json_open(w, '[');
    for (uint32_t i = 0; i < sampling->dry_breakers_len; i++)
        json_put_string(w, sampling->dry_breakers[i]);
    json_close(w, ']');
}

static void biases_write(const struct engine_sampling *sampling, struct json_writer *w) {
    if (sampling->logit_bias_len == 0) return;
    json_name(w, "logit_bias");
    json_open(w, '{');
    for (uint32_t i = 0; i < sampling->logit_bias_len; i++) {
        char token[16];
        snprintf(token, sizeof token, "%d", sampling->logit_bias[i].token);
        json_name(w, token);
        json_put_f64(w, plainest(sampling->logit_bias[i].bias));
    }
    json_close(w, '}');
}

enum sk_code engine_sampling_write(const struct engine_sampling *sampling, struct buf *out) {
    TRY(engine_sampling_check(sampling));
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    for (const struct field *field = fields; field < fields + FIELDS; field++) {
        if (field->high == 0 && count_at(sampling, field) != 0) {
            json_member_u64(&w, field->name, count_at(sampling, field));
        } else if (field->high != 0 && float_at(sampling, field) != 0) {
            json_name(&w, field->name);
            json_put_f64(&w, plainest(float_at(sampling, field)));
        }
    }
    breakers_write(sampling, &w);
    biases_write(sampling, &w);
    if (sampling->seed) json_member_u64(&w, "seed", sampling->seed);
    json_close(&w, '}');
    return buf_check(out, "sampling");
}

// ---- in ----

static enum sk_code wrong(const char *name, const char *want) {
    return FAIL(SK_INPUT, "sampling: '%s' is not %s", name, want);
}

static enum sk_code field_read(const struct field *field, const struct json_node *value,
                               struct engine_sampling *out) {
    char *to = (char *)out + field->offset;
    double number;
    int64_t count;
    if (field->high == 0) {
        if (!json_i64(value, &count) || count < 0 || count > UINT32_MAX)
            return wrong(field->name, "a count");
        memcpy(to, &(uint32_t){(uint32_t)count}, sizeof(uint32_t));
        return SK_OK;
    }
    if (!json_f64(value, &number) || number < -1000 || number > 1000)
        return wrong(field->name, "a number in its range");
    memcpy(to, &(float){(float)number}, sizeof(float));
    return SK_OK;
}

static enum sk_code breakers_read(const struct json_node *list, struct arena *arena,
                                  struct engine_sampling *out) {
    if (!json_is(list, JSON_ARRAY) || list->len > ENGINE_BREAKERS_MAX)
        return wrong("dry_sequence_breakers", "a list of at most 16 texts");
    struct view *breakers = arena_take(arena, list->len, sizeof *breakers);
    if (!breakers) return SK_LIMIT;
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        if (!json_is(node, JSON_STRING)) return wrong("dry_sequence_breakers", "a list of texts");
        breakers[i] = json_view(node);
    }
    out->dry_breakers = breakers;
    out->dry_breakers_len = list->len;
    return SK_OK;
}

static enum sk_code biases_read(const struct json_node *object, struct arena *arena,
                                struct engine_sampling *out) {
    if (!json_is(object, JSON_OBJECT) || object->len > ENGINE_BIASES_MAX)
        return wrong("logit_bias", "an object of at most 300 tokens");
    struct engine_bias *biases = arena_take(arena, object->len, sizeof *biases);
    if (!biases) return SK_LIMIT;
    const struct json_node *name = json_first(object);
    for (uint32_t i = 0; i < object->len; i++) {
        const struct json_node *value = json_next(name);
        uint64_t token;
        double number;
        if (!decimal_take(json_view(name), &token) || token > INT32_MAX ||
            !json_f64(value, &number) || number < -100 || number > 100)
            return wrong("logit_bias", "an object of tokens and numbers in -100..100");
        biases[i] = (struct engine_bias){(int32_t)token, (float)number};
        name = json_next(value);
    }
    out->logit_bias = biases;
    out->logit_bias_len = object->len;
    return SK_OK;
}

static enum sk_code member_read(struct view name, const struct json_node *value,
                                struct arena *arena, struct engine_sampling *out) {
    for (const struct field *field = fields; field < fields + FIELDS; field++)
        if (view_is(name, field->name)) return field_read(field, value, out);
    if (view_is(name, "dry_sequence_breakers")) return breakers_read(value, arena, out);
    if (view_is(name, "logit_bias")) return biases_read(value, arena, out);
    if (!view_is(name, "seed"))
        return FAIL(SK_INPUT, "sampling: unknown '%.*s'", (int)name.len, name.at);
    if (!json_is(value, JSON_NUMBER) || !decimal_take(json_view(value), &out->seed))
        return wrong("seed", "an integer of 64 bits");
    return SK_OK;
}

enum sk_code engine_sampling_read(char *text, size_t len, struct arena *arena,
                                  struct engine_sampling *out) {
    *out = (struct engine_sampling){0};
    const struct json_node *root;
    TRY(json_parse(text, len, arena, &root));
    if (!json_is(root, JSON_OBJECT)) return FAIL(SK_INPUT, "sampling: not a JSON object");
    const struct json_node *name = json_first(root);
    for (uint32_t i = 0; i < root->len; i++) {
        const struct json_node *value = json_next(name);
        TRY(member_read(json_view(name), value, arena, out));
        name = json_next(value);
    }
    return engine_sampling_check(out);
}
