// Whether a date stands where one of birth does in the record of a person: beside a name, a role in
// a family, a sex or an age, as lists and forms write it without a word for it.
#include "border/identifiers.h"

enum { ROLE_BYTES = 30, LIST_BYTES = 40, EVENT_BYTES = 24, NAME_CHARS = 6, GIVEN_CHARS = 4 };

// The most frequent family names: about half of all people have one of them.
static const char *const surnames[] = {
    "佐藤", "鈴木",   "高橋", "田中",   "伊藤",   "渡辺", "渡部", "山本", "中村", "小林",
    "加藤", "吉田",   "山田", "佐々木", "山口",   "松本", "井上", "木村", "林",   "斎藤",
    "斉藤", "清水",   "山崎", "森",     "池田",   "橋本", "阿部", "石川", "山下", "中島",
    "石井", "小川",   "前田", "岡田",   "長谷川", "藤田", "後藤", "近藤", "村上", "遠藤",
    "青木", "坂本",   "福田", "太田",   "西村",   "藤井", "金子", "岡本", "藤原", "三浦",
    "中野", "中川",   "原田", "松田",   "竹内",   "小野", "田村", "中山", "和田", "石田",
    "森田", "上田",   "原",   "内田",   "柴田",   "酒井", "宮崎", "横山", "高木", "安藤",
    "宮本", "大野",   "小島", "工藤",   "谷口",   "今井", "高田", "増田", "丸山", "杉山",
    "村田", "大塚",   "新井", "小山",   "平野",   "藤本", "河野", "上野", "野口", "武田",
    "松井", "千葉",   "菅原", "岩崎",   "木下",   "久保", "佐野", "野村", "松尾", "菊地",
    "菊池", "市川",   "杉本", "古川",   "大西",   "島田", "水野", "桜井", "高野", "渡邊",
    "渡邉", "吉川",   "山内", "西田",   "飯田",   "西川", "小松", "北村", "安田", "五十嵐",
    "川口", "平田",   "関",   "中田",   "久保田", "服部", "東",   "岩田", "土屋", "川崎",
    "福島", "本田",   "辻",   "樋口",   "秋山",   "田口", "永井", "山中", "中西", "吉村",
    "川上", "石原",   "大橋", "松岡",   "浜田",   "馬場", "森本", "矢野", "浅野", "松下",
    "星野", "大久保", "吉岡", "小池",   "野田",   "荒木", "熊谷", "松浦", "大谷", "内藤",
    "黒田", "尾崎",   "川村", "永田",   "望月",   "松村", "田辺", "荒井", "堀",   "片山",
    "早川", "横田",   "岡崎", "小西",   "栗原",   "福井", "菅野", "須藤", "西山", "松永",
    "奥村", "成田",   "片岡", "桑原",   "大島",   "岡",   "関口", "堀田", "広瀬", "大石",
    "今村", "鎌田",   "小沢", "上原",   "白石",   "南",   "青山", "津田", "三宅", "高山",
    "西",   "岩本",   "坂口", "宮田",   "小田",   "榎本", "平井", "黒木", "角田", "相馬",
    "天野", "吉野",   "田島", "柳田",   "沢田",   "滝沢", NULL};

static const char *const titles[] = {"様", "さん", "氏",     "殿", "さま",
                                     "君", "くん", "ちゃん", NULL};

// Whether one of `words` ends at `end`: its bytes, 0: none.
static uint32_t ends(struct view text, uint32_t end, const char *const *words) {
    for (; *words; words++) {
        uint32_t len = (uint32_t)strlen(*words);
        if (end >= len && memcmp(text.at + end - len, *words, len) == 0) return len;
    }
    return 0;
}

bool words_before(struct view text, uint32_t at, uint32_t within, const char *const *words) {
    uint32_t from = at > within ? at - within : 0;
    for (; *words; words++)
        if (memmem(text.at + from, at - from, *words, strlen(*words))) return true;
    return false;
}

// A character of a name: kanji, kana, the long vowel; not marks.
static bool name_char(const char *at) {
    uint8_t lead = (uint8_t)at[0], second = (uint8_t)at[1], third = (uint8_t)at[2];
    bool kana = lead == 0xe3 && second >= 0x81 && second <= 0x83;
    bool mark = (second == 0x83 && third == 0xbb) || (second == 0x81 && third == 0x80); // ・
    bool again = lead == 0xe3 && second == 0x80 && third == 0x85;                       // 々
    return (kana && !mark) || again || (lead >= 0xe4 && lead <= 0xe9);
}

