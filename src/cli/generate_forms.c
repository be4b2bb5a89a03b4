#include "cli/generate_parts.h"

#include "base/utf8.h"

static const char *const form_names[FORM_COUNT] = {
    "plain",        "dashes", "spaces",     "wide",     "wide dashes", "odd dashes",
    "kanji digits", "broken", "zero-width", "brackets", "dots"};

static const char *const kanji_digits[] = {"〇", "一", "二", "三", "四",
                                           "五", "六", "七", "八", "九"};

void put_wide(struct buf *out, const char *ascii) {
    for (; *ascii; ascii++) {
        char bytes[4];
        uint32_t c = *ascii == ' ' ? 0x3000 : (uint32_t)*ascii + 0xfee0;
        buf_put(out, bytes, utf8_put(c, bytes));
    }
}

void put_kanji(struct buf *out, uint32_t number, bool digits) {
    must(number < 100);
    uint32_t tens = number / 10, ones = number % 10;
    if (digits) {
        if (tens) buf_put_text(out, kanji_digits[tens]);
        buf_put_text(out, kanji_digits[ones]);
        return;
    }
    if (tens > 1) buf_put_text(out, kanji_digits[tens]);
    if (tens) buf_put_text(out, "十");
    if (ones || !tens) buf_put_text(out, kanji_digits[ones]);
}

// What stands between the groups; the same one in all of a number.
static const char *joint_of(struct generator *g, unsigned form) {
    static const char *const wide[] = {"－", "ー", "‐", "−", "―"};
    static const char *const odd[] = {"‐", "–", "—", "−", "ー", "‑"};
    static const char *const unseen[] = {"\u200b", "\ufeff", "\u200b-", "\u200c"};
    switch (form) {
    case FORM_DASHES:
    case FORM_BROKEN:
        return "-";
    case FORM_SPACES:
        return one_in(g, 4) ? "　" : " ";
    case FORM_WIDE_DASHES:
        return PICK(g, wide);
    case FORM_ODD_DASHES:
        return PICK(g, odd);
    case FORM_ZERO_WIDTH:
        return PICK(g, unseen);
    case FORM_KANJI:
        return one_in(g, 2) ? "" : PICK(g, wide);
    case FORM_DOTS:
        return ".";
    default:
        return "";
    }
}

static void put_sign(struct buf *out, char c, unsigned form) {
    const char text[2] = {c, 0};
    if (form == FORM_KANJI && c >= '0' && c <= '9')
        buf_put_text(out, kanji_digits[c - '0']);
    else if (form == FORM_WIDE || form == FORM_WIDE_DASHES)
        put_wide(out, text);
    else
        buf_put_char(out, c);
}

// A number over two lines: behind the first or second dash, or in the middle without one.
static void put_broken(struct generator *g, const char *ascii, bool dashes) {
    uint32_t groups = 0, seen = 0, len = (uint32_t)strlen(ascii);
    for (const char *at = ascii; *at; at++)
        groups += *at == '-';
    uint32_t at_dash = groups ? 1 + chance(g, groups) : 0, at_digit = len / 2;
    for (uint32_t i = 0; i < len; i++) {
        bool dash = ascii[i] == '-';
        seen += dash;
        if (!dash || dashes) buf_put_char(&g->text, ascii[i]);
        if (groups ? dash && seen == at_dash : i + 1 == at_digit) buf_put_char(&g->text, '\n');
    }
}

static void put_formed(struct generator *g, const char *ascii, unsigned form) {
    const char *joint = joint_of(g, form);
    uint32_t group = 0;
    if (form == FORM_BROKEN) {
        put_broken(g, ascii, one_in(g, 2));
        return;
    }
    for (; *ascii; ascii++) {
        if (*ascii != '-') {
            put_sign(&g->text, *ascii, form);
            continue;
        }
        group++;
        if (form == FORM_BRACKETS)
            buf_put_text(&g->text, group == 1 ? "(" : ")");
        else
            buf_put_text(&g->text, joint);
    }
}

// One of the forms allowed: the plain ones half of the time.
static unsigned form_of(struct generator *g, unsigned forms) {
    unsigned common = forms & (FORM_PLAIN | FORM_DASHES);
    if (common && one_in(g, 2)) forms = common;
    for (;;) {
        unsigned form = 1u << chance(g, FORM_COUNT);
        if (forms & form) return form;
    }
}

static void put_either(struct generator *g, unsigned detector, const char *kind, const char *ascii,
                       unsigned forms) {
    unsigned form = form_of(g, forms);
    uint32_t at = (uint32_t)g->text.len;
    put_formed(g, ascii, form);
    must(g->spans_len < GENERATE_SPANS_MAX);
    const char *name = kind ? kind : form_names[__builtin_ctz(form)];
    g->spans[g->spans_len++] =
        (struct generate_span){at, (uint32_t)g->text.len - at, (uint8_t)detector, name};
}

void put_number(struct generator *g, unsigned detector, const char *ascii, unsigned forms,
                bool tidy) {
    put_either(g, detector, NULL, ascii, tidy ? forms & FORMS_TIDY : forms);
}

void put_negative(struct generator *g, const char *kind, const char *ascii, unsigned forms,
                  bool tidy) {
    put_either(g, DETECTOR_COUNT, kind, ascii, tidy ? forms & FORMS_TIDY : forms);
}
