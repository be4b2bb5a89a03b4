#include <stdlib.h>
#include <string.h>

#include "engine/schema_regex.h"

// The subset construction (Rabin and Scott 1959).

static const uint32_t NONE = UINT32_MAX;
enum { SUBSETS_MAX = 1 << 20, CUTS_MAX = 1 << 16, SLOTS = DFA_SLOTS, SORT_WORK = 4 };

enum sk_code regex_init(struct regex *regex, struct dfa_make *make, struct arena *arena) {
    *regex = (struct regex){
        .steps = arena_take(arena, REGEX_STATES_MAX, sizeof *regex->steps),
        .copied = arena_take(arena, REGEX_STATES_MAX, sizeof *regex->copied),
        .ranges = arena_take(arena, REGEX_RANGES_MAX, sizeof *regex->ranges),
        .subsets = arena_take_raw(arena, SUBSETS_MAX, sizeof *regex->subsets),
        .slots = arena_take(arena, SLOTS, sizeof *regex->slots),
        .marks = arena_take(arena, REGEX_STATES_MAX, sizeof *regex->marks),
        .todo = arena_take(arena, REGEX_STATES_MAX, sizeof *regex->todo),
        .waiting = arena_take(arena, REGEX_STATES_MAX, sizeof *regex->waiting),
        .cuts = arena_take_raw(arena, CUTS_MAX, sizeof *regex->cuts),
        .make = make,
    };
    bool whole = regex->steps && regex->copied && regex->ranges && regex->subsets && regex->slots &&
                 regex->marks && regex->todo && regex->waiting && regex->cuts;
    return whole ? SK_OK : SK_LIMIT;
}

// What is passed without a character.
struct closing {
    struct regex *r;
    uint32_t todo_len, waiting_len;
    bool at_begin, at_end;
};

static void reach(struct closing *c, uint32_t step) {
    if (step == NONE || c->r->marks[step] == c->r->mark) return;
    c->r->marks[step] = c->r->mark;
    c->r->todo[c->todo_len++] = step;
}

// Follows all that is reached, to the steps that wait for a character or the
// end; true when the expression is found.
static bool spread(struct closing *c) {
    while (c->todo_len) {
        const struct regex_step *step = &c->r->steps[c->r->todo[--c->todo_len]];
        bool passed = step->op == REGEX_GO || (step->op == REGEX_BEGIN && c->at_begin) ||
                      (step->op == REGEX_END && c->at_end);
        if (step->op == REGEX_FOUND) return true;
        if (!passed) {
            if (step->op != REGEX_BEGIN)
                c->r->waiting[c->waiting_len++] = (uint32_t)(step - c->r->steps);
            continue;
        }
        reach(c, step->a);
        if (step->op == REGEX_GO) reach(c, step->b);
    }
    return false;
}

