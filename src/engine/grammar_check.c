// What follows from a grammar's nodes: which lead to an end at all, which rules can be empty, which
// are brief, in what order they can begin each other, and which bytes are never told apart. Each
// value of a node follows from those behind it and only grows, so they are made in one go, a node
// again whenever one behind it has grown: linear in the nodes, whatever the graph.
#include <stdlib.h>
#include <string.h>

#include "engine/grammar_parts.h"

enum { BRIEF_MAX = 24, LONG }; // bytes of a brief rule's texts

// Scratch, and the graph backwards: before[first_before[i] ..] are the nodes whose value follows
// from that of node i.
struct check {
    struct grammar *grammar;
    uint32_t *first_before, *before;
    uint32_t *todo;
    uint8_t *value, *waits; // waits: in todo
    uint32_t todo_from, todo_len;
    // By rule: how many can begin with it; those it can begin with are begun[first_begun[i] ..].
    uint32_t *begun_by, *first_begun, *begun;
    uint32_t begun_len;
};

static uint32_t start_of(const struct grammar *grammar, uint32_t rule) {
    return grammar->rules[rule].start;
}

// The rule that a node enters, or UINT32_MAX.
static uint32_t entered(const struct grammar *grammar, const struct grammar_node *node) {
    if (node->kind == GRAMMAR_CALL) return node->other;
    return node->kind == GRAMMAR_LOOP ? grammar->loops[node->other].rule : UINT32_MAX;
}

// ---- nodes that take nothing ----

static uint32_t past(const struct grammar *grammar, uint32_t node) {
    while (grammar->nodes[node].kind == GRAMMAR_PASS)
        node = grammar->nodes[node].next;
    return node;
}

static void drop_passes(struct grammar *grammar) {
    struct grammar_node *nodes = grammar->nodes;
    for (uint32_t i = 0; i < grammar->nodes_len;
         i++) { // each chain is walked once: then it is short
        uint32_t end = past(grammar, i);
        for (uint32_t at = i, next; nodes[at].kind == GRAMMAR_PASS; at = next) {
            next = nodes[at].next;
            nodes[at].next = end;
        }
    }
    for (uint32_t i = 0; i < grammar->nodes_len; i++) {
        nodes[i].next = past(grammar, nodes[i].next);
        if (nodes[i].kind == GRAMMAR_FORK) nodes[i].other = past(grammar, nodes[i].other);
    }
    for (uint32_t i = 0; i < grammar->rules_len; i++)
        grammar->rules[i].start = past(grammar, grammar->rules[i].start);
}

// ---- values ----

// What node i is made of, at most three.
static uint32_t behind(const struct grammar *grammar, uint32_t i, uint32_t out[3]) {
    const struct grammar_node *node = &grammar->nodes[i];
    uint32_t len = 0, rule = entered(grammar, node);
    if (node->kind == GRAMMAR_END || node->kind == GRAMMAR_PASS) return 0;
    out[len++] = node->next;
    if (node->kind == GRAMMAR_FORK) out[len++] = node->other;
    if (rule != UINT32_MAX) out[len++] = start_of(grammar, rule);
    return len;
}

static void turn_around(struct check *c) {
    uint32_t nodes = c->grammar->nodes_len, to[3];
    for (uint32_t i = 0; i < nodes; i++)
        for (uint32_t k = behind(c->grammar, i, to); k-- > 0;)
            c->first_before[to[k] + 1]++;
    for (uint32_t i = 0; i < nodes; i++)
        c->first_before[i + 1] += c->first_before[i];
    for (uint32_t i = 0; i < nodes; i++)
        for (uint32_t k = behind(c->grammar, i, to); k-- > 0;)
            c->before[c->first_before[to[k]]++] = i;
    for (uint32_t i = nodes; i > 0; i--)
        c->first_before[i] = c->first_before[i - 1];
    c->first_before[0] = 0;
}

// 1: some text ends from here.
static uint32_t productive(const struct check *c, const struct grammar_node *node) {
    const uint8_t *value = c->value;
    uint32_t rule = entered(c->grammar, node), next = value[node->next];
    if (node->kind == GRAMMAR_FORK) return next | value[node->other];
    if (node->kind == GRAMMAR_LOOP && c->grammar->loops[node->other].min == 0) return next;
    return rule == UINT32_MAX ? next : next & value[start_of(c->grammar, rule)];
}

// 1: the rule can end from here with nothing taken.
static uint32_t empty(const struct check *c, const struct grammar_node *node) {
    if (node->kind == GRAMMAR_BYTE || node->kind == GRAMMAR_TOKEN) return 0;
    return productive(c, node);
}

