#include "base/crc32c.h"

#include <string.h>

#ifdef __x86_64__
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_fast(uint32_t crc, const uint8_t *at,
                                                              size_t len) {
    uint64_t state = crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        state = _mm_crc32_u64(state, word);
    }
    crc = (uint32_t)state;
    for (; len; at++, len--) crc = _mm_crc32_u8(crc, *at);
    return crc;
}
#endif

static uint32_t crc32c_slow(uint32_t crc, const uint8_t *at, size_t len) {
    for (; len; at++, len--) {
        crc ^= *at;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
    }
    return crc;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2")) return ~crc32c_fast(~crc, bytes, len);
#endif
    return ~crc32c_slow(~crc, bytes, len);
}
