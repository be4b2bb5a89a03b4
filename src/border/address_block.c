#include "border/address.h"
#include "border/words_text.h"

enum { NUMBERS_MAX = 6, DIGITS_MAX = 5, LOT_MAX = 3999, BUILDING_MAX = 160, KANA_MAX = 6 };

static size_t past(struct view text, size_t at, const char *word) {
    return view_starts_at(text, at, word) ? at + strlen(word) : at;
}

static bool is_numeral(uint32_t c) {
    static const uint16_t numerals[] = {0x3007, 0x4e00, 0x4e8c, 0x4e09, 0x56db, 0x4e94, 0x516d,
                                        0x4e03, 0x516b, 0x4e5d, 0x5341, 0x767e, 0x5343};
    for (size_t i = 0; i < sizeof numerals / sizeof *numerals; i++)
        if (numerals[i] == c) return true;
    return false;
}

struct number {
    size_t end;
    uint32_t value; // 0 for kanji numerals
    bool written;   // in kanji
};

// Up to five digits without a zero before them, or kanji numerals; end == at: none.
static struct number number_at(struct view text, size_t at) {
    struct number out = {at, 0, false};
    uint32_t len, c = char_at(text, at, &len);
    if (c == '0') return out;
    while (is_digit(c)) {
        out.value = out.value * 10 + (c - '0');
        out.end += len;
        if (out.end - at > DIGITS_MAX) return (struct number){at, 0, false};
        c = char_at(text, out.end, &len);
    }
    if (out.end > at) return out;
    for (unsigned n = 0; n < DIGITS_MAX && is_numeral(c); n++) {
        out.end += len;
        out.written = true;
        c = char_at(text, out.end, &len);
    }
    return out;
}

// What a number counts when no block ends there: 3人, 2026年, 5-2で.
static bool counter_at(struct view text, size_t at) {
    static const char *const counters[] = {
        "年", "月", "日",     "時",   "分",   "秒",   "人", "名", "円",   "回",   "歳",
        "才", "個", "件",     "本",   "台",   "枚",   "冊", "匹", "点",   "%",    "倍",
        "位", "割", "度",     "か",   "ヶ",   "カ",   "ケ", "万", "億",   "千",   "つ",
        "世", "次", "種",     "勝",   "敗",   "対",   "m",  "k",  "g",    ".",    "/",
        "戸", "頭", "メート", "キロ", "ポイ", "ドル", ":",  "代", "号線", "号車", "期",
        "週", "周", "泊",     "階建", "棟の", "校",   "社",
    };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        if (view_starts_at(text, at, counters[i])) return true;
    bool flat = at + 1 < text.len && text.at[at + 1] >= 'A' && text.at[at + 1] <= 'Z'; // -B502
    return view_starts_at(text, at, "-") && !flat;
}

struct reading {
    size_t at;
    uint32_t values[NUMBERS_MAX], len;
    bool area, lot, named; // 丁目 or 条; 番, 番地, 号, 地割; the last number has a name
};

// What a number of a block is named; false: nothing that goes on after it.
static bool name_after(struct reading *r, struct view text) {
    static const struct {
        const char *word;
        bool area, lot;
    } names[] = {{"丁目", true, false}, {"番地", false, true}, {"番戸", false, true},
                 {"番", false, true},   {"号室", false, true}, {"号棟", false, true},
                 {"号館", false, true}, {"号", false, true},   {"条", true, false},
                 {"地割", false, true}, {"線", true, false},   {"丁", true, false}};
    r->named = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!view_starts_at(text, r->at, names[i].word)) continue;
        r->at += strlen(names[i].word);
        r->area = r->area || names[i].area;
        r->lot = r->lot || names[i].lot;
        r->named = true;
        break;
    }
    return r->named;
}

// Goes past what joins two numbers, when another number follows it.
static bool join_after(struct reading *r, struct view text) {
    size_t at = r->at;
    bool sign = true;
    if (view_starts_at(text, at, "-"))
        at++;
    else if (view_starts_at(text, at, "の"))
        at += 3;
    else if (view_starts_at(text, at, "ノ"))
        at += 3;
    else
        sign = false;
    if (!sign && !r->named) return false;
    if (!sign) {
        for (int i = 0; i < 2 && view_starts_at(text, at, " "); i++)
            at++;
        static const char *const sides[] = {"東", "西", "南", "北"};
        for (int i = 0; i < 4; i++)
            if (r->area && view_starts_at(text, at, sides[i])) {
                at += 3;
                break;
            }
    }
    struct number next = number_at(text, at);
    if (next.end == at) return false;
    r->at = at;
    return true;
}

static bool is_date(const struct reading *r) {
    return r->len >= 3 && r->values[0] >= 1900 && r->values[0] <= 2100 && r->values[1] <= 12 &&
           !r->lot && !r->area;
}

