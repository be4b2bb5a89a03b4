#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

enum {
    TEXT_MAX = 1 << 30,
    NODES_CHUNK = 256, // nodes taken at once; even, so that chunks meet without a gap
    NAMES_FEW = 16,    // members compared each with each; more are sorted
};

struct reader {
    char *text, *at, *end;
    struct arena *arena;
    struct json_node *nodes;
    size_t count, room; // nodes written, nodes taken
    unsigned depth;
    uint32_t open[JSON_DEPTH_MAX]; // the nodes of the open containers
};

static enum sk_code refuse(const struct reader *r, const char *at, const char *cause) {
    return FAIL(SK_INPUT, "json: byte %zu: %s", (size_t)(at - r->text), cause);
}

// Nodes are one growing run at the top of the arena: nobody else takes from it meanwhile.
static enum sk_code node_grow(struct reader *r) {
    struct arena *arena = r->arena;
    size_t left = (arena->max - arena->used) / sizeof *r->nodes;
    size_t more = left < NODES_CHUNK ? left : NODES_CHUNK;
    struct json_node *chunk = arena_take(arena, more ? more : 1, sizeof *chunk);
    if (!chunk) return SK_LIMIT;
    if (!r->nodes) r->nodes = chunk;
    must(chunk == r->nodes + r->room);
    r->room += more;
    return SK_OK;
}

static enum sk_code node_push(struct reader *r, enum json_type type, struct json_node **node) {
    if (r->count == r->room) TRY(node_grow(r));
    *node = &r->nodes[r->count++];
    **node = (struct json_node){.at = r->at, .span = 1, .type = type};
    if (r->depth > 0 && r->nodes[r->open[r->depth - 1]].type == JSON_ARRAY) {
        r->nodes[r->open[r->depth - 1]].len++;
    }
    return SK_OK;
}

