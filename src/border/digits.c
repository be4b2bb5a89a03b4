#include "border/digits.h"

#include <string.h>

static uint32_t at(const char *digits, uint32_t i) {
    return (uint32_t)(digits[i] - '0');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

// Whether `text` has the form: A a capital, 9 a digit, anything else itself.
static bool shaped(const char *text, const char *form) {
    for (; *form; form++, text++) {
        if (*form == 'A' ? !is_upper(*text) : *form == '9' ? !is_digit(*text) : *text != *form)
            return false;
    }
    return true;
}

uint32_t digits_value(const char *digits, uint32_t len) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < len; i++)
        value = value * 10 + at(digits, i);
    return value;
}

bool digits_same(const char *digits, uint32_t len) {
    for (uint32_t i = 1; i < len; i++)
        if (digits[i] != digits[0]) return false;
    return true;
}

static uint32_t weighted(const char *digits, const uint8_t *weights, uint32_t len) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < len; i++)
        sum += at(digits, i) * weights[i];
    return sum;
}

bool check_date(uint32_t year, uint32_t month, uint32_t day) {
    static const uint8_t days[12] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1868 || year > 2100 || month < 1 || month > 12 || day < 1) return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] && (month != 2 || day < 29 || leap);
}

// ---- Japan ----

static const uint8_t number_act[11] = {6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2};

bool check_mynumber(const char *digits) {
    uint32_t rest = weighted(digits, number_act, 11) % 11;
    return at(digits, 11) == (rest <= 1 ? 0 : 11 - rest);
}

bool check_resident(const char *digits) {
    uint32_t rest = weighted(digits, number_act + 1, 10) % 11;
    return at(digits, 10) == (rest <= 1 ? 0 : 11 - rest);
}

bool check_corporate(const char *digits) {
    uint32_t sum = 0;
    for (uint32_t i = 1; i < 13; i++)
        sum += at(digits, i) * (i % 2 ? 2 : 1);
    return at(digits, 0) == 9 - sum % 9;
}

bool check_licence_prefix(const char *digits) {
    uint32_t code = digits_value(digits, 2);
    return code == 0 || (code >= 10 && code <= 14) || (code >= 20 && code <= 25) || code == 30 ||
           (code >= 40 && code <= 55) || (code >= 60 && code <= 65) || (code >= 70 && code <= 74) ||
           (code >= 80 && code <= 83) || (code >= 90 && code <= 97);
}

bool check_licence(const char *digits) {
    static const uint8_t weights[10] = {5, 4, 3, 2, 7, 6, 5, 4, 3, 2};
    uint32_t rest = weighted(digits, weights, 10) % 11;
    return check_licence_prefix(digits) && at(digits, 10) == (11 - rest) % 10;
}

bool check_insurer(const char *digits, uint32_t len) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i + 1 < len; i++) { // from the right: 2 1 2 1 …
        uint32_t product = at(digits, len - 2 - i) * (i % 2 ? 1 : 2);
        sum += product / 10 + product % 10;
    }
    return at(digits, len - 1) == (10 - sum % 10) % 10;
}

// ---- cards, goods, accounts ----

bool check_luhn(const char *digits, uint32_t len) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < len; i++) {
        uint32_t digit = at(digits, len - 1 - i);
        if (i % 2) digit = digit < 5 ? 2 * digit : 2 * digit - 9;
        sum += digit;
    }
    return sum % 10 == 0;
}

