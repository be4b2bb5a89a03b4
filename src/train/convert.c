#include "train/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/pages.h"
#include "train/encode.h"

enum {
    BATCH_BYTES = 1 << 22, // of rows that are written at once
    LOW_MAX = 1 << 28,     // elements of an A
};

// `file`: general.file_type, as ggml numbers these.
static const struct {
    const char *name;
    enum quant_type type;
    uint32_t file;
} targets[CONVERT_SAME] = {
    [CONVERT_F32] = {"F32", QUANT_F32, 0},      [CONVERT_F16] = {"F16", QUANT_F16, 1},
    [CONVERT_BF16] = {"BF16", QUANT_BF16, 32},  [CONVERT_Q8_0] = {"Q8_0", QUANT_Q8_0, 7},
    [CONVERT_Q6_K] = {"Q6_K", QUANT_Q6_K, 18},  [CONVERT_Q5_0] = {"Q5_0", QUANT_Q5_0, 8},
    [CONVERT_Q4_0] = {"Q4_0", QUANT_Q4_0, 2},   [CONVERT_Q4_K] = {"Q4_K", QUANT_Q4_K, 14},
    [CONVERT_Q4_K_M] = {"Q4_K_M", QUANT_Q4_K, 15},
};

enum sk_code convert_find(const char *name, enum convert_type *out) {
    for (int i = 0; i < CONVERT_SAME; i++)
        if (strcasecmp(targets[i].name, name) == 0) {
            *out = (enum convert_type)i;
            return SK_OK;
        }
    return FAIL(SK_UNKNOWN, "type %.32s: must be F32, F16, BF16, Q8_0, Q6_K, Q5_0, Q4_0, Q4_K or "
                            "Q4_K_M", name);
}

// ---- which tensor as what ----

static bool has(struct view name, const char *part) {
    return memmem(name.at, name.len, part, strlen(part)) != NULL;
}

static bool ends(struct view name, const char *end) {
    size_t len = strlen(end);
    return name.len >= len && memcmp(name.at + name.len - len, end, len) == 0;
}

static bool matrix_check(const struct gguf_tensor *tensor) {
    static const char *const kept[] = {"_norm", "ffn_gate_inp", "position_embd", "token_types"};
    bool matrix = tensor->dims > 1 && tensor->shape[1] > 1 && ends(tensor->name, ".weight");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (has(tensor->name, kept[i])) matrix = false;
    return matrix;
}

// The layer of "blk.N.…", or UINT32_MAX.
static uint32_t layer_of(struct view name) {
    uint32_t layer = 0;
    if (!view_starts(name, VIEW("blk."))) return UINT32_MAX;
    for (size_t i = 4; i < name.len && name.at[i] >= '0' && name.at[i] <= '9' && i < 10; i++)
        layer = 10 * layer + (uint32_t)(name.at[i] - '0');
    return layer;
}

static uint32_t layers_of(const struct gguf *model) {
    uint32_t layers = 0;
    for (uint32_t i = 0; i < model->tensors_len; i++) {
        uint32_t layer = layer_of(model->tensors[i].name);
        if (layer != UINT32_MAX && layer >= layers) layers = layer + 1;
    }
    return layers;
}

