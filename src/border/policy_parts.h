// The parts of policy*.c, for each other only: one reading of a policy file, and its typed fields.
#pragma once
#include "base/yaml.h"
#include "border/policy.h"

// A policy in which nothing is declared: place 0, tenant 0, private networks. Texts are literals.
void policy_begin(struct policy *policy, const char *home);
// Whether a place stands on this machine and names nobody abroad: it needs no pin and no contract.
bool policy_at_home(const struct policy *policy, const struct policy_place *place);
bool policy_loopback(const struct policy_address *address);

// What one class says of a place so far away, at a level that is high enough.
enum border_verdict policy_class_verdict(const struct policy_class *class,
                                         enum border_reach distance, enum border_reach consent);
const char *policy_consent_name(unsigned consent); // "none" for REACH_NODE
// Whether a tenant before this one has its home: places are as far for both.
bool policy_home_seen(const struct policy *policy, uint16_t tenant);

// One file being read into `policy`.
struct policy_reader {
    const char *file; // for errors
    const char *pack; // the file is this pack, or NULL
    struct arena *arena;
    struct policy *policy;
    const char *class_packs[POLICY_CLASSES_MAX]; // the pack each class came with, or NULL
    // Of places and routes: errors name the lines of what is judged once everything is there.
    const struct yaml_node *place_nodes[POLICY_PLACES_MAX], *route_nodes[POLICY_ROUTES_MAX];
    bool place_networks[POLICY_PLACES_MAX]; // says in which networks its addresses are
    bool route_reach[POLICY_ROUTES_MAX];    // says how far it goes
};

// SK_INPUT: "file:line:column: " and the cause.
enum sk_code policy_wrong(const struct policy_reader *reader, const struct yaml_node *node,
                          const char *format, ...) __attribute__((format(printf, 3, 4)));
// SK_LIMIT, likewise, when a list (or map) has more than `max`; SK_INPUT when it is none.
enum sk_code policy_list(const struct policy_reader *reader, const struct yaml_node *node,
                         enum yaml_type type, uint32_t max);

// ---- fields: a row says what a key is called, what it is and where it goes ----
struct policy_field;
typedef enum sk_code policy_taker(struct policy_reader *reader, const struct yaml_node *node,
                                  void *at, const struct policy_field *field);
struct policy_field {
    const char *name;
    policy_taker *take;
    size_t offset;            // in the struct
    bool needed;
    uint32_t min, max;        // of numbers; max: bytes of a text
    const char *const *names; // of choices, NULL-ended
};
#define FIELD(name_, take_) .name = name_, .take = take_
// Reads the map `node` into the struct at `at`, by rows up to one without a name. *given: a bit per
// row that was there.
enum sk_code policy_fields(struct policy_reader *reader, const struct yaml_node *node,
                           const struct policy_field *rows, void *at, uint32_t *given);

// Whether the row called `name` was there.
bool policy_given(const struct policy_field *rows, uint32_t given, const char *name);

policy_taker policy_take_text;    // const char *, at most `max` bytes, "" only when not needed
policy_taker policy_take_id;      // const char *: letters, digits, '.', '_', '-'
enum sk_code policy_take_key(struct policy_reader *reader, const struct yaml_node *node,
                             const char **out); // the same of a map's key
policy_taker policy_take_country; // const char *: two capital letters
policy_taker policy_take_bool, policy_take_number, policy_take_day;
policy_taker policy_take_reach, policy_take_choice; // enumerations
policy_taker policy_take_consent; // a reach, or `cannot`: REACH_COUNT
policy_taker policy_take_detect;  // struct detector_set
policy_taker policy_take_classes; // uint64_t: a list of class ids, "*" is all
policy_taker policy_take_format;  // nothing: it must be the format this build reads
policy_taker policy_take_later;   // nothing: read by its section
struct policy_texts {
    const char *const *at;
    uint32_t len;
};
policy_taker policy_take_texts; // struct policy_texts: a list of texts, at most `max`

extern const char *const policy_level_names[], *const policy_mask_names[];

// "203.0.113.9" or "2001:db8::1"; with a prefix after '/' when `prefix` is not NULL (128 bits are
// one address).
bool policy_address_take(struct view text, struct policy_address *out, uint8_t *prefix);
bool policy_address_within(const struct policy_address *address,
                           const struct policy_network *network);

// Why a class cannot have `mask: format`, and what would mend it; NULL: it can.
const char *policy_format_lacks(const struct policy_class *class);

// ---- sections ----
policy_taker policy_read_classes, policy_read_places, policy_read_routes;
// Classes and rules of a pack, and its tests.
enum sk_code policy_read_pack(struct policy_reader *reader, const struct policy_source *source,
                              struct view name);
// A file's `tests:`, of reader->policy; NULL: it has none.
enum sk_code policy_tests(struct policy_reader *reader, const struct yaml_node *tests);
// No route widens by itself, no place is said to be nearer than it is. See docs/policy.md.
enum sk_code policy_prove(const struct policy_reader *reader);

// Why a place is off whatever the day is, or NULL. `networks`: that its networks are known stands
// for addresses, which a file may leave to the machine it is for.
const char *policy_place_lacks(const struct policy *policy, const struct policy_place *place,
                               bool networks);
// Sets `off` of all places as it is on `day`.
enum sk_code policy_places_day(struct policy *policy, int64_t day, struct arena *arena);
