#include "train/record.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"

enum kind { VERSION, TEXT, NUMBER, DIGEST, COUNT, LIST };

// A field, read and written by one table. The fields of a table stand in the order of their names.
struct field {
    const char *name;
    enum kind kind;
    size_t at;                // in its struct
    size_t max;               // bytes of a text, members of a list
    const char *const *words; // a text is one of these
    bool may_lack;            // an empty text, zeros: not written
    // Of a list:
    const struct field *of;
    size_t of_len, stride, len_at;
};

static const char version[] = "sekisho-training/1";
static const char *const kinds[] = {"pretraining", "finetuning", "lora", NULL};
static const char *const uses[] = {"training", "validation", NULL};

#define FIELD(of, field, type) .name = #field, .kind = (type), .at = offsetof(struct of, field)

static const struct field source_fields[] = {
    {FIELD(record_source, attribution, TEXT), .max = 512, .may_lack = true},
    {FIELD(record_source, bytes, COUNT)},
    {FIELD(record_source, documents, COUNT)},
    {FIELD(record_source, files, COUNT)},
    {FIELD(record_source, licence, TEXT), .max = 128},
    {FIELD(record_source, name, TEXT), .max = 128},
    {FIELD(record_source, sha256, DIGEST)},
    {FIELD(record_source, tokens, COUNT)},
    {FIELD(record_source, use, TEXT), .words = uses},
};
static const struct field metric_fields[] = {
    {FIELD(record_metric, high, NUMBER), .may_lack = true},
    {FIELD(record_metric, low, NUMBER), .may_lack = true},
    {FIELD(record_metric, name, TEXT), .max = 128},
    {FIELD(record_metric, on, TEXT), .max = 128, .may_lack = true},
    {FIELD(record_metric, value, NUMBER)},
};
static const struct field output_fields[] = {
    {FIELD(record_output, bytes, COUNT)},
    {FIELD(record_output, name, TEXT), .max = 256},
    {FIELD(record_output, sha256, DIGEST)},
    {FIELD(record_output, type, TEXT), .max = 32},
};

#define LEN(table) (sizeof(table) / sizeof *(table))
#define FIELDS(list, most, table)                                                                  \
    FIELD(train_record, list, LIST), .max = (most), .of = (table), .of_len = LEN(table),           \
        .stride = sizeof *((struct train_record *)NULL)->list,                                     \
        .len_at = offsetof(struct train_record, list##_len)

static const struct field fields[] = {
    {FIELD(train_record, architecture, TEXT), .max = 64},
    {FIELD(train_record, base_name, TEXT), .max = 256, .may_lack = true},
    {FIELD(train_record, base_sha256, DIGEST), .may_lack = true},
    {FIELD(train_record, build, TEXT), .max = 128},
    {FIELD(train_record, cpu_ms, COUNT)},
    {FIELD(train_record, data_sha256, DIGEST)},
    {FIELD(train_record, description, TEXT), .max = 1024, .may_lack = true},
    {FIELD(train_record, ended_ms, COUNT)},
    {FIELD(train_record, energy_mj, COUNT), .may_lack = true},
    {FIELD(train_record, intended, TEXT), .max = 1024, .may_lack = true},
    {FIELD(train_record, kind, TEXT), .words = kinds},
    {FIELD(train_record, licence, TEXT), .max = 1024}, // those of all sources
    {FIELD(train_record, limits, TEXT), .max = 1024, .may_lack = true},
    {FIELDS(metrics, RECORD_METRICS_MAX, metric_fields)},
    {FIELD(train_record, name, TEXT), .max = 128},
    {FIELDS(outputs, RECORD_OUTPUTS_MAX, output_fields)},
    {FIELD(train_record, parameters, COUNT)},
    {FIELD(train_record, ranks, COUNT)},
    {FIELD(train_record, recipe_sha256, DIGEST)},
    {FIELD(train_record, seed, NUMBER)},
    {FIELDS(sources, RECORD_SOURCES_MAX, source_fields)},
    {FIELD(train_record, started_ms, COUNT)},
    {FIELD(train_record, steps, COUNT)},
    {FIELD(train_record, tokens, COUNT)},
    {FIELD(train_record, trained_parameters, COUNT)},
    {.name = "v", .kind = VERSION},
};

// A table and what it is about: `where` names the list for a text of a failure, or is "".
struct part {
    const struct field *fields;
    size_t len;
    const char *where;
};
static const struct part whole = {fields, LEN(fields), ""};

static struct part part_of(const struct field *list) {
    return (struct part){list->of, list->of_len, list->name};
}

static enum sk_code field_fail(const struct part *part, const struct field *field,
                               enum sk_code code, const char *what) {
    return FAIL(code, "record: %s%s%s: %s", part->where, part->where[0] ? "." : "", field->name,
                what);
}

static const void *at(const void *base, const struct field *field) {
    return (const char *)base + field->at;
}

static uint32_t list_len(const void *base, const struct field *list) {
    uint32_t len;
    memcpy(&len, (const char *)base + list->len_at, sizeof len);
    return len;
}

// ---- what may stand there ----

static bool plain(struct view text) {
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.at[i] < ' ' || text.at[i] == 0x7f) return false;
    return utf8_check(text);
}

