#include "engine/adapter.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct view half_names[] = {{".lora_a", 7}, {".lora_b", 7}};

static struct view short_name(struct view name) {
    return (struct view){name.at, name.len < 64 ? name.len : 64};
}

static enum sk_code read_text(const struct gguf *gguf, const char *key, const char *wanted) {
    struct view text;
    TRY(gguf_text(gguf, key, GGUF_MUST_BE, &text));
    if (view_is(text, wanted)) return SK_OK;
    text = short_name(text);
    return FAIL(SK_UNSUPPORTED, "key %s: \"%.*s\", not \"%s\"", key, (int)text.len, text.at,
                wanted);
}

static enum sk_code read_keys(struct adapter *adapter) {
    const struct gguf *gguf = &adapter->gguf;
    TRY(read_text(gguf, "general.type", "adapter"));
    TRY(read_text(gguf, "adapter.type", "lora"));
    TRY(gguf_text(gguf, "general.architecture", GGUF_MUST_BE, &adapter->architecture));
    TRY(gguf_f32(gguf, "adapter.lora.alpha", GGUF_MAY_BE, &adapter->alpha));
    if (!isfinite(adapter->alpha))
        return FAIL(SK_CORRUPT, "key adapter.lora.alpha: not a finite number");
    if (gguf_find(gguf, "adapter.alora.invocation_tokens"))
        return FAIL(SK_UNSUPPORTED, "key adapter.alora.invocation_tokens: adapters that act after "
                    "certain tokens only are not computed");
    return SK_OK;
}

// Whether the name ends as this half's do; *of is what stands before.
static bool half_of(struct view name, size_t half, struct view *of) {
    struct view end = half_names[half];
    if (name.len < end.len) return false;
    *of = (struct view){name.at, name.len - end.len};
    return view_same(view_from(name, of->len), end);
}

static struct gguf_tensor *find_half(const struct adapter *adapter, struct view of, size_t half) {
    char name[GGUF_NAME_LEN_MAX + 8];
    snprintf(name, sizeof name, "%.*s%s", (int)of.len, of.at, half_names[half].at);
    return gguf_tensor(&adapter->gguf, name);
}

static enum sk_code check_values(const struct adapter *adapter, const struct gguf_tensor *t) {
    uint64_t elements = t->shape[0] * t->shape[1];
    if (t->shape[2] != 1 || t->shape[3] != 1)
        return FAIL(SK_UNSUPPORTED, "tensor %.*s: %u dimensions (of a mixture's experts?), must be "
                    "2", (int)t->name.len, t->name.at, t->dims);
    if (!quant_finite(t->type, gguf_data(&adapter->gguf, t), elements))
        return FAIL(SK_CORRUPT, "tensor %.*s: holds NaN or infinity", (int)t->name.len, t->name.at);
    return SK_OK;
}

static enum sk_code check_tensor(struct adapter *adapter, const struct gguf_tensor *t) {
    struct view of;
    size_t half = 0;
    while (half < 2 && !half_of(t->name, half, &of)) half++;
    if (half == 2)
        return FAIL(SK_UNSUPPORTED, "tensor %.*s: neither .lora_a nor .lora_b", (int)t->name.len,
                    t->name.at);
    const struct gguf_tensor *other = find_half(adapter, of, 1 - half);
    if (!other)
        return FAIL(SK_CORRUPT, "tensor %.*s%s: missing", (int)of.len, of.at,
                    half_names[1 - half].at);
    TRY(check_values(adapter, t));
    if (half == 0) return SK_OK;
    uint64_t rank = t->shape[0];
    if (other->shape[1] != rank)
        return FAIL(SK_CORRUPT, "tensor %.*s: rank %" PRIu64 ", but %" PRIu64 " of .lora_a",
                    (int)t->name.len, t->name.at, rank, other->shape[1]);
    if (rank > ADAPTER_RANK_MAX)
        return FAIL(SK_LIMIT, "tensor %.*s: rank %" PRIu64 " > %d", (int)t->name.len, t->name.at,
                    rank, ADAPTER_RANK_MAX);
    if (rank > adapter->rank) adapter->rank = (uint32_t)rank;
    adapter->ranks += rank;
    adapter->elements += rank * t->shape[1];
    return SK_OK;
}

static enum sk_code read_all(struct adapter *adapter) {
    TRY(gguf_open(&adapter->gguf, &adapter->file, 1));
    TRY(read_keys(adapter));
    if (adapter->gguf.tensors_len == 0) return FAIL(SK_CORRUPT, "an adapter without tensors");
    for (uint32_t i = 0; i < adapter->gguf.tensors_len; i++)
        TRY(check_tensor(adapter, &adapter->gguf.tensors[i]));
    return SK_OK;
}

enum sk_code adapter_open(struct adapter *adapter, struct view file) {
    *adapter = (struct adapter){.file = file, .wanted = 1};
    enum sk_code code = read_all(adapter);
    if (code != SK_OK) adapter_close(adapter);
    return code;
}

void adapter_close(struct adapter *adapter) {
    gguf_close(&adapter->gguf);
    *adapter = (struct adapter){0};
}

// A matrix, and not one of those of a mixture's experts, which lie in one tensor; nor the table of
// tokens, whose pairs others write the other way round.
static bool adapts(const struct gguf_tensor *tensor) {
    bool matrix = tensor->dims > 1 && tensor->shape[2] == 1 && tensor->shape[3] == 1;
    return matrix && !view_is(tensor->name, "token_embd.weight");
}

enum sk_code adapter_find(struct adapter *adapter, const struct gguf_tensor *matrix,
                          struct adapter_pair *out) {
    struct gguf_tensor *a = find_half(adapter, matrix->name, 0);
    struct gguf_tensor *b = find_half(adapter, matrix->name, 1);
    *out = (struct adapter_pair){.scale = adapter->wanted};
    if (!a || !b || !adapts(matrix)) return SK_OK; // one half is not without the other
    out->a = a;
    out->b = b;
    if (a->shape[0] != matrix->shape[0] || b->shape[1] != matrix->shape[1])
        return FAIL(SK_CORRUPT,
                    "tensor %.*s: the pair is for %" PRIu64 " x %" PRIu64
                    ", the model's is %" PRIu64 " x %" PRIu64,
                    (int)matrix->name.len, matrix->name.at, a->shape[0], b->shape[1],
                    matrix->shape[0], matrix->shape[1]);
    a->used = b->used = true;
    if (adapter->alpha != 0) out->scale *= adapter->alpha / (float)b->shape[0];
    return SK_OK;
}

enum sk_code adapter_used(const struct adapter *adapter, const struct gguf *model) {
    for (uint32_t i = 0; i < adapter->gguf.tensors_len; i++) {
        const struct gguf_tensor *t = &adapter->gguf.tensors[i];
        if (t->used) continue;
        char of[GGUF_NAME_LEN_MAX];
        snprintf(of, sizeof of, "%.*s", (int)(t->name.len - half_names[0].len), t->name.at);
        return FAIL(SK_UNSUPPORTED, "tensor %.*s: %s", (int)t->name.len, t->name.at,
                    gguf_tensor(model, of) ? "this build does not adapt it"
                                           : "the model has no such tensor");
    }
    return SK_OK;
}
