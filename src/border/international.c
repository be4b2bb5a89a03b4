// National identifiers of other countries, by their check digits where they have them.
#include "border/digits.h"
#include "border/identifiers.h"

struct kind {
    enum detector detector;
    uint8_t label;
    uint8_t enough; // how clearly it must be said, 0: the form alone is enough
};

static bool kind_put(struct search *search, const struct kind *kind, uint32_t at, uint32_t end) {
    uint64_t topic = 1ull << kind->label;
    struct label_site site = search_site(search, at, end);
    unsigned said = label_said(&site, topic);
    // an "ID card" is no card of a bank
    if (said < kind->enough || label_doubted(&site, topic | LABEL(CARD))) return false;
    return search_put(search, kind->detector, at, end, true, said);
}

// ---- digits ----

static bool number_kind(struct search *search, const struct number *number, struct kind kind) {
    return kind_put(search, &kind, number->at, number->end);
}

static bool ssn(struct search *search, const struct number *number) {
    bool usual = number->shape == SHAPE_3(3, 2, 4);
    bool dashed = usual && number->joints == 1u << JOINT_DASH;
    return (usual || number->groups == 1) && check_us_ssn(number->digits) &&
           number_kind(search, number, (struct kind){DETECTOR_US_SSN, LABEL_SSN, dashed ? 0 : 1});
}

static bool rrn(struct search *search, const struct number *number) {
    if (!check_kr_date(number->digits)) return false;
    bool checked = check_kr_rrn(number->digits) && number->shape == SHAPE_2(6, 7);
    // since October 2020 the last digits are random
    return number_kind(search, number, (struct kind){DETECTOR_KR_RRN, LABEL_RRN, checked ? 0 : 1});
}

bool foreign_number(struct search *search, const struct number *number) {
    if (number->len < 9 || !number->clean || !number_even(number)) return false;
    const char *digits = number->digits;
    switch (number->len) {
    case 9:
        return ssn(search, number);
    case 10:
        return check_uk_nhs(digits) &&
               number_kind(search, number, (struct kind){DETECTOR_UK_NHS, LABEL_NHS, 1});
    case 11:
        return check_de_tax(digits) &&
               number_kind(search, number, (struct kind){DETECTOR_DE_TAX, LABEL_DE_TAX, 1});
    case 12: {
        bool aadhaar =
            check_in_aadhaar(digits) &&
            number_kind(search, number, (struct kind){DETECTOR_IN_AADHAAR, LABEL_AADHAAR, 1});
        return (check_lk_new(digits) &&
                number_kind(search, number, (struct kind){DETECTOR_LK_NIC, LABEL_LK, 1})) ||
               aadhaar;
    }
    case 13:
        return rrn(search, number);
    case 15:
        return check_fr_nir(digits) &&
               number_kind(search, number, (struct kind){DETECTOR_FR_NIR, LABEL_NIR, 0});
    case 18:
        return number->groups == 1 && check_cn_ric(digits) &&
               number_kind(search, number, (struct kind){DETECTOR_CN_RIC, LABEL_RIC, 0});
    default:
        return false;
    }
}

// ---- words ----

static const struct {
    uint32_t len;
    bool (*check)(const char *text);
    struct kind kind;
} words[] = {
    {9, check_uk_nino, {DETECTOR_UK_NINO, LABEL_NINO, 0}},
    {9, check_es_nif, {DETECTOR_ES_NIF, LABEL_NIF, 0}},
    {9, check_sg_nric, {DETECTOR_SG_NRIC, LABEL_NRIC, 0}},
    {10, check_in_pan, {DETECTOR_IN_PAN, LABEL_PAN, 0}},
    {10, check_lk_old, {DETECTOR_LK_NIC, LABEL_LK, 0}},
    {15, check_fr_nir, {DETECTOR_FR_NIR, LABEL_NIR, 0}},
    {16, check_it_cf, {DETECTOR_IT_CF, LABEL_CF, 0}},
    {18, check_cn_ric, {DETECTOR_CN_RIC, LABEL_RIC, 0}},
};
enum { WORD_LEN_MAX = 18, SPREAD_MAX = 28 };

static bool word(struct search *search, const char *text, uint32_t len, uint32_t at, uint32_t end) {
    bool found = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].len == len && words[i].check(text))
            found = kind_put(search, &words[i].kind, at, end) || found;
    return found;
}

// One capital behind a dash, and nothing more.
static bool letter_behind(struct view text, uint32_t at, uint32_t end) {
    char mark = char_at(text, end), letter = char_at(text, end + 1);
    return (at == 0 || !char_word(text.at[at - 1])) && (mark == '-' || mark == ' ') &&
           letter >= 'A' && letter <= 'Z' && !char_word(char_at(text, end + 2)) &&
           char_at(text, end + 2) != '-';
}

// The word at [at, end), or one in parts with single spaces, dashes or dots between: QQ 12 34 56 C,
// X-1234567-L. In parts only where the first or the last part is letters.
bool token_foreign(struct search *search, uint32_t at, uint32_t end) {
    struct view text = search->text;
    char bare[WORD_LEN_MAX];
    uint32_t len = 0;
    char before = at ? text.at[at - 1] : ' ', after = char_at(text, end);
    bool dashed =
        before == '-' || before == '_' || ((after == '-' || after == '_') && end - at > 3);
    for (uint32_t i = at; i < end && len < sizeof bare; i++)
        bare[len++] = char_upper(text.at[i]);
    if (end - at <= WORD_LEN_MAX && !dashed && word(search, bare, len, at, end)) return true;
    if (end - at > 9) return false;
    if (letter_behind(text, at, end) && len == 8) { // 12345678-Z
        bare[len] = char_upper(text.at[end + 1]);
        return word(search, bare, 9, at, end + 2);
    }
    for (uint32_t i = end; i < text.len && i - at < SPREAD_MAX && len < sizeof bare; i++) {
        char c = text.at[i];
        bool gap = (c == ' ' || c == '-' || c == '.') && char_word(char_at(text, i + 1));
        if (!gap && !char_word(c)) break;
        if (!gap) bare[len++] = char_upper(c);
        bool over = !gap && !char_word(char_at(text, i + 1));
        if (over && len >= 9 && word(search, bare, len, at, i + 1)) return true;
    }
    return false;
}
