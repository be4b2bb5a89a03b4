// Curve: the losses of a run as an SVG picture: training as a band of its range with its mean in
// it, validation as points on a line.
//
// Promises: the picture's size does not grow with the number of points; the same points give the
// same bytes. Refuses: nothing; points that are no numbers, or past 1e9, are left out.
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"

struct curve_point {
    uint64_t step;
    double loss;
};

struct curve { // ascending steps
    struct view title;
    const struct curve_point *trained, *held;
    size_t trained_len, held_len;
    uint64_t steps; // of the whole run; 0: as far as there are points
};
void curve_write(const struct curve *curve, struct buf *out);
