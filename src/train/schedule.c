#include "train/schedule.h"

#include <inttypes.h>
#include <math.h>

enum sk_code schedule_check(const struct schedule *s) {
    if (s->steps == 0) return FAIL(SK_INPUT, "steps 0: at least 1");
    if (!isfinite(s->rate) || s->rate <= 0)
        return FAIL(SK_INPUT, "rate %g: a number above 0, usually below 0.01", s->rate);
    if (!(s->floor >= 0 && s->floor <= s->rate))
        return FAIL(SK_INPUT, "floor %g: from 0 to the rate, %g", s->floor, s->rate);
    if (s->warmup > s->steps)
        return FAIL(SK_INPUT, "warm-up of %" PRIu64 " steps: at most the %" PRIu64 " of the run",
                    s->warmup, s->steps);
    if (s->kind == SCHEDULE_WSD && s->decay > s->steps - s->warmup)
        return FAIL(SK_INPUT,
                    "decay of %" PRIu64 " steps: at most %" PRIu64 ", what the warm-up leaves",
                    s->decay, s->steps - s->warmup);
    return SK_OK;
}

// How much of the way from the rate to the floor is left.
static double schedule_left(const struct schedule *s, uint64_t step) {
    switch (s->kind) {
    case SCHEDULE_CONSTANT: break;
    case SCHEDULE_COSINE: {
        static const double pi = 3.14159265358979323846;
        return (1 + cos(pi * (double)(step - s->warmup) / (double)(s->steps - s->warmup))) / 2;
    }
    case SCHEDULE_WSD: {
        uint64_t stable = s->steps - s->decay;
        return step <= stable ? 1 : 1 - sqrt((double)(step - stable) / (double)s->decay);
    }
    }
    return 1;
}

double schedule_rate(const struct schedule *s, uint64_t step) {
    must(step >= 1);
    if (step > s->steps) step = s->steps;
    if (step <= s->warmup) return s->rate * (double)step / (double)s->warmup;
    return s->floor + (s->rate - s->floor) * schedule_left(s, step);
}
