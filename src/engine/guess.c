#include "engine/guess.h"

enum { LEAST = 2, LENGTH_MAX = 16 }; // of an occurrence

#define LEARNING (1.0f / 16)

// A step of n columns takes a + b n, so one more takes n / (n + a / b) of a token's part of it.
// a / b is 3 where weights come from memory, 1 or less where they stay in the cache.
#define ONCE 0.8f
enum { BESIDE_MAX = 2 }; // with eight it was slower at times (docs/engine-performance.md)

void guess_begin(struct guess *guess) {
    *guess = (struct guess){.right = {0.3f, 0.5f, 0.7f}};
}

static uint32_t kind_of(uint32_t length) { return length < 4 ? 0 : length < 8 ? 1 : 2; }

// How many tokens before ids[end], at most LENGTH_MAX, are the last ones too.
static uint32_t length_at(const int32_t *ids, uint32_t len, uint32_t end) {
    uint32_t length = 0;
    while (length < LENGTH_MAX && length < end && ids[end - 1 - length] == ids[len - 1 - length])
        length++;
    return length;
}

static void look_up(struct guess *guess, const int32_t *ids, uint32_t len) {
    uint32_t longest = LEAST - 1;
    guess->from = 0;
    for (uint32_t end = len - 1; end >= LEAST && longest < LENGTH_MAX; end--) {
        if (ids[end - 1] != ids[len - 1] || ids[end - 2] != ids[len - 2]) continue;
        uint32_t length = length_at(ids, len, end);
        if (length <= longest) continue;
        longest = length;
        guess->from = end;
    }
    guess->kind = kind_of(longest);
}

void guess_learn(struct guess *guess, const int32_t *ids, uint32_t len) {
    if (guess->from) {
        bool right = ids[guess->from] == ids[len - 1];
        guess->right[guess->kind] += ((right ? 1 : 0) - guess->right[guess->kind]) * LEARNING;
    }
    look_up(guess, ids, len);
}

uint32_t guess_make(struct guess *guess, const int32_t *ids, uint32_t len, struct guess_room room) {
    if (guess->from == 0 || room.beside > BESIDE_MAX) return 0;
    uint32_t made = 0, apart = len - guess->from; // shorter than what is made: it repeats itself
    float right = guess->right[guess->kind];
    float worth = (float)room.beside / ((float)room.beside + ONCE);
    uint32_t max = room.columns < GUESS_MAX ? room.columns : GUESS_MAX;
    for (float likely = right; made < max && likely >= worth; likely *= right, made++)
        guess->ids[made] = made < apart ? ids[guess->from + made] : guess->ids[made - apart];
    return made;
}
