#include "train/grams.h"

#include <string.h>

static uint32_t hash_of(uint32_t gram, uint16_t last) {
    uint64_t hash = ((uint64_t)gram << 16 | last) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash >> 32 ^ hash >> 17);
}

uint32_t grams_child(const struct grams *grams, uint32_t gram, uint16_t last) {
    for (uint32_t place = hash_of(gram, last);; place++) {
        uint32_t child = grams->children[place & (grams->children_len - 1)];
        if (child == 0) return GRAM_NONE;
        if (grams->at[child - 1].before == gram && grams->at[child - 1].last == last)
            return child - 1;
    }
}

static void put_child(struct grams *grams, uint32_t child) {
    uint32_t place = hash_of(grams->at[child].before, grams->at[child].last);
    while (grams->children[place & (grams->children_len - 1)]) place++;
    grams->children[place & (grams->children_len - 1)] = child + 1;
}

// Strings one character longer than known ones, being counted.
struct candidate {
    uint64_t count;
    uint32_t gram;   // GRAM_NONE: an empty place
    uint32_t places;
    uint32_t number; // that it got, or GRAM_NONE
    uint16_t last;
};

struct level {
    const struct letters *letters;
    struct grams *grams;
    uint64_t least;
    uint32_t len;        // characters
    uint32_t *of, *next; // of each position: the gram that begins there, of len - 1 and of len
    struct candidate *table;
    uint32_t table_len, parts, part;
    uint32_t candidates; // in the table
};

static struct candidate *candidate_of(const struct level *level, uint32_t gram, uint16_t last) {
    for (uint32_t place = hash_of(gram, last) / level->parts;; place++) {
        struct candidate *at = &level->table[place & (level->table_len - 1)];
        if (at->gram == GRAM_NONE || (at->gram == gram && at->last == last)) return at;
    }
}

// Half of the table in a part on the average: a full one is of a text made to be alike.
static bool is_full(const struct level *level) { return level->candidates == level->table_len - 1; }

// Calls for each position of this part where both shorter strings are frequent.
typedef void level_place(struct level *level, size_t at, uint64_t count);

static void each_place(struct level *level, level_place *place) {
    const struct letters *letters = level->letters;
    size_t at = 0;
    for (uint32_t i = 0; i < letters->len; i++) {
        size_t end = at + letters->lens[i];
        for (; at + level->len <= end; at++) {
            uint32_t gram = level->of[at];
            if (gram == GRAM_NONE || level->of[at + 1] == GRAM_NONE) continue;
            uint32_t hash = hash_of(gram, letters->at[at + level->len - 1]);
            if (hash % level->parts == level->part) place(level, at, letters->counts[i]);
        }
        at = end;
    }
}

static void count_place(struct level *level, size_t at, uint64_t count) {
    uint32_t gram = level->of[at];
    uint16_t last = level->letters->at[at + level->len - 1];
    struct candidate *candidate = candidate_of(level, gram, last);
    if (candidate->gram == GRAM_NONE) {
        if (is_full(level)) return;
        level->candidates++;
        *candidate = (struct candidate){.gram = gram, .last = last};
    }
    candidate->count += count;
    candidate->places++;
}

static void lift(uint64_t *longer, uint64_t count) {
    if (*longer < count) *longer = count;
}

static void name_place(struct level *level, size_t at, uint64_t count) {
    (void)count;
    uint16_t last = level->letters->at[at + level->len - 1];
    uint32_t number = candidate_of(level, level->of[at], last)->number;
    level->next[at] = number;
    if (number == GRAM_NONE) return;
    struct gram *grams = level->grams->at;
    lift(&grams[level->of[at]].longer, grams[number].count);
    lift(&grams[level->of[at + 1]].longer, grams[number].count);
}

