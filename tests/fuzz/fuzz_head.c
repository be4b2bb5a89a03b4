// Any bytes as the beginning of a connection: the verdict does not depend on how they arrive, and a
// head that passes can be routed, judged and answered.
#include <stdlib.h>

#include "gate/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LEN_MAX = 4096 };

static void serve(const struct gate_head *head) {
    struct gate_error error;
    struct gate_route route;
    struct view credential;
    char page[16384];
    struct buf out = buf_over(page, sizeof page);
    struct gate_edge edge;
    gate_edge_begin(&edge, (const uint8_t[GATE_REQUEST_ID_CHANCE]){0});
    edge.anthropic = gate_head_anthropic(head);
    gate_cors_begin(head, VIEW("https://a.example,http://b:81"), &edge);
    enum sk_code code = gate_host_check(head, &edge, 8844, VIEW("a.example, b"), &error);
    if (code == SK_OK && gate_cors_preflight(head)) {
        code = gate_cors_respond(head, &edge, 0, &out, &error);
        must(!out.over && (code == SK_INPUT) == (out.len == 0));
        if (code == SK_OK) return;
    }
    if (code == SK_OK) code = gate_route_find(head, &route, &error);
    if (code == SK_OK) code = gate_credential(head, &credential, &error);
    if (code == SK_OK) code = gate_idempotency_key(head, &credential, &error);
    if (code == SK_OK) return;
    gate_error_respond(&error, &edge, false, 0, &out);
    must(code == SK_INPUT && !out.over);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gate_head head, part;
    struct gate_error error;
    struct view all = {(const char *)data, size};
    enum sk_code code = gate_head_check(all, LEN_MAX, &head, &error);
    must(code == SK_OK || code == SK_BUSY || code == SK_INPUT);
    if (code == SK_INPUT) must(error.status >= 400 && error.text[0]);
    size_t whole = code == SK_OK ? head.len : 0;
    if (code == SK_OK) {
        must(whole <= size && whole <= LEN_MAX && !(head.chunked && head.content_length.at));
        must(memcmp(data + whole - 4, "\r\n\r\n", 4) == 0);
        serve(&head);
    }
    for (size_t n = 0; n < size && n < 256; n++) {
        enum sk_code early = gate_head_check((struct view){all.at, n}, LEN_MAX, &part, &error);
        if (code == SK_OK) must(early == (n < whole ? SK_BUSY : SK_OK));
        if (code == SK_BUSY) must(early == SK_BUSY);
    }
    return 0;
}
