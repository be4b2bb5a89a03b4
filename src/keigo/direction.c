// The direction of respect: for each form whose act it is, by a subject, by what follows the form
// (a request, a question, an intention), or as it is usually meant; and whether the two fit.
#include "keigo/direction.h"

#define TE    "て で"
#define GETS  "いただく 頂く いただける 頂ける"
#define GIVES "くださる 下さる"

// What follows a form, and whose act it then is. The first that stands there counts.
enum tail_when { TAIL_ALWAYS, TAIL_ASKED, TAIL_SAID };
static const struct tail_row {
    const char *words[4];
    enum tail_when when;
    enum keigo_actor actor;
    enum keigo_because because;
} tail_rows[] = {
    {{"せる させる", TE, GETS " " GIVES}, TAIL_ALWAYS, KEIGO_ACTOR_OWN, KEIGO_MEANT},
    {{TE, GETS " " GIVES " くれる もらえる 欲しい ほしい"},
     TAIL_ALWAYS,
     KEIGO_ACTOR_HEARER,
     KEIGO_BEGGED},
    {{TE, "いらっしゃる"}, TAIL_ALWAYS, KEIGO_ACTOR_HEARER, KEIGO_MIXED},
    {{TE, "おる", "れる られる"}, TAIL_ALWAYS, KEIGO_ACTOR_HEARER, KEIGO_MIXED},
    {{TE, "は", "いかが どう"}, TAIL_ALWAYS, KEIGO_ACTOR_HEARER, KEIGO_BEGGED},
    {{"たら", "いかが どう"}, TAIL_ALWAYS, KEIGO_ACTOR_HEARER, KEIGO_BEGGED},
    {{"ください 下さい"}, TAIL_ALWAYS, KEIGO_ACTOR_HEARER, KEIGO_BEGGED},
    {{"なさる"}, TAIL_ALWAYS, KEIGO_ACTOR_HEARER, KEIGO_BEGGED},
    {{"よう", "に", "お願い"}, TAIL_ALWAYS, KEIGO_ACTOR_HEARER, KEIGO_BEGGED},
    {{"ん", "よう", "に"}, TAIL_ALWAYS, KEIGO_ACTOR_HEARER, KEIGO_BEGGED},
    {{TE, "も", "よろしい 宜しい いい 良い よい かまう 構う 結構"},
     TAIL_ASKED,
     KEIGO_ACTOR_OWN,
     KEIGO_MEANT},
    {{TE, "よろしい 宜しい いい 良い"}, TAIL_ASKED, KEIGO_ACTOR_OWN, KEIGO_MEANT},
    {{"たら ば", "よろしい 宜しい いい 良い よい"}, TAIL_ASKED, KEIGO_ACTOR_ANYBODY, KEIGO_MEANT},
    {{"ます", "う"}, TAIL_ALWAYS, KEIGO_ACTOR_OWN, KEIGO_MEANT},
    {{"う よう", "と", "思う 存じる"}, TAIL_ALWAYS, KEIGO_ACTOR_OWN, KEIGO_MEANT},
    {{"たい"}, TAIL_SAID, KEIGO_ACTOR_OWN, KEIGO_MEANT},
    {{"つもり"}, TAIL_SAID, KEIGO_ACTOR_OWN, KEIGO_MEANT},
};

struct tail {
    const struct tail_row *row; // NULL: none
    bool asks;                  // the sentence that ends here is a question
    bool apart;                 // a noun follows, whose clause this is
    bool confirms;              // it ends with ね, でしょう？
    bool past, lasting, denied; // た, ている, ません
    bool hearsay;               // そうです, ようです
    uint32_t noun;              // word of that noun; 0: none
    bool told;                  // と言う follows: it may be another's words
};

// Nouns in which a predicate goes on.
static const char goes_on[] = "の ん つもり 予定 はず よう わけ こと もの そう";

static bool clause_ends(const struct keigo_sentence *s, uint32_t i) {
    const struct keigo_word *word = &s->words[i];
    if (word_ends(word) || word_in(word->text, "、 ， 「")) return true;
    return pos1_is(word, "接続助詞") &&
           word_in(word->text, "が けど けれど けれども から ので のに し と ながら");
}

