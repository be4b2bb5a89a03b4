// Names that a form shows: a label, a mark, and what stands there, in forms, tables of two columns
// and JSON. A tagger cannot know them: there is no sentence around.
#include "border/names_rules.h"

enum need {
    NEED_NOTHING,  // only a person's name stands behind such a label
    NEED_EVIDENCE, // also others: it must look like a name
    NEED_READING,  // the same, or be katakana only: an account's holder
};

// Ends of labels: 患者氏名 ends with 氏名. Lower case; a space stands for nothing, a space, _ or -.
static const struct {
    const char *end;
    enum need need;
} labels[] = {
    {"氏名", NEED_NOTHING},          {"姓名", NEED_NOTHING},         {"お名前", NEED_NOTHING},
    {"名前", NEED_EVIDENCE},         {"ふりがな", NEED_NOTHING},     {"フリガナ", NEED_NOTHING},
    {"よみがな", NEED_NOTHING},      {"ヨミガナ", NEED_NOTHING},     {"患者名", NEED_NOTHING},
    {"患者", NEED_EVIDENCE},         {"利用者名", NEED_NOTHING},     {"利用者", NEED_EVIDENCE},
    {"者名", NEED_EVIDENCE},         {"担当者", NEED_EVIDENCE},      {"担当", NEED_EVIDENCE},
    {"担当医", NEED_EVIDENCE},       {"主治医", NEED_EVIDENCE},      {"医師", NEED_EVIDENCE},
    {"申請者", NEED_EVIDENCE},       {"申込者", NEED_EVIDENCE},      {"届出人", NEED_EVIDENCE},
    {"世帯主", NEED_EVIDENCE},       {"保護者", NEED_EVIDENCE},      {"代表者", NEED_EVIDENCE},
    {"契約者", NEED_EVIDENCE},       {"名義人", NEED_READING},       {"口座名義", NEED_READING},
    {"受取人", NEED_READING},        {"宛名", NEED_EVIDENCE},        {"差出人", NEED_EVIDENCE},
    {"依頼者", NEED_EVIDENCE},       {"記入者", NEED_EVIDENCE},      {"作成者", NEED_EVIDENCE},
    {"署名", NEED_EVIDENCE},         {"本人", NEED_EVIDENCE},        {"配偶者", NEED_EVIDENCE},
    {"連絡先", NEED_EVIDENCE},       {"参加者", NEED_EVIDENCE},      {"出席者", NEED_EVIDENCE},
    {"欠席者", NEED_EVIDENCE},       {"発表者", NEED_EVIDENCE},      {"講師", NEED_EVIDENCE},
    {"報告者", NEED_EVIDENCE},       {"承認者", NEED_EVIDENCE},      {"登録者", NEED_EVIDENCE},
    {"議長", NEED_EVIDENCE},         {"書記", NEED_EVIDENCE},        {"司会", NEED_EVIDENCE},
    {"生徒名", NEED_NOTHING},        {"児童名", NEED_NOTHING},       {"園児名", NEED_NOTHING},
    {"社員名", NEED_NOTHING},        {"従業員名", NEED_NOTHING},     {"旧姓", NEED_NOTHING},
    {"姓", NEED_EVIDENCE},           {"名", NEED_EVIDENCE},          {"full name", NEED_NOTHING},
    {"first name", NEED_NOTHING},    {"last name", NEED_NOTHING},    {"given name", NEED_NOTHING},
    {"family name", NEED_NOTHING},   {"surname", NEED_NOTHING},      {"patient name", NEED_NOTHING},
    {"customer name", NEED_NOTHING}, {"client name", NEED_NOTHING},  {"contact name", NEED_NOTHING},
    {"employee name", NEED_NOTHING}, {"student name", NEED_NOTHING}, {"name", NEED_EVIDENCE},
    {"patient", NEED_EVIDENCE},      {"customer", NEED_EVIDENCE},    {"client", NEED_EVIDENCE},
    {"contact", NEED_EVIDENCE},      {"employee", NEED_EVIDENCE},    {"attendees", NEED_EVIDENCE},
    {"from", NEED_EVIDENCE},         {"to", NEED_EVIDENCE},          {"cc", NEED_EVIDENCE},
    {"signed", NEED_EVIDENCE},       {"author", NEED_EVIDENCE},      {"doctor", NEED_EVIDENCE},
    {"名義", NEED_READING},          {"ナマエ", NEED_NOTHING},       {"なまえ", NEED_NOTHING},
    {"holder", NEED_EVIDENCE},       {"扶養親族", NEED_EVIDENCE},    {"借受人", NEED_EVIDENCE},
    {"傷病者", NEED_EVIDENCE},       {"被疑者", NEED_EVIDENCE},      {"保証人", NEED_EVIDENCE},
    {"相続人", NEED_EVIDENCE},       {"遺言者", NEED_EVIDENCE},      {"代理人", NEED_EVIDENCE},
    {"面会者", NEED_EVIDENCE},       {"被保険者", NEED_EVIDENCE},    {"会員", NEED_EVIDENCE},
};
enum { LABELS_LEN = sizeof labels / sizeof *labels };

