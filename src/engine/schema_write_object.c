#include "engine/schema_parts.h"

// Objects and arrays. Where a text can go on is a state: how many keys are behind, and, where their
// number is bounded, how many of them came. One rule says which key comes next (o<n>-<i>-<c>), one
// what follows a pair (o<n>-<i>-<c>t); runs of required keys are written in one piece.

struct keys {
    struct writer *w;
    const struct object *object;
    uint32_t number;       // of the shape
    const struct key **at; // the living ones
    uint32_t len;
    uint32_t counts; // 1: keys are not counted; else one more than the largest number
    uint64_t min, max;
    bool extras;
    bool *asked; // [i][c][next, after]
};

enum { NEXT, AFTER };

static uint32_t required_from(const struct keys *k, uint32_t i) {
    uint32_t count = 0;
    for (; i < k->len; i++)
        count += k->at[i]->required;
    return count;
}

// Whether an object can still be ended well with `c` keys, of which the next would be `i` or later.
static bool possible(const struct keys *k, uint32_t i, uint32_t c) {
    uint64_t most = k->extras ? UINT64_MAX : (uint64_t)c + k->len - i;
    return most >= k->min && c + required_from(k, i) <= k->max;
}

static void write_rule(struct keys *k, uint32_t i, uint32_t c, int kind) {
    buf_print(k->w->out, "o%u-%u-%u%s", k->number, i, c, kind == AFTER ? "t" : "");
    k->asked[(i * k->counts + c) * 2 + (uint32_t)kind] = true;
}

static void write_name(struct writer *w, struct view name) {
    buf_reset(&w->text);
    json_escape(&w->text, name);
    buf_put_char(&w->text, ':');
    must(!w->text.over);
    write_literal(w, buf_view(&w->text));
    buf_put_text(w->out, " \" \"? ");
}

// The pairs of names that are not given, as alternatives.
static void write_extra(const struct keys *k) {
    const char *between = "(";
    for (uint32_t i = 0; i < k->object->extras_len; i++) {
        const struct extra *extra = &k->object->extras[i];
        if (!goal_lives(k->w->s, extra->goal)) continue;
        buf_put_text(k->w->out, between);
        extra->names ? write_strings(k->w, extra->names) : buf_put_text(k->w->out, "string");
        buf_put_text(k->w->out, " \":\" \" \"? ");
        write_goal(k->w, extra->goal);
        between = " | ";
    }
    buf_put_char(k->w->out, ')');
}

// Key i and what comes after it: up to the first state that has a choice.
static void write_pairs(struct keys *k, uint32_t i, uint32_t c) {
    struct buf *out = k->w->out;
    for (;;) {
        write_name(k->w, k->at[i]->name);
        write_goal(k->w, k->at[i]->goal);
        i++;
        if (k->counts > 1) c++;
        if (i == k->len && !k->extras) {
            buf_put_text(out, " ws \"}\"");
            return;
        }
        if (required_from(k, i) == 0) {
            buf_put_char(out, ' ');
            write_rule(k, i, c, AFTER);
            return;
        }
        buf_put_text(out, " \",\" ws ");
        if (!k->at[i]->required) break;
    }
    write_rule(k, i, c, NEXT);
}

// o-i-c: key i, or a later one when it is not required.
static void write_next(struct keys *k, uint32_t i, uint32_t c) {
    struct buf *out = k->w->out;
    if (i == k->len) {
        write_extra(k);
        buf_put_char(out, ' ');
        write_rule(k, i, k->counts > 1 ? c + 1 : c, AFTER);
        return;
    }
    uint32_t then = k->counts > 1 ? c + 1 : c;
    bool with = then <= k->max && possible(k, i + 1, then);
    bool without =
        !k->at[i]->required && (i + 1 < k->len || k->extras) && c < k->max && possible(k, i + 1, c);
    if (with) write_pairs(k, i, c);
    if (with && without) buf_put_text(out, " | ");
    if (without) write_rule(k, i + 1, c, NEXT);
}

// o-i-ct: after a pair.
static void write_after(struct keys *k, uint32_t i, uint32_t c) {
    struct buf *out = k->w->out;
    bool ends = c >= k->min && required_from(k, i) == 0;
    if (i == k->len) {
        uint64_t least = c < k->min ? k->min - c : 0;
        if (k->extras && c < k->max) {
            buf_put_text(out, "(\",\" ws ");
            write_extra(k);
            buf_put_char(out, ')');
            write_repeat(k->w, least, k->max == UINT64_MAX ? k->max : k->max - c);
            buf_put_char(out, ' ');
        }
        buf_put_text(out, "ws \"}\"");
        return;
    }
    bool more = c < k->max && possible(k, i, c);
    if (more) {
        buf_put_text(out, "\",\" ws ");
        write_rule(k, i, c, NEXT);
    }
    if (more && ends) buf_put_text(out, " | ");
    if (ends) buf_put_text(out, "ws \"}\"");
}