// Bytes to the end of the rule at the most, up to LONG.
static uint32_t length(const struct check *c, const struct grammar_node *node) {
    const struct grammar *grammar = c->grammar;
    uint32_t next = c->value[node->next], rule = entered(grammar, node), body = 0, times = 1;
    if (node->kind == GRAMMAR_FORK)
        return next > c->value[node->other] ? next : c->value[node->other];
    if (node->kind == GRAMMAR_BYTE) body = 1;
    if (node->kind == GRAMMAR_TOKEN) body = LONG;
    if (rule != UINT32_MAX) body = c->value[start_of(grammar, rule)];
    if (node->kind == GRAMMAR_LOOP) times = grammar->loops[node->other].max;
    uint64_t all = (uint64_t)body * times + next;
    return all < LONG ? (uint32_t)all : LONG;
}

typedef uint32_t value_of(const struct check *c, const struct grammar_node *node);

static void wait_for(struct check *c, uint32_t node) {
    if (c->waits[node]) return;
    c->waits[node] = 1;
    c->todo[(c->todo_from + c->todo_len++) % c->grammar->nodes_len] = node;
}

static void find_values(struct check *c, value_of *value, uint8_t at_end) {
    uint32_t nodes = c->grammar->nodes_len;
    memset(c->value, 0, nodes);
    c->value[GRAMMAR_END] = at_end;
    for (uint32_t i = nodes; i-- > 0;)
        wait_for(c, i);
    while (c->todo_len) {
        uint32_t i = c->todo[c->todo_from];
        const struct grammar_node *node = &c->grammar->nodes[i];
        c->todo_from = (c->todo_from + 1) % nodes;
        c->todo_len--;
        c->waits[i] = 0;
        bool fixed = node->kind == GRAMMAR_END || node->kind == GRAMMAR_PASS;
        uint32_t now = fixed ? c->value[i] : value(c, node);
        if (now == c->value[i] && i != GRAMMAR_END) continue;
        c->value[i] = (uint8_t)now;
        for (uint32_t k = c->first_before[i]; k < c->first_before[i + 1]; k++)
            wait_for(c, c->before[k]);
    }
}

// What leads to no end is not led to any more.
static enum sk_code drop_dead_ends(struct check *c) {
    struct grammar *grammar = c->grammar;
    find_values(c, productive, 1);
    if (!c->value[start_of(grammar, grammar->root)])
        return FAIL(SK_INPUT, "no text is of this grammar: its rules never end");
    for (uint32_t i = 0; i < grammar->nodes_len; i++) {
        struct grammar_node *node = &grammar->nodes[i];
        if (node->kind == GRAMMAR_FORK && !c->value[node->next]) node->next = node->other;
        if (node->kind == GRAMMAR_FORK && !c->value[node->other]) node->other = node->next;
        if (node->kind != GRAMMAR_LOOP) continue;
        struct grammar_loop *loop = &grammar->loops[node->other];
        if (!c->value[start_of(grammar, loop->rule)]) loop->max = 0;
    }
    return SK_OK;
}

static void name_rules(struct check *c) {
    struct grammar *grammar = c->grammar;
    find_values(c, empty, 1);
    for (uint32_t i = 0; i < grammar->rules_len; i++)
        grammar->rules[i].empty = c->value[start_of(grammar, i)];
    // Each time of an empty body may be one that takes nothing.
    for (uint32_t i = 0; i < grammar->loops_len; i++)
        if (grammar->rules[grammar->loops[i].rule].empty) grammar->loops[i].min = 0;
    find_values(c, length, 0);
    for (uint32_t i = 0; i < grammar->rules_len; i++)
        grammar->rules[i].brief = c->value[start_of(grammar, i)] <= BRIEF_MAX;
}

// ---- which rule a node is of, and which can begin which ----

// Visits the nodes of one rule from its start; `beginning`: only those before which nothing is
// taken. Calls are noted in `begun` then.
static void visit(struct check *c, uint32_t rule, bool beginning) {
    struct grammar *grammar = c->grammar;
    uint32_t len = 0;
    c->todo[len++] = start_of(grammar, rule);
    while (len) {
        uint32_t i = c->todo[--len], enters;
        struct grammar_node *node = &grammar->nodes[i];
        if (c->waits[i] || i == GRAMMAR_END) continue;
        c->waits[i] = 1;
        node->rule = rule;
        enters = entered(grammar, node);
        bool on = node->kind == GRAMMAR_FORK || !beginning;
        if (beginning && enters != UINT32_MAX) {
            c->begun[c->begun_len++] = enters;
            c->begun_by[enters]++;
            on = grammar->rules[enters].empty ||
                 (node->kind == GRAMMAR_LOOP && grammar->loops[node->other].min == 0);
        }
        if (!on) continue;
        if (!c->waits[node->next]) c->todo[len++] = node->next;
        if (node->kind == GRAMMAR_FORK && !c->waits[node->other]) c->todo[len++] = node->other;
    }
}

