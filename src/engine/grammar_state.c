// Frames and states: made once each, and how a byte leads from one state to the next.
//
// A new state is found in two rounds. First from the nodes reached, and when a rule ends there,
// from where its frame says; calls are only noted. Then the called rules are entered in the order
// of grammar_rule.order: all callers of a rule are known when its turn comes, since it can only be
// called from rules before it, so its frame is made once and complete. Rules that can be empty are
// passed over at their call, so nothing that is entered here also ends here. A call that is the
// last thing its rule does hands on the rule's own entries: lists by right recursion need no depth.
#include <stdlib.h>
#include <string.h>

#include "engine/grammar_parts.h"

enum {
    SLOTS = 2 * GRAMMAR_PLACES_MAX,
    FRAME_SLOTS = 2 * GRAMMAR_FRAMES_MAX,
    STATE_SLOTS = 2 * GRAMMAR_STATES_MAX,
    PLACE_WORK = 6, // nodes of the vocabulary's tree
    CALLER_WORK = 16,
};

static uint32_t mix(uint32_t hash, uint32_t word) {
    hash = (hash ^ word) * UINT32_C(0x9e3779b1);
    return hash ^ hash >> 15;
}

static uint32_t no_room(struct grammar *grammar, const char *fault) {
    grammar->fault = fault;
    return GRAMMAR_FULL;
}

// ---- frames ----

static int entry_order(const void *a, const void *b) {
    const struct grammar_entry *x = a, *y = b;
    if (x->next != y->next) return x->next < y->next ? -1 : 1;
    if (x->count != y->count) return x->count < y->count ? -1 : 1;
    return x->outer < y->outer ? -1 : x->outer > y->outer;
}

static uint32_t frame_hash(const struct grammar_entry *entries, uint32_t len) {
    uint32_t hash = len;
    for (uint32_t i = 0; i < len; i++)
        hash = mix(mix(mix(hash, entries[i].next), entries[i].count), entries[i].outer);
    return hash;
}

static uint32_t frame_slot(const struct grammar *grammar, const struct grammar_entry *entries,
                           uint32_t len) {
    uint32_t slot = frame_hash(entries, len) % FRAME_SLOTS;
    for (; grammar->frame_slots[slot]; slot = (slot + 1) % FRAME_SLOTS) {
        const struct grammar_frame *frame = &grammar->frames[grammar->frame_slots[slot]];
        if (frame->len == len &&
            memcmp(grammar->entries + frame->first, entries, len * sizeof *entries) == 0)
            break;
    }
    return slot;
}

uint32_t grammar_frame_of(struct grammar *grammar, struct grammar_entry *entries, uint32_t len) {
    uint32_t depth = 0, kept = 0;
    if (len > 1) qsort(entries, len, sizeof *entries, entry_order);
    for (uint32_t i = 0; i < len; i++) {
        uint32_t outer = grammar->frames[entries[i].outer].depth;
        if (outer >= depth) depth = outer + 1;
        if (kept == 0 || entry_order(&entries[kept - 1], &entries[i]) != 0)
            entries[kept++] = entries[i];
    }
    uint32_t slot = frame_slot(grammar, entries, kept);
    if (grammar->frame_slots[slot]) return grammar->frame_slots[slot];
    if (depth > GRAMMAR_DEPTH_MAX) return no_room(grammar, "rules in each other");
    if (grammar->frames_len == GRAMMAR_FRAMES_MAX ||
        kept > GRAMMAR_ENTRIES_MAX - grammar->entries_len)
        return no_room(grammar, "frames of rules");
    grammar->frames[grammar->frames_len] =
        (struct grammar_frame){.first = grammar->entries_len, .len = kept, .depth = depth};
    memcpy(grammar->entries + grammar->entries_len, entries, kept * sizeof *entries);
    grammar->entries_len += kept;
    grammar->frame_slots[slot] = grammar->frames_len;
    return grammar->frames_len++;
}

// ---- states ----

static uint32_t state_slot(const struct grammar *grammar, const struct grammar_item *items,
                           uint32_t len, bool ends, bool leaves) {
    uint32_t hash = len * 4 + ends * 2u + leaves;
    for (uint32_t i = 0; i < len; i++)
        hash = mix(mix(hash, items[i].node), items[i].frame);
    uint32_t slot = hash % STATE_SLOTS;
    for (; grammar->state_slots[slot]; slot = (slot + 1) % STATE_SLOTS) {
        const struct grammar_state *state = &grammar->states[grammar->state_slots[slot]];
        if (state->len == len && state->ends == ends && state->leaves == leaves &&
            memcmp(grammar->items + state->first, items, len * sizeof *items) == 0)
            break;
    }
    return slot;
}

