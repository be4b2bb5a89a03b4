// Result: what a task gives that makes no text (gate.h says of what shape), before anybody uses it.
#pragma once
#include "base/arena.h"
#include "gate/gate.h"

enum {
    RESULT_MAX = 64 << 20,     // bytes: 2048 vectors of 8192
    RESULT_JSON_MAX = 1 << 24, // of an attribution: ENGINE_COST_MAX numbers, and the texts
    RESULT_ARENA = 3 << 24,
};

bool result_gives(enum gate_operation operation); // such a one
size_t result_max(enum gate_operation operation); // bytes
// SK_CORRUPT: not of that shape for a task of so many texts, a number that is none, no JSON object.
// `arena` is used up.
enum sk_code result_check(enum gate_operation operation, uint32_t texts, struct view bytes,
                          struct arena *arena);
