// Dates of birth: a date of the calendar, Western or of an era, that is said to be one. Every other
// date is passed over whole.
#include "border/digits.h"
#include "border/identifiers.h"

enum {
    ERAS = 5,
    ERA_HEISEI = 1989,
    LONG_AGO = 2012,
    PERSON_BYTES = 42,
    PLACE_BYTES = 60,
    PHONE_DIGITS = 10,
    ROW_BYTES = 100,
    HEAD_BYTES = 2048,
    HEAD_CELLS = 2
};

static const struct {
    const char *name;
    char letter;
    uint16_t first, years; // year 1, and how many there were; the last one goes on
} eras[ERAS] = {{"明治", 'M', 1868, 45},
                {"大正", 'T', 1912, 15},
                {"昭和", 'S', 1926, 64},
                {"平成", 'H', 1989, 31},
                {"令和", 'R', 2019, 82}};

struct date {
    uint32_t at, end;
    uint32_t year, month, day; // 0: not said
};

static void skip_spaces(struct view text, uint32_t *at) {
    while (char_at(text, *at) == ' ')
        ++*at;
}

// ---- numerals ----

static uint32_t kanji_digit(struct view text, uint32_t at) {
    static const char all[] = "一二三四五六七八九";
    for (uint32_t i = 0; text.len - at >= 3 && i < 9; i++)
        if (memcmp(text.at + at, all + (size_t)i * 3, 3) == 0) return i + 1;
    return 0;
}

// ASCII digits (at most `max`), 元, or kanji below a hundred; 0: none.
static uint32_t numeral(struct view text, uint32_t *at, uint32_t max) {
    uint32_t here = *at, value = 0, len = 0;
    while (len < max && char_digit(char_at(text, here + len)))
        value = value * 10 + (uint32_t)(text.at[here + len++] - '0');
    if (len) {
        *at += len;
        return char_digit(char_at(text, *at)) ? 0 : value;
    }
    if (here < text.len && view_starts_at(text, here, "元")) return *at += 3, 1;
    uint32_t tens = here < text.len ? kanji_digit(text, here) : 0;
    if (tens) here += 3;
    value = tens;
    if (view_starts_at(text, here, "十")) {
        here += 3;
        value = (tens ? tens : 1) * 10;
        uint32_t ones = here < text.len ? kanji_digit(text, here) : 0;
        if (ones) here += 3;
        value += ones;
    }
    *at = here;
    return value;
}

// ---- forms ----

// Month and day behind a year, in words: 年4月3日, or only 年, 年4月.
static bool in_words(struct view text, uint32_t at, struct date *out) {
    skip_spaces(text, &at);
    if (!view_starts_at(text, at, "年")) return false;
    at += 3;
    out->end = at;
    skip_spaces(text, &at);
    uint32_t month = numeral(text, &at, 2);
    skip_spaces(text, &at);
    if (!month || !view_starts_at(text, at, "月")) return true;
    at += 3;
    out->month = month;
    out->end = at;
    skip_spaces(text, &at);
    uint32_t day = numeral(text, &at, 2);
    skip_spaces(text, &at);
    if (!day || !view_starts_at(text, at, "日")) return true;
    out->day = day;
    out->end = at + 3;
    return true;
}

// Month and day behind a year, with one mark twice: /4/3, .4.3, -4-3.
static bool with_marks(struct view text, uint32_t at, struct date *out) {
    char mark = char_at(text, at);
    if (mark != '/' && mark != '-' && mark != '.') return false;
    at++;
    out->month = char_digit(char_at(text, at)) ? numeral(text, &at, 2) : 0;
    if (!out->month || char_at(text, at) != mark) return false;
    at++;
    out->day = char_digit(char_at(text, at)) ? numeral(text, &at, 2) : 0;
    out->end = at;
    return out->day != 0 && char_at(text, at) != mark && !char_digit(char_at(text, at));
}

static bool behind_year(struct view text, uint32_t at, struct date *out) {
    return in_words(text, at, out) || with_marks(text, at, out);
}

