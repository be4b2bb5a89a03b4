#include "engine/forward.h"

#include <string.h>

#include "engine/rope.h"

enum {
    TASK_ROWS = 16, // output rows of one pool item
    // Multiply-adds, about 25 us of one core: with less, waking a sleeping thread (5 us) and losing
    // the cache it shares gave nothing on two busy cores.
    WORTH_SHARING = 1 << 18,
};

static size_t state_stride(const struct forward *f) { return kernel_pad(f->model->width); }
static size_t ff_stride(const struct forward *f) { return kernel_pad(f->model->ff); }

static size_t heads_stride(const struct forward *f) {
    return kernel_pad((size_t)f->model->heads * f->model->head_len);
}

static size_t heads_kv_stride(const struct forward *f) {
    return kernel_pad((size_t)f->model->heads_kv * f->model->head_len);
}

static size_t page_head(const struct forward *f) { return KERNEL_PAGE * f->head_stride; }

static size_t page_stride(const struct forward *f) {
    return (size_t)f->model->layers * 2 * f->model->heads_kv * page_head(f);
}

void forward_lay(struct forward *f, struct lay *lay, uint32_t pages) {
    f->head_stride = kernel_pad(f->model->head_len);
    f->pages = lay_take(lay, pages, page_stride(f) * sizeof *f->pages);
    const size_t n = KERNEL_COLUMNS_MAX, each = sizeof(float);
    f->state = lay_take(lay, n * state_stride(f), each);
    f->normed = lay_take(lay, n * state_stride(f), each);
    f->query = lay_take(lay, n * heads_stride(f), each);
    f->key = lay_take(lay, n * heads_kv_stride(f), each);
    f->value = lay_take(lay, n * heads_kv_stride(f), each);
    f->turned = lay_take(lay, n * f->model->heads * f->head_stride, each);
    f->mixed = lay_take(lay, n * heads_stride(f), each);
    f->gate = lay_take(lay, n * ff_stride(f), each);
    f->up = lay_take(lay, n * ff_stride(f), each);
    f->cosines = lay_take(lay, n * (f->model->rope_dims / 2), each);
    f->sines = lay_take(lay, n * (f->model->rope_dims / 2), each);
    f->scores = lay_take(lay, f->threads * kernel_pad(f->context), each);
}

// Runs items here when they are too little to be worth waking threads; the result is the same.
static void share(struct forward *f, pool_task *task, void *job, uint32_t items, uint64_t work) {
    if (work >= WORTH_SHARING) {
        pool_run(f->pool, task, job, items);
        return;
    }
    for (uint32_t i = 0; i < items; i++) task(job, i, 0);
}

// ---- products: up to three at once, shared out by rows ----

struct multiplication {
    const struct kernels *kernels;
    size_t columns;
    uint32_t len, tasks;
    uint64_t work;
    struct {
        struct kernel_product product;
        uint32_t rows;
    } part[3];
};

static uint32_t tasks_of(uint32_t rows) { return (rows + TASK_ROWS - 1) / TASK_ROWS; }

static void plan(struct multiplication *m, const struct matrix *matrix, const float *x, float *y,
                 size_t y_stride) {
    m->part[m->len].rows = matrix->rows;
    m->part[m->len++].product = (struct kernel_product){
        .type = matrix->type,
        .weights = matrix->data,
        .row_bytes = matrix->row_bytes,
        .n = matrix->columns,
        .x = x,
        .x_stride = kernel_pad(matrix->columns),
        .y = y,
        .y_stride = y_stride,
        .columns = m->columns,
    };
    m->tasks += tasks_of(matrix->rows);
    m->work += (uint64_t)matrix->rows * matrix->columns * m->columns;
}

static void multiply_rows(const struct multiplication *m, uint32_t part, uint32_t task) {
    uint32_t row0 = task * TASK_ROWS, row1 = row0 + TASK_ROWS, rows = m->part[part].rows;
    m->kernels->multiply(&m->part[part].product, row0, row1 < rows ? row1 : rows);
}

