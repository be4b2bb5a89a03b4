// Net ops written once over `lanes` (engine/lanes_<set>.h) and compiled for each set. Included by
// net_ops_<set>.c only, which names the table NET_OPS_TABLE.
#include <math.h>
#include <string.h>

#include "engine/lanes_exp.h"
#include "train/net_ops.h"

// Of a tile of a product: rows and sixteens of columns, as registers allow.
enum {
    LANES = 16,
    TILE_ROWS = LANES_COLUMNS == 4 ? 8 : 4,
    TILE_COLUMNS = LANES_COLUMNS == 4 ? 2 : 1,
};

static inline __attribute__((always_inline)) void
tile(const struct net_product *p, size_t i, size_t j, const int rows, const int columns) {
    const float *a = p->a + i * p->a_row, *b = p->b + j;
    float *c = p->c + i * p->c_row + j;
    lanes sum[TILE_ROWS][TILE_COLUMNS];
    for (int r = 0; r < rows; r++)
        for (int l = 0; l < columns; l++)
            sum[r][l] = p->add ? lanes_load(c + (size_t)r * p->c_row + l * LANES) : lanes_all(0);
    for (size_t k = 0; k < p->k; k++, a += p->a_k, b += p->b_row) {
        lanes part[TILE_COLUMNS];
        for (int l = 0; l < columns; l++) part[l] = lanes_load(b + l * LANES);
        for (int r = 0; r < rows; r++) {
            lanes factor = lanes_all(a[(size_t)r * p->a_row]);
            for (int l = 0; l < columns; l++) sum[r][l] = lanes_fma(factor, part[l], sum[r][l]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int l = 0; l < columns; l++)
            lanes_store(c + (size_t)r * p->c_row + l * LANES, sum[r][l]);
}

static inline __attribute__((always_inline)) void tiles(const struct net_product *p, size_t i,
                                                        const int rows) {
    size_t j = 0;
    for (; j + TILE_COLUMNS * LANES <= p->n; j += TILE_COLUMNS * LANES)
        tile(p, i, j, rows, TILE_COLUMNS);
    for (; j < p->n; j += LANES) tile(p, i, j, rows, 1);
}

static void product(const struct net_product *p) {
    size_t i = 0;
    for (; i + TILE_ROWS <= p->m; i += TILE_ROWS) tiles(p, i, TILE_ROWS);
    for (; i < p->m; i++) tiles(p, i, 1);
}

static float dot(const float *x, const float *y, size_t n) {
    lanes sum = lanes_all(0);
    for (size_t i = 0; i < n; i += LANES)
        sum = lanes_fma(lanes_load(x + i), lanes_load(y + i), sum);
    return lanes_sum(sum);
}

static float norm_inverse(const float *x, size_t n, float epsilon) {
    return 1 / sqrtf(dot(x, x, n) / (float)n + epsilon);
}

static void norm(const float *x, const float *weight, float inverse, size_t n, float *y) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] * inverse * weight[i];
}

// dx = inverse (w dy - x inverse^2 mean(x w dy)).
static void norm_back(const struct net_norm_back *p) {
    lanes sum = lanes_all(0);
    for (size_t i = 0; i < p->n; i += LANES) {
        lanes part = lanes_mul(lanes_load(p->weight + i), lanes_load(p->dy + i));
        sum = lanes_fma(part, lanes_load(p->x + i), sum);
    }
    float mean = lanes_sum(sum) / (float)p->n;
    lanes inverse = lanes_all(p->inverse), less = lanes_all(-mean * p->inverse * p->inverse);
    for (size_t i = 0; i < p->n; i += LANES) {
        lanes part = lanes_mul(lanes_load(p->weight + i), lanes_load(p->dy + i));
        part = lanes_fma(lanes_load(p->x + i), less, part);
        lanes_store(p->dx + i, lanes_fma(part, inverse, lanes_load(p->dx + i)));
    }
}

static void norm_sum(const float *x, const float *dy, float inverse, size_t n, float *sum) {
    for (size_t i = 0; i < n; i++) sum[i] += x[i] * inverse * dy[i];
}

static void turn(float *x, const float *cosines, const float *sines, size_t pairs, bool back) {
    float sign = back ? -1 : 1;
    for (size_t i = 0; i < pairs; i++) {
        float a = x[2 * i], b = x[2 * i + 1], sine = sign * sines[i];
        x[2 * i] = a * cosines[i] - b * sine;
        x[2 * i + 1] = a * sine + b * cosines[i];
    }
}

static void turn_halves(float *x, const float *cosines, const float *sines, size_t pairs,
                        bool back) {
    float sign = back ? -1 : 1;
    for (size_t i = 0; i < pairs; i++) {
        float a = x[i], b = x[pairs + i], sine = sign * sines[i];
        x[i] = a * cosines[i] - b * sine;
        x[pairs + i] = a * sine + b * cosines[i];
    }
}

static inline lanes logistic(lanes x) {
    lanes one = lanes_all(1);
    return lanes_div(one, lanes_add(one, exponential(lanes_sub(lanes_all(0), x))));
}

static void swiglu(const float *gate, const float *up, size_t n, float *out) {
    for (size_t i = 0; i < n; i += LANES) {
        lanes g = lanes_load(gate + i);
        g = lanes_mul(g, logistic(g));
        lanes_store(out + i, lanes_mul(g, lanes_load(up + i)));
    }
}

