// The fold of a text (scan_parts.h): runs that nothing changes are copied at once, the rest
// character by character. Either way each is checked to be UTF-8.
#include <endian.h>

#include "base/utf8.h"
#include "border/fold_table.h"
#include "border/scan_parts.h"

// Room for what grows: at most two characters come from one. The map is written in lanes.
enum { GROWTH = 2, RUN_MIN = 4, LANES = 4 };

// What an escape may begin with (escape.c).
static const char escapes[] = {'\\', '&', '%'};
enum { ESCAPES = sizeof escapes };

struct folding {
    struct view raw;
    size_t at; // next byte of raw
    char *out;
    uint32_t *map;
    size_t len;             // of out
    size_t number_end;      // kanji digits before this byte of raw are part of a number
    size_t begins[ESCAPES]; // where in raw, from `at` on, each of them stands next
};

static void put(struct folding *f, const char *bytes, size_t len, size_t from) {
    for (size_t i = 0; i < len; i++) {
        f->map[f->len] = (uint32_t)from;
        f->out[f->len++] = bytes[i];
    }
}

static void put_char(struct folding *f, uint32_t code, size_t from, size_t len) {
    char bytes[4];
    size_t n = utf8_put(code, bytes);
    for (size_t i = 0; i < n; i++) { // inside a character of as many bytes the bytes correspond
        f->map[f->len] = (uint32_t)(from + (n == len ? i : 0));
        f->out[f->len++] = bytes[i];
    }
}

// ---- digits, and what stands between them ----

enum digit { NONE, ASCII, KANJI, CIRCLED };

// The digit that `code` is (*value 0 to 9), and how it is written.
static enum digit digit_of(uint32_t code, uint32_t *value) {
    static const uint16_t kanji[10] = {0x3007, 0x4e00, 0x4e8c, 0x4e09, 0x56db,
                                       0x4e94, 0x516d, 0x4e03, 0x516b, 0x4e5d};
    *value = 0;
    if (code >= '0' && code <= '9') return *value = code - '0', ASCII;
    if (code >= 0xff10 && code <= 0xff19) return *value = code - 0xff10, ASCII;
    if (code >= 0x660 && code <= 0x669) return *value = code - 0x660, ASCII; // Arabic-Indic
    if (code >= 0x6f0 && code <= 0x6f9) return *value = code - 0x6f0, ASCII;
    if (code >= 0x966 && code <= 0x96f) return *value = code - 0x966, ASCII; // Devanagari
    if (code >= 0x1d7ce && code <= 0x1d7ff) return *value = (code - 0x1d7ce) % 10, ASCII;
    if (code >= 0x2460 && code <= 0x2468) return *value = code - 0x245f, CIRCLED;
    if (code == 0x24ea) return CIRCLED;
    if (code == 0x96f6) return KANJI; // 零
    for (uint32_t i = 0; i < 10; i++)
        if (kanji[i] == code) return *value = i, KANJI;
    return NONE;
}

static bool is_dash(uint32_t code) {
    return (code >= 0x2010 && code <= 0x2015) || code == 0x2043 || code == 0x2212 ||
           code == 0xfe58 || code == 0xfe63 || code == 0xff0d;
}

// A bar that is a dash only between digits: long vowels, rules.
static bool is_bar(uint32_t code) {
    return code == 0x30fc || code == 0xff70 || code == 0x2500 || code == 0x2501;
}

static bool ascii_digit(char c) {
    return c >= '0' && c <= '9';
}

// The character of raw at `at`, 0 at the end.
static uint32_t peek(const struct folding *f, size_t at, size_t *len) {
    uint32_t code = 0;
    struct view rest = view_from(f->raw, at);
    *len = rest.len ? escape_take(rest, &code) : 0;
    if (*len == 0 && rest.len) *len = utf8_take(rest, &code);
    return code;
}

// Whether the digits from `at` on are a number: four of them, or with a zero, a dash, or a digit of
// another script among them. So 三四郎 and 一二三 stay names, 〇九〇-一二三四 is none.
static bool number_from(struct folding *f, size_t at) {
    size_t digits = 0, len, end = at;
    bool zero = false, dash = false, other = f->len && ascii_digit(f->out[f->len - 1]);
    bool pending = f->len > 1 && f->out[f->len - 1] == '-' && ascii_digit(f->out[f->len - 2]);
    for (uint32_t code; (code = peek(f, at, &len)) != 0; at += len) {
        uint32_t value;
        enum digit digit = digit_of(code, &value);
        if (digit == ASCII || digit == KANJI) {
            digits++;
            dash = dash || pending;
            pending = false;
            zero = zero || (digit == KANJI && value == 0);
            other = other || digit == ASCII;
            end = at + len;
        } else if (!pending && digits && (is_dash(code) || is_bar(code) || code == '-')) {
            pending = true;
        } else {
            break;
        }
    }
    bool number = digits >= RUN_MIN || dash || other || (zero && digits >= 2);
    if (number) f->number_end = end;
    return number;
}

