#include "base/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/utf8.h"

enum {
    DEPTH_MAX = 64,
    MEMBERS_MAX = 4096, // of one map: each key is compared with all before it
};

struct reader {
    const char *name;
    struct arena *arena;
    struct yaml_node *root;
    struct yaml_node *open[DEPTH_MAX]; // containers
    struct yaml_node *last[DEPTH_MAX]; // their last children
    struct view key;                   // of the next node, when keyed
    yaml_mark_t key_mark;
    bool keyed, ended;
    unsigned depth, documents;
    yaml_mark_t mark; // of the event being read
};

static enum sk_code refuse_at(const struct reader *r, yaml_mark_t mark, const char *cause) {
    return FAIL(SK_INPUT, "%s:%zu:%zu: %s", r->name, mark.line + 1, mark.column + 1, cause);
}

static enum sk_code refuse(const struct reader *r, const char *cause) {
    return refuse_at(r, r->mark, cause);
}

static enum sk_code over(const struct reader *r, const char *what, int max) {
    return FAIL(SK_LIMIT, "%s:%zu:%zu: %s > %d", r->name, r->mark.line + 1, r->mark.column + 1,
                what, max);
}

// ---- the bytes ----

// YAML 1.2.2 section 5.1, c-printable.
static bool printable(uint32_t c) {
    if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
    return c != 0x7f && (c < 0x80 || c == 0x85 || c >= 0xa0) && c != 0xfeff && c != 0xfffe &&
           c != 0xffff;
}

// Before libyaml, which takes some characters that YAML does not.
static enum sk_code text_check(const struct reader *r, struct view text) {
    static const struct view order_mark = {"\xef\xbb\xbf", 3};
    yaml_mark_t at = {0};
    if (view_starts(text, order_mark)) text = view_from(text, order_mark.len);
    while (text.len > 0) {
        uint32_t c;
        size_t n = utf8_take(text, &c);
        if (n == 0) return refuse_at(r, at, "malformed UTF-8");
        if (!printable(c)) return refuse_at(r, at, "control character");
        text = view_from(text, n);
        at.column++;
        if (c == '\n' || (c == '\r' && !view_starts(text, VIEW("\n")))) {
            at.line++;
            at.column = 0;
        }
    }
    return SK_OK;
}

// ---- the tree ----

static enum sk_code node_add(struct reader *r, enum yaml_type type, struct yaml_node **out) {
    struct yaml_node *node = arena_take(r->arena, 1, sizeof *node);
    if (!node) return SK_LIMIT;
    yaml_mark_t mark = r->keyed ? r->key_mark : r->mark;
    *node = (struct yaml_node){.type = type,
                               .line = (uint32_t)mark.line + 1,
                               .column = (uint32_t)mark.column + 1,
                               .key = r->key};
    r->key = (struct view){0};
    r->keyed = false;
    if (r->depth == 0) {
        r->root = node;
    } else {
        struct yaml_node **last = &r->last[r->depth - 1], *parent = r->open[r->depth - 1];
        *(*last ? &(*last)->next : &parent->first) = node;
        *last = node;
        parent->count++;
    }
    *out = node;
    return SK_OK;
}

static enum sk_code text_copy(struct reader *r, struct view text, struct view *out) {
    if (memchr(text.at, '\0', text.len)) return refuse(r, "NUL in a scalar"); // by an escape
    if (!utf8_check(text)) return refuse(r, "escape that is no character");
    *out = (struct view){arena_text(r->arena, text), text.len};
    return out->at ? SK_OK : SK_LIMIT;
}

static bool key_wanted(const struct reader *r) {
    return r->depth > 0 && r->open[r->depth - 1]->type == YAML_MAP && !r->keyed;
}

static enum sk_code key_read(struct reader *r, struct view text) {
    const struct yaml_node *map = r->open[r->depth - 1];
    TRY(text_copy(r, text, &r->key));
    if (view_is(r->key, "<<")) return refuse(r, "merge key");
    for (const struct yaml_node *child = map->first; child; child = child->next) {
        if (view_same(child->key, r->key)) return refuse(r, "key given twice");
    }
    if (map->count == MEMBERS_MAX) return over(r, "members", MEMBERS_MAX);
    r->keyed = true;
    r->key_mark = r->mark;
    return SK_OK;
}

