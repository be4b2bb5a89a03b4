// Expressions: the tree to values.
#include <math.h>
#include <string.h>

#include "engine/jinja_value.h"

// ---- operators on values ----

static enum sk_code cannot(enum jinja_op op, struct jinja_value a, struct jinja_value b) {
    static const char *const signs[] = {
        "",  "or", "and",    "not", "==", "!=", "<", "<=", ">",  ">=",
        "in", "not in", "+", "-",   "~",  "*",  "/", "//", "%", "**"};
    return FAIL(SK_UNSUPPORTED, "%s %s %s", jinja_type_name(a), signs[op], jinja_type_name(b));
}

static enum sk_code integers(enum jinja_op op, int64_t a, int64_t b, int64_t *out) {
    bool over = false;
    int64_t power = 1;
    switch (op) {
    case JINJA_ADD: over = __builtin_add_overflow(a, b, out); break;
    case JINJA_SUB: over = __builtin_sub_overflow(a, b, out); break;
    case JINJA_MUL: over = __builtin_mul_overflow(a, b, out); break;
    case JINJA_POW:
        if (b > 63 && a != 0 && a != 1 && a != -1) over = true;
        for (int64_t i = b > 64 ? 64 + (b & 1) : b; i > 0 && !over; i--)
            over = __builtin_mul_overflow(power, a, &power);
        *out = power;
        break;
    default: // FLOOR_DIV, MOD: rounded down, as in Python
        if (b == 0) return FAIL(SK_UNSUPPORTED, "division by zero");
        if (b == -1) {
            over = op == JINJA_FLOOR_DIV && __builtin_sub_overflow(0, a, out);
            if (op == JINJA_MOD) *out = 0;
            break;
        }
        bool down = a % b != 0 && (a < 0) != (b < 0);
        *out = op == JINJA_MOD ? a % b + (down ? b : 0) : a / b - down;
    }
    return over ? FAIL(SK_UNSUPPORTED, "a number over 2^63") : SK_OK;
}

// By multiplication: libm's pow may differ in its last bit from one machine to another.
static double power(double a, double b) {
    double product = 1;
    for (int i = 0; i < fabs(b); i++) product *= a;
    return b < 0 ? 1 / product : product;
}

static enum sk_code reals(enum jinja_op op, double a, double b, double *out) {
    bool divides = op == JINJA_DIV || op == JINJA_FLOOR_DIV || op == JINJA_MOD;
    if (divides && !(b < 0) && !(b > 0)) return FAIL(SK_UNSUPPORTED, "division by zero");
    switch (op) {
    case JINJA_ADD: *out = a + b; break;
    case JINJA_SUB: *out = a - b; break;
    case JINJA_MUL: *out = a * b; break;
    case JINJA_DIV: *out = a / b; break;
    case JINJA_FLOOR_DIV: *out = floor(a / b); break;
    case JINJA_MOD: *out = a - b * floor(a / b); break;
    default:
        if (floor(b) < b || fabs(b) > 64) return FAIL(SK_UNSUPPORTED, "a power that is no integer");
        *out = power(a, b);
    }
    return isfinite(*out) ? SK_OK : FAIL(SK_UNSUPPORTED, "a number that is not finite");
}

static enum sk_code arithmetic(enum jinja_op op, struct jinja_value a, struct jinja_value b,
                               struct jinja_value *out) {
    bool real = a.type == JINJA_REAL || b.type == JINJA_REAL || op == JINJA_DIV ||
                (op == JINJA_POW && b.integer < 0);
    uint8_t mark = a.mark | b.mark;
    if (real) {
        *out = jinja_real(0);
        TRY(reals(op, jinja_number(a), jinja_number(b), &out->real));
    } else {
        int64_t x = a.integer, y = b.integer;
        *out = jinja_integer(0);
        TRY(integers(op, x, y, &out->integer));
    }
    out->mark = mark;
    return SK_OK;
}

// Text of both, one after the other. What lies at the heap's end already grows in place, so a
// text put together piece by piece costs its length once.
static enum sk_code join(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                         struct jinja_value *out) {
    uint32_t from = run->heap.len;
    if (a.type == JINJA_CHARS && a.span.len && a.span.at + a.span.len == from)
        from = a.span.at;
    else
        TRY(jinja_put_plain(run, &run->heap, a));
    TRY(jinja_put_plain(run, &run->heap, b));
    return jinja_built(run, from, out);
}

