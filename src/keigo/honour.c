// Plain to honorific and humble: verbs that have a word of their own, and お…になる, ご…いたす.
#include <string.h>

#include "keigo/polite.h"

// Stems before ます; several where usage has several, the first the commonest.
static const struct own {
    const char *lemmas, *honorific, *humble;
} owns[] = {
    {"行く いく", "いらっしゃい お越しになり", "伺い 参り"},
    {"来る くる", "いらっしゃい お越しになり お見えになり", "伺い 参り"},
    {"いる 居る", "いらっしゃい おいでになり", "おり"},
    {"食べる 飲む", "召し上がり お召し上がりになり", "いただき 頂戴し"},
    {"言う いう", "おっしゃい 言われ", "申し上げ 申し"},
    {"話す", "お話しになり 話され", "お話しし お話しいたし"},
    {"する", "なさい され", "いたし"},
    {"見る", "ご覧になり", "拝見し 拝見いたし"},
    {"聞く", "お聞きになり 聞かれ", "伺い お聞きし"},
    {"尋ねる 訪ねる 訪問", "お尋ねになり", "伺い お尋ねし"},
    {"会う", "お会いになり 会われ", "お目にかかり お会いし"},
    {"知る", "ご存じになり", "存じ上げ"},
    {"思う", "お思いになり 思われ", "存じ"},
    {"くれる", "ください", "ください"},
    {"もらう", "お受け取りになり", "いただき 頂戴し"},
    {"あげる", "おあげになり", "差し上げ"},
    {"読む", "お読みになり 読まれ", "拝読し お読みし"},
    {"借りる", "お借りになり", "お借りし 拝借し"},
    {"着る", "お召しになり", "着させていただき"},
    {"寝る", "お休みになり", "休ませていただき"},
    {"死ぬ", "お亡くなりになり 亡くなられ", "亡くなり"},
    {"わかる 分かる", "おわかりになり", "承知いたし"},
    {"見せる", "お見せになり", "お目にかけ ご覧に入れ"},
    {"ある", "おありになり", "ござい"},
};

// Sino-Japanese nouns that take お, not ご (with 電話, 食事 and their like).
static const char nouns_o[] =
    "電話 食事 料理 返事 掃除 洗濯 散歩 勉強 時間 話 約束 世話 会計 支払い";

enum { STEMS_MAX = 4, STEM_LEN_MAX = 96 };
struct stems {
    char text[STEMS_MAX][STEM_LEN_MAX];
    unsigned len;
    uint32_t from; // the first word that is written anew
};

static void stem(struct stems *out, const char *before, struct view middle, const char *after) {
    if (out->len == STEMS_MAX) return;
    struct buf text = buf_over(out->text[out->len], STEM_LEN_MAX - 1);
    buf_put_text(&text, before);
    buf_put_view(&text, middle);
    buf_put_text(&text, after);
    if (text.over) return;
    out->text[out->len++][text.len] = 0;
}

static void stems_own(const char *list, struct stems *out) {
    struct view rest = view_of(list), one;
    while (view_next(&rest, ' ', &one))
        stem(out, "", one, "");
}

// A noun and する.
static void stems_noun(const struct keigo_word *noun, bool humble, struct stems *out) {
    const char *prefix = word_in(noun->text, nouns_o) ? "お" : "ご";
    if (humble) {
        stem(out, "", noun->text, "いたし");
        stem(out, "", noun->text, "させていただき");
        stem(out, prefix, noun->text, "いたし");
    } else {
        stem(out, "", noun->text, "なさい");
        stem(out, prefix, noun->text, "になり");
        stem(out, "", noun->text, "され");
    }
}

static void stems_verb(const struct keigo_word *verb, bool humble, struct stems *out) {
    char i_storage[STEM_LEN_MAX], a_storage[STEM_LEN_MAX];
    struct buf i = buf_over(i_storage, sizeof i_storage), a = buf_over(a_storage, sizeof a_storage);
    inflect(verb, INFLECT_I, &i);
    inflect(verb, INFLECT_A, &a);
    bool ichidan = view_starts_at(verb->type, 0, "一段"), one_sound = i.len <= 3;
    if (humble) {
        stem(out, "", buf_view(&a), ichidan ? "させていただき" : "せていただき");
        if (!one_sound) stem(out, "お", buf_view(&i), "し");
        if (!one_sound) stem(out, "お", buf_view(&i), "いたし");
    } else {
        if (!one_sound) stem(out, "お", buf_view(&i), "になり");
        stem(out, "", buf_view(&a), ichidan ? "られ" : "れ");
    }
}

