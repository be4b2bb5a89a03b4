// Trust: which logs a verifier believes, and how many of which witnesses must agree (C2SP
// tlog-policy).
//
// Holds a parsed policy file in the caller's arena. Promises: a checkpoint passes only when a
// listed log signed it and the quorum cosigned it. Refuses, naming the line: what is not the
// format, two logs or two witnesses of one key, a name twice or not yet defined, a name in two
// groups, more than TRUST_MAX of a kind.
#pragma once
#include "base/arena.h"
#include "ledger/note.h"

enum {
    TRUST_MAX = 64,         // logs, witnesses and groups, each; the specification asks for 32
    TRUST_TEXT_MAX = 65536, // bytes of a policy file
    TRUST_NONE = -1,        // no group, no quorum
};

struct trust_log {
    struct note_key key; // its name is the log's origin; several keys may have one
    struct view url;     // empty when not given
};
struct trust_witness {
    struct view name; // of the policy file; the key has its own
    struct note_key key;
    struct view url; // submission prefix; empty when not given
    int group;       // the one group that it is in, or TRUST_NONE
};
// Holds when `need` of its members do: witnesses that cosigned, groups that hold.
struct trust_group {
    struct view name;
    uint32_t need, members;
    int group; // the one that it is in, always a later one, or TRUST_NONE
};
struct trust {
    struct trust_log *logs;
    struct trust_witness *witnesses;
    struct trust_group *groups;
    uint32_t logs_len, witnesses_len, groups_len;
    int quorum; // TRUST_NONE, a witness's index, or TRUST_MAX + a group's
};

// The text is copied. SK_INPUT, SK_LIMIT, SK_UNSUPPORTED (a key's type) with the line in the text.
enum sk_code trust_parse(struct view text, struct arena *arena, struct trust *out);
// One log and `quorum none`. SK_INPUT for a witness's key.
enum sk_code trust_of_key(const struct note_key *key, struct arena *arena, struct trust *out);

struct trust_facts {
    struct checkpoint checkpoint;   // views into the note
    const struct trust_log *log;    // that signed it; NULL = none
    uint64_t cosigned_s[TRUST_MAX]; // of witness i: when; 0 = it did not
    uint32_t have[TRUST_MAX];       // of group i: members that hold
    bool quorum;
};
// SK_OK: a log signed it and the quorum holds. SK_DENIED: a log signed it, the quorum does not
// hold; fail_text() names who is missing. SK_UNKNOWN: no listed log signed it. SK_CORRUPT: a
// signature of a listed key fails. SK_INPUT, SK_LIMIT: no checkpoint. The facts are filled as far
// as it went.
enum sk_code trust_check(const struct trust *trust, struct view note, struct trust_facts *facts);
// One line for whoever reports a quorum: "X-and-Y 1 of 2, X 2 of 2, Y 0 of 1; missing: X3 Y1 Y2",
// each group with what holds and what it needs, then the witnesses that did not cosign.
void trust_explain(const struct trust *trust, const struct trust_facts *facts, struct buf *out);