static void skip_space(struct reader *r) {
    char *at = r->at;
    while (at < r->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
    r->at = at;
}

// ---- strings ----

// Four hexadecimal digits, or -1.
static int32_t hex4(const char *at, const char *end) {
    if (end - at < 4) return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

// \uXXXX, and its second half when the first is a high surrogate. *at is the backslash.
static enum sk_code read_unicode(const struct reader *r, char **at, char **to) {
    char *from = *at;
    int32_t value = hex4(from + 2, r->end);
    if (value < 0) return refuse(r, from, "expected four hexadecimal digits");
    *at = from + 6;
    if (value >= 0xd800 && value <= 0xdfff) {
        bool pair = value < 0xdc00 && r->end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u';
        int32_t low = pair ? hex4(*at + 2, r->end) : -1;
        if (low < 0xdc00 || low > 0xdfff) return refuse(r, from, "lone surrogate");
        value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
        *at += 6;
    }
    *to += utf8_put((uint32_t)value, *to);
    return SK_OK;
}

// The escape at *at is written to *to, never past what was read.
static enum sk_code read_escape(const struct reader *r, char **at, char **to) {
    char c = r->end - *at < 2 ? '\0' : (*at)[1];
    switch (c) {
    case '"':
    case '\\':
    case '/': break;
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'u': return read_unicode(r, at, to);
    default: return refuse(r, *at, "unknown escape");
    }
    *(*to)++ = c;
    *at += 2;
    return SK_OK;
}

// r->at is the opening quote.
static enum sk_code read_string(struct reader *r) {
    struct json_node *node;
    TRY(node_push(r, JSON_STRING, &node));
    char *at = r->at + 1, *to = at;
    node->at = at;
    for (;;) {
        size_t plain = json_plain((struct view){at, (size_t)(r->end - at)});
        if (to != at) memmove(to, at, plain);
        to += plain;
        at += plain;
        if (at == r->end) return refuse(r, at, "the text ends inside a string");
        if (*at == '"') break;
        if ((unsigned char)*at >= 0x80) return refuse(r, at, "malformed UTF-8");
        if (*at != '\\') return refuse(r, at, "control character in a string");
        TRY(read_escape(r, &at, &to));
    }
    node->len = (uint32_t)(to - node->at);
    r->at = at + 1;
    return SK_OK;
}

// ---- numbers and words ----

static char *skip_digits(char *at, const char *end) {
    while (at < end && *at >= '0' && *at <= '9') at++;
    return at;
}

static enum sk_code read_number(struct reader *r) {
    struct json_node *node;
    TRY(node_push(r, JSON_NUMBER, &node));
    char *at = r->at, *from;
    if (*at == '-') at++;
    from = at;
    at = at < r->end && *at == '0' ? at + 1 : skip_digits(at, r->end);
    if (at > from && at < r->end && *at == '.') {
        from = at + 1;
        at = skip_digits(from, r->end);
    }
    if (at > from && at < r->end && (*at == 'e' || *at == 'E')) {
        from = at + 1;
        if (from < r->end && (*from == '+' || *from == '-')) from++;
        at = skip_digits(from, r->end);
    }
    if (at == from) return refuse(r, at, "expected a digit");
    if (at - r->at > JSON_NUMBER_MAX) {
        return FAIL(SK_LIMIT, "json: byte %zu: number longer than %d", (size_t)(r->at - r->text),
                    JSON_NUMBER_MAX);
    }
    node->len = (uint32_t)(at - r->at);
    r->at = at;
    return SK_OK;
}

static enum sk_code read_word(struct reader *r, struct view word, enum json_type type) {
    if (!view_starts((struct view){r->at, (size_t)(r->end - r->at)}, word)) {
        return refuse(r, r->at, "expected a value");
    }
    struct json_node *node;
    TRY(node_push(r, type, &node));
    r->at += word.len;
    return SK_OK;
}

// ---- duplicate names ----

struct name {
    uint64_t tail; // up to 8 of its last bytes: names tend to differ at the end
    const struct json_node *node;
};

static struct name name_of(const struct json_node *node) {
    struct name name = {.node = node};
    const char *at = node->at;
    uint32_t half;
    if (node->len >= 8) {
        memcpy(&name.tail, at + node->len - 8, 8);
    } else if (node->len >= 4) {
        memcpy(&half, at, 4);
        name.tail = half;
        memcpy(&half, at + node->len - 4, 4);
        name.tail = name.tail << 32 | half;
    } else if (node->len > 0) {
        const unsigned char *byte = (const unsigned char *)at;
        name.tail = (uint64_t)byte[0] << 16 | (uint64_t)byte[node->len / 2] << 8 |
                    byte[node->len - 1];
    }
    return name;
}

// Any total order does: only neighbours that are equal matter.
static int name_compare(const struct name *a, const struct name *b) {
    if (a->tail != b->tail) return a->tail < b->tail ? -1 : 1;
    if (a->node->len != b->node->len) return a->node->len < b->node->len ? -1 : 1;
    return memcmp(a->node->at, b->node->at, a->node->len);
}

static void name_sift(struct name *names, size_t at, size_t count) {
    struct name moved = names[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && name_compare(&names[child], &names[child + 1]) < 0) child++;
        if (name_compare(&moved, &names[child]) >= 0) break;
        names[at] = names[child];
    }
    names[at] = moved;
}

// Heap sort: in place, and no choice of names makes it slow.
static void name_sort(struct name *names, size_t count) {
    for (size_t i = count / 2; i > 0; i--) name_sift(names, i - 1, count);
    for (size_t end = count; end > 1; end--) {
        struct name last = names[end - 1];
        names[end - 1] = names[0];
        names[0] = last;
        name_sift(names, 0, end - 1);
    }
}

static enum sk_code refuse_twice(const struct reader *r, const struct name *a,
                                 const struct name *b) {
    const char *later = a->node->at > b->node->at ? a->node->at : b->node->at;
    return refuse(r, later - 1, "name given twice");
}

static void names_of(const struct json_node *object, struct name *names) {
    const struct json_node *child = object + 1;
    for (uint32_t i = 0; i < object->len; i++) {
        names[i] = name_of(child);
        child = json_next(child + 1);
    }
}

static enum sk_code names_check_few(const struct reader *r, const struct json_node *object) {
    struct name names[NAMES_FEW];
    names_of(object, names);
    for (uint32_t i = 1; i < object->len; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (names[i].tail != names[j].tail) continue;
            if (name_compare(&names[i], &names[j]) == 0) {
                return refuse_twice(r, &names[i], &names[j]);
            }
        }
    }
    return SK_OK;
}

