// Pattern: a small regular-expression matcher that cuts a text into words.
//
// Written for the fixed expressions of pretoken.c, whose syntax it holds to: literals, \n \r \t \s
// \S, classes [..] [^..] with ranges, \p{L N M P S Han} and subtraction [\p{L}--a-z], alternation
// (the first that matches wins), (?:..) with or without ?, the greedy quantifiers ? * + {n} {n,m}
// on a class, (?!class), $. Groups do not repeat, so one attempt goes through the program once and
// its stack is bounded by the program; a test counts the steps of hostile texts.
// Every character is first judged once against all classes: a bit each.
// Refuses: nothing at run time; a wrong expression is our bug.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/unicode.h"

enum {
    PATTERN_CLASSES_MAX = 31, // bit 31 of a character's classes says that a word begins there
    PATTERN_RANGES_MAX = 192,
    PATTERN_STEPS_MAX = 96, // of one expression
    PATTERN_MAX = 6,        // expressions
};

#define PATTERN_BEGINS (UINT32_C(1) << 31)

struct pattern_char {
    uint32_t codepoint;
    uint32_t classes;
};

struct pattern_class {
    uint8_t kinds; // a bit for each enum unicode_kind
    bool negated;
    uint8_t first, len; // of its ranges
};

struct pattern_step {
    uint8_t op, class, to;
    uint16_t min, max;
};

struct pattern {
    struct pattern_class classes[PATTERN_CLASSES_MAX];
    struct pattern_range {
        uint32_t first, last;
        bool taken_away;
    } ranges[PATTERN_RANGES_MAX];
    struct pattern_step steps[PATTERN_MAX][PATTERN_STEPS_MAX];
    uint8_t steps_len[PATTERN_MAX];
    uint32_t classes_len, ranges_len, len;
    uint32_t ascii[128];                 // the classes of each ASCII character
    uint32_t of_kind[UNICODE_KINDS], ranged; // of others by kind; those that have wide ranges too
};

// Adds an expression, to be applied to the words that those before it made.
void pattern_add(struct pattern *pattern, const char *expression);
// After the last pattern_add.
void pattern_end(struct pattern *pattern);

// The classes of one character.
uint32_t pattern_classes(const struct pattern *pattern, uint32_t codepoint);

// Marks where words begin among `len` judged characters (the first always begins one). What no
// expression matches is left between the matches. chars[len] must be there, as the end. Returns
// the steps it took.
uint64_t pattern_cut(const struct pattern *pattern, struct pattern_char *chars, size_t len);
