// Replace: a small file with new content, whole or as it was, whenever the process or the machine
// falls; and read again.
#pragma once
#include "base/world.h"

// Writes `bytes` under the name `fresh`, durably, then gives it the name `name`, durably. After an
// error either content may stand there: the caller says no more about it.
enum sk_code file_replace(const struct world *world, const char *name, const char *fresh,
                          struct view bytes);
// What stands under `name` from byte `from` on, `max` bytes at most. SK_UNKNOWN: no such file.
enum sk_code file_read_at(const struct world *world, const char *name, uint64_t from, void *out,
                          size_t max, size_t *len);
