// Telephone numbers by the numbering plan (MIC), international ones by E.164; postal codes.
#include "border/address.h"
#include "border/digits.h"
#include "border/identifiers.h"

enum { E164_MAX = 15, E164_MIN = 8, ADDRESS_BYTES = 120 };

static const uint64_t topic = LABEL(PHONE);

static bool begins(const struct number *number, const char *with) {
    return number->len >= strlen(with) && memcmp(number->digits, with, strlen(with)) == 0;
}

static uint32_t first_group(const struct number *number) {
    uint64_t shape = number->shape;
    while (shape >> 5)
        shape >>= 5;
    return (uint32_t)shape;
}

// 060, 070, 080, 090 and 050 with 8 digits more.
static bool is_mobile(const struct number *number) {
    return number->len == 11 && number->digits[0] == '0' && number->digits[2] == '0' &&
           strchr("56789", number->digits[1]) && number->digits[3] != '0';
}

// 0120, 0180, 0570, 0800 and 0990.
static bool is_service(const struct number *number) {
    if (begins(number, "0800")) return number->len == 11;
    return number->len == 10 && (begins(number, "0120") || begins(number, "0570") ||
                                 begins(number, "0990") || begins(number, "0180"));
}

static bool put(struct search *search, const struct number *number, enum detector detector,
                unsigned enough) {
    struct label_site site = search_site(search, number->at, number->end);
    unsigned said = label_said(&site, topic);
    bool denied = number->groups > 1 ? label_denied(&site, topic) : label_doubted(&site, topic);
    if (number->groups == 1 && site.direct == LABEL_INSURED) denied = true; // 0195193939
    if (said < enough || denied) return false;
    uint32_t at = number->at, first = at + first_group(number);
    bool bracket = char_at(search->text, first) == ')' && at > 0 && search->text.at[at - 1] == '(';
    if (bracket && number->groups > 1) at--; // (03)1234-5678
    return search_put(search, detector, at, number->end, true, said);
}

// Without marks, perhaps broken by the end of a line.
static bool in_a_row(const struct number *number) {
    return (number->joints & ~(1u << JOINT_LINE)) == 0;
}

// How clearly it must be said to be one: not at all when it is written as they are.
static unsigned mobile_said(const struct number *number) {
    bool usual = number->shape == SHAPE_3(3, 4, 4) || in_a_row(number) ||
                 number->shape == SHAPE_2(3, 8) || number->shape == SHAPE_2(7, 4);
    return usual ? 0 : 1;
}

// 10 digits behind an area code; where they are grouped it is the first group.
static bool landline(struct search *search, const struct number *number) {
    struct view areas = detectors_table(search->scan->detectors, TABLE_PHONES);
    uint32_t first = first_group(number), area = 0;
    for (uint32_t len = 2; len <= 5 && !area; len++)
        if (area_listed(areas, number->digits, len)) area = len;
    if (!area) return false;
    bool usual = in_a_row(number) || (number->groups <= 3 && (number->shape & 31) >= 4 &&
                                      area_listed(areas, number->digits, first));
    bool three = number->shape == SHAPE_3(2, 4, 4) || number->shape == SHAPE_3(3, 3, 4) ||
                 number->shape == SHAPE_3(4, 2, 4) || number->shape == SHAPE_3(5, 1, 4);
    return put(search, number, DETECTOR_PHONE, usual ? 0 : three ? 1 : 2);
}

// +81 3 1234 5678, +81-(0)90-1234-5678, 0081 …: the digits behind the country's.
static bool is_japan_abroad(const struct number *number, bool plus) {
    const char *rest = number->digits + (plus ? 2 : 4);
    uint32_t len = number->len - (plus ? 2 : 4);
    if (!begins(number, plus ? "81" : "0081")) return false;
    if (len && rest[0] == '0') rest++, len--;
    return len == 9 || (len == 10 && rest[1] == '0' && strchr("56789", rest[0]));
}

