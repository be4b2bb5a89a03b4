// Policy: a lattice that says how far each class of text may travel, and which places there are.
//
// Read from YAML with its packs and its own tests (policy_read), carried between rooms as plain
// bytes (policy_put), judged by one pure function (policy_judge) whose whole finite table can be
// printed (policy_explain) and compared (policy_diff). Promises: deny by default; the most
// restrictive class wins; every verdict names its rule; a file whose test fails, whose place
// contradicts itself or whose routes could widen is refused whole. Refuses: unknown keys, names
// that are declared nowhere, guessing. docs/policy.md says it to users.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/view.h"
#include "border/detector.h"

enum {
    POLICY_CLASSES_MAX = 60, // bits of policy_ask.classes
    POLICY_PLACES_MAX = 64,
    POLICY_ROUTES_MAX = 64,
    POLICY_STEPS_MAX = 8, // places of one route
    POLICY_TENANTS_MAX = 256,
    POLICY_PURPOSES_MAX = 32,
    POLICY_NETWORKS_MAX = 256, // of clients
    POLICY_ADDRESSES_MAX = 16, // of one place
    POLICY_PINS_MAX = 4,
    POLICY_NAME_MAX = 64, // bytes of an id
    POLICY_TIMEOUT_MS = 60000, // where a place says nothing
    POLICY_PARALLEL = 16,
    POLICY_RULES_MAX = 256, // of packs
    POLICY_PACKS_MAX = 16,
    POLICY_GEO_MAX = 8,
    POLICY_KEEP_MAX = 36500, // days
    POLICY_REVIEW_DAYS = 365, // a rule of law is to be looked at again
    POLICY_RULE_MAX = 96, // "class.special_care", "place.eu-lab", "unknown", …
    POLICY_NONE = 0xffff, // no index
};

// How far: this node's premises; places of the tenant's home that only its law can compel; places
// abroad (or compelled from abroad) that are declared, pinned and under contract; anywhere.
enum border_reach { REACH_NODE, REACH_COUNTRY, REACH_LISTED, REACH_WORLD, REACH_COUNT };

// From the least to the most restrictive.
enum border_verdict { VERDICT_SEND, VERDICT_MASK, VERDICT_LOCAL_ONLY, VERDICT_BLOCK };

// Isolation levels in the order of node/cage.h: open, fenced, walled, fortress.
enum border_level { LEVEL_OPEN, LEVEL_FENCED, LEVEL_WALLED, LEVEL_FORTRESS };

const char *border_reach_name(enum border_reach reach);       // "country"
const char *border_verdict_name(enum border_verdict verdict); // "local-only"

// What stands for a masked value: a token, or inside the country other digits in the same form,
// where it is the whole of a structured argument (mask.h).
enum policy_mask { MASK_TOKENS, MASK_FORMAT };

struct policy_class {
    const char *id;
    struct detector_set detect; // of these findings
    enum border_reach reach;    // in clear
    enum border_reach consent;  // in clear with recorded consent; == reach where it cannot widen
    enum border_reach masked;   // with its findings masked
    enum border_level level;    // below this level of the node the class stays on it
    bool shadow;                // judged and reported, not enforced
    bool one_way;               // masked values are never restored
    uint32_t keep_days;         // its texts are kept for so long (docs/erasure.md); 0: they are not
    enum policy_mask mask;      // what stands for its values
    const char *source;         // law and article, of a pack; or ""
};

enum policy_processing { PROCESSING_SINGLE_REGION, PROCESSING_GEOGRAPHY, PROCESSING_GLOBAL };

// What a place is for.
enum policy_use { USE_MODELS, USE_WITNESS, USE_FEED, USE_WEBHOOK, USE_SIGN_IN, USE_COUNT };

enum policy_kind { KIND_OPENAI, KIND_ANTHROPIC }; // what it speaks (USE_MODELS)

struct policy_address {
    uint8_t bytes[16]; // IPv4 as ::ffff:a.b.c.d
};

