#include <string.h>

#include "engine/schema_parts.h"

// A set of strings as rules: <name>-<state>, each what may come next. Strings have their closing
// quote at the end of the last rule, and each character its one spelling in JSON.

enum {
    LITERAL_MAX = 64, // characters written in one piece, where nothing else is possible
    ESCAPED_ALL = 34, // characters that have an escape
};

struct set {
    struct writer *w;
    const struct dfa *dfa;
    const char *name;
    bool string;
    bool *asked;
    uint32_t *queue, queue_len;
};

// ---- characters ----

static bool escaped(uint32_t c) {
    return c < 0x20 || c == '"' || c == '\\';
}

// In JSON, between the quotes of a GBNF literal.
static void put_escape(struct buf *out, uint32_t c) {
    static const char from[] = "\b\f\n\r\t", to[] = "bfnrt";
    const char *brief = c ? strchr(from, (int)c) : NULL;
    if (c == '"') {
        buf_put_text(out, "\\\\\\\"");
    } else if (c == '\\') {
        buf_put_text(out, "\\\\\\\\");
    } else if (brief) {
        buf_print(out, "\\\\%c", to[brief - from]);
    } else {
        buf_print(out, "\\\\u%04x", c);
    }
}

// One character in a GBNF class or literal.
static void put_char(struct buf *out, uint32_t c) {
    bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    if (plain) {
        buf_put_char(out, (char)c);
    } else {
        buf_print(out, c < 0x100 ? "\\x%02X" : c < 0x10000 ? "\\u%04X" : "\\U%08X", c);
    }
}

// The characters first..last without those that JSON escapes, as members of a class.
static void put_members(struct buf *out, uint32_t first, uint32_t last, bool string, bool *open) {
    uint32_t from = first;
    while (from <= last) {
        uint32_t to = last;
        if (string && escaped(from)) {
            from++;
            continue;
        }
        if (string && from < '"' && to >= '"') to = '"' - 1;
        if (string && from > '"' && from < '\\' && to >= '\\') to = '\\' - 1;
        if (!*open) buf_put_char(out, '[');
        *open = true;
        put_char(out, from);
        if (to > from) buf_put_char(out, '-');
        if (to > from) put_char(out, to);
        from = to + 1;
    }
}

// ---- edges ----

static const struct dfa_edge *edges_of(const struct set *set, uint32_t state) {
    return set->dfa->edges + set->dfa->states[state].edges;
}

static bool holds(const struct set *set, uint32_t state, uint32_t to, uint32_t c) {
    const struct dfa_edge *edges = edges_of(set, state);
    for (uint32_t e = 0; e < set->dfa->states[state].len; e++)
        if (edges[e].to == to && edges[e].first <= c && c <= edges[e].last) return true;
    return false;
}

// Escapes, as alternatives: all of them have a rule.
static void write_escapes(const struct set *set, uint32_t state, uint32_t to, uint32_t count) {
    struct buf *out = set->w->out;
    const char *between = "\"";
    if (count == ESCAPED_ALL) {
        buf_put_text(out, "escape");
        return;
    }
    for (uint32_t c = 0; c <= '\\'; c++) {
        if (!escaped(c) || !holds(set, state, to, c)) continue;
        buf_put_text(out, between);
        put_escape(out, c);
        buf_put_char(out, '"');
        between = " | \"";
    }
}

// The characters of a state that lead to `to`.
static void write_label(const struct set *set, uint32_t state, uint32_t to) {
    struct buf *out = set->w->out;
    const struct dfa_edge *edges = edges_of(set, state);
    uint32_t len = set->dfa->states[state].len, escapes = 0;
    bool plain = false, open = false;
    for (uint32_t e = 0; e < len; e++) {
        if (edges[e].to != to) continue;
        if (set->string && edges[e].first == 0 && edges[e].last == DFA_CHAR_MAX) {
            buf_put_text(out, "char");
            return;
        }
        plain |= !set->string || edges[e].last > '\\';
    }
    for (uint32_t c = 0; set->string && c <= '\\'; c++) {
        bool held = holds(set, state, to, c);
        escapes += held && escaped(c);
        plain |= held && !escaped(c);
    }
    bool group = escapes > 1 || (plain && escapes);
    if (group) buf_put_char(out, '(');
    for (uint32_t e = 0; e < len; e++)
        if (edges[e].to == to) put_members(out, edges[e].first, edges[e].last, set->string, &open);
    if (open) buf_put_char(out, ']');
    if (open && escapes) buf_put_text(out, " | ");
    if (escapes) write_escapes(set, state, to, escapes);
    if (group) buf_put_char(out, ')');
}

// What follows a character: a reference; single ways are written on as a literal, and an end as
// such.
static void write_target(struct set *set, uint32_t to) {
    struct buf *out = set->w->out;
    uint32_t written = 0;
    const struct dfa_state *state = &set->dfa->states[to];
    for (; written < LITERAL_MAX && !state->accepts && state->len == 1; written++) {
        const struct dfa_edge *edge = edges_of(set, to);
        if (edge->first != edge->last) break;
        buf_put_text(out, written ? "" : " \"");
        if (set->string && escaped(edge->first)) {
            put_escape(out, edge->first);
        } else {
            put_char(out, edge->first);
        }
        to = edge->to;
        state = &set->dfa->states[to];
    }
    if (written) buf_put_char(out, '"');
    if (state->accepts && state->len == 0) {
        if (set->string) buf_put_text(out, " \"\\\"\"");
        return;
    }
    buf_print(out, " %s-%u", set->name, to);
    if (set->asked[to]) return;
    set->asked[to] = true;
    set->queue[set->queue_len++] = to;
}

static void write_state(struct set *set, uint32_t at) {
    struct buf *out = set->w->out;
    const struct dfa_state *state = &set->dfa->states[at];
    const struct dfa_edge *edges = edges_of(set, at);
    bool optional = state->accepts && !set->string, first = true;
    buf_print(out, "%s-%u ::= %s", set->name, at, optional ? "(" : "");
    for (uint32_t e = 0; e < state->len; e++) {
        bool written = false;
        for (uint32_t before = 0; before < e; before++)
            written |= edges[before].to == edges[e].to;
        if (written) continue;
        if (!first) buf_put_text(out, " | ");
        first = false;
        write_label(set, at, edges[e].to);
        write_target(set, edges[e].to);
    }
    if (optional) buf_put_text(out, state->len ? ")?" : "\"\")");
    if (state->accepts && set->string) buf_put_text(out, state->len ? " | \"\\\"\"" : "\"\\\"\"");
    buf_put_char(out, '\n');
}

enum sk_code write_set(struct writer *w, const char *name, const struct dfa *dfa, bool string) {
    struct arena *arena = w->s->arena;
    size_t used = arena->used;
    struct set set = {.w = w, .dfa = dfa, .name = name, .string = string, .queue_len = 1};
    set.asked = arena_take(arena, dfa->len, sizeof *set.asked);
    set.queue = arena_take(arena, dfa->len, sizeof *set.queue);
    if (!set.asked || !set.queue) return SK_LIMIT;
    must(dfa->len);
    set.asked[0] = true;
    for (uint32_t i = 0; i < set.queue_len; i++)
        write_state(&set, set.queue[i]);
    arena->used = used;
    return SK_OK;
}
