// Features: what is seen at a unit and around it, each as one number. Whoever changes any of this
// makes the weights again (make model-names).
#include "border/names_parts.h"

struct list {
    uint64_t *out;
    unsigned len;
};

static inline uint64_t mixed(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ hash >> 32;
}

static inline __attribute__((always_inline)) void put(struct list *list, unsigned name, uint64_t a,
                                                      uint64_t b, uint64_t c) {
    must(list->len < NAMES_FEATURES_MAX);
    list->out[list->len++] = mixed(mixed(mixed(name * 0xd6e8feb86659fd93, a), b), c);
}

static const struct names_unit edge_unit;
static const struct names_word edge_word;

static const struct names_unit *unit_at(const struct names_sentence *s, int64_t i) {
    return i < 0 || i >= s->units_len ? &edge_unit : &s->units[i];
}

static const struct names_word *word_at(const struct names_sentence *s, int64_t i) {
    return i < 0 || i >= s->words_len ? &edge_word : &s->words[i];
}

// Names of features, with room for the numbers that are added to them.
enum {
    F_BIAS = 1,
    F_CHAR = 16,
    F_PAIR = 32,
    F_TRIPLE = 48,
    F_KIND = 64,
    F_RUN = 80,
    F_PART = 96,
    F_WORD = 112,
    F_POS = 144,
    F_LAYER = 176,
    F_LAYER_WORD = 192,
    F_LISTED = 208,
    F_CUE = 240,
};

static uint64_t kind_of(const struct names_unit *unit) {
    return unit->kind | (uint64_t)unit->shape << 4;
}

static void chars_put(struct list *list, const struct names_sentence *s, int64_t i) {
    uint64_t c[7], k[7];
    for (int d = 0; d < 7; d++) {
        c[d] = unit_at(s, i + d - 3)->key;
        k[d] = kind_of(unit_at(s, i + d - 3));
    }
    for (unsigned d = 0; d < 7; d++)
        put(list, F_CHAR + d, c[d], 0, 0);
    for (unsigned d = 0; d < 6; d++)
        put(list, F_PAIR + d, c[d], c[d + 1], 0);
    for (unsigned d = 1; d < 4; d++)
        put(list, F_TRIPLE + d, c[d], c[d + 1], c[d + 2]);
    put(list, F_KIND, k[3], 0, 0);
    put(list, F_KIND + 1, k[2], k[3], k[4]);
    put(list, F_KIND + 2, k[1], k[2], k[3]);
    put(list, F_KIND + 3, k[3], k[4], k[5]);
    put(list, F_KIND + 4, k[1] << 8 | k[2], k[3], k[4] << 8 | k[5]);
}

// Parts between the dots of a foreign name.
static void part_put(struct list *list, const struct names_sentence *s, uint32_t i,
                     uint64_t where) {
    const struct names_unit *unit = &s->units[i];
    uint32_t dots = 0, from = i, end = i;
    for (uint32_t k = unit->run; k < unit->run_end; k++)
        dots += s->units[k].kind == KIND_DOT;
    if (dots > 3) dots = 3;
    put(list, F_PART, where, dots, 0);
    if (unit->kind == KIND_DOT) return;
    while (from > unit->run && s->units[from - 1].kind == KIND_KATAKANA)
        from--;
    while (end < unit->run_end && s->units[end].kind == KIND_KATAKANA)
        end++;
    uint32_t two = end - from > 2 ? 2 : end - from;
    put(list, F_PART + 1, names_units_key(s, from, end - from), i == from, end == i + 1);
    put(list, F_PART + 2, where, dots, word_at(s, unit_at(s, unit->run_end)->word)->key);
    put(list, F_PART + 3, where, names_units_key(s, end - two, two), dots);
    put(list, F_PART + 4, where, names_units_key(s, from, two), dots);
}

static void run_put(struct list *list, const struct names_sentence *s, uint32_t i) {
    const struct names_unit *unit = &s->units[i];
    uint32_t size = unit->run_end - unit->run, at = i - unit->run, left = unit->run_end - i - 1;
    uint64_t where = unit->run_place | (uint64_t)unit->kind << 4;
    uint64_t before = unit_at(s, (int64_t)unit->run - 1)->key,
             after = unit_at(s, unit->run_end)->key;
    put(list, F_RUN, where, size > 15 ? 15 : size, 0);
    put(list, F_RUN + 1, unit->kind, at > 4 ? 4 : at, left > 4 ? 4 : left);
    put(list, F_RUN + 2, where, after, 0);
    put(list, F_RUN + 3, where, before, 0);
    put(list, F_RUN + 4, where, after, unit_at(s, unit->run_end + 1)->key);
    put(list, F_RUN + 5, where, before, unit_at(s, (int64_t)unit->run - 2)->key);
    if (unit->kind == KIND_KATAKANA || unit->kind == KIND_DOT) part_put(list, s, i, where);
}

