// The tables of configuration fields, shared by conf*.c: the node's, a model's, a key's.
//
// A row is where a field stands in the file and in its struct, its type and range, whether a reload
// applies it, and what `init` says of it. Promises: whatever is read by a row can be written by it.
#pragma once
#include "node/conf.h"

enum conf_kind {
    CONF_TEXT,
    CONF_NUMBER,
    CONF_BYTES,  // a number; may be written with KiB, MiB or GiB
    CONF_CHOICE, // a text, one of `choices`
    CONF_LIST,   // a list of texts without commas, kept as one text, comma separated
    CONF_DIGEST, // HASH_LEN bytes, written as hex
};

enum { CONF_CHOICES_MAX = 3 };

struct conf_field {
    const char *section, *name; // section "" at the top
    enum conf_kind kind;
    size_t offset, size; // in the struct; size: of what is no number, its NUL included
    uint64_t min, max;   // of numbers
    const char *choices[CONF_CHOICES_MAX];
    bool live; // a reload applies it
    const char *en, *ja;
};

struct conf_table {
    const struct conf_field *rows;
    size_t len;
};
extern const struct conf_table conf_fields;       // of struct conf
extern const struct conf_table conf_model_fields; // of struct conf_model; section "model"
extern const struct conf_table conf_key_fields;   // of struct conf_key; section "key"

// NULL: no such field.
const struct conf_field *conf_field_find(const struct conf_table *table, struct view section,
                                         struct view name);

// `at` is the struct a field is of.
const char *conf_field_text(const void *at, const struct conf_field *field);
uint64_t conf_field_number(const void *at, const struct conf_field *field);
// Of fields that are no CONF_DIGEST.
bool conf_field_same(const void *a, const void *b, const struct conf_field *field);
void conf_field_copy(void *to, const void *from, const struct conf_field *field);

// Reads `text` (a list: comma separated). Errors begin with `where`.
enum sk_code conf_field_set(void *at, const struct conf_field *field, struct view text,
                            const char *where);
// As it stands in the file.
void conf_field_write(const void *at, const struct conf_field *field, struct buf *out);
