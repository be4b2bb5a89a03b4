#include "border/mask_parts.h"

#include <string.h>

// What stays outside a token, so that Japanese stays grammatical around it. Longest first.
static const char *const honorifics[] = {"ちゃん", "さま", "さん", "先生", "くん",
                                         "どの",   "様",   "氏",   "殿",   "君"};

// One place to cut: findings that overlap are one, called after one of them.
struct cut {
    size_t at, end;
    const struct finding *named;
};

// One-way before restored, then the longer, then the one that comes first in DETECTORS: the
// stricter ones stand there.
static bool names_better(const struct detector_set *one_way, const struct finding *a,
                         const struct finding *b) {
    bool a_lost = detector_in(one_way, (enum detector)a->detector);
    bool b_lost = detector_in(one_way, (enum detector)b->detector);
    if (a_lost != b_lost) return a_lost;
    return a->len != b->len ? a->len > b->len : a->detector < b->detector;
}

static size_t without_honorific(struct view name) {
    for (size_t i = 0; i < sizeof honorifics / sizeof *honorifics; i++) {
        struct view word = view_of(honorifics[i]);
        if (name.len <= word.len) continue;
        size_t len = name.len - word.len;
        if (memcmp(name.at + len, word.at, word.len) != 0) continue;
        struct view space = VIEW("　");
        while (len > 1 && name.at[len - 1] == ' ')
            len--;
        while (len > space.len && memcmp(name.at + len - space.len, space.at, space.len) == 0)
            len -= space.len;
        return len;
    }
    return name.len;
}

struct cutter {
    const struct vault *vault;
    struct view text;
    const struct finding *findings;
    uint32_t len, next;
    const struct detector_set *cut;
};

static bool cut_next(struct cutter *c, struct cut *out) {
    while (c->next < c->len && !detector_in(c->cut, (enum detector)c->findings[c->next].detector))
        c->next++;
    if (c->next == c->len) return false;
    const struct finding *is = &c->findings[c->next++];
    *out = (struct cut){is->at, (size_t)is->at + is->len, is};
    for (; c->next < c->len && c->findings[c->next].at < out->end; c->next++) {
        is = &c->findings[c->next];
        must(is->at >= out->at);
        if (!detector_in(c->cut, (enum detector)is->detector)) continue;
        if ((size_t)is->at + is->len > out->end) out->end = (size_t)is->at + is->len;
        if (names_better(&c->vault->one_way, is, out->named)) out->named = is;
    }
    must(out->end > out->at && out->end <= c->text.len);
    struct view value = {c->text.at + out->at, out->end - out->at};
    if (out->named->detector == DETECTOR_PERSON) out->end = out->at + without_honorific(value);
    return true;
}

enum sk_code mask_learn(struct vault *vault, struct view text, const struct finding *findings,
                        uint32_t len, const struct detector_set *cut,
                        const struct detector_set *one_way) {
    vault->one_way.bits |= one_way->bits;
    struct cutter cutter = {vault, text, findings, len, 0, cut};
    struct cut is;
    while (cut_next(&cutter, &is)) {
        struct view value = {text.at + is.at, is.end - is.at};
        TRY(vault_learn(vault, (enum detector)is.named->detector, value));
    }
    return SK_OK;
}

static void token_put(const struct vault *vault, const struct mask_spelling *is, struct buf *out) {
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford
    const struct mask_spelling *owner = vault_owner(vault, is);
    char id[MASK_ID_DIGITS];
    for (int i = 0; i < MASK_ID_DIGITS; i++)
        id[i] = digits[owner->id >> (5 * (MASK_ID_DIGITS - 1 - i)) & 31];
    buf_put_text(out, "⟦");
    buf_put_text(out, detector_prefix((enum detector)owner->detector));
    buf_put_char(out, ':');
    buf_put(out, id, sizeof id);
    if (is != owner) {
        buf_put_char(out, '-');
        buf_put_u64(out, (uint64_t)(is - vault->tables.spellings) + 1);
    }
    buf_put_text(out, "⟧");
}

// Text between two cuts, in which values found elsewhere are cut, too. Words end at each cut.
static void put_between(const struct vault *vault, struct view text, struct buf *out) {
    size_t at = 0;
    while (vault->patterns_len && at < text.len) {
        const struct mask_spelling *is =
            vault_begins(vault, text, at) ? vault_stands(vault, text, at, false) : NULL;
        if (!is) {
            at++;
            continue;
        }
        buf_put(out, text.at, at);
        token_put(vault, is, out);
        text = view_from(text, at + is->raw.len);
        at = 0;
    }
    buf_put_view(out, text);
}

enum sk_code mask_put(const struct vault *vault, struct view text, const struct finding *findings,
                      uint32_t len, const struct detector_set *cut, struct buf *out) {
    struct cutter cutter = {vault, text, findings, len, 0, cut};
    struct cut is;
    size_t at = 0;
    while (cut_next(&cutter, &is)) {
        struct view value = {text.at + is.at, is.end - is.at};
        const struct mask_spelling *known =
            vault_find(vault, (enum detector)is.named->detector, value);
        if (!known) return FAIL(SK_CORRUPT, "masks: a value to cut was not learned before");
        put_between(vault, (struct view){text.at + at, is.at - at}, out);
        token_put(vault, known, out);
        at = is.end;
    }
    put_between(vault, view_from(text, at), out);
    return buf_check(out, "masked text");
}

struct view mask_instruction(bool japanese) {
    return japanese ? VIEW("⟦PER:7K2QD9F4⟧ のような印は、伏せられた値を表します。一字も変えずに"
                           "そのまま書き写し、何を表すかを推測しないでください。")
                    : VIEW("Marks like ⟦PER:7K2QD9F4⟧ stand for values that are withheld. "
                           "Copy them exactly as they are and do not guess what they stand for.");
}
