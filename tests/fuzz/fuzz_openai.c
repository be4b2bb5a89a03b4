// Any bytes as the body of a chat request, and any text as an answer: what is written is JSON.
#include <stdlib.h>

#include "base/json.h"
#include "base/utf8.h"
#include "gate/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;

static void must_be_json(struct buf *page) {
    const struct json_node *root;
    must(!page->over);
    arena_reset(&arena);
    must(json_parse(page->at, page->len, &arena, &root) == SK_OK);
    must(json_is(root, JSON_OBJECT));
}

static void job_check(const struct gate_chat *chat) {
    const struct engine_job *job = &chat->job;
    must(chat->model.len > 0 && chat->model.len <= GATE_MODEL_MAX);
    must(job->messages_len > 0 && job->messages_len <= ENGINE_MESSAGES_MAX);
    for (uint32_t i = 0; i < job->messages_len; i++)
        must(utf8_check(job->messages[i].text));
    must(job->stops_len <= ENGINE_STOPS_MAX);
    for (uint32_t i = 0; i < job->stops_len; i++)
        must(job->stops[i].len > 0 && job->stops[i].len <= ENGINE_STOP_LEN_MAX);
    const struct engine_sampling *as = &job->sampling;
    must(as->temperature <= 2 && as->top_p < 1 && engine_sampling_check(as) == SK_OK);
}

static void answer_check(struct view text) {
    static char page[1 << 20];
    struct gate_reply reply = {.model = "m", .usage = true, .finish_reason = VIEW("stop")};
    struct buf out = buf_over(page, sizeof page);
    if (text.len > 16384) text.len = 16384;
    if (!utf8_check(text)) return;
    gate_reply_name(&reply, (const uint8_t *)"abcdefghijkl");
    gate_stream_text(&reply, text, &out);
    must(out.len > 8 && memchr(out.at, '\n', out.len) == out.at + out.len - 2);
    struct buf event = buf_over(out.at + 6, out.len - 8); // data: … \n\n
    event.len = event.max;
    must_be_json(&event);
    buf_reset(&out);
    gate_whole(&reply, text, &out);
    must_be_json(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char page[16384];
    struct gate_chat chat;
    struct gate_error error;
    if (!arena.base && arena_open(&arena, "fuzz", 1 << 22) != SK_OK) abort();
    arena_reset(&arena);
    char *body = malloc(size ? size : 1);
    if (!body) abort();
    if (size) memcpy(body, data, size);
    enum sk_code code = gate_chat_read(body, size, &arena, &chat, &error);
    if (code == SK_OK) {
        job_check(&chat);
    } else {
        must(code == SK_INPUT && error.status >= 400);
        struct buf out = buf_over(page, sizeof page);
        gate_error_write(&error, &out);
        must_be_json(&out);
    }
    free(body);
    answer_check((struct view){(const char *)data, size});
    return 0;
}
