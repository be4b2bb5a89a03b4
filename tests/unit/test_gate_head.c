// HTTP heads, hosts, routes and credentials, through the module's door.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "gate/gate.h"

enum { LEN_MAX = 1024 };

static struct gate_head head;
static struct gate_error error;
static const struct gate_edge nowhere;

static enum sk_code check(struct view bytes) {
    return gate_head_check(bytes, LEN_MAX, &head, &error);
}

static const char good[] = "POST /v1/chat/completions?a=b HTTP/1.1\r\n"
                           "Host: localhost:8844\r\n"
                           "content-TYPE:application/json; charset=utf-8 \t\r\n"
                           "X-Anything:\tcaf\xc3\xa9\r\n"
                           "Empty:\r\n"
                           "Content-Length: 12\r\n"
                           "Authorization: Bearer  sk-1 \r\n"
                           "\r\n";

static void test_head_whole(void **state) {
    (void)state;
    assert_int_equal(check(VIEW("GET / HTTP/1.0\r\n\r\nrest")), SK_OK);
    assert_int_equal(head.len, 18);
    assert_false(head.http11);
    struct view bytes = view_of(good);
    assert_int_equal(check(bytes), SK_OK);
    assert_true(head.http11);
    assert_int_equal(head.len, sizeof good - 1);
    assert_true(view_is(head.method, "POST"));
    assert_true(view_is(head.target, "/v1/chat/completions?a=b"));
    assert_true(view_is(head.host, "localhost:8844"));
    assert_true(view_is(head.content_type, "application/json; charset=utf-8"));
    assert_int_equal(head.body_len, 12);
    assert_false(head.chunked);
    assert_null(head.origin.at);
    struct view credential;
    assert_int_equal(gate_credential(&head, &credential, &error), SK_OK);
    assert_true(view_is(credential, "sk-1"));
}

// Nothing is decided before the last byte, and nothing is held against a prefix.
static void test_head_prefixes(void **state) {
    (void)state;
    for (size_t len = 0; len < sizeof good - 1; len++)
        assert_int_equal(check((struct view){good, len}), SK_BUSY);
}

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"

// Whether a request may follow; what is not plain closes.
static void test_head_closes(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        bool closes;
    } heads[] = {
        {LINE HOST "\r\n", false},
        {LINE HOST "connection: Keep-Alive\r\n\r\n", false},
        {LINE HOST "Connection:\r\n\r\n", true},
        {LINE HOST "Connection: close\r\n\r\n", true},
        {LINE HOST "Connection: keep-alive, close\r\n\r\n", true},
        {LINE HOST "Connection: close\r\nConnection: keep-alive\r\n\r\n", true},
        {LINE HOST "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        assert_int_equal(check(view_of(heads[i].bytes)), SK_OK);
        assert_int_equal(head.closes, heads[i].closes);
    }
}

