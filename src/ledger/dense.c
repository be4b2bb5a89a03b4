#include "ledger/dense.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ledger/ledger.h"

enum {
    SLOTS = 2 * DENSE_OPEN_MAX, // of a table that is never more than half full
    KEY_SLOTS = 2 * DENSE_KEYS_MAX,
    LEAF_ARENA = 4 << 20,  // nodes of one leaf
    TEXTS_ARENA = 1 << 16, // sentences
};

// Numbers of a key that were passed over and have not come; in order of key and number.
struct gap {
    uint32_t key;
    uint64_t from, to; // the first of them, and the one after the last
};

struct decision { // without an outcome so far
    uint64_t index; // of its leaf, plus one; 0 = the slot is free
    uint64_t number, tag;
    uint32_t key;
};

struct dense {
    struct arena leaf, texts;
    struct buf keys, key_slots, gaps, open, decisions; // reserved; pages are touched as needed
    size_t keys_len, gaps_len;
    uint64_t open_len;
    struct dense_watch watch;
    struct dense_facts facts;
};

static struct dense_key *keys_of(const struct dense *dense) {
    return (struct dense_key *)(void *)dense->keys.at;
}
static struct gap *gaps_of(const struct dense *dense) {
    return (struct gap *)(void *)dense->gaps.at;
}
static struct decision *open_of(const struct dense *dense) {
    return (struct decision *)(void *)dense->open.at;
}

enum sk_code dense_open(struct dense **out) {
    struct dense *dense = calloc(1, sizeof *dense);
    if (!dense) return FAIL(SK_LIMIT, "dense: no memory");
    enum sk_code code = arena_open(&dense->leaf, "leaf", LEAF_ARENA);
    const struct {
        struct buf *buf;
        size_t bytes;
    } rooms[] = {{&dense->keys, DENSE_KEYS_MAX * sizeof(struct dense_key)},
                 {&dense->key_slots, KEY_SLOTS * sizeof(uint32_t)},
                 {&dense->gaps, DENSE_GAPS_MAX * sizeof(struct gap)},
                 {&dense->open, SLOTS * sizeof(struct decision)},
                 {&dense->decisions, LEDGER_LEAVES_MAX / 8}};
    if (code == SK_OK) code = arena_open(&dense->texts, "faults of a log", TEXTS_ARENA);
    for (size_t i = 0; code == SK_OK && i < sizeof rooms / sizeof *rooms; i++)
        code = buf_open(rooms[i].buf, rooms[i].bytes);
    if (code == SK_OK) *out = dense;
    else dense_close(dense);
    return code;
}

void dense_watch(struct dense *dense, const struct dense_watch *watch) {
    must(dense->facts.leaves == 0);
    dense->watch = *watch;
}

void dense_close(struct dense *dense) {
    if (!dense) return;
    buf_close(&dense->keys);
    buf_close(&dense->key_slots);
    buf_close(&dense->gaps);
    buf_close(&dense->open);
    buf_close(&dense->decisions);
    arena_close(&dense->texts);
    arena_close(&dense->leaf);
    free(dense);
}

__attribute__((format(printf, 2, 3))) static void fault(struct dense *dense, const char *format,
                                                        ...) {
    char text[256];
    va_list list;
    if (dense->facts.faults++ >= DENSE_FAULTS_MAX) return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    char *kept = arena_text(&dense->texts, view_of(text));
    must(kept);
    dense->facts.texts[dense->facts.faults - 1] = kept;
}

// ---- keys ----

static uint32_t id_hash(struct view id) { // FNV-1a
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < id.len; i++) hash = (hash ^ (unsigned char)id.at[i]) * 16777619U;
    return hash;
}

static enum sk_code key_find(struct dense *dense, struct view id, uint32_t *out) {
    uint32_t *slots = (uint32_t *)(void *)dense->key_slots.at; // place in keys, plus one
    struct dense_key *keys = keys_of(dense);
    uint32_t slot = id_hash(id) % KEY_SLOTS;
    for (; slots[slot]; slot = (slot + 1) % KEY_SLOTS) {
        *out = slots[slot] - 1;
        if (view_is(id, keys[*out].id)) return SK_OK;
    }
    if (dense->keys_len == DENSE_KEYS_MAX)
        return FAIL(SK_LIMIT, "log: more than %d keys", DENSE_KEYS_MAX);
    *out = (uint32_t)dense->keys_len++;
    slots[slot] = *out + 1;
    memcpy(keys[*out].id, id.at, id.len);
    return SK_OK;
}

