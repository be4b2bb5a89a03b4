// Numbers of Japan with their check digits, and what looks like them.
#include "cli/generate_parts.h"

#include <stdio.h>

static uint32_t digit_at(const char *digits, uint32_t i) {
    return (uint32_t)(digits[i] - '0');
}

static char digit(uint32_t value) {
    return "0123456789"[value];
}

// ---- with check digits ----

// Weights from the left 6 5 4 3 2 7 6 5 4 3 2 for 11 digits (ordinance of the MIC 85/2014,
// article 5); 11 less the remainder by 11, 0 when that is over 9.
static char check_eleven(const char *digits, uint32_t len) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < len; i++) {
        uint32_t n = len - i;
        sum += digit_at(digits, i) * (n <= 6 ? n + 1 : n - 5);
    }
    return digit(sum % 11 <= 1 ? 0 : 11 - sum % 11);
}

static void mynumber_make(struct generator *g, char out[13]) {
    chance_text(g, NULL, 11, out);
    out[11] = check_eleven(out, 11);
    out[12] = 0;
}

// "123456789012" as "1234-5678-9012".
static void by_fours(const char *digits, char *out) {
    for (uint32_t i = 0; digits[i]; i++) {
        if (i && i % 4 == 0) *out++ = '-';
        *out++ = digits[i];
    }
    *out = 0;
}

static void mynumber(struct generator *g, bool tidy) {
    char digits[13], grouped[16];
    mynumber_make(g, digits);
    by_fours(digits, grouped);
    put_number(g, DETECTOR_MYNUMBER, grouped, FORMS_NUMBER, tidy);
}

static void resident(struct generator *g, bool tidy) {
    char digits[12];
    chance_text(g, NULL, 10, digits);
    digits[10] = check_eleven(digits, 10);
    digits[11] = 0;
    put_number(g, DETECTOR_RESIDENT, digits, FORM_PLAIN | FORM_WIDE, tidy);
}

// First digit 9 less the remainder by 9 of the sum with weights 1 and 2 from the right (ordinance
// of the MOF 70/2014, article 2).
static void corporate_make(struct generator *g, char out[14]) {
    uint32_t sum = 0;
    chance_text(g, NULL, 12, out + 1);
    for (uint32_t n = 1; n <= 12; n++)
        sum += digit_at(out, 13 - n) * (n % 2 ? 1 : 2);
    out[0] = digit(9 - sum % 9);
}

static void corporate(struct generator *g, bool tidy) {
    char digits[14];
    corporate_make(g, digits);
    put_number(g, DETECTOR_CORPORATE, digits, FORMS_CODE, tidy);
}

static void invoice(struct generator *g, bool tidy) {
    char text[15] = "T";
    corporate_make(g, text + 1);
    put_number(g, DETECTOR_CORPORATE, text, FORMS_CODE, tidy);
}

static void licence(struct generator *g, bool tidy) {
    static const char *const places[] = {"10", "11", "14", "20", "22", "25", "30", "30", "30", "40",
                                         "43", "44", "45", "48", "50", "54", "60", "62", "63", "65",
                                         "70", "72", "80", "82", "90", "91", "95", "97"};
    char digits[13];
    uint32_t sum = 0;
    chance_text(g, NULL, 12, digits);
    memcpy(digits, PICK(g, places), 2);
    for (uint32_t i = 0; i < 10; i++)
        sum += digit_at(digits, i) * (i < 4 ? 5 - i : 11 - i);
    digits[10] = digit((11 - sum % 11) % 10); // 11 for remainder 0 ends in 1, 10 for 1 in 0
    digits[11] = digit(chance(g, 3));
    put_number(g, DETECTOR_LICENCE, digits, FORM_PLAIN | FORM_WIDE | FORM_BROKEN, tidy);
}

static void insurer(struct generator *g, bool tidy) {
    static const char *const laws[] = {"01", "02", "06", "06", "06", "31",
                                       "32", "33", "34", "39", "63", "67"};
    char digits[9];
    uint32_t sum = 0;
    snprintf(digits, sizeof digits, "%s%02u%03u", PICK(g, laws), 1 + chance(g, 47),
             chance(g, 1000));
    for (uint32_t i = 0; i < 7; i++) {
        uint32_t times = digit_at(digits, i) * (i % 2 ? 1 : 2);
        sum += times / 10 + times % 10;
    }
    digits[7] = digit((10 - sum % 10) % 10);
    digits[8] = 0;
    put_number(g, DETECTOR_INSURER, digits, FORM_PLAIN | FORM_WIDE, tidy);
}

// ---- without ----

