// Adam: one step of AdamW over all tensors: clipping, moments, decoupled decay, gradients zeroed.
//
// With g the gradient, after all gradients were multiplied by min(1, clip / their common norm):
//   m = b1 m + (1 - b1) g        v = b2 v + (1 - b2) g g
//   p = p (1 - rate decay) - rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)
// (no decay where a tensor does not decay). Gradients are read twice, the rest once.
// Promises: the same bits with any number of threads; the norm is summed in double, in a fixed
// order. Where the norm is no number or infinite, nothing is changed.
// Moments may be BF16: m rounds to nearest; v, which with b2 = 0.999 moves by less than BF16 can
// tell and would stand still, is rounded up or down by chance, in proportion, from a hash of step
// and place, so that it is right on average and the same in every run.
// Sources: Kingma & Ba 2015; Loshchilov & Hutter 2019 (decoupled decay); Pascanu et al. 2013
// (clipping); Gupta et al. 2015 (rounding by chance).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "train/net.h"

// Blocks of tensors->floats each, laid out by the list; the step of padding zeros leaves zeros.
struct adam {
    const struct net_tensors *tensors;
    float *parameters, *gradients;
    void *mean, *square; // m and v, zeros before the first step: float, or uint16_t where `halved`
    bool halved;
};

struct adam_step {
    uint64_t step; // t, from 1
    double rate;
    double beta_mean, beta_square; // b1, b2: usually 0.9 and 0.95 to 0.999
    double epsilon, decay;
    double clip; // 0: none
};

// `norm` is that of the gradients before clipping. SK_INPUT: it is NaN or infinite (step and fix
// are named), and nothing was changed.
enum sk_code adam_step(struct pool *pool, const struct adam *adam, const struct adam_step *step,
                       double *norm);