static void multiply_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct multiplication *m = job;
    uint32_t part = 0;
    while (item >= tasks_of(m->part[part].rows)) item -= tasks_of(m->part[part++].rows);
    multiply_rows(m, part, item);
}

// Parts 0 and 1 are gate and up: the same rows of both, then gate = silu(gate) x up.
static void gate_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct multiplication *m = job;
    multiply_rows(m, 0, item);
    multiply_rows(m, 1, item);
    const struct kernel_product *gate = &m->part[0].product, *up = &m->part[1].product;
    for (size_t c = 0; c < m->columns; c++) {
        size_t at = c * gate->y_stride + (size_t)item * TASK_ROWS;
        m->kernels->gate(gate->y + at, up->y + at, TASK_ROWS);
    }
}

// ---- attention ----

struct attention {
    struct forward *forward;
    const struct forward_column *columns;
    uint16_t *keys, *values; // of this layer, in page 0
};

// Where one head of one column is stored; `rows` are the keys or the values.
static uint16_t *stored_at(const struct forward *f, const struct forward_column *column,
                           uint16_t *rows, uint32_t head) {
    uint32_t page = column->pages[column->position / KERNEL_PAGE];
    return rows + page * page_stride(f) + head * page_head(f) +
           column->position % KERNEL_PAGE * f->head_stride;
}

// Turns queries and keys of one position and stores keys and values. Padding of heads stays zero.
static void turn_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct attention *a = job;
    const struct forward *f = a->forward;
    const struct model *model = f->model;
    const struct forward_column *column = &a->columns[item];
    uint32_t len = model->head_len, pairs = model->rope_dims / 2;
    const float *cosines = f->cosines + item * pairs, *sines = f->sines + item * pairs;
    for (uint32_t h = 0; h < model->heads; h++) {
        float *q = f->turned + ((size_t)item * model->heads + h) * f->head_stride;
        memcpy(q, f->query + item * heads_stride(f) + (size_t)h * len, len * sizeof *q);
        rope_turn(q, cosines, sines, pairs);
    }
    float padded[MODEL_HEAD_LEN_MAX] = {0};
    for (uint32_t h = 0; h < model->heads_kv; h++) {
        size_t at = item * heads_kv_stride(f) + (size_t)h * len;
        memcpy(padded, f->key + at, len * sizeof *padded);
        rope_turn(padded, cosines, sines, pairs);
        f->kernels->halve(padded, f->head_stride, stored_at(f, column, a->keys, h));
        memcpy(padded, f->value + at, len * sizeof *padded);
        f->kernels->halve(padded, f->head_stride, stored_at(f, column, a->values, h));
    }
}

// One head of one position over all positions up to its own.
static void attend_task(void *job, uint32_t item, uint32_t thread) {
    const struct attention *a = job;
    const struct forward *f = a->forward;
    const struct model *model = f->model;
    uint32_t row = item / model->heads, head = item % model->heads;
    uint32_t head_kv = head / (model->heads / model->heads_kv);
    float out[MODEL_HEAD_LEN_MAX];
    struct kernel_attention one = {
        .q = f->turned + (size_t)item * f->head_stride,
        .k = a->keys + head_kv * page_head(f),
        .v = a->values + head_kv * page_head(f),
        .pages = a->columns[row].pages,
        .page_stride = page_stride(f),
        .stride = f->head_stride,
        .count = a->columns[row].position + 1,
        .scale = model->attention_scale,
        .scores = f->scores + thread * kernel_pad(f->context),
        .out = out,
    };
    f->kernels->attend(&one);
    memcpy(f->mixed + row * heads_stride(f) + (size_t)head * model->head_len, out,
           model->head_len * sizeof *out);
}

// ---- a layer ----

static void norm_rows(const struct forward *f, const float *weight, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        f->kernels->norm(f->state + i * state_stride(f), weight, f->model->width,
                         f->model->epsilon, f->normed + i * state_stride(f));
}

