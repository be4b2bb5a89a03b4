#include <stdio.h>

#include "engine/schema_parts.h"

// Rules: g<n> a goal of more than one shape, s<n> a shape, o<n> its objects, a<n> its arrays,
// n<n> its numbers, d<n> strings of a set; and these.
static const char builtin[] =
    "any ::= \"null\" | boolean | number | string | array | object\n"
    "array ::= \"[\" ws (any (\",\" ws any)* ws)? \"]\"\n"
    "object ::= \"{\" ws (pair (\",\" ws pair)* ws)? \"}\"\n"
    "pair ::= string \":\" \" \"? any\n"
    "boolean ::= \"true\" | \"false\"\n"
    "integer ::= \"0\" | \"-\"? [1-9] [0-9]{0,14}\n"
    "number ::= \"-\"? (\"0\" | [1-9] [0-9]{0,14}) (\".\" [0-9]{1,15})? ([eE] [+-]? [0-9]{1,2})?\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "char ::= [^\"\\\\\\x00-\\x1F] | escape\n"
    "escape ::= \"\\\\\" ([\"\\\\bfnrt] | \"u00\" (\"0\" [0-7bef] | \"1\" [0-9a-f]))\n"
    "ws ::= (\" \" | \"\\n\" [ \\t]{0,32})?\n";

void write_literal(struct writer *w, struct view text) {
    buf_put_char(w->out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"' || text.at[i] == '\\') buf_put_char(w->out, '\\');
        buf_put_char(w->out, text.at[i]);
    }
    buf_put_char(w->out, '"');
}

void write_repeat(struct writer *w, uint64_t min, uint64_t max) {
    if (max == UINT64_MAX) {
        min ? buf_print(w->out, "{%llu,}", (unsigned long long)min) : buf_put_char(w->out, '*');
    } else {
        buf_print(w->out, "{%llu,%llu}", (unsigned long long)min, (unsigned long long)max);
    }
}

// ---- references ----

// The rule of a shape that says no more than its type; NULL: it needs one of its own.
static const char *plain_rule(const struct shape *shape) {
    if (shape->values) return NULL;
    if (shape->schemas_len == 0) return "any";
    switch (shape->types) {
    case TYPE_NULL:
        return "\"null\"";
    case TYPE_FALSE | TYPE_TRUE:
        return "boolean";
    case TYPE_NUMBER:
        return shape->numbers ? NULL : shape->range.integer ? "integer" : "number";
    case TYPE_STRING:
        return shape->strings || shape->length[0] || shape->length[1] != UINT64_MAX ? NULL
                                                                                    : "string";
    default:
        return NULL;
    }
}

static void write_shape(struct writer *w, uint32_t shape) {
    const char *plain = plain_rule(&w->s->shapes[shape]);
    if (plain) {
        buf_put_text(w->out, plain);
        return;
    }
    buf_print(w->out, "s%u", shape);
    if (w->shape_asked[shape]) return;
    w->shape_asked[shape] = true;
    w->shapes[w->shapes_len++] = shape;
}

void write_goal(struct writer *w, uint32_t goal) {
    const struct goal *of = &w->s->goals[goal];
    uint32_t living = 0, last = 0;
    for (uint32_t i = 0; i < of->shapes_len; i++) {
        if (!w->s->shapes[of->shapes[i]].living) continue;
        living++;
        last = of->shapes[i];
    }
    must(living);
    if (living == 1) {
        write_shape(w, last);
        return;
    }
    buf_print(w->out, "g%u", goal);
    if (w->goal_asked[goal]) return;
    w->goal_asked[goal] = true;
    w->goals[w->goals_len++] = goal;
}

void write_strings(struct writer *w, const struct dfa *set) {
    uint32_t number = 0;
    while (number < w->sets_len && w->sets[number] != set)
        number++;
    if (number == w->sets_len && w->sets_len == SCHEMA_SETS_MAX) {
        w->out->over = true;
        return;
    }
    w->sets[number] = set;
    if (number == w->sets_len) w->sets_len++;
    buf_print(w->out, "\"\\\"\" d%u-0", number);
}

// ---- rules ----

static void write_goal_rule(struct writer *w, uint32_t goal) {
    const struct goal *of = &w->s->goals[goal];
    const char *between = "";
    buf_print(w->out, "g%u ::= ", goal);
    for (uint32_t i = 0; i < of->shapes_len; i++) {
        if (!w->s->shapes[of->shapes[i]].living) continue;
        buf_put_text(w->out, between);
        write_shape(w, of->shapes[i]);
        between = " | ";
    }
    buf_put_char(w->out, '\n');
}

static void write_type(struct writer *w, uint32_t number, unsigned type) {
    const struct shape *shape = &w->s->shapes[number];
    switch (type) {
    case TYPE_NULL:
        buf_put_text(w->out, "\"null\"");
        break;
    case TYPE_FALSE:
        buf_put_text(w->out, "\"false\"");
        break;
    case TYPE_TRUE:
        buf_put_text(w->out, "\"true\"");
        break;
    case TYPE_NUMBER:
        if (shape->numbers) {
            buf_print(w->out, "n%u-0", number);
        } else {
            buf_put_text(w->out, shape->range.integer ? "integer" : "number");
        }
        break;
    case TYPE_STRING:
        if (shape->strings) {
            write_strings(w, shape->strings);
        } else {
            buf_put_text(w->out, "\"\\\"\" char");
            write_repeat(w, shape->length[0], shape->length[1]);
            buf_put_text(w->out, " \"\\\"\"");
        }
        break;
    case TYPE_ARRAY:
        buf_print(w->out, "a%u", number);
        break;
    default:
        buf_print(w->out, "o%u", number);
    }
}

static void write_value(struct writer *w, const struct json_node *value) {
    int64_t integer;
    buf_reset(&w->text);
    struct json_writer json = json_writer_to(&w->text);
    if (value->type == JSON_NUMBER && json_i64(value, &integer)) {
        json_put_i64(&json, integer);
    } else {
        json_put_node(&json, value);
    }
    must(!w->text.over);
    write_literal(w, buf_view(&w->text));
}

static enum sk_code write_shape_rule(struct writer *w, uint32_t number) {
    const struct shape *shape = &w->s->shapes[number];
    const char *between = "";
    buf_print(w->out, "s%u ::= ", number);
    for (uint32_t i = 0; i < shape->values_len; i++) {
        buf_put_text(w->out, i ? " | " : "");
        write_value(w, shape->values[i]);
    }
    for (unsigned type = 1; type < TYPE_ALL && !shape->values; type <<= 1) {
        if (!shape_type_lives(w->s, shape, type)) continue;
        buf_put_text(w->out, between);
        write_type(w, number, type);
        between = " | ";
    }
    buf_put_char(w->out, '\n');
    if (shape->values) return SK_OK;
    char name[16];
    snprintf(name, sizeof name, "n%u", number);
    if (shape_type_lives(w->s, shape, TYPE_NUMBER) && shape->numbers)
        TRY(write_set(w, name, shape->numbers, false));
    if (shape_type_lives(w->s, shape, TYPE_ARRAY)) write_list(w, number);
    return shape_type_lives(w->s, shape, TYPE_OBJECT) ? write_object(w, number) : SK_OK;
}

enum sk_code schema_write(const struct schema *s, uint32_t root, struct buf *gbnf) {
    struct arena *arena = s->arena;
    size_t text_max = 6 * (size_t)s->text_len + 64; // a character may become an escape
    struct writer w = {
        .s = s,
        .out = gbnf,
        .goals = arena_take(arena, s->goals_len, sizeof *w.goals),
        .shapes = arena_take(arena, s->shapes_len, sizeof *w.shapes),
        .goal_asked = arena_take(arena, s->goals_len, sizeof *w.goal_asked),
        .shape_asked = arena_take(arena, s->shapes_len, sizeof *w.shape_asked),
        .sets = arena_take(arena, SCHEMA_SETS_MAX, sizeof *w.sets),
        .text = buf_over(arena_take(arena, text_max, 1), text_max),
    };
    if (!w.goals || !w.shapes || !w.goal_asked || !w.shape_asked || !w.sets || !w.text.at)
        return SK_LIMIT;
    buf_put_text(gbnf, "root ::= ");
    write_goal(&w, root);
    buf_put_char(gbnf, '\n');
    uint32_t goals = 0, shapes = 0;
    while (goals < w.goals_len || shapes < w.shapes_len) {
        if (goals < w.goals_len) {
            write_goal_rule(&w, w.goals[goals++]);
        } else {
            TRY(write_shape_rule(&w, w.shapes[shapes++]));
        }
    }
    for (uint32_t i = 0; i < w.sets_len; i++) {
        char name[16];
        snprintf(name, sizeof name, "d%u", i);
        TRY(write_set(&w, name, w.sets[i], true));
    }
    buf_put_text(gbnf, builtin);
    return buf_check(gbnf, "schema's grammar");
}
