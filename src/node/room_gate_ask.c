// From a body to asks: each choice of a request is one, with its own decision, credit and receipt.
//
// One sealed file holds the raw body and the jobs made of it; every choice names its job in it.
// Copies of one task share a job and differ by what is added to the seed.
#include "node/room_gate.h"

#include <unistd.h>

#include "node/sealed.h"

struct job_place {
    uint32_t at, len;
};

void ask_free(struct request *request) {
    for (uint32_t i = 0; i < request->answer.choices_len; i++) {
        struct gate_choice *choice = &request->choices[i];
        spare_give(request->gate, SPARE_PARTS, &choice->parts);
        buf_close(&choice->logprobs);
        sealed_unmap(&choice->result);
    }
    buf_close(&request->answer.echo);
    spare_give(request->gate, SPARE_RECEIPTS, &request->receipts);
}

void ask_leave(struct gate *gate, struct request *request) {
    uint32_t len = request->route.what == GATE_ASK ? request->answer.choices_len : 1;
    for (uint32_t i = 0; i < len; i++) {
        if (request->asked[i].over) continue;
        struct msg leave = {.type = MSG_leave, .descriptor = -1};
        leave.id = request->id * GATE_TASKS_MAX + i;
        room_send(&gate->room, ROOM_BORDER, &leave);
        request->asked[i].over = true;
    }
}

// ---- the answer, empty ----

static enum sk_code echo_keep(struct gate_answer *answer, struct view echo,
                              struct gate_error *error) {
    if (echo.len == 0) return SK_OK;
    if (echo.len > ECHO_LEN_MAX / answer->copies)
        return gate_refuse(error, 400, "echo_too_long", "",
                           "The answer would say or keep %zu bytes of the request again; %d are "
                           "the limit. Ask for no echo, no documents, or 'store': false.",
                           echo.len * answer->copies, ECHO_LEN_MAX);
    if (buf_open(&answer->echo, echo.len) != SK_OK) return request_trouble(error);
    buf_put_view(&answer->echo, echo);
    return SK_OK;
}

static enum sk_code choice_open(struct gate *gate, struct gate_choice *choice, uint32_t index,
                                const struct gate_task *task) {
    *choice = (struct gate_choice){.index = index, .stop = ENGINE_NO_STOP, .result = {"", 0}};
    TRY(spare_take(gate, SPARE_PARTS, &choice->parts));
    return task->job.logprobs ? buf_open(&choice->logprobs, LOGPROBS_LEN_MAX) : SK_OK;
}

static enum sk_code answer_open(struct gate *gate, struct request *request,
                                const struct gate_ask *ask, struct gate_error *error) {
    struct gate_answer *answer = &request->answer;
    uint8_t chance[sizeof answer->chance];
    *answer = (struct gate_answer){.protocol = ask->protocol,
                                   .stream = ask->stream,
                                   .usage = ask->usage,
                                   .format = ask->format,
                                   .choices = request->choices,
                                   .copies = ask->copies};
    request->route.protocol = ask->protocol;
    uint32_t len = ask->tasks_len * ask->copies;
    if (spare_take(gate, SPARE_RECEIPTS, &request->receipts) != SK_OK)
        return request_trouble(error);
    for (uint32_t i = 0; i < len; i++) {
        answer->choices_len++;
        if (choice_open(gate, &request->choices[i], i, &ask->tasks[i / ask->copies]) != SK_OK)
            return request_trouble(error);
    }
    if (gate->world.random(gate->world.self, chance, sizeof chance) != SK_OK)
        return request_trouble(error);
    gate_answer_name(answer, chance);
    return echo_keep(answer, ask->echo, error);
}

// ---- the asks ----

// Where the client chose no seed, each choice has its own of one that is drawn.
static enum sk_code jobs_write(struct gate *gate, const struct gate_ask *ask, uint32_t body_len,
                               struct job_place *places) {
    uint64_t seed;
    TRY(gate->world.random(gate->world.self, &seed, sizeof seed));
    buf_reset(&gate->page);
    for (uint32_t i = 0; i < ask->tasks_len; i++) {
        struct gate_task task = ask->tasks[i];
        size_t at = gate->page.len;
        if (!ask->seeded) task.job.sampling.seed = seed + i * ask->copies;
        task.job.time_s = gate->world.clock_ms(gate->world.self) / 1000;
        TRY(job_write(&task, &gate->page));
        places[i] = (struct job_place){body_len + (uint32_t)at, (uint32_t)(gate->page.len - at)};
    }
    return SK_OK;
}

static bool ask_send(struct gate *gate, const struct request *request, const struct gate_ask *ask,
                     uint32_t choice, struct msg *msg) {
    const struct gate_task *task = &ask->tasks[choice / ask->copies];
    msg->id = request->id * GATE_TASKS_MAX + choice;
    msg->as.ask.credential = (struct view){request->credential, request->credential_len};
    msg->as.ask.model = ask->model;
    msg->as.ask.operation = (uint8_t)task->operation;
    msg->as.ask.choice = choice;
    msg->as.ask.copy = choice % ask->copies;
    msg->as.ask.texts = task->texts_len;
    msg->as.ask.credit = answer_credits(request);
    msg->as.ask.tokens_max = task->job.tokens_max;
    msg->as.ask.client = (struct view){(const char *)request->client, sizeof request->client};
    msg->as.ask.label = view_of(request->label);
    msg->as.ask.consent = view_of(request->consent);
    msg->as.ask.purpose = view_of(request->purpose);
    return room_send(&gate->room, ROOM_BORDER, msg);
}

static enum sk_code asks_send(struct gate *gate, struct request *request,
                              const struct gate_ask *ask, struct gate_error *error) {
    struct job_place places[GATE_TASKS_MAX];
    uint32_t body_len = (uint32_t)request->body.len;
    if (jobs_write(gate, ask, body_len, places) != SK_OK) return request_trouble(error);
    struct view parts[] = {buf_view(&request->body), buf_view(&gate->page)};
    struct msg msg = {.type = MSG_ask, .as.ask.body_len = body_len};
    if (sealed_make(parts, 2, &msg.descriptor) != SK_OK) return request_trouble(error);
    bool sent = true;
    for (uint32_t i = 0; i < request->answer.choices_len && sent; i++) {
        msg.as.ask.job_at = places[i / ask->copies].at;
        msg.as.ask.job_len = places[i / ask->copies].len;
        sent = ask_send(gate, request, ask, i, &msg);
    }
    close(msg.descriptor);
    return sent ? SK_OK : request_trouble(error); // border is gone, and whatever it was told
}

enum sk_code ask_submit(struct gate *gate, struct request *request, struct gate_error *error) {
    struct gate_ask ask;
    arena_reset(&gate->arena);
    char *copy = arena_text(&gate->arena, buf_view(&request->body));
    must(copy != NULL);
    size_t len = request->body.len;
    request->route.keeps = gate->setup.keep_s > 0;
    TRY(gate_ask_read(&request->route, copy, len, &gate->arena, &ask, error));
    if (ask.find.len && !request->route.kept.len)
        return response_find(gate, request, ask.find, error);
    TRY(answer_open(gate, request, &ask, error));
    request->keeps = ask.store;
    if (ask.background) TRY(response_background(gate, request, error));
    return asks_send(gate, request, &ask, error);
}
