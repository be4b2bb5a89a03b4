#include "engine/dialect_binder.h"

#include <string.h>

#include "engine/dialect_embed.h"
#include "engine/format.h"
#include "engine/schema.h"

enum { SCHEMA_GBNF_MAX = 1 << 19 };

// ---- literals ----

// The control token whose name stands at the beginning of a literal, or VOCAB_NONE.
static int32_t control_at(const struct vocab *vocab, const char *at, size_t *len) {
    if (*at != '<' && *at != '[') return VOCAB_NONE;
    for (*len = strlen(at); *len > 1; --*len) {
        char last = at[*len - 1];
        if (last != '>' && last != ']') continue;
        int32_t id = vocab_control(vocab, (struct view){at, *len});
        if (id != VOCAB_NONE) return id;
    }
    return VOCAB_NONE;
}

void binder_quoted(struct binder *b, struct view text) {
    struct buf *out = b->out;
    buf_put_text(out, " \"");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c == '"' || c == '\\')
            buf_print(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_print(out, "\\x%02X", c);
        else
            buf_put_char(out, text.at[i]);
    }
    buf_put_char(out, '"');
}

// In exact ones white space is itself.
static void put_literal(struct binder *b, const char *at, bool exact) {
    const struct vocab *vocab = b->with->vocab;
    while (*at) {
        size_t len;
        int32_t control = control_at(vocab, at, &len);
        if (control != VOCAB_NONE) {
            buf_print(b->out, " <[%d]>", (int)control);
            at += len;
        } else if (!exact && dialect_space(*at)) {
            buf_put_text(b->out, " ws");
            while (dialect_space(*at)) at++;
        } else if (*at == DIALECT_ID) {
            bool nine = b->with->dialect->ids == DIALECT_IDS_NINE;
            buf_put_text(b->out, nine ? " [0-9A-Za-z]{9}" : " [0-9]{1,4}");
            at++;
        } else {
            const char *from = at++;
            while (*at && *at != DIALECT_ID && (exact || !dialect_space(*at)) &&
                   control_at(vocab, at, &len) == VOCAB_NONE)
                at++;
            binder_quoted(b, (struct view){from, (size_t)(at - from)});
        }
    }
}

// A mark may come as a token or by its bytes.
void binder_mark(struct binder *b, const char *mark) {
    int32_t control = vocab_control(b->with->vocab, view_of(mark));
    binder_quoted(b, view_of(mark));
    if (control != VOCAB_NONE) buf_print(b->out, " | <[%d]>", (int)control);
}

// ---- schemas ----

bool binder_is_strict(const struct binder *b, uint32_t tool) {
    const struct json_node *list = json_find(b->data->root, "strict_tools");
    const struct json_node *name = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (uint32_t i = 0; name && i < list->len; i++, name = json_next(name))
        if (json_is(name, JSON_STRING) &&
            view_same(json_view(name), dialect_function_name(b->data->functions[tool])))
            return true;
    return false;
}

static bool is_definitions(struct view name) {
    return view_is(name, "$defs") || view_is(name, "definitions");
}

// Writes a schema as the root of a text: an object where it says no type, and with the definitions
// of the schema it is part of (`whole`, or NULL).
static struct view schema_text(struct binder *b, const struct json_node *schema,
                               const struct json_node *whole) {
    struct buf text = arena_rest(b->arena);
    struct json_writer w = json_writer_to(&text);
    if (schema && schema->type != JSON_OBJECT) {
        json_put_node(&w, schema);
        return arena_keep(b->arena, text.over ? 0 : text.len);
    }
    json_open(&w, '{');
    if (!whole && !json_find(schema, "type")) json_member_text(&w, "type", "object");
    if (!schema) json_member_bool(&w, "additionalProperties", false);
    const struct json_node *const from[] = {schema, whole};
    for (size_t j = 0; j < 2; j++) {
        const struct json_node *member = from[j] ? json_first(from[j]) : NULL;
        for (uint32_t i = 0; member && i < from[j]->len; i++, member = json_next(member + 1)) {
            if (j == 1 && !is_definitions(json_view(member))) continue;
            json_name_view(&w, json_view(member));
            json_put_node(&w, member + 1);
        }
    }
    json_close(&w, '}');
    return arena_keep(b->arena, text.over ? 0 : text.len);
}