// Where the run of at most `chars` characters of a name that ends at `end` begins.
static uint32_t run_start(struct view text, uint32_t end, uint32_t chars) {
    uint32_t at = end;
    while (chars > 0 && at >= 3 && name_char(text.at + at - 3))
        at -= 3, chars--;
    return at;
}

// What ends a word that only begins like a name: 山田町, 松本電機工業, 森林法.
static bool given(struct view text, uint32_t at, uint32_t end) {
    static const char *const others[] = {
        "町", "村",   "市", "区", "県", "郡", "府", "駅", "店", "社", "院",   "校", "部", "課",
        "局", "所",   "室", "館", "業", "会", "商", "工", "災", "震", "戦",   "件", "故", "法",
        "祭", "杯",   "輪", "展", "集", "賞", "版", "庁", "線", "橋", "港",   "湖", "寺", "城",
        "園", "道",   "通", "号", "日", "年", "月", "長", "発", "薬", "ビル", "機", "電", "表",
        "案", "会議", "は", "が", "の", "を", "も", "に", "へ", "で", "た",   "る", "い", NULL};
    return end > at && end - at <= 3 * GIVEN_CHARS && !ends(text, end, others);
}

static uint32_t surname_len(struct view text, uint32_t at, uint32_t end) {
    uint32_t best = 0;
    for (const char *const *each = surnames; *each; each++) {
        uint32_t len = (uint32_t)strlen(*each);
        if (len > best && at + len <= end && memcmp(text.at + at, *each, len) == 0) best = len;
    }
    return best;
}

// A whole name ends at `end`, written together or with a space: 田中太郎, 森 智子.
static bool name_ends(struct view text, uint32_t end) {
    end -= ends(text, end, titles);
    uint32_t at = run_start(text, end, NAME_CHARS), len;
    if (at == end) return false;
    bool apart = at > 3 && text.at[at - 1] == ' ';
    if (apart && given(text, at, end)) {
        uint32_t start = run_start(text, at - 1, 3);
        for (; start + 3 < at; start += 3)
            if (surname_len(text, start, at - 1) == at - 1 - start) return true;
    }
    len = surname_len(text, at, end);
    return len > 0 && given(text, at + len, end);
}

static bool parts(char c) { // what stands between the cells of a record
    return c && strchr(" ,()/|\t\"[]", c) != NULL;
}

static uint32_t cell_end_before(struct view text, uint32_t at) {
    while (at > 0 && parts(text.at[at - 1]))
        at--;
    return at >= 3 && (view_starts_at(text, at - 3, "、") || view_starts_at(text, at - 3, "・"))
               ? at - 3
               : at;
}

static uint32_t cell_behind(struct view text, uint32_t at) {
    if (view_starts_at(text, at, "生まれ")) at += 9;
    if (view_starts_at(text, at, "生")) at += 3;
    while (at < text.len && parts(text.at[at]))
        at++;
    return view_starts_at(text, at, "、") || view_starts_at(text, at, "・") ? at + 3 : at;
}

static bool wide_at(struct view text, uint32_t at) {
    return at < text.len && (uint8_t)text.at[at] >= 0xe3 && name_char(text.at + at);
}

// A sex, or an age, that stands alone in [at, …): 男, 女性, M, 45歳, 45)
static bool sex_or_age_at(struct view text, uint32_t at) {
    static const char *const sexes[] = {"男性", "女性", "男", "女", NULL};
    for (const char *const *each = sexes; *each; each++)
        if (view_starts_at(text, at, *each)) return !wide_at(text, at + (uint32_t)strlen(*each));
    char c = char_at(text, at);
    if ((c == 'M' || c == 'F') && !char_word(char_at(text, at + 1))) return true;
    uint32_t end = at + 3 * (uint32_t)view_starts_at(text, at, "満");
    uint32_t digits = end;
    while (end - digits < 3 && char_digit(char_at(text, end)))
        end++;
    if (end == digits) return false;
    return view_starts_at(text, end, "歳") || view_starts_at(text, end, "才");
}

static bool sex_or_age_before(struct view text, uint32_t end) {
    static const char *const sexes[] = {"男性", "女性", "男", "女", "歳", "才", NULL};
    uint32_t len = ends(text, end, sexes);
    if (len) {
        uint32_t at = end - len;
        bool age = view_starts_at(text, at, "歳") || view_starts_at(text, at, "才");
        return age ? at > 0 && char_digit(text.at[at - 1]) : run_start(text, at, 1) == at;
    }
    return end > 1 && (text.at[end - 1] == 'M' || text.at[end - 1] == 'F') &&
           parts(text.at[end - 2]);
}

