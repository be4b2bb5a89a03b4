// The parts of policy_diff*.c: one comparison, and pairs of what two policies call alike.
#pragma once
#include "border/columns.h"
#include "border/policy_parts.h"

#include "base/json.h"

enum { WORDS_MAX = 2 * POLICY_NAME_MAX + 64, PAIRS_MAX = 2 * POLICY_TENANTS_MAX };

// The same thing on both sides, by its name; POLICY_NONE where it is not.
struct pair {
    uint16_t old, fresh;
};
struct pairs {
    struct pair rows[PAIRS_MAX];
    uint32_t len;
};

struct diff {
    const struct policy *old, *fresh;
    int64_t day;
    bool opens;              // what is being said now; else what closes
    struct columns *columns; // for people, or
    struct json_writer *json;
    uint32_t *opened;
};

// Says one change, where it opens or closes as is being said now: where, what, both values.
void policy_diff_say(struct diff *diff, bool opens, const char *where, const char *what,
                     const char *const values[2]);

typedef const char *policy_namer(const struct policy *policy, uint32_t i); // NULL past the last
policy_namer policy_class_name, policy_place_name, policy_tenant_name, policy_route_name;
policy_namer policy_purpose_name;
void policy_pairs(const struct diff *diff, policy_namer *name, struct pairs *out);
const char *policy_pair_name(const struct diff *diff, policy_namer *name, struct pair pair);

// policy_diff_rest.c: all that is no cell.
void policy_diff_rest(struct diff *diff);