static enum sk_code name_candidates(struct level *level) {
    struct grams *grams = level->grams;
    for (uint32_t i = 0; i < level->table_len; i++) {
        struct candidate *is = &level->table[i];
        if (is->gram == GRAM_NONE) continue;
        is->number = GRAM_NONE;
        if (is->count < level->least) continue;
        if (grams->len == grams->max)
            return FAIL(SK_LIMIT, "over %u strings occur %llu times", grams->max,
                        (unsigned long long)level->least);
        is->number = grams->len;
        grams->at[grams->len] = (struct gram){.count = is->count,
                                              .before = is->gram,
                                              .places = is->places,
                                              .last = is->last,
                                              .len = (uint8_t)level->len};
        put_child(grams, grams->len++);
    }
    return SK_OK;
}

static size_t places_alive(const struct level *level) {
    size_t alive = 0;
    for (size_t at = 0; at + 1 < level->letters->at_len; at++)
        alive += level->of[at] != GRAM_NONE && level->of[at + 1] != GRAM_NONE;
    return alive;
}

static enum sk_code find_level(struct level *level) {
    size_t alive = places_alive(level);
    level->parts = (uint32_t)(alive / (level->table_len / 2) + 1);
    memset(level->next, 0xff, level->letters->at_len * sizeof *level->next);
    for (level->part = 0; level->part < level->parts; level->part++) {
        for (uint32_t i = 0; i < level->table_len; i++)
            level->table[i] = (struct candidate){.gram = GRAM_NONE};
        level->candidates = 0;
        each_place(level, count_place);
        if (is_full(level))
            return FAIL(SK_LIMIT, "more strings of %u characters have one hash than there is room "
                                  "for", level->len);
        TRY(name_candidates(level));
        each_place(level, name_place);
    }
    uint32_t *of = level->of;
    level->of = level->next;
    level->next = of;
    return SK_OK;
}

static void count_letters(struct grams *grams, const struct letters *letters) {
    size_t at = 0;
    for (uint32_t i = 0; i < letters->alphabet; i++)
        grams->at[i] = (struct gram){.before = GRAM_NONE, .last = (uint16_t)i, .len = 1};
    grams->len = letters->alphabet;
    for (uint32_t i = 0; i < letters->len; i++)
        for (size_t end = at + letters->lens[i]; at < end; at++) {
            grams->at[letters->at[at]].count += letters->counts[i];
            grams->at[letters->at[at]].places++;
        }
}

// A power of two with room for `len` in its half, of at most `most`.
static uint32_t table_for(size_t len, uint32_t most) {
    uint32_t table = 1024;
    while (table < most && table < 2 * len) table *= 2;
    return table;
}

enum sk_code grams_take(struct grams *grams, uint32_t max, struct arena *arena) {
    *grams = (struct grams){.max = max, .children_len = table_for(max, 1u << 31)};
    grams->at = arena_take_raw(arena, grams->max, sizeof *grams->at);
    grams->children = arena_take_raw(arena, grams->children_len, sizeof *grams->children);
    return grams->at && grams->children ? SK_OK : SK_LIMIT;
}

enum sk_code grams_find(struct grams *grams, const struct letters *letters, uint64_t least,
                        uint32_t len_max, struct arena *scratch) {
    struct level level = {.letters = letters, .grams = grams, .least = least};
    must(letters->alphabet <= grams->max && letters->alphabet <= LETTERS_ALPHABET_MAX);
    level.of = arena_take_raw(scratch, letters->at_len + 1, sizeof *level.of);
    level.next = arena_take_raw(scratch, letters->at_len + 1, sizeof *level.next);
    if (!level.of || !level.next) return SK_LIMIT;
    size_t left = (scratch->max - scratch->used) / sizeof *level.table;
    level.table_len = table_for(letters->at_len, 1u << 22);
    while (level.table_len > 1024 && level.table_len > left) level.table_len /= 2;
    level.table = arena_take_raw(scratch, level.table_len, sizeof *level.table);
    if (!level.table) return SK_LIMIT;
    memset(grams->children, 0, grams->children_len * sizeof *grams->children);
    count_letters(grams, letters);
    for (size_t at = 0; at < letters->at_len; at++) level.of[at] = letters->at[at];
    uint32_t before = 0;
    for (level.len = 2; level.len <= len_max && before != grams->len; level.len++) {
        before = grams->len;
        TRY(find_level(&level));
    }
    return SK_OK;
}
