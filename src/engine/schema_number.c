#include "engine/schema_number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// ---- bounds ----

// The digits of a JSON number without its point, and where the point stands among them.
struct digits {
    char at[2 * BOUND_DIGITS_MAX];
    int len, point;
    bool many; // more than fit
};

static void take_digits(struct view *text, struct digits *out, bool part) {
    for (; text->len && *text->at >= '0' && *text->at <= '9'; *text = view_from(*text, 1)) {
        bool leading = out->len == 0 && *text->at == '0';
        if (!leading && out->len < (int)sizeof out->at) {
            out->at[out->len++] = *text->at;
        } else if (!leading && *text->at != '0') {
            out->many = true;
        }
        if (part) {
            out->point -= leading;
        } else {
            out->point += !leading;
        }
    }
}

// The exponent that ends a JSON number: 0 without one, held within what matters.
static long exponent_of(const char *number) {
    const char *e = strpbrk(number, "eE");
    long exponent = e ? strtol(e + 1, NULL, 10) : 0;
    return exponent > 100000 ? 100000 : exponent < -100000 ? -100000 : exponent;
}

static enum sk_code bound_parse(struct view text, bool exclusive, struct bound *out) {
    struct digits digits = {.len = 0};
    char copy[JSON_NUMBER_MAX + 1];
    must(text.len <= JSON_NUMBER_MAX);
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    *out = (struct bound){.set = true, .exclusive = exclusive, .value = strtod(copy, NULL)};
    text = view_from(text, *copy == '-');
    take_digits(&text, &digits, false);
    if (text.len && *text.at == '.') {
        text = view_from(text, 1);
        take_digits(&text, &digits, true);
    }
    while (digits.len && digits.at[digits.len - 1] == '0')
        digits.len--;
    if (digits.len == 0) return SK_OK;
    out->negative = *copy == '-';
    long point = digits.point + exponent_of(copy), part = digits.len - point;
    out->beyond = point > BOUND_DIGITS_MAX;
    if (out->beyond) return SK_OK;
    if (digits.many || part > BOUND_DIGITS_MAX)
        return FAIL(SK_UNSUPPORTED, "more than %d digits", BOUND_DIGITS_MAX);
    if (exclusive && digits.len > RANGE_SIGNIFICANT_MAX)
        return FAIL(SK_UNSUPPORTED, "more than %d significant digits", RANGE_SIGNIFICANT_MAX);
    for (long i = 0; i < point; i++)
        out->whole[i] = i < digits.len ? digits.at[i] : '0';
    out->whole_len = (uint8_t)(point > 0 ? point : 0);
    long from = point > 0 ? point : 0; // the first digit of the part
    for (long i = 0; i < part; i++)
        out->part[i] = point + i < 0 ? '0' : digits.at[point + i];
    out->part_len = (uint8_t)(digits.len > from ? part : 0);
    return SK_OK;
}

static int magnitude_compare(const struct bound *a, const struct bound *b) {
    if (a->whole_len != b->whole_len) return a->whole_len < b->whole_len ? -1 : 1;
    int order = memcmp(a->whole, b->whole, sizeof a->whole);
    return order ? order : memcmp(a->part, b->part, sizeof a->part);
}

static int bound_compare(const struct bound *a, const struct bound *b) {
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    return a->negative ? magnitude_compare(b, a) : magnitude_compare(a, b);
}

// `side` becomes the bound when that is tighter: more (sign 1) or less (sign -1).
static enum sk_code tighten(struct bound *side, int sign, struct view text, bool exclusive) {
    struct bound bound;
    TRY(bound_parse(text, exclusive, &bound));
    if (bound.beyond && bound.negative == (sign > 0)) return SK_OK; // no text comes near it
    if (bound.beyond) return FAIL(SK_UNSUPPORTED, "more than %d digits", BOUND_DIGITS_MAX);
    int order = side->set ? bound_compare(&bound, side) * sign : 1;
    if (order > 0 || (order == 0 && exclusive)) *side = bound;
    return SK_OK;
}

enum sk_code range_raise(struct range *range, struct view text, bool exclusive) {
    return tighten(&range->min, 1, text, exclusive);
}

enum sk_code range_lower(struct range *range, struct view text, bool exclusive) {
    return tighten(&range->max, -1, text, exclusive);
}

enum sk_code range_multiply(struct range *range, struct view text) {
    struct bound bound;
    TRY(bound_parse(text, false, &bound));
    if (bound.negative || bound.value == 0) return FAIL(SK_INPUT, "not more than 0");
    if (bound.value != floor(bound.value) || bound.value > RANGE_MULTIPLE_MAX)
        return FAIL(SK_UNSUPPORTED, "no integer of 1 to %d", RANGE_MULTIPLE_MAX);
    uint32_t a = range->multiple ? range->multiple : 1, b = (uint32_t)bound.value, x = a, y = b;
    while (y) {
        uint32_t rest = x % y;
        x = y, y = rest;
    }
    if (a / x * b > RANGE_MULTIPLE_MAX)
        return FAIL(SK_UNSUPPORTED, "no integer of 1 to %d", RANGE_MULTIPLE_MAX);
    range->multiple = a / x * b;
    range->integer = true;
    return SK_OK;
}

bool range_open(const struct range *range) {
    return !range->min.set && !range->max.set && !range->multiple;
}

bool range_has(const struct range *range, double number) {
    const struct bound *min = &range->min, *max = &range->max;
    if (min->set && (number < min->value || (min->exclusive && number == min->value))) return false;
    if (max->set && (number > max->value || (max->exclusive && number == max->value))) return false;
    if (range->integer && number != floor(number)) return false;
    return !range->multiple || fmod(number, range->multiple) == 0;
}

// ---- texts ----

