// Kept responses: found for the one that goes on with them, shown, cancelled and dropped; and those
// in the background, which requests may follow. What runs is here, detached; what is over is kept
// by border.
//
// A follower waits for the first decision on what it follows, and is told what that was; then, when
// it streams, reads the events where they are written: a slow one costs no memory, but what it
// follows stays until it has read all of it or was idle too long. So the client of a background
// response sees refusals as refusals, and may leave and come back.
#include "node/room_gate.h"

#include <stdio.h>

#include "node/sealed.h"

enum {
    KEEP_S_MAX = 2592000, // border keeps for less if told to
    NAME_MAX = 16 + GATE_ID_LEN,
    EVENTS_MAX = 8 << 20, // bytes of events that are kept
};

static void name_write(const char *id, struct buf *out) {
    buf_put_text(out, "response/");
    buf_put_text(out, id);
    must(!out->over);
}

// ---- keeping ----

void response_keep(struct gate *gate, struct request *request, const char *status,
                   const struct gate_error *error) {
    char storage[NAME_MAX];
    struct buf name = buf_over(storage, sizeof storage);
    bool streamed = !request->visit && request->answer.stream;
    struct view events = streamed ? buf_view(&request->out) : (struct view){0};
    if (!request->keeps) return;
    name_write(request->answer.id, &name);
    if (events.len > EVENTS_MAX) events.len = 0; // not to be streamed again
    buf_reset(&gate->page);
    gate_response_record(&request->answer, status, error, events, &gate->page);
    if (!gate->page.over)
        kept_put(gate, request, buf_view(&name), buf_view(&gate->page), KEEP_S_MAX);
}

// ---- followers ----

static bool follows(const struct request *follower, const struct request *request) {
    return follower->stage == REQUEST_FOLLOWING && follower->follows == request->id;
}

static void follower_accept(struct gate *gate, struct request *follower,
                            const struct request *request) {
    follower->accepted = true;
    follower->open = request->open;
    follower->status = 200;
    if (!follower->answer.stream) {
        follower->stage = REQUEST_OVER;
        gate_response_write(&request->answer, "queued", NULL, &follower->out);
        must(!follower->out.over);
    }
    http_resume(gate, follower);
}

void followers_accept(struct gate *gate, struct request *request) {
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (follows(&gate->requests[i], request))
            follower_accept(gate, &gate->requests[i], request);
}

void followers_tell(struct gate *gate, const struct request *request) {
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (follows(&gate->requests[i], request)) http_resume(gate, &gate->requests[i]);
}

void followers_refuse(struct gate *gate, struct request *request, const struct gate_error *error) {
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (follows(&gate->requests[i], request)) request_refuse(gate, &gate->requests[i], error);
}

bool is_followed(const struct gate *gate, const struct request *request) {
    bool followed = false;
    for (size_t i = 0; i < REQUESTS_MAX && !followed; i++)
        followed = follows(&gate->requests[i], request);
    return followed;
}

int64_t follower_read(struct request *follower, char *to, size_t max) {
    const struct request *request = &follower->gate->requests[follower->follows % REQUESTS_MAX];
    must(request->id == follower->follows); // it is freed when nobody follows it
    size_t n = request->out.len - follower->out_at;
    if (n == 0) return request->stage == REQUEST_OVER ? -1 : 0;
    if (n > max) n = max;
    memcpy(to, request->out.at + follower->out_at, n);
    follower->out_at += n;
    return (int64_t)n;
}

static void follow(struct request *follower, const struct request *request) {
    follower->follows = request->id;
    follower->stage = REQUEST_FOLLOWING;
}

enum sk_code response_background(struct gate *gate, struct request *request,
                                 struct gate_error *error) {
    if (request->again.key[0])
        return gate_refuse(error, 400, "invalid_value", "background",
                           "'background' and an Idempotency-Key do not go together: a response in "
                           "the background has an id to ask for it by.");
    struct request *here = request_detach(gate, request);
    if (!here) {
        gate_refuse(error, 429, "too_many_requests", "background",
                    "%d responses are in the background, which is the limit, or the node has no "
                    "room for one more. Try again later.",
                    DETACHED_MAX);
        error->retry_after_s = 1;
        return SK_INPUT;
    }
    here->credential_len = request->credential_len;
    memcpy(here->credential, request->credential, request->credential_len);
    here->answer.stream = request->answer.stream;
    follow(here, request);
    return SK_OK;
}

// ---- asking for one ----

static enum sk_code not_found(const struct request *request, struct gate_error *error) {
    const char *id = request->route.response;
    if (request->route.what == GATE_ASK)
        return gate_refuse(error, 400, "previous_response_not_found", "previous_response_id",
                           "Previous response with id '%s' not found: kept no more, not kept, or "
                           "of another API key.",
                           id);
    return gate_refuse(error, 404, "response_not_found", "response_id",
                       "Response with id '%s' not found: kept no more, not kept, or of another "
                       "API key.",
                       id);
}

enum sk_code response_find(struct gate *gate, struct request *request, struct view id,
                           struct gate_error *error) {
    char storage[NAME_MAX];
    struct buf name = buf_over(storage, sizeof storage);
    char *to = request->route.response;
    if (id.at != to) snprintf(to, sizeof request->route.response, "%.*s", (int)id.len, id.at);
    if (id.len > GATE_ID_LEN || memchr(id.at, 0, id.len)) return not_found(request, error);
    if (request->route.what == GATE_ASK && request_kept(gate, id, request))
        return gate_refuse(error, 400, "previous_response_in_progress", "previous_response_id",
                           "Previous response with id '%s' is not over yet.", to);
    name_write(to, &name);
    request->stage = REQUEST_FINDING;
    return kept_find(gate, request, buf_view(&name)) ? SK_OK : request_trouble(error);
}

