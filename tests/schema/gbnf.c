#include "gbnf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { RULES_MAX = 40000, RANGES_MAX = 64, CHEAP = 1 << 30 };
static const uint32_t MANY = UINT32_MAX;

struct node {
    enum node_kind { CLASS, RULE, CHOICE, REPEAT } kind;
    struct node *next;  // what follows
    struct node *child; // CHOICE: the first branch; REPEAT: what repeats
    struct node *other; // the next branch, in the first node of a branch's list (a CHOICE of one)
    uint32_t min, max, rule;
    uint32_t ranges_len, (*ranges)[2];
    uint32_t cost; // the fewest characters; CHEAP: not known to have any
};

struct rule {
    struct view name;
    struct node *body; // a CHOICE, NULL until it is defined
    struct rule *same_slot;
};

struct gbnf {
    struct rule *rules;
    struct rule *slots[4096];
    uint32_t rules_len;
    struct arena *arena;
    const char *at, *end;
};

static void stop(const struct gbnf *g, const char *why) {
    fprintf(stderr, "gbnf: %s at \"%.40s\"\n", why, g->at);
    abort();
}

static void *take(struct arena *arena, size_t size) {
    void *taken = arena_take(arena, 1, size);
    if (!taken) {
        fprintf(stderr, "gbnf: %s\n", fail_text());
        abort();
    }
    return taken;
}

// ---- reading ----

static uint32_t rule_of(struct gbnf *g, struct view name) {
    uint32_t hash = 7;
    for (size_t i = 0; i < name.len; i++)
        hash = hash * 31 + (unsigned char)name.at[i];
    struct rule **slot = &g->slots[hash % 4096];
    for (struct rule *rule = *slot; rule; rule = rule->same_slot)
        if (view_same(rule->name, name)) return (uint32_t)(rule - g->rules);
    if (g->rules_len == RULES_MAX) stop(g, "too many rules");
    struct rule *rule = &g->rules[g->rules_len];
    *rule = (struct rule){name, NULL, *slot};
    *slot = rule;
    return g->rules_len++;
}

static void skip_space(struct gbnf *g) {
    while (g->at < g->end && *g->at == ' ')
        g->at++;
}

static bool name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

static struct view take_name(struct gbnf *g) {
    const char *from = g->at;
    while (g->at < g->end && name_char(*g->at))
        g->at++;
    if (g->at == from) stop(g, "a name is missing");
    return (struct view){from, (size_t)(g->at - from)};
}

static uint32_t take_char(struct gbnf *g) {
    uint32_t c;
    if (g->at == g->end) stop(g, "ends too early");
    if (*g->at != '\\') {
        size_t len = utf8_take((struct view){g->at, (size_t)(g->end - g->at)}, &c);
        if (!len) stop(g, "no UTF-8");
        g->at += len;
        return c;
    }
    char kind = g->at[1];
    g->at += 2;
    int digits = kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits) {
        char text[9] = {0};
        memcpy(text, g->at, (size_t)digits);
        g->at += digits;
        return (uint32_t)strtoul(text, NULL, 16);
    }
    return kind == 'n' ? '\n' : kind == 't' ? '\t' : kind == 'r' ? '\r' : (uint32_t)kind;
}

static struct node *new_node(struct gbnf *g, enum node_kind kind) {
    struct node *node = take(g->arena, sizeof *node);
    node->kind = kind;
    node->cost = CHEAP;
    return node;
}

static struct node *class_of(struct gbnf *g, uint32_t (*ranges)[2], uint32_t len) {
    struct node *node = new_node(g, CLASS);
    node->ranges = take(g->arena, sizeof *ranges * len);
    memcpy(node->ranges, ranges, sizeof *ranges * len);
    node->ranges_len = len;
    return node;
}

static struct node *take_class(struct gbnf *g) {
    uint32_t ranges[RANGES_MAX][2], len = 0;
    bool negated = *g->at == '^';
    g->at += negated;
    while (*g->at != ']') {
        if (len == RANGES_MAX) stop(g, "too many ranges");
        ranges[len][0] = ranges[len][1] = take_char(g);
        if (g->at[0] == '-' && g->at[1] != ']') {
            g->at++;
            ranges[len][1] = take_char(g);
        }
        if (ranges[len][0] > ranges[len][1]) stop(g, "a range goes backwards");
        len++;
    }
    g->at++;
    if (len == 0) stop(g, "an empty class");
    if (!negated) return class_of(g, ranges, len);
    uint32_t others[RANGES_MAX + 1][2], others_len = 0;
    for (uint32_t from = 0; from <= 0x10ffff;) {
        uint32_t to = 0x10ffff, held = 0;
        for (uint32_t i = 0; i < len; i++) {
            if (ranges[i][0] <= from && from <= ranges[i][1]) held = ranges[i][1] + 1;
            if (ranges[i][0] > from && ranges[i][0] - 1 < to) to = ranges[i][0] - 1;
        }
        if (!held) others[others_len][0] = from, others[others_len++][1] = to;
        from = held ? held : to + 1;
    }
    return class_of(g, others, others_len);
}