static bool abroad(struct search *search, const struct number *number) {
    uint32_t at = number->at;
    bool plus = at > 0 && search->text.at[at - 1] == '+';
    if (plus && (at == 1 || !char_digit(search->text.at[at - 2])))
        at--;
    else if (!begins(number, "0081"))
        return false;
    bool japan = number->len >= 11 && is_japan_abroad(number, plus);
    bool right = number->len >= E164_MIN && number->len <= E164_MAX && number->digits[0] != '0';
    if (!japan && !(plus && right && !begins(number, "81"))) return false;
    if (!japan && number->joints >> JOINT_LINE & 1) return false; // the next row of a list
    struct label_site site = search_site(search, at, number->end);
    if (label_doubted(&site, topic)) return false;
    return search_put(search, japan ? DETECTOR_PHONE : DETECTOR_PHONE_INTL, at, number->end, true,
                      label_said(&site, topic));
}

// North America: 3-3-4, neither of the first two beginning with 0 or 1.
static bool is_american(const struct number *number) {
    return number->shape == SHAPE_3(3, 3, 4) && number->digits[0] >= '2' &&
           number->digits[3] >= '2';
}

// English stands before: nothing but ASCII, and letters among it.
static bool english_before(struct view text, uint32_t at) {
    uint32_t letters = 0;
    for (uint32_t i = 1; i <= 12 && i <= at; i++) {
        if ((uint8_t)text.at[at - i] >= 0x80) return false;
        letters += char_letter(text.at[at - i]);
    }
    return letters >= 3;
}

// Written as other countries do: only a label tells, in English text one on the line.
static bool foreign(struct search *search, const struct number *number) {
    if (number->len < 6 || number->len > 13 || !search_has(search, topic)) return false;
    if (number->joints >> JOINT_LINE & 1 || (number->groups == 1 && number->len < 7)) return false;
    bool local = number->shape == SHAPE_2(4, 4) || number->shape == SHAPE_2(3, 4) ||
                 number->shape == SHAPE_2(2, 4);
    bool dashed = number->joints == 1u << JOINT_DASH || number->joints == 1u << JOINT_BRACKET;
    enum detector detector = local && dashed ? DETECTOR_PHONE : DETECTOR_PHONE_INTL;
    bool usual = number->groups > 1 && number->len > 6 && english_before(search->text, number->at);
    return put(search, number, detector, usual && !local ? 2 : 3);
}

bool phone_number(struct search *search, const struct number *number) {
    if (number->len < 6 || number->joints >> JOINT_SLASH & 1 || number->joints >> JOINT_BOX & 1)
        return false;
    if (!number->clean) return false;
    if (abroad(search, number)) return true;
    if (is_mobile(number) && put(search, number, DETECTOR_PHONE, mobile_said(number))) return true;
    if (is_service(number) &&
        put(search, number, DETECTOR_PHONE, number->groups >= 2 && number->groups <= 3 ? 0 : 1))
        return true;
    if (number->len == 10 && number->digits[0] == '0' && landline(search, number)) return true;
    if (is_american(number) && number->joints >> JOINT_LINE == 0 &&
        put(search, number, DETECTOR_PHONE_INTL, number->joints >> JOINT_SPACE & 1 ? 1 : 0))
        return true;
    return foreign(search, number);
}

// ---- postal codes ----

// Something an address begins with stands behind: 東京都…, or 県, 市 … within some characters.
bool address_behind(struct view text, uint32_t at) {
    static const char marks[] = "都道府県市区町村郡";
    uint32_t end = at + 36 < text.len ? at + 36 : (uint32_t)text.len;
    while (at < end && strchr(" \n,'\"|\t)]", text.at[at]))
        at++;
    for (; at + 3 <= end && (uint8_t)text.at[at] >= 0xe0; at += 3)
        for (const char *mark = marks; *mark; mark += 3)
            if (memcmp(text.at + at, mark, 3) == 0) return true;
    return false;
}

