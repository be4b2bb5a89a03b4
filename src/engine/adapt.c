// Adapters over the matrices of a model: found, checked, and their B turned, so that what one
// brings is added to a whole line of rows at once.
#include <string.h>

#include "engine/model.h"

enum { LAYER_MATRICES = 8, FUSED_MAX = 3 };

static enum sk_code failed(struct model_adapters *all, uint32_t index, enum sk_code code) {
    all->failed = index + 1;
    return fail_within(code, "adapter %.*s", (int)all->at[index].name.len, all->at[index].name.at);
}

static enum sk_code fits(const struct adapter *adapter, const struct model *model) {
    struct view over = adapter->architecture;
    if (model->family->encoder)
        return FAIL(SK_UNSUPPORTED, "not computed for %s models", model->family->name);
    if (view_same(over, model->architecture)) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "trained over a %.*s model, this one is %s",
                (int)(over.len < 64 ? over.len : 64), over.at, model->family->name);
}

enum sk_code model_adapters_set(struct model *model, struct adapter *adapters, uint32_t len) {
    struct model_adapters *all = &model->adapters;
    *all = (struct model_adapters){.at = adapters, .len = len};
    for (uint32_t i = 0; i < len; i++) {
        const struct adapter *adapter = &adapters[i];
        enum sk_code code = fits(adapter, model);
        if (code != SK_OK) return failed(all, i, code);
        if (adapter->rank > all->rank) all->rank = adapter->rank;
        all->turned_len += adapter->elements + FUSED_MAX * KERNEL_LANES * adapter->ranks;
    }
    return SK_OK;
}

void model_adapters_lay(struct model *model, struct lay *lay) {
    struct model_adapters *all = &model->adapters;
    uint64_t matrices = (uint64_t)model->layers * LAYER_MATRICES + 1; // and the head
    all->loras = lay_take(lay, matrices * all->len, sizeof *all->loras);
    all->turned = lay_take(lay, all->turned_len, sizeof *all->turned);
}

// Rows row .. row + rows of B, the columns of the result.
static const float *turn(struct model_adapters *all, const struct matrix *b, uint32_t row,
                         uint32_t rows) {
    float *turned = all->turned + all->turned_used, part[KERNEL_CHUNK];
    size_t stride = kernel_pad(rows);
    all->turned_used += b->columns * stride;
    must(all->turned_used <= all->turned_len);
    for (uint32_t i = 0; i < rows; i++) {
        const uint8_t *weights = b->data + (size_t)(row + i) * b->row_bytes;
        for (uint32_t from = 0; from < b->columns; from += KERNEL_CHUNK) {
            uint32_t left = b->columns - from, count = left < KERNEL_CHUNK ? left : KERNEL_CHUNK;
            kernels_scalar.expand(b->type, weights, from, count, part);
            for (uint32_t j = 0; j < count; j++) turned[(from + j) * stride + i] = part[j];
        }
    }
    return turned;
}

static struct matrix matrix_of(const struct adapter *adapter, const struct gguf_tensor *t) {
    return (struct matrix){.type = t->type,
                           .data = gguf_data(&adapter->gguf, t),
                           .row_bytes = (size_t)(t->bytes / t->shape[1]),
                           .rows = (uint32_t)t->shape[1],
                           .columns = (uint32_t)t->shape[0]};
}

// The matrix's one for this adapter.
static struct lora *lora_of(struct model_adapters *all, struct matrix *matrix, uint32_t adapter) {
    if (!matrix->loras) {
        matrix->loras = all->loras + all->loras_used;
        all->loras_used += all->len;
    }
    return all->loras + (matrix->loras - all->loras) + adapter;
}

enum sk_code model_adapt(struct model *model, const struct gguf_tensor *tensor,
                         struct matrix *const *parts, size_t len) {
    struct model_adapters *all = &model->adapters;
    for (uint32_t i = 0; i < all->len; i++) {
        struct adapter_pair pair;
        enum sk_code code = adapter_find(&all->at[i], tensor, &pair);
        if (code != SK_OK) return failed(all, i, code);
        if (!pair.a) continue;
        struct matrix a = matrix_of(&all->at[i], pair.a), b = matrix_of(&all->at[i], pair.b);
        uint32_t row = 0;
        for (size_t p = 0; p < len; row += parts[p++]->rows)
            *lora_of(all, parts[p], i) =
                (struct lora){.a = a,
                              .b = turn(all, &b, row, parts[p]->rows),
                              .b_stride = kernel_pad(parts[p]->rows),
                              .scale = pair.scale};
    }
    return SK_OK;
}

enum sk_code model_adapted(struct model *model, const struct gguf *gguf) {
    struct model_adapters *all = &model->adapters;
    for (uint32_t i = 0; i < all->len; i++) {
        enum sk_code code = adapter_used(&all->at[i], gguf);
        if (code != SK_OK) return failed(all, i, code);
    }
    return SK_OK;
}