// silu'(g) = s (1 + g (1 - s)), s = logistic(g).
static void swiglu_back(const float *gate, const float *up, const float *d, size_t n,
                        float *d_feed) {
    lanes one = lanes_all(1);
    for (size_t i = 0; i < n; i += LANES) {
        lanes g = lanes_load(gate + i), dy = lanes_load(d + i), s = logistic(g);
        lanes slope = lanes_mul(s, lanes_fma(g, lanes_sub(one, s), one));
        lanes_store(d_feed + n + i, lanes_mul(dy, lanes_mul(g, s)));
        lanes_store(d_feed + i, lanes_mul(lanes_mul(dy, lanes_load(up + i)), slope));
    }
}

// What is not seen becomes 0: before `from`, and from `to` on.
static void hide(const struct net_scores *p) {
    memset(p->x, 0, p->from * sizeof *p->x);
    memset(p->x + p->to, 0, (p->n - p->to) * sizeof *p->x);
}

// NaN among them may or may not win.
static float largest(const float *x, size_t n) {
    lanes most = lanes_all(x[0]);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) most = lanes_max(lanes_load(x + i), most);
    float each[LANES];
    lanes_store(each, most);
    float out = each[0];
    for (size_t l = 1; l < LANES; l++) out = each[l] > out ? each[l] : out;
    for (; i < n; i++) out = x[i] > out ? x[i] : out;
    return out;
}

static float softmax(const struct net_scores *p, float *most) {
    *most = largest(p->x + p->from, p->to - p->from);
    lanes less = lanes_all(*most), factor = lanes_all(p->scale), sum = lanes_all(0);
    size_t first = p->from / LANES * LANES, end = (p->to + LANES - 1) / LANES * LANES;
    for (size_t i = first; i < end; i += LANES) {
        lanes part = lanes_mul(lanes_sub(lanes_load(p->x + i), less), factor);
        lanes_store(p->x + i, exponential(part));
    }
    hide(p);
    for (size_t i = first; i < end; i += LANES) sum = lanes_add(sum, lanes_load(p->x + i));
    return lanes_sum(sum);
}

static void soften(const struct net_scores *p, float log_sum) {
    lanes less = lanes_all(-log_sum), factor = lanes_all(p->scale);
    for (size_t i = p->from / LANES * LANES; i < p->to; i += LANES)
        lanes_store(p->x + i, exponential(lanes_fma(lanes_load(p->x + i), factor, less)));
    hide(p);
}

static void soften_back(const float *p, float mean, float scale, size_t n, float *d) {
    for (size_t i = 0; i < n; i++) d[i] = p[i] * (d[i] - mean) * scale;
}

static void scale_all(float *x, float factor, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

static void add_all(float *to, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] += x[i];
}

// 32 bits of a seed and a place: splitmix's finisher on 32 bits (Steele, Lea, Flood 2014).
static inline uint32_t chance_at(uint64_t seed, size_t i) {
    uint32_t z = (uint32_t)seed + (uint32_t)i * 0x9e3779b9u;
    z = (z ^ z >> 16) * 0x85ebca6bu ^ (uint32_t)(seed >> 32);
    z = (z ^ z >> 13) * 0xc2b2ae35u;
    return z ^ z >> 16;
}

// What an element is multiplied by.
static inline float kept(const struct net_drop *p, size_t i, uint32_t below, float more) {
    return chance_at(p->seed, i) >> 1 < below ? 0 : more;
}

static uint32_t below_of(const struct net_drop *p) {
    return (uint32_t)((double)p->rate * 2147483648.0);
}

static void drop(const struct net_drop *p, const float *x, size_t n, float *out) {
    uint32_t below = below_of(p);
    float more = 1 / (1 - p->rate);
    for (size_t i = 0; i < n; i++) out[i] = x[i] * kept(p, i, below, more);
}

static void drop_add(const struct net_drop *p, const float *x, size_t n, float *out) {
    uint32_t below = below_of(p);
    float more = 1 / (1 - p->rate);
    for (size_t i = 0; i < n; i++) out[i] += x[i] * kept(p, i, below, more);
}

// The sum of four uniform numbers of 16 bits has this deviation: sqrt(4 (2^32 - 1) / 12).
#define DEVIATION_OF_FOUR 37837.2266f

// Their 64 bits by splitmix64 (Steele, Lea, Flood 2014).
static void draw(uint64_t seed, uint64_t at, size_t n, float deviation, float *out) {
    float scale = deviation / DEVIATION_OF_FOUR;
    for (size_t i = 0; i < n; i++) {
        uint64_t z = seed + (at + i + 1) * 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        uint64_t two = (z & 0x0000ffff0000ffffu) + (z >> 16 & 0x0000ffff0000ffffu);
        out[i] = ((float)(int32_t)((two + (two >> 32)) & 0x7ffff) - 131070) * scale;
    }
}

static void halve(const float *x, size_t n, uint16_t *out) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
        out[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
    }
}

static void widen(const uint16_t *x, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(out + i, &bits, sizeof bits);
    }
}

const struct net_ops NET_OPS_TABLE = {
    .name = NET_OPS_NAME,
    .product = product,
    .norm_inverse = norm_inverse,
    .norm = norm,
    .norm_back = norm_back,
    .norm_sum = norm_sum,
    .turn = turn,
    .turn_halves = turn_halves,
    .swiglu = swiglu,
    .swiglu_back = swiglu_back,
    .softmax = softmax,
    .soften = soften,
    .soften_back = soften_back,
    .dot = dot,
    .scale = scale_all,
    .add = add_all,
    .drop = drop,
    .drop_add = drop_add,
    .draw = draw,
    .halve = halve,
    .widen = widen,
};
