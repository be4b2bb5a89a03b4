// The parts of the generator, for generate*.c only.
#pragma once
#include "cli/generate.h"

// A slot of a template: puts what it stands for. `tidy`: for logs, CSV and JSON, in one plain form.
typedef void generate_slot(struct generator *g, bool tidy);
struct generate_slots {
    const char *name;
    generate_slot *put;
};
extern const struct generate_slots generate_person_slots[], generate_japan_slots[],
    generate_abroad_slots[], generate_term_slots[]; // each ends with a NULL name

uint32_t chance(struct generator *g, uint32_t below); // 0 for below 0
static inline bool one_in(struct generator *g, uint32_t n) {
    return chance(g, n) == 0;
}
char chance_of(struct generator *g, const char *alphabet);
// `len` characters of `alphabet` (digits when NULL) and a NUL.
void chance_text(struct generator *g, const char *alphabet, uint32_t len, char *out);
#define PICK(g, list) ((list)[chance((g), sizeof(list) / sizeof *(list))])
// One of the two lists' rows by the split.
#define PICK_SPLIT(g, train, held_out)                                                             \
    ((g)->split == SPLIT_TRAIN ? PICK(g, train) : PICK(g, held_out))

// Puts a text that is labelled as it stands.
void put_span(struct generator *g, unsigned detector, const char *text, const char *form);

// ---- generate_forms.c ----
// A number in ASCII whose groups are parted by '-', in one of the forms that `forms` allows.
enum {
    FORM_PLAIN = 1,        // 123456789018
    FORM_DASHES = 2,       // 1234-5678-9018
    FORM_SPACES = 4,       // 1234 5678 9018
    FORM_WIDE = 8,         // １２３４５６７８９０１８
    FORM_WIDE_DASHES = 16, // １２３４－５６７８－９０１８, with dashes of all kinds
    FORM_ODD_DASHES = 32,  // 1234‐5678–9018
    FORM_KANJI = 64,       // 一二三四五六七八九〇一八
    FORM_BROKEN = 128,     // over two lines
    FORM_ZERO_WIDTH = 256, // with characters between that nobody sees
    FORM_BRACKETS = 512,   // 03(1234)5678
    FORM_DOTS = 1024,      // 090.1234.5678
    FORM_COUNT = 11,
    FORMS_NUMBER = 511,                                     // of 4-4-4 digits
    FORMS_PHONE = FORMS_NUMBER | FORM_BRACKETS | FORM_DOTS, // of three groups
    FORMS_CODE = FORM_PLAIN | FORM_WIDE,                    // of letters and digits
    FORMS_TIDY = FORM_PLAIN | FORM_DASHES,
};
void put_number(struct generator *g, unsigned detector, const char *ascii, unsigned forms,
                bool tidy);
// The same for what only looks like a number of `kind`.
void put_negative(struct generator *g, const char *kind, const char *ascii, unsigned forms,
                  bool tidy);
// Full-width digits, letters and signs.
void put_wide(struct buf *out, const char *ascii);
// A number from 0 to 99 in kanji (二十三), or each digit (二三).
void put_kanji(struct buf *out, uint32_t number, bool digits);
