// Idempotency-Key: of requests with one key of one caller only one is done, and the others get its
// answer again, byte for byte (draft-ietf-httpapi-idempotency-key-header). Border claims and keeps;
// here the bytes are written down as the client gets them.
//
// Only whole, good answers are kept: after an error, or when the client left before the end, the
// next request with that key is done anew.
#include "node/room_gate.h"

#include <unistd.h>

#include "base/wire.h"
#include "node/sealed.h"

enum {
    KEEP_S_MAX = 86400,    // border keeps it for less where it is told to
    RECORD_HEAD = 1 + 8,   // u8 stream, u64 open
    RECORD_MAX = 16 << 20, // a longer answer is not kept
};

// Names of what border keeps begin with what they are of.
static void name_write(const struct request *request, struct buf *out) {
    buf_put_text(out, "idempotency/");
    buf_put_text(out, request->again.key);
    must(!out->over);
}

enum sk_code again_claim(struct gate *gate, struct request *request, struct gate_error *error) {
    char storage[GATE_IDEMPOTENCY_MAX + 16];
    struct buf name = buf_over(storage, sizeof storage);
    const char *protocol = request->route.protocol->id_prefix;
    struct view parts[] = {view_of(protocol ? protocol : ""), VIEW("\n"), buf_view(&request->body)};
    struct msg msg = {.type = MSG_claim, .id = request->id * GATE_TASKS_MAX};
    name_write(request, &name);
    if (sealed_make(parts, 3, &msg.descriptor) != SK_OK) return request_trouble(error);
    msg.as.claim.credential = (struct view){request->credential, request->credential_len};
    msg.as.claim.name = buf_view(&name);
    msg.as.claim.client = (struct view){(const char *)request->client, sizeof request->client};
    msg.as.claim.len = (uint32_t)(parts[0].len + parts[1].len + parts[2].len);
    bool sent = room_send(&gate->room, ROOM_BORDER, &msg);
    close(msg.descriptor);
    if (!sent) return request_trouble(error);
    request->again.state = AGAIN_CLAIMED;
    return SK_OK;
}

void again_forget(struct gate *gate, struct request *request) {
    struct again *again = &request->again;
    if (again->state == AGAIN_CLAIMED) {
        struct msg msg = {.type = MSG_unclaim, .descriptor = -1};
        msg.id = request->id * GATE_TASKS_MAX;
        room_send(&gate->room, ROOM_BORDER, &msg);
    }
    buf_close(&again->record);
    again->state = AGAIN_NONE;
}

void again_record(struct gate *gate, struct request *request, struct view bytes) {
    struct again *again = &request->again;
    if (again->state != AGAIN_CLAIMED || !request->accepted) return;
    if (!again->record.at) {
        if (buf_open(&again->record, RECORD_MAX) != SK_OK) {
            again_forget(gate, request);
            return;
        }
        wire_put_u8(&again->record, request->answer.stream);
        wire_put_u64(&again->record, request->open);
    }
    buf_put_view(&again->record, bytes);
    if (again->record.over) again_forget(gate, request);
}

void again_finish(struct gate *gate, struct request *request) {
    struct again *again = &request->again;
    char storage[GATE_IDEMPOTENCY_MAX + 16];
    if (again->state != AGAIN_CLAIMED || !again->record.at) return;
    struct buf name = buf_over(storage, sizeof storage);
    name_write(request, &name);
    bool kept = kept_put(gate, request, buf_view(&name), buf_view(&again->record), KEEP_S_MAX);
    if (kept) again->state = AGAIN_NONE;
    again_forget(gate, request);
}

// The answer of before, as if it was made now.
static bool record_tell(struct request *request, struct view content) {
    struct wire wire = wire_over(content);
    bool stream = wire_take_u8(&wire) != 0;
    uint64_t open = wire_take_u64(&wire);
    struct view bytes = view_from(content, RECORD_HEAD);
    if (wire.bad || bytes.len > OUT_MAX) return false;
    buf_put_view(&request->out, bytes);
    request->stage = REQUEST_OVER;
    request->status = 200;
    request->answer.stream = stream;
    request->accepted = true;
    request->open = open;
    request->again.replayed = true;
    return true;
}

void again_message(struct gate *gate, struct request *request, const struct msg *msg) {
    if (msg->type == MSG_claimed) {
        request_submit(gate, request);
        return;
    }
    if (msg->type != MSG_found) return;
    struct view content;
    struct gate_error error;
    request->again.state = AGAIN_NONE; // it is another's, and done
    bool told = sealed_map(msg->descriptor, msg->as.found.len, &content) == SK_OK;
    if (told) {
        told = record_tell(request, content);
        sealed_unmap(&content);
    }
    if (told) {
        http_resume(gate, request);
        return;
    }
    gate_refuse(&error, 500, "internal_error", "", "The answer that was kept cannot be read.");
    request_refuse(gate, request, &error);
}
