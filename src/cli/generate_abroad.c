// Numbers of other countries and of the net, cards, and secrets: all made by chance, none is in
// use.
#include "cli/generate_parts.h"

#include <stdio.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char base62[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
static const char hex[] = "0123456789abcdef";

static char digit(uint32_t value) {
    return "0123456789"[value];
}
static uint32_t digit_at(const char *digits, uint32_t i) {
    return (uint32_t)(digits[i] - '0');
}

static void plain(struct generator *g, unsigned detector, const char *text) {
    put_number(g, detector, text, FORM_PLAIN, false);
}

// ---- the net ----

static void email(struct generator *g, bool tidy) {
    static const char *const users[] = {"info",     "sato.k",   "taro_y", "h-tanaka",
                                        "office",   "m.abe",    "sales",  "r2d2x",
                                        "nakamura", "yuki1990", "k+shop"};
    static const char *const hosts[] = {"example.jp",        "example.co.jp", "mail.example.com",
                                        "example.ne.jp",     "example.ac.jp", "kaigo.example.or.jp",
                                        "city.example.lg.jp"};
    char text[96];
    (void)tidy;
    snprintf(text, sizeof text, "%s%u@%s", PICK(g, users), chance(g, 100), PICK(g, hosts));
    put_number(g, DETECTOR_EMAIL, text, one_in(g, 10) ? FORM_WIDE : FORM_PLAIN, false);
}

static void ip(struct generator *g, bool tidy) {
    char text[48];
    (void)tidy;
    if (one_in(g, 4))
        snprintf(text, sizeof text, "2001:db8:%x:%x::%x", chance(g, 65536), chance(g, 65536),
                 1 + chance(g, 65535));
    else
        snprintf(text, sizeof text, "%u.%u.%u.%u", 128 + chance(g, 96), chance(g, 256),
                 chance(g, 256), 1 + chance(g, 254));
    plain(g, DETECTOR_IP, text);
}

static void mac(struct generator *g, bool tidy) {
    char text[19];
    (void)tidy;
    char joint = one_in(g, 3) ? '-' : ':';
    for (int i = 0; i < 6; i++)
        snprintf(text + 3 * i, 4, "%02x%c", chance(g, 256), joint);
    text[17] = 0;
    put_number(g, DETECTOR_MAC, text, FORM_DASHES, false);
}

// ---- money ----

static void card(struct generator *g, bool tidy) {
    static const char *const heads[] = {"4", "4", "51", "53", "55", "3528", "3566", "37", "34"};
    const char *head = PICK(g, heads);
    uint32_t len = head[0] == '3' && head[1] != '5' ? 15 : 16, known = (uint32_t)strlen(head);
    char digits[20], text[24];
    memcpy(digits, head, known);
    chance_text(g, NULL, len - 1 - known, digits + known);
    uint32_t sum = 0;
    for (uint32_t i = 0; i + 1 < len; i++) { // Luhn
        uint32_t value = digit_at(digits, len - 2 - i) * (i % 2 ? 1 : 2);
        sum += value / 10 + value % 10;
    }
    digits[len - 1] = digit((10 - sum % 10) % 10);
    uint32_t out = 0;
    for (uint32_t i = 0; i < len; i++) {
        bool border = len == 16 ? i && i % 4 == 0 : i == 4 || i == 10;
        if (border) text[out++] = '-';
        text[out++] = digits[i];
    }
    text[out] = 0;
    put_number(g, DETECTOR_CARD, text,
               FORM_PLAIN | FORM_DASHES | FORM_SPACES | FORM_WIDE | FORM_WIDE_DASHES, tidy);
}

static void iban(struct generator *g, bool tidy) {
    static const char *const countries[] = {"DE18", "ES20", "BE12", "DK14", "AT16", "CH17", "PL24"};
    const char *country = PICK(g, countries);
    uint32_t len = digit_at(country, 2) * 10 + digit_at(country, 3), rest = 0;
    char body[32], text[48];
    chance_text(g, NULL, len, body);
    for (uint32_t i = 0; i < len; i++)
        rest = (rest * 10 + digit_at(body, i)) % 97;
    rest = (rest * 100 + (uint32_t)(country[0] - 'A') + 10) % 97;
    rest = (rest * 100 + (uint32_t)(country[1] - 'A') + 10) % 97;
    rest = rest * 100 % 97;
    int at = snprintf(text, sizeof text, "%.2s%02u", country, 98 - rest);
    bool spaced = !tidy && one_in(g, 2);
    for (uint32_t i = 0; i < len; i++) {
        if (spaced && i % 4 == 0) text[at++] = ' ';
        text[at++] = body[i];
    }
    text[at] = 0;
    plain(g, DETECTOR_IBAN, text);
}

