#include "ledger/audit.h"

#include <stdlib.h>

#include "ledger/ledger.h"

enum {
    SLOTS = 2 * AUDIT_CELLS_MAX, // of a table that is never more than half full
    CELL_BITS = 16,              // of a tag
    PARTS = 4 + AUDIT_CLASSES_MAX,
};
_Static_assert(AUDIT_CELLS_MAX < 1 << CELL_BITS, "a cell fits in a tag");

const char *const audit_outcome_names[AUDIT_OUTCOMES] = {
    "under_way", "stop", "length", "filtered", "cut", "failed", "refused", "lost", "other"};

struct audit {
    struct audit_query query;
    struct arena texts;
    struct buf cells, slots, keys; // reserved; pages are touched as needed
    size_t cells_len;
    uint64_t rows;
    int64_t newest_ms; // time of the decision before
    bool any;
    struct audit_facts facts;
};

enum sk_code audit_open(const struct audit_query *query, struct audit **out) {
    struct audit *audit = calloc(1, sizeof *audit);
    if (!audit) return FAIL(SK_LIMIT, "audit: no memory");
    audit->query = *query;
    enum sk_code code = arena_open(&audit->texts, "texts of decisions", AUDIT_TEXTS_MAX);
    if (code == SK_OK)
        code = buf_open(&audit->cells, AUDIT_CELLS_MAX * sizeof(struct audit_cell));
    if (code == SK_OK) code = buf_open(&audit->slots, SLOTS * sizeof(uint32_t));
    if (code == SK_OK) code = buf_open(&audit->keys, DENSE_KEYS_MAX * sizeof(struct audit_key));
    if (code == SK_OK) *out = audit;
    else audit_close(audit);
    return code;
}

void audit_close(struct audit *audit) {
    if (!audit) return;
    arena_close(&audit->texts);
    buf_close(&audit->cells);
    buf_close(&audit->slots);
    buf_close(&audit->keys);
    free(audit);
}

// ---- cells ----

static struct audit_cell *cells_of(const struct audit *audit) {
    return (struct audit_cell *)(void *)audit->cells.at;
}

// What a cell is known by, in the leaf: place, verdict, rule, then each class.
struct parts {
    struct view at[PARTS];
    uint32_t len;
};

static struct view text_of(const struct json_node *leaf, const char *name) {
    const struct json_node *node = json_find(leaf, name);
    return json_is(node, JSON_STRING) ? json_view(node) : VIEW("");
}

static enum sk_code parts_of(const struct json_node *leaf, uint64_t index, struct parts *out) {
    const struct json_node *list = json_find(leaf, "classes");
    out->at[0] = text_of(leaf, "place");
    out->at[1] = text_of(leaf, "verdict");
    out->at[2] = text_of(leaf, "rule");
    out->len = 3;
    if (!json_is(list, JSON_ARRAY)) return SK_OK;
    if (list->len > AUDIT_CLASSES_MAX)
        return FAIL(SK_LIMIT, "leaf %llu: more than %d classes", (unsigned long long)index,
                    AUDIT_CLASSES_MAX);
    const struct json_node *one = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, one = json_next(one))
        if (json_is(one, JSON_STRING)) out->at[out->len++] = json_view(one);
    return SK_OK;
}

static uint32_t parts_hash(const struct parts *parts) { // FNV-1a, a part ends with a byte of none
    uint32_t hash = 2166136261U;
    for (uint32_t i = 0; i < parts->len; i++) {
        struct view part = parts->at[i];
        for (size_t j = 0; j < part.len; j++)
            hash = (hash ^ (unsigned char)part.at[j]) * 16777619U;
        hash = (hash ^ 0xff) * 16777619U;
    }
    return hash;
}

static bool cell_is(const struct audit_cell *cell, const struct parts *parts) {
    if (cell->classes_len + 3 != parts->len || !view_is(parts->at[0], cell->place) ||
        !view_is(parts->at[1], cell->verdict) || !view_is(parts->at[2], cell->rule))
        return false;
    for (uint32_t i = 0; i < cell->classes_len; i++)
        if (!view_is(parts->at[3 + i], cell->classes[i])) return false;
    return true;
}

static enum sk_code cell_make(struct audit *audit, const struct parts *parts,
                              struct audit_cell *cell) {
    const char *texts[PARTS];
    for (uint32_t i = 0; i < parts->len; i++) {
        texts[i] = arena_text(&audit->texts, parts->at[i]);
        if (!texts[i]) return SK_LIMIT;
    }
    *cell = (struct audit_cell){.place = texts[0],
                                .verdict = texts[1],
                                .rule = texts[2],
                                .classes_len = parts->len - 3};
    memcpy(cell->classes, texts + 3, cell->classes_len * sizeof *texts);
    return SK_OK;
}

