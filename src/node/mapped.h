// Mapped: files of weights as read-only memory.
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "base/view.h"

// Maps `len` bytes of the file; they will be read from front to back. SK_LIMIT: no map.
enum sk_code mapped_open(int descriptor, uint64_t len, struct view *out);
void mapped_close(struct view *mapped); // fine on an empty one

// For engine_options.release: these bytes of a mapping take no memory of this process until they
// are read again.
void mapped_release(struct view bytes);
