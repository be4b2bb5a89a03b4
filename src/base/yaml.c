#include "base/yaml.h"

#include <libfyaml.h>
#include <string.h>

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
    uint32_t key_line, key_column;
    bool keyed, ended;
    unsigned depth, documents;
    uint32_t line, column; // of the last token that has a place
};

static enum sk_code refuse(const struct reader *r, const char *cause) {
    return FAIL(SK_INPUT, "%s:%u:%u: %s", r->name, r->line, r->column, cause);
}

// ---- the bytes ----

// YAML 1.2.2 section 5.1, c-printable.
static bool printable(uint32_t c) {
    if (c < 0x20) return c == '\t' || c == '\n' || c == '\r';
    return c != 0x7f && (c < 0x80 || c == 0x85 || c >= 0xa0) && c != 0xfeff && c != 0xfffe &&
           c != 0xffff;
}

// libfyaml ends silently at a NUL and drops other control characters, so they are refused here.
static enum sk_code text_check(struct reader *r, struct view text) {
    static const struct view mark = {"\xef\xbb\xbf", 3};
    if (view_starts(text, mark)) text = view_from(text, mark.len);
    while (text.len > 0) {
        uint32_t c;
        size_t n = utf8_take(text, &c);
        if (n == 0) return refuse(r, "malformed UTF-8");
        if (!printable(c)) return refuse(r, "control character");
        text = view_from(text, n);
        r->column++;
        if (c == '\n' || (c == '\r' && !view_starts(text, VIEW("\n")))) {
            r->line++;
            r->column = 1;
        }
    }
    r->line = r->column = 1;
    return SK_OK;
}

// ---- the tree ----

// Marks count from 0; those of quoted scalars, anchors and aliases are behind the first character.
static void place(struct reader *r, struct fy_token *token) {
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    if (!mark) return;
    enum fy_scalar_style style = fy_token_scalar_style(token);
    enum fy_token_type type = fy_token_get_type(token);
    bool behind = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED ||
                  type == FYTT_ANCHOR || type == FYTT_ALIAS;
    r->line = (uint32_t)mark->line + 1;
    r->column = (uint32_t)mark->column + !behind;
}

