// Names, addresses and dates.
#include "cli/generate_parts.h"

#include <stdio.h>

#include "base/utf8.h"

struct foreign {
    const char *kana, *latin;
};
struct place {
    const char *postal, *prefecture, *municipality, *town;
};

#define BRANCH(...)
#define OTHER(...)
#define ROW(...)            {__VA_ARGS__},
#define FAMILY(split, ...)  FAMILY_##split(__VA_ARGS__)
#define GIVEN(split, ...)   GIVEN_##split(__VA_ARGS__)
#define FOREIGN(split, ...) FOREIGN_##split(__VA_ARGS__)
#define PLACE(split, ...)   PLACE_##split(__VA_ARGS__)

#define FAMILY_TRAIN     ROW
#define FAMILY_HELD_OUT  OTHER
#define GIVEN_TRAIN      OTHER
#define GIVEN_HELD_OUT   OTHER
#define FOREIGN_TRAIN    OTHER
#define FOREIGN_HELD_OUT OTHER
static const struct generate_name family_train[] = {
#include "cli/generate_names.def"
};
#undef FAMILY_TRAIN
#undef FAMILY_HELD_OUT
#define FAMILY_TRAIN    OTHER
#define FAMILY_HELD_OUT ROW
static const struct generate_name family_held_out[] = {
#include "cli/generate_names.def"
};
#undef FAMILY_HELD_OUT
#undef GIVEN_TRAIN
#define FAMILY_HELD_OUT OTHER
#define GIVEN_TRAIN     ROW
static const struct generate_name given_train[] = {
#include "cli/generate_names.def"
};
#undef GIVEN_TRAIN
#undef GIVEN_HELD_OUT
#define GIVEN_TRAIN    OTHER
#define GIVEN_HELD_OUT ROW
static const struct generate_name given_held_out[] = {
#include "cli/generate_names.def"
};
#undef GIVEN_HELD_OUT
#undef FOREIGN_TRAIN
#define GIVEN_HELD_OUT OTHER
#define FOREIGN_TRAIN  ROW
static const struct foreign foreign_train[] = {
#include "cli/generate_names.def"
};
#undef FOREIGN_TRAIN
#undef FOREIGN_HELD_OUT
#define FOREIGN_TRAIN    OTHER
#define FOREIGN_HELD_OUT ROW
static const struct foreign foreign_held_out[] = {
#include "cli/generate_names.def"
};
#define PLACE_TRAIN    ROW
#define PLACE_HELD_OUT OTHER
static const struct place places_train[] = {
#include "cli/generate_places.def"
};
#undef PLACE_TRAIN
#undef PLACE_HELD_OUT
#define PLACE_TRAIN    OTHER
#define PLACE_HELD_OUT ROW
static const struct place places_held_out[] = {
#include "cli/generate_places.def"
};

// ---- names ----

static void person_make(struct generator *g) {
    g->family = PICK_SPLIT(g, family_train, family_held_out);
    g->given = PICK_SPLIT(g, given_train, given_held_out);
}

static void person_need(struct generator *g) {
    if (!g->family.kanji) person_make(g);
}

static void person(struct generator *g, bool tidy) {
    char text[64];
    person_make(g);
    uint32_t way = tidy ? 0 : chance(g, 6);
    const char *space = way == 4 ? " " : way == 5 ? "　" : "";
    snprintf(text, sizeof text, "%s%s%s", g->family.kanji, space, g->given.kanji);
    put_span(g, DETECTOR_PERSON, text, *space ? "with a space" : "kanji");
}

static void family(struct generator *g, bool tidy) {
    (void)tidy;
    person_need(g);
    put_span(g, DETECTOR_PERSON, g->family.kanji, "family name");
}

static void family_new(struct generator *g, bool tidy) {
    person_make(g);
    family(g, tidy);
}

static void given(struct generator *g, bool tidy) {
    (void)tidy;
    person_need(g);
    put_span(g, DETECTOR_PERSON, g->given.kanji, "given name");
}

// Hiragana as katakana, which stands 0x60 behind it.
static void katakana(const char *kana, char *out) {
    struct view rest = view_of(kana);
    while (rest.len) {
        uint32_t c;
        rest = view_from(rest, utf8_take(rest, &c));
        out += utf8_put(c >= 0x3041 && c <= 0x3096 ? c + 0x60 : c, out);
    }
    *out = 0;
}

