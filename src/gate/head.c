// The header section, line by line as it comes in, so that a wrong line is refused at once and a
// sender of other protocols does not have to be waited for.
#include "gate/gate.h"

#include <strings.h>

#include "base/text.h"

static bool byte_is_token(unsigned char c) { // RFC 9110 section 5.6.2
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool token_check(struct view text) {
    for (size_t i = 0; i < text.len; i++)
        if (!byte_is_token((unsigned char)text.at[i])) return false;
    return text.len > 0;
}

// The bytes a line may hold: no controls but the tab. Bytes above 0x7f are opaque in values.
static bool line_check(struct view line) {
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static bool same_caseless(struct view a, const char *text) {
    return a.len == strlen(text) && strncasecmp(a.at, text, a.len) == 0;
}

static enum sk_code malformed(struct gate_error *error, const char *what) {
    return gate_refuse(error, 400, "invalid_http", "", "Malformed HTTP request: %s.", what);
}

static enum sk_code version_take(struct view version, struct gate_head *out,
                                 struct gate_error *error) {
    out->http11 = view_is(version, "HTTP/1.1");
    if (out->http11 || view_is(version, "HTTP/1.0")) return SK_OK;
    if (view_starts(version, VIEW("HTTP/")))
        return gate_refuse(error, 505, "unsupported_http_version", "",
                           "This server speaks HTTP/1.1 and HTTP/1.0.");
    return malformed(error, "the request line has no HTTP version");
}

// method SP origin-form SP version (RFC 9112 section 3).
static enum sk_code request_line_take(struct view line, struct gate_head *out,
                                      struct gate_error *error) {
    const char *first = memchr(line.at, ' ', line.len);
    if (!first) return malformed(error, "the request line has no target");
    out->method = (struct view){line.at, (size_t)(first - line.at)};
    if (out->method.len > GATE_METHOD_MAX || !token_check(out->method))
        return malformed(error, "the method is no token");
    struct view rest = view_from(line, out->method.len + 1);
    const char *second = memchr(rest.at, ' ', rest.len);
    if (!second) return malformed(error, "the request line has no HTTP version");
    out->target = (struct view){rest.at, (size_t)(second - rest.at)};
    TRY(version_take(view_from(rest, out->target.len + 1), out, error));
    if (out->target.len > GATE_TARGET_MAX)
        return gate_refuse(error, 414, "uri_too_long", "",
                           "The request target is longer than %d bytes.", GATE_TARGET_MAX);
    if (out->target.len == 0 || out->target.at[0] != '/')
        return malformed(error, "the target does not begin with a slash");
    for (size_t i = 0; i < out->target.len; i++) {
        unsigned char c = (unsigned char)out->target.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return malformed(error, "the target holds a byte that must be percent-encoded");
    }
    return SK_OK;
}

// Where the value of a field that is read goes; all of them must be single.
static struct view *field_place(struct gate_head *out, struct view name) {
    const struct {
        const char *name;
        struct view *place;
    } fields[] = {
        {"host", &out->host},
        {"origin", &out->origin},
        {"authorization", &out->authorization},
        {"x-api-key", &out->api_key},
        {"content-type", &out->content_type},
        {"content-encoding", &out->content_encoding},
        {"content-length", &out->content_length},
        {"transfer-encoding", &out->transfer_encoding},
        {"expect", &out->expect},
        {"anthropic-version", &out->anthropic_version},
        {"idempotency-key", &out->idempotency_key},
        {"sekisho-label", &out->words.label},
        {"sekisho-consent", &out->words.consent},
        {"sekisho-purpose", &out->words.purpose},
        {"access-control-request-method", &out->access_control_request_method},
        {"access-control-request-headers", &out->access_control_request_headers},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (same_caseless(name, fields[i].name)) return fields[i].place;
    return NULL;
}

static enum sk_code field_take(struct view line, struct gate_head *out, struct gate_error *error) {
    if (line.at[0] == ' ' || line.at[0] == '\t') return malformed(error, "a folded header line");
    const char *colon = memchr(line.at, ':', line.len);
    if (!colon) return malformed(error, "a header line without a colon");
    struct view name = {line.at, (size_t)(colon - line.at)};
    if (!token_check(name)) return malformed(error, "a header name that is no token");
    struct view value = view_trim(view_from(line, name.len + 1));
    if (same_caseless(name, "connection")) out->closes |= !same_caseless(value, "keep-alive");
    struct view *place = field_place(out, name);
    if (!place) return SK_OK;
    if (place->at)
        return gate_refuse(error, 400, "invalid_http", "",
                           "Malformed HTTP request: two %.*s headers.", (int)name.len, name.at);
    *place = value;
    return SK_OK;
}

// How the body is framed must be beyond doubt (RFC 9112 section 6.3).
static enum sk_code framing_take(struct gate_head *out, struct gate_error *error) {
    if (out->transfer_encoding.at) {
        if (out->content_length.at)
            return malformed(error, "Content-Length together with Transfer-Encoding");
        if (!out->http11) return malformed(error, "Transfer-Encoding in HTTP/1.0");
        if (!same_caseless(out->transfer_encoding, "chunked"))
            return gate_refuse(error, 501, "unsupported_transfer_encoding", "",
                               "The only Transfer-Encoding is chunked, once.");
        out->chunked = true;
    }
    if (out->content_length.at && !decimal_take(out->content_length, &out->body_len))
        return malformed(error, "Content-Length is not a plain number");
    return SK_OK;
}

static bool host_shape(struct view host) {
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.at[i];
        if (c <= 0x20 || c >= 0x7f || strchr("/?#@\\,\"<>", c)) return false;
    }
    return host.len > 0;
}

static enum sk_code section_check(struct gate_head *out, struct gate_error *error) {
    out->closes |= !out->http11;
    if (out->http11 && !out->host.at) return malformed(error, "no Host header");
    if (out->host.at && !host_shape(out->host))
        return malformed(error, "the Host header is no host");
    if (out->expect.at && !same_caseless(out->expect, "100-continue"))
        return gate_refuse(error, 417, "expectation_failed", "",
                           "The only expectation met here is 100-continue.");
    return framing_take(out, error);
}

enum sk_code gate_head_check(struct view bytes, size_t len_max, struct gate_head *out,
                             struct gate_error *error) {
    *out = (struct gate_head){0};
    struct view seen = {bytes.at, bytes.len < len_max ? bytes.len : len_max};
    size_t at = 0;
    for (unsigned lines = 0;; lines++) {
        struct view rest = view_from(seen, at);
        const char *feed = rest.len ? memchr(rest.at, '\n', rest.len) : NULL;
        struct view line = {rest.at, feed ? (size_t)(feed - rest.at) : rest.len};
        bool returned = line.len && line.at[line.len - 1] == '\r';
        if (returned) line.len--;
        if (!line_check(line)) return malformed(error, "a control character");
        if (!feed) break;
        if (!returned) return malformed(error, "a line that does not end in CR LF");
        at += line.len + 2;
        if (lines > 0 && line.len == 0) {
            out->len = at;
            return section_check(out, error);
        }
        if (lines > GATE_FIELDS_MAX)
            return gate_refuse(error, 431, "headers_too_large", "", "More than %d header lines.",
                               GATE_FIELDS_MAX);
        TRY(lines == 0 ? request_line_take(line, out, error) : field_take(line, out, error));
    }
    if (bytes.len < len_max) return SK_BUSY;
    return gate_refuse(error, 431, "headers_too_large", "",
                       "The header section is longer than %zu bytes.", len_max);
}

bool gate_head_anthropic(const struct gate_head *head) {
    return head->anthropic_version.at || view_starts(head->target, VIEW("/v1/messages"));
}

enum sk_code gate_credential(const struct gate_head *head, struct view *out,
                             struct gate_error *error) {
    *out = head->api_key.at ? head->api_key : VIEW("");
    if (head->authorization.at) {
        struct view scheme = {head->authorization.at, 7};
        if (head->authorization.len < 7 || !same_caseless(scheme, "bearer "))
            return gate_refuse(error, 401, "invalid_api_key", "",
                               "Authorization must be: Bearer, a space, the API key.");
        *out = view_trim(view_from(head->authorization, 7));
    }
    if (out->len > GATE_CREDENTIAL_MAX)
        return gate_refuse(error, 401, "invalid_api_key", "",
                           "The API key is longer than %d bytes.", GATE_CREDENTIAL_MAX);
    return SK_OK;
}

enum sk_code gate_idempotency_key(const struct gate_head *head, struct view *out,
                                  struct gate_error *error) {
    *out = head->idempotency_key.at ? head->idempotency_key : VIEW("");
    bool good = !head->idempotency_key.at || (out->len > 0 && out->len <= GATE_IDEMPOTENCY_MAX);
    for (size_t i = 0; i < out->len; i++)
        good = good && out->at[i] > 0x20 && out->at[i] < 0x7f;
    if (good) return SK_OK;
    return gate_refuse(error, 400, "invalid_idempotency_key", "",
                       "Idempotency-Key must be 1 to %d visible ASCII characters.",
                       GATE_IDEMPOTENCY_MAX);
}

enum sk_code gate_words(const struct gate_head *head, struct gate_words *out,
                        struct gate_error *error) {
    const struct {
        const char *name;
        struct view value, *to;
        size_t max;
    } rows[] = {
        {"Sekisho-Label", head->words.label, &out->label, GATE_LABEL_MAX},
        {"Sekisho-Consent", head->words.consent, &out->consent, GATE_CONSENT_MAX},
        {"Sekisho-Purpose", head->words.purpose, &out->purpose, GATE_PURPOSE_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool good = rows[i].value.len <= rows[i].max;
        for (size_t k = 0; good && k < rows[i].value.len; k++)
            good = rows[i].value.at[k] >= 0x20 && rows[i].value.at[k] < 0x7f;
        if (!good)
            return gate_refuse(error, 400, "invalid_header", "",
                               "%s must be at most %zu visible ASCII characters.", rows[i].name,
                               rows[i].max);
        *rows[i].to = rows[i].value.at ? rows[i].value : VIEW("");
    }
    return SK_OK;
}
