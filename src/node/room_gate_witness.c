// What others ask of this node as a witness of their logs (C2SP tlog-witness): passed on as it is.
#include "node/room_gate.h"

#include <unistd.h>

#include "node/sealed.h"

enum sk_code witness_submit(struct gate *gate, struct request *request, struct gate_error *error) {
    bool adds = request->route.what == GATE_WITNESS_ADD;
    struct view content = adds ? buf_view(&request->body) : view_of(request->route.log);
    struct msg msg = {.type = MSG_witness, .id = request->id * GATE_TASKS_MAX};
    if (content.len == 0)
        return gate_refuse(error, 400, "invalid_value", "", "A checkpoint is needed.");
    if (content.len > WITNESS_FILE_MAX)
        return gate_refuse(error, 413, "request_too_large", "",
                           "The body is longer than the limit of %d bytes.", WITNESS_FILE_MAX);
    if (sealed_make(&content, 1, &msg.descriptor) != SK_OK) return request_trouble(error);
    msg.as.witness = (struct msg_witness){.what = adds ? WITNESS_ADD : WITNESS_LAST,
                                          .len = (uint32_t)content.len};
    bool sent = room_send(&gate->room, ROOM_BORDER, &msg);
    close(msg.descriptor);
    return sent ? SK_OK : request_trouble(error);
}

void witness_message(struct gate *gate, struct request *request, const struct msg_witnessed *told,
                     int descriptor) {
    static const char size[] = "text/x.tlog.size";
    struct view content;
    enum sk_code mapped = sealed_map_any(descriptor, WITNESS_FILE_MAX, &content);
    if (!query_content(gate, request, mapped, &content)) return;
    request->media = view_is(told->type, size) ? size : request->route.media;
    request->status = told->status;
    http_resume(gate, request);
}
