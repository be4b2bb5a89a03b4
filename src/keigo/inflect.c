// Inflection of ipadic's verbs and adjectives: the lemma's end exchanged.
#include <string.h>

#include "keigo/parts.h"

enum { KANA = 3 }; // bytes of one in UTF-8

// Of godan verbs, by the lemma's last kana.
static const struct row {
    const char *base, *a, *i, *ta, *o;
    bool voiced;
} rows[] = {
    {"く", "か", "き", "い", "こ", false}, {"ぐ", "が", "ぎ", "い", "ご", true},
    {"す", "さ", "し", "し", "そ", false}, {"つ", "た", "ち", "っ", "と", false},
    {"ぬ", "な", "に", "ん", "の", true},  {"ぶ", "ば", "び", "ん", "ぼ", true},
    {"む", "ま", "み", "ん", "も", true},  {"う", "わ", "い", "っ", "お", false},
    {"る", "ら", "り", "っ", "ろ", false},
};

static const struct row *row_of(const struct keigo_word *word) {
    struct view end = view_from(word->lemma, word->lemma.len < KANA ? 0 : word->lemma.len - KANA);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (view_is(end, rows[i].base)) return &rows[i];
    return NULL;
}

static bool type_is(const struct keigo_word *word, const char *type) {
    return view_starts_at(word->type, 0, type);
}

bool inflects(const struct keigo_word *word) {
    return type_is(word, "五段") || type_is(word, "一段") || type_is(word, "サ変") ||
           type_is(word, "カ変");
}

bool adjective(const struct keigo_word *word) {
    return type_is(word, "形容詞") || type_is(word, "特殊・タイ") || type_is(word, "特殊・ナイ");
}

bool inflect_voiced(const struct keigo_word *word) {
    const struct row *row = type_is(word, "五段") ? row_of(word) : NULL;
    return row && row->voiced;
}

// The lemma less its last `kana`, and `end`.
static bool put(const struct keigo_word *word, size_t kana, const char *end, struct buf *out) {
    if (word->lemma.len < kana * KANA) return false;
    buf_put(out, word->lemma.at, word->lemma.len - kana * KANA);
    buf_put_text(out, end);
    return true;
}

static bool put_godan(const struct keigo_word *word, enum inflection form, struct buf *out) {
    const struct row *row = row_of(word);
    if (!row) return false;
    const char *end = form == INFLECT_A   ? row->a
                      : form == INFLECT_I ? row->i
                      : form == INFLECT_O ? row->o
                                          : row->ta;
    if (form == INFLECT_TA && type_is(word, "五段・カ行促音便")) end = "っ"; // 行く
    if (form == INFLECT_I && type_is(word, "五段・ラ行特殊")) end = "い";    // くださる
    return put(word, 1, end, out);
}

bool inflect(const struct keigo_word *word, enum inflection form, struct buf *out) {
    if (form == INFLECT_BASE) return put(word, 0, "", out);
    if (type_is(word, "五段")) return put_godan(word, form, out);
    if (type_is(word, "一段")) return put(word, 1, form == INFLECT_O ? "よ" : "", out);
    if (type_is(word, "サ変・−ズル")) return put(word, 2, form == INFLECT_O ? "じよ" : "じ", out);
    if (type_is(word, "サ変")) return put(word, 2, form == INFLECT_O ? "しよ" : "し", out);
    if (type_is(word, "カ変・来ル")) return put(word, 1, form == INFLECT_O ? "よ" : "", out);
    if (!type_is(word, "カ変")) return false;
    return put(word, 2, form == INFLECT_O ? "こよ" : form == INFLECT_A ? "こ" : "き", out);
}