static enum sk_code names_check(struct reader *r, const struct json_node *object) {
    if (object->len <= NAMES_FEW) return names_check_few(r, object);
    size_t used = r->arena->used;
    struct name *names = arena_take(r->arena, object->len, sizeof *names);
    if (!names) return SK_LIMIT;
    names_of(object, names);
    name_sort(names, object->len);
    enum sk_code code = SK_OK;
    for (uint32_t i = 1; i < object->len && code == SK_OK; i++) {
        if (name_compare(&names[i - 1], &names[i]) == 0) {
            code = refuse_twice(r, &names[i - 1], &names[i]);
        }
    }
    r->arena->used = used;
    return code;
}

// ---- structure ----

static enum sk_code read_name(struct reader *r) {
    skip_space(r);
    if (r->at == r->end || *r->at != '"') return refuse(r, r->at, "expected a name");
    r->nodes[r->open[r->depth - 1]].len++;
    TRY(read_string(r));
    skip_space(r);
    if (r->at == r->end || *r->at != ':') return refuse(r, r->at, "expected ':'");
    r->at++;
    return SK_OK;
}

static enum sk_code container_close(struct reader *r) {
    uint32_t index = r->open[--r->depth];
    r->at++;
    r->nodes[index].span = (uint32_t)(r->count - index);
    return r->nodes[index].type == JSON_OBJECT ? names_check(r, &r->nodes[index]) : SK_OK;
}

// Opens a container and goes to its first value, or closes it at once: *more tells.
static enum sk_code container_open(struct reader *r, enum json_type type, bool *more) {
    if (r->depth == JSON_DEPTH_MAX) {
        return FAIL(SK_LIMIT, "json: byte %zu: depth > %d", (size_t)(r->at - r->text),
                    JSON_DEPTH_MAX);
    }
    struct json_node *node;
    TRY(node_push(r, type, &node));
    node->at = NULL;
    r->open[r->depth++] = (uint32_t)(r->count - 1);
    r->at++;
    skip_space(r);
    *more = r->at == r->end || *r->at != (type == JSON_OBJECT ? '}' : ']');
    if (!*more) return container_close(r);
    return type == JSON_OBJECT ? read_name(r) : SK_OK;
}

// A whole scalar, or the beginning of a container; *more when a value must follow.
static enum sk_code read_value(struct reader *r, bool *more) {
    *more = false;
    skip_space(r);
    switch (r->at < r->end ? *r->at : '\0') {
    case '{': return container_open(r, JSON_OBJECT, more);
    case '[': return container_open(r, JSON_ARRAY, more);
    case '"': return read_string(r);
    case 't': return read_word(r, VIEW("true"), JSON_TRUE);
    case 'f': return read_word(r, VIEW("false"), JSON_FALSE);
    case 'n': return read_word(r, VIEW("null"), JSON_NULL);
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9': return read_number(r);
    default: return refuse(r, r->at, "expected a value");
    }
}

