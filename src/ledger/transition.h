// Transition: the key of a log changes. A note that the old key and the new one both signed:
//
//   sekisho key transition
//   <origin>
//   begin | end
//   <old verifier key>
//   <new verifier key>
//   <size>     begin: of the first checkpoint that both sign; end: of the last that the old one
//   does <reason>
//
// It stands in a leaf of type key-transition, the last of the log of that size. Promises: one that
// is read was signed by both, both of the log's name. So whoever trusts one of the two keys has the
// other's word for its part of the log, from the note alone.
#pragma once
#include "base/world.h"
#include "ledger/note.h"
#include "ledger/skey.h"

enum { TRANSITION_REASON_MAX = 256, TRANSITION_NOTE_MAX = 2048 };

enum transition_stage { TRANSITION_BEGIN, TRANSITION_END };
struct transition {
    enum transition_stage stage;
    struct note_key old, new;
    uint64_t size;
    struct view reason; // one line; a view into the note
};

// The note, appended. SK_INPUT: the reason is not one line of UTF-8 without control characters, or
// the keys are one, or not of one name.
enum sk_code transition_write(enum transition_stage stage, const struct signer *old,
                              const struct signer *new, uint64_t size, struct view reason,
                              struct buf *out);
// SK_INPUT: it is no such note; SK_CORRUPT: not both keys signed it.
enum sk_code transition_read(struct view note, struct transition *out);
// The leaf, canonical JSON.
void transition_leaf(struct view note, int64_t time_ms, struct buf *out);

// The key to check a checkpoint by: `key` when it signed it, else the one on the other side of the
// transition, when that one signed it for its part of the log. SK_DENIED: neither did, or the
// transition is of other keys.
enum sk_code transition_follow(const struct transition *transition, struct view checkpoint,
                               struct note_key *key);
// transition_log.c: whether `checkpoint` is signed by `key`, or by one that came before or after it
// as the transitions among the first `size` leaves of its log directory say; they are read when
// `key` did not sign. SK_DENIED: no.
enum sk_code transition_signed(struct world world, const struct note_key *key, uint64_t size,
                               struct view checkpoint);
