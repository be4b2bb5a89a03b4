// Words of a place about what went wrong, before anybody else reads them.
#include "node/room_ferry.h"

#include <string.h>

enum { GRAM = 8, SLOTS = 1 << 13 };

static uint32_t gram_slot(const char *at) {
    uint64_t gram;
    memcpy(&gram, at, GRAM);
    return (uint32_t)(gram * UINT64_C(0x9e3779b97f4a7c15) >> 51);
}

// Whether `text`, which is short, repeats `run` (at least GRAM) bytes of what was sent, which may
// be long: one pass over it, past the grams that are not in the text.
static bool repeats(struct view text, struct view sent, size_t run) {
    uint64_t grams[SLOTS / 64] = {0};
    if (text.len < run || sent.len < run) return false;
    for (size_t at = 0; at + GRAM <= text.len; at++)
        grams[gram_slot(text.at + at) / 64] |= UINT64_C(1) << gram_slot(text.at + at) % 64;
    for (size_t at = 0; at + run <= sent.len; at++) {
        uint32_t slot = gram_slot(sent.at + at);
        if (!(grams[slot / 64] >> slot % 64 & 1)) continue;
        if (memmem(text.at, text.len, sent.at + at, run)) return true;
    }
    return false;
}

bool ferry_discreet(const struct ferry_answer *answer, struct view words) {
    enum { RUN = 16 };
    struct view secret = answer->place->secret;
    if (secret.len < RUN && secret.len && memmem(words.at, words.len, secret.at, secret.len))
        return false;
    return !repeats(words, answer->envelope, RUN) && !repeats(words, secret, GRAM);
}
