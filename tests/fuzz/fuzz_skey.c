// Any text: a signing key that writes itself back, or an error.
#include "ledger/skey.h"
#include "taken.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char storage[SKEY_TEXT_MAX];
    struct buf text = buf_over(storage, sizeof storage);
    struct signer signer;
    if (skey_read((struct view){(const char *)data, size}, &signer) != SK_OK) return 0;
    fuzz_take();
    skey_write(&signer, &text);
    must(!text.over && (text.len == size || text.len == size + 1));
    must(memcmp(text.at, data, size) == 0);
    return 0;
}
