// Ledger: what happened, provably. An append-only log under an RFC 6962 tree, signed as C2SP
// checkpoints, and the receipts cut from it.
//
// Holds one log directory through struct world. Promises: an index is acknowledged only after one
// fdatasync covers its whole batch; recovery after a crash at any byte keeps every acknowledged
// record or refuses to open; no two checkpoints of one size with different roots; the checkpoint is
// a pure function of durable bytes (Ed25519, no time). Refuses: retrying a failed sync (the log is
// poisoned and every later write fails), leaves over LEDGER_LEAF_MAX, repairing damage before the
// last durable batch, a log shorter than a checkpoint it released. One process writes a directory;
// the formats, to the byte: docs/ledger-format.md.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/replace.h"
#include "base/sign.h"
#include "base/view.h"
#include "base/world.h"
#include "ledger/archive.h"
#include "ledger/audit.h"
#include "ledger/backup.h"
#include "ledger/bundle.h"
#include "ledger/dense.h"
#include "ledger/erasure.h"
#include "ledger/kept.h"
#include "ledger/export.h"
#include "ledger/forecast.h"
#include "ledger/leaves.h"
#include "ledger/note.h"
#include "ledger/order.h"
#include "ledger/proof.h"
#include "ledger/retention.h"
#include "ledger/scrub.h"
#include "ledger/skey.h"
#include "ledger/source.h"
#include "ledger/successor.h"
#include "ledger/tile.h"
#include "ledger/training.h"
#include "ledger/transition.h"
#include "ledger/trust.h"
#include "ledger/upkeep.h"
#include "ledger/whole.h"
#include "ledger/witness.h"
#include "ledger/witness_store.h"

enum {
    LEDGER_BATCH_MAX = 4096,   // leaves of one group commit
    LEDGER_LEAVES_MAX = 1 << 30, // leaves of one log
    RECEIPT_MAX = 1 << 17,     // bytes of one receipt
    RECEIPT_ARENA = 8 << 20,   // bytes of the arena that checks one receipt
};

// ---- the log ----
struct ledger;

struct ledger_options {
    const char *origin;           // also the key name, e.g. "sekisho.example/node-1"
    const struct sign_key *key;   // borrowed
    uint64_t segment_max;         // bytes after which a segment file ends; 0 = 64 MiB
    uint64_t leaves_max;          // a power of two; 0 = 2^28. A leaf takes 72 bytes of memory
    uint64_t ahead_min;           // bytes of an open batch that are written early; 0 = 512 KiB
};

// What recovery found, for the log line and the test.
struct ledger_found {
    uint64_t size;         // durable leaves
    uint64_t dropped;      // bytes of an unacknowledged tail that were cut
    uint32_t segments;
};

// Opens or makes the log in world's directory. SK_CORRUPT: damage before the last durable batch, or
// an anti-rollback record (file "released") that is missing, or names more leaves than the log has
// or another root: refuse and say so. SK_DENIED: a backup, whose log would fork when it grew. A
// failed open has changed nothing that was acknowledged.
enum sk_code ledger_open(struct ledger **ledger, struct world world, struct ledger_options options,
                         struct ledger_found *found);
void ledger_close(struct ledger *ledger); // unsynced leaves are lost, as in a crash; then release

// Adds a leaf to the open batch: *index is its place, promised only by ledger_commit. SK_LIMIT when
// the leaf or the batch is too large. A long batch is on its way to the disk before its commit: a
// failure of the disk poisons, as there.
enum sk_code ledger_append(struct ledger *ledger, struct view leaf, uint64_t *index);
// Writes what is left of the batch, one fdatasync for all of it; then the tree and the checkpoint
// include it. Nothing to do is SK_OK. After any error the ledger is poisoned: reads go on, writes
// fail with SK_IO.
enum sk_code ledger_commit(struct ledger *ledger);
// Writes the anti-rollback record now. ledger_commit does so every 10 s or 65,536 leaves; a room
// calls this when idle, so that the last batch too is told from a torn one after damage.
enum sk_code ledger_release(struct ledger *ledger);

// Whose signatures checkpoints carry from now on: also that of a second key, while one takes the
// place of the other (NULL: none). Both borrowed, both called as the log.
void ledger_sign_by(struct ledger *ledger, const struct sign_key *key, const struct sign_key *also);

