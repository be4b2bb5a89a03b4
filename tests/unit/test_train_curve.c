// The curve: well-formed whatever the points, of bounded size, with both lines.
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/curve.h"

enum { SVG_MAX = 1 << 17, POINTS = 200000 };

static char svg[SVG_MAX];

static void write(const struct curve *curve) {
    struct buf out = buf_over(svg, sizeof svg);
    curve_write(curve, &out);
    buf_put_char(&out, 0);
    assert_false(out.over);
    assert_non_null(strstr(svg, "</svg>"));
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
}

static size_t count(const char *what) {
    size_t len = 0;
    for (const char *at = svg; (at = strstr(at, what)); at++) len++;
    return len;
}

static void nothing_is_a_picture_too(void **state) {
    (void)state;
    write(&(struct curve){.title = VIEW("empty")});
    struct curve_point one = {1, 3};
    write(&(struct curve){.title = VIEW("one"), .trained = &one, .trained_len = 1});
    assert_int_equal(count("training 3.000"), 1);
    assert_int_equal(count("training"), 1);
}

// Beside which a tick of the axis is no difference any more, or the range no number.
static void losses_without_bounds_end(void **state) {
    (void)state;
    struct curve_point points[] = {{1, 1e300}, {2, -1e300}, {3, 1e20}, {4, 999999999}};
    for (size_t i = 0; i < 4; i++) {
        struct curve curve = {.title = VIEW("far"), .trained = points + i, .held = points + i,
                              .trained_len = 4 - i, .held_len = 4 - i};
        write(&curve);
        curve.trained_len = curve.held_len = 1;
        write(&curve);
    }
}

static void many_points_stay_small(void **state) {
    (void)state;
    struct curve_point *points = calloc(POINTS, sizeof *points);
    for (uint64_t i = 0; i < POINTS; i++) points[i] = (struct curve_point){i + 1, 9 / sqrt((double)i + 1)};
    points[7].loss = NAN;
    points[8].loss = INFINITY;
    struct curve curve = {.title = VIEW("a <b> & \"c\""),
                          .trained = points,
                          .held = points,
                          .trained_len = POINTS,
                          .held_len = POINTS,
                          .steps = 2 * POINTS};
    write(&curve);
    assert_non_null(strstr(svg, ">a b  c</text>"));
    assert_non_null(strstr(svg, "validation 0.020"));
    free(points);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_a_picture_too),
        cmocka_unit_test(losses_without_bounds_end),
        cmocka_unit_test(many_points_stay_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
