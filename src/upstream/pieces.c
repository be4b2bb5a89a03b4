// What a place's answer becomes: pieces in the reader's queue, calls, why it ended.
#include "upstream/reader.h"

#include <math.h>

#include "base/utf8.h"
#include "base/wire.h"

enum { PART_HEAD = 5 }; // bytes before a part's text

enum sk_code reader_corrupt(const char *what) {
    return FAIL(SK_CORRUPT, "the place's answer: %s", what);
}

// A word like overloaded_error.
static bool is_word(struct view text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '-' && c != '.') return false;
    }
    return text.len > 0 && text.len <= 64;
}

enum sk_code reader_broken(const struct json_node *root) {
    static const char *const names[] = {"type", "code", "status"};
    const struct json_node *error = json_find(root, "error");
    if (!json_is(error, JSON_OBJECT)) error = root;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json_node *node = json_find(error, names[i]);
        bool told = json_is(node, JSON_STRING) || json_is(node, JSON_NUMBER);
        if (told && is_word(json_view(node)) && !view_is(json_view(node), "error"))
            return FAIL(SK_GONE, "the place broke its answer off: %.*s", (int)node->len, node->at);
    }
    return FAIL(SK_GONE, "the place broke its answer off, and did not say why");
}

enum sk_code count_take(const struct json_node *object, const char *name, uint32_t *out) {
    const struct json_node *node = member(object, name);
    int64_t number;
    if (!node) return SK_OK;
    if (!json_i64(node, &number) || number < 0 || number > UINT32_MAX)
        return reader_corrupt("a count that is none");
    *out = (uint32_t)number;
    return SK_OK;
}

// ---- pieces ----

static void put_u32_at(struct buf *buf, size_t at, uint32_t value) {
    struct buf to = buf_over(buf->at + at, 4);
    wire_put_u32(&to, value);
}

static uint32_t u32_at(const struct buf *buf, size_t at) {
    struct wire in = wire_over(view_from(buf_view(buf), at));
    return wire_take_u32(&in);
}

static enum sk_code queue_check(const struct upstream_reader *r) {
    return buf_check(&r->queue, "the place's answer, in one push");
}

static enum sk_code piece_open(struct upstream_reader *r) {
    r->piece_at = r->queue.len;
    r->piece_parts = 0;
    wire_put_u32(&r->queue, 0);
    wire_put_u32(&r->queue, 0);
    wire_put_u32(&r->queue, r->piece_first ? 1 : 0);
    r->piece_first = false;
    return queue_check(r);
}

// So many bytes more of parts or log-probabilities fit into the open piece.
static bool piece_has_room(const struct upstream_reader *r, size_t parts, size_t logprobs) {
    if (r->piece_at == SIZE_MAX) return false;
    uint32_t have_parts = u32_at(&r->queue, r->piece_at);
    uint32_t have_logprobs = u32_at(&r->queue, r->piece_at + 4);
    if (parts && (have_logprobs || r->piece_parts == ENGINE_PARTS_MAX)) return false;
    return have_parts + parts <= PARTS_MAX && have_logprobs + logprobs <= LOGPROBS_MAX;
}

static enum sk_code part_put(struct upstream_reader *r, enum engine_channel channel,
                             struct view text) {
    if (r->finished) return reader_corrupt("text after its end");
    while (text.len > 0) {
        struct view now = text;
        if (now.len > PARTS_MAX - PART_HEAD) {
            now.len = PARTS_MAX - PART_HEAD;
            now.len -= utf8_tail(now);
        }
        text = view_from(text, now.len);
        if (!piece_has_room(r, PART_HEAD + now.len, 0)) TRY(piece_open(r));
        wire_put_u8(&r->queue, (uint8_t)channel);
        wire_put_text(&r->queue, now);
        TRY(queue_check(r));
        uint32_t len = u32_at(&r->queue, r->piece_at) + PART_HEAD + (uint32_t)now.len;
        put_u32_at(&r->queue, r->piece_at, len);
        r->piece_parts++;
    }
    return SK_OK;
}

enum sk_code reader_text(struct upstream_reader *r, enum engine_channel channel, struct view text) {
    if (!text.len) return SK_OK;
    TRY(reader_call_end(r));
    if (channel == ENGINE_CONTENT) r->texted = true;
    return part_put(r, channel, text);
}

// ---- calls ----

