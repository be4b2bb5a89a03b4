#include "train/gemm.h"

#include <string.h>

#include "train/encode.h"
#include "train/gemm_pack.h"
#include "train/gemm_set.h"

// A product is done block by block: while one is multiplied, what the next needs is packed, in one
// round of the pool. A block's operands are 2 MB each, for the last cache.
enum {
    M_MAX = 1024,
    N_MAX = 1024,
    PACK_A = 64,          // rows of A an item packs
    PACK_B = ENCODE_PART, // columns of B
    GROUP = 8,            // panels of B an item multiplies, for the second cache
    ITEMS = 12,           // for each thread, or what one did last others wait for
    SMALL = 1 << 21,      // multiplications that are done before another thread has woken up
};

void gemm_lay(struct gemm_room *room, struct lay *lay) {
    *room = (struct gemm_room){.set = gemm_set_find(NULL)};
    for (int i = 0; i < 2; i++) {
        room->a[i] = lay_take(lay, (M_MAX + GEMM_SQUARE) * GEMM_A_STRIDE, sizeof(float));
        room->b[i] = lay_take(lay, N_MAX * GEMM_K_MAX, sizeof(float));
    }
}

// ---- blocks ----

// A length in equal parts.
struct cuts {
    size_t len, step, count;
};

static struct cuts cut(size_t len, size_t step_max, size_t unit) {
    size_t count = (len + step_max - 1) / step_max;
    if (count == 0) count = 1;
    size_t step = gemm_round((len + count - 1) / count, unit);
    return (struct cuts){len, step, step ? (len + step - 1) / step : 1};
}

static size_t cut_len(const struct cuts *cuts, size_t index) {
    size_t from = index * cuts->step;
    return cuts->len - from < cuts->step ? cuts->len - from : cuts->step;
}

struct block {
    size_t m, n, k; // the parts
    uint32_t a, b;  // where they are, or will be, packed
};

struct job {
    const struct gemm *gemm;
    const struct gemm_room *room;
    struct cuts m, n, k;
    struct block now, next;
    size_t held_a[2], held_b[2]; // which part is packed there, counted from 1
    uint32_t pack_a, pack_b;     // items of the round that pack
    uint32_t rows, columns;      // items that multiply: groups of rows times groups of columns
};

// Finds a place that holds the part, or takes the one that is not in use: then it must be packed.
static bool place(size_t held[2], size_t part, uint32_t used, uint32_t *out) {
    *out = held[used] == part ? used : used ^ 1;
    if (held[*out] == part) return false;
    held[*out] = part;
    return true;
}

static void choose_next(struct job *job, size_t index) {
    struct block *next = &job->next;
    next->k = index % job->k.count;
    next->m = index / job->k.count % job->m.count;
    next->n = index / job->k.count / job->m.count;
    bool a = place(job->held_a, next->m * job->k.count + next->k + 1, job->now.a, &next->a);
    bool b = place(job->held_b, next->n * job->k.count + next->k + 1, job->now.b, &next->b);
    job->pack_a = a ? (uint32_t)((cut_len(&job->m, next->m) + PACK_A - 1) / PACK_A) : 0;
    job->pack_b = b ? (uint32_t)((cut_len(&job->n, next->n) + PACK_B - 1) / PACK_B) : 0;
}

// ---- items ----

// The item's part of a block's rows or columns.
static struct gemm_part part_of(const struct cuts *cuts, size_t block, size_t from, size_t most) {
    size_t len = cut_len(cuts, block) - from;
    return (struct gemm_part){.from = block * cuts->step + from, .len = len < most ? len : most};
}

static void pack_item_a(const struct job *job, size_t item) {
    const struct block *next = &job->next;
    struct gemm_part part = part_of(&job->m, next->m, item * PACK_A, PACK_A);
    part.k = next->k * job->k.step;
    part.depth = cut_len(&job->k, next->k);
    gemm_pack_a(job->room->set, &job->gemm->a, &part,
                job->room->a[next->a] + item * PACK_A * GEMM_A_STRIDE);
}

static void pack_item_b(const struct job *job, size_t item) {
    const struct block *next = &job->next;
    struct gemm_part part = part_of(&job->n, next->n, item * PACK_B, PACK_B);
    part.k = next->k * job->k.step;
    part.depth = cut_len(&job->k, next->k);
    gemm_pack_b(job->room->set, &job->gemm->b, &part,
                job->room->b[next->b] + item * PACK_B * gemm_round(part.depth, GEMM_SQUARE));
}