static enum sk_code node_add(struct reader *r, enum yaml_type type, struct yaml_node **out) {
    struct yaml_node *node = arena_take(r->arena, 1, sizeof *node);
    if (!node) return SK_LIMIT;
    *node = (struct yaml_node){.type = type,
                               .line = r->keyed ? r->key_line : r->line,
                               .column = r->keyed ? r->key_column : r->column,
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

// The token's text, counted, and written when `out` is not NULL. Not by fy_token_get_text: that one
// loses memory on some quoted scalars and hands out an empty text when memory is short.
static bool text_walk(struct fy_token *token, char *out, size_t *len) {
    struct fy_token_iter *walk = fy_token_iter_create(token);
    const struct fy_iter_chunk *chunk = NULL;
    int error = walk ? 0 : -1;
    *len = 0;
    while (walk && (chunk = fy_token_iter_chunk_next(walk, chunk, &error)) != NULL) {
        if (out) memcpy(out + *len, chunk->str, chunk->len);
        *len += chunk->len;
    }
    fy_token_iter_destroy(walk);
    return error == 0;
}

static enum sk_code text_copy(struct reader *r, struct fy_token *token, struct view *out) {
    size_t len;
    if (!text_walk(token, NULL, &len)) return FAIL(SK_LIMIT, "%s: no memory", r->name);
    char *copy = arena_take(r->arena, len + 1, 1);
    if (!copy) return SK_LIMIT;
    if (!text_walk(token, copy, &len)) return FAIL(SK_LIMIT, "%s: no memory", r->name);
    if (memchr(copy, '\0', len)) return refuse(r, "NUL in a scalar"); // by an escape
    *out = (struct view){copy, len};
    return SK_OK;
}

static bool key_wanted(const struct reader *r) {
    return r->depth > 0 && r->open[r->depth - 1]->type == YAML_MAP && !r->keyed;
}

static enum sk_code key_read(struct reader *r, struct fy_token *token) {
    const struct yaml_node *map = r->open[r->depth - 1];
    if (!token) return refuse(r, "a member without a key");
    TRY(text_copy(r, token, &r->key));
    if (view_is(r->key, "<<")) return refuse(r, "merge key");
    for (const struct yaml_node *child = map->first; child; child = child->next) {
        if (view_same(child->key, r->key)) return refuse(r, "key given twice");
    }
    if (map->count == MEMBERS_MAX) {
        return FAIL(SK_LIMIT, "%s:%u:%u: members > %d", r->name, r->line, r->column, MEMBERS_MAX);
    }
    r->keyed = true;
    r->key_line = r->line;
    r->key_column = r->column;
    return SK_OK;
}

static enum sk_code scalar_read(struct reader *r, struct fy_token *token) {
    if (key_wanted(r)) return key_read(r, token);
    struct yaml_node *node;
    TRY(node_add(r, token ? YAML_SCALAR : YAML_NULL, &node));
    return token ? text_copy(r, token, &node->text) : SK_OK;
}

static enum sk_code container_open(struct reader *r, enum yaml_type type) {
    if (key_wanted(r)) return refuse(r, "a key that is no scalar");
    if (r->depth == DEPTH_MAX) {
        return FAIL(SK_LIMIT, "%s:%u:%u: depth > %d", r->name, r->line, r->column, DEPTH_MAX);
    }
    struct yaml_node *node;
    TRY(node_add(r, type, &node));
    r->open[r->depth] = node;
    r->last[r->depth++] = NULL;
    return SK_OK;
}

// ---- the events of libfyaml ----

// Every node begins here: its place, and what may not be before it.
static enum sk_code node_check(struct reader *r, struct fy_token *anchor, struct fy_token *tag,
                               struct fy_token *begin) {
    place(r, tag ? tag : anchor ? anchor : begin);
    if (r->documents > 1) return refuse(r, "a second document");
    if (tag) return refuse(r, "tag");
    return anchor ? refuse(r, "anchor") : SK_OK;
}

static enum sk_code document_open(struct reader *r, const struct fy_event *event) {
    place(r, event->document_start.document_start);
    struct fy_document_state *state = event->document_start.document_state;
    if (fy_document_state_version_explicit(state) || fy_document_state_tags_explicit(state)) {
        return refuse(r, "directive");
    }
    r->documents++;
    return SK_OK;
}

static enum sk_code event_read(struct reader *r, const struct fy_event *event) {
    switch (event->type) {
    case FYET_DOCUMENT_START: return document_open(r, event);
    case FYET_ALIAS: place(r, event->alias.anchor); return refuse(r, "alias");
    case FYET_SCALAR:
        TRY(node_check(r, event->scalar.anchor, event->scalar.tag, event->scalar.value));
        return scalar_read(r, event->scalar.value);
    case FYET_SEQUENCE_START:
        TRY(node_check(r, event->sequence_start.anchor, event->sequence_start.tag,
                       event->sequence_start.sequence_start));
        return container_open(r, YAML_LIST);
    case FYET_MAPPING_START:
        TRY(node_check(r, event->mapping_start.anchor, event->mapping_start.tag,
                       event->mapping_start.mapping_start));
        return container_open(r, YAML_MAP);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END: r->depth--; return SK_OK;
    case FYET_STREAM_END: r->ended = true; return SK_OK;
    default: return SK_OK;
    }
}

// SK_OK when libfyaml has nothing to say: its warnings (an unknown directive) are refused too.
static enum sk_code diag_check(const struct reader *r, struct fy_diag *diag) {
    void *previous = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &previous);
    if (!error) return r->ended ? SK_OK : refuse(r, "not YAML");
    return FAIL(SK_INPUT, "%s:%d:%d: %s", r->name, error->line, error->column, error->msg);
}

static enum sk_code text_read(struct reader *r, struct view text, struct fy_diag *diag) {
    struct fy_parse_cfg how = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG, .diag = diag};
    struct fy_parser *parser = fy_parser_create(&how);
    enum sk_code code = SK_OK;
    if (!parser || fy_parser_set_string(parser, text.len ? text.at : "", text.len) != 0) {
        code = FAIL(SK_LIMIT, "%s: no memory", r->name);
    }
    while (code == SK_OK && !r->ended) {
        struct fy_event *event = fy_parser_parse(parser);
        code = event ? event_read(r, event) : diag_check(r, diag);
        fy_parser_event_free(parser, event);
    }
    if (code == SK_OK) code = diag_check(r, diag);
    fy_parser_destroy(parser);
    return code;
}

enum sk_code yaml_parse(struct view text, const char *name, struct arena *arena,
                        const struct yaml_node **root) {
    if (text.len > YAML_MAX) return FAIL(SK_LIMIT, "%s: %zu bytes > %d", name, text.len, YAML_MAX);
    struct reader reader = {.name = name, .arena = arena, .line = 1, .column = 1};
    TRY(text_check(&reader, text));
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&quiet);
    if (!diag) return FAIL(SK_LIMIT, "%s: no memory", name);
    fy_diag_set_collect_errors(diag, true);
    size_t used = arena->used;
    enum sk_code code = text_read(&reader, text, diag);
    fy_diag_destroy(diag);
    struct yaml_node *empty;
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
