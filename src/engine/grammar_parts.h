// Grammar parts: what a compiled grammar is made of. For grammar*.c only.
//
// A grammar is a graph of nodes, each rule (and each body of a counted repetition) a part of it
// that is entered at its start and left at GRAMMAR_END, node 0, which all share. A stack is a
// frame: where to go on when the rule ends, in which outer frame; all callers that entered one rule
// at one place of the text share its frame, so a frame is a set of such entries and stands for many
// stacks at once (a graph-structured stack, Tomita 1985). A state is a set of items, nodes that
// take a byte or a token, each in a frame. Frames and states are kept once each: equal content is
// an equal number, and a byte's step from a state is computed once.
#pragma once
#include "engine/grammar.h"
#include "engine/lay.h"

enum grammar_kind {
    GRAMMAR_END,   // of the rule
    GRAMMAR_BYTE,  // low..high, then next
    GRAMMAR_FORK,  // next or other
    GRAMMAR_CALL,  // rule `other`, then next
    GRAMMAR_LOOP,  // loop `other`, then next
    GRAMMAR_TOKEN, // token `other` (negated: any other that has a text), then next
    GRAMMAR_PASS,  // next; none is left when the grammar is compiled
};

struct grammar_node {
    uint8_t kind, low, high;
    bool negated;
    uint32_t next, other;
    uint32_t rule; // it belongs to
};

struct grammar_rule {
    struct view name; // empty: a body
    uint32_t start;
    uint32_t at;         // where its name is first
    uint32_t order;      // all rules that it can begin with have higher ones
    bool defined, empty; // empty: it can be
    bool brief;          // all its texts are short
};

// The body, `rule`, from min to max times; GRAMMAR_COUNT_MAX + 1 is without end.
struct grammar_loop {
    uint32_t min, max, rule;
};

// A body that begins again counts; of an entry's loop we may only know that it is far from both its
// bounds, see grammar_mask.c.
enum {
    GRAMMAR_NO_MAX = GRAMMAR_COUNT_MAX + 1,
    GRAMMAR_FAR_FROM_MIN, // cannot end yet
    GRAMMAR_FAR_FROM_MAX, // can end, or go on
};

struct grammar_entry {
    uint32_t next;  // the node to go on at
    uint32_t count; // GRAMMAR_LOOP: bodies that are done then
    uint32_t outer; // the frame of `next`
};

struct grammar_frame {
    uint32_t first, len; // entries, sorted; len 0: GRAMMAR_BOTTOM and GRAMMAR_OPEN
    uint32_t depth;
    bool live; // scratch
};
// The frame of the root, and one about which nothing is known.
enum { GRAMMAR_BOTTOM, GRAMMAR_OPEN };

struct grammar_item {
    uint32_t node, frame;
};

struct grammar_state {
    uint32_t first, len; // items, sorted
    bool ends;           // the text may end here
    bool leaves;         // GRAMMAR_OPEN may be left here
    bool live;           // scratch
};
// Numbers of states: not computed yet; nothing can follow; and no room (fault says what for).
enum { GRAMMAR_UNKNOWN, GRAMMAR_DEAD };
#define GRAMMAR_FULL UINT32_MAX

enum {
    GRAMMAR_STATES_MAX = 1 << 14,
    GRAMMAR_ITEMS_MAX = 1 << 19,
    GRAMMAR_FRAMES_MAX = 1 << 16,
    GRAMMAR_ENTRIES_MAX = 1 << 18,
    GRAMMAR_WORK_MAX = 1 << 24, // in one call, which tries twice
};

// A place while a state is being made: an item, or a node on the way to one.
struct grammar_place {
    uint32_t node, count, frame;
};

struct grammar_caller {
    struct grammar_entry entry;
    uint32_t after; // the next of the same rule's, + 1
};

// Scratch of grammar_state.c, empty between calls.
struct grammar_work {
    struct grammar_place *places; // GRAMMAR_PLACES_MAX
    uint32_t *slots;              // of `places` by hash, + 1
    uint32_t *used;               // slots that are not 0
    struct grammar_item *items;
    struct grammar_caller *callers; // GRAMMAR_PLACES_MAX
    struct grammar_entry *entries;
    uint32_t *called;  // by rule: its last caller, + 1
    uint64_t *pending; // rules that are called, a bit by order
    uint32_t places_len, items_len, callers_len;
    uint64_t done, done_max; // see grammar_run_work
    uint32_t from; // the first word of `pending` that may not be 0
    bool ends, leaves;
};

// Masks of states, see grammar_mask.c.
struct grammar_mask {
    uint32_t state;
    uint32_t exits, exits_len; // nodes of the trie where it leaves GRAMMAR_OPEN, of a form
    bool helps;                // a form without too many of them
    uint64_t *bits;
};
enum { GRAMMAR_MASKS_MAX = 64, GRAMMAR_FORMS_MAX = 64, GRAMMAR_EXITS_MAX = 1 << 20 };