uint64_t ledger_size(const struct ledger *ledger); // durable leaves
uint32_t ledger_segments(const struct ledger *ledger);
void ledger_root(const struct ledger *ledger, struct tree_hash *out);
const struct note_key *ledger_key(const struct ledger *ledger); // origin and verifier key
// The signed checkpoint of the durable size; made once per size, valid until the next commit.
struct view ledger_checkpoint(struct ledger *ledger);
// The newest checkpoint with cosignatures, of an older or the same size, is shown from now on, and
// carried by receipts that it covers. Borrowed.
void ledger_publish(struct ledger *ledger, struct view note, uint64_t size);
struct view ledger_published(struct ledger *ledger); // where there is none: the newest
// Leaf `index` (durable) into out; SK_CORRUPT when the disk no longer has what the tree was built
// from.
enum sk_code ledger_leaf(struct ledger *ledger, uint64_t index, struct buf *out);
// SK_UNKNOWN when index >= size, size1 is 0 or > size2, or the log has not that many leaves.
enum sk_code ledger_inclusion(struct ledger *ledger, uint64_t index, uint64_t size,
                              struct tree_hash proof[LEDGER_PROOF_MAX], size_t *proof_len);
enum sk_code ledger_consistency(struct ledger *ledger, uint64_t size1, uint64_t size2,
                                struct tree_hash proof[LEDGER_PROOF_MAX], size_t *proof_len);

// ---- receipts ----
#define RECEIPT_VERSION "sekisho-receipt/1"
// Salts that open the commitments: in a receipt of the caller's own request, never in another's.
struct receipt_salts {
    bool present;
    uint8_t body[HASH_LEN], prompt[HASH_LEN], choice[HASH_LEN];
};
// Writes the receipt for the request whose open leaf is at `open` and close leaf at `close`
// (UINT64_MAX = not closed yet: then with open's proof only). One JSON object:
//   {"v":"sekisho-receipt/1","origin":…,"open":{"index":…,"leaf":"<the leaf's JSON text as a
//   string>","proof":["b64",…]},"close":{…}|null,"checkpoint":"<note text>",
//   "salts":{"request_body":"hex","prompt_tokens":"hex","choice_0":"hex"}|null}
// salts may be NULL. SK_UNKNOWN for an index the log has not, SK_INPUT for a leaf that is no UTF-8.
enum sk_code receipt_write(struct ledger *ledger, uint64_t open, uint64_t close,
                           const struct receipt_salts *salts, struct buf *out);

// What a verifier was given and what it found. Every field is one sentence of the report.
enum receipt_fact { RECEIPT_NOT_CHECKED, RECEIPT_PROVEN, RECEIPT_REFUTED };
struct receipt_facts {
    enum receipt_fact signature;  // a log that is trusted signed the checkpoint
    enum receipt_fact open_in, close_in; // the leaves are in the tree of that checkpoint
    enum receipt_fact bound;      // close names open; both are of one request
    enum receipt_fact body, prompt, choice; // commitments opened with the salts and files given
    struct view open_leaf, close_leaf;      // JSON texts, in the arena
    uint64_t open_index, close_index, tree_size;
    char origin[LEDGER_ORIGIN_MAX + 1];
    struct trust_facts trust; // of the checkpoint
};
struct receipt_inputs {
    struct view body;     // raw request body (--request)
    struct view prompt;   // token ids of the prompt, each an int32, little-endian; or the envelope
    struct view response; // the choice's UTF-8 text (--response)
    bool has_body, has_prompt, has_response;
};
// SK_OK when signature, inclusion, binding and everything given are proven. SK_BUSY when so, but
// the request was not closed yet when the receipt was cut. SK_DENIED when so, closed or not, but
// the quorum of the policy did not see the checkpoint. SK_CORRUPT when something was refuted
// (fail_text() names the first), with facts filled as far as reading went. SK_UNKNOWN when nothing
// was, but something given has no salt or leaf here to be checked by. SK_INPUT when the receipt is
// not one. A commitment whose value is not given stays NOT_CHECKED.
enum sk_code receipt_check(struct view receipt, const struct trust *trust,
                           const struct receipt_inputs *inputs, struct arena *arena,
                           struct receipt_facts *facts);