// Appends the rules of a schema, its root named `prefix` and "root"; where it cannot be held and
// need not be, `any` instead.
static enum sk_code put_schema(struct binder *b, struct view schema, const char *prefix,
                               bool strict, const char *any) {
    size_t used = b->arena->used;
    TRY(buf_check(b->out, "the grammar of all tools"));
    buf_reset(&b->schema);
    enum sk_code code = SK_LIMIT;
    if (strict || !b->with->loose)
        code = schema_to_gbnf(schema, b->arena, &b->work, &b->schema);
    b->arena->used = used;
    if (code == SK_OK) {
        dialect_embed(buf_view(&b->schema), prefix, b->out);
        return SK_OK;
    }
    if (strict || (code != SK_UNSUPPORTED && code != SK_LIMIT)) return code;
    b->loose = b->any = true;
    buf_print(b->out, "%sroot ::= %s\n", prefix, any);
    return SK_OK;
}

enum sk_code binder_schema(struct binder *b, const struct json_node *schema, const char *prefix,
                           uint32_t tool) {
    size_t used = b->arena->used;
    const struct json_node *whole = json_find(b->data->functions[tool], "parameters");
    struct view text = schema_text(b, schema, whole);
    enum sk_code code = put_schema(b, text, prefix, binder_is_strict(b, tool), "j-value");
    b->arena->used = used;
    if (code == SK_OK) return SK_OK;
    return fail_within(code, "tools: 'tools[%u].function.parameters.properties'", tool);
}

// ---- arguments between tags ----

static bool is_word(const struct json_node *node, const char *name, const char *word) {
    return json_is_text(json_find(node, name), word);
}

// Whether a schema says no more than that something is a string.
bool binder_is_any_string(const struct json_node *schema, bool strict) {
    static const char *const notes[] = {"type", "description", "title", "default", "examples"};
    if (!is_word(schema, "type", "string")) return false;
    const struct json_node *member = json_first(schema);
    for (uint32_t i = 0; strict && i < schema->len; i++, member = json_next(member + 1)) {
        bool note = false;
        for (size_t j = 0; j < sizeof notes / sizeof *notes; j++)
            note = note || view_is(json_view(member), notes[j]);
        if (!note) return false;
    }
    return true;
}

bool binder_is_choice(const struct json_node *schema, const char *end) {
    const struct json_node *choice = json_find(schema, "enum");
    if (!is_word(schema, "type", "string") || !json_is(choice, JSON_ARRAY) || choice->len == 0)
        return false;
    const struct json_node *one = json_first(choice);
    for (uint32_t i = 0; i < choice->len; i++, one = json_next(one))
        if (one->type != JSON_STRING || one->len == 0 || memchr(one->at, end[0], one->len))
            return false;
    return true;
}

static enum sk_code add_text(struct binder *b, uint32_t tool, struct view key) {
    struct dialect_tools *tools = b->tools;
    if (key.len + 2 > sizeof tools->texts - tools->texts_len)
        return FAIL(SK_LIMIT, "tools: names of arguments > %d bytes", TOOLS_TEXTS_MAX);
    char *at = tools->texts + tools->texts_len;
    at[0] = (char)tool;
    at[1] = (char)key.len;
    memcpy(at + 2, key.at, key.len);
    tools->texts_len += 2 + (uint32_t)key.len;
    return SK_OK;
}

static enum sk_code check_key(struct view key, const char *end, uint32_t tool) {
    bool fits = key.len > 0 && key.len <= TOOLS_KEY_MAX;
    for (size_t i = 0; i < key.len; i++)
        fits = fits && (uint8_t)key.at[i] > ' ' && key.at[i] != end[0];
    if (fits) return SK_OK;
    return FAIL(SK_UNSUPPORTED,
                "tools: 'tools[%u].function.parameters.properties': '%.*s' cannot be written in "
                "this model's calls",
                tool, key.len < TOOLS_KEY_MAX ? (int)key.len : TOOLS_KEY_MAX, key.at);
}

