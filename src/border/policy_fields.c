// Fields of a policy file, by type.
#include "border/policy_parts.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/day.h"
#include "base/text.h"

enum sk_code policy_wrong(const struct policy_reader *reader, const struct yaml_node *node,
                          const char *format, ...) {
    char cause[700];
    va_list rest;
    va_start(rest, format);
    vsnprintf(cause, sizeof cause, format, rest);
    va_end(rest);
    return FAIL(SK_INPUT, "%s:%u:%u: %s", reader->file, node->line, node->column, cause);
}

enum sk_code policy_list(const struct policy_reader *reader, const struct yaml_node *node,
                         enum yaml_type type, uint32_t max) {
    if (node->type != type)
        return policy_wrong(reader, node, "must be a %s", type == YAML_LIST ? "list" : "map");
    if (node->count <= max) return SK_OK;
    return FAIL(SK_LIMIT, "%s:%u:%u: %u are given, at most %u are allowed", reader->file,
                node->line, node->column, node->count, max);
}

static const struct policy_field *field_find(const struct policy_field *rows, struct view name) {
    while (rows->name && !view_is(name, rows->name))
        rows++;
    return rows->name ? rows : NULL;
}

enum sk_code policy_fields(struct policy_reader *reader, const struct yaml_node *node,
                           const struct policy_field *rows, void *at, uint32_t *given) {
    uint32_t seen = 0;
    if (node->type != YAML_MAP) return policy_wrong(reader, node, "must be a map of keys");
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        const struct policy_field *field = field_find(rows, one->key);
        if (!field)
            return policy_wrong(reader, one, "unknown key '%.*s'", (int)one->key.len, one->key.at);
        TRY(field->take(reader, one, (char *)at + field->offset, field));
        seen |= 1u << (field - rows);
    }
    for (const struct policy_field *row = rows; row->name; row++)
        if (row->needed && !(seen >> (row - rows) & 1))
            return policy_wrong(reader, node, "%s is missing", row->name);
    if (given) *given = seen;
    return SK_OK;
}

bool policy_given(const struct policy_field *rows, uint32_t given, const char *name) {
    const struct policy_field *row = field_find(rows, view_of(name));
    must(row != NULL);
    return given >> (row - rows) & 1;
}

// ---- types ----

static enum sk_code scalar(const struct policy_reader *reader, const struct yaml_node *node,
                           const struct policy_field *field, const char *what) {
    if (node->type == YAML_SCALAR) return SK_OK;
    return policy_wrong(reader, node, "%s must be %s", field->name, what);
}

static enum sk_code keep(struct policy_reader *reader, struct view text, const char **out) {
    *out = arena_text(reader->arena, text);
    return *out ? SK_OK : SK_LIMIT;
}

// Texts are shown on terminals and stand in logs.
static bool plain(struct view text) {
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f) return false;
    return true;
}

enum sk_code policy_take_text(struct policy_reader *reader, const struct yaml_node *node, void *at,
                              const struct policy_field *field) {
    TRY(scalar(reader, node, field, "a text"));
    if (node->text.len > field->max || (field->needed && node->text.len == 0))
        return policy_wrong(reader, node, "%s must be a text of %u to %u bytes", field->name,
                            field->needed ? 1u : 0u, field->max);
    if (!plain(node->text))
        return policy_wrong(reader, node, "%s must be on one line", field->name);
    return keep(reader, node->text, at);
}

static bool id_good(struct view text) {
    if (text.len == 0 || text.len > POLICY_NAME_MAX || text.at[0] == '.' || text.at[0] == '-')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '_' && c != '-') return false;
    }
    return true;
}

static enum sk_code id_keep(struct policy_reader *reader, const struct yaml_node *node,
                            const char *what, struct view text, const char **out) {
    if (id_good(text)) return keep(reader, text, out);
    return policy_wrong(reader, node,
                        "%s must be 1 to %d letters, digits, '.', '_' or '-', not "
                        "'%.*s'",
                        what, POLICY_NAME_MAX, (int)text.len, text.at);
}

enum sk_code policy_take_key(struct policy_reader *reader, const struct yaml_node *node,
                             const char **out) {
    return id_keep(reader, node, "a name", node->key, out);
}

enum sk_code policy_take_id(struct policy_reader *reader, const struct yaml_node *node, void *at,
                            const struct policy_field *field) {
    TRY(scalar(reader, node, field, "a name"));
    return id_keep(reader, node, field->name, node->text, at);
}