static void words_put(struct list *list, const struct names_sentence *s,
                      const struct names_unit *u) {
    uint64_t k[7], p[7], where = u->place, in = where << 10;
    const struct names_word *word = word_at(s, u->word);
    for (int d = 0; d < 7; d++) {
        const struct names_word *near = word_at(s, (int64_t)u->word + d - 3);
        k[d] = near->key;
        p[d] = near->pos | (uint64_t)near->unknown << 8;
    }
    put(list, F_WORD, where, k[3], 0);
    put(list, F_WORD + 1, where, k[2], 0);
    put(list, F_WORD + 2, where, k[4], 0);
    put(list, F_WORD + 3, where, k[1], 0);
    put(list, F_WORD + 4, where, k[5], 0);
    put(list, F_WORD + 5, where, k[2], k[3]);
    put(list, F_WORD + 6, where, k[3], k[4]);
    put(list, F_WORD + 7, where, k[4], k[5]);
    put(list, F_WORD + 8, where, k[1], k[2]);
    put(list, F_WORD + 9, in | p[3], k[4], 0);
    put(list, F_WORD + 10, in | p[3], k[2], 0);
    put(list, F_POS, where, p[3], 0);
    put(list, F_POS + 1, where, p[2], 0);
    put(list, F_POS + 2, where, p[4], 0);
    put(list, F_POS + 3, where, p[2], p[3]);
    put(list, F_POS + 4, where, p[3], p[4]);
    put(list, F_POS + 5, in | p[2], p[3], p[4]);
    put(list, F_POS + 6, in | p[1], p[2], p[3]);
    put(list, F_POS + 7, in | p[3], p[4], p[5]);
    put(list, F_POS + 8, in | p[3], u->kind, (uint64_t)(word->end - word->first));
}

static void layers_put(struct list *list, const struct names_sentence *s, uint32_t i) {
    const struct names_unit *unit = &s->units[i], *before = unit_at(s, (int64_t)i - 1),
                            *after = unit_at(s, (int64_t)i + 1);
    const uint8_t *at = unit->layer;
    uint64_t where = unit->place | (uint64_t)word_at(s, unit->word)->pos << 4, all = 0;
    uint64_t listed = (uint64_t)at[LAYER_LISTED_SURNAME] << 8 | at[LAYER_LISTED_GIVEN];
    uint64_t dictionary = (uint64_t)at[LAYER_SURNAME] << 24 | (uint64_t)at[LAYER_GIVEN] << 16 |
                          (uint64_t)at[LAYER_PERSON] << 8 | at[LAYER_PLACE];
    for (unsigned k = 0; k < NAMES_LAYERS; k++) {
        if (at[k]) put(list, F_LAYER + k, at[k], 0, 0);
        if (at[k]) put(list, F_LAYER_WORD + k, at[k], where, 0);
        if (k >= LAYER_LISTED_SURNAME) all = all << 8 | at[k];
    }
    put(list, F_LISTED, all, 0, 0);
    put(list, F_LISTED + 1, listed, at[LAYER_FULL], where);
    put(list, F_LISTED + 2, listed, after->layer[LAYER_LISTED_GIVEN],
        after->layer[LAYER_LISTED_SURNAME]);
    put(list, F_LISTED + 3, listed, before->layer[LAYER_LISTED_GIVEN],
        before->layer[LAYER_LISTED_SURNAME]);
    put(list, F_LISTED + 4, dictionary, unit->kind, 0);
    put(list, F_LISTED + 5, at[LAYER_FULL], after->key, 0);
    put(list, F_LISTED + 6, at[LAYER_FULL], before->key, 0);
}

static void cues_put(struct list *list, const struct names_sentence *s, uint32_t i) {
    const struct names_unit *unit = &s->units[i];
    const struct names_word *word = word_at(s, unit->word);
    uint64_t in_run = unit->run_place | (uint64_t)unit->kind << 4;
    uint64_t where = unit->place | (uint64_t)word->pos << 4;
    uint64_t after = unit_at(s, (int64_t)i + 1)->cues_from, before = unit->cues_to;
    uint64_t wide = unit->layer[LAYER_FULL] | (uint64_t)unit->layer[LAYER_PERSON] << 8;
    put(list, F_CUE, unit->cues_from, unit->kind, unit->place);
    put(list, F_CUE + 1, after, unit->place, unit->kind);
    put(list, F_CUE + 2, before, unit->place, unit->kind);
    put(list, F_CUE + 3, after, before, where);
    put(list, F_CUE + 4, after, wide, unit->layer[LAYER_LISTED_OTHER]);
    put(list, F_CUE + 5, before, wide, unit->layer[LAYER_LISTED_OTHER]);
    put(list, F_CUE + 6, unit_at(s, unit->run_end)->cues_from, in_run, 0);
    put(list, F_CUE + 7, s->units[unit->run].cues_to, in_run, 0);
    if (!s->words_len) return;
    after = unit_at(s, word->end)->cues_from;
    before = s->units[word->first].cues_to;
    put(list, F_CUE + 8, after, where, 0);
    put(list, F_CUE + 9, before, where, 0);
    put(list, F_CUE + 10, before, after, where);
}

unsigned names_features(const struct names_sentence *sentence, uint32_t unit,
                        uint64_t out[NAMES_FEATURES_MAX]) {
    struct list list = {.out = out};
    put(&list, F_BIAS, 0, 0, 0);
    chars_put(&list, sentence, unit);
    run_put(&list, sentence, unit);
    words_put(&list, sentence, &sentence->units[unit]);
    layers_put(&list, sentence, unit);
    cues_put(&list, sentence, unit);
    return list.len;
}