// ---- numbers ----

// The first gap that ends after `number` of the key.
static size_t gap_find(const struct dense *dense, uint32_t key, uint64_t number) {
    const struct gap *gaps = gaps_of(dense);
    size_t low = 0, high = dense->gaps_len;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct gap *gap = &gaps[middle];
        bool before = gap->key < key || (gap->key == key && gap->to <= number);
        if (before) low = middle + 1;
        else high = middle;
    }
    return low;
}

static enum sk_code gap_add(struct dense *dense, size_t at, struct gap gap) {
    struct gap *gaps = gaps_of(dense);
    if (gap.from == gap.to) return SK_OK;
    if (dense->gaps_len == DENSE_GAPS_MAX)
        return FAIL(SK_LIMIT, "log: more than %d gaps in the numbers of keys", DENSE_GAPS_MAX);
    memmove(gaps + at + 1, gaps + at, (dense->gaps_len++ - at) * sizeof *gaps);
    gaps[at] = gap;
    return SK_OK;
}

static enum sk_code number_put(struct dense *dense, uint32_t key, uint64_t number,
                               uint64_t index) {
    struct dense_key *row = &keys_of(dense)[key];
    row->decisions++;
    if (row->last == 0) row->first = dense->facts.successor ? number : 1;
    uint64_t next = row->last == 0 ? row->first : row->last + 1;
    if (number >= next) {
        row->last = number;
        return gap_add(dense, gap_find(dense, key, next), (struct gap){key, next, number});
    }
    size_t at = gap_find(dense, key, number);
    struct gap *gap = &gaps_of(dense)[at];
    if (at == dense->gaps_len || gap->key != key || gap->from > number) {
        fault(dense, "key %s: number %llu stands twice (again in leaf %llu)", row->id,
              (unsigned long long)number, (unsigned long long)index);
        return SK_OK;
    }
    struct gap after = {key, number + 1, gap->to};
    gap->to = number;
    if (gap->from < gap->to) return gap_add(dense, at + 1, after);
    *gap = after;
    if (gap->from < gap->to) return SK_OK;
    memmove(gap, gap + 1, (--dense->gaps_len - at) * sizeof *gap);
    return SK_OK;
}

// ---- decisions and outcomes ----

static size_t open_home(uint64_t index) {
    return (size_t)((index + 1) * 0x9E3779B97F4A7C15U >> 32) % SLOTS;
}

// The slot of the decision at `index`, or the free one where it would stand.
static size_t open_find(const struct dense *dense, uint64_t index) {
    const struct decision *open = open_of(dense);
    size_t slot = open_home(index);
    while (open[slot].index && open[slot].index != index + 1) slot = (slot + 1) % SLOTS;
    return slot;
}

// Frees a slot; those behind it that would no longer be found move up.
static void open_free(struct dense *dense, size_t slot) {
    struct decision *open = open_of(dense);
    size_t next = slot;
    for (;;) {
        next = (next + 1) % SLOTS;
        if (!open[next].index) break;
        size_t home = open_home(open[next].index - 1);
        if ((next - home + SLOTS) % SLOTS < (next - slot + SLOTS) % SLOTS) continue;
        open[slot] = open[next];
        slot = next;
    }
    open[slot] = (struct decision){0};
    dense->open_len--;
}

static enum sk_code decision_put(struct dense *dense, struct decision decision,
                                 const struct json_node *leaf) {
    uint64_t index = decision.index - 1;
    const struct dense_number number = {decision.key, decision.number};
    if (dense->open_len == DENSE_OPEN_MAX)
        return FAIL(SK_LIMIT, "log: more than %d decisions without an outcome", DENSE_OPEN_MAX);
    if (dense->watch.open)
        TRY(dense->watch.open(dense->watch.self, index, &number, leaf, &decision.tag));
    open_of(dense)[open_find(dense, index)] = decision;
    dense->open_len++;
    dense->decisions.at[index / 8] |= (char)(1 << index % 8);
    return SK_OK;
}

