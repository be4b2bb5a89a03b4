// One request, from its body to its end.
#include "node/room_gate.h"

#include <stdio.h>
#include <unistd.h>

// `id` as messages have it: the request's and a choice's.
static struct request *request_find(struct gate *gate, uint64_t id) {
    struct request *request = &gate->requests[id / GATE_TASKS_MAX % REQUESTS_MAX];
    bool known = request->stage != REQUEST_FREE && request->id == id / GATE_TASKS_MAX;
    return known ? request : NULL;
}

static void body_free(struct gate *gate, struct request *request) {
    gate->bodies_len -= request->body.len;
    spare_give(gate, SPARE_BODY, &request->body);
}

struct request *request_begin(struct gate *gate, struct visit *visit) {
    uint64_t at = 0;
    while (at < REQUESTS_MAX && gate->requests[at].stage != REQUEST_FREE)
        at++;
    if (at == REQUESTS_MAX) return NULL;
    struct request *request = &gate->requests[at];
    *request = (struct request){.gate = gate, .visit = visit};
    if (spare_take(gate, SPARE_BODY, &request->body) != SK_OK) return NULL;
    if (spare_take(gate, SPARE_OUT, &request->out) != SK_OK) {
        spare_give(gate, SPARE_BODY, &request->body);
        return NULL;
    }
    request->stage = REQUEST_BODY;
    request->id = ++gate->next_id * REQUESTS_MAX + at;
    return request;
}

static void request_forget(struct gate *gate, struct request *request) {
    if (request->stage == REQUEST_ASKED || request->stage == REQUEST_FLOWING)
        ask_leave(gate, request);
    again_forget(gate, request);
    request->stage = REQUEST_OVER;
}

void request_end(struct gate *gate, struct request *request) {
    request_forget(gate, request);
    body_free(gate, request);
    ask_free(request);
    spare_give(gate, SPARE_OUT, &request->out);
    *request = (struct request){0};
}

void request_leave(struct gate *gate, struct request *request) {
    request_forget(gate, request);
    request->gone = true;
    http_resume(gate, request);
}

bool request_streams(const struct request *request) {
    return request->answer.stream && request->accepted;
}

// The last event of a stream. Where there is no room even for that the stream is cut.
static void broken_write(struct request *request, const struct gate_error *error) {
    size_t before = request->out.len;
    request->answer.protocol->broken(&request->answer, error, &request->out);
    if (!request->out.over) return;
    request->out.over = false;
    request->out.len = before;
    request->gone = true;
}

// Its followers are told; what had begun is kept as failed.
static void detached_refuse(struct gate *gate, struct request *request,
                            const struct gate_error *error) {
    if (request_streams(request)) broken_write(request, error);
    if (request->accepted)
        response_keep(gate, request, "failed", error);
    else
        followers_refuse(gate, request, error);
    followers_tell(gate, request);
}

void request_refuse(struct gate *gate, struct request *request, const struct gate_error *error) {
    const struct gate_protocol *protocol = request->route.protocol;
    struct gate_error named = *error;
    if (request->visit) named.request_id = request->visit->edge.id;
    request_forget(gate, request);
    if (!request->visit) {
        detached_refuse(gate, request, &named);
        return;
    }
    if (request_streams(request)) {
        broken_write(request, &named);
    } else {
        buf_reset(&request->out);
        protocol->error(&named, &request->out);
        request->status = gate_error_status(error, protocol->anthropic);
        request->retry_after_s = error->retry_after_s;
        must(!request->out.over);
    }
    http_resume(gate, request);
}

// ---- in ----

