// Bounds of numbers, exact, and the numbers within them as a set of decimal texts.
//
// A range is closed under intersection. Its texts: no exponent, at most RANGE_SIGNIFICANT_MAX
// digits (integers with a bound: RANGE_DIGITS_MAX), so that two texts are two doubles and a
// reader's rounding keeps their order. -0 is none of them. Refuses (SK_UNSUPPORTED) bounds that a
// double cannot tell from their neighbours, and multiples that are no integers.
#pragma once
#include "base/json.h"
#include "engine/schema_dfa.h"

enum {
    RANGE_DIGITS_MAX = 20,
    RANGE_SIGNIFICANT_MAX = 15,
    RANGE_MULTIPLE_MAX = 1000,
    BOUND_DIGITS_MAX = 40, // of one side of a bound's point
};

// A decimal: its digits around the point, without zeros that say nothing ("0" has none at all).
struct bound {
    bool set, negative, exclusive;
    bool beyond; // more than BOUND_DIGITS_MAX digits before the point: none of them kept
    uint8_t whole_len, part_len;
    char whole[BOUND_DIGITS_MAX], part[BOUND_DIGITS_MAX];
    double value; // as a reader rounds it
};

struct range {
    struct bound min, max;
    bool integer;
    uint32_t multiple; // 0: of anything
};

// The number is at least (at most) what the JSON text says, or more (less).
enum sk_code range_raise(struct range *range, struct view text, bool exclusive);
enum sk_code range_lower(struct range *range, struct view text, bool exclusive);
// It is a multiple of what the JSON text says.
enum sk_code range_multiply(struct range *range, struct view text);

// Whether nothing narrows it but `integer`.
bool range_open(const struct range *range);
// Whether a double lies in it.
bool range_has(const struct range *range, double number);
// Its texts; may be the empty set.
enum sk_code range_texts(const struct range *range, struct dfa_make *make, struct arena *arena,
                         const struct dfa **out);
