// Paths and methods.
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "base/utf8.h"
#include "gate/endpoint.h"
#include "gate/protocols.h"

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

// The variable of a path, `{name}`, as the target has it; false when they do not fit.
static bool path_match(const char *path, struct view target, struct view *variable) {
    const char *open = strchr(path, '{');
    *variable = (struct view){0};
    if (!open) return view_is(target, path);
    struct view before = {path, (size_t)(open - path)}, after = view_of(strchr(open, '}') + 1);
    if (!view_starts(target, before) || target.len <= before.len + after.len) return false;
    *variable = (struct view){target.at + before.len, target.len - before.len - after.len};
    return view_same(view_from(target, target.len - after.len), after);
}

static bool method_fits(const struct gate_endpoint *endpoint, struct view method) {
    if (view_is(method, endpoint->method)) return true;
    return view_is(method, "HEAD") && strcmp(endpoint->method, "GET") == 0;
}

static enum sk_code refuse_method(struct view method, const char *allow, struct gate_error *error) {
    gate_refuse(error, 405, "method_not_allowed", "", "%.*s is not a method of this path.",
                method.len < 64 ? (int)method.len : 64, method.at);
    error->allow = allow;
    return SK_INPUT;
}

// A tile is named by all of its path.
static bool tile_take(struct view path, struct gate_route *out) {
    const struct view root = VIEW("/ledger/");
    return view_starts(path, root) && tile_name_take(view_from(path, root.len), &out->tile);
}

// Lower-case hex digits, as they name a log.
static bool log_take(struct view text, struct gate_route *out) {
    uint8_t hash[HASH_LEN];
    struct buf hex = buf_over(out->log, 2 * HASH_LEN);
    if (!hex_take(text, hash, sizeof hash)) return false;
    hex_put(&hex, hash, sizeof hash);
    return true;
}

static enum sk_code variable_take(struct view path, struct view variable, struct gate_route *out) {
    bool good = true;
    if (out->what == GATE_TILE) good = tile_take(path, out);
    if (out->what == GATE_MODEL) good = percent_take(variable, out->model, GATE_MODEL_MAX);
    if (out->what == GATE_WITNESS_LAST) good = log_take(variable, out);
    if (out->what == GATE_RECEIPT) good = decimal_take(variable, &out->number);
    bool response = out->what >= GATE_RESPONSE && out->what <= GATE_RESPONSE_ITEMS;
    if (response && !memchr(variable.at, '/', variable.len))
        good = percent_take(variable, out->response, GATE_ID_LEN);
    else if (response)
        good = false;
    return good ? SK_OK : SK_INPUT;
}

// ---- queries ----

static enum sk_code refuse_query(struct view name, struct gate_error *error) {
    char shown[65];
    snprintf(shown, sizeof shown, "%.*s", name.len < 64 ? (int)name.len : 64, name.at);
    return gate_refuse(error, 400, "invalid_value", shown,
                       "The query parameter '%s' is not one of this path, or not of this form.",
                       shown);
}

// One parameter of a path that has some: GET of a kept response, and of its items.
static bool query_take(struct view name, struct view value, struct gate_route *out) {
    bool one = out->what == GATE_RESPONSE, items = out->what == GATE_RESPONSE_ITEMS;
    uint64_t number;
    if (view_is(name, "include[]") || view_is(name, "include")) return one || items;
    if (one && view_is(name, "include_obfuscation")) return true;
    if (one && view_is(name, "stream")) {
        out->stream = view_is(value, "true");
        return out->stream || view_is(value, "false");
    }
    if (one && view_is(name, "starting_after")) {
        if (!decimal_take(value, &number) || number > INT64_MAX) return false;
        out->starting_after = (int64_t)number;
        return true;
    }
    if (items && view_is(name, "after")) return percent_take(value, out->after, GATE_AFTER_MAX);
    if (items && view_is(name, "order")) {
        out->ascending = view_is(value, "asc");
        return out->ascending || view_is(value, "desc");
    }
    if (!items || !view_is(name, "limit") || !decimal_take(value, &number)) return false;
    out->limit = (uint32_t)number;
    return number >= 1 && number <= 100;
}

// Other paths take no query, and ignore one: clients of APIs with versions send them.
static enum sk_code queries_take(struct view query, struct gate_route *out,
                                 struct gate_error *error) {
    out->starting_after = -1;
    out->limit = 20;
    if (out->what != GATE_RESPONSE && out->what != GATE_RESPONSE_ITEMS) return SK_OK;
    while (query.len > 0) {
        const char *end = memchr(query.at, '&', query.len);
        struct view part = {query.at, end ? (size_t)(end - query.at) : query.len};
        query = view_from(query, part.len + 1);
        const char *equals = memchr(part.at, '=', part.len);
        struct view name = {part.at, equals ? (size_t)(equals - part.at) : part.len};
        if (part.len && !query_take(name, view_from(part, name.len + 1), out))
            return refuse_query(name, error);
    }
    return SK_OK;
}

static enum sk_code path_find(const struct gate_head *head, struct view path,
                              struct gate_route *out, struct gate_error *error) {
    const char *allow = NULL;
    struct view variable;
    for (size_t i = 0; i < gate_endpoints_len; i++) {
        const struct gate_endpoint *endpoint = &gate_endpoints[i];
        if (!path_match(endpoint->path, path, &variable)) continue;
        out->endpoint = endpoint;
        if (endpoint->read) out->protocol = endpoint->protocol;
        out->what = endpoint->what;
        out->media = endpoint->media;
        if (!method_fits(endpoint, head->method)) {
            allow = strcmp(endpoint->method, "GET") == 0 ? "GET, HEAD" : endpoint->method;
            continue;
        }
        if (variable_take(path, variable, out) == SK_OK) return SK_OK;
    }
    return allow ? refuse_method(head->method, allow, error) : unknown_path(path, error);
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
    *out = (struct gate_route){
        .protocol = gate_head_anthropic(head) ? &messages_protocol : &chat_protocol,
        .head = view_is(head->method, "HEAD")};
    const char *query = memchr(head->target.at, '?', head->target.len);
    struct view path = head->target;
    struct view rest = {0};
    if (query) {
        path.len = (size_t)(query - path.at);
        rest = view_from(head->target, path.len + 1);
    }
    TRY(path_find(head, path, out, error));
    TRY(queries_take(rest, out, error));
    return out->what == GATE_ASK ? media_check(head, error) : SK_OK;
}
