// Proof: that a leaf is in a log and who saw it, as one text that needs no network (C2SP
// tlog-proof).
//
// Holds nothing: views into what it was given. Promises: what passes was in the tree of a
// checkpoint that the policy accepts. Refuses: non-canonical base64, leading zeros, lines out of
// order. The `extra` line is nobody's statement: it is read, never believed.
#pragma once
#include "ledger/trust.h"

enum {
    PROOF_EXTRA_MAX = 4096, // bytes of extra data
    PROOF_TEXT_MAX = NOTE_MAX + 16384,
};

struct proof {
    uint64_t index;
    struct tree_hash hashes[LEDGER_PROOF_MAX];
    size_t len;
    struct view checkpoint; // the note, verbatim
    struct view extra;      // base64 as it stands, checked; empty = none
};
// `extra` is bytes; empty = no line.
void proof_write(const struct proof *proof, struct view extra, struct buf *out);
enum sk_code proof_read(struct view text, struct proof *out);

struct proof_facts {
    struct proof proof;
    struct trust_facts trust;
    bool included; // the leaf is in the tree of trust.checkpoint
};
// SK_OK: included in a checkpoint that trust_check accepts; else its code, or SK_CORRUPT.
enum sk_code proof_check(struct view text, struct view leaf, const struct trust *trust,
                         struct proof_facts *facts);
