#include "engine/dialect_embed.h"

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

// The bytes up to the end of what begins with `text.at[0]`, where no rule is named.
static size_t skip(struct view text) {
    char end;
    switch (text.at[0]) {
    case '"': end = '"'; break;
    case '[': end = ']'; break;
    case '{': end = '}'; break;
    case '<': end = '>'; break;
    case '#': end = '\n'; break;
    default: return 1;
    }
    bool escapes = end == '"' || end == ']';
    size_t len = 1;
    while (len < text.len && text.at[len] != end) len += escapes && text.at[len] == '\\' ? 2 : 1;
    return len < text.len ? len + 1 : text.len;
}

void dialect_embed(struct view gbnf, const char *prefix, struct buf *out) {
    while (gbnf.len) {
        size_t len = 0;
        while (len < gbnf.len && is_name(gbnf.at[len])) len++;
        if (len) buf_put_text(out, prefix);
        if (!len) len = skip(gbnf);
        buf_put(out, gbnf.at, len);
        gbnf = view_from(gbnf, len);
    }
    buf_put_char(out, '\n');
}

void dialect_put_class(struct buf *out, char c) {
    switch (c) {
    case '\n': buf_put_text(out, "\\n"); break;
    case ']':
    case '\\':
    case '^':
    case '-': buf_print(out, "\\%c", c); break;
    default: buf_put_char(out, c);
    }
}
