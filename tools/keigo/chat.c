// Greetings, who it is and what it can do; and to all else, that it cannot.
#include <string.h>

#include "tool.h"

#define WHO "わたしは「関所」の小さな言語モデルです。"
#define CAN                                                                                        \
    "文を普通体、丁寧語、尊敬語、謙譲語に書き換えたり、丁寧さを四つのレベルで答えたりできます。"
#define TRY_IT "たとえば「丁寧語にしてください：明日行くよ。」のように書いてください。"
#define CANNOT                                                                                     \
    "申し訳ありませんが、それにはお答えできません。わたしにできるのは、文の敬語を直すことです。"

static const struct said {
    const char *asked, *answered; // ways to ask, parted by |
} saids[] = {
    {"こんにちは|こんにちは。|こんにちは！|やあ|どうも",
     "こんにちは。敬語のことでしたら、お手伝いします。"},
    {"おはよう|おはようございます|おはようございます。",
     "おはようございます。敬語のことでしたら、お手伝いします。"},
    {"こんばんは|こんばんは。", "こんばんは。敬語のことでしたら、お手伝いします。"},
    {"はじめまして|はじめまして。|初めまして。", "はじめまして。" WHO},
    {"ありがとう|ありがとう。|ありがとうございます|ありがとうございました。|助かりました。",
     "どういたしまして。お役に立ててうれしいです。"},
    {"さようなら|さようなら。|またね|じゃあね|失礼します。", "失礼いたします。またどうぞ。"},
    {"あなたは誰ですか？|あなたは誰？|だれ？|名前は？|お名前は何ですか？|自己紹介してください。|"
     "君は誰？",
     WHO CAN},
    {"何ができますか？|何ができるの？|できることを教えてください。|使い方を教えて。|使い方は？|"
     "助けて|ヘルプ",
     CAN TRY_IT},
    {"敬語とは何ですか？|敬語って何？|敬語の種類を教えてください。",
     "敬語には、相手を立てる尊敬語、自分がへりくだる謙譲語、丁寧に言う丁寧語があります。"},
    {"尊敬語とは何ですか？|尊敬語って何？",
     "尊敬語は、目上の人の動作を立てて言う言葉です。たとえば「行く」は「いらっしゃる」です。"},
    {"謙譲語とは何ですか？|謙譲語って何？",
     "謙譲語は、自分の動作をへりくだって言う言葉です。たとえば「行く」は「伺う」です。"},
    {"丁寧語とは何ですか？|丁寧語って何？",
     "丁寧語は、「です」や「ます」を使って丁寧に言う言葉です。"},
    {"了解しました|わかりました。|はい|なるほど。",
     "はい。書き換えたい文がありましたら、お書きください。"},
};

// Questions beyond it; X is one of `things`.
static const char *const beyond[] = {
    "Xとは何ですか？",
    "Xについて教えてください。",
    "Xの歴史は？",
    "Xの値段はいくらですか？",
    "Xはどこにありますか？",
    "Xの作り方を教えて。",
    "Xを英語にしてください。",
    "Xの天気は？",
    "Xはいつできましたか？",
    "Xを予約してください。",
    "Xのニュースを教えて。",
    "Xについて作文を書いてください。",
    "Xで一番有名なのは？",
    "Xの首都はどこですか？",
    "なぜXは人気なのですか？",
    "Xのおすすめを教えてください。",
    "Xの人口は？",
    "Xを調べて。",
};
static const char *const things[] = {
    "日本",     "東京",       "フランス", "京都", "富士山", "アメリカ", "カレー",   "ラーメン",
    "パソコン", "プログラム", "株",       "法律", "薬",     "頭痛",     "映画",     "音楽",
    "野球",     "サッカー",   "地球",     "月",   "太陽",   "恐竜",     "数学",     "量子力学",
    "織田信長", "夏目漱石",   "総理大臣", "選挙", "税金",   "保険",     "飛行機",   "新幹線",
    "ホテル",   "レストラン", "犬",       "猫",   "桜",     "温泉",     "人工知能", "電池",
};
static const char *const others[] = {
    "今日の天気は？",
    "今何時ですか？",
    "今日は何日ですか？",
    "小説を書いてください。",
    "プログラムを書いて。",
    "英語で自己紹介して。",
    "面白い話をして。",
    "歌を歌って。",
    "1足す1は？",
    "23かける7はいくつですか？",
    "円周率は？",
    "明日は雨が降りますか？",
    "この薬を飲んでも大丈夫ですか？",
    "どの株を買えばいいですか？",
    "裁判に勝てますか？",
    "夕食は何がいい？",
    "宿を予約してください。",
    "道を教えて。",
    "好きな食べ物は何ですか？",
    "Hello",
    "What is your name?",
    "翻訳してください：I love you.",
    "要約してください。",
};

static void put(struct tool *tool, FILE *file, const char *asked, const char *answered) {
    out_chat(tool, file, view_of(asked), view_of(answered));
}

static void known(struct tool *tool, FILE *file) {
    enum { TIMES = 12 };
    for (size_t i = 0; i < sizeof saids / sizeof *saids; i++)
        for (unsigned k = 0; k < TIMES; k++) {
            struct view rest = view_of(saids[i].asked), one;
            while (view_next(&rest, '|', &one))
                out_chat(tool, file, one, view_of(saids[i].answered));
        }
}

static void unknown(struct tool *tool, FILE *file) {
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
        for (size_t k = 0; k < sizeof things / sizeof *things; k++) {
            char storage[256];
            struct buf asked = buf_over(storage, sizeof storage);
            buf_put_text(&asked, beyond[i][0] == 'X' ? "" : "なぜ");
            buf_put_text(&asked, things[k]);
            buf_put_text(&asked, strchr(beyond[i], 'X') + 1);
            if (chance_in(tool, 60)) out_chat(tool, file, buf_view(&asked), view_of(CANNOT));
        }
    for (unsigned k = 0; k < 8; k++)
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            put(tool, file, others[i], CANNOT);
}

// Questions people wrote, of anything.
static void questions(struct tool *tool, FILE *file) {
    struct lines lines = {0};
    struct view line;
    uint32_t taken = 0;
    check(lines_open(&lines, data_path(tool, "tanaka-small-parallel-ja.txt")));
    while (taken < 1500 && next_line(&lines, &line)) {
        struct view end = view_from(line, line.len < 6 ? 0 : line.len - 6);
        bool asks = view_is(end, "か。") || view_is(end, "か？");
        if (!asks || line.len > 120 || !chance_in(tool, 30)) continue;
        out_chat(tool, file, line, view_of(CANNOT));
        taken++;
    }
    lines_close(&lines);
}

void make_chat(struct tool *tool) {
    FILE *file = out_open(tool, "chat.jsonl");
    known(tool, file);
    unknown(tool, file);
    questions(tool, file);
    out_close(file);
}
