#include "engine/schema.h"

#include <string.h>

#include "engine/schema_parts.h"

// ---- refusing ----

// The JSON pointer (RFC 6901, as a fragment) of a node, cut where the text is full.
static void put_pointer(const struct schema *s, uint32_t node, struct buf *out) {
    const struct json_node *at = s->root, *target = s->root + node;
    buf_put_char(out, '#');
    while (at != target) {
        const struct json_node *child = json_first(at), *name = child;
        uint32_t index = 0;
        must(child);
        if (at->type == JSON_OBJECT) child++;
        while (target >= child + child->span) {
            index++;
            name = child + child->span;
            child = at->type == JSON_OBJECT ? name + 1 : name;
        }
        buf_put_char(out, '/');
        if (at->type == JSON_ARRAY) buf_put_u64(out, index);
        for (uint32_t i = 0; at->type == JSON_OBJECT && i < name->len; i++) {
            char c = name->at[i];
            buf_put_text(out, c == '~' ? "~0" : c == '/' ? "~1" : (char[2]){c, 0});
        }
        at = child;
    }
}

// Long pointers lose their middle in no way that matters: their beginning tells.
static const char *pointer_of(const struct schema *s, uint32_t node, char text[160]) {
    struct buf out = buf_over(text, 159);
    put_pointer(s, node, &out);
    text[out.len] = 0;
    return text;
}

enum sk_code schema_refuse(const struct schema *s, enum sk_code code, uint32_t node,
                           const char *keyword, const char *why) {
    char at[160];
    pointer_of(s, node, at);
    if (!why && code == SK_UNSUPPORTED)
        return FAIL(code, "schema keyword '%s' at %s is not supported", keyword, at);
    return FAIL(code, "schema keyword '%s' at %s: %s", keyword, at, why ? why : "malformed");
}

enum sk_code schema_within(const struct schema *s, enum sk_code code, uint32_t node,
                           const char *keyword) {
    char at[160];
    return fail_within(code, "schema keyword '%s' at %s", keyword, pointer_of(s, node, at));
}

// ---- the whole ----

enum { SCHEMA_WORK = 1 << 12 }; // of the least one: its tables

static enum sk_code check_apart(const struct schema *s) {
    for (uint32_t i = 0; i < s->apart_len; i++)
        if (goal_lives(s, s->apart[i].goal))
            return schema_refuse(s, SK_UNSUPPORTED, s->apart[i].one_of, "oneOf",
                                 "a value may be of two branches; say anyOf");
    return SK_OK;
}

static enum sk_code check_work(const struct schema *s) {
    if (s->make.work <= DFA_WORK_MAX) return SK_OK;
    return FAIL(SK_LIMIT, "schema: more work than all of a request may take");
}

static enum sk_code compile(struct schema *s, struct buf *gbnf) {
    struct schema_set set = {.len = 0};
    uint32_t goal, goals = 0, shapes = 0;
    TRY(schema_goal(s, &set, &goal)); // GOAL_ANY
    set.never = true;
    TRY(schema_goal(s, &set, &goal)); // GOAL_NEVER
    set.never = false;
    TRY(schema_set_add(s, &set, s->root));
    uint32_t root;
    TRY(schema_goal(s, &set, &root));
    while (goals < s->goals_len || shapes < s->shapes_len) {
        TRY(check_work(s));
        if (goals < s->goals_len) {
            TRY(schema_expand(s, goals++));
        } else {
            TRY(shape_build(s, &s->shapes[shapes++]));
        }
    }
    schema_live(s);
    TRY(check_apart(s));
    if (!goal_lives(s, root)) return FAIL(SK_INPUT, "schema: no finite value is valid");
    return schema_write(s, root, gbnf);
}

static enum sk_code read_and_compile(struct schema *s, struct view schema, struct buf *gbnf) {
    TRY(check_work(s));
    if (schema.len > SCHEMA_TEXT_MAX)
        return FAIL(SK_LIMIT, "schema: %zu bytes > %d", schema.len, SCHEMA_TEXT_MAX);
    char *copy = arena_text(s->arena, schema);
    s->goals = arena_take(s->arena, SCHEMA_SETS_MAX, sizeof *s->goals);
    s->shapes = arena_take(s->arena, SCHEMA_SETS_MAX, sizeof *s->shapes);
    s->apart = arena_take(s->arena, SCHEMA_SETS_MAX, sizeof *s->apart);
    s->ways = arena_take(s->arena, SCHEMA_BRANCHES_MAX, sizeof *s->ways);
    if (!copy || !s->goals || !s->shapes || !s->apart || !s->ways) return SK_LIMIT;
    TRY(dfa_make_init(&s->make, s->arena));
    TRY(regex_init(&s->regex, &s->make, s->arena));
    enum sk_code code = json_parse(copy, schema.len, s->arena, &s->root);
    if (code != SK_OK) return fail_within(code, "schema");
    s->nodes_len = s->root->span;
    s->text_len = schema.len;
    return compile(s, gbnf);
}

enum sk_code schema_to_gbnf(struct view schema, struct arena *arena, uint64_t *work,
                            struct buf *gbnf) {
    size_t used = arena->used, len = gbnf->len;
    struct schema s = {.arena = arena, .make.work = *work + SCHEMA_WORK};
    enum sk_code code = read_and_compile(&s, schema, gbnf);
    *work = s.make.work + (gbnf->len - len);
    arena->used = used;
    if (code != SK_OK) gbnf->len = len;
    return code;
}
