#include "weights.h"

#include <math.h>

#include "engine/gguf.h"
#include "engine/kernels.h"

const struct weight_type weight_types[] = {
    {"F32", 0, 1, 4, 1},
    {"F16", 1, 1, 2, 1},
    {"BF16", 30, 1, 2, 1},
    {"Q8_0", 8, 32, 34, 73.9f},
    {"Q4_0", 2, 32, 18, 4.64f},
    {"Q4_1", 3, 32, 20, 4.61f},
    {"Q5_0", 6, 32, 22, 9.25f},
    {"Q5_1", 7, 32, 24, 9.23f},
    {"Q2_K", 10, 256, 84, 9.84f},
    {"Q3_K", 11, 256, 110, 43.4f},
    {"Q4_K", 12, 256, 144, 169},
    {"Q5_K", 13, 256, 176, 338},
    {"Q6_K", 14, 256, 210, 1366},
    {"IQ4_NL", 20, 32, 18, 67.4f},
    {"IQ4_XS", 23, 256, 136, 1247},
    {0},
};

const struct weight_type *weight_type_find(const char *name) {
    for (const struct weight_type *type = weight_types; type->name; type++)
        if (strcmp(type->name, name) == 0) return type;
    return NULL;
}

// -1..1
static float even(struct make *m) { return (float)(make_chance(m) % 20001) / 10000 - 1; }

// Near normal, of variance 1.
static float normal(struct make *m) {
    float sum = 0;
    for (int i = 0; i < 6; i++) sum += even(m);
    return sum / 1.4142136f;
}

// A value stored as it is.
static void put_value(uint32_t id, float value, uint8_t *at) {
    uint8_t bytes[4];
    memcpy(bytes, &value, sizeof bytes);
    if (id == 0) memcpy(at, bytes, 4);
    else if (id == 30) memcpy(at, bytes + 2, 2);
    else make_half(at, value);
}

// Two of four bits of the same six: eight pairs (s, s) of a K block's 12 bytes.
static void pair_scales(uint8_t *packed) {
    for (int i = 0; i < 4; i++) {
        packed[i + 4] = packed[i];
        packed[i + 8] = (uint8_t)((packed[i + 8] & 15) * 17);
    }
}

// The scales of one block of random bytes; minima are such that the mean is zero.
static void put_scales(uint32_t id, float d, uint8_t *block) {
    switch (id) {
    case 3: // Q4_1: q in 0..15
        make_half(block, d);
        make_half(block + 2, d * -7.5f);
        break;
    case 7: // Q5_1: q in 0..31
        make_half(block, d);
        make_half(block + 2, d * -15.5f);
        break;
    case 10: // Q2_K: 16 pairs of nibbles, q in 0..3
        for (int i = 0; i < 16; i++) block[i] = (uint8_t)((block[i] & 15) * 17);
        make_half(block + 80, d);
        make_half(block + 82, d * 1.5f);
        break;
    case 11: make_half(block + 108, d); break; // Q3_K
    case 12: // Q4_K
        make_half(block, d);
        make_half(block + 2, d * 7.5f);
        pair_scales(block + 4);
        break;
    case 13: // Q5_K
        make_half(block, d);
        make_half(block + 2, d * 15.5f);
        pair_scales(block + 4);
        break;
    case 14: make_half(block + 208, d); break; // Q6_K
    default: make_half(block, d);
    }
}

static void make_row(struct make *m, const struct weights *w, uint8_t *row) {
    const struct weight_type *type = w->type;
    for (uint64_t i = 0; i < w->columns; i += type->block, row += type->bytes) {
        if (type->block == 1) {
            put_value(type->id, normal(m) * w->spread, row);
            continue;
        }
        for (uint32_t j = 0; j < type->bytes; j++) row[j] = (uint8_t)make_chance(m);
        float sign = make_chance(m) & 1 ? 1 : -1;
        put_scales(type->id, sign * w->spread / type->spread * (1 + even(m) / 2), row);
    }
}

