// Blocks: the tree to output. Loops, macros, and the rendering as a whole.
#include <string.h>

#include "engine/jinja_value.h"

// ---- scopes ----

static enum sk_code open_scope(struct jinja_run *run, struct jinja_scope *parent,
                               struct jinja_scope **out) {
    *out = arena_take(run->values, 1, sizeof **out);
    if (!*out) return SK_LIMIT;
    (*out)->parent = parent;
    return SK_OK;
}

// Gives a name, or the names of a tuple, their values.
static enum sk_code assign(struct jinja_run *run, const struct jinja_node *target,
                           struct jinja_value value) {
    if (target->kind == JINJA_NAME) return jinja_scope_set(run, run->scope, target->name, value);
    if (value.type != JINJA_ARRAY)
        return FAIL(SK_UNSUPPORTED, "%s for several names", jinja_type_name(value));
    uint32_t i = 0;
    for (const struct jinja_node *name = target->a; name; name = name->next, i++)
        if (i < value.array->len)
            TRY(jinja_scope_set(run, run->scope, name->name, value.array->at[i]));
    if (i != value.array->len)
        return FAIL(SK_UNSUPPORTED, "%u values for %u names", value.array->len, i);
    return SK_OK;
}

// ---- output ----

static enum sk_code put_out(struct jinja_run *run, struct jinja_value value) {
    if (value.type == JINJA_FUNCTION || value.type == JINJA_LOOP)
        return FAIL(SK_UNSUPPORTED, "%s as text", jinja_type_name(value));
    TRY(jinja_put(run, run->out, value));
    if (!run->out->over) return SK_OK;
    run->told = true;
    return FAIL(SK_LIMIT, "the prompt has more than %u bytes, too long for the context",
                run->out->max);
}

enum sk_code jinja_capture(struct jinja_run *run, const struct jinja_node *body,
                           struct jinja_value *out) {
    uint32_t begin = run->out->len;
    TRY(jinja_exec(run, body));
    uint32_t from = run->heap.len;
    jinja_text_put(&run->heap, run->out->at + begin, run->out->marks + begin,
                   run->out->len - begin);
    run->out->len = begin;
    return jinja_built(run, from, out);
}

// ---- loops ----

// The items whose condition holds.
static enum sk_code keep_items(struct jinja_run *run, const struct jinja_node *node,
                               struct jinja_value *items) {
    struct jinja_value kept, condition;
    struct jinja_scope *outer = run->scope;
    TRY(open_scope(run, outer, &run->scope));
    TRY(jinja_array_new(run, 0, &kept));
    for (uint32_t i = 0; i < items->array->len; i++) {
        TRY(assign(run, node->a, items->array->at[i]));
        TRY(jinja_eval(run, node->e, &condition));
        if (jinja_is_true(condition)) TRY(jinja_array_add(run, kept.array, items->array->at[i]));
    }
    run->scope = outer;
    *items = kept;
    return SK_OK;
}

static enum sk_code run_loop(struct jinja_run *run, const struct jinja_node *node,
                             const struct jinja_array *items) {
    struct jinja_loop *loop = arena_take(run->values, 1, sizeof *loop);
    if (!loop) return SK_LIMIT;
    *loop = (struct jinja_loop){.items = items, .depth = run->loops};
    struct jinja_value value = {.type = JINJA_LOOP, .loop = loop};
    for (uint32_t i = 0; i < items->len && run->flow != JINJA_BREAKING; i++) {
        loop->index = i;
        TRY(jinja_steps(run, 1));
        TRY(jinja_scope_set(run, run->scope, JINJA_NAME_LOOP, value));
        TRY(assign(run, node->a, items->at[i]));
        TRY(jinja_exec(run, node->c));
        if (run->flow == JINJA_CONTINUING) run->flow = JINJA_GOING;
    }
    run->flow = JINJA_GOING;
    return SK_OK;
}

static enum sk_code exec_for(struct jinja_run *run, const struct jinja_node *node) {
    struct jinja_value of;
    TRY(jinja_eval(run, node->b, &of));
    bool nothing = of.type == JINJA_UNDEFINED;
    if (!nothing && of.type != JINJA_ARRAY && of.type != JINJA_MAP)
        return FAIL(SK_UNSUPPORTED, "a loop over %s", jinja_type_name(of));
    TRY(jinja_items(run, of, &of));
    if (node->e) TRY(keep_items(run, node, &of));
    struct jinja_scope *outer = run->scope;
    struct jinja_array items = *of.array; // as it is now: the body may change the list
    TRY(open_scope(run, outer, &run->scope));
    run->loops++;
    TRY(items.len ? run_loop(run, node, &items) : jinja_exec(run, node->d));
    run->loops--;
    run->scope = outer;
    return SK_OK;
}

