// Sealed: bytes in a memfd that nobody can change any more, so what was judged is what runs (I2).
#pragma once
#include "base/fail.h"
#include "base/view.h"

// A new sealed file holding the parts (at most 8) one after another; *descriptor is the caller's.
enum sk_code sealed_make(const struct view *parts, size_t count, int *descriptor);

// The bytes of a received file of exactly `len`, after checking that it is sealed against writing,
// growing and shrinking; SK_CORRUPT otherwise. A small file is copied, a larger one mapped: for the
// reader it is the same, for nobody can change either.
enum sk_code sealed_map(int descriptor, size_t len, struct view *out);
// The same for a file of any length up to `len_max`, not empty.
enum sk_code sealed_map_any(int descriptor, size_t len_max, struct view *out);
void sealed_unmap(struct view *view); // a copy is overwritten