enum sk_code reader_call(struct upstream_reader *r, struct view name, struct view id,
                         int64_t index) {
    TRY(reader_call_end(r));
    r->call_name = (struct view){0};
    for (uint32_t i = 0; i < r->offered_len; i++)
        if (view_same(r->offered[i], name)) r->call_name = r->offered[i];
    if (!r->call_name.len) return reader_corrupt("a call of a tool that was not offered");
    if (r->calls_len == (r->parallel ? CALLS_MAX : 1)) return reader_corrupt("one call too many");
    if (id.len > CALL_ID_MAX) return reader_corrupt("a call's id over 256 bytes");
    if (id.len) memcpy(r->call_id, id.at, id.len);
    r->call_id_len = id.len;
    r->call_index = index;
    r->call_open = true;
    r->calls_len++;
    buf_reset(&r->arguments);
    return part_put(r, ENGINE_CALL, r->call_name);
}

enum sk_code reader_arguments(struct upstream_reader *r, struct view text) {
    if (!text.len) return SK_OK;
    if (!r->call_open) return reader_corrupt("arguments of no call");
    buf_put_view(&r->arguments, text);
    TRY(buf_check(&r->arguments, "a call's arguments"));
    return part_put(r, ENGINE_ARGUMENTS, text);
}

enum sk_code reader_call_end(struct upstream_reader *r) {
    if (!r->call_open) return SK_OK;
    r->call_open = false;
    if (r->arguments.len == 0) return part_put(r, ENGINE_ARGUMENTS, VIEW("{}"));
    size_t used = r->scratch.used; // the event's own nodes stay
    const struct json_node *root;
    enum sk_code code = json_parse(r->arguments.at, r->arguments.len, &r->scratch, &root);
    bool object = code == SK_OK && json_is(root, JSON_OBJECT);
    r->scratch.used = used;
    if (object) return SK_OK;
    return FAIL(SK_CORRUPT, "the place's answer: arguments of '%.*s' that are no JSON object",
                (int)r->call_name.len, r->call_name.at);
}

// ---- log-probabilities ----

static enum sk_code weighed_put(struct upstream_reader *r, struct view bytes, double logprob) {
    if (bytes.len > TOKEN_MAX) return reader_corrupt("a token over 2048 bytes");
    if (!isfinite((float)logprob)) return reader_corrupt("a log-probability that is no number");
    wire_put_u16(&r->queue, (uint16_t)bytes.len);
    buf_put_view(&r->queue, bytes);
    wire_put_f32(&r->queue, (float)logprob);
    TRY(queue_check(r));
    uint32_t len = u32_at(&r->queue, r->piece_at + 4) + 6 + (uint32_t)bytes.len;
    put_u32_at(&r->queue, r->piece_at + 4, len);
    return SK_OK;
}

enum sk_code reader_token(struct upstream_reader *r, struct view bytes, double logprob,
                          uint32_t top) {
    must(top <= ENGINE_CANDIDATES_MAX);
    size_t most = 1 + (1 + top) * (size_t)(6 + TOKEN_MAX);
    if (!piece_has_room(r, 0, most)) TRY(piece_open(r));
    size_t at = r->piece_at;
    uint32_t tokens = u32_at(&r->queue, at + 4) ? u32_at(&r->queue, at + 8) + 1 : 1;
    TRY(weighed_put(r, bytes, logprob));
    wire_put_u8(&r->queue, (uint8_t)top);
    put_u32_at(&r->queue, at + 4, u32_at(&r->queue, at + 4) + 1);
    put_u32_at(&r->queue, at + 8, tokens);
    r->weighed = true;
    return queue_check(r);
}

enum sk_code reader_alternative(struct upstream_reader *r, struct view bytes, double logprob) {
    return weighed_put(r, bytes, logprob);
}

// ---- the end ----

static enum sk_code finish(struct upstream_reader *r, const struct finish_word *as) {
    TRY(reader_call_end(r));
    r->end.length = as->length;
    r->end.filtered = r->end.filtered || as->filtered;
    if (r->logprobs && r->texted && !r->weighed)
        return reader_corrupt("no log-probabilities, which were asked for");
    if (r->must_call && !r->calls_len && !r->end.length && !r->end.filtered)
        return reader_corrupt("no call, which was asked for");
    r->finished = true;
    return SK_OK;
}

enum sk_code reader_finish_word(struct upstream_reader *r, const struct json_node *reason,
                                const struct finish_word *words, size_t len) {
    if (!reason) return SK_OK;
    for (size_t i = 0; i < len; i++)
        if (json_is_text(reason, words[i].word))
            return finish(r, &words[i]);
    return reader_corrupt("a reason for its end that is none");
}

void reader_stopped_by(struct upstream_reader *r, struct view stop) {
    for (uint32_t i = 0; i < r->stops_len; i++)
        if (view_same(r->stops[i], stop)) r->end.stop = i;
}
