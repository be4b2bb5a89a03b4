#include "engine/dialect_answer.h"

#include <string.h>

#include "engine/dialect_call.h"

enum sk_code answer_init(struct answer *answer, const struct engine_job *job,
                         const struct dialect *dialect, const struct dialect_thought *thought,
                         const struct dialect_tools *tools, bool thinking) {
    answer->dialect = dialect;
    answer->thought = thought;
    answer->tools = tools;
    answer->bare = dialect && dialect->bare;
    answer->state = thinking && thought     ? ANSWER_THOUGHT
                    : thought || answer->bare ? ANSWER_BEGINS
                                              : ANSWER_CONTENT;
    answer->literal = answer->other = NULL;
    answer->asks = answer->by_token = answer->sure = answer->called = answer->spoke = false;
    answer->thinking = answer->argued = answer->raw = false;
    answer->held_len = 0;
    answer->channel = ENGINE_CONTENT;
    answer->stop = ENGINE_NO_STOP;
    answer_next(answer);
    return spout_init(&answer->spout, job);
}

void answer_next(struct answer *answer) {
    answer->parts_len = 0;
    answer->out = buf_over(answer->text, sizeof answer->text);
    answer->over = false;
}

// ---- what goes out ----

// What was written to `out` from a length on belongs to the current channel.
static void add_part(struct answer *answer, size_t from) {
    size_t len = answer->out.len - from;
    if (len == 0) return;
    struct engine_part *last = answer->parts_len ? &answer->parts[answer->parts_len - 1] : NULL;
    if (last && last->channel == answer->channel && last->channel != ENGINE_CALL) {
        last->text.len += len;
    } else if (answer->parts_len == ENGINE_PARTS_MAX) {
        answer->over = true;
    } else {
        answer->parts[answer->parts_len++] =
            (struct engine_part){answer->channel, {answer->text + from, len}};
    }
}

void answer_flush(struct answer *answer) {
    size_t from = answer->out.len;
    spout_end(&answer->spout, &answer->out);
    add_part(answer, from);
}

void answer_say(struct answer *answer, enum engine_channel channel, struct view bytes) {
    if (answer->channel != channel) answer_flush(answer);
    answer->channel = channel;
    if (channel == ENGINE_CONTENT && bytes.len) answer->spoke = true;
    size_t from = answer->out.len;
    while (bytes.len && answer->stop == ENGINE_NO_STOP) {
        struct view some = {bytes.at, bytes.len < SPOUT_PUT_MAX ? bytes.len : SPOUT_PUT_MAX};
        answer->stop =
            spout_put(&answer->spout, some, channel == ENGINE_CONTENT, &answer->out);
        bytes = view_from(bytes, some.len);
    }
    add_part(answer, from);
}

// ---- the queue ----

void answer_hold(struct answer *answer, char byte) {
    must(answer->held_len < ANSWER_HELD_MAX);
    answer->held[answer->held_len++] = byte;
}

// What is held is read again from its byte `from` on.
void answer_again(struct answer *answer, size_t from) {
    size_t len = answer->held_len - from;
    must(answer->from >= len);
    answer->from -= len;
    memcpy(answer->queue + answer->from, answer->held + from, len);
    answer->held_len = 0;
}

// ---- thoughts and content ----

// Whether held is white space, not too much of it, and then the beginning of a mark. *spaces: how
// much; *whole: all of the mark is there.
static bool may_be(const struct answer *answer, const char *mark, size_t *spaces, bool *whole) {
    *spaces = 0;
    while (*spaces < answer->held_len && dialect_space(answer->held[*spaces])) ++*spaces;
    size_t len = answer->held_len - *spaces, all = mark ? strlen(mark) : 0;
    *whole = len > 0 && len == all;
    if (*spaces > ANSWER_SPACE_MAX || len > all) return false;
    return len == 0 || memcmp(mark, answer->held + *spaces, len) == 0;
}

static void read_beginning(struct answer *answer, char byte) {
    size_t spaces;
    bool whole;
    answer_hold(answer, byte);
    bool first = answer->state == ANSWER_BEGINS;
    const char *mark = answer->thought && first ? answer->thought->open : NULL;
    bool may = may_be(answer, mark, &spaces, &whole);
    if (whole) {
        answer->held_len = 0;
        answer->state = ANSWER_THOUGHT;
    } else if (!may) {
        bool bare = answer->bare && answer->held[spaces] == answer->dialect->before[0];
        answer_again(answer, bare || !first ? spaces : 0);
        answer->state = ANSWER_CONTENT;
        if (bare) call_begin(answer);
    }
}

static void let_one_go(struct answer *answer, enum engine_channel channel) {
    char byte = answer->held[0];
    memmove(answer->held, answer->held + 1, --answer->held_len);
    if (channel == ENGINE_REASONING) {
        if (!answer->thinking && dialect_space(byte)) return;
        answer->thinking = true;
    }
    answer_say(answer, channel, (struct view){&byte, 1});
}

