// Grammars of arguments as pairs: {key:value,…}, strings between quotes of the dialect's own.
#include "engine/dialect_binder.h"
#include "engine/schema.h"

enum { COUNT_MAX = SCHEMA_COUNT_MAX };

// What is not held where nobody asks for it: any value.
static const char any_value[] =
    "p-any ::= p-text | p-object | p-list | p-number | \"true\" | \"false\" | \"null\"\n"
    "p-number ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15}) (\".\" [0-9]{1,16})?\n"
    "p-object ::= \"{\" (p-member (\",\" p-member)*)? \"}\"\n"
    "p-member ::= [A-Za-z_] [A-Za-z0-9_-]{0,63} \":\" p-any\n"
    "p-list ::= \"[\" (p-any (\",\" p-any)*)? \"]\"\n";

static bool is_type(const struct json_node *schema, const char *type) {
    return json_is_text(json_find(schema, "type"), type);
}

static enum sk_code refuse(uint32_t tool) {
    return FAIL(SK_UNSUPPORTED,
                "tools: 'tools[%u].function.parameters': a schema that is not held in this model's "
                "calls",
                tool);
}

static enum sk_code put_any(struct binder *b, uint32_t tool, uint32_t rule) {
    if (binder_is_strict(b, tool)) return refuse(tool);
    b->loose = true;
    buf_print(b->out, "p%u ::= p-any\n", rule);
    return SK_OK;
}

static enum sk_code check_key(struct view key, uint32_t tool) {
    bool fits = key.len > 0 && key.len <= TOOLS_KEY_MAX;
    for (size_t i = 0; i < key.len; i++)
        fits = fits && (uint8_t)key.at[i] > ' ' && !strchr(":,<>{}[]\"", key.at[i]);
    if (fits) return SK_OK;
    return FAIL(SK_UNSUPPORTED,
                "tools: 'tools[%u].function.parameters.properties': '%.*s' cannot be written in "
                "this model's calls",
                tool, key.len < TOOLS_KEY_MAX ? (int)key.len : TOOLS_KEY_MAX, key.at);
}

static enum sk_code put_value(struct binder *b, uint32_t tool, const struct json_node *schema,
                              uint32_t rule);

// p{rule}-m{i}: the members from i on when none came before; p{rule}-n{i}: when some did.
static enum sk_code put_object(struct binder *b, uint32_t tool, const struct json_node *schema,
                               uint32_t rule) {
    const struct json_node *properties = json_find(schema, "properties");
    uint32_t len = json_is(properties, JSON_OBJECT) ? properties->len : 0, from = b->rules;
    const struct json_node *key = len ? json_first(properties) : NULL;
    if (!properties && !json_is(json_find(schema, "additionalProperties"), JSON_FALSE)) {
        buf_print(b->out, "p%u ::= p-object\n", rule);
        return SK_OK;
    }
    b->rules += len;
    buf_print(b->out, "p%u ::= \"{\" p%u-m0 \"}\"\n", rule, rule);
    for (uint32_t i = 0; i < len; i++, key = json_next(key + 1)) {
        TRY(check_key(json_view(key), tool));
        bool optional = !binder_is_required(schema, json_view(key));
        for (const char *kind = "mn"; *kind; kind++) {
            buf_print(b->out, "p%u-%c%u ::=", rule, *kind, i);
            if (*kind == 'n') buf_put_text(b->out, " \",\"");
            binder_quoted(b, json_view(key));
            buf_print(b->out, " \":\" p%u p%u-n%u", from + i, rule, i + 1);
            if (optional) buf_print(b->out, " | p%u-%c%u", rule, *kind, i + 1);
            buf_put_char(b->out, '\n');
        }
    }
    buf_print(b->out, "p%u-m%u ::= \"\"\np%u-n%u ::= \"\"\n", rule, len, rule, len);
    key = len ? json_first(properties) : NULL;
    for (uint32_t i = 0; i < len; i++, key = json_next(key + 1))
        TRY(put_value(b, tool, key + 1, from + i));
    return SK_OK;
}

// Two keywords that bound a count; *most is -1 when nothing does.
static enum sk_code read_bounds(const struct json_node *schema, const char *const names[2],
                                int64_t *least, int64_t *most) {
    *least = 0;
    *most = -1;
    const struct json_node *min = json_find(schema, names[0]), *max = json_find(schema, names[1]);
    bool fits = (!min || (json_i64(min, least) && *least >= 0 && *least <= COUNT_MAX)) &&
                (!max || (json_i64(max, most) && *most >= *least && *most <= COUNT_MAX));
    if (fits) return SK_OK;
    return FAIL(SK_INPUT, "tools: '%s' or '%s' is not in 0..%d", names[0], names[1], COUNT_MAX);
}

