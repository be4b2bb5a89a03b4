#include "learn.h"

#include <math.h>
#include <stdlib.h>

static float *weights_of(const struct weights *weights, uint32_t feature) {
    return weights->at + (size_t)NAMES_WEIGHED * feature;
}

static void score(const struct weights *weights, const struct sentence *sentence,
                  struct names_chain *chain) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < sentence->units; i++) {
        float sum[NAMES_WEIGHED] = {0};
        for (; at < sentence->ends[i]; at++) {
            const float *of = weights_of(weights, sentence->features[at]);
            for (unsigned y = 0; y < NAMES_WEIGHED; y++)
                sum[y] += of[y];
        }
        chain->score[i][0] = 0;
        for (unsigned y = 0; y < NAMES_WEIGHED; y++)
            chain->score[i][y + 1] = sum[y] * (float)weights->scale;
    }
}

static void transitions_learn(struct weights *weights, const struct sentence *sentence,
                              const struct names_chain *chain, double rate) {
    for (uint32_t i = 1; i < sentence->units; i++)
        for (unsigned x = 0; x < NAMES_LABELS; x++)
            for (unsigned y = 0; y < NAMES_LABELS; y++) {
                if (chain->step[x][y] <= 0) continue;
                double chance = (double)chain->alpha[i - 1][x] * (double)chain->step[x][y] *
                                (double)chain->grow[i][y] * (double)chain->beta[i][y] /
                                (double)chain->norm[i];
                bool is = sentence->labels[i - 1] == x && sentence->labels[i] == y;
                weights->transitions[x][y] += (float)(rate * (is - chance));
            }
}

static void sentence_learn(struct weights *weights, const struct sentence *sentence,
                           struct names_chain *chain, double rate) {
    float step = (float)(rate / weights->scale);
    uint32_t at = 0;
    score(weights, sentence, chain);
    names_chain_run(chain, (const float(*)[NAMES_LABELS])weights->transitions, sentence->units);
    for (uint32_t i = 0; i < sentence->units; i++) {
        float by[NAMES_WEIGHED], most = 0;
        for (unsigned y = 0; y < NAMES_WEIGHED; y++) {
            float is = sentence->labels[i] == y + 1 ? 1 : 0;
            by[y] = step * (is - chain->alpha[i][y + 1] * chain->beta[i][y + 1]);
            if (fabsf(by[y]) > most) most = fabsf(by[y]);
        }
        if (most < 1e-5F * step) at = sentence->ends[i];
        for (; at < sentence->ends[i]; at++) {
            float *of = weights_of(weights, sentence->features[at]);
            for (unsigned y = 0; y < NAMES_WEIGHED; y++)
                of[y] += by[y];
        }
    }
    transitions_learn(weights, sentence, chain, rate);
}

static void rescale(struct weights *weights) {
    for (size_t i = 0; i < (size_t)NAMES_WEIGHED * weights->len; i++)
        weights->at[i] *= (float)weights->scale;
    weights->scale = 1;
}

static void shuffle(uint32_t *order, uint32_t len, uint64_t *seed) {
    for (uint32_t i = len; i > 1; i--) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        uint32_t k = (uint32_t)(*seed % i), swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
}

void weights_learn(struct weights *weights, const struct corpus *corpus, const uint32_t *part,
                   uint32_t part_len, const struct learning *how) {
    struct names_chain *chain = calloc(1, sizeof *chain);
    uint32_t *order = calloc(part_len, sizeof *order);
    double lambda = how->lambda / part_len, first = 1 / (lambda * how->rate), count = 0;
    uint64_t seed = how->seed;
    weights->at = calloc((size_t)NAMES_WEIGHED * weights->len, sizeof(float));
    if (!chain || !order || !weights->at) give_up("no memory");
    weights->scale = 1;
    memcpy(order, part, part_len * sizeof *order);
    for (unsigned epoch = 0; epoch < how->epochs; epoch++) {
        shuffle(order, part_len, &seed);
        for (uint32_t i = 0; i < part_len; i++) {
            double rate = 1 / (lambda * (first + count++));
            weights->scale *= 1 - rate * lambda;
            sentence_learn(weights, &corpus->at[order[i]], chain, rate);
            if (weights->scale < 1e-5) rescale(weights);
        }
    }
    rescale(weights);
    free(order);
    free(chain);
}