// How the digits read so far stand to those of a bound.
enum order { LESS, SAME, MORE };

// A state, between two characters of a text.
struct spot {
    bool negative;
    enum phase { START, SIGN, ZERO, WHOLE, POINT, PART } phase;
    uint32_t whole, part; // digits read
    enum order min, max;
    uint32_t rest; // of the division by `multiple`
};

static uint64_t pack(const struct spot *s) {
    return (uint64_t)s->rest << 32 | (uint64_t)s->whole << 24 | (uint64_t)s->part << 16 |
           (uint64_t)s->min << 12 | (uint64_t)s->max << 8 | (uint64_t)s->phase << 4 | s->negative;
}

static struct spot unpack(uint64_t key) {
    return (struct spot){.negative = key & 1,
                         .phase = (enum phase)(key >> 4 & 15),
                         .max = (enum order)(key >> 8 & 15),
                         .min = (enum order)(key >> 12 & 15),
                         .part = key >> 16 & 255,
                         .whole = key >> 24 & 255,
                         .rest = (uint32_t)(key >> 32)};
}

// The bounds of the magnitude, for texts of one sign.
struct sides {
    struct bound low, high; // high.set false: without end
    bool none;
};

static struct sides sides_of(const struct range *range, bool negative) {
    const struct bound *low = negative ? &range->max : &range->min,
                       *high = negative ? &range->min : &range->max;
    struct sides sides = {.low = *low, .high = *high};
    if (!low->set || low->negative != negative || low->value == 0) {
        bool open = low->set && low->value == 0 && low->exclusive;
        sides.low = (struct bound){.set = true, .exclusive = negative || open};
    }
    sides.none = high->set && (high->negative != negative) && high->value != 0;
    sides.none |= high->set && high->value == 0 && negative;
    return sides;
}

static enum order order_of(char digit, char other) {
    return digit < other ? LESS : digit > other ? MORE : SAME;
}

static enum order after_whole(enum order before, const struct bound *bound, uint32_t at,
                              char digit) {
    if (at >= bound->whole_len) return MORE;
    return before == SAME ? order_of(digit, bound->whole[at]) : before;
}

static enum order after_part(enum order before, const struct bound *bound, uint32_t at,
                             char digit) {
    if (before != SAME) return before;
    return order_of(digit, at < bound->part_len ? bound->part[at] : '0');
}

// At the end of the digits before the point: a shorter whole is less.
static enum order at_point(enum order before, const struct bound *bound, uint32_t whole) {
    return whole < bound->whole_len ? LESS : before;
}

static bool spot_accepts(const struct sides *sides, const struct spot *s) {
    if ((s->phase != ZERO && s->phase != WHOLE && s->phase != PART) || s->rest) return false;
    enum order min = s->min, max = s->max;
    if (s->phase != PART) min = at_point(min, &sides->low, s->whole);
    if (s->phase != PART) max = at_point(max, &sides->high, s->whole);
    if (min == SAME && s->part < sides->low.part_len) min = LESS;
    if (max == SAME && s->part < sides->high.part_len) max = LESS;
    return (min == MORE || (min == SAME && !sides->low.exclusive)) &&
           (!sides->high.set || max == LESS || (max == SAME && !sides->high.exclusive));
}

static void add_digits(const struct range *range, const struct sides *sides, const struct spot *s,
                       struct dfa_make *make) {
    bool part = s->phase == POINT || s->phase == PART;
    bool first = s->phase == START || s->phase == SIGN;
    // More digits than a double holds only where bounds ask for them, and none is divided.
    bool wide = range->integer && !range->multiple && sides->high.set;
    uint32_t most = wide ? RANGE_DIGITS_MAX : RANGE_SIGNIFICANT_MAX;
    if (s->phase == ZERO || s->whole + s->part == most) return;
    for (char digit = '0'; digit <= '9'; digit++) {
        struct spot next = *s;
        if (part) {
            next.phase = PART;
            next.min = after_part(s->min, &sides->low, s->part, digit);
            next.max = after_part(s->max, &sides->high, s->part, digit);
            next.part++;
        } else if (first && digit == '0') {
            next.phase = ZERO; // no digit at all, as bounds are kept
        } else {
            next.phase = WHOLE;
            next.min = after_whole(s->min, &sides->low, s->whole, digit);
            next.max = after_whole(s->max, &sides->high, s->whole, digit);
            next.whole++;
        }
        if (range->multiple) next.rest = (s->rest * 10 + (uint32_t)(digit - '0')) % range->multiple;
        dfa_make_edge(make, (uint32_t)digit, (uint32_t)digit, pack(&next));
    }
}

enum sk_code range_texts(const struct range *range, struct dfa_make *make, struct arena *arena,
                         const struct dfa **out) {
    const struct sides sides[2] = {sides_of(range, false), sides_of(range, true)};
    struct spot start = {.phase = START, .min = SAME, .max = SAME};
    uint64_t key;
    dfa_make_begin(make, pack(&start));
    while (dfa_make_next(make, &key)) {
        struct spot s = unpack(key);
        const struct sides *of = &sides[s.negative];
        if (spot_accepts(of, &s)) dfa_make_accept(make);
        if (s.phase == START && !sides[1].none) {
            struct spot next = start;
            next.phase = SIGN;
            next.negative = true;
            dfa_make_edge(make, '-', '-', pack(&next));
        }
        if (!range->integer && (s.phase == ZERO || s.phase == WHOLE)) {
            struct spot next = s;
            next.phase = POINT;
            next.min = at_point(s.min, &of->low, s.whole);
            next.max = at_point(s.max, &of->high, s.whole);
            dfa_make_edge(make, '.', '.', pack(&next));
        }
        if (!of->none) add_digits(range, of, &s, make);
    }
    return dfa_make_end(make, arena, out);
}
