// C2SP signed-note v1.0.0 and tlog-checkpoint v1.0.0: written for one key, read strictly.
#include "base/text.h"
#include "base/utf8.h"
#include "ledger/ledger.h"

enum {
    NOTE_TEXT_MAX = 65536,    // of a note with the signatures of others
    NOTE_SIGNATURES_MAX = 64, // lines; the specification asks for at least 16
    NOTE_ED25519 = 1,         // the signature type
    NOTE_ID_LEN = 4,
};

static const char note_dash[] = "\xe2\x80\x94 "; // U+2014 and a space begin a signature line

// ---- keys ----

static bool codepoint_is_space(uint32_t c) { // Unicode White_Space beyond the controls
    static const uint32_t spaces[] = {' ',    0x85,   0xa0,   0x1680, 0x2028,
                                      0x2029, 0x202f, 0x205f, 0x3000};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (c == spaces[i]) return true;
    return c >= 0x2000 && c <= 0x200a;
}

static bool note_name_check(struct view name) {
    if (name.len == 0) return false;
    for (size_t at = 0, n; at < name.len; at += n) {
        uint32_t c;
        n = utf8_take(view_from(name, at), &c);
        if (n == 0 || c < ' ' || c == 0x7f || c == '+' || codepoint_is_space(c)) return false;
    }
    return true;
}

enum sk_code note_key_of(const char *name, const uint8_t public[SIGN_PUBLIC_LEN],
                         struct note_key *out) {
    size_t len = strlen(name);
    if (len > LEDGER_ORIGIN_MAX)
        return FAIL(SK_INPUT, "key name of %zu bytes > %d", len, LEDGER_ORIGIN_MAX);
    if (!note_name_check(view_of(name)))
        return FAIL(SK_INPUT, "key name '%s': empty, or has a space, '+' or control character",
                    name);
    if (!sign_key_check(public)) return FAIL(SK_INPUT, "key %s: not an Ed25519 public key", name);
    *out = (struct note_key){0};
    memcpy(out->name, name, len);
    memcpy(out->public, public, SIGN_PUBLIC_LEN);
    char bytes[LEDGER_ORIGIN_MAX + 2 + SIGN_PUBLIC_LEN];
    struct buf buf = buf_over(bytes, sizeof bytes);
    buf_put_text(&buf, name);
    buf_put_char(&buf, '\n');
    buf_put_char(&buf, NOTE_ED25519);
    buf_put(&buf, public, SIGN_PUBLIC_LEN);
    must(!buf.over);
    uint8_t hash[HASH_LEN];
    hash_of(buf.at, buf.len, hash);
    memcpy(out->id, hash, NOTE_ID_LEN);
    return SK_OK;
}

// Cuts `text` at its first `c`: the part before it, and `text` becomes what follows.
static bool view_cut(struct view *text, char c, struct view *before) {
    const char *at = text->len ? memchr(text->at, c, text->len) : NULL;
    if (!at) return false;
    *before = (struct view){text->at, (size_t)(at - text->at)};
    *text = view_from(*text, before->len + 1);
    return true;
}

enum sk_code note_key_parse(struct view vkey, struct note_key *out) {
    struct view rest = vkey, name, id;
    uint8_t key[1 + SIGN_PUBLIC_LEN], id_bytes[NOTE_ID_LEN];
    size_t key_len = 0;
    // Base64 may hold a '+' of its own, so only the first two cut.
    if (!view_cut(&rest, '+', &name) || !view_cut(&rest, '+', &id) ||
        name.len > LEDGER_ORIGIN_MAX || !hex_take(id, id_bytes, NOTE_ID_LEN) ||
        !base64_take(rest, key, sizeof key, &key_len))
        return FAIL(SK_INPUT, "verifier key: not 'name+8 hex digits+base64'");
    if (key_len < 1 || key[0] != NOTE_ED25519)
        return FAIL(SK_UNSUPPORTED, "verifier key: its signature type is not Ed25519 (1)");
    if (key_len != sizeof key) return FAIL(SK_INPUT, "verifier key: it has not 32 bytes");
    char text[LEDGER_ORIGIN_MAX + 1] = {0};
    memcpy(text, name.at, name.len);
    if (strlen(text) != name.len) return FAIL(SK_INPUT, "verifier key: NUL in the name");
    TRY(note_key_of(text, key + 1, out));
    if (memcmp(out->id, id_bytes, NOTE_ID_LEN) != 0)
        return FAIL(SK_INPUT, "verifier key %s: its id does not belong to the key", text);
    return SK_OK;
}

void note_key_write(const struct note_key *key, struct buf *out) {
    uint8_t bytes[1 + SIGN_PUBLIC_LEN] = {NOTE_ED25519};
    memcpy(bytes + 1, key->public, SIGN_PUBLIC_LEN);
    buf_put_text(out, key->name);
    buf_put_char(out, '+');
    hex_put(out, key->id, NOTE_ID_LEN);
    buf_put_char(out, '+');
    base64_put(out, bytes, sizeof bytes);
}

