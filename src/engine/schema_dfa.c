#include "engine/schema_dfa.h"

#include <string.h>

#include "base/utf8.h"

static const uint32_t NONE = UINT32_MAX;

enum { STATE_WORK = 32 };

enum sk_code dfa_make_init(struct dfa_make *make, struct arena *arena) {
    *make = (struct dfa_make){
        .work = make->work,
        .states = arena_take(arena, DFA_STATES_MAX, sizeof *make->states),
        .edges = arena_take(arena, DFA_EDGES_MAX, sizeof *make->edges),
        .keys = arena_take(arena, DFA_STATES_MAX, sizeof *make->keys),
        .slots = arena_take(arena, DFA_SLOTS, sizeof *make->slots),
        .renamed = arena_take(arena, DFA_STATES_MAX, sizeof *make->renamed),
    };
    return make->states && make->edges && make->keys && make->slots && make->renamed ? SK_OK
                                                                                     : SK_LIMIT;
}

void dfa_make_work(struct dfa_make *make, uint64_t steps) {
    make->work += steps;
    make->over = make->over || make->work > DFA_WORK_MAX;
}

static uint32_t state_of(struct dfa_make *make, uint64_t key) {
    uint32_t slot = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (DFA_SLOTS - 1);
    for (; make->slots[slot]; slot = (slot + 1) & (DFA_SLOTS - 1))
        if (make->keys[make->slots[slot] - 1] == key) return make->slots[slot] - 1;
    if (make->len == DFA_STATES_MAX) {
        make->over = true;
        return 0;
    }
    dfa_make_work(make, STATE_WORK);
    make->keys[make->len] = key;
    make->states[make->len] = (struct dfa_state){0};
    make->slots[slot] = make->len + 1;
    return make->len++;
}

void dfa_make_begin(struct dfa_make *make, uint64_t start) {
    memset(make->slots, 0, DFA_SLOTS * sizeof *make->slots);
    make->len = make->edges_len = make->at = 0;
    make->over = false;
    state_of(make, start);
}

bool dfa_make_next(struct dfa_make *make, uint64_t *key) {
    if (make->over || make->at == make->len) return false;
    make->states[make->at].edges = make->edges_len;
    *key = make->keys[make->at++];
    return true;
}

void dfa_make_edge(struct dfa_make *make, uint32_t first, uint32_t last, uint64_t to) {
    uint32_t target = state_of(make, to);
    struct dfa_state *state = &make->states[make->at - 1];
    struct dfa_edge *before = state->len ? &make->edges[make->edges_len - 1] : NULL;
    must(!before || before->last < first);
    if (before && before->to == target && before->last + 1 == first) {
        before->last = last;
    } else if (make->edges_len == DFA_EDGES_MAX) {
        make->over = true;
    } else {
        make->edges[make->edges_len++] = (struct dfa_edge){first, last, target};
        state->len++;
    }
}

void dfa_make_accept(struct dfa_make *make) {
    make->states[make->at - 1].accepts = true;
}

// renamed[s] becomes 1 for the states that reach an accepting one. Rounds end when one adds none;
// most edges lead on to later states, so going backwards takes few.
static void mark_living(struct dfa_make *make) {
    for (uint32_t s = 0; s < make->len; s++)
        make->renamed[s] = make->states[s].accepts;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t s = make->len; s-- > 0;) {
            const struct dfa_state *state = &make->states[s];
            for (uint32_t e = 0; !make->renamed[s] && e < state->len; e++)
                if (make->renamed[make->edges[state->edges + e].to]) make->renamed[s] = more = true;
        }
    }
}

// The living states and the edges between them, copied.
static void copy_living(const struct dfa_make *make, struct dfa_state *states,
                        struct dfa_edge *edges) {
    uint32_t edges_len = 0;
    for (uint32_t s = 0; s < make->len; s++) {
        if (make->renamed[s] == NONE) continue;
        struct dfa_state *to = &states[make->renamed[s]];
        *to = (struct dfa_state){.edges = edges_len, .accepts = make->states[s].accepts};
        for (uint32_t e = 0; e < make->states[s].len; e++) {
            struct dfa_edge edge = make->edges[make->states[s].edges + e];
            edge.to = make->renamed[edge.to];
            if (edge.to == NONE) continue;
            edges[edges_len++] = edge;
            to->len++;
        }
    }
}

