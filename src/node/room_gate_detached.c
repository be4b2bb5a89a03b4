// Requests whose client does not wait: they go on without a visit, and what comes of them is kept
// to be asked for by their id. Few at a time, and not for ever; a node that stops ends them.
#include "node/room_gate.h"

static bool is_detached(const struct request *request) {
    return request->stage != REQUEST_FREE && !request->visit;
}

struct request *request_detach(struct gate *gate, struct request *request) {
    uint32_t kept = 0;
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        const struct request *other = &gate->requests[i];
        bool over = other->stage == REQUEST_OVER && !is_followed(gate, other); // soon freed
        kept += is_detached(other) && !over;
    }
    struct request *here = kept < DETACHED_MAX ? request_begin(gate, request->visit) : NULL;
    if (!here) return NULL;
    here->stage = REQUEST_OVER;
    here->route = request->route;
    here->connection = request->connection;
    here->suspended = request->suspended;
    request->visit->request = here;
    request->visit = NULL;
    request->connection = NULL;
    request->suspended = false;
    request->detached_ms = gate_now_ms(gate);
    return here;
}

struct request *request_kept(struct gate *gate, struct view id, const struct request *asker) {
    struct view credential = {asker->credential, asker->credential_len};
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *request = &gate->requests[i];
        struct view owner = {request->credential, request->credential_len};
        bool runs = is_detached(request) && request->stage == REQUEST_FLOWING;
        if (runs && view_is(id, request->answer.id) && view_same(owner, credential)) return request;
    }
    return NULL;
}

// Its followers are told, and what had begun is kept as failed.
static void detached_stop(struct gate *gate, struct request *request) {
    struct gate_error error;
    if (gate->stopping)
        gate_refuse(&error, 503, "stopping", "", "The node is stopping. Try again later.");
    else
        gate_refuse(&error, 503, "background_timeout", "background",
                    "A response in the background may take %d minutes.", DETACHED_MS_MAX / 60000);
    request_refuse(gate, request, &error);
}

void detached_beat(struct gate *gate) {
    int64_t now_ms = gate_now_ms(gate);
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *request = &gate->requests[i];
        if (!is_detached(request)) continue;
        bool late = now_ms - request->detached_ms > DETACHED_MS_MAX;
        bool over = request->stage == REQUEST_OVER;
        if (!over && (gate->stopping || late)) detached_stop(gate, request);
        over = request->stage == REQUEST_OVER;
        if (over && !is_followed(gate, request)) request_end(gate, request);
    }
}
