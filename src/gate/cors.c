#include "gate/cors.h"

#include "base/text.h"
#include "gate/gate.h"

#include <strings.h>

enum { PREFLIGHT_AGE_S = 600 }; // how long a browser may remember it

static const char methods[] = "GET, HEAD, POST, DELETE";

// The first of a comma separated list, without the spaces around it; *list becomes the rest.
static struct view list_take(struct view *list) {
    const char *comma = memchr(list->at, ',', list->len);
    struct view one = {list->at, comma ? (size_t)(comma - list->at) : list->len};
    *list = view_from(*list, one.len + 1);
    while (one.len && (one.at[0] == ' ' || one.at[0] == '\t'))
        one = view_from(one, 1);
    while (one.len && (one.at[one.len - 1] == ' ' || one.at[one.len - 1] == '\t'))
        one.len--;
    return one;
}

// Bytes of `text` that are lower-case letters, digits, or in `also`.
static size_t run_of(struct view text, const char *also) {
    size_t n = 0;
    while (n < text.len && ((text.at[n] >= 'a' && text.at[n] <= 'z') ||
                            (text.at[n] >= '0' && text.at[n] <= '9') ||
                            (text.at[n] && strchr(also, text.at[n]))))
        n++;
    return n;
}

static bool origin_is(struct view origin) {
    size_t scheme = run_of(origin, "+-.");
    struct view host = view_from(origin, scheme + 3);
    if (scheme == 0 || !view_starts(view_from(origin, scheme), VIEW("://"))) return false;
    bool six = host.len && host.at[0] == '[';
    size_t len = six ? 1 + run_of(view_from(host, 1), ":.") : run_of(host, "-._");
    if (six && (len >= host.len || host.at[len++] != ']')) return false;
    if (len == 0 || len == host.len) return len > 0;
    uint64_t port;
    if (host.at[len] != ':' || !decimal_take(view_from(host, len + 1), &port)) return false;
    bool https = scheme == 5 && view_starts(origin, VIEW("https"));
    bool http = scheme == 4 && view_starts(origin, VIEW("http"));
    return port > 0 && port <= UINT16_MAX && !(https && port == 443) && !(http && port == 80);
}

enum sk_code gate_origins_check(struct view origins) {
    if (view_is(origins, "*")) return SK_OK;
    while (origins.len) {
        struct view origin = list_take(&origins);
        if (view_is(origin, "*"))
            return FAIL(SK_INPUT, "cors.origins: '*' means every origin and must stand alone");
        if (origin.len > GATE_ORIGIN_MAX || !origin_is(origin))
            return FAIL(SK_INPUT,
                        "cors.origins: '%.*s' is no origin as browsers send it: scheme://host or "
                        "scheme://host:port, lower case, no path, no default port",
                        (int)origin.len, origin.at);
    }
    return SK_OK;
}

static bool origin_listed(struct view origin, struct view origins) {
    while (origins.len)
        if (view_same(origin, list_take(&origins))) return true;
    return false;
}

void gate_cors_begin(const struct gate_head *head, struct view origins, struct gate_edge *edge) {
    bool any = view_is(origins, "*");
    edge->origin[0] = 0;
    edge->vary = origins.len > 0 && !any;
    if (!head->origin.at || head->origin.len == 0) return;
    if (!any && !origin_listed(head->origin, origins)) return;
    struct view told = any ? VIEW("*") : head->origin;
    must(told.len <= GATE_ORIGIN_MAX);
    memcpy(edge->origin, told.at, told.len);
    edge->origin[told.len] = 0;
}

bool gate_cors_preflight(const struct gate_head *head) {
    return view_is(head->method, "OPTIONS") && head->origin.at &&
           head->access_control_request_method.at;
}

// Fields that clients of OpenAI's and Anthropic's APIs send.
static bool field_allowed(struct view name) {
    static const char *const names[] = {"authorization", "content-type",    "accept",
                                        "x-api-key",     "idempotency-key", "user-agent"};
    static const char *const families[] = {"x-stainless-", "openai-", "anthropic-"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (name.len == strlen(names[i]) && strncasecmp(name.at, names[i], name.len) == 0)
            return true;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        size_t len = strlen(families[i]);
        if (name.len <= len || strncasecmp(name.at, families[i], len) != 0) continue;
        return run_of(view_from(name, len), "-_ABCDEFGHIJKLMNOPQRSTUVWXYZ") == name.len - len;
    }
    return false;
}

static void put_allowed(struct view asked, struct buf *out) {
    bool first = true;
    while (asked.len) {
        struct view name = list_take(&asked);
        if (!field_allowed(name)) continue; // the browser refuses what is not allowed
        buf_put_text(out, first ? "Access-Control-Allow-Headers: " : ", ");
        buf_put_view(out, name);
        first = false;
    }
    if (!first) buf_put_text(out, "\r\n");
}

static void put_header(void *out, const char *name, const char *value) {
    buf_print(out, "%s: %s\r\n", name, value);
}

enum sk_code gate_cors_respond(const struct gate_head *head, const struct gate_edge *edge,
                               int64_t now_s, struct buf *out, struct gate_error *error) {
    if (!edge->origin[0])
        return gate_refuse(error, 403, "origin_not_allowed", "",
                           "Pages of this origin may not call this node: cors.origins in its "
                           "configuration does not list it.");
    buf_put_text(out, "HTTP/1.1 204 No Content\r\n");
    gate_put_date(now_s, out);
    gate_edge_headers(edge, now_s, put_header, out);
    buf_print(out, "Access-Control-Allow-Methods: %s\r\nAccess-Control-Max-Age: %d\r\n", methods,
              PREFLIGHT_AGE_S);
    if (head->access_control_request_headers.at)
        put_allowed(head->access_control_request_headers, out);
    buf_put_text(out, "Connection: close\r\n\r\n");
    return SK_OK;
}
