// Answers that are no text, to the shapes of gate.h: vectors, scores, a count.
#include <math.h>

#include "base/text.h"
#include "base/wire.h"
#include "upstream/reader.h"

enum { WIDTH_MAX = 65536 };

// The items of a list of so many, each at its index.
static enum sk_code items_find(struct upstream_reader *r, const struct json_node *list,
                               const struct json_node ***out) {
    if (!json_is(list, JSON_ARRAY) || list->len != r->texts_len || !list->len)
        return reader_corrupt("not one item for each text");
    const struct json_node **items = arena_take(&r->scratch, r->texts_len, sizeof *items);
    if (!items) return SK_LIMIT;
    const struct json_node *item = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, item = json_next(item)) {
        int64_t index;
        if (!json_i64(json_find(item, "index"), &index) || index < 0 || index >= list->len ||
            items[index])
            return reader_corrupt("an item without an index of its own");
        items[index] = item;
    }
    *out = items;
    return SK_OK;
}

// ---- vectors ----

static enum sk_code floats_read(const struct json_node *list, float *out) {
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        double number;
        if (!json_is(node, JSON_NUMBER) || !json_f64(node, &number))
            return reader_corrupt("a vector of other than numbers");
        out[i] = (float)number;
    }
    return SK_OK;
}

static enum sk_code base64_read(struct view text, float *out, uint32_t width) {
    size_t len;
    if (!base64_take(text, (uint8_t *)out, 4 * (size_t)width, &len) || len != 4 * (size_t)width)
        return reader_corrupt("a vector that is no base64 of floats");
    struct wire in = wire_over((struct view){(const char *)out, len});
    for (uint32_t i = 0; i < width; i++)
        out[i] = wire_take_f32(&in);
    return SK_OK;
}

static enum sk_code normalise(float *vector, uint32_t width) {
    double square = 0;
    for (uint32_t i = 0; i < width; i++)
        square += (double)vector[i] * (double)vector[i];
    if (!isfinite(square) || !(square > 0)) return reader_corrupt("a vector without a direction");
    for (uint32_t i = 0; i < width; i++)
        vector[i] = (float)((double)vector[i] / sqrt(square));
    return SK_OK;
}

// How many floats an item has: a list of numbers, or their bytes in base64.
static uint32_t width_of(const struct json_node *vector) {
    if (json_is(vector, JSON_ARRAY)) return vector->len;
    if (!json_is(vector, JSON_STRING) || vector->len % 4 || !vector->len) return 0;
    uint32_t bytes = vector->len / 4 * 3;
    for (uint32_t i = 1; i <= 2; i++)
        bytes -= vector->at[vector->len - i] == '=';
    return bytes / 4;
}

static enum sk_code vectors_take(struct upstream_reader *r, const struct json_node *root) {
    const struct json_node **items;
    TRY(items_find(r, json_find(root, "data"), &items));
    uint32_t width = width_of(json_find(items[0], "embedding"));
    if (!width || width > WIDTH_MAX || (r->dimensions && width != r->dimensions))
        return reader_corrupt("vectors of another width than asked for");
    float *vector = arena_take(&r->scratch, width, sizeof *vector);
    if (!vector) return SK_LIMIT;
    struct buf out = arena_rest(r->arena);
    wire_put_u32(&out, width);
    for (uint32_t i = 0; i < r->texts_len; i++) {
        const struct json_node *node = json_find(items[i], "embedding");
        if (width_of(node) != width) return reader_corrupt("vectors of two widths");
        if (json_is(node, JSON_ARRAY))
            TRY(floats_read(node, vector));
        else
            TRY(base64_read(json_view(node), vector, width));
        TRY(normalise(vector, width));
        for (uint32_t j = 0; j < width; j++)
            wire_put_f32(&out, vector[j]);
    }
    TRY(buf_check(&out, "vectors"));
    r->result = arena_keep(r->arena, out.len);
    return SK_OK;
}

// ---- scores ----

// As the place gives them: Jina, vLLM and this node probabilities, llama.cpp logits.
static enum sk_code scores_take(struct upstream_reader *r, const struct json_node *root) {
    const struct json_node **items;
    TRY(items_find(r, json_find(root, "results"), &items));
    struct buf out = arena_rest(r->arena);
    wire_put_u8(&out, GATE_SCORE_PLACE);
    for (uint32_t i = 0; i < r->texts_len; i++) {
        double score;
        const struct json_node *node = json_find(items[i], "relevance_score");
        if (!json_is(node, JSON_NUMBER) || !json_f64(node, &score) || !isfinite((float)score))
            return reader_corrupt("a document without a score");
        wire_put_f32(&out, (float)score);
    }
    TRY(buf_check(&out, "scores"));
    r->result = arena_keep(r->arena, out.len);
    return SK_OK;
}

static enum sk_code tokens_take(struct upstream_reader *r, const struct json_node *root) {
    if (!json_is(json_find(root, "input_tokens"), JSON_NUMBER))
        return reader_corrupt("no count of tokens");
    TRY(count_take(root, "input_tokens", &r->end.prompt_tokens));
    struct buf out = arena_rest(r->arena);
    wire_put_u32(&out, r->end.prompt_tokens);
    TRY(buf_check(&out, "a count"));
    r->result = arena_keep(r->arena, out.len);
    return SK_OK;
}

enum sk_code result_take(struct upstream_reader *r, const struct json_node *root) {
    if (member(root, "error")) return reader_broken(root);
    const struct json_node *usage = json_find(root, "usage");
    TRY(count_take(usage, "prompt_tokens", &r->end.prompt_tokens));
    if (!r->end.prompt_tokens) // Jina
        TRY(count_take(usage, "total_tokens", &r->end.prompt_tokens));
    r->finished = true;
    if (r->operation == GATE_OP_EMBED) return vectors_take(r, root);
    return r->operation == GATE_OP_RERANK ? scores_take(r, root) : tokens_take(r, root);
}