// Somewhere text may be processed. Place 0 is this node. One with a date passed, or without pin,
// contract or address, is off: `off` says why ("contract_until 2026-12-31 is over"); NULL: it is on
// at the day it was read for.
struct policy_place {
    const char *id, *country, *region, *operator_name, *operator_home;
    enum policy_processing processing;
    enum policy_use use;
    enum policy_kind kind;
    const char *url;  // https://host[:port]/base; http only to a loopback address
    const char *host; // of url
    uint16_t port;
    struct policy_address addresses[POLICY_ADDRESSES_MAX];
    uint32_t addresses_len;
    uint8_t pins[POLICY_PINS_MAX][HASH_LEN]; // SHA-256 of SubjectPublicKeyInfo: current, then next
    uint32_t pins_len;
    const char *ca;         // "system", "pin-only", or a file of PEM certificates
    const char *credential; // name of the credential file (keys/places/NAME); "" for none
    const char *contract;
    int64_t contract_until;    // last day, in days since 1970-01-01; INT64_MIN: none
    const char *retention;     // "none", or what the operator says
    bool training;             // the operator may train on it
    const char *const *models; // allowed model names there
    uint32_t models_len;
    uint32_t timeout_ms, parallel; // of one answer's first byte; answers at once
    enum border_reach reach;       // declared: it counts as at least that far
    const char *off;
    const char *unverified; // why location data could not confirm it, or NULL; does not travel
};

// Which place's model answers for a model's name, in order of preference; places of one rank share
// by weight. A model of this node without a route is the route to place 0.
struct policy_step {
    uint16_t place, rank, weight;
    const char *model; // name there
};
struct policy_route {
    const char *model;       // the name clients ask for
    enum border_reach reach; // no step may be farther, whoever asks
    struct policy_step steps[POLICY_STEPS_MAX];
    uint32_t steps_len;
};

// A file of location data, which may only veto (node/geo.h).
struct policy_geo {
    const char *file;
    bool operators; // it says whose network an address is in, not where it stands
};

struct policy_purpose {
    const char *id;
    uint64_t classes; // that it covers
};

// Who asks: API keys by their names. Keys of no tenant belong to row 0, `default`.
struct policy_tenant {
    const char *id, *home; // ISO 3166-1 alpha-2
    const char *const *keys;
    uint32_t keys_len;
    uint64_t label, labels; // classes vouched for without, and at most with, a label of the request
    enum border_reach consent;     // recorded consent: without, and
    enum border_reach consent_max; // at most with, a word of the request
    uint16_t purpose;              // POLICY_NONE: none
};

// Where clients are: the longest prefix that holds counts. Loopback is REACH_NODE but for networks
// of its own addresses: a proxy on this machine.
struct policy_network {
    struct policy_address address;
    uint8_t prefix; // bits of the 128
    enum border_reach reach;
};

// One rule of law that a pack carries: data for people, which stays where the policy was read.
struct policy_rule {
    const char *pack, *law, *article;
    const char *status;   // "in force", "to confirm by counsel", …
    const char *text;     // our paraphrase
    uint64_t classes;     // that it is the reason of
    int64_t from, to;     // in force, first and last day; INT64_MAX: none is known
    int64_t reviewed_on;  // last looked at
};

struct policy {
    const char *name, *home;
    enum border_reach unknown;             // of text nothing vouches for
    enum border_verdict on_detector_error; // VERDICT_BLOCK or VERDICT_LOCAL_ONLY
    uint32_t keep_days; // of a text that has no class
    struct policy_class classes[POLICY_CLASSES_MAX];
    uint32_t classes_len;
    struct policy_place places[POLICY_PLACES_MAX];
    uint32_t places_len;
    struct policy_route routes[POLICY_ROUTES_MAX];
    uint32_t routes_len;
    struct policy_purpose purposes[POLICY_PURPOSES_MAX];
    uint32_t purposes_len;
    struct policy_tenant tenants[POLICY_TENANTS_MAX];
    uint32_t tenants_len;
    struct policy_network networks[POLICY_NETWORKS_MAX];
    uint32_t networks_len;
    uint8_t digest[HASH_LEN]; // of the file and its packs, as they were read
    // Of packs and geo data; not among the bytes that travel between rooms.
    const struct policy_rule *rules;
    uint32_t rules_len, tests_len; // tests: run when it was read
    const struct policy_geo *geo;
    uint32_t geo_len, stale_geo_days;
};

// A question to the lattice. `place` is where the text would be processed.
struct policy_ask {
    uint64_t classes; // bit per class: found or labelled
    bool vouched;     // a label vouches for it; else `unknown` counts too
    bool detector_error;
    uint16_t tenant, purpose, place; // purpose: POLICY_NONE for none
    enum border_reach consent;
    enum border_level level;
    int64_t day; // since 1970-01-01
};

struct policy_verdict {
    enum border_verdict verdict;
    char rule[POLICY_RULE_MAX];
    bool consent_required; // consent would change it
    uint64_t mask;         // MASK: the classes whose findings must be masked
    bool shadowed;         // a shadow class would have said more:
    enum border_verdict shadow;
    char shadow_rule[POLICY_RULE_MAX];
};