static struct node *take_choice(struct gbnf *g);

// A literal's characters one after another; an atom of one node else. *last is its last node.
static struct node *take_atom(struct gbnf *g, struct node **last) {
    struct node *first = NULL;
    char c = *g->at;
    if (c == '"') {
        for (g->at++; *g->at != '"';) {
            uint32_t range[1][2];
            range[0][0] = range[0][1] = take_char(g);
            struct node *node = class_of(g, range, 1);
            *(first ? &(*last)->next : &first) = node;
            *last = node;
        }
        g->at++;
        if (!first) { // nothing at all
            first = new_node(g, REPEAT);
            first->child = class_of(g, (uint32_t[1][2]){{0, 0}}, 1);
        }
    } else if (c == '[') {
        g->at++;
        first = take_class(g);
    } else if (c == '(') {
        g->at++;
        first = take_choice(g);
        skip_space(g);
        if (*g->at++ != ')') stop(g, "a group is not closed");
    } else {
        first = new_node(g, RULE);
        first->rule = rule_of(g, take_name(g));
    }
    if (!first->next) *last = first;
    return first;
}

static bool take_quantifier(struct gbnf *g, uint32_t *min, uint32_t *max) {
    *min = 0, *max = MANY;
    switch (g->at < g->end ? *g->at : 0) {
    case '*':
        break;
    case '+':
        *min = 1;
        break;
    case '?':
        *max = 1;
        break;
    case '{': {
        char *after;
        *min = *max = (uint32_t)strtoul(g->at + 1, &after, 10);
        if (*after == ',') {
            after++;
            *max = *after == '}' ? MANY : (uint32_t)strtoul(after, &after, 10);
        }
        if (*after != '}') stop(g, "a repetition is not closed");
        g->at = after;
        break;
    }
    default:
        return false;
    }
    g->at++;
    return true;
}

static struct node *take_sequence(struct gbnf *g) {
    struct node *first = NULL, **to = &first, *last = NULL;
    for (;;) {
        skip_space(g);
        if (g->at == g->end || *g->at == '\n' || *g->at == '|' || *g->at == ')') return first;
        struct node *atom = take_atom(g, &last);
        uint32_t min, max;
        if (take_quantifier(g, &min, &max)) {
            struct node *repeat = new_node(g, REPEAT);
            repeat->child = atom; // also a whole literal: it is a list
            repeat->min = min, repeat->max = max;
            atom = last = repeat;
        }
        *to = atom;
        to = &last->next;
    }
}

static struct node *take_choice(struct gbnf *g) {
    struct node *choice = new_node(g, CHOICE), **to = &choice->child;
    for (;;) {
        struct node *branch = new_node(g, REPEAT); // once: a list in a node
        branch->min = branch->max = 1;
        branch->child = take_sequence(g);
        *to = branch;
        to = &branch->other;
        if (g->at == g->end || *g->at != '|') return choice;
        g->at++;
    }
}

// ---- costs ----

static uint32_t list_cost(const struct gbnf *g, struct node *node);

static uint32_t node_cost(const struct gbnf *g, struct node *node) {
    uint32_t cost = CHEAP;
    switch (node->kind) {
    case CLASS:
        cost = 1;
        break;
    case RULE:
        cost = g->rules[node->rule].body ? g->rules[node->rule].body->cost : CHEAP;
        break;
    case CHOICE:
        for (struct node *branch = node->child; branch; branch = branch->other) {
            uint32_t one = node_cost(g, branch);
            if (one < cost) cost = one;
        }
        break;
    case REPEAT:
        cost = list_cost(g, node->child); // also where none is needed: it may be drawn
    }
    node->cost = cost < CHEAP ? cost + (node->kind == RULE) : CHEAP;
    if (node->kind != REPEAT) return node->cost;
    uint64_t all = (uint64_t)node->cost * node->min;
    return node->min == 0 ? 0 : all < CHEAP ? (uint32_t)all : CHEAP;
}

