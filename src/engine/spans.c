#include "engine/spans.h"

#include "base/utf8.h"

// A place in a text, by bytes and by code points.
struct cursor {
    struct view text;
    size_t at;
    uint32_t points;
};

// The character at the cursor and its bytes; 0 at the end.
static uint32_t look(const struct cursor *cursor, size_t *len) {
    uint32_t c = 0;
    struct view rest = view_from(cursor->text, cursor->at);
    *len = rest.len ? utf8_take(rest, &c) : 0;
    return c;
}

static void pass(struct cursor *cursor) {
    size_t len;
    look(cursor, &len);
    must(len > 0);
    cursor->at += len;
    cursor->points++;
}

// ---- spans as asked ----

static enum sk_code span_take(const struct engine_job *job, uint32_t index,
                              struct engine_span asked, struct span *out) {
    if (asked.message >= job->messages_len)
        return FAIL(SK_INPUT, "spans: span %u: message %u of %u", index, asked.message,
                    job->messages_len);
    if (asked.first >= asked.end) return FAIL(SK_INPUT, "spans: span %u is empty", index);
    struct cursor cursor = {.text = job->messages[asked.message].text};
    *out = (struct span){.message = asked.message, .first = asked.first, .end = asked.end};
    for (; cursor.points < asked.end && cursor.at < cursor.text.len; pass(&cursor))
        if (cursor.points == asked.first) out->from = cursor.at;
    if (cursor.points < asked.end)
        return FAIL(SK_INPUT, "spans: span %u ends at %u, message %u has %u characters", index,
                    asked.end, asked.message, cursor.points);
    out->to = cursor.at;
    return SK_OK;
}

// ---- sentences ----

static bool is_white(uint32_t c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x3000; }

// Ends a sentence whatever follows.
static bool is_end(uint32_t c) {
    return c == '\n' || c == 0x3002 || c == 0xff0e || c == 0xff01 || c == 0xff1f || c == 0xff61;
}

static bool is_stop(uint32_t c) { return c == '.' || c == '!' || c == '?'; }

static bool is_closing(uint32_t c) {
    static const uint32_t all[] = {'"',    '\'',   ')',    ']',    0xbb,   0x2019, 0x201d,
                                   0x3009, 0x300b, 0x300d, 0x300f, 0x3011, 0xff09, 0xff3d};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (c == all[i]) return true;
    return false;
}

// At marks that may end a sentence: passes them and what belongs to them. True: it ends here.
static bool pass_marks(struct cursor *cursor) {
    size_t len;
    bool ends = false;
    uint32_t c = look(cursor, &len);
    for (; is_end(c) || is_stop(c) || is_closing(c); c = look(cursor, &len)) {
        ends = ends || is_end(c);
        pass(cursor);
    }
    if (!ends && len > 0 && !is_white(c)) return false;
    for (; len > 0 && is_white(c); c = look(cursor, &len)) pass(cursor);
    return true;
}

// Passes one sentence; false when only white space is left.
static bool pass_sentence(struct cursor *cursor) {
    bool said = false;
    size_t len;
    for (uint32_t c; (c = look(cursor, &len)), len > 0;) {
        if (!is_end(c) && !is_stop(c)) {
            said = said || !is_white(c);
            pass(cursor);
        } else if (pass_marks(cursor) && said) {
            return true;
        } else {
            said = said || c != '\n';
        }
    }
    return said;
}

static uint32_t cut_message(struct view text, uint32_t message, struct spans *out) {
    uint32_t count = 0;
    struct cursor cursor = {.text = text}, begin = cursor;
    for (; pass_sentence(&cursor); begin = cursor, count++) {
        if (out->len == ENGINE_SPANS_MAX) continue; // counted
        out->at[out->len++] = (struct span){.message = message,
                                            .first = begin.points,
                                            .end = cursor.points,
                                            .from = begin.at,
                                            .to = cursor.at};
    }
    return count;
}

enum sk_code spans_find(const struct engine_attribute *ask, struct spans *out) {
    const struct engine_job *job = ask->job;
    uint32_t count = 0;
    out->len = 0;
    if (ask->spans_len > ENGINE_SPANS_MAX)
        return FAIL(SK_LIMIT, "spans: %u > %d", ask->spans_len, ENGINE_SPANS_MAX);
    for (; out->len < ask->spans_len; out->len++)
        TRY(span_take(job, out->len, ask->spans[out->len], &out->at[out->len]));
    if (ask->spans_len > 0) return SK_OK;
    for (uint32_t i = 0; i < job->messages_len; i++)
        count += cut_message(job->messages[i].text, i, out);
    if (count == 0) return FAIL(SK_INPUT, "spans: the messages hold no text");
    if (count > ENGINE_SPANS_MAX)
        return FAIL(SK_LIMIT, "spans: %u sentences > %d: name the spans", count, ENGINE_SPANS_MAX);
    return SK_OK;
}
