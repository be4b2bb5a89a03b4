#include "engine/dialect_call.h"

#include <string.h>

// ---- literals ----

enum match { MATCH_NOT, MATCH_GOES, MATCH_WHOLE, MATCH_BEFORE };

// One byte further in a literal. BEFORE: it was whole already, and the byte is not its.
static enum match match_byte(const char **at, char byte) {
    for (;; ++*at) {
        if (dialect_space(**at) && dialect_space(byte)) return MATCH_GOES;
        if (**at == DIALECT_ID && dialect_name_char(byte)) return MATCH_GOES;
        if (!dialect_space(**at) && **at != DIALECT_ID) break;
    }
    if (**at == '\0') return MATCH_BEFORE;
    if (**at != byte) return MATCH_NOT;
    ++*at;
    return **at ? MATCH_GOES : MATCH_WHOLE;
}

static enum match match_exact(const char **at, char byte) {
    if (**at != byte) return MATCH_NOT;
    ++*at;
    return **at ? MATCH_GOES : MATCH_WHOLE;
}

// A literal in which white space and ids may be left out begins with this.
static bool literal_starts(const char *literal, struct view name) {
    if (!literal) return false;
    while (dialect_space(*literal) || *literal == DIALECT_ID) literal++;
    return strncmp(literal, name.at, name.len) == 0;
}

// ---- where a call begins ----

static void expect(struct answer *answer, enum answer_state state, const char *literal,
                   const char *other) {
    answer->state = state;
    answer->literal = literal;
    answer->other = other;
}

void call_begin(struct answer *answer) {
    const char *before = answer->dialect->before;
    answer->name_at = answer->held_len;
    expect(answer, *before ? ANSWER_BEFORE : ANSWER_NAME, before, NULL);
}

void call_reject(struct answer *answer) {
    answer->bare = answer->sure = false;
    if (answer->called) { // the grammar does not let this happen
        answer->held_len = 0;
        answer->state = ANSWER_ENDED;
        return;
    }
    answer->state = ANSWER_CONTENT;
    size_t len = 0;
    do len++;
    while (len < answer->held_len && dialect_space(answer->held[len - 1]));
    char first[ANSWER_HELD_MAX];
    memcpy(first, answer->held, len);
    answer_again(answer, len);
    answer_say(answer, ENGINE_CONTENT, (struct view){first, len});
}

static void say(struct answer *answer, const char *text) {
    answer_say(answer, ENGINE_ARGUMENTS, view_of(text));
}

static void take_arguments(struct answer *answer) {
    const struct dialect_tools *tools = answer->tools;
    answer->held_len = 0;
    answer_say(answer, ENGINE_CALL,
               (struct view){tools->names[answer->tool], tools->name_lens[answer->tool]});
    answer->called = true;
    answer->argued = false;
    answer->depth = 0;
    answer->quoted = answer->escaped = false;
    if (answer->dialect->arguments == DIALECT_TAGS) {
        say(answer, "{");
        expect(answer, ANSWER_TAG, answer->dialect->argument[0], answer->dialect->close);
    } else if (answer->dialect->arguments == DIALECT_PAIRS) {
        call_pairs_begin(answer);
    } else {
        answer->state = ANSWER_JSON;
    }
}

// The byte after the name is there to be read again.
static void take_name(struct answer *answer) {
    struct view name = {answer->held + answer->name_at, answer->held_len - answer->name_at};
    int tool = dialect_tools_find(answer->tools, name);
    if (tool < 0) {
        call_reject(answer);
        return;
    }
    answer->tool = (uint32_t)tool;
    const char *after = answer->dialect->after;
    if (*after)
        expect(answer, ANSWER_FRAME, after, NULL);
    else
        take_arguments(answer);
    answer->asks = answer->bare;
    answer->bare = false;
}

static void call_closes(struct answer *answer) {
    if (answer->dialect->arguments == DIALECT_TAGS) say(answer, "}");
    answer_flush(answer);
    answer->held_len = 0;
    const char *end = answer->dialect->end;
    expect(answer, ANSWER_NEXT, answer->dialect->next, *end ? end : NULL);
}

void call_arguments_end(struct answer *answer) {
    const struct dialect *dialect = answer->dialect;
    if (*dialect->close)
        expect(answer, ANSWER_TAIL, dialect->close, dialect->tag);
    else
        call_closes(answer);
}

static void read_json(struct answer *answer, char byte) {
    if (answer->depth == 0 && byte != '{') {
        if (!dialect_space(byte)) answer->state = ANSWER_ENDED;
        return;
    }
    answer_say(answer, ENGINE_ARGUMENTS, (struct view){&byte, 1});
    if (answer->escaped) {
        answer->escaped = false;
    } else if (answer->quoted) {
        answer->escaped = byte == '\\';
        answer->quoted = byte != '"';
    } else if (byte == '"') {
        answer->quoted = true;
    } else if (byte == '{' || byte == '[') {
        answer->depth++;
    } else if ((byte == '}' || byte == ']') && --answer->depth == 0) {
        call_arguments_end(answer);
    }
}

// ---- arguments between tags ----

void call_say_escaped(struct answer *answer, struct view text) {
    char storage[6 * ANSWER_HELD_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c == '"' || c == '\\')
            buf_print(&out, "\\%c", c);
        else if (c == '\n')
            buf_put_text(&out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_print(&out, "\\u%04x", c);
        else
            buf_put_char(&out, text.at[i]);
    }
    must(!out.over);
    answer_say(answer, ENGINE_ARGUMENTS, buf_view(&out));
}

