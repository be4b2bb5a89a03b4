// Polite to plain: です and ます taken away, their verbs inflected as they would stand without.
#include <string.h>

#include "keigo/parts.h"

// Honorific and humble verbs, and what a plain sentence says instead.
static const struct plain_verb {
    const char *lemma, *plain, *type;
} verbs[] = {
    {"いたす", "する", "サ変・スル"},
    {"致す", "する", "サ変・スル"},
    {"なさる", "する", "サ変・スル"},
    {"おる", "いる", "一段"},
    {"いらっしゃる", "いる", "一段"},
    {"ござる", "ある", "五段・ラ行"},
    {"申す", "言う", "五段・ワ行促音便"},
    {"申し上げる", "言う", "五段・ワ行促音便"},
    {"申しあげる", "言う", "五段・ワ行促音便"},
    {"おっしゃる", "言う", "五段・ワ行促音便"},
    {"仰る", "言う", "五段・ワ行促音便"},
    {"参る", "行く", "五段・カ行促音便"},
    {"まいる", "行く", "五段・カ行促音便"},
    {"いただく", "もらう", "五段・ワ行促音便"},
    {"頂く", "もらう", "五段・ワ行促音便"},
    {"いただける", "もらえる", "一段"},
    {"頂ける", "もらえる", "一段"},
    {"くださる", "くれる", "一段"},
    {"下さる", "くれる", "一段"},
    {"存じる", "思う", "五段・ワ行促音便"},
    {"存ずる", "思う", "五段・ワ行促音便"},
    {"召し上がる", "食べる", "一段"},
    {"伺う", "聞く", "五段・カ行イ音便"},
    {"うかがう", "聞く", "五段・カ行イ音便"},
    {"差し上げる", "あげる", "一段"},
    {"さしあげる", "あげる", "一段"},
};

static struct keigo_word plain_verb(const struct keigo_word *word) {
    struct keigo_word out = *word;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!lemma_is(word, verbs[i].lemma)) continue;
        out.lemma = view_of(verbs[i].plain);
        out.type = view_of(verbs[i].type);
        break;
    }
    return out;
}

struct plain {
    const struct keigo_sentence *s;
    struct buf *out;
    bool asked; // か was taken away: the sentence's end becomes ？
};

static const struct keigo_word *word_at(const struct plain *p, uint32_t i) {
    static const struct keigo_word none = {{"", 0}, {"", 0}, {"", 0}, {"", 0},
                                           {"", 0}, {"", 0}, {"", 0}};
    return i < p->s->len ? &p->s->words[i] : &none;
}

// か before the end of a sentence goes, and the end asks.
static uint32_t question(struct plain *p, uint32_t i) {
    const struct keigo_word *next = word_at(p, i + 1);
    if (!word_is(word_at(p, i), "か") || (next->text.len && !word_ends(next))) return 0;
    p->asked = true;
    return 1;
}

// た, て, たら … behind a stem: voiced where it has to be.
static void put_behind(struct plain *p, const struct keigo_word *verb, struct view ending) {
    static const char voiced[][2][4] = {{"た", "だ"}, {"て", "で"}};
    inflect(verb, INFLECT_TA, p->out);
    for (unsigned i = 0; inflect_voiced(verb) && i < 2; i++)
        if (view_starts(ending, view_of(voiced[i][0]))) {
            buf_put_text(p->out, voiced[i][1]);
            ending = view_from(ending, 3);
        }
    buf_put_view(p->out, ending);
}

static void put_negative(struct plain *p, const struct keigo_word *verb, const char *ending) {
    if (!lemma_is(verb, "ある")) inflect(verb, INFLECT_A, p->out);
    buf_put_text(p->out, ending);
}

// A verb and ます behind it: how many words were written in another form.
static uint32_t verb_polite(struct plain *p, uint32_t i) {
    struct keigo_word verb = plain_verb(word_at(p, i));
    const struct keigo_word *masu = word_at(p, i + 1), *next = word_at(p, i + 2);
    if (!inflects(&verb)) return 0;
    if (form_is(masu, "基本形")) {
        inflect(&verb, INFLECT_BASE, p->out);
        return 2 + question(p, i + 2);
    }
    if (word_is(masu, "まし") && (lemma_is(next, "た") || word_is(next, "て"))) {
        put_behind(p, &verb, next->text);
        return 3 + question(p, i + 3);
    }
    if (word_is(masu, "ませ") && word_is(next, "ん")) {
        bool past = word_is(word_at(p, i + 3), "でし") && word_is(word_at(p, i + 4), "た");
        put_negative(p, &verb, past ? "なかった" : "ない");
        uint32_t taken = past ? 5 : 3;
        return taken + question(p, i + taken);
    }
    if (word_is(masu, "ましょ") && word_is(next, "う")) {
        inflect(&verb, INFLECT_O, p->out);
        buf_put_text(p->out, "う");
        return 3;
    }
    return 0;
}

