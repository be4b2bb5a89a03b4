// Reads: one query to border, one answer.
#include "node/room_gate.h"

#include "node/sealed.h"

static enum sk_code tile_submit(struct gate *gate, struct request *request,
                                struct gate_error *error) {
    const struct tile_name *name = &request->route.tile; // of the checkpoint all 0
    struct msg msg = {.type = MSG_tile, .id = request->id * GATE_TASKS_MAX, .descriptor = -1};
    msg.as.tile = (struct msg_tile){.credential = {request->credential, request->credential_len},
                                    .entries = name->entries,
                                    .level = name->level,
                                    .index = name->index,
                                    .width = name->width};
    return room_send(&gate->room, ROOM_BORDER, &msg) ? SK_OK : request_trouble(error);
}

enum sk_code query_submit(struct gate *gate, struct request *request, struct gate_error *error) {
    enum gate_what what = request->route.what;
    if (what == GATE_CHECKPOINT || what == GATE_TILE) return tile_submit(gate, request, error);
    static const uint8_t whats[] = {
        [GATE_MODELS] = QUERY_MODELS,   [GATE_MODEL] = QUERY_MODELS,
        [GATE_RECEIPT] = QUERY_RECEIPT, [GATE_READY] = QUERY_STATUS,
        [GATE_METRICS] = QUERY_METRICS,
    };
    struct msg query = {.type = MSG_query, .id = request->id * GATE_TASKS_MAX, .descriptor = -1};
    struct view credential = {request->credential, request->credential_len};
    query.as.query = (struct msg_query){.what = whats[what],
                                        .credential = credential,
                                        .number = request->route.number};
    return room_send(&gate->room, ROOM_BORDER, &query) ? SK_OK : request_trouble(error);
}

static void answer_arrives(struct gate *gate, struct request *request,
                           const struct msg_answer *answer) {
    request->stage = REQUEST_OVER;
    request->status = answer->status;
    bool models = request->route.what == GATE_MODELS || request->route.what == GATE_MODEL;
    if (models && answer->status == 200) {
        struct gate_error error;
        arena_reset(&gate->arena);
        char *copy = arena_text(&gate->arena, answer->json);
        must(copy != NULL);
        if (gate_models_write(&request->route, copy, answer->json.len, &gate->arena, &request->out,
                              &error) != SK_OK) {
            request_refuse(gate, request, &error);
            return;
        }
    } else {
        buf_put_view(&request->out, answer->json);
    }
    http_resume(gate, request);
}

// How long others may keep what is found: of one name a tile has the same bytes for ever, entries
// for whoever has shown a key.
static void found_describe(struct request *request) {
    request->media = request->route.media;
    if (request->route.what == GATE_CHECKPOINT) request->cache = "no-cache";
    if (request->route.what == GATE_TILE)
        request->cache = request->route.tile.entries ? "private, max-age=31536000, immutable"
                                                     : "public, max-age=31536000, immutable";
}

bool query_content(struct gate *gate, struct request *request, enum sk_code mapped,
                   struct view *content) {
    struct gate_error error;
    request->stage = REQUEST_OVER;
    if (mapped != SK_OK) {
        request_trouble(&error);
        request_refuse(gate, request, &error);
        return false;
    }
    buf_put_view(&request->out, *content);
    sealed_unmap(content);
    return true;
}

static void found_arrives(struct gate *gate, struct request *request, const struct msg *msg) {
    struct view content;
    must(msg->as.found.len <= OUT_MAX);
    enum sk_code mapped = sealed_map(msg->descriptor, msg->as.found.len, &content);
    if (!query_content(gate, request, mapped, &content)) return;
    found_describe(request);
    request->status = 200;
    http_resume(gate, request);
}

void query_message(struct gate *gate, struct request *request, const struct msg *msg) {
    if (msg->type == MSG_answer) answer_arrives(gate, request, &msg->as.answer);
    if (msg->type == MSG_found) found_arrives(gate, request, msg);
}
