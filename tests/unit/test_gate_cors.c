// Which pages of other origins may call: what may be configured, and what a browser is told.
#include "cmocka_all.h"

#include "gate/gate.h"

#include <stdio.h>

static struct gate_error error;
static struct gate_edge edge;
static char storage[4096];

static void origins_are_as_browsers_send_them(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "*",
                                       "https://app.example",
                                       "http://localhost:5173,https://a.example",
                                       " https://a.example , https://b.example:8443 ",
                                       "http://[::1]:8080",
                                       "tauri://localhost",
                                       "chrome-extension://abcdefghijklmnop",
                                       "http://127.0.0.1:443"};
    static const char *const bad[] = {"*,https://a.example",
                                      "https://a.example,*",
                                      "a.example",
                                      "https://a.example/",
                                      "https://a.example/path",
                                      "https://A.example",
                                      "HTTPS://a.example",
                                      "https://a.example:443",
                                      "http://a.example:80",
                                      "https://a.example:0",
                                      "https://a.example:65536",
                                      "https://a.example:",
                                      "https://a.example:1x",
                                      "https://",
                                      "://a",
                                      ",https://a.example",
                                      "null",
                                      "https://user@a.example",
                                      "https://*.example",
                                      "http://[::1",
                                      "http://[::1]x",
                                      "https://a.example\r\nX: y"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (gate_origins_check(view_of(good[i])) != SK_OK) fail_msg("'%s': %s", good[i], fail_text());
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (gate_origins_check(view_of(bad[i])) != SK_INPUT) fail_msg("'%s' passed", bad[i]);
}

static void header_keep(void *out, const char *name, const char *value) {
    buf_print(out, "%s: %s\n", name, value);
}

static const char *fields_of(const char *origin, const char *origins) {
    struct gate_head head = {.origin = view_of(origin)};
    struct buf out = buf_over(storage, sizeof storage - 1);
    gate_edge_begin(&edge, (const uint8_t[GATE_REQUEST_ID_CHANCE]){0});
    gate_cors_begin(&head, view_of(origins), &edge);
    gate_edge_headers(&edge, 0, header_keep, &out);
    storage[out.len] = 0;
    return storage;
}

static void only_a_configured_origin_is_answered(void **state) {
    (void)state;
    const char *allow = "Access-Control-Allow-Origin: https://b.example\n";
    assert_non_null(strstr(fields_of("https://b.example", "https://a.example, https://b.example"), allow));
    assert_non_null(strstr(storage, "Vary: Origin\n"));
    assert_non_null(strstr(storage, "Access-Control-Expose-Headers: x-request-id,"));
    static const char *const others[] = {"https://b.example:8443", "http://b.example", "https://c.example",
                                         "null", "", "https://a.example, https://b.example"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_null(strstr(fields_of(others[i], "https://a.example, https://b.example"), "Access-"));
        assert_non_null(strstr(storage, "Vary: Origin\n")); // a cache must not give it to the others
    }
    assert_null(strstr(fields_of(NULL, "https://a.example"), "Access-"));
    assert_null(strstr(fields_of("https://a.example", ""), "Access-"));
    assert_null(strstr(storage, "Vary"));
    assert_non_null(strstr(fields_of("https://any.example", "*"), "Access-Control-Allow-Origin: *\n"));
    assert_null(strstr(storage, "Vary"));
    assert_null(strstr(fields_of(NULL, "*"), "Access-"));
    assert_null(strstr(storage, "Credentials"));
}

static void a_preflight_allows_what_clients_send(void **state) {
    (void)state;
    struct gate_head head = {
        .method = VIEW("OPTIONS"),
        .origin = VIEW("https://a.example"),
        .access_control_request_method = VIEW("POST"),
        .access_control_request_headers =
            VIEW("authorization,Content-Type, x-api-key,x-stainless-retry-count, OpenAI-Organization,"
                 "anthropic-dangerous-direct-browser-access,x-stainless-, cookie,x-other,"
                 "idempotency-key,,x-stainless-a b")};
    struct buf out = buf_over(storage, sizeof storage - 1);
    gate_edge_begin(&edge, (const uint8_t[GATE_REQUEST_ID_CHANCE]){0});
    gate_cors_begin(&head, VIEW("https://a.example"), &edge);
    assert_true(gate_cors_preflight(&head));
    assert_int_equal(gate_cors_respond(&head, &edge, 784111777, &out, &error), SK_OK);
    storage[out.len] = 0;
    assert_non_null(strstr(storage, "HTTP/1.1 204 No Content\r\n"));
    assert_non_null(strstr(storage, "\r\nAccess-Control-Allow-Origin: https://a.example\r\n"));
    assert_non_null(strstr(storage, "\r\nAccess-Control-Allow-Methods: GET, HEAD, POST, DELETE\r\n"));
    assert_non_null(strstr(storage, "\r\nAccess-Control-Allow-Headers: authorization, Content-Type, "
                                    "x-api-key, x-stainless-retry-count, OpenAI-Organization, "
                                    "anthropic-dangerous-direct-browser-access, idempotency-key\r\n"));
    assert_memory_equal(storage + out.len - 4, "\r\n\r\n", 4);

    gate_cors_begin(&head, VIEW("https://b.example"), &edge);
    assert_int_equal(gate_cors_respond(&head, &edge, 0, &out, &error), SK_INPUT);
    assert_int_equal(error.status, 403);
    head.access_control_request_method.at = NULL;
    assert_false(gate_cors_preflight(&head));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_are_as_browsers_send_them),
        cmocka_unit_test(only_a_configured_origin_is_answered),
        cmocka_unit_test(a_preflight_allows_what_clients_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