static bool noun_like(const struct keigo_word *word) {
    return !adjective(word) && !inflects(word) && !lemma_is(word, "た") && !word_is(word, "ん");
}

// です and what it became; `before` is the word in front of it.
static uint32_t copula(struct plain *p, uint32_t i) {
    const struct keigo_word *word = word_at(p, i), *next = word_at(p, i + 1);
    const struct keigo_word *before = i ? word_at(p, i - 1) : word;
    if (word_is(word, "でしょ") && word_is(next, "う")) {
        buf_put_text(p->out, "だろう");
        return 2;
    }
    if (word_is(word, "でし") && lemma_is(next, "た")) {
        buf_put_text(p->out, "だっ");
        buf_put_view(p->out, next->text);
        return 2 + question(p, i + 2);
    }
    if (!word_is(word, "です")) return 0;
    uint32_t asked = question(p, i + 1);
    if (!asked && (noun_like(before) || word_is(before, "ん"))) buf_put_text(p->out, "だ");
    return 1 + asked;
}

static bool is_request(const struct keigo_word *word) {
    return (lemma_is(word, "くださる") || lemma_is(word, "下さる")) &&
           word_in(word->text, "ください 下さい");
}

// Set phrases.
static uint32_t phrase(struct plain *p, uint32_t i) {
    const struct keigo_word *word = word_at(p, i), *next = word_at(p, i + 1);
    if (word_in(word->text, "ありがとう おはよう おめでとう") && lemma_is(next, "ござる")) {
        buf_put_view(p->out, word->text);
        return word_is(word_at(p, i + 3), "た") ? 4 : 3;
    }
    if (word_is(word, "で") && lemma_is(next, "ござる") && word_is(word_at(p, i + 2), "ます")) {
        uint32_t asked = question(p, i + 3);
        if (!asked) buf_put_text(p->out, "だ");
        return 3 + asked;
    }
    if (word_in(word->text, "よろしく 宜しく") && word_in(next->text, "お願い おねがい")) {
        buf_put_view(p->out, word->text);
        uint32_t taken = 2;
        while (i + taken < p->s->len && !word_ends(word_at(p, i + taken)))
            taken++;
        return taken;
    }
    if (word_in(word->text, "て で") && is_request(next)) {
        buf_put_view(p->out, word->text);
        return word_is(word_at(p, i + 2), "ませ") ? 3 : 2;
    }
    if (word_in(word->text, "お ご 御") && pos1_is(next, "サ変接続") &&
        is_request(word_at(p, i + 2))) {
        buf_put_view(p->out, next->text);
        buf_put_text(p->out, "して");
        return word_is(word_at(p, i + 3), "ませ") ? 4 : 3;
    }
    if (word_is(word, "すみません") || word_is(word, "すいません")) {
        buf_put_text(p->out, "ごめん");
        return 1;
    }
    // のですか, んですか
    if (word_in(word->text, "ん の") && word_is(next, "です") && question(p, i + 2)) {
        buf_put_text(p->out, "の");
        return 3;
    }
    return 0;
}

static uint32_t step(struct plain *p, uint32_t i) {
    const struct keigo_word *word = word_at(p, i);
    uint32_t taken = phrase(p, i);
    if (!taken && lemma_is(word_at(p, i + 1), "ます")) taken = verb_polite(p, i);
    if (!taken && lemma_is(word, "です")) taken = copula(p, i);
    if (!taken && word_ends(word)) {
        bool stop = p->asked && word_in(word->text, "。 ．");
        buf_put_view(p->out, stop ? view_of("？") : word->text);
        p->asked = false;
        taken = 1;
    }
    if (!taken) {
        buf_put_view(p->out, word->text);
        taken = 1;
    }
    return taken;
}

enum sk_code rewrite_plain(const struct keigo_sentence *s, struct keigo_candidates *out) {
    struct buf text = candidate_room(out);
    struct plain plain = {.s = s, .out = &text};
    for (uint32_t i = 0; i < s->len;)
        i += step(&plain, i);
    if (plain.asked) buf_put_text(&text, "？");
    candidate_close(out, &text, 0);
    return buf_check(&text, "keigo: a text in another form");
}
