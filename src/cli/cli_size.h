// Sizes as people write them: "512", "10GiB", "1.5 GiB".
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { CLI_SIZE_MAX = 24 };

// Three digits and a unit; may be negative.
void cli_size_write(int64_t bytes, char out[CLI_SIZE_MAX]);
// A whole number of bytes, KiB, MiB, GiB or TiB; false otherwise.
bool cli_size_take(const char *text, uint64_t *bytes);
