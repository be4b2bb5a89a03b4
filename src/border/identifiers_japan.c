// Numbers and words of Japanese authorities: My Number, licence, insurance, pension, passport …
#include "border/digits.h"
#include "border/identifiers.h"

enum { SYMBOL_LETTERS = 4 };

// 12 digits that are a minute of a year: 202611221230.
static bool is_minute(const char *digits) {
    return digits_value(digits, 4) >= 1900 &&
           check_date(digits_value(digits, 4), digits_value(digits + 4, 2),
                      digits_value(digits + 6, 2)) &&
           digits_value(digits + 8, 2) < 24 && digits_value(digits + 10, 2) < 60;
}

static bool is_money(struct view text, const struct number *number) {
    struct view behind = view_from(text, number->end);
    struct view before = {text.at, number->at};
    while (before.len && before.at[before.len - 1] == ' ')
        before.len--;
    bool yen = before.len >= 2 && memcmp(before.at + before.len - 2, "\xc2\xa5", 2) == 0; // ¥
    return yen || (before.len && strchr("$\\", before.at[before.len - 1])) ||
           view_starts(behind, view_of("円")) || view_starts(behind, view_of("件")) ||
           view_starts(behind, view_of("人")) || view_starts(behind, view_of("バイト"));
}

// How clearly the number must be said to be one, by how it is written.
static unsigned said_for(const struct number *number) {
    if (number->groups == 1 || number->shape == SHAPE_3(4, 4, 4)) return 0;
    return number->single || number->groups <= 4 ? 1 : 2;
}

static bool is_line(struct view text, const struct number *number) { // of its own
    uint32_t at = number->at, end = number->end;
    while (at > 0 && text.at[at - 1] == ' ')
        at--;
    while (char_at(text, end) == ' ' || char_at(text, end) == '\r')
        end++;
    return (at == 0 || text.at[at - 1] == '\n') && (end >= text.len || text.at[end] == '\n');
}

// 12 digits in a row that nothing is said of: one in ten of them passes the check. They count on a
// line of their own, or where a person's numbers and data are around, not behind a word that is no
// label of ours.
static bool bare(struct search *search, const struct number *number,
                 const struct label_site *site) {
    const uint64_t personal = LABEL(LICENCE) | LABEL(INSURED) | LABEL(INSURER) | LABEL(PENSION) |
                              LABEL(EMPLOYMENT) | LABEL(RESIDENT) | LABEL(BIRTH) | LABEL(ADDRESS);
    struct view text = search->text;
    uint32_t at = number->at;
    if (is_minute(number->digits) || is_money(text, number)) return false;
    if (site->direct == LABEL_GENERIC || is_line(text, number)) return true;
    while (at > 0 && (text.at[at - 1] == ' ' || text.at[at - 1] == '"'))
        at--;
    bool named = at > 0 && strchr(":=#/", text.at[at - 1]);
    named = named || (at >= 3 && memcmp(text.at + at - 3, "は", 3) == 0);
    return !named && site->direct != LABEL_UNKNOWN && (site->near & personal);
}

// 第 … 号, perhaps over three lines: as a licence has its number.
static bool is_framed(struct view text, const struct number *number) {
    uint32_t at = number->at, end = number->end;
    while (at > 0 && strchr(" \r\n", text.at[at - 1]))
        at--;
    while (end < text.len && strchr(" \r\n", text.at[end]))
        end++;
    return at >= 3 && memcmp(text.at + at - 3, "第", 3) == 0 && view_starts_at(text, end, "号");
}

static bool mynumber(struct search *search, const struct number *number) {
    const uint64_t topic = LABEL(MYNUMBER);
    if (!check_mynumber(number->digits) || digits_same(number->digits, 12)) return false;
    if (is_framed(search->text, number)) return false;
    struct label_site site = search_site(search, number->at, number->end);
    unsigned said = label_said(&site, topic);
    bool either = site.direct == LABEL_CORPORATE && said > 0; // 個人番号又は法人番号, which has 13
    if ((label_doubted(&site, topic) && !either) || said < said_for(number)) return false;
    if (said == 0 && number->groups == 1 && !bare(search, number, &site)) return false;
    return search_put(search, DETECTOR_MYNUMBER, number->at, number->end, true, said);
}

