#include "engine/specials.h"

#include <stdlib.h>

#include "base/fail.h"

void specials_lay(struct specials *specials, struct lay *lay, uint32_t max) {
    specials->max = max;
    specials->at = lay_take(lay, max, sizeof *specials->at);
}

void cutter_lay(struct cutter *cutter, struct lay *lay, size_t text_max) {
    cutter->cuts = lay_take(lay, text_max, sizeof *cutter->cuts);
    cutter->claimed = lay_take(lay, text_max, sizeof *cutter->claimed);
}

void specials_add(struct specials *specials, struct special special) {
    must(specials->len < specials->max);
    must(special.text.len && special.text.len <= SPECIALS_LEN_MAX);
    specials->at[specials->len++] = special;
    specials->begins[(uint8_t)special.text.at[0]] = true;
    specials->lengths[special.text.len] = true;
}

static int order(struct view a, struct view b) {
    int bytes = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return bytes ? bytes : (a.len > b.len) - (a.len < b.len);
}

static int order_specials(const void *a, const void *b) {
    const struct special *x = a, *y = b;
    int texts = order(x->text, y->text);
    return texts ? texts : (x->id > y->id) - (x->id < y->id);
}

void specials_end(struct specials *specials) {
    if (specials->len) qsort(specials->at, specials->len, sizeof *specials->at, order_specials);
    for (uint32_t i = 0; i < specials->len; i++) {
        int32_t shorter = (int32_t)i - 1;
        while (shorter >= 0 && !view_starts(specials->at[i].text, specials->at[shorter].text))
            shorter = specials->at[shorter].shorter;
        specials->at[i].shorter = shorter;
    }
}

// How many specials come before text or are the same.
static uint32_t place_of(const struct specials *specials, struct view text) {
    uint32_t low = 0, high = specials->len;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (order(specials->at[middle].text, text) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct wanted {
    const struct specials *specials;
    struct view text;
    const uint8_t *marks;
    bool control;
};

// How far from a place on there is no data, as far as a special may reach.
static size_t clear_at(const struct wanted *w, size_t at) {
    size_t left = w->text.len - at, most = left < SPECIALS_LEN_MAX ? left : SPECIALS_LEN_MAX;
    const uint8_t *data = w->marks ? memchr(w->marks + at, 1, most) : NULL;
    return data ? (size_t)(data - w->marks) - at : most;
}

static bool allowed(const struct wanted *w, const struct special *special, size_t clear) {
    if (special->control && !w->control) return false;
    return special->text.len <= clear || !(special->control || special->marker);
}

// The longest that may be at this place, `from` itself or one that it begins with. All that begin
// a text begin the one that sorts before it too. `starts`: the text surely begins with `from`.
static int32_t longest_at(const struct wanted *w, size_t at, int32_t from, bool starts) {
    struct view text = view_from(w->text, at);
    size_t clear = from >= 0 ? clear_at(w, at) : 0;
    while (from >= 0) {
        const struct special *special = &w->specials->at[from];
        starts = starts || view_starts(text, special->text); // then all that are shorter do too
        if (starts && allowed(w, special, clear)) return from;
        from = special->shorter;
    }
    return SPECIALS_NONE;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static void claim(const struct wanted *w, uint8_t *claimed, size_t at,
                  const struct special *special) {
    size_t end = at + special->text.len;
    memset(claimed + at, 1, special->text.len);
    while (special->strip_before && at && !claimed[at - 1] && is_space(w->text.at[at - 1]))
        claimed[--at] = 1;
    while (special->strip_after && end < w->text.len && !claimed[end] && is_space(w->text.at[end]))
        claimed[end++] = 1;
}

// All that was claimed before is at least as long, so it covers an end of what it overlaps.
static void claim_length(const struct wanted *w, struct cutter *cutter, size_t length) {
    for (size_t i = 0; i < cutter->len; i++) {
        struct special_cut *cut = &cutter->cuts[i];
        if (cut->special < 0) continue;
        const struct special *special = &w->specials->at[cut->special];
        if (special->text.len != length) continue;
        if (cutter->claimed[cut->at] || cutter->claimed[cut->at + length - 1])
            cut->special = longest_at(w, cut->at, special->shorter, true);
        else
            claim(w, cutter->claimed, cut->at, special);
    }
}

void specials_cut(const struct specials *specials, struct cutter *cutter, struct view text,
                  const uint8_t *marks, bool control) {
    struct wanted w = {specials, text, marks, control};
    cutter->len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!specials->begins[(uint8_t)text.at[i]]) continue;
        int32_t last = (int32_t)place_of(specials, view_from(text, i)) - 1;
        int32_t found = longest_at(&w, i, last, false);
        if (found >= 0) cutter->cuts[cutter->len++] = (struct special_cut){(uint32_t)i, found};
    }
    if (cutter->len == 0) return;
    memset(cutter->claimed, 0, text.len);
    for (size_t length = SPECIALS_LEN_MAX; length; length--)
        if (specials->lengths[length]) claim_length(&w, cutter, length);
    size_t kept = 0;
    for (size_t i = 0; i < cutter->len; i++)
        if (cutter->cuts[i].special >= 0) cutter->cuts[kept++] = cutter->cuts[i];
    cutter->len = kept;
}

size_t specials_common(const struct specials *specials, struct view text) {
    uint32_t place = specials->len ? place_of(specials, text) : 0;
    size_t most = 0;
    for (uint32_t i = place ? place - 1 : 0; i < specials->len && i <= place; i++) {
        struct view other = specials->at[i].text;
        size_t same = 0;
        while (same < text.len && same < other.len && text.at[same] == other.at[same]) same++;
        if (same > most) most = same;
    }
    return most;
}
