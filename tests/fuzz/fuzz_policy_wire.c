// Bytes as a policy between rooms: what is taken is put back byte for byte, and can be judged.
// The seed default.good is policy_put of policy_default("JP").
#include "border/border.h"
#include "taken.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { MAX = 1 << 20 };
    static struct policy policy;
    static struct arena arena;
    static char again[MAX];
    struct view bytes = {(const char *)data, size};
    if (!arena.base && arena_open(&arena, "policy", MAX) != SK_OK) abort();
    arena_reset(&arena);
    enum sk_code code = policy_take(bytes, &arena, &policy);
    if (code != SK_OK && code != SK_CORRUPT && code != SK_LIMIT) abort();
    if (code != SK_OK) return 0;
    fuzz_take();
    struct buf out = buf_over(again, sizeof again);
    if (policy_put(&policy, &out) != SK_OK || !view_same(buf_view(&out), bytes)) abort();
    for (uint16_t place = 0; place < policy.places_len; place++) {
        struct policy_verdict verdict;
        struct policy_ask ask = {.purpose = POLICY_NONE,
                                 .place = place,
                                 .level = LEVEL_FORTRESS,
                                 .classes = (UINT64_C(1) << policy.classes_len) - 1};
        policy_judge(&policy, &ask, &verdict);
        if (!verdict.rule[0]) abort();
    }
    return 0;
}
