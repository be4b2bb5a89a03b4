// Learn: the weights of a linear-chain CRF by stochastic gradient descent with L2 (Bottou's
// schedule), and their packing into the weights file.
#pragma once
#include "corpus.h"

struct weights {
    float *at; // of a feature: NAMES_WEIGHED of them, times `scale`
    double scale;
    float transitions[NAMES_LABELS][NAMES_LABELS];
    uint32_t len; // features
};

struct learning {
    unsigned epochs;
    double lambda, rate;
    uint64_t seed;
};

void weights_learn(struct weights *weights, const struct corpus *corpus, const uint32_t *part,
                   uint32_t part_len, const struct learning *how);
// Marks the weightiest features that fit `buckets`.
bool *weights_choose(const struct weights *weights, const struct index *index, uint32_t buckets);
// Fills in model->features with the weightiest features that fit `buckets`.
void weights_pack(const struct weights *weights, const struct index *index, uint32_t buckets,
                  struct names_model *model);
// Fills in model->lexicon from lines of entry TAB bits.
void lexicon_pack(const char *path, uint32_t buckets, struct names_model *model);
