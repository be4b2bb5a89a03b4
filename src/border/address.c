// Addresses of Japan: prefecture, municipality, town, block, building and room, in Japanese and in
// Latin letters (address_latin.c).
//
// The name of a place alone is none: 東京都港区 may be what a text is about. It becomes one with a
// block number in it, or with words around that say somebody lives there (住所：港区, 横浜市在住;
// not for a prefecture alone). A town without its municipality needs a block of three parts or
// named ones, or such words. Names of people that are names of towns never begin one: what begins
// one is a prefecture or municipality in full, or a town directly before its block.
#include "border/address.h"

#include "base/wire.h"
#include "border/words_line.h"
#include "border/words_text.h"

enum { TOWN_CHARS = 20, LOOK_BACK = 40, SCORE_MIN = 60 };

enum sk_code places_check(struct view payload) {
    struct words words;
    TRY(words_take(&payload, PLACE_NUMBERS, &words));
    return payload.len ? FAIL(SK_CORRUPT, "%zu bytes are left over", payload.len) : SK_OK;
}

size_t gap_after(struct view text, size_t at) {
    unsigned spaces = 0, breaks = 0;
    for (; at < text.len; at++) {
        if (text.at[at] == ' ' && spaces < 2)
            spaces++;
        else if (text.at[at] == '\n' && breaks < 1)
            breaks++;
        else if (text.at[at] != '\r')
            break;
    }
    return at;
}

// What was read of an address.
struct address {
    size_t at, end;
    bool prefecture, municipality, town;
    bool within; // something stands between municipality and block, or the former is a village
    struct block block;
    bool postal, label, lives; // around it
};

// ---- words around ----

// "105-0011" or 〒 in the last bytes before `at`; a label such as 住所 with nothing but signs
// since.
static void look_before(const struct address_text *in, struct address *a) {
    size_t from = a->at > LOOK_BACK ? a->at - LOOK_BACK : 0;
    struct view text = in->text;
    while (from < a->at && ((uint8_t)text.at[from] & 0xc0) == 0x80)
        from++;
    for (size_t p = from; p < a->at; p += char_len(text.at[p])) {
        if (text.at[p] == '\n' && p + 1 < a->at && text.at[p + 1] == '\n')
            a->label = a->postal = false;
        if (view_starts_at(text, p, "。")) a->label = a->postal = false;
        if (view_starts_at(text, p, "〒")) a->postal = true;
        if (p + 8 <= a->at && text.at[p + 3] == '-' && is_digit((uint8_t)text.at[p]) &&
            is_digit((uint8_t)text.at[p + 2]) && is_digit((uint8_t)text.at[p + 4]) &&
            is_digit((uint8_t)text.at[p + 7]) && a->at - p <= 12)
            a->postal = true;
        uint32_t label = place_at(in, p, PLACE_LABEL);
        if (label && p + label <= a->at) a->label = true;
    }
}

static void look_after(const struct address_text *in, struct address *a) {
    size_t at = gap_after(in->text, a->end);
    if (view_starts_at(in->text, at, "内")) at += 3; // 市内在住
    a->lives = place_at(in, at, PLACE_LIVES) > 0;
}

// ---- parts ----

// A municipality the gazetteer does not have, behind a prefecture: to 市, 区, 町, 村 or 郡; in
// katakana too (トウキヨウトチヨダク).
static size_t unlisted_municipality(struct view text, size_t at) {
    static const char *const ends[] = {"市", "区",   "町",     "村",     "郡",   "ク",
                                       "シ", "グン", "チョウ", "チヨウ", "マチ", "ムラ"};
    uint32_t len;
    size_t p = at;
    for (unsigned n = 0; n < 10; n++) {
        uint32_t c = char_at(text, p, &len);
        if (!is_kanji(c) && !is_katakana(c) && !(is_hiragana(c) && n == 0)) return at;
        for (size_t i = 0; n > 0 && i < sizeof ends / sizeof *ends; i++)
            if ((n > 1 || i < 5) && view_starts_at(text, p, ends[i])) return p + strlen(ends[i]);
        p += len;
    }
    return at;
}