// Stems for the verb at word i; none: it stays as it is.
static void stems_read(const struct keigo_sentence *s, uint32_t i, bool humble, struct stems *out) {
    const struct keigo_word *verb = &s->words[i];
    *out = (struct stems){.from = i};
    if (!inflects(verb)) return;
    bool noun = lemma_is(verb, "する") && i && pos1_is(&s->words[i - 1], "サ変接続");
    if (noun) {
        out->from = i - 1;
        stems_noun(&s->words[i - 1], humble, out);
        return;
    }
    bool helper = pos1_is(verb, "非自立") || pos1_is(verb, "接尾");
    if (lemma_is(verb, "てる")) {
        stem(out, "", view_of(humble ? "ており" : "ていらっしゃい"), "");
        return;
    }
    for (size_t k = 0; k < sizeof owns / sizeof *owns; k++)
        if (word_in(verb->lemma, owns[k].lemmas) && (!helper || lemma_is(verb, "いる"))) {
            stems_own(humble ? owns[k].humble : owns[k].honorific, out);
            return;
        }
    if (!helper) stems_verb(verb, humble, out);
}

// The main verb: the last that is no helper, or いる behind て.
static bool main_verb(const struct keigo_sentence *s, uint32_t end, uint32_t *at) {
    for (uint32_t i = end; i-- > 0;) {
        const struct keigo_word *word = &s->words[i];
        if (!inflects(word)) continue;
        bool helper = pos1_is(word, "非自立") || pos1_is(word, "接尾");
        if (helper && !lemma_is(word, "いる") && !lemma_is(word, "てる")) continue;
        *at = i;
        return true;
    }
    return false;
}

// ます behind a stem as the plain sentence goes on behind its verb; *next: the first word after.
static bool put_masu(const struct keigo_sentence *s, uint32_t i, struct buf *out, uint32_t *next) {
    struct view behind[3] = {{"", 0}, {"", 0}, {"", 0}};
    for (uint32_t k = 0; k < 3 && i + 1 + k < s->len; k++)
        behind[k] = s->words[i + 1 + k].text;
    const char *put = NULL;
    if (form_is(&s->words[i], "基本形")) {
        put = "ます";
        *next = i + 1;
    } else if (word_in(behind[0], "た だ")) {
        put = "ました";
        *next = i + 2;
    } else if (view_is(behind[0], "ない")) {
        put = "ません";
        *next = i + 2;
    } else if (view_is(behind[0], "なかっ") && view_is(behind[1], "た")) {
        put = "ませんでした";
        *next = i + 3;
    } else if (word_in(behind[0], "う よう")) {
        put = "ましょう";
        *next = i + 2;
    }
    if (put) buf_put_text(out, put);
    return put != NULL;
}

// The sentence up to `end`; behind ます, よ and の go, and a question asks with か.
static bool put_sentence(const struct keigo_sentence *s, uint32_t end, const struct stems *stems,
                         uint32_t verb, unsigned which, struct buf *out) {
    uint32_t next = verb + 1;
    span_put(s, 0, stems->from, out);
    buf_put_text(out, stems->text[which]);
    if (!put_masu(s, verb, out, &next)) return false;
    while (next < end && word_in(s->words[next].text, "よ の わ さ"))
        next++;
    span_put(s, next, end, out);
    if (end < s->len && word_in(s->words[end].text, "？ ?") && next >= end) buf_put_text(out, "か");
    return true;
}

enum sk_code rewrite_honour(const struct keigo_sentence *s, bool humble,
                            struct keigo_candidates *out) {
    uint32_t end = 0, verb = 0;
    while (end < s->len && !word_ends(&s->words[end]))
        end++;
    struct stems stems = {.len = 0};
    if (main_verb(s, end, &verb)) stems_read(s, verb, humble, &stems);
    for (unsigned i = 0; i < stems.len; i++) {
        struct buf text = candidate_room(out);
        if (!put_sentence(s, end, &stems, verb, i, &text)) break;
        span_put(s, end, s->len, &text);
        candidate_close(out, &text, -(float)i);
    }
    if (out->len) return SK_OK;
    return rewrite_polite(s, out); // no verb to honour: polite is what can be done
}