static bool licence(struct search *search, const struct number *number) {
    const uint64_t topic = LABEL(LICENCE), issued = LABEL(DATE) | LABEL(ADDRESS);
    if (!search_has(search, topic | issued) || !check_licence_prefix(number->digits)) return false;
    struct label_site site = search_site(search, number->at, number->end);
    unsigned said = label_said(&site, topic);
    bool checked = check_licence(number->digits), framed = is_framed(search->text, number);
    if (framed && (said || (site.near & issued) == issued)) said = 3;
    // the check digit is known from unofficial sources: a label alone is enough, also one on its
    // line where none of My Number is near
    unsigned enough = checked ? 1 : site.near & LABEL(MYNUMBER) ? 3 : 2;
    if (said < enough || (!framed && label_doubted(&site, topic))) return false;
    return search_put(search, DETECTOR_LICENCE, number->at, number->end, checked, said);
}

static bool corporate(struct search *search, const struct number *number) {
    const uint64_t topic = LABEL(CORPORATE);
    if (!check_corporate(number->digits)) return false;
    struct label_site site = search_site(search, number->at, number->end);
    unsigned said = label_said(&site, topic);
    if (said == 0 || label_doubted(&site, topic)) return false;
    return search_put(search, DETECTOR_CORPORATE, number->at, number->end, true, said);
}

// Insurer, payer and recipient: 6 to 8 digits.
static bool insurer(struct search *search, const struct number *number) {
    const uint64_t topic = LABEL(INSURER);
    if (!search_has(search, topic | LABEL(INSURED))) return false;
    if (!check_insurer(number->digits, number->len)) return false;
    struct label_site site = search_site(search, number->at, number->end);
    unsigned said = label_said(&site, topic);
    if (number->len == 8 && site.direct == LABEL_INSURED) said = 3; // 保険証 06130012
    if (said < 2 || label_doubted(&site, topic)) return false;
    return search_put(search, DETECTOR_INSURER, number->at, number->end, true, said);
}

// Where the pair of numbers began whose second is at `at`: 記号・番号 12-34・5678.
static uint32_t pair_start(struct view text, uint32_t at) {
    uint32_t start = at;
    if (at >= 3 && memcmp(text.at + at - 3, "・", 3) == 0)
        start = at - 3;
    else if (at >= 1 && (text.at[at - 1] == ' ' || text.at[at - 1] == ','))
        start = at - 1;
    uint32_t middle = start;
    while (start > 0 && middle - start < 16 &&
           (char_digit(text.at[start - 1]) || text.at[start - 1] == '-'))
        start--;
    return start == middle ? at : start;
}

static bool is_particle(const char *at) {
    static const char all[] = "はがのをもとでにへや第・、。「」『』【】：";
    for (const char *each = all; *each; each += 3)
        if (memcmp(each, at, 3) == 0) return true;
    return false;
}

// Where a symbol that begins with letters begins: 東88, さ・735, AB-12. `at` when it has none.
static uint32_t symbol_start(struct search *search, uint32_t at) {
    struct view text = search->text;
    uint32_t start = at, letters = 0;
    if (at >= 3 && memcmp(text.at + at - 3, "・", 3) == 0)
        start = at - 3;
    else if (at >= 1 && text.at[at - 1] == '-')
        start = at - 1;
    while (letters < SYMBOL_LETTERS && start >= 3 && (uint8_t)text.at[start - 3] >= 0xe3 &&
           (uint8_t)text.at[start - 3] <= 0xe9 && !label_ends(&search->labels, start) &&
           !is_particle(text.at + start - 3)) {
        start -= 3;
        letters++;
    }
    enum label said = letters ? search_site(search, start, at).direct : LABEL_NONE;
    return (label_symbols | LABEL(INSURED)) >> said & 1 ? start : at;
}

// 783,489,058: a count.
static bool is_thousands(struct view text, const struct number *number) {
    uint32_t end = number->end;
    return number->len <= 3 && char_at(text, end) == ',' && char_digit(char_at(text, end + 1)) &&
           char_digit(char_at(text, end + 2)) && char_digit(char_at(text, end + 3)) &&
           !char_digit(char_at(text, end + 4));
}

