// Any bytes as the body of each endpoint, and any text as a part of an answer: what is written is
// JSON, what is asked is within the limits.
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"
#include "base/wire.h"
#include "gate/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena, check;

static void must_be_json(struct buf *page) {
    const struct json_node *root;
    must(!page->over);
    arena_reset(&check);
    must(json_parse(page->at, page->len, &check, &root) == SK_OK);
    must(json_is(root, JSON_OBJECT));
}

static void job_check(const struct engine_job *job) {
    const struct json_node *root;
    must(job->stops_len <= ENGINE_STOPS_MAX);
    for (uint32_t i = 0; i < job->stops_len; i++)
        must(job->stops[i].len > 0 && job->stops[i].len <= ENGINE_STOP_LEN_MAX);
    const struct engine_sampling *as = &job->sampling;
    must(as->temperature <= 2 && as->top_p < 1 && engine_sampling_check(as) == SK_OK);
    must(job->logprobs <= 1 + ENGINE_CANDIDATES_MAX);
    must(job->tool_name.len <= ENGINE_NAME_MAX);
    if (!job->template_data.len) return;
    arena_reset(&check);
    char *copy = arena_text(&check, job->template_data);
    must(copy != NULL);
    enum sk_code code = json_parse(copy, job->template_data.len, &check, &root);
    must(code == SK_OK || code == SK_LIMIT); // deep arguments in a deep conversation
}

static void ask_check(const struct gate_ask *ask) {
    must(ask->model.len > 0 && ask->model.len <= GATE_MODEL_MAX);
    must(ask->tasks_len > 0 && ask->tasks_len * ask->copies <= GATE_TASKS_MAX);
    for (uint32_t i = 0; i < ask->tasks_len; i++) {
        const struct gate_task *task = &ask->tasks[i];
        must(task->operation < GATE_OPS && task->texts_len <= GATE_TEXTS_MAX);
        must(task->spans_len <= ENGINE_SPANS_MAX);
        job_check(&task->job);
    }
}

static void body_check(const struct gate_route *route, const uint8_t *data, size_t size) {
    static char page[16384];
    struct gate_ask ask;
    struct gate_error error;
    arena_reset(&arena);
    char *body = malloc(size ? size : 1);
    if (!body) abort();
    if (size) memcpy(body, data, size);
    enum sk_code code = gate_ask_read(route, body, size, &arena, &ask, &error);
    if (code == SK_OK) {
        ask_check(&ask);
    } else {
        must(code == SK_INPUT && error.status >= 400);
        struct buf out = buf_over(page, sizeof page);
        gate_error_write(&error, &out);
        must_be_json(&out);
    }
    free(body);
}

// Each event is "data: …" and an empty line; of responses it has a name before.
static void answer_check(const struct gate_protocol *protocol, struct view text,
                         enum engine_channel channel) {
    static char page[1 << 20], bytes[20480], name[] = "f";
    struct buf out = buf_over(page, sizeof page), parts = buf_over(bytes, sizeof bytes);
    struct gate_choice choice = {.finish_reason = VIEW("stop")};
    struct gate_answer answer = {
        .protocol = protocol, .choices = &choice, .choices_len = 1, .copies = 1};
    char echo[16];
    answer.echo = buf_over(echo, sizeof echo);
    if (protocol->retells) { // no flags, members or items
        wire_put_u8(&answer.echo, 0);
        wire_put_text(&answer.echo, (struct view){0});
        wire_put_text(&answer.echo, (struct view){0});
    }
    gate_answer_name(&answer, (const uint8_t *)"abcdefghijkl");
    if (channel == ENGINE_ARGUMENTS) {
        wire_put_u8(&parts, ENGINE_CALL);
        wire_put_text(&parts, view_of(name));
    }
    wire_put_u8(&parts, (uint8_t)channel);
    wire_put_text(&parts, text);
    must(!parts.over);
    choice.parts = parts;
    struct gate_piece piece = {.parts = buf_view(&parts)};
    protocol->piece(&answer, &choice, &piece, &out);
    for (size_t at = 0; at < out.len;) {
        const char *end = memmem(out.at + at, out.len - at, "\n\n", 2);
        must(end != NULL);
        if (protocol->retells) at = (size_t)((char *)memchr(out.at + at, '\n', 256) + 1 - out.at);
        must(memcmp(out.at + at, "data: ", 6) == 0);
        struct buf event = buf_over(out.at + at + 6, (size_t)(end - out.at) - at - 6);
        event.len = event.max;
        must_be_json(&event);
        at = (size_t)(end - out.at) + 2;
    }
    buf_reset(&out);
    choice.over = true;
    protocol->whole(&answer, &out);
    must_be_json(&out);
}

// What a response goes on with, as it was kept.
static struct buf kept_record(void) {
    static char bytes[512];
    struct buf out = buf_over(bytes, sizeof bytes);
    wire_put_text(&out, VIEW("{}"));
    wire_put_text(&out, VIEW("{\"role\":\"user\",\"content\":\"a\"}"));
    wire_put_text(&out, VIEW("[{\"type\":\"function_call\",\"call_id\":\"c0\",\"name\":\"f\","
                             "\"arguments\":\"{}\"}]"));
    wire_put_text(&out, (struct view){0});
    must(!out.over);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {"/v1/chat/completions", "/v1/completions",
                                        "/v1/responses", "/v1/embeddings", "/v1/rerank",
                                        "/v1/attributions"};
    if (!arena.base && (arena_open(&arena, "fuzz", 1 << 22) != SK_OK ||
                        arena_open(&check, "check", 1 << 24) != SK_OK))
        abort();
    struct view text = {(const char *)data, size < 16384 ? size : 16384};
    bool plain = utf8_check(text) && text.len > 0;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct gate_head head = {.method = VIEW("POST"), .target = view_of(paths[i])};
        struct gate_route route;
        struct gate_error error;
        must(gate_route_find(&head, &route, &error) == SK_OK);
        struct buf kept = kept_record();
        route.keeps = true;
        route.kept = buf_view(&kept);
        body_check(&route, data, size);
        if (!plain || i > 2) continue;
        answer_check(route.protocol, text, ENGINE_CONTENT);
        if (i != 1) answer_check(route.protocol, text, ENGINE_REASONING);
        if (i != 1) answer_check(route.protocol, text, ENGINE_ARGUMENTS);
    }
    return 0;
}
