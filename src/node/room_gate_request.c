// One request: a body becomes an ask to border, border's messages become bytes for the client.
//
// Credits bound what waits here: border may send CREDITS chunks, and gets them back when the client
// has taken everything written so far. So a slow client slows the engine.
#include "node/room_gate.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/piece.h"
#include "node/sealed.h"

static struct request *request_find(struct gate *gate, uint64_t id) {
    struct request *request = &gate->requests[id % REQUESTS_MAX];
    return request->stage != REQUEST_FREE && request->id == id ? request : NULL;
}

static void body_free(struct gate *gate, struct request *request) {
    gate->bodies_len -= request->body.len;
    buf_close(&request->body);
}

struct request *request_begin(struct gate *gate, struct visit *visit) {
    uint64_t at = 0;
    while (at < REQUESTS_MAX && gate->requests[at].stage != REQUEST_FREE)
        at++;
    if (at == REQUESTS_MAX) return NULL;
    struct request *request = &gate->requests[at];
    *request = (struct request){.gate = gate, .visit = visit};
    if (buf_open(&request->body, gate->setup.body_len_max) != SK_OK) return NULL;
    if (buf_open(&request->out, OUT_MAX) != SK_OK) {
        buf_close(&request->body);
        return NULL;
    }
    request->stage = REQUEST_BODY;
    request->id = ++gate->next_id * REQUESTS_MAX + at;
    return request;
}

// Border must not work for nobody.
static void request_forget(struct gate *gate, struct request *request) {
    if (request->stage == REQUEST_ASKED || request->stage == REQUEST_FLOWING) {
        struct msg leave = {.type = MSG_leave, .id = request->id, .descriptor = -1};
        room_send(&gate->room, ROOM_BORDER, &leave);
    }
    request->stage = REQUEST_OVER;
}

void request_end(struct gate *gate, struct request *request) {
    request_forget(gate, request);
    body_free(gate, request);
    buf_close(&request->out);
    *request = (struct request){0};
}

void request_leave(struct gate *gate, struct request *request) {
    request_forget(gate, request);
    request->gone = true;
    http_resume(gate, request);
}

static void request_refuse(struct gate *gate, struct request *request,
                           const struct gate_error *error) {
    request_forget(gate, request);
    if (request->stream && request->accepted) {
        gate_stream_error(error, &request->out);
    } else {
        buf_reset(&request->out);
        gate_error_write(error, &request->out);
        request->status = error->status;
        request->retry_after_s = error->retry_after_s;
    }
    must(!request->out.over);
    http_resume(gate, request);
}

// ---- in ----

void request_body(struct gate *gate, struct request *request, const char *bytes, size_t len) {
    request->body_read += len;
    if (request->body_read > 2 * (uint64_t)gate->setup.body_len_max) request->gone = true;
    if (request->body_refused) return;
    if (len > request->body.max - request->body.len)
        request->body_refused = 413;
    else if (len > BODIES_LEN_MAX - gate->bodies_len)
        request->body_refused = 503;
    if (request->body_refused) {
        body_free(gate, request);
        return;
    }
    buf_put(&request->body, bytes, len);
    gate->bodies_len += len;
}

static enum sk_code body_check(const struct gate *gate, const struct request *request,
                               struct gate_error *error) {
    if (request->body_refused == 413)
        return gate_refuse(error, 413, "request_too_large", "",
                           "The body is longer than the limit of %u bytes.",
                           gate->setup.body_len_max);
    if (!request->body_refused) return SK_OK;
    gate_refuse(error, 503, "overloaded", "", "Too many large bodies at once. Try again later.");
    error->retry_after_s = 1;
    return SK_INPUT;
}

static enum sk_code trouble(struct gate_error *error) {
    gate_refuse(error, 503, "internal_error", "", "The request cannot be passed on now: %s.",
                fail_text());
    error->retry_after_s = 1;
    return SK_INPUT;
}

static enum sk_code ask_send(struct gate *gate, struct request *request,
                             const struct gate_chat *chat, struct gate_error *error) {
    buf_reset(&gate->page);
    struct gate_task task = {.operation = GATE_OP_CHAT, .job = chat->job};
    if (job_write(&task, &gate->page) != SK_OK) return trouble(error);
    struct view parts[] = {buf_view(&request->body), buf_view(&gate->page)};
    struct msg ask = {.type = MSG_ask, .id = request->id};
    if (sealed_make(parts, 2, &ask.descriptor) != SK_OK) return trouble(error);
    struct view credential = {request->credential, request->credential_len};
    ask.as.ask = (struct msg_ask){.credential = credential,
                                  .model = chat->model,
                                  .operation = GATE_OP_CHAT,
                                  .body_len = (uint32_t)parts[0].len,
                                  .job_at = (uint32_t)parts[0].len,
                                  .job_len = (uint32_t)parts[1].len,
                                  .credit = CREDITS,
                                  .tokens_max = chat->job.tokens_max};
    bool sent = room_send(&gate->room, ROOM_BORDER, &ask);
    close(ask.descriptor);
    return sent ? SK_OK : trouble(error);
}