// How a sentence ends: by its words before `end`, and the mark there.
static void end_read(const struct keigo_sentence *s, uint32_t end, struct tail *out) {
    const struct keigo_word *last = &s->words[end - 1];
    bool sign = end < s->len && word_in(s->words[end].text, "？ ? ？！ ！？ ?!");
    out->confirms = word_in(last->text, "ね ねえ") || (sign && word_in(last->text, "でしょ う"));
    out->asks =
        !out->confirms && (sign || (pos_is(last, "助詞") && word_in(last->text, "か かね かしら")));
}

static const struct tail_row *row_at(const struct keigo_sentence *s, uint32_t i) {
    uint32_t end;
    for (size_t k = 0; k < sizeof tail_rows / sizeof *tail_rows; k++)
        if (words_match(s, i, tail_rows[k].words, &end)) return &tail_rows[k];
    return NULL;
}

static bool noun_follows(const struct keigo_sentence *s, uint32_t i) {
    const struct keigo_word *word = &s->words[i];
    if (!pos_is(word, "名詞") && !pos_is(word, "接頭詞")) return false;
    bool case_follows = i + 1 < s->len && pos_is(&s->words[i + 1], "助詞") &&
                        word_in(s->words[i + 1].text, "は が を も に の");
    return !word_in(word->text, goes_on) || case_follows;
}

static struct tail tail_read(const struct keigo_sentence *s, const struct mark *mark) {
    struct tail out = {.row = NULL};
    uint32_t i = mark->end;
    bool other = false; // another verb
    for (; i < s->len; i++) {
        const struct keigo_word *word = &s->words[i];
        const struct tail_row *row = out.row ? NULL : row_at(s, i);
        other = other || (pos_is(word, "動詞") && pos1_is(word, "自立"));
        if (row && !(row->because == KEIGO_MEANT && other)) out.row = row; // not お越し願いたい
        if (clause_ends(s, i)) break;
        if (pos1_is(word, "引用") || word_is(word, "って")) {
            out.told =
                i + 1 < s->len &&
                word_in(s->words[i + 1].lemma, "言う いう おっしゃる 仰る 申す 話す 答える 伝える");
            break;
        }
        out.past = out.past || lemma_is(word, "た");
        out.denied = out.denied || word_is(word, "ん");
        out.hearsay = out.hearsay || word_in(word->text, "そう よう");
        out.lasting = out.lasting || (word_in(word->lemma, "いる おる てる") && i == mark->end + 1);
        if (!noun_follows(s, i) || pos1_is(&s->words[i - 1], "接続助詞")) continue;
        out.apart = true;
        out.noun = i;
        break;
    }
    if (i == s->len || word_ends(&s->words[i])) end_read(s, i, &out);
    if (out.row && out.row->when == TAIL_ASKED && !out.asks) out.row = NULL;
    if (out.row && out.row->when == TAIL_SAID && (out.asks || out.confirms || out.apart))
        out.row = NULL;
    return out;
}

struct judged {
    const struct keigo_sentence *s;
    const struct mark *mark;
    struct tail tail;
    struct who who;
    struct keigo_direction *out;
    bool honoured; // right behind an honorific form: お聞きになって|おり
};

static void judge(struct judged *j, enum keigo_fit fit, enum keigo_actor actor,
                  enum keigo_because because, double sure) {
    j->out->fit = fit;
    j->out->actor = actor;
    j->out->because = because;
    j->out->sure = sure;
}

static double named_sure(const struct judged *j) {
    return j->tail.told ? 0.55 : j->who.sure;
}

// 席を外しております, of one's own chief on the telephone.
static bool away(const struct judged *j) {
    if (!word_in(j->s->words[j->mark->from].text, "おり おる") || j->mark->from < 2) return false;
    for (uint32_t i = j->mark->from; i-- > 0 && i + 4 > j->mark->from;)
        if (word_in(j->s->words[i].lemma, "外す はずす 外出 出張 休む 不在 留守 出る")) return true;
    return false;
}