static void municipality_read(const struct address_text *in, struct address *a) {
    for (unsigned n = 0; n < 3; n++) {
        size_t at = a->prefecture || a->municipality ? gap_after(in->text, a->end) : a->end;
        uint8_t kinds = PLACE_MUNICIPALITY | (a->prefecture || a->municipality ? PLACE_WITHIN : 0);
        size_t end = at + place_at(in, at, kinds);
        if (n > 0 && place_at(in, at, PLACE_TOWN) > end - at) return; // 河内町きりの里
        if (end == at && n == 0 && a->prefecture) end = unlisted_municipality(in->text, at);
        if (end == at) return;
        a->end = end;
        a->municipality = true;
        a->within =
            view_starts_at(in->text, end - 3, "町") || view_starts_at(in->text, end - 3, "村");
        a->town = n > 0 && a->within; // 福島町 of a city is the town of that name elsewhere
    }
}

// Characters of a town's name that the gazetteer does not have, 字 and the like.
static bool is_town_char(uint32_t c) {
    return is_kanji(c) || is_katakana(c) || c == 0x306e || c == 0x304c || c == 0x308b ||
           c == 0x3064 || c == 0x30f6;
}

// A town and its block behind a->end; what is not there stays as it was. 七条 in
// 烏丸通七条下ル東塩小 路町721 is an area like 三丁目, and only counts when nothing better follows.
static void town_read(const struct address_text *in, struct address *a) {
    size_t at = gap_after(in->text, a->end), p = at;
    uint32_t town = place_at(in, at, PLACE_TOWN), len;
    struct block block = block_at(in->text, p), area = {BLOCK_NONE, at};
    for (unsigned n = 0; block.kind < BLOCK_NUMBER && n < TOWN_CHARS; n++) {
        if (block.kind == BLOCK_AREA && !area.kind) area = block;
        uint32_t c = char_at(in->text, p, &len);
        if (p < at + town)
            p = at + town;
        else if (is_town_char(c))
            p += len;
        else
            break;
        block = block_at(in->text, gap_after(in->text, p));
    }
    if (block.kind < BLOCK_NUMBER) block = area;
    if (block.kind == BLOCK_NUMBER && !town && !a->within) block.kind = BLOCK_NONE;
    if (block.kind == BLOCK_NONE && !town) return;
    a->town = a->town || town > 0;
    a->within = a->within || p > at;
    a->block = block;
    a->end = block.kind ? block.end : at + town;
}

static unsigned score_of(const struct address *a) {
    static const uint8_t blocks[] = {0, 10, 25, 30, 45};
    bool said = a->label || a->postal || a->lives;
    bool placed = (a->within && (a->prefecture || a->town)) || said;
    unsigned score = 20u * a->prefecture + 30u * a->municipality + 20u * a->town +
                     blocks[a->block.kind] + 40u * said;
    if (a->block.kind <= BLOCK_AREA && !(said && a->municipality)) return 0;
    if (a->block.kind <= BLOCK_AREA && a->postal && !a->label && !a->lives && !a->town) return 0;
    if (a->block.kind == BLOCK_PAIR && !placed) return 0;
    if (!a->municipality && a->block.kind != BLOCK_FULL && !a->label && !a->postal) return 0;
    return score < 100 ? score : 100;
}

static enum sk_code address_put(const struct address_text *in, struct address *a, size_t *end) {
    *end = a->end;
    look_before(in, a);
    look_after(in, a);
    unsigned score = score_of(a);
    if (score < SCORE_MIN) return SK_OK;
    if (a->block.kind >= BLOCK_NUMBER) *end = a->end = building_after(in, a->end);
    return scan_put(in->scan, DETECTOR_ADDRESS, (uint32_t)a->at, (uint32_t)(a->end - a->at), score);
}

