#include "base/json.h"
#include "base/utf8.h"
#include "border/mask_parts.h"

#include <string.h>

// A token is read at once or not at all: a beginning whose rest is missing is held and read again
// when more is there. So the answer depends on the bytes, not on how they were cut.

enum { SPACES_MAX = 2, END = 0, OTHER = 0xfffd };

enum match { MATCH_NONE, MATCH_MORE, MATCH_TOKEN };

struct token {
    size_t len;
    struct view value; // empty: shaped like a token, but not one to restore
    bool unknown;
};

struct cursor {
    const struct vault *vault;
    struct view text;
    size_t at;
    bool json, last;
    bool more; // the end was looked at, and something may follow
};

// ---- characters ----

// Full-width forms, dashes and spaces as ASCII; letters as capitals.
static uint32_t sign_fold(uint32_t c) {
    if (c >= 0xff01 && c <= 0xff5e) c -= 0xfee0;
    if (c == 0x3000 || c == 0xa0) return ' ';
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212) return '-';
    return c >= 'a' && c <= 'z' ? c - 32 : c;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// An escape of JSON: its length, or 0 when its end is missing.
static size_t escape_take(struct view text, uint32_t *c) {
    *c = OTHER;
    if (text.len < 2) return 0;
    if (text.at[1] != 'u') return 2;
    uint32_t code = 0;
    for (size_t i = 2; i < 6; i++) {
        if (i == text.len) return 0;
        int digit = hex_digit(text.at[i]);
        if (digit < 0) return 2;
        code = code << 4 | (uint32_t)digit;
    }
    *c = code ? code : OTHER;
    return 6;
}

// The character text begins with, as written: its length, or 0 when its end is missing.
static size_t sign_take(struct view text, bool json, uint32_t *c) {
    if (json && text.at[0] == '\\') return escape_take(text, c);
    size_t len = utf8_take(text, c);
    if (len) return len;
    *c = OTHER;
    return utf8_tail(text) == text.len ? 0 : 1;
}

// The next character, folded, without moving past it; END at the end.
static uint32_t peek(struct cursor *c, size_t *len) {
    struct view rest = view_from(c->text, c->at);
    uint32_t sign;
    *len = rest.len ? sign_take(rest, c->json, &sign) : 0;
    if (*len == 0) {
        c->more = c->more || !c->last;
        return END;
    }
    return sign_fold(sign);
}

static bool take(struct cursor *c, uint32_t sign) {
    size_t len;
    if (peek(c, &len) != sign) return false;
    c->at += len;
    return true;
}

static void take_spaces(struct cursor *c) {
    for (int i = 0; i < SPACES_MAX && take(c, ' '); i++)
        ;
}

// ---- the parts of a token ----

static const uint32_t opens[] = {0x27e6, 0x301a, 0x3014, 0x3010, 0x300a, 0x27ea, 0xff5f};
static const uint32_t closes[] = {0x27e7, 0x301b, 0x3015, 0x3011, 0x300b, 0x27eb, 0xff60};
enum { BRACKETS = sizeof opens / sizeof *opens, BRACKETS_OURS = 2 };

static bool take_one_of(struct cursor *c, const uint32_t *signs, int len) {
    size_t bytes;
    uint32_t sign = peek(c, &bytes);
    for (int i = 0; i < len; i++) {
        if (signs[i] != sign) continue;
        c->at += bytes;
        return true;
    }
    return false;
}

// How many square brackets may close it; 0: none open it.
static int take_open(struct cursor *c) {
    if (take_one_of(c, opens, BRACKETS)) return 2;
    if (!take(c, '[')) return 0;
    return take(c, '[') ? 2 : 1;
}

static bool take_close(struct cursor *c, int brackets) {
    // Of a token without opening only what belongs to nothing else is taken along.
    if (brackets == 0) return take_one_of(c, closes, BRACKETS_OURS);
    size_t was = c->at;
    take_spaces(c);
    if (take_one_of(c, closes, BRACKETS)) return true;
    if (!take(c, ']')) {
        c->at = was;
        return false;
    }
    if (brackets == 2) take(c, ']');
    return true;
}