// The era that stands before `at`: 昭和, S, S. ; *start is where. ERAS: none.
static uint32_t era_before(struct view text, uint32_t at, uint32_t *start) {
    while (at > 0 && text.at[at - 1] == ' ')
        at--;
    for (uint32_t i = 0; i < ERAS; i++) {
        if (at >= 6 && memcmp(text.at + at - 6, eras[i].name, 6) == 0) return *start = at - 6, i;
    }
    for (uint32_t i = 0; i < ERAS; i++) // 昭53
        if (at >= 3 && memcmp(text.at + at - 3, eras[i].name, 3) == 0) return *start = at - 3, i;
    if (at > 1 && text.at[at - 1] == '.') at--;
    if (at == 0 || (at > 1 && char_word(text.at[at - 2]))) return ERAS;
    for (uint32_t i = 0; i < ERAS; i++)
        if (char_upper(text.at[at - 1]) == eras[i].letter) return *start = at - 1, i;
    return ERAS;
}

static bool era_year(uint32_t era, uint32_t year, struct date *out) {
    if (era == ERAS || year == 0 || year > eras[era].years) return false;
    out->year = eras[era].first + year - 1;
    return true;
}

// 53.4.3, 53年4月3日 behind an era, or 元年 behind it and the month here; 大・昭・平 53年4月3日 of
// a form: whichever was meant.
static bool of_era(struct view text, uint32_t at, struct date *out) {
    uint32_t here = at, year = numeral(text, &here, 2);
    out->at = at;
    if (era_year(era_before(text, at, &out->at), year, out)) return behind_year(text, here, out);
    out->at = at;
    out->year = 1900 + year;
    return year && in_words(text, here, out) && out->day;
}

// 1980-04-03, 1980年4月3日, 19800403.
static bool western(struct view text, uint32_t at, struct date *out) {
    uint32_t len = 0;
    if (at > 0 && char_word(text.at[at - 1])) return false;
    while (len < 9 && char_digit(char_at(text, at + len)))
        len++;
    out->at = at;
    if (len == 8) {
        out->year = digits_value(text.at + at, 4);
        out->month = digits_value(text.at + at + 4, 2);
        out->day = digits_value(text.at + at + 6, 2);
        out->end = at + 8;
        return true;
    }
    if (len != 4) return false;
    out->year = digits_value(text.at + at, 4);
    return behind_year(text, at + 4, out);
}

// 4/3/1980, 03.04.1980: month or day first.
static bool year_last(struct view text, uint32_t at, struct date *out) {
    uint32_t here = at, first = numeral(text, &here, 2), second;
    char mark = char_at(text, here);
    if (!first || (mark != '/' && mark != '.' && mark != '-')) return false;
    here++;
    second = char_digit(char_at(text, here)) ? numeral(text, &here, 2) : 0;
    if (!second || char_at(text, here) != mark) return false;
    here++;
    uint32_t start = here, year = char_digit(char_at(text, here)) ? numeral(text, &here, 4) : 0;
    bool swap = first > 12;
    *out = (struct date){at, here, year, swap ? second : first, swap ? first : second};
    return here - start == 4;
}

// ---- months of the West ----

// The month that begins at `at`; *len its letters. 0: none.
static uint32_t month_name(struct view text, uint32_t at, uint32_t *len) {
    static const char *const names[12] = {"january",   "february", "march",    "april",
                                          "may",       "june",     "july",     "august",
                                          "september", "october",  "november", "december"};
    *len = 0;
    while (char_letter(char_at(text, at + *len)))
        ++*len;
    for (uint32_t month = 0; month < 12; month++) {
        bool same = *len == 3 || *len == strlen(names[month]);
        for (uint32_t i = 0; same && i < *len; i++)
            same = (text.at[at + i] | 0x20) == names[month][i];
        if (same) return month + 1;
    }
    return 0;
}

static uint32_t year_at(struct view text, uint32_t *at) {
    while (char_at(text, *at) == ' ' || char_at(text, *at) == ',' || char_at(text, *at) == '-')
        ++*at;
    uint32_t start = *at, year = char_digit(char_at(text, start)) ? numeral(text, at, 4) : 0;
    return *at - start == 4 ? year : 0;
}