// ---- macros ----

static bool is_parameter(const struct jinja_run *run, const struct jinja_node *first,
                         struct view name) {
    for (const struct jinja_node *at = first; at; at = at->next)
        if (view_same(jinja_span_view(run->jinja, at->text), name)) return true;
    return false;
}

// Arguments no parameter takes: into `varargs` and `kwargs` of a body that speaks of them.
static enum sk_code bind_rest(struct jinja_run *run, const struct jinja_node *node,
                              const struct jinja_arguments *arguments, uint32_t taken) {
    struct jinja_value more, named;
    TRY(jinja_array_new(run, 0, &more));
    TRY(jinja_map_new(run, &named));
    for (uint32_t i = taken; i < arguments->plain.len; i++)
        TRY(jinja_array_add(run, more.array, arguments->plain.at[i]));
    for (uint32_t i = 0; i < arguments->named.len; i++) {
        const struct jinja_pair *pair = &arguments->named.at[i];
        if (!is_parameter(run, node->a, jinja_chars(run, pair->key)))
            TRY(jinja_map_set(run, named.map, pair->key, pair->value));
    }
    if (more.array->len && !node->varargs)
        return FAIL(SK_UNSUPPORTED, "more than the %u arguments of a macro", taken);
    if (named.map->len && !node->kwargs)
        return FAIL(SK_UNSUPPORTED, "an argument whose name the macro does not have");
    if (node->varargs) TRY(jinja_scope_set(run, run->scope, JINJA_NAME_VARARGS, more));
    if (node->kwargs) TRY(jinja_scope_set(run, run->scope, JINJA_NAME_KWARGS, named));
    return SK_OK;
}

// All parameters get a value first, so that no default sees an outer variable of their name.
static enum sk_code bind(struct jinja_run *run, const struct jinja_node *node,
                         const struct jinja_arguments *arguments) {
    uint32_t i = 0;
    for (const struct jinja_node *at = node->a; at; at = at->next, i++) {
        struct view name = jinja_span_view(run->jinja, at->text);
        const struct jinja_value *given = i < arguments->plain.len
                                              ? &arguments->plain.at[i]
                                              : jinja_map_find(run, &arguments->named, name);
        struct jinja_value value = given ? *given : (struct jinja_value){0};
        TRY(jinja_scope_set(run, run->scope, at->name, value));
    }
    TRY(bind_rest(run, node, arguments, i));
    i = 0;
    for (const struct jinja_node *at = node->a; at; at = at->next, i++) {
        struct jinja_value value;
        struct view name = jinja_span_view(run->jinja, at->text);
        bool given = i < arguments->plain.len || jinja_map_find(run, &arguments->named, name);
        if (given || at->kind != JINJA_NAMED) continue;
        TRY(jinja_eval(run, at->a, &value));
        TRY(jinja_scope_set(run, run->scope, at->name, value));
    }
    return SK_OK;
}

// A macro sees the variables of its caller (as the oracle, which has no other scopes); the body of
// a call block sees those around it.
enum sk_code jinja_call(struct jinja_run *run, const struct jinja_function *function,
                        const struct jinja_arguments *arguments, struct jinja_value *out) {
    if (function->builtin) return function->builtin(run, function->self, arguments, out);
    const struct jinja_node *node = function->node;
    struct jinja_scope *outer = run->scope;
    TRY(open_scope(run, node->kind == JINJA_MACRO ? outer : function->scope, &run->scope));
    TRY(bind(run, node, arguments));
    TRY(jinja_capture(run, node->kind == JINJA_MACRO ? node->b : node->c, out));
    run->scope = outer;
    return SK_OK;
}

static enum sk_code exec_macro(struct jinja_run *run, const struct jinja_node *node) {
    struct jinja_value function;
    TRY(jinja_function_new(run, (struct jinja_function){.node = node}, &function));
    return jinja_scope_set(run, run->scope, node->name, function);
}

static enum sk_code exec_called(struct jinja_run *run, const struct jinja_node *node) {
    struct jinja_value caller, callee, result;
    struct jinja_arguments arguments;
    struct jinja_scope *outer = run->scope;
    TRY(jinja_function_new(run, (struct jinja_function){.node = node, .scope = outer}, &caller));
    TRY(jinja_eval_arguments(run, node->b->b, &arguments));
    TRY(jinja_eval(run, node->b->a, &callee));
    if (callee.type != JINJA_FUNCTION)
        return FAIL(SK_UNSUPPORTED, "a call of %s", jinja_type_name(callee));
    TRY(open_scope(run, outer, &run->scope));
    TRY(jinja_scope_set(run, run->scope, JINJA_NAME_CALLER, caller));
    TRY(jinja_call(run, callee.function, &arguments, &result));
    run->scope = outer;
    return put_out(run, result);
}