// What stands where a name could stand and is none.
static const char *const nobody[] = {
    "なし",  "無し",   "未定",    "不明", "同上",  "匿名",   "該当なし",  "未記入", "記入",
    "本人",  "非公開", "省略",    "空欄", "必須",  "入力",   "変更",      "確認",   "担当",
    "御中",  "各位",   "一覧",    "欄",   "印",    "男",     "女",        "男性",   "女性",
    "none",  "null",   "unknown", "true", "false", "string", "anonymous", "n",      "user",
    "admin", "妻",     "夫",      "父",   "母",    "長男",   "長女",      "次男",   "次女",
    "子",    "to",     "cc",      "bcc",
};

// What follows a name in a form, behind a space.
static const char *const fields[] = {
    "生年月日", "電話",  "住所", "個人番号", "マイナンバー", "続柄",  "性別",     "年齢", "連絡先",
    "携帯",     "乙",    "甲",   "国籍",     "勤務先",       "資格",  "フリガナ", "番号", "所属",
    "tel",      "phone", "dob",  "mail",     "email",        "birth", "passport",
};

// Relatives who stand before a name: 長男 近藤律.
static const char *const kin[] = {
    "妻",   "夫",   "父",   "母",   "子", "兄", "弟", "姉",   "妹",   "孫",
    "長男", "長女", "次男", "次女", "娘", "嫁", "婿", "息子", "祖父", "祖母",
};

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

// Bytes of `text` that are the label; 0: it does not begin with it.
static size_t label_len(struct view text, const char *label) {
    size_t at = 0;
    for (; *label; label++) {
        bool gap = *label == ' ';
        if (gap && at < text.len &&
            (text.at[at] == ' ' || text.at[at] == '_' || text.at[at] == '-'))
            at++;
        if (gap) continue;
        if (at >= text.len || lower(text.at[at]) != *label) return 0;
        at++;
    }
    return at;
}

_Static_assert((int)LABELS_LEN < (int)NAMES_FORM_HEADS, "names_form holds them all");

// Of the first letter, or of the first three bytes of a wide character.
static unsigned head_of(const char *at) {
    if ((uint8_t)at[0] < 0xe0) return (uint8_t)lower(at[0]) % NAMES_FORM_HEADS;
    return ((uint8_t)at[0] * 4U ^ (uint8_t)at[1] * 2U ^ (uint8_t)at[2]) % NAMES_FORM_HEADS;
}

void names_form_make(struct names_form *form) {
    *form = (struct names_form){0};
    for (unsigned i = LABELS_LEN; i-- > 0;) { // so that each chain is in their order
        uint8_t *first = &form->first[head_of(labels[i].end)];
        form->len[i] = (uint8_t)strlen(labels[i].end);
        form->next[i] = *first;
        *first = (uint8_t)(i + 1);
    }
}