static void write_states(struct keys *k) {
    for (uint32_t i = 0; i <= k->len; i++) {
        for (uint32_t j = 0; j < 2 * k->counts; j++) {
            // At the last key what follows refers to nothing more; before, it refers to its own.
            uint32_t c = j / 2;
            int kind = (i == k->len) == (j % 2 == 0) ? NEXT : AFTER;
            if (!k->asked[(i * k->counts + c) * 2 + (uint32_t)kind]) continue;
            write_rule(k, i, c, kind);
            buf_put_text(k->w->out, " ::= ");
            kind == NEXT ? write_next(k, i, c) : write_after(k, i, c);
            buf_put_char(k->w->out, '\n');
        }
    }
}

static enum sk_code collect(struct keys *k) {
    struct arena *arena = k->w->s->arena;
    const struct object *object = k->object;
    k->at = arena_take(arena, object->keys_len + 1, sizeof *k->at);
    if (!k->at) return SK_LIMIT;
    for (uint32_t i = 0; i < object->keys_len; i++)
        if (goal_lives(k->w->s, object->keys[i].goal)) k->at[k->len++] = &object->keys[i];
    for (uint32_t i = 0; i < object->extras_len; i++)
        k->extras |= goal_lives(k->w->s, object->extras[i].goal);
    bool upper = object->max < k->len || (k->extras && object->max != UINT64_MAX);
    bool counted = object->min > required_from(k, 0) || upper;
    k->min = counted ? object->min : 0;
    k->max = counted ? object->max : UINT64_MAX;
    k->counts = counted ? k->len + 2 : 1;
    k->asked = arena_take(arena, 2 * (size_t)k->counts * (k->len + 1), sizeof *k->asked);
    return k->asked ? SK_OK : SK_LIMIT;
}

enum sk_code write_object(struct writer *w, uint32_t shape) {
    struct keys k = {.w = w, .object = &w->s->shapes[shape].object, .number = shape};
    TRY(collect(&k));
    bool any = (k.len || k.extras) && k.max > 0, none = k.min == 0 && required_from(&k, 0) == 0;
    buf_print(w->out, "o%u ::= \"{\" ws ", shape);
    if (any && none) buf_put_char(w->out, '(');
    if (any && k.len && k.at[0]->required) {
        write_pairs(&k, 0, 0);
    } else if (any) {
        write_rule(&k, 0, 0, NEXT);
    }
    if (any && none) buf_put_text(w->out, " | ");
    if (none) buf_put_text(w->out, "\"}\"");
    if (any && none) buf_put_char(w->out, ')');
    buf_put_char(w->out, '\n');
    write_states(&k);
    return SK_OK;
}

// ---- arrays ----

static void write_rest(struct writer *w, const struct list *list, uint64_t behind) {
    uint64_t min = list->min > behind ? list->min - behind : 0;
    if (!goal_lives(w->s, list->rest) || list->max <= behind) return;
    buf_put_text(w->out, "(\",\" ws ");
    write_goal(w, list->rest);
    buf_put_char(w->out, ')');
    write_repeat(w, min, list->max == UINT64_MAX ? list->max : list->max - behind);
    buf_put_char(w->out, ' ');
}

// Where all items are alike.
static void write_alike(struct writer *w, const struct list *list) {
    struct buf *out = w->out;
    bool any = goal_lives(w->s, list->rest) && list->max > 0;
    buf_put_text(out, "\"[\" ws ");
    if (any && list->min == 0) buf_put_char(out, '(');
    if (any) {
        write_goal(w, list->rest);
        buf_put_char(out, ' ');
        write_rest(w, list, 1);
        buf_put_text(out, "ws");
    }
    if (any && list->min == 0) buf_put_text(out, ")?");
    buf_put_text(out, " \"]\"\n");
}

void write_list(struct writer *w, uint32_t shape) {
    const struct list *list = &w->s->shapes[shape].list;
    struct buf *out = w->out;
    buf_print(out, "a%u ::= ", shape);
    if (list->prefix_len == 0) {
        write_alike(w, list);
        return;
    }
    buf_print(out, "\"[\" ws a%u-0\n", shape);
    for (uint32_t i = 0; i <= list->prefix_len; i++) {
        bool last = i == list->prefix_len, ends = i >= list->min;
        bool more = !last && i < list->max && goal_lives(w->s, list->prefix[i]);
        buf_print(out, "a%u-%u ::= ", shape, i);
        if (last) {
            write_rest(w, list, i);
            buf_put_text(out, "ws \"]\"");
        } else if (more) {
            buf_put_text(out, i ? "\",\" ws " : "");
            write_goal(w, list->prefix[i]);
            buf_print(out, " a%u-%u", shape, i + 1);
        }
        if (more && ends) buf_put_text(out, " | ");
        if (!last && ends) buf_put_text(out, i ? "ws \"]\"" : "\"]\"");
        buf_put_char(out, '\n');
        if (!last && !more) break;
    }
}