enum sk_code dfa_make_end(struct dfa_make *make, struct arena *arena, const struct dfa **out) {
    if (make->work > DFA_WORK_MAX)
        return FAIL(SK_LIMIT, "more work than all schemas of a request may take");
    if (make->over)
        return FAIL(SK_LIMIT, "more than %d states or %d edges", DFA_STATES_MAX, DFA_EDGES_MAX);
    mark_living(make);
    uint32_t len = 0, edges_len = 0;
    bool start_lives = make->renamed[0];
    for (uint32_t s = 0; s < make->len; s++) {
        bool lives = make->renamed[s] && start_lives;
        make->renamed[s] = lives ? len++ : NONE;
        edges_len += lives ? make->states[s].len : 0;
    }
    struct dfa *dfa = arena_take(arena, 1, sizeof *dfa);
    struct dfa_state *states = arena_take(arena, len + 1, sizeof *states);
    struct dfa_edge *edges = arena_take(arena, edges_len + 1, sizeof *edges);
    if (!dfa || !states || !edges) return SK_LIMIT;
    copy_living(make, states, edges);
    *dfa = (struct dfa){states, edges, len};
    *out = dfa;
    return SK_OK;
}

// ---- two sets ----

static uint64_t pair(uint32_t a, uint32_t b) {
    return (uint64_t)a << 32 | b;
}

// The edge of `state` that holds c, or NULL; *until: the last character for which that stays so.
static const struct dfa_edge *edge_at(const struct dfa *dfa, uint32_t state, uint32_t c,
                                      uint32_t *until) {
    if (state == NONE) return NULL;
    const struct dfa_edge *edges = dfa->edges + dfa->states[state].edges;
    uint32_t low = 0, high = dfa->states[state].len;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (edges[middle].last < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == dfa->states[state].len) return NULL;
    bool held = edges[low].first <= c;
    uint32_t last = held ? edges[low].last : edges[low].first - 1;
    if (last < *until) *until = last;
    return held ? &edges[low] : NULL;
}

static enum sk_code combine(struct dfa_make *make, const struct dfa *const of[2], bool minus,
                            struct arena *arena, const struct dfa **out) {
    if (of[0]->len == 0) {
        *out = of[0];
        return SK_OK;
    }
    uint64_t key;
    dfa_make_begin(make, pair(0, of[1]->len ? 0 : NONE));
    while (dfa_make_next(make, &key)) {
        uint32_t a = (uint32_t)(key >> 32), b = (uint32_t)key, last;
        bool in_b = b != NONE && of[1]->states[b].accepts;
        if (of[0]->states[a].accepts && in_b != minus) dfa_make_accept(make);
        for (uint32_t c = 0; c <= DFA_CHAR_MAX; c = last + 1) {
            last = DFA_CHAR_MAX;
            const struct dfa_edge *x = edge_at(of[0], a, c, &last);
            const struct dfa_edge *y = edge_at(of[1], b, c, &last);
            if (x && (y || minus)) dfa_make_edge(make, c, last, pair(x->to, y ? y->to : NONE));
        }
    }
    return dfa_make_end(make, arena, out);
}

enum sk_code dfa_and(struct dfa_make *make, const struct dfa *a, const struct dfa *b,
                     struct arena *arena, const struct dfa **out) {
    return combine(make, (const struct dfa *const[2]){a, b}, false, arena, out);
}

enum sk_code dfa_minus(struct dfa_make *make, const struct dfa *a, const struct dfa *b,
                       struct arena *arena, const struct dfa **out) {
    return combine(make, (const struct dfa *const[2]){a, b}, true, arena, out);
}

enum sk_code dfa_length(struct dfa_make *make, const struct dfa *a, const uint64_t range[2],
                        struct arena *arena, const struct dfa **out) {
    uint64_t min = range[0], max = range[1], key;
    if (a->len == 0) {
        *out = a;
        return SK_OK;
    }
    // Without a maximum, lengths from min on share their states.
    uint64_t top = max == UINT64_MAX ? min : max;
    dfa_make_begin(make, pair(0, 0));
    while (dfa_make_next(make, &key)) {
        uint32_t state = (uint32_t)(key >> 32), count = (uint32_t)key;
        if (a->states[state].accepts && count >= min) dfa_make_accept(make);
        if (count == max) continue;
        for (uint32_t e = 0; e < a->states[state].len; e++) {
            struct dfa_edge edge = a->edges[a->states[state].edges + e];
            uint32_t next = count < top ? count + 1 : count;
            dfa_make_edge(make, edge.first, edge.last, pair(edge.to, next));
        }
    }
    return dfa_make_end(make, arena, out);
}

const struct dfa *dfa_any(void) {
    static const struct dfa_state state = {.edges = 0, .len = 1, .accepts = true};
    static const struct dfa_edge edge = {0, DFA_CHAR_MAX, 0};
    static const struct dfa any = {&state, &edge, 1};
    return &any;
}

bool dfa_has(const struct dfa *dfa, struct view text) {
    uint32_t state = 0, c, until;
    for (size_t at = 0; at < text.len && state < dfa->len;) {
        size_t len = utf8_take(view_from(text, at), &c);
        if (len == 0) return false;
        const struct dfa_edge *edge = edge_at(dfa, state, c, &until);
        if (!edge) return false;
        state = edge->to;
        at += len;
    }
    return state < dfa->len && dfa->states[state].accepts;
}
