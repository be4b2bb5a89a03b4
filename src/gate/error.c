// Errors as the client gets them.
#include "gate/gate.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/utf8.h"

static const char *error_type(unsigned status) {
    if (status == 429) return "rate_limit_error";
    if (status == 403) return "permission_error";
    return status < 500 ? "invalid_request_error" : "server_error";
}

enum sk_code gate_refuse(struct gate_error *error, unsigned status, const char *code,
                         const char *param, const char *format, ...) {
    *error = (struct gate_error){.status = status};
    snprintf(error->type, sizeof error->type, "%s", error_type(status));
    snprintf(error->code, sizeof error->code, "%s", code);
    snprintf(error->param, sizeof error->param, "%s", param);
    va_list list;
    va_start(list, format);
    vsnprintf(error->text, sizeof error->text, format, list);
    va_end(list);
    size_t len = strlen(error->text);
    error->text[len - utf8_tail((struct view){error->text, len})] = 0;
    return SK_INPUT;
}

static void put_or_null(struct json_writer *w, const char *name, const char *text) {
    json_name(w, name);
    if (text[0])
        json_put_text(w, text);
    else
        json_put_null(w);
}

void gate_error_write(const struct gate_error *error, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_name(&w, "error");
    json_open(&w, '{');
    json_member_text(&w, "message", error->text);
    json_member_text(&w, "type", error->type);
    put_or_null(&w, "param", error->param);
    put_or_null(&w, "code", error->code);
    json_close(&w, '}');
    json_close(&w, '}');
}

static const char *anthropic_type(unsigned status) {
    static const struct {
        unsigned status;
        const char *type;
    } types[] = {
        {401, "authentication_error"}, {403, "permission_error"}, {404, "not_found_error"},
        {413, "request_too_large"},    {429, "rate_limit_error"}, {529, "overloaded_error"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].status == status) return types[i].type;
    return status < 500 ? "invalid_request_error" : "api_error";
}

// With Anthropic 429 is over a limit of the caller's, 529 is too much of everybody's.
unsigned gate_error_status(const struct gate_error *error, bool anthropic) {
    bool limit = error->status == 429 && strcmp(error->code, "rate_limit_exceeded") == 0;
    bool busy = error->status == 503 || (error->status == 429 && !limit);
    return anthropic && busy ? 529 : error->status;
}

// The text after the member it is about. Clients know a prompt that is too long by these words.
static void put_message(struct json_writer *w, const struct gate_error *error) {
    struct view text = view_of(error->text), param = view_of(error->param);
    json_string_begin(w);
    if (strcmp(error->code, "context_length_exceeded") == 0) {
        json_string_more(w, VIEW("prompt is too long: "));
    } else if (param.len && !view_starts(text, param)) {
        json_string_more(w, param);
        json_string_more(w, VIEW(": "));
    }
    json_string_more(w, text);
    json_string_end(w);
}

void gate_error_write_anthropic(const struct gate_error *error, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "type", "error");
    json_name(&w, "error");
    json_open(&w, '{');
    json_member_text(&w, "type", anthropic_type(gate_error_status(error, true)));
    json_name(&w, "message");
    put_message(&w, error);
    if (error->code[0]) {
        json_name(&w, "details");
        json_open(&w, '{');
        json_member_text(&w, "error_code", error->code);
        json_close(&w, '}');
    }
    json_close(&w, '}');
    if (error->request_id) json_member_text(&w, "request_id", error->request_id);
    json_close(&w, '}');
}

// RFC 9110 section 15, those that are sent.
static const char *error_reason(unsigned status) {
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {529, "Overloaded"}, // Anthropic's
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status) return reasons[i].reason;
    return "Error";
}

static void put_header(void *out, const char *name, const char *value) {
    buf_print(out, "%s: %s\r\n", name, value);
}

void gate_error_respond(const struct gate_error *error, const struct gate_edge *edge, bool head,
                        int64_t now_s, struct buf *out) {
    char storage[8192];
    struct buf body = buf_over(storage, sizeof storage);
    struct gate_error named = *error;
    named.request_id = edge->id;
    if (edge->anthropic)
        gate_error_write_anthropic(&named, &body);
    else
        gate_error_write(&named, &body);
    must(!body.over);
    unsigned status = gate_error_status(error, edge->anthropic);
    buf_print(out, "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n",
              status, error_reason(status), body.len);
    gate_put_date(now_s, out);
    gate_edge_headers(edge, now_s, put_header, out);
    if (error->status == 401) buf_put_text(out, "WWW-Authenticate: Bearer\r\n");
    if (error->retry_after_s) buf_print(out, "Retry-After: %u\r\n", error->retry_after_s);
    if (error->allow) buf_print(out, "Allow: %s\r\n", error->allow);
    buf_put_text(out, "Connection: close\r\n\r\n");
    if (!head) buf_put_view(out, buf_view(&body));
}
