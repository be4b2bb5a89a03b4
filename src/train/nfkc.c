#include "train/nfkc.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/wire.h"
#include "engine/charsmap.h"
#include "engine/vocab.h"

enum {
    KEY_MAX = 20, // bytes: Unicode joins up to four characters
    ENTRIES_MAX = 1 << 17,
    UNITS_MAX = 1 << 19,
    BLOCK = 256, // units; readers want whole ones
    // Where Unicode keeps half- and full-width forms.
    WIDTHS_FIRST = 0xff00,
    WIDTHS_LAST = 0xffef,
};

struct entry {
    char key[KEY_MAX];
    uint8_t len;
    uint32_t text; // where what comes instead begins
};

// A part of the entries, alike in their first `depth` bytes, whose unit is at `unit`.
struct node {
    uint32_t from, to, depth, unit;
};

struct maker {
    struct entry *entries;
    uint32_t *units;
    bool *used, *based; // units; and those from which some node's children are counted
    struct node *nodes; // to be laid
    uint32_t entries_len, units_len, first_free, nodes_len;
    uint32_t widths[WIDTHS_LAST - WIDTHS_FIRST + 1]; // the one character that each is; 0: none
    struct buf texts;
};

// ---- what becomes what ----

static bool is_one(const uint32_t *parts, size_t len, uint32_t codepoint) {
    return len == 1 && parts[0] == codepoint;
}

static size_t put_characters(const uint32_t *characters, size_t len, char *out) {
    size_t at = 0;
    for (size_t i = 0; i < len; i++) at += utf8_put(characters[i], out + at);
    return at;
}

static uint32_t put_text(struct maker *maker, const uint32_t *characters, size_t len) {
    char utf8[4 * UNICODE_PARTS_MAX];
    uint32_t at = (uint32_t)maker->texts.len;
    buf_put(&maker->texts, utf8, put_characters(characters, len, utf8));
    buf_put_char(&maker->texts, 0);
    return at;
}

static void put_entry(struct maker *maker, const uint32_t *characters, size_t len, uint32_t text) {
    must(maker->entries_len < ENTRIES_MAX && 4 * len <= KEY_MAX);
    struct entry *entry = &maker->entries[maker->entries_len++];
    entry->len = (uint8_t)put_characters(characters, len, entry->key);
    entry->text = text;
}

// The character itself, then its half- and full-width forms; 0 at the end.
static uint32_t form_of(const struct maker *maker, uint32_t codepoint, uint32_t *at) {
    if (*at == 0) {
        *at = WIDTHS_FIRST;
        return codepoint;
    }
    for (; *at <= WIDTHS_LAST; ++*at)
        if (maker->widths[*at - WIDTHS_FIRST] == codepoint) return (*at)++;
    return 0;
}

// All that is joined to the character: two parts in any width; of more also what is left to join
// when some of them are joined before.
static void put_joined(struct maker *maker, uint32_t codepoint, const uint32_t *parts, size_t len) {
    uint32_t text = put_text(maker, &codepoint, 1), left[UNICODE_PARTS_MAX];
    for (size_t joined = 1; len > 2 && joined < len; joined++) {
        memcpy(left, parts, joined * sizeof *parts);
        if (unicode_compose(left, joined) != 1) continue;
        memcpy(left + 1, parts + joined, (len - joined) * sizeof *parts);
        put_entry(maker, left, len - joined + 1, text);
    }
    if (len > 2) return;
    for (uint32_t first = 0; (left[0] = form_of(maker, parts[0], &first));)
        for (uint32_t second = 0; (left[1] = form_of(maker, parts[1], &second));)
            put_entry(maker, left, 2, text);
}

static void find_widths(struct maker *maker) {
    for (uint32_t codepoint = WIDTHS_FIRST; codepoint <= WIDTHS_LAST; codepoint++) {
        uint32_t parts[UNICODE_PARTS_MAX];
        size_t len = unicode_compose(parts, unicode_decompose(codepoint, parts));
        if (len == 1 && parts[0] != codepoint) maker->widths[codepoint - WIDTHS_FIRST] = parts[0];
    }
}

static void find_entries(struct maker *maker) {
    find_widths(maker);
    for (uint32_t codepoint = 1; codepoint <= 0x10ffff; codepoint++) {
        uint32_t parts[UNICODE_PARTS_MAX], form[UNICODE_PARTS_MAX];
        if (codepoint == 0xd800) codepoint = 0xe000; // no characters between
        size_t len = unicode_decompose(codepoint, parts);
        if (is_one(parts, len, codepoint)) continue;
        memcpy(form, parts, len * sizeof *parts);
        size_t form_len = unicode_compose(form, len);
        if (is_one(form, form_len, codepoint))
            put_joined(maker, codepoint, parts, len);
        else
            put_entry(maker, &codepoint, 1, put_text(maker, form, form_len));
    }
}