static int number_order(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

// The subset of the steps that wait, by its place; NONE when there is no more
// room. Its first entry tells whether it stands at the beginning; once the
// expression is found nothing else counts.
static uint32_t subset_of(const struct closing *c, bool found) {
    struct regex *r = c->r;
    uint32_t *subset = r->subsets + r->subsets_len, len = 2 + (found ? 0 : c->waiting_len);
    if (SUBSETS_MAX - r->subsets_len < len) return NONE;
    subset[1] = found ? NONE : c->at_begin;
    if (!found) {
        qsort(r->waiting, c->waiting_len, sizeof *r->waiting, number_order);
        memcpy(subset + 2, r->waiting, c->waiting_len * sizeof *subset);
    }
    subset[0] = len;
    uint64_t hash = 0;
    for (uint32_t i = 0; i < len; i++)
        hash = (hash ^ subset[i]) * UINT64_C(0x9e3779b97f4a7c15), hash ^= hash >> 29;
    uint32_t slot = (uint32_t)hash & (SLOTS - 1), tried = 0;
    for (; r->slots[slot] && tried < SLOTS; slot = (slot + 1) & (SLOTS - 1), tried++) {
        uint32_t at = r->slots[slot] - 1;
        if (memcmp(r->subsets + at, subset, len * sizeof *subset) == 0) return at;
    }
    if (tried == SLOTS) return NONE;
    r->slots[slot] = r->subsets_len + 1;
    r->subsets_len += len;
    return r->slots[slot] - 1;
}

// Where the characters change that the subset's steps take; false when they are
// too many.
static bool find_cuts(struct regex *r, const uint32_t *subset, uint32_t *len) {
    uint32_t found = 0;
    for (uint32_t i = 2; i < subset[0]; i++) {
        const struct regex_step *step = &r->steps[subset[i]];
        for (uint32_t j = 0; step->op == REGEX_CHAR && j < step->ranges_len; j++) {
            if (CUTS_MAX - found < 2) return false;
            r->cuts[found++] = r->ranges[step->ranges + j].first;
            r->cuts[found++] = r->ranges[step->ranges + j].last + 1;
        }
    }
    qsort(r->cuts, found, sizeof *r->cuts, number_order);
    *len = 0;
    for (uint32_t i = 0; i < found; i++)
        if (*len == 0 || r->cuts[*len - 1] != r->cuts[i]) r->cuts[(*len)++] = r->cuts[i];
    return true;
}

static bool takes(const struct regex *r, const struct regex_step *step, uint32_t c) {
    uint32_t low = step->ranges, high = low + step->ranges_len;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (r->ranges[middle].last < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < step->ranges + step->ranges_len && r->ranges[low].first <= c;
}

// The edges of a subset that has not found the expression yet.
static bool explore(struct regex *r, uint32_t at) {
    uint32_t cuts;
    if (!find_cuts(r, r->subsets + at, &cuts)) return false;
    dfa_make_work(r->make, cuts * SORT_WORK);
    for (uint32_t i = 0; i + 1 < cuts && !r->make->over; i++) {
        struct closing c = {.r = r};
        bool taken = false;
        dfa_make_work(r->make, r->subsets[at]);
        r->mark++;
        for (uint32_t j = 2; j < r->subsets[at]; j++) {
            const struct regex_step *step = &r->steps[r->subsets[at + j]];
            if (step->op != REGEX_CHAR || !takes(r, step, r->cuts[i])) continue;
            reach(&c, step->a);
            taken = true;
        }
        if (!taken) continue;
        bool found = spread(&c);
        dfa_make_work(r->make, c.waiting_len * SORT_WORK);
        uint32_t to = subset_of(&c, found);
        if (to == NONE) return false;
        dfa_make_edge(r->make, r->cuts[i], r->cuts[i + 1] - 1, to);
    }
    return true;
}

static bool accepts(struct regex *r, uint32_t at) {
    const uint32_t *subset = r->subsets + at;
    struct closing c = {.r = r, .at_begin = subset[1] == 1, .at_end = true};
    r->mark++;
    for (uint32_t i = 2; i < subset[0]; i++)
        reach(&c, subset[i]);
    return spread(&c);
}

enum sk_code regex_determine(struct regex *regex, uint32_t start, struct arena *arena,
                             const struct dfa **out) {
    struct closing c = {.r = regex, .at_begin = true};
    memset(regex->slots, 0, SLOTS * sizeof *regex->slots);
    memset(regex->marks, 0, REGEX_STATES_MAX * sizeof *regex->marks);
    regex->mark = 1;
    regex->subsets_len = 0;
    reach(&c, start);
    bool found = spread(&c), whole = true;
    uint64_t key;
    dfa_make_begin(regex->make, subset_of(&c, found));
    while (whole && dfa_make_next(regex->make, &key)) {
        uint32_t at = (uint32_t)key;
        if (regex->subsets[at + 1] == NONE) {
            dfa_make_accept(regex->make);
            dfa_make_edge(regex->make, 0, DFA_CHAR_MAX, key);
        } else {
            if (accepts(regex, at)) dfa_make_accept(regex->make);
            whole = explore(regex, at);
        }
    }
    if (!whole) return FAIL(SK_LIMIT, "too many subsets of %u steps", regex->len);
    return dfa_make_end(regex->make, arena, out);
}
