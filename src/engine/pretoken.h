// Pretoken: how byte-level BPE cuts a text into words before merging, as hand-written scanners of
// the published regular expressions.
//
//   gpt2   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//   smollm every \p{N} alone, the rest as gpt2
//   llama3 (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
//          | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//   qwen2  as llama3 with \p{N} for \p{N}{1,3}
#pragma once
#include <stddef.h>

#include "base/view.h"

enum pretoken { PRETOKEN_GPT2, PRETOKEN_SMOLLM, PRETOKEN_LLAMA3, PRETOKEN_QWEN2 };

// Bytes of the next word of a non-empty, well-formed UTF-8 text: at least one.
size_t pretoken_next(enum pretoken kind, struct view text);
