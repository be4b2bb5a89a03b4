// Hostile bundles against the keys of the corpus, and hostile statements as if their signature were
// good. What is accepted lists files by clean names.
#include "../unit/signing_keys.h"
#include "signing/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void accepted(const struct signing_statement *statement) {
    must(statement->files_len > 0);
    for (uint32_t i = 0; i < statement->files_len; i++)
        must(signing_name_good(statement->files[i].name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static struct signing_key keys[SIGNERS];
    struct view text = {(const char *)data, size};
    struct signing_statement statement = {0};
    struct signing_key key;
    if (!arena.base) {
        must(arena_open(&arena, "signature", SIGNING_ARENA) == SK_OK);
        for (int i = 0; i < SIGNERS; i++)
            must(signing_key_read(view_of(signer_pems[i]), &keys[i]) == SK_OK);
    }
    arena_reset(&arena);
    if (signing_check(text, keys, SIGNERS, &arena, &statement) == SK_OK) accepted(&statement);
    if (signing_statement_read(text, &arena, &statement) == SK_OK) accepted(&statement);
    if (signing_key_read(text, &key) == SK_OK) signing_key_close(&key);
    return 0;
}
