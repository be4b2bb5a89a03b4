// The job on the wire: what gate understood, border judges and engine runs, byte for byte.
// The tenant is not in it: border says it, gate has no word in that.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "gate/gate.h"

enum {
    JOB_MAX = 16 << 20,         // bytes of one text
    JOB_FILE_MAX = 3 * JOB_MAX, // of a sealed file: the raw body, then the jobs made of it
};

enum sk_code job_write(const struct gate_task *task, struct buf *out);
// Views point into `bytes`, lists are taken from `arena`. SK_CORRUPT on any other bytes.
enum sk_code job_read(struct view bytes, struct arena *arena, struct gate_task *out);

// The field at fault that the engine's reason begins with ("format: …") or that is named alone, if
// it is one that there is; else empty.
struct view job_term(struct view why);
