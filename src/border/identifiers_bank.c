// Accounts and cards: banks of the zengin list, ゆうちょ, card ranges, IBAN.
#include "border/digits.h"
#include "border/identifiers.h"

static const uint64_t account = LABEL(ACCOUNT);
static const uint64_t around = LABEL(BANK) | LABEL(ACCOUNT) | LABEL(YUCHO);

// Bank 4, branch 3, perhaps a kind of 1, account 7.
static bool bank_whole(struct search *search, const struct number *number) {
    bool shape = number->shape == SHAPE_3(4, 3, 7) || number->shape == SHAPE_4(4, 3, 1, 7);
    struct view banks = detectors_table(search->scan->detectors, TABLE_BANKS);
    if (!shape) return false;
    struct label_site site = search_site(search, number->at, number->end);
    bool listed =
        bank_listed(banks, digits_value(number->digits, 4), digits_value(number->digits + 4, 3));
    if ((!listed && label_said(&site, account) < 3) || label_doubted(&site, around)) return false;
    return search_put(search, DETECTOR_BANK, number->at, number->end, true,
                      label_said(&site, around));
}

// ゆうちょ: symbol 1xxx0, number xxxxxxx1 of 2 to 8 digits, perhaps a check digit between.
static bool yucho(struct search *search, const struct number *number) {
    const uint64_t topic = LABEL(YUCHO);
    uint32_t symbol = 0, last = (uint32_t)(number->shape & 31);
    if (number->groups == 2) symbol = (uint32_t)(number->shape >> 5);
    if (number->groups == 3 && (number->shape >> 5 & 31) == 1)
        symbol = (uint32_t)(number->shape >> 10);
    if (symbol != 5 || last < 6 || last > 8 ||
        (number->digits[0] != '1' && number->digits[0] != '0'))
        return false;
    bool whole = number->digits[0] == '1' && number->digits[4] == '0' &&
                 number->digits[number->len - 1] == '1';
    struct label_site site = search_site(search, number->at, number->end);
    unsigned said = label_said(&site, topic | LABEL(SYMBOL));
    bool likely = whole || (site.near & around);
    if (label_doubted(&site, topic | account | LABEL(SYMBOL))) return false;
    if (!likely || (said == 0 && !(site.near & around))) return false;
    return search_put(search, DETECTOR_BANK, number->at, number->end, whole, said);
}

// 1234567名: a count.
static bool counted(struct view text, uint32_t end) {
    static const char counters[] = "名人件円個回台本枚日時年月万億点票字歩秒分";
    end += char_at(text, end) == ' ';
    if (view_starts_at(text, end, "名義")) return false;
    for (const char *each = counters; *each; each += 3)
        if (text.len - end >= 3 && memcmp(text.at + end, each, 3) == 0) return true;
    return false;
}

// Digits before `at`, behind a comma or tab and perhaps in quotes: a cell. *at is where it begins;
// 0: none.
static uint32_t cell_before(struct view text, uint32_t *at) {
    uint32_t end = *at;
    if (end && text.at[end - 1] == '"') end--;
    if (!end || (text.at[end - 1] != ',' && text.at[end - 1] != '\t')) return 0;
    end--;
    if (end && text.at[end - 1] == '"') end--;
    uint32_t start = end;
    while (start > 0 && end - start < 5 && char_digit(text.at[start - 1]))
        start--;
    *at = start;
    return end - start;
}

// 0005,135,1,1234567: the cells of a transfer file.
static bool bank_cells(struct search *search, const struct number *number) {
    struct view text = search->text;
    struct view banks = detectors_table(search->scan->detectors, TABLE_BANKS);
    uint32_t at = number->at;
    if (number->len != 7 || number->groups != 1) return false;
    uint32_t len = cell_before(text, &at);
    if (len == 1) len = cell_before(text, &at);
    if (len != 3) return false;
    uint32_t branch = digits_value(text.at + at, 3);
    if (cell_before(text, &at) != 4) return false;
    return bank_listed(banks, digits_value(text.at + at, 4), branch) &&
           search_put(search, DETECTOR_BANK, number->at, number->end, true, 2);
}

// 普 1234567: the kind of account in one character.
static bool kind_before(struct view text, uint32_t at) {
    while (at > 0 && strchr(" (:)/", text.at[at - 1]))
        at--;
    return at >= 3 && (!memcmp(text.at + at - 3, "普", 3) || !memcmp(text.at + at - 3, "当", 3));
}

