// What a vault looks up: its spellings by what they are, by their value, by the token's number and
// by parts of names; and the bytes all of it points to. Every block is overwritten before it goes.
#include "border/mask_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOTS = 2,          // of each index for a spelling: at most half full
    PARTS_SLOTS = 16,   // likewise; a name has up to MASK_PARTS_MAX
    BLOCK_MIN = 2048,   // of bytes, less for what else stands in the block
    NAME_CHARS_MAX = 8, // a longer name without a space is not taken apart
};
static const size_t BYTES_MAX = 256 << 20; // of all values of a vault

// ---- bytes ----

struct mask_bytes {
    struct mask_bytes *before;
    size_t used, max;
    char at[];
};

char *mask_bytes_room(struct vault *vault, size_t len) {
    struct mask_bytes *block = vault->bytes;
    if (block && block->max - block->used >= len) return block->at + block->used;
    size_t max = len > BLOCK_MIN ? len : BLOCK_MIN;
    block = max <= BYTES_MAX - vault->bytes_len ? malloc(sizeof *block + max) : NULL;
    if (!block) {
        FAIL(SK_LIMIT, "no memory for %zu bytes of values to mask", len);
        return NULL;
    }
    *block = (struct mask_bytes){.before = vault->bytes, .max = max};
    vault->bytes = block;
    vault->bytes_len += max;
    return block->at;
}

struct view mask_bytes_keep(struct vault *vault, size_t len) {
    struct mask_bytes *block = vault->bytes;
    must(len <= block->max - block->used);
    struct view kept = {block->at + block->used, len};
    block->used += len;
    return kept;
}

void mask_bytes_close(struct vault *vault) {
    while (vault->bytes) {
        struct mask_bytes *block = vault->bytes;
        vault->bytes = block->before;
        explicit_bzero(block->at, block->max);
        free(block);
    }
}

// ---- tables ----

static size_t tables_len(uint32_t room) {
    const struct mask_tables *t = NULL;
    return room * (sizeof *t->spellings + MASK_WRITTEN * sizeof *t->patterns + sizeof *t->begun +
                   PARTS_SLOTS * sizeof *t->parts + 3 * SLOTS * sizeof *t->by_raw);
}

enum sk_code mask_tables_open(struct mask_tables *tables, uint32_t room) {
    struct mask_tables t = {.room = room, .spellings = calloc(1, tables_len(room))};
    if (!t.spellings) return FAIL(SK_LIMIT, "no memory for %u values to mask", room);
    t.patterns = (struct mask_pattern *)(t.spellings + room);
    t.begun = (uint64_t *)(t.patterns + MASK_WRITTEN * room);
    t.parts = (struct mask_part *)(t.begun + room);
    t.by_raw = (uint16_t *)(t.parts + PARTS_SLOTS * room);
    t.by_id = t.by_raw + SLOTS * room;
    t.by_folded = t.by_id + SLOTS * room;
    *tables = t;
    return SK_OK;
}

void mask_tables_close(struct mask_tables *tables) {
    explicit_bzero(tables->spellings, tables_len(tables->room));
    free(tables->spellings);
    *tables = (struct mask_tables){0};
}

enum sk_code mask_tables_grow(struct vault *vault) {
    struct mask_tables old = vault->tables, *t = &vault->tables;
    if (vault->len < old.room) return SK_OK;
    if (vault->len == MASK_VALUES_MAX)
        return FAIL(SK_LIMIT, "more than %d different values to mask in one request",
                    MASK_VALUES_MAX);
    TRY(mask_tables_open(t, MASK_GROWTH * old.room));
    memcpy(t->spellings, old.spellings, vault->len * sizeof *t->spellings);
    memcpy(t->patterns, old.patterns, vault->patterns_len * sizeof *t->patterns);
    for (uint32_t i = 0; i < vault->patterns_len; i++)
        mask_begins(t, t->patterns[i].text.at);
    for (uint32_t i = 0; i < vault->len; i++)
        mask_tables_enter(vault, i);
    mask_tables_close(&old);
    return SK_OK;
}

// ---- slots ----

static uint32_t slot_first(const struct vault *vault, struct view text, uint64_t more) {
    uint64_t h;
    memcpy(&h, vault->key, sizeof h); // nobody outside can choose who meets whom
    h ^= more * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (uint8_t)text.at[i]) * 0x100000001b3u;
    return (uint32_t)((h ^ h >> 29) * 0xbf58476d1ce4e5b9u >> 32);
}

// The slot where the spelling stands, or where it is to stand.
static uint16_t *slot_of_raw(const struct vault *vault, enum detector detector, struct view raw) {
    const struct mask_tables *t = &vault->tables;
    uint32_t most = SLOTS * t->room - 1, slot = slot_first(vault, raw, detector) & most;
    for (; t->by_raw[slot]; slot = (slot + 1) & most) {
        const struct mask_spelling *is = &t->spellings[t->by_raw[slot] - 1];
        if (is->detector == detector && view_same(is->raw, raw)) break;
    }
    return &t->by_raw[slot];
}

