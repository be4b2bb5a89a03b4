#include "train/adapter.h"

#include <stdio.h>

#include "train/encode.h"

enum { PART = 1024 }; // numbers written at once

struct half {
    char name[GGUF_NAME_LEN_MAX + 8];
    uint64_t shape[2];
    const float *at;
};

static void halves_of(const struct adapter_matrix *m, struct half out[2]) {
    out[0] = (struct half){.shape = {m->columns, m->rank}, .at = m->a};
    out[1] = (struct half){.shape = {m->rank, m->rows}, .at = m->b};
    for (int i = 0; i < 2; i++)
        snprintf(out[i].name, sizeof out[i].name, "%.*s.lora_%c", (int)m->name.len, m->name.at,
                 "ab"[i]);
}

static enum sk_code half_write(const struct half *half, enum quant_type type,
                               struct gguf_writer *writer) {
    uint8_t bytes[PART * sizeof(float)];
    uint64_t all = half->shape[0] * half->shape[1];
    for (uint64_t at = 0; at < all; at += PART) {
        uint64_t n = all - at < PART ? all - at : PART;
        enum sk_code code = encode_row(type, half->at + at, n, bytes);
        if (code != SK_OK) return fail_within(code, "tensor %s, from %llu", half->name,
                                              (unsigned long long)at);
        TRY(gguf_write_data(writer, bytes, (size_t)n * quant_find(type)->bytes));
    }
    return SK_OK;
}

enum sk_code adapter_write(const struct adapter_file *file, struct gguf_writer *writer) {
    struct half halves[2];
    must((file->type == QUANT_F32 || file->type == QUANT_F16) && file->alpha != 0 && file->len);
    gguf_put_text(writer, "general.type", VIEW("adapter"));
    gguf_put_text(writer, "general.architecture", file->architecture);
    gguf_put_text(writer, "adapter.type", VIEW("lora"));
    gguf_put_f32(writer, "adapter.lora.alpha", file->alpha);
    for (uint32_t i = 0; i < file->len; i++) {
        halves_of(&file->matrices[i], halves);
        for (int j = 0; j < 2; j++)
            gguf_put_tensor(writer, view_of(halves[j].name), file->type, 2, halves[j].shape);
    }
    TRY(gguf_write_head(writer));
    for (uint32_t i = 0; i < file->len; i++) {
        halves_of(&file->matrices[i], halves);
        for (int j = 0; j < 2; j++) TRY(half_write(&halves[j], file->type, writer));
    }
    return gguf_write_end(writer);
}