// March 3, 1980; 3 March 1980; 3rd of March 1980.
static bool month_named(struct view text, uint32_t at, struct date *out) {
    uint32_t here = at, day = numeral(text, &here, 2), len, start = at;
    if (!day || day > 31) return false;
    if (char_letter(char_at(text, here)) && char_letter(char_at(text, here + 1)) &&
        !char_letter(char_at(text, here + 2)))
        here += 2; // 3rd
    *out = (struct date){.at = at, .day = day};
    if (start > 1 && text.at[start - 1] == ' ') { // the month before
        uint32_t name = --start;
        if (name > 0 && text.at[name - 1] == '.') name--;
        while (name > 0 && char_letter(text.at[name - 1]))
            name--;
        out->month = month_name(text, name, &len);
        out->at = name;
    }
    if (!out->month) {
        out->at = at;
        while (char_at(text, here) == ' ' || char_at(text, here) == '-')
            here++;
        if (view_starts_at(text, here, "of ")) here += 3;
        out->month = month_name(text, here, &len);
        here += len;
        if (char_at(text, here) == '.') here++;
    }
    if (!out->month) return false;
    out->year = year_at(text, &here);
    out->end = here;
    return out->year != 0;
}

// ---- whether somebody was born then ----

// 生 behind a date, not 生産, 生活 …; 生まれ.
static bool born_behind(struct view text, uint32_t at) {
    static const char *const others[] = {"産", "年", "成", "活", "徒",
                                         "放", "じ", "中", "配", "演"};
    skip_spaces(text, &at);
    if (view_starts_at(text, at, "(")) at++;
    if (view_starts_at(text, at, "に生まれ") || view_starts_at(text, at, "にうまれ")) return true;
    if (view_starts_at(text, at, "うまれ") || view_starts_at(text, at, "産まれ")) return true;
    if (!view_starts_at(text, at, "生")) return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (view_starts_at(text, at + 3, others[i])) return false;
    return true;
}

// (45歳), 満45才
static bool age_behind(struct view text, uint32_t at) {
    while (char_at(text, at) == ' ' || char_at(text, at) == '(')
        at++;
    if (view_starts_at(text, at, "満")) at += 3;
    uint32_t age = char_digit(char_at(text, at)) ? numeral(text, &at, 3) : 0;
    return age && (view_starts_at(text, at, "歳") || view_starts_at(text, at, "才"));
}

static bool is_compact(struct view text, const struct date *date) { // 19800403
    for (uint32_t i = date->at; i < date->end; i++)
        if (!char_digit(text.at[i])) return false;
    return true;
}

// Digits of the number that begins at `at`, with dashes between.
static uint32_t digits_at(struct view text, uint32_t at) {
    uint32_t digits = 0;
    at += char_at(text, at) == '+';
    for (; char_digit(char_at(text, at)) || (digits && char_at(text, at) == '-'); at++)
        digits += char_digit(text.at[at]);
    return digits;
}

// A line of a list of people: 山田太郎 平成4年6月24日 岡山県…1-2-3; 山田様 1959/5/6 携帯…;
// 山田太郎/1959年5月6日/090-…: behind a name its date, then where to reach the person.
static bool listed_person(struct search *search, const struct date *date) {
    static const char *const titles[] = {"様", "さん", "氏", "殿", "さま", NULL};
    static const char *const particles[] = {"は", "が", "の", "に", "を", "も", "で", "と", NULL};
    struct view text = search->text;
    uint32_t at = date->at, end = date->end;
    char mark = at < 4 ? '\0' : text.at[at - 1];
    if ((mark != ' ' && mark != '/') || char_at(text, end) != mark) return false;
    end++;
    skip_spaces(text, &end);
    bool old = date->year <= LONG_AGO && (uint8_t)text.at[at - 2] >= 0x80 &&
               !words_before(text, at - 1, 3, particles);
    bool phone =
        digits_at(text, end) >= PHONE_DIGITS ||
        (search_has(search, LABEL(PHONE)) && label_begins(&search->labels, end, LABEL_PHONE));
    if (phone && (words_before(text, at - 1, 6, titles) || old)) return true;
    if (!old || !address_behind(text, end)) return false;
    while (end < text.len && end < date->end + PLACE_BYTES && (uint8_t)text.at[end] >= 0x80)
        end++;
    return char_digit(char_at(text, end));
}

