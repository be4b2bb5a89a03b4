#include "engine/product.h"

#include <string.h>

enum {
    // Multiply-adds of one pool item: some microseconds, of which taking it costs a tenth.
    TASK_WORK = 3 << 15,
    TASK_LEAST = 2 * PACK_ROWS,
    // Multiply-adds, about 25 us of one core: with less, waking a sleeping thread (5 us) and losing
    // the cache it shares gave nothing on two busy cores.
    WORTH_SHARING = 1 << 18,
    QUANTISE_WORK = 4, // multiply-adds that a number to be quantised is like
    LOW_ROWS = 4,      // of A, that the kernels multiply together
    LOWER_WORK = 8,    // multiply-adds that one of floats, each read for it alone, is like
};

void product_share(struct pool *pool, pool_task *task, void *job, uint32_t items, uint64_t work) {
    if (work >= WORTH_SHARING) {
        pool_run(pool, task, job, items);
        return;
    }
    for (uint32_t i = 0; i < items; i++) task(job, i, 0);
}

static uint32_t tasks_of(const struct product *p, uint32_t rows) {
    return (rows + p->task_rows - 1) / p->task_rows;
}

// As many as are multiplied together, or more.
static uint32_t task_rows(size_t columns, size_t n) {
    return (uint32_t)(TASK_WORK / (columns * n) / TASK_LEAST + 1) * TASK_LEAST;
}

void product_plan(struct product *p, const struct matrix *matrix, float *y, size_t y_stride) {
    p->part[p->len].rows = matrix->rows;
    p->part[p->len].loras = p->adapters ? matrix->loras : NULL;
    p->part[p->len++].product = (struct kernel_product){
        .type = matrix->type,
        .pack = matrix->pack,
        .weights = matrix->data,
        .row_bytes = matrix->row_bytes,
        .n = matrix->columns,
        .x = p->x,
        .codes = p->codes,
        .x_stride = kernel_pad(matrix->columns),
        .y = y,
        .y_stride = y_stride,
        .columns = p->columns,
        .bias = matrix->bias,
    };
    p->task_rows = task_rows(p->columns, matrix->columns);
    p->tasks += tasks_of(p, matrix->rows);
    p->work += (uint64_t)matrix->rows * matrix->columns * p->columns;
}

static void quantise_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct product *p = job;
    const struct kernel_product *first = &p->part[0].product;
    p->kernels->quantise(p->x + item * first->x_stride, first->n, p->codes + item, p->columns);
}

// The columns in eight bits, where a matrix is packed.
static void quantise(struct product *p) {
    bool packed = false;
    for (uint32_t i = 0; i < p->len; i++) packed |= p->part[i].product.pack != NULL;
    if (packed)
        product_share(p->pool, quantise_task, p, (uint32_t)p->columns,
                      QUANTISE_WORK * p->columns * p->part[0].product.n);
}

// ---- adapters ----

// Neighbouring columns with one adapter, which changes the part.
struct adapted {
    size_t first, count;
    const struct lora *lora;
};

// Those after `at`, which begins zeroed; false: there are none.
static bool adapted_next(const struct product *p, uint32_t part, struct adapted *at) {
    const struct lora *loras = p->part[part].loras;
    if (!loras) return false;
    for (size_t c = at->first + at->count, end; c < p->columns; c = end) {
        uint32_t adapter = p->adapters[c];
        for (end = c + 1; end < p->columns && p->adapters[end] == adapter;) end++;
        if (adapter == 0 || loras[adapter - 1].a.rows == 0) continue;
        *at = (struct adapted){c, end - c, &loras[adapter - 1]};
        return true;
    }
    return false;
}

static float *low_of(const struct product *p, uint32_t part, size_t column) {
    return p->low + (part * (size_t)KERNEL_COLUMNS_MAX + column) * p->low_stride;
}

