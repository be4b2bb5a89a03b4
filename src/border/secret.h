// Rules of secrets: what a key, token or password looks like. Internal to secret*.c and listed.c.
//
// A rule is one row for each of its texts. Payload of TABLE_SECRETS, little-endian: u32 rows, the
// rows (RULE_LEN bytes each), then two sets of words (words.h; kind 1, the number is a row): texts
// values begin with, and names values are assigned to, whose case does not count. Rows of one text
// follow each other, `more` on all but the last.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"
#include "border/detector.h"
#include "border/words.h"

enum { RULES_MAX = 4096, RULE_LEN = 28, SECRET_MAX = 4096 };

// What the text of a rule is:
enum secret_form {
    FORM_PREFIX = 1, // the value begins with it, at a boundary ("ghp_")
    FORM_NEAR = 2,   // a name that the value is assigned to has it ("cloudflare")
    FORM_ASSIGN = 3, // the same, for values anybody may choose ("password"): more is asked of them
    FORM_BLOCK = 4,  // a block begins with it and ends at "-----END …-----"
};

struct secret_rule {
    uint8_t detector, form;
    uint8_t entropy;                // tenths of a bit a character, at least
    bool more;                      // the next row is of the same text
    uint8_t before_min, before_max; // characters of the alphabet before the prefix
    uint8_t parts;                  // dots in it, at least
    uint16_t min, max;              // characters after the prefix; of the value
    uint32_t alphabet[4];           // ASCII
};
struct secret_rules {
    uint32_t len;
    const char *rows;
    struct words begins, names;
};
struct secret_rules secret_rules_over(struct view payload); // as it was checked
struct secret_rule secret_rule_at(const struct secret_rules *rules, uint32_t row);
static inline bool secret_letter(const struct secret_rule *rule, char c) {
    uint8_t byte = (uint8_t)c;
    return byte < 0x80 && (rule->alphabet[byte >> 5] >> (byte & 31) & 1);
}

// ---- secret_value.c: whether a value is one, or stands for one in an example ----
// Shannon's entropy of the characters, in tenths of a bit each.
unsigned secret_entropy(struct view value);
// "<your key>", "${KEY}", "xxxx", "changeme", AKIAIOSFODNN7EXAMPLE …
bool secret_placeholder(struct view value);
// Drawn by chance, not put together of words and numbers: its kinds of characters alternate.
bool secret_drawn(struct view value);
// Anybody's choice: a mixture that no word or expression of code is.
bool secret_chosen(struct view value, bool quoted);

// ---- secret_assign.c ----
// Where the value begins that a name which ends at `at` is given, and whether it is in quotes or
// told in a sentence; 0: none is.
size_t secret_assigned(struct view text, size_t at, bool *quoted, bool *spoken);

// ---- secret_column.c ----
// The cells below the one of a table's head that has the name which ends at `at`; false: none is.
struct secret_column {
    struct view text;
    size_t at;                  // the next row
    uint32_t cell, marks, rows; // its number, the marks of a line, rows to look at
    char mark;
};
bool secret_column_of(struct view text, size_t at, struct secret_column *out);
bool secret_column_next(struct secret_column *column, struct view *value);

// The rules in the operator's file (listed.c).
struct view listed_secrets(struct view payload);