// The label that begins at unit `from`: the unit behind it, the longest if there are several.
static uint32_t label_end(const struct names_form *form, const struct names_sentence *s,
                          uint32_t from, enum need *need) {
    struct view rest = view_from(s->text, s->units[from].at);
    size_t longest = 0;
    for (unsigned k = form->first[head_of(rest.at)]; k; k = form->next[k - 1]) {
        unsigned i = k - 1;
        size_t len = label_len(rest, labels[i].end);
        if (len <= longest) continue;
        uint32_t end = s->unit_of[s->units[from].at + len];
        bool whole = end == s->units_len || s->units[end].at == s->units[from].at + len;
        if (!whole) continue; // "named"
        longest = len;
        *need = labels[i].need;
    }
    return longest ? s->unit_of[s->units[from].at + longest] : 0;
}

static bool is_text(const struct names_sentence *s, uint32_t i, const char *text) {
    return i < s->units_len &&
           view_same((struct view){s->text.at + s->units[i].at, s->units[i].len}, view_of(text));
}

static bool is_mark(const struct names_sentence *s, uint32_t i) {
    return is_text(s, i, ":") || is_text(s, i, "=") || is_text(s, i, "|") || is_text(s, i, "：");
}

// The unit behind what stands between a label and its value; 0: nothing parts them.
static uint32_t mark_end(const struct names_sentence *s, uint32_t at) {
    uint32_t spaces = 0, marks = 0, depth = 0;
    for (; at < s->units_len; at++) {
        const struct names_unit *unit = &s->units[at];
        if (unit->kind == KIND_OPEN)
            depth++;
        else if (unit->kind == KIND_CLOSE && depth)
            depth--;
        else if (depth)
            continue; // 氏名（カナ）
        else if (unit->kind == KIND_SPACE)
            spaces++;
        else if (is_mark(s, at))
            marks++;
        else if (!is_text(s, at, "\"") && !is_text(s, at, "'") && !is_text(s, at, "*"))
            break;
    }
    return !depth && (marks || spaces) ? at : 0;
}

static bool is_letter(const struct names_unit *unit) {
    return unit->kind == KIND_HAN || unit->kind == KIND_HIRAGANA || unit->kind == KIND_KATAKANA ||
           unit->kind == KIND_LATIN;
}

// The unit behind the one of `words` that begins at unit `from`; 0: none does.
static uint32_t word_end(const struct names_sentence *s, uint32_t from, const char *const *words,
                         size_t words_len) {
    struct view rest = view_from(s->text, s->units[from].at);
    for (size_t i = 0; i < words_len; i++) {
        size_t len = label_len(rest, words[i]);
        if (len) return s->unit_of[s->units[from].at + len];
    }
    return 0;
}

// Behind a relative and a space, where the name begins.
static uint32_t kin_end(const struct names_sentence *s, uint32_t from) {
    uint32_t end = word_end(s, from, kin, sizeof kin / sizeof *kin);
    return end && end + 1 < s->units_len && s->units[end].kind == KIND_SPACE &&
                   is_letter(&s->units[end + 1])
               ? end + 1
               : from;
}

// Whether the name that began at `from` ends at the space at `at`: another script or field follows,
// or it has two parts or all of a full name already.
static bool space_ends(const struct names_sentence *s, uint32_t from, uint32_t at) {
    const struct names_unit *next = &s->units[at + 1];
    bool latin = s->units[at - 1].kind == KIND_LATIN;
    if (latin != (next->kind == KIND_LATIN)) return true;
    if (word_end(s, at + 1, fields, sizeof fields / sizeof *fields)) return true;
    if (latin) return next->shape == SHAPE_LOWER && next->len > 3; // not de, van
    for (uint32_t i = from; i < at; i++)
        if (s->units[i].kind == KIND_SPACE) return true;
    return s->units[from].layer[LAYER_FULL] >> 3 == at - from;
}