static uint32_t list_cost(const struct gbnf *g, struct node *node) {
    uint64_t cost = 0;
    for (; node; node = node->next)
        cost += node_cost(g, node);
    return cost < CHEAP ? (uint32_t)cost : CHEAP;
}

static void find_costs(const struct gbnf *g) {
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = g->rules_len; i-- > 0;) {
            uint32_t before = g->rules[i].body->cost;
            if (node_cost(g, g->rules[i].body) != before) more = true;
        }
    }
}

const struct gbnf *gbnf_read(struct view text, struct arena *arena) {
    struct gbnf *g = take(arena, sizeof *g);
    g->arena = arena;
    g->rules = arena_take(arena, RULES_MAX, sizeof *g->rules);
    g->at = text.at;
    g->end = text.at + text.len;
    if (!g->rules) stop(g, "no memory");
    rule_of(g, VIEW("root"));
    while (g->at < g->end) {
        uint32_t rule = rule_of(g, take_name(g));
        if (!view_starts((struct view){g->at, (size_t)(g->end - g->at)}, VIEW(" ::=")))
            stop(g, "no ::=");
        if (g->rules[rule].body) stop(g, "a rule is defined twice");
        g->at += 4;
        g->rules[rule].body = take_choice(g);
        if (g->at < g->end && *g->at++ != '\n') stop(g, "more than a rule in a line");
    }
    for (uint32_t i = 0; i < g->rules_len; i++) {
        g->at = g->rules[i].name.at;
        if (!g->rules[i].body) stop(g, "a rule is not defined");
    }
    find_costs(g);
    for (uint32_t i = 0; i < g->rules_len; i++) {
        g->at = g->rules[i].name.at;
        if (g->rules[i].body->cost >= CHEAP) stop(g, "a rule has no text");
    }
    return g;
}

uint32_t gbnf_rules(const struct gbnf *gbnf) {
    return gbnf->rules_len;
}

// ---- walking ----

