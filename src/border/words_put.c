// Builds a set of words: the smallest automaton of the sorted words (Daciuk et al. 2000: a state is
// finished when the next word leaves it, and two finished states that say the same are one), then
// each state's children into the first free place of the array where they all fit.
#include <stdlib.h>

#include "base/wire.h"
#include "border/words.h"

enum { BLOCK = 256, ACCEPT = 1 << 8, BASE_SHIFT = 9, NO_VALUE = 0, TRIES = 64 };

struct arc {
    uint8_t label;
    uint32_t to;
};
struct state {
    uint32_t arcs, arcs_len; // first of them
    uint32_t value;          // kinds and number; NO_VALUE: no word ends here
    uint32_t base;
};
// The states of the word before, from the root; not finished.
struct open_state {
    struct arc arcs[256];
    uint32_t arcs_len, value;
};
struct build {
    struct open_state *path;
    struct state *states;
    struct arc *arcs;
    uint32_t *table; // finished states by what they say; 0 is free, else index + 1
    uint32_t *units;
    uint32_t free_first, *free_next, *free_last; // list of units that may be free; 0 ends it
    uint8_t *tried, *based;                      // times in vain; whether some state's base
    uint32_t states_len, arcs_len, table_mask, units_len, units_max, word_max;
};

static uint32_t hash_of(const struct open_state *s) {
    uint32_t hash = 2166136261u ^ s->value;
    for (uint32_t i = 0; i < s->arcs_len; i++) {
        hash = (hash ^ s->arcs[i].label) * 16777619u;
        hash = (hash ^ s->arcs[i].to) * 16777619u;
        hash ^= hash >> 15;
    }
    return hash;
}

static bool same(const struct build *b, const struct state *a, const struct open_state *s) {
    if (a->value != s->value || a->arcs_len != s->arcs_len) return false;
    for (uint32_t i = 0; i < s->arcs_len; i++) {
        const struct arc *arc = &b->arcs[a->arcs + i];
        if (arc->label != s->arcs[i].label || arc->to != s->arcs[i].to) return false;
    }
    return true;
}

// The finished state that says what `s` does: one there was, or a new one.
static uint32_t finish(struct build *b, const struct open_state *s) {
    uint32_t at = hash_of(s) & b->table_mask;
    for (; b->table[at]; at = (at + 1) & b->table_mask)
        if (same(b, &b->states[b->table[at] - 1], s)) return b->table[at] - 1;
    uint32_t index = b->states_len++;
    b->states[index] = (struct state){b->arcs_len, s->arcs_len, s->value, 0};
    memcpy(b->arcs + b->arcs_len, s->arcs, s->arcs_len * sizeof *s->arcs);
    b->arcs_len += s->arcs_len;
    b->table[at] = index + 1;
    return index;
}

static void close_to(struct build *b, size_t depth, size_t from) {
    for (size_t d = from; d > depth; d--) {
        struct open_state *above = &b->path[d - 1];
        above->arcs[above->arcs_len - 1].to = finish(b, &b->path[d]);
    }
}

static int by_word(const void *a, const void *b) {
    const struct words_entry *x = a, *y = b;
    size_t len = x->word.len < y->word.len ? x->word.len : y->word.len;
    int order = memcmp(x->word.at, y->word.at, len);
    return order ? order : (x->word.len > y->word.len) - (x->word.len < y->word.len);
}

// Sorts, joins equal words, refuses what no set may hold. *bytes: of all of them.
static enum sk_code entries_join(struct words_entry *entries, uint32_t *len, size_t *bytes) {
    uint32_t kept = 0;
    *bytes = 0;
    if (*len) qsort(entries, *len, sizeof *entries, by_word);
    for (uint32_t i = 0; i < *len; i++) {
        const struct words_entry *e = &entries[i];
        int shown = (int)(e->word.len < 60 ? e->word.len : 60);
        if (e->word.len == 0 || e->word.len > WORD_MAX || memchr(e->word.at, 0, e->word.len))
            return FAIL(SK_INPUT, "word '%.*s': %zu bytes, 1 to %d without a zero byte may be",
                        shown, e->word.at, e->word.len, WORD_MAX);
        must(e->is.kinds);
        if (kept && view_same(entries[kept - 1].word, e->word)) {
            if (entries[kept - 1].is.number != e->is.number)
                return FAIL(SK_INPUT, "word '%.*s' is there twice and means two things", shown,
                            e->word.at);
            entries[kept - 1].is.kinds |= e->is.kinds;
            continue;
        }
        entries[kept++] = *e;
        *bytes += e->word.len;
    }
    *len = kept;
    return SK_OK;
}

static uint32_t automaton_make(struct build *b, const struct words_entry *entries, uint32_t len) {
    struct view before = {NULL, 0};
    for (uint32_t i = 0; i < len; i++) {
        struct view word = entries[i].word;
        size_t depth = 0;
        while (depth < before.len && depth < word.len && before.at[depth] == word.at[depth])
            depth++;
        close_to(b, depth, before.len);
        for (size_t d = depth; d < word.len; d++) {
            struct open_state *s = &b->path[d];
            s->arcs[s->arcs_len++] = (struct arc){(uint8_t)word.at[d], 0};
            b->path[d + 1].arcs_len = 0;
            b->path[d + 1].value = NO_VALUE;
        }
        b->path[word.len].value = entries[i].is.kinds | (uint32_t)entries[i].is.number << 8;
        if (word.len > b->word_max) b->word_max = (uint32_t)word.len;
        before = word;
    }
    close_to(b, 0, before.len);
    return finish(b, &b->path[0]);
}

