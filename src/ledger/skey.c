#include "ledger/skey.h"

#include "base/text.h"

enum { BLOB_LEN = 1 + SIGN_SEED_LEN, BLOB_TEXT = 4 * ((BLOB_LEN + 2) / 3) };

static const char skey_head[] = "PRIVATE+KEY+";

enum sk_code signer_of(const char *name, enum note_type type, const uint8_t seed[SIGN_SEED_LEN],
                       struct signer *out) {
    sign_init(&out->key, seed);
    enum sk_code code = note_key_of(name, type, out->key.public, &out->name);
    if (code != SK_OK) sign_fini(&out->key);
    return code;
}

// The name between the head and its id: base64 has a '+' of its own, names have none.
static bool skey_split(struct view text, struct view *name, struct view *id, struct view *blob) {
    if (!view_starts(text, view_of(skey_head))) return false;
    struct view rest = view_from(text, sizeof skey_head - 1);
    const char *plus = rest.len ? memchr(rest.at, '+', rest.len) : NULL;
    if (!plus) return false;
    *name = (struct view){rest.at, (size_t)(plus - rest.at)};
    rest = view_from(rest, name->len + 1);
    if (rest.len != 2 * NOTE_ID_LEN + 1 + BLOB_TEXT || rest.at[2 * NOTE_ID_LEN] != '+')
        return false;
    *id = (struct view){rest.at, 2 * NOTE_ID_LEN};
    *blob = view_from(rest, 2 * NOTE_ID_LEN + 1);
    return name->len > 0 && name->len <= LEDGER_ORIGIN_MAX && !memchr(name->at, 0, name->len);
}

enum sk_code skey_read(struct view text, struct signer *out) {
    struct view name, id, blob;
    uint8_t id_bytes[NOTE_ID_LEN], bytes[BLOB_LEN];
    char name_text[LEDGER_ORIGIN_MAX + 1] = {0};
    size_t len = 0;
    *out = (struct signer){0};
    if (text.len && text.at[text.len - 1] == '\n') text.len--;
    if (!skey_split(text, &name, &id, &blob) || !hex_take(id, id_bytes, NOTE_ID_LEN) ||
        !base64_take(blob, bytes, sizeof bytes, &len) || len != sizeof bytes) {
        explicit_bzero(bytes, sizeof bytes);
        return FAIL(SK_INPUT, "signing key: not 'PRIVATE+KEY+name+8 hex digits+base64'");
    }
    memcpy(name_text, name.at, name.len);
    bool known = bytes[0] == NOTE_ED25519 || bytes[0] == NOTE_COSIGNATURE;
    enum sk_code code =
        known ? signer_of(name_text, (enum note_type)bytes[0], bytes + 1, out)
              : FAIL(SK_UNSUPPORTED,
                     "signing key: of type %u, not Ed25519 (1) or its cosignature (4)", bytes[0]);
    explicit_bzero(bytes, sizeof bytes);
    if (code != SK_OK || memcmp(out->name.id, id_bytes, NOTE_ID_LEN) == 0) return code;
    sign_fini(&out->key);
    return FAIL(SK_INPUT, "signing key %s: its id does not belong to the key", name_text);
}

void skey_write(const struct signer *signer, struct buf *out) {
    uint8_t bytes[BLOB_LEN] = {(uint8_t)signer->name.type};
    memcpy(bytes + 1, signer->key.secret, SIGN_SEED_LEN); // libsodium keeps the seed first
    buf_put_text(out, skey_head);
    buf_put_text(out, signer->name.name);
    buf_put_char(out, '+');
    hex_put(out, signer->name.id, NOTE_ID_LEN);
    buf_put_char(out, '+');
    base64_put(out, bytes, sizeof bytes);
    buf_put_char(out, '\n');
    explicit_bzero(bytes, sizeof bytes);
}
