#include "train/group.h"

// In doubles, each of them a whole number of 32 bits.
enum { WORDS = HASH_LEN / 4 };

enum sk_code group_first(const struct run_group *group, uint8_t digest[HASH_LEN]) {
    double words[WORDS] = {0};
    for (int i = 0; i < HASH_LEN && group->rank == 0; i++)
        words[i / 4] = words[i / 4] * 256 + (double)digest[i];
    TRY(group->sum(group->self, words, WORDS));
    for (int i = 0; i < HASH_LEN; i++)
        digest[i] = (uint8_t)((uint32_t)words[i / 4] >> (24 - 8 * (i % 4)));
    return SK_OK;
}