static void insured_symbol(struct generator *g, bool tidy) {
    char text[16];
    if (one_in(g, 2))
        snprintf(text, sizeof text, "%u-%u", 10 + chance(g, 90), chance(g, 100));
    else
        snprintf(text, sizeof text, "%u", 10000 + chance(g, 89999999));
    put_number(g, DETECTOR_INSURER, text, FORM_DASHES | FORM_WIDE_DASHES, tidy);
}

static void insured_number(struct generator *g, bool tidy) {
    char text[16];
    snprintf(text, sizeof text, "%u", 100 + chance(g, 9999900));
    put_number(g, DETECTOR_INSURER, text, FORM_PLAIN | FORM_WIDE, tidy);
}

static void pension(struct generator *g, bool tidy) {
    char text[12];
    snprintf(text, sizeof text, "%04u-%06u", 1 + chance(g, 9999), chance(g, 1000000));
    put_number(g, DETECTOR_PENSION, text,
               FORM_PLAIN | FORM_DASHES | FORM_WIDE_DASHES | FORM_ODD_DASHES | FORM_SPACES, tidy);
}

static void employment(struct generator *g, bool tidy) {
    char text[14];
    snprintf(text, sizeof text, "%04u-%06u-%u", 1 + chance(g, 9999), chance(g, 1000000),
             chance(g, 10));
    put_number(g, DETECTOR_EMPLOYMENT, text,
               FORM_PLAIN | FORM_DASHES | FORM_WIDE_DASHES | FORM_ODD_DASHES, tidy);
}

static void passport(struct generator *g, bool tidy) {
    char text[10];
    text[0] = chance_of(g, "MTN");
    text[1] = chance_of(g, "ABCDEFGHKLMNPRSTUXZ");
    chance_text(g, NULL, 7, text + 2);
    put_number(g, DETECTOR_PASSPORT, text, FORMS_CODE, tidy);
}

static void residence(struct generator *g, bool tidy) {
    static const char letters[] = "ABCDEFGHJKLMNPRSTUWXYZ";
    char text[13];
    chance_text(g, letters, 2, text);
    chance_text(g, NULL, 8, text + 2);
    chance_text(g, letters, 2, text + 10);
    put_number(g, DETECTOR_RESIDENCE, text, FORMS_CODE, tidy);
}

static void mobile(struct generator *g, bool tidy) {
    static const char *const heads[] = {"060", "070", "070", "080", "080", "080", "090", "090"};
    char text[16];
    snprintf(text, sizeof text, "%s-%u-%04u", PICK(g, heads), 1000 + chance(g, 9000),
             chance(g, 10000));
    put_number(g, DETECTOR_PHONE, text, FORMS_PHONE, tidy);
}

static void landline(struct generator *g, bool tidy) {
    static const char *const train[] = {"03",   "06",   "052",  "011", "092", "045",
                                        "0422", "0466", "0134", "075", "0980"};
    static const char *const held_out[] = {"03",   "06",   "022",  "082", "044", "025",
                                           "0463", "0544", "0748", "099", "0596"};
    const char *area = PICK_SPLIT(g, train, held_out);
    char text[20];
    uint32_t left = 6 - (uint32_t)strlen(area); // digits of the exchange
    uint32_t low = left == 4 ? 3000 : left == 3 ? 200 : 20;
    snprintf(text, sizeof text, "%s-%u-%04u", area, low + chance(g, low * 2), chance(g, 10000));
    put_number(g, DETECTOR_PHONE, text, FORMS_PHONE, tidy);
}

static void free_dial(struct generator *g, bool tidy) {
    static const char *const heads[] = {"0120", "0120", "0800", "0570", "050"};
    const char *head = PICK(g, heads);
    char text[20];
    if (strlen(head) == 3)
        snprintf(text, sizeof text, "%s-%u-%04u", head, 1000 + chance(g, 9000), chance(g, 10000));
    else if (head[1] == '8')
        snprintf(text, sizeof text, "%s-%03u-%04u", head, chance(g, 1000), chance(g, 10000));
    else
        snprintf(text, sizeof text, "%s-%03u-%03u", head, chance(g, 1000), chance(g, 1000));
    put_number(g, DETECTOR_PHONE, text, FORMS_PHONE & ~(unsigned)FORM_BRACKETS, tidy);
}

static void phone(struct generator *g, bool tidy) {
    if (one_in(g, 3))
        landline(g, tidy);
    else
        mobile(g, tidy);
}

static void phone_abroad(struct generator *g, bool tidy) {
    char text[24];
    (void)tidy;
    snprintf(text, sizeof text, "+81-%u0-%u-%04u", 7 + chance(g, 3), 1000 + chance(g, 9000),
             chance(g, 10000));
    put_number(g, DETECTOR_PHONE, text, FORM_DASHES | FORM_SPACES | FORM_PLAIN, false);
}

