// Encode: rows of floats as the types of a GGUF file, and back.
//
// Encoders are ours, to the layouts of engine/quant.h: of each block they search the scale, and
// for Q4_K the minimum, whose weighted squared error is least, then choose every element for the
// scales as they were rounded. Measured beside ggml's (docs/training.md): less error in every type.
// Promises: the same bytes on every machine; what is decoded is bit for bit what the engine
// expands. Refuses: NaN and infinities, values for which a type has no room (SK_INPUT, naming the
// element), types without an encoder (encode_has).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "engine/quant.h"

enum { ENCODE_PART = 256, ENCODE_PAD = 16 };

// F32 F16 BF16 Q8_0 Q4_0 Q5_0 Q4_K Q6_K.
bool encode_has(enum quant_type type);

// `n` floats, whole blocks of the type, into n / block * bytes.
enum sk_code encode_row(enum quant_type type, const float *x, uint64_t n, uint8_t *out);

// `count` elements of a row from element `from` (a multiple of ENCODE_PART) on, of any type that
// the engine computes with; `out` has room for `count` rounded up to ENCODE_PAD, and zeros there.
void decode_part(enum quant_type type, const uint8_t *row, uint64_t from, uint64_t count,
                 float *out);
