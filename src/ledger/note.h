// Notes: text that keys signed (C2SP signed-note v1.0.0), and the texts that logs and their
// witnesses sign: checkpoints (tlog-checkpoint) and cosignatures of them (tlog-cosignature v1).
//
// Holds nothing: views into what it was given. Promises: a text passes only with a good signature
// of a known key and none of it that fails; one value has one text. Refuses: what is not UTF-8,
// control characters, non-canonical base64, leading zeros and signs, notes over NOTE_MAX or
// NOTE_LINES_MAX, keys of small order or of another type than these two. Signature lines of unknown
// keys, of any type, are passed over.
#pragma once
#include <stdbool.h>

#include "base/buf.h"
#include "base/sign.h"
#include "ledger/merkle.h"

enum {
    LEDGER_ORIGIN_MAX = 128, // bytes of an origin line and of a key's name
    LEDGER_NOTE_MAX = 4096,  // bytes of one checkpoint of ours
    NOTE_MAX = 65536,        // bytes of a note with the signatures of others
    NOTE_LINES_MAX = 64,     // signature lines; the specification asks for at least 16
    NOTE_ID_LEN = 4,
};

enum note_type {
    NOTE_ED25519 = 1,     // signs the text as it is: the key of a log
    NOTE_COSIGNATURE = 4, // signs the text and a time: the key of a witness
};

struct note_key { // a verifier key "name+hex8+base64(type||public)"
    enum note_type type;
    char name[LEDGER_ORIGIN_MAX + 1];
    uint8_t id[NOTE_ID_LEN];
    uint8_t public[SIGN_PUBLIC_LEN];
};
enum sk_code note_key_of(const char *name, enum note_type type,
                         const uint8_t public[SIGN_PUBLIC_LEN], struct note_key *out);
// SK_UNSUPPORTED for a key of another type (6, ML-DSA-44, among them), SK_INPUT for none.
enum sk_code note_key_parse(struct view vkey, struct note_key *out);
bool note_key_same(const struct note_key *a, const struct note_key *b);
void note_key_write(const struct note_key *key, struct buf *out);

// The text, with its last newline, and the signature lines; SK_INPUT or SK_LIMIT when `note` is
// none, naming the byte or the line.
enum sk_code note_split(struct view note, struct view *text, struct view *lines);
// SK_OK: signed by the key, *time_s is when (the latest, of a cosignature; else 0). SK_UNKNOWN: no
// line is of this key. SK_CORRUPT: one is, and does not fit the text. SK_INPUT, SK_LIMIT: no note.
enum sk_code note_signed(struct view note, const struct note_key *key, uint64_t *time_s);
// The same of a note that was split, for whoever has more than one key.
enum sk_code note_lines_signed(struct view text, struct view lines, const struct note_key *key,
                               uint64_t *time_s);
// Appends the signature line of a log's key. key->public belongs to `secret`.
void note_sign(struct view text, const struct note_key *key, const struct sign_key *secret,
               struct buf *out);

struct checkpoint {
    struct view origin;
    uint64_t size;
    struct tree_hash root;
    struct view extension; // the lines after these three, as they are
};
// Reads a note's text, or that of a whole note; says nothing about who signed it.
enum sk_code checkpoint_read(struct view text, struct checkpoint *out);
enum sk_code checkpoint_of(struct view note, struct checkpoint *out);
// Text and one signature line appended to out.
void checkpoint_sign(const char *origin, uint64_t size, const struct tree_hash *root,
                     const struct note_key *key, const struct sign_key *secret, struct buf *out);
// The hashes of a proof as tlog-proof and tlog-witness have them: each a line of base64, then an
// empty line.
void note_hashes_put(const struct tree_hash *hashes, size_t len, struct buf *out);
// A note of a log like ours: one key, its name the origin, no extension lines. Signatures of others
// are passed over; SK_CORRUPT when the key's is missing or fails, or the origin is another.
enum sk_code checkpoint_check(struct view note, const struct note_key *key, struct checkpoint *out);

// Appends the signature line of a witness: it saw this text, as the largest of the log, at time_s
// (Unix seconds, not 0). The caller has checked that.
void checkpoint_cosign(struct view text, const struct note_key *key, const struct sign_key *secret,
                       uint64_t time_s, struct buf *out);