// Things and states of which ております is asked.
static bool state(const struct judged *j) {
    const struct keigo_word *before = j->mark->from > 1 ? &j->s->words[j->mark->from - 2] : NULL;
    return before && !j->honoured &&
           word_in(before->lemma,
                   "空く あく 開く 込む 混む 残る 入る 付く つく なる 含む 売る 動く "
                   "続く できる 届く 揃う 間に合う 始まる 決まる 閉まる れる られる "
                   "ある 異なる 違う 似合う 合う 増える 減る");
}

static void judge_named(struct judged *j, bool humble) {
    enum keigo_actor actor = j->who.actor;
    bool respected = actor == KEIGO_ACTOR_RESPECTED;
    bool misfits = humble ? respected : actor == KEIGO_ACTOR_OWN || actor == KEIGO_ACTOR_UNRAISED;
    double sure = named_sure(j);
    if (misfits && j->tail.told) misfits = false;
    bool report = humble && !j->tail.asks && (away(j) || (j->who.ga && state(j)));
    if (misfits && report) {
        misfits = false;
        sure = 0.55;
    }
    judge(j, misfits ? KEIGO_MISFITS : KEIGO_FITS, actor, KEIGO_NAMED, sure);
}

// いかがいたしますか, which asks for an order.
static bool how(const struct judged *j) {
    const struct keigo_word *first = &j->s->words[j->mark->from];
    return j->mark->from && !j->tail.past && word_in(first->lemma, "いたす 致す") &&
           (word_in(first[-1].text, "いかが どう 如何") ||
            (j->mark->from > 1 && word_is(first - 1, "に") && word_in(first[-2].text, "よう")));
}

// A humble form in a question, of nobody who is named.
static void judge_asked(struct judged *j) {
    unsigned traits = j->mark->form->traits;
    const struct keigo_word *first = &j->s->words[j->mark->from];
    bool offers = (traits & FORM_OFFERS) && !j->tail.past && !j->tail.lasting &&
                  !(j->tail.denied && j->mark->stem.len);
    bool lasts = pos1_is(first, "非自立") && word_in(first->lemma, "おる 参る まいる いたす");
    double sure = traits & FORM_PLAIN ? 0.8 : 0.75;
    if (lasts && word_in(first->text, "おり おる")) sure = 0.65;
    if (mark_reaches_nobody(j->mark) || word_in(j->mark->stem, "待ち 伺い")) {
        judge(j, KEIGO_MISFITS, KEIGO_ACTOR_HEARER, KEIGO_ASKED, 0.85);
    } else if (offers || (lasts && state(j)) || how(j)) {
        judge(j, KEIGO_FITS, KEIGO_ACTOR_OWN, KEIGO_ASKED, 0.6);
    } else {
        judge(j, KEIGO_MISFITS, KEIGO_ACTOR_HEARER, KEIGO_ASKED, sure);
    }
}

// A humble act that another is begged for: no respect to them, but perhaps to a third.
static void judge_begged(struct judged *j) {
    static const char brings[] =
        "案内 送り 迎え 見送り 通し 伝え お伝え 渡し 届け 知らせ お知らせ 連絡 報告 出し";
    struct who to = receiver_find(j->s, j->mark, "に を へ");
    bool third = to.actor == KEIGO_ACTOR_RESPECTED &&
                 (word_in(j->mark->stem, brings) ||
                  word_in(j->s->words[j->mark->from].lemma, "差し上げる さしあげる 申し上げる"));
    if (third) j->who = to;
    judge(j, third ? KEIGO_FITS : KEIGO_MISFITS, KEIGO_ACTOR_HEARER, KEIGO_BEGGED,
          third ? 0.55 : 0.95);
}