// One of them stands in an address.
static const char *const address_marks[] = {"都", "府", "県", "市", "区", "郡", NULL};

// An address stands before [at, end): …1-2-3 (530-0001), Chuo-ku, Tokyo, Japan 104-0061; or the
// country behind it: …Chuo-ku, 104-0061 Japan.
static bool address_before(struct view text, uint32_t at, uint32_t end) {
    if (at > 6 && memcmp(text.at + at - 6, "Japan ", 6) == 0) return true;
    while (end < text.len && strchr(" ,;", text.at[end]))
        end++;
    struct view behind = view_from(text, end);
    if (view_starts(behind, VIEW("Japan")) || view_starts(behind, VIEW("JAPAN"))) return true;
    if (at < 2 || text.at[at - 1] != '(') return false;
    return words_before(text, at, ADDRESS_BYTES, address_marks);
}

// The name of a prefecture or municipality begins behind `at`, perhaps after の: 1000001の東京都….
static bool place_behind(struct search *search, uint32_t at) {
    struct view payload = detectors_table(search->scan->detectors, TABLE_PLACES);
    struct view text = search->text;
    struct word_is is;
    if (!payload.at) return false;
    while (at < text.len && strchr(" \n\r,'\"|\t:)]>", text.at[at]))
        at++;
    if (view_starts_at(text, at, "の")) at += 3;
    if (view_starts_at(text, at, "、")) at += 3;
    if (at >= text.len || (uint8_t)text.at[at] < 0xe0) return false;
    struct words places = words_over(&payload);
    return words_longest(&places, view_from(text, at), PLACE_PREFECTURE | PLACE_MUNICIPALITY, &is) >
           0;
}

// On a line of its own below an address: an envelope, a signature.
static bool below_address(struct view text, uint32_t at, uint32_t end) {
    bool alone = at > 0 && text.at[at - 1] == '\n' &&
                 (end >= text.len || text.at[end] == '\n' || text.at[end] == '\r');
    return alone && words_before(text, at, ADDRESS_BYTES, address_marks);
}

// T100-0005: a mark of post read as a letter.
static bool is_misread(struct view text, const struct number *number) {
    return number->lettered && text.at[number->at - 1] == 'T' &&
           (number->at == 1 || !char_word(text.at[number->at - 2]));
}

bool postal_number(struct search *search, const struct number *number) {
    const uint64_t postal = LABEL(POSTAL);
    struct view text = search->text;
    bool shaped = number->shape == SHAPE_2(3, 4), misread = is_misread(text, number);
    if (number->len != 7 || (!shaped && number->groups != 1)) return false;
    if (!number->clean && !misread) return false;
    if (number->joints & ~(1u << JOINT_DASH | 1u << JOINT_SPACE | 1u << JOINT_LINE)) return false;
    bool listed = postal_listed(detectors_table(search->scan->detectors, TABLE_POSTAL),
                                digits_value(number->digits, 7));
    struct label_site site = search_site(search, number->at, number->end);
    unsigned said = label_said(&site, postal);
    if (said < 3) {
        bool dashed = shaped && number->joints == 1u << JOINT_DASH;
        bool place = place_behind(search, number->end);
        if (label_doubted(&site, postal) || (!listed && !(dashed && place))) return false;
        bool head = site.direct == LABEL_ADDRESS;
        bool behind = place || address_behind(text, number->end);
        bool before = address_before(text, number->at, number->end);
        // 住所 1000001 東京都…, or first on its line; …402号室 (1000001)
        bool first = !number->at || text.at[number->at - 1] == '\n';
        bool bare = place || ((head || first) && behind) || before;
        if (dashed && !misread)
            bare =
                bare || head || behind || said == 2 || below_address(text, number->at, number->end);
        else if (number->groups > 1 && !place)
            return false;
        if (!bare) return false;
    }
    return search_put(search, DETECTOR_POSTAL, number->at, number->end, listed, said);
}
