// The special-care lexicon from lines: WORD KIND WEIGHT. KIND is the detector of a term, or person,
// says, label, prose (care.h); a word may be a term and one of these.
#include <stdlib.h>

#include "base/wire.h"
#include "border/care.h"
#include "border/detector.h"
#include "border/words.h"
#include "border/words_line.h"

struct entry {
    struct view word;
    uint8_t roles, detector, weight, around;
};

static bool kind_take(struct view kind, uint8_t weight, struct entry *out) {
    static const struct {
        const char *name;
        uint8_t role;
    } roles[] = {
        {"person", CARE_PERSON}, {"says", CARE_SAYS}, {"label", CARE_LABEL}, {"prose", CARE_PROSE}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (view_is(kind, roles[i].name)) {
            out->roles = roles[i].role;
            out->around = weight;
            return true;
        }
    for (unsigned d = DETECTOR_MEDICAL; d <= DETECTOR_DISCRIMINATION; d++)
        if (view_is(kind, detector_name((enum detector)d))) {
            out->roles = CARE_TERM;
            out->detector = (uint8_t)d;
            out->weight = weight;
            return true;
        }
    return false;
}

static enum sk_code entry_take(const struct line *line, struct arena *arena, struct entry *out) {
    *out = (struct entry){0};
    unsigned weight = 0;
    struct view text = line->fields_len == 3 ? line->fields[2] : (struct view){0};
    for (size_t i = 0; i < text.len && i < 3; i++)
        weight = text.at[i] >= '0' && text.at[i] <= '9' ? 10 * weight + (unsigned)(text.at[i] - '0')
                                                        : 1000;
    if (text.len == 0 || text.len > 3 || weight > 100)
        return FAIL(SK_INPUT, "not WORD, KIND, WEIGHT (to 100) with tabs between");
    if (!kind_take(line->fields[1], (uint8_t)weight, out))
        return FAIL(SK_INPUT, "KIND is jp.medical, jp.criminal, jp.creed, jp.disability, "
                              "jp.discrimination, person, says, label or prose");
    return line_word(line->fields[0], true, arena, &out->word);
}

static int by_word(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    size_t len = x->word.len < y->word.len ? x->word.len : y->word.len;
    int order = memcmp(x->word.at, y->word.at, len);
    return order ? order : (x->word.len > y->word.len) - (x->word.len < y->word.len);
}

// Lines of one word become one entry. SK_INPUT: a term of two detectors.
static enum sk_code entries_join(struct entry *entries, uint32_t *len) {
    uint32_t kept = 0;
    if (*len) qsort(entries, *len, sizeof *entries, by_word);
    for (uint32_t i = 0; i < *len; i++) {
        struct entry *last = kept ? &entries[kept - 1] : NULL, *e = &entries[i];
        if (!last || !view_same(last->word, e->word)) {
            entries[kept++] = *e;
            continue;
        }
        if (last->roles & e->roles & CARE_TERM && last->detector != e->detector)
            return FAIL(SK_INPUT, "'%.*s' is a term of two detectors", (int)e->word.len,
                        e->word.at);
        last->roles |= e->roles;
        if (e->roles & CARE_TERM) last->detector = e->detector;
        if (e->weight > last->weight) last->weight = e->weight;
        if (e->around > last->around) last->around = e->around;
    }
    *len = kept;
    return SK_OK;
}

enum sk_code care_put(struct view lines, struct arena *arena, struct buf *out) {
    struct line line;
    uint32_t number = 0, len = 0;
    struct entry *entries = arena_take_raw(arena, lines.len / 4 + 1, sizeof *entries);
    if (!entries) return SK_LIMIT;
    while (line_take(&lines, &number, &line)) {
        enum sk_code code = entry_take(&line, arena, &entries[len++]);
        if (code != SK_OK) return fail_within(code, "line %u", line.number);
    }
    TRY(entries_join(entries, &len));
    if (len > CARE_ROWS_MAX) return FAIL(SK_LIMIT, "more than %d words", CARE_ROWS_MAX);
    struct words_entry *words = arena_take_raw(arena, len + 1, sizeof *words);
    if (!words) return SK_LIMIT;
    wire_put_u32(out, len);
    for (uint32_t i = 0; i < len; i++) {
        wire_put_u8(out, entries[i].detector);
        wire_put_u8(out, entries[i].weight);
        wire_put_u8(out, entries[i].around);
        wire_put_u8(out, 0);
        words[i] = (struct words_entry){entries[i].word, {entries[i].roles, (uint16_t)i}};
    }
    return words_put(words, len, arena, out);
}
