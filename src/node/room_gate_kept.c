// What border keeps for a request's caller: bytes by name, found again by the same API key only.
#include "node/room_gate.h"

#include <unistd.h>

#include "node/sealed.h"

static struct view credential_of(const struct request *request) {
    return (struct view){request->credential, request->credential_len};
}

static struct view client_of(const struct request *request) {
    return (struct view){(const char *)request->client, sizeof request->client};
}

bool kept_put(struct gate *gate, const struct request *request, struct view name,
              struct view content, uint32_t seconds) {
    struct msg msg = {.type = MSG_keep, .id = request->id * GATE_TASKS_MAX};
    if (sealed_make(&content, 1, &msg.descriptor) != SK_OK) return false;
    msg.as.keep = (struct msg_keep){.credential = credential_of(request),
                                    .name = name,
                                    .client = client_of(request),
                                    .seconds = seconds,
                                    .len = (uint32_t)content.len};
    bool sent = room_send(&gate->room, ROOM_BORDER, &msg);
    close(msg.descriptor);
    return sent;
}

bool kept_find(struct gate *gate, const struct request *request, struct view name) {
    struct msg msg = {.type = MSG_find, .id = request->id * GATE_TASKS_MAX, .descriptor = -1};
    msg.as.find = (struct msg_find){
        .credential = credential_of(request), .name = name, .client = client_of(request)};
    return room_send(&gate->room, ROOM_BORDER, &msg);
}

bool kept_drop(struct gate *gate, const struct request *request, struct view name) {
    struct msg msg = {.type = MSG_drop, .id = request->id * GATE_TASKS_MAX, .descriptor = -1};
    msg.as.drop = (struct msg_drop){.credential = credential_of(request), .name = name};
    return room_send(&gate->room, ROOM_BORDER, &msg);
}