// An address that begins with the prefecture or municipality at `at`.
static enum sk_code place_address(const struct address_text *in, size_t at, size_t *end) {
    struct address a = {.at = at, .end = at};
    a.end += place_at(in, at, PLACE_PREFECTURE);
    a.prefecture = a.end > at;
    municipality_read(in, &a);
    *end = a.end;
    if (!a.municipality) return SK_OK;
    town_read(in, &a);
    return address_put(in, &a, end);
}

// A town directly before its block, without its municipality.
static enum sk_code town_address(const struct address_text *in, size_t at, uint32_t town,
                                 size_t *end) {
    size_t next = gap_after(in->text, at + town);
    struct address a = {.at = at, .end = at + town, .town = true};
    *end = at;
    a.block = block_at(in->text, next);
    a.within = true;
    if (a.block.kind < BLOCK_PAIR || town < 6 || (next > at + town && a.block.kind < BLOCK_FULL))
        return SK_OK;
    a.end = a.block.end;
    size_t read;
    TRY(address_put(in, &a, &read));
    if (score_of(&a) >= SCORE_MIN) *end = read;
    return SK_OK;
}

static bool word_before(struct view text, size_t at) {
    return at > 0 && is_word((uint8_t)text.at[at]) && is_word((uint8_t)text.at[at - 1]);
}

enum sk_code address_scan(struct scan *scan) {
    struct view payload = detectors_table(scan->detectors, TABLE_PLACES);
    if (!payload.at || !detector_in(&scan->wanted, DETECTOR_ADDRESS)) return SK_OK;
    struct address_text in = {scan, words_over(&payload), scan_fold(scan)->folded};
    in.places.caseless = true;
    const uint8_t first = PLACE_PREFECTURE | PLACE_MUNICIPALITY;
    for (size_t at = 0, end; at < in.text.len; at = end) {
        bool none = !place_at(&in, at, first | PLACE_TOWN | PLACE_LATIN); // nearly everywhere
        uint32_t place = none ? 0 : place_at(&in, at, first);
        uint32_t town = none || place ? 0 : place_at(&in, at, PLACE_TOWN);
        uint32_t latin = none || place || town ? 0 : place_at(&in, at, PLACE_LATIN);
        end = at;
        if (place)
            TRY(place_address(&in, at, &end));
        else if (town)
            TRY(town_address(&in, at, town, &end));
        else if (latin && !word_before(in.text, at))
            TRY(latin_address(&in, at, latin, &end));
        if (end == at) end = at + char_len(in.text.at[at]);
    }
    return SK_OK;
}

// Lines: WORD KINDS, KINDS being letters of enum place_kind.
enum sk_code places_put(struct view lines, struct arena *arena, struct buf *out) {
    static const char letters[] = "pmwtrbcls"; // of enum place_kind, and suffixes in Latin letters
    struct line line;
    uint32_t number = 0, len = 0;
    struct words_entry *entries = arena_take_raw(arena, lines.len / 4 + 1, sizeof *entries);
    if (!entries) return SK_LIMIT;
    while (line_take(&lines, &number, &line)) {
        struct words_entry *entry = &entries[len++];
        entry->is = (struct word_is){0, 0};
        enum sk_code code = line_word(line.fields[0], true, arena, &entry->word);
        for (size_t i = 0; code == SK_OK && i < line.fields[1].len; i++) {
            const char *letter = memchr(letters, line.fields[1].at[i], 9);
            bool suffix = letter && *letter == 's';
            if (!letter)
                code = SK_INPUT;
            else
                entry->is.kinds |= suffix ? PLACE_LATIN : (uint8_t)(1u << (letter - letters));
            if (suffix) entry->is.number = PLACE_SUFFIX;
        }
        if (code != SK_OK || line.fields_len != 2 || !entry->is.kinds)
            return FAIL(SK_INPUT, "line %u is not WORD, tab, KINDS of %s", line.number, letters);
    }
    return words_put(entries, len, arena, out);
}
