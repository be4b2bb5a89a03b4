#include "gate/sampling.h"

#include "base/text.h"

// ---- lists ----

static enum sk_code take_breakers(struct reading *r, const struct json_node *list, void *out) {
    struct engine_sampling *sampling = out;
    if (!json_is(list, JSON_ARRAY)) return refuse_type(r, "an array of strings");
    if (list->len > ENGINE_BREAKERS_MAX)
        return refuse_value(r, "may hold at most %d strings, not %u.", ENGINE_BREAKERS_MAX,
                            list->len);
    struct view *breakers = arena_take(r->arena, list->len, sizeof *breakers);
    if (!breakers) return refuse_memory(r);
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        size_t before = path_enter_at(r, i);
        TRY(take_text(r, node, 1, ENGINE_BREAKER_LEN_MAX, &breakers[i]));
        path_leave(r, before);
    }
    sampling->dry_breakers = breakers;
    sampling->dry_breakers_len = list->len;
    return SK_OK;
}

// {"1234": -100, …}: ids of tokens. The list is kept ascending.
static enum sk_code take_bias(struct reading *r, const struct json_node *object, void *out) {
    struct engine_sampling *sampling = out;
    if (!json_is(object, JSON_OBJECT)) return refuse_type(r, "an object of token ids and numbers");
    if (object->len > ENGINE_BIASES_MAX)
        return refuse_value(r, "may hold at most %d tokens, not %u.", ENGINE_BIASES_MAX,
                            object->len);
    struct engine_bias *biases = arena_take(r->arena, object->len, sizeof *biases);
    if (!biases) return refuse_memory(r);
    const struct json_node *key = json_first(object), *value;
    for (uint32_t i = 0, at; i < object->len; i++, key = json_next(value)) {
        uint64_t token;
        double bias;
        value = json_next(key);
        if (!decimal_take(json_view(key), &token) || token > INT32_MAX)
            return refuse_value(r, "must have token ids as its names, not '%.*s'.",
                                key->len < 32 ? (int)key->len : 32, key->at);
        if (!json_is(value, JSON_NUMBER) || !json_f64(value, &bias) || bias < -100 || bias > 100)
            return refuse_value(r, "must have numbers between -100 and 100 as its values.");
        for (at = i; at > 0 && biases[at - 1].token > (int32_t)token; at--)
            biases[at] = biases[at - 1];
        biases[at] = (struct engine_bias){(int32_t)token, (float)bias};
    }
    sampling->logit_bias = biases;
    sampling->logit_bias_len = object->len;
    return SK_OK;
}

enum sk_code stops_take(struct reading *r, const struct json_node *array, uint32_t max,
                        struct stops *out) {
    if (array->len > max)
        return refuse_value(r, "may hold at most %u strings, not %u.", max, array->len);
    const struct json_node *item = json_first(array);
    for (uint32_t i = 0; i < array->len; i++, item = json_next(item)) {
        size_t before = path_enter_at(r, i);
        TRY(take_text(r, item, 1, ENGINE_STOP_LEN_MAX, &out->texts[i]));
        path_leave(r, before);
    }
    out->len = array->len;
    return SK_OK;
}

enum sk_code take_stops(struct reading *r, const struct json_node *node, void *out) {
    struct stops *stops = out;
    if (json_is(node, JSON_ARRAY)) return stops_take(r, node, STOPS_MAX, stops);
    if (!json_is(node, JSON_STRING)) return refuse_type(r, "a string or an array of strings");
    stops->len = 1;
    return take_text(r, node, 1, ENGINE_STOP_LEN_MAX, &stops->texts[0]);
}

static enum sk_code take_schema(struct reading *r, const struct json_node *node, void *out) {
    if (!json_is(node, JSON_OBJECT)) return refuse_type(r, "an object, a JSON Schema");
    return take_json(r, node, out);
}

// ---- the tables ----

