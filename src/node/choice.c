#include "node/choice.h"

enum { MARK = 0x1E, MARK_END = 0x1F };

static const char *const names[] = {[ENGINE_CONTENT] = "content",
                                    [ENGINE_REASONING] = "reasoning",
                                    [ENGINE_CALL] = "call",
                                    [ENGINE_ARGUMENTS] = "arguments"};

void choice_put(enum engine_channel *last, struct engine_part part, struct buf *out) {
    must(part.channel <= ENGINE_ARGUMENTS);
    if (part.channel != *last || part.channel == ENGINE_CALL) {
        buf_put_char(out, MARK);
        buf_put_text(out, names[part.channel]);
        buf_put_char(out, MARK_END);
    }
    *last = part.channel;
    for (const char *at = part.text.at, *end = at + part.text.len; at < end;) {
        const char *mark = memchr(at, MARK, (size_t)(end - at)), *stop = mark ? mark + 1 : end;
        buf_put(out, at, (size_t)(stop - at));
        if (mark) buf_put_char(out, MARK);
        at = stop;
    }
}