static enum sk_code submit_chat(struct gate *gate, struct request *request,
                                struct gate_error *error) {
    struct gate_chat chat;
    uint8_t chance[12];
    TRY(body_check(gate, request, error));
    arena_reset(&gate->arena);
    char *copy = arena_text(&gate->arena, buf_view(&request->body));
    must(copy != NULL);
    TRY(gate_chat_read(copy, request->body.len, &gate->arena, &chat, error));
    struct world *world = &gate->world;
    uint64_t seed;
    if (world->random(world->self, chance, sizeof chance) != SK_OK ||
        world->random(world->self, &seed, sizeof seed) != SK_OK)
        return trouble(error);
    if (!chat.seeded) chat.job.sampling.seed = seed;
    chat.job.time_s = world->clock_ms(world->self) / 1000;
    gate_reply_name(&request->reply, chance);
    request->reply.usage = chat.usage;
    request->stream = chat.stream;
    TRY(ask_send(gate, request, &chat, error));
    body_free(gate, request);
    return SK_OK;
}

static enum sk_code submit_query(struct gate *gate, struct request *request,
                                 struct gate_error *error) {
    static const uint8_t whats[] = {
        [GATE_MODELS] = QUERY_MODELS,
        [GATE_MODEL] = QUERY_MODELS,
        [GATE_RECEIPT] = QUERY_RECEIPT,
        [GATE_READY] = QUERY_STATUS,
        [GATE_METRICS] = QUERY_METRICS,
    };
    struct msg query = {.type = MSG_query, .id = request->id, .descriptor = -1};
    struct view credential = {request->credential, request->credential_len};
    query.as.query = (struct msg_query){.what = whats[request->route.what],
                                        .credential = credential,
                                        .number = request->route.number};
    return room_send(&gate->room, ROOM_BORDER, &query) ? SK_OK : trouble(error);
}

void request_submit(struct gate *gate, struct request *request) {
    struct gate_error error;
    bool chat = request->route.what == GATE_CHAT;
    enum sk_code code =
        chat ? submit_chat(gate, request, &error) : submit_query(gate, request, &error);
    if (code != SK_OK) {
        request_refuse(gate, request, &error);
        return;
    }
    request->stage = REQUEST_ASKED;
    if (request->visit->half_closed) request_probe(gate, request);
}

// ---- out ----

void request_drained(struct gate *gate, struct request *request) {
    if (request->stage != REQUEST_FLOWING || request->owed < CREDITS / 2) return;
    struct msg credit = {.type = MSG_credit, .id = request->id, .descriptor = -1};
    credit.as.credit.chunks = request->owed;
    request->owed = 0;
    room_send(&gate->room, ROOM_BORDER, &credit);
}

static void rates_arrive(struct request *request, const struct msg_rates *rates) {
    struct gate_edge *edge = &request->visit->edge;
    edge->requests = (struct gate_rate){rates->requests_limit, rates->requests_left,
                                        rates->requests_reset_ms};
    edge->tokens = (struct gate_rate){rates->tokens_limit, rates->tokens_left,
                                      rates->tokens_reset_ms};
}

static void accept_arrives(struct gate *gate, struct request *request,
                           const struct msg_accept *accept) {
    struct gate_reply *reply = &request->reply;
    must(accept->model.len < sizeof reply->model);
    memcpy(reply->model, accept->model.at, accept->model.len);
    reply->created_s = accept->created_s;
    request->open = accept->open;
    request->accepted = true;
    request->stage = REQUEST_FLOWING;
    if (!request->stream) return;
    request->status = 200;
    gate_stream_begin(reply, &request->out);
    http_resume(gate, request);
}

static void text_arrives(struct gate *gate, struct request *request, struct view text) {
    if (request->stream) {
        gate_stream_text(&request->reply, text, &request->out);
    } else if (text.len > TEXT_LEN_MAX - request->out.len) {
        struct gate_error error;
        gate_refuse(&error, 500, "answer_too_long", "",
                    "The answer is longer than %d bytes. Stream it, or set max_tokens.",
                    TEXT_LEN_MAX);
        request_refuse(gate, request, &error);
    } else {
        buf_put_view(&request->out, text);
    }
    must(!request->out.over);
}

static void chunk_arrives(struct gate *gate, struct request *request, struct view parts) {
    struct engine_part part;
    request->owed++;
    must(request->owed <= CREDITS); // I7: border sends what was granted
    while (request->stage == REQUEST_FLOWING && piece_part_take(&parts, &part))
        if (part.channel == ENGINE_CONTENT) text_arrives(gate, request, part.text);
    if (!request->stream || request->out.len == 0)
        request_drained(gate, request);
    else
        http_resume(gate, request);
}

