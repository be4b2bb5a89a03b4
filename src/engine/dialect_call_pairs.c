// Arguments as pairs: {key:value,…}, in which strings stand between quotes of the dialect's own.
#include <string.h>

#include "engine/dialect_call.h"

enum { PAIRS_DEPTH_MAX = 60 };

static void say(struct answer *answer, const char *text) {
    answer_say(answer, ENGINE_ARGUMENTS, view_of(text));
}

static bool in_list(const struct answer *answer) { return answer->lists >> answer->depth & 1; }

static void open_container(struct answer *answer, bool list) {
    if (answer->depth == PAIRS_DEPTH_MAX) {
        answer->state = ANSWER_ENDED;
        return;
    }
    answer->depth++;
    answer->lists &= ~(UINT64_C(1) << answer->depth);
    answer->lists |= (uint64_t)list << answer->depth;
    answer->pairs = list ? PAIRS_VALUE : PAIRS_KEY;
    say(answer, list ? "[" : "{");
}

static void close_container(struct answer *answer) {
    say(answer, in_list(answer) ? "]" : "}");
    answer->pairs = PAIRS_AFTER;
    if (--answer->depth == 0) call_arguments_end(answer);
}

static void read_key(struct answer *answer, char byte) {
    if (answer->held_len == 0 && dialect_space(byte)) return;
    if (answer->held_len == 0 && byte == '}') {
        close_container(answer);
    } else if (byte == ':') {
        say(answer, "\"");
        call_say_escaped(answer, (struct view){answer->held, answer->held_len});
        say(answer, "\": ");
        answer->held_len = 0;
        answer->pairs = PAIRS_VALUE;
    } else if (answer->held_len < TOOLS_KEY_MAX) {
        answer_hold(answer, byte);
    } else {
        answer->state = ANSWER_ENDED;
    }
}

static void read_value(struct answer *answer, char byte) {
    if (dialect_space(byte)) return;
    if (byte == '{' || byte == '[') {
        open_container(answer, byte == '[');
    } else if (byte == ']' && in_list(answer)) {
        close_container(answer);
    } else if (byte == answer->dialect->quote[0]) {
        answer_hold(answer, byte);
        answer->pairs = PAIRS_QUOTE;
    } else {
        answer->pairs = PAIRS_WORD;
        answer->from--;
    }
}

static void read_quote(struct answer *answer, char byte) {
    const char *quote = answer->dialect->quote;
    answer_hold(answer, byte);
    if (memcmp(quote, answer->held, answer->held_len) != 0) {
        answer->state = ANSWER_ENDED;
    } else if (answer->held_len == strlen(quote)) {
        answer->held_len = 0;
        answer->pairs = PAIRS_TEXT;
        say(answer, "\"");
    }
}

static void read_text(struct answer *answer, char byte) {
    const char *quote = answer->dialect->quote;
    answer_hold(answer, byte);
    while (answer->held_len && memcmp(quote, answer->held, answer->held_len) != 0) {
        call_say_escaped(answer, (struct view){answer->held, 1});
        memmove(answer->held, answer->held + 1, --answer->held_len);
    }
    if (answer->held_len < strlen(quote)) return;
    answer->held_len = 0;
    answer->pairs = PAIRS_AFTER;
    say(answer, "\"");
}

// A number, true, false or null.
static void read_word(struct answer *answer, char byte) {
    if (byte == ',' || byte == '}' || byte == ']' || dialect_space(byte)) {
        answer->pairs = PAIRS_AFTER;
        answer->from--;
    } else {
        answer_say(answer, ENGINE_ARGUMENTS, (struct view){&byte, 1});
    }
}

static void read_after(struct answer *answer, char byte) {
    if (byte == ',') {
        say(answer, ", ");
        answer->pairs = in_list(answer) ? PAIRS_VALUE : PAIRS_KEY;
    } else if (byte == '}' || byte == ']') {
        close_container(answer);
    } else if (!dialect_space(byte)) {
        answer->state = ANSWER_ENDED;
    }
}

void call_pairs_begin(struct answer *answer) {
    answer->state = ANSWER_PAIRS;
    answer->pairs = PAIRS_VALUE;
    answer->lists = 0;
}

void call_pairs_byte(struct answer *answer, char byte) {
    if (answer->depth == 0 && byte != '{') {
        if (!dialect_space(byte)) answer->state = ANSWER_ENDED;
        return;
    }
    switch (answer->pairs) {
    case PAIRS_KEY: read_key(answer, byte); break;
    case PAIRS_VALUE: read_value(answer, byte); break;
    case PAIRS_QUOTE: read_quote(answer, byte); break;
    case PAIRS_TEXT: read_text(answer, byte); break;
    case PAIRS_WORD: read_word(answer, byte); break;
    case PAIRS_AFTER: read_after(answer, byte); break;
    }
}

bool call_pairs_wants(const struct answer *answer, struct view name) {
    bool place = answer->pairs == PAIRS_VALUE || answer->pairs == PAIRS_TEXT;
    return place && answer->depth > 0 && view_is(name, answer->dialect->quote);
}