static enum sk_code scalar_read(struct reader *r, const yaml_event_t *event) {
    struct view text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    bool absent = text.len == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (key_wanted(r)) {
        return absent ? refuse(r, "a member without a key") : key_read(r, text);
    }
    struct yaml_node *node;
    TRY(node_add(r, absent ? YAML_NULL : YAML_SCALAR, &node));
    return absent ? SK_OK : text_copy(r, text, &node->text);
}

static enum sk_code container_open(struct reader *r, enum yaml_type type) {
    if (key_wanted(r)) return refuse(r, "a key that is no scalar");
    if (r->depth == DEPTH_MAX) return over(r, "depth", DEPTH_MAX);
    struct yaml_node *node;
    TRY(node_add(r, type, &node));
    r->open[r->depth] = node;
    r->last[r->depth++] = NULL;
    return SK_OK;
}

// ---- the events of libyaml ----

static enum sk_code bare_check(const struct reader *r, const void *anchor, const void *tag) {
    if (tag) return refuse(r, "tag");
    return anchor ? refuse(r, "anchor") : SK_OK;
}

static enum sk_code document_open(struct reader *r, const yaml_event_t *event) {
    bool tags = event->data.document_start.tag_directives.start !=
                event->data.document_start.tag_directives.end;
    if (event->data.document_start.version_directive || tags) return refuse(r, "directive");
    return r->documents++ > 0 ? refuse(r, "a second document") : SK_OK;
}

static enum sk_code event_read(struct reader *r, const yaml_event_t *event) {
    r->mark = event->start_mark;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT: return document_open(r, event);
    case YAML_ALIAS_EVENT: return refuse(r, "alias");
    case YAML_SCALAR_EVENT:
        TRY(bare_check(r, event->data.scalar.anchor, event->data.scalar.tag));
        return scalar_read(r, event);
    case YAML_SEQUENCE_START_EVENT:
        TRY(bare_check(r, event->data.sequence_start.anchor, event->data.sequence_start.tag));
        return container_open(r, YAML_LIST);
    case YAML_MAPPING_START_EVENT:
        TRY(bare_check(r, event->data.mapping_start.anchor, event->data.mapping_start.tag));
        return container_open(r, YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: r->depth--; return SK_OK;
    case YAML_STREAM_END_EVENT: r->ended = true; return SK_OK;
    default: return SK_OK;
    }
}

// Why libyaml stopped before the end of the stream.
static enum sk_code stopped(const struct reader *r, const yaml_parser_t *parser) {
    if (parser->error == YAML_MEMORY_ERROR) return FAIL(SK_LIMIT, "%s: no memory", r->name);
    return refuse_at(r, parser->problem_mark, parser->problem ? parser->problem : "not YAML");
}

static enum sk_code text_read(struct reader *r, struct view text) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return FAIL(SK_LIMIT, "%s: no memory", r->name);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.len);
    enum sk_code code = SK_OK;
    while (code == SK_OK && !r->ended) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event)) {
            code = event_read(r, &event);
            yaml_event_delete(&event);
        } else {
            code = stopped(r, &parser);
        }
    }
    yaml_parser_delete(&parser);
    return code;
}

enum sk_code yaml_parse(struct view text, const char *name, struct arena *arena,
                        const struct yaml_node **root) {
    if (text.len > YAML_MAX) return FAIL(SK_LIMIT, "%s: %zu bytes > %d", name, text.len, YAML_MAX);
    struct reader reader = {.name = name, .arena = arena};
    TRY(text_check(&reader, text));
    size_t used = arena->used;
    enum sk_code code = text_read(&reader, text);
    struct yaml_node *empty;
    reader.mark = (yaml_mark_t){0};
    if (code == SK_OK && !reader.root) code = node_add(&reader, YAML_NULL, &empty);
    if (code != SK_OK) {
        arena->used = used;
        return code;
    }
    *root = reader.root;
    return SK_OK;
}

const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key) {
    if (!map || map->type != YAML_MAP) return NULL;
    const struct yaml_node *child = map->first;
    while (child && !view_is(child->key, key)) child = child->next;
    return child;
}
