// The parts of a layer, for forward.c. Each reads rows x, kernel_pad(width) floats apart, and
// leaves what it brings in forward->brought.
#pragma once
#include "engine/forward.h"
#include "engine/product.h"

// The columns that are run together, and where their rows lie in the scratch of a whole text.
struct forward_rows {
    const struct forward_column *columns;
    uint32_t count;
    uint32_t first; // encoders: of the text's rows; else 0
    uint32_t text;  // encoders: positions of the text; else 0
};

static inline size_t forward_stride(const struct forward *f) { return kernel_pad(f->model->width); }

// Of the columns of the run, or of rows chosen among them for matrices that no adapter changes.
static inline struct product forward_product(const struct forward *f, size_t columns,
                                             const float *x) {
    return (struct product){.kernels = f->kernels,
                            .pool = f->pool,
                            .x = x,
                            .codes = f->codes,
                            .columns = columns,
                            .adapters = f->adapted ? f->adapters : NULL,
                            .low = f->low,
                            .low_stride = kernel_pad(f->model->adapters.rank)};
}

void attention_lay(struct forward *f, struct lay *lay, uint32_t rows, uint32_t pages);

// Cosines and sines of the rows.
void attention_angles(struct forward *f, const struct forward_rows *rows);

// Queries, keys and values of the rows: the first are turned and kept, the others stored.
void attention_read(struct forward *f, uint32_t layer, const struct forward_rows *rows,
                    const float *x);
// What the rows bring, once all they see has been read.
void attention_run(struct forward *f, uint32_t layer, const struct forward_rows *rows);

void feed_lay(struct forward *f, struct lay *lay);

// The feed-forward part: one network, or the experts chosen for each row (Shazeer et al. 2017,
// arXiv:1701.06538), weighted by a softmax over the chosen and added in the order of their numbers.
void feed_run(struct forward *f, const struct model_layer *layer, uint32_t count,
              const float *x);
