#include "engine/product.h"

enum {
    // Multiply-adds of one pool item: some microseconds, of which taking it costs a tenth.
    TASK_WORK = 3 << 15,
    TASK_LEAST = 2 * PACK_ROWS,
    // Multiply-adds, about 25 us of one core: with less, waking a sleeping thread (5 us) and losing
    // the cache it shares gave nothing on two busy cores.
    WORTH_SHARING = 1 << 18,
    QUANTISE_WORK = 4, // multiply-adds that a number to be quantised is like
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

static void multiply_rows(const struct product *p, uint32_t part, uint32_t task) {
    uint32_t row0 = task * p->task_rows, row1 = row0 + p->task_rows, rows = p->part[part].rows;
    p->kernels->multiply(&p->part[part].product, row0, row1 < rows ? row1 : rows);
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
    product_share(p->pool, activate_task, p, tasks_of(p, p->part[0].rows), p->work);
}
