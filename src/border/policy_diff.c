// What a change of a policy opens and closes.
//
// A cell is a class at a place with a consent, for tenants of one home. A place that is not
// declared takes nothing; a class that is not declared holds nothing back. What is no cell (who may
// vouch for what, where a route leads, which keys are trusted) is compared beside them.
#include "border/policy_diff.h"

#include <stdio.h>

// One change: where, what, and both values.
void policy_diff_say(struct diff *diff, bool opens, const char *where, const char *what,
                     const char *const values[2]) {
    if (opens != diff->opens) return;
    if (opens && (diff->json || diff->columns->out)) (*diff->opened)++;
    if (!diff->json) {
        columns_cell(diff->columns, opens ? "opens" : "closes");
        columns_cell(diff->columns, where);
        columns_cell(diff->columns, what);
        columns_cell(diff->columns, values[0]);
        columns_cell(diff->columns, "->");
        columns_cell(diff->columns, values[1]);
        columns_end(diff->columns);
        return;
    }
    json_open(diff->json, '{');
    json_member_text(diff->json, "change", opens ? "opens" : "closes");
    json_member_text(diff->json, "where", where);
    json_member_text(diff->json, "what", what);
    json_member_text(diff->json, "old", values[0]);
    json_member_text(diff->json, "new", values[1]);
    json_close(diff->json, '}');
}

// ---- pairs ----

#define NAMER(noun, rows, id)                                                                      \
    const char *policy_##noun##_name(const struct policy *policy, uint32_t i) {                    \
        return i < policy->rows##_len ? policy->rows[i].id : NULL;                                 \
    }
NAMER(class, classes, id)
NAMER(place, places, id)
NAMER(tenant, tenants, id)
NAMER(route, routes, model)
NAMER(purpose, purposes, id)

static uint16_t named(const struct policy *policy, policy_namer *name, const char *wanted) {
    for (uint32_t i = 0; name(policy, i); i++)
        if (strcmp(name(policy, i), wanted) == 0) return (uint16_t)i;
    return POLICY_NONE;
}

void policy_pairs(const struct diff *diff, policy_namer *name, struct pairs *out) {
    out->len = 0;
    for (uint32_t i = 0; name(diff->fresh, i); i++)
        out->rows[out->len++] =
            (struct pair){named(diff->old, name, name(diff->fresh, i)), (uint16_t)i};
    for (uint32_t i = 0; name(diff->old, i); i++)
        if (named(diff->fresh, name, name(diff->old, i)) == POLICY_NONE)
            out->rows[out->len++] = (struct pair){(uint16_t)i, POLICY_NONE};
}

const char *policy_pair_name(const struct diff *diff, policy_namer *name, struct pair pair) {
    return pair.fresh != POLICY_NONE ? name(diff->fresh, pair.fresh) : name(diff->old, pair.old);
}

// ---- cells ----

struct cell {
    struct pair tenant, place, class; // class: both POLICY_NONE for text nothing vouches for
    bool unvouched;
};

static bool place_off(const struct policy *policy, uint16_t place, int64_t day) {
    const struct policy_place *row = &policy->places[place];
    return row->off || (row->contract_until != INT64_MIN && row->contract_until < day);
}

// Of a place that is off on both sides: what it would get, for it may come on without a change of
// the rest.
static bool off_in_both(const struct diff *diff, const struct cell *cell) {
    return cell->place.old != POLICY_NONE && cell->place.fresh != POLICY_NONE &&
           place_off(diff->old, cell->place.old, diff->day) &&
           place_off(diff->fresh, cell->place.fresh, diff->day);
}

static enum border_verdict cell_verdict(const struct diff *diff, const struct cell *cell,
                                        bool fresh, unsigned consent) {
    const struct policy *policy = fresh ? diff->fresh : diff->old;
    uint16_t place = fresh ? cell->place.fresh : cell->place.old;
    uint16_t class = fresh ? cell->class.fresh : cell->class.old;
    uint16_t tenant = fresh ? cell->tenant.fresh : cell->tenant.old;
    if (place == POLICY_NONE) return VERDICT_BLOCK;
    if (place_off(policy, place, diff->day) && !off_in_both(diff, cell)) return VERDICT_BLOCK;
    // Keys of a tenant that is not declared are the default's.
    enum border_reach distance = policy_distance(policy, place, tenant == POLICY_NONE ? 0 : tenant);
    if (cell->unvouched) return distance <= policy->unknown ? VERDICT_SEND : VERDICT_LOCAL_ONLY;
    if (class == POLICY_NONE || policy->classes[class].shadow) return VERDICT_SEND;
    return policy_class_verdict(&policy->classes[class], distance, (enum border_reach)consent);
}

static const char *home_of(const struct policy *policy, uint16_t tenant) {
    return policy->tenants[tenant == POLICY_NONE ? 0 : tenant].home; // default has its keys
}

