// Honorific and humble sentences by the rules, and which of the two fits who acts: verbs, people
// and sentence shapes multiplied. A fifth of the verbs and of the shapes is held back.
#include <string.h>

#include "tool.h"

static const char *const verbs[] = {
    "資料を見る",         "本を読む",       "会議に出席する", "駅で待つ",       "名前を書く",
    "電話をかける",       "荷物を持つ",     "部屋に入る",     "席に座る",       "話を聞く",
    "意見を言う",         "お茶を飲む",     "昼食を食べる",   "東京へ行く",     "会社に来る",
    "家にいる",           "早く帰る",       "外に出る",       "会場に集まる",   "手紙を送る",
    "写真を撮る",         "道を尋ねる",     "傘を借りる",     "お金を払う",     "予定を説明する",
    "内容を確認する",     "結果を連絡する", "町を案内する",   "会議を準備する", "大会に参加する",
    "進み具合を報告する", "今後を相談する", "日程を決める",   "品物を選ぶ",     "機械を使う",
    "料理を作る",         "原因を調べる",   "方法を考える",   "質問に答える",   "仕事を始める",
    "作業を終える",       "住所を教える",   "書類を届ける",   "荷物を受け取る", "気持ちを伝える",
    "今日は休む",         "ここで働く",     "土産を買う",     "鍵を探す",       "机を運ぶ",
    "窓を開ける",         "戸を閉める",     "友人に会う",     "事情を知る",     "褒美をもらう",
    "新聞を読む",         "映画を見る",     "駅まで歩く",     "車に乗る",       "次の駅で降りる",
    "歌を歌う",           "庭を掃除する",   "講演する",       "出発する",       "到着する",
    "研究する",           "挨拶する",       "賛成する",       "契約を結ぶ",     "会社を辞める",
    "病院に入院する",     "本を出版する",   "工場を見学する", "海外へ出張する", "返事を待つ",
    "詳しく話す",         "先に食べる",     "ゆっくり寝る",   "着物を着る",     "絵をかく",
};
static const char *const superiors[] = {
    "先生", "社長", "部長",   "課長", "お客様", "会長",   "教授",   "先輩",   "校長先生",
    "院長", "店長", "監督",   "大臣", "奥様",   "ご主人", "佐藤様", "田中様", "皆様",
    "博士", "専務", "理事長", "市長", "師匠",   "ご両親", "お父様", "お母様", "あなた様",
};
static const char *const selves[] = {
    "私", "わたくし", "私ども", "弊社の者", "当社の社員", "うちの部下", "弟", "妹",
    "父", "母",       "息子",   "娘",       "家内",       "私の兄",     "僕", "弊社の山田",
};
static const char *const whens[] = {"", "", "", "明日、", "これから", "いつも", "来週、", "後ほど"};
// The sentence around an act: S who, W when, V the act, in its style with ます.
static const char *const shapes[] = {
    "SがWVます。",
    "SはWVます。",
    "WSがVます。",
    "SがWVました。",
    "SはもうVました。",
    "SもWVますか？",
    "SがVますので、よろしくお願いします。",
    "WSがVますよ。",
    "SはVませんでした。",
    "SがVますから、少しお待ちください。",
    "SがVますと、皆が喜びます。",
    "昨日、SがVました。",
};

struct act {
    struct tool *tool;
    FILE *pairs, *direction, *apart;
    // Of one verb, less ます: plain (polite), honorific, humble; several ways.
    char stem[3][4][256];
    unsigned ways[3];
    bool held;
};

// "…ます。" less its end; false: no such form.
static bool stem_keep(struct act *act, unsigned style, struct view text) {
    struct view end = VIEW("ます。");
    if (text.len < end.len || !view_same(view_from(text, text.len - end.len), end)) return false;
    if (act->ways[style] == 4 || text.len - end.len >= 256) return false;
    char *stem = act->stem[style][act->ways[style]++];
    memcpy(stem, text.at, text.len - end.len);
    stem[text.len - end.len] = 0;
    return true;
}

static void verb_read(struct act *act, const char *verb) {
    static const enum keigo_style styles[] = {KEIGO_POLITE, KEIGO_HONORIFIC, KEIGO_HUMBLE};
    char plain[256];
    snprintf(plain, sizeof plain, "%s。", verb);
    memset(act->ways, 0, sizeof act->ways);
    for (unsigned i = 0; i < 3; i++) {
        struct keigo_candidates *made = &act->tool->made;
        check(keigo_rewrite(act->tool->reader, view_of(plain), styles[i], made));
        for (uint32_t k = 0; k < made->len && k < (i ? 3 : 1); k++)
            stem_keep(act, i, made->text[k]);
        if (!act->ways[i]) give_up(verb);
    }
}