static void kana(struct generator *g, bool tidy) {
    char a[64], b[64], text[160];
    (void)tidy;
    person_need(g);
    katakana(g->family.kana, a);
    katakana(g->given.kana, b);
    const char *space = one_in(g, 3) ? "" : one_in(g, 2) ? " " : "　";
    snprintf(text, sizeof text, "%s%s%s", a, space, b);
    put_span(g, DETECTOR_PERSON, text, "katakana");
}

static void hiragana(struct generator *g, bool tidy) {
    char text[160];
    (void)tidy;
    person_need(g);
    snprintf(text, sizeof text, "%s%s%s", g->family.kana, one_in(g, 2) ? " " : "", g->given.kana);
    put_span(g, DETECTOR_PERSON, text, "hiragana");
}

static void foreign(struct generator *g, bool tidy) {
    (void)tidy;
    put_span(g, DETECTOR_PERSON, PICK_SPLIT(g, foreign_train, foreign_held_out).kana,
             "foreign, katakana");
}

static void latin(struct generator *g, bool tidy) {
    (void)tidy;
    put_span(g, DETECTOR_PERSON, PICK_SPLIT(g, foreign_train, foreign_held_out).latin,
             "foreign, Latin");
}

// ---- addresses ----

static void block(struct generator *g) {
    uint32_t a = 1 + chance(g, 9), b = 1 + chance(g, 30), c = 1 + chance(g, 25);
    static const char *const dashes[] = {"－", "ー", "‐", "−"};
    char text[32];
    switch (chance(g, 8)) {
    case 0:
        buf_print(&g->text, "%u丁目%u番%u号", a, b, c);
        break;
    case 1:
        buf_print(&g->text, "%u-%u", b * 7, c);
        break;
    case 2:
        buf_print(&g->text, "%u番地%u", b * 9, c);
        break;
    case 3:
        snprintf(text, sizeof text, "%u", a);
        put_wide(&g->text, text);
        buf_put_text(&g->text, PICK(g, dashes));
        snprintf(text, sizeof text, "%u", b);
        put_wide(&g->text, text);
        break;
    case 4:
        put_kanji(&g->text, a, false);
        buf_put_text(&g->text, "丁目");
        put_kanji(&g->text, b, false);
        buf_put_text(&g->text, "番地");
        break;
    default:
        buf_print(&g->text, "%u-%u-%u", a, b, c);
        break;
    }
}

static struct place place_of(struct generator *g) {
    return PICK_SPLIT(g, places_train, places_held_out);
}

static void address_put(struct generator *g, const struct place *is, bool whole) {
    static const char *const train[] = {"コーポ中央203", "メゾン青葉 1205号室", "第二山手ビル3F"};
    static const char *const held_out[] = {"ハイツ若葉102", "グランドヒルズ 803号室",
                                           "駅前ビル5階"};
    uint32_t at = (uint32_t)g->text.len;
    const char *form = whole ? "whole" : "without prefecture";
    if (whole) buf_put_text(&g->text, is->prefecture);
    buf_put_text(&g->text, is->municipality);
    if (one_in(g, 8)) buf_put_text(&g->text, " ");
    buf_put_text(&g->text, is->town);
    block(g);
    if (one_in(g, 4)) {
        buf_put_text(&g->text, one_in(g, 2) ? " " : "　");
        buf_put_text(&g->text, PICK_SPLIT(g, train, held_out));
        form = "with a building";
    }
    must(g->spans_len < GENERATE_SPANS_MAX);
    g->spans[g->spans_len++] =
        (struct generate_span){at, (uint32_t)g->text.len - at, DETECTOR_ADDRESS, form};
}

static void address(struct generator *g, bool tidy) {
    struct place is = place_of(g);
    (void)tidy;
    address_put(g, &is, !one_in(g, 4));
}

static void postal_put(struct generator *g, const struct place *is, bool tidy) {
    char text[12];
    snprintf(text, sizeof text, "%.3s-%s", is->postal, is->postal + 3);
    put_number(g, DETECTOR_POSTAL, text,
               FORM_DASHES | FORM_WIDE_DASHES | FORM_ODD_DASHES | FORM_KANJI, tidy);
}

static void postal(struct generator *g, bool tidy) {
    struct place is = place_of(g);
    postal_put(g, &is, tidy);
}

// The two as they belong together: 〒, code, address.
static void postal_address(struct generator *g, bool tidy) {
    struct place is = place_of(g);
    buf_put_text(&g->text, "〒");
    postal_put(g, &is, tidy);
    buf_put_text(&g->text, one_in(g, 3) ? "\n" : one_in(g, 2) ? "　" : " ");
    address_put(g, &is, true);
}