static void visit_all(struct check *c, bool beginning) {
    memset(c->waits, 0, c->grammar->nodes_len);
    for (uint32_t i = 0; i < c->grammar->rules_len; i++) {
        if (beginning) c->first_begun[i] = c->begun_len;
        visit(c, i, beginning);
    }
    if (beginning) c->first_begun[c->grammar->rules_len] = c->begun_len;
    memset(c->waits, 0, c->grammar->nodes_len);
}

// Every rule without an order is begun by another one without: going back leads into a circle.
static enum sk_code left_recursion(struct check *c) {
    const struct grammar *grammar = c->grammar;
    uint32_t *by = c->todo, at = 0;
    for (uint32_t i = 0; i < grammar->rules_len; i++)
        for (uint32_t k = c->first_begun[i]; k < c->first_begun[i + 1]; k++)
            if (!grammar->rules[i].order) by[c->begun[k]] = i;
    while (grammar->rules[at].order)
        at++;
    for (uint32_t i = 0; i < grammar->rules_len; i++)
        at = by[at];
    while (!grammar->rules[at].name.len)
        at = by[at];
    struct view name = grammar->rules[at].name;
    return FAIL(SK_INPUT,
                "the rule %.*s can begin with itself (left recursion): write it as a repetition",
                (int)(name.len < 64 ? name.len : 64), name.at);
}

static enum sk_code put_in_order(struct check *c) {
    struct grammar *grammar = c->grammar;
    uint32_t len = 0;
    visit_all(c, true);
    for (uint32_t i = 0; i < grammar->rules_len; i++)
        if (!c->begun_by[i]) grammar->by_order[len++] = i;
    for (uint32_t at = 0; at < len; at++) {
        uint32_t rule = grammar->by_order[at];
        grammar->rules[rule].order = at + 1;
        for (uint32_t i = c->first_begun[rule]; i < c->first_begun[rule + 1]; i++)
            if (--c->begun_by[c->begun[i]] == 0) grammar->by_order[len++] = c->begun[i];
    }
    if (len < grammar->rules_len) return left_recursion(c);
    for (uint32_t i = 0; i < len; i++)
        grammar->rules[i].order--;
    return SK_OK;
}

// ---- bytes ----

static void find_classes(struct grammar *grammar) {
    bool begins[257] = {true};
    for (uint32_t i = 0; i < grammar->nodes_len; i++)
        if (grammar->nodes[i].kind == GRAMMAR_BYTE)
            begins[grammar->nodes[i].low] = begins[grammar->nodes[i].high + 1] = true;
    uint32_t len = 0;
    for (uint32_t byte = 0; byte < 256; byte++) {
        len += begins[byte];
        grammar->class_of[byte] = (uint8_t)(len - 1);
    }
    grammar->classes = len;
}

static enum sk_code check_all(struct check *c) {
    drop_passes(c->grammar);
    turn_around(c);
    TRY(drop_dead_ends(c));
    name_rules(c);
    visit_all(c, false);
    find_classes(c->grammar);
    return put_in_order(c);
}

static void check_lay(struct check *c, struct lay *lay) {
    uint32_t nodes = c->grammar->nodes_len, rules = c->grammar->rules_len;
    c->first_before = lay_take(lay, nodes + 2, sizeof *c->first_before);
    c->before = lay_take(lay, (uint64_t)nodes * 3, sizeof *c->before);
    c->todo = lay_take(lay, (uint64_t)nodes * 2 + 1, sizeof *c->todo);
    c->value = lay_take(lay, nodes, 1);
    c->waits = lay_take(lay, nodes, 1);
    c->begun_by = lay_take(lay, rules, sizeof *c->begun_by);
    c->first_begun = lay_take(lay, rules + 1, sizeof *c->first_begun);
    c->begun = lay_take(lay, nodes, sizeof *c->begun);
}

enum sk_code grammar_check(struct grammar *grammar) {
    struct check c = {.grammar = grammar};
    struct lay lay = {0};
    check_lay(&c, &lay);
    void *memory = calloc(lay.used, 1);
    if (!memory) return FAIL(SK_LIMIT, "memory: none left");
    lay = (struct lay){.base = memory};
    check_lay(&c, &lay);
    enum sk_code code = check_all(&c);
    free(memory);
    return code;
}