static uint64_t chance(uint64_t *state) { // splitmix64
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct walk {
    const struct gbnf *g;
    uint64_t *seed;
    struct buf *out;
    size_t end;
};

// Ends of ranges are drawn often: mistakes live there.
static void draw_char(struct walk *w, const struct node *node) {
    const uint32_t *range = node->ranges[chance(w->seed) % node->ranges_len];
    uint32_t wide = range[1] - range[0] + 1, c = range[0] + (uint32_t)(chance(w->seed) % wide);
    if (wide > 4096 && chance(w->seed) % 2) c = range[0] + (uint32_t)(chance(w->seed) % 96);
    if (chance(w->seed) % 8 == 0) c = range[chance(w->seed) % 2];
    if (c >= 0xd800 && c <= 0xdfff) c = 0x3042;
    char text[4];
    buf_put(w->out, text, utf8_put(c, text));
}

static void walk_list(struct walk *w, const struct node *node);

static void walk_node(struct walk *w, const struct node *node) {
    bool hurry = w->out->len > w->end;
    switch (node->kind) {
    case CLASS:
        draw_char(w, node);
        break;
    case RULE:
        walk_node(w, w->g->rules[node->rule].body);
        break;
    case CHOICE: {
        const struct node *drawn = node->child;
        if (!drawn) break;
        uint64_t seen = 0;
        for (const struct node *branch = node->child; branch; branch = branch->other) {
            bool cheapest = branch->cost < drawn->cost;
            if (branch->cost >= CHEAP) continue;
            if (hurry || drawn->cost >= CHEAP ? cheapest : chance(w->seed) % ++seen == 0)
                drawn = branch;
        }
        walk_list(w, drawn->child);
        break;
    }
    case REPEAT: {
        uint32_t count = node->min, more = (uint32_t)(chance(w->seed) % 5);
        if (chance(w->seed) % 8 == 0 && node->max != MANY && node->max - node->min < 64)
            more = node->max - node->min;
        if (more > node->max - node->min) more = node->max - node->min;
        if (!hurry && node->cost < CHEAP) count += more;
        for (uint32_t i = 0; i < count; i++)
            walk_list(w, node->child);
    }
    }
}

static void walk_list(struct walk *w, const struct node *node) {
    for (; node; node = node->next)
        walk_node(w, node);
}

void gbnf_walk(const struct gbnf *gbnf, uint64_t *seed, uint32_t budget, struct buf *out) {
    struct walk w = {gbnf, seed, out, out->len + budget};
    walk_node(&w, gbnf->rules[0].body);
}

// ---- matching ----

// What is still to be matched: a list of nodes, then what is above. Equal ones are one.
struct todo {
    const struct node *node;
    const struct todo *up;
    uint32_t count, seen; // rounds of a REPEAT; the step that met it
    struct todo *same_slot;
};

enum { TODO_SLOTS = 1 << 14, THREADS_MAX = 1 << 16 };

struct match {
    const struct gbnf *g;
    struct arena *arena;
    struct todo **slots;
    const struct todo **open, **ready; // to be followed; waiting for a character
    uint32_t open_len, ready_len, step;
    bool ends;
};

static struct todo *find(struct match *m, const struct node *node, uint32_t count,
                         const struct todo *up) {
    uint64_t hash = ((uintptr_t)node >> 4) * 31 + ((uintptr_t)up >> 4) * 131 + count;
    hash = (hash * UINT64_C(0x9e3779b97f4a7c15)) >> 40;
    struct todo **slot = &m->slots[hash % TODO_SLOTS], *todo = *slot;
    while (todo && (todo->node != node || todo->up != up || todo->count != count))
        todo = todo->same_slot;
    if (todo) return todo;
    todo = take(m->arena, sizeof *todo);
    *todo = (struct todo){node, up, count, 0, *slot};
    return *slot = todo;
}

static void push(struct match *m, const struct node *node, uint32_t count, const struct todo *up) {
    if (!node && !up) {
        m->ends = true;
        return;
    }
    struct todo *todo = node ? find(m, node, count, up) : find(m, up->node, up->count, up->up);
    if (todo->seen == m->step) return;
    todo->seen = m->step;
    if (m->open_len == THREADS_MAX || m->ready_len == THREADS_MAX) stop(m->g, "too many ways");
    m->open[m->open_len++] = todo;
}

// Where to go on when what is pushed is done.
static const struct todo *after(struct match *m, const struct node *node, uint32_t count,
                                const struct todo *up) {
    return node ? find(m, node, count, up) : up;
}

static void follow(struct match *m) {
    while (m->open_len) {
        const struct todo *todo = m->open[--m->open_len];
        const struct node *node = todo->node;
        switch (node->kind) {
        case CLASS:
            m->ready[m->ready_len++] = todo;
            break;
        case RULE:
            push(m, m->g->rules[node->rule].body, 0, after(m, node->next, 0, todo->up));
            break;
        case CHOICE: {
            const struct todo *up = after(m, node->next, 0, todo->up);
            for (const struct node *branch = node->child; branch; branch = branch->other)
                push(m, branch->child, 0, up);
            break;
        }
        case REPEAT:
            if (todo->count >= node->min) push(m, node->next, 0, todo->up);
            if (todo->count < node->max) {
                uint32_t count = todo->count + 1;
                if (node->max == MANY && count > node->min) count = node->min;
                push(m, node->child, 0, after(m, node, count, todo->up));
            }
        }
    }
}

bool gbnf_matches(const struct gbnf *gbnf, struct view text, struct arena *arena) {
    struct match m = {.g = gbnf, .arena = arena};
    m.slots = arena_take(arena, TODO_SLOTS, sizeof *m.slots);
    m.open = arena_take(arena, THREADS_MAX, sizeof *m.open);
    m.ready = arena_take(arena, THREADS_MAX, sizeof *m.ready);
    const struct todo **taken = arena_take(arena, THREADS_MAX, sizeof *taken);
    if (!m.slots || !m.open || !m.ready || !taken) stop(gbnf, "no memory");
    m.step = 1;
    push(&m, gbnf->rules[0].body, 0, NULL);
    follow(&m);
    while (text.len) {
        uint32_t c, taken_len = m.ready_len;
        size_t len = utf8_take(text, &c);
        if (!len) return false;
        memcpy(taken, m.ready, taken_len * sizeof *taken);
        m.ready_len = 0;
        m.ends = false;
        m.step++;
        for (uint32_t i = 0; i < taken_len; i++) {
            const struct node *node = taken[i]->node;
            bool held = false;
            for (uint32_t r = 0; r < node->ranges_len && !held; r++)
                held = node->ranges[r][0] <= c && c <= node->ranges[r][1];
            if (held) push(&m, node->next, 0, taken[i]->up);
        }
        follow(&m);
        text = view_from(text, len);
    }
    return m.ends;
}
