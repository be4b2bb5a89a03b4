// Any bytes as the body of Anthropic's requests: what is read is a job, what is refused an error in
// their shape. Any parts as an answer: every event is JSON, and it does not matter in which pieces
// they came.
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "base/wire.h"
#include "gate/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;

static void must_be_json(struct view text) {
    const struct json_node *root;
    arena_reset(&arena);
    char *copy = arena_text(&arena, text);
    must(copy && json_parse(copy, text.len, &arena, &root) == SK_OK);
    must(json_is(root, JSON_OBJECT));
}

static const struct gate_protocol *ask_check(const char *target, const uint8_t *data, size_t size) {
    static char page[16384];
    struct gate_route route;
    struct gate_ask ask;
    struct gate_error error;
    struct gate_head head = {.method = VIEW("POST"), .target = view_of(target)};
    must(gate_route_find(&head, &route, &error) == SK_OK);
    arena_reset(&arena);
    char *body = malloc(size ? size : 1);
    if (!body) abort();
    if (size) memcpy(body, data, size);
    enum sk_code code = gate_ask_read(&route, body, size, &arena, &ask, &error);
    if (code == SK_OK) {
        const struct engine_job *job = &ask.tasks[0].job;
        must(ask.tasks_len == 1 && ask.copies == 1 && job->stops_len <= ENGINE_STOPS_MAX);
        must(engine_sampling_check(&job->sampling) == SK_OK && utf8_check(job->template_data));
        char *data_copy = malloc(job->template_data.len);
        if (!data_copy) abort();
        memcpy(data_copy, job->template_data.at, job->template_data.len);
        must_be_json((struct view){data_copy, job->template_data.len});
        free(data_copy);
    } else {
        must(code == SK_INPUT && error.status >= 400);
        struct buf out = buf_over(page, sizeof page);
        route.protocol->error(&error, &out);
        must(!out.over);
        must_be_json(buf_view(&out));
    }
    free(body);
    return route.protocol;
}

// Parts made of the data: each of a byte that says channel and length, then its text. Arguments
// are an object that may be cut.
static void parts_make(const uint8_t *data, size_t size, struct buf *parts) {
    bool call = false;
    for (size_t i = 0; i < size && parts->len < 2000;) {
        unsigned channel = data[i] & 3;
        size_t len = 1 + ((data[i] >> 2) & 7u);
        struct view text = {(const char *)data + i + 1, len < size - i - 1 ? len : size - i - 1};
        i += 1 + text.len;
        if (!utf8_check(text) || text.len == 0) text = VIEW("x");
        if (channel == ENGINE_ARGUMENTS && !call) channel = ENGINE_CONTENT;
        if (channel == ENGINE_ARGUMENTS) text = len > 1 ? VIEW("{\"a\":\"}\"}") : VIEW("{\"a\":[");
        call = channel == ENGINE_CALL;
        wire_put_u8(parts, (uint8_t)channel);
        wire_put_text(parts, text);
    }
}

static void answer_begin(struct gate_answer *answer, struct gate_choice *choice,
                         const struct gate_protocol *protocol, bool omitted) {
    static char echo[8];
    *choice = (struct gate_choice){.stop = ENGINE_NO_STOP};
    *answer = (struct gate_answer){
        .protocol = protocol, .choices = choice, .choices_len = 1, .copies = 1, .model = "m"};
    answer->echo = buf_over(echo, sizeof echo);
    wire_put_u8(&answer->echo, omitted);
    wire_put_u32(&answer->echo, 1);
    gate_answer_name(answer, (const uint8_t *)"abcdefghijkl");
}

// The whole answer as a stream, so many parts in each piece.
static void stream(struct gate_answer *answer, struct view parts, uint32_t each, struct buf *out) {
    static char kept[4096];
    struct gate_choice *choice = answer->choices;
    struct wire in = wire_over(parts);
    buf_reset(out);
    choice->parts = buf_over(kept, sizeof kept);
    answer->protocol->begin(answer, out);
    while (in.at < in.end) {
        size_t before = choice->parts.len;
        for (uint32_t i = 0; i < each && in.at < in.end; i++) {
            wire_put_u8(&choice->parts, wire_take_u8(&in));
            wire_put_text(&choice->parts, wire_take_text(&in, SIZE_MAX));
        }
        struct gate_piece piece = {.parts = view_from(buf_view(&choice->parts), before)};
        answer->protocol->piece(answer, choice, &piece, out);
    }
    choice->over = true;
    choice->finish_reason = VIEW("stop");
    answer->protocol->end(answer, out);
    must(!out->over);
}

static void events_check(struct view text) {
    while (text.len > 0) {
        const char *end = memmem(text.at, text.len, "\n\n", 2);
        const char *data = memmem(text.at, text.len, "\ndata: ", 7);
        must(end && data && data < end);
        must_be_json((struct view){data + 7, (size_t)(end - data - 7)});
        text = view_from(text, (size_t)(end + 2 - text.at));
    }
}

static void answer_check(const struct gate_protocol *protocol, const uint8_t *data, size_t size) {
    static char made[4096], pages[2][1 << 20];
    struct gate_answer answer;
    struct gate_choice choice;
    struct buf parts = buf_over(made, sizeof made), one = buf_over(pages[0], sizeof pages[0]),
               other = buf_over(pages[1], sizeof pages[1]);
    bool omitted = data[0] & 1;
    parts_make(data + 2, size - 2, &parts);
    answer_begin(&answer, &choice, protocol, omitted);
    stream(&answer, buf_view(&parts), UINT32_MAX, &one);
    events_check(buf_view(&one));
    answer_begin(&answer, &choice, protocol, omitted);
    stream(&answer, buf_view(&parts), 1 + data[1] % 8u, &other);
    must(view_same(buf_view(&one), buf_view(&other)));
    choice.calls = 0;
    buf_reset(&one);
    protocol->whole(&answer, &one);
    must(!one.over);
    must_be_json(buf_view(&one));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!arena.base && arena_open(&arena, "fuzz", 1 << 22) != SK_OK) abort();
    ask_check("/v1/messages/count_tokens", data, size);
    const struct gate_protocol *protocol = ask_check("/v1/messages", data, size);
    if (size > 2) answer_check(protocol, data, size);
    return 0;
}
