// Cosignatures of type 4 (C2SP tlog-cosignature v1): what a witness signs is the text and the time.
#include "ledger/cosign.h"

// The signed message, into `bytes`; the text is a note's, so it has at most NOTE_MAX bytes.
static struct view cosign_message(struct view text, uint64_t time_s, char bytes[NOTE_MAX + 64]) {
    struct buf out = buf_over(bytes, NOTE_MAX + 64);
    buf_put_text(&out, "cosignature/v1\ntime ");
    buf_put_u64(&out, time_s);
    buf_put_char(&out, '\n');
    buf_put_view(&out, text);
    must(!out.over);
    return buf_view(&out);
}

bool cosign_check(struct view text, const struct note_key *key, struct view signature,
                  uint64_t *time_s) {
    char bytes[NOTE_MAX + 64];
    if (signature.len != COSIGN_LEN) return false;
    const uint8_t *at = (const uint8_t *)signature.at;
    uint64_t time = 0;
    for (int i = 0; i < 8; i++)
        time = time << 8 | at[i];
    // A time past 2^63 - 1 is none, and neither is 0: a witness says when.
    if (time == 0 || time > INT64_MAX) return false;
    *time_s = time;
    return sign_check(key->public, cosign_message(text, time, bytes), at + 8);
}

void checkpoint_cosign(struct view text, const struct note_key *key, const struct sign_key *secret,
                       uint64_t time_s, struct buf *out) {
    char bytes[NOTE_MAX + 64];
    uint8_t signature[COSIGN_LEN];
    must(key->type == NOTE_COSIGNATURE && time_s > 0 && time_s <= INT64_MAX);
    must(text.len <= NOTE_MAX);
    for (int i = 0; i < 8; i++)
        signature[i] = (uint8_t)(time_s >> (56 - 8 * i));
    sign_make(secret, cosign_message(text, time_s, bytes), signature + 8);
    note_line_put(key, (struct view){(const char *)signature, sizeof signature}, out);
}