#define AT(member) .at = offsetof(struct sampling_fields, member)
#define NUMBER_ROW(member, from, to, ...)                                                          \
    {.name = #member, .kind = FIELD_NUMBER, AT(member), .low = (from), .high = (to), __VA_ARGS__}
#define SHARE_ROW(member, text)                                                                    \
    NUMBER_ROW(member, 0, 1, .above = true, .doc = text)
#define LOOK_ROW(member, text)                                                                     \
    {.name = #member, .kind = FIELD_INTEGER, AT(member), .low = -1, .high = UINT32_MAX, .doc = text}

static const struct field stream_rows[] = {
    {.name = "include_usage",
     .kind = FIELD_BOOL,
     .doc = "An event with usage and no choices comes before the end."},
    {.name = "include_obfuscation", .kind = FIELD_PASS, .doc = "Has no effect."},
};
static const struct shape stream_shape = {SHAPE_OF(stream_rows)};

static const struct field sampling_rows[] = {
    FIELD_MODEL(offsetof(struct sampling_fields, model), "An id of GET /v1/models."),
    {.name = "stream", .kind = FIELD_BOOL, AT(stream), .doc = "Server-sent events."},
    {.name = "stream_options",
     .kind = FIELD_OBJECT,
     AT(stream_options),
     .shape = &stream_shape,
     .doc = "Only with stream."},
    {.name = "n",
     .kind = FIELD_COUNT,
     AT(n),
     .low = 1,
     .high = GATE_TASKS_MAX,
     .doc = "Choices; each is a decision of its own with a receipt. The seed of choice i is "
            "seed + i."},
    NUMBER_ROW(temperature, 0, 2, .doc = "0 takes the likeliest token. Default 1."),
    SHARE_ROW(top_p, "Only the likeliest tokens that together reach it. Default 1."),
    LOOK_ROW(top_k, "Only the k likeliest tokens; 0 or -1: all, the default."),
    NUMBER_ROW(min_p, 0, 1, .doc = "Only tokens at least so likely, times the likeliest."),
    SHARE_ROW(typical_p, "Only the most typical tokens that together reach it. Default 1."),
    NUMBER_ROW(presence_penalty, -2, 2, .doc = "Taken from logits of tokens in the answer, once."),
    NUMBER_ROW(frequency_penalty, -2, 2, .doc = "The same, once for each time."),
    NUMBER_ROW(repetition_penalty, 0, 100, .above = true,
               .doc = "Divides logits of tokens in prompt and answer. Default 1."),
    NUMBER_ROW(repeat_penalty, 0, 100, .above = true, .doc = "repetition_penalty."),
    LOOK_ROW(penalty_last_n, "The three penalties look back so many tokens; -1: all, the default."),
    LOOK_ROW(repeat_last_n, "penalty_last_n."),
    NUMBER_ROW(dry_multiplier, 0, 100, .doc = "DRY: 0 is off, the default."),
    NUMBER_ROW(dry_base, 1, 100, .doc = "Default 1.75."),
    {.name = "dry_allowed_length",
     .kind = FIELD_COUNT,
     AT(dry_allowed_length),
     .low = 1,
     .high = UINT32_MAX,
     .doc = "Default 2."},
    LOOK_ROW(dry_penalty_last_n, "How far DRY looks back; -1: all, the default; 0: off."),
    {.name = "dry_sequence_breakers",
     .kind = FIELD_OTHER,
     AT(lists),
     .take = take_breakers,
     .schema = "{\"type\":\"array\",\"maxItems\":16,\"items\":{\"type\":\"string\","
               "\"minLength\":1,\"maxLength\":40}}",
     .doc = "Strings that a repeated run does not reach across."},
    {.name = "logit_bias",
     .kind = FIELD_OTHER,
     AT(lists),
     .take = take_bias,
     .schema = "{\"type\":\"object\",\"maxProperties\":300,\"additionalProperties\":{\"type\":"
               "\"number\",\"minimum\":-100,\"maximum\":100}}",
     .doc = "Token ids and what is added to their logits."},
    {.name = "seed",
     .kind = FIELD_INTEGER,
     AT(seed),
     .doc = "The same request with the same seed has the same answer. Drawn when absent."},
    {.name = "stop",
     .kind = FIELD_OTHER,
     AT(stop),
     .take = take_stops,
     .schema = "{\"anyOf\":[{\"type\":\"string\",\"minLength\":1,\"maxLength\":256},{\"type\":"
               "\"array\",\"maxItems\":4,\"items\":{\"type\":\"string\",\"minLength\":1,"
               "\"maxLength\":256}}]}",
     .doc = "Strings that end the answer; they are not part of it."},
    {.name = "grammar",
     .kind = FIELD_TEXT,
     AT(grammar),
     .low = 1,
     .high = 1 << 20,
     .doc = "GBNF: the answer is a text of it."},
    {.name = "json_schema",
     .kind = FIELD_OTHER,
     AT(json_schema),
     .take = take_schema,
     .schema = "{\"type\":\"object\"}",
     .doc = "JSON Schema: the answer validates against it."},
    {.name = "user", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "safety_identifier", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "prompt_cache_key", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "prompt_cache_retention", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "service_tier", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "cache_prompt", .kind = FIELD_PASS, .doc = "Has no effect."},
    {.name = "mirostat", .kind = FIELD_NOT, .harmless = harmless_zero, .doc = "this sampler"},
    {.name = "xtc_probability", .kind = FIELD_NOT, .harmless = harmless_zero,
     .doc = "this sampler"},
    {.name = "dynatemp_range", .kind = FIELD_NOT, .harmless = harmless_zero,
     .doc = "this sampler"},
};
const struct shape sampling_shape = {SHAPE_OF(sampling_rows)};

struct sampling_fields sampling_usual(void) {
    static const struct view breakers[] = {{"\n", 1}, {":", 1}, {"\"", 1}, {"*", 1}};
    return (struct sampling_fields){
        .n = 1,
        .temperature = 1,
        .penalty_last_n = -1,
        .repeat_last_n = -1,
        .dry_penalty_last_n = -1,
        .lists = {.dry_breakers = breakers, .dry_breakers_len = sizeof breakers / sizeof *breakers},
    };
}

// ---- from fields to the job ----

// 1 changes nothing: off.
static float one_is_off(float value) { return value == 1 ? 0 : value; }

// How far a penalty looks back: -1 is over all, which is 0 in the job; false for 0, over nothing.
static bool looks_back(int64_t last_n, uint32_t *out) {
    *out = last_n > 0 ? (uint32_t)last_n : 0;
    return last_n != 0;
}

// One setting that has two names.
static enum sk_code same(struct reading *r, bool equal, const char *one, const char *other) {
    if (equal || !field_given(r->root, one) || !field_given(r->root, other)) return SK_OK;
    path_enter(r, one);
    return refuse_value(r, "and '%s' differ; give one.", other);
}

static enum sk_code penalties_end(struct reading *r, const struct sampling_fields *fields,
                                  struct engine_sampling *out) {
    TRY(same(r, fields->repetition_penalty == fields->repeat_penalty, "repetition_penalty",
             "repeat_penalty"));
    TRY(same(r, fields->penalty_last_n == fields->repeat_last_n, "penalty_last_n",
             "repeat_last_n"));
    bool other = field_given(r->root, "repeat_last_n") != NULL;
    if (!looks_back(other ? fields->repeat_last_n : fields->penalty_last_n, &out->penalty_last_n))
        return SK_OK;
    out->presence_penalty = fields->presence_penalty;
    out->frequency_penalty = fields->frequency_penalty;
    float repetition = fields->repetition_penalty;
    out->repetition_penalty = one_is_off(repetition > 0 ? repetition : fields->repeat_penalty);
    return SK_OK;
}

static void dry_end(const struct sampling_fields *fields, struct engine_sampling *out) {
    if (!(fields->dry_multiplier > 0) ||
        !looks_back(fields->dry_penalty_last_n, &out->dry_penalty_last_n))
        return;
    out->dry_multiplier = fields->dry_multiplier;
    out->dry_base = fields->dry_base;
    out->dry_allowed_length = fields->dry_allowed_length;
    out->dry_breakers = fields->lists.dry_breakers;
    out->dry_breakers_len = fields->lists.dry_breakers_len;
}

static enum sk_code format_end(struct reading *r, const struct sampling_fields *fields,
                               struct engine_job *job) {
    bool schema = fields->json_schema.len > 0, grammar = fields->grammar.len > 0;
    if (!schema && !grammar) return SK_OK;
    path_enter(r, grammar ? "grammar" : "json_schema");
    if (job->format != ENGINE_FREE || (schema && grammar))
        return refuse_value(r, "and another form of the answer are asked for; give one.");
    path_leave(r, 0);
    job->format = schema ? ENGINE_JSON_SCHEMA : ENGINE_GBNF;
    job->format_text = schema ? fields->json_schema : fields->grammar;
    return SK_OK;
}

enum sk_code sampling_end(struct reading *r, const struct sampling_fields *fields,
                          struct engine_job *job) {
    struct engine_sampling *sampling = &job->sampling;
    sampling->temperature = fields->temperature;
    sampling->top_k = fields->top_k > 0 ? (uint32_t)fields->top_k : 0; // vLLM says off by -1
    sampling->top_p = one_is_off(fields->top_p);
    sampling->min_p = fields->min_p;
    sampling->typical_p = one_is_off(fields->typical_p);
    TRY(penalties_end(r, fields, sampling));
    dry_end(fields, sampling);
    sampling->logit_bias = fields->lists.logit_bias;
    sampling->logit_bias_len = fields->lists.logit_bias_len;
    sampling->seed = (uint64_t)fields->seed;
    for (uint32_t i = 0; i < fields->stop.len; i++) job->stops[i] = fields->stop.texts[i];
    job->stops_len = fields->stop.len;
    return format_end(r, fields, job);
}

enum sk_code sampling_ask(struct reading *r, const struct sampling_fields *fields,
                          struct gate_ask *ask) {
    if (field_given(r->root, "stream_options") && !fields->stream) {
        path_enter(r, "stream_options");
        return refuse_value(r, "needs 'stream': true.");
    }
    ask->model = fields->model;
    ask->stream = fields->stream;
    ask->usage = fields->stream_options.include_usage;
    ask->seeded = field_given(r->root, "seed") != NULL;
    ask->copies = fields->n;
    if (fields->grammar.len > 0) ask->format = "grammar";
    if (fields->json_schema.len > 0) ask->format = "json_schema";
    return SK_OK;
}