// ---- banks ----

struct branch {
    const char *bank, *bank_name, *branch, *branch_name;
};
#define PLACE(...)
#define BRANCH_OF_TRAIN(...) {__VA_ARGS__},
#define BRANCH_OF_HELD_OUT(...)
#define BRANCH(split, ...) BRANCH_OF_##split(__VA_ARGS__)
static const struct branch branches_train[] = {
#include "cli/generate_places.def"
};
#undef BRANCH_OF_TRAIN
#undef BRANCH_OF_HELD_OUT
#define BRANCH_OF_TRAIN(...)
#define BRANCH_OF_HELD_OUT(...) {__VA_ARGS__},
static const struct branch branches_held_out[] = {
#include "cli/generate_places.def"
};

static struct branch branch_of(struct generator *g) {
    return PICK_SPLIT(g, branches_train, branches_held_out);
}

static bool ends(const char *text, const char *with) {
    struct view a = view_of(text), b = view_of(with);
    return a.len >= b.len && memcmp(a.at + a.len - b.len, b.at, b.len) == 0;
}

// みずほ銀行 渋谷支店: no label, for a bank is nobody.
static void bank(struct generator *g, bool tidy) {
    struct branch is = branch_of(g);
    (void)tidy;
    bool whole = ends(is.bank_name, "農協") || ends(is.bank_name, "漁協");
    bool credit = ends(is.bank_name, "信金"), union_ = ends(is.bank_name, "信組");
    size_t len = strlen(is.bank_name) - (credit || union_ ? 6 : 0);
    buf_put(&g->text, is.bank_name, len);
    buf_put_text(&g->text, credit ? "信用金庫" : union_ ? "信用組合" : whole ? "" : "銀行");
    if (one_in(g, 2)) buf_put_text(&g->text, "　");
    buf_put_text(&g->text, is.branch_name);
    if (!ends(is.branch_name, "本店") && !ends(is.branch_name, "本所"))
        buf_put_text(&g->text, "支店");
}

static void account(struct generator *g, bool tidy) {
    char text[8];
    chance_text(g, NULL, 7, text);
    put_number(g, DETECTOR_BANK, text, FORM_PLAIN | FORM_WIDE, tidy);
}

// Bank, branch, account: 0001-015-1234567.
static void account_codes(struct generator *g, bool tidy) {
    struct branch is = branch_of(g);
    char text[24];
    snprintf(text, sizeof text, "%s-%s-%07u", is.bank, is.branch, chance(g, 10000000));
    put_number(g, DETECTOR_BANK, text, FORM_DASHES | FORM_WIDE_DASHES, tidy);
}

static void yucho(struct generator *g, bool tidy) {
    char text[24];
    snprintf(text, sizeof text, "1%04u-%u1", chance(g, 1000) * 10, 100000 + chance(g, 8999999));
    put_number(g, DETECTOR_BANK, text, FORM_DASHES | FORM_WIDE_DASHES, tidy);
}

// ---- what is none of them ----

static void digits_negative(struct generator *g, const char *kind, uint32_t len, bool tidy) {
    char text[32];
    chance_text(g, NULL, len, text);
    if (text[0] == '0') text[0] = '4';
    put_negative(g, kind, text, FORM_PLAIN | FORM_WIDE, tidy);
}

static void order(struct generator *g, bool tidy) {
    digits_negative(g, "order number", 10 + chance(g, 4), tidy);
}

static void order_dashed(struct generator *g, bool tidy) {
    char text[32];
    snprintf(text, sizeof text, "%03u-%07u-%07u", chance(g, 1000), chance(g, 10000000),
             chance(g, 10000000));
    put_negative(g, "order number", text, FORM_DASHES, tidy);
}

static void tracking(struct generator *g, bool tidy) {
    char text[32], grouped[32];
    chance_text(g, NULL, 11, text);
    uint32_t rest = 0;
    for (int i = 0; i < 11; i++)
        rest = (rest * 10 + digit_at(text, (uint32_t)i)) % 7;
    text[11] = digit(rest);
    text[12] = 0;
    by_fours(text, grouped);
    put_negative(g, "tracking number", grouped, FORM_PLAIN | FORM_DASHES, tidy);
}

