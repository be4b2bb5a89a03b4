// Values of a rendering, and the state of one. Inside jinja_*.c only.
//
// Strings are places in one growing text (`heap`) whose first part is the template itself, so a
// literal, a part of a string and a text of the JSON need no copy, and a string grown at the end
// of the heap grows in place. A mark lies beside each byte.
#pragma once
#include "engine/jinja_tree.h"

enum jinja_type {
    JINJA_UNDEFINED,
    JINJA_NULL,
    JINJA_TRUTH,
    JINJA_INTEGER,
    JINJA_REAL,
    JINJA_CHARS,
    JINJA_ARRAY,     // list or tuple
    JINJA_MAP,       // dict
    JINJA_NAMESPACE, // a map whose members can be set, and no dict otherwise
    JINJA_LOOP,      // `loop` of a for block
    JINJA_FUNCTION,
};

struct jinja_value {
    enum jinja_type type;
    uint8_t mark; // what the text of a scalar is: data (1) or template (0)
    union {
        int64_t integer; // INTEGER, TRUTH
        double real;
        struct jinja_span span; // CHARS
        struct jinja_array *array;
        struct jinja_map *map;
        struct jinja_loop *loop;
        const struct jinja_function *function;
    };
};

struct jinja_array {
    struct jinja_value *at;
    uint32_t len, room;
};

struct jinja_pair {
    struct jinja_value key, value; // key: CHARS or INTEGER
};

struct jinja_map {
    struct jinja_pair *at;
    uint32_t len, room;
};

struct jinja_loop {
    const struct jinja_array *items;
    uint32_t index, depth;
};

struct jinja_binding {
    uint32_t name;
    struct jinja_value value;
};

struct jinja_scope {
    struct jinja_scope *parent;
    struct jinja_binding *at;
    uint32_t len, room;
};

// Arguments of a call, filter or test.
struct jinja_arguments {
    struct jinja_array plain;
    struct jinja_map named;
};

struct jinja_run;
typedef enum sk_code jinja_builtin(struct jinja_run *run, struct jinja_value self,
                                   const struct jinja_arguments *arguments,
                                   struct jinja_value *out);

struct jinja_function {
    const struct jinja_node *node; // MACRO, CALLED (then `scope` is where it stands), or
    struct jinja_scope *scope;
    jinja_builtin *builtin; // a function, or a method of `self`
    struct jinja_value self;
};

enum jinja_flow { JINJA_GOING, JINJA_BREAKING, JINJA_CONTINUING };

struct jinja_run {
    const struct jinja *jinja;
    struct arena *values;
    struct jinja_text heap, *out;
    struct jinja_scope *scope;
    uint32_t steps, depth, loops;
    enum jinja_flow flow;
    bool told; // the failure's text is complete
    int64_t time_s;
};

// ---- limits ----

enum sk_code jinja_steps(struct jinja_run *run, size_t work); // SK_LIMIT when there are too many
// One level deeper; SK_LIMIT at the last. The way back is run->depth--; a failure ends the run.
enum sk_code jinja_enter(struct jinja_run *run);

// ---- text ----

void jinja_text_put(struct jinja_text *text, const void *bytes, const uint8_t *marks, size_t len);
void jinja_text_fill(struct jinja_text *text, struct view bytes, uint8_t mark);
void jinja_text_char(struct jinja_text *text, char c, uint8_t mark);
// The bytes and marks of a span of the heap.
void jinja_put_span(struct jinja_run *run, struct jinja_text *to, struct jinja_span span);

static inline struct view jinja_view(const struct jinja_run *run, struct jinja_span span) {
    return (struct view){run->heap.at + span.at, span.len};
}
static inline struct view jinja_chars(const struct jinja_run *run, struct jinja_value value) {
    return jinja_view(run, value.span);
}

// What was put at the heap's end since it had `from` bytes, as a string.
enum sk_code jinja_built(struct jinja_run *run, uint32_t from, struct jinja_value *out);

// ---- making values ----

static inline struct jinja_value jinja_truth(bool value) {
    return (struct jinja_value){.type = JINJA_TRUTH, .integer = value};
}
static inline struct jinja_value jinja_integer(int64_t value) {
    return (struct jinja_value){.type = JINJA_INTEGER, .integer = value};
}
static inline struct jinja_value jinja_real(double value) {
    return (struct jinja_value){.type = JINJA_REAL, .real = value};
}
static inline struct jinja_value jinja_string(struct jinja_span span) {
    return (struct jinja_value){.type = JINJA_CHARS, .span = span};
}
// A string of our own, as template text.
enum sk_code jinja_literal(struct jinja_run *run, const char *text, struct jinja_value *out);
enum sk_code jinja_array_new(struct jinja_run *run, uint32_t room, struct jinja_value *out);
enum sk_code jinja_array_add(struct jinja_run *run, struct jinja_array *array,
                             struct jinja_value value);
enum sk_code jinja_map_new(struct jinja_run *run, struct jinja_value *out);
// The steps it takes to look for a key.
static inline size_t jinja_map_work(const struct jinja_map *map, struct view key) {
    return 1 + map->len / 4 + key.len / 32;
}
enum sk_code jinja_map_set(struct jinja_run *run, struct jinja_map *map, struct jinja_value key,
                           struct jinja_value value);
