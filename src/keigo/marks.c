// Marks: what of keigo stands in a text.
#include "keigo/parts.h"

static const char honorific_lemmas[] =
    "いらっしゃる おっしゃる 仰る なさる 召し上がる くださる 下さる ご覧 ご存じ お越し おいで 召す "
    "お召し お見え ご存知 賜る";
static const char humble_lemmas[] =
    "いたす 致す 申す 申し上げる 申しあげる 参る まいる 伺う うかがう いただく 頂く いただける "
    "頂ける 存じる 存ずる 拝見 拝読 拝借 拝受 拝聴 頂戴 差し上げる さしあげる おる 承る "
    "お目にかかる";

static bool prefix(const struct keigo_word *word) {
    return word_in(word->text, "お ご 御") && pos_is(word, "接頭詞");
}

// お…になる, お…くださる: honorific; お…する: humble.
static void prefixed(const struct keigo_sentence *s, uint32_t i, struct keigo_marks *out) {
    for (uint32_t k = i + 2; k < s->len && k < i + 4; k++) {
        const struct keigo_word *word = &s->words[k];
        if (word_is(word, "に") && k + 1 < s->len && lemma_is(&s->words[k + 1], "なる"))
            out->honorific = true;
        if (lemma_is(word, "する") && k == i + 2) out->humble = true;
    }
}

enum sk_code keigo_marks(struct keigo_reader *reader, struct view text, struct keigo_marks *out) {
    struct keigo_sentence s;
    *out = (struct keigo_marks){0};
    TRY(keigo_cut(reader, text, &s));
    uint32_t end = s.len;
    for (uint32_t i = 0; i < s.len; i++) {
        const struct keigo_word *word = &s.words[i];
        out->honorific = out->honorific || word_in(word->lemma, honorific_lemmas);
        out->humble = out->humble || word_in(word->lemma, humble_lemmas);
        if (prefix(word)) prefixed(&s, i, out);
    }
    while (end && (pos_is(&s.words[end - 1], "記号") || word_ends(&s.words[end - 1]) ||
                   pos_is(&s.words[end - 1], "助詞")))
        end--;
    if (!end) return SK_OK;
    const struct keigo_word *last = &s.words[end - 1], *before = end > 1 ? last - 1 : last;
    bool chain = lemma_is(last, "た") || word_in(last->text, "う ん");
    const struct keigo_word *of = chain ? before : last;
    out->set_phrase = word_in(last->text, "すみません すいません ごめんなさい そうです そうですね");
    out->polite_end = word_in(of->lemma, "です ます くださる 下さる") ||
                      word_in(last->text, "ください でしょう") || out->set_phrase;
    return SK_OK;
}