static enum sk_code add_arrays(struct jinja_run *run, const struct jinja_array *a,
                               const struct jinja_array *b, struct jinja_value *out) {
    TRY(jinja_array_new(run, a->len + b->len, out));
    for (uint32_t i = 0; i < a->len; i++) TRY(jinja_array_add(run, out->array, a->at[i]));
    for (uint32_t i = 0; i < b->len; i++) TRY(jinja_array_add(run, out->array, b->at[i]));
    return SK_OK;
}

static enum sk_code repeat(struct jinja_run *run, struct jinja_value text, int64_t times,
                           struct jinja_value *out) {
    uint32_t from = run->heap.len;
    for (int64_t i = 0; i < times && text.span.len && !run->heap.over; i++)
        jinja_put_span(run, &run->heap, text.span);
    return jinja_built(run, from, out);
}

static enum sk_code contains(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                             bool *out) {
    *out = false;
    if (b.type == JINJA_UNDEFINED) return SK_OK;
    bool many = b.type == JINJA_ARRAY || b.type == JINJA_MAP;
    if (many && a.type == JINJA_UNDEFINED) return SK_OK;
    if (a.type <= JINJA_NULL || b.type == JINJA_NULL) return cannot(JINJA_IN, a, b);
    if (b.type == JINJA_ARRAY) {
        for (uint32_t i = 0; i < b.array->len && !*out; i++) {
            *out = b.array->at[i].type >= JINJA_TRUTH && jinja_same(run, a, b.array->at[i]);
            TRY(jinja_steps(run, 1));
        }
        return SK_OK;
    }
    if (a.type != JINJA_CHARS || (b.type != JINJA_CHARS && b.type != JINJA_MAP))
        return cannot(JINJA_IN, a, b);
    struct view part = jinja_chars(run, a);
    if (b.type == JINJA_MAP) {
        *out = jinja_map_find(run, b.map, part) != NULL;
        return jinja_steps(run, jinja_map_work(b.map, part));
    }
    struct view text = jinja_chars(run, b);
    *out = part.len == 0 || (text.len && memmem(text.at, text.len, part.at, part.len));
    return jinja_steps(run, text.len / 32);
}

static enum sk_code compare(struct jinja_run *run, enum jinja_op op, struct jinja_value a,
                            struct jinja_value b, struct jinja_value *out) {
    int order;
    bool numbers = jinja_is_number(a) && jinja_is_number(b);
    if (!numbers && !(a.type == JINJA_CHARS && b.type == JINJA_CHARS)) return cannot(op, a, b);
    TRY(jinja_compare(run, a, b, true, &order));
    *out = jinja_truth(op == JINJA_LESS         ? order < 0
                       : op == JINJA_LESS_EQUAL ? order <= 0
                       : op == JINJA_MORE       ? order > 0
                                                : order >= 0);
    return SK_OK;
}

enum sk_code jinja_binary(struct jinja_run *run, enum jinja_op op, struct jinja_value a,
                          struct jinja_value b, struct jinja_value *out) {
    bool found;
    switch (op) {
    case JINJA_EQUAL:
    case JINJA_UNEQUAL:
        *out = jinja_truth(jinja_same(run, a, b) == (op == JINJA_EQUAL));
        return SK_OK;
    case JINJA_IN:
    case JINJA_NOT_IN:
        TRY(contains(run, a, b, &found));
        *out = jinja_truth(found == (op == JINJA_IN));
        return SK_OK;
    case JINJA_LESS:
    case JINJA_LESS_EQUAL:
    case JINJA_MORE:
    case JINJA_MORE_EQUAL: return compare(run, op, a, b, out);
    default: break;
    }
    bool join_any = op == JINJA_JOIN && a.type != JINJA_NULL && b.type != JINJA_NULL;
    if (join_any) return join(run, a, b, out); // undefined is nothing there
    if (a.type <= JINJA_NULL || b.type <= JINJA_NULL) return cannot(op, a, b);
    if (op == JINJA_POW && a.type == JINJA_TRUTH) a.type = JINJA_INTEGER;
    if (op == JINJA_POW && b.type == JINJA_TRUTH) b.type = JINJA_INTEGER;
    if (jinja_is_number(a) && jinja_is_number(b)) return arithmetic(op, a, b, out);
    if (op == JINJA_ADD && a.type == JINJA_ARRAY && b.type == JINJA_ARRAY)
        return add_arrays(run, a.array, b.array, out);
    if (op == JINJA_MUL && a.type == JINJA_CHARS && b.type == JINJA_INTEGER)
        return repeat(run, a, b.integer, out);
    bool plain = a.type <= JINJA_ARRAY && b.type <= JINJA_ARRAY;
    if (op == JINJA_ADD && plain && (a.type == JINJA_CHARS || b.type == JINJA_CHARS))
        return join(run, a, b, out);
    return cannot(op, a, b);
}

