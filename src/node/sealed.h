// Sealed: bytes in a memfd that nobody can change any more, so what was judged is what runs (I2).
#pragma once
#include "base/fail.h"
#include "base/view.h"

// A new sealed file holding the parts one after another; *descriptor is the caller's.
enum sk_code sealed_make(const struct view *parts, size_t count, int *descriptor);

// Maps a received file of exactly `len` bytes read-only, after checking that it is sealed against
// writing, growing and shrinking. SK_CORRUPT otherwise.
enum sk_code sealed_map(int descriptor, size_t len, struct view *out);
// The same for a file of any length up to `len_max`, not empty.
enum sk_code sealed_map_any(int descriptor, size_t len_max, struct view *out);
void sealed_unmap(struct view *view);
