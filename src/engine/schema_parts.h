// The parts of the schema compiler, one direction: schemas (JSON) -> goals -> shapes -> GBNF.
//
// A *goal* is a set of schemas that must all hold for a value; a *shape* is a goal without choices:
// references and allOf followed, one branch taken of every anyOf and oneOf, and all keywords
// merged by what they say of each type of value. A goal is the union of its shapes. Both are found
// again by their sets, so a recursive schema ends. Promises: exact, or refused by name.
#pragma once
#include "base/json.h"
#include "engine/schema.h"
#include "engine/schema_number.h"
#include "engine/schema_regex.h"

enum schema_type {
    TYPE_NULL = 1,
    TYPE_FALSE = 2,
    TYPE_TRUE = 4,
    TYPE_NUMBER = 8,
    TYPE_STRING = 16,
    TYPE_ARRAY = 32,
    TYPE_OBJECT = 64,
    TYPE_ALL = 127,
};

enum { GOAL_ANY, GOAL_NEVER }; // the first goals

// Schemas by the place of their nodes in the document, in the order in which they were met.
struct schema_set {
    uint32_t at[SCHEMA_TOGETHER_MAX];
    uint32_t len;
    uint32_t own; // of them, the first: the others only judge what these let be written
    bool others;  // those that are added now are others
    bool never;   // `false` is one of them
};

struct key {
    struct view name;
    uint32_t goal;
    bool required, own;
};

// Properties that no name is given for: those whose name is in a set.
struct extra {
    const struct dfa *names; // NULL: any
    uint32_t goal;
};

struct object {
    struct key *keys;
    uint32_t keys_len;
    struct extra extras[1 << SCHEMA_PATTERNS_MAX];
    uint32_t extras_len;
    uint64_t min, max;
};

struct list {
    uint32_t *prefix; // goals
    uint32_t prefix_len, rest;
    uint64_t min, max;
};

struct shape {
    const uint32_t *schemas;
    uint32_t schemas_len, own;
    unsigned types;
    const struct json_node **values; // the only ones, or NULL
    uint32_t values_len;
    struct range range;
    const struct dfa *numbers; // NULL: range_open
    const struct dfa *strings; // NULL: any of these lengths
    uint64_t length[2];
    struct list list;
    struct object object;
    bool living; // some value has it
};

struct goal {
    const uint32_t *schemas;
    uint32_t schemas_len, own;
    uint32_t *shapes;
    uint32_t shapes_len;
    bool living;
};

// Two branches of a oneOf: a goal that nothing may have, what is written of the first (its own
// schemas) and valid for the second.
struct apart {
    uint32_t goal, one_of; // node
};

// One way through the choices of a goal: the schemas met so far, and the arrays of choices.
enum { WAY_STEPS_MAX = 4 * SCHEMA_TOGETHER_MAX };
struct way {
    struct way_step {
        uint32_t node, from; // from: the step that led here
        bool other;          // no own one
    } steps[WAY_STEPS_MAX];
    uint32_t len, done, room;  // steps, those taken, where the next one goes
    struct schema_set asserts; // those that say something of a value by themselves
};

struct schema {
    const struct json_node *root;
    uint32_t nodes_len;
    size_t text_len;
    struct arena *arena;
    struct dfa_make make;
    struct regex regex;
    struct goal *goals;
    struct shape *shapes;
    struct apart *apart;
    struct way *ways; // SCHEMA_BRANCHES_MAX, while a goal is expanded
    uint32_t goals_len, shapes_len, apart_len;
};

// ---- schema.c ----

// The failure `code` of a schema's keyword: "schema keyword 'x' at #/y: why". why may be NULL.
enum sk_code schema_refuse(const struct schema *s, enum sk_code code, uint32_t node,
                           const char *keyword, const char *why);
// The same around a failure text that is there already.
enum sk_code schema_within(const struct schema *s, enum sk_code code, uint32_t node,
                           const char *keyword);
static inline uint32_t schema_place(const struct schema *s, const struct json_node *node) {
    return (uint32_t)(node - s->root);
}

// ---- schema_keyword.c ----

// Checks that all keywords of a schema are held or say nothing, and finds whether any of them
// says something of a value by itself.
enum sk_code schema_inspect(const struct schema *s, uint32_t node, bool *asserts);
// Whether any of its keywords speaks of what is inside of arrays or objects.
const char *schema_structural(const struct json_node *node);
// The schema that a $ref names.
enum sk_code schema_follow(const struct schema *s, uint32_t node, const struct json_node *ref,
                           uint32_t *target);

// ---- schema_goal.c ----

enum sk_code schema_set_add(const struct schema *s, struct schema_set *set,
                            const struct json_node *node);
// The goal of a set, made when it is new.
enum sk_code schema_goal(struct schema *s, const struct schema_set *set, uint32_t *goal);
// Takes the choices of a goal: its shapes, still empty.
enum sk_code schema_expand(struct schema *s, uint32_t goal);

// ---- schema_shape.c, schema_list.c, schema_object.c, schema_value.c (enum and const) ----

// Fills a shape from its set: the first calls the others.
enum sk_code shape_build(struct schema *s, struct shape *shape);
enum sk_code shape_list(struct schema *s, struct shape *shape);
enum sk_code shape_object(struct schema *s, struct shape *shape);
enum sk_code shape_values(struct schema *s, struct shape *shape);
// The strings of one schema that makes no choices.
enum sk_code shape_strings(struct schema *s, uint32_t node, const struct dfa **out);
// A whole number from 0 on that a keyword holds: raises (sign 1) or lowers (-1) *count.
enum sk_code shape_count(const struct schema *s, uint32_t node, const char *keyword, int sign,
                         uint64_t *count);

// ---- schema_living.c ----

// Finds which goals and shapes some finite value has.
void schema_live(struct schema *s);
static inline bool goal_lives(const struct schema *s, uint32_t goal) {
    return s->goals[goal].living;
}
// Whether a value of this one type has the shape.
bool shape_type_lives(const struct schema *s, const struct shape *shape, unsigned type);

// ---- schema_write.c, schema_write_object.c, schema_write_set.c ----

// What is being written: rules are asked for by number, and written once each, in turn.
struct writer {
    const struct schema *s;
    struct buf *out;
    uint32_t *goals, *shapes; // those asked for
    uint32_t goals_len, shapes_len;
    bool *goal_asked, *shape_asked;
    const struct dfa **sets; // those asked for, written as JSON strings
    uint32_t sets_len;
    struct buf text; // JSON on its way into a literal
};

enum sk_code schema_write(const struct schema *s, uint32_t root, struct buf *gbnf);
// A reference to the rule of a goal; to the strings of a set.
void write_goal(struct writer *w, uint32_t goal);
void write_strings(struct writer *w, const struct dfa *set);
void write_literal(struct writer *w, struct view text);          // these bytes
void write_repeat(struct writer *w, uint64_t min, uint64_t max); // "{min,max}"
// The rules o<n>.. and a<n>.. of a shape, and <name>-<n> of a set.
enum sk_code write_object(struct writer *w, uint32_t shape);
void write_list(struct writer *w, uint32_t shape);
enum sk_code write_set(struct writer *w, const char *name, const struct dfa *set, bool string);
