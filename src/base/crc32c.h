// CRC-32C (Castagnoli, RFC 3720 appendix B.4): finds torn records. Integrity is the tree's work.
#pragma once
#include <stddef.h>
#include <stdint.h>

// crc32c(0, "123456789", 9) == 0xe3069283; chains: crc32c(crc32c(0, a), b) == crc32c(0, ab).
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);
