// Forms of keigo, as ipadic cuts them.
#include "keigo/direction.h"

#define TE     "て で"
#define RERU   "れる られる"
#define GIVES  "くださる 下さる"
#define GETS   "いただく 頂く いただける 頂ける"
#define DOES   "する いたす 致す"
#define OWNERS "私 わたし わたくし あたし 僕 ぼく 俺 弊社 当社"
#define HUMBLY "拝見 拝読 拝借 拝聴 拝受 拝察 拝観"
#define HONOUR KEIGO_HONORIFIC
#define HUMBLE KEIGO_HUMBLE

// Of those that begin alike the longest first.
static const struct form forms[] = {
    {{OWNERS, "の", "お ご 御",
      "名前 考え 意見 両親 家族 住所 出身 希望 都合 気持ち 体 主人 子息 年齢 予定 父様 母様"},
     HONOUR,
     FORM_OWNED},
    {{OWNERS, "の", "お宅 奥様 奥さん お嬢様 お嬢さん お子様 お父様 お母様"}, HONOUR, FORM_OWNED},
    {{"お目にかかる お目にかかれる お目にかける おかけいたす"}, HUMBLE, 0},
    {{"お", "目 眼", "に", "かかる かかれる かける"}, HUMBLE, 0},
    {{"ご覧 御覧", "に", "入れる いれる"}, HUMBLE, FORM_OFFERS},
    {{"*", "に", "なる", RERU}, HONOUR, FORM_DOUBLED},
    {{"*", "に", "なる なれる"}, HONOUR, 0},
    {{"*", "なさる"}, HONOUR, 0},
    {{"*", GIVES}, HONOUR, 0},
    {{"*", GETS}, HONOUR, FORM_FAVOUR},
    {{"*", "申し上げる 申しあげる"}, HUMBLE, FORM_OFFERS},
    {{"*", "する", RERU}, HONOUR, 0}, // ご出席される: in use, though the guidelines do without
    {{"*", DOES}, HUMBLE, FORM_OFFERS},
    {{"*", "できる 出来る"}, HUMBLE, FORM_OFFERS},
    {{"お待ち お持ち お決まり お探し お急ぎ お困り お帰り お済み お揃い お出かけ お呼び お使い "
      "お泊まり",
      "です だ でしょ"},
     HONOUR,
     0},
    {{"お", "待ち 持ち 決まり 探し 急ぎ 困り 帰り 済み 揃い 出かけ 呼び 使い 泊まり",
      "です だ でしょ"},
     HONOUR,
     0},
    {{HUMBLY, DOES, RERU}, HUMBLE, FORM_MIXED},
    {{HUMBLY " 頂戴", DOES}, HUMBLE, 0},
    {{HUMBLY, "なさる " GIVES " " GETS}, HUMBLE, FORM_MIXED},
    {{HUMBLY " 頂戴", "できる 出来る"}, HUMBLE, FORM_OFFERS},
    {{"N", "いたす 致す", RERU}, HUMBLE, FORM_MIXED},
    {{"N", "いたす 致す"}, HUMBLE, FORM_PLAIN | FORM_OFFERS},
    {{"せる させる", TE, "いただける 頂ける"}, HUMBLE, FORM_OFFERS},
    {{"せる させる 働かせる 聞かせる 読ませる 言わせる", TE, GETS}, HUMBLE, 0},
    {{TE, GETS}, HONOUR, FORM_FAVOUR},
    {{"おる 居る", RERU}, HONOUR, 0},
    {{"申す 参る まいる いたす 致す 伺う うかがう いただく 頂く 承る", RERU}, HUMBLE, FORM_MIXED},
    {{"行く 帰る 戻る 着く 歩く 休む 働く 住む 走る 座る 泊まる", RERU}, HONOUR, 0},
    {{"出席 参加 退職 帰宅 帰国 来日 外出 出張 入院 退院 卒業 引退 結婚 活躍 発言 来店 到着 出発",
      "する", RERU},
     HONOUR,
     0},
    {{"いらっしゃる おっしゃる 仰る 召し上がる なさる " GIVES, RERU}, HONOUR, FORM_DOUBLED},
    {{"いらっしゃる おっしゃる 仰る 仰い 召し上がる めしあがる 召す なさる"}, HONOUR, 0},
    {{"ご覧 御覧 ご存じ ご存知 御存じ お越し おいで お出で お見え お召し"}, HONOUR, 0},
    {{GIVES}, HONOUR, 0},
    {{HUMBLY}, HUMBLE, 0},
    {{"おり", "ます"}, HUMBLE, FORM_PLAIN}, // which ipadic has as おりる
    {{"参る まいる いたす 致す 申す おる 居る"}, HUMBLE, FORM_PLAIN},
    {{"存じる 存ずる 存じ上げる 伺う うかがう いただく 頂く 承る うけたまわる"}, HUMBLE, 0},
    {{"参れる 伺える 申し上げる 申しあげる 差し上げる さしあげる"}, HUMBLE, FORM_OFFERS},
};

