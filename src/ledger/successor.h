// Successor: one log ends and another goes on in its place, each with a leaf that names the other.
//
// The old log's last leaf, of type `closed`: nothing comes after it. The new log's first, of type
// `restore`: it carries the last checkpoint of the old one, as it was signed. A log goes on so
// when its key is in foreign hands, or when only an old copy of it is left.
#pragma once
#include "ledger/note.h"

enum { SUCCESSOR_REASON_MAX = 256 };

// Canonical JSON, appended. `reason`: one line. `successor`: the key of the log that goes on.
void successor_closed(struct view reason, const struct note_key *successor, int64_t time_ms,
                      struct buf *out);
// `cause`: compromised, or restored.
void successor_first(const char *cause, struct view reason, struct view checkpoint, int64_t time_ms,
                     struct buf *out);