// Digits, perhaps with a fraction and an exponent; up to 32 bytes.
static bool decimal(struct view text) {
    size_t i = text.len && text.at[0] == '-', digits = 0;
    for (int part = 0; part < 3; part++) {
        for (digits = 0; i < text.len && text.at[i] >= '0' && text.at[i] <= '9'; i++) digits++;
        if (digits == 0) return false;
        if (part == 0 && i < text.len && text.at[i] == '.') i++;
        else if (part < 2 && i < text.len && (text.at[i] | 32) == 'e') part = 1, i++;
        else break;
        if (part == 1 && i < text.len && (text.at[i] == '-' || text.at[i] == '+')) i++;
    }
    return i == text.len && text.len <= 32;
}

static bool one_of(struct view text, const char *const *words) {
    for (; *words; words++)
        if (view_is(text, *words)) return true;
    return false;
}

static bool zeros(const uint8_t digest[HASH_LEN]) {
    static const uint8_t none[HASH_LEN];
    return memcmp(digest, none, HASH_LEN) == 0;
}

static bool lacks(const struct field *field, const void *base) {
    const void *value = at(base, field);
    switch (field->kind) {
    case TEXT:
    case NUMBER: return ((const struct view *)value)->len == 0;
    case DIGEST: return zeros(value);
    case COUNT: return field->may_lack && *(const uint64_t *)value == 0;
    default: return false;
    }
}

static enum sk_code check_field(const struct part *part, const struct field *field,
                                const void *base) {
    if (lacks(field, base))
        return field->may_lack ? SK_OK : field_fail(part, field, SK_INPUT, "missing");
    struct view text = field->kind == TEXT || field->kind == NUMBER
                           ? *(const struct view *)at(base, field)
                           : VIEW("");
    if (field->kind == NUMBER && !decimal(text))
        return field_fail(part, field, SK_INPUT, "no decimal number");
    if (field->words && !one_of(text, field->words))
        return field_fail(part, field, SK_INPUT, "none of its words");
    if (field->kind == TEXT && !field->words && text.len > field->max) {
        char what[64];
        snprintf(what, sizeof what, "too long: %zu bytes > %zu", text.len, field->max);
        return field_fail(part, field, SK_LIMIT, what);
    }
    if (!plain(text)) return field_fail(part, field, SK_INPUT, "not UTF-8, or control characters");
    if (field->kind == COUNT && *(const uint64_t *)at(base, field) > UINT64_C(1) << 53)
        return field_fail(part, field, SK_LIMIT, "over 2^53");
    if (field->kind == LIST && list_len(base, field) > field->max)
        return field_fail(part, field, SK_LIMIT, "too many");
    return SK_OK;
}

static enum sk_code check_fields(const struct part *part, const void *base) {
    for (size_t i = 0; i < part->len; i++) TRY(check_field(part, &part->fields[i], base));
    return SK_OK;
}

static enum sk_code check_record(const struct train_record *record) {
    TRY(check_fields(&whole, record));
    for (size_t i = 0; i < whole.len; i++) {
        const struct field *list = &fields[i];
        const struct part part = part_of(list);
        for (uint32_t j = 0; list->kind == LIST && j < list_len(record, list); j++)
            TRY(check_fields(&part, (const char *)at(record, list) + j * list->stride));
    }
    if ((record->base_name.len == 0) != zeros(record->base_sha256))
        return FAIL(SK_INPUT, "record: base_name and base_sha256 go together");
    for (uint32_t i = 0; i < record->outputs_len; i++)
        if (memchr(record->outputs[i].name.at, '/', record->outputs[i].name.len))
            return FAIL(SK_INPUT, "record: outputs.name: a directory in it");
    if (record->ended_ms < record->started_ms)
        return FAIL(SK_INPUT, "record: ended_ms is before started_ms");
    return SK_OK;
}

// ---- written ----

static void put_fields(const struct part *part, const void *base, struct json_writer *w);

