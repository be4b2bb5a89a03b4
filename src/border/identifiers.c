// The search of one window: from digit to digit and '@' to '@', eight bytes at a time between them.
#include "border/identifiers.h"

#include "border/digits.h"

enum { TOKEN_MAX = 64, NUMBER_MAX = 19, NUMBER_MIN = 1 };

struct label_site search_site(struct search *search, uint32_t at, uint32_t end) {
    if (!search_has(search, ~0ull)) return (struct label_site){0};
    return label_site(&search->labels, scan_columns(search->scan), at, end);
}

bool search_has(struct search *search, uint64_t topics) {
    if (!search->labelled) {
        search->labelled = true;
        enum sk_code code = labels_find(scan_words(search->scan), search->text, search->scan->arena,
                                        &search->labels);
        if (code != SK_OK) search->code = code;
    }
    return (search->labels.present & topics) || scan_columns(search->scan)->cells;
}

bool search_put(struct search *search, enum detector detector, uint32_t at, uint32_t end,
                bool checked, unsigned said) {
    search->end = end;
    enum sk_code code =
        scan_put(search->scan, detector, at, end - at, 50u + (checked ? 20u : 0u) + 10u * said);
    if (code != SK_OK) search->code = code;
    return true;
}

// The next byte from `at` on that is a digit or one of : ; < = > ? @; text.len: none.
static uint32_t next_digit(struct view text, uint32_t at) {
    const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
    while (text.len - at >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, text.at + at, sizeof word);
        uint64_t low = word & ~high;
        uint64_t found = (low + (0x80 - '0') * ones) & ~(low + (0x7f - '@') * ones) & ~word & high;
        if (found) return at + (uint32_t)__builtin_ctzll(found) / 8;
        at += sizeof word;
    }
    while (at < text.len && (text.at[at] < '0' || text.at[at] > '@'))
        at++;
    return at;
}

// 12345678円: an amount.
static bool is_amount(struct view text, const struct number *number) {
    static const char *const units[] = {"円", "千円", "万円", "百万円", "億円", "ドル"};
    uint32_t at = number->end + (char_at(text, number->end) == ' ');
    if (number->groups > 1 || number->len < 5 || (uint8_t)char_at(text, at) < 0xe3) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (view_starts_at(text, at, units[i])) return true;
    return false;
}

// Every kind is asked: a number may be two things.
static bool number_kinds(struct search *search, const struct number *number) {
    static bool (*const kinds[])(struct search *, const struct number *) = {
        japan_number, bank_number, card_number, phone_number, postal_number, foreign_number};
    bool form = number->len > 5 && number->digits[0] == '0'; // 000-0000-0000
    if (form && digits_same(number->digits, number->len)) return false;
    if (is_amount(search->text, number)) return false;
    if (number->plus) return phone_number(search, number);
    bool found = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        found = kinds[i](search, number) || found;
    return found;
}

// Of the groups from `first` on the longest number that is something: the group behind it.
static uint32_t longest_number(struct search *search, const struct chain *chain, uint32_t first) {
    uint32_t last = first, digits = chain->groups[first].len;
    while (last + 1 < chain->len && digits + chain->groups[last + 1].len <= NUMBER_MAX)
        digits += chain->groups[++last].len;
    for (;; last--) {
        struct number number = chain_number(chain, first, last);
        if (number.lettered && number.len > 5 && search_has(search, ~0ull))
            number.clean = label_ends(&search->labels, number.at);
        if (number.len <= NUMBER_MAX && number_kinds(search, &number)) return last + 1;
        if (last == first) return first + 1;
    }
}

// A word of digits and letters.
static bool token(struct search *search, uint32_t at, uint32_t end) {
    bool japan = token_japan(search, at, end), iban = token_iban(search, at, end);
    return token_foreign(search, at, end) || japan || iban;
}

