#include "border/names_rules.h"

void names_rule_put(struct names_found_list *list, uint32_t from, uint32_t end, float chance) {
    uint32_t first = 0, last;
    must(end > from);
    while (first < list->len && list->spans[first].from + list->spans[first].len <= from)
        first++;
    for (last = first; last < list->len && list->spans[last].from < end; last++) {
        uint32_t old = list->spans[last].len;
        if (old >= end - from) return;
    }
    uint32_t gone = last - first;
    memmove(&list->spans[first + 1], &list->spans[last], (list->len - last) * sizeof *list->spans);
    list->spans[first] = (struct names_span){(uint16_t)from, (uint16_t)(end - from), chance};
    list->len = list->len + 1 - gone;
}

bool names_pos_is_grammar(unsigned pos) {
    return (pos >= 13 + 1 && pos <= 25 + 1) || (pos >= 31 + 1 && pos <= 33 + 1);
}

static bool is_text(const struct names_sentence *s, uint32_t i, const char *text) {
    return i < s->units_len && view_starts_at(s->text, s->units[i].at, text);
}

bool names_is_honorific(const struct names_sentence *s, uint32_t at, uint32_t end) {
    static const char *const all[] = {"さん",   "さま", "様",   "氏",   "君",  "くん",
                                      "ちゃん", "殿",   "先生", "御中", "医師"};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        if (!is_text(s, at, all[i])) continue;
        uint32_t behind = s->unit_of[s->units[at].at + strlen(all[i])];
        bool word = !s->words_len || s->words[s->units[at].word].end <= behind; // not 氏名
        if (behind <= end && word) return true;
    }
    return false;
}

// ---- before an honorific ----

static bool proper(const struct names_word *word) {
    return word->unknown || (word->pos >= 41 + 1 && word->pos <= 47 + 1);
}

// 森さん, 東様; but 皆さん, 奥様.
static bool is_short_surname(const struct names_sentence *s, uint32_t from, uint32_t at) {
    static const char *const others[] = {"皆", "奥", "神", "王", "父", "母", "兄",
                                         "姉", "嫁", "婿", "客", "仏", "爺", "婆",
                                         "娘", "孫", "貴", "何", "上", "主"};
    uint32_t word = s->units[from].word;
    if (at - from != 1 || (word && s->words[word - 1].pos >= 36 + 1 && s->words[word - 1].pos < 68))
        return false;
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
        if (is_text(s, from, others[i])) return false;
    return true;
}

// The word before the honorific, when it can only be a name.
static void honorific_read(const struct names_sentence *s, const struct names_chain *chain,
                           uint32_t at, struct names_found_list *out) {
    uint32_t word = s->units[at - 1].word, from = s->words[word].first;
    const struct names_unit *first;
    const struct names_word *self = &s->words[word];
    bool suffix = self->pos >= 50 + 1 && self->pos <= 58 + 1; // 看護師さん
    if (s->units[at].word == word || self->end != at || suffix) return;
    if (word && s->words[word - 1].unknown && s->units[from].kind == s->units[from - 1].kind)
        from = s->words[word - 1].first;
    first = &s->units[from];
    bool listed = first->layer[LAYER_LISTED_SURNAME] >> 3 == at - from ||
                  first->layer[LAYER_LISTED_GIVEN] >> 3 == at - from ||
                  first->layer[LAYER_FULL] >> 3 == at - from;
    float in = 1 - chain->alpha[at - 1][0] * chain->beta[at - 1][0];
    bool name = proper(self) || (listed && in > 0.03F) || (listed && is_short_surname(s, from, at));
    if (first->kind >= KIND_DIGITS) return;
    if (from && (is_text(s, from - 1, "お") || is_text(s, from - 1, "ご"))) return;
    if (name && at - from <= 12 && !(first->cues_from & (CUE_KIN | CUE_TITLE)))
        names_rule_put(out, from, at, 0.6F);
}

// ---- kana behind a name: 山田太郎（やまだたろう） ----