struct jinja_value *jinja_map_find(const struct jinja_run *run, const struct jinja_map *map,
                                   struct view key);
struct jinja_value *jinja_map_at(const struct jinja_run *run, const struct jinja_map *map,
                                 struct jinja_value key);
enum sk_code jinja_function_new(struct jinja_run *run, struct jinja_function function,
                                struct jinja_value *out);
enum sk_code jinja_scope_set(struct jinja_run *run, struct jinja_scope *scope, uint32_t name,
                             struct jinja_value value);
// What the input gives, as variables of the outermost scope.
enum sk_code jinja_variables(struct jinja_run *run, const struct jinja_input *input);

// ---- asking values ----

static inline bool jinja_is_number(struct jinja_value value) {
    return value.type == JINJA_INTEGER || value.type == JINJA_REAL;
}
static inline double jinja_number(struct jinja_value value) { // also of TRUTH
    return value.type == JINJA_REAL ? value.real : (double)value.integer;
}
const char *jinja_type_name(struct jinja_value value);
bool jinja_is_true(struct jinja_value value);
bool jinja_same(struct jinja_run *run, struct jinja_value a, struct jinja_value b);
// -1, 0, 1; refuses values without an order between them.
enum sk_code jinja_compare(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                           bool by_case, int *out);
// The member or item, UNDEFINED when there is none.
enum sk_code jinja_member(struct jinja_run *run, struct jinja_value of, struct view name,
                          struct jinja_value *out);
enum sk_code jinja_item(struct jinja_run *run, struct jinja_value of, struct jinja_value index,
                        struct jinja_value *out);
// A dotted path of members and indices, as `attribute=` takes it.
enum sk_code jinja_path(struct jinja_run *run, struct jinja_value of, struct jinja_value path,
                        struct jinja_value *out);
// What a loop over the value sees: items, keys, characters.
enum sk_code jinja_items(struct jinja_run *run, struct jinja_value of, struct jinja_value *out);

// ---- writing values ----

struct jinja_json_form {
    struct view item, colon; // separators
    uint32_t indent;
    bool ascii, sorted, undefined; // undefined: written so, not as null
};
enum sk_code jinja_put_json(struct jinja_run *run, struct jinja_text *to, struct jinja_value value,
                            const struct jinja_json_form *form);
// As {{ }} writes it, and as ~ and join do.
enum sk_code jinja_put(struct jinja_run *run, struct jinja_text *to, struct jinja_value value);
enum sk_code jinja_put_plain(struct jinja_run *run, struct jinja_text *to,
                             struct jinja_value value);

// Orders pairs by their keys, equal ones as they were.
enum sk_code jinja_sort(struct jinja_run *run, struct jinja_pair *pairs, uint32_t len, bool by_case,
                        bool reverse);

// ---- arguments ----

// The argument at `index` or called `name`, or NULL.
const struct jinja_value *jinja_argument(const struct jinja_run *run,
                                         const struct jinja_arguments *arguments, uint32_t index,
                                         const char *name);
// The same of a type; *out stays as it is when the argument is absent (or none, but for truth).
enum sk_code jinja_take_int(const struct jinja_run *run, const struct jinja_arguments *arguments,
                            uint32_t index, const char *name, int64_t *out);
enum sk_code jinja_take_truth(const struct jinja_run *run, const struct jinja_arguments *arguments,
                              uint32_t index, const char *name, bool *out);
enum sk_code jinja_take_span(const struct jinja_run *run, const struct jinja_arguments *arguments,
                             uint32_t index, const char *name, struct jinja_span *out);

// ---- what is built in, by name ----

jinja_builtin *jinja_filter_find(struct view name);
jinja_builtin *jinja_method_find(enum jinja_type type, struct view name);
jinja_builtin *jinja_global_find(struct view name);
// *out: what the test says of value; SK_UNSUPPORTED: no such test.
enum sk_code jinja_test(struct jinja_run *run, struct view name, struct jinja_value value,
                        const struct jinja_arguments *arguments, bool *out);

// ---- shared by filters and methods ----

jinja_builtin jinja_do_lower, jinja_do_items, jinja_do_dictsort, jinja_do_length;

// ---- walking the tree ----

enum sk_code jinja_eval(struct jinja_run *run, const struct jinja_node *node,
                        struct jinja_value *out);
enum sk_code jinja_eval_arguments(struct jinja_run *run, const struct jinja_node *first,
                                  struct jinja_arguments *out);
enum sk_code jinja_apply_filter(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_value operand, struct jinja_value *out);
enum sk_code jinja_binary(struct jinja_run *run, enum jinja_op op, struct jinja_value a,
                          struct jinja_value b, struct jinja_value *out);
enum sk_code jinja_call(struct jinja_run *run, const struct jinja_function *function,
                        const struct jinja_arguments *arguments, struct jinja_value *out);
enum sk_code jinja_exec(struct jinja_run *run, const struct jinja_node *body);
// A body as a string instead of output.
enum sk_code jinja_capture(struct jinja_run *run, const struct jinja_node *body,
                           struct jinja_value *out);