static uint16_t *slot_of_folded(const struct vault *vault, enum detector detector,
                                struct view folded) {
    const struct mask_tables *t = &vault->tables;
    uint32_t most = SLOTS * t->room - 1, slot = slot_first(vault, folded, detector) & most;
    for (; t->by_folded[slot]; slot = (slot + 1) & most) {
        const struct mask_spelling *is = &t->spellings[t->by_folded[slot] - 1];
        if (is->detector == detector && view_same(is->folded, folded)) break;
    }
    return &t->by_folded[slot];
}

static uint16_t *slot_of_id(const struct vault *vault, uint64_t id) {
    const struct mask_tables *t = &vault->tables;
    uint32_t most = SLOTS * t->room - 1, slot = (uint32_t)id & most;
    while (t->by_id[slot] && t->spellings[t->by_id[slot] - 1].id != id)
        slot = (slot + 1) & most;
    return &t->by_id[slot];
}

static struct mask_part *slot_of_part(const struct vault *vault, struct view part) {
    const struct mask_tables *t = &vault->tables;
    uint32_t most = PARTS_SLOTS * t->room - 1, slot = slot_first(vault, part, 0) & most;
    for (; t->parts[slot].len; slot = (slot + 1) & most) {
        const struct mask_part *is = &t->parts[slot];
        const char *at = t->spellings[is->name].folded.at + is->at;
        if (view_same((struct view){at, is->len}, part)) break;
    }
    return &t->parts[slot];
}

static const struct mask_spelling *spelling_in(const struct vault *vault, const uint16_t *slot) {
    return *slot ? &vault->tables.spellings[*slot - 1] : NULL;
}

const struct mask_spelling *vault_find(const struct vault *vault, enum detector detector,
                                       struct view raw) {
    return spelling_in(vault, slot_of_raw(vault, detector, raw));
}

const struct mask_spelling *vault_of_folded(const struct vault *vault, enum detector detector,
                                            struct view folded) {
    return spelling_in(vault, slot_of_folded(vault, detector, folded));
}

const struct mask_spelling *vault_of_id(const struct vault *vault, uint64_t id) {
    return spelling_in(vault, slot_of_id(vault, id));
}

const struct mask_spelling *vault_of_part(const struct vault *vault, struct view part) {
    const struct mask_part *is = slot_of_part(vault, part);
    return is->len && !is->several ? &vault->tables.spellings[is->name] : NULL;
}

// ---- parts of a name ----

// With a space: what stands before the first and after the last. Without: two or three characters,
// or one of a name of at most three.
uint32_t mask_name_parts(const struct mask_spelling *name, struct view out[MASK_PARTS_MAX]) {
    struct view all = name->folded;
    if (name->family) {
        out[0] = (struct view){all.at, name->family};
        out[1] = view_from(all, all.len - name->given);
        return 2;
    }
    size_t begins[NAME_CHARS_MAX + 1], chars = 0;
    for (size_t i = 0; i < all.len; i++) {
        if (((uint8_t)all.at[i] & 0xc0) == 0x80) continue;
        if ((uint8_t)all.at[i] < 0x80 || chars == NAME_CHARS_MAX) return 0;
        begins[chars++] = i;
    }
    begins[chars] = all.len;
    uint32_t len = 0;
    for (size_t k = chars <= 3 ? 1 : 2; k <= 3 && k < chars; k++) {
        out[len++] = (struct view){all.at, begins[k]};
        out[len++] = view_from(all, begins[chars - k]);
    }
    return len;
}

static void parts_enter(struct vault *vault, uint16_t index) {
    const struct mask_spelling *name = &vault->tables.spellings[index];
    struct view parts[MASK_PARTS_MAX];
    uint32_t len = mask_name_parts(name, parts);
    for (uint32_t i = 0; i < len; i++) {
        struct mask_part *slot = slot_of_part(vault, parts[i]);
        bool several = slot->len && (slot->several || slot->name != index);
        *slot = (struct mask_part){.name = index,
                                   .at = (uint16_t)(parts[i].at - name->folded.at),
                                   .len = (uint16_t)parts[i].len,
                                   .several = several};
    }
}

void mask_tables_enter(struct vault *vault, uint32_t index) {
    const struct mask_spelling *is = &vault->tables.spellings[index];
    enum detector detector = (enum detector)is->detector;
    uint16_t at = (uint16_t)(index + 1);
    *slot_of_raw(vault, detector, is->raw) = at;
    if (is->first != index) return;
    *slot_of_folded(vault, detector, is->folded) = at;
    *slot_of_id(vault, is->id) = at;
    if (detector == DETECTOR_PERSON) parts_enter(vault, (uint16_t)index);
}