// に, から, まで: something happened then.
static bool event_behind(struct view text, uint32_t at) {
    static const char *const words[] = {"に", "から", "まで", "より", "付", "現在", "時点", "以降"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (view_starts_at(text, at, words[i])) return true;
    return false;
}

// 被扶養者 田中浩二 平成10年3月15日, and what is told of a person around 昭和49年7月23日: a date of
// long ago that nothing says is another.
static bool long_ago(struct search *search, const struct date *date) {
    const uint64_t personal = LABEL(MYNUMBER) | LABEL(INSURED) | LABEL(INSURER) | LABEL(PENSION) |
                              LABEL(PHONE) | LABEL(EMAIL) | LABEL(LICENCE) | LABEL(ADDRESS);
    static const char *const people[] = {"扶養", "患者", "被保険者", "配偶者",   "利用者", "長男",
                                         "長女", "次男", "次女",     "受けた者", NULL};
    if (!date->day || date->year > LONG_AGO || is_compact(search->text, date)) return false;
    struct label_site site = search_site(search, date->at, date->end);
    if ((site.line & LABEL(DATE)) || label_begins(&search->labels, date->end, LABEL_DATE))
        return false;
    bool era = date->year < ERA_HEISEI && !char_digit(search->text.at[date->at]);
    return (era && (site.near & personal) && !(site.near & LABEL(DATE))) ||
           words_before(search->text, date->at, PERSON_BYTES, people);
}

// 1955年から1964年生まれの世代: many people's years.
static bool years_of_many(struct view text, const struct date *date) {
    static const char *const before[] = {"から", "〜", "~", "-", "以降", NULL};
    static const char *const behind[] = {"生まれの世代", "生まれ世代",   "生まれの人口",
                                         "生まれの男性", "生まれの女性", "生まれの方",
                                         "生まれの人"};
    if (date->month) return false;
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++)
        if (view_starts_at(text, date->end, behind[i])) return true;
    return words_before(text, date->at, 6, before);
}

static bool parts(struct view text, uint32_t at) { // what parts the cells of a row, its ends
    return at >= text.len || strchr(" |/,\t\r\n", text.at[at]) != NULL;
}

// Whether the line around [at, end) is the head of a list: cells, no digit, no word for another
// date.
static bool is_head(const struct labels *labels, uint32_t at, uint32_t *end) {
    struct view text = labels->text;
    uint32_t cells = 0;
    if ((at && !parts(text, at - 1)) || !parts(text, *end)) return false;
    while (at > 0 && text.at[at - 1] != '\n')
        at--;
    while (*end < text.len && text.at[*end] != '\n')
        ++*end;
    for (uint32_t p = at; p < *end; p++) {
        if (char_digit(text.at[p]) || text.at[p] == ':') return false;
        cells += parts(text, p);
    }
    for (uint32_t i = label_hits_before(labels, at); i < labels->len; i++) {
        if (labels->hits[i].at >= *end) break;
        if (labels->hits[i].label == LABEL_DATE) return false;
    }
    return cells >= HEAD_CELLS;
}

// 番号 氏名 生年月日 電話, and rows below whose cells one space parts, as it does names.
static bool headed(struct search *search, const struct date *date) {
    const struct labels *labels = &search->labels;
    struct view text = search->text;
    if (!search_has(search, LABEL(BIRTH)) || !date->at) return false;
    if (!parts(text, date->at - 1) || !parts(text, date->end)) return false;
    uint32_t i = label_hits_before(labels, date->at);
    while (i > 0 && labels->hits[i - 1].label != LABEL_BIRTH)
        i--;
    if (i == 0 || labels->hits[i - 1].at + HEAD_BYTES < date->at) return false;
    uint32_t end = labels->hits[i - 1].at + labels->hits[i - 1].len;
    return is_head(labels, labels->hits[i - 1].at, &end) && end < date->at &&
           !memmem(text.at + end, date->at - end, "\n\n", 2);
}