static int by_key(const void *one, const void *other) {
    const struct entry *a = one, *b = other;
    int order = memcmp(a->key, b->key, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

// ---- the double array ----

// Whether all labels are free from `base` on, which no other node counts from.
static bool base_fits(const struct maker *maker, uint32_t base, const uint8_t *labels, size_t len) {
    if (base >= UNITS_MAX || maker->based[base]) return false;
    for (size_t i = 0; i < len; i++)
        if (maker->used[base ^ labels[i]]) return false;
    return true;
}

static uint32_t find_base(struct maker *maker, const uint8_t *labels, size_t len) {
    while (maker->used[maker->first_free]) maker->first_free++;
    for (uint32_t at = maker->first_free; at < UNITS_MAX; at++)
        if (!maker->used[at] && base_fits(maker, at ^ labels[0], labels, len))
            return at ^ labels[0];
    must(false); // the entries of Unicode 15 take a seventh of the room
}

static void lay_node(struct maker *maker, const struct node *node) {
    const struct entry *entries = maker->entries;
    uint32_t from = node->from, starts[BLOCK + 1];
    uint8_t labels[BLOCK];
    size_t len = 0;
    bool ends = entries[from].len == node->depth;
    for (uint32_t i = from; i < node->to; i++) {
        uint8_t label = ends && i == from ? 0 : (uint8_t)entries[i].key[node->depth];
        if (len && labels[len - 1] == label) continue;
        starts[len] = i;
        labels[len++] = label;
    }
    starts[len] = node->to;
    uint32_t base = find_base(maker, labels, len);
    maker->based[base] = true;
    maker->units[node->unit] |= (base ^ node->unit) << 10 | (ends ? 1u << 8 : 0);
    for (size_t i = 0; i < len; i++) {
        uint32_t unit = base ^ labels[i];
        maker->used[unit] = true;
        maker->units[unit] = labels[i] ? labels[i] : 1u << 31 | entries[from].text;
        if (unit >= maker->units_len) maker->units_len = unit / BLOCK * BLOCK + BLOCK;
        if (labels[i])
            maker->nodes[maker->nodes_len++] =
                (struct node){starts[i], starts[i + 1], node->depth + 1, unit};
    }
}

// What no node has is nobody's child: bit 31, which no byte has.
static void lay_all(struct maker *maker) {
    for (uint32_t i = 1; i < UNITS_MAX; i++) maker->units[i] = 1u << 31;
    maker->used[0] = true;
    maker->units_len = BLOCK;
    maker->nodes[maker->nodes_len++] = (struct node){0, maker->entries_len, 0, 0};
    for (uint32_t i = 0; i < maker->nodes_len; i++) {
        struct node node = maker->nodes[i];
        lay_node(maker, &node);
    }
}

static void make(struct maker *maker, struct buf *out) {
    find_entries(maker);
    must(!maker->texts.over);
    qsort(maker->entries, maker->entries_len, sizeof *maker->entries, by_key);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < maker->entries_len; i++)
        if (!kept || by_key(&maker->entries[kept - 1], &maker->entries[i]) != 0)
            maker->entries[kept++] = maker->entries[i];
    maker->entries_len = kept;
    lay_all(maker);
    wire_put_u32(out, maker->units_len * (uint32_t)sizeof *maker->units);
    for (uint32_t i = 0; i < maker->units_len; i++) wire_put_u32(out, maker->units[i]);
    buf_put_view(out, buf_view(&maker->texts));
}

enum sk_code nfkc_put(struct buf *out) {
    struct maker *maker = calloc(1, sizeof *maker);
    if (!maker) return FAIL(SK_LIMIT, "memory: none left");
    maker->entries = calloc(ENTRIES_MAX, sizeof *maker->entries);
    maker->units = calloc(UNITS_MAX, sizeof *maker->units);
    maker->used = calloc(UNITS_MAX, sizeof *maker->used);
    maker->based = calloc(UNITS_MAX, sizeof *maker->based);
    maker->nodes = calloc(UNITS_MAX, sizeof *maker->nodes);
    bool all = maker->entries && maker->units && maker->used && maker->based && maker->nodes;
    enum sk_code code = all ? buf_open(&maker->texts, NFKC_BYTES_MAX)
                            : FAIL(SK_LIMIT, "memory: none left");
    if (code == SK_OK) make(maker, out);
    if (code == SK_OK) code = buf_check(out, "the normal form");
    buf_close(&maker->texts);
    free(maker->entries);
    free(maker->units);
    free(maker->used);
    free(maker->based);
    free(maker->nodes);
    free(maker);
    return code;
}
