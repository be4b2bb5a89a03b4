// Template text to tokens. White space is removed here: one line end after a block or comment
// (trim_blocks), indentation before one (lstrip_blocks), everything where a tag says "-".
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/jinja_tree.h"

enum { NUMBER_MAX = 64 };

static enum sk_code refuse(const struct jinja_lexer *l, const char *what) {
    return FAIL(SK_UNSUPPORTED, "chat template line %u: %s", l->line, what);
}

static bool is_space(uint32_t c) {
    return (c >= 9 && c <= 13) || c == ' ' || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000 || c == 0xfeff;
}

size_t jinja_space_first(struct view text) {
    uint32_t c;
    size_t n = text.len ? utf8_take(text, &c) : 0;
    return n && is_space(c) ? n : 0;
}

size_t jinja_space_last(struct view text) {
    size_t n = 1;
    while (n < 4 && n < text.len && (text.at[text.len - n] & 0xc0) == 0x80) n++;
    if (text.len == 0 || n > text.len) return 0;
    return jinja_space_first(view_from(text, text.len - n)) == n ? n : 0;
}

static bool at_text(const struct jinja_lexer *l, const char *text) {
    return view_starts((struct view){l->text + l->at, l->len - l->at}, view_of(text));
}

static char peek(const struct jinja_lexer *l, uint32_t ahead) {
    return l->at + ahead < l->len ? l->text[l->at + ahead] : '\0';
}

static void skip(struct jinja_lexer *l, uint32_t n) {
    for (; n > 0; n--) l->line += l->text[l->at++] == '\n';
}

static void skip_space(struct jinja_lexer *l) {
    size_t n;
    while ((n = jinja_space_first((struct view){l->text + l->at, l->len - l->at})) > 0)
        skip(l, (uint32_t)n);
}

// ---- outside of tags ----

static uint32_t find_tag(const struct jinja_lexer *l) {
    for (uint32_t i = l->at; i + 1 < l->len; i++) {
        char c = l->text[i + 1];
        if (l->text[i] == '{' && (c == '%' || c == '{' || c == '#')) return i;
    }
    return l->len;
}

// Where the text before the tag at `tag` ends once the tag took its white space.
static uint32_t text_end(const struct jinja_lexer *l, uint32_t tag) {
    uint32_t end = tag;
    char sign = tag + 2 < l->len ? l->text[tag + 2] : '\0';
    size_t n;
    if (tag == l->len || sign == '+') return end;
    if (sign == '-') {
        while ((n = jinja_space_last((struct view){l->text + l->at, end - l->at})) > 0)
            end -= (uint32_t)n;
        return end;
    }
    if (l->text[tag + 1] == '{') return end;
    while (end > l->at && (l->text[end - 1] == ' ' || l->text[end - 1] == '\t')) end--;
    bool line_begins = end == 0 || l->text[end - 1] == '\n' || l->text[end - 1] == '\r';
    return line_begins ? end : tag;
}

static void after_tag(struct jinja_lexer *l, char sign, bool block) {
    l->inside = false;
    if (sign == '-')
        skip_space(l);
    else if (block && sign != '+' && peek(l, 0) == '\n')
        skip(l, 1);
}

static enum sk_code skip_comment(struct jinja_lexer *l) {
    skip(l, 2);
    const char *end = memmem(l->text + l->at, l->len - l->at, "#}", 2);
    if (!end) return refuse(l, "the comment does not end");
    uint32_t n = (uint32_t)(end - (l->text + l->at));
    char sign = n ? end[-1] : '\0';
    skip(l, n + 2);
    after_tag(l, sign, true);
    return SK_OK;
}

static enum sk_code lex_outside(struct jinja_lexer *l, struct jinja_token *token) {
    while (l->at < l->len) {
        uint32_t tag = find_tag(l), end = text_end(l, tag), from = l->at;
        token->line = l->line;
        skip(l, tag - l->at);
        if (end > from) {
            *token = (struct jinja_token){TOKEN_TEXT, token->line, {from, end - from}, 0, 0};
            return SK_OK;
        }
        if (tag == l->len) break;
        if (at_text(l, "{#")) {
            TRY(skip_comment(l));
            continue;
        }
        token->line = l->line;
        token->kind = at_text(l, "{%") ? TOKEN_BLOCK : TOKEN_OUTPUT;
        l->inside = true;
        l->braces = 0;
        char sign = peek(l, 2);
        skip(l, sign == '-' || (sign == '+' && token->kind == TOKEN_BLOCK) ? 3 : 2);
        return SK_OK;
    }
    token->kind = TOKEN_END;
    token->line = l->line;
    return SK_OK;
}

// ---- inside of tags ----

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int32_t hex(const struct jinja_lexer *l, uint32_t digits) {
    char text[8] = "";
    for (uint32_t i = 0; i < digits; i++) {
        text[i] = peek(l, i);
        bool letter = (text[i] >= 'a' && text[i] <= 'f') || (text[i] >= 'A' && text[i] <= 'F');
        if (!is_digit(text[i]) && !letter) return -1;
    }
    return (int32_t)strtol(text, NULL, 16);
}