// The letters before the digit at `at`, apart by a space or dash: AB 12 34 56 C, X-1234567-L.
static bool letters_lead(struct search *search, uint32_t at) {
    struct view text = search->text;
    uint32_t end = at - 1, start = end;
    if (at < 2 || (text.at[end] != ' ' && text.at[end] != '-')) return false;
    while (start > 0 && end - start < 3 && char_word(text.at[start - 1]))
        start--;
    bool letters = end - start == 1 || end - start == 2;
    for (uint32_t i = start; i < end; i++)
        letters = letters && char_letter(text.at[i]);
    return letters && token_foreign(search, start, end);
}

// Most digits of prose: up to three between wide characters, 第3回, 10人. Bytes of them, 0: others.
static uint32_t plain_count(struct search *search, uint32_t at) {
    static const char joins[] = "年の・";
    struct view text = search->text;
    uint32_t len = 1;
    if (at == 0 || (uint8_t)text.at[at - 1] < 0x80) return 0;
    while (len < 4 && char_digit(char_at(text, at + len)))
        len++;
    if (len == 4 || (uint8_t)char_at(text, at + len) < 0xe0 || text.len - at - len < 3) return 0;
    for (const char *join = joins; *join; join += 3)
        if (memcmp(text.at + at + len, join, 3) == 0) return 0;
    return search_has(search, label_symbols | LABEL(INSURED)) ? 0 : len; // of insurance
}

// Everything that begins with, or is a word around, the digit at `at`: the byte to go on from.
static uint32_t digit_found(struct search *search, uint32_t at) {
    struct view text = search->text;
    uint32_t start = at, end = at, taken = plain_count(search, at);
    if (taken) return at + taken;
    while (start > 0 && at - start < TOKEN_MAX && char_word(text.at[start - 1]))
        start--;
    while (end < text.len && end - at < TOKEN_MAX && char_word(text.at[end]))
        end++;
    if ((taken = net_address(search, start)) > at - start) return start + taken;
    if ((taken = birth_date(search, at)) > 0) return at + taken;
    bool letters = false;
    for (uint32_t i = start; i < end; i++)
        letters = letters || char_letter(text.at[i]);
    bool found = letters ? token(search, start, end) : letters_lead(search, at);
    found = found || (!letters && end - start == 8 && token_foreign(search, start, end));
    if (found) return search->end > at ? search->end : end; // an IBAN has several parts
    struct chain chain;
    chain_take(text, at, &chain);
    uint32_t group = 0, len = chain.len;
    // one group more may belong to the chain behind it
    if (len == CHAIN_GROUPS_MAX) len -= CHAIN_GROUPS_MAX / 2;
    while (group < len)
        group = longest_number(search, &chain, group);
    return group < chain.len ? chain.groups[group].at : chain.end;
}

// A table may go on in the next window: the heads of its columns are kept.
static void columns_keep(struct search *search) {
    uint32_t end = scan_core_end(search->scan), at = end;
    bool mark = false;
    while (at > 0 && !mark && (at == end || search->text.at[at - 1] != '\n')) {
        char c = search->text.at[--at];
        mark = c == '\t' || c == '|' || c == ',' || c == ';';
    }
    if (!mark || !search_has(search, ~0ull)) return;
    *scan_columns_next(search->scan) = *scan_columns(search->scan);
    label_columns_keep(&search->labels, end, scan_columns_next(search->scan));
}

enum sk_code identifiers_scan(struct scan *scan) {
    struct search search = {.scan = scan, .text = scan_fold(scan)->folded};
    uint32_t len = (uint32_t)search.text.len;
    for (uint32_t at = next_digit(search.text, 0); at < len && search.code == SK_OK;
         at = next_digit(search.text, at)) {
        char c = search.text.at[at];
        if (char_digit(c))
            at = digit_found(&search, at);
        else
            at += 1 + (c == '@' ? mail_address(&search, at) : 0);
    }
    birth_kanji(&search);
    columns_keep(&search);
    return search.code;
}
