// The polite form of a plain predicate.
#include <string.h>

#include "keigo/polite.h"

struct reading {
    const struct keigo_sentence *s;
    uint32_t from, end;
    struct predicate *out;
};

// The word `back` from the end; an empty one before the beginning.
static const struct keigo_word *last(const struct reading *r, uint32_t back) {
    static const struct keigo_word none = {{"", 0}, {"", 0}, {"", 0}, {"", 0},
                                           {"", 0}, {"", 0}, {"", 0}};
    return r->end - r->from > back ? &r->s->words[r->end - 1 - back] : &none;
}

static bool form(const struct reading *r, uint32_t back, enum inflection inflection,
                 const char *ending) {
    if (!inflects(last(r, back)) || !inflect(last(r, back), inflection, &r->out->text))
        return false;
    buf_put_text(&r->out->text, ending);
    r->out->from = r->end - 1 - back;
    return true;
}

static void add(const struct reading *r, const char *ending) {
    buf_put_text(&r->out->text, ending);
    r->out->from = r->end;
}

static void instead(const struct reading *r, uint32_t words, const char *text) {
    buf_put_text(&r->out->text, text);
    r->out->from = r->end - words;
}

// The plain words from `out->from` on and です, as a second form.
static void other_desu(const struct reading *r) {
    span_put(r->s, r->out->from, r->end, &r->out->other);
    buf_put_text(&r->out->other, "です");
}

// てます is ています that was cut short.
static void polite_teru(const struct keigo_word *word, struct predicate *out, const char *masu) {
    bool voiced = lemma_is(word, "でる") && pos1_is(word, "非自立");
    if (!voiced && !lemma_is(word, "てる")) return;
    buf_put_view(&out->other, buf_view(&out->text));
    buf_reset(&out->text);
    buf_put_text(&out->text, voiced ? "でい" : "てい");
    buf_put_text(&out->text, masu);
}

static bool past(const struct reading *r) {
    const struct keigo_word *before = last(r, 1);
    // ipadic takes the だ of 掴んだ for the copula at times.
    bool voiced = word_is(last(r, 0), "だ") && inflects(before) && form_is(before, "連用タ接続");
    if (!voiced && (!lemma_is(last(r, 0), "た") || !word_in(last(r, 0)->text, "た だ")))
        return false;
    if (word_is(before, "なかっ") && form(r, 2, INFLECT_I, "ませんでした")) {
        other_desu(r);
        return true;
    }
    r->out->kind = PREDICATE_STATE;
    if (word_is(before, "だっ")) {
        instead(r, 2, "でした");
    } else if (word_is(before, "でし") || word_is(before, "まし")) {
        r->out->kind = PREDICATE_PHRASE;
    } else if (form(r, 1, INFLECT_I, "ました")) {
        r->out->kind = PREDICATE_VERB;
        polite_teru(before, r->out, "ました");
    } else {
        add(r, "です");
    }
    return true;
}

static bool negative(const struct reading *r) {
    const struct keigo_word *word = last(r, 0), *before = last(r, 1);
    if (!word_in(word->text, "ない ん ねえ") || pos_is(word, "名詞")) return false;
    if (word_is(before, "ませ")) return false;
    if (word_is(before, "いか") && word_is(word, "ん")) {
        instead(r, 2, "いけません");
        return true;
    }
    if (inflects(before) && form(r, 1, INFLECT_I, "ません")) {
        other_desu(r);
        return true;
    }
    if (!word_is(word, "ない")) return false;
    if (word_in(before->text, "じゃ は では")) {
        r->out->kind = PREDICATE_STATE;
        instead(r, 1, "ありません");
        other_desu(r);
        return true;
    }
    if (pos_is(word, "形容詞") && !adjective(before) && !lemma_is(before, "もったい")) {
        instead(r, 1, "ありません");
        other_desu(r);
        return true;
    }
    return false;
}

// Behind a verb's INFLECT_TA.
static const char *asking(const struct keigo_word *verb) {
    return inflect_voiced(verb) ? "でください" : "てください";
}

static bool request(const struct reading *r) {
    const struct keigo_word *word = last(r, 0), *before = last(r, 1);
    r->out->kind = PREDICATE_REQUEST;
    if (word_in(word->text, "くれ ちょうだい 頂戴 おくれ") && word_in(before->text, "て で")) {
        instead(r, 1, "ください");
        return true;
    }
    if (word_in(word->text, "なさい な") && form_is(word, "命令") &&
        form(r, 1, INFLECT_TA, asking(before)))
        return true;
    if (word_in(word->text, "て で といて ないで") &&
        (pos1_is(word, "接続助詞") || lemma_is(word, "てる") || pos_is(word, "助動詞"))) {
        bool why = word_in(before->lemma, "思う なる ある") ||
                   (r->from && word_in(before->lemma, "いる しまう")); // said afterwards
        if (form_is(before, "連用テ接続") || why) {
            r->out->kind = PREDICATE_PHRASE;
            instead(r, 0, "");
        } else {
            add(r, "ください");
        }
        return true;
    }
    if (form_is(word, "命令") && !word_in(word->lemma, "くださる 下さる いらっしゃる らっしゃる") &&
        form(r, 0, INFLECT_TA, asking(word)))
        return true;
    r->out->kind = PREDICATE_VERB;
    return false;
}