bool binder_is_required(const struct json_node *schema, struct view key) {
    const struct json_node *list = json_find(schema, "required");
    const struct json_node *name = json_is(list, JSON_ARRAY) ? json_first(list) : NULL;
    for (uint32_t i = 0; name && i < list->len; i++, name = json_next(name))
        if (json_is(name, JSON_STRING) && view_same(json_view(name), key)) return true;
    return false;
}

// The rule "v{tool}-{index}-root" of one argument's value.
static enum sk_code put_value(struct binder *b, uint32_t tool, uint32_t index,
                              const struct json_node *key) {
    const struct json_node *schema = key + 1;
    const char *end = b->with->dialect->argument[2];
    char prefix[48];
    struct buf name = buf_over(prefix, sizeof prefix);
    buf_print(&name, "v%u-%u-", tool, index);
    buf_put_char(&name, 0);
    if (binder_is_any_string(schema, true) || binder_is_choice(schema, end)) {
        const struct json_node *choice = json_find(schema, "enum");
        const struct json_node *one = choice ? json_first(choice) : NULL;
        buf_print(b->out, "%sroot ::=", prefix);
        for (uint32_t i = 0; one && i < choice->len; i++, one = json_next(one)) {
            if (i) buf_put_text(b->out, " |");
            binder_quoted(b, json_view(one));
        }
        buf_put_text(b->out, one ? "\n" : " text\n");
        return add_text(b, tool, json_view(key));
    }
    return binder_schema(b, schema, prefix, tool);
}

// Root keywords that change nothing when only what `properties` names is written, and all that is
// required.
static bool is_held(struct view keyword) {
    static const char *const held[] = {"type",    "properties", "required", "additionalProperties",
                                       "$defs",   "definitions", "description", "title",
                                       "$schema", "$id",         "default",     "examples"};
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        if (view_is(keyword, held[i])) return true;
    return false;
}

static enum sk_code check_tagged(struct binder *b, uint32_t tool, const struct json_node *schema) {
    bool strict = binder_is_strict(b, tool);
    const struct json_node *member = schema ? json_first(schema) : NULL;
    for (uint32_t i = 0; member && i < schema->len; i++, member = json_next(member + 1)) {
        if (is_held(json_view(member))) continue;
        b->loose = true;
        if (strict)
            return FAIL(SK_UNSUPPORTED,
                        "tools: 'tools[%u].function.parameters': keyword '%.*s' is not held in "
                        "this model's calls",
                        tool, member->len < 64 ? (int)member->len : 64, member->at);
    }
    return SK_OK;
}

static enum sk_code put_tagged(struct binder *b, uint32_t tool, const struct json_node *schema) {
    const char *const *tags = b->with->dialect->argument;
    const struct json_node *properties = json_find(schema, "properties");
    const struct json_node *key = json_is(properties, JSON_OBJECT) ? json_first(properties) : NULL;
    TRY(check_tagged(b, tool, schema));
    for (uint32_t i = 0; key && i < properties->len; i++, key = json_next(key + 1)) {
        TRY(check_key(json_view(key), tags[1], tool));
        TRY(put_value(b, tool, i, key));
    }
    buf_print(b->out, "t%u-root ::= \"\"", tool);
    key = key || (properties && properties->len) ? json_first(properties) : NULL;
    for (uint32_t i = 0; key && i < properties->len; i++, key = json_next(key + 1)) {
        buf_put_text(b->out, " (");
        put_literal(b, tags[0], false);
        binder_quoted(b, json_view(key));
        put_literal(b, tags[1], true);
        buf_print(b->out, " v%u-%u-root", tool, i);
        put_literal(b, tags[2], true);
        buf_put_text(b->out, binder_is_required(schema, json_view(key)) ? ")" : ")?");
    }
    buf_put_char(b->out, '\n');
    return SK_OK;
}

