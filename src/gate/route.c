// Paths and methods.
#include "gate/gate.h"

#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "base/utf8.h"

static enum sk_code unknown_path(struct view path, struct gate_error *error) {
    return gate_refuse(error, 404, "unknown_url", "", "Unknown path: %.*s. See docs/http-api.md.",
                       path.len < 256 ? (int)path.len : 256, path.at);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Percent-decodes `text` into out[max + 1]; false when malformed, too long or not plain UTF-8.
static bool percent_take(struct view text, char *out, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '%') {
            if (text.len - i < 3) return false;
            int high = hex_digit(text.at[i + 1]), low = hex_digit(text.at[i + 2]);
            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (n == max || c == 0) return false;
        out[n++] = c;
    }
    out[n] = 0;
    return n > 0 && utf8_check((struct view){out, n});
}

static enum sk_code path_find(struct view path, struct gate_route *out, struct gate_error *error) {
    static const struct {
        const char *path;
        enum gate_what what;
    } paths[] = {
        {"/v1/chat/completions", GATE_CHAT},
        {"/v1/models", GATE_MODELS},
        {"/healthz", GATE_HEALTH},
        {"/readyz", GATE_READY},
        {"/metrics", GATE_METRICS},
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        out->what = paths[i].what;
        if (view_is(path, paths[i].path)) return SK_OK;
    }
    struct view models = VIEW("/v1/models/"), receipts = VIEW("/v1/receipts/");
    if (view_starts(path, models)) {
        out->what = GATE_MODEL;
        if (percent_take(view_from(path, models.len), out->model, GATE_MODEL_MAX)) return SK_OK;
    } else if (view_starts(path, receipts)) {
        out->what = GATE_RECEIPT;
        if (decimal_take(view_from(path, receipts.len), &out->number)) return SK_OK;
    }
    return unknown_path(path, error);
}

static enum sk_code method_check(const struct gate_head *head, struct gate_route *out,
                                 struct gate_error *error) {
    bool get = view_is(head->method, "GET");
    out->head = view_is(head->method, "HEAD");
    if (out->what == GATE_CHAT ? view_is(head->method, "POST") : get || out->head) return SK_OK;
    gate_refuse(error, 405, "method_not_allowed", "", "%.*s is not a method of this path.",
                (int)head->method.len, head->method.at);
    error->allow = out->what == GATE_CHAT ? "POST" : "GET, HEAD";
    return SK_INPUT;
}

static bool media_is_json(struct view type) {
    const char *end = memchr(type.at, ';', type.len);
    if (end) type.len = (size_t)(end - type.at);
    while (type.len && (type.at[type.len - 1] == ' ' || type.at[type.len - 1] == '\t'))
        type.len--;
    struct view json = VIEW("application/json");
    return type.len == json.len && strncasecmp(type.at, json.at, json.len) == 0;
}

static enum sk_code media_check(const struct gate_head *head, struct gate_error *error) {
    if (head->content_type.at && !media_is_json(head->content_type))
        return gate_refuse(error, 415, "unsupported_media_type", "",
                           "Content-Type must be application/json.");
    if (head->content_encoding.at && !view_is(head->content_encoding, "identity"))
        return gate_refuse(error, 415, "unsupported_content_encoding", "",
                           "The body must not be compressed.");
    return SK_OK;
}

enum sk_code gate_route_find(const struct gate_head *head, struct gate_route *out,
                             struct gate_error *error) {
    *out = (struct gate_route){0};
    const char *query = memchr(head->target.at, '?', head->target.len);
    struct view path = head->target;
    if (query) path.len = (size_t)(query - path.at);
    TRY(path_find(path, out, error));
    TRY(method_check(head, out, error));
    return out->what == GATE_CHAT ? media_check(head, error) : SK_OK;
}
