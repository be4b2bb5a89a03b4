// Any bytes as weights of the name tagger and as a text: weights are refused or do no harm, and the
// names found lie apart and in order in the text.
#include "base/utf8.h"
#include "border/names_rules.h"
#include "border/scan_parts.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAYLOAD_MAX = 1 << 16 };

static struct names *names;
static struct buf none; // weights that weigh nothing

static void prepare(void) {
    static const uint8_t buckets[64];
    if (names) return;
    // Where MeCab is not installed there is nothing to try.
    if (names_open(&names) != SK_OK) exit(0);
    struct names_model model = {.features = buckets,
                                .lexicon = buckets,
                                .features_len = 1,
                                .lexicon_len = 1,
                                .scale = 1,
                                .least = 0.01F};
    if (buf_open(&none, 1 << 12) != SK_OK || names_model_write(&model, &none) != SK_OK) abort();
}

static void found_check(const struct names_found *found, struct view text) {
    uint32_t behind = 0;
    for (uint32_t i = 0; i < found->len; i++) {
        const struct names_span *span = &found->spans[i];
        if (span->len == 0 || span->from < behind || !(span->chance >= 0 && span->chance <= 1))
            abort();
        behind = (uint32_t)span->from + span->len;
        if (behind > found->sentence->units_len) abort();
    }
    if (found->sentence->text.at != text.at) abort();
}

// A head that is right before bytes that need not be: checks keep the fuzzer from few of them.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    prepare();
    if (size < 2) return 0;
    size_t weights = (size_t)(data[0] | data[1] << 8);
    struct view all = {(const char *)data + 2, size - 2}, payload = buf_view(&none);
    if (weights > all.len) weights = 0;
    struct view text = view_from(all, weights);
    struct names_model model;
    struct names_found found;
    if (weights && names_check((struct view){all.at, weights}) == SK_OK) payload.at = all.at;
    if (payload.at == all.at) payload.len = weights;
    if (names_model_read(payload, &model) != SK_OK) abort();
    size_t half = text.len > NAMES_BYTES_MAX ? text.len - NAMES_BYTES_MAX : 0;
    struct view before = {text.at, half};
    text = view_from(text, half);
    if (!utf8_check(text)) return 0;
    if (names_read(names, &model, before, text, &found) != SK_OK) abort();
    found_check(&found, text);
    return 0;
}