// Behind the value that begins at `from`: letters, dots, and single spaces or points between them.
static uint32_t value_end(const struct names_sentence *s, uint32_t from) {
    uint32_t at = from, end = from;
    for (; at < s->units_len && at - from < NAMES_SPAN_MAX; at++) {
        const struct names_unit *unit = &s->units[at];
        bool joins = unit->kind == KIND_SPACE || unit->kind == KIND_DOT || is_text(s, at, ".") ||
                     is_text(s, at, "'") || is_text(s, at, "-");
        if (is_letter(unit))
            end = at + 1;
        else if (unit->kind == KIND_SPACE && at > from && at + 1 < s->units_len &&
                 space_ends(s, from, at))
            break;
        else if (!joins || at + 1 == s->units_len || end != at)
            break;
    }
    return end;
}

static bool is_nobody(const struct names_sentence *s, uint32_t from, uint32_t end) {
    struct view rest = view_from(s->text, s->units[from].at);
    size_t len = (size_t)(s->units[end - 1].at + s->units[end - 1].len - s->units[from].at);
    for (unsigned i = 0; i < sizeof nobody / sizeof *nobody; i++)
        if (label_len(rest, nobody[i]) == len) return true;
    return false;
}

// Particles and verbs say that the value is a sentence.
static bool is_prose(const struct names_sentence *s, uint32_t from, uint32_t end) {
    uint32_t hiragana = 0, others = 0;
    for (uint32_t i = from; i < end; i++) {
        const struct names_unit *unit = &s->units[i];
        hiragana += unit->kind == KIND_HIRAGANA;
        others += unit->kind == KIND_HAN;
    }
    if (!others) return hiragana > 12;
    for (uint32_t i = from; i < end; i++) {
        const struct names_unit *unit = &s->units[i];
        bool particle = s->words_len && names_pos_is_grammar(s->words[unit->word].pos);
        if (particle && i > from && i + 1 < end && unit->kind == KIND_HIRAGANA) return true;
    }
    return others > 8;
}

// タナカ ジロウ
static bool is_kana_in_two(const struct names_sentence *s, uint32_t from, uint32_t end) {
    uint32_t spaces = 0;
    for (uint32_t i = from; i < end; i++) {
        unsigned kind = s->units[i].kind;
        spaces += kind == KIND_SPACE;
        if (kind != KIND_SPACE && kind != KIND_HIRAGANA && kind != KIND_KATAKANA) return false;
    }
    return spaces == 1 && end - from <= 13;
}

// ヤマモトミサキ
static bool is_katakana(const struct names_sentence *s, uint32_t from, uint32_t end) {
    for (uint32_t i = from; i < end; i++)
        if (s->units[i].kind != KIND_KATAKANA && s->units[i].kind != KIND_SPACE) return false;
    return end - from >= 4 && end - from <= 14;
}

// How a value looks, apart from its label.
static bool looks_like_a_name(const struct names_sentence *s, const struct names_chain *chain,
                              uint32_t from, uint32_t end) {
    uint32_t capitals = 0, words = 0, listed = 0;
    float chance = 0;
    for (uint32_t i = from; i < end; i++) {
        const struct names_unit *unit = &s->units[i];
        bool known = unit->layer[LAYER_LISTED_SURNAME] || unit->layer[LAYER_LISTED_GIVEN] ||
                     unit->layer[LAYER_LISTED_OTHER];
        if (unit->kind == KIND_LATIN) {
            words++;
            capitals += unit->shape == SHAPE_CAPITAL || unit->shape == SHAPE_INITIAL;
            listed += known;
        }
        float in = 1 - chain->alpha[i][0] * chain->beta[i][0];
        if (in > chance) chance = in;
    }
    if (is_kana_in_two(s, from, end)) return true;
    if (words) return words == capitals && words <= 4 && (listed || chance > 0.2F);
    const struct names_unit *first = &s->units[from];
    bool full = first->layer[LAYER_FULL] >> 3 == end - from;
    bool surname = first->layer[LAYER_LISTED_SURNAME] >> 3 == end - from;
    return full || surname || chance > 0.1F;
}

