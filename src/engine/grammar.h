// Grammar: which tokens may come next, when the answer must be a text of a GBNF grammar.
//
// The dialect is llama.cpp's (grammars/README.md there): rules, literals and classes of characters
// with escapes, `.`, groups, alternatives, * + ? {n} {n,} {n,m}, <[id]> and <token> and their
// negation by !. A grammar becomes an automaton with a stack over bytes (a character that tokens
// cut in two is no special case); its states are sets of stacks, so any ambiguity is followed,
// each state is found again when it comes back, and its mask with it. Counted repetition is a
// counter, not copies: {0,1000000} costs what {0,2} costs.
// Promises: a token is allowed exactly when its bytes lead to a beginning of some text of the
// grammar, an end of generation exactly when the text may end; no beginning is a dead end; memory
// is bounded by the constants here; what was cached never changes a mask. Where llama.cpp goes on
// with a guess this is refused: a rule defined twice, an empty class, a range that runs backwards.
// Refuses: left recursion, rules without a finite text at the root, text that is not UTF-8, and by
// SK_LIMIT whatever is over the constants.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"
#include "engine/vocab.h"

enum {
    GRAMMAR_TEXT_MAX = 1 << 22,   // bytes
    GRAMMAR_NODES_MAX = 1 << 19,  // a byte of a literal is one, a class of characters up to 40
    GRAMMAR_RULES_MAX = 1 << 15,  // and counted repetitions
    GRAMMAR_GROUPS_MAX = 256,     // groups in each other
    GRAMMAR_COUNT_MAX = 1 << 30,  // of a repetition
    GRAMMAR_DEPTH_MAX = 1024,     // rules open in each other while matching
    GRAMMAR_PLACES_MAX = 1 << 14, // of the grammar that one text can be at
    GRAMMAR_IDLE_MAX = 8,         // compiled ones that are kept though nothing runs with them
};

// The compiled grammars of an engine, and its vocabulary as a trie, made with the first of them:
// 12 bytes for each node (some 3 for each token), 8 for each token, and its bytes.
struct grammars {
    const struct vocab *vocab; // NULL: no tokens, only texts
    struct grammar *kept;
    struct grammar_trie *trie;
    uint64_t clock;
};
void grammars_close(struct grammars *grammars); // nothing runs any more

// One text on its way through a grammar; not to be moved between init and fini.
struct grammar_run {
    struct grammar *grammar; // NULL: none
    uint32_t state;
    struct grammar_run *before, *after; // those of the same grammar
};

// Begins at the beginning. A grammar that was compiled before is found again by its text.
// SK_INPUT: "line 3, column 7: …"; SK_LIMIT. Only where it returned SK_OK there is something to
// end.
enum sk_code grammar_run_init(struct grammar_run *run, struct grammars *grammars, struct view text);
void grammar_run_fini(struct grammar_run *run); // fine on a zeroed one

// What the text may be goes on by some bytes, or by a token. SK_INPUT: the grammar does not allow
// them, and the run is where it was (*taken, may be NULL: how many bytes it would have allowed);
// SK_LIMIT: too deep, too many places.
enum sk_code grammar_run_text(struct grammar_run *run, struct view bytes, size_t *taken);
enum sk_code grammar_run_token(struct grammar_run *run, int32_t token);

// What was done so far with a run's grammar, in all its runs: nodes of the vocabulary's tree met,
// and as much other work; some 5 ns each. 0: none.
uint64_t grammar_run_work(const struct grammar_run *run);

// Whether what was taken is a whole text of the grammar.
bool grammar_run_ends(const struct grammar_run *run);

// Whether one token may come next, also an end of generation.
enum sk_code grammar_run_allows(struct grammar_run *run, int32_t token, bool *allowed);
// The same for all: bit `id % 64` of word `id / 64`; valid until the grammar is used again.
// SK_UNSUPPORTED: the vocabulary has no token for what must come.
enum sk_code grammar_run_mask(struct grammar_run *run, const uint64_t **mask);
