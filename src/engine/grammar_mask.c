// Masks: the tokens that lead from a state to another one, by a walk over the vocabulary's tree.
//
// A walk that turns out long is not done for the state but for its *form*: the same items with all
// rules around replaced by GRAMMAR_OPEN, so that it serves wherever the rule is called from (inside
// a JSON string all strings are one form). It also brings its exits, the nodes of the tree where
// the rule ends; below those, few, the walk goes on from where the state itself leads. Rules with
// short texts only (an escape, a digit) end again and again, so they stay in the form with the rule
// that calls them; so do the counters of their repetitions, as being far from both bounds: tokens
// longer than what is left to a bound are walked for the state itself.
// (After XGrammar's context-independent tokens, Dong et al. 2024, arXiv:2411.15100.)
#include <string.h>

#include "engine/grammar_parts.h"

enum {
    WALK_SHORT = 1 << 10, // nodes of a walk that needs no form
    NEAR = 12,            // bytes to a counter's bound from which on a form is no help
    FORM_DEPTH = 6,       // rules in each other that stay in a form
    FORM_ITEMS = 1024,
    FORM_EXITS = 1 << 14, // of a form; with more of them it is no help
    PARTS_MAX = 16,
};

_Static_assert(FORM_EXITS *GRAMMAR_FORMS_MAX <= GRAMMAR_EXITS_MAX, "room for all exits");

struct walk {
    struct grammar *grammar;
    uint64_t *bits;
    uint32_t left;   // nodes that may be met
    uint32_t longer; // only tokens of more bytes
    uint32_t exits;  // that may still be collected
};

static void put_bit(uint64_t *bits, int32_t token) {
    bits[token / 64] |= UINT64_C(1) << token % 64;
}
static void clear_bit(uint64_t *bits, int32_t token) {
    bits[token / 64] &= ~(UINT64_C(1) << token % 64);
}

// Sets the bits of the tokens that end below a node (or at it: `from` is the next one) and lead on
// from `state`, which is that of the node before `from`. False: it was too long, or no room.
static bool walk(struct walk *w, uint32_t from, uint32_t to, uint32_t state) {
    const struct grammar_trie *trie = w->grammar->trie;
    uint32_t states[VOCAB_PIECE_MAX + 1];
    if (from < to) states[trie->nodes[from].depth - 1] = state;
    while (from < to) {
        const struct grammar_trie_node *node = &trie->nodes[from];
        if (node->reach <= w->longer && node->reach < 255) {
            from = node->skip;
            continue;
        }
        if (w->left-- == 0) return false;
        w->grammar->work.done++;
        state = grammar_step(w->grammar, states[node->depth - 1], node->byte);
        if (state == GRAMMAR_FULL) return false;
        if (state == GRAMMAR_DEAD) {
            from = node->skip;
            continue;
        }
        states[node->depth] = state;
        if (node->depth > w->longer)
            for (uint32_t i = node->first; i < node[1].first; i++)
                put_bit(w->bits, trie->tokens[i]);
        from++;
        if (from < node->skip && w->grammar->states[state].leaves) {
            if (w->exits-- == 0) return false;
            w->grammar->exits[w->grammar->exits_len++] = from - 1;
        }
    }
    return true;
}

// ---- forms ----

// A form of some items of a state, and the frame that stands for GRAMMAR_OPEN there.
struct part {
    uint32_t outer;
    const struct grammar_mask *form;
};

struct split {
    struct grammar *grammar;
    struct {
        uint32_t outer;
        struct grammar_item item;
    } items[FORM_ITEMS];
    uint32_t items_len;
    uint32_t near; // bytes of the longest tokens for which the forms are right
    struct part parts[PARTS_MAX];
    uint32_t parts_len;
};

// A loop's count as far from its bounds; *near becomes less when they are less far.
static uint32_t far_count(const struct grammar *grammar, struct grammar_entry entry,
                          uint32_t *near) {
    const struct grammar_node *node = &grammar->nodes[entry.next];
    if (node->kind != GRAMMAR_LOOP) return entry.count;
    const struct grammar_loop *loop = &grammar->loops[node->other];
    bool done = entry.count >= loop->min;
    if (done && loop->max == GRAMMAR_NO_MAX) return entry.count;
    // This body takes a byte or more, and so does each one after it.
    uint32_t far = (done ? loop->max : loop->min) - entry.count + 1;
    if (far < *near) *near = far;
    return done ? GRAMMAR_FAR_FROM_MAX : GRAMMAR_FAR_FROM_MIN;
}

