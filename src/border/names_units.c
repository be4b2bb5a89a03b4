// Units: a sentence cut into characters and words of letters, with the runs they stand in.
#include "base/utf8.h"
#include "border/names_parts.h"

static bool between(uint32_t c, uint32_t from, uint32_t to) {
    return c >= from && c <= to;
}

static bool is_letter(uint32_t c) {
    return between(c, 'a', 'z') || between(c, 'A', 'Z') ||
           (between(c, 0xc0, 0x24f) && c != 0xd7 && c != 0xf7) || between(c, 0x300, 0x36f) ||
           between(c, 0x370, 0x52f) || between(c, 0x1e00, 0x1fff);
}

static bool is_dot(uint32_t c) {
    return c == 0x30fb || c == 0xb7 || c == 0x2022 || c == 0xff65 || c == 0x30a0 || c == 0xff1d;
}

static enum names_kind kind_of(uint32_t c) {
    if (is_letter(c)) return KIND_LATIN;
    if (between(c, '0', '9')) return KIND_DIGITS;
    if (c == ' ' || c == 0x3000 || c == '\t' || c == 0xa0) return KIND_SPACE;
    if (is_dot(c)) return KIND_DOT;
    if (between(c, 0x3041, 0x309f)) return KIND_HIRAGANA;
    if (between(c, 0x30a1, 0x30ff) || between(c, 0xff66, 0xff9f)) return KIND_KATAKANA;
    if (between(c, 0x4e00, 0x9fff) || between(c, 0x3400, 0x4dbf) || c == 0x3005 || c == 0x3006 ||
        between(c, 0xf900, 0xfaff) || between(c, 0x20000, 0x3ffff))
        return KIND_HAN;
    if (c == '(' || c == 0xff08 || c == 0x300c || c == 0x300e || c == 0x3010 || c == '[')
        return KIND_OPEN;
    if (c == ')' || c == 0xff09 || c == 0x300d || c == 0x300f || c == 0x3011 || c == ']')
        return KIND_CLOSE;
    if (c < 0x80 || between(c, 0x2010, 0x205e) || between(c, 0x3001, 0x303f) ||
        between(c, 0xff01, 0xff20))
        return KIND_MARK;
    return KIND_OTHER;
}

static bool is_upper(uint32_t c) {
    return between(c, 'A', 'Z') || between(c, 0xc0, 0xde) || between(c, 0x391, 0x3a9) ||
           between(c, 0x410, 0x42f) || (between(c, 0x100, 0x17f) && !(c & 1));
}

// The lower case of what is_upper knows.
static uint32_t lower(uint32_t c) {
    if (!is_upper(c)) return c;
    return between(c, 0x100, 0x17f) ? c + 1 : c + 0x20;
}

static enum names_shape shape_of(uint32_t letters, uint32_t uppers, bool first_upper) {
    if (uppers == 0) return SHAPE_LOWER;
    if (letters == 1) return SHAPE_INITIAL;
    if (uppers == letters) return SHAPE_UPPER;
    return first_upper && uppers == 1 ? SHAPE_CAPITAL : SHAPE_MIXED;
}

// All letters or digits that go on from the first; the key is that of the lower case.
static void word_take(struct names_unit *unit, struct view text) {
    uint32_t letters = 0, uppers = 0, c = 0;
    bool first_upper = false;
    uint64_t hash = NAMES_KEY_SEED;
    size_t at = unit->at;
    while (at < text.len) {
        size_t n = utf8_take(view_from(text, at), &c);
        if (!n || kind_of(c) != unit->kind) break;
        if (letters == 0) first_upper = is_upper(c);
        uppers += is_upper(c);
        letters++;
        hash = names_key_more(hash, lower(c));
        at += n;
    }
    unit->len = (uint16_t)(at - unit->at);
    unit->key = (uint32_t)(hash ^ hash >> 32) | 1U << 31; // no code point
    if (unit->kind == KIND_LATIN) unit->shape = (uint8_t)shape_of(letters, uppers, first_upper);
}

static bool same_run(enum names_kind a, enum names_kind b) {
    if (a == KIND_DOT) a = KIND_KATAKANA;
    if (b == KIND_DOT) b = KIND_KATAKANA;
    return a == b;
}

static void runs_mark(struct names_sentence *sentence) {
    uint32_t i = 0;
    while (i < sentence->units_len) {
        uint32_t end = i + 1;
        while (end < sentence->units_len &&
               same_run(sentence->units[end].kind, sentence->units[i].kind))
            end++;
        for (uint32_t k = i; k < end; k++) {
            struct names_unit *unit = &sentence->units[k];
            unit->run = (uint16_t)i;
            unit->run_end = (uint16_t)end;
            unit->run_place = end - i == 1   ? PLACE_ONLY
                              : k == i       ? PLACE_FIRST
                              : k + 1 == end ? PLACE_LAST
                                             : PLACE_INSIDE;
        }
        i = end;
    }
}

void names_units_cut(struct names_sentence *sentence, struct view text) {
    must(text.len <= NAMES_BYTES_MAX);
    sentence->text = text;
    sentence->units_len = sentence->words_len = 0;
    size_t at = 0;
    while (at < text.len) {
        uint32_t c = 0;
        size_t n = utf8_take(view_from(text, at), &c);
        must(n > 0);
        uint32_t index = sentence->units_len++;
        struct names_unit *unit = &sentence->units[index];
        *unit = (struct names_unit){
            .at = (uint16_t)at, .len = (uint16_t)n, .key = c, .kind = (uint8_t)kind_of(c)};
        if (unit->kind == KIND_LATIN || unit->kind == KIND_DIGITS) word_take(unit, text);
        for (uint32_t b = 0; b < unit->len; b++)
            sentence->unit_of[at + b] = (uint16_t)index;
        at += unit->len;
    }
    sentence->unit_of[text.len] = (uint16_t)sentence->units_len;
    runs_mark(sentence);
}

uint64_t names_units_key(const struct names_sentence *sentence, uint32_t from, uint32_t len) {
    uint64_t hash = NAMES_KEY_SEED;
    for (uint32_t i = from; i < from + len; i++)
        hash = names_key_more(hash, sentence->units[i].key);
    return hash ^ hash >> 32;
}
