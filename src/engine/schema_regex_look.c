#include "base/buf.h"
#include "engine/schema_regex.h"

// Lookahead where it is a condition on the whole string: ^(?=a)(?!b)rest is what ^rest holds, what
// ^a holds too, and ^b does not.

// Where the group ends that the text is inside of (its parenthesis), or the text itself.
static size_t group_end(struct view text, bool *alternatives) {
    size_t depth = 0, at = 0;
    bool class = false;
    *alternatives = false;
    for (; at < text.len; at++) {
        char c = text.at[at];
        if (c == '\\') {
            at++;
        } else if (class) {
            class = c != ']';
        } else if (c == '[') {
            class = true;
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && depth-- == 0) {
            return at;
        } else if (c == '|' && depth == 0) {
            *alternatives = true;
        }
    }
    return text.len;
}

// before + text + after, compiled.
static enum sk_code compile_within(struct regex *regex, const char *const around[2],
                                   struct view text, struct arena *arena, const struct dfa **out) {
    size_t max = text.len + 8;
    struct buf whole = buf_over(arena_take(arena, max, 1), max);
    if (!whole.at) return SK_LIMIT;
    buf_put_text(&whole, around[0]);
    buf_put_view(&whole, text);
    buf_put_text(&whole, around[1]);
    must(!whole.over);
    return regex_compile(regex, buf_view(&whole), arena, out);
}

enum sk_code regex_parse(struct regex *regex, struct view pattern, struct arena *arena,
                         const struct dfa **out) {
    struct view looks = view_from(pattern, 1), rest = looks;
    bool alternatives;
    if (pattern.len == 0 || *pattern.at != '^') return regex_compile(regex, pattern, arena, out);
    while (view_starts(rest, VIEW("(?=")) || view_starts(rest, VIEW("(?!"))) {
        size_t end = group_end(view_from(rest, 3), &alternatives) + 3;
        if (end >= rest.len) return FAIL(SK_INPUT, "a parenthesis is not closed");
        rest = view_from(rest, end + 1);
    }
    group_end(rest, &alternatives);
    if (rest.len == looks.len || alternatives) return regex_compile(regex, pattern, arena, out);
    const struct dfa *found, *look;
    TRY(compile_within(regex, (const char *const[2]){"^", ""}, rest, arena, &found));
    while (looks.len > rest.len) {
        bool negative = looks.at[2] == '!';
        looks = view_from(looks, 3);
        struct view body = {looks.at, group_end(looks, &alternatives)};
        looks = view_from(looks, body.len + 1);
        TRY(compile_within(regex, (const char *const[2]){"^(?:", ")"}, body, arena, &look));
        TRY(negative ? dfa_minus(regex->make, found, look, arena, &found)
                     : dfa_and(regex->make, found, look, arena, &found));
    }
    *out = found;
    return SK_OK;
}