static void tell(struct gate *gate, struct request *request) {
    must(!request->out.over);
    request->stage = REQUEST_OVER;
    request->status = 200;
    http_resume(gate, request);
}

static void tell_dropped(struct gate *gate, struct request *request) {
    buf_print(&request->out, "{\"id\":\"%s\",\"object\":\"response\",\"deleted\":true}",
              request->route.response);
    tell(gate, request);
}

// ---- one that runs ----

static void running_end(struct gate *gate, struct request *running) {
    ask_leave(gate, running);
    running->stage = REQUEST_OVER; // detached_beat frees it
    followers_tell(gate, running);
}

static enum sk_code running_stream(struct gate *gate, struct request *request,
                                   struct request *running, struct gate_error *error) {
    if (!running->answer.stream)
        return gate_refuse(error, 400, "invalid_value", "stream",
                           "The response was not created with 'stream': true.");
    struct view events = buf_view(&running->out);
    struct view after = gate_events_after(events, request->route.starting_after);
    request->out_at = events.len - after.len;
    request->answer.stream = true;
    follow(request, running);
    follower_accept(gate, request, running);
    return SK_OK;
}

static enum sk_code running_submit(struct gate *gate, struct request *request,
                                   struct request *running, struct gate_error *error) {
    const struct gate_answer *answer = &running->answer;
    switch (request->route.what) {
    case GATE_RESPONSE_ITEMS:
        buf_reset(&gate->page);
        arena_reset(&gate->arena);
        gate_response_record(answer, "in_progress", NULL, (struct view){0}, &gate->page);
        if (gate->page.over) return request_trouble(error);
        gate_record_items(buf_view(&gate->page), &request->route, &gate->arena, &request->out);
        break;
    case GATE_RESPONSE_CANCEL:
        gate_response_write(answer, "cancelled", NULL, &request->out);
        response_keep(gate, running, "cancelled", NULL);
        running_end(gate, running);
        break;
    case GATE_RESPONSE_DELETE:
        running_end(gate, running);
        tell_dropped(gate, request);
        return SK_OK;
    default:
        if (request->route.stream) return running_stream(gate, request, running, error);
        gate_response_write(answer, "in_progress", NULL, &request->out);
    }
    tell(gate, request);
    return SK_OK;
}

enum sk_code response_submit(struct gate *gate, struct request *request, struct gate_error *error) {
    struct view id = view_of(request->route.response);
    struct request *running = request_kept(gate, id, request);
    bool other = running && memcmp(running->client, request->client, sizeof request->client) != 0;
    if (other && running->narrow && request->route.what != GATE_RESPONSE_DELETE)
        return gate_refuse(error, 403, "residency_blocked", "response_id",
                           "Until it is over, the response '%s' is shown only to the address that "
                           "asked for it.",
                           request->route.response);
    if (running) return running_submit(gate, request, running, error);
    return response_find(gate, request, id, error);
}

// ---- one that is over ----

static enum sk_code kept_tell(struct gate *gate, struct request *request, struct view record,
                              struct gate_error *error) {
    char storage[NAME_MAX];
    struct buf name = buf_over(storage, sizeof storage);
    struct view events = gate_record_events(record);
    switch (request->route.what) {
    case GATE_RESPONSE_ITEMS:
        arena_reset(&gate->arena);
        gate_record_items(record, &request->route, &gate->arena, &request->out);
        break;
    case GATE_RESPONSE_DELETE:
        name_write(request->route.response, &name);
        if (!kept_drop(gate, request, buf_view(&name))) return request_trouble(error);
        tell_dropped(gate, request);
        return SK_OK;
    case GATE_RESPONSE:
        if (request->route.stream && !events.len)
            return gate_refuse(error, 400, "invalid_value", "stream",
                               "Only a response created with 'background' and 'stream' can be "
                               "streamed again.");
        if (request->route.stream) {
            request->media = "text/event-stream";
            buf_put_view(&request->out, gate_events_after(events, request->route.starting_after));
            break;
        }
        __attribute__((fallthrough));
    default: // of CANCEL: it is over, however it ended
        buf_put_view(&request->out, gate_record_response(record));
    }
    tell(gate, request);
    return SK_OK;
}

void response_message(struct gate *gate, struct request *request, const struct msg *msg) {
    struct gate_error error;
    struct view record;
    enum sk_code code = SK_OK;
    if (msg->type == MSG_refuse) {
        not_found(request, &error);
        request_refuse(gate, request, &error);
        return;
    }
    if (msg->type != MSG_found) return;
    if (sealed_map(msg->descriptor, msg->as.found.len, &record) != SK_OK) {
        request_trouble(&error);
        request_refuse(gate, request, &error);
        return;
    }
    if (request->route.what == GATE_ASK) {
        request->route.kept = record;
        request->stage = REQUEST_CLAIMING; // what may be claimed is
        request_submit(gate, request);
        request->route.kept = (struct view){0};
    } else {
        code = kept_tell(gate, request, record, &error);
    }
    sealed_unmap(&record);
    if (code != SK_OK) request_refuse(gate, request, &error);
}
