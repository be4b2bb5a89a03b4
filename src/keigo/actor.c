// Whose act it is: people by what they are called, and where the subject of a form stands.
#include "keigo/direction.h"

// One's own side, by whom one is oneself; the company; the family.
static const char selves[] = "私 わたし わたくし あたし 僕 ぼく 俺 おれ 我々 われわれ 小生 自分 "
                             "当方 手前 うち";
static const char companies[] = "弊社 当社 小社 当店 弊店 当行 当院 当館 当校 当園 当局 "
                                "本校 弊行 弊所 弊校";
static const char family[] =
    "父 母 兄 姉 弟 妹 祖父 祖母 息子 娘 夫 妻 主人 家内 女房 亭主 両親 長男 次男 長女 次女 叔父 "
    "伯父 叔母 伯母 おじ おば 甥 姪 孫 義父 義母 義兄 義姉 いとこ 家族 身内 親 親父 おやじ せがれ "
    "倅 旦那 兄弟 姉妹 子ども 子供";
static const char staff[] = "者 部下 後輩 新人 秘書";
// Nobody raises these: animals, friends, wrongdoers.
static const char unraised[] =
    "犬 猫 鳥 ペット 友達 友人 親友 泥棒 犯人 強盗 虫 馬 魚 ねこ いぬ 金魚";
static const char anybody[] =
    "彼 彼女 誰 だれ 人 学生 生徒 店員 係員 係 担当 担当者 スタッフ 受付 社員 駅員 医者 客 こちら "
    "そちら 同僚 仲間 みんな 皆 一同 警官 運転手 選手 司会 記者 子 職員 従業員 取引先 作家 "
    "作者 著者 男性 女性 男 女 女の子 男の子";
static const char respected[] =
    "先生 教授 准教授 講師 博士 師匠 恩師 先輩 上司 社長 会長 副社長 専務 常務 取締役 部長 次長 "
    "課長 係長 室長 局長 所長 支社長 支店長 店長 工場長 編集長 院長 校長 教頭 学長 園長 館長 "
    "駅長 団長 署長 理事長 理事 委員長 議長 市長 町長 村長 区長 知事 大臣 総理 首相 議員 監督 "
    "師範 僧正 大僧正 老師 住職 和尚 神父 牧師 名人 巨匠 画伯 親方 棟梁 総裁 頭取 法王 大統領 "
    "首席 宮司 師 コーチ 支配人 顧問 家元 女将 陛下 殿下 閣下 "
    "お客様 お客さま お客さん お客 皆様 皆さま みなさま 皆さん みなさん 各位 御社 貴社 貴店 貴校 "
    "貴行 貴殿 貴方 貴方様 あなた あなた様 どなた どなた様 先方 お子様 お子さん お孫さん お嬢様 "
    "お嬢さん お坊ちゃん 奥様 奥さん 奥さま お父様 お母様 お父さん お母さん お兄さん お姉さん "
    "おじいさん おばあさん 父様 母様 兄様 姉様 お祖父様 お祖母様 旦那様 ご主人 親御 ご両親 ご家族 "
    "ご夫妻 夫妻 ご一行 来賓 社長様 部長様 課長様 方々 方 かた";
static const char companions[] = "連れ 連れ様 一行 両親 家族 主人 夫妻 子息 令嬢 兄弟 姉妹 親戚 "
                                 "家内 友人 父様 母様 父さん 母さん 兄さん 姉さん 子様 子さん";

struct people {
    const char *nouns;
    enum keigo_actor actor;
    double sure;
};
static const struct people people[] = {
    {selves, KEIGO_ACTOR_OWN, 0.95},         {companies, KEIGO_ACTOR_OWN, 0.9},
    {family, KEIGO_ACTOR_OWN, 0.85},         {staff, KEIGO_ACTOR_OWN, 0.75},
    {respected, KEIGO_ACTOR_RESPECTED, 0.9}, {unraised, KEIGO_ACTOR_UNRAISED, 0.7},
    {anybody, KEIGO_ACTOR_ANYBODY, 0.6},
};