static bool circled_from(struct folding *f, size_t at) {
    size_t digits = 0, len;
    uint32_t value;
    for (uint32_t code; (code = peek(f, at, &len)) != 0; at += len, digits++)
        if (digit_of(code, &value) != CIRCLED) break;
    if (digits >= RUN_MIN) f->number_end = at;
    return digits >= RUN_MIN;
}

static bool wide_digit_before(const struct folding *f, size_t at) { // ASCII or full-width
    if (at >= 1 && ascii_digit(f->raw.at[at - 1])) return true;
    return at >= 3 && memcmp(f->raw.at + at - 3, "\xef\xbc", 2) == 0 &&
           (uint8_t)f->raw.at[at - 1] >= 0x90 && (uint8_t)f->raw.at[at - 1] <= 0x99;
}

// True when `code`, the character of `len` bytes at f->at, was a digit or a dash and is put.
static bool fold_number(struct folding *f, uint32_t code, size_t len) {
    uint32_t value, next_value;
    size_t next_len;
    enum digit digit = digit_of(code, &value);
    enum digit next = digit_of(peek(f, f->at + len, &next_len), &next_value);
    bool after_digit = f->len && ascii_digit(f->out[f->len - 1]);
    bool dash = is_dash(code) || (is_bar(code) && after_digit && next != NONE && next != CIRCLED);
    // 090一1234: the kanji one between other digits is a dash
    if (code == 0x4e00 && next == ASCII && wide_digit_before(f, f->at)) dash = true;
    if (dash) return put(f, "-", 1, f->at), true;
    bool number = digit == ASCII;
    if (digit == KANJI) number = f->at < f->number_end || number_from(f, f->at);
    if (digit == CIRCLED) number = f->at < f->number_end || circled_from(f, f->at);
    if (!number) return false;
    char c = (char)('0' + value);
    put(f, &c, 1, f->at);
    return true;
}

// ---- everything else ----

static bool vanishes(uint32_t code) {
    return code == 0xad || code == 0x34f || (code >= 0x180b && code <= 0x180e) ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || (code >= 0xfe00 && code <= 0xfe0f) ||
           code == 0xfeff || (code >= 0xe0000 && code <= 0xe0fff);
}

static bool is_space(uint32_t code) {
    return code == 0xa0 || (code >= 0x2000 && code <= 0x200a) || code == 0x202f || code == 0x205f ||
           code == 0x3000;
}

static uint32_t becomes(uint32_t code) {
    if (code >= 0xff01 && code <= 0xff5e) return code - 0xff01 + '!';
    if (code == 0x2028 || code == 0x2029) return '\n';
    if (code == 0xfe13 || code == 0xfe55) return ':';
    if (code == 0xfe52) return '.';
    if (code == 0xfe5f) return '#';
    if (code == 0xfe6b) return '@';
    if (code > 0xffff) {
        for (size_t i = 0; i < sizeof fold_wide / sizeof *fold_wide; i++)
            if (fold_wide[i][0] == code) return fold_wide[i][1];
        return code;
    }
    size_t low = 0, high = sizeof fold_single / sizeof *fold_single;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fold_single[middle][0] == code) return fold_single[middle][1];
        if (fold_single[middle][0] < code)
            low = middle + 1;
        else
            high = middle;
    }
    return code;
}

// The kana at the end of out with its voicing mark, か with ゛ as が; false when it takes none.
static bool voice(struct folding *f, bool half) {
    uint32_t code = 0;
    if (f->len < 3 || utf8_take((struct view){f->out + f->len - 3, 3}, &code) != 3) return false;
    uint32_t kana = code >= 0x30a0 ? code - 0x60 : code, to = 0;
    bool ha = kana >= 0x306f && kana <= 0x307b && (kana - 0x306f) % 3 == 0;
    if (half && ha) to = code + 2;
    if (!half && ((kana >= 0x304b && kana <= 0x3061 && kana % 2 == 1) || kana == 0x3064 ||
                  kana == 0x3066 || kana == 0x3068 || ha))
        to = code + 1;
    if (!half && kana == 0x3046) to = code + 0x4e; // う: ゔ
    if (!to) return false;
    utf8_put(to, f->out + f->len - 3);
    return true;
}

