// The job on the wire: what gate understood, border judges and engine runs, byte for byte.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "engine/engine.h"

enum { JOB_MAX = 16 << 20 };

enum sk_code job_write(const struct engine_job *job, struct buf *out);
// Views point into `bytes`, the message list is taken from `arena`. SK_CORRUPT on any other bytes.
enum sk_code job_read(struct view bytes, struct arena *arena, struct engine_job *out);