static void put(const char *shape, const char *who, const char *when, const char *stem,
                struct buf *out) {
    for (; *shape; shape++) {
        if (*shape == 'S')
            buf_put_text(out, who);
        else if (*shape == 'W')
            buf_put_text(out, when);
        else if (*shape == 'V')
            buf_put_text(out, stem);
        else
            buf_put_char(out, *shape);
    }
}

static void judge(struct act *act, bool apart, struct view text, struct view right) {
    char storage[2][4096];
    struct buf asked = buf_over(storage[0], sizeof storage[0]);
    struct buf answer = buf_over(storage[1], sizeof storage[1]);
    bool is_right = view_same(text, right);
    if (apart) {
        fprintf(act->apart, "%.*s\t%s\n", (int)text.len, text.at, is_right ? "right" : "wrong");
        return;
    }
    ask(act->tool, TASK_DIRECTION, text, &asked);
    if (is_right) {
        buf_put_text(&answer, KEIGO_RIGHT);
    } else {
        buf_put_text(&answer, KEIGO_WRONG "「");
        buf_put_view(&answer, right);
        buf_put_text(&answer, "」が正しい敬語です。");
    }
    out_chat(act->tool, act->direction, buf_view(&asked), buf_view(&answer));
}

static void convert(struct act *act, enum task task, struct view from, struct view to) {
    char storage[4096];
    struct buf asked = buf_over(storage, sizeof storage);
    ask(act->tool, task, from, &asked);
    out_chat(act->tool, act->pairs, buf_view(&asked), to);
}

// One sentence of somebody's act: in the style that fits, in the other, and what it was made of.
static void sentence(struct act *act, bool respected) {
    struct tool *tool = act->tool;
    char storage[3][2048];
    struct buf text[3];
    const char *shape = shapes[chance_below(tool, sizeof shapes / sizeof *shapes)];
    const char *when = whens[chance_below(tool, sizeof whens / sizeof *whens)];
    const char *who = respected
                          ? superiors[chance_below(tool, sizeof superiors / sizeof *superiors)]
                          : selves[chance_below(tool, sizeof selves / sizeof *selves)];
    bool apart = act->held || held(tool, view_of(shape));
    for (unsigned i = 0; i < 3; i++) {
        text[i] = buf_over(storage[i], sizeof storage[i]);
        unsigned way =
            i && act->ways[i] > 1 && chance_in(tool, 35) ? chance_below(tool, act->ways[i]) : 0;
        put(shape, who, when, act->stem[i][way], &text[i]);
    }
    unsigned right = respected ? 1 : 2, wrong = 3 - right;
    bool shown_wrong = chance_in(tool, 50);
    judge(act, apart, buf_view(&text[shown_wrong ? wrong : right]), buf_view(&text[right]));
    if (apart) return;
    convert(act, respected ? TASK_HONORIFIC : TASK_HUMBLE, buf_view(&text[0]),
            buf_view(&text[right]));
}

// The act alone, its actor unsaid: both styles can be asked for.
static void bare(struct act *act, const char *verb) {
    static const char *const ends[][2] = {{"ます。", "。"}, {"ますか？", "？"}};
    struct tool *tool = act->tool;
    char storage[2][1024];
    unsigned style = 1 + chance_below(tool, 2), end = chance_in(tool, 25);
    const char *when = whens[chance_below(tool, sizeof whens / sizeof *whens)];
    bool plain = chance_in(tool, 40);
    struct buf from = buf_over(storage[0], 1024), to = buf_over(storage[1], 1024);
    buf_put_text(&from, when);
    buf_put_text(&from, plain ? verb : act->stem[0][0]);
    buf_put_text(&from, ends[end][plain]);
    buf_put_text(&to, when);
    buf_put_text(&to, act->stem[style][0]);
    buf_put_text(&to, ends[end][0]);
    convert(act, style == 1 ? TASK_HONORIFIC : TASK_HUMBLE, buf_view(&from), buf_view(&to));
}

void make_honour(struct tool *tool) {
    enum { SENTENCES = 60, BARE = 30 };
    static struct act act;
    act = (struct act){.tool = tool};
    act.pairs = out_open(tool, "honour.jsonl");
    act.direction = out_open(tool, "direction.jsonl");
    act.apart = out_open(tool, "dev-direction.tsv");
    fprintf(act.apart, "text\tverdict\n");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        act.held = held(tool, view_of(verbs[i]));
        verb_read(&act, verbs[i]);
        for (unsigned k = 0; k < SENTENCES; k++)
            sentence(&act, chance_in(tool, 55));
        for (unsigned k = 0; k < BARE && !act.held; k++)
            bare(&act, verbs[i]);
    }
    out_close(act.pairs);
    out_close(act.direction);
    out_close(act.apart);
}
