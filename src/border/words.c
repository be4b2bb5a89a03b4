#include "border/words.h"

#include "base/wire.h"

enum { HEAD_LEN = 8, BLOCK = 256, ACCEPT = 1 << 8, BASE_SHIFT = 9 };

static uint32_t unit_at(const char *units, uint32_t index) {
    uint32_t unit;
    memcpy(&unit, units + 4 * (size_t)index, 4);
    return unit;
}

// A unit of label 0 is free, the root, or the value of a state; every other one is a state.
static enum sk_code units_check(const struct words *words, uint32_t numbers) {
    for (uint32_t i = 0; i < words->units_len; i++) {
        uint32_t unit = unit_at(words->units, i), base = unit >> BASE_SHIFT;
        bool state = i == 0 || (unit & 0xff) != 0;
        if (!state) continue;
        if (base >= words->units_len) return FAIL(SK_CORRUPT, "words: unit %u leads outside", i);
        if (!(unit & ACCEPT)) continue;
        uint32_t value = unit_at(words->units, base) >> 8;
        if ((value & 0xff) == 0 || value >> 8 >= numbers)
            return FAIL(SK_CORRUPT,
                        "words: unit %u has number %u of kinds %u, numbers are below %u", i,
                        value >> 8, value & 0xff, numbers);
    }
    return SK_OK;
}

enum sk_code words_take(struct view *bytes, uint32_t numbers, struct words *out) {
    if (bytes->len < HEAD_LEN) return FAIL(SK_CORRUPT, "words: cut before its head ends");
    struct wire head = wire_over((struct view){bytes->at, HEAD_LEN});
    uint32_t units_len = wire_take_u32(&head), word_max = wire_take_u32(&head);
    if (units_len == 0 || units_len % BLOCK || units_len > WORDS_UNITS_MAX)
        return FAIL(SK_CORRUPT, "words: %u units", units_len);
    if (word_max > WORD_MAX)
        return FAIL(SK_CORRUPT, "words: the longest is %u bytes, at most %d", word_max, WORD_MAX);
    if ((bytes->len - HEAD_LEN) / 4 < units_len)
        return FAIL(SK_CORRUPT, "words: %u units do not fit in %zu bytes", units_len, bytes->len);
    struct view rest = *bytes;
    *out = words_over(&rest);
    TRY(units_check(out, numbers));
    *bytes = rest;
    return SK_OK;
}

struct words words_over(struct view *bytes) {
    struct wire head = wire_over((struct view){bytes->at, HEAD_LEN});
    struct words words = {.units = bytes->at + HEAD_LEN};
    words.units_len = wire_take_u32(&head);
    words.word_max = wire_take_u32(&head);
    *bytes = view_from(*bytes, HEAD_LEN + 4 * (size_t)words.units_len);
    return words;
}

// A base is below units_len, a multiple of BLOCK; so base ^ byte is too.
uint32_t words_longest(const struct words *words, struct view text, uint8_t kinds,
                       struct word_is *is) {
    uint32_t longest = 0, unit = unit_at(words->units, 0);
    uint8_t lower = words->caseless ? 'a' - 'A' : 0;
    size_t end = text.len < words->word_max ? text.len : words->word_max;
    for (size_t i = 0; i < end; i++) {
        uint8_t c = (uint8_t)text.at[i];
        if ((uint8_t)(c - 'A') < 26) c |= lower;
        unit = unit_at(words->units, unit >> BASE_SHIFT ^ c);
        if ((unit & 0xff) != c || c == 0) break;
        if (!(unit & ACCEPT)) continue;
        uint32_t value = unit_at(words->units, unit >> BASE_SHIFT) >> 8;
        if (!(value & kinds)) continue;
        longest = (uint32_t)i + 1;
        *is = (struct word_is){(uint8_t)value, (uint16_t)(value >> 8)};
    }
    return longest;
}