// Symbol, number and branch of the insured: any digits, so only what is said tells.
static bool insured(struct search *search, const struct number *number) {
    const uint64_t around = LABEL(INSURED) | LABEL(INSURER) | LABEL(INSURED_SYMBOL);
    const uint64_t parts = label_symbols | LABEL(GENERIC) | LABEL(INSURED);
    uint32_t len_max = number->groups == 2 ? 16 : 12;
    if (number->len > len_max || number->shape == SHAPE_3(4, 6, 1)) return false;
    if (!search_has(search, label_symbols | LABEL(INSURED))) return false;
    if (is_thousands(search->text, number) || is_money(search->text, number)) return false;
    uint32_t at = number->at, start = at;
    struct label_site site = search_site(search, at, number->end);
    if (label_denied(&site, parts)) return false; // the column beside
    if (!(label_symbols >> site.direct & 1)) at = pair_start(search->text, at);
    if (at == number->at) at = start = symbol_start(search, at);
    if (at != number->at) site = search_site(search, at, number->end);
    bool symbol = label_symbols >> site.direct & 1;
    if (at != number->at && !symbol && site.direct != LABEL_INSURED) return false;
    bool part = parts >> site.direct & 1;
    if (!part || !(site.near & around) || (site.near & LABEL(YUCHO))) return false;
    if (site.direct == LABEL_GENERIC && !(site.near & (label_symbols | LABEL(INSURED))))
        return false;
    bool said_of = !site.numbered && at >= 3 &&
                   memcmp(search->text.at + at - 3, "は", 3) == 0; // of the insured
    if (site.direct == LABEL_INSURED && said_of) return false;
    bool pair = site.near & label_symbols; // 記号 東1 番号 58
    if (!symbol && number->len < (pair ? 2 : 3)) return false;
    return search_put(search, DETECTOR_INSURER, start, number->end, false, 3);
}

// Shaped numbers without a check digit that is public.
static bool shaped(struct search *search, const struct number *number, enum detector detector,
                   uint64_t topic, unsigned enough) {
    if (!search_has(search, topic)) return false;
    struct label_site site = search_site(search, number->at, number->end);
    unsigned said = label_said(&site, topic);
    if (said < enough || label_doubted(&site, topic)) return false;
    return search_put(search, detector, number->at, number->end, false, said);
}

// How clearly a number must be said to be one of a `usual` shape; grouped like a telephone number
// it takes a label of its own.
static unsigned said_shaped(const struct number *number, uint64_t usual, unsigned enough) {
    return number->groups == 1 || number->single || number->shape == usual ? enough : 3;
}

static bool pension(struct search *search, const struct number *number) {
    unsigned enough = number->shape == SHAPE_2(4, 6) ? 1 : 2;
    return shaped(search, number, DETECTOR_PENSION, LABEL(PENSION),
                  said_shaped(number, SHAPE_2(4, 6), enough));
}

// The check digit is as My Number's, but not published: a label on the line is enough.
static bool resident(struct search *search, const struct number *number) {
    unsigned enough = check_resident(number->digits) ? 1 : 2;
    return shaped(search, number, DETECTOR_RESIDENT, LABEL(RESIDENT),
                  said_shaped(number, SHAPE_3(4, 4, 3), enough));
}

// 被保険者番号 is said of health insurance, too, but 4-6-1 digits are of no other.
static bool employment(struct search *search, const struct number *number) {
    const uint64_t topic = LABEL(EMPLOYMENT);
    bool usual = number->shape == SHAPE_3(4, 6, 1);
    if (!search_has(search, topic | LABEL(INSURED))) return false;
    struct label_site site = search_site(search, number->at, number->end);
    bool insured = site.direct == LABEL_INSURED;
    if (insured && (usual || (number->groups == 1 && (site.near & topic))))
        return search_put(search, DETECTOR_EMPLOYMENT, number->at, number->end, false, 2);
    return shaped(search, number, DETECTOR_EMPLOYMENT, topic, usual ? 1 : 2);
}

// ---- words of letters and digits ----

static bool is_letters(const char *at, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        if (!char_letter(at[i])) return false;
    return true;
}

static bool is_capitals(const char *at, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        if (at[i] < 'A' || at[i] > 'Z') return false;
    return true;
}

static bool is_digits(const char *at, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        if (!char_digit(at[i])) return false;
    return true;
}

// The machine-readable zone of a passport: this line, and the one above it.
static bool passport_zone(struct search *search, uint32_t at, uint32_t end) {
    struct view text = search->text;
    while (at > 0 && (char_word(text.at[at - 1]) || text.at[at - 1] == '<'))
        at--;
    while (end < text.len && (char_word(text.at[end]) || text.at[end] == '<'))
        end++;
    uint32_t len = end - at;
    if (!check_mrz(text.at + at, len)) return false;
    uint32_t above = at;
    while (above > 0 && (text.at[above - 1] == '\n' || text.at[above - 1] == '\r'))
        above--;
    if (above < at && above >= len && strchr("PVIAC", text.at[above - len]) &&
        memchr(text.at + above - len, '<', len))
        search_put(search, DETECTOR_PASSPORT, above - len, above, false, 3);
    return search_put(search, DETECTOR_PASSPORT, at, end, true, 3);
}