static int detector_take(struct cursor *c) {
    char letters[3];
    for (int i = 0; i < 3; i++) {
        size_t len;
        uint32_t sign = peek(c, &len);
        if (sign < 'A' || sign > 'Z') return -1;
        c->at += len;
        letters[i] = (char)sign;
    }
    return vault_prefix(c->vault, letters);
}

// Crockford reads I and L as 1, O as 0.
static int digit_of(uint32_t sign) {
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    if (sign == 'I' || sign == 'L') return 1;
    if (sign == 'O') return 0;
    const char *is = sign > ' ' && sign < 0x7f ? strchr(digits, (int)sign) : NULL;
    return is ? (int)(is - digits) : -1;
}

static bool id_take(struct cursor *c, bool spaces, uint64_t *id) {
    *id = 0;
    for (int i = 0; i < MASK_ID_DIGITS; i++) {
        size_t len;
        if (spaces && i > 0) take(c, ' ');
        int digit = digit_of(peek(c, &len));
        if (digit < 0) return false;
        c->at += len;
        *id = *id << 5 | (uint64_t)digit;
    }
    return true;
}

// "-12": 0 when there is none.
static uint32_t number_take(struct cursor *c) {
    uint32_t number = 0;
    size_t was = c->at, len, digits = 0;
    if (!take(c, '-')) return 0;
    for (; digits < 4; digits++) {
        uint32_t sign = peek(c, &len);
        if (sign < '0' || sign > '9') break;
        c->at += len;
        number = number * 10 + sign - '0';
    }
    if (number == 0 || mask_word(peek(c, &len))) number = 0;
    if (number == 0) c->at = was;
    return number;
}

// ---- a whole one ----

// What follows the token of `first` (NULL: of no value): number and brackets. False: no token.
static bool rest_take(struct cursor *c, const struct mask_spelling *first, int brackets,
                      struct token *out) {
    size_t bare = c->at;
    uint32_t number = number_take(c);
    const struct mask_spelling *is = first;
    if (number && first) is = vault_of_number(c->vault, first, number);
    bool closed = take_close(c, brackets);
    if (!is && !(brackets && closed)) {
        if (!first) return false; // a word with a colon
        c->at = bare;             // the number is the text's own: 山田-3
        is = first;
        take_close(c, brackets);
    }
    *out = (struct token){c->at, is && !is->one_way ? is->raw : VIEW(""), !is};
    return true;
}

static bool token_take(struct cursor *c, struct token *out) {
    uint64_t id;
    size_t len;
    int brackets = take_open(c);
    if (brackets) take_spaces(c);
    int detector = detector_take(c);
    if (detector < 0) return false;
    take_spaces(c);
    if (!take(c, ':')) return false;
    take_spaces(c);
    if (!id_take(c, brackets > 0, &id)) return false;
    if (mask_word(peek(c, &len))) return false; // longer than a token
    const struct mask_spelling *first = vault_of_id(c->vault, id);
    return rest_take(c, first && first->detector == detector ? first : NULL, brackets, out);
}

// Digits that stand for others, with none beside.
static bool substitute_take(struct cursor *c, struct token *out) {
    size_t len;
    bool more = false;
    const struct mask_substitute *is = vault_substitute(c->vault, c->text, &more);
    c->more = more && !c->last;
    if (!is) return false;
    c->at = is->written.len;
    if (mask_digit(peek(c, &len))) return false;
    *out = (struct token){c->at, is->value, false};
    return true;
}

// The token or substitute that text begins with. No more than MASK_HOLD_MAX bytes are looked at.
static enum match match(const struct vault *vault, struct view text, bool json, bool last,
                        struct token *out) {
    bool all = text.len >= MASK_HOLD_MAX;
    struct view seen = {text.at, all ? MASK_HOLD_MAX : text.len};
    struct cursor c = {.vault = vault, .text = seen, .json = json, .last = last || all};
    bool digit = mask_digit((uint8_t)text.at[0]);
    bool found = digit ? substitute_take(&c, out) : token_take(&c, out);
    return c.more ? MATCH_MORE : found ? MATCH_TOKEN : MATCH_NONE;
}

// ---- streams ----

