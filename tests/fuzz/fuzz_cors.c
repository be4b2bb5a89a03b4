// Three lines of any bytes, as configured origins, Origin and Access-Control-Request-Headers: only a
// listed origin is answered, and no line of the answer is the sender's.
#include <stdlib.h>

#include "gate/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct view line_take(struct view *rest) {
    const char *feed = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;
    struct view line = {rest->at, feed ? (size_t)(feed - rest->at) : rest->len};
    *rest = view_from(*rest, line.len + 1);
    return line;
}

static size_t lines_of(struct view text) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) n += text.at[i] == '\n';
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char page[1 << 17];
    struct gate_error error;
    struct gate_edge edge;
    struct view rest = {(const char *)data, size < 1 << 14 ? size : 1 << 14};
    struct view origins = line_take(&rest);
    struct gate_head head = {.method = VIEW("OPTIONS"),
                             .origin = line_take(&rest),
                             .access_control_request_method = VIEW("POST"),
                             .access_control_request_headers = line_take(&rest)};
    if (gate_origins_check(origins) != SK_OK) {
        must(fail_text()[0]);
        return 0;
    }
    gate_edge_begin(&edge, (const uint8_t[GATE_REQUEST_ID_CHANCE]){0});
    gate_cors_begin(&head, origins, &edge);
    bool any = view_is(origins, "*");
    if (edge.origin[0] && !any) must(view_is(head.origin, edge.origin));
    struct buf out = buf_over(page, sizeof page);
    enum sk_code code = gate_cors_respond(&head, &edge, 0, &out, &error);
    must((code == SK_OK) == (edge.origin[0] != 0));
    if (code != SK_OK) return 0;
    size_t lines = lines_of(buf_view(&out));
    must(!out.over && lines >= 9 && lines <= 11);
    return 0;
}
