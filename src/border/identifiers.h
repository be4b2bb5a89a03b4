// Identifiers: numbers and addresses that have a format: the parts of identifiers_*.c and the
// tables they read. Internal to the scan (scan_parts.h is the door for families).
//
// A candidate is a chain of digit groups in the folded text (chain.c), an '@', or a date. What it
// is follows from its format, its check digit, the word that labels it (words.c) and what stands
// directly beside it.
//
// Payloads, little-endian, checked whole by *_check when their file is added:
//   TABLE_POSTAL  u32 codes, 0 to 9999999, strictly ascending; at least one.
//   TABLE_BANKS   rows of two u16: bank code 0 to 9999, branch code 0 to 999; strictly ascending as
//                 pairs; at least one.
//   TABLE_PHONES  rows of 8 bytes: the area code as ASCII digits with its leading 0, zero-padded to
//                 6 bytes ("03", "0422", "04992"); u8 digits of the local exchange (so that area +
//                 exchange + 4 = 10 digits); u8 zero. Strictly ascending by the 6 bytes; at least
//                 one.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"
#include "border/label.h"
#include "border/scan_parts.h"

// ---- lists.c: lookups in the tables above; an empty payload lists nothing ----
bool postal_listed(struct view payload, uint32_t code);
bool bank_listed(struct view payload, uint32_t bank, uint32_t branch);
bool area_listed(struct view payload, const char *digits, uint32_t len); // with its leading 0

// ---- chain.c: digits and what joins them ----

// What joins two groups of digits. A line break may stand with a dash.
enum joint {
    JOINT_NONE, // nothing: the first group
    JOINT_SPACE,
    JOINT_DASH,
    JOINT_DOT,
    JOINT_SLASH,
    JOINT_BRACKET,
    JOINT_LINE,
    JOINT_BOX,    // | or a tab between single digits
    JOINT_NO,     // の
    JOINT_MIDDLE, // ・
};
enum { CHAIN_GROUPS_MAX = 32, CHAIN_DIGITS_MAX = 160, GROUP_MAX = 64 };

struct chain {
    struct view text;
    uint32_t at, end;
    uint32_t len; // groups
    struct {
        uint32_t at;
        uint16_t first; // its first digit in `digits`
        uint8_t len, joint;
    } groups[CHAIN_GROUPS_MAX];
    char digits[CHAIN_DIGITS_MAX];
};
// The chain that begins with the digit at `at`.
void chain_take(struct view text, uint32_t at, struct chain *out);

// Some groups of a chain as one number. Shapes are lengths of groups, 5 bits each from the right:
// SHAPE(4, 4, 4) is 4-4-4. 0: over 12 groups.
#define SHAPE_2(a, b)          ((uint64_t)(a) << 5 | (b))
#define SHAPE_3(a, b, c)       (SHAPE_2(a, b) << 5 | (c))
#define SHAPE_4(a, b, c, d)    (SHAPE_3(a, b, c) << 5 | (d))
#define SHAPE_5(a, b, c, d, e) (SHAPE_4(a, b, c, d) << 5 | (e))
struct number {
    uint32_t at, end;   // in the text
    const char *digits; // all of them
    uint32_t len;       // of digits
    uint32_t groups;
    uint64_t shape;
    uint32_t joints; // bit per joint inside
    bool clean;      // nothing beside it goes on: no digit, letter, dash
    bool lettered;   // it would be clean without the letters before it
    bool plus;       // a + stands before it: a telephone number
    bool single;     // every group is one digit
};
struct number chain_number(const struct chain *chain, uint32_t first, uint32_t last);
// One kind of joint (line breaks apart) of space, dash, box and の.
bool number_even(const struct number *number);

// ---- identifiers.c: a search in one window ----
static const uint64_t label_symbols = LABEL(SYMBOL) | LABEL(INSURED_SYMBOL);
struct search {
    struct scan *scan;
    struct view text;
    struct labels labels;
    bool labelled; // labels were looked for: done when first asked
    uint32_t end;  // where what was put last ends
    enum sk_code code;
};
// What is said of [at, end) of the text.
struct label_site search_site(struct search *search, uint32_t at, uint32_t end);
// Whether any of the labels stands in this window.
bool search_has(struct search *search, uint64_t topics);
// Puts a finding, its score from what is known: the check digit holds, how clearly it is said (0 to
// 3). True, so that a kind ends with it.
bool search_put(struct search *search, enum detector detector, uint32_t at, uint32_t end,
                bool checked, unsigned said);

// Kinds of numbers: true when `number` is one and was put.
bool japan_number(struct search *search, const struct number *number);
bool bank_number(struct search *search, const struct number *number);
bool card_number(struct search *search, const struct number *number);
bool phone_number(struct search *search, const struct number *number);
bool postal_number(struct search *search, const struct number *number);
bool address_behind(struct view text, uint32_t at); // 東京都…, 県, 市 … stand behind `at`
bool foreign_number(struct search *search, const struct number *number);
// Dates of birth: that begins with the digit at `at`; those written in kanji, of the whole window.
// The bytes it took, 0: none.
uint32_t birth_date(struct search *search, uint32_t at);
void birth_kanji(struct search *search);
// Whether a person is told of directly beside the date [at, end): a sex, an age, a role of a
// family; where it is `old`, a name.
bool person_beside(struct view text, uint32_t at, uint32_t end, bool old);
// Whether one of `words` stands in the `within` bytes before `at`.
bool words_before(struct view text, uint32_t at, uint32_t within, const char *const *words);
// A word of letters and digits (with its case) at [at, end). True when it is an identifier.
bool token_japan(struct search *search, uint32_t at, uint32_t end);
bool token_foreign(struct search *search, uint32_t at, uint32_t end);
bool token_iban(struct search *search, uint32_t at, uint32_t end);
// Addresses of nets: around the '@' at `at`; that begin with the digit or letters at `at`. Bytes
// after `at` that it took, 0: none.
uint32_t mail_address(struct search *search, uint32_t at);
uint32_t net_address(struct search *search, uint32_t at);

static inline bool char_digit(char c) {
    return c >= '0' && c <= '9';
}
static inline bool char_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
static inline bool char_word(char c) {
    return char_digit(c) || char_letter(c);
}
static inline char char_upper(char c) {
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}
// The byte at `at`, 0 outside.
static inline char char_at(struct view text, uint32_t at) {
    return at < text.len ? text.at[at] : '\0';
}
