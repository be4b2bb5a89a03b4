#include "border/detector.h"

#include "base/fail.h"

static const struct {
    const char *name, *prefix;
} detectors[DETECTOR_COUNT] = {
#define X(identifier, name, prefix) {name, prefix},
    DETECTORS(X)
#undef X
};

const char *detector_name(enum detector detector) {
    must((unsigned)detector < DETECTOR_COUNT);
    return detectors[detector].name;
}

const char *detector_prefix(enum detector detector) {
    must((unsigned)detector < DETECTOR_COUNT);
    return detectors[detector].prefix;
}

bool detector_set_add(struct detector_set *set, struct view pattern) {
    bool family = pattern.len >= 2 && memcmp(pattern.at + pattern.len - 2, ".*", 2) == 0;
    struct view begin = {pattern.at, pattern.len - (family ? 1 : 0)};
    uint64_t bits = 0;
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        struct view name = view_of(detectors[i].name);
        if (family ? view_starts(name, begin) : view_same(name, begin)) bits |= UINT64_C(1) << i;
    }
    set->bits |= bits;
    return bits != 0;
}