void request_body(struct gate *gate, struct request *request, const char *bytes, size_t len) {
    request->body_read += len;
    if (request->body_read > 2 * (uint64_t)gate->setup.body_len_max) request->gone = true;
    if (request->body_refused) return;
    if (request->body.len + len > gate->setup.body_len_max)
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

enum sk_code request_trouble(struct gate_error *error) {
    gate_refuse(error, 503, "internal_error", "", "The request cannot be passed on now: %s.",
                fail_text());
    error->retry_after_s = 1;
    return SK_INPUT;
}

static enum sk_code submit(struct gate *gate, struct request *request, struct gate_error *error) {
    enum gate_what what = request->route.what;
    if (what >= GATE_RESPONSE && what <= GATE_RESPONSE_ITEMS)
        return response_submit(gate, request, error);
    if (what == GATE_WITNESS_LAST) return witness_submit(gate, request, error);
    if (what != GATE_ASK && what != GATE_WITNESS_ADD) return query_submit(gate, request, error);
    TRY(body_check(gate, request, error));
    if (what == GATE_WITNESS_ADD) return witness_submit(gate, request, error);
    return ask_submit(gate, request, error);
}

// The body waits with it.
static enum sk_code claim(struct gate *gate, struct request *request, struct gate_error *error) {
    TRY(body_check(gate, request, error));
    TRY(again_claim(gate, request, error));
    request->stage = REQUEST_CLAIMING;
    return SK_OK;
}

// What the gate knows by itself.
static void tell_known(struct request *request) {
    request->stage = REQUEST_OVER;
    request->status = 200;
    request->media = request->route.media;
    if (request->route.what == GATE_PAGE)
        buf_put_view(&request->out, gate_page());
    else
        gate_openapi_write(&request->out);
    must(!request->out.over);
}

void request_submit(struct gate *gate, struct request *request) {
    struct gate_error error;
    if (request->route.what == GATE_OPENAPI || request->route.what == GATE_PAGE) {
        tell_known(request);
        return;
    }
    bool claims = request->again.key[0] && request->stage == REQUEST_BODY;
    enum sk_code code = claims ? claim(gate, request, &error) : submit(gate, request, &error);
    if (code == SK_OK && (claims || request->stage == REQUEST_FINDING)) return;
    body_free(gate, request);
    if (code != SK_OK) {
        request_refuse(gate, request, &error);
        return;
    }
    if (request->stage == REQUEST_OVER || request->stage == REQUEST_FOLLOWING) return;
    request->stage = REQUEST_ASKED;
    if (request->visit && request->visit->half_closed) request_probe(gate, request);
}

// ---- out ----

static void rates_arrive(struct request *request, const struct msg_rates *rates) {
    if (!request->visit) return;
    struct gate_edge *edge = &request->visit->edge;
    edge->requests =
        (struct gate_rate){rates->requests_limit, rates->requests_left, rates->requests_reset_ms};
    edge->tokens =
        (struct gate_rate){rates->tokens_limit, rates->tokens_left, rates->tokens_reset_ms};
}

void text_keep(char *to, size_t max, struct view text) {
    must(text.len < max);
    if (text.len) memcpy(to, text.at, text.len);
    to[text.len] = 0;
}

// Border names the field at fault as the engine does; the client is told its own name of it.
static void param_translate(const struct request *request, struct gate_error *error) {
    const struct gate_protocol *protocol = request->route.protocol;
    const char *format = request->answer.format;
    char text[sizeof error->text];
    size_t len = strlen(error->param);
    const char *param = protocol->param ? protocol->param(error->param) : error->param;
    if (format && strcmp(error->param, "format") == 0) param = format;
    bool named = len > 0 && strncmp(error->text, error->param, len) == 0 && error->text[len] == ':';
    if (strcmp(param, error->param) == 0) return;
    if (named) {
        snprintf(text, sizeof text, "%s%s", param, error->text + len);
        memcpy(error->text, text, sizeof text);
    }
    snprintf(error->param, sizeof error->param, "%s", param);
}

static void refuse_arrives(struct gate *gate, struct request *request,
                           const struct msg_refuse *refuse) {
    struct gate_error error = {.status = refuse->status, .retry_after_s = refuse->retry_after_s};
    text_keep(error.type, sizeof error.type, refuse->type);
    text_keep(error.code, sizeof error.code, refuse->code);
    text_keep(error.param, sizeof error.param, refuse->param);
    text_keep(error.text, sizeof error.text, refuse->text);
    param_translate(request, &error);
    if (refuse->open != UINT64_MAX && !request->accepted) {
        request->stated = true;
        request->open = refuse->open;
    }
    request_refuse(gate, request, &error);
}

void request_message(struct gate *gate, const struct msg *msg) {
    struct request *request = request_find(gate, msg->id);
    if (!request) return; // it left while the message travelled
    uint32_t choice = msg->id % GATE_TASKS_MAX;
    bool claiming = request->stage == REQUEST_CLAIMING;
    bool finding = request->stage == REQUEST_FINDING;
    bool asked = request->stage == REQUEST_ASKED || request->stage == REQUEST_FLOWING;
    if (!claiming && !finding && !asked) return;
    if (msg->type == MSG_rates) {
        rates_arrive(request, &msg->as.rates);
    } else if (finding && (msg->type == MSG_found || msg->as.refuse.status == 404)) {
        response_message(gate, request, msg);
    } else if (msg->type == MSG_refuse) {
        request->asked[choice].over = true; // border has ended it; the others leave
        refuse_arrives(gate, request, &msg->as.refuse);
    } else if (claiming) {
        again_message(gate, request, msg);
    } else if (msg->type == MSG_witnessed) {
        witness_message(gate, request, &msg->as.witnessed, msg->descriptor);
    } else if (request->route.what == GATE_ASK) {
        answer_message(gate, request, choice, msg);
    } else {
        query_message(gate, request, msg);
    }
}

void requests_lost(struct gate *gate) {
    struct gate_error error;
    gate_refuse(&error, 503, "border_lost", "", "The node lost its border room and is stopping.");
    for (size_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *request = &gate->requests[i];
        if (request->stage < REQUEST_CLAIMING || request->stage > REQUEST_FLOWING) continue;
        if (request->stage == REQUEST_FOLLOWING) continue; // told by the one it follows
        request->stage = REQUEST_OVER;
        request_refuse(gate, request, &error);
    }
}

// A client that has closed answers a write with a reset, at once; one that has only closed its
// sending half reads on. Before the answer has begun, what may be written is an interim response
// (RFC 9110 section 15.2), which HTTP/1.0 does not have: there half closed is gone.
void request_probe(struct gate *gate, struct request *request) {
    bool known = request->stage == REQUEST_ASKED || request->stage == REQUEST_FLOWING;
    struct visit *visit = request->visit;
    if (!known || visit->probed) return;
    visit->probed = true;
    if (request_streams(request)) {
        request->answer.protocol->ping(&request->out);
        http_resume(gate, request);
    } else if (!visit->http11 || !visit_write(visit, VIEW("HTTP/1.1 102 Processing\r\n\r\n"))) {
        request_leave(gate, request);
    }
}