static bool will(const struct reading *r) {
    const struct keigo_word *word = last(r, 0), *before = last(r, 1);
    if (word_in(word->text, "だろ でしょ")) {
        instead(r, 1, "でしょう");
    } else if (!word_in(word->text, "う よう") || !pos_is(word, "助動詞")) {
        return false;
    } else if (word_is(before, "だろ") || word_is(before, "でしょ")) {
        instead(r, 2, "でしょう");
    } else if (word_is(before, "ましょ") || !form(r, 1, INFLECT_I, "ましょう")) {
        return false;
    }
    r->out->kind = PREDICATE_VOLITION;
    return true;
}

// Set phrases as a whole predicate, and what they become.
static const char *const phrases[][2] = {
    {"ごめん", "すみません"},
    {"ごめんなさい", "申し訳ありません"},
    {"すまん", "すみません"},
    {"ありがとう", "ありがとうございます"},
    {"ありがと", "ありがとうございます"},
    {"おはよう", "おはようございます"},
    {"おめでとう", "おめでとうございます"},
    {"よろしく", "よろしくお願いします"},
    {"宜しく", "宜しくお願いします"},
    {"お願い", "お願いします"},
    {"かも", "かもしれません"},
    {"うん", "はい"},
    {"どうぞ", "どうぞ"},
    {"ちょっと", "ちょっと"},
    {"らっしゃい", "らっしゃい"},
    {"いらっしゃい", "いらっしゃいませ"},
};

// What was left unsaid behind a particle: 体を大事に, 忘れないように, 帰らないと, 痛手かと.
static bool unsaid(const struct reading *r) {
    const struct keigo_word *word = last(r, 0), *before = last(r, 1);
    if (!pos_is(word, "助詞")) return false;
    bool way = word_is(before, "よう") && !lemma_is(last(r, 2), "ます");
    bool care = pos1_is(before, "形容動詞語幹") && !word_is(before, "気の毒");
    r->out->kind = PREDICATE_REQUEST;
    if (word_is(word, "に") && (way || care)) {
        add(r, "してください");
        return true;
    }
    r->out->kind = PREDICATE_STATE;
    if (!word_is(word, "と") || !word_in(before->text, "ない か")) return false;
    add(r, word_is(before, "か") ? "思います" : "いけません");
    return true;
}

static bool phrase(const struct reading *r) {
    const struct keigo_word *word = last(r, 0);
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (word_is(word, phrases[i][0])) {
            instead(r, 1, phrases[i][1]);
            r->out->kind = PREDICATE_PHRASE;
            return true;
        }
    if (word_in(word->text, "たら だら") && form_is(word, "仮定形")) {
        add(r, "どうですか");
        r->out->kind = PREDICATE_PHRASE;
        return true;
    }
    bool polite = word_in(word->text, "です ます ください 下さい くださいませ ませ でしょう") ||
                  (word_is(word, "ん") && word_is(last(r, 1), "ませ")) ||
                  (word_is(word, "う") && word_in(last(r, 1)->text, "ましょ")) ||
                  lemma_is(word, "です");
    // A sentence whose end was left out, or came first.
    bool open = pos_is(word, "助詞") &&
                !word_in(word->text, "から まで だけ くらい ぐらい ばかり "
                                     "て で ほど など か") &&
                r->end - r->from > 1;
    bool said = open || pos_is(word, "感動詞") || pos_is(word, "フィラー") ||
                pos_is(word, "接続詞") || pos_is(word, "記号");
    if (!polite && !said) return false;
    instead(r, 0, "");
    r->out->kind = PREDICATE_PHRASE;
    return true;
}

void predicate_read(const struct keigo_sentence *s, uint32_t from, uint32_t end,
                    struct predicate *out) {
    const struct reading r = {s, from, end, out};
    const struct keigo_word *word = &s->words[end - 1];
    out->kind = PREDICATE_VERB;
    out->from = end;
    out->noun_end = 0;
    out->text = buf_over(out->storage[0], sizeof out->storage[0]);
    out->other = buf_over(out->storage[1], sizeof out->storage[1]);
    if (unsaid(&r) || phrase(&r) || will(&r) || past(&r) || negative(&r) || request(&r)) return;
    if (form_is(word, "基本形") && form(&r, 0, INFLECT_I, "ます")) {
        polite_teru(word, out, "ます");
        return;
    }
    out->kind = PREDICATE_STATE;
    bool copula = lemma_is(word, "だ") && pos_is(word, "助動詞") && end - from > 1;
    if (copula || !adjective(word)) out->noun_end = end - copula;
    if (copula)
        instead(&r, 1, "です"); // だ, な before の
    else
        add(&r, "です");
}

bool predicate_bids(const struct keigo_sentence *s, uint32_t end, struct predicate *out) {
    const struct keigo_word *word = &s->words[end - 1];
    if (!inflects(word) || !form_is(word, "連用形")) return false;
    buf_reset(&out->text);
    buf_reset(&out->other);
    if (!inflect(word, INFLECT_TA, &out->text)) return false;
    buf_put_text(&out->text, asking(word));
    out->from = end - 1;
    out->noun_end = 0;
    out->kind = PREDICATE_REQUEST;
    return true;
}

bool predicate_forbids(const struct keigo_sentence *s, uint32_t end, struct predicate *out) {
    const struct keigo_word *word = &s->words[end - 1];
    if (!inflects(word) || !form_is(word, "基本形") || out->kind != PREDICATE_VERB) return false;
    if (word_in(word->lemma, "思う ある いる できる 出来る わかる 分かる なる 違う")) return false;
    buf_reset(&out->text);
    buf_reset(&out->other);
    inflect(word, INFLECT_A, &out->text);
    buf_put_text(&out->text, "ないでください");
    out->kind = PREDICATE_REQUEST;
    return true;
}
