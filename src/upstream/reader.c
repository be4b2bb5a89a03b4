#include "upstream/reader.h"

#include "base/wire.h"

enum {
    SCRATCH = 8 << 20, // nodes of one event, which are 24 bytes for each 2 of its text at most
    QUEUE = 4 << 20,   // pieces of one push
};
// A piece is shorter than the JSON that brought it: parts have 5 bytes more than their text.
_Static_assert(QUEUE >= 2 * (UPSTREAM_EVENT_MAX + UPSTREAM_PUSH_MAX), "a push fits in the queue");
_Static_assert(UPSTREAM_ARENA >= SCRATCH + QUEUE + UPSTREAM_EVENT_MAX + ARGUMENTS_MAX + (1 << 20),
               "a stream fits in its arena");

// ---- open ----

static enum sk_code offered_add(struct upstream_reader *r, struct view name) {
    if (!name.len || name.len > ENGINE_NAME_MAX) return FAIL(SK_INPUT, "tools: a name is missing");
    if (r->offered_len == UPSTREAM_TOOLS_MAX)
        return FAIL(SK_LIMIT, "tools: over %d", UPSTREAM_TOOLS_MAX);
    char *copy = arena_text(r->arena, name);
    if (!copy) return SK_LIMIT;
    r->offered[r->offered_len++] = (struct view){copy, name.len};
    return SK_OK;
}

// The names are kept, the tree is not: it is read above them.
static enum sk_code offered_read(struct upstream_reader *r, const struct engine_job *job) {
    const struct json_node *root;
    struct view data = job->template_data, tools_name = VIEW("\"tools\"");
    if (job->tool_choice == ENGINE_TOOLS_NONE || !data.len) return SK_OK;
    if (!memmem(data.at, data.len, tools_name.at, tools_name.len)) return SK_OK;
    if (job->tool_choice == ENGINE_TOOLS_NAMED) return offered_add(r, job->tool_name);
    size_t names = UPSTREAM_TOOLS_MAX * (ENGINE_NAME_MAX + 16);
    size_t left = r->arena->max - r->arena->used;
    if (left < names) return FAIL(SK_LIMIT, "no room for the names of tools");
    struct arena above = {
        .base = r->arena->base + r->arena->used + names, .max = left - names, .name = "tools"};
    char *copy = arena_text(&above, data);
    if (!copy) return SK_LIMIT;
    TRY(json_parse(copy, data.len, &above, &root));
    const struct json_node *tools = json_find(root, "tools");
    if (!json_is(tools, JSON_ARRAY)) return SK_OK;
    const struct json_node *tool = json_first(tools);
    for (uint32_t i = 0; i < tools->len; i++, tool = json_next(tool)) {
        const struct json_node *name = json_find(json_find(tool, "function"), "name");
        TRY(offered_add(r, json_is(name, JSON_STRING) ? json_view(name) : VIEW("")));
    }
    return SK_OK;
}

static enum sk_code buf_take(struct upstream_reader *r, size_t max, struct buf *out) {
    void *storage = arena_take_raw(r->arena, max, 1);
    if (!storage) return SK_LIMIT;
    *out = buf_over(storage, max);
    return SK_OK;
}

enum sk_code upstream_open(enum upstream_kind kind, const struct gate_task *task,
                           struct arena *arena, struct upstream_reader **out) {
    if (!upstream_path(kind, task->operation))
        return FAIL(SK_UNSUPPORTED,
                    "model: the place's protocol has no word for a request of this kind");
    struct upstream_reader *r = arena_take_raw(arena, 1, sizeof *r);
    if (!r) return SK_LIMIT;
    *r = (struct upstream_reader){.kind = kind,
                                  .operation = task->operation,
                                  .arena = arena,
                                  .texts_len = task->texts_len,
                                  .dimensions = task->dimensions,
                                  .logprobs = task->job.logprobs,
                                  .must_call = task->job.tool_choice >= ENGINE_TOOLS_REQUIRED,
                                  .parallel = task->job.parallel_calls,
                                  .stops_len = task->job.stops_len,
                                  .piece_at = SIZE_MAX,
                                  .end = {.type = UPSTREAM_END, .stop = ENGINE_NO_STOP}};
    for (uint32_t i = 0; i < r->stops_len; i++) {
        struct view stop = task->job.stops[i];
        char *copy = arena_text(arena, stop);
        if (!copy) return SK_LIMIT;
        r->stops[i] = (struct view){copy, stop.len};
    }
    if (task->operation == GATE_OP_CHAT) TRY(offered_read(r, &task->job));
    if (r->offered_len) TRY(buf_take(r, ARGUMENTS_MAX, &r->arguments));
    *out = r;
    return SK_OK;
}

// ---- bytes ----

// Nothing more is read; UPSTREAM_END is to be taken.
static enum sk_code end_check(struct upstream_reader *r) {
    if (!r->finished) return reader_corrupt("it ends in the middle");
    r->over = true;
    return SK_OK;
}

static bool gives_result(const struct upstream_reader *r) {
    return r->operation != GATE_OP_CHAT && r->operation != GATE_OP_COMPLETION;
}

