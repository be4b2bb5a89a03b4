// Bytes as a policy file, or as a pack: read, or refused with a text that says where; what is read
// goes between rooms and can be judged.
#include "border/border.h"
#include "taken.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char over_pack[] = "format: 1\nname: n\nhome: JP\npacks: [p]\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { MAX = 16 << 20 };
    static struct policy policy, again;
    static struct arena arena;
    static char wire[1 << 20];
    bool pack = size > 0 && data[0] == 'P'; // then comes a pack
    struct view text = {(const char *)data + pack, size - pack};
    struct view names[POLICY_PACKS_MAX];
    struct policy_sources sources = {.policy = {text, "f"}, .packs = {{text, "p"}}};
    if (pack) sources.policy.text = view_of(over_pack);
    if (!arena.base && arena_open(&arena, "policy", MAX) != SK_OK) abort();
    arena_reset(&arena);
    enum sk_code code = policy_packs(sources.policy, &arena, names, &sources.packs_len);
    if (code == SK_OK && sources.packs_len == pack)
        code = policy_read(&sources, 20000, &arena, &policy);
    else if (code == SK_OK)
        return 0;
    if (code != SK_OK && code != SK_INPUT && code != SK_LIMIT) abort();
    if (code != SK_OK) return fail_text()[0] ? 0 : (abort(), 1);
    struct buf out = buf_over(wire, sizeof wire);
    if (policy_put(&policy, &out) != SK_OK) return 0; // larger than rooms take
    fuzz_take();
    if (policy_take(buf_view(&out), &arena, &again) != SK_OK) abort();
    for (uint16_t place = 0; place < again.places_len; place++) {
        struct policy_verdict verdict;
        struct policy_ask ask = {.purpose = POLICY_NONE, .place = place};
        policy_judge(&again, &ask, &verdict);
    }
    return 0;
}
