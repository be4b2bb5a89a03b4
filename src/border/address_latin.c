// Addresses of Japan in Latin letters: "1-2-3 Kasumigaseki, Chiyoda-ku, Tokyo 100-0013, Japan", and
// the other way round. A block number and a municipality (-ku, -shi, City …), or three numbers and
// a prefecture; what stands between them on the line belongs to it.
#include "border/address.h"
#include "border/words_text.h"

enum { REACH = 120, SCORE = 85, NEAR = 48 };

struct latin {
    size_t from, end; // of all parts so far; from == SIZE_MAX: none
    size_t block, block_end;
    unsigned numbers, municipalities, prefectures;
    bool comma; // before a prefecture
};

static bool is_part(char c) {
    return is_word((uint8_t)c) || strchr(" ,.#'/()&-", c);
}
static bool is_name(char c) {
    return is_word((uint8_t)c) || c == '\'' || c == '-';
}

// A full stop ends a sentence, not after an abbreviation (Bldg., St.).
static bool stops(struct view text, size_t at) {
    if (text.at[at] == '\n') return at == 0 || text.at[at - 1] != ',';
    if (text.at[at] != '.' || (at + 1 < text.len && text.at[at + 1] != ' ')) return false;
    size_t word = at;
    while (word > 0 && is_letter((uint8_t)text.at[word - 1]))
        word--;
    return at - word > 4;
}

static void line_around(struct view text, size_t at, size_t *left, size_t *right) {
    size_t from = at, end = at;
    while (from > 0 && at - from < REACH && !stops(text, from - 1) &&
           (is_part(text.at[from - 1]) || text.at[from - 1] == '\n'))
        from--;
    while (end < text.len && end - at < REACH && !stops(text, end) &&
           (is_part(text.at[end]) || text.at[end] == '\n'))
        end++;
    *left = from;
    *right = end;
}

static void widen(struct latin *a, size_t from, size_t end) {
    if (from < a->from) a->from = from;
    if (end > a->end) a->end = end;
}

// Numbers with "-" between them from `at` on: a block, or a postal code behind what was read.
static size_t numbers_read(struct latin *a, struct view text, size_t at, size_t right) {
    size_t end = at, first = 0, longest = 0;
    unsigned numbers = 0;
    bool zero = text.at[at] == '0';
    while (end < right && is_digit((uint8_t)text.at[end])) {
        size_t from = end;
        while (end < right && is_digit((uint8_t)text.at[end]))
            end++;
        if (numbers++ == 0) first = end - from;
        if (end - from > longest) longest = end - from;
        if (end + 1 < right && text.at[end] == '-' && is_digit((uint8_t)text.at[end + 1])) end++;
    }
    bool postal = numbers == 2 && first == 3 && end - at == 8;
    bool date = numbers == 3 && first == 4;
    if (postal) {
        if (a->end && at - a->end <= NEAR) widen(a, at, end);
    } else if (numbers >= 2 && longest <= 4 && !zero && !date && !a->numbers) {
        a->numbers = numbers;
        a->block = at;
        a->block_end = end;
        widen(a, at, end);
    }
    return end;
}

struct latin_word {
    uint32_t len;
    bool suffix; // "-ku", "City"
};
static struct latin_word latin_at(const struct address_text *in, size_t at) {
    struct word_is is = {0, 0};
    uint32_t len = words_longest(&in->places, view_from(in->text, at), PLACE_LATIN, &is);
    return (struct latin_word){len, is.number == PLACE_SUFFIX};
}

// A word of the gazetteer: a prefecture, or the end of a municipality's name with the name.
static void word_read(struct latin *a, struct view text, size_t left, size_t at,
                      struct latin_word word) {
    bool suffix = word.suffix;
    size_t from = at, end = at + word.len;
    if (end < text.len && is_word((uint8_t)text.at[end])) return;
    if (!suffix && at > 0 && is_name(text.at[at - 1])) return;
    if (suffix && from > left && text.at[from] != '-') from--; // the space of "Minato City"
    while (suffix && from > left && is_name(text.at[from - 1]))
        from--;
    char first = text.at[from];
    if (!(first >= 'A' && first <= 'Z') && !(suffix && is_digit((uint8_t)first))) return;
    if (suffix)
        a->municipalities++;
    else
        a->prefectures++;
    a->comma = a->comma || (from > left + 1 && text.at[from - 2] == ',');
    widen(a, from, end);
}

// "Sunrise Heights 302, " before the block belongs to it; false: nothing of the kind is there.
static bool building_read(struct latin *a, const struct address_text *in, size_t left) {
    size_t at = a->from;
    if (at < left + 3 || in->text.at[at - 2] != ',' || in->text.at[at - 1] != ' ') return false;
    size_t from = at - 2;
    bool building = false, named = false;
    while (from > left && at - from < NEAR && in->text.at[from - 1] != ',' &&
           in->text.at[from - 1] != '\n')
        from--;
    named = in->text.at[from] != ' ' && !(in->text.at[from] >= 'a' && in->text.at[from] <= 'z');
    for (size_t p = from; p < at; p++) { // behind the last words in lower case: "I live at"
        if (in->text.at[p] != ' ') continue;
        bool lower = in->text.at[p + 1] >= 'a' && in->text.at[p + 1] <= 'z';
        if (!lower && !named) from = p + 1;
        named = !lower;
    }
    for (size_t p = from; p < at; p++)
        building = building || place_at(in, p, PLACE_BUILDING) > 1;
    char first = in->text.at[from];
    bool begins = (first >= 'A' && first <= 'Z') || is_digit((uint8_t)first);
    if ((!building || !begins) && first != '#') return false;
    a->from = from;
    return true;
}

enum sk_code latin_address(const struct address_text *in, size_t at, uint32_t len, size_t *end) {
    struct latin a = {.from = SIZE_MAX};
    struct view text = in->text;
    size_t left, right;
    line_around(text, at, &left, &right);
    *end = at + len;
    for (size_t p = left; p < right;) {
        bool inside = p > left && is_word((uint8_t)text.at[p - 1]);
        struct latin_word word = latin_at(in, p);
        if (is_digit((uint8_t)text.at[p]) && !inside) {
            p = numbers_read(&a, text, p, right);
        } else if (word.len && (!inside || !is_word((uint8_t)text.at[p]))) {
            word_read(&a, text, left, p, word);
            p += word.len;
        } else {
            p++;
        }
    }
    if (!a.numbers || !(a.municipalities || (a.prefectures && a.numbers >= 3 && a.comma)))
        return SK_OK;
    if (a.end - a.from > 2 * REACH) return SK_OK;
    for (int i = 0; i < 3 && building_read(&a, in, left);)
        i++;
    *end = a.end > *end ? a.end : *end;
    return scan_put(in->scan, DETECTOR_ADDRESS, (uint32_t)a.from, (uint32_t)(a.end - a.from),
                    SCORE);
}