// Two letters and seven digits; `abroad`: another country's, which must be said to be one.
static bool passport(struct search *search, uint32_t at, uint32_t end, bool abroad) {
    const uint64_t topic = LABEL(PASSPORT);
    if (!search_has(search, topic)) return false;
    struct label_site site = search_site(search, at, end);
    unsigned said = label_said(&site, topic);
    if (said < (abroad ? 3 : 1) || label_doubted(&site, topic)) return false;
    return search_put(search, DETECTOR_PASSPORT, at, end, false, said);
}

static bool residence(struct search *search, uint32_t at, uint32_t end) {
    struct label_site site = search_site(search, at, end);
    if (label_doubted(&site, LABEL(RESIDENCE) | LABEL(CARD))) return false;
    return search_put(search, DETECTOR_RESIDENCE, at, end, false,
                      label_said(&site, LABEL(RESIDENCE)));
}

// T and a corporate number: the registration of an invoice.
static bool invoice(struct search *search, uint32_t at, uint32_t end) {
    return check_corporate(search->text.at + at + 1) &&
           search_put(search, DETECTOR_CORPORATE, at, end, true, 3);
}

// TR 1234567, AB 12345678 CD: the letters stand apart.
static bool letters_apart(struct search *search, const struct number *number) {
    struct view text = search->text;
    uint32_t at = number->at, end = number->end;
    bool before = at >= 3 && text.at[at - 1] == ' ' && is_capitals(text.at + at - 3, 2) &&
                  (at == 3 || !char_word(text.at[at - 4]));
    if (!before || number->groups != 1) return false;
    if (number->len == 7) return passport(search, at - 3, end, false);
    bool behind = text.len - end >= 3 && text.at[end] == ' ' && is_capitals(text.at + end + 1, 2) &&
                  !char_word(char_at(text, end + 3));
    return number->len == 8 && behind && residence(search, at - 3, end + 3);
}

// Groups of four with any one mark between them, when they are said to be a My Number.
static bool marked(struct search *search, const struct number *number) {
    uint32_t marks = 1u << JOINT_DOT | 1u << JOINT_SLASH | 1u << JOINT_MIDDLE;
    if (number->shape != SHAPE_3(4, 4, 4) || !(number->joints & marks) || !number->clean)
        return false;
    struct label_site site = search_site(search, number->at, number->end);
    return site.direct == LABEL_MYNUMBER && mynumber(search, number);
}

// By its length: what it may be, the more certain first.
static bool of_length(struct search *search, const struct number *number) {
    switch (number->len) {
    case 6:
    case 7:
    case 8:
        return insurer(search, number) || letters_apart(search, number);
    case 10:
        return pension(search, number);
    case 11:
        return resident(search, number) || employment(search, number);
    case 12: { // one in twenty is both
        bool found = mynumber(search, number);
        return licence(search, number) || found;
    }
    case 13:
        return corporate(search, number);
    default:
        return false;
    }
}

bool japan_number(struct search *search, const struct number *number) {
    bool box = number->joints >> JOINT_BOX & 1;
    if (!number_even(number)) return marked(search, number);
    if (!number->clean || (box && !number->single)) return false;
    return of_length(search, number) || insured(search, number);
}

bool token_japan(struct search *search, uint32_t at, uint32_t end) {
    const char *text = search->text.at + at;
    uint32_t len = end - at;
    bool dashed = (at > 0 && search->text.at[at - 1] == '-') || char_at(search->text, end) == '-';
    if (len == 9 && is_letters(text, 2) && is_digits(text + 2, 7) && !dashed)
        return passport(search, at, end, false);
    if ((len == 8 || len == 9) && is_letters(text, 1) && is_digits(text + 1, len - 1) && !dashed)
        return passport(search, at, end, true); // N1234567, M12345678
    if (len == 12 && is_letters(text, 2) && is_digits(text + 2, 8) && is_letters(text + 10, 2))
        return !dashed && residence(search, at, end);
    if (len == 14 && (text[0] == 'T' || text[0] == 't') && is_digits(text + 1, 13))
        return invoice(search, at, end);
    bool zone = len == 44 || len == 36 || char_at(search->text, end) == '<';
    return zone && passport_zone(search, at, end);
}
