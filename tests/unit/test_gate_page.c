// The page's policy allows its own script and style and nothing else: after a change, scripts/page.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/text.h"
#include "gate/gate.h"

static char policy[1024];

static void header_take(void *self, const char *name, const char *value) {
    (void)self;
    if (strcmp(name, "Content-Security-Policy") == 0)
        (void)snprintf(policy, sizeof policy, "%s", value);
}

static void allows(const char *tag) {
    struct view page = gate_page();
    char open[16], close[16], source[128] = {0};
    uint8_t hash[HASH_LEN];
    struct buf out = buf_over(source, sizeof source - 1);
    (void)snprintf(open, sizeof open, "<%s>", tag);
    (void)snprintf(close, sizeof close, "</%s>", tag);
    const char *from = memmem(page.at, page.len, open, strlen(open));
    assert_non_null(from);
    from += strlen(open);
    const char *to = memmem(from, page.len - (size_t)(from - page.at), close, strlen(close));
    assert_non_null(to);
    hash_of(from, (size_t)(to - from), hash);
    buf_print(&out, "%s-src 'sha256-", tag);
    base64_put(&out, hash, sizeof hash);
    buf_put_text(&out, "';");
    if (!strstr(policy, source)) fail_msg("%s\n is not in\n%s", source, policy);
    from = memmem(to, page.len - (size_t)(to - page.at), open, strlen(open));
    assert_null(from); // one of each
}

static void test_policy(void **unused) {
    (void)unused;
    gate_page_headers(header_take, NULL);
    assert_memory_equal(policy, "default-src 'none'; ", 20);
    assert_null(strstr(policy, "unsafe"));
    assert_non_null(strstr(policy, "frame-ancestors 'none'"));
    allows("script");
    allows("style");
}

static void test_opens_nothing(void **unused) {
    (void)unused;
    static const char *const words[] = {"fetch(", "XMLHttpRequest", "WebSocket", "http://",
                                        "https://", "import(",       "src=",      "href=",
                                        "innerHTML", "eval("};
    struct view page = gate_page();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(page.at, page.len, words[i], strlen(words[i]))) fail_msg("%s", words[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_policy),
                                       cmocka_unit_test(test_opens_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
