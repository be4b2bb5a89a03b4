// What a target took. A seed named NAME.good must be, or replay.c fails: else a parser whose format
// moved on would go on refusing all of its corpus, and the test would show nothing.
#pragma once
#include <stdbool.h>

extern bool fuzz_taken __attribute__((weak)); // of replay.c; libFuzzer has none

static inline void fuzz_take(void) {
    if (&fuzz_taken) fuzz_taken = true;
}