// Of a bare token no letter or digit stands before, of digits no digit.
static bool may_begin(struct view text, size_t at, bool in_word, bool behind_digit) {
    uint8_t c = (uint8_t)text.at[at];
    if (mask_digit(c)) return !(at > 0 ? mask_digit((uint8_t)text.at[at - 1]) : behind_digit);
    return c >= 0x80 || c == '[' || !in_word;
}

// Bytes that begin no token and no escape, and what stands last then.
static size_t plain_len(const struct vault *vault, struct view text, bool json,
                        struct restore *restore) {
    size_t i = 0;
    bool in = restore->word;
    for (; i < text.len; i++) {
        uint8_t c = (uint8_t)text.at[i];
        if (json && c == '\\') break;
        if (vault->begins[c] && may_begin(text, i, in, restore->digit)) {
            // Of the characters behind E3 only U+3000 to U+303F hold brackets: kana do not.
            if (c != 0xe3 || i + 1 == text.len || (uint8_t)text.at[i + 1] == 0x80) break;
        }
        in = mask_word(c);
    }
    restore->word = in;
    if (i > 0) restore->digit = mask_digit((uint8_t)text.at[i - 1]);
    return i;
}

struct work {
    struct restore *restore;
    const struct vault *vault;
    bool json;
    struct buf *out;
};

static void value_put(struct work *work, struct view value) {
    struct json_writer w = json_writer_to(work->out);
    if (work->json)
        json_string_more(&w, value);
    else
        buf_put_view(work->out, value);
    work->restore->restored++;
}

// One character that begins no token: its length, 0 when its end is missing.
static size_t sign_put(struct work *work, struct view text, bool last) {
    uint32_t c;
    size_t len = sign_take(text, work->json, &c);
    if (len == 0 && !last) return 0;
    if (len == 0) len = text.len;
    buf_put(work->out, text.at, len);
    work->restore->word = mask_word(c);
    work->restore->digit = mask_digit(sign_fold(c));
    return len;
}

// Puts what is certain of `text`, at least up to `stop` when nothing is missing; how far it came.
static size_t run(struct work *work, struct view text, size_t stop, bool last) {
    size_t at = 0;
    while (at < stop) {
        struct view rest = view_from(text, at);
        size_t plain = plain_len(work->vault, rest, work->json, work->restore);
        buf_put(work->out, rest.at, plain);
        at += plain;
        rest = view_from(rest, plain);
        if (rest.len == 0) break;
        struct token token;
        enum match is = match(work->vault, rest, work->json, last, &token);
        if (is == MATCH_MORE) break;
        if (is == MATCH_NONE) {
            size_t len = sign_put(work, rest, last);
            if (len == 0) break;
            at += len;
            continue;
        }
        if (token.value.len)
            value_put(work, token.value);
        else
            buf_put(work->out, rest.at, token.len);
        if (token.unknown) work->restore->unknown++;
        work->restore->word = work->restore->digit = false;
        at += token.len;
    }
    return at;
}

enum sk_code restore_put(struct restore *restore, const struct vault *vault, struct view piece,
                         bool json, bool last, struct buf *out) {
    struct work work = {restore, vault, json, out};
    if (restore->held_len) {
        // What is held, with as much as it could need to be decided.
        char joined[2 * MASK_HOLD_MAX];
        size_t held = restore->held_len,
               more = piece.len < MASK_HOLD_MAX ? piece.len : MASK_HOLD_MAX;
        memcpy(joined, restore->held, held);
        if (more) memcpy(joined + held, piece.at, more);
        struct view text = {joined, held + more};
        size_t done = run(&work, text, held, last && more == piece.len);
        if (done < held) {
            must(more == piece.len && text.len - done < MASK_HOLD_MAX);
            restore->held_len = (uint32_t)(text.len - done);
            memcpy(restore->held, joined + done, restore->held_len);
            return buf_check(out, "restored text");
        }
        restore->held_len = 0;
        piece = view_from(piece, done - held);
    }
    size_t done = run(&work, piece, piece.len, last);
    must(piece.len - done < MASK_HOLD_MAX && (!last || done == piece.len));
    restore->held_len = (uint32_t)(piece.len - done);
    if (restore->held_len) memcpy(restore->held, piece.at + done, restore->held_len);
    return buf_check(out, "restored text");
}