// Whether what stands beside the date tells of a person, so that no word needs to.
static bool is_personal(struct search *search, const struct date *date) {
    struct view text = search->text;
    if (person_beside(text, date->at, date->end, date->year <= LONG_AGO)) return true;
    return !is_compact(text, date) && (age_behind(text, date->end) || headed(search, date) ||
                                       long_ago(search, date) || listed_person(search, date));
}

// 2026-09-14T10:22, 2026/09/14 10:22: a time follows.
static bool time_behind(struct view text, uint32_t at) {
    if (char_at(text, at) != 'T' && char_at(text, at) != ' ') return false;
    at++;
    uint32_t digits = at;
    while (char_digit(char_at(text, at)))
        at++;
    return at > digits && at - digits <= 2 &&
           (char_at(text, at) == ':' || view_starts_at(text, at, "時"));
}

static bool born(struct search *search, const struct date *date) {
    bool whole = date->day != 0;
    if (years_of_many(search->text, date)) return false;
    bool valid = whole ? check_date(date->year, date->month, date->day)
                       : check_date(date->year, date->month ? date->month : 1, 1);
    if (!valid) return false;
    bool compact = is_compact(search->text, date);
    unsigned said = born_behind(search->text, date->end) ? 3 : 0;
    if (!said) {
        bool likely = whole && is_personal(search, date);
        if (!likely && !search_has(search, LABEL(BIRTH) | label_symbols)) return false;
        struct label_site site = search_site(search, date->at, date->end);
        said = label_said(&site, LABEL(BIRTH));
        if (label_doubted(&site, LABEL(BIRTH))) return false;
        // the date in the record of an insured person
        bool record = site.direct == LABEL_NONE && site.line & (label_symbols | LABEL(INSURED));
        uint32_t end = date->end + (char_at(search->text, date->end) == ' ');
        bool answer = said == 1 && !site.line && view_starts_at(search->text, end, "です");
        if (said < 2 && (likely || (whole && (answer || (record && !compact))))) said = 2;
        if (event_behind(search->text, date->end)) return false;
        if (said < 3 && time_behind(search->text, date->end)) return false;
        if (said < (whole && (!compact || likely || answer) ? 2 : 3)) return false;
    }
    return search_put(search, DETECTOR_BIRTHDATE, date->at, date->end, true, said);
}

uint32_t birth_date(struct search *search, uint32_t at) {
    struct view text = search->text;
    struct date date = {0};
    if (at > 0 && char_digit(text.at[at - 1])) return 0;
    bool found = western(text, at, &date);
    if (!found) date = (struct date){0}, found = of_era(text, at, &date);
    if (!found) found = year_last(text, at, &date);
    if (!found) date = (struct date){0}, found = month_named(text, at, &date);
    if (!found || date.end <= at) return 0;
    bool put = born(search, &date);
    bool marks =
        date.day && check_date(date.year, date.month, date.day) && !is_compact(text, &date);
    bool words = (uint8_t)text.at[date.end - 1] >= 0x80;
    return put || marks || words ? date.end - at : 0;
}

// Eras whose year is written in kanji, which no digit leads to: 昭和五十三年四月三日, 平成元年.
void birth_kanji(struct search *search) {
    if (!search_has(search, LABEL(ERA))) return;
    struct view text = search->text;
    for (uint32_t i = 0; i < search->labels.len; i++) {
        const struct label_hit *hit = &search->labels.hits[i];
        uint32_t at = hit->at + hit->len, start = 0;
        if (hit->label != LABEL_ERA || char_digit(char_at(text, at))) continue;
        struct date date = {0};
        skip_spaces(text, &at);
        uint32_t year = numeral(text, &at, 2);
        if (!era_year(era_before(text, hit->at + hit->len, &start), year, &date)) continue;
        date.at = start;
        if (in_words(text, at, &date)) born(search, &date);
    }
}
