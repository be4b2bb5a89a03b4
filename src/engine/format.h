// Format: what a job says its answer must be, as GBNF.
#pragma once
#include "base/buf.h"
#include "engine/engine.h"

// Appends the grammar of a format other than ENGINE_FREE. Errors as schema_to_gbnf has them.
enum sk_code format_gbnf(enum engine_format format, struct view text, struct buf *gbnf);
