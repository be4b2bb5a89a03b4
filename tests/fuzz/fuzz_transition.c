// Hostile notes of a key transition. What is accepted was signed by both of its keys, and is what
// they would sign.
#include "ledger/ledger.h"
#include "taken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct signer old, new;
    struct transition transition;
    char storage[TRANSITION_NOTE_MAX];
    struct buf again = buf_over(storage, sizeof storage);
    if (!old.name.name[0]) { // the keys of the corpus
        const char *name = "sekisho.example/test";
        must(signer_of(name, NOTE_ED25519, (const uint8_t[SIGN_SEED_LEN]){1}, &old) == SK_OK);
        must(signer_of(name, NOTE_ED25519, (const uint8_t[SIGN_SEED_LEN]){2}, &new) == SK_OK);
    }
    struct view note = {(const char *)data, size};
    if (transition_read(note, &transition) != SK_OK) return 0;
    if (memcmp(transition.old.public, old.name.public, SIGN_PUBLIC_LEN) != 0 ||
        memcmp(transition.new.public, new.name.public, SIGN_PUBLIC_LEN) != 0)
        return 0;
    fuzz_take();
    must(transition_write(transition.stage, &old, &new, transition.size, transition.reason,
                          &again) == SK_OK);
    size_t text = again.len;
    while (text > 0 && memcmp(again.at + text - 2, "\n\n", 2) != 0)
        text--;
    must(size >= text && memcmp(data, again.at, text) == 0); // lines of others may stand behind
    return 0;
}