// Any text in which `end` does not stand, nor begins at its end; the first character of `end` comes
// once in it.
static void put_text_rule(struct binder *b, const char *end) {
    struct buf *out = b->out;
    size_t len = strlen(end);
    struct view first = {end, 1};
    buf_put_text(out, "text ::= ([^");
    dialect_put_class(out, end[0]);
    buf_put_text(out, "] | begun* broken)* begun*\nbegun ::=");
    binder_quoted(b, first);
    for (size_t i = 1; i + 1 < len; i++) {
        buf_put_text(out, " (");
        binder_quoted(b, (struct view){end + i, 1});
    }
    for (size_t i = 1; i + 1 < len; i++) buf_put_text(out, ")?");
    buf_put_text(out, "\nbroken ::=");
    binder_quoted(b, first);
    for (size_t i = 1; i < len; i++) {
        buf_put_text(out, " ([^");
        dialect_put_class(out, end[0]);
        dialect_put_class(out, end[i]);
        buf_put_text(out, "]");
        if (i + 1 == len) break;
        buf_put_text(out, " |");
        binder_quoted(b, (struct view){end + i, 1});
    }
    for (size_t i = 1; i < len; i++) buf_put_char(out, ')');
    buf_put_char(out, '\n');
}

// ---- calls ----

static bool is_chosen(const struct binder *b, uint32_t tool) {
    return b->job->tool_choice != ENGINE_TOOLS_NAMED ||
           view_same(dialect_function_name(b->data->functions[tool]), b->job->tool_name);
}

static enum sk_code put_tool(struct binder *b, uint32_t tool) {
    const struct json_node *function = b->data->functions[tool];
    const struct json_node *schema = json_find(function, "parameters");
    if (schema && schema->type != JSON_OBJECT) schema = NULL;
    char prefix[16];
    struct buf name = buf_over(prefix, sizeof prefix);
    buf_print(&name, "t%u-", tool);
    buf_put_char(&name, 0);
    const struct json_node *type = json_find(schema, "type");
    if (type && !is_word(schema, "type", "object"))
        return FAIL(SK_INPUT, "tools: 'tools[%u].function.parameters.type' must be \"object\"",
                    tool);
    if (b->with->dialect->arguments == DIALECT_TAGS) return put_tagged(b, tool, schema);
    if (b->with->dialect->arguments == DIALECT_PAIRS) return binder_pairs(b, tool, schema);
    size_t used = b->arena->used;
    enum sk_code code =
        put_schema(b, schema_text(b, schema, NULL), prefix, binder_is_strict(b, tool), "j-root");
    b->arena->used = used;
    if (code == SK_OK) return SK_OK;
    return fail_within(code, "tools: 'tools[%u].function.parameters'", tool);
}

// `marked`: also where calls could begin without a mark.
static enum sk_code put_calls(struct binder *b, bool marked) {
    const struct dialect *dialect = b->with->dialect;
    bool one = !b->job->parallel_calls || b->with->one_call, first = true;
    buf_put_text(b->out, "calls ::= (");
    binder_mark(b, dialect->open);
    buf_put_text(b->out, dialect->bare && !marked ? ")?" : ")");
    put_literal(b, dialect->before, false);
    buf_put_text(b->out, " call");
    if (!one) buf_put_text(b->out, " (");
    if (!one) put_literal(b, dialect->next, false);
    if (!one) buf_put_text(b->out, " call)*");
    put_literal(b, dialect->end, false);
    buf_put_text(b->out, "\ncall ::=");
    for (uint32_t i = 0; i < b->data->functions_len; i++) {
        if (!is_chosen(b, i)) continue;
        if (!first) buf_put_text(b->out, " |");
        first = false;
        binder_quoted(b, dialect_function_name(b->data->functions[i]));
        put_literal(b, dialect->after, false);
        buf_print(b->out, " t%u-root", i);
        if (dialect->tag) buf_put_text(b->out, " (");
        if (dialect->tag) put_literal(b, dialect->tag, false);
        if (dialect->tag) buf_put_text(b->out, ")?");
        put_literal(b, dialect->close, false);
    }
    buf_put_char(b->out, '\n');
    for (uint32_t i = 0; i < b->data->functions_len; i++)
        if (is_chosen(b, i)) TRY(put_tool(b, i));
    if (dialect->arguments == DIALECT_TAGS) put_text_rule(b, dialect->argument[2]);
    if (dialect->arguments == DIALECT_PAIRS) {
        put_text_rule(b, dialect->quote);
        binder_pairs_end(b);
    }
    if (!b->any) return SK_OK;
    buf_reset(&b->schema);
    TRY(format_gbnf(ENGINE_JSON, VIEW(""), &b->schema));
    dialect_embed(buf_view(&b->schema), "j-", b->out);
    return SK_OK;
}

