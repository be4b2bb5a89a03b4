// Bundle: what a node discloses of one request: its leaves, each with a tlog-proof, and the values
// whose commitments are to be opened, each with its salt. Nobody needs the node to check it.
//
// One JSON object: {"close":{"leaf":"…","proof":"…"}|null,"erasure":{…}|null,"fields":[{"name":
// "request_body","salt":"<64 hex>","value":"<base64>"}, …],"open":{…},
// "v":"sekisho-disclosure/1"}. `fields` is empty where the text was erased: then `erasure` is the
// leaf that says so.
#pragma once
#include "ledger/erasure.h"
#include "ledger/kept.h"
#include "ledger/proof.h"

struct ledger;

#define BUNDLE_VERSION "sekisho-disclosure/1"
enum { BUNDLE_PROOFS_MAX = 1 << 20 }; // bytes of a bundle without fields

// Leaves and proofs; close and erasure may be UINT64_MAX. Without fields.
enum sk_code bundle_write(struct ledger *ledger, uint64_t open, uint64_t close, uint64_t erasure,
                          struct buf *out);
// The same bundle with fields.
enum sk_code bundle_open(struct buf *bundle, const struct kept *fields, struct arena *arena,
                         struct buf *out);

struct bundle_facts {
    struct proof_facts open, close, erasure; // checkpoint and index; only of those that are there
    bool closed, erased; // closed: by an outcome of the same request
    struct view refuted; // what made SK_CORRUPT: "bound", "erased" or a field's name; else empty
    struct view open_leaf, close_leaf, reason; // in the arena
    int64_t erased_ms;
    struct kept fields; // opened: each of them is what the leaves commit to
};
// SK_OK: every leaf is in the log, they are of one request, and every field opens its commitment.
// SK_CORRUPT: one does not; fail_text() says which. SK_INPUT: not a bundle. Else trust_check's
// code. `text` is changed in place.
enum sk_code bundle_check(struct buf *text, const struct trust *trust, struct arena *arena,
                          struct bundle_facts *facts);