static void expand_row(uint32_t type, const uint8_t *row, uint64_t columns, float *out) {
    float chunk[KERNEL_CHUNK];
    must(quant_find(type));
    for (uint64_t from = 0; from < columns; from += KERNEL_CHUNK) {
        uint64_t count = columns - from < KERNEL_CHUNK ? columns - from : KERNEL_CHUNK;
        kernels_scalar.expand(type, row, from, count, chunk);
        memcpy(out + from, chunk, count * sizeof *chunk);
    }
}

static bool row_is_muted(const struct weights *w, uint64_t row) {
    return w->kinds && w->kinds[row] != 1 && w->kinds[row] != 6;
}

void weights_put(struct make *m, const struct weights *w) {
    must(w->columns % w->type->block == 0);
    uint64_t shape[4] = {w->columns, w->rows, w->planes, 1};
    size_t own = (size_t)(w->columns / w->type->block * w->type->bytes);
    size_t bytes = w->expand ? w->columns * sizeof(float) : own;
    uint8_t *row = malloc(own);
    must(row);
    char *data = make_info(m, w->name, w->expand ? QUANT_F32 : w->type->id, w->planes > 1 ? 3 : 2,
                           shape, bytes * w->rows * w->planes);
    for (uint64_t i = 0; i < w->rows * w->planes; i++) {
        make_row(m, w, row); // made even when it is dropped: the other tensors stay the same
        if (!data) continue;
        char *at = data + i * bytes;
        if (row_is_muted(w, i)) memset(at, 0, bytes);
        else if (w->expand) expand_row(w->type->id, row, w->columns, (float *)(void *)at);
        else memcpy(at, row, own);
    }
    make_info_end(m, w->name, data, bytes * w->rows * w->planes);
    free(row);
}

void weights_put_vector(struct make *m, const char *name, uint64_t len, float center,
                        float swing) {
    uint64_t shape[4] = {len, 1, 1, 1};
    char *data = make_info(m, name, QUANT_F32, 1, shape, len * sizeof(float));
    for (uint64_t i = 0; i < len; i++) {
        float value = center + swing * even(m);
        if (data) memcpy(data + i * sizeof value, &value, sizeof value);
    }
    make_info_end(m, name, data, len * sizeof(float));
}

static void copy_key(struct make *m, const struct gguf_key *key) {
    make_string(&m->keys, key->name);
    wire_put_u32(&m->keys, key->array ? GGUF_ARRAY : key->kind);
    if (key->array) {
        wire_put_u32(&m->keys, key->kind);
        wire_put_u64(&m->keys, key->count);
    }
    buf_put_view(&m->keys, key->bytes);
    m->keys_len++;
}

static void copy_tensor(struct make *m, const struct gguf *gguf, const struct gguf_tensor *t) {
    char name[GGUF_NAME_LEN_MAX + 1];
    uint64_t rows = t->shape[1] * t->shape[2] * t->shape[3];
    const uint8_t *from = gguf_data(gguf, t);
    snprintf(name, sizeof name, "%.*s", (int)t->name.len, t->name.at);
    size_t bytes = (size_t)(rows * t->shape[0]) * sizeof(float);
    char *data = make_info(m, name, QUANT_F32, t->dims, t->shape, bytes);
    must(data);
    for (uint64_t i = 0; i < rows; i++)
        expand_row(t->type, from + i * (t->bytes / rows), t->shape[0],
                   (float *)(void *)data + i * t->shape[0]);
    make_info_end(m, name, data, bytes);
}

enum sk_code weights_expand_file(struct make *m, struct view file, struct view *out) {
    struct gguf gguf;
    TRY(gguf_open(&gguf, &file, 1));
    struct buf *parts[] = {&m->keys, &m->infos, &m->data, &m->file};
    for (size_t i = 0; i < 4; i++) must(buf_open(parts[i], 8 * file.len) == SK_OK);
    m->keys_len = m->tensors_len = 0;
    for (uint32_t i = 0; i < gguf.keys_len; i++) copy_key(m, &gguf.keys[i]);
    for (uint32_t i = 0; i < gguf.tensors_len; i++) copy_tensor(m, &gguf, &gguf.tensors[i]);
    gguf_close(&gguf);
    *out = make_join(m);
    return SK_OK;
}