enum sk_code policy_take_country(struct policy_reader *reader, const struct yaml_node *node,
                                 void *at, const struct policy_field *field) {
    TRY(scalar(reader, node, field, "a country"));
    const char *code = node->text.at;
    if (node->text.len != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z')
        return policy_wrong(reader, node,
                            "%s must be two capital letters of ISO 3166-1, like JP, not '%.*s'",
                            field->name, (int)node->text.len, code);
    return keep(reader, node->text, at);
}

enum sk_code policy_take_bool(struct policy_reader *reader, const struct yaml_node *node, void *at,
                              const struct policy_field *field) {
    bool yes = node->type == YAML_SCALAR && view_is(node->text, "true");
    bool no = node->type == YAML_SCALAR && view_is(node->text, "false");
    if (!yes && !no) return policy_wrong(reader, node, "%s must be true or false", field->name);
    *(bool *)at = yes;
    return SK_OK;
}

enum sk_code policy_take_number(struct policy_reader *reader, const struct yaml_node *node,
                                void *at, const struct policy_field *field) {
    uint64_t number;
    if (node->type != YAML_SCALAR || !decimal_take(node->text, &number) || number < field->min ||
        number > field->max)
        return policy_wrong(reader, node, "%s must be a number from %u to %u", field->name,
                            field->min, field->max);
    *(uint32_t *)at = (uint32_t)number;
    return SK_OK;
}

enum sk_code policy_take_day(struct policy_reader *reader, const struct yaml_node *node, void *at,
                             const struct policy_field *field) {
    if (node->type == YAML_SCALAR && day_take(node->text, at)) return SK_OK;
    return policy_wrong(reader, node, "%s must be a day like 2027-03-31", field->name);
}

enum sk_code policy_take_reach(struct policy_reader *reader, const struct yaml_node *node, void *at,
                               const struct policy_field *field) {
    TRY(scalar(reader, node, field, "node, country, listed or world"));
    enum sk_code code = policy_reach_parse(node->text, at);
    return code == SK_OK ? code
                         : policy_wrong(reader, node,
                                        "%s must be node, country, listed or world, "
                                        "not '%.*s'",
                                        field->name, (int)node->text.len, node->text.at);
}

enum sk_code policy_take_consent(struct policy_reader *reader, const struct yaml_node *node,
                                 void *at, const struct policy_field *field) {
    if (node->type != YAML_SCALAR || !view_is(node->text, "cannot"))
        return policy_take_reach(reader, node, at, field);
    *(enum border_reach *)at = REACH_COUNT;
    return SK_OK;
}

enum sk_code policy_take_choice(struct policy_reader *reader, const struct yaml_node *node,
                                void *at, const struct policy_field *field) {
    char all[128];
    struct buf list = buf_over(all, sizeof all);
    for (uint32_t i = 0; field->names[i]; i++) {
        if (node->type == YAML_SCALAR && view_is(node->text, field->names[i])) {
            memcpy(at, &i, sizeof i); // an enumeration counts from 0
            return SK_OK;
        }
        buf_print(&list, "%s%s", i ? ", " : "", field->names[i]);
    }
    return policy_wrong(reader, node, "%s must be one of %.*s", field->name, (int)list.len,
                        list.at);
}

enum sk_code policy_take_later(struct policy_reader *reader, const struct yaml_node *node, void *at,
                               const struct policy_field *field) {
    (void)reader, (void)node, (void)at, (void)field;
    return SK_OK;
}

// ---- lists ----

enum sk_code policy_take_texts(struct policy_reader *reader, const struct yaml_node *node, void *at,
                               const struct policy_field *field) {
    struct policy_texts *out = at;
    TRY(policy_list(reader, node, YAML_LIST, field->max));
    const char **list = arena_take(reader->arena, node->count, sizeof *list);
    if (!list) return SK_LIMIT;
    *out = (struct policy_texts){list, 0};
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        if (one->type != YAML_SCALAR || !one->text.len || one->text.len > 256 || !plain(one->text))
            return policy_wrong(reader, one, "%s must be texts of 1 to 256 bytes", field->name);
        TRY(keep(reader, one->text, &list[out->len++]));
    }
    return SK_OK;
}

enum sk_code policy_take_detect(struct policy_reader *reader, const struct yaml_node *node,
                                void *at, const struct policy_field *field) {
    struct detector_set *set = at;
    TRY(policy_list(reader, node, YAML_LIST, DETECTOR_COUNT));
    for (const struct yaml_node *one = node->first; one; one = one->next)
        if (one->type != YAML_SCALAR || !detector_set_add(set, one->text))
            return policy_wrong(reader, one, "%s: no detector is called '%.*s' (docs/policy.md)",
                                field->name, (int)one->text.len, one->text.at);
    return SK_OK;
}

enum sk_code policy_take_classes(struct policy_reader *reader, const struct yaml_node *node,
                                 void *at, const struct policy_field *field) {
    const struct policy *policy = reader->policy;
    uint64_t *bits = at;
    TRY(policy_list(reader, node, YAML_LIST, POLICY_CLASSES_MAX));
    for (const struct yaml_node *one = node->first; one; one = one->next) {
        uint16_t index = policy_class_find(policy, one->text);
        if (one->type == YAML_SCALAR && view_is(one->text, "*"))
            *bits |= (UINT64_C(1) << policy->classes_len) - 1;
        else if (one->type == YAML_SCALAR && index != POLICY_NONE)
            *bits |= UINT64_C(1) << index;
        else
            return policy_wrong(reader, one, "%s: no class is called '%.*s'", field->name,
                                (int)one->text.len, one->text.at);
    }
    return SK_OK;
}

// ---- addresses ----

bool policy_address_take(struct view text, struct policy_address *out, uint8_t *prefix) {
    char host[64];
    uint64_t bits = UINT64_MAX;
    const char *slash = text.len ? memchr(text.at, '/', text.len) : NULL;
    size_t len = slash ? (size_t)(slash - text.at) : text.len;
    if (len >= sizeof host || (slash && !prefix)) return false;
    if (slash && !decimal_take(view_from(text, len + 1), &bits)) return false;
    memcpy(host, text.at, len);
    host[len] = 0;
    *out = (struct policy_address){{[10] = 0xff, [11] = 0xff}};
    bool four = inet_pton(AF_INET, host, out->bytes + 12) == 1;
    if (!four && inet_pton(AF_INET6, host, out->bytes) != 1) return false;
    unsigned whole = four ? 32 : 128;
    if (slash && bits > whole) return false;
    if (prefix) *prefix = (uint8_t)(slash ? bits + 128 - whole : 128);
    return true;
}