// A place that is nobody's address, but a surname, too.
static void place_name(struct generator *g, bool tidy) {
    static const char *const train[] = {"石川県", "福島駅", "長野市", "宮崎空港", "秋田県",
                                        "山口県", "清水港", "松本城", "小林市",   "太田市"};
    static const char *const held_out[] = {"千葉県", "福井駅", "富山市", "大分空港",   "上野公園",
                                           "市川市", "新井宿", "大塚駅", "日比谷公園", "小松空港"};
    (void)tidy;
    put_span(g, DETECTOR_COUNT, PICK_SPLIT(g, train, held_out), "place named like a person");
}

static void company(struct generator *g, bool tidy) {
    static const char *const train[] = {"山崎製パン", "松本清掃株式会社", "株式会社中村屋商店",
                                        "前田建設",   "藤田観光",         "小野薬局"};
    static const char *const held_out[] = {"武田工業株式会社", "大塚商店", "野村総業",
                                           "内田洋品店",       "浜田酒造", "株式会社水野精機"};
    (void)tidy;
    put_span(g, DETECTOR_COUNT, PICK_SPLIT(g, train, held_out), "company named like a person");
}

// ---- dates ----

// A date as people write it; the years of `from` to `from` + `years`.
static void date_put(struct generator *g, unsigned detector, uint32_t from, uint32_t years,
                     bool tidy) {
    static const struct {
        const char *name, *letter;
        uint32_t first, last;
    } eras[] = {{"大正", "T", 1912, 1926},
                {"昭和", "S", 1926, 1989},
                {"平成", "H", 1989, 2019},
                {"令和", "R", 2019, 2099}};
    uint32_t year = from + chance(g, years), month = 1 + chance(g, 12), day = 1 + chance(g, 28),
             e = 3;
    while (e > 0 && year <= eras[e].first)
        e--;
    uint32_t n = year - eras[e].first + 1, at = (uint32_t)g->text.len;
    char wide[32];
    const char *form = "Western";
    switch (tidy ? chance(g, 2) * 6 : chance(g, 8)) {
    case 0:
        buf_print(&g->text, "%u-%02u-%02u", year, month, day);
        break;
    case 1:
        buf_print(&g->text, "%u年%u月%u日", year, month, day);
        break;
    case 2:
        form = "era";
        buf_print(&g->text, "%s%u年%u月%u日", eras[e].name, n, month, day);
        break;
    case 3:
        form = "era letter";
        buf_print(&g->text, "%s%u.%u.%u", eras[e].letter, n, month, day);
        break;
    case 4:
        form = "era, kanji";
        buf_put_text(&g->text, eras[e].name);
        put_kanji(&g->text, n, false);
        buf_put_text(&g->text, "年");
        put_kanji(&g->text, month, false);
        buf_put_text(&g->text, "月");
        put_kanji(&g->text, day, false);
        buf_put_text(&g->text, "日");
        break;
    case 5:
        form = "era, wide";
        buf_put_text(&g->text, eras[e].name);
        snprintf(wide, sizeof wide, "%u", n);
        put_wide(&g->text, wide);
        buf_put_text(&g->text, "年");
        snprintf(wide, sizeof wide, "%u", month);
        put_wide(&g->text, wide);
        buf_put_text(&g->text, "月");
        snprintf(wide, sizeof wide, "%u", day);
        put_wide(&g->text, wide);
        buf_put_text(&g->text, "日");
        break;
    default:
        buf_print(&g->text, "%u/%02u/%02u", year, month, day);
        break;
    }
    must(g->spans_len < GENERATE_SPANS_MAX);
    if (detector == DETECTOR_COUNT) form = "date that is nobody's birth";
    g->spans[g->spans_len++] =
        (struct generate_span){at, (uint32_t)g->text.len - at, (uint8_t)detector, form};
}

static void birth(struct generator *g, bool tidy) {
    date_put(g, DETECTOR_BIRTHDATE, 1922, 95, tidy);
}

static void date(struct generator *g, bool tidy) {
    date_put(g, DETECTOR_COUNT, 2012, 15, tidy);
}

const struct generate_slots generate_person_slots[] = {{"person", person},
                                                       {"family", family},
                                                       {"other", family_new},
                                                       {"given", given},
                                                       {"kana", kana},
                                                       {"hiragana", hiragana},
                                                       {"foreign", foreign},
                                                       {"latin", latin},
                                                       {"address", address},
                                                       {"postal", postal},
                                                       {"postaladdress", postal_address},
                                                       {"place", place_name},
                                                       {"company", company},
                                                       {"birth", birth},
                                                       {"date", date},
                                                       {NULL, NULL}};
