// JSON (RFC 8259): a strict in-place reader and a bounded writer, used for everything.
//
// The reader turns one text into an array of nodes in document order; strings are unescaped inside
// the caller's buffer, so node text lives as long as that buffer. Promises: UTF-8 checked, numbers
// checked to the grammar and kept as text, no recursion, depth and node count bounded, text after
// the value refused. Refuses: duplicate names in one object (two readers must never see two
// values), lone surrogates, BOM, NaN, comments, trailing commas.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum json_type {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

// A node's subtree is the `span` nodes from it on (itself included). The children of an array are
// its elements; those of an object alternate name (JSON_STRING), value.
struct json_node {
    const char *at; // text of a string (unescaped) or number
    uint32_t len;   // its length; for arrays and objects the number of elements or members
    uint32_t span;
    enum json_type type;
};

enum { JSON_DEPTH_MAX = 64, JSON_NUMBER_MAX = 1024 };

// Parses text (changed in place) into nodes taken from `arena`. *root is the first node.
// SK_INPUT names the byte offset and the cause; SK_LIMIT when depth > JSON_DEPTH_MAX, a number is
// longer than JSON_NUMBER_MAX, the nodes do not fit in the arena or text is longer than 1 GiB. A
// refused text takes nothing from the arena.
enum sk_code json_parse(char *text, size_t len, struct arena *arena, const struct json_node **root);

// The value of member `name`, or NULL (also when `object` is NULL or no object).
const struct json_node *json_find(const struct json_node *object, const char *name);

// First child and following sibling:
// for (i = 0, n = json_first(a); i < a->len; i++, n = json_next(n)).
// For an object children are name, value, name, value: 2 x len of them.
const struct json_node *json_first(const struct json_node *parent);
const struct json_node *json_next(const struct json_node *node);

static inline bool json_is(const struct json_node *node, enum json_type type) {
    return node && node->type == type;
}
static inline struct view json_view(const struct json_node *node) {
    return (struct view){node->at, node->len};
}
// A string, this one.
static inline bool json_is_text(const struct json_node *node, const char *text) {
    return json_is(node, JSON_STRING) && view_is(json_view(node), text);
}
bool json_i64(const struct json_node *node, int64_t *out); // an integer that fits; 1.0 and 1e2 too
bool json_f64(const struct json_node *node, double *out);  // any finite number
bool json_bool(const struct json_node *node, bool *out);

// Writer: straight-line puts into a buf; commas and nesting are kept here, and must() holds them.
// Deeper than any tree that was read, so that one can stand inside what is written.
enum { JSON_WRITE_DEPTH_MAX = 2 * JSON_DEPTH_MAX };
struct json_writer {
    struct buf *out;
    struct {
        bool many, object; // it has an element already; it is an object
    } levels[JSON_WRITE_DEPTH_MAX];
    unsigned depth; // open containers
    bool named;     // a name was just written
};

static inline struct json_writer json_writer_to(struct buf *out) {
    return (struct json_writer){.out = out};
}
void json_open(struct json_writer *w, char bracket);  // '{' or '['
void json_close(struct json_writer *w, char bracket); // '}' or ']'
void json_name(struct json_writer *w, const char *name);
void json_name_view(struct json_writer *w, struct view name);
void json_put_string(struct json_writer *w, struct view text); // as json_escape
// One string of several texts, each whole characters.
void json_string_begin(struct json_writer *w);
void json_string_more(struct json_writer *w, struct view text);
void json_string_end(struct json_writer *w);
void json_put_text(struct json_writer *w, const char *text);
// Bytes in a string, as base/text.h writes them.
void json_put_hex(struct json_writer *w, const void *bytes, size_t len);
void json_put_base64(struct json_writer *w, const void *bytes, size_t len);
void json_put_i64(struct json_writer *w, int64_t number);
void json_put_u64(struct json_writer *w, uint64_t number);
void json_put_f64(struct json_writer *w, double number); // finite: the form of RFC 8785
void json_put_bool(struct json_writer *w, bool value);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, struct view json); // already JSON, trusted
// Members of an object that are already JSON, a comma between two; or none.
void json_put_members(struct json_writer *w, struct view members);
// One value written whole from a parsed tree (same member order, shortest escapes).
void json_put_node(struct json_writer *w, const struct json_node *node);

// Member shorthands: json_name + json_put_*.
void json_member_string(struct json_writer *w, const char *name, struct view text);
void json_member_text(struct json_writer *w, const char *name, const char *text);
void json_member_hex(struct json_writer *w, const char *name, const void *bytes, size_t len);
void json_member_base64(struct json_writer *w, const char *name, const void *bytes, size_t len);
void json_member_i64(struct json_writer *w, const char *name, int64_t number);
void json_member_u64(struct json_writer *w, const char *name, uint64_t number);
void json_member_bool(struct json_writer *w, const char *name, bool value);

// The escaped form of `text` between quotes, appended to out. Escapes only what RFC 8785 demands.
// What is not UTF-8 (an error text cut inside a character) becomes U+FFFD: the output always is.
void json_escape(struct buf *out, struct view text);

// Bytes at the beginning of `text` that stand for themselves inside a JSON string: up to a quote, a
// backslash, a control character, malformed UTF-8 or the end.
size_t json_plain(struct view text);