static bool fits(const struct build *b, const struct state *s, uint32_t base) {
    if (b->based[base]) return false;
    if (s->value && b->units[base]) return false;
    for (uint32_t i = 0; i < s->arcs_len; i++)
        if (b->units[base ^ b->arcs[s->arcs + i].label]) return false;
    return true;
}

// A base for the state, from the free units as places of its first child; 0: none is good. Units
// that are taken, or were tried TRIES times in vain, leave the list on the way.
static uint32_t base_find(struct build *b, const struct state *s, uint8_t first) {
    uint32_t *link = &b->free_first;
    while (*link) {
        uint32_t at = *link;
        if (b->units[at] || b->tried[at] >= TRIES) {
            *link = b->free_next[at];
            continue;
        }
        if (fits(b, s, at ^ first)) return at ^ first;
        b->tried[at]++;
        link = &b->free_next[at];
    }
    b->free_last = link;
    return 0;
}

static enum sk_code place(struct build *b, struct state *s) {
    uint8_t first = s->value ? 0 : b->arcs[s->arcs].label;
    uint32_t base = base_find(b, s, first);
    if (!base) {
        if (b->units_max - b->units_len < BLOCK)
            return FAIL(SK_LIMIT, "words: more than %u units", b->units_max);
        base = b->units_len ^ first;
        for (uint32_t i = 0; i < BLOCK; i++) {
            *b->free_last = b->units_len++;
            b->free_last = &b->free_next[*b->free_last];
        }
    }
    s->base = base;
    b->based[base] = 1;
    if (s->value) b->units[base] = s->value << 8;
    for (uint32_t i = 0; i < s->arcs_len; i++) {
        uint8_t label = b->arcs[s->arcs + i].label;
        b->units[base ^ label] = label; // the rest when all have their base
    }
    return SK_OK;
}

static enum sk_code array_make(struct build *b, uint32_t root) {
    b->units_len = BLOCK;
    b->free_first = 1;
    for (uint32_t i = 1; i < BLOCK - 1; i++)
        b->free_next[i] = i + 1;
    b->units[0] = 1; // the root's: no child, no value
    b->based[0] = 1;
    for (uint32_t i = 0; i < b->states_len; i++)
        if (b->states[i].value || b->states[i].arcs_len) TRY(place(b, &b->states[i]));
    for (uint32_t i = 0; i < b->states_len; i++) {
        const struct state *s = &b->states[i];
        for (uint32_t k = 0; k < s->arcs_len; k++) {
            const struct arc *arc = &b->arcs[s->arcs + k];
            const struct state *to = &b->states[arc->to];
            b->units[s->base ^ arc->label] =
                arc->label | (to->value ? ACCEPT : 0) | to->base << BASE_SHIFT;
        }
    }
    b->units[0] = b->states[root].base << BASE_SHIFT;
    return SK_OK;
}

enum sk_code words_put(struct words_entry *entries, uint32_t len, struct arena *arena,
                       struct buf *out) {
    size_t bytes;
    if (len > WORDS_MAX) return FAIL(SK_LIMIT, "%u words, at most %d", len, WORDS_MAX);
    TRY(entries_join(entries, &len, &bytes));
    struct build b = {.table_mask = 1023};
    while (b.table_mask < 2 * (bytes + 1))
        b.table_mask = 2 * b.table_mask + 1;
    size_t units_max = (2 * bytes + 4 * BLOCK) / BLOCK * BLOCK;
    b.units_max = units_max < WORDS_UNITS_MAX ? (uint32_t)units_max : WORDS_UNITS_MAX;
    b.path = arena_take(arena, WORD_MAX + 1, sizeof *b.path);
    b.states = arena_take_raw(arena, bytes + 1, sizeof *b.states);
    b.arcs = arena_take_raw(arena, bytes + 1, sizeof *b.arcs);
    b.table = arena_take(arena, b.table_mask + 1, sizeof *b.table);
    b.units = arena_take(arena, b.units_max, sizeof *b.units);
    b.free_next = arena_take(arena, b.units_max, sizeof *b.free_next);
    b.tried = arena_take(arena, b.units_max, 1);
    b.based = arena_take(arena, b.units_max, 1);
    if (!b.path || !b.states || !b.arcs || !b.table || !b.units || !b.free_next || !b.tried ||
        !b.based)
        return SK_LIMIT;
    uint32_t root = automaton_make(&b, entries, len);
    TRY(array_make(&b, root));
    wire_put_u32(out, b.units_len);
    wire_put_u32(out, b.word_max);
    for (uint32_t i = 0; i < b.units_len; i++)
        wire_put_u32(out, b.units[i]);
    return buf_check(out, "words");
}