// What follows a value: ends of containers, then a comma (*more) or the end of the text.
static enum sk_code read_after(struct reader *r, bool *more) {
    for (;;) {
        skip_space(r);
        char c = r->at < r->end ? *r->at : '\0';
        if (r->depth == 0) {
            return r->at == r->end ? SK_OK : refuse(r, r->at, "text after the value");
        }
        bool object = r->nodes[r->open[r->depth - 1]].type == JSON_OBJECT;
        if (c == ',') {
            r->at++;
            *more = true;
            return object ? read_name(r) : SK_OK;
        }
        if (c != (object ? '}' : ']')) {
            return refuse(r, r->at, object ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        TRY(container_close(r));
    }
}

static enum sk_code read_text(struct reader *r) {
    bool more = true;
    while (more) {
        TRY(read_value(r, &more));
        if (!more) TRY(read_after(r, &more));
    }
    return SK_OK;
}

enum sk_code json_parse(char *text, size_t len, struct arena *arena,
                        const struct json_node **root) {
    if (len > TEXT_MAX) return FAIL(SK_LIMIT, "json: %zu bytes > %d", len, TEXT_MAX);
    size_t used = arena->used;
    struct reader reader = {.text = text, .at = text, .end = text + len, .arena = arena};
    enum sk_code code = read_text(&reader);
    arena->used = used;
    if (code != SK_OK) return code;
    *root = reader.nodes;
    // The part of the last chunk that no node needed goes back.
    size_t bytes = (reader.count * sizeof *reader.nodes + 15) & ~(size_t)15;
    arena->used += bytes < arena->max - used ? bytes : arena->max - used;
    return SK_OK;
}

// ---- questions to a tree ----

const struct json_node *json_first(const struct json_node *parent) {
    bool container = json_is(parent, JSON_ARRAY) || json_is(parent, JSON_OBJECT);
    return container && parent->len > 0 ? parent + 1 : NULL;
}

const struct json_node *json_next(const struct json_node *node) { return node + node->span; }

const struct json_node *json_find(const struct json_node *object, const char *name) {
    if (!json_is(object, JSON_OBJECT)) return NULL;
    struct view wanted = view_of(name);
    const struct json_node *child = object + 1;
    for (uint32_t i = 0; i < object->len; i++) {
        if (view_same(json_view(child), wanted)) return child + 1;
        child = json_next(child + 1);
    }
    return NULL;
}

bool json_bool(const struct json_node *node, bool *out) {
    if (!json_is(node, JSON_TRUE) && !json_is(node, JSON_FALSE)) return false;
    *out = node->type == JSON_TRUE;
    return true;
}

// value x 10^by, or false when it does not fit.
static bool scale_up(uint64_t *value, int by) {
    for (; by > 0 && *value > 0; by--) {
        if (__builtin_mul_overflow(*value, 10, value)) return false;
    }
    return true;
}

// The exponent of a checked number, from its 'e' on; beyond 9999 it says as much as 9999 does.
static int exponent_of(struct view text) {
    if (text.len == 0) return 0;
    bool negative = text.at[1] == '-';
    int value = 0;
    for (size_t i = negative || text.at[1] == '+' ? 2 : 1; i < text.len; i++) {
        value = value * 10 + (text.at[i] - '0');
        if (value > 9999) value = 9999;
    }
    return negative ? -value : value;
}

bool json_i64(const struct json_node *node, int64_t *out) {
    if (!json_is(node, JSON_NUMBER)) return false;
    struct view text = json_view(node);
    bool negative = *text.at == '-', point = false;
    uint64_t value = 0;        // of the digits up to the last that is not zero
    int zeros = 0, places = 0; // zeros after it, digits after the point
    size_t i = negative;
    for (; i < text.len && text.at[i] != 'e' && text.at[i] != 'E'; i++) {
        char c = text.at[i];
        if (c == '.') {
            point = true;
            continue;
        }
        places += point;
        zeros++;
        if (c == '0') continue;
        if (!scale_up(&value, zeros)) return false;
        if (__builtin_add_overflow(value, (uint64_t)(c - '0'), &value)) return false;
        zeros = 0;
    }
    int scale = zeros - places + exponent_of(view_from(text, i));
    if (value > 0 && (scale < 0 || !scale_up(&value, scale))) return false;
    if (value > (uint64_t)INT64_MAX + negative) return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool json_f64(const struct json_node *node, double *out) {
    if (!json_is(node, JSON_NUMBER)) return false;
    char text[JSON_NUMBER_MAX + 1];
    must(node->len < sizeof text);
    memcpy(text, node->at, node->len);
    text[node->len] = '\0';
    *out = strtod(text, NULL);
    return isfinite(*out);
}
