// Witness store: what a witness cosigned last of each log, on disk before anybody is told.
//
// Holds one file of each origin through struct world, witness.<hex of SHA-256(origin)>: the
// checkpoint with the log's signatures and the witness's own, as monitors get it. Promises: of one
// origin all cosignatures that were ever told, over crashes at any call too, are of one growing
// tree. Refuses: a file that is damaged or another's (that log is not cosigned until somebody looks
// at it). After an error of the disk nothing is told any more: the caller gives up. One process
// writes a directory.
#pragma once
#include "base/world.h"
#include "ledger/witness.h"

enum { WITNESS_AGAIN_S = 60 }; // one checkpoint is cosigned, and written, once in that time

// Before the first question of a process: what the one before renamed is durable now.
enum sk_code witness_store_open(const struct world *world);

// What is kept of the origin whose hex this is (64 digits), into `note`, which has room for
// NOTE_MAX bytes. SK_UNKNOWN: none of it was ever cosigned. SK_CORRUPT, SK_IO: it cannot be read.
enum sk_code witness_store_read(const struct world *world, const char *hex, struct buf *note);

// One request (add-checkpoint) with its verdict, which may be told when this is SK_OK; what it
// grants is durable then. A status of 500: what is kept of that log cannot be read, nothing was
// granted. Any error is the disk's, and the last word.
enum sk_code witness_answer(const struct witness *witness, const struct world *world,
                            struct view body, struct witness_verdict *out);
