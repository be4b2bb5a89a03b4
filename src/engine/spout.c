#include "engine/spout.h"

#include <string.h>

#include "base/utf8.h"

enum sk_code spout_init(struct spout *spout, const struct engine_job *job) {
    spout->held_len = 0;
    spout->stops_len = job->stops_len;
    if (job->stops_len > ENGINE_STOPS_MAX)
        return FAIL(SK_LIMIT, "%u stop strings > %d", job->stops_len, ENGINE_STOPS_MAX);
    for (uint32_t i = 0; i < job->stops_len; i++) {
        struct view stop = job->stops[i];
        if (stop.len > ENGINE_STOP_LEN_MAX)
            return FAIL(SK_LIMIT, "stop string %u: %zu bytes > %d", i, stop.len,
                        ENGINE_STOP_LEN_MAX);
        if (stop.len == 0) return FAIL(SK_INPUT, "stop string %u is empty", i);
        if (!utf8_check(stop)) return FAIL(SK_INPUT, "stop string %u is not UTF-8", i);
        memcpy(spout->stops[i], stop.at, stop.len);
        spout->stop_lens[i] = stop.len;
    }
    return SK_OK;
}

// Lets the first n held bytes go, as well-formed text.
static void release(struct spout *spout, size_t n, struct buf *out) {
    struct view from = {spout->held, n};
    while (from.len) {
        uint32_t codepoint;
        size_t taken = utf8_take(from, &codepoint);
        if (taken)
            buf_put(out, from.at, taken);
        else
            buf_put_text(out, "\xef\xbf\xbd"); // U+FFFD for each byte that is none
        from = view_from(from, taken ? taken : 1);
    }
    memmove(spout->held, spout->held + n, spout->held_len - n);
    spout->held_len -= n;
}

static struct view stop_at(const struct spout *spout, uint32_t index) {
    return (struct view){spout->stops[index], spout->stop_lens[index]};
}

// The stop that begins first, and where; else ENGINE_NO_STOP and held_len.
static uint32_t find_stop(const struct spout *spout, size_t *at) {
    struct view held = {spout->held, spout->held_len};
    for (*at = 0; *at < held.len; ++*at)
        for (uint32_t i = 0; i < spout->stops_len; i++)
            if (view_starts(view_from(held, *at), stop_at(spout, i))) return i;
    return ENGINE_NO_STOP;
}

// Where a stop may have begun that the next bytes could complete, or held_len.
static size_t find_begun(const struct spout *spout) {
    struct view held = {spout->held, spout->held_len};
    size_t at = held.len > ENGINE_STOP_LEN_MAX ? held.len - ENGINE_STOP_LEN_MAX : 0;
    for (; at < held.len; at++)
        for (uint32_t i = 0; i < spout->stops_len; i++)
            if (view_starts(stop_at(spout, i), view_from(held, at))) return at;
    return held.len;
}

uint32_t spout_put(struct spout *spout, struct view bytes, bool stops, struct buf *out) {
    must(bytes.len <= sizeof spout->held - spout->held_len);
    if (bytes.len) memcpy(spout->held + spout->held_len, bytes.at, bytes.len);
    spout->held_len += bytes.len;
    size_t at = spout->held_len;
    uint32_t stop = stops ? find_stop(spout, &at) : ENGINE_NO_STOP;
    if (stop != ENGINE_NO_STOP) {
        spout->held_len = at;
    } else {
        if (stops) at = find_begun(spout);
        if (at == spout->held_len) at -= utf8_tail((struct view){spout->held, at});
    }
    release(spout, at, out);
    return stop;
}

void spout_end(struct spout *spout, struct buf *out) { release(spout, spout->held_len, out); }
