// Hostile proofs: one text for one proof, and only the leaf that was logged passes. The corpus holds
// proofs of the leaf "leaf", signed with the key below.
#include "base/text.h"
#include "ledger/ledger.h"
#include "taken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static struct trust trust;
    static char storage[2 * PROOF_TEXT_MAX];
    static struct proof_facts facts;
    if (!arena.base) {
        struct sign_key secret;
        struct note_key key;
        sign_init(&secret, (const uint8_t[SIGN_SEED_LEN]){42});
        must(note_key_of("log.example/a", NOTE_ED25519, secret.public, &key) == SK_OK);
        must(arena_open(&arena, "trust", 1 << 20) == SK_OK);
        must(trust_of_key(&key, &arena, &trust) == SK_OK);
    }
    struct view text = {(const char *)data, size};
    struct proof proof;
    if (proof_read(text, &proof) != SK_OK) {
        must(proof_check(text, VIEW("leaf"), &trust, &facts) != SK_OK);
        return 0;
    }
    uint8_t extra[PROOF_EXTRA_MAX];
    size_t len = 0;
    must(base64_take(proof.extra, extra, sizeof extra, &len));
    struct buf out = buf_over(storage, sizeof storage);
    proof_write(&proof, (struct view){(const char *)extra, len}, &out);
    must(view_same(buf_view(&out), text));
    must(proof_check(text, VIEW("other"), &trust, &facts) != SK_OK);
    if (proof_check(text, VIEW("leaf"), &trust, &facts) != SK_OK) return 0;
    fuzz_take();
    must(facts.included && facts.trust.log && facts.proof.index < facts.trust.checkpoint.size);
    return 0;
}
