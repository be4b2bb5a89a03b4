#include "engine/texts.h"

#include "base/fail.h"

static uint64_t mix(uint64_t x) { // splitmix64's finalizer
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t hash_of(uint64_t hash, struct view text) {
    for (size_t i = 0; i < text.len; i++) hash = texts_hash(hash, text.at[i]);
    return hash;
}

enum { BITS_PER_BYTE_OF_TEXT = 8 }; // one in eight or fewer is set

void texts_lay(struct texts *texts, struct lay *lay, uint32_t len, uint64_t bytes) {
    texts->len = len;
    texts->places_len = 2;
    while (texts->places_len < 2 * (uint64_t)len) texts->places_len *= 2;
    texts->at = lay_take(lay, len, sizeof *texts->at);
    texts->places = lay_take(lay, texts->places_len, sizeof *texts->places);
    texts->begins_len = bytes ? 64 : 0;
    while (texts->begins_len < BITS_PER_BYTE_OF_TEXT * bytes) texts->begins_len *= 2;
    texts->begins = lay_take(lay, texts->begins_len / 64, sizeof *texts->begins);
}

// Where a text of these parts is or would be; NULL when that is too far. Half of the places are
// empty, so only a crafted file gets there.
static uint64_t *place_of(const struct texts *texts, uint64_t hash, const struct view parts[3]) {
    uint64_t mixed = mix(hash), tag = mixed & 0xffffffff00000000u;
    size_t len = parts[0].len + parts[1].len + parts[2].len;
    for (uint32_t i = 0; i < TEXTS_PROBES_MAX; i++) {
        uint64_t *place = &texts->places[(mixed + i) & (texts->places_len - 1)];
        if (*place == 0) return place;
        if ((*place ^ tag) >> 32) continue;
        struct view text = texts->at[(uint32_t)*place - 1];
        if (text.len != len || !view_starts(text, parts[0])) continue;
        text = view_from(text, parts[0].len);
        if (view_starts(text, parts[1]) && view_same(view_from(text, parts[1].len), parts[2]))
            return place;
    }
    return NULL;
}

static void put_beginnings(struct texts *texts, struct view text) {
    uint64_t hash = TEXTS_HASH;
    for (size_t i = 0; i < text.len; i++) {
        hash = texts_hash(hash, text.at[i]);
        uint64_t bit = (hash ^ hash >> 32) & (texts->begins_len - 1);
        texts->begins[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

bool texts_put(struct texts *texts, uint32_t number) {
    must(number < texts->len);
    struct view text = texts->at[number];
    uint64_t hash = hash_of(TEXTS_HASH, text);
    uint64_t *place = place_of(texts, hash, (struct view[3]){text, {"", 0}, {"", 0}});
    if (!place) return false;
    if (*place) return true;
    *place = (mix(hash) & 0xffffffff00000000u) | (number + 1);
    if (text.len > texts->longest) texts->longest = (uint32_t)text.len;
    if (texts->begins_len) put_beginnings(texts, text);
    return true;
}

static int32_t find(const struct texts *texts, uint64_t hash, const struct view parts[3]) {
    const uint64_t *place = place_of(texts, hash, parts);
    return place && *place ? (int32_t)(uint32_t)*place - 1 : TEXTS_NONE;
}

int32_t texts_find_hashed(const struct texts *texts, struct view text, uint64_t hash) {
    return find(texts, hash, (struct view[3]){text, {"", 0}, {"", 0}});
}

int32_t texts_find(const struct texts *texts, struct view text) {
    if (text.len > texts->longest) return TEXTS_NONE;
    return texts_find_hashed(texts, text, hash_of(TEXTS_HASH, text));
}

int32_t texts_find_pair(const struct texts *texts, struct view left, struct view right) {
    if (left.len + right.len >= texts->longest) return TEXTS_NONE;
    uint64_t hash = hash_of(texts_hash(hash_of(TEXTS_HASH, left), ' '), right);
    return find(texts, hash, (struct view[3]){left, {" ", 1}, right});
}