// 私に, or 犬に差し上げる.
static bool towards_own(struct judged *j) {
    static const char gives[] = "差し上げる さしあげる 申し上げる 申しあげる 伺う うかがう";
    const struct mark *mark = j->mark;
    const struct keigo_word *first = &j->s->words[mark->from];
    bool own_word = word_in(first->lemma, gives);
    bool raises = (mark->stem.len && !(mark->form->traits & FORM_PLAIN)) || own_word;
    if (!raises || (j->tail.row && j->tail.row->because == KEIGO_MEANT)) return false;
    if (word_in(j->s->words[mark->end - 1].lemma, "できる 出来る")) return false;
    if (mark->end < j->s->len && word_in(j->s->words[mark->end].lemma, "せる させる")) return false;
    struct who to = receiver_find(j->s, mark, "に");
    bool kin = to.actor == KEIGO_ACTOR_UNRAISED || (to.actor == KEIGO_ACTOR_OWN && own_word);
    bool self = to.actor == KEIGO_ACTOR_OWN &&
                word_in(j->s->words[to.from].text, "私 わたし わたくし 僕 俺 弊社 当社");
    if (!kin && !self) return false;
    j->who = to;
    judge(j, KEIGO_MISFITS, to.actor, KEIGO_TOWARDS_OWN, self ? 0.8 : 0.7);
    return true;
}

// お集まりする; of others' acts alone, or before 方, 際 and できる.
static bool towards_nobody(struct judged *j) {
    const struct keigo_sentence *s = j->s;
    if (!mark_reaches_nobody(j->mark) || j->mark->form->kind != KEIGO_HUMBLE) return false;
    bool always = word_in(j->mark->stem, "集まり 集り 見え 来店 来場 来社 来館 亡くなり 乗車 下車");
    bool can = word_in(s->words[j->mark->end - 1].lemma, "できる 出来る");
    bool of_others = j->tail.noun && word_in(s->words[j->tail.noun].text,
                                             "方 かた お客様 皆様 人 際 場合 時 とき お客 前 お");
    if (!always && !can && !of_others) return false;
    judge(j, KEIGO_MISFITS, KEIGO_ACTOR_NONE, KEIGO_TOWARDS_NOBODY, always ? 0.85 : 0.65);
    return true;
}

// 工夫いたしましたね, ご主人でおりますね: of the hearer, unless it was said.
static bool confirmed(struct judged *j) {
    const struct keigo_word *first = &j->s->words[j->mark->from];
    bool lasts = j->tail.lasting || word_in(first->text, "おり おる");
    bool plain = (j->mark->form->traits & FORM_PLAIN) && !word_in(first->lemma, "申す 参る まいる");
    if (!j->tail.confirms || !(plain || mark_reaches_nobody(j->mark))) return false;
    if (!lasts && !j->tail.past && !j->tail.hearsay) return false;
    judge(j, KEIGO_MISFITS, KEIGO_ACTOR_HEARER, KEIGO_ASKED, 0.65);
    return true;
}

static void judge_humble(struct judged *j) {
    const struct tail_row *row = j->tail.row;
    bool named = j->who.actor != KEIGO_ACTOR_NONE;
    bool mixed = row && row->because == KEIGO_MIXED && !word_in(j->mark->stem, "話 話し");
    if (mixed || (j->mark->form->traits & FORM_MIXED))
        judge(j, KEIGO_MISFITS, j->who.actor, KEIGO_MIXED, 0.85);
    else if (row && row->because == KEIGO_BEGGED)
        judge_begged(j);
    else if (row && row->actor == KEIGO_ACTOR_OWN && row->when != TAIL_SAID)
        judge(j, KEIGO_FITS, row->actor, row->because, 0.9);
    else if (named && j->who.actor == KEIGO_ACTOR_RESPECTED)
        judge_named(j, true);
    else if (towards_own(j))
        return;
    else if (named)
        judge_named(j, true);
    else if (towards_nobody(j) || confirmed(j))
        return;
    else if (row && row->because == KEIGO_MEANT)
        judge(j, KEIGO_FITS, row->actor, row->because, 0.9);
    else if (j->tail.asks)
        judge_asked(j);
    else
        judge(j, KEIGO_FITS, KEIGO_ACTOR_OWN, KEIGO_STATED, 0.8);
}