static void fold_one(struct folding *f, uint32_t code, size_t len) {
    if (code == 0x30fc && !(f->len && ascii_digit(f->out[f->len - 1]))) { // ー of サーバー
        put_char(f, code, f->at, len);
        return;
    }
    if (vanishes(code) || fold_number(f, code, len)) return;
    if (code >= 0x4e00 && code <= 0x9fff) { // the most, and most of them kanji digits
        put_char(f, becomes(code), f->at, len);
        return;
    }
    if (is_space(code)) {
        put(f, " ", 1, f->at);
        return;
    }
    bool half = code == 0x309a || code == 0xff9f;
    if ((half || code == 0x3099 || code == 0xff9e) && voice(f, half)) return;
    for (size_t i = 0; i < sizeof fold_several / sizeof *fold_several; i++) {
        if (fold_several[i].from != code) continue;
        put(f, fold_several[i].to, strlen(fold_several[i].to), f->at);
        return;
    }
    put_char(f, becomes(code), f->at, len);
}

static size_t ascii_len(struct view raw, size_t at) { // in words of eight bytes
    size_t start = at;
    for (uint64_t word; raw.len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, raw.at + at, sizeof word);
        if (word & 0x8080808080808080u) break;
    }
    return at - start;
}

// Where an escape could begin next.
static size_t escape_next(struct folding *f) {
    size_t next = f->raw.len;
    for (size_t i = 0; i < ESCAPES; i++) {
        if (f->begins[i] < f->at) {
            const char *at = memchr(f->raw.at + f->at, escapes[i], f->raw.len - f->at);
            f->begins[i] = at ? (size_t)(at - f->raw.at) : f->raw.len;
        }
        if (f->begins[i] < next) next = f->begins[i];
    }
    return next;
}

// Bytes from `at` on that stay as they are; not what is malformed, nor a wide character that ends
// where raw ends.
static size_t same_len(struct view raw, size_t at) {
    size_t start = at;
    uint32_t word;
    while (raw.len - at >= sizeof word) {
        memcpy(&word, raw.at + at, sizeof word);
        word = le32toh(word);
        if ((word & 0xc0c0f0) == 0x8080e0) {
            if (fold_bits[(word & 15) << 6 | (word >> 8 & 63)] >> (word >> 16 & 63) & 1) break;
            at += 3;
        } else if (!(word & 0x80)) {
            size_t len = ascii_len(raw, at);
            at += len ? len : 1;
        } else { // Latin, Greek, Cyrillic …
            uint8_t byte = (uint8_t)word;
            if (byte < 0xc3 || byte >= 0xd9 || byte == 0xcd || (word >> 8 & 0xc0) != 0x80) break;
            at += 2;
        }
    }
    while (at < raw.len && (uint8_t)raw.at[at] < 0x80)
        at++;
    return at - start;
}

// The next `len` bytes stay as they are.
static void put_same(struct folding *f, size_t len) {
    typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));
    lanes from = (uint32_t)f->at + (lanes){0, 1, 2, 3};
    for (size_t i = 0; i < len; i += LANES, from += LANES)
        memcpy(f->map + f->len + i, &from, sizeof from);
    memcpy(f->out + f->len, f->raw.at + f->at, len);
    f->len += len;
    f->at += len;
}

static size_t folded_max(size_t len) {
    return GROWTH * len + 1;
}

size_t fold_room(size_t len) {
    enum { ALIGNED = 2 * 16 }; // an arena's blocks
    return folded_max(len) + (folded_max(len) + LANES) * sizeof(uint32_t) + ALIGNED;
}

enum sk_code fold_make(struct view raw, struct arena *arena, struct fold *out) {
    must(raw.len < UINT32_MAX / GROWTH);
    size_t max = folded_max(raw.len);
    struct folding f = {.raw = raw};
    f.out = arena_take_raw(arena, max, 1);
    f.map = arena_take_raw(arena, max + LANES, sizeof *f.map);
    if (!f.out || !f.map) return SK_LIMIT;
    for (size_t i = 0; i < ESCAPES; i++) {
        const char *at = raw.len ? memchr(raw.at, escapes[i], raw.len) : NULL;
        f.begins[i] = at ? (size_t)(at - raw.at) : raw.len;
    }
    while (f.at < raw.len) {
        size_t same = same_len((struct view){raw.at, escape_next(&f)}, f.at), len;
        if (same) put_same(&f, same);
        if (f.at == raw.len) break;
        uint32_t code = peek(&f, f.at, &len);
        if (len == 0) return FAIL(SK_INPUT, "the text is not UTF-8");
        fold_one(&f, code, len);
        f.at += len;
        must(f.len < max);
    }
    f.map[f.len] = (uint32_t)raw.len;
    *out = (struct fold){raw, {f.out, f.len}, f.map};
    return SK_OK;
}