// What stands behind お and is no act of somebody one honours.
static const char no_acts[] =
    "金 気 世話 邪魔 迷惑 嫁 昼 正月 友達 得 役 手本 客 礼 陰 知り合い 祭り 気に入り しまい 終い "
    "願い 食事 料理 掃除 洗濯 勉強 仕事 散歩 買い物 昼寝 化粧 しゃれ 洒落 稽古 遊び 参り 喋り "
    "しゃべり 辞儀 馳走 ちそう 苦労 結婚 疲れ";

// Acts that reach nobody, for which there is no お～する.
static const char reach_nobody[] =
    "集まり 集り 帰り 出席 参加 利用 乗り 乗車 下車 搭乗 座り すわり 掛け かけ 着席 記入 書き 入力 "
    "登録 来店 来場 来社 来館 購入 注文 宿泊 泊まり 滞在 到着 出発 出かけ 休み 過ごし 着 飲み 食べ "
    "入り 入場 退場 入室 退室 入館 応募 申し込み 理解 了承 検討 判断 決断 選び 決め 使い 使用 試し "
    "持参 署名 サイン 確認 亡くなり 覚え 忘れ 考え 思い 気づき 住まい 旅行 出張 外出 帰宅 帰国 "
    "就職 引っ越し 乗り換え 降り 起き 進み 急ぎ 楽しみ 喜び 悩み 困り 歩き 走り 泳ぎ 歌い 踊り "
    "笑い "
    "発言 講演 活躍 研究 観覧 鑑賞 参照 閲覧 視聴 納得 満足 安心 注意 用心 住み 勤め 求め "
    "上がり 並び 知り "
    "暮らし 脱ぎ 抜け 移り 渡り 眠り 占め 掴み 生まれ 育ち 辞め やめ 勝ち 負け 慣れ 遅れ かき 試着 "
    "買い求め "
    "予約 欠席 退職 入会 卒業 入学 入院 開き 始め 使いになり";

static bool verb_stem(const struct keigo_word *word) {
    return pos_is(word, "動詞") && form_is(word, "連用");
}

// 集まり, 説明; not 金, 友達.
static bool noun_stem(const struct keigo_word *word) {
    if (!pos_is(word, "名詞")) return false;
    if (pos1_is(word, "サ変接続") || word_in(word->text, "ご覧 御覧 覧 申し出 お申し出 おいで"))
        return true;
    struct view end = view_from(word->text, word->text.len < 3 ? 0 : word->text.len - 3);
    return view_starts_at(end, 0, "\xe3\x81") || view_starts_at(end, 0, "\xe3\x82"); // hiragana
}

static bool honoured(struct view text) {
    return view_starts_at(text, 0, "お") || view_starts_at(text, 0, "ご") ||
           view_starts_at(text, 0, "御");
}

