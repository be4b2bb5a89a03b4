// Net ops: what a layer computes beside products of whole matrices, one table per instruction set,
// equal bit for bit (I9): the order of every operation is the text of net_ops_body.h.
//
// Promises: libm is not called but for fmaf and sqrtf, which IEEE 754 fixes; sums go over sixteen
// lanes, lane l taking elements l, l + 16, …, folded as lanes_sum says. NaN gives NaN, no more.
// Lengths `n` are multiples of 16.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// c[i][j] = (add ? c[i][j] : 0) + a[i][0] b[0][j] + a[i][1] b[1][j] + …, each a fused multiply-add.
struct net_product {
    size_t m, n, k;
    const float *a;
    size_t a_row, a_k; // from a[i][k] to a[i + 1][k], to a[i][k + 1]
    const float *b;
    float *c;
    size_t b_row, c_row;
    bool add;
};

// Of one row of RMSNorm, y = x * inverse * weight, inverse = 1 / sqrt(mean of squares + epsilon).
struct net_norm_back {
    const float *x, *weight, *dy;
    float inverse;
    size_t n;
    float *dx; // added to
};

// Scores x of one query, n of them, of which those before `from` and from `to` on are not seen.
struct net_scores {
    float *x;
    size_t from, to, n;
    float scale;
};

// Chance that drops: element i of a row is one of `seed`, kept with probability 1 - rate.
struct net_drop {
    uint64_t seed;
    float rate;
};

struct net_ops {
    const char *name;
    void (*product)(const struct net_product *product);
    float (*norm_inverse)(const float *x, size_t n, float epsilon);
    void (*norm)(const float *x, const float *weight, float inverse, size_t n, float *y);
    void (*norm_back)(const struct net_norm_back *norm);
    // sum += x * inverse * dy: of a norm's weight.
    void (*norm_sum)(const float *x, const float *dy, float inverse, size_t n, float *sum);
    // Pairs of a head turned by the angles; `back`: against them. Adjacent ones, or (x[i],
    // x[pairs + i]).
    void (*turn)(float *x, const float *cosines, const float *sines, size_t pairs, bool back);
    void (*turn_halves)(float *x, const float *cosines, const float *sines, size_t pairs,
                        bool back);
    // out = gate / (1 + exp(-gate)) * up.
    void (*swiglu)(const float *gate, const float *up, size_t n, float *out);
    // d: of out; d_feed: of gate, and behind its n those of up.
    void (*swiglu_back)(const float *gate, const float *up, const float *d, size_t n,
                        float *d_feed);
    // x = exp(scale * (x - the largest)), 0 where not seen; their sum, and the largest.
    float (*softmax)(const struct net_scores *scores, float *most);
    // x = exp(scale * x - log_sum), 0 where not seen.
    void (*soften)(const struct net_scores *scores, float log_sum);
    // d = p * (d - mean) * scale.
    void (*soften_back)(const float *p, float mean, float scale, size_t n, float *d);
    float (*dot)(const float *x, const float *y, size_t n);
    void (*scale)(float *x, float factor, size_t n);
    void (*add)(float *to, const float *x, size_t n);
    // out = x / (1 - rate) where kept, else 0; `add`: added to out.
    void (*drop)(const struct net_drop *drop, const float *x, size_t n, float *out);
    void (*drop_add)(const struct net_drop *drop, const float *x, size_t n, float *out);
    // out[i] = the sum of four uniform numbers of `seed` and place at + i, mean 0; any n.
    void (*draw)(uint64_t seed, uint64_t at, size_t n, float deviation, float *out);
    // To BF16, ties to even, and back.
    void (*halve)(const float *x, size_t n, uint16_t *out);
    void (*widen)(const uint16_t *x, size_t n, float *out);
};

extern const struct net_ops net_ops_scalar;
#ifdef __x86_64__
extern const struct net_ops net_ops_avx2, net_ops_avx512;
#elif defined __aarch64__
extern const struct net_ops net_ops_neon;
#endif

// By name, or with NULL the best; NULL where this CPU lacks it.
const struct net_ops *net_ops_find(const char *name);
