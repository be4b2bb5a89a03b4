// Identifiers: numbers and addresses that have a format: the parts of identifiers_*.c and the
// tables they read. Internal to the scan (scan_parts.h is the door for families).
//
// A candidate is a chain of digit groups in the folded text (chain.c), an '@', or a date. What it
// is follows from its format, its check digit, the word that labels it (words.c) and what stands
// directly beside it.
//
// Payloads, little-endian, checked whole by *_check when their file is added:
//   TABLE_POSTAL  u32 codes, 0 to 9999999, strictly ascending; at least one.
//   TABLE_BANKS   rows of two u16: bank code 0 to 9999, branch code 0 to 999; strictly ascending as
//                 pairs; at least one.
//   TABLE_PHONES  rows of 8 bytes: the area code as ASCII digits with its leading 0, zero-padded to
//                 6 bytes ("03", "0422", "04992"); u8 digits of the local exchange (so that area +
//                 exchange + 4 = 10 digits); u8 zero. Strictly ascending by the 6 bytes; at least
//                 one.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

// ---- lists.c: lookups in the tables above; an empty payload lists nothing ----
bool postal_listed(struct view payload, uint32_t code);
bool bank_listed(struct view payload, uint32_t bank, uint32_t branch);
// Digits of the area code that `digits` (10 of them, from the leading 0) begin with; 0: none. The
// longest one wins.
uint32_t area_code_len(struct view payload, const char *digits);
