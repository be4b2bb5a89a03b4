// Makes the payloads of detector files from texts of lines, as people write them: the committed
// files from the lists of scripts/detectors, `listed` from the operator's own words.
//
// A line is fields with tabs between them; empty lines and lines that begin with "# " are passed
// by. Words are folded as texts are (fold.h). Promises: the same lines give the same bytes; what is
// made passes the check of its kind. Refuses: a line that is not of its form, SK_INPUT naming it.
//   listed   WORD
//   postal   CODE (7 digits)
//   banks    BANK BRANCH (4 and 3 digits)
//   phones   AREA CODE (with its 0)
//   places   WORD KINDS (address.h)
//   care     WORD KIND WEIGHT (care_put.c)
//   secrets  NAME DETECTOR FORM TEXT BEFORE ALPHABET LENGTH ENTROPY [DOTS] (secret_put.c)
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"
#include "border/table.h"

// The payload of a file of `kind`. TABLE_LISTED: `secrets` are the operator's own rules of secrets,
// which go into the same file; for other kinds it is empty. `arena` 64 bytes a byte and 16 MB.
enum sk_code words_make(enum table_kind kind, struct view lines, struct view secrets,
                        struct arena *arena, struct buf *out);