// ---- the other blocks ----

// The filters of a block, the innermost of which has no operand, applied to its text.
static enum sk_code apply(struct jinja_run *run, const struct jinja_node *filter,
                          struct jinja_value *value) {
    TRY(jinja_enter(run));
    if (filter->a) TRY(apply(run, filter->a, value));
    TRY(jinja_apply_filter(run, filter, *value, value));
    run->depth--;
    return SK_OK;
}

static enum sk_code exec_filtered(struct jinja_run *run, const struct jinja_node *node) {
    struct jinja_value value;
    TRY(jinja_capture(run, node->b, &value));
    TRY(apply(run, node->a, &value));
    return put_out(run, value);
}

static enum sk_code exec_set(struct jinja_run *run, const struct jinja_node *node) {
    struct jinja_value value, of;
    TRY(node->b ? jinja_eval(run, node->b, &value) : jinja_capture(run, node->c, &value));
    if (node->d) TRY(apply(run, node->d, &value));
    if (node->a->kind != JINJA_MEMBER) return assign(run, node->a, value);
    TRY(jinja_eval(run, node->a->a, &of));
    if (of.type != JINJA_NAMESPACE)
        return FAIL(SK_UNSUPPORTED, "a member set of %s, not a namespace", jinja_type_name(of));
    return jinja_map_set(run, of.map, jinja_string(node->a->text), value);
}

static enum sk_code exec_if(struct jinja_run *run, const struct jinja_node *node) {
    for (;;) {
        struct jinja_value condition;
        TRY(jinja_eval(run, node->a, &condition));
        if (jinja_is_true(condition)) return jinja_exec(run, node->b);
        bool another = node->c && node->c->kind == JINJA_IF && !node->c->next;
        if (!another) return jinja_exec(run, node->c);
        node = node->c;
    }
}

static enum sk_code exec_output(struct jinja_run *run, const struct jinja_node *node) {
    struct jinja_value value;
    TRY(jinja_eval(run, node->a, &value));
    return put_out(run, value);
}

static enum sk_code exec_one(struct jinja_run *run, const struct jinja_node *node) {
    switch (node->kind) {
    case JINJA_TEXT: return put_out(run, jinja_string(node->text));
    case JINJA_OUTPUT: return exec_output(run, node);
    case JINJA_SET: return exec_set(run, node);
    case JINJA_IF: return exec_if(run, node);
    case JINJA_FOR: return exec_for(run, node);
    case JINJA_MACRO: return exec_macro(run, node);
    case JINJA_CALLED: return exec_called(run, node);
    case JINJA_FILTERED: return exec_filtered(run, node);
    case JINJA_BREAK: run->flow = JINJA_BREAKING; return SK_OK;
    case JINJA_CONTINUE: run->flow = JINJA_CONTINUING; return SK_OK;
    default: must(false); return SK_OK;
    }
}

enum sk_code jinja_exec(struct jinja_run *run, const struct jinja_node *body) {
    TRY(jinja_enter(run));
    for (const struct jinja_node *node = body; node && run->flow == JINJA_GOING;
         node = node->next) {
        enum sk_code code = exec_one(run, node);
        if (code == SK_OK) continue;
        if (!run->told) fail_within(code, "chat template line %u", node->line);
        run->told = true;
        return code;
    }
    run->depth--;
    return SK_OK;
}

// ---- a rendering ----

enum sk_code jinja_memory_open(struct jinja_memory *memory) {
    *memory = (struct jinja_memory){0};
    TRY(arena_open(&memory->values, "template values", JINJA_VALUES_MAX));
    enum sk_code code = buf_open(&memory->texts, 2 * JINJA_TEXT_MAX);
    if (code != SK_OK) arena_close(&memory->values);
    return code;
}

void jinja_memory_close(struct jinja_memory *memory) {
    arena_close(&memory->values);
    buf_close(&memory->texts);
}

enum sk_code jinja_render(const struct jinja *jinja, const struct jinja_input *input,
                          struct jinja_memory *memory, struct jinja_text *out) {
    arena_reset(&memory->values);
    struct jinja_run run = {
        .jinja = jinja,
        .values = &memory->values,
        .heap = {.at = memory->texts.at,
                 .marks = (uint8_t *)memory->texts.at + JINJA_TEXT_MAX,
                 .max = JINJA_TEXT_MAX},
        .out = out,
        .time_s = input->time_s,
    };
    jinja_text_fill(&run.heap, jinja->text, 0); // spans of the template are spans of the heap
    TRY(open_scope(&run, NULL, &run.scope));
    TRY(jinja_variables(&run, input));
    return jinja_exec(&run, jinja->body);
}
