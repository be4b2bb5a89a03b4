// Any bytes as a request to this node that goes on to another: the envelope is one JSON object, or
// what cannot travel is named.
#include <stdlib.h>

#include "base/json.h"
#include "upstream/upstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena, check;
static struct buf out;

static void envelope_check(enum upstream_kind kind, const struct gate_task *task) {
    const struct json_node *root;
    buf_reset(&out);
    size_t used = arena.used;
    enum sk_code code = upstream_write(kind, task, VIEW("there"), &arena, &out);
    arena.used = used;
    if (code == SK_UNSUPPORTED) must(strchr(fail_text(), ':') != NULL);
    if (code != SK_OK) return;
    arena_reset(&check);
    code = json_parse(out.at, out.len, &check, &root);
    must(code == SK_OK || code == SK_LIMIT); // deep values in a deep conversation
    if (code == SK_OK) must(json_is(root, JSON_OBJECT) && json_find(root, "model"));
}

static void path_check(const char *path, const uint8_t *data, size_t size) {
    struct gate_head head = {.method = VIEW("POST"), .target = view_of(path)};
    struct gate_route route;
    struct gate_ask ask;
    struct gate_error error;
    must(gate_route_find(&head, &route, &error) == SK_OK);
    arena_reset(&arena);
    char *body = malloc(size ? size : 1);
    must(body != NULL);
    if (size) memcpy(body, data, size);
    if (gate_ask_read(&route, body, size, &arena, &ask, &error) == SK_OK)
        for (uint32_t i = 0; i < ask.tasks_len; i++) {
            envelope_check(UPSTREAM_OPENAI, &ask.tasks[i]);
            envelope_check(UPSTREAM_ANTHROPIC, &ask.tasks[i]);
        }
    free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {
        "/v1/chat/completions", "/v1/messages", "/v1/completions", "/v1/messages/count_tokens",
        "/v1/embeddings",       "/v1/rerank",   "/v1/responses"};
    if (!arena.base)
        must(arena_open(&arena, "fuzz", 64 << 20) == SK_OK &&
             arena_open(&check, "check", 64 << 20) == SK_OK && buf_open(&out, 32 << 20) == SK_OK);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        path_check(paths[i], data, size);
    // A conversation that gate never wrote.
    struct gate_task task = {.operation = GATE_OP_CHAT};
    task.job.template_data = (struct view){(const char *)data, size};
    task.job.format = ENGINE_JSON_SCHEMA;
    task.job.format_text = task.job.template_data;
    arena_reset(&arena);
    envelope_check(UPSTREAM_OPENAI, &task);
    envelope_check(UPSTREAM_ANTHROPIC, &task);
    return 0;
}