// A x, a few of its rows.
static void lower_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct product *p = job;
    uint32_t part = item % p->len, row0 = item / p->len * LOW_ROWS;
    for (struct adapted at = {0}; adapted_next(p, part, &at);) {
        const struct matrix *a = &at.lora->a;
        uint32_t row1 = a->rows < row0 + LOW_ROWS ? a->rows : row0 + LOW_ROWS;
        struct kernel_product low = p->part[part].product;
        low.pack = NULL;
        low.bias = NULL;
        low.type = a->type;
        low.weights = a->data;
        low.row_bytes = a->row_bytes;
        low.x += at.first * low.x_stride;
        low.y = low_of(p, part, at.first);
        low.y_stride = p->low_stride;
        low.columns = at.count;
        if (row0 < row1) p->kernels->multiply(&low, row0, row1);
    }
}

static void lower(struct product *p) {
    bool any = false;
    for (uint32_t i = 0; i < p->len; i++) any |= p->part[i].loras != NULL;
    if (!any) return;
    uint32_t items = p->len * (uint32_t)(p->low_stride / LOW_ROWS);
    uint64_t work = p->len * p->low_stride * p->part[0].product.n * p->columns;
    product_share(p->pool, lower_task, p, items, LOWER_WORK * work);
}

// y += scale B (A x), rows row0 .. row1 of a part. Padding stays zero, whatever A x is.
static void spread_rows(const struct product *p, uint32_t part, uint32_t row0, uint32_t row1) {
    const struct kernel_product *to = &p->part[part].product;
    size_t padding = row1 == p->part[part].rows ? kernel_pad(row1) - row1 : 0;
    for (struct adapted at = {0}; adapted_next(p, part, &at);) {
        struct kernel_spread spread = {.b = at.lora->b,
                                       .stride = at.lora->b_stride,
                                       .ranks = at.lora->a.rows,
                                       .scale = at.lora->scale,
                                       .x = low_of(p, part, at.first),
                                       .x_stride = p->low_stride,
                                       .y = to->y + at.first * to->y_stride,
                                       .y_stride = to->y_stride,
                                       .columns = at.count};
        p->kernels->spread(&spread, row0, row1 + padding);
        for (size_t c = at.first; c < at.first + at.count; c++)
            memset(to->y + c * to->y_stride + row1, 0, padding * sizeof *to->y);
    }
}

static void multiply_rows(const struct product *p, uint32_t part, uint32_t task) {
    uint32_t row0 = task * p->task_rows, rows = p->part[part].rows;
    uint32_t row1 = rows < row0 + p->task_rows ? rows : row0 + p->task_rows;
    p->kernels->multiply(&p->part[part].product, row0, row1);
    if (p->part[part].loras) spread_rows(p, part, row0, row1);
}

static void multiply_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct product *p = job;
    uint32_t part = 0;
    while (item >= tasks_of(p, p->part[part].rows)) item -= tasks_of(p, p->part[part++].rows);
    multiply_rows(p, part, item);
}

void product_run(struct product *p) {
    quantise(p);
    lower(p);
    product_share(p->pool, multiply_task, p, p->tasks, p->work);
}

static void activate_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct product *p = job;
    const struct kernel_product *gate = &p->part[0].product, *up = &p->part[1].product;
    for (uint32_t i = 0; i < p->len; i++) multiply_rows(p, i, item);
    size_t row = (size_t)item * p->task_rows, left = kernel_pad(p->part[0].rows) - row;
    for (size_t c = 0; c < p->columns; c++) {
        size_t at = c * gate->y_stride + row;
        p->kernels->activate(p->activation, gate->y + at, p->len == 2 ? up->y + at : NULL,
                             left < p->task_rows ? left : p->task_rows);
    }
}

void product_run_activated(struct product *p, enum kernel_activation activation) {
    p->activation = activation;
    quantise(p);
    lower(p);
    product_share(p->pool, activate_task, p, tasks_of(p, p->part[0].rows), p->work);
}
