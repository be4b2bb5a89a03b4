// Answers that are errors.
#include <stdio.h>

#include "base/utf8.h"
#include "upstream/member.h"
#include "upstream/upstream.h"

// The message in an error of any shape, or empty.
static struct view error_message(const struct json_node *root) {
    static const char *const names[] = {"message", "detail", "error", "msg"};
    const struct json_node *at = root, *error = json_find(root, "error");
    if (json_is(error, JSON_OBJECT)) at = error; // else vLLM, FastAPI, llama.cpp
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct view text = member_view(at, names[i]);
        if (text.len) return text;
    }
    return (struct view){0};
}

// Whole characters, none of control, at most so many bytes.
static void message_put(struct view message, char out[UPSTREAM_MESSAGE_MAX + 1]) {
    size_t len = 0;
    while (message.len > 0) {
        uint32_t c;
        size_t wide = utf8_take(message, &c);
        bool control = wide == 1 && (c < 0x20 || c == 0x7f);
        if (wide == 0 || len + wide > UPSTREAM_MESSAGE_MAX) break;
        if (control)
            out[len] = ' ';
        else
            memcpy(out + len, message.at, wide);
        len += wide;
        message = view_from(message, wide);
    }
    out[len] = 0;
}

enum sk_code upstream_failed(unsigned status, struct view body, struct arena *arena,
                             char text[UPSTREAM_MESSAGE_MAX + 1]) {
    const struct json_node *root = NULL;
    char *copy = arena_text(arena, body);
    if (!copy || json_parse(copy, body.len, arena, &root) != SK_OK) root = NULL;
    message_put(error_message(root), text);
    if (!*text) snprintf(text, UPSTREAM_MESSAGE_MAX + 1, "HTTP status %u", status);
    switch (status) {
    case 429:
    case 503:
    case 529:
        return SK_BUSY;
    case 401:
    case 403:
        return SK_DENIED;
    case 404:
        return SK_UNKNOWN;
    case 408:
        return SK_GONE;
    default:
        return status >= 500 && status < 600 ? SK_GONE : SK_INPUT;
    }
}
