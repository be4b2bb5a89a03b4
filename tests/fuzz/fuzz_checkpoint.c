// Hostile notes and verifier keys. What is accepted is what we would write.
#include "ledger/ledger.h"
#include "taken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_key(struct view text) {
    struct note_key key;
    char storage[512];
    struct buf out = buf_over(storage, sizeof storage);
    if (note_key_parse(text, &key) != SK_OK) return;
    fuzz_take();
    note_key_write(&key, &out);
    must(view_same(buf_view(&out), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct note_key key;
    static struct sign_key secret;
    if (!key.name[0]) {
        sign_init(&secret, (const uint8_t[SIGN_SEED_LEN]){42});
        must(note_key_of("sekisho.example/test", NOTE_ED25519, secret.public, &key) == SK_OK);
    }
    struct view text = {(const char *)data, size};
    struct checkpoint checkpoint;
    try_key(text);
    if (checkpoint_check(text, &key, &checkpoint) != SK_OK) return 0;
    fuzz_take();
    char storage[LEDGER_NOTE_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    checkpoint_sign(key.name, checkpoint.size, &checkpoint.root, &key, &secret, &out);
    size_t end = 0; // of the text: signatures of others may stand around ours
    while (end < out.len && memcmp(storage + end, "\n\n", 2) != 0) end++;
    must(size > end && memcmp(data, storage, end + 2) == 0);
    return 0;
}
