#include "engine/forward.h"

#include <string.h>

#include "engine/forward_parts.h"

static float *state_of(const struct forward *f, uint32_t row) {
    return f->state + (size_t)row * forward_stride(f);
}

static uint32_t pages_of(uint32_t positions) { return (positions + KERNEL_PAGE - 1) / KERNEL_PAGE; }

// Chunks of the longest row of a matrix.
static uint64_t chunks_of(const struct model *model) {
    uint32_t heads = model->heads * model->head_len, most = model->width;
    if (heads > most) most = heads;
    if (model->ff > most) most = model->ff;
    return (most + KERNEL_CHUNK - 1) / KERNEL_CHUNK;
}

void forward_lay(struct forward *f, struct lay *lay, uint32_t pages) {
    const size_t n = KERNEL_COLUMNS_MAX, each = sizeof(float);
    bool encoder = f->model->family->encoder;
    uint32_t rows = encoder ? f->context : KERNEL_COLUMNS_MAX;
    attention_lay(f, lay, rows, encoder ? pages_of(f->context) : pages);
    feed_lay(f, lay);
    f->codes = lay_take(lay, n * chunks_of(f->model), sizeof *f->codes);
    f->state = lay_take(lay, (uint64_t)rows * forward_stride(f), each);
    f->normed = lay_take(lay, n * forward_stride(f), each);
    f->brought = lay_take(lay, n * forward_stride(f), each);
    f->low = lay_take(lay, PRODUCT_PARTS * n * kernel_pad(f->model->adapters.rank), each);
    if (encoder) f->own_pages = lay_take(lay, pages_of(f->context), sizeof *f->own_pages);
}

// ---- the embedding ----

static void look_up(const struct forward *f, const struct matrix *table, uint32_t row, float *out) {
    if (table->pack) {
        const uint8_t *group = table->data + row / PACK_ROWS * table->row_bytes;
        pack_row(table->pack, group, row % PACK_ROWS, table->columns, out);
        return;
    }
    const uint8_t *weights = table->data + (size_t)row * table->row_bytes;
    for (size_t from = 0; from < table->columns; from += KERNEL_CHUNK) {
        size_t left = table->columns - from;
        f->kernels->expand(table->type, weights, from, left < KERNEL_CHUNK ? left : KERNEL_CHUNK,
                           out + from);
    }
}

static void add_row(const struct forward *f, const struct matrix *table, uint32_t row, float *to) {
    if (!table->data) return;
    look_up(f, table, row, f->brought);
    f->kernels->add(to, f->brought, 1, f->model->width);
}

static void embed(const struct forward *f, const struct forward_rows *rows) {
    const struct model *model = f->model;
    for (uint32_t i = 0; i < rows->count; i++) {
        int32_t id = rows->columns[i].id;
        uint32_t position = rows->columns[i].position;
        float *state = state_of(f, rows->first + i);
        must(id >= 0 && (uint32_t)id < model->vocabulary && position < f->context);
        look_up(f, &model->embedding, (uint32_t)id, state);
        if (model->embedding_scale != 1)
            f->kernels->scale(state, model->embedding_scale, model->width);
        add_row(f, &model->types, 0, state); // one text, no pairs
        add_row(f, &model->positions, position, state);
        if (model->embedding_norm.n) f->kernels->norm(&model->embedding_norm, state, state);
    }
}

// ---- a layer ----

// What a part of a layer reads: the states, normed where there is a norm.
static const float *read_rows(const struct forward *f, const struct kernel_norm *norm,
                              const struct forward_rows *rows) {
    if (norm->n == 0) return state_of(f, rows->first);
    for (uint32_t i = 0; i < rows->count; i++)
        f->kernels->norm(norm, state_of(f, rows->first + i), f->normed + i * forward_stride(f));
    return f->normed;
}

// Adds what a part brought.
static void add_rows(const struct forward *f, const struct kernel_norm *norm,
                     const struct forward_rows *rows) {
    const struct model *model = f->model;
    for (uint32_t i = 0; i < rows->count; i++) {
        float *state = state_of(f, rows->first + i), *brought = f->brought + i * forward_stride(f);
        if (model->family->norms & FAMILY_NORM_OUTPUT) f->kernels->norm(norm, brought, brought);
        f->kernels->add(state, brought, model->residual_scale, model->width);
        if (model->family->norms & FAMILY_NORM_AFTER) f->kernels->norm(norm, state, state);
    }
}

static void layer_read(struct forward *f, uint32_t index, const struct forward_rows *rows) {
    const struct model_layer *layer = &f->model->layer[index];
    attention_read(f, index, rows, read_rows(f, &layer->attention_norm, rows));
}

static void layer_run(struct forward *f, uint32_t index, const struct forward_rows *rows) {
    const struct model_layer *layer = &f->model->layer[index];
    const float *x = f->normed; // as attention read it
    attention_run(f, index, rows);
    bool apart = !f->model->family->one_norm;
    if (apart && f->model->parallel) x = read_rows(f, &layer->ff_norm, rows);
    add_rows(f, &layer->attention_out_norm, rows);
    if (apart && !f->model->parallel) x = read_rows(f, &layer->ff_norm, rows);
    feed_run(f, layer, rows->count, x);
    add_rows(f, &layer->ff_out_norm, rows);
}