// ---- people of other countries ----

static void phone_intl(struct generator *g, bool tidy) {
    char text[32];
    (void)tidy;
    switch (chance(g, 5)) {
    case 0:
        snprintf(text, sizeof text, "+1-212-%u-%04u", 200 + chance(g, 700), chance(g, 10000));
        break;
    case 1:
        snprintf(text, sizeof text, "+44-20-7%03u-%04u", chance(g, 1000), chance(g, 10000));
        break;
    case 2:
        snprintf(text, sizeof text, "+94-77-%u-%04u", 100 + chance(g, 900), chance(g, 10000));
        break;
    case 3:
        snprintf(text, sizeof text, "+82-10-%u-%04u", 2000 + chance(g, 7000), chance(g, 10000));
        break;
    default:
        snprintf(text, sizeof text, "+49-30-%u", 1000000 + chance(g, 8999999));
        break;
    }
    put_number(g, DETECTOR_PHONE_INTL, text, FORM_DASHES | FORM_SPACES, false);
}

static void ssn(struct generator *g, bool tidy) {
    char text[16];
    snprintf(text, sizeof text, "%03u-%02u-%04u", 100 + chance(g, 565), 1 + chance(g, 99),
             1 + chance(g, 9999));
    (void)tidy;
    put_number(g, DETECTOR_US_SSN, text, FORM_DASHES, false);
}

static void nino(struct generator *g, bool tidy) {
    char text[16];
    (void)tidy;
    snprintf(text, sizeof text, "%c%c%06u%c", chance_of(g, "ABCEHJLMPRSTWXY"),
             chance_of(g, "ACEHJLMPRSWXYZ"), chance(g, 1000000), chance_of(g, "ABCD"));
    plain(g, DETECTOR_UK_NINO, text);
}

static void nhs(struct generator *g, bool tidy) {
    char text[16], out[16];
    uint32_t sum;
    do {
        sum = 0;
        chance_text(g, NULL, 9, text);
        for (uint32_t i = 0; i < 9; i++)
            sum += digit_at(text, i) * (10 - i);
    } while (sum % 11 == 1);
    text[9] = digit((11 - sum % 11) % 11);
    text[10] = 0;
    snprintf(out, sizeof out, "%.3s-%.3s-%.4s", text, text + 3, text + 6);
    put_number(g, DETECTOR_UK_NHS, out, FORM_PLAIN | FORM_SPACES, tidy);
}

static void nir(struct generator *g, bool tidy) {
    char text[20];
    (void)tidy;
    uint64_t number = 1 + chance(g, 2);
    number = number * 100 + 30 + chance(g, 70);
    number = number * 100 + 1 + chance(g, 12);
    number = number * 100 + 1 + chance(g, 95);
    number = number * 1000 + 1 + chance(g, 900);
    number = number * 1000 + 1 + chance(g, 999);
    snprintf(text, sizeof text, "%llu%02u", (unsigned long long)number,
             (unsigned)(97 - number % 97));
    plain(g, DETECTOR_FR_NIR, text);
}

static void nif(struct generator *g, bool tidy) {
    char text[16];
    (void)tidy;
    uint32_t number = 10000000 + chance(g, 89999999);
    snprintf(text, sizeof text, "%08u%c", number, "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23]);
    plain(g, DETECTOR_ES_NIF, text);
}

// Codice fiscale: names, year, month, day (women 40 more), municipality, and a letter of the sum of
// what each character counts at an odd and at an even place.
static void cf(struct generator *g, bool tidy) {
    static const char consonants[] = "BCDFGLMNPRSTVZ", months[] = "ABCDEHLMPRST";
    static const uint8_t odd[] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                  20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
    char text[20];
    uint32_t sum = 0;
    (void)tidy;
    chance_text(g, consonants, 6, text);
    snprintf(text + 6, sizeof text - 6, "%02u%c%02u%c%03u", 40 + chance(g, 60),
             chance_of(g, months), 1 + chance(g, 28) + 40 * chance(g, 2),
             chance_of(g, "ABCDEFGHIL"), 100 + chance(g, 800));
    for (uint32_t i = 0; i < 15; i++) {
        uint32_t value = (uint32_t)(text[i] <= '9' ? text[i] - '0' : text[i] - 'A');
        sum += i % 2 == 0 ? odd[value] : value;
    }
    text[15] = letters[sum % 26];
    text[16] = 0;
    plain(g, DETECTOR_IT_CF, text);
}

// ISO 7064 mod 11,10 over ten digits of which exactly one stands twice.
static void de_tax(struct generator *g, bool tidy) {
    char text[12] = "1234567890";
    (void)tidy;
    for (uint32_t i = 9; i > 0; i--) {
        uint32_t k = chance(g, i + 1);
        char was = text[i];
        text[i] = text[k];
        text[k] = was;
    }
    if (text[0] == '0') text[0] = text[9], text[9] = '0';
    text[9] = text[chance(g, 9)];
    uint32_t product = 10;
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t sum = (digit_at(text, i) + product) % 10;
        product = (sum ? sum : 10) * 2 % 11;
    }
    text[10] = digit((11 - product) % 10);
    text[11] = 0;
    plain(g, DETECTOR_DE_TAX, text);
}

