// JSON Schema (2020-12, and what 2019-09 and draft 7 have in common with it) as a GBNF grammar.
//
// Promises: every text of the grammar is JSON that validates. Each value has one spelling but for
// white space (RFC 8785's for strings; bounded: a line break and 32 spaces at most); properties
// come in the order of `properties`, what else is allowed after them. Where a schema names
// properties (or leading items) and says nothing of others, no others come: say
// `additionalProperties: true`. Numbers have at most 15 significant digits, or those of their
// bounds. oneOf is held where nothing that is written for a branch is valid for another.
// Refuses: by name and JSON pointer every keyword that it does not hold exactly or does not know
// (SK_UNSUPPORTED), what is no schema or allows no value (SK_INPUT), and what passes a limit below
// (SK_LIMIT). A property named in no schema may come twice: no grammar can count names.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum {
    SCHEMA_TEXT_MAX = 1 << 20,   // bytes of a schema
    SCHEMA_MEMORY = 96 << 20,    // an arena that holds what the limits allow; touched as needed
    SCHEMA_SETS_MAX = 4096,      // different sets of schemas that hold together
    SCHEMA_TOGETHER_MAX = 64,    // schemas that hold together
    SCHEMA_BRANCHES_MAX = 256,   // ways of one set, its anyOf and oneOf multiplied out
    SCHEMA_PATTERNS_MAX = 4,     // patternProperties that hold together
    SCHEMA_PROPERTIES_MAX = 512, // named properties that hold together
    SCHEMA_COUNT_MAX = 1000000,  // of lengths and counts
};

// The grammar of the schema, appended to gbnf (whose ceiling is the caller's). Its root rule is
// `root`. The arena is as it was afterwards. *work, 0 at first, grows with the time it took and
// has a limit, which the schemas of one request share: some 0.1 s.
enum sk_code schema_to_gbnf(struct view schema, struct arena *arena, uint64_t *work,
                            struct buf *gbnf);
