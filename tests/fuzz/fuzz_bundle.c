// Disclosures of anybody: read without harm, and none passes that no key of ours signed.
#include "ledger/bundle.h"
#include "taken.h"

enum { INPUT_MAX = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char copy[INPUT_MAX];
    static struct arena arena;
    struct bundle_facts facts;
    struct sign_key key;
    struct note_key name;
    struct trust trust;
    if (size > sizeof copy) return 0;
    if (!arena.base) must(arena_open(&arena, "bundle", 32 << 20) == SK_OK);
    arena_reset(&arena);
    sign_init(&key, (const uint8_t[SIGN_SEED_LEN]){42});
    must(note_key_of("sekisho.example/test", NOTE_ED25519, key.public, &name) == SK_OK);
    must(trust_of_key(&name, &arena, &trust) == SK_OK);
    if (size) memcpy(copy, data, size);
    struct buf text = {.at = copy, .len = size};
    if (bundle_check(&text, &trust, &arena, &facts) != SK_OK) return 0;
    fuzz_take();
    must(facts.open.included);
    return 0;
}