static enum sk_code binary(struct jinja_run *run, const struct jinja_node *node,
                           struct jinja_value *out) {
    struct jinja_value a, b;
    TRY(jinja_eval(run, node->a, &a));
    bool logic = node->op == JINJA_AND || node->op == JINJA_OR;
    if (logic && jinja_is_true(a) == (node->op == JINJA_OR)) {
        *out = a;
        return SK_OK;
    }
    if (logic) return jinja_eval(run, node->b, out);
    TRY(jinja_eval(run, node->b, &b));
    return jinja_binary(run, node->op, a, b, out);
}

static enum sk_code unary(struct jinja_run *run, const struct jinja_node *node,
                          struct jinja_value *out) {
    struct jinja_value a;
    TRY(jinja_eval(run, node->a, &a));
    if (node->op == JINJA_NOT) {
        *out = jinja_truth(!jinja_is_true(a));
        return SK_OK;
    }
    if (a.type == JINJA_TRUTH) a.type = JINJA_INTEGER;
    if (!jinja_is_number(a)) return FAIL(SK_UNSUPPORTED, "the sign of %s", jinja_type_name(a));
    *out = a;
    if (node->op == JINJA_ADD) return SK_OK;
    if (a.type == JINJA_REAL) out->real = -a.real;
    return a.type == JINJA_REAL ? SK_OK : integers(JINJA_SUB, 0, a.integer, &out->integer);
}

// ---- literals, names, parts ----

static enum sk_code items(struct jinja_run *run, const struct jinja_node *node,
                          struct jinja_value *out) {
    TRY(jinja_array_new(run, 0, out));
    for (const struct jinja_node *item = node->a; item; item = item->next) {
        struct jinja_value value;
        TRY(jinja_eval(run, item, &value));
        TRY(jinja_array_add(run, out->array, value));
    }
    return SK_OK;
}

static enum sk_code pairs(struct jinja_run *run, const struct jinja_node *node,
                          struct jinja_value *out) {
    TRY(jinja_map_new(run, out));
    for (const struct jinja_node *item = node->a; item; item = item->next->next) {
        struct jinja_value key, value;
        TRY(jinja_eval(run, item, &key));
        TRY(jinja_eval(run, item->next, &value));
        TRY(jinja_map_set(run, out->map, key, value));
    }
    return SK_OK;
}

