// Pages: files that are built in, as they stand in the source tree.
#include "base/text.h"
#include "gate/gate.h"

// clang-format off
__asm__(".section .rodata\n"
        "sk_page_verify: .incbin \"" SEKISHO_PAGE_VERIFY "\"\n"
        "sk_page_verify_end: .byte 0\n"
        ".previous\n");
// clang-format on
extern const char sk_page_verify[], sk_page_verify_end[];

struct view gate_page(void) {
    return (struct view){sk_page_verify, (size_t)(sk_page_verify_end - sk_page_verify)};
}

void gate_page_headers(gate_put_header put, void *self) {
    static const char from[] = "http-equiv=\"Content-Security-Policy\" content=\"";
    struct view page = gate_page();
    char policy[512];
    const char *at = memmem(page.at, page.len, from, sizeof from - 1);
    must(at);
    at += sizeof from - 1;
    const char *end = memchr(at, '"', page.len - (size_t)(at - page.at));
    struct buf out = buf_over(policy, sizeof policy - 1);
    must(end);
    buf_put(&out, at, (size_t)(end - at));
    buf_put_text(&out, "; frame-ancestors 'none'"); // of no effect in the page itself
    must(!out.over);
    policy[out.len] = 0;
    put(self, "Content-Security-Policy", policy);
    put(self, "X-Content-Type-Options", "nosniff");
    put(self, "Referrer-Policy", "no-referrer");
}