struct grammar {
    struct grammars *of;
    struct grammar *other; // the next one kept
    struct grammar_run *runs;
    uint64_t used; // when
    struct view text;
    struct grammar_trie *trie; // NULL: none
    void *memory;
    uint64_t memory_bytes;
    // What the text says.
    struct grammar_node *nodes;
    struct grammar_rule *rules;
    struct grammar_loop *loops;
    uint32_t *by_order; // rules
    uint32_t nodes_len, rules_len, loops_len, root, classes;
    uint8_t class_of[256]; // bytes that no node tells apart
    // What was met.
    struct grammar_frame *frames;
    struct grammar_entry *entries;
    struct grammar_state *states;
    struct grammar_item *items;
    uint32_t *steps; // by state and class: a state
    uint32_t *frame_slots, *state_slots;
    uint32_t frames_len, entries_len, states_len, items_len;
    uint32_t start;
    const char *fault; // why there was no room
    struct grammar_work work;
    struct grammar_mask masks[GRAMMAR_MASKS_MAX]; // of states that runs are in
    struct grammar_mask forms[GRAMMAR_FORMS_MAX]; // of those with GRAMMAR_OPEN below
    uint32_t masks_len, forms_len, exits_len;
    uint32_t *exits; // nodes of the trie
};

// ---- grammar_read.c, grammar_class.c: text to nodes ----

enum sk_code grammar_read(struct grammar *grammar, const struct vocab *vocab);

struct grammar_range {
    uint32_t low, high; // code points
};
// A run of nodes whose last one's `next` is open.
struct grammar_piece {
    uint32_t start, last;
};
// A new node; past the maximum the same one again and again, for the reader to see at its end.
uint32_t grammar_node_add(struct grammar *grammar, struct grammar_node node);
// The UTF-8 of all code points in the ranges, which are sorted and do not overlap, surrogates left
// out; false when that is none.
bool grammar_class_add(struct grammar *grammar, const struct grammar_range *ranges, uint32_t len,
                       struct grammar_piece *out);

// ---- grammar_check.c: what follows from the nodes ----

enum sk_code grammar_check(struct grammar *grammar);

// ---- grammar_state.c ----

void grammar_states_init(struct grammar *grammar);
// The state one byte on.
uint32_t grammar_step_new(struct grammar *grammar, uint32_t state, uint8_t byte);
static inline uint32_t grammar_step(struct grammar *grammar, uint32_t state, uint8_t byte) {
    uint32_t to = grammar->steps[state * grammar->classes + grammar->class_of[byte]];
    return to != GRAMMAR_UNKNOWN ? to : grammar_step_new(grammar, state, byte);
}
// The state one token on, as a whole and not by its bytes.
uint32_t grammar_step_token(struct grammar *grammar, uint32_t state, int32_t token, bool text);
// All that is in one or the other.
uint32_t grammar_state_join(struct grammar *grammar, uint32_t a, uint32_t b);
// Where a rule of this frame leads when it ends.
uint32_t grammar_state_after(struct grammar *grammar, uint32_t frame);
// The number of a frame or state with this content.
uint32_t grammar_frame_of(struct grammar *grammar, struct grammar_entry *entries, uint32_t len);
uint32_t grammar_state_of(struct grammar *grammar, struct grammar_item *items, uint32_t len);
// Forgets all states but those that runs are in and the forms', whose numbers change.
void grammar_states_clear(struct grammar *grammar);

// ---- grammar_trie.c: the vocabulary by its bytes ----

// Nodes in depth-first order: those below i are i + 1 .. skip - 1.
struct grammar_trie_node {
    uint32_t skip;
    uint32_t first; // tokens that end here: first .. that of the next node - 1
    uint16_t depth; // from 1 on
    uint8_t byte;
    uint8_t reach; // bytes of the longest token that ends here or below; 255: or more
};
struct grammar_trie {
    const struct vocab *vocab;
    struct grammar_trie_node *nodes; // and one more, whose `first` is tokens_len
    int32_t *ends;                   // that end a generation
    int32_t *tokens;                 // by their bytes
    uint32_t *starts;                // by id: where its bytes are
    char *bytes;
    uint32_t len, tokens_len, ends_len, longest; // longest: bytes
};
enum sk_code grammar_trie_open(struct grammar_trie **trie, const struct vocab *vocab);
void grammar_trie_close(struct grammar_trie *trie);
static inline struct view grammar_trie_bytes(const struct grammar_trie *trie, int32_t token) {
    return (struct view){trie->bytes + trie->starts[token],
                         trie->starts[token + 1] - trie->starts[token]};
}

// ---- grammar_mask.c ----

// Words of 64 tokens.
static inline uint32_t grammar_mask_words(const struct vocab *vocab) {
    return (vocab->len + 63) / 64;
}
// The mask of a state, or NULL: no room.
const uint64_t *grammar_mask_of(struct grammar *grammar, uint32_t state);
