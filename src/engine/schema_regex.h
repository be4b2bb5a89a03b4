// Regular expressions of ECMA-262 (with the flag u, as JSON Schema asks) as sets of strings.
//
// Holds what is regular: literals, escapes (\d \w \s \D \W \S, \t \n \v \f \r \0 \cX \xHH \uHHHH
// \u{H..}), ., classes, groups, alternation, quantifiers (lazy ones too: the
// set is the same), ^ $ anywhere, and lookahead right after the ^ that begins an expression. An
// expression matches anywhere in the string unless anchored.
// Refuses (SK_UNSUPPORTED): other lookaround, backreferences, \b \B, \p, flags; SK_INPUT:
// what is no expression; SK_LIMIT: more than REGEX_STATES_MAX steps or the limits of schema_dfa.h.
#pragma once
#include "engine/schema_dfa.h"

enum {
    REGEX_STATES_MAX = 8192, // of the nondeterministic automaton, repeats written out
    REGEX_DEPTH_MAX = 64,    // of groups
    REGEX_RANGES_MAX = 8192, // of all classes
    REGEX_REPEAT_MAX = 4000,
};

struct regex_range {
    uint32_t first, last;
};

// One step of the nondeterministic automaton.
struct regex_step {
    enum regex_op {
        REGEX_GO,    // to a, and to b when there is one
        REGEX_CHAR,  // a character of the ranges, then a
        REGEX_BEGIN, // to a at the beginning of the string
        REGEX_END,   // to a at its end
        REGEX_FOUND, // whatever follows
    } op;
    uint32_t a, b;
    uint32_t ranges, ranges_len;
};

struct regex {
    struct regex_step *steps, *copied;
    struct regex_range *ranges;
    uint32_t len, ranges_len;
    // Subsets of steps are the states of the set that is made: each its length, then its steps.
    uint32_t *subsets, *slots, subsets_len;
    uint32_t *marks, *todo, *waiting, mark;
    uint32_t *cuts;
    struct dfa_make *make;
};

// Takes its tables from the arena; they serve for any number of expressions, one after another.
enum sk_code regex_init(struct regex *regex, struct dfa_make *make, struct arena *arena);
enum sk_code regex_parse(struct regex *regex, struct view pattern, struct arena *arena,
                         const struct dfa **out);
// The set of exactly these strings (UTF-8).
enum sk_code regex_texts(struct regex *regex, const struct view *texts, size_t len,
                         struct arena *arena, const struct dfa **out);

// Of regex_parse: an expression without lookahead.
enum sk_code regex_compile(struct regex *regex, struct view pattern, struct arena *arena,
                           const struct dfa **out);
// Of the two above: the set of the steps that were put down, from `start` on.
enum sk_code regex_determine(struct regex *regex, uint32_t start, struct arena *arena,
                             const struct dfa **out);