static void take_key(struct answer *answer) {
    struct view key = {answer->held, answer->held_len};
    answer->raw = dialect_tools_is_text(answer->tools, answer->tool, key);
    say(answer, answer->argued ? ", \"" : "\"");
    answer->argued = true;
    call_say_escaped(answer, key);
    say(answer, answer->raw ? "\": \"" : "\": ");
    answer->held_len = 0;
    expect(answer, ANSWER_KEY_END, answer->dialect->argument[1], NULL);
}

static void read_key(struct answer *answer, char byte) {
    if (byte == answer->dialect->argument[1][0]) {
        take_key(answer);
        answer->from--;
    } else if (answer->held_len < TOOLS_KEY_MAX) {
        answer_hold(answer, byte);
    } else {
        answer->state = ANSWER_ENDED;
    }
}

static void read_key_end(struct answer *answer, char byte) {
    enum match match = match_exact(&answer->literal, byte);
    if (match == MATCH_WHOLE) answer->state = ANSWER_VALUE;
    if (match == MATCH_NOT) answer->state = ANSWER_ENDED;
}

static void read_value(struct answer *answer, char byte) {
    const char *end = answer->dialect->argument[2];
    size_t len = strlen(end);
    answer_hold(answer, byte);
    while (answer->held_len && memcmp(end, answer->held, answer->held_len) != 0) {
        struct view first = {answer->held, 1};
        if (answer->raw)
            call_say_escaped(answer, first);
        else
            answer_say(answer, ENGINE_ARGUMENTS, first);
        memmove(answer->held, answer->held + 1, --answer->held_len);
    }
    if (answer->held_len < len) return;
    answer->held_len = 0;
    if (answer->raw) say(answer, "\"");
    expect(answer, ANSWER_TAG, answer->dialect->argument[0], answer->dialect->close);
}

// ---- where two literals may come ----

static void matched(struct answer *answer, bool first) {
    switch (answer->state) {
    case ANSWER_TAG:
        answer->held_len = 0;
        if (first)
            answer->state = ANSWER_KEY;
        else
            call_closes(answer);
        break;
    case ANSWER_TAIL:
        if (first)
            call_closes(answer);
        else
            expect(answer, ANSWER_CLOSE, answer->dialect->close, NULL);
        break;
    case ANSWER_CLOSE: call_closes(answer); break;
    case ANSWER_NEXT:
        answer->held_len = answer->name_at = 0;
        answer->state = first ? ANSWER_NAME : ANSWER_ENDED;
        break;
    case ANSWER_BEFORE:
        answer->name_at = answer->held_len;
        answer->state = ANSWER_NAME;
        break;
    case ANSWER_FRAME: take_arguments(answer); break;
    default: must(false);
    }
}

static void read_literal(struct answer *answer, char byte) {
    enum match one = answer->literal ? match_byte(&answer->literal, byte) : MATCH_NOT;
    enum match two = answer->other ? match_byte(&answer->other, byte) : MATCH_NOT;
    if (one == MATCH_WHOLE || two == MATCH_WHOLE) {
        matched(answer, one == MATCH_WHOLE);
    } else if (one == MATCH_BEFORE || two == MATCH_BEFORE) {
        answer->from--;
        if (!answer->called) answer->held_len--;
        matched(answer, one == MATCH_BEFORE);
    } else if (one == MATCH_NOT && two == MATCH_NOT) {
        call_reject(answer);
    } else {
        if (one == MATCH_NOT) answer->literal = NULL;
        if (two == MATCH_NOT) answer->other = NULL;
    }
}

// A name ends with the first byte that cannot be of one.
static void read_name(struct answer *answer, char byte) {
    if (dialect_name_char(byte)) {
        if (answer->called) answer_hold(answer, byte);
        return;
    }
    answer->from--;
    if (!answer->called) answer->held_len--;
    take_name(answer);
}

// ---- bytes and control tokens ----

void call_byte(struct answer *answer, char byte) {
    switch (answer->state) {
    case ANSWER_JSON: read_json(answer, byte); return;
    case ANSWER_PAIRS: call_pairs_byte(answer, byte); return;
    case ANSWER_KEY: read_key(answer, byte); return;
    case ANSWER_KEY_END: read_key_end(answer, byte); return;
    case ANSWER_VALUE: read_value(answer, byte); return;
    case ANSWER_ENDED: return;
    default: break;
    }
    // Until its part is out, a call may turn out to be content.
    if (answer->held_len == ANSWER_HELD_MAX) {
        answer->from--;
        call_reject(answer);
        return;
    }
    if (!answer->called) answer_hold(answer, byte);
    if (answer->state == ANSWER_NAME)
        read_name(answer, byte);
    else
        read_literal(answer, byte);
}

bool call_wants(const struct answer *answer, struct view name) {
    const struct dialect *dialect = answer->dialect;
    if (answer->state == ANSWER_PAIRS) return call_pairs_wants(answer, name);
    if (answer->state == ANSWER_NAME) // it may end here
        return literal_starts(dialect->after, name) ||
               (!*dialect->after && (literal_starts(dialect->argument[0], name) ||
                                     literal_starts(dialect->close, name)));
    return literal_starts(answer->literal, name) || literal_starts(answer->other, name);
}