// (山田太郎様、昭和7年12月5日), 受給者山田太郎(昭和7年12月5日): nothing but a person and a date.
static bool in_brackets(struct view text, uint32_t at, uint32_t end) {
    static const char *const roles[] = {
        "者",   "申込人", "依頼人", "借受人", "患者", "氏名", "従業員", "本人", "世帯主",
        "長男", "長女",   "次男",   "次女",   "二男", "二女", "利用者", "児童", "生徒",
        "会員", "社員",   "職員",   "相続人", "故人", "子",   "妻",     "夫",   NULL};
    uint32_t from = at;
    while (from > 0 && strchr(" ,(", text.at[from - 1]))
        from--;
    if (from >= 3 && view_starts_at(text, from - 3, "、")) from -= 3;
    char before = at ? text.at[at - 1] : ' ', after = char_at(text, end);
    if (before == '/' && after == '/') return words_before(text, from, LIST_BYTES, roles);
    if (from == at || after != ')') return false;
    if (ends(text, from, (const char *const[]){"確認", "取得", "提出", "受付", "承認", NULL}))
        return false; // of what they did then
    return ends(text, from, titles) ||
           (before == '(' && words_before(text, from, ROLE_BYTES, roles));
}

// What happened then: 2003年5月6日 発売.
static bool event_behind(struct view text, uint32_t end) {
    static const char *const events[] = {
        "発売", "発行", "開業", "開館", "開店", "開設", "設立", "創業", "創立", "制定", "公布",
        "施行", "開催", "開始", "着任", "就任", "異動", "退職", "入社", "採用", "合併", "休み",
        "欠席", "会議", "更新", "作成", "改訂", "受付", "版",   "契約", "出発", "到着", "提出",
        "完了", "終了", "予定", "昇格", "昇進", "転勤", "入会", "退会", "卒業", "入学", "公開",
        "放送", "掲載", "撮影", "登録", "暗殺", "戦死", "死去", "逝去", "氾濫", "転向", "退社",
        "辞任", "答申", "供用", "改修", "発生", "噴火", "地震", "ミー", "出勤", "出張", "訪問",
        "来所", "来院", "受診", "面談", "面接", "納品", "入金", "竣工", NULL};
    uint32_t to = end + EVENT_BYTES < text.len ? end + EVENT_BYTES : (uint32_t)text.len;
    const char *line = end < to ? memchr(text.at + end, '\n', to - end) : NULL;
    if (line) to = (uint32_t)(line - text.at);
    return words_before(text, to, to - end, events);
}

// 承認:田中太郎 2011/03/04: what they did then.
static bool deed_before(struct view text, uint32_t at) {
    static const char *const deeds[] = {"承認", "起票", "文責", "著者", "作成", "更新", "撮影",
                                        "提出", "記入", "担当", "報告", "発表", "選手", NULL};
    return words_before(text, at, ROLE_BYTES, deeds);
}

// 明・大・昭・平, M・T・S: one of the eras of a form was to be marked.
static bool eras_before(struct view text, uint32_t at) {
    static const char *const last[] = {"・S", "・H", "・R", "・昭", "・平", "・令", "・令和", NULL};
    while (at > 0 && strchr(" :)", text.at[at - 1]))
        at--;
    return ends(text, at, last) > 0;
}

bool person_beside(struct view text, uint32_t at, uint32_t end, bool old) {
    static const char *const family[] = {"世帯主", "妻",   "夫",   "長男", "長女", "次男",
                                         "次女",   "二男", "二女", "三男", "三女", "父",
                                         "母",     "祖父", "祖母", NULL};
    uint32_t from = cell_end_before(text, at), behind = cell_behind(text, end);
    bool first = at == 0 || text.at[at - 1] == '\n';
    bool noted = at > 0 && text.at[at - 1] == '(' && sex_or_age_at(text, behind); // (…, 男性)
    if (in_brackets(text, at, end) || eras_before(text, at) || (noted && behind > end)) return true;
    if (!old || (from == at && !first) || event_behind(text, end)) return false;
    if (sex_or_age_before(text, from) || (behind > end && sex_or_age_at(text, behind))) return true;
    bool sentence = wide_at(text, end) && !view_starts_at(text, end, "生");
    if (sentence || deed_before(text, from)) return false;
    uint32_t role = ends(text, from, family);
    if (role && run_start(text, from - role, 1) == from - role) return true;
    return name_ends(text, from) || (ends(text, from, titles) && behind > end);
}