// The way out of one item.
struct route {
    struct grammar_item item;
    struct grammar_entry entries[FORM_DEPTH]; // innermost first
    uint32_t len;
};

static bool end_route(struct split *s, const struct route *route, uint32_t outer) {
    uint32_t frame = GRAMMAR_OPEN;
    for (uint32_t i = route->len; i-- > 0;) {
        struct grammar_entry entry = route->entries[i];
        entry.count = far_count(s->grammar, entry, &s->near);
        entry.outer = frame;
        frame = grammar_frame_of(s->grammar, &entry, 1);
        if (frame == GRAMMAR_FULL) return false;
    }
    if (s->items_len == FORM_ITEMS) return false;
    s->items[s->items_len].outer = outer;
    s->items[s->items_len++].item = (struct grammar_item){route->item.node, frame};
    return true;
}

// All ways out of `frame`, in which a node of `rule` stands, at most FORM_DEPTH deep.
static bool follow(struct split *s, struct route *route, uint32_t rule, uint32_t frame) {
    struct grammar *grammar = s->grammar;
    const struct grammar_frame *of = &grammar->frames[frame];
    if (!grammar->rules[rule].brief || of->len == 0 || route->len == FORM_DEPTH)
        return end_route(s, route, frame);
    for (uint32_t i = 0; i < of->len; i++) {
        struct grammar_entry entry = grammar->entries[of->first + i];
        bool found;
        if (entry.next == GRAMMAR_END) {
            uint32_t outer = grammar_frame_of(grammar, &entry, 1);
            found = outer != GRAMMAR_FULL && end_route(s, route, outer);
        } else {
            route->entries[route->len++] = entry;
            found = follow(s, route, grammar->nodes[entry.next].rule, entry.outer);
            route->len--;
        }
        if (!found) return false;
    }
    return true;
}

static const struct grammar_mask *find_form(const struct grammar *grammar, uint32_t state) {
    for (uint32_t i = 0; i < grammar->forms_len; i++)
        if (grammar->forms[i].state == state) return &grammar->forms[i];
    return NULL;
}

// A form that is no help is kept too, so as not to be tried again.
static const struct grammar_mask *make_form(struct grammar *grammar, uint32_t state) {
    struct grammar_mask *form = &grammar->forms[grammar->forms_len];
    struct walk w = {grammar, form->bits, UINT32_MAX, 0, FORM_EXITS};
    memset(form->bits, 0, grammar_mask_words(grammar->trie->vocab) * sizeof *form->bits);
    form->state = state;
    form->exits = grammar->exits_len;
    form->helps = walk(&w, 0, grammar->trie->len, state);
    if (!form->helps) grammar->exits_len = form->exits;
    form->exits_len = grammar->exits_len - form->exits;
    grammar->forms_len++;
    return form;
}

// The items that have the same frame outside become one part. `make`: forms that are not there yet.
static bool make_parts(struct split *s, bool make) {
    struct grammar *grammar = s->grammar;
    struct grammar_item items[FORM_ITEMS];
    s->parts_len = 0;
    for (uint32_t at = 0; at < s->items_len; at++) {
        uint32_t outer = s->items[at].outer, len = 0;
        bool seen = false;
        for (uint32_t i = 0; i < s->parts_len; i++)
            seen = seen || s->parts[i].outer == outer;
        if (seen) continue;
        if (s->parts_len == PARTS_MAX) return false;
        for (uint32_t i = at; i < s->items_len; i++)
            if (s->items[i].outer == outer) items[len++] = s->items[i].item;
        uint32_t state = grammar_state_of(grammar, items, len);
        if (state == GRAMMAR_FULL) return false;
        const struct grammar_mask *form = find_form(grammar, state);
        if (!form && make) form = make_form(grammar, state);
        if (!form || !form->helps) return false;
        s->parts[s->parts_len++] = (struct part){outer, form};
    }
    return true;
}

static bool split_state(struct split *s, uint32_t state) {
    const struct grammar *grammar = s->grammar;
    const struct grammar_state *of = &grammar->states[state];
    s->near = UINT32_MAX;
    for (uint32_t i = 0; i < of->len; i++) {
        struct route route = {.item = grammar->items[of->first + i]};
        const struct grammar_node *node = &grammar->nodes[route.item.node];
        if (node->kind == GRAMMAR_BYTE && !follow(s, &route, node->rule, route.item.frame))
            return false;
    }
    return s->near >= NEAR;
}

