// GBNF, read by a second pair of eyes: texts of a grammar drawn at random, and whether a text is
// one of its. It shares nothing with src/engine/grammar.h, so that one can be held against the
// other. Plain and slow; aborts on a grammar that it cannot read.
#pragma once
#include "base/arena.h"
#include "base/buf.h"

struct gbnf;

// Everything is taken from the arena, also by what follows.
const struct gbnf *gbnf_read(struct view text, struct arena *arena);
// A random text; it ends soon after `budget` bytes where the grammar lets it.
void gbnf_walk(const struct gbnf *gbnf, uint64_t *seed, uint32_t budget, struct buf *out);
bool gbnf_matches(const struct gbnf *gbnf, struct view text, struct arena *arena);
uint32_t gbnf_rules(const struct gbnf *gbnf);
