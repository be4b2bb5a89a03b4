#include "upstream/sse.h"

#include <string.h>

static void data_add(struct sse *sse, struct view value) {
    if (sse->any) sse->held.at[sse->data_len++] = '\n';
    memmove(sse->held.at + sse->data_len, value.at, value.len); // it stands further right
    sse->data_len += value.len;
    sse->any = true;
}

// A whole line; true when it ends an event.
static bool line_take(struct sse *sse) {
    struct view line = view_from(buf_view(&sse->held), sse->data_len), value = {0};
    if (line.len == 0) {
        if (!sse->data_len) sse->any = sse->error = false; // an event of nothing is none
        return sse->data_len > 0;
    }
    const char *colon = memchr(line.at, ':', line.len);
    struct view name = {line.at, colon ? (size_t)(colon - line.at) : line.len};
    value = view_from(line, name.len + 1);
    if (value.len && *value.at == ' ') value = view_from(value, 1);
    bool error = view_is(name, "error");
    if (view_is(name, "event")) sse->error = view_is(value, "error");
    if (error) sse->error = true;
    if (error || view_is(name, "data")) data_add(sse, value);
    sse->held.len = sse->data_len;
    return false;
}

// Bytes before the first LF or CR.
static size_t line_len(struct view bytes) {
    const char *lf = bytes.len ? memchr(bytes.at, '\n', bytes.len) : NULL;
    size_t len = lf ? (size_t)(lf - bytes.at) : bytes.len;
    const char *cr = len ? memchr(bytes.at, '\r', len) : NULL;
    return cr ? (size_t)(cr - bytes.at) : len;
}

// Moves bytes up to the next line's end into `held`; *line tells whether it was there.
static enum sk_code line_more(struct sse *sse, struct view *bytes, bool *line) {
    if (sse->skip_lf && bytes->len && *bytes->at == '\n') *bytes = view_from(*bytes, 1);
    if (bytes->len) sse->skip_lf = false;
    size_t len = line_len(*bytes);
    buf_put(&sse->held, bytes->at, len);
    if (sse->held.over)
        return FAIL(SK_LIMIT, "an event of the place's answer over %zu bytes", sse->held.max);
    *line = len < bytes->len;
    if (*line) sse->skip_lf = bytes->at[len] == '\r';
    *bytes = view_from(*bytes, len + *line);
    return SK_OK;
}

enum sk_code sse_take(struct sse *sse, struct view *bytes, bool last, bool *event) {
    *event = false;
    if (sse->taken) {
        sse->held.len = sse->data_len = 0;
        sse->taken = sse->any = sse->error = false;
    }
    while (bytes->len > 0 && !*event) {
        bool line = false;
        TRY(line_more(sse, bytes, &line));
        if (line) *event = line_take(sse);
    }
    if (last && bytes->len == 0 && !*event) {
        if (sse->held.len > sse->data_len) line_take(sse);
        *event = sse->data_len > 0;
    }
    if (*event) sse->taken = true;
    return SK_OK;
}