static void done_arrives(struct gate *gate, struct request *request, const struct msg_done *done) {
    struct gate_reply *reply = &request->reply;
    reply->prompt_tokens = done->prompt_tokens;
    reply->completion_tokens = done->completion_tokens;
    reply->finish_reason = done->finish_reason;
    reply->receipt = done->receipt;
    request->stage = REQUEST_OVER;
    if (request->stream) {
        gate_stream_end(reply, &request->out);
    } else {
        buf_reset(&gate->page);
        gate_whole(reply, buf_view(&request->out), &gate->page);
        must(!gate->page.over);
        buf_reset(&request->out);
        buf_put_view(&request->out, buf_view(&gate->page));
        request->status = 200;
    }
    must(!request->out.over);
    http_resume(gate, request);
}

static void answer_arrives(struct gate *gate, struct request *request,
                           const struct msg_answer *answer) {
    request->stage = REQUEST_OVER;
    request->status = answer->status;
    if (request->route.what == GATE_MODEL && answer->status == 200) {
        struct gate_error error;
        arena_reset(&gate->arena);
        char *copy = arena_text(&gate->arena, answer->json);
        must(copy != NULL);
        if (gate_model_pick(copy, answer->json.len, request->route.model, &gate->arena,
                            &request->out, &error) != SK_OK) {
            request_refuse(gate, request, &error);
            return;
        }
    } else {
        buf_put_view(&request->out, answer->json);
    }
    http_resume(gate, request);
}

// Prometheus' text format 0.0.4.
static void found_arrives(struct gate *gate, struct request *request, const struct msg *msg) {
    struct view content;
    must(msg->as.found.len <= OUT_MAX);
    request->stage = REQUEST_OVER;
    if (sealed_map(msg->descriptor, msg->as.found.len, &content) != SK_OK) {
        struct gate_error error;
        trouble(&error);
        request_refuse(gate, request, &error);
        return;
    }
    buf_put_view(&request->out, content);
    sealed_unmap(&content);
    request->media = "text/plain; version=0.0.4; charset=utf-8";
    request->status = 200;
    http_resume(gate, request);
}

static void text_keep(char *to, size_t max, struct view text) {
    must(text.len < max);
    memcpy(to, text.at, text.len);
    to[text.len] = 0;
}

static void refuse_arrives(struct gate *gate, struct request *request,
                           const struct msg_refuse *refuse) {
    struct gate_error error = {.status = refuse->status, .retry_after_s = refuse->retry_after_s};
    text_keep(error.type, sizeof error.type, refuse->type);
    text_keep(error.code, sizeof error.code, refuse->code);
    text_keep(error.param, sizeof error.param, refuse->param);
    text_keep(error.text, sizeof error.text, refuse->text);
    request->stage = REQUEST_OVER; // border has ended it
    request_refuse(gate, request, &error);
}

void request_message(struct gate *gate, const struct msg *msg) {
    struct request *request = request_find(gate, msg->id);
    if (!request) return; // it left while the message travelled
    bool asked = request->stage == REQUEST_ASKED, flowing = request->stage == REQUEST_FLOWING;
    if (msg->type == MSG_rates && asked)
        rates_arrive(request, &msg->as.rates);
    else if (msg->type == MSG_accept && asked)
        accept_arrives(gate, request, &msg->as.accept);
    else if (msg->type == MSG_answer && asked)
        answer_arrives(gate, request, &msg->as.answer);
    else if (msg->type == MSG_found && asked)
        found_arrives(gate, request, msg);
    else if (msg->type == MSG_chunk && flowing)
        chunk_arrives(gate, request, msg->as.chunk.parts);
    else if (msg->type == MSG_done && flowing)
        done_arrives(gate, request, &msg->as.done);
    else if (msg->type == MSG_refuse && (asked || flowing))
        refuse_arrives(gate, request, &msg->as.refuse);
}

void requests_lost(struct gate *gate) {
    struct gate_error error;
    gate_refuse(&error, 503, "border_lost", "", "The node lost its border room and is stopping.");
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *request = &gate->requests[i];
        if (request->stage != REQUEST_ASKED && request->stage != REQUEST_FLOWING) continue;
        request->stage = REQUEST_OVER;
        request_refuse(gate, request, &error);
    }
}

// A client that has closed answers a write with a reset, at once; one that has only closed its
// sending half reads on. Before the answer has begun, what may be written is an interim response
// (RFC 9110 section 15.2), which HTTP/1.0 does not have: there half closed is gone.
void request_probe(struct gate *gate, struct request *request) {
    static const char interim[] = "HTTP/1.1 102 Processing\r\n\r\n";
    bool known = request->stage == REQUEST_ASKED || request->stage == REQUEST_FLOWING;
    struct visit *visit = request->visit;
    if (!known || visit->probed) return;
    visit->probed = true;
    if (request->stream && request->accepted) {
        gate_stream_ping(&request->out);
        http_resume(gate, request);
    } else if (!visit->http11 || send(visit->descriptor, interim, sizeof interim - 1,
                                      MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof interim - 1) {
        request_leave(gate, request);
    }
}