static enum border_reach cell_distance(const struct diff *diff, const struct cell *cell) {
    enum border_reach reach = REACH_NODE, one;
    uint16_t old = cell->tenant.old, fresh = cell->tenant.fresh;
    if (cell->place.old != POLICY_NONE) {
        one = policy_distance(diff->old, cell->place.old, old == POLICY_NONE ? 0 : old);
        if (one > reach) reach = one;
    }
    if (cell->place.fresh != POLICY_NONE) {
        one = policy_distance(diff->fresh, cell->place.fresh, fresh == POLICY_NONE ? 0 : fresh);
        if (one > reach) reach = one;
    }
    return reach;
}

static void cell_say(struct diff *diff, const struct cell *cell, unsigned from, unsigned to,
                     const enum border_verdict verdicts[2]) {
    char where[WORDS_MAX], what[WORDS_MAX], consent[32] = "";
    const char *const values[] = {border_verdict_name(verdicts[0]),
                                  border_verdict_name(verdicts[1])};
    snprintf(where, sizeof where, "place.%s (%s for %s)",
             policy_pair_name(diff, policy_place_name, cell->place),
             border_reach_name(cell_distance(diff, cell)),
             home_of(diff->fresh, cell->tenant.fresh));
    if (from > 0 || to < REACH_COUNT)
        snprintf(consent, sizeof consent, ", consent %s%s%s", policy_consent_name(from),
                 to == REACH_COUNT ? " or more"
                 : to - from > 1   ? " to "
                                   : "",
                 to < REACH_COUNT && to - from > 1 ? policy_consent_name(to - 1) : "");
    if (cell->unvouched)
        snprintf(what, sizeof what, "what nothing vouches for");
    else
        snprintf(what, sizeof what, "class.%s%s",
                 policy_pair_name(diff, policy_class_name, cell->class), consent);
    policy_diff_say(diff, verdicts[1] < verdicts[0], where, what, values);
}

static void cell_compare(struct diff *diff, const struct cell *cell) {
    enum border_verdict verdicts[REACH_COUNT][2];
    for (unsigned c = 0; c < REACH_COUNT; c++) {
        verdicts[c][0] = cell_verdict(diff, cell, false, c);
        verdicts[c][1] = cell_verdict(diff, cell, true, c);
    }
    for (unsigned from = 0, to; from < REACH_COUNT; from = to) {
        for (to = from + 1; to < REACH_COUNT; to++)
            if (memcmp(verdicts[to], verdicts[from], sizeof verdicts[to]) != 0) break;
        if (verdicts[from][0] != verdicts[from][1]) cell_say(diff, cell, from, to, verdicts[from]);
    }
}

// Tenants of the same two homes see the same cells.
static bool homes_seen(const struct diff *diff, const struct pairs *tenants, uint32_t index) {
    struct pair mine = tenants->rows[index];
    for (uint32_t i = 0; i < index; i++) {
        struct pair other = tenants->rows[i];
        if (strcmp(home_of(diff->old, other.old), home_of(diff->old, mine.old)) == 0 &&
            strcmp(home_of(diff->fresh, other.fresh), home_of(diff->fresh, mine.fresh)) == 0)
            return true;
    }
    return false;
}

static void place_cells(struct diff *diff, struct pair tenant, struct pair place,
                        const struct pairs *classes) {
    struct cell cell = {
        .tenant = tenant, .place = place, .class = {POLICY_NONE, POLICY_NONE}, .unvouched = true};
    cell_compare(diff, &cell);
    cell.unvouched = false;
    for (uint32_t i = 0; i < classes->len; i++) {
        cell.class = classes->rows[i];
        cell_compare(diff, &cell);
    }
}

static void cells(struct diff *diff) {
    struct pairs tenants, places, classes;
    policy_pairs(diff, policy_tenant_name, &tenants);
    policy_pairs(diff, policy_place_name, &places);
    policy_pairs(diff, policy_class_name, &classes);
    for (unsigned reach = REACH_COUNT; reach-- > 0;) {
        for (uint32_t t = 0; t < tenants.len; t++) {
            if (homes_seen(diff, &tenants, t)) continue;
            for (uint32_t p = 0; p < places.len; p++) {
                struct cell cell = {.tenant = tenants.rows[t], .place = places.rows[p]};
                if (cell_distance(diff, &cell) == (enum border_reach)reach)
                    place_cells(diff, cell.tenant, cell.place, &classes);
            }
        }
    }
}

static void both(struct diff *diff) {
    for (int i = 0; i < 2; i++) {
        diff->opens = i == 0;
        cells(diff);
        policy_diff_rest(diff);
    }
}

void policy_diff(const struct policy *old, const struct policy *fresh, int64_t day, bool json,
                 struct buf *out, uint32_t *opened) {
    struct json_writer writer = json_writer_to(out);
    struct diff diff = {.old = old, .fresh = fresh, .day = day, .opened = opened};
    *opened = 0;
    if (json) {
        diff.json = &writer;
        json_open(&writer, '{');
        json_name(&writer, "changes");
        json_open(&writer, '[');
        both(&diff);
        json_close(&writer, ']');
        json_member_u64(&writer, "opened", *opened);
        json_close(&writer, '}');
        buf_put_char(out, '\n');
        return;
    }
    COLUMNS_SAY(out, (diff.columns = columns, both(&diff)));
}
