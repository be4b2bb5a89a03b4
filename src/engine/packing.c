// A model's weights in the order of the kernels: which matrices are packed, and the packing.
#include <string.h>

#include "engine/model.h"

enum { TASK_GROUPS = 16 };

static bool packs(const struct model *model, const struct matrix *matrix) {
    if (!matrix->data || !pack_find(matrix->type)) return false;
    // Of a mixture's matrices, which lie below each other, each must begin with a group.
    return !model->experts || (model->ff % PACK_ROWS == 0 && model->width % PACK_ROWS == 0);
}

static uint64_t groups_of(const struct matrix *matrix) {
    return ((uint64_t)matrix->rows + PACK_ROWS - 1) / PACK_ROWS;
}

static uint64_t bytes_of(const struct matrix *matrix) {
    return groups_of(matrix) * pack_group_bytes(pack_find(matrix->type), matrix->columns);
}

struct packing {
    struct pool *pool; // NULL: to measure
    uint8_t *next;
    uint64_t bytes;
    const struct matrix *matrix; // the one being packed
};

static void pack_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct packing *p = job;
    const struct matrix *m = p->matrix;
    size_t bytes = pack_group_bytes(pack_find(m->type), m->columns);
    uint64_t group = (uint64_t)item * TASK_GROUPS, end = group + TASK_GROUPS;
    for (; group < end && group < groups_of(m); group++) {
        uint64_t row = group * PACK_ROWS, left = m->rows - row;
        const uint8_t *from = m->data + row * m->row_bytes;
        pack_group(m->type, from, m->row_bytes, left < PACK_ROWS ? (size_t)left : PACK_ROWS,
                   m->columns, p->next + group * bytes);
    }
}

static void pack_matrix(const struct model *model, struct matrix *matrix, struct packing *p) {
    if (!packs(model, matrix)) return;
    uint64_t bytes = bytes_of(matrix);
    p->bytes += bytes;
    if (!p->pool) return;
    p->matrix = matrix;
    uint64_t tasks = (groups_of(matrix) + TASK_GROUPS - 1) / TASK_GROUPS;
    pool_run(p->pool, pack_task, p, (uint32_t)tasks);
    matrix->pack = pack_find(matrix->type);
    matrix->data = p->next;
    matrix->row_bytes = pack_group_bytes(matrix->pack, matrix->columns);
    p->next += bytes;
}

static void pack_all(struct model *model, struct packing *p) {
    for (uint32_t i = 0; i < model->layers; i++) {
        struct model_layer *layer = &model->layer[i];
        struct matrix *matrices[] = {&layer->query, &layer->key, &layer->value, &layer->output,
                                     &layer->gate,  &layer->up,  &layer->down};
        for (size_t m = 0; m < sizeof matrices / sizeof *matrices; m++)
            pack_matrix(model, matrices[m], p);
    }
    pack_matrix(model, &model->head, p);
}

uint64_t model_packed_bytes(struct model *model) {
    struct packing measuring = {0};
    pack_all(model, &measuring);
    return measuring.bytes;
}

void model_pack(struct model *model, struct pool *pool, uint8_t *memory) {
    struct packing packing = {.pool = pool, .next = memory};
    pack_all(model, &packing);
}
