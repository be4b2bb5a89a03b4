// Hostile notes: what is a note comes together again, byte for byte, and a signature passes only
// where the key made it. The corpus is signed with the keys below.
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sign_key secret;
static struct note_key log_key, witness_key;

// The line that the key makes of this text stands among the lines.
static void line_stands(struct view text, struct view lines, uint64_t time_s) {
    char storage[512];
    struct buf out = buf_over(storage, sizeof storage);
    struct view line;
    bool stands = false;
    if (time_s == 0) note_sign(text, &log_key, &secret, &out);
    else checkpoint_cosign(text, &witness_key, &secret, time_s, &out);
    must(!out.over);
    while (view_cut(&lines, '\n', &line))
        stands |= line.len + 1 == out.len && memcmp(line.at, out.at, line.len) == 0;
    must(stands);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!log_key.name[0]) {
        sign_init(&secret, (const uint8_t[SIGN_SEED_LEN]){42});
        must(note_key_of("log.example/a", NOTE_ED25519, secret.public, &log_key) == SK_OK);
        must(note_key_of("w.example/b", NOTE_COSIGNATURE, secret.public, &witness_key) == SK_OK);
    }
    struct view note = {(const char *)data, size}, text, lines;
    struct checkpoint checkpoint;
    uint64_t time_s;
    if (note_split(note, &text, &lines) != SK_OK) {
        must(note_signed(note, &log_key, &time_s) != SK_OK);
        return 0;
    }
    must(text.at == note.at && text.len > 0 && text.at[text.len - 1] == '\n');
    must(lines.at == text.at + text.len + 1 && text.len + 1 + lines.len == size);
    if (note_signed(note, &log_key, &time_s) == SK_OK) line_stands(text, lines, 0);
    if (note_signed(note, &witness_key, &time_s) == SK_OK) {
        must(time_s > 0);
        line_stands(text, lines, time_s);
    }
    if (checkpoint_read(text, &checkpoint) != SK_OK) return 0;
    must(checkpoint.origin.len > 0 && checkpoint.origin.at == text.at);
    return 0;
}
