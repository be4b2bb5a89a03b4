// A model's weights in the order of the kernels: which matrices are packed, and the packing.
#include <string.h>

#include "engine/model.h"

// A run of tasks is what `release` is told of at once: some MB.
enum { TASK_GROUPS = 16, RUN_TASKS = 64 };

static bool packs(const struct model *model, const struct matrix *matrix) {
    if (!matrix->data || !pack_find(matrix->type)) return false;
    // Of a mixture's matrices, which lie below each other, each must begin with a group.
    return !model->experts || (model->ff % PACK_ROWS == 0 && model->width % PACK_ROWS == 0);
}

static uint64_t groups_of(uint64_t rows) { return (rows + PACK_ROWS - 1) / PACK_ROWS; }

static uint64_t bytes_of(const struct pack *pack, uint64_t rows, uint64_t columns) {
    return groups_of(rows) * pack_group_bytes(pack, columns);
}

uint64_t model_weights_bytes(const struct model *model, const struct gguf *gguf) {
    bool tied = !gguf_tensor(gguf, "output.weight") && !model->family->encoder;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < gguf->tensors_len; i++) {
        const struct gguf_tensor *t = &gguf->tensors[i];
        bool table = view_is(t->name, "token_embd.weight"); // packed as the head, or read as it is
        uint64_t rows = t->shape[1] * t->shape[2] * t->shape[3];
        const struct pack *pack = rows > 1 ? pack_find(t->type) : NULL;
        bool packed = pack && (!table || tied);
        bytes += packed ? bytes_of(pack, rows, t->shape[0]) : t->bytes;
    }
    return bytes;
}

struct packing {
    struct pool *pool; // NULL: to measure
    uint8_t *next;
    uint64_t bytes;
    engine_release *release;
    const struct matrix *matrix; // the one being packed
    uint64_t first, end;         // groups of the run
};

static void pack_task(void *job, uint32_t item, uint32_t thread) {
    (void)thread;
    const struct packing *p = job;
    const struct matrix *m = p->matrix;
    size_t bytes = pack_group_bytes(pack_find(m->type), m->columns);
    uint64_t group = p->first + (uint64_t)item * TASK_GROUPS, end = group + TASK_GROUPS;
    for (; group < end && group < p->end; group++) {
        uint64_t row = group * PACK_ROWS, left = m->rows - row;
        const uint8_t *from = m->data + row * m->row_bytes;
        pack_group(m->type, from, m->row_bytes, left < PACK_ROWS ? (size_t)left : PACK_ROWS,
                   m->columns, p->next + group * bytes);
    }
}

// Groups first .. end of p->matrix.
static void pack_run(struct packing *p, uint64_t first, uint64_t end) {
    const struct matrix *m = p->matrix;
    uint64_t rows = end * PACK_ROWS < m->rows ? end * PACK_ROWS : m->rows;
    const char *from = (const char *)m->data + first * PACK_ROWS * m->row_bytes;
    p->first = first;
    p->end = end;
    pool_run(p->pool, pack_task, p, (uint32_t)((end - first + TASK_GROUPS - 1) / TASK_GROUPS));
    if (p->release) p->release((struct view){from, (rows - first * PACK_ROWS) * m->row_bytes});
}

static void pack_matrix(const struct model *model, struct matrix *matrix, struct packing *p) {
    if (!packs(model, matrix)) return;
    enum { RUN_GROUPS = RUN_TASKS * TASK_GROUPS };
    uint64_t bytes = bytes_of(pack_find(matrix->type), matrix->rows, matrix->columns);
    p->bytes += bytes;
    if (!p->pool) return;
    p->matrix = matrix;
    uint64_t groups = groups_of(matrix->rows);
    for (uint64_t first = 0; first < groups; first += RUN_GROUPS)
        pack_run(p, first, first + RUN_GROUPS < groups ? first + RUN_GROUPS : groups);
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
    bool tied = model->embedding.data == model->head.data;
    pack_matrix(model, &model->head, p);
    if (tied) model->embedding = model->head; // no row of the file is read any more
}

uint64_t model_packed_bytes(struct model *model) {
    struct packing measuring = {0};
    pack_all(model, &measuring);
    return measuring.bytes;
}

void model_pack(struct model *model, struct pool *pool, uint8_t *memory, engine_release *release) {
    struct packing packing = {.pool = pool, .next = memory, .release = release};
    pack_all(model, &packing);
}
