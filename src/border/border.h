// Border: who asks, what it is, whether and where it may be processed. C over memory.
//
// Holds the table of API keys with their dense numbers and limits (limit.h), what is found in a
// text (scan.h), how far it may go (policy.h), what stands for what was cut out (mask.h), and
// writes the leaves of a request. Promises: a credential is compared by its SHA-256 in constant
// time; numbers of one key have no gap; leaves are canonical JSON (RFC 8785) of strings and
// integers, with no personal data and no client address.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/fair.h"
#include "base/hash.h"
#include "base/view.h"
#include "border/keep.h"
#include "border/limit.h"
#include "border/mask.h"
#include "border/metrics.h"
#include "border/mask.h"
#include "border/policy.h"
#include "border/scan.h"
#include "border/table.h"
#include "border/words_make.h"

// Keys: of the configuration and all that the ledger names, since their numbers go on.
enum { BORDER_KEYS_MAX = KEEP_OWNERS_MAX, BORDER_KEY_ID_LEN = 16, BORDER_NAME_MAX = 64 };

// What a key is for, and nothing else (`use` in the configuration).
enum border_right { BORDER_ASKS, BORDER_READS_METRICS, BORDER_AUDITS };

// One API key. The id is what leaves show: it says "same key as before", not whose.
struct border_key {
    char name[BORDER_NAME_MAX + 1];
    char id[BORDER_KEY_ID_LEN + 1]; // hex of SHA-256("sekisho/key/v1" 0x00 digest), first 8 bytes
    uint8_t digest[HASH_LEN];       // SHA-256 of the credential
    uint64_t number;                // last dense number given
    struct border_limits limits;
    struct border_use use; // of them
    struct fair_flow turn; // among keys whose requests wait
    enum border_right right;
};

// Keys by id. A key that left the configuration keeps its row (inactive), so that its numbers go on
// where they stopped if it returns.
struct border_keys {
    struct border_key rows[BORDER_KEYS_MAX];
    bool active[BORDER_KEYS_MAX];
    uint32_t len;
    bool keyless; // no key configured: every caller is the row with the id "keyless"
};

// Begins a new list: every row becomes inactive until added again. `limits` are those of keyless
// callers, who are one.
void border_keys_begin(struct border_keys *keys, bool keyless, const struct border_limits *limits);
// *row is where its limits and rights are set.
enum sk_code border_keys_add(struct border_keys *keys, struct view name,
                             const uint8_t digest[HASH_LEN], struct border_key **row);
// The ledger remembers that `id` had `number`: the next is one more.
enum sk_code border_keys_recall(struct border_keys *keys, struct view id, uint64_t number);

// Whose credential this is. SK_DENIED: none given, or not one of ours.
enum sk_code border_identify(struct border_keys *keys, struct view credential,
                             struct border_key **who);

// Names of classes, as a leaf lists them: of the bits of `classes`.
struct border_classes {
    const struct policy *policy;
    uint64_t classes;
};

// The decision, as the open leaf states it. Digests and commitments are HASH_LEN bytes.
struct border_open {
    const char *node, *model, *key, *isolation; // origin, model as asked for, key id, level name
    const char *operation; // chat, text_completion, embeddings, rerank, attribution, count
    uint32_t choice;       // which of the answers to one request this is
    uint64_t number;       // dense per key
    int64_t time_ms;
    const uint8_t *policy_digest, *runtime_digest, *body;
    struct border_classes classes, label; // found or vouched for; vouched for
    const char *consent, *purpose;        // reach that recorded consent opens; purpose or NULL
    const char *verdict, *rule, *place;
    const char *shadow_verdict, *shadow_rule; // NULL: no shadow class said more
    uint64_t retry_of;                        // index of an open leaf, or UINT64_MAX
    // Where it is processed here: the model and the prompt's tokens. Else NULL.
    const uint8_t *model_digest, *prompt;
    int64_t model_checked_ms; // when the model's digest was computed
    bool model_cached;        // before this run of the node, not in it
    const uint8_t *model_signer, *model_statement; // who signed it, and what; NULL: nobody had to
    // Where the model asked for is an adapter, its own; model_… are those of what it goes with.
    const uint8_t *adapter_digest, *adapter_signer, *adapter_statement; // likewise
    const char *adapter_scale; // times what it adds
    // Where it leaves: the exact bytes that do. Else NULL.
    const uint8_t *envelope;
};
void border_open_write(const struct border_open *open, struct buf *out);

// What another machine needs, besides weights and request, to compute the same answer.
struct border_replay {
    struct view sampler;            // engine_sampling_write, without the lists of the request
    const uint8_t *template_digest; // SHA-256 of the chat template, HASH_LEN
    int64_t time_s;                 // the clock the template saw
    uint32_t arithmetic, context;   // ENGINE_ARITHMETIC; tokens of one conversation
    struct view cache_type;         // of keys and values; "f16" is not stated
};

// Of an answer that came from another place.
struct border_carried {
    const char *peer;           // its address
    const uint8_t *spki;        // SHA-256 of its key
    uint32_t restored, unknown; // masks that were put back, and what only looked like one
};

// The outcome, as the close leaf states it.
struct border_close {
    // stop, length, filtered (the place, or a class of the answer, ended it), cut (client left),
    // failed, refused (nothing was processed), lost (node fell)
    const char *key, *outcome;
    const char *rule;      // of filtered and failed: what ended it; "" else
    uint64_t number, open; // dense number; index of the open leaf
    int64_t time_ms;
    uint32_t prompt_tokens, completion_tokens; // of a cut answer: those whose text was sent
    const char *client;                 // how far the client is: a reach; NULL when it is not known
    struct border_classes classes;      // of the answer, where it was judged
    const uint8_t *choice;              // commitment of the text sent, or NULL when it is not known
    const struct border_replay *replay; // NULL when it is not known
    const struct border_carried *carried; // NULL: nothing came from elsewhere
    const char *kept;     // "yes", "no"; NULL: the policy does not keep it
    int64_t kept_until_s; // yes: since 1970
};
void border_close_write(const struct border_close *close, struct buf *out);

// A policy that came into force: its name and digest, and the places that are on.
void border_policy_write(const struct policy *policy, int64_t time_ms, struct buf *out);

// Isolation of the node after a round of probes.
void border_isolation_write(const char *level, struct view report, int64_t time_ms,
                            struct buf *out);