static void read_thought(struct answer *answer, char byte) {
    size_t spaces;
    bool whole;
    answer_hold(answer, byte);
    while (!may_be(answer, answer->thought->close, &spaces, &whole))
        let_one_go(answer, ENGINE_REASONING);
    if (!whole) return;
    answer->held_len = 0;
    answer->thought_end = answer->from;
    answer->state = ANSWER_AFTER;
}

static void read_content(struct answer *answer, char byte) {
    size_t spaces;
    bool whole;
    answer_hold(answer, byte);
    while (!may_be(answer, answer->dialect->open, &spaces, &whole))
        let_one_go(answer, ENGINE_CONTENT);
    if (!whole) return;
    answer->bare = false;
    call_begin(answer);
    answer->asks = true;
}

// ---- bytes ----

static void read_byte(struct answer *answer, char byte) {
    switch (answer->state) {
    case ANSWER_BEGINS:
    case ANSWER_AFTER: read_beginning(answer, byte); break;
    case ANSWER_THOUGHT: read_thought(answer, byte); break;
    case ANSWER_CONTENT: read_content(answer, byte); break;
    default: call_byte(answer, byte);
    }
}

static enum sk_code room(const struct answer *answer) {
    if (!answer->over && !answer->out.over) return SK_OK;
    return FAIL(SK_LIMIT, "a token brings more than %d parts or %d bytes", ENGINE_PARTS_MAX,
                ENGINE_PIECE_MAX);
}

static enum sk_code read_queue(struct answer *answer) {
    while (answer->from < answer->to && answer->stop == ENGINE_NO_STOP && !answer->asks) {
        if (answer->state == ANSWER_CONTENT && !answer->dialect) {
            answer_say(answer, ENGINE_CONTENT,
                (struct view){answer->queue + answer->from, answer->to - answer->from});
            break;
        }
        read_byte(answer, answer->queue[answer->from++]);
    }
    return room(answer);
}

enum sk_code answer_put(struct answer *answer, struct view bytes) {
    must(bytes.len <= SPOUT_PUT_MAX);
    answer->thought_end = 0;
    answer->by_token = false;
    answer->from = ANSWER_HELD_MAX;
    answer->to = answer->from + bytes.len;
    if (bytes.len) memcpy(answer->queue + answer->from, bytes.at, bytes.len);
    return read_queue(answer);
}

// ---- control tokens ----

// What is held begins no mark: a control token does not go on with it.
static void let_go(struct answer *answer, enum engine_channel channel) {
    while (answer->held_len) let_one_go(answer, channel);
}

// Whether a control token of this name is a mark where the answer is.
static bool wants(struct answer *answer, struct view name) {
    const struct dialect *dialect = answer->dialect;
    size_t spaces = 0;
    while (spaces < answer->held_len && dialect_space(answer->held[spaces])) spaces++;
    bool clear = spaces == answer->held_len;
    switch (answer->state) {
    case ANSWER_THOUGHT:
        if (!view_is(name, answer->thought->close)) return false;
        if (!clear) let_go(answer, ENGINE_REASONING);
        return true;
    case ANSWER_BEGINS:
        if (answer->thought && strncmp(answer->thought->open, name.at, name.len) == 0) return clear;
        break;
    case ANSWER_AFTER:
    case ANSWER_CONTENT: break;
    default: return call_wants(answer, name);
    }
    if (!dialect || !view_is(name, dialect->open)) return false;
    if (!clear) let_go(answer, ENGINE_CONTENT);
    answer->state = ANSWER_CONTENT;
    return true;
}

enum sk_code answer_mark(struct answer *answer, struct view name) {
    enum sk_code code = answer_put(answer, wants(answer, name) ? name : VIEW(""));
    answer->by_token = true;
    return code;
}

struct view answer_after_thought(const struct answer *answer) {
    size_t from = answer->thought_end ? answer->thought_end : answer->to;
    while (from < answer->to && dialect_space(answer->queue[from])) from++;
    return (struct view){answer->queue + from, answer->to - from};
}

// ---- what is a call ----

bool answer_asks(const struct answer *answer, bool *marked, struct view text[2]) {
    if (!answer->asks) return false;
    *marked = answer->state == ANSWER_BEFORE || answer->state == ANSWER_NAME;
    text[0] = (struct view){answer->held, *marked ? 0 : answer->held_len};
    text[1] = (struct view){answer->queue + answer->from, answer->to - answer->from};
    return true;
}

enum sk_code answer_accept(struct answer *answer) {
    answer->asks = false;
    answer->sure = true;
    return read_queue(answer);
}

enum sk_code answer_refuse(struct answer *answer) {
    answer->asks = false;
    call_reject(answer);
    return read_queue(answer);
}

enum sk_code answer_end(struct answer *answer) {
    enum answer_state state = answer->state;
    struct view held = {answer->held, answer->held_len};
    if (state == ANSWER_THOUGHT)
        answer_say(answer, ENGINE_REASONING, held);
    else if (state != ANSWER_AFTER && !answer->sure && !answer->called)
        answer_say(answer, ENGINE_CONTENT, held);
    answer->held_len = 0;
    answer->state = ANSWER_ENDED;
    answer_flush(answer);
    return room(answer);
}
