// The job on the wire: what gate understood, border judges and engine runs, byte for byte.
// The tenant is not in it: border says it, gate has no word in that.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "engine/engine.h"

enum { JOB_MAX = 16 << 20 };

enum sk_code job_write(const struct engine_job *job, struct buf *out);
// Views point into `bytes`, lists are taken from `arena`. SK_CORRUPT on any other bytes.
enum sk_code job_read(struct view bytes, struct arena *arena, struct engine_job *out);
