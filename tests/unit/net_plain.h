// The same network once more, in double and one number after the other, as the papers have it: what
// the losses of train/net.h are compared with, and by differences its gradients. F32 tensors only.
#pragma once
#include <math.h>
#include <stdlib.h>

#include "train/net.h"

// y = W x + bias + scale B (A x).
static void plain_matrix(const struct net_matrix *matrix, const double *x, double *y) {
    const float *w = matrix->at;
    const struct net_low_rank *low = &matrix->low;
    for (uint32_t r = 0; r < matrix->rows; r++) {
        y[r] = matrix->bias ? (double)matrix->bias[r] : 0;
        for (uint32_t c = 0; c < matrix->columns; c++)
            y[r] += (double)w[(size_t)r * matrix->columns + c] * x[c];
    }
    for (uint32_t k = 0; k < low->rank; k++) {
        double sum = 0;
        for (uint32_t c = 0; c < matrix->columns; c++)
            sum += (double)low->a[k * matrix->columns + c] * x[c];
        for (uint32_t r = 0; r < matrix->rows; r++)
            y[r] += (double)low->scale * (double)low->b[r * low->rank + k] * sum;
    }
}

static void plain_norm(const struct net *net, struct net_vector weight, const double *x,
                       double *y) {
    uint32_t n = net->shape.width;
    double squares = 0;
    for (uint32_t i = 0; i < n; i++) squares += x[i] * x[i];
    for (uint32_t i = 0; i < n; i++)
        y[i] = x[i] / sqrt(squares / n + (double)net->shape.epsilon) * (double)weight.at[i];
}

static void plain_turn(const struct net *net, double *x, uint32_t heads, double position) {
    const struct net_shape *shape = &net->shape;
    uint32_t pairs = shape->head_len / 2;
    for (uint32_t h = 0; h < heads; h++)
        for (uint32_t i = 0; i < pairs; i++) {
            double *head = x + h * shape->head_len, *one = head + (shape->halves ? i : 2 * i);
            double *other = shape->halves ? one + pairs : one + 1, a = *one, b = *other;
            double angle = position * pow((double)shape->rope_base, -(double)i / pairs);
            if (net->rope_factors) angle /= (double)net->rope_factors[i];
            *one = a * cos(angle) - b * sin(angle);
            *other = a * sin(angle) + b * cos(angle);
        }
}

// One query over keys and values of positions first .. last of one head, which lie `stride` apart.
static void plain_attend(uint32_t head_len, const double *q, const double *k, const double *v,
                         uint32_t positions, uint32_t stride, double *out) {
    double *score = malloc(positions * sizeof *score), most = -INFINITY, total = 0;
    for (uint32_t t = 0; t < positions; t++) {
        score[t] = 0;
        for (uint32_t i = 0; i < head_len; i++) score[t] += q[i] * k[t * stride + i];
        score[t] /= sqrt((double)head_len);
        if (score[t] > most) most = score[t];
    }
    for (uint32_t t = 0; t < positions; t++) total += score[t] = exp(score[t] - most);
    for (uint32_t i = 0; i < head_len; i++) {
        out[i] = 0;
        for (uint32_t t = 0; t < positions; t++) out[i] += score[t] / total * v[t * stride + i];
    }
    free(score);
}

// A row of the batch: x [len][width], and where each position's document begins.
struct plain_row {
    const struct net *net;
    double *x;
    uint32_t *begin;
    uint32_t len;
};

static void plain_layer(const struct plain_row *row, const struct net_layer *layer) {
    const struct net_shape *shape = &row->net->shape;
    uint32_t w = shape->width, head = shape->head_len;
    uint32_t nq = shape->heads * head, nkv = shape->heads_kv * head;
    double *q = calloc(row->len, nq * sizeof *q), *k = calloc(row->len, nkv * sizeof *k);
    double *v = calloc(row->len, nkv * sizeof *v), *y = calloc(w + nq, sizeof *y);
    double *gate = calloc(2 * shape->ff, sizeof *gate), *up = gate + shape->ff, *mixed = y + w;
    for (uint32_t t = 0; t < row->len; t++) {
        plain_norm(row->net, layer->attention_norm, row->x + t * w, y);
        plain_matrix(&layer->query, y, q + t * nq);
        plain_matrix(&layer->key, y, k + t * nkv);
        plain_matrix(&layer->value, y, v + t * nkv);
        plain_turn(row->net, q + t * nq, shape->heads, t - row->begin[t]);
        plain_turn(row->net, k + t * nkv, shape->heads_kv, t - row->begin[t]);
    }
    for (uint32_t t = 0; t < row->len; t++) {
        double *x = row->x + t * w;
        for (uint32_t h = 0; h < shape->heads; h++) {
            size_t from = row->begin[t] * nkv + h / (shape->heads / shape->heads_kv) * head;
            plain_attend(head, q + t * nq + h * head, k + from, v + from, t - row->begin[t] + 1,
                         nkv, mixed + h * head);
        }
        plain_matrix(&layer->output, mixed, y);
        for (uint32_t i = 0; i < w; i++) x[i] += y[i];
        plain_norm(row->net, layer->ff_norm, x, y);
        plain_matrix(&layer->gate, y, gate);
        plain_matrix(&layer->up, y, up);
        for (uint32_t i = 0; i < shape->ff; i++) gate[i] *= up[i] / (1 + exp(-gate[i]));
        plain_matrix(&layer->down, gate, y);
        for (uint32_t i = 0; i < w; i++) x[i] += y[i];
    }
    free(q), free(k), free(v), free(y), free(gate);
}

static double plain_foretell(const struct net *net, const double *x, int32_t target) {
    double *y = calloc(net->shape.width, sizeof *y), most = -INFINITY, total = 0;
    double *logits = calloc(net->shape.vocabulary, sizeof *logits);
    plain_norm(net, net->output_norm, x, y);
    plain_matrix(&net->head, y, logits);
    for (uint32_t i = 0; i < net->shape.vocabulary; i++)
        if (logits[i] > most) most = logits[i];
    for (uint32_t i = 0; i < net->shape.vocabulary; i++) total += exp(logits[i] - most);
    double loss = log(total) + most - logits[target];
    free(y), free(logits);
    return loss;
}

// The sum of -ln p over the targets that count; each one's into `each` (may be NULL).
static double plain_loss(const struct net *net, const struct net_batch *batch, double *each) {
    uint32_t w = net->shape.width, len = batch->len;
    double sum = 0, *x = calloc((size_t)len * w, sizeof *x);
    uint32_t *begin = calloc(len, sizeof *begin);
    for (uint32_t r = 0; r < batch->rows; r++) {
        for (uint32_t t = 0; t < len; t++) {
            size_t at = (size_t)r * len + t;
            begin[t] = t && batch->segments[at] == batch->segments[at - 1] ? begin[t - 1] : t;
            const float *row = (const float *)net->embedding.at + (size_t)batch->ids[at] * w;
            for (uint32_t i = 0; i < w; i++) x[t * w + i] = (double)row[i];
        }
        struct plain_row row = {net, x, begin, len};
        for (uint32_t i = 0; i < net->shape.layers; i++) plain_layer(&row, &net->layer[i]);
        for (uint32_t t = 0; t < len; t++) {
            int32_t target = batch->targets[(size_t)r * len + t];
            double loss = target == NET_IGNORED ? 0 : plain_foretell(net, x + t * w, target);
            if (each) each[(size_t)r * len + t] = loss;
            sum += loss;
        }
    }
    free(x), free(begin);
    return sum;
}
