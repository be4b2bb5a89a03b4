// Schedule: the learning rate of each step.
//
// With t the step, counted from 1, r the highest rate, f the floor, w the steps of the warm-up and
// n those of the run:
//   warm-up   t <= w          r t / w
//   constant                  r
//   cosine                    f + (r - f) (1 + cos(pi (t - w) / (n - w))) / 2
//   WSD       t <= n - d      r
//             otherwise       f + (r - f) (1 - sqrt((t - (n - d)) / d)), d the steps of the decay
// After step n the rate stays where it was then.
// Sources: Loshchilov & Hutter 2017 (cosine); Hu et al. 2024 (WSD: warm-up, stable, decay); Hägele
// et al. 2024 (its decay by the square root).
#pragma once
#include <stdint.h>

#include "base/fail.h"

enum schedule_kind { SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_WSD };

struct schedule {
    enum schedule_kind kind;
    uint64_t steps, warmup, decay; // decay: the last steps, of WSD only
    double rate, floor;
};

// SK_INPUT, naming the field, its limit and the fix.
enum sk_code schedule_check(const struct schedule *schedule);

// Of a schedule that passed schedule_check; step >= 1.
double schedule_rate(const struct schedule *schedule, uint64_t step);
