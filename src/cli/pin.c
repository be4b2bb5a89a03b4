#include "cli/pin.h"

#include "base/buf.h"
#include "base/text.h"

enum { DER_SEQUENCE = 0x30, DER_INTEGER = 0x02, DER_VERSION = 0xa0, DER_LENGTH_BYTES_MAX = 3 };

// The first value of `rest`, which must be of this kind: its content into *inside, all its bytes
// into *whole (either may be NULL); *rest goes on behind it.
static bool der_take(struct view *rest, uint8_t tag, struct view *inside, struct view *whole) {
    const uint8_t *at = (const uint8_t *)rest->at;
    if (rest->len < 2 || at[0] != tag) return false;
    size_t head = 2, len = at[1];
    if (len > 0x80 + DER_LENGTH_BYTES_MAX || len == 0x80) return false;
    if (len > 0x80) {
        size_t more = len - 0x80;
        if (rest->len < head + more) return false;
        len = 0;
        for (size_t i = 0; i < more; i++)
            len = len << 8 | at[head + i];
        head += more;
    }
    if (rest->len - head < len) return false;
    if (inside) *inside = (struct view){rest->at + head, len};
    if (whole) *whole = (struct view){rest->at, head + len};
    *rest = view_from(*rest, head + len);
    return true;
}

// RFC 5280 section 4.1: version, serial number, signature, issuer, validity, subject, then the key.
static bool key_of(struct view der, struct view *key) {
    struct view certificate, body;
    if (!der_take(&der, DER_SEQUENCE, &certificate, NULL) ||
        !der_take(&certificate, DER_SEQUENCE, &body, NULL))
        return false;
    der_take(&body, DER_VERSION, NULL, NULL);
    if (!der_take(&body, DER_INTEGER, NULL, NULL)) return false;
    for (int i = 0; i < 4; i++)
        if (!der_take(&body, DER_SEQUENCE, NULL, NULL)) return false;
    return der_take(&body, DER_SEQUENCE, NULL, key);
}

static const char *find(struct view text, const char *word) {
    return text.len ? memmem(text.at, text.len, word, strlen(word)) : NULL;
}

// The bytes between the two lines of PEM, without line breaks.
static bool pem_take(struct view text, const char *begin, const char *end, struct buf *out) {
    const char *from = find(text, begin);
    if (!from) return false;
    struct view body = view_from(text, (size_t)(from - text.at) + strlen(begin));
    const char *to = find(body, end);
    if (!to) return false;
    for (const char *at = body.at; at < to; at++)
        if ((uint8_t)*at > ' ') buf_put_char(out, *at);
    return true;
}

enum sk_code pin_of(struct view text, uint8_t pin[HASH_LEN]) {
    static char letters[PIN_DER_MAX / 3 * 4 + 4];
    static uint8_t bytes[PIN_DER_MAX];
    struct buf pem = buf_over(letters, sizeof letters);
    bool whole = pem_take(text, "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", &pem);
    bool bare =
        !whole && pem_take(text, "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", &pem);
    size_t len;
    if (!whole && !bare)
        return FAIL(SK_INPUT, "no certificate in PEM (-----BEGIN CERTIFICATE-----) in it");
    if (pem.over || !base64_take(buf_view(&pem), bytes, sizeof bytes, &len))
        return FAIL(SK_INPUT, "its PEM is damaged");
    struct view key, der = {(const char *)bytes, len};
    if (bare ? !der_take(&der, DER_SEQUENCE, NULL, &key) : !key_of(der, &key))
        return FAIL(SK_INPUT, "its PEM holds no certificate");
    hash_of(key.at, key.len, pin);
    return SK_OK;
}
