// Field: what the members of a request may be. One table per object reads it, refuses what is wrong
// by name, and shows it in /openapi.json (openapi.c). Inside the gate module only.
//
// Promises: every refusal names the field by its path (messages[3].content; to Anthropic's clients
// messages.3.content), what it may be and, of numbers and lengths, the limit. null counts as
// absent, as it does for OpenAI. A member that no table names is refused: a misspelt field must not
// be ignored. Refuses: nothing silently.
#pragma once
#include "base/json.h"
#include "gate/gate.h"

enum field_kind {
    FIELD_BOOL,    // bool
    FIELD_COUNT,   // uint32_t, low..high
    FIELD_INTEGER, // int64_t, low..high
    FIELD_NUMBER,  // float, low..high
    FIELD_TEXT,    // struct view of low..high bytes
    FIELD_WORD,    // int: which of `words`
    FIELD_OBJECT,  // the struct of `shape`
    FIELD_OTHER,   // what `take` makes of it
    FIELD_PASS,    // anything: it may be said and changes nothing
    FIELD_NOT,     // not built: only values for which `harmless` holds, which change nothing
};

// The request while it is read.
struct reading {
    const struct json_node *root;
    struct arena *arena;
    struct gate_error *error;
    bool keeps;       // responses can be kept
    struct view kept; // the record of the response it goes on with
    bool anthropic;   // paths and texts of refusals are in its words
    char path[80];    // of the member being read
    size_t path_len;
};

struct shape;
struct field {
    const char *name;
    enum field_kind kind;
    bool required;
    bool above; // low itself is not in the range
    double low, high;
    size_t at; // where in the struct
    const char *const *words; // ends with NULL
    const struct shape *shape; // of OBJECT; of OTHER: of the items of its array
    enum sk_code (*take)(struct reading *r, const struct json_node *node, void *out);
    bool (*harmless)(const struct json_node *node);
    const char *schema; // OTHER: its JSON Schema, for the document
    const char *doc;    // NOT: what is not supported
};

// The row that every table has.
#define FIELD_MODEL(offset, text)                                                                  \
    {.name = "model",                                                                              \
     .kind = FIELD_TEXT,                                                                           \
     .required = true,                                                                             \
     .at = (offset),                                                                               \
     .low = 1,                                                                                     \
     .high = GATE_MODEL_MAX,                                                                       \
     .doc = text}

// The members of an object, with those of `also` read into the same struct.
struct shape {
    const struct field *fields;
    size_t len;
    const struct shape *also;
};
#define SHAPE_OF(rows) .fields = rows, .len = sizeof(rows) / sizeof *(rows)

// Reads an object's members into `out`, whose values stay what they are where a member is absent.
enum sk_code fields_take(struct reading *r, const struct json_node *object,
                         const struct shape *shape, void *out);

// The path goes to a member or an item, and back to what it was.
size_t path_enter(struct reading *r, const char *name);
size_t path_enter_at(struct reading *r, uint32_t index);
void path_leave(struct reading *r, size_t len);

// The member, or NULL when it is absent or null.
const struct json_node *field_given(const struct json_node *object, const char *name);
bool field_is(const struct json_node *node, const char *text); // a string, this one

// Refusals of the member being read; they return SK_INPUT.
enum sk_code refuse_type(const struct reading *r, const char *want);
enum sk_code refuse_value(const struct reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum sk_code refuse_unsupported(const struct reading *r, const char *what);
enum sk_code refuse_missing(struct reading *r, const char *name);
enum sk_code refuse_memory(const struct reading *r); // as arena_take says

// Of a kind, for members read by hand.
enum sk_code take_text(struct reading *r, const struct json_node *node, size_t low, size_t high,
                       struct view *out);
// The text of one item.
typedef enum sk_code take_part(struct reading *r, const struct json_node *part, struct view *out);
enum sk_code take_word(struct reading *r, const struct json_node *node, const char *const *words,
                       int *out);
// What was written into arena_rest.
enum sk_code take_written(struct reading *r, const struct buf *rest, struct view *out);
// The value as JSON text of its own.
enum sk_code take_json(struct reading *r, const struct json_node *node, struct view *out);

// Values that change nothing.
bool harmless_false(const struct json_node *node);
bool harmless_zero(const struct json_node *node);
bool harmless_empty(const struct json_node *node); // [] or {}
bool harmless_never(const struct json_node *node);