// ---- the answer ----

static void fill_names(struct dialect_tools *tools, const struct dialect_data *data) {
    tools->len = tools->texts_len = 0;
    for (uint32_t i = 0; i < data->functions_len; i++) {
        struct view name = dialect_function_name(data->functions[i]);
        tools->name_lens[tools->len] = (uint8_t)name.len;
        memcpy(tools->names[tools->len++], name.at, name.len);
    }
}

// What comes before the rest: thoughts, where the model may have any, and white space after them.
static void put_root(struct binder *b, const char *body) {
    const struct dialect_thought *thought = b->with->thought;
    buf_put_text(b->out, "root ::=");
    if (b->with->thinking) {
        buf_put_text(b->out, " ws");
    } else if (thought) {
        buf_put_text(b->out, " ((");
        binder_mark(b, thought->open);
        buf_put_text(b->out, " |");
        put_literal(b, thought->open, true);
        buf_put_text(b->out, ") ws)?");
    }
    buf_print(b->out, " (%s)\nws ::= [ \\t\\n\\r]{0,8}\n", body);
}

static enum sk_code put_format(struct binder *b) {
    buf_reset(&b->schema);
    enum sk_code code = format_gbnf(b->job->format, b->job->format_text, &b->schema);
    if (code != SK_OK) return fail_within(code, "format");
    dialect_embed(buf_view(&b->schema), "f-", b->out);
    return SK_OK;
}

static enum sk_code bind(struct binder *b, enum dialect_bond *bond) {
    bool offered = b->data->offered, formed = b->job->format != ENGINE_FREE;
    bool must_call = b->job->tool_choice == ENGINE_TOOLS_REQUIRED ||
                     b->job->tool_choice == ENGINE_TOOLS_NAMED;
    *bond = DIALECT_FREE;
    if (!offered && !formed) return SK_OK;
    *bond = offered && !formed && !must_call ? DIALECT_LAZY : DIALECT_BOUND;
    if (*bond == DIALECT_LAZY) {
        buf_put_text(b->out, "root ::= calls\nws ::= [ \\t\\n\\r]{0,8}\n");
    } else {
        formed = formed && !must_call;
        put_root(b, !offered ? "f-root" : formed ? "calls | f-root" : "calls");
    }
    if (formed) TRY(put_format(b));
    if (offered) TRY(put_calls(b, formed));
    return buf_check(b->out, offered ? "tools: their grammar" : "format: its grammar");
}

enum sk_code dialect_bind(struct dialect_binding *binding, struct arena *arena,
                          struct dialect_tools *tools, struct buf *gbnf, enum dialect_bond *bond) {
    struct binder b = {.with = binding,
                       .job = binding->job,
                       .data = binding->data,
                       .arena = arena,
                       .tools = tools,
                       .out = gbnf};
    fill_names(tools, b.data);
    TRY(buf_open(&b.schema, SCHEMA_GBNF_MAX));
    enum sk_code code = bind(&b, bond);
    buf_close(&b.schema);
    binding->loose = b.loose;
    return code;
}

void dialect_bind_thoughts(const struct dialect_binding *binding, struct buf *gbnf) {
    struct binder b = {.with = binding, .out = gbnf};
    buf_put_text(gbnf, "root ::= [^\\x00]* (");
    binder_mark(&b, binding->thought->close);
    buf_put_text(gbnf, ")\n");
}
