// Products: matrices times the columns of a run, up to three at once, shared out by rows.
//
// Promises: an output row is one thread's, so neither threads nor other columns change its bits. To
// a column that has an adapter, what that brings is added then, rank by rank.
#pragma once
#include <stdint.h>

#include "engine/kernels.h"
#include "engine/model.h"
#include "engine/pool.h"

// Runs items of a task here when they are too little work (multiply-adds) to be worth waking
// threads; the result is the same.
void product_share(struct pool *pool, pool_task *task, void *job, uint32_t items, uint64_t work);

enum { PRODUCT_PARTS = 3 };

struct product {
    const struct kernels *kernels;
    struct pool *pool;
    const float *x;              // rows of kernel_pad(columns of the matrices) floats
    struct kernel_codes *codes;  // scratch for them: [chunk][column]
    size_t columns; // rows of x and y; <= KERNEL_COLUMNS_MAX
    uint32_t len, tasks, task_rows; // task_rows: of one pool item
    uint64_t work;
    enum kernel_activation activation;
    const uint32_t *adapters; // of each row of x, from 1 on; 0, or NULL: none
    float *low;               // scratch: A x, for each part KERNEL_COLUMNS_MAX rows
    size_t low_stride;        // padded, the largest rank
    struct {
        struct kernel_product product;
        uint32_t rows;
        const struct lora *loras; // NULL: nothing to be added
    } part[PRODUCT_PARTS];
};

// Adds y = matrix x, y rows of y_stride floats. All matrices of a product have as many columns.
void product_plan(struct product *product, const struct matrix *matrix, float *y, size_t y_stride);

// All that was planned.
void product_run(struct product *product);

// Of one part y = act(y), of two the first y = act(y) x the second one's: the same shapes.
void product_run_activated(struct product *product, enum kernel_activation activation);