static void test_head_refused(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        unsigned status;
    } heads[] = {
        {LINE HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {LINE HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
        {LINE HOST "Content-Length: 5, 5\r\n\r\n", 400},
        {LINE HOST "Content-Length: +5\r\n\r\n", 400},
        {LINE HOST "Content-Length: -1\r\n\r\n", 400},
        {LINE HOST "Content-Length: 0x10\r\n\r\n", 400},
        {LINE HOST "Content-Length:\r\n\r\n", 400},
        {LINE HOST "Content-Length: 99999999999999999999\r\n\r\n", 400},
        {LINE HOST "Transfer-Encoding: gzip\r\n\r\n", 501},
        {LINE HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {LINE HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", 501},
        {LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {LINE HOST HOST "\r\n", 400},
        {LINE HOST "hOST: b\r\n\r\n", 400},
        {LINE "\r\n", 400},
        {LINE "Host:\r\n\r\n", 400},
        {LINE "Host: a b\r\n\r\n", 400},
        {LINE "Host: a/b\r\n\r\n", 400},
        {LINE "Host: u@a\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {LINE "Host: a\nX: b\r\n\r\n", 400},
        {LINE "Host: a\rX: b\r\n\r\n", 400},
        {LINE HOST "X: a\r\n b\r\n\r\n", 400},
        {LINE HOST "\tX: a\r\n\r\n", 400},
        {LINE HOST "X : a\r\n\r\n", 400},
        {LINE HOST ": a\r\n\r\n", 400},
        {LINE HOST "X\r\n\r\n", 400},
        {LINE HOST "X(y): a\r\n\r\n", 400},
        {LINE HOST "X: a\x01\r\n\r\n", 400},
        {LINE HOST "X: a\x7f\r\n\r\n", 400},
        {LINE HOST "Expect: 200-ok\r\n\r\n", 417},
        {LINE HOST "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
        {"\r\nGET / HTTP/1.1\r\n", 400},
        {"GET  / HTTP/1.1\r\n", 400},
        {"GET / HTTP/1.1 \r\n", 505},
        {" GET / HTTP/1.1\r\n", 400},
        {"GET /\r\n", 400},
        {"GET\r\n", 400},
        {"G@T / HTTP/1.1\r\n", 400},
        {"GETTTTTTTTTTTTTTTTTTT / HTTP/1.1\r\n", 400},
        {"GET * HTTP/1.1\r\n", 400},
        {"GET http://a/ HTTP/1.1\r\n", 400},
        {"GET /a#b HTTP/1.1\r\n", 400},
        {"GET /caf\xc3\xa9 HTTP/1.1\r\n", 400},
        {"GET /\t HTTP/1.1\r\n", 400},
        {"GET / HTTP/2.0\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET / http/1.1\r\n", 400},
        {"GET / SIP/2.0\r\n", 400},
        {"\x16\x03\x01\x02", 400}, // TLS
        {"\x05\x01", 400},         // SOCKS
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        enum sk_code code = check(view_of(heads[i].bytes));
        if (code != SK_INPUT || error.status != heads[i].status)
            fail_msg("%s: code %d status %u", heads[i].bytes, code, error.status);
    }
    assert_int_equal(check((struct view){LINE HOST "X: a\0b\r\n\r\n", 32}), SK_INPUT);
}

static void test_head_limits(void **state) {
    (void)state;
    char bytes[LEN_MAX + 64];
    int n = snprintf(bytes, sizeof bytes, LINE HOST "X: ");
    memset(bytes + n, 'x', sizeof bytes - (size_t)n);
    assert_int_equal(check((struct view){bytes, LEN_MAX - 1}), SK_BUSY);
    assert_int_equal(check((struct view){bytes, LEN_MAX}), SK_INPUT);
    assert_int_equal(error.status, 431);
    memcpy(bytes + LEN_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(check((struct view){bytes, sizeof bytes}), SK_OK);
    assert_int_equal(head.len, LEN_MAX);

    static char many[8192];
    struct buf out = buf_over(many, sizeof many);
    buf_put_text(&out, LINE HOST);
    for (int i = 1; i < GATE_FIELDS_MAX; i++)
        buf_put_text(&out, "a:\r\n");
    buf_put_text(&out, "\r\n");
    assert_int_equal(gate_head_check(buf_view(&out), sizeof many, &head, &error), SK_OK);
    out.len -= 2;
    buf_put_text(&out, "a:\r\n\r\n");
    assert_int_equal(gate_head_check(buf_view(&out), sizeof many, &head, &error), SK_INPUT);
    assert_int_equal(error.status, 431);

    buf_reset(&out);
    buf_put_text(&out, "GET /");
    for (int i = 0; i < GATE_TARGET_MAX; i++)
        buf_put_char(&out, 'a');
    buf_put_text(&out, " HTTP/1.1\r\n");
    assert_int_equal(gate_head_check(buf_view(&out), sizeof many, &head, &error), SK_INPUT);
    assert_int_equal(error.status, 414);
}

static void test_credential(void **state) {
    (void)state;
    struct view key;
    assert_int_equal(check(VIEW(LINE HOST "x-api-key: k1\r\n\r\n")), SK_OK);
    assert_int_equal(gate_credential(&head, &key, &error), SK_OK);
    assert_true(view_is(key, "k1"));
    assert_int_equal(check(VIEW(LINE HOST "x-api-key: k1\r\nauthorization: bEARER k2\r\n\r\n")),
                     SK_OK);
    assert_int_equal(gate_credential(&head, &key, &error), SK_OK);
    assert_true(view_is(key, "k2"));
    assert_int_equal(check(VIEW(LINE HOST "\r\n")), SK_OK);
    assert_int_equal(gate_credential(&head, &key, &error), SK_OK);
    assert_int_equal(key.len, 0);
    assert_int_equal(check(VIEW(LINE HOST "Authorization: Basic eDp5\r\n\r\n")), SK_OK);
    assert_int_equal(gate_credential(&head, &key, &error), SK_INPUT);
    assert_int_equal(error.status, 401);
}

static void test_host(void **state) {
    (void)state;
    static const struct {
        const char *host, *origin;
        bool allowed;
    } rows[] = {
        {"localhost:8844", NULL, true},
        {"LocalHost:8844", NULL, true},
        {"127.0.0.1:8844", NULL, true},
        {"[::1]:8844", NULL, true},
        {"node.example", NULL, true},
        {"other.example:81", NULL, true},
        {"localhost", NULL, false},
        {"localhost:80", NULL, false},
        {"localhost:08844", NULL, false},
        {"localhost:8844:8844", NULL, false},
        {"localhost.evil.example:8844", NULL, false},
        {"evil.example:8844", NULL, false},
        {"127.0.0.1.evil.example:8844", NULL, false},
        {"127.0.0.2:8844", NULL, false},
        {"node.example:8844", NULL, false},
        {"node.example,other.example:81", NULL, false},
        {"localhost:8844", "http://localhost:8844", true},
        {"localhost:8844", "https://localhost:8844", true},
        {"localhost:8844", "http://node.example", true},
        {"localhost:8844", "http://127.0.0.1:8844", false},
        {"localhost:8844", "http://localhost:3000", false},
        {"localhost:8844", "http://evil.example", false},
        {"localhost:8844", "null", false},
        {"localhost:8844", "", false},
        {"localhost:8844", "file://localhost:8844", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        head = (struct gate_head){.host = view_of(rows[i].host), .origin = view_of(rows[i].origin)};
        enum sk_code code =
            gate_host_check(&head, &nowhere, 8844, VIEW("node.example, other.example:81"), &error);
        if ((code == SK_OK) != rows[i].allowed) fail_msg("row %zu: %s", i, rows[i].host);
        if (code != SK_OK) assert_int_equal(error.status, 403);
    }
    head = (struct gate_head){0};
    assert_int_equal(gate_host_check(&head, &nowhere, 8844, VIEW(""), &error), SK_INPUT);
}

static void test_route(void **state) {
    (void)state;
    static const struct {
        const char *method, *target;
        unsigned status; // 0: found
        enum gate_what what;
    } rows[] = {
        {"POST", "/v1/chat/completions", 0, GATE_ASK},
        {"POST", "/v1/chat/completions?x=1", 0, GATE_ASK},
        {"GET", "/v1/models", 0, GATE_MODELS},
        {"HEAD", "/v1/models", 0, GATE_MODELS},
        {"GET", "/v1/models/a%2Fb%C3%A9", 0, GATE_MODEL},
        {"GET", "/v1/receipts/18446744073709551615", 0, GATE_RECEIPT},
        {"GET", "/healthz", 0, GATE_HEALTH},
        {"GET", "/readyz", 0, GATE_READY},
        {"GET", "/v1/chat/completions", 405, GATE_ASK},
        {"POST", "/v1/models", 405, GATE_ASK},
        {"OPTIONS", "/v1/models", 405, GATE_ASK},
        {"get", "/v1/models", 405, GATE_ASK},
        {"GET", "/", 404, GATE_ASK},
        {"GET", "/v1/models/", 404, GATE_ASK},
        {"GET", "/v1/models/%", 404, GATE_ASK},
        {"GET", "/v1/models/%ff", 404, GATE_ASK},
        {"GET", "/v1/models/a%00b", 404, GATE_ASK},
        {"GET", "/v1/receipts/", 404, GATE_ASK},
        {"GET", "/v1/receipts/-1", 404, GATE_ASK},
        {"GET", "/v1/receipts/18446744073709551616", 404, GATE_ASK},
        {"POST", "/v1/Chat/completions", 404, GATE_ASK},
        {"POST", "/v1/chat/completions/", 404, GATE_ASK},
    };
    struct gate_route route;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        head = (struct gate_head){.method = view_of(rows[i].method),
                                  .target = view_of(rows[i].target)};
        enum sk_code code = gate_route_find(&head, &route, &error);
        bool right = rows[i].status ? code == SK_INPUT && error.status == rows[i].status
                                    : code == SK_OK && route.what == rows[i].what;
        if (!right) fail_msg("%s %s", rows[i].method, rows[i].target);
        if (rows[i].status == 405) assert_non_null(error.allow);
    }
    head = (struct gate_head){.method = VIEW("GET"), .target = VIEW("/v1/models/a%2Fb%C3%A9")};
    assert_int_equal(gate_route_find(&head, &route, &error), SK_OK);
    assert_string_equal(route.model, "a/b\xc3\xa9");
}

static void test_media(void **state) {
    (void)state;
    static const struct {
        const char *type, *encoding;
        bool allowed;
    } rows[] = {
        {NULL, NULL, true},
        {"application/json", NULL, true},
        {"Application/JSON; charset=utf-8", "identity", true},
        {"text/plain", NULL, false},
        {"application/jsonx", NULL, false},
        {"", NULL, false},
        {"multipart/form-data; boundary=a", NULL, false},
        {"application/json", "gzip", false},
    };
    struct gate_route route;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        head = (struct gate_head){.method = VIEW("POST"),
                                  .target = VIEW("/v1/chat/completions"),
                                  .content_type = view_of(rows[i].type),
                                  .content_encoding = view_of(rows[i].encoding)};
        enum sk_code code = gate_route_find(&head, &route, &error);
        if ((code == SK_OK) != rows[i].allowed) fail_msg("row %zu", i);
        if (code != SK_OK) assert_int_equal(error.status, 415);
    }
}

static void test_error(void **state) {
    (void)state;
    char storage[8192];
    struct gate_edge edge;
    gate_edge_begin(&edge, (const uint8_t[GATE_REQUEST_ID_CHANCE]){0xab, 1});
    struct buf out = buf_over(storage, sizeof storage - 1);
    assert_int_equal(gate_refuse(&error, 429, "busy", "", "Wait \"%d\" s", 3), SK_INPUT);
    error.retry_after_s = 3;
    gate_error_respond(&error, &edge, false, 784111777, &out);
    out.at[out.len] = 0;
    assert_string_equal(out.at, "HTTP/1.1 429 Too Many Requests\r\n"
                                "Content-Type: application/json\r\n"
                                "Content-Length: 89\r\n"
                                "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                                "x-request-id: req_ab0100000000000000000000\r\n"
                                "Retry-After: 3\r\n"
                                "Connection: close\r\n\r\n"
                                "{\"error\":{\"message\":\"Wait \\\"3\\\" s\",\"type\":"
                                "\"rate_limit_error\",\"param\":null,\"code\":\"busy\"}}");
    buf_reset(&out);
    gate_error_respond(&error, &edge, true, 0, &out);
    assert_memory_equal(out.at + out.len - 4, "\r\n\r\n", 4);
    // To a client of Anthropic's in its own words.
    edge.anthropic = true;
    buf_reset(&out);
    gate_error_respond(&error, &edge, false, 784111777, &out);
    out.at[out.len] = 0;
    assert_non_null(strstr(out.at, "\r\nrequest-id: req_ab0100000000000000000000\r\n"));
    assert_non_null(strstr(out.at, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                                   "\"message\":\"Wait \\\"3\\\" s\",\"details\":{"
                                   "\"error_code\":\"busy\"}},"
                                   "\"request_id\":\"req_ab0100000000000000000000\"}"));
    // The longest and worst text still fits, and a cut never splits a character.
    char worst[2000];
    memset(worst, 1, sizeof worst);
    worst[sizeof worst - 1] = 0;
    gate_refuse(&error, 400, "c", "p", "%s", worst);
    buf_reset(&out);
    gate_error_respond(&error, &edge, false, 784111777, &out);
    assert_false(out.over);
    for (size_t i = 0; i + 2 < sizeof worst; i += 2)
        memcpy(worst + i, "\xc3\xa9", 2);
    gate_refuse(&error, 400, "c", "p", "x%s", worst);
    assert_int_equal(strlen(error.text) % 2, 1);
}

static void header_keep(void *out, const char *name, const char *value) {
    buf_print(out, "%s: %s\n", name, value);
}

static void test_edge(void **state) {
    (void)state;
    static const struct {
        uint64_t ms;
        const char *text;
    } lengths[] = {{0, "0ms"},      {12, "12ms"},    {1000, "1s"},        {1500, "1.500s"},
                   {60000, "1m0s"}, {61001, "1m1s"}, {3600000, "1h0m0s"}, {3725000, "1h2m5s"}};
    struct gate_edge edge;
    char storage[2048], line[80];
    gate_edge_begin(&edge, (const uint8_t[GATE_REQUEST_ID_CHANCE]){0});
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct buf out = buf_over(storage, sizeof storage);
        edge.requests = (struct gate_rate){60, 59, lengths[i].ms};
        gate_edge_headers(&edge, 0, header_keep, &out);
        buf_put_char(&out, 0);
        snprintf(line, sizeof line, "x-ratelimit-reset-requests: %s\n", lengths[i].text);
        assert_non_null(strstr(storage, line));
        assert_non_null(strstr(storage, "x-ratelimit-limit-requests: 60\n"
                                        "x-ratelimit-remaining-requests: 59\n"));
        assert_null(strstr(storage, "tokens")); // no such limit
    }
    struct buf out = buf_over(storage, sizeof storage);
    edge.anthropic = true;
    edge.tokens = (struct gate_rate){1000, 7, 1001};
    gate_edge_headers(&edge, 784111777, header_keep, &out);
    buf_put_char(&out, 0);
    assert_non_null(strstr(storage, "anthropic-ratelimit-tokens-limit: 1000\n"
                                    "anthropic-ratelimit-tokens-remaining: 7\n"
                                    "anthropic-ratelimit-tokens-reset: 1994-11-06T08:49:39Z\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edge),          cmocka_unit_test(test_head_whole),
        cmocka_unit_test(test_head_prefixes), cmocka_unit_test(test_head_closes),
        cmocka_unit_test(test_head_refused),  cmocka_unit_test(test_head_limits),
        cmocka_unit_test(test_credential),    cmocka_unit_test(test_host),
        cmocka_unit_test(test_route),         cmocka_unit_test(test_media),
        cmocka_unit_test(test_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
