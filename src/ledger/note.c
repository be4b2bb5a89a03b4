#include "ledger/note.h"

#include "base/text.h"
#include "base/utf8.h"
#include "ledger/cosign.h"

enum {
    NOTE_BLOB_MAX = NOTE_MAX / 4 * 3, // bytes of a signature with its key id: as many as fit a note
    NOTE_KEY_MAX = 2048,              // bytes of a verifier key with its type
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

enum sk_code note_key_of(const char *name, enum note_type type,
                         const uint8_t public[SIGN_PUBLIC_LEN], struct note_key *out) {
    size_t len = strlen(name);
    must(type == NOTE_ED25519 || type == NOTE_COSIGNATURE);
    if (len > LEDGER_ORIGIN_MAX)
        return FAIL(SK_INPUT, "key name of %zu bytes > %d", len, LEDGER_ORIGIN_MAX);
    if (!note_name_check(view_of(name)))
        return FAIL(SK_INPUT, "key name '%s': empty, or has a space, '+' or control character",
                    name);
    if (!sign_key_check(public)) return FAIL(SK_INPUT, "key %s: not an Ed25519 public key", name);
    *out = (struct note_key){.type = type};
    memcpy(out->name, name, len);
    memcpy(out->public, public, SIGN_PUBLIC_LEN);
    char bytes[LEDGER_ORIGIN_MAX + 2 + SIGN_PUBLIC_LEN];
    struct buf buf = buf_over(bytes, sizeof bytes);
    buf_put_text(&buf, name);
    buf_put_char(&buf, '\n');
    buf_put_char(&buf, (char)type);
    buf_put(&buf, public, SIGN_PUBLIC_LEN);
    must(!buf.over);
    uint8_t hash[HASH_LEN];
    hash_of(buf.at, buf.len, hash);
    memcpy(out->id, hash, NOTE_ID_LEN);
    return SK_OK;
}

enum sk_code note_key_parse(struct view vkey, struct note_key *out) {
    struct view rest = vkey, name, id;
    uint8_t key[NOTE_KEY_MAX], id_bytes[NOTE_ID_LEN];
    size_t key_len = 0;
    // Base64 may hold a '+' of its own, so only the first two cut.
    if (!view_cut(&rest, '+', &name) || !view_cut(&rest, '+', &id) ||
        name.len > LEDGER_ORIGIN_MAX || !hex_take(id, id_bytes, NOTE_ID_LEN) ||
        !base64_take(rest, key, sizeof key, &key_len) || key_len < 1)
        return FAIL(SK_INPUT, "verifier key: not 'name+8 hex digits+base64'");
    if (key[0] != NOTE_ED25519 && key[0] != NOTE_COSIGNATURE)
        return FAIL(SK_UNSUPPORTED,
                    "verifier key: of type %u, not Ed25519 (1) or its cosignature (4)", key[0]);
    if (key_len != 1 + SIGN_PUBLIC_LEN)
        return FAIL(SK_INPUT, "verifier key: it has %zu bytes, not 32", key_len - 1);
    char text[LEDGER_ORIGIN_MAX + 1] = {0};
    if (name.len) memcpy(text, name.at, name.len);
    if (strlen(text) != name.len) return FAIL(SK_INPUT, "verifier key: NUL in the name");
    TRY(note_key_of(text, (enum note_type)key[0], key + 1, out));
    if (memcmp(out->id, id_bytes, NOTE_ID_LEN) != 0)
        return FAIL(SK_INPUT, "verifier key %s: its id does not belong to the key", text);
    return SK_OK;
}

bool note_key_same(const struct note_key *a, const struct note_key *b) {
    return a->type == b->type && strcmp(a->name, b->name) == 0 &&
           memcmp(a->public, b->public, SIGN_PUBLIC_LEN) == 0;
}

void note_key_write(const struct note_key *key, struct buf *out) {
    uint8_t bytes[1 + SIGN_PUBLIC_LEN] = {(uint8_t)key->type};
    memcpy(bytes + 1, key->public, SIGN_PUBLIC_LEN);
    buf_put_text(out, key->name);
    buf_put_char(out, '+');
    hex_put(out, key->id, NOTE_ID_LEN);
    buf_put_char(out, '+');
    base64_put(out, bytes, sizeof bytes);
}

// ---- signatures ----

void note_line_put(const struct note_key *key, struct view signature, struct buf *out) {
    uint8_t blob[NOTE_ID_LEN + COSIGN_LEN];
    must(signature.len <= COSIGN_LEN);
    memcpy(blob, key->id, NOTE_ID_LEN);
    memcpy(blob + NOTE_ID_LEN, signature.at, signature.len);
    buf_put_text(out, note_dash);
    buf_put_text(out, key->name);
    buf_put_char(out, ' ');
    base64_put(out, blob, NOTE_ID_LEN + signature.len);
    buf_put_char(out, '\n');
}

void note_sign(struct view text, const struct note_key *key, const struct sign_key *secret,
               struct buf *out) {
    uint8_t signature[SIGN_LEN];
    must(key->type == NOTE_ED25519);
    sign_make(secret, text, signature);
    note_line_put(key, (struct view){(const char *)signature, sizeof signature}, out);
}

// A signature line without its newline: whose it is, and its bytes, the key's id first.
struct note_line {
    struct view name;
    uint8_t blob[NOTE_BLOB_MAX];
    size_t len;
};

static bool note_line_take(struct view line, struct note_line *out) {
    if (!view_starts(line, view_of(note_dash))) return false;
    struct view rest = view_from(line, sizeof note_dash - 1);
    return view_cut(&rest, ' ', &out->name) && note_name_check(out->name) &&
           base64_take(rest, out->blob, sizeof out->blob, &out->len) && out->len > NOTE_ID_LEN;
}

// Every line is one, and there are not too many.
static enum sk_code note_lines_check(struct view lines) {
    struct note_line parsed;
    struct view line;
    for (int number = 1; view_cut(&lines, '\n', &line); number++) {
        if (number > NOTE_LINES_MAX)
            return FAIL(SK_LIMIT, "note: more than %d signature lines", NOTE_LINES_MAX);
        if (!note_line_take(line, &parsed))
            return FAIL(SK_INPUT, "note: signature line %d is not '\xe2\x80\x94 name base64'",
                        number);
    }
    return SK_OK;
}

enum sk_code note_split(struct view note, struct view *text, struct view *lines) {
    if (note.len > NOTE_MAX) return FAIL(SK_LIMIT, "note of %zu bytes > %d", note.len, NOTE_MAX);
    if (!utf8_check(note)) return FAIL(SK_INPUT, "note: not UTF-8");
    size_t split = 0; // the last blank line: a text may have some of its own
    for (size_t i = 0; i < note.len; i++) {
        if ((unsigned char)note.at[i] < ' ' && note.at[i] != '\n')
            return FAIL(SK_INPUT, "note: control character at byte %zu", i);
        if (i > 0 && note.at[i] == '\n' && note.at[i - 1] == '\n') split = i;
    }
    if (split == 0 || split + 1 == note.len || note.at[note.len - 1] != '\n')
        return FAIL(SK_INPUT, "note: no text, blank line and signature lines");
    *text = (struct view){note.at, split};
    *lines = view_from(note, split + 1);
    return note_lines_check(*lines);
}

enum sk_code note_line_signed(struct view line, struct view text, const struct note_key *key,
                              uint64_t *time_s) {
    struct note_line parsed;
    *time_s = 0;
    if (!note_line_take(line, &parsed))
        return FAIL(SK_INPUT, "signature line: not '\xe2\x80\x94 name base64'");
    // Name and id together are the key; one of them alone is somebody else's.
    if (!view_is(parsed.name, key->name) || memcmp(parsed.blob, key->id, NOTE_ID_LEN) != 0)
        return FAIL(SK_UNKNOWN, "note: no signature of %s", key->name);
    struct view signature = {(const char *)parsed.blob + NOTE_ID_LEN, parsed.len - NOTE_ID_LEN};
    bool good =
        key->type == NOTE_COSIGNATURE
            ? cosign_check(text, key, signature, time_s)
            : signature.len == SIGN_LEN && sign_check(key->public, text, parsed.blob + NOTE_ID_LEN);
    if (!good)
        return FAIL(SK_CORRUPT, "note: the signature of %s does not fit the text", key->name);
    return SK_OK;
}

enum sk_code note_lines_signed(struct view text, struct view lines, const struct note_key *key,
                               uint64_t *time_s) {
    struct view line;
    bool found = false;
    *time_s = 0;
    while (view_cut(&lines, '\n', &line)) {
        struct view name = view_from(line, sizeof note_dash - 1);
        uint64_t when;
        if (!view_starts(name, view_of(key->name))) continue; // its base64 is not read
        enum sk_code code = note_line_signed(line, text, key, &when);
        if (code == SK_UNKNOWN) continue;
        TRY(code);
        if (when > *time_s) *time_s = when;
        found = true;
    }
    return found ? SK_OK : FAIL(SK_UNKNOWN, "note: no signature of %s", key->name);
}

enum sk_code note_signed(struct view note, const struct note_key *key, uint64_t *time_s) {
    struct view text = {0}, lines = {0};
    *time_s = 0;
    TRY(note_split(note, &text, &lines));
    return note_lines_signed(text, lines, key, time_s);
}

// ---- checkpoints ----

enum sk_code checkpoint_read(struct view text, struct checkpoint *out) {
    struct view rest = text, origin, size, root, line;
    *out = (struct checkpoint){0};
    if (!view_cut(&rest, '\n', &origin) || origin.len == 0)
        return FAIL(SK_INPUT, "checkpoint: line 1 is no origin");
    if (!view_cut(&rest, '\n', &size) || !decimal_take(size, &out->size))
        return FAIL(SK_INPUT, "checkpoint: line 2 is no size in decimal");
    if (!view_cut(&rest, '\n', &root) || !tree_hash_take(root, &out->root))
        return FAIL(SK_INPUT, "checkpoint: line 3 is no hash of 32 bytes in base64");
    out->origin = origin;
    out->extension = rest;
    for (int number = 4; rest.len > 0; number++)
        if (!view_cut(&rest, '\n', &line) || line.len == 0)
            return FAIL(SK_INPUT, "checkpoint: line %d is empty or has no end", number);
    return SK_OK;
}

enum sk_code checkpoint_of(struct view note, struct checkpoint *out) {
    struct view text = {0}, lines = {0};
    TRY(note_split(note, &text, &lines));
    return checkpoint_read(text, out);
}

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
    struct view text = {out->at + from, out->len - from};
    buf_put_char(out, '\n');
    note_sign(text, key, secret, out);
}

void note_hashes_put(const struct tree_hash *hashes, size_t len, struct buf *out) {
    for (size_t i = 0; i < len; i++) {
        base64_put(out, hashes[i].at, HASH_LEN);
        buf_put_char(out, '\n');
    }
    buf_put_char(out, '\n');
}

enum sk_code checkpoint_check(struct view note, const struct note_key *key,
                              struct checkpoint *out) {
    struct view text = {0}, lines = {0};
    uint64_t time_s;
    TRY(note_split(note, &text, &lines));
    enum sk_code code = note_lines_signed(text, lines, key, &time_s);
    if (code == SK_UNKNOWN) return FAIL(SK_CORRUPT, "note: no signature of %s", key->name);
    TRY(code);
    TRY(checkpoint_read(text, out));
    // What an extension line says nobody audits.
    if (out->extension.len > 0)
        return FAIL(SK_INPUT, "checkpoint: more lines than origin, size and root");
    if (!view_is(out->origin, key->name))
        return FAIL(SK_CORRUPT, "checkpoint: of log %.*s, not %s", (int)out->origin.len,
                    out->origin.at, key->name);
    return SK_OK;
}