// Honorifics stay outside: behind the value without what cannot be part of a name.
static uint32_t value_trim(const struct names_sentence *s, uint32_t from, uint32_t end) {
    for (uint32_t i = from + 1; i < end; i++)
        if (s->units[i].cues_from & CUE_HONORIFIC && names_is_honorific(s, i, end)) return i;
    return end;
}

// A value ends before the next label: 藤田浩　看護師：岡田
static uint32_t label_cut(const struct names_sentence *s, uint32_t from, uint32_t end) {
    uint32_t at = end;
    while (at < s->units_len && s->units[at].kind == KIND_SPACE)
        at++;
    if (!is_mark(s, at)) return end;
    while (end > from && s->units[end - 1].kind != KIND_SPACE)
        end--;
    return end;
}

static uint32_t value_take(const struct names_sentence *s, const struct names_chain *chain,
                           uint32_t from, enum need need, struct names_found_list *out) {
    from = kin_end(s, from);
    uint32_t all = value_end(s, from), end = label_cut(s, from, all);
    while (end > from && !is_letter(&s->units[end - 1]))
        end--;
    end = value_trim(s, from, end);
    while (end > from && !is_letter(&s->units[end - 1]))
        end--;
    if (word_end(s, from, fields, sizeof fields / sizeof *fields)) return all; // heads of columns
    if (end == from || end - from > 24 || is_nobody(s, from, end) || is_prose(s, from, end))
        return all;
    bool reading = need == NEED_READING && is_katakana(s, from, end);
    if (need != NEED_NOTHING && !reading && !looks_like_a_name(s, chain, from, end)) return all;
    names_rule_put(out, from, end, 0.9F);
    return all;
}

// Values of one label: several where a mark of a list parts them.
static void values_take(const struct names_sentence *s, const struct names_chain *chain,
                        uint32_t from, enum need need, struct names_found_list *out) {
    for (unsigned i = 0; i < 32 && from < s->units_len; i++) {
        uint32_t end = value_take(s, chain, from, need, out);
        bool list = end > from && (is_text(s, end, "、") || is_text(s, end, ",") ||
                                   is_text(s, end, "/") || is_text(s, end, "，"));
        if (!list) return;
        from = end + 1;
        while (from < s->units_len && s->units[from].kind == KIND_SPACE)
            from++;
        need = NEED_EVIDENCE;
    }
}

// Whether `line`, what stands before the sentence, ends with a line that is a label.
static bool label_before(const struct names_form *form, struct view line, enum need *need) {
    while (line.len && (line.at[line.len - 1] == '\n' || line.at[line.len - 1] == ' '))
        line.len--;
    for (unsigned i = 0; i < LABELS_LEN; i++) {
        size_t len = form->len[i];
        if (len > line.len || lower(line.at[line.len - 1]) != labels[i].end[len - 1]) continue;
        if (label_len(view_from(line, line.len - len), labels[i].end) != len) continue;
        if (len < line.len && line.at[line.len - len - 1] != '\n') continue;
        *need = labels[i].need;
        return true;
    }
    return false;
}

void names_form_read(const struct names_form *form, const struct names_sentence *s,
                     const struct names_chain *chain, struct view before,
                     struct names_found_list *out) {
    enum need need = NEED_NOTHING;
    if (before.len && before.at[before.len - 1] == '\n' && label_before(form, before, &need))
        values_take(s, chain, 0, NEED_EVIDENCE, out);
    bool marks = false;
    for (uint32_t i = 0; i < s->units_len && !marks; i++)
        marks = s->units[i].kind == KIND_SPACE || is_mark(s, i);
    for (uint32_t i = 0; i < s->units_len && marks; i++) {
        if (!is_letter(&s->units[i])) continue;
        uint32_t end = label_end(form, s, i, &need), value;
        if (!end) continue;
        value = mark_end(s, end);
        bool spaced = value && s->units[end].kind == KIND_SPACE;
        bool whole = s->units[i].run == i || s->units[i].run == 0; // a word of its own
        if (value && spaced && !whole && need != NEED_NOTHING) value = 0;
        if (value && value < s->units_len) values_take(s, chain, value, need, out);
        i = end - 1;
    }
}