static int item_order(const void *a, const void *b) {
    const struct grammar_item *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

static uint32_t state_add(struct grammar *grammar, struct grammar_item *items, uint32_t len,
                          bool ends, bool leaves) {
    uint32_t kept = 0;
    if (len > 1) qsort(items, len, sizeof *items, item_order);
    for (uint32_t i = 0; i < len; i++)
        if (kept == 0 || item_order(&items[kept - 1], &items[i]) != 0) items[kept++] = items[i];
    if (kept == 0 && !ends && !leaves) return GRAMMAR_DEAD;
    uint32_t slot = state_slot(grammar, items, kept, ends, leaves);
    if (grammar->state_slots[slot]) return grammar->state_slots[slot];
    if (grammar->states_len == GRAMMAR_STATES_MAX || kept > GRAMMAR_ITEMS_MAX - grammar->items_len)
        return no_room(grammar, "states");
    grammar->states[grammar->states_len] = (struct grammar_state){
        .first = grammar->items_len, .len = kept, .ends = ends, .leaves = leaves};
    memcpy(grammar->items + grammar->items_len, items, kept * sizeof *items);
    grammar->items_len += kept;
    grammar->state_slots[slot] = grammar->states_len;
    return grammar->states_len++;
}

uint32_t grammar_state_of(struct grammar *grammar, struct grammar_item *items, uint32_t len) {
    return state_add(grammar, items, len, false, false);
}

// ---- from a place to all that can be reached with nothing taken ----

// False: too many places.
static bool reach(struct grammar *grammar, uint32_t node, uint32_t count, uint32_t frame) {
    struct grammar_work *work = &grammar->work;
    work->done += PLACE_WORK;
    uint32_t slot = mix(mix(mix(1, node), count), frame) % SLOTS;
    for (; work->slots[slot]; slot = (slot + 1) % SLOTS) {
        const struct grammar_place *place = &work->places[work->slots[slot] - 1];
        if (place->node == node && place->count == count && place->frame == frame) return true;
    }
    if (work->places_len == GRAMMAR_PLACES_MAX) return false;
    work->used[work->places_len] = slot;
    work->places[work->places_len++] = (struct grammar_place){node, count, frame};
    work->slots[slot] = work->places_len;
    return true;
}

static bool add_caller(struct grammar *grammar, uint32_t rule, struct grammar_entry entry) {
    struct grammar_work *work = &grammar->work;
    if (work->callers_len == GRAMMAR_PLACES_MAX) return false;
    work->done += CALLER_WORK;
    work->callers[work->callers_len++] = (struct grammar_caller){entry, work->called[rule]};
    work->called[rule] = work->callers_len;
    uint32_t order = grammar->rules[rule].order;
    work->pending[order / 64] |= UINT64_C(1) << order % 64;
    if (work->from > order / 64) work->from = order / 64;
    return true;
}

static bool call(struct grammar *grammar, uint32_t rule, struct grammar_entry entry) {
    const struct grammar_frame *outer = &grammar->frames[entry.outer];
    if (entry.next != GRAMMAR_END || outer->len == 0) return add_caller(grammar, rule, entry);
    for (uint32_t i = 0; i < outer->len; i++)
        if (!add_caller(grammar, rule, grammar->entries[outer->first + i])) return false;
    return true;
}

static bool turn(struct grammar *grammar, struct grammar_place place) {
    const struct grammar_node *node = &grammar->nodes[place.node];
    const struct grammar_loop *loop = &grammar->loops[node->other];
    uint32_t count = place.count;
    bool again = count < loop->max, on = count >= loop->min;
    if (count == GRAMMAR_FAR_FROM_MIN || count == GRAMMAR_FAR_FROM_MAX) {
        again = true;
        on = count == GRAMMAR_FAR_FROM_MAX;
    } else if (loop->max != GRAMMAR_NO_MAX || count < loop->min) {
        count++;
    }
    struct grammar_entry entry = {place.node, count, place.frame};
    if (again && !call(grammar, loop->rule, entry)) return false;
    return !on || reach(grammar, node->next, 0, place.frame);
}

static bool leave(struct grammar *grammar, uint32_t frame) {
    const struct grammar_frame *of = &grammar->frames[frame];
    if (frame == GRAMMAR_BOTTOM) grammar->work.ends = true;
    if (frame == GRAMMAR_OPEN) grammar->work.leaves = true;
    for (uint32_t i = 0; i < of->len; i++) {
        struct grammar_entry entry = grammar->entries[of->first + i];
        if (!reach(grammar, entry.next, entry.count, entry.outer)) return false;
    }
    return true;
}

// Goes on from all places from `at` on. `entered`: nothing was taken since a rule was entered.
static bool spread(struct grammar *grammar, uint32_t at, bool entered) {
    struct grammar_work *work = &grammar->work;
    for (bool room = true; at < work->places_len; at++) {
        struct grammar_place place = work->places[at];
        const struct grammar_node *node = &grammar->nodes[place.node];
        switch (node->kind) {
        case GRAMMAR_END:
            room = entered || leave(grammar, place.frame);
            break;
        case GRAMMAR_FORK:
            room = reach(grammar, node->next, 0, place.frame) &&
                   reach(grammar, node->other, 0, place.frame);
            break;
        case GRAMMAR_CALL:
            room =
                call(grammar, node->other, (struct grammar_entry){node->next, 0, place.frame}) &&
                (!grammar->rules[node->other].empty || reach(grammar, node->next, 0, place.frame));
            break;
        case GRAMMAR_LOOP:
            room = turn(grammar, place);
            break;
        default:
            work->items[work->items_len++] = (struct grammar_item){place.node, place.frame};
        }
        if (!room) return false;
    }
    return true;
}

// The first rule that waits to be entered, or UINT32_MAX.
static uint32_t next_called(struct grammar *grammar) {
    struct grammar_work *work = &grammar->work;
    uint32_t words = (grammar->rules_len + 63) / 64;
    while (work->from < words && !work->pending[work->from])
        work->from++;
    if (work->from >= words) return UINT32_MAX;
    uint32_t bit = (uint32_t)__builtin_ctzll(work->pending[work->from]);
    work->pending[work->from] &= work->pending[work->from] - 1;
    return grammar->by_order[work->from * 64 + bit];
}

static bool enter(struct grammar *grammar, uint32_t rule) {
    struct grammar_work *work = &grammar->work;
    uint32_t len = 0, at = work->places_len;
    for (uint32_t i = work->called[rule]; i; i = work->callers[i - 1].after)
        work->entries[len++] = work->callers[i - 1].entry;
    work->called[rule] = 0;
    uint32_t frame = grammar_frame_of(grammar, work->entries, len);
    if (frame == GRAMMAR_FULL) return false;
    return reach(grammar, grammar->rules[rule].start, 0, frame) && spread(grammar, at, true);
}

// The state of all places noted, and everything they lead to.
static uint32_t settle(struct grammar *grammar) {
    struct grammar_work *work = &grammar->work;
    grammar->fault = "places at once";
    bool room = spread(grammar, 0, false);
    for (uint32_t rule; (rule = next_called(grammar)) != UINT32_MAX;) {
        if (room) room = enter(grammar, rule);
        work->called[rule] = 0;
    }
    uint32_t state = GRAMMAR_FULL;
    if (room && work->done > work->done_max) {
        room = false;
        grammar->fault = "work for one token";
    }
    if (room) state = state_add(grammar, work->items, work->items_len, work->ends, work->leaves);
    for (uint32_t i = 0; i < work->places_len; i++)
        work->slots[work->used[i]] = 0;
    work->places_len = work->items_len = work->callers_len = 0;
    work->from = UINT32_MAX;
    work->ends = work->leaves = false;
    return state;
}

uint32_t grammar_step_new(struct grammar *grammar, uint32_t from, uint8_t byte) {
    const struct grammar_state *state = &grammar->states[from];
    grammar->work.done += state->len;
    for (uint32_t i = 0; i < state->len; i++) {
        struct grammar_item item = grammar->items[state->first + i];
        const struct grammar_node *node = &grammar->nodes[item.node];
        if (node->kind == GRAMMAR_BYTE && node->low <= byte && byte <= node->high)
            reach(grammar, node->next, 0, item.frame);
    }
    uint32_t to = settle(grammar);
    if (to != GRAMMAR_FULL) grammar->steps[from * grammar->classes + grammar->class_of[byte]] = to;
    return to;
}

uint32_t grammar_step_token(struct grammar *grammar, uint32_t from, int32_t token, bool text) {
    const struct grammar_state *state = &grammar->states[from];
    for (uint32_t i = 0; i < state->len; i++) {
        struct grammar_item item = grammar->items[state->first + i];
        const struct grammar_node *node = &grammar->nodes[item.node];
        if (node->kind != GRAMMAR_TOKEN) continue;
        bool same = node->other == (uint32_t)token;
        if (node->negated ? !same && text : same) reach(grammar, node->next, 0, item.frame);
    }
    return settle(grammar);
}

uint32_t grammar_state_join(struct grammar *grammar, uint32_t a, uint32_t b) {
    struct grammar_work *work = &grammar->work;
    const struct grammar_state *of[] = {&grammar->states[a], &grammar->states[b]};
    if (of[0]->len + of[1]->len > GRAMMAR_PLACES_MAX) return no_room(grammar, "places at once");
    uint32_t len = 0;
    for (int i = 0; i < 2; i++)
        for (uint32_t k = 0; k < of[i]->len; k++)
            work->items[len++] = grammar->items[of[i]->first + k];
    return state_add(grammar, work->items, len, of[0]->ends || of[1]->ends, false);
}

uint32_t grammar_state_after(struct grammar *grammar, uint32_t frame) {
    reach(grammar, GRAMMAR_END, 0, frame);
    return settle(grammar);
}

// ---- beginning, and beginning again ----

void grammar_states_init(struct grammar *grammar) {
    grammar->frames_len = GRAMMAR_OPEN + 1;
    grammar->states_len = GRAMMAR_DEAD + 1;
    grammar->work.from = UINT32_MAX;
    grammar->work.done_max = GRAMMAR_WORK_MAX;
    reach(grammar, grammar->rules[grammar->root].start, 0, GRAMMAR_BOTTOM);
    grammar->start = settle(grammar);
}

static void mark(struct grammar *grammar) {
    struct grammar_state *states = grammar->states;
    struct grammar_frame *frames = grammar->frames;
    for (uint32_t i = 0; i < grammar->states_len; i++)
        states[i].live = i <= GRAMMAR_DEAD;
    for (uint32_t i = 0; i < grammar->frames_len; i++)
        frames[i].live = i <= GRAMMAR_OPEN;
    states[grammar->start].live = true;
    for (const struct grammar_run *run = grammar->runs; run; run = run->after)
        states[run->state].live = true;
    for (uint32_t i = 0; i < grammar->forms_len; i++)
        states[grammar->forms[i].state].live = true;
    for (uint32_t i = 0; i < grammar->states_len; i++)
        for (uint32_t k = 0; states[i].live && k < states[i].len; k++)
            frames[grammar->items[states[i].first + k].frame].live = true;
    for (uint32_t i = grammar->frames_len; i-- > 0;) // those outside are older
        for (uint32_t k = 0; frames[i].live && k < frames[i].len; k++)
            frames[grammar->entries[frames[i].first + k].outer].live = true;
}

// What is live moves together, in its order, so that sorted stays sorted. `moved`: scratch.
static void move_frames(struct grammar *grammar, uint32_t *moved) {
    uint32_t len = 0, entries_len = 0;
    for (uint32_t i = 0; i < grammar->frames_len; i++) {
        struct grammar_frame frame = grammar->frames[i];
        if (!frame.live) continue;
        for (uint32_t k = 0; k < frame.len; k++) {
            struct grammar_entry entry = grammar->entries[frame.first + k];
            entry.outer = moved[entry.outer];
            grammar->entries[entries_len + k] = entry;
        }
        frame.first = entries_len;
        entries_len += frame.len;
        moved[i] = len;
        grammar->frames[len++] = frame;
    }
    grammar->frames_len = len;
    grammar->entries_len = entries_len;
}

static void move_states(struct grammar *grammar, const uint32_t *frame_moved, uint32_t *moved) {
    uint32_t len = 0, items_len = 0;
    for (uint32_t i = 0; i < grammar->states_len; i++) {
        struct grammar_state state = grammar->states[i];
        if (!state.live) continue;
        for (uint32_t k = 0; k < state.len; k++) {
            struct grammar_item item = grammar->items[state.first + k];
            item.frame = frame_moved[item.frame];
            grammar->items[items_len + k] = item;
        }
        state.first = items_len;
        items_len += state.len;
        moved[i] = len;
        grammar->states[len++] = state;
    }
    grammar->states_len = len;
    grammar->items_len = items_len;
}

static void find_again(struct grammar *grammar) {
    memset(grammar->frame_slots, 0, FRAME_SLOTS * sizeof *grammar->frame_slots);
    memset(grammar->state_slots, 0, STATE_SLOTS * sizeof *grammar->state_slots);
    for (uint32_t i = GRAMMAR_OPEN + 1; i < grammar->frames_len; i++) {
        const struct grammar_frame *frame = &grammar->frames[i];
        grammar->frame_slots[frame_slot(grammar, grammar->entries + frame->first, frame->len)] = i;
    }
    for (uint32_t i = GRAMMAR_DEAD + 1; i < grammar->states_len; i++) {
        const struct grammar_state *state = &grammar->states[i];
        grammar->state_slots[state_slot(grammar, grammar->items + state->first, state->len,
                                        state->ends, state->leaves)] = i;
    }
}

void grammar_states_clear(struct grammar *grammar) {
    uint32_t *frames = grammar->frame_slots, *states = grammar->state_slots;
    memset(grammar->steps, 0,
           (size_t)grammar->states_len * grammar->classes * sizeof *grammar->steps);
    mark(grammar);
    move_frames(grammar, frames);
    move_states(grammar, frames, states);
    grammar->start = states[grammar->start];
    for (struct grammar_run *run = grammar->runs; run; run = run->after)
        run->state = states[run->state];
    for (uint32_t i = 0; i < grammar->forms_len; i++)
        grammar->forms[i].state = states[grammar->forms[i].state];
    grammar->masks_len = 0;
    find_again(grammar);
}