static bool add_part(struct grammar *grammar, struct part part, uint64_t *bits) {
    const struct grammar_mask *form = part.form;
    struct walk w = {grammar, bits, UINT32_MAX, 0, 0};
    for (uint32_t i = 0; i < grammar_mask_words(grammar->trie->vocab); i++)
        bits[i] |= form->bits[i];
    uint32_t after = grammar_state_after(grammar, part.outer);
    if (after == GRAMMAR_FULL) return false;
    for (uint32_t i = 0; i < form->exits_len; i++) {
        uint32_t exit = grammar->exits[form->exits + i];
        if (!walk(&w, exit + 1, grammar->trie->nodes[exit].skip, after)) return false;
    }
    return true;
}

// Tokens of more than `near` bytes, which the forms do not know, by a walk of their own.
static bool add_longer(struct grammar *grammar, uint32_t state, uint32_t near, uint64_t *bits) {
    const struct grammar_trie *trie = grammar->trie;
    struct walk w = {grammar, bits, UINT32_MAX, near, 0};
    if (near >= trie->longest) return true;
    for (uint32_t i = 0; i < trie->len;) {
        const struct grammar_trie_node *node = &trie->nodes[i++];
        if (node->reach <= near && node->reach < 255) i = node->skip;
        if (node->depth <= near) continue;
        for (uint32_t k = node->first; k < node[1].first; k++)
            clear_bit(bits, trie->tokens[k]);
    }
    return walk(&w, 0, trie->len, state);
}

static bool add_parts(const struct split *s, uint32_t state, uint64_t *bits) {
    for (uint32_t i = 0; i < s->parts_len; i++)
        if (!add_part(s->grammar, s->parts[i], bits)) return false;
    return add_longer(s->grammar, state, s->near, bits);
}

// ---- the whole mask ----

// What can be taken by its bytes.
static bool add_texts(struct grammar *grammar, uint32_t state, uint64_t *bits) {
    struct split s = {.grammar = grammar};
    struct walk w = {grammar, bits, WALK_SHORT, 0, 0};
    bool formed = split_state(&s, state);
    if (formed && make_parts(&s, false)) return add_parts(&s, state, bits);
    if (walk(&w, 0, grammar->trie->len, state)) return true;
    if (grammar->forms_len + PARTS_MAX > GRAMMAR_FORMS_MAX)
        grammar->forms_len = grammar->exits_len = 0;
    if (formed && make_parts(&s, true)) return add_parts(&s, state, bits);
    w.left = UINT32_MAX;
    return walk(&w, 0, grammar->trie->len, state);
}

// What can be taken as a whole.
static void add_tokens(const struct grammar *grammar, uint32_t state, uint64_t *bits) {
    const struct grammar_trie *trie = grammar->trie;
    const struct grammar_state *of = &grammar->states[state];
    for (uint32_t i = 0; i < of->len; i++) {
        const struct grammar_node *node = &grammar->nodes[grammar->items[of->first + i].node];
        if (node->kind != GRAMMAR_TOKEN) continue;
        if (!node->negated) put_bit(bits, (int32_t)node->other);
        for (uint32_t k = 0; node->negated && k < trie->tokens_len; k++)
            if (trie->tokens[k] != (int32_t)node->other) put_bit(bits, trie->tokens[k]);
    }
    for (uint32_t i = 0; of->ends && i < trie->ends_len; i++)
        put_bit(bits, trie->ends[i]);
}

const uint64_t *grammar_mask_of(struct grammar *grammar, uint32_t state) {
    for (uint32_t i = 0; i < grammar->masks_len; i++)
        if (grammar->masks[i].state == state) return grammar->masks[i].bits;
    if (grammar->masks_len == GRAMMAR_MASKS_MAX) grammar->masks_len = 0;
    struct grammar_mask *mask = &grammar->masks[grammar->masks_len];
    memset(mask->bits, 0, grammar_mask_words(grammar->trie->vocab) * sizeof *mask->bits);
    if (!add_texts(grammar, state, mask->bits)) return NULL;
    add_tokens(grammar, state, mask->bits);
    mask->state = state;
    grammar->masks_len++;
    return mask->bits;
}
