// Learns the log-linear model of levels from KeiCO's topics that are not held back (levels.bin),
// and tells how it does on those that are.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"
#include "tool.h"

enum { BUCKETS = 1 << 17, ROWS_MAX = 1 << 16, EPOCHS = 24, POOL = 1 << 24, BAGS = 8 };
enum { WEIGHTS = BUCKETS * KEIGO_LEVELS };

struct row {
    uint32_t from, len; // in the pool
    uint8_t level;      // 0 … 3
    bool held;
};

struct learning {
    struct row *rows;
    uint32_t len, used;
    uint32_t *pool;
    float *weights, *squares; // [BUCKETS][KEIGO_LEVELS]
    float bias[KEIGO_LEVELS];
};

static void *take(size_t n, size_t size) {
    void *at = calloc(n, size);
    if (!at) give_up("no memory");
    return at;
}

static void rows_read(struct tool *tool, struct learning *l) {
    struct buf text;
    data_read(tool, "keico-train.csv", &text);
    struct csv csv = csv_over(&text);
    check(csv_next(&csv));
    int at_text = csv_column(&csv, "本文"), at_level = csv_column(&csv, "Level");
    int at_topic = csv_column(&csv, "フィールド");
    if (at_text < 0 || at_level < 0 || at_topic < 0) give_up("keico-train.csv: its columns");
    for (;;) {
        check(csv_next(&csv));
        if (!csv.fields) break;
        if (l->len == ROWS_MAX || POOL - l->used < KEIGO_FEATURES_MAX) give_up("too many rows");
        struct row *row = &l->rows[l->len++];
        row->from = l->used;
        row->level = (uint8_t)(csv.field[at_level].at[0] - '1');
        row->held = held(tool, csv.field[at_topic]);
        check(keigo_features(tool->reader, csv.field[at_text], l->pool + l->used,
                             KEIGO_FEATURES_MAX, &row->len));
        l->used += row->len;
    }
    buf_close(&text);
}

static void shares(const struct learning *l, const struct row *row, double share[KEIGO_LEVELS]) {
    double sum = 0, most = -INFINITY, by = 1 / sqrt(row->len ? row->len : 1);
    for (unsigned k = 0; k < KEIGO_LEVELS; k++)
        share[k] = 0;
    for (uint32_t i = 0; i < row->len; i++) {
        const float *at = l->weights + (size_t)(l->pool[row->from + i] % BUCKETS) * KEIGO_LEVELS;
        for (unsigned k = 0; k < KEIGO_LEVELS; k++)
            share[k] += (double)at[k];
    }
    for (unsigned k = 0; k < KEIGO_LEVELS; k++) {
        share[k] = share[k] * by + (double)l->bias[k];
        most = fmax(most, share[k]);
    }
    for (unsigned k = 0; k < KEIGO_LEVELS; k++)
        sum += share[k] = exp(share[k] - most);
    for (unsigned k = 0; k < KEIGO_LEVELS; k++)
        share[k] /= sum;
}

// AdaGrad (Duchi et al. 2011), with weights drawn to zero where they are used.
static void learn_row(struct learning *l, const struct row *row, float rate, float decay) {
    double share[KEIGO_LEVELS];
    float by = (float)(1 / sqrt(row->len ? row->len : 1));
    shares(l, row, share);
    for (uint32_t i = 0; i < row->len; i++) {
        size_t at = (size_t)(l->pool[row->from + i] % BUCKETS) * KEIGO_LEVELS;
        for (unsigned k = 0; k < KEIGO_LEVELS; k++) {
            float gradient =
                by * ((float)share[k] - (row->level == k)) + decay * l->weights[at + k];
            l->squares[at + k] += gradient * gradient;
            l->weights[at + k] -= rate * gradient / (sqrtf(l->squares[at + k]) + 1e-6F);
        }
    }
    for (unsigned k = 0; k < KEIGO_LEVELS; k++)
        l->bias[k] -= 0.01F * ((float)share[k] - (row->level == k));
}

static void learn_bag(struct tool *tool, struct learning *l, float rate, float decay) {
    for (unsigned epoch = 0; epoch < EPOCHS; epoch++)
        for (uint32_t i = 0; i < l->len; i++) {
            const struct row *row = &l->rows[chance_below(tool, l->len)];
            if (!row->held) learn_row(l, row, rate / (1 + 0.1F * (float)epoch), decay);
        }
}

// The mean of models that each drew their rows with replacement (Breiman 1996): linear as they are.
static void learn(struct tool *tool, struct learning *l, float rate, float decay) {
    float *mean = take(WEIGHTS, sizeof *mean), bias[KEIGO_LEVELS] = {0};
    for (unsigned bag = 0; bag < BAGS; bag++) {
        memset(l->weights, 0, WEIGHTS * sizeof *l->weights);
        memset(l->squares, 0, WEIGHTS * sizeof *l->squares);
        memset(l->bias, 0, sizeof l->bias);
        learn_bag(tool, l, rate, decay);
        for (size_t i = 0; i < WEIGHTS; i++)
            mean[i] += l->weights[i] / BAGS;
        for (unsigned k = 0; k < KEIGO_LEVELS; k++)
            bias[k] += l->bias[k] / BAGS;
    }
    free(l->weights);
    l->weights = mean;
    memcpy(l->bias, bias, sizeof bias);
}

static void tell(const struct learning *l) {
    uint32_t all = 0, exact = 0, near = 0;
    for (uint32_t i = 0; i < l->len; i++) {
        double share[KEIGO_LEVELS];
        unsigned best = 0;
        if (!l->rows[i].held) continue;
        shares(l, &l->rows[i], share);
        for (unsigned k = 1; k < KEIGO_LEVELS; k++)
            if (share[k] > share[best]) best = k;
        all++;
        exact += best == l->rows[i].level;
        near += best <= l->rows[i].level + 1U && l->rows[i].level <= best + 1U;
    }
    if (all)
        printf("levels: held topics, %u rows: exact %.4f, within one %.4f\n", all,
               (double)exact / all, (double)near / all);
}

static void write_weights(const struct tool *tool, const struct learning *l) {
    float most = 1e-9F;
    int8_t *packed = take(WEIGHTS, 1);
    struct buf out;
    for (size_t i = 0; i < WEIGHTS; i++)
        most = fmaxf(most, fabsf(l->weights[i]));
    struct keigo_levels levels = {.weights = packed, .buckets = BUCKETS, .scale = most / 127};
    memcpy(levels.bias, l->bias, sizeof levels.bias);
    for (size_t i = 0; i < WEIGHTS; i++)
        packed[i] = (int8_t)lrintf(l->weights[i] / levels.scale);
    check(buf_open(&out, 64 << 20));
    keigo_levels_write(&levels, &out);
    FILE *file = out_open(tool, "levels.bin");
    fwrite(out.at, 1, out.len, file);
    out_close(file);
    buf_close(&out);
    free(packed);
}

void make_levels(struct tool *tool) {
    struct learning l = {0};
    l.rows = take(ROWS_MAX, sizeof *l.rows);
    l.pool = take(POOL, sizeof *l.pool);
    l.weights = take(WEIGHTS, sizeof *l.weights);
    l.squares = take(WEIGHTS, sizeof *l.squares);
    rows_read(tool, &l);
    learn(tool, &l, 0.08F, 3e-5F);
    tell(&l);
    write_weights(tool, &l);
    free(l.rows);
    free(l.pool);
    free(l.weights);
    free(l.squares);
}