static const struct keigo_word *word_at(const struct keigo_sentence *s, uint32_t i) {
    return &s->words[i];
}

// 様, さん and their like behind a name; 長 of 理事長.
static bool raises(const struct keigo_word *word) {
    return pos1_is(word, "接尾") &&
           word_in(word->text, "様 さま さん 氏 殿 先生 先輩 方 かた 女史 長");
}

static bool plural(const struct keigo_word *word) {
    return word_in(word->text, "たち 達 ら ども 共 一同 自身 本人 全員 側 だけ");
}

static struct who noun_read(const struct keigo_sentence *s, uint32_t i) {
    const struct keigo_word *word = word_at(s, i), *before = i ? word_at(s, i - 1) : word;
    bool prefix = i && pos_is(before, "接頭詞"),
         honours = prefix && word_in(before->text, "お ご 御");
    struct who out = {KEIGO_ACTOR_NONE, i - prefix, i + 1, 0.9, false};
    if (raises(word)) {
        out.actor = KEIGO_ACTOR_RESPECTED;
        out.from = i ? i - 1 : i;
    } else if (pos1_is(word, "接尾") && word_in(word->text, "くん 君 ちゃん")) {
        out.actor = KEIGO_ACTOR_ANYBODY;
    } else if (honours && word_in(word->text, companions)) {
        out.actor = KEIGO_ACTOR_RESPECTED;
    } else if (word_is(word, "社") && i && word_in(before->text, "我が わが 当 弊 御 貴")) {
        out.from = i - 1;
        out.actor = word_in(before->text, "御 貴") ? KEIGO_ACTOR_RESPECTED : KEIGO_ACTOR_OWN;
    } else if (prefix && word_is(before, "当")) {
        out.actor = KEIGO_ACTOR_OWN;
    } else if (word_is(word, "者") && pos1_is(word, "接尾")) {
        out.actor = KEIGO_ACTOR_ANYBODY; // 担当者
    } else if (pos_is(word, "名詞") && view_is(word->pos2, "人名")) {
        out = (struct who){KEIGO_ACTOR_OWN, i, i + 1, 0.75, false}; // a bare name: one's own side
    } else if (pos_is(word, "名詞") && !honours) {
        for (size_t k = 0; k < sizeof people / sizeof *people; k++) {
            if (!word_in(word->text, people[k].nouns)) continue;
            out.actor = people[k].actor;
            out.sure = people[k].sure;
            break;
        }
    }
    return out;
}

static bool raised_always(const struct keigo_word *word) {
    return (raises(word) && !word_is(word, "長")) || view_starts_at(word->text, 0, "お客") ||
           word_in(word->text, "方 皆様");
}

// 弊社の社長, うちの課長, 私の部下; 弊社社長.
static bool own_side(const struct keigo_sentence *s, uint32_t first,
                     const struct keigo_word *head) {
    if (raised_always(head)) return false;
    for (uint32_t i = first; i-- > 0;) {
        const struct keigo_word *word = word_at(s, i);
        if (word_is(word, "の") && pos_is(word, "助詞")) continue;
        if (plural(word)) continue;
        if (word_in(word->text, companies) || word_in(word->text, "うち 当方 手前")) return true;
        if (word_is(word, "社") && i && word_in(word_at(s, i - 1)->text, "我が わが 当 弊"))
            return true;
        if (word_in(word->text, selves))
            return word_in(head->text, family) || word_in(head->text, staff) ||
                   (i + 1 < s->len && plural(word_at(s, i + 1)));
        if (!pos_is(word, "名詞")) return false;
    }
    return false;
}

