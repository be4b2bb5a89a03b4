// Attention over pages of keys and values, grouped queries (GQA), RoPE.
#include <string.h>

#include "engine/exact.h"
#include "engine/forward_parts.h"
#include "engine/rope.h"

static size_t heads_stride(const struct forward *f) {
    return kernel_pad((size_t)f->model->heads * f->model->head_len);
}

static size_t heads_kv_stride(const struct forward *f) {
    return kernel_pad((size_t)f->model->heads_kv * f->model->head_len);
}

// Queries that share keys and values, and rows that are answered together with them.
static uint32_t group_of(const struct model *model) { return model->heads / model->heads_kv; }

static uint32_t rows_together(const struct model *model) {
    uint32_t group = group_of(model);
    return group < KERNEL_QUERIES ? KERNEL_QUERIES / group : 1;
}

static size_t page_head(const struct forward *f) {
    return kernel_page_halves(f->cache, f->head_stride);
}

// Halves of one layer in a page. An encoder is done with a layer before the next one is run.
static size_t page_layer(const struct forward *f) {
    return 2 * f->model->heads_kv * page_head(f);
}

static size_t page_stride(const struct forward *f) {
    return page_layer(f) * (f->model->family->encoder ? 1 : f->model->layers);
}

static uint32_t pairs_of(const struct forward *f) { return f->model->rope_dims / 2; }

void attention_lay(struct forward *f, struct lay *lay, uint32_t rows, uint32_t pages) {
    const size_t n = KERNEL_COLUMNS_MAX, each = sizeof(float);
    f->head_stride = kernel_pad(f->model->head_len);
    f->page_bytes = page_stride(f) * sizeof *f->pages;
    f->pages = lay_take(lay, pages, f->page_bytes);
    f->turned = lay_take(lay, (uint64_t)rows * f->model->heads * f->head_stride, each);
    for (int local = 0; local < 2; local++)
        f->angles[local] = lay_take(lay, (uint64_t)rows * 2 * pairs_of(f), each);
    f->query = lay_take(lay, n * heads_stride(f), each);
    f->key = lay_take(lay, n * heads_kv_stride(f), each);
    f->value = lay_take(lay, n * heads_kv_stride(f), each);
    f->mixed = lay_take(lay, n * heads_stride(f), each);
    f->scores = lay_take(lay, f->threads * KERNEL_QUERIES * kernel_scores(f->context), each);
}

// Cosines of one row; its sines follow.
static float *angles_of(const struct forward *f, bool local, uint32_t row) {
    return f->angles[local] + (size_t)row * 2 * pairs_of(f);
}

void attention_angles(struct forward *f, const struct forward_rows *rows) {
    const struct model *model = f->model;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t position = rows->columns[i].position;
        float *all = angles_of(f, false, rows->first + i);
        rope_angles(&model->rope, position, pairs_of(f), all, all + pairs_of(f));
        if (model->window == 0) continue;
        float *local = angles_of(f, true, rows->first + i);
        rope_angles(&model->rope_local, position, pairs_of(f), local, local + pairs_of(f));
    }
}

struct attention {
    const struct forward *forward;
    const struct model_layer *layer;
    const struct forward_rows *rows;
    uint16_t *keys, *values; // of this layer, in page 0
    bool local;
};

static struct attention attention_of(const struct forward *f, uint32_t index,
                                     const struct forward_rows *rows) {
    uint16_t *keys = f->pages + (f->model->family->encoder ? 0 : index) * page_layer(f);
    return (struct attention){f, &f->model->layer[index], rows, keys,
                              keys + f->model->heads_kv * page_head(f), f->model->local[index]};
}

// The page where one head of one column is stored; `stored` are the keys or the values.
static uint16_t *stored_at(const struct forward *f, const struct forward_column *column,
                           uint16_t *stored, uint32_t head) {
    uint32_t page = column->pages[column->position / KERNEL_PAGE];
    return stored + page * page_stride(f) + head * page_head(f);
}

// Norms and turns one head, whose padding is zero.
static void ready_head(const struct attention *a, const struct kernel_norm *norm, uint32_t row,
                       float *head) {
    const struct forward *f = a->forward;
    const float *cosines = angles_of(f, a->local, row);
    if (f->model->family->query_norm == FAMILY_QUERY_HEADS) f->kernels->norm(norm, head, head);
    rope_turn(head, cosines, cosines + pairs_of(f), pairs_of(f), f->model->family->halves);
}