static enum sk_code outcome_put(struct dense *dense, const struct decision *outcome,
                                uint64_t named, const struct json_node *close) {
    unsigned long long leaf = outcome->index - 1, of = named;
    size_t slot = open_find(dense, named);
    const struct decision *decision = &open_of(dense)[slot];
    if (named >= leaf || !(dense->decisions.at[named / 8] >> named % 8 & 1)) {
        fault(dense, "leaf %llu: the outcome of leaf %llu, which is no decision before it", leaf,
              of);
    } else if (!decision->index) {
        fault(dense, "leaf %llu: a second outcome of the decision in leaf %llu", leaf, of);
    } else if (decision->key != outcome->key || decision->number != outcome->number) {
        fault(dense, "leaf %llu: the outcome of leaf %llu, but of another key or number", leaf, of);
    } else {
        uint64_t tag = decision->tag;
        open_free(dense, slot);
        if (dense->watch.close) return dense->watch.close(dense->watch.self, leaf, tag, close);
    }
    return SK_OK;
}

// ---- leaves ----

static enum sk_code leaf_put(struct dense *dense, uint64_t index, const struct json_node *leaf) {
    const struct json_node *id = json_find(leaf, "key"), *type = json_find(leaf, "type");
    bool opens = json_is_text(type, "open");
    int64_t number = 0, named = -1;
    struct decision row = {.index = index + 1};
    if (!opens && !json_is_text(type, "close")) {
        if (index == 0 && json_is_text(type, "restore")) dense->facts.successor = true;
        dense->facts.others++;
        return SK_OK;
    }
    *(opens ? &dense->facts.opens : &dense->facts.closes) += 1;
    if (!json_is(id, JSON_STRING) || id->len == 0 || id->len >= sizeof keys_of(dense)->id ||
        memchr(id->at, 0, id->len) || !json_i64(json_find(leaf, "n"), &number) || number < 1 ||
        (!opens && (!json_i64(json_find(leaf, "open"), &named) || named < 0))) {
        fault(dense, "leaf %llu: %s without its key or number", (unsigned long long)index,
              opens ? "a decision" : "an outcome");
        return SK_OK;
    }
    TRY(key_find(dense, json_view(id), &row.key));
    row.number = (uint64_t)number;
    if (opens) TRY(number_put(dense, row.key, row.number, index));
    return opens ? decision_put(dense, row, leaf)
                 : outcome_put(dense, &row, (uint64_t)named, leaf);
}

enum sk_code dense_leaf(struct dense *dense, uint64_t index, struct view leaf) {
    const struct json_node *root;
    must(index == dense->facts.leaves && index < LEDGER_LEAVES_MAX);
    dense->facts.leaves++;
    arena_reset(&dense->leaf);
    char *copy = arena_text(&dense->leaf, leaf);
    must(copy);
    if (json_parse(copy, leaf.len, &dense->leaf, &root) == SK_OK &&
        json_is(json_find(root, "type"), JSON_STRING))
        return leaf_put(dense, index, root);
    dense->facts.strange++;
    return SK_OK;
}

void dense_end(struct dense *dense, struct dense_facts *facts) {
    struct dense_key *keys = keys_of(dense);
    for (size_t i = 0; i < dense->gaps_len; i++) {
        const struct gap *gap = &gaps_of(dense)[i];
        unsigned long long first = gap->from, last = gap->to - 1;
        keys[gap->key].missing += gap->to - gap->from;
        if (first == last)
            fault(dense, "key %s: number %llu is missing", keys[gap->key].id, first);
        else
            fault(dense, "key %s: numbers %llu to %llu are missing", keys[gap->key].id, first,
                  last);
    }
    dense->gaps_len = 0;
    dense->facts.unclosed = dense->open_len;
    dense->facts.keys = keys;
    dense->facts.keys_len = dense->keys_len;
    *facts = dense->facts;
}