static void rrn(struct generator *g, bool tidy) {
    char text[16];
    (void)tidy;
    snprintf(text, sizeof text, "%02u%02u%02u-%u%05u", 50 + chance(g, 50), 1 + chance(g, 12),
             1 + chance(g, 28), 1 + chance(g, 2), chance(g, 100000));
    uint32_t sum = 0, k = 0;
    for (uint32_t i = 0; i < 13; i++)
        if (i != 6) sum += digit_at(text, i) * (2 + k++ % 8);
    text[13] = digit((11 - sum % 11) % 10);
    text[14] = 0;
    put_number(g, DETECTOR_KR_RRN, text, FORM_DASHES, false);
}

static void ric(struct generator *g, bool tidy) {
    static const uint8_t weights[] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    static const char *const areas[] = {"110101", "310104", "440106", "510107", "330102"};
    char text[20];
    uint32_t sum = 0;
    (void)tidy;
    snprintf(text, sizeof text, "%s19%02u%02u%02u%03u", PICK(g, areas), 50 + chance(g, 50),
             1 + chance(g, 12), 1 + chance(g, 28), 1 + chance(g, 999));
    for (uint32_t i = 0; i < 17; i++)
        sum += digit_at(text, i) * weights[i];
    text[17] = "10X98765432"[sum % 11];
    text[18] = 0;
    plain(g, DETECTOR_CN_RIC, text);
}

static void nric(struct generator *g, bool tidy) {
    static const uint8_t weights[] = {2, 7, 6, 5, 4, 3, 2};
    char text[12];
    uint32_t sum = 0;
    (void)tidy;
    snprintf(text, sizeof text, "%c%07u", one_in(g, 2) ? 'S' : 'T', chance(g, 10000000));
    for (uint32_t i = 0; i < 7; i++)
        sum += digit_at(text, i + 1) * weights[i];
    text[8] = "JZIHGFEDCBA"[(sum + (text[0] == 'T' ? 4 : 0)) % 11];
    text[9] = 0;
    plain(g, DETECTOR_SG_NRIC, text);
}

// Verhoeff, by the dihedral group of order ten.
static char check_verhoeff(const char *digits, uint32_t len) {
    static const char permutation[8][11] = {"0123456789", "1576283094", "5803796142", "8916043527",
                                            "9453126870", "4286573901", "2793806415", "7046913258"};
    uint32_t c = 0;
    for (uint32_t i = 0; i < len; i++) {
        uint32_t b = (uint32_t)(permutation[(i + 1) % 8][digit_at(digits, len - 1 - i)] - '0');
        uint32_t a = c;
        c = a < 5 ? (b < 5 ? (a + b) % 5 : 5 + (a + b) % 5)
                  : (b < 5 ? 5 + (a - b + 5) % 5 : (a - b + 5) % 5);
    }
    return digit(c < 5 ? (5 - c) % 5 : c);
}

static void aadhaar(struct generator *g, bool tidy) {
    char text[16], out[16];
    chance_text(g, NULL, 11, text);
    text[0] = chance_of(g, "23456789");
    text[11] = check_verhoeff(text, 11);
    text[12] = 0;
    snprintf(out, sizeof out, "%.4s-%.4s-%.4s", text, text + 4, text + 8);
    put_number(g, DETECTOR_IN_AADHAAR, out, FORM_PLAIN | FORM_SPACES, tidy);
}

static void pan(struct generator *g, bool tidy) {
    char text[12];
    (void)tidy;
    chance_text(g, letters, 3, text);
    text[3] = 'P';
    text[4] = chance_of(g, letters);
    chance_text(g, NULL, 4, text + 5);
    text[9] = chance_of(g, letters);
    text[10] = 0;
    plain(g, DETECTOR_IN_PAN, text);
}

