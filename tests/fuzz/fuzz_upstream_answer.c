// Any bytes as another server's answer. The first byte chooses protocol and task, the second the
// chunks it comes in. What the reader lets through holds to the sizes and forms of pieces and
// results, and does not depend on the chunks.
#include <stdlib.h>

#include "node/piece.h"
#include "node/result.h"
#include "upstream/upstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char tools[] =
    "{\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":{"
    "\"name\":\"f\"}},{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]}";

static struct arena arena, check;
static struct buf told, before;

static struct gate_task task_of(uint8_t choice) {
    static const enum gate_operation operations[] = {GATE_OP_CHAT, GATE_OP_COMPLETION,
                                                     GATE_OP_EMBED, GATE_OP_RERANK};
    bool anthropic = choice & 1;
    struct gate_task task = {.operation = operations[choice >> 1 & 3]};
    if (anthropic) task.operation = choice & 2 ? GATE_OP_COUNT : GATE_OP_CHAT;
    if (task.operation == GATE_OP_EMBED || task.operation == GATE_OP_RERANK)
        task.texts_len = 1 + (choice >> 3 & 1);
    task.job.template_data = (struct view){tools, sizeof tools - 1};
    task.job.logprobs = choice >> 4 & 3;
    task.job.parallel_calls = !(choice >> 6 & 1);
    if (choice >> 7) task.job.tool_choice = ENGINE_TOOLS_REQUIRED;
    task.job.stops[0] = VIEW("!");
    task.job.stops_len = 1;
    return task;
}

static void event_check(const struct upstream_event *event, const struct gate_task *task,
                        enum engine_channel *last, bool *ended) {
    must(!*ended);
    switch (event->type) {
    case UPSTREAM_PIECE:
        must(event->parts.len <= PIECE_PARTS_MAX && event->logprobs.len <= PIECE_LOGPROBS_MAX);
        must(event->parts.len + event->logprobs.len > 0 && !result_gives(task->operation));
        must(piece_parts_check(event->parts, last) == SK_OK);
        must(piece_logprobs_check(event->logprobs) == SK_OK);
        must(!event->logprobs.len || task->job.logprobs);
        break;
    case UPSTREAM_RESULT:
        arena_reset(&check);
        must(result_check(task->operation, task->texts_len, event->result, &check) == SK_OK);
        break;
    case UPSTREAM_END:
        must(event->prompt_cached <= event->prompt_tokens);
        must(event->reasoning_tokens <= event->completion_tokens);
        must(event->stop == ENGINE_NO_STOP || event->stop < task->job.stops_len);
        *ended = true;
        break;
    }
    buf_put(&told, &event->type, sizeof event->type);
    buf_put_view(&told, event->parts);
    buf_put_view(&told, event->logprobs);
    buf_put_view(&told, event->result);
}

static enum sk_code answer(enum upstream_kind kind, const struct gate_task *task, struct view bytes,
                           size_t chunk) {
    struct upstream_reader *reader;
    struct upstream_event event;
    enum engine_channel last = ENGINE_CONTENT;
    bool ended = false;
    arena_reset(&arena);
    buf_reset(&told);
    must(upstream_open(kind, task, &arena, &reader) == SK_OK);
    enum sk_code code = SK_OK;
    for (bool more = true; more && code == SK_OK;) {
        struct view now = {bytes.at, bytes.len < chunk ? bytes.len : chunk};
        bytes = view_from(bytes, now.len);
        more = bytes.len > 0;
        char *copy = malloc(now.len ? now.len : 1); // its end is seen by the sanitizer
        must(copy != NULL);
        if (now.len) memcpy(copy, now.at, now.len);
        code = upstream_push(reader, (struct view){copy, now.len}, !more);
        free(copy);
        while (upstream_next(reader, &event))
            event_check(&event, task, &last, &ended);
    }
    must(ended || code != SK_OK);
    must(code == SK_OK || code == SK_CORRUPT || code == SK_LIMIT || code == SK_GONE);
    must(arena.used <= arena.max);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    if (!arena.base)
        must(arena_open(&arena, "fuzz", 2 * UPSTREAM_ARENA) == SK_OK &&
             arena_open(&check, "check", RESULT_ARENA) == SK_OK &&
             buf_open(&told, 1 << 26) == SK_OK && buf_open(&before, 1 << 26) == SK_OK);
    struct gate_task task = task_of(data[0]);
    enum upstream_kind kind = data[0] & 1 ? UPSTREAM_ANTHROPIC : UPSTREAM_OPENAI;
    struct view bytes = {(const char *)data + 2, size - 2};
    enum sk_code code = answer(kind, &task, bytes, UPSTREAM_PUSH_MAX);
    must(!told.over);
    buf_reset(&before);
    buf_put_view(&before, buf_view(&told));
    size_t chunk = size > 1 << 16 ? 4096 : 1 + data[1] % 37;
    must(answer(kind, &task, bytes, chunk) == code);
    must(view_same(buf_view(&before), buf_view(&told)));
    char text[UPSTREAM_MESSAGE_MAX + 1];
    arena_reset(&arena);
    upstream_failed(data[1] * 3u, bytes, &arena, text);
    must(strlen(text) > 0 && strlen(text) <= UPSTREAM_MESSAGE_MAX);
    return 0;
}