bool check_card_range(const char *digits, uint32_t len) {
    static const struct {
        uint16_t low, high; // of the first four digits
        uint8_t len_min, len_max;
    } ranges[] = {
        {1800, 1800, 15, 15}, {2131, 2131, 15, 15}, // JCB
        {2200, 2204, 16, 19},                       // Mir
        {2221, 2720, 16, 16},                       // Mastercard
        {3000, 3059, 14, 19}, {3095, 3095, 14, 19}, // Diners Club
        {3400, 3499, 15, 15}, {3700, 3799, 15, 15}, // American Express
        {3500, 3599, 16, 19},                       // JCB
        {3600, 3699, 14, 19}, {3800, 3999, 14, 19}, // Diners Club
        {4000, 4999, 13, 19},                       // Visa
        {5000, 5099, 12, 19},                       // Maestro
        {5100, 5599, 16, 16},                       // Mastercard
        {5600, 5899, 12, 19},                       // Maestro
        {6011, 6011, 16, 19},                       // Discover
        {6200, 6299, 16, 19},                       // UnionPay
        {6304, 6304, 12, 19}, {6390, 6390, 12, 19}, // Maestro
        {6440, 6599, 16, 19},                       // Discover
        {6700, 6799, 12, 19},                       // Maestro
        {8100, 8199, 16, 19},                       // UnionPay
    };
    uint32_t first = digits_value(digits, 4);
    for (uint32_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (first >= ranges[i].low && first <= ranges[i].high && len >= ranges[i].len_min &&
            len <= ranges[i].len_max)
            return true;
    return false;
}

uint32_t iban_len(const char *country) {
    static const char lengths[] = // ISO 13616 registry
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29"
        "ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20"
        "LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29"
        "PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20"
        "YE30";
    for (const char *row = lengths; *row; row += 4)
        if (row[0] == country[0] && row[1] == country[1]) return digits_value(row + 2, 2);
    return 0;
}

bool check_iban(const char *text, uint32_t len) {
    uint32_t rest = 0;
    if (iban_len(text) != len || !is_digit(text[2]) || !is_digit(text[3])) return false;
    for (uint32_t i = 0; i < len; i++) {
        char c = text[(i + 4) % len];
        if (is_digit(c))
            rest = (rest * 10 + (uint32_t)(c - '0')) % 97;
        else if (is_upper(c))
            rest = (rest * 100 + (uint32_t)(c - 'A' + 10)) % 97;
        else
            return false;
    }
    return rest == 1;
}

static bool mrz_field(const char *field, uint32_t len) { // its check digit follows it
    static const uint8_t weights[3] = {7, 3, 1};
    uint32_t sum = 0;
    for (uint32_t i = 0; i < len; i++) {
        char c = field[i];
        uint32_t value = is_digit(c) ? (uint32_t)(c - '0') : is_upper(c) ? (uint32_t)(c - 55) : 0;
        sum += value * weights[i % 3];
    }
    return field[len] == (char)('0' + sum % 10);
}

bool check_mrz(const char *line, uint32_t len) {
    return (len == 44 || len == 36) && mrz_field(line, 9) && mrz_field(line + 13, 6) &&
           mrz_field(line + 21, 6);
}

// ---- other countries ----

bool check_us_ssn(const char *digits) {
    uint32_t area = digits_value(digits, 3);
    return area != 0 && area != 666 && area < 900 && digits_value(digits + 3, 2) != 0 &&
           digits_value(digits + 5, 4) != 0;
}

bool check_uk_nhs(const char *digits) {
    static const uint8_t weights[9] = {10, 9, 8, 7, 6, 5, 4, 3, 2};
    uint32_t check = (11 - weighted(digits, weights, 9) % 11) % 11;
    return check < 10 && at(digits, 9) == check;
}

bool check_uk_nino(const char *text) {
    static const char never[] = "BGGBKNNKNTTNZZ";
    if (!shaped(text, "AA999999A") || text[8] > 'D') return false;
    if (strchr("DFIQUV", text[0]) || strchr("DFIQUVO", text[1])) return false;
    for (const char *pair = never; *pair; pair += 2)
        if (text[0] == pair[0] && text[1] == pair[1]) return false;
    return true;
}

bool check_fr_nir(const char *text) {
    if (!shaped(text, "99999") || !shaped(text + 7, "99999999") || !is_digit(text[5])) return false;
    bool corsica = text[5] == '2' && (text[6] == 'A' || text[6] == 'B');
    if (!corsica && !is_digit(text[6])) return false;
    uint32_t month = digits_value(text + 3, 2);
    if ((text[0] != '1' && text[0] != '2') || month < 1 || (month > 12 && month < 20)) return false;
    uint64_t number = 0;
    for (uint32_t i = 0; i < 13; i++) {
        char c = i == 6 && corsica ? (text[6] == 'A' ? '9' : '8') : text[i]; // 2A is 19, 2B is 18
        if (i == 5 && corsica) c = '1';
        number = number * 10 + (uint64_t)(c - '0');
    }
    return digits_value(text + 13, 2) == 97 - number % 97;
}

bool check_es_nif(const char *text) {
    static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";
    if (shaped(text, "99999999A")) return text[8] == letters[digits_value(text, 8) % 23];
    if (!shaped(text, "A9999999A") || text[0] < 'X') return false;
    uint32_t number = (uint32_t)(text[0] - 'X') * 10000000 + digits_value(text + 1, 7);
    return text[8] == letters[number % 23];
}

bool check_it_cf(const char *text) {
    static const uint8_t odd[26] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                    20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
    if (!shaped(text, "AAAAAA99A99A999A") || !strchr("ABCDEHLMPRST", text[8])) return false;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 15; i++) {
        uint32_t value = (uint32_t)(is_digit(text[i]) ? text[i] - '0' : text[i] - 'A');
        sum += i % 2 ? value : odd[value];
    }
    uint32_t day = digits_value(text + 9, 2);
    return text[15] == (char)('A' + sum % 26) && day % 40 >= 1 && day <= 71 && day % 40 <= 31;
}

