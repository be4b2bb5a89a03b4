// A digest of results, said as a line "bits NAME DIGEST": runs of one seed on two machines are
// compared by these lines (tests/arm).
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>

static uint64_t bits_state;

// FNV-1a (Fowler, Noll, Vo).
static inline void bits_add(const void *results, size_t len) {
    const uint8_t *at = results;
    for (size_t i = 0; i < len; i++) bits_state = (bits_state ^ at[i]) * UINT64_C(0x100000001b3);
}

// NaN is NaN, whatever its payload.
static inline void bits_add_floats(const float *results, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (isnan(results[i]))
            bits_add("NaN", 3);
        else
            bits_add(&results[i], sizeof *results);
    }
}

// Says what was added since the last time.
static inline void bits_say(const char *name) {
    print_message("bits %s %016llx\n", name, (unsigned long long)bits_state);
    bits_state = 0;
}