static enum sk_code variable(struct jinja_run *run, const struct jinja_node *node,
                             struct jinja_value *out) {
    for (const struct jinja_scope *scope = run->scope; scope; scope = scope->parent) {
        TRY(jinja_steps(run, scope->len / 8));
        for (uint32_t i = 0; i < scope->len; i++) {
            if (scope->at[i].name != node->name) continue;
            *out = scope->at[i].value;
            return SK_OK;
        }
    }
    *out = (struct jinja_value){0};
    jinja_builtin *builtin = jinja_global_find(jinja_span_view(run->jinja, node->text));
    if (!builtin) return SK_OK;
    return jinja_function_new(run, (struct jinja_function){.builtin = builtin}, out);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

// Bounds as Python's: *from and *to for a walk by `step`.
static enum sk_code bounds(struct jinja_run *run, const struct jinja_node *node, int64_t len,
                           int64_t walk[3]) {
    const struct jinja_node *const parts[] = {node->b, node->c, node->d};
    bool given[3] = {false};
    walk[2] = 1;
    for (size_t i = 0; i < 3; i++) {
        struct jinja_value value = {0};
        if (parts[i]) TRY(jinja_eval(run, parts[i], &value));
        given[i] = value.type == JINJA_INTEGER;
        if (given[i]) walk[i] = value.integer;
        if (!given[i] && value.type > JINJA_NULL)
            return FAIL(SK_UNSUPPORTED, "a slice by %s", jinja_type_name(value));
    }
    if (walk[2] == 0) return FAIL(SK_UNSUPPORTED, "a slice by steps of zero");
    bool back = walk[2] < 0;
    int64_t low = back ? -1 : 0, high = back ? len - 1 : len;
    for (size_t i = 0; i < 2; i++) {
        if (!given[i]) walk[i] = (i == 0) == back ? high : low;
        if (given[i] && walk[i] < 0) walk[i] = walk[i] < -len ? low : walk[i] + len;
        walk[i] = clamp(walk[i], low, high);
    }
    return SK_OK;
}

static enum sk_code slice(struct jinja_run *run, const struct jinja_node *node,
                          struct jinja_value *out) {
    struct jinja_value of, all;
    int64_t walk[3];
    TRY(jinja_eval(run, node->a, &of));
    if (of.type != JINJA_ARRAY && of.type != JINJA_CHARS)
        return FAIL(SK_UNSUPPORTED, "a slice of %s", jinja_type_name(of));
    TRY(jinja_items(run, of, &all));
    TRY(bounds(run, node, all.array->len, walk));
    uint32_t from = run->heap.len;
    if (of.type == JINJA_ARRAY) TRY(jinja_array_new(run, 0, out));
    for (int64_t i = walk[0]; walk[2] > 0 ? i < walk[1] : i > walk[1];) {
        if (of.type == JINJA_ARRAY)
            TRY(jinja_array_add(run, out->array, all.array->at[i]));
        else
            jinja_put_span(run, &run->heap, all.array->at[i].span);
        if (__builtin_add_overflow(i, walk[2], &i)) break;
    }
    return of.type == JINJA_ARRAY ? SK_OK : jinja_built(run, from, out);
}

static enum sk_code item(struct jinja_run *run, const struct jinja_node *node,
                         struct jinja_value *out) {
    struct jinja_value of, index;
    TRY(jinja_eval(run, node->a, &of));
    TRY(jinja_eval(run, node->b, &index));
    return jinja_item(run, of, index, out);
}

static enum sk_code member(struct jinja_run *run, const struct jinja_node *node,
                           struct jinja_value *out) {
    struct jinja_value of;
    TRY(jinja_eval(run, node->a, &of));
    return jinja_member(run, of, jinja_span_view(run->jinja, node->text), out);
}

// ---- calls, filters, tests ----

static enum sk_code spread(struct jinja_run *run, const struct jinja_node *node,
                           struct jinja_arguments *out) {
    struct jinja_value value;
    TRY(jinja_eval(run, node->a, &value));
    if (node->kind == JINJA_SPREAD) {
        TRY(jinja_items(run, value, &value));
        for (uint32_t i = 0; i < value.array->len; i++)
            TRY(jinja_array_add(run, &out->plain, value.array->at[i]));
        return SK_OK;
    }
    if (value.type != JINJA_MAP) return FAIL(SK_UNSUPPORTED, "** of %s", jinja_type_name(value));
    for (uint32_t i = 0; i < value.map->len; i++) {
        const struct jinja_pair *pair = &value.map->at[i];
        if (pair->key.type != JINJA_CHARS) return FAIL(SK_UNSUPPORTED, "an argument without name");
        TRY(jinja_map_set(run, &out->named, pair->key, pair->value));
    }
    return SK_OK;
}

enum sk_code jinja_eval_arguments(struct jinja_run *run, const struct jinja_node *first,
                                  struct jinja_arguments *out) {
    *out = (struct jinja_arguments){0};
    for (const struct jinja_node *node = first; node; node = node->next) {
        struct jinja_value value;
        if (node->kind == JINJA_SPREAD || node->kind == JINJA_SPREAD_NAMED) {
            TRY(spread(run, node, out));
            continue;
        }
        bool named = node->kind == JINJA_NAMED;
        TRY(jinja_eval(run, named ? node->a : node, &value));
        if (named)
            TRY(jinja_map_set(run, &out->named, jinja_string(node->text), value));
        else
            TRY(jinja_array_add(run, &out->plain, value));
    }
    return SK_OK;
}

// What is called. A mapping's methods come before its members: a JSON schema has "items".
static enum sk_code called(struct jinja_run *run, const struct jinja_node *node,
                           struct jinja_value *out) {
    struct jinja_value of;
    if (node->kind != JINJA_MEMBER) return jinja_eval(run, node, out);
    TRY(jinja_eval(run, node->a, &of));
    struct view name = jinja_span_view(run->jinja, node->text);
    jinja_builtin *method = of.type == JINJA_MAP ? jinja_method_find(of.type, name) : NULL;
    if (!method) return jinja_member(run, of, name, out);
    return jinja_function_new(run, (struct jinja_function){.builtin = method, .self = of}, out);
}

static enum sk_code call(struct jinja_run *run, const struct jinja_node *node,
                         struct jinja_value *out) {
    struct jinja_value callee;
    struct jinja_arguments arguments;
    TRY(jinja_eval_arguments(run, node->b, &arguments));
    TRY(called(run, node->a, &callee));
    if (callee.type == JINJA_FUNCTION) return jinja_call(run, callee.function, &arguments, out);
    bool named = node->a->kind == JINJA_NAME || node->a->kind == JINJA_MEMBER;
    struct view name = named ? jinja_span_view(run->jinja, node->a->text) : VIEW("this");
    return FAIL(SK_UNSUPPORTED, "'%.*s' is %s, not a function", (int)(name.len & 63), name.at,
                jinja_type_name(callee));
}

enum sk_code jinja_apply_filter(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_value operand, struct jinja_value *out) {
    struct jinja_arguments arguments;
    struct view name = jinja_span_view(run->jinja, node->text);
    jinja_builtin *filter = jinja_filter_find(name);
    if (!filter)
        return FAIL(SK_UNSUPPORTED, "no filter '%.*s'", (int)(name.len & 63), name.at);
    TRY(jinja_eval_arguments(run, node->b, &arguments));
    return filter(run, operand, &arguments, out);
}

static enum sk_code test(struct jinja_run *run, const struct jinja_node *node,
                         struct jinja_value *out) {
    struct jinja_value operand;
    struct jinja_arguments arguments;
    bool is;
    TRY(jinja_eval(run, node->a, &operand));
    TRY(jinja_eval_arguments(run, node->b, &arguments));
    TRY(jinja_test(run, jinja_span_view(run->jinja, node->text), operand, &arguments, &is));
    *out = jinja_truth(is != (node->op == JINJA_NOT));
    return SK_OK;
}

static enum sk_code filtered(struct jinja_run *run, const struct jinja_node *node,
                             struct jinja_value *out) {
    struct jinja_value operand;
    TRY(jinja_eval(run, node->a, &operand));
    return jinja_apply_filter(run, node, operand, out);
}

static enum sk_code choice(struct jinja_run *run, const struct jinja_node *node,
                           struct jinja_value *out) {
    struct jinja_value condition;
    TRY(jinja_eval(run, node->a, &condition));
    if (jinja_is_true(condition)) return jinja_eval(run, node->b, out);
    *out = (struct jinja_value){0};
    return node->c ? jinja_eval(run, node->c, out) : SK_OK;
}

static enum sk_code eval_kind(struct jinja_run *run, const struct jinja_node *node,
                              struct jinja_value *out) {
    switch (node->kind) {
    case JINJA_STRING: *out = jinja_string(node->text); return SK_OK;
    case JINJA_INT: *out = jinja_integer(node->integer); return SK_OK;
    case JINJA_FLOAT: *out = jinja_real(node->real); return SK_OK;
    case JINJA_BOOL: *out = jinja_truth(node->integer); return SK_OK;
    case JINJA_NONE: *out = (struct jinja_value){.type = JINJA_NULL}; return SK_OK;
    case JINJA_NAME: return variable(run, node, out);
    case JINJA_LIST:
    case JINJA_TUPLE: return items(run, node, out);
    case JINJA_DICT: return pairs(run, node, out);
    case JINJA_MEMBER: return member(run, node, out);
    case JINJA_ITEM: return item(run, node, out);
    case JINJA_SLICE: return slice(run, node, out);
    case JINJA_CALL: return call(run, node, out);
    case JINJA_FILTER: return filtered(run, node, out);
    case JINJA_TEST: return test(run, node, out);
    case JINJA_UNARY: return unary(run, node, out);
    case JINJA_BINARY: return binary(run, node, out);
    case JINJA_CHOICE: return choice(run, node, out);
    default: must(false); return SK_OK;
    }
}

enum sk_code jinja_eval(struct jinja_run *run, const struct jinja_node *node,
                        struct jinja_value *out) {
    TRY(jinja_enter(run));
    enum sk_code code = eval_kind(run, node, out);
    run->depth--;
    return code;
}