static void lk_nic(struct generator *g, bool tidy) {
    char text[16];
    uint32_t day = 1 + chance(g, 366) + (one_in(g, 2) ? 500 : 0);
    (void)tidy;
    if (one_in(g, 2))
        snprintf(text, sizeof text, "%02u%03u%04u%c", 40 + chance(g, 60), day, chance(g, 10000),
                 one_in(g, 5) ? 'X' : 'V');
    else
        snprintf(text, sizeof text, "19%02u%03u%05u", 40 + chance(g, 60), day, chance(g, 100000));
    plain(g, DETECTOR_LK_NIC, text);
}

// ---- secrets ----

static void secret(struct generator *g, unsigned detector, const char *head, const char *alphabet,
                   uint32_t len) {
    char text[256];
    int at = snprintf(text, sizeof text, "%s", head);
    chance_text(g, alphabet, len, text + at);
    put_span(g, detector, text, "plain");
}

static void aws(struct generator *g, bool tidy) {
    (void)tidy;
    secret(g, DETECTOR_SECRET_CLOUD, "AKIA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16);
}

static void token(struct generator *g, bool tidy) {
    (void)tidy;
    switch (chance(g, 3)) {
    case 0:
        secret(g, DETECTOR_SECRET_TOKEN, "ghp_", base62, 36);
        break;
    case 1:
        secret(g, DETECTOR_SECRET_TOKEN, "glpat-", base62, 20);
        break;
    default:
        secret(g, DETECTOR_SECRET_TOKEN, "npm_", base62, 36);
        break;
    }
}

// As generators of passwords make them: letters, digits and signs.
static void password(struct generator *g, bool tidy) {
    static const char letters_clear[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz";
    char text[32];
    (void)tidy;
    uint32_t len = 12 + chance(g, 8);
    chance_text(g, letters_clear, len, text);
    for (uint32_t i = 2; i < len; i += 2 + chance(g, 3))
        text[i] = chance_of(g, "23456789");
    text[1 + chance(g, len - 2)] = chance_of(g, "!%+@");
    put_span(g, DETECTOR_SECRET_PASSWORD, text, "plain");
}

static void private_key(struct generator *g, bool tidy) {
    char text[2048], line[65];
    (void)tidy;
    struct buf out = buf_over(text, sizeof text - 1);
    buf_put_text(&out, "-----BEGIN RSA PRIVATE KEY-----\n");
    for (int i = 0; i < 6; i++) {
        chance_text(g, base62, 64, line);
        buf_put_text(&out, line);
        buf_put_char(&out, '\n');
    }
    buf_put_text(&out, "-----END RSA PRIVATE KEY-----");
    text[out.len] = 0;
    put_span(g, DETECTOR_SECRET_KEY, text, "plain");
}

// What only looks secret.
static void digest(struct generator *g, bool tidy) {
    char text[65];
    (void)tidy;
    chance_text(g, hex, 64, text);
    put_span(g, DETECTOR_COUNT, text, "digest");
}

static void uuid(struct generator *g, bool tidy) {
    char h[33], text[40];
    (void)tidy;
    chance_text(g, hex, 32, h);
    snprintf(text, sizeof text, "%.8s-%.4s-4%.3s-a%.3s-%.12s", h, h + 8, h + 12, h + 15, h + 18);
    put_span(g, DETECTOR_COUNT, text, "UUID");
}

static void placeholder(struct generator *g, bool tidy) {
    static const char *const texts[] = {"<YOUR_PASSWORD>", "********", "${DB_PASSWORD}", "xxxxxxxx",
                                        "changeme"};
    (void)tidy;
    put_span(g, DETECTOR_COUNT, PICK(g, texts), "placeholder");
}

const struct generate_slots generate_abroad_slots[] = {{"email", email},
                                                       {"ip", ip},
                                                       {"mac", mac},
                                                       {"card", card},
                                                       {"iban", iban},
                                                       {"intl", phone_intl},
                                                       {"ssn", ssn},
                                                       {"nino", nino},
                                                       {"nhs", nhs},
                                                       {"nir", nir},
                                                       {"nif", nif},
                                                       {"cf", cf},
                                                       {"detax", de_tax},
                                                       {"rrn", rrn},
                                                       {"ric", ric},
                                                       {"nric", nric},
                                                       {"aadhaar", aadhaar},
                                                       {"pan", pan},
                                                       {"lknic", lk_nic},
                                                       {"aws", aws},
                                                       {"token", token},
                                                       {"password", password},
                                                       {"privatekey", private_key},
                                                       {"digest", digest},
                                                       {"uuid", uuid},
                                                       {"placeholder", placeholder},
                                                       {NULL, NULL}};