// Layers that most depends on: in Q4_K_M their attn_v and ffn_down get more bits.
static bool layer_matters(uint32_t layer, uint32_t layers) {
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

static bool is_output(const struct gguf *model, struct view name) {
    return view_is(name, "output.weight") ||
           (view_is(name, "token_embd.weight") && !gguf_tensor(model, "output.weight"));
}

enum quant_type convert_choose(const struct gguf *model, const struct gguf_tensor *tensor,
                               enum convert_type to) {
    if (to == CONVERT_SAME || !matrix_check(tensor)) return tensor->type;
    enum quant_type type = targets[to].type;
    if (quant_find(type)->block > 1 && type != QUANT_Q8_0 && is_output(model, tensor->name))
        type = QUANT_Q6_K;
    bool sensitive = has(tensor->name, ".attn_v.") || has(tensor->name, ".ffn_down");
    if (to == CONVERT_Q4_K_M &&
        (has(tensor->name, ".attn_qkv.") ||
         (sensitive && layer_matters(layer_of(tensor->name), layers_of(model)))))
        type = QUANT_Q6_K;
    uint64_t columns = tensor->shape[0];
    if (columns % quant_find(type)->block && type == QUANT_Q4_K) type = QUANT_Q5_0;
    if (columns % quant_find(type)->block && type == QUANT_Q6_K) type = QUANT_Q8_0;
    return columns % quant_find(type)->block ? QUANT_F16 : type;
}

// ---- rows ----

// What becomes of a tensor.
struct item {
    const struct gguf_tensor *tensor;
    enum quant_type type;
    struct adapter_pair pair; // to be added; NULLs: none
};

// A tensor under way: rows row .. row + rows of it go into `out`.
struct rows {
    const struct convert *convert;
    const struct item *item;
    size_t row_bytes;
    uint64_t row, rows;
    float *floats; // for each thread a row, then one of B; `stride` in all
    size_t stride, low_at;
    const float *low; // A, rows of ENCODE_PAD padded columns
    uint8_t *out;
    _Atomic bool failed;
};

static uint64_t row_bytes_of(const struct gguf_tensor *tensor) {
    const struct quant *quant = quant_find(tensor->type);
    return tensor->shape[0] / quant->block * quant->bytes;
}

static void row_read(const struct gguf *gguf, const struct gguf_tensor *tensor, uint64_t row,
                     float *out) {
    const uint8_t *from = gguf_data(gguf, tensor) + row * row_bytes_of(tensor);
    decode_part(tensor->type, from, 0, tensor->shape[0], out);
}

static uint64_t pad(uint64_t n) { return (n + ENCODE_PAD - 1) / ENCODE_PAD * ENCODE_PAD; }

// x += scale times row `row` of B A, the ranks in their order.
static void row_add(const struct rows *rows, uint64_t row, float *x, float *b) {
    const struct adapter_pair *pair = &rows->item->pair;
    uint64_t columns = pair->a->shape[0], rank = pair->b->shape[0];
    row_read(&rows->convert->adapter->gguf, pair->b, row, b);
    for (uint64_t k = 0; k < rank; k++) {
        const float *a = rows->low + k * pad(columns);
        float factor = pair->scale * b[k];
        for (uint64_t i = 0; i < columns; i++) x[i] += factor * a[i];
    }
}

static enum sk_code row_write(struct rows *rows, uint64_t i, uint32_t thread) {
    const struct gguf_tensor *tensor = rows->item->tensor;
    float *x = rows->floats + thread * rows->stride;
    row_read(rows->convert->from, tensor, rows->row + i, x);
    if (rows->item->pair.a) row_add(rows, rows->row + i, x, x + rows->low_at);
    return encode_row(rows->item->type, x, tensor->shape[0], rows->out + i * rows->row_bytes);
}

static void row_task(void *job, uint32_t item, uint32_t thread) {
    struct rows *rows = job;
    if (row_write(rows, item, thread) != SK_OK) rows->failed = true;
}

// The first row that cannot be written, once more: a text of another thread's does not show here.
static enum sk_code rows_fail(struct rows *rows) {
    const struct gguf_tensor *tensor = rows->item->tensor;
    for (uint64_t i = 0; i < rows->rows; i++) {
        enum sk_code code = row_write(rows, i, 0);
        if (code != SK_OK)
            return fail_within(code, "tensor %.*s, row %llu", (int)tensor->name.len,
                               tensor->name.at, (unsigned long long)(rows->row + i));
    }
    must(false); // one of them failed
}

struct work {
    const struct convert *convert;
    struct gguf_sink sink;
    struct gguf_writer writer;
    struct item *items; // in the order in which the files have them
    uint64_t done, all; // bytes
    uint64_t columns, low; // of the longest row; elements of the largest A
    size_t stride, bytes;  // of `room`
    float *room;           // rows of the threads, an A, then a batch
};

// Bytes of the tensor up to `to` are written: their memory is given back.
static void passed(const struct work *work, const struct gguf_tensor *tensor, uint64_t from,
                   uint64_t to) {
    const struct convert *convert = work->convert;
    const char *at = (const char *)gguf_data(convert->from, tensor);
    if (convert->release) convert->release((struct view){at + from, (size_t)(to - from)});
    if (convert->progress) convert->progress(convert->self, work->done + to, work->all);
}

static enum sk_code tensor_encode(struct work *work, const struct item *item) {
    const struct convert *convert = work->convert;
    const struct gguf_tensor *tensor = item->tensor;
    const struct quant *quant = quant_find(item->type);
    uint64_t all = tensor->shape[1] * tensor->shape[2] * tensor->shape[3];
    struct rows rows = {.convert = convert, .item = item, .floats = work->room};
    rows.row_bytes = (size_t)(tensor->shape[0] / quant->block * quant->bytes);
    rows.stride = work->stride;
    rows.low_at = (size_t)pad(work->columns);
    float *low = rows.floats + convert->pool->threads * work->stride;
    for (uint64_t k = 0; item->pair.a && k < item->pair.a->shape[1]; k++)
        row_read(&convert->adapter->gguf, item->pair.a, k, low + k * pad(tensor->shape[0]));
    rows.low = low;
    rows.out = (uint8_t *)(low + work->low);
    uint64_t batch = BATCH_BYTES / rows.row_bytes ? BATCH_BYTES / rows.row_bytes : 1;
    if (batch > POOL_ITEMS_MAX) batch = POOL_ITEMS_MAX;
    for (rows.row = 0; rows.row < all; rows.row += rows.rows) {
        rows.rows = all - rows.row < batch ? all - rows.row : batch;
        pool_run(convert->pool, row_task, &rows, (uint32_t)rows.rows);
        if (rows.failed) return rows_fail(&rows);
        TRY(gguf_write_data(&work->writer, rows.out, (size_t)rows.rows * rows.row_bytes));
        uint64_t from = row_bytes_of(tensor);
        passed(work, tensor, rows.row * from, (rows.row + rows.rows) * from);
    }
    return SK_OK;
}

static enum sk_code tensor_copy(struct work *work, const struct gguf_tensor *tensor) {
    const uint8_t *from = gguf_data(work->convert->from, tensor);
    for (uint64_t at = 0; at < tensor->bytes; at += BATCH_BYTES) {
        uint64_t left = tensor->bytes - at, len = left < BATCH_BYTES ? left : BATCH_BYTES;
        TRY(gguf_write_data(&work->writer, from + at, (size_t)len));
        passed(work, tensor, at, at + len);
    }
    return SK_OK;
}

// ---- the whole ----

static int file_order(const void *a, const void *b) {
    const struct gguf_tensor *x = ((const struct item *)a)->tensor;
    const struct gguf_tensor *y = ((const struct item *)b)->tensor;
    if (x->part != y->part) return x->part < y->part ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static bool encodes(const struct item *item) {
    return item->pair.a || item->type != item->tensor->type;
}

static enum sk_code plan_item(struct work *work, struct item *item) {
    const struct convert *convert = work->convert;
    const struct gguf_tensor *tensor = item->tensor;
    item->type = convert_choose(convert->from, tensor, convert->type);
    if (convert->adapter) TRY(adapter_find(convert->adapter, tensor, &item->pair));
    if (!encodes(item)) return SK_OK;
    if (!encode_has(item->type))
        return FAIL(SK_UNSUPPORTED, "tensor %.*s: weights are not written as %s: give a type",
                    (int)tensor->name.len, tensor->name.at, quant_name(item->type));
    uint64_t columns = tensor->shape[0];
    uint64_t low = item->pair.a ? pad(columns) * item->pair.a->shape[1] : 0;
    if (columns > CONVERT_ROW_MAX || low > LOW_MAX)
        return FAIL(SK_LIMIT, "tensor %.*s: rows of %llu elements, or as many times a rank: at "
                              "most %d, %d", (int)tensor->name.len, tensor->name.at,
                    (unsigned long long)columns, CONVERT_ROW_MAX, LOW_MAX);
    if (columns > work->columns) work->columns = columns;
    if (low > work->low) work->low = low;
    return SK_OK;
}

static enum sk_code plan(struct work *work) {
    const struct convert *convert = work->convert;
    struct view kind = {0}, architecture = {0};
    TRY(gguf_text(convert->from, "general.type", GGUF_MAY_BE, &kind));
    if (view_is(kind, "adapter"))
        return FAIL(SK_INPUT, "key general.type: an adapter is no model; merge it into its base");
    TRY(gguf_text(convert->from, "general.architecture", GGUF_MUST_BE, &architecture));
    if (convert->adapter && !view_same(architecture, convert->adapter->architecture))
        return FAIL(SK_INPUT, "key general.architecture: the adapter is for another, this is %.*s",
                    architecture.len < 64 ? (int)architecture.len : 64, architecture.at);
    for (uint32_t i = 0; i < convert->from->tensors_len; i++) {
        TRY(plan_item(work, &work->items[i]));
        work->all += work->items[i].tensor->bytes;
    }
    return convert->adapter ? adapter_used(convert->adapter, convert->from) : SK_OK;
}

// A row of floats and one of B for each thread, the largest A, and a batch of rows.
static enum sk_code room_take(struct work *work) {
    uint64_t longest = work->columns * sizeof(float);
    work->stride = (size_t)(pad(work->columns) + pad(ADAPTER_RANK_MAX));
    work->bytes = (work->convert->pool->threads * work->stride + work->low) * sizeof(float) +
                  (longest > BATCH_BYTES ? longest : BATCH_BYTES);
    work->room = pages_take(work->bytes);
    return work->room ? SK_OK : FAIL(SK_LIMIT, "memory: no room for %zu bytes", work->bytes);
}

static enum sk_code declare(struct work *work) {
    static const char *const file_type[] = {"general.file_type", "general.quantization_version",
                                            NULL};
    const struct convert *convert = work->convert;
    bool same = convert->type == CONVERT_SAME;
    gguf_put_keys(&work->writer, convert->from, same ? NULL : file_type);
    if (!same) {
        gguf_put_u32(&work->writer, file_type[0], targets[convert->type].file);
        gguf_put_u32(&work->writer, file_type[1], 2);
    }
    for (uint32_t i = 0; i < convert->from->tensors_len; i++) {
        const struct item *item = &work->items[i];
        gguf_put_tensor(&work->writer, item->tensor->name, item->type, item->tensor->dims,
                        item->tensor->shape);
    }
    return gguf_write_head(&work->writer);
}

static enum sk_code convert_all(struct work *work) {
    const struct gguf *from = work->convert->from;
    TRY(plan(work));
    TRY(room_take(work));
    TRY(gguf_writer_open(&work->writer, work->sink));
    TRY(declare(work));
    for (uint32_t i = 0; i < from->tensors_len; i++) {
        const struct item *item = &work->items[i];
        const struct gguf_tensor *tensor = item->tensor;
        TRY(encodes(item) ? tensor_encode(work, item) : tensor_copy(work, tensor));
        work->done += tensor->bytes;
    }
    return gguf_write_end(&work->writer);
}

enum sk_code convert_run(const struct convert *convert, struct gguf_sink sink) {
    struct work work = {.convert = convert, .sink = sink};
    uint32_t len = convert->from->tensors_len;
    work.items = calloc(len ? len : 1, sizeof *work.items);
    if (!work.items) return FAIL(SK_LIMIT, "memory: none left");
    for (uint32_t i = 0; i < len; i++) work.items[i].tensor = &convert->from->tensors[i];
    qsort(work.items, len, sizeof *work.items, file_order);
    enum sk_code code = convert_all(&work);
    gguf_writer_close(&work.writer);
    if (work.room) pages_give(work.room, work.bytes);
    free(work.items);
    return code;
}