// EAN-13: weights 1 and 3 from the left.
static void ean(struct generator *g, const char *head, const char *kind, const char *groups) {
    char text[14], out[24];
    uint32_t sum = 0, len = (uint32_t)strlen(head), k = 0;
    memcpy(text, head, len);
    chance_text(g, NULL, 12 - len, text + len);
    for (uint32_t i = 0; i < 12; i++)
        sum += digit_at(text, i) * (i % 2 ? 3 : 1);
    text[12] = digit((10 - sum % 10) % 10);
    for (uint32_t i = 0; *groups; groups++)
        out[k++] = *groups == '-' ? '-' : text[i++];
    out[k] = 0;
    put_negative(g, kind, out, FORM_DASHES | FORM_PLAIN, false);
}

static void isbn(struct generator *g, bool tidy) {
    (void)tidy;
    ean(g, "9784", "ISBN", "xxx-x-xx-xxxxxx-x");
}

static void jan(struct generator *g, bool tidy) {
    (void)tidy;
    ean(g, one_in(g, 2) ? "49" : "45", "JAN", "xxxxxxxxxxxxx");
}

static void product(struct generator *g, bool tidy) {
    char text[24];
    if (one_in(g, 2)) // looks like a phone number with a letter too few
        snprintf(text, sizeof text, "%c%u-%04u-%04u", chance_of(g, "ABCKXZ"), 10 + chance(g, 90),
                 chance(g, 10000), chance(g, 10000));
    else
        snprintf(text, sizeof text, "%c%c-%u%c", chance_of(g, "ABCDKNRSX"),
                 chance_of(g, "ABCKNRSX"), 1000 + chance(g, 90000), chance_of(g, "ABCEJ"));
    put_negative(g, "product code", text, FORM_DASHES, tidy);
}

static void phone_like(struct generator *g, bool tidy) {
    char text[24];
    snprintf(text, sizeof text, "%04u-%04u-%03u", 1000 + chance(g, 8000), chance(g, 10000),
             chance(g, 1000));
    put_negative(g, "code shaped like a phone number", text, FORM_DASHES, tidy);
}

static void member(struct generator *g, bool tidy) {
    digits_negative(g, "member number", 7 + chance(g, 3), tidy);
}

static void case_number(struct generator *g, bool tidy) {
    char text[24];
    snprintf(text, sizeof text, "%u-%06u", 2019 + chance(g, 8), chance(g, 1000000));
    put_negative(g, "case number", text, FORM_DASHES, tidy);
}

static void timestamp(struct generator *g, bool tidy) {
    char text[24];
    snprintf(text, sizeof text, "20%02u%02u%02u%02u%02u", 18 + chance(g, 9), 1 + chance(g, 12),
             1 + chance(g, 28), chance(g, 24), chance(g, 60));
    put_negative(g, "timestamp", text, FORM_PLAIN, tidy);
}

static void amount(struct generator *g, bool tidy) {
    char text[24];
    uint32_t millions = chance(g, 400), thousands = chance(g, 1000), ones = chance(g, 1000);
    snprintf(text, sizeof text, "%u,%03u,%03u", 1 + millions, thousands, ones);
    put_negative(g, "amount", text, FORM_PLAIN | FORM_WIDE, tidy);
}

static void meter(struct generator *g, bool tidy) {
    digits_negative(g, "measurement", 12, tidy);
}

static void version(struct generator *g, bool tidy) {
    char text[24];
    (void)tidy;
    snprintf(text, sizeof text, "%u.%u.%u.%u", 1 + chance(g, 14), chance(g, 30), chance(g, 20),
             chance(g, 3000));
    put_negative(g, "version", text, FORM_PLAIN, true);
}

const struct generate_slots generate_japan_slots[] = {{"mynumber", mynumber},
                                                      {"resident", resident},
                                                      {"corporate", corporate},
                                                      {"invoice", invoice},
                                                      {"licence", licence},
                                                      {"insurer", insurer},
                                                      {"symbol", insured_symbol},
                                                      {"insured", insured_number},
                                                      {"pension", pension},
                                                      {"employment", employment},
                                                      {"passport", passport},
                                                      {"residence", residence},
                                                      {"phone", phone},
                                                      {"mobile", mobile},
                                                      {"landline", landline},
                                                      {"freedial", free_dial},
                                                      {"phone81", phone_abroad},
                                                      {"bank", bank},
                                                      {"account", account},
                                                      {"accountcodes", account_codes},
                                                      {"yucho", yucho},
                                                      {"order", order},
                                                      {"orderdashed", order_dashed},
                                                      {"tracking", tracking},
                                                      {"isbn", isbn},
                                                      {"jan", jan},
                                                      {"product", product},
                                                      {"phonelike", phone_like},
                                                      {"member", member},
                                                      {"case", case_number},
                                                      {"timestamp", timestamp},
                                                      {"amount", amount},
                                                      {"meter", meter},
                                                      {"version", version},
                                                      {NULL, NULL}};