struct block block_at(struct view text, size_t at) {
    static const char *const without[] = {"無番地", "番外地", "官有無番地"};
    for (size_t i = 0; i < 3; i++)
        if (view_starts_at(text, at, without[i]))
            return (struct block){BLOCK_FULL, at + strlen(without[i])};
    struct reading r = {.at = past(text, at, "第")};
    bool written = false;
    while (r.len < NUMBERS_MAX) {
        struct number number = number_at(text, r.at);
        if (number.end == r.at) break;
        r.at = number.end;
        r.values[r.len++] = number.value;
        bool named = name_after(&r, text);
        written = written || number.written;
        bool joins =
            view_starts_at(text, r.at, "ノ") || view_starts_at(text, r.at, "の"); // 二ノ八ノ一
        if (r.len > 1 && number.value > LOT_MAX) return (struct block){BLOCK_NONE, at};
        if (number.written && !named && r.len == 1 && !joins) return (struct block){BLOCK_NONE, at};
        if (!join_after(&r, text)) break;
    }
    struct block out = {BLOCK_NONE, r.at};
    bool cell = r.len >= 3 && view_starts_at(text, r.at, "/"); // 1-2-3/03-1234-5678
    if (r.len == 0 || is_date(&r) || (!r.named && !cell && counter_at(text, r.at))) return out;
    bool lot = r.lot && (r.len >= 2 || view_starts_at(text, r.at - strlen("番地"), "番地"));
    if (written && !r.lot && !r.area && r.len < 3) return out; // 一の二 is most often no block
    if (lot || r.len >= 3 || (r.area && r.len >= 2))
        out.kind = BLOCK_FULL;
    else if (r.area)
        out.kind = BLOCK_AREA;
    else if (r.len == 2)
        out.kind = BLOCK_PAIR;
    else if (!written) // 一番 is most often no number
        out.kind = BLOCK_NUMBER;
    return out;
}

// ---- buildings ----

static bool is_building_char(uint32_t c) {
    return is_kanji(c) || is_katakana(c) || is_word(c) || c == 0x30fb || c == '&' || c == '\'' ||
           c == 0x306e || c == '-' || c == '.' || c == '#';
}

// Digits of a room, with what is written behind them; `at` when there are none.
static size_t room_at(struct view text, size_t at) {
    static const char *const names[] = {"号室", "号棟", "号館", "号", "階", "F", "f", "室", "棟"};
    size_t end = at;
    while (end < text.len && is_digit((uint8_t)text.at[end]))
        end++;
    if (end == at || end - at > 4) return at;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (view_starts_at(text, end, names[i])) return end + strlen(names[i]);
    return end - at >= 2 && text.at[at] != '0' && !counter_at(text, end) ? end : at;
}

// "A-203", "B棟 101" begin so: a letter, and what is a room behind it.
static size_t flat_at(struct view text, size_t at) {
    size_t p = view_starts_at(text, at, "-") ? at + 1 : at;
    if (p >= text.len || text.at[p] < 'A' || text.at[p] > 'Z') return at;
    p = past(text, p + 1, "-");
    size_t room = room_at(text, p);
    return room > p ? room : at;
}

// Behind the hiragana of a name, which a word for a building or its room follows: みどり203,
// さくらマンション; `at` when it is no name. `named`: the word for a building stands before it.
static size_t kana_after(const struct address_text *in, size_t at, bool named) {
    static const char *const particles[] = {"に", "の", "は", "が",   "を",   "も",
                                            "で", "と", "へ", "から", "まで", "より"};
    uint32_t len, c = char_at(in->text, at, &len);
    size_t end = at, chars = 0;
    for (size_t i = 0; i < sizeof particles / sizeof *particles; i++)
        if (view_starts_at(in->text, at, particles[i])) return at;
    for (; is_hiragana(c) && chars <= KANA_MAX; chars++) {
        end += len;
        c = char_at(in->text, end, &len);
    }
    size_t next = end + (c == ' ');
    bool room = named && room_at(in->text, next) > next;
    bool word = place_at(in, next, PLACE_BUILDING) > 0;
    return chars >= 2 && chars <= KANA_MAX && (room || word) ? end : at;
}

// What was read of a building's name.
struct building {
    size_t at, good;   // where it is, and the end that is certain
    unsigned katakana; // characters in a row
    bool named, maybe; // a word for a building was there; three katakana were
};

// One step on; false: nothing of a building stands there.
static bool building_step(const struct address_text *in, struct building *b, bool first) {
    uint32_t len, c = char_at(in->text, b->at, &len), word = place_at(in, b->at, PLACE_BUILDING);
    size_t room = is_digit(c) ? room_at(in->text, b->at) : b->at;
    b->katakana = is_katakana(c) ? b->katakana + 1 : 0;
    b->maybe = b->maybe || b->katakana >= 3;
    if (word) {
        b->named = true;
        b->good = b->at += word;
    } else if (room > b->at && (b->named || b->maybe || first)) {
        bool said = !is_digit((uint8_t)in->text.at[room - 1]); // 3階, 203号室
        if (b->named || said || (b->maybe && room - b->at >= 3)) b->good = room;
        b->at = room;
    } else if (c == ' ' && (b->named || b->maybe)) {
        uint32_t next_len, next = char_at(in->text, b->at + 1, &next_len);
        if (!is_word(next) && !is_katakana(next) && !place_at(in, b->at + 1, PLACE_BUILDING))
            return false;
        b->at++;
    } else if (is_building_char(c)) {
        b->at += len;
    } else {
        size_t kana = is_hiragana(c) ? kana_after(in, b->at, b->named) : b->at;
        if (kana == b->at) return false;
        b->at = kana;
    }
    return true;
}

size_t building_after(const struct address_text *in, size_t at) {
    size_t from = gap_after(in->text, at), flat = flat_at(in->text, from);
    if (flat > from) return flat;
    struct building b = {.at = from, .good = at};
    while (b.at < in->text.len && b.at - from < BUILDING_MAX)
        if (!building_step(in, &b, b.at == from)) break;
    return b.good;
}
