// Any text: a pin, or an error; never a byte outside of it. Bytes that are no PEM are read as the
// DER within one, so that a fuzzer gets past base64.
#include <stdint.h>

#include "base/text.h"
#include "cli/pin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char text[2 * PIN_DER_MAX];
    uint8_t pin[HASH_LEN];
    (void)pin_of((struct view){(const char *)data, size}, pin);
    if (size > PIN_DER_MAX) return 0;
    struct buf pem = buf_over(text, sizeof text);
    buf_put_text(&pem, "-----BEGIN CERTIFICATE-----\n");
    base64_put(&pem, data, size);
    buf_put_text(&pem, "\n-----END CERTIFICATE-----\n");
    must(!pem.over);
    (void)pin_of(buf_view(&pem), pin);
    return 0;
}