static void put_list(const struct field *list, const void *base, struct json_writer *w) {
    const struct part part = part_of(list);
    json_open(w, '[');
    for (uint32_t i = 0; i < list_len(base, list); i++)
        put_fields(&part, (const char *)at(base, list) + i * list->stride, w);
    json_close(w, ']');
}

static void put_fields(const struct part *part, const void *base, struct json_writer *w) {
    json_open(w, '{');
    for (size_t i = 0; i < part->len; i++) {
        const struct field *field = &part->fields[i];
        if (lacks(field, base)) continue;
        json_name(w, field->name);
        switch (field->kind) {
        case VERSION: json_put_text(w, version); break;
        case TEXT:
        case NUMBER: json_put_string(w, *(const struct view *)at(base, field)); break;
        case DIGEST: json_put_hex(w, at(base, field), HASH_LEN); break;
        case COUNT: json_put_u64(w, *(const uint64_t *)at(base, field)); break;
        case LIST: put_list(field, base, w); break;
        }
    }
    json_close(w, '}');
}

enum sk_code record_write(const struct train_record *record, struct buf *out) {
    TRY(check_record(record));
    struct json_writer w = json_writer_to(out);
    size_t before = out->len;
    put_fields(&whole, record, &w);
    TRY(buf_check(out, "record"));
    if (out->len - before <= RECORD_MAX) return SK_OK;
    size_t len = out->len - before;
    out->len = before;
    return FAIL(SK_LIMIT, "record: %zu bytes, at most %d: name fewer sources", len, RECORD_MAX);
}

// ---- read ----

static const struct field *field_find(const struct part *part, struct view name) {
    for (size_t i = 0; i < part->len; i++)
        if (view_is(name, part->fields[i].name)) return &part->fields[i];
    return NULL;
}

static bool take_value(const struct json_node *node, const struct field *field, void *to) {
    int64_t number;
    switch (field->kind) {
    case VERSION: return json_is_text(node, version);
    case TEXT:
    case NUMBER:
        if (node->type != JSON_STRING || node->len == 0) return false;
        *(struct view *)to = json_view(node);
        return true;
    case DIGEST: return node->type == JSON_STRING && hex_take(json_view(node), to, HASH_LEN);
    case COUNT:
        if (!json_i64(node, &number) || number < 0) return false;
        *(uint64_t *)to = (uint64_t)number;
        return true;
    case LIST: return node->type == JSON_ARRAY && node->len <= field->max;
    }
    return false;
}

static enum sk_code take_fields(const struct part *part, const struct json_node *object,
                                void *base);

static enum sk_code take_list(const struct field *list, const struct json_node *array,
                              void *base) {
    const struct part part = part_of(list);
    const struct json_node *node = json_first(array);
    memcpy((char *)base + list->len_at, &array->len, sizeof array->len);
    for (uint32_t i = 0; i < array->len; i++, node = json_next(node))
        TRY(take_fields(&part, node, (char *)base + list->at + i * list->stride));
    return SK_OK;
}

static enum sk_code take_fields(const struct part *part, const struct json_node *object,
                                void *base) {
    if (object->type != JSON_OBJECT)
        return FAIL(SK_INPUT, "record: %s%smust be an object", part->where,
                    part->where[0] ? ": " : "");
    const struct json_node *name = json_first(object);
    for (uint32_t i = 0; i < object->len; i++, name = json_next(json_next(name))) {
        const struct field *field = field_find(part, json_view(name));
        const struct json_node *value = json_next(name);
        if (!field)
            return FAIL(SK_INPUT, "record: %s%s%.*s: no such field", part->where,
                        part->where[0] ? "." : "", name->len < 64 ? (int)name->len : 64, name->at);
        if (!take_value(value, field, (char *)base + field->at))
            return field_fail(part, field, SK_INPUT, "not of its kind");
        if (field->kind == LIST) TRY(take_list(field, value, base));
    }
    return SK_OK;
}

enum sk_code record_read(struct view text, struct arena *arena, struct train_record *out) {
    const struct json_node *root;
    *out = (struct train_record){0};
    if (text.len > RECORD_MAX)
        return FAIL(SK_LIMIT, "record: %zu bytes, at most %d", text.len, RECORD_MAX);
    char *copy = arena_text(arena, text); // json_parse writes into it
    char *again = arena_take_raw(arena, RECORD_MAX + 1, 1);
    if (!copy || !again) return SK_LIMIT;
    TRY(json_parse(copy, text.len, arena, &root));
    TRY(take_fields(&whole, root, out));
    struct buf written = buf_over(again, RECORD_MAX + 1);
    TRY(record_write(out, &written));
    if (!view_same(buf_view(&written), text))
        return FAIL(SK_INPUT, "record: not in its one form (RFC 8785, every field)");
    return SK_OK;
}
