// Labels: words that say what a number is, and which of them speaks for a place of the text.
//
// The word directly before a value (only marks, spaces and particles between), the head of its
// column in a table, or the word directly behind it says what it is; words on the same line and
// within 100 characters make it likely. Promises: one walk over a window finds all words
// (label_words.c); asking is a search in that list.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/view.h"
#include "border/scan.h"

// What a word says. Those of LABEL_OTHER and after deny that the number is any identifier.
enum label {
    LABEL_NONE,
    LABEL_GENERIC, // number, No., code: says nothing
    LABEL_LINK,    // please, as follows: leads on to the value, not even that it is a number
    LABEL_ROWS,    // VALUES: rows of values begin
    LABEL_UNKNOWN, // the number of something: visit_id, 受験者番号
    LABEL_MYNUMBER,
    LABEL_CORPORATE,
    LABEL_LICENCE,
    LABEL_INSURER,        // 保険者番号
    LABEL_INSURED,        // 被保険者: symbol and number of health insurance
    LABEL_SYMBOL,         // 記号
    LABEL_INSURED_SYMBOL, // 枝番, 被保険者証の記号番号: of health insurance for certain
    LABEL_PENSION,
    LABEL_EMPLOYMENT,
    LABEL_PASSPORT,
    LABEL_RESIDENCE,
    LABEL_RESIDENT,
    LABEL_BANK, // bank, branch
    LABEL_ACCOUNT,
    LABEL_YUCHO,
    LABEL_CARD,
    LABEL_IBAN,
    LABEL_PHONE,
    LABEL_POSTAL,
    LABEL_ADDRESS,
    LABEL_BIRTH,
    LABEL_EMAIL,
    LABEL_IP,
    LABEL_MAC,
    LABEL_SSN,
    LABEL_NINO,
    LABEL_NHS,
    LABEL_NIR,
    LABEL_NIF,
    LABEL_CF,
    LABEL_DE_TAX,
    LABEL_RRN,
    LABEL_RIC,
    LABEL_NRIC,
    LABEL_AADHAAR,
    LABEL_PAN,
    LABEL_LK,
    LABEL_ERA,   // 昭和 …: a date begins
    LABEL_DATE,  // another date than that of birth
    LABEL_OTHER, // order, parcel, product, invoice, receipt …
    LABEL_MONEY,
    LABELS,
};
_Static_assert(LABELS <= 64, "a set of labels is 64 bits");
#define LABEL(name) (1ull << LABEL_##name)

struct label_hit {
    uint32_t at;
    uint16_t len;
    uint16_t label;
};

// The words, found by their beginnings; made once.
enum { LABEL_WORDS_MAX = 2048, LABEL_BUCKETS = 2048 };
struct label_words {
    uint16_t first[LABEL_BUCKETS], next[LABEL_WORDS_MAX]; // index + 1 of a word
    uint64_t wide[1024]; // a row per hash of a wide character, in it a bit per one behind it
};
void label_words_make(struct label_words *words);

// The words of one text, ascending, none inside another.
struct labels {
    struct view text;
    struct label_hit *hits;
    uint32_t len;
    uint64_t present; // set of all
    struct {
        bool known;
        uint32_t line, head, cells; // a line of a table, its first line, marks in each; or 0
        char mark;
    } table; // that was asked for last
};
enum sk_code labels_find(const struct label_words *words, struct view text, struct arena *arena,
                         struct labels *out);

// What is said of bytes [at, end).
struct label_site {
    enum label direct; // LABEL_NONE: nobody says
    bool numbered;     // and that it is its number
    uint64_t or_else; // 個人番号または基礎年金番号: what else `direct` says it may be, as a set
    uint64_t line; // the nearest word of the line, as a set
    uint64_t near; // all words around, within 100 characters
};
struct label_site label_site(struct labels *labels, const struct scan_columns *columns, uint32_t at,
                             uint32_t end);
// The columns that hold at byte `end` of the text, for the next window.
void label_columns_keep(struct labels *labels, uint32_t end, struct scan_columns *columns);

// What the list of names before a row of values says of the value at `at` (label_values.c).
enum label label_value(const struct labels *labels, uint32_t at);
// Words that begin before `at`: how many.
uint32_t label_hits_before(const struct labels *labels, uint32_t at);
// What a value is whose name says only that it is a number, by the name beside that: 記号 | 番号
// are one. Any other is the number of something.
enum label label_beside(enum label beside);
// What the words in [at, end) say; LABEL_GENERIC: only that it is a number.
enum label label_within(const struct labels *labels, uint32_t at, uint32_t end);

// Whether a word ends at `at`: TEL03-1234-5678.
bool label_ends(const struct labels *labels, uint32_t at);
// Whether a word of `label` begins at `at` or behind a space: 2010年4月1日入社.
bool label_begins(const struct labels *labels, uint32_t at, enum label label);

// How clearly one of `topics` is said: 3 directly, 2 on the line, 1 around, 0 not.
unsigned label_said(const struct label_site *site, uint64_t topics);
// Another than `topics` is said directly. Doubted: or what is no identifier is the nearest word of
// the line.
bool label_denied(const struct label_site *site, uint64_t topics);
bool label_doubted(const struct label_site *site, uint64_t topics);