// \xHH or \uHHHH, a pair of which may stand for one character; l->at is after the letter.
static enum sk_code lex_code(struct jinja_lexer *l, uint32_t digits, uint32_t *to) {
    int32_t value = hex(l, digits);
    if (value < 0) return refuse(l, "a hexadecimal escape without its digits");
    skip(l, digits);
    if (value >= 0xd800 && value <= 0xdfff) {
        bool pair = value < 0xdc00 && peek(l, 0) == '\\' && peek(l, 1) == 'u';
        if (pair) skip(l, 2);
        int32_t low = pair ? hex(l, 4) : -1;
        if (low < 0xdc00 || low > 0xdfff) return refuse(l, "half of a surrogate pair");
        skip(l, 4);
        value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    }
    *to += (uint32_t)utf8_put((uint32_t)value, l->text + *to);
    return SK_OK;
}

static enum sk_code lex_escape(struct jinja_lexer *l, uint32_t *to) {
    static const char letters[] = "ntrbfv'\"\\", bytes[] = "\n\t\r\b\f\v'\"\\";
    char c = peek(l, 1);
    skip(l, 1);
    if (l->at == l->len) return refuse(l, "the string does not end");
    const char *letter = c ? strchr(letters, c) : NULL;
    if (c == 'x' || c == 'u') {
        skip(l, 1);
        return lex_code(l, c == 'x' ? 2 : 4, to);
    }
    if (letter) {
        l->text[(*to)++] = bytes[letter - letters];
        skip(l, 1);
    } else {
        l->text[(*to)++] = '\\'; // not an escape: both characters stay
    }
    return SK_OK;
}

// The string's text is written over its source, which is never shorter.
static enum sk_code lex_string(struct jinja_lexer *l, struct jinja_token *token) {
    char quote = peek(l, 0);
    skip(l, 1);
    uint32_t from = l->at, to = from;
    while (l->at < l->len && l->text[l->at] != quote) {
        if (l->text[l->at] == '\\') {
            TRY(lex_escape(l, &to));
        } else {
            l->text[to] = l->text[l->at];
            l->line += l->text[to++] == '\n';
            l->at++;
        }
    }
    if (l->at == l->len) return refuse(l, "the string does not end");
    l->at++;
    token->kind = TOKEN_STRING;
    token->text = (struct jinja_span){from, to - from};
    return SK_OK;
}

static enum sk_code lex_number(struct jinja_lexer *l, struct jinja_token *token) {
    uint32_t n = 0;
    bool real = false;
    while (is_digit(peek(l, n))) n++;
    if (!l->after_dot && peek(l, n) == '.' && is_digit(peek(l, n + 1))) {
        real = true;
        n++;
        while (is_digit(peek(l, n))) n++;
    }
    char text[NUMBER_MAX];
    if (n >= sizeof text) return refuse(l, "a number of too many digits");
    memcpy(text, l->text + l->at, n);
    text[n] = '\0';
    token->kind = real ? TOKEN_FLOAT : TOKEN_INT;
    if (real)
        token->real = strtod(text, NULL);
    else
        for (uint32_t i = 0; i < n; i++)
            if (__builtin_mul_overflow(token->integer, 10, &token->integer) ||
                __builtin_add_overflow(token->integer, text[i] - '0', &token->integer))
                return refuse(l, "a number over 2^63");
    skip(l, n);
    return SK_OK;
}

// The end of a tag, `%}` or `}}`, with its sign; false when there is none here.
static bool lex_end(struct jinja_lexer *l, struct jinja_token *token) {
    char sign = peek(l, 0);
    uint32_t n = sign == '-' || sign == '+';
    bool block = peek(l, n) == '%' && peek(l, n + 1) == '}';
    bool output = peek(l, n) == '}' && peek(l, n + 1) == '}' && l->braces == 0;
    if (!block && !(output && sign != '+')) return false;
    skip(l, n + 2);
    after_tag(l, sign, block);
    token->kind = block ? TOKEN_BLOCK_END : TOKEN_OUTPUT_END;
    return true;
}

static enum sk_code lex_sign(struct jinja_lexer *l, struct jinja_token *token) {
    static const char *const signs[] = {"**", "//", "==", "!=", "<=", ">=", "(", ")", "[", "]", "{",
                                        "}",  ",",  ".",  ":",  "|",  "<",  ">", "+", "-", "~", "*",
                                        "/",  "%",  "="};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        if (!at_text(l, signs[i])) continue;
        uint32_t n = (uint32_t)strlen(signs[i]);
        token->kind = TOKEN_SIGN;
        token->text = (struct jinja_span){l->at, n};
        if (*signs[i] == '{') l->braces++;
        if (*signs[i] == '}' && l->braces > 0) l->braces--;
        skip(l, n);
        return SK_OK;
    }
    return refuse(l, "a character that means nothing here");
}

enum sk_code jinja_lex(struct jinja_lexer *l, struct jinja_token *token) {
    *token = (struct jinja_token){0};
    if (!l->inside) return lex_outside(l, token);
    skip_space(l);
    token->line = l->line;
    if (l->at == l->len) return refuse(l, "the template ends inside a tag");
    if (lex_end(l, token)) return SK_OK;
    char c = peek(l, 0);
    enum sk_code code = SK_OK;
    if (c == '\'' || c == '"') {
        code = lex_string(l, token);
    } else if (is_digit(c)) {
        code = lex_number(l, token);
    } else if (is_word(c)) {
        uint32_t from = l->at;
        while (is_word(peek(l, 0))) l->at++;
        token->kind = TOKEN_NAME;
        token->text = (struct jinja_span){from, l->at - from};
    } else {
        code = lex_sign(l, token);
    }
    l->after_dot = token->kind == TOKEN_SIGN && c == '.';
    return code;
}