static enum sk_code cell_find(struct audit *audit, const struct parts *parts, uint32_t *out) {
    uint32_t *slots = (uint32_t *)(void *)audit->slots.at; // place in cells, plus one
    uint32_t slot = parts_hash(parts) % SLOTS;
    for (; slots[slot]; slot = (slot + 1) % SLOTS) {
        *out = slots[slot] - 1;
        if (cell_is(&cells_of(audit)[*out], parts)) return SK_OK;
    }
    if (audit->cells_len == AUDIT_CELLS_MAX)
        return FAIL(SK_LIMIT, "log: more than %d different decisions (classes, place, verdict, "
                              "rule); ask for a shorter period", AUDIT_CELLS_MAX);
    TRY(cell_make(audit, parts, &cells_of(audit)[audit->cells_len]));
    *out = (uint32_t)audit->cells_len++;
    slots[slot] = *out + 1;
    return SK_OK;
}

// ---- decisions ----

// In time, or why not.
static bool dated(struct audit *audit, const struct json_node *leaf, int64_t *ms) {
    struct audit_facts *facts = &audit->facts;
    if (!json_i64(json_find(leaf, "time_ms"), ms)) {
        facts->undated++;
        return false;
    }
    if (audit->any && *ms < audit->newest_ms) {
        int64_t back;
        if (__builtin_sub_overflow(audit->newest_ms, *ms, &back)) back = INT64_MAX;
        facts->back++;
        if (back > facts->back_ms) facts->back_ms = back;
    }
    audit->newest_ms = *ms;
    audit->any = true;
    facts->before += *ms < audit->query.from_ms;
    facts->after += *ms >= audit->query.to_ms;
    return *ms >= audit->query.from_ms && *ms < audit->query.to_ms;
}

static void count(struct audit *audit, const struct audit_open *open) {
    struct audit_facts *facts = &audit->facts;
    struct audit_cell *cell = &cells_of(audit)[open->cell];
    struct audit_key *key = &((struct audit_key *)(void *)audit->keys.at)[open->key];
    cell->requests++;
    cell->left += open->left;
    cell->outcomes[AUDIT_UNDER_WAY]++;
    if (key->requests++ == 0 || open->number < key->first) key->first = open->number;
    if (open->number > key->last) key->last = open->number;
    if (facts->requests == 0) facts->first_index = open->index;
    facts->last_index = open->index;
    if (facts->requests == 0 || open->time_ms < facts->first_ms) facts->first_ms = open->time_ms;
    if (facts->requests == 0 || open->time_ms > facts->last_ms) facts->last_ms = open->time_ms;
    facts->requests++;
    facts->left += open->left;
}

// A tag is the row and the cell; of a decision that is not counted it is none.
static const uint64_t none = UINT64_MAX;

static enum sk_code open_put(void *self, uint64_t index, const struct dense_number *number,
                             const struct json_node *leaf, uint64_t *tag) {
    struct audit *audit = self;
    struct audit_open open = {.index = index,
                              .number = number->number,
                              .key = number->key,
                              .left = json_find(leaf, "envelope") != NULL};
    struct parts parts;
    *tag = none;
    if (!dated(audit, leaf, &open.time_ms) || (audit->query.left && !open.left)) return SK_OK;
    TRY(parts_of(leaf, index, &parts));
    TRY(cell_find(audit, &parts, &open.cell));
    count(audit, &open);
    uint64_t row = audit->rows++;
    *tag = row << CELL_BITS | open.cell;
    return audit->query.reader.open ? audit->query.reader.open(audit->query.reader.self, row, &open)
                                    : SK_OK;
}

static enum audit_outcome outcome_of(const struct json_node *leaf) {
    struct view word = text_of(leaf, "outcome");
    enum audit_outcome outcome = AUDIT_STOP;
    while (outcome < AUDIT_OTHER && !view_is(word, audit_outcome_names[outcome])) outcome++;
    return outcome;
}

static uint64_t number_of(const struct json_node *leaf, const char *name) {
    int64_t number;
    return json_i64(json_find(leaf, name), &number) && number > 0 ? (uint64_t)number : 0;
}

static enum sk_code close_put(void *self, uint64_t index, uint64_t tag,
                              const struct json_node *leaf) {
    struct audit *audit = self;
    if (tag == none) return SK_OK;
    struct audit_cell *cell = &cells_of(audit)[tag & ((1 << CELL_BITS) - 1)];
    struct audit_end end = {.index = index,
                            .outcome = outcome_of(leaf),
                            .prompt_tokens = number_of(leaf, "prompt_tokens"),
                            .completion_tokens = number_of(leaf, "completion_tokens")};
    (void)json_i64(json_find(leaf, "time_ms"), &end.time_ms);
    cell->outcomes[AUDIT_UNDER_WAY]--;
    cell->outcomes[end.outcome]++;
    return audit->query.reader.end
               ? audit->query.reader.end(audit->query.reader.self, tag >> CELL_BITS, &end)
               : SK_OK;
}

struct dense_watch audit_watch(struct audit *audit) {
    return (struct dense_watch){audit, open_put, close_put};
}

void audit_end(struct audit *audit, struct audit_facts *facts) {
    audit->facts.cells = cells_of(audit);
    audit->facts.cells_len = audit->cells_len;
    audit->facts.keys = (const struct audit_key *)(const void *)audit->keys.at;
    *facts = audit->facts;
}
