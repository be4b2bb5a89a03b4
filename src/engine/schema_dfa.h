// Sets of strings as deterministic automata over code points: what `pattern`, `format`, lengths,
// names of properties and bounds of numbers have in common.
//
// A set is trimmed: every state reaches an accepting one, so the empty set has no states. Promises:
// intersection and difference are exact; sets are immutable and live as long as the arena they were
// made in. Refuses (SK_LIMIT): more than DFA_STATES_MAX states, DFA_EDGES_MAX edges, DFA_WORK_MAX.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/view.h"

enum {
    DFA_STATES_MAX = 4096,  // of one set
    DFA_WORK_MAX = 1 << 24, // done with one struct dfa_make: bounds the time, some 6 ns each
    DFA_EDGES_MAX = 32768,
    DFA_SLOTS = 16384, // hash slots while one is made: a power of two, > 2 x DFA_STATES_MAX
    DFA_CHAR_MAX = 0x10ffff,
};

struct dfa_edge {
    uint32_t first, last; // code points, both included
    uint32_t to;
};

struct dfa_state {
    uint32_t edges, len; // its edges: ascending and disjoint; what none holds is refused
    bool accepts;
};

struct dfa {
    const struct dfa_state *states; // the first is the start
    const struct dfa_edge *edges;
    uint32_t len; // states; 0: the empty set
};

// One being made: states are found by a key that the caller chooses, and explored in turn.
struct dfa_make {
    struct dfa_state *states;
    struct dfa_edge *edges;
    uint64_t *keys;
    uint32_t *slots, *renamed;
    uint32_t len, edges_len, at; // states, edges, the state being explored + 1
    uint64_t work;               // of all sets
    bool over;
};

// Takes the tables from the arena; they serve for any number of sets, one after another. Work
// that was counted before stays.
enum sk_code dfa_make_init(struct dfa_make *make, struct arena *arena);
// A new set whose start has this key.
void dfa_make_begin(struct dfa_make *make, uint64_t start);
// The next state to explore, by its key; false when there is none.
bool dfa_make_next(struct dfa_make *make, uint64_t *key);
// Counts work: steps looked at for the state being explored.
void dfa_make_work(struct dfa_make *make, uint64_t steps);
// Of the state being explored: an edge (ascending), and that it accepts.
void dfa_make_edge(struct dfa_make *make, uint32_t first, uint32_t last, uint64_t to);
void dfa_make_accept(struct dfa_make *make);
enum sk_code dfa_make_end(struct dfa_make *make, struct arena *arena, const struct dfa **out);

// What is in a and in b; what is in a and not in b.
enum sk_code dfa_and(struct dfa_make *make, const struct dfa *a, const struct dfa *b,
                     struct arena *arena, const struct dfa **out);
enum sk_code dfa_minus(struct dfa_make *make, const struct dfa *a, const struct dfa *b,
                       struct arena *arena, const struct dfa **out);
// The strings of a with min..max code points.
enum sk_code dfa_length(struct dfa_make *make, const struct dfa *a, const uint64_t range[2],
                        struct arena *arena, const struct dfa **out);
// Every string.
const struct dfa *dfa_any(void);
// Whether the UTF-8 text is in the set.
bool dfa_has(const struct dfa *dfa, struct view text);