bool check_de_tax(const char *digits) {
    uint32_t product = 10, counts[10] = {0}, most = 0, zeroes = 0;
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t sum = (at(digits, i) + product) % 10;
        product = (sum ? sum : 10) * 2 % 11;
        counts[at(digits, i)]++;
    }
    for (uint32_t i = 0; i < 10; i++) {
        if (counts[i] > most) most = counts[i];
        zeroes += counts[i] == 0;
    }
    bool repeats = (most == 2 && zeroes == 1) || (most == 3 && zeroes == 2);
    return digits[0] != '0' && repeats && at(digits, 10) == (11 - product) % 10;
}

bool check_kr_date(const char *digits) {
    static const uint16_t centuries[10] = {1800, 1900, 1900, 2000, 2000,
                                           1900, 1900, 2000, 2000, 1800};
    uint32_t year = centuries[at(digits, 6)] + digits_value(digits, 2);
    return check_date(year, digits_value(digits + 2, 2), digits_value(digits + 4, 2));
}

bool check_kr_rrn(const char *digits) {
    static const uint8_t weights[12] = {2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5};
    uint32_t domestic = (11 - weighted(digits, weights, 12) % 11) % 10;
    uint32_t foreign = (domestic + 2) % 10; // sex digits 5 to 8
    uint32_t sex = at(digits, 6);
    return check_kr_date(digits) && at(digits, 12) == (sex >= 5 && sex <= 8 ? foreign : domestic);
}

bool check_cn_ric(const char *text) {
    static const uint8_t weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    if (!shaped(text, "99999999999999999") || (!is_digit(text[17]) && text[17] != 'X'))
        return false;
    uint32_t region = digits_value(text, 2);
    if (region < 11 || region > 91) return false;
    if (!check_date(digits_value(text + 6, 4), digits_value(text + 10, 2),
                    digits_value(text + 12, 2)))
        return false;
    return text[17] == "10X98765432"[weighted(text, weights, 17) % 11];
}

bool check_sg_nric(const char *text) {
    static const uint8_t weights[7] = {2, 7, 6, 5, 4, 3, 2};
    static const char citizen[] = "JZIHGFEDCBA", foreign[] = "XWUTRQPNMLK", m[] = "XWUTRQPNJLK";
    if (!shaped(text, "A9999999A") || !strchr("STFGM", text[0])) return false;
    uint32_t sum = weighted(text + 1, weights, 7);
    if (text[0] == 'T' || text[0] == 'G') sum += 4;
    if (text[0] == 'M') return text[8] == m[(sum + 3) % 11];
    return text[8] == (text[0] == 'S' || text[0] == 'T' ? citizen : foreign)[sum % 11];
}

bool check_in_aadhaar(const char *digits) {
    static const uint8_t product[10][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
        {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
        {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
        {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
        {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
    static const uint8_t turn[8][10] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
        {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
        {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
        {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};
    uint32_t check = 0;
    for (uint32_t i = 0; i < 12; i++)
        check = product[check][turn[i % 8][at(digits, 11 - i)]];
    return digits[0] >= '2' && check == 0;
}

bool check_in_pan(const char *text) {
    return shaped(text, "AAAAA9999A") && strchr("ABCFGHJLPT", text[3]) != NULL;
}

static bool lk_day(uint32_t day) {
    return (day >= 1 && day <= 366) || (day >= 501 && day <= 866);
}

bool check_lk_old(const char *text) {
    return shaped(text, "999999999") && (text[9] == 'V' || text[9] == 'X') &&
           lk_day(digits_value(text + 2, 3));
}

bool check_lk_new(const char *digits) {
    uint32_t year = digits_value(digits, 4);
    return year >= 1900 && year <= 2020 && lk_day(digits_value(digits + 4, 3));
}
