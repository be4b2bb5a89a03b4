// Makes a LoRA over a GGUF file in memory: a pair of random halves for each matrix of its layers and
// for its output matrix, and the same model with the adapter added to its weights (of F32).
#pragma once
#include "engine/gguf.h"
#include "gguf_make.h"

struct make_adapter {
    struct make make; // what to change, and the file
    uint32_t rank, type; // type + 1; 0 = F32
    float alpha;         // 0: the key is left out
    const char *only;    // only pairs whose name holds this; NULL: all
    const char *architecture; // instead of the model's
};

// Whether an adapter may have a pair for it.
static inline bool make_adapts(const struct make_adapter *m, const struct gguf_tensor *t) {
    char name[GGUF_NAME_LEN_MAX];
    snprintf(name, sizeof name, "%.*s", (int)t->name.len, t->name.at);
    bool known = view_starts(t->name, VIEW("blk.")) || strcmp(name, "output.weight") == 0;
    return t->dims == 2 && known && strstr(name, ".weight") &&
           (!m->only || strstr(name, m->only));
}

static inline void make_half_tensor(struct make_adapter *m, const struct gguf_tensor *t,
                                    const char *half, uint64_t columns, uint64_t rows) {
    char name[2 * GGUF_NAME_LEN_MAX];
    snprintf(name, sizeof name, "%.*s%s", (int)t->name.len, t->name.at, half);
    make_tensor(&m->make, name, m->type ? m->type - 1 : QUANT_F32, columns, rows);
}

// Builds the file; the view lives until make_free(&m->make).
static inline struct view make_adapter_file(struct make_adapter *m, struct view model) {
    struct make *make = &m->make;
    struct buf *parts[] = {&make->keys, &make->infos, &make->data, &make->file};
    struct gguf gguf;
    struct view architecture;
    for (size_t i = 0; i < 4; i++) must(buf_open(parts[i], MAKE_BYTES_MAX) == SK_OK);
    must(gguf_open(&gguf, &model, 1) == SK_OK);
    must(gguf_text(&gguf, "general.architecture", GGUF_MUST_BE, &architecture) == SK_OK);
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)architecture.len, architecture.at);
    make_text(make, "general.type", "adapter");
    make_text(make, "general.architecture", m->architecture ? m->architecture : text);
    make_text(make, "adapter.type", "lora");
    if (m->alpha != 0) make_f32(make, "adapter.lora.alpha", m->alpha);
    for (uint32_t i = 0; i < gguf.tensors_len; i++) {
        const struct gguf_tensor *t = &gguf.tensors[i];
        if (!make_adapts(m, t)) continue;
        make_half_tensor(m, t, ".lora_a", t->shape[0], m->rank);
        make_half_tensor(m, t, ".lora_b", m->rank, t->shape[1]);
    }
    gguf_close(&gguf);
    return make_join(make);
}

// One number of a tensor of F32 or F16.
static inline double make_at(const struct gguf *gguf, const struct gguf_tensor *t, uint64_t row,
                             uint64_t column) {
    const uint8_t *at = gguf_data(gguf, t);
    uint64_t i = row * t->shape[0] + column;
    float value;
    if (t->type == QUANT_F16) return (double)quant_from_half(quant_u16(at + 2 * i));
    must(t->type == QUANT_F32);
    memcpy(&value, at + 4 * i, sizeof value);
    return (double)value;
}

// Adds scale B A to one matrix of F32, in place.
static inline void make_merge_one(const struct gguf *model, const struct gguf_tensor *w,
                                  const struct gguf *adapter, double scale) {
    char name[2 * GGUF_NAME_LEN_MAX];
    snprintf(name, sizeof name, "%.*s.lora_a", (int)w->name.len, w->name.at);
    const struct gguf_tensor *a = gguf_tensor(adapter, name);
    name[strlen(name) - 1] = 'b';
    const struct gguf_tensor *b = gguf_tensor(adapter, name);
    if (!a || !b) return;
    char *data = (char *)(uintptr_t)gguf_data(model, w); // of a buffer of the test's
    for (uint64_t row = 0; row < w->shape[1]; row++) {
        for (uint64_t column = 0; column < w->shape[0]; column++) {
            double sum = make_at(model, w, row, column);
            for (uint64_t i = 0; i < b->shape[0]; i++)
                sum += scale * make_at(adapter, b, row, i) * make_at(adapter, a, i, column);
            float value = (float)sum;
            memcpy(data + 4 * (row * w->shape[0] + column), &value, sizeof value);
        }
    }
}

// Changes the model's file in place: with the adapter of `wanted` times its own scale.
static inline void make_merge(struct view model, struct view adapter, float alpha, double wanted) {
    struct gguf to, from;
    must(gguf_open(&to, &model, 1) == SK_OK && gguf_open(&from, &adapter, 1) == SK_OK);
    for (uint32_t i = 0; i < to.tensors_len; i++) {
        const struct gguf_tensor *w = &to.tensors[i];
        double rank = (double)from.tensors[1].shape[0];
        make_merge_one(&to, w, &from, alpha != 0 ? wanted * (double)alpha / rank : wanted);
    }
    gguf_close(&from);
    gguf_close(&to);
}