// Words i..end as お and a stem; *stem without お.
static bool stem_read(const struct keigo_sentence *s, uint32_t i, uint32_t end, struct view *stem) {
    const struct keigo_word *first = &s->words[i], *last = &s->words[end - 1];
    bool prefix = pos_is(first, "接頭詞");
    if (!honoured(first->text) || (prefix ? end < i + 2 : !pos_is(first, "名詞"))) return false;
    for (uint32_t k = i + prefix; k < end; k++)
        if (!pos_is(&s->words[k], "名詞") && !pos_is(&s->words[k], "動詞")) return false;
    if (!verb_stem(last) && !noun_stem(last)) return false;
    if (word_in(last->text, "願い お願い 願")) return false;
    size_t len = (size_t)(last->text.at + last->text.len - first->text.at);
    *stem = view_from((struct view){first->text.at, len}, 3);
    return stem->len && !word_in(*stem, no_acts);
}

bool words_match(const struct keigo_sentence *s, uint32_t i, const char *const words[4],
                 uint32_t *end) {
    for (unsigned k = 0; k < 4 && words[k]; k++, i++) {
        if (i >= s->len) return false;
        const struct keigo_word *word = &s->words[i];
        if (!word_in(word->lemma, words[k]) && !word_in(word->text, words[k])) return false;
        if (word_is(word, "で") && !pos1_is(word, "接続助詞")) return false; // ここでいただく
    }
    *end = i;
    return true;
}

static bool rest_match(const struct keigo_sentence *s, uint32_t i, const struct form *form,
                       struct mark *out) {
    const char *const rest[4] = {form->words[1], form->words[2], form->words[3], NULL};
    return words_match(s, i, rest, &out->end);
}

static bool form_match(const struct keigo_sentence *s, uint32_t i, const struct form *form,
                       struct mark *out) {
    enum { STEM_WORDS_MAX = 4 };
    *out = (struct mark){i, i, form, {"", 0}};
    if (form->words[0][0] == 'N') {
        out->stem = s->words[i].text;
        return pos1_is(&s->words[i], "サ変接続") && rest_match(s, i + 1, form, out);
    }
    if (form->words[0][0] != '*') return words_match(s, i, form->words, &out->end);
    for (uint32_t end = i + 1; end < s->len && end <= i + STEM_WORDS_MAX; end++)
        if (stem_read(s, i, end, &out->stem) && rest_match(s, end, form, out)) return true;
    return false;
}

// ください and なさい: told to the hearer, and no act of theirs.
static bool imperative(const struct keigo_sentence *s, const struct mark *mark) {
    const struct keigo_word *word = &s->words[mark->from];
    return mark->end == mark->from + 1 && form_is(word, "命令") &&
           word_in(word->lemma, GIVES " なさる");
}

// お願い申し上げます; and the おります that goes on behind it and other humble verbs.
static bool after_set_phrase(const struct keigo_sentence *s, uint32_t i) {
    if (word_in(s->words[i].text, "願い お願い")) return true;
    if (i && word_in(s->words[i - 1].text, "願い お願い")) return true;
    return i > 2 && word_in(s->words[i].text, "おり おる") && word_is(&s->words[i - 1], "て") &&
           (word_in(s->words[i - 2].lemma, "申し上げる 申しあげる 存じる いたす 致す 存じ上げる") ||
            word_in(s->words[i - 3].text, "願い お願い"));
}

bool mark_read(const struct keigo_sentence *s, uint32_t i, struct mark *out) {
    static const struct form raised = {{NULL}, HUMBLE, FORM_MIXED}; // ご拝読ください
    if (after_set_phrase(s, i)) return false;
    for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
        if (!form_match(s, i, &forms[k], out)) continue;
        if (forms[k].kind == HONOUR && word_in(out->stem, HUMBLY " 伺い いただき 参上 申し"))
            out->form = &raised;
        return !imperative(s, out);
    }
    return false;
}

bool mark_reaches_nobody(const struct mark *mark) {
    return word_in(mark->stem, reach_nobody);
}
