// Hostile receipts against one key. A receipt that is accepted has every fact it needs proven.
#include "base/arena.h"
#include "ledger/ledger.h"
#include "taken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static struct note_key key;
    if (!arena.base) {
        struct sign_key secret; // the key of tests/api/ledger_write.c, which wrote the corpus
        sign_init(&secret, (const uint8_t[SIGN_SEED_LEN]){42});
        must(arena_open(&arena, "receipt", RECEIPT_ARENA) == SK_OK);
        must(note_key_of("sekisho.example/test", NOTE_ED25519, secret.public, &key) == SK_OK);
    }
    struct trust trust;
    arena_reset(&arena);
    must(trust_of_key(&key, &arena, &trust) == SK_OK);
    const struct receipt_inputs inputs = {.body = VIEW("{}"),
                                          .prompt = VIEW("\1\0\0\0"),
                                          .response = VIEW("yes"),
                                          .has_body = true,
                                          .has_prompt = true,
                                          .has_response = true};
    struct receipt_facts facts;
    enum sk_code code = receipt_check((struct view){(const char *)data, size}, &trust, &inputs,
                                      &arena, &facts);
    if (code != SK_OK) return 0;
    fuzz_take();
    must(facts.signature == RECEIPT_PROVEN && facts.bound == RECEIPT_PROVEN);
    must(facts.open_in == RECEIPT_PROVEN && facts.close_in == RECEIPT_PROVEN);
    must(facts.body == RECEIPT_PROVEN && facts.prompt == RECEIPT_PROVEN);
    must(facts.choice == RECEIPT_PROVEN);
    must(facts.open_index < facts.tree_size && facts.close_index < facts.tree_size);
    return 0;
}