// Queries of later spans of the training's context are sharper (llama 4's temperature scaling).
static float sharpness(const struct model *model, uint32_t position) {
    double spans = (double)(position / model->context_before + 1);
    return (float)(1 + (double)model->temperature * exact_log(spans));
}

// The scales of a head at one place, behind the codes of its page.
static void store_scales(const struct forward *f, const uint16_t *scales, uint16_t *page,
                         uint32_t place) {
    uint16_t *to = page + KERNEL_PAGE * f->head_stride / 2 + place;
    for (size_t i = 0; i * KERNEL_BLOCK < f->head_stride; i++) to[i * KERNEL_PAGE] = scales[i];
}

// One head of one position; `page` is where stored_at says.
static void store_key(const struct forward *f, const float *head, uint16_t *page, uint32_t place) {
    uint16_t halves[MODEL_HEAD_LEN_MAX];
    if (f->cache == ENGINE_CACHE_F16) {
        f->kernels->halve(head, f->head_stride, halves);
        for (size_t i = 0; i < f->model->head_len; i++) page[i * KERNEL_PAGE + place] = halves[i];
        return;
    }
    int8_t codes[MODEL_HEAD_LEN_MAX], *to = (int8_t *)page;
    f->kernels->code(head, f->head_stride, codes, halves);
    for (size_t i = 0; i < f->model->head_len; i++) to[i * KERNEL_PAGE + place] = codes[i];
    store_scales(f, halves, page, place);
}

static void store_value(const struct forward *f, const float *head, uint16_t *page,
                        uint32_t place) {
    if (f->cache == ENGINE_CACHE_F16) {
        f->kernels->halve(head, f->head_stride, page + place * f->head_stride);
        return;
    }
    uint16_t scales[MODEL_HEAD_LEN_MAX / KERNEL_BLOCK];
    f->kernels->code(head, f->head_stride, (int8_t *)page + place * f->head_stride, scales);
    store_scales(f, scales, page, place);
}

// Turns queries and keys of one position and stores keys and values. Padding of heads stays zero.
static void turn_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct attention *a = job;
    const struct forward *f = a->forward;
    const struct model *model = f->model;
    const struct forward_column *column = &a->rows->columns[item];
    uint32_t len = model->head_len, row = a->rows->first + item;
    float *query = f->query + item * heads_stride(f), *key = f->key + item * heads_kv_stride(f);
    const float *value = f->value + item * heads_kv_stride(f);
    if (model->family->query_norm == FAMILY_QUERY_ROWS) {
        f->kernels->norm(&a->layer->query_norm, query, query);
        f->kernels->norm(&a->layer->key_norm, key, key);
    }
    for (uint32_t h = 0; h < model->heads; h++) {
        float *q = f->turned + ((size_t)row * model->heads + h) * f->head_stride;
        memcpy(q, query + (size_t)h * len, len * sizeof *q);
        ready_head(a, &a->layer->query_norm, row, q);
        if (model->temperature > 0)
            f->kernels->scale(q, sharpness(model, column->position), f->head_stride);
    }
    float padded[MODEL_HEAD_LEN_MAX] = {0};
    uint32_t place = column->position % KERNEL_PAGE;
    for (uint32_t h = 0; h < model->heads_kv; h++) {
        memcpy(padded, key + (size_t)h * len, len * sizeof *padded);
        ready_head(a, &a->layer->key_norm, row, padded);
        store_key(f, padded, stored_at(f, column, a->keys, h), place);
        memcpy(padded, value + (size_t)h * len, len * sizeof *padded);
        store_value(f, padded, stored_at(f, column, a->values, h), place);
    }
}

void attention_read(struct forward *f, uint32_t index, const struct forward_rows *rows,
                    const float *x) {
    const struct model_layer *layer = &f->model->layer[index];
    struct product product = forward_product(f, rows->count, x);
    product_plan(&product, &layer->query, f->query, heads_stride(f));
    product_plan(&product, &layer->key, f->key, heads_kv_stride(f));
    product_plan(&product, &layer->value, f->value, heads_kv_stride(f));
    product_run(&product);
    struct attention a = attention_of(f, index, rows);
    uint64_t turned = (uint64_t)f->model->heads * f->head_stride;
    product_share(f->pool, turn_task, &a, rows->count, rows->count * turned * 4);
}

