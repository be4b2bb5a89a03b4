// Source: a node's log directory read as the pieces that its export would have.
//
// Holds one bundle of entries and the tiles above it. For one reader that goes from the first entry
// to the last, as whole_check does: its tiles of hashes are made of the entries just read.
// Checkpoints are those of an export (export.h). Promises: only reads, also while the node writes
// there; entries come out as their frames say they went in. Refuses: pieces in another order.
#pragma once
#include "base/world.h"
#include "ledger/whole.h"

struct log_source;

// SK_UNKNOWN: there is no log.
enum sk_code log_source_open(struct world world, struct log_source **out);
void log_source_close(struct log_source *log);
struct tile_source log_source_pieces(struct log_source *log);
