// Bytes as spans and messages: each span found lies within its message, as asked; without any
// asked for, the sentences of a message are all of it but white space at its end.
#include <string.h>

#include "base/utf8.h"
#include "engine/spans.h"

enum { MESSAGES = 4, ASKED = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Texts end with NUL.
static uint32_t take_messages(struct view rest, struct engine_message *messages) {
    uint32_t len = 0;
    while (len < MESSAGES && rest.len > 0) {
        const char *nul = memchr(rest.at, 0, rest.len);
        struct view text = {rest.at, nul ? (size_t)(nul - rest.at) : rest.len};
        if (!utf8_check(text)) return 0;
        messages[len++].text = text;
        rest = view_from(rest, text.len + 1);
    }
    return len;
}

static void check(const struct engine_job *job, const struct spans *spans, bool sentences) {
    size_t at = 0;
    for (uint32_t i = 0; i < spans->len; i++) {
        const struct span *span = &spans->at[i];
        must(span->message < job->messages_len && span->first < span->end);
        struct view text = job->messages[span->message].text;
        must(span->from < span->to && span->to <= text.len);
        must(utf8_check((struct view){text.at, span->from}));
        must(utf8_check((struct view){text.at + span->from, span->to - span->from}));
        if (!sentences) continue;
        bool goes_on = i > 0 && spans->at[i - 1].message == span->message;
        must(span->from == (goes_on ? at : 0));
        at = span->to;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct engine_message messages[MESSAGES] = {0};
    struct engine_span asked[ASKED];
    struct spans spans;
    uint32_t asked_len = size ? data[0] % ASKED : 0;
    if (size < 1 + 3 * (size_t)asked_len) return 0;
    for (uint32_t i = 0; i < asked_len; i++) {
        const uint8_t *span = data + 1 + 3 * i;
        asked[i] = (struct engine_span){span[0], span[1], span[2]};
    }
    size_t from = 1 + 3 * (size_t)asked_len;
    struct engine_job job = {.messages = messages};
    job.messages_len = take_messages((struct view){(const char *)data + from, size - from}, messages);
    struct engine_attribute ask = {.job = &job, .spans = asked, .spans_len = asked_len};
    if (spans_find(&ask, &spans) == SK_OK) check(&job, &spans, asked_len == 0);
    return 0;
}