static void run_attention(struct forward *f, uint32_t index, const struct forward_column *columns,
                          uint32_t count) {
    const struct model *model = f->model;
    const struct model_layer *layer = &model->layer[index];
    struct multiplication m = {.kernels = f->kernels, .columns = count};
    plan(&m, &layer->query, f->normed, f->query, heads_stride(f));
    plan(&m, &layer->key, f->normed, f->key, heads_kv_stride(f));
    plan(&m, &layer->value, f->normed, f->value, heads_kv_stride(f));
    norm_rows(f, layer->attention_norm, count);
    share(f, multiply_task, &m, m.tasks, m.work);
    size_t halves = model->heads_kv * page_head(f);
    uint16_t *keys = f->pages + index * 2 * halves;
    struct attention a = {f, columns, keys, keys + halves};
    uint64_t turned = (uint64_t)model->heads * f->head_stride, attended = 0;
    for (uint32_t i = 0; i < count; i++) attended += columns[i].position + 1;
    share(f, turn_task, &a, count, count * turned * 4);
    share(f, attend_task, &a, count * model->heads, attended * turned * 2);
    struct multiplication out = {.kernels = f->kernels, .columns = count};
    plan(&out, &layer->output, f->mixed, f->state, state_stride(f));
    out.part[0].product.add = 1;
    share(f, multiply_task, &out, out.tasks, out.work);
}

static void run_ff(struct forward *f, const struct model_layer *layer, uint32_t count) {
    struct multiplication m = {.kernels = f->kernels, .columns = count};
    plan(&m, &layer->gate, f->normed, f->gate, ff_stride(f));
    plan(&m, &layer->up, f->normed, f->up, ff_stride(f));
    norm_rows(f, layer->ff_norm, count);
    share(f, gate_task, &m, tasks_of(layer->gate.rows), m.work);
    struct multiplication down = {.kernels = f->kernels, .columns = count};
    plan(&down, &layer->down, f->gate, f->state, state_stride(f));
    down.part[0].product.add = 1;
    share(f, multiply_task, &down, down.tasks, down.work);
}

static void embed(struct forward *f, const struct forward_column *columns, uint32_t count) {
    const struct matrix *embedding = &f->model->embedding;
    for (uint32_t i = 0; i < count; i++) {
        int32_t id = columns[i].id;
        must(id >= 0 && (uint32_t)id < f->model->vocabulary);
        const uint8_t *row = embedding->data + (size_t)id * embedding->row_bytes;
        for (size_t from = 0; from < embedding->columns; from += KERNEL_CHUNK) {
            size_t left = embedding->columns - from;
            f->kernels->expand(embedding->type, row, from,
                               left < KERNEL_CHUNK ? left : KERNEL_CHUNK,
                               f->state + i * state_stride(f) + from);
        }
    }
}

void forward_run(struct forward *f, const struct forward_column *columns, uint32_t count) {
    const struct model *model = f->model;
    must(count >= 1 && count <= KERNEL_COLUMNS_MAX);
    uint32_t pairs = model->rope_dims / 2;
    for (uint32_t i = 0; i < count; i++) {
        must(columns[i].position < f->context);
        rope_angles(columns[i].position, model->rope_rates, pairs, f->cosines + i * pairs,
                    f->sines + i * pairs);
    }
    embed(f, columns, count);
    for (uint32_t i = 0; i < model->layers; i++) {
        run_attention(f, i, columns, count);
        run_ff(f, &model->layer[i], count);
    }
}

void forward_logits(struct forward *f, const uint32_t *wanted, uint32_t len, float *logits) {
    const struct model *model = f->model;
    must(len >= 1 && len <= KERNEL_COLUMNS_MAX);
    for (uint32_t i = 0; i < len; i++)
        f->kernels->norm(f->state + wanted[i] * state_stride(f), model->output_norm, model->width,
                         model->epsilon, f->normed + i * state_stride(f));
    struct multiplication m = {.kernels = f->kernels, .columns = len};
    struct matrix head = model->head;
    head.rows = model->vocabulary; // rows past the last token stand for nothing
    plan(&m, &head, f->normed, logits, kernel_pad(head.rows));
    share(f, multiply_task, &m, m.tasks, m.work);
}