// ---- checkpoints ----

void checkpoint_sign(const char *origin, uint64_t size, const struct tree_hash *root,
                     const struct note_key *key, const struct sign_key *secret, struct buf *out) {
    size_t from = out->len;
    buf_put_text(out, origin);
    buf_put_char(out, '\n');
    buf_put_u64(out, size);
    buf_put_char(out, '\n');
    base64_put(out, root->at, HASH_LEN);
    buf_put_char(out, '\n');
    if (out->over) return;
    uint8_t blob[NOTE_ID_LEN + SIGN_LEN];
    memcpy(blob, key->id, NOTE_ID_LEN);
    sign_make(secret, (struct view){out->at + from, out->len - from}, blob + NOTE_ID_LEN);
    buf_put_char(out, '\n');
    buf_put_text(out, note_dash);
    buf_put_text(out, key->name);
    buf_put_char(out, ' ');
    base64_put(out, blob, sizeof blob);
    buf_put_char(out, '\n');
}

// The text is everything up to the last blank line; signature lines follow it.
static enum sk_code note_split(struct view note, struct view *text, struct view *lines) {
    if (note.len > NOTE_TEXT_MAX)
        return FAIL(SK_LIMIT, "note of %zu bytes > %d", note.len, NOTE_TEXT_MAX);
    if (!utf8_check(note)) return FAIL(SK_INPUT, "note: not UTF-8");
    size_t split = 0;
    for (size_t i = 0; i < note.len; i++) {
        if ((unsigned char)note.at[i] < ' ' && note.at[i] != '\n')
            return FAIL(SK_INPUT, "note: control character at byte %zu", i);
        if (i > 0 && note.at[i] == '\n' && note.at[i - 1] == '\n') split = i;
    }
    if (split == 0 || split + 1 == note.len || note.at[note.len - 1] != '\n')
        return FAIL(SK_INPUT, "note: no text, blank line and signature lines");
    *text = (struct view){note.at, split};
    *lines = view_from(note, split + 1);
    return SK_OK;
}

// One line: SK_UNKNOWN for a key that is not ours, SK_CORRUPT when ours fails.
static enum sk_code note_line_check(struct view line, struct view text,
                                    const struct note_key *key) {
    struct view dash = view_of(note_dash), name;
    struct view rest = view_from(line, dash.len);
    if (!view_starts(line, dash) || !view_cut(&rest, ' ', &name) || !note_name_check(name))
        return FAIL(SK_INPUT, "note: a signature line is not '\u2014 name base64'");
    uint8_t blob[NOTE_TEXT_MAX / 16];
    size_t len = 0;
    if (!base64_take(rest, blob, sizeof blob, &len) || len <= NOTE_ID_LEN)
        return FAIL(SK_INPUT, "note: the signature of %.*s is not base64", (int)name.len, name.at);
    if (!view_is(name, key->name) || memcmp(blob, key->id, NOTE_ID_LEN) != 0)
        return FAIL(SK_UNKNOWN, "note: signed by %.*s, not by %s", (int)name.len, name.at,
                    key->name);
    if (len != NOTE_ID_LEN + SIGN_LEN ||
        !sign_check(key->public, text, blob + NOTE_ID_LEN))
        return FAIL(SK_CORRUPT, "note: the signature of %s does not fit the text", key->name);
    return SK_OK;
}

static enum sk_code note_check(struct view text, struct view lines, const struct note_key *key) {
    bool signed_by_key = false;
    struct view line;
    for (int many = 1; view_cut(&lines, '\n', &line); many++) {
        if (many > NOTE_SIGNATURES_MAX)
            return FAIL(SK_LIMIT, "note: more than %d signatures", NOTE_SIGNATURES_MAX);
        enum sk_code code = note_line_check(line, text, key);
        if (code == SK_OK) signed_by_key = true;
        else if (code != SK_UNKNOWN) return code;
    }
    return signed_by_key ? SK_OK : FAIL(SK_CORRUPT, "note: no signature of %s", key->name);
}

enum sk_code checkpoint_check(struct view note, const struct note_key *key,
                              struct checkpoint *out) {
    struct view text = {0}, lines = {0};
    TRY(note_split(note, &text, &lines));
    TRY(note_check(text, lines, key));
    struct view rest = text, origin, size, root;
    size_t root_len = 0;
    // Three lines, no more: what an extension line says nobody audits.
    if (!view_cut(&rest, '\n', &origin) || !view_cut(&rest, '\n', &size) ||
        !view_cut(&rest, '\n', &root) || rest.len > 0 || !decimal_take(size, &out->size) ||
        !base64_take(root, out->root.at, HASH_LEN, &root_len) || root_len != HASH_LEN)
        return FAIL(SK_INPUT, "checkpoint: not the three lines origin, size and root");
    if (!view_is(origin, key->name))
        return FAIL(SK_CORRUPT, "checkpoint: of log %.*s, not %s", (int)origin.len, origin.at,
                    key->name);
    out->origin = origin;
    return SK_OK;
}