static void reading_read(const struct names_sentence *s, struct names_span span,
                         struct names_found_list *out) {
    static const char *const labels[] = {"ふりがな", "フリガナ", "カナ", "よみがな"};
    uint32_t open = (uint32_t)span.from + span.len, end = open + 1;
    if (open + 2 >= s->units_len || s->units[open].kind != KIND_OPEN) return;
    while (end < s->units_len &&
           (s->units[end].kind == KIND_HIRAGANA || s->units[end].kind == KIND_KATAKANA ||
            (s->units[end].kind == KIND_SPACE && end > open + 1)))
        end++;
    uint32_t from = open + 1; // （ふりがな やまだたろう）
    for (unsigned i = 0; i < sizeof labels / sizeof *labels; i++) {
        if (!is_text(s, from, labels[i])) continue;
        uint32_t behind = s->unit_of[s->units[from].at + strlen(labels[i])];
        if (behind + 1 < end && s->units[behind].kind == KIND_SPACE) from = behind + 1;
    }
    uint32_t len = end - from;
    bool closed = end < s->units_len && (s->units[end].kind == KIND_CLOSE || is_text(s, end, "、"));
    if (closed && len >= 2 && len <= 20) names_rule_put(out, from, end, 0.8F);
}

// ---- titles of English: Mr. Smith ----

static uint32_t title_end(const struct names_sentence *s, uint32_t at) {
    static const char *const titles[] = {"Mr", "Mrs", "Ms", "Miss", "Dr", "Prof", "Sir", "Madam"};
    const struct names_unit *unit = &s->units[at];
    for (unsigned i = 0; i < sizeof titles / sizeof *titles; i++) {
        if (unit->len != strlen(titles[i]) || !is_text(s, at, titles[i])) continue;
        at += is_text(s, at + 1, ".") ? 2 : 1;
        return at < s->units_len && s->units[at].kind == KIND_SPACE ? at + 1 : 0;
    }
    return 0;
}

static void title_read(const struct names_sentence *s, uint32_t at, struct names_found_list *out) {
    uint32_t from = title_end(s, at), end = from;
    if (!from) return;
    for (uint32_t i = from; i < s->units_len && i - from < 8; i++) {
        const struct names_unit *unit = &s->units[i];
        bool capital = unit->kind == KIND_LATIN && unit->shape != SHAPE_LOWER;
        bool joins = unit->kind == KIND_SPACE || is_text(s, i, "-") || is_text(s, i, "'") ||
                     (is_text(s, i, ".") && s->units[i - 1].shape == SHAPE_INITIAL);
        if (capital)
            end = i + 1;
        else if (!joins)
            break;
    }
    if (end > from) names_rule_put(out, from, end, 0.8F);
}

// Spans begin and end with letters or digits: no marks of JSON.
static void spans_trim(const struct names_sentence *s, struct names_found_list *out) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out->len; i++) {
        struct names_span span = out->spans[i];
        while (span.len && s->units[span.from].kind >= KIND_SPACE) {
            span.from++;
            span.len--;
        }
        while (span.len && s->units[span.from + span.len - 1].kind >= KIND_SPACE)
            span.len--;
        if (span.len) out->spans[kept++] = span;
    }
    out->len = kept;
}

void names_rules_read(const struct names_form *form, const struct names_sentence *s,
                      const struct names_chain *chain, struct view before,
                      struct names_found_list *out) {
    spans_trim(s, out);
    for (uint32_t i = 0; i < s->units_len; i++) {
        const struct names_unit *unit = &s->units[i];
        if (unit->kind == KIND_LATIN) title_read(s, i, out);
        bool honorific = i && s->words_len && unit->cues_from & CUE_HONORIFIC;
        if (honorific && names_is_honorific(s, i, s->units_len)) honorific_read(s, chain, i, out);
    }
    names_form_read(form, s, chain, before, out);
    for (uint32_t i = 0; i < out->len; i++)
        reading_read(s, out->spans[i], out);
}