// The positions that a row sees: from <= t < to.
struct sight {
    uint32_t from, to;
};

// Of an encoder's window half lies before a position and half after it.
static struct sight sight_of(const struct attention *a, uint32_t row) {
    uint32_t position = a->rows->columns[row].position, text = a->rows->text;
    struct sight sight = {0, text ? text : position + 1};
    uint32_t window = a->forward->model->window;
    if (!a->local || window == 0) return sight;
    uint32_t before = text ? window / 2 : window - 1;
    if (position > before) sight.from = position - before;
    if (text && text - position > window / 2) sight.to = position + window / 2 + 1;
    return sight;
}

// Rows row .. row + rows of a run that are of one sequence, for heads that share keys and values.
struct tile {
    uint32_t row, rows;
};

struct attending {
    struct attention attention;
    struct tile tile[KERNEL_COLUMNS_MAX];
    uint32_t tiles;
};

static uint32_t parts_of(const struct model *model) {
    return (group_of(model) + KERNEL_QUERIES - 1) / KERNEL_QUERIES;
}

static struct attending attending_of(struct forward *f, uint32_t index,
                                     const struct forward_rows *rows) {
    struct attending out = {.attention = attention_of(f, index, rows)};
    uint32_t most = rows_together(f->model);
    for (uint32_t i = 0; i < rows->count; i++) {
        struct tile *last = &out.tile[out.tiles - (out.tiles > 0)];
        bool joins = out.tiles > 0 && last->rows < most &&
                     rows->columns[i].pages == rows->columns[last->row].pages;
        if (joins)
            last->rows++;
        else
            out.tile[out.tiles++] = (struct tile){i, 1};
    }
    return out;
}

// The heads of a group, or a part of them, of a tile's rows over all that they see.
static void attend_task(void *job, uint32_t item, uint32_t thread) {
    const struct attending *all = job;
    const struct attention *a = &all->attention;
    const struct forward *f = a->forward;
    const struct model *model = f->model;
    uint32_t parts = parts_of(model), group = group_of(model);
    const struct tile *tile = &all->tile[item / parts / model->heads_kv];
    uint32_t head_kv = item / parts % model->heads_kv, first = item % parts * KERNEL_QUERIES;
    uint32_t heads = group - first < KERNEL_QUERIES ? group - first : KERNEL_QUERIES;
    float out[KERNEL_QUERIES][MODEL_HEAD_LEN_MAX];
    struct kernel_attention one = {
        .cache = f->cache,
        .k = a->keys + head_kv * page_head(f),
        .v = a->values + head_kv * page_head(f),
        .pages = a->rows->columns[tile->row].pages,
        .page_stride = page_stride(f),
        .len = model->head_len,
        .stride = f->head_stride,
        .scale = model->attention_scale,
        .cap = model->attention_cap,
        .scores = f->scores + thread * KERNEL_QUERIES * kernel_scores(f->context),
    };
    first += head_kv * group;
    for (uint32_t i = 0; i < tile->rows * heads; i++, one.queries++) {
        uint32_t row = tile->row + i / heads, head = first + i % heads;
        struct sight sight = sight_of(a, row);
        one.q[i] = f->turned + ((size_t)(a->rows->first + row) * model->heads + head) *
                                   f->head_stride;
        one.from[i] = sight.from;
        one.to[i] = sight.to;
        one.out[i] = out[i];
    }
    f->kernels->attend(&one);
    for (uint32_t i = 0; i < one.queries; i++)
        memcpy(f->mixed + (tile->row + i / heads) * heads_stride(f) +
                   (size_t)(first + i % heads) * model->head_len,
               out[i], model->head_len * sizeof **out);
}

void attention_run(struct forward *f, uint32_t index, const struct forward_rows *rows) {
    struct attending a = attending_of(f, index, rows);
    uint64_t turned = (uint64_t)f->model->heads * f->head_stride, seen = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        struct sight sight = sight_of(&a.attention, i);
        seen += sight.to - sight.from;
    }
    product_share(f->pool, attend_task, &a, a.tiles * f->model->heads_kv * parts_of(f->model),
                  seen * turned * 2);
    struct product product = forward_product(f, rows->count, f->mixed);
    product_plan(&product, &a.attention.layer->output, f->brought, forward_stride(f));
    product_run(&product);
}