// 渋谷支店 1 1234567: the kind of account as its code.
static bool behind_kind(struct search *search, const struct number *number) {
    struct view text = search->text;
    uint32_t at = number->at;
    if (at < 3 || text.at[at - 1] != ' ' || !strchr("124", text.at[at - 2])) return false;
    return text.at[at - 3] == ' ' && search_site(search, at - 2, at - 1).direct == LABEL_BANK;
}

// One part alone: an account that is called so, or symbol and number of ゆうちょ.
static bool part(struct search *search, const struct number *number) {
    uint32_t len = number->len;
    bool shape = number->groups == 1 || number->shape == SHAPE_2(3, 4);
    if (len < 5 || len > 8 || !shape || !search_has(search, around)) return false;
    if (counted(search->text, number->end)) return false;
    struct label_site site = search_site(search, number->at, number->end);
    bool bank = (site.near & around) != 0;
    bool symbol =
        (site.direct == LABEL_SYMBOL || site.direct == LABEL_GENERIC) && (site.near & LABEL(YUCHO));
    bool called = site.direct == LABEL_ACCOUNT && len >= 6;
    bool book = site.direct == LABEL_YUCHO && len != 6;
    bool numbered = len == 7 && site.direct == LABEL_GENERIC && bank;
    bool lined = len == 7 && (site.line & account) && !label_doubted(&site, around);
    bool branch = len == 7 && site.direct == LABEL_BANK; // 渋谷支店 1234567
    branch = branch || (len == 7 && behind_kind(search, number));
    called = called || (len == 7 && bank && kind_before(search->text, number->at));
    if (!called && !symbol && !book && !numbered && !lined && !branch) return false;
    return search_put(search, DETECTOR_BANK, number->at, number->end, false, called ? 3 : 2);
}

bool bank_number(struct search *search, const struct number *number) {
    if (number->len < 5 || !number->clean || !number_even(number)) return false;
    if (bank_whole(search, number) || bank_cells(search, number) || yucho(search, number))
        return true;
    if (number->shape == SHAPE_2(3, 7)) { // branch and account
        struct label_site site = search_site(search, number->at, number->end);
        unsigned said = label_said(&site, LABEL(BANK) | account);
        return said >= 2 && !label_doubted(&site, around) &&
               search_put(search, DETECTOR_BANK, number->at, number->end, false, said);
    }
    return part(search, number);
}

// ---- cards ----

static bool card_shape(const struct number *number) {
    return number->groups == 1 || number->shape == SHAPE_4(4, 4, 4, 4) ||
           number->shape == SHAPE_3(4, 6, 5) || number->shape == SHAPE_3(4, 6, 4) ||
           number->shape == SHAPE_5(4, 4, 4, 4, 3) || number->shape == SHAPE_2(6, 13) ||
           number->shape == SHAPE_2(8, 8);
}

bool card_number(struct search *search, const struct number *number) {
    const uint64_t topic = LABEL(CARD) | LABEL(PAN); // primary account number
    uint32_t len = number->len;
    if (len < 12 || len > 19 || !number->clean || !number_even(number)) return false;
    if (!check_card_range(number->digits, len) || !check_luhn(number->digits, len)) return false;
    struct label_site site = search_site(search, number->at, number->end);
    unsigned said = label_said(&site, topic);
    // 12 and 13 digits are more often something else: goods, My Number
    if (label_denied(&site, topic) || said < (card_shape(number) && len > 13 ? 0u : 1u))
        return false;
    return search_put(search, DETECTOR_CARD, number->at, number->end, true, said);
}

// ---- IBAN ----

// A word, or words of four characters: GB82 WEST 1234 5698 7654 32.
bool token_iban(struct search *search, uint32_t at, uint32_t end) {
    struct view text = search->text;
    char iban[34];
    uint32_t len = 0;
    if (end - at < 4 || !char_letter(text.at[at]) || !char_letter(text.at[at + 1]) ||
        !char_digit(text.at[at + 2]) || !char_digit(text.at[at + 3]))
        return false;
    char country[2] = {char_upper(text.at[at]), char_upper(text.at[at + 1])};
    uint32_t want = iban_len(country), stop = at;
    while (len < want && stop < text.len) {
        char c = text.at[stop];
        bool gap = (c == ' ' || c == '-') && len % 4 == 0 && len;
        if (!gap && !char_word(c)) break;
        if (!gap) iban[len++] = char_upper(c);
        stop++;
    }
    if (len != want || want == 0 || char_word(char_at(text, stop)) || !check_iban(iban, len))
        return false;
    struct label_site site = search_site(search, at, stop);
    return search_put(search, DETECTOR_IBAN, at, stop, true, label_said(&site, LABEL(IBAN)));
}