// Pure. docs/policy.md states it in words.
void policy_judge(const struct policy *policy, const struct policy_ask *ask,
                  struct policy_verdict *out);

// How far a place is from a tenant's home, by where it is and by who can compel it.
// NODE: place 0, and a place at a loopback address that names no foreign country. COUNTRY: country
// and operator's home are the tenant's, in a single region. WORLD: processing is global, or the
// operator may train on the text, for it may come out anywhere. LISTED: all others. A place's own
// `reach` makes it farther, never nearer.
enum border_reach policy_distance(const struct policy *policy, uint16_t place, uint16_t tenant);

// What a place is called between rooms: SHA-256 of its id, URL, addresses and pins. So what was
// judged for one place is never taken for another, also while a list changes.
void policy_place_digest(const struct policy_place *place, uint8_t out[HASH_LEN]);

// How far a client is. `address`: IPv4 as ::ffff:a.b.c.d.
enum border_reach policy_client(const struct policy *policy, const struct policy_address *address);
// Classes that may be shown in clear to a client so far, and those of the others that may be shown
// masked. The classes in neither may not be shown.
void policy_shown(const struct policy *policy, enum border_reach client, enum border_level level,
                  uint64_t *clear, uint64_t *masked);

// Classes that these findings fall under.
uint64_t policy_classes(const struct policy *policy, const struct detector_set *found);
// Every detector some class names.
void policy_detectors(const struct policy *policy, struct detector_set *out);

// For how many days a text with these classes is kept: of several, the least that one of them says.
// 0: it is not kept. Shadow classes do not count.
uint32_t policy_keep_days(const struct policy *policy, uint64_t classes);

// Indexes by name; POLICY_NONE when there is none.
uint16_t policy_class_find(const struct policy *policy, struct view id);
uint16_t policy_place_find(const struct policy *policy, struct view id);
uint16_t policy_purpose_find(const struct policy *policy, struct view id);
uint16_t policy_tenant_find(const struct policy *policy, struct view id);
uint16_t policy_route_find(const struct policy *policy, struct view model);
uint16_t policy_tenant_of(const struct policy *policy, struct view key_name); // 0: default
enum sk_code policy_reach_parse(struct view text, enum border_reach *out);

// ---- policy_read.c: YAML ----
// Texts of a policy and of the packs it names, as they were read.
struct policy_source {
    struct view text;
    const char *name; // for errors: file name
};
struct policy_sources {
    struct policy_source policy;
    struct policy_source packs[POLICY_PACKS_MAX]; // in the order of `packs:`
    uint32_t packs_len;
};
// The names a policy text asks for in `packs:`, before they are there.
enum sk_code policy_packs(struct policy_source policy, struct arena *arena, struct view *names,
                          uint32_t *len);
// Everything is taken from `arena`. Runs the tests of file and packs, proves the routes; SK_INPUT
// and SK_LIMIT: "file:line:column: cause". `day`: today, for what is off.
enum sk_code policy_read(const struct policy_sources *sources, int64_t day, struct arena *arena,
                         struct policy *out);
// The policy of a node without a file: nothing leaves, loopback and private networks are the node.
// `home` may be "": it is not known.
void policy_default(const char *home, struct arena *arena, struct policy *out);

// ---- policy_wire.c: between rooms ----
enum sk_code policy_put(const struct policy *policy, struct buf *out);
// SK_CORRUPT on any other bytes; what is taken is put back byte for byte. Texts are copied into
// `arena` (SK_LIMIT: it is too small).
enum sk_code policy_take(struct view bytes, struct arena *arena, struct policy *out);

// ---- policy_explain.c: for people ----
// One row of class x place x consent. Calm aligned text, or JSON.
void policy_explain(const struct policy *policy, int64_t day, bool json, struct buf *out);
// What `fresh` opens and closes beside `old`: one line per cell that changed, widest first.
// *opened: cells that went towards SEND.
void policy_diff(const struct policy *old, const struct policy *fresh, int64_t day, bool json,
                 struct buf *out, uint32_t *opened);
// ---- policy_lint.c: what a person should look at, one line each ----
// What ends within `days`, or ended: "place.eu-lab contract_until 2026-12-31 in 12 days"; rules of
// packs whose review is due.
void policy_expiring(const struct policy *policy, int64_t day, uint32_t days, struct buf *out);
// What is off and why, what no route or detector or label leads to, what is a shadow, rules of
// packs that are not in force.
void policy_lint(const struct policy *policy, int64_t day, struct buf *out);