// ---- runs ----

void forward_run(struct forward *f, const struct forward_column *columns, uint32_t count) {
    must(count >= 1 && count <= KERNEL_COLUMNS_MAX && !f->model->family->encoder);
    struct forward_rows rows = {.columns = columns, .count = count};
    f->adapted = false;
    for (uint32_t i = 0; i < count; i++) {
        f->adapters[i] = columns[i].adapter;
        f->adapted |= columns[i].adapter != 0;
        must(columns[i].adapter <= f->model->adapters.len);
    }
    embed(f, &rows);
    attention_angles(f, &rows);
    for (uint32_t i = 0; i < f->model->layers; i++) {
        layer_read(f, i, &rows);
        layer_run(f, i, &rows);
    }
}

void forward_logits(struct forward *f, const uint32_t *wanted, uint32_t len, float *logits) {
    const struct model *model = f->model;
    uint32_t adapters[KERNEL_COLUMNS_MAX];
    must(len >= 1 && len <= KERNEL_COLUMNS_MAX);
    for (uint32_t i = 0; i < len; i++) {
        adapters[i] = f->adapters[wanted[i]];
        f->kernels->norm(&model->output_norm, state_of(f, wanted[i]),
                         f->normed + i * forward_stride(f));
    }
    struct product product = forward_product(f, len, f->normed);
    if (product.adapters) product.adapters = adapters;
    struct matrix head = model->head;
    head.rows = model->vocabulary; // rows past the last token stand for nothing
    product_plan(&product, &head, logits, kernel_pad(head.rows));
    product_run(&product);
    for (uint32_t i = 0; i < len; i++) {
        float *row = logits + i * kernel_pad(head.rows);
        if (model->logit_scale != 1) f->kernels->scale(row, model->logit_scale, head.rows);
        if (model->final_cap > 0) f->kernels->cap(row, 1, model->final_cap, head.rows);
    }
}

// ---- encoders ----

typedef void encode_step(struct forward *f, uint32_t layer, const struct forward_rows *rows);

static void encode_begin(struct forward *f, uint32_t layer, const struct forward_rows *rows) {
    (void)layer;
    embed(f, rows);
    attention_angles(f, rows);
}

static void encode_end(struct forward *f, uint32_t layer, const struct forward_rows *rows) {
    (void)layer;
    for (uint32_t i = 0; i < rows->count && f->model->output_norm.n; i++) {
        float *state = state_of(f, rows->first + i);
        f->kernels->norm(&f->model->output_norm, state, state);
    }
}

struct text {
    const int32_t *ids;
    uint32_t len;
};

// One step for the whole text, as many columns at a time as a run may have.
static void encode(struct forward *f, encode_step *step, uint32_t layer, struct text text) {
    struct forward_column columns[KERNEL_COLUMNS_MAX];
    struct forward_rows rows = {.columns = columns, .text = text.len};
    for (; rows.first < text.len; rows.first += rows.count) {
        uint32_t left = text.len - rows.first;
        rows.count = left < KERNEL_COLUMNS_MAX ? left : KERNEL_COLUMNS_MAX;
        for (uint32_t i = 0; i < rows.count; i++)
            columns[i] = (struct forward_column){text.ids[rows.first + i], rows.first + i,
                                                 f->own_pages, 0};
        step(f, layer, &rows);
    }
}

const float *forward_encode(struct forward *f, const int32_t *ids, uint32_t len) {
    must(len >= 1 && len <= f->context && f->model->family->encoder);
    struct text text = {ids, len};
    for (uint32_t i = 0; i < pages_of(len); i++) f->own_pages[i] = i;
    encode(f, encode_begin, 0, text);
    for (uint32_t i = 0; i < f->model->layers; i++) {
        encode(f, layer_read, i, text);
        encode(f, layer_run, i, text);
    }
    encode(f, encode_end, 0, text);
    return f->state;
}

float forward_rank(struct forward *f, const float *state) {
    const struct model *model = f->model;
    float *x = f->normed, score[KERNEL_LANES];
    memcpy(x, state, model->width * sizeof *x);
    memset(x + model->width, 0, (forward_stride(f) - model->width) * sizeof *x);
    if (model->rank_dense.data) {
        struct product dense = forward_product(f, 1, x);
        product_plan(&dense, &model->rank_dense, f->brought, forward_stride(f));
        product_run(&dense);
        x = f->brought;
        if (model->family->mean_head)
            f->kernels->activate(KERNEL_GELU, x, NULL, model->width);
        else
            f->kernels->cap(x, 1, 1, model->width); // tanh
    }
    if (model->rank_norm.n) f->kernels->norm(&model->rank_norm, x, x);
    struct product output = forward_product(f, 1, x);
    product_plan(&output, &model->rank_output, score, KERNEL_LANES);
    product_run(&output);
    return score[0];
}