static void judge_honorific(struct judged *j) {
    const struct tail_row *row = j->tail.row;
    bool favour = j->mark->form->traits & FORM_FAVOUR;
    if (j->mark->form->traits & FORM_OWNED) {
        j->who = who_read(j->s, j->mark->from);
        judge(j, KEIGO_MISFITS, KEIGO_ACTOR_OWN, KEIGO_NAMED, 0.7);
        return;
    }
    if (favour && !j->mark->stem.len && j->who.ga && j->who.actor == KEIGO_ACTOR_RESPECTED)
        judge(j, KEIGO_MISFITS, j->who.actor, KEIGO_NAMED, 0.65);
    else if (favour || (row && row->because == KEIGO_BEGGED))
        judge(j, KEIGO_FITS, KEIGO_ACTOR_HEARER, KEIGO_BEGGED, 0.9);
    else if (j->who.actor != KEIGO_ACTOR_NONE)
        judge_named(j, false);
    else if (row && row->actor == KEIGO_ACTOR_OWN)
        judge(j, KEIGO_MISFITS, KEIGO_ACTOR_OWN, KEIGO_MEANT, 0.75);
    else
        judge(j, KEIGO_FITS, j->tail.asks ? KEIGO_ACTOR_HEARER : KEIGO_ACTOR_RESPECTED,
              j->tail.asks ? KEIGO_ASKED : KEIGO_STATED, 0.8);
}

// Where words begin and how long they are, in bytes of the text.
static void span_tell(const struct keigo_sentence *s, uint32_t from, uint32_t end, uint32_t *at,
                      uint32_t *len) {
    const struct keigo_word *last = &s->words[end - 1];
    *at = (uint32_t)(s->words[from].text.at - s->words[0].text.at);
    *len = (uint32_t)(last->text.at + last->text.len - s->words[from].text.at);
}

static void mark_judge(const struct keigo_sentence *s, const struct mark *mark, bool honoured,
                       struct keigo_direction *out) {
    struct judged j = {s, mark, tail_read(s, mark), {.actor = KEIGO_ACTOR_NONE}, out, honoured};
    *out = (struct keigo_direction){.kind = mark->form->kind};
    j.who = subject_find(s, mark, j.tail.apart, j.tail.asks);
    if (mark->form->kind == KEIGO_HUMBLE)
        judge_humble(&j);
    else
        judge_honorific(&j);
    out->doubled = mark->form->traits & FORM_DOUBLED;
    span_tell(s, mark->from, mark->end, &out->form_from, &out->form_len);
    if (j.who.end > j.who.from) span_tell(s, j.who.from, j.who.end, &out->who_from, &out->who_len);
}

// Whether the second tells more: a misfit, the surer; else the one that is less sure.
static bool tells_more(const struct keigo_direction *is, const struct keigo_direction *other) {
    if (is->fit != other->fit) return other->fit > is->fit;
    return other->fit == KEIGO_MISFITS ? other->sure > is->sure : other->sure < is->sure;
}

enum sk_code keigo_direction(struct keigo_reader *reader, struct view text,
                             struct keigo_direction *out) {
    struct keigo_sentence s;
    struct mark mark;
    *out = (struct keigo_direction){.fit = KEIGO_UNMARKED, .sure = 0.7};
    TRY(keigo_cut(reader, text, &s));
    uint32_t honoured = 0; // where an honorific form ended
    for (uint32_t i = 0; i < s.len;) {
        struct keigo_direction one;
        if (!mark_read(&s, i, &mark)) {
            i++;
            continue;
        }
        mark_judge(&s, &mark, honoured && mark.from == honoured + 1, &one);
        if (one.kind == KEIGO_HONORIFIC) honoured = mark.end;
        bool doubled = out->doubled || one.doubled;
        if (out->fit == KEIGO_UNMARKED || tells_more(out, &one)) *out = one;
        out->doubled = doubled;
        i = mark.end;
    }
    return SK_OK;
}