// A tile of which only `columns` are there.
static void multiply_rest(const struct gemm_set *set, struct gemm_tile tile, size_t columns) {
    float square[GEMM_ROWS_MAX * GEMM_COLUMNS_MAX] = {0}, *c = tile.c;
    size_t stride = tile.c_stride;
    for (size_t i = 0; tile.add && i < tile.rows; i++)
        memcpy(square + i * set->columns, c + i * stride, columns * sizeof *c);
    tile.c = square;
    tile.next = square;
    tile.c_stride = set->columns;
    set->multiply(&tile);
    for (size_t i = 0; i < tile.rows; i++)
        memcpy(c + i * stride, square + i * set->columns, columns * sizeof *c);
}

// Panels of a group: `all` in `groups`, as equal as can be.
static size_t group_from(size_t all, size_t groups, size_t group) { return all * group / groups; }

static void multiply_item(const struct job *job, size_t item) {
    const struct gemm_set *set = job->room->set;
    const struct block *now = &job->now;
    size_t rows = cut_len(&job->m, now->m), columns = cut_len(&job->n, now->n);
    size_t depth = cut_len(&job->k, now->k), panel = gemm_round(depth, GEMM_SQUARE) * set->columns;
    size_t highs = (rows + set->rows - 1) / set->rows;
    size_t wides = (columns + set->columns - 1) / set->columns;
    size_t high = group_from(highs, job->rows, item % job->rows);
    size_t high_end = group_from(highs, job->rows, item % job->rows + 1);
    size_t wide_from = group_from(wides, job->columns, item / job->rows);
    size_t wide_end = group_from(wides, job->columns, item / job->rows + 1);
    float *c = job->gemm->c + now->m * job->m.step * job->gemm->c_stride + now->n * job->n.step;
    struct gemm_tile tile = {.k = depth, .c_stride = job->gemm->c_stride,
                             .add = job->gemm->add || now->k > 0};
    for (; high < high_end; high++) {
        size_t row = group_from(rows, highs, high);
        tile.rows = group_from(rows, highs, high + 1) - row;
        tile.a = job->room->a[now->a] + row * GEMM_A_STRIDE;
        for (size_t wide = wide_from; wide < wide_end; wide++) {
            size_t column = wide * set->columns;
            tile.b = job->room->b[now->b] + wide * panel;
            tile.c = c + row * tile.c_stride + column;
            tile.next = wide + 1 < wide_end ? tile.c + set->columns
                                            : c + (row + tile.rows) * tile.c_stride +
                                                  wide_from * set->columns;
            if (column + set->columns <= columns) set->multiply(&tile);
            else multiply_rest(set, tile, columns - column);
        }
    }
}

static void run_item(void *self, uint32_t item, uint32_t thread) {
    const struct job *job = self;
    (void)thread;
    if (item < job->pack_b) {
        pack_item_b(job, item);
        return;
    }
    item -= job->pack_b;
    if (item < job->pack_a) pack_item_a(job, item);
    else multiply_item(job, item - job->pack_a);
}

static void run_round(struct job *job, struct pool *pool) {
    const struct gemm *gemm = job->gemm;
    uint32_t items = job->pack_a + job->pack_b + job->rows * job->columns;
    if (gemm->m * gemm->n * gemm->k > SMALL) pool_run(pool, run_item, job, items);
    else
        for (uint32_t item = 0; item < items; item++) run_item(job, item, 0);
}

// How many items a block's multiplication is.
static void share_out(struct job *job, uint32_t threads) {
    const struct gemm_set *set = job->room->set;
    size_t highs = (cut_len(&job->m, job->now.m) + set->rows - 1) / set->rows;
    size_t wides = (cut_len(&job->n, job->now.n) + set->columns - 1) / set->columns;
    job->columns = (uint32_t)((wides + GROUP - 1) / GROUP);
    job->rows = (ITEMS * threads + job->columns - 1) / job->columns;
    if (job->rows > highs) job->rows = (uint32_t)highs;
}

void gemm_run(const struct gemm_room *room, struct pool *pool, const struct gemm *gemm) {
    bool packed = gemm->b.type != QUANT_F32;
    must(gemm->a.type == QUANT_F32 && gemm->a.stride % sizeof(float) == 0);
    must(packed || gemm->b.stride % sizeof(float) == 0);
    if (gemm->m == 0 || gemm->n == 0) return;
    struct job job = {.gemm = gemm, .room = room, .m = cut(gemm->m, M_MAX, 1),
                      .n = cut(gemm->n, N_MAX, PACK_B),
                      .k = cut(gemm->k, GEMM_K_MAX, packed ? ENCODE_PART : GEMM_SQUARE)};
    size_t blocks = job.m.count * job.n.count * job.k.count;
    choose_next(&job, 0);
    run_round(&job, pool);
    for (size_t i = 0; i < blocks; i++) {
        job.now = job.next;
        job.pack_a = job.pack_b = 0;
        if (i + 1 < blocks) choose_next(&job, i + 1);
        share_out(&job, pool->threads);
        run_round(&job, pool);
    }
}