static enum sk_code put_list(struct binder *b, uint32_t tool, const struct json_node *schema,
                             uint32_t rule) {
    static const char *const bounds[] = {"minItems", "maxItems"};
    const struct json_node *items = json_find(schema, "items");
    int64_t least, most;
    TRY(read_bounds(schema, bounds, &least, &most));
    if (most == 0) {
        buf_print(b->out, "p%u ::= \"[]\"\n", rule);
        return SK_OK;
    }
    if (!json_is(items, JSON_OBJECT)) return put_any(b, tool, rule);
    uint32_t item = b->rules++;
    const char *may = least > 0 ? "" : ")?";
    buf_print(b->out, "p%u ::= \"[\" %sp%u (\",\" p%u){%d,", rule, least > 0 ? "" : "(", item, item,
              (int)(least > 0 ? least - 1 : 0));
    if (most > 0) buf_print(b->out, "%d", (int)most - 1);
    buf_print(b->out, "}%s \"]\"\n", may);
    return put_value(b, tool, items, item);
}

static enum sk_code put_choice(struct binder *b, const struct json_node *choice, uint32_t rule) {
    const struct json_node *one = json_first(choice);
    buf_print(b->out, "p%u ::=", rule);
    for (uint32_t i = 0; i < choice->len; i++, one = json_next(one)) {
        buf_put_text(b->out, i ? " | p-quote" : " p-quote");
        binder_quoted(b, json_view(one));
        buf_put_text(b->out, " p-quote");
    }
    buf_put_char(b->out, '\n');
    return SK_OK;
}

// Whether a schema has keywords that are not held here.
static bool has_more(const struct json_node *schema) {
    static const char *const held[] = {
        "type",      "properties", "required",    "additionalProperties", "items",   "minItems",
        "maxItems",  "minLength",  "maxLength",   "description",          "title",   "default",
        "examples",  "$schema"};
    const struct json_node *member = json_first(schema);
    for (uint32_t i = 0; i < schema->len; i++, member = json_next(member + 1)) {
        bool is = false;
        for (size_t j = 0; j < sizeof held / sizeof *held; j++)
            is = is || view_is(json_view(member), held[j]);
        if (!is) return true;
    }
    return false;
}

// Where lengths count, `<` is left out, so that no quote can begin.
static enum sk_code put_string(struct binder *b, const struct json_node *schema, uint32_t rule) {
    static const char *const bounds[] = {"minLength", "maxLength"};
    int64_t least, most;
    TRY(read_bounds(schema, bounds, &least, &most));
    if (least == 0 && most < 0) {
        buf_print(b->out, "p%u ::= p-text\n", rule);
        return SK_OK;
    }
    buf_print(b->out, "p%u ::= p-quote [^<\\x00]{%d,", rule, (int)least);
    if (most >= 0) buf_print(b->out, "%d", (int)most);
    buf_put_text(b->out, "} p-quote\n");
    return SK_OK;
}

// One of some numbers, or true, false, null: written as in JSON.
static bool is_plain_choice(const struct json_node *schema) {
    const struct json_node *choice = json_find(schema, "enum");
    if (!json_is(choice, JSON_ARRAY) || choice->len == 0) return false;
    const struct json_node *one = json_first(choice);
    for (uint32_t i = 0; i < choice->len; i++, one = json_next(one))
        if (one->type == JSON_STRING || one->type >= JSON_ARRAY) return false;
    return true;
}

// Recursion within JSON_DEPTH_MAX.
static enum sk_code put_value(struct binder *b, uint32_t tool, const struct json_node *schema,
                              uint32_t rule) {
    bool strict = binder_is_strict(b, tool);
    if (binder_is_choice(schema, b->with->dialect->quote))
        return put_choice(b, json_find(schema, "enum"), rule);
    bool string = is_type(schema, "string"), object = is_type(schema, "object");
    if (string || object || is_type(schema, "array")) {
        bool more = has_more(schema);
        if (strict && more) return refuse(tool);
        b->loose = b->loose || more;
        return string   ? put_string(b, schema, rule)
               : object ? put_object(b, tool, schema, rule)
                        : put_list(b, tool, schema, rule);
    }
    bool plain = is_plain_choice(schema) || is_type(schema, "integer") ||
                 is_type(schema, "number") || is_type(schema, "boolean") ||
                 is_type(schema, "null");
    if (!plain) return put_any(b, tool, rule);
    char prefix[24];
    struct buf name = buf_over(prefix, sizeof prefix);
    buf_print(&name, "p%u-j-", rule);
    buf_put_char(&name, 0);
    buf_print(b->out, "p%u ::= %sroot\n", rule, prefix);
    return binder_schema(b, schema, prefix, tool);
}

enum sk_code binder_pairs(struct binder *b, uint32_t tool, const struct json_node *schema) {
    uint32_t rule = b->rules++;
    if (schema && binder_is_strict(b, tool) && has_more(schema)) return refuse(tool);
    buf_print(b->out, "t%u-root ::= p%u\n", tool, rule);
    if (schema) return put_object(b, tool, schema, rule);
    buf_print(b->out, "p%u ::= \"{}\"\n", rule);
    return SK_OK;
}

void binder_pairs_end(struct binder *b) {
    buf_put_text(b->out, any_value);
    buf_put_text(b->out, "p-text ::= p-quote text p-quote\np-quote ::= (");
    binder_mark(b, b->with->dialect->quote);
    buf_put_text(b->out, ")\n");
}
