#include "train/adam.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

// What the threads share out; their number decides the order of the norm's sum.
enum { PARTS = 1024, LINE = 16, LANES = 16 };

struct adam_job {
    const struct adam *adam;
    uint64_t part;               // floats of each, whole lines
    double sums[PARTS];          // of squares
    float scale;                 // of gradients
    float keep_mean, keep_square; // b1, b2
    float new_mean, new_square;  // 1 - b1, 1 - b2
    float rate, root, epsilon;   // rate / (1 - b1^t), 1 / sqrt(1 - b2^t)
    float kept;                  // 1 - rate decay
    uint32_t salt;               // of the step
};

// ---- the norm ----

static void norm_part(void *self, uint32_t item, uint32_t thread) {
    struct adam_job *job = self;
    (void)thread;
    uint64_t from = job->part * item, floats = job->adam->tensors->floats;
    uint64_t to = from + job->part < floats ? from + job->part : floats;
    double sums[LANES] = {0};
    for (uint64_t i = from; i < to; i += LANES)
        for (uint32_t l = 0; l < LANES && i + l < to; l++) {
            double g = (double)job->adam->gradients[i + l];
            sums[l] += g * g;
        }
    job->sums[item] = 0;
    for (uint32_t l = 0; l < LANES; l++) job->sums[item] += sums[l];
}

// ---- the update ----

static uint16_t brain_of(float value, uint32_t below) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + below) >> 16); // finite, and a carry runs into the exponent, rightly
}

static uint16_t brain_nearest(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return brain_of(value, 0x7fff + (bits >> 16 & 1));
}

static float brain_float(uint16_t brain) {
    uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// A hash of 32 bits (after Wellons' lowbias32).
static uint32_t chance_at(uint32_t x) {
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

static float moved(const struct adam_job *job, float kept, float p, float m, float v) {
    return p * kept - job->rate * m / (sqrtf(v) * job->root + job->epsilon);
}

static void update(const struct adam_job *job, uint64_t from, uint64_t to, float kept) {
    float *p = job->adam->parameters, *gradients = job->adam->gradients;
    float *mean = job->adam->mean, *square = job->adam->square;
    for (uint64_t i = from; i < to; i++) {
        float g = gradients[i] * job->scale;
        gradients[i] = 0;
        mean[i] = mean[i] * job->keep_mean + g * job->new_mean;
        square[i] = square[i] * job->keep_square + g * g * job->new_square;
        p[i] = moved(job, kept, p[i], mean[i], square[i]);
    }
}

// The step itself is taken with the moments before they are rounded.
static void update_halved(const struct adam_job *job, uint64_t from, uint64_t to, float kept) {
    float *p = job->adam->parameters, *gradients = job->adam->gradients;
    uint16_t *mean = job->adam->mean, *square = job->adam->square;
    for (uint64_t i = from; i < to; i++) {
        float g = gradients[i] * job->scale;
        gradients[i] = 0;
        float m = brain_float(mean[i]) * job->keep_mean + g * job->new_mean;
        float v = brain_float(square[i]) * job->keep_square + g * g * job->new_square;
        p[i] = moved(job, kept, p[i], m, v);
        mean[i] = brain_nearest(m);
        square[i] = brain_of(v, chance_at((uint32_t)i ^ job->salt) >> 16);
    }
}

static void update_part(void *self, uint32_t item, uint32_t thread) {
    const struct adam_job *job = self;
    const struct net_tensors *tensors = job->adam->tensors;
    (void)thread;
    uint64_t part_from = job->part * item, part_to = part_from + job->part;
    for (uint32_t i = 0; i < tensors->len; i++) {
        const struct net_tensor *tensor = &tensors->tensor[i];
        uint64_t from = tensor->at, to = from + (uint64_t)tensor->rows * tensor->columns;
        if (from < part_from) from = part_from;
        if (to > part_to) to = part_to;
        if (from >= to) continue;
        (job->adam->halved ? update_halved : update)(job, from, to,
                                                     tensor->decays ? job->kept : 1);
    }
}

// By squaring: the same everywhere, which pow() need not be.
static double power(double base, uint64_t exponent) {
    double out = 1;
    for (; exponent; exponent >>= 1, base *= base)
        if (exponent & 1) out *= base;
    return out;
}

enum sk_code adam_step(struct pool *pool, const struct adam *adam, const struct adam_step *step,
                       double *norm) {
    must(step->step >= 1);
    uint64_t lines = (adam->tensors->floats + LINE - 1) / LINE;
    struct adam_job job = {.adam = adam, .part = (lines + PARTS - 1) / PARTS * LINE};
    uint32_t parts = (uint32_t)((lines * LINE + job.part - 1) / job.part);
    double sum = 0;
    pool_run(pool, norm_part, &job, parts);
    for (uint32_t i = 0; i < parts; i++) sum += job.sums[i];
    *norm = sqrt(sum);
    if (!isfinite(*norm))
        return FAIL(SK_INPUT, "step %" PRIu64 ": the gradients' norm is %g, must be a number; "
                    "lower the rate or lengthen the warm-up", step->step, *norm);
    job.scale = step->clip > 0 && *norm > step->clip ? (float)(step->clip / *norm) : 1;
    job.keep_mean = (float)step->beta_mean;
    job.new_mean = (float)(1 - step->beta_mean);
    job.keep_square = (float)step->beta_square;
    job.new_square = (float)(1 - step->beta_square);
    job.rate = (float)(step->rate / (1 - power(step->beta_mean, step->step)));
    job.root = (float)(1 / sqrt(1 - power(step->beta_square, step->step)));
    job.epsilon = (float)step->epsilon;
    job.kept = (float)(1 - step->rate * step->decay);
    job.salt = chance_at((uint32_t)step->step);
    pool_run(pool, update_part, &job, parts);
    return SK_OK;
}