static enum sk_code tree_take(struct upstream_reader *r, struct buf *text) {
    const struct json_node *root;
    arena_reset(&r->scratch);
    enum sk_code code = json_parse(text->at, text->len, &r->scratch, &root);
    if (code != SK_OK)
        return fail_within(code == SK_INPUT ? SK_CORRUPT : code, "the place's answer");
    if (!json_is(root, JSON_OBJECT)) return reader_corrupt("no JSON object");
    r->piece_at = SIZE_MAX;
    r->piece_first = true;
    if (gives_result(r)) return result_take(r, root);
    size_t before = r->queue.len;
    code = r->kind == UPSTREAM_ANTHROPIC ? anthropic_take(r, root) : openai_take(r, root);
    if (code != SK_OK) r->queue.len = before; // nothing of an event that is refused
    return code;
}

static enum sk_code event_take(struct upstream_reader *r) {
    struct buf *data = &r->sse.held;
    if (r->kind == UPSTREAM_OPENAI && view_is(buf_view(data), "[DONE]")) return end_check(r);
    if (!r->sse.error) return tree_take(r, data);
    const struct json_node *root;
    arena_reset(&r->scratch);
    enum sk_code code = json_parse(data->at, data->len, &r->scratch, &root);
    return reader_broken(code == SK_OK ? root : NULL);
}

static enum sk_code events_take(struct upstream_reader *r, struct view bytes, bool last) {
    for (bool event = true; event && !r->over;) {
        TRY(sse_take(&r->sse, &bytes, last, &event));
        if (event) TRY(event_take(r));
    }
    return last && !r->over ? end_check(r) : SK_OK;
}

static enum sk_code whole_take(struct upstream_reader *r, struct view bytes, bool last) {
    buf_put_view(&r->body, bytes);
    if (r->body.over) return FAIL(SK_LIMIT, "the place's answer is over %zu bytes", r->body.max);
    if (!last) return SK_OK;
    TRY(tree_take(r, &r->body));
    return end_check(r);
}

// Memory for the form that the answer has.
static enum sk_code form_begin(struct upstream_reader *r, enum form form) {
    bool events = form == FORM_EVENTS;
    size_t third = (r->arena->max - r->arena->used) / 3 & ~(size_t)15;
    void *nodes = arena_take_raw(r->arena, events ? SCRATCH : third, 1);
    if (!nodes) return SK_LIMIT;
    r->scratch = (struct arena){.base = nodes, .max = events ? SCRATCH : third, .name = "answer"};
    TRY(buf_take(r, events ? UPSTREAM_EVENT_MAX : third, events ? &r->sse.held : &r->body));
    if (!gives_result(r)) TRY(buf_take(r, events ? QUEUE : third, &r->queue));
    r->form = form;
    return SK_OK;
}

// A byte order mark and white space may come first; JSON begins with a brace, events do not.
static enum sk_code form_find(struct upstream_reader *r, struct view *bytes, bool last) {
    static const char mark[] = "\xef\xbb\xbf";
    while (bytes->len > 0 && r->form == FORM_UNKNOWN) {
        char c = *bytes->at;
        bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        bool marked = r->mark < sizeof mark - 1 && c == mark[r->mark];
        if (!marked && !space)
            TRY(form_begin(r, c == '{' || gives_result(r) ? FORM_WHOLE : FORM_EVENTS));
        if (marked || space) *bytes = view_from(*bytes, 1);
        if (!marked && r->mark > 0 && r->mark < sizeof mark - 1)
            return reader_corrupt("it begins with half a byte order mark");
        r->mark = marked ? r->mark + 1 : sizeof mark;
    }
    if (last && r->form == FORM_UNKNOWN) return reader_corrupt("it is empty");
    return SK_OK;
}

enum sk_code upstream_push(struct upstream_reader *r, struct view bytes, bool last) {
    must(bytes.len <= UPSTREAM_PUSH_MAX && r->queue_at == r->queue.len);
    buf_reset(&r->queue);
    r->queue_at = 0;
    r->piece_at = SIZE_MAX;
    if (r->over) return SK_OK; // whatever comes after the end
    TRY(form_find(r, &bytes, last));
    if (r->form == FORM_UNKNOWN) return SK_OK;
    return r->form == FORM_EVENTS ? events_take(r, bytes, last) : whole_take(r, bytes, last);
}

bool upstream_next(struct upstream_reader *r, struct upstream_event *out) {
    *out = (struct upstream_event){.type = UPSTREAM_PIECE, .stop = ENGINE_NO_STOP};
    if (r->queue_at < r->queue.len) {
        struct wire in = wire_over(view_from(buf_view(&r->queue), r->queue_at));
        uint32_t parts = wire_take_u32(&in), logprobs = wire_take_u32(&in);
        out->tokens = wire_take_u32(&in);
        out->parts = wire_take_bytes(&in, parts);
        out->logprobs = wire_take_bytes(&in, logprobs);
        must(!in.bad);
        r->queue_at = r->queue.len - (size_t)(in.end - in.at);
        r->told += out->tokens;
        return true;
    }
    if (!r->over || r->end_given) return false;
    if (r->result.len) {
        out->type = UPSTREAM_RESULT;
        out->result = r->result;
        r->result.len = 0;
        return true;
    }
    *out = r->end;
    if (!out->completion_tokens && !gives_result(r)) out->completion_tokens = r->told;
    if (out->prompt_cached > out->prompt_tokens) out->prompt_cached = out->prompt_tokens;
    if (out->reasoning_tokens > out->completion_tokens) // xAI does not count them in
        out->reasoning_tokens = out->completion_tokens;
    r->end_given = true;
    return true;
}
