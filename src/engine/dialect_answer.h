// Dialect answer: the tokens of an answer in, its parts out: content, thoughts, calls.
//
// Promises: the same text gives the same parts, joined, however tokens cut it; marks are found
// across tokens and bytes that may begin one are held, no longer; what only looks like a call (its
// name is not offered, its frame is not the dialect's) is content, mark and all; a call's part
// comes when its name stands; of arguments only the object itself comes out; white space between
// thoughts, content and calls belongs to none of them; stops are looked for in content only; after
// the first call nothing is content. That arguments are whole JSON when the call closes is the
// grammar's work (dialect_grammar.h).
#pragma once
#include "engine/dialect.h"
#include "engine/dialect_tools.h"
#include "engine/engine.h"
#include "engine/spout.h"

enum {
    ANSWER_HELD_MAX = 320, // bytes from a mark to the end of the name, or of one argument's name
    ANSWER_SPACE_MAX = 32, // white space that is held before a mark
    ANSWER_QUEUE_MAX = ANSWER_HELD_MAX + SPOUT_PUT_MAX,
};

enum answer_state {
    ANSWER_BEGINS,  // thoughts, a bare call, or content
    ANSWER_THOUGHT,
    ANSWER_AFTER,   // the thoughts: white space
    ANSWER_CONTENT,
    ANSWER_BEFORE,  // from the mark to the name
    ANSWER_NAME,
    ANSWER_FRAME,   // from the name to the arguments
    ANSWER_JSON,    // arguments
    ANSWER_TAG,     // another argument, or the close
    ANSWER_KEY,
    ANSWER_KEY_END,
    ANSWER_VALUE,
    ANSWER_PAIRS,
    ANSWER_TAIL,    // the call's tag, or its close
    ANSWER_CLOSE,
    ANSWER_NEXT,    // the next call, or the end
    ANSWER_ENDED,   // nothing follows
};

enum answer_pairs { // where pairs stand
    PAIRS_KEY,
    PAIRS_VALUE,
    PAIRS_QUOTE,
    PAIRS_TEXT,
    PAIRS_WORD,
    PAIRS_AFTER,
};

struct answer {
    const struct dialect *dialect;         // NULL: no calls
    const struct dialect_thought *thought; // NULL: no thoughts
    const struct dialect_tools *tools;     // offered; with dialect
    enum answer_state state;
    const char *literal, *other; // what is left of what must come, or may come instead (NULL)
    bool bare;      // a call may begin here without its mark
    bool asks;      // see answer_asks
    bool by_token;  // what was put last is a control token
    bool spoke;     // some content went out
    bool sure;      // what began is a call
    bool called;    // its part went out
    bool thinking;  // some thought went out
    bool argued;    // an argument of this call went out
    bool raw;       // this argument is a string as it is
    bool quoted, escaped;
    enum answer_pairs pairs;
    uint64_t lists; // bit by depth: a list is open there
    uint32_t depth, tool; // of JSON; the call's
    char held[ANSWER_HELD_MAX], queue[ANSWER_QUEUE_MAX];
    size_t held_len, name_at; // where in held the name begins
    size_t from, to;          // of the queue
    size_t thought_end;       // where in it thoughts ended, 0: not in this token
    // What goes out.
    struct spout spout;
    enum engine_channel channel; // of what the spout holds
    uint32_t stop;
    struct engine_part parts[ENGINE_PARTS_MAX];
    uint32_t parts_len;
    char text[ENGINE_PIECE_MAX];
    struct buf out;
    bool over; // parts or text did not fit
};

// Begins an answer of the job; `thinking`: its prompt ended with the mark of thoughts. Errors as
// spout_init.
enum sk_code answer_init(struct answer *answer, const struct engine_job *job,
                         const struct dialect *dialect, const struct dialect_thought *thought,
                         const struct dialect_tools *tools, bool thinking);

// Forgets the parts that are out, whose texts end here.
void answer_next(struct answer *answer);
// Adds the bytes of a token (<= VOCAB_PIECE_MAX), or the name of a control token, which counts only
// where it is a mark that may come. SK_LIMIT: more parts, or text, than one event has room for.
// answer->stop then is the stop string that ended it.
enum sk_code answer_put(struct answer *answer, struct view bytes);
enum sk_code answer_mark(struct answer *answer, struct view name);

// Whether it stands where a first call seems to begin: behind its mark, or, without one, behind the
// name of an offered tool. Nothing goes on until it is told: *text is what came since the mark, or
// of the call when there was none.
bool answer_asks(const struct answer *answer, bool *marked, struct view text[2]);
// It is a call; or it is none: content, in which calls are looked for from the second byte on.
enum sk_code answer_accept(struct answer *answer);
enum sk_code answer_refuse(struct answer *answer);

// The end: what is held goes out, unless it is of a call.
enum sk_code answer_end(struct answer *answer);

// What came behind the mark that ended thoughts, in the bytes put last, but for white space.
struct view answer_after_thought(const struct answer *answer);
