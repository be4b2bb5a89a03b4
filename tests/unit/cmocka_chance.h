// Chance for a cmocka group, fresh each time: `chance_seed` is its setup; SEKISHO_SEED repeats a run.
#pragma once
#include "cmocka_all.h"

#include <stdlib.h>
#include <time.h>

#include "chance.h"

static uint64_t chance_state;

// SEKISHO_FEWER=n: every n-th round only, for slow machines.
static inline int chance_rounds(int rounds) {
    const char *given = getenv("SEKISHO_FEWER");
    int by = given ? (int)strtol(given, NULL, 10) : 1;
    return by > 1 ? (rounds + by - 1) / by : rounds;
}

static inline int chance_seed(void **state) {
    (void)state;
    const char *given = getenv("SEKISHO_SEED");
    chance_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("SEKISHO_SEED=%llu\n", (unsigned long long)chance_state);
    return 0;
}
