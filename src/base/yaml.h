// YAML by libyaml, made strict: a tree of text scalars with line numbers.
//
// All scalars stay text and are typed by the reader's own schema, so a bare NO is a country.
// Only a value left out is YAML_NULL: `null` and `~` are scalars too.
// Refuses: anchors, aliases, tags, merge keys, duplicate keys, keys that are no scalar, directives,
// a second document, control characters, NUL even when escaped, non-UTF-8; depth over 64, maps over
// 4096 members, texts over YAML_MAX bytes.
#pragma once
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/view.h"

enum { YAML_MAX = 1 << 20 };

enum yaml_type { YAML_NULL, YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_type type;
    uint32_t line, column;         // from 1: of its key, else of itself
    struct view text;              // of a scalar
    struct view key;               // of a map's member
    const struct yaml_node *first; // child
    const struct yaml_node *next;  // sibling
    uint32_t count;                // children
};

// Everything is copied into `arena`; *root is never NULL on SK_OK (an empty text is YAML_NULL).
// SK_INPUT and SK_LIMIT: "name:line:column: cause". A refused text takes nothing from the arena.
enum sk_code yaml_parse(struct view text, const char *name, struct arena *arena,
                        const struct yaml_node **root);

// The member `key`, or NULL (also when map is NULL or no map).
const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key);