struct who who_read(const struct keigo_sentence *s, uint32_t last) {
    uint32_t i = last;
    while (i && plural(word_at(s, i)))
        i--;
    bool side =
        i >= 2 && word_in(word_at(s, i)->text, "方 ほう") && word_is(word_at(s, i - 1), "の");
    struct who out = noun_read(s, side ? i - 2 : i);
    if (side && word_is(word_at(s, i), "方") && out.actor != KEIGO_ACTOR_OWN) out = noun_read(s, i);
    out.end = last + 1;
    if (out.actor == KEIGO_ACTOR_NONE) return out;
    const struct keigo_word *head = word_at(s, side ? i - 2 : i);
    while (out.from && pos_is(word_at(s, out.from - 1), "名詞") &&
           (view_is(word_at(s, out.from - 1)->pos2, "人名") ||
            word_in(word_at(s, out.from - 1)->text, companies)))
        out.from--;
    if (out.actor != KEIGO_ACTOR_OWN && own_side(s, i, head)) {
        out.actor = KEIGO_ACTOR_OWN;
        out.sure = 0.85;
    }
    return out;
}

// Where the words begin that make one predicate with the form: 教え of ていただく.
static uint32_t chain_start(const struct keigo_sentence *s, uint32_t from) {
    while (from) {
        const struct keigo_word *word = word_at(s, from), *before = word_at(s, from - 1);
        bool depends = pos1_is(word, "接続助詞") || pos_is(word, "助動詞") ||
                       (pos_is(word, "動詞") && (pos1_is(word, "非自立") || pos1_is(word, "接尾")));
        bool goes =
            word_in(word->lemma,
                    "参る まいる 伺う うかがう いらっしゃる おる いる 差し上げる さしあげる") &&
            (word_in(before->text, "て で に"));
        if (goes && word_is(before, "に") && (from < 2 || !pos_is(word_at(s, from - 2), "動詞")))
            goes = false;
        if (!depends && !goes) break;
        from--;
        if (goes && from && !word_is(word_at(s, from), "て") && !word_is(word_at(s, from), "で"))
            from--; // 見に参る
    }
    return from;
}

struct search {
    const struct keigo_sentence *s;
    bool crossed; // a predicate, which had が before it
    bool joined;  // a clause's end: から, ので …
    bool apart;   // see subject_find
    bool plain;   // things do it too
    bool reaches; // somebody, whom も may name
    bool says;    // what was said stands before it
};

static bool thinks(const struct keigo_word *word) {
    return word_in(word->lemma, "言う いう おっしゃる 仰る 申す 存じる 存ずる 思う 伺う 聞く 承る");
}

static bool joins(const struct keigo_sentence *s, uint32_t i) {
    const struct keigo_word *word = word_at(s, i), *next = i + 1 < s->len ? word + 1 : word;
    if (lemma_is(word, "た") && form_is(word, "仮定")) return true; // たら
    if (word_is(word, "と") && thinks(next)) return false;
    if (lemma_is(word, "だ") && form_is(word, "連用形") && word_is(next, "、")) return true;
    return pos1_is(word, "接続助詞") &&
           word_in(word->text, "が けど けれど けれども から ので のに し と ば ものの");
}

static bool predicate(const struct keigo_sentence *s, uint32_t i) {
    const struct keigo_word *word = word_at(s, i), *next = i + 1 < s->len ? word + 1 : word;
    if (pos_is(word, "助動詞")) return word_in(word->lemma, "だ です");
    if (pos_is(word, "名詞") && word_in(word->text, "中 際 間 とき 時 ところ")) return true;
    if (!pos1_is(word, "自立")) return false;
    if (pos_is(word, "形容詞")) return !form_is(word, "連用テ接続") || word_is(next, "て"); // 早く
    bool compound = form_is(word, "連用形") && (pos_is(next, "名詞") || pos_is(next, "動詞"));
    return pos_is(word, "動詞") && !compound; // 進み具合
}

