// Any bytes as weights of levels: refused, or shares that add up to one.
#include <math.h>
#include <stdint.h>

#include "keigo/keigo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct keigo_reader *reader;
    struct keigo_levels levels;
    double log_share[KEIGO_LEVELS], sum = 0;
    if (!reader) must(keigo_open(&reader) == SK_OK);
    if (keigo_levels_read((struct view){(const char *)data, size}, &levels) != SK_OK) return 0;
    must(keigo_levels_score(reader, &levels, VIEW("先生がいらっしゃいます。"), log_share) == SK_OK);
    for (unsigned i = 0; i < KEIGO_LEVELS; i++)
        sum += exp(log_share[i]);
    must(fabs(sum - 1) < 1e-6);
    return 0;
}