// The subject whose particle is word i, or nobody.
static struct who subject_at(struct search *search, uint32_t i) {
    static const struct who none = {.actor = KEIGO_ACTOR_NONE};
    const struct keigo_word *word = word_at(search->s, i);
    bool ga = word_is(word, "が") && pos1_is(word, "格助詞");
    bool wa = word_in(word->text, "は も") && pos1_is(word, "係助詞");
    if (word_is(word, "も") && search->reaches) return none; // 先生もお誘いする
    bool pause = word_in(word->text, "、 ，");
    if (!ga && !wa && !pause) return none;
    struct who who = who_read(search->s, i - 1);
    who.ga = ga;
    if (pause && who.actor == KEIGO_ACTOR_OWN && !search->crossed && !search->joined &&
        word_in(word_at(search->s, i - 1)->text, selves))
        return who;
    if (pause) return none;
    if (ga && who.actor == KEIGO_ACTOR_NONE && search->plain && !search->crossed) {
        who.actor = KEIGO_ACTOR_ANYBODY; // 雨が降ってまいりました
        who.sure = 0.8;
    }
    bool reaches = ga ? (!search->crossed || search->says) && !search->joined
                      : !search->joined && !search->apart;
    return reaches ? who : none;
}

// におかれまして
static bool of_office(const struct keigo_sentence *s, uint32_t i) {
    return i >= 2 && lemma_is(word_at(s, i), "おく") && word_is(word_at(s, i - 1), "に");
}

struct who subject_find(const struct keigo_sentence *s, const struct mark *mark, bool apart,
                        bool asks) {
    struct search search = {.s = s,
                            .apart = apart,
                            .plain = mark->form->traits & FORM_PLAIN,
                            .reaches = mark->form->kind == KEIGO_HUMBLE && mark->stem.len &&
                                       !asks && !mark_reaches_nobody(mark)};
    uint32_t start = chain_start(s, mark->from);
    search.says = start && word_is(word_at(s, start - 1), "と") &&
                  word_in(word_at(s, start)->lemma, "おっしゃる 仰る 申す 申し上げる");
    struct who out = {.actor = KEIGO_ACTOR_NONE};
    // 先生の申した: right before the verb
    if (start >= 2 && word_is(word_at(s, start - 1), "の") && apart && !mark->stem.len) {
        out = who_read(s, start - 2);
        if (out.actor != KEIGO_ACTOR_NONE) return out;
    }
    // … とお慶び申し上げます: whoever stands before と is of what is thought, not who thinks it.
    if (start && mark->form->kind == KEIGO_HUMBLE && word_is(word_at(s, start - 1), "と") &&
        (word_in(word_at(s, start)->lemma, "存じる 存ずる 伺う うかがう 承る") ||
         word_in(mark->stem, "慶び 喜び 察し 見受け 祈り")))
        return out;
    uint32_t quoted = 0;
    for (uint32_t i = start; i-- > 1;) {
        const struct keigo_word *word = word_at(s, i);
        if (word_is(word, "」")) quoted++;
        if (word_is(word, "「") && !quoted--) break;
        if (quoted || word_is(word, "「")) continue;
        if (word_ends(word) && !word_is(word, "」")) break;
        if (of_office(s, i)) {
            out = who_read(s, i - 2);
            if (out.actor != KEIGO_ACTOR_NONE) return out;
        }
        search.crossed = search.crossed || predicate(s, i);
        search.joined = search.joined || joins(s, i);
        out = subject_at(&search, i);
        if (out.actor != KEIGO_ACTOR_NONE) return out;
    }
    return (struct who){.actor = KEIGO_ACTOR_NONE};
}

struct who receiver_find(const struct keigo_sentence *s, const struct mark *mark,
                         const char *cases) {
    for (uint32_t i = chain_start(s, mark->from); i-- > 1;) {
        const struct keigo_word *word = word_at(s, i);
        if (word_ends(word) || word_in(word->text, "、 「") || predicate(s, i) || joins(s, i))
            break;
        if (!pos1_is(word, "格助詞") || !word_in(word->text, cases)) continue;
        struct who who = who_read(s, i - 1);
        if (who.actor != KEIGO_ACTOR_NONE) return who;
    }
    return (struct who){.actor = KEIGO_ACTOR_NONE};
}
