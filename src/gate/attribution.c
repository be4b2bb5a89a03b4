// POST /v1/attributions: which spans of a conversation an answer rests on. Ours: no peer has it.
#include "gate/protocols.h"

struct attribution_fields {
    struct view model, answer;
    struct engine_message *messages;
    uint32_t messages_len;
    struct engine_span *spans;
    uint32_t spans_len;
    bool each_token;
    uint32_t cost_max;
};

// ---- the request ----

struct role_text {
    int role;
    struct view text;
};
static const char *const roles[] = {"system", "user", "assistant", NULL};
static const struct field message_rows[] = {
    {.name = "role", .kind = FIELD_WORD, .required = true, .words = roles,
     .at = offsetof(struct role_text, role)},
    {.name = "content", .kind = FIELD_TEXT, .required = true, .high = UINT32_MAX,
     .at = offsetof(struct role_text, text)},
};
static const struct shape message_shape = {SHAPE_OF(message_rows)};

static enum sk_code take_messages(struct reading *r, const struct json_node *list, void *out) {
    static const enum engine_role kinds[] = {ENGINE_SYSTEM, ENGINE_USER, ENGINE_ASSISTANT};
    struct attribution_fields *fields = out;
    if (!json_is(list, JSON_ARRAY)) return refuse_type(r, "an array");
    if (list->len == 0 || list->len > ENGINE_MESSAGES_MAX)
        return refuse_value(r, "must hold 1 to %d messages, not %u.", ENGINE_MESSAGES_MAX,
                            list->len);
    fields->messages = arena_take(r->arena, list->len, sizeof *fields->messages);
    if (!fields->messages) return refuse_memory(r);
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        struct role_text message = {0};
        size_t before = path_enter_at(r, i);
        TRY(fields_take(r, node, &message_shape, &message));
        path_leave(r, before);
        fields->messages[i] = (struct engine_message){kinds[message.role], message.text};
    }
    fields->messages_len = list->len;
    return SK_OK;
}

static const struct field span_rows[] = {
    {.name = "message", .kind = FIELD_COUNT, .required = true, .high = ENGINE_MESSAGES_MAX - 1,
     .at = offsetof(struct engine_span, message), .doc = "Which of the messages, from 0."},
    {.name = "start", .kind = FIELD_COUNT, .required = true, .high = UINT32_MAX,
     .at = offsetof(struct engine_span, first), .doc = "Its first code point."},
    {.name = "end", .kind = FIELD_COUNT, .required = true, .low = 1, .high = UINT32_MAX,
     .at = offsetof(struct engine_span, end), .doc = "One past its last."},
};
static const struct shape span_shape = {SHAPE_OF(span_rows)};

static enum sk_code take_spans(struct reading *r, const struct json_node *list, void *out) {
    struct attribution_fields *fields = out;
    if (!json_is(list, JSON_ARRAY)) return refuse_type(r, "an array");
    if (list->len == 0 || list->len > ENGINE_SPANS_MAX)
        return refuse_value(r, "must hold 1 to %d spans, not %u.", ENGINE_SPANS_MAX, list->len);
    fields->spans = arena_take(r->arena, list->len, sizeof *fields->spans);
    if (!fields->spans) return refuse_memory(r);
    const struct json_node *node = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, node = json_next(node)) {
        size_t before = path_enter_at(r, i);
        TRY(fields_take(r, node, &span_shape, &fields->spans[i]));
        path_leave(r, before);
    }
    fields->spans_len = list->len;
    return SK_OK;
}

#define AT(member) .at = offsetof(struct attribution_fields, member)
static const struct field attribution_rows[] = {
    FIELD_MODEL(offsetof(struct attribution_fields, model), "An id of GET /v1/models."),
    {.name = "messages",
     .kind = FIELD_OTHER,
     .required = true,
     .take = take_messages,
     .shape = &message_shape,
     .schema = "{\"type\":\"array\",\"minItems\":1,\"maxItems\":1024}",
     .doc = "The conversation that the answer is of."},
    {.name = "answer", .kind = FIELD_TEXT, .required = true, AT(answer), .low = 1,
     .high = UINT32_MAX, .doc = "The text whose log-probability is asked about."},
    {.name = "spans",
     .kind = FIELD_OTHER,
     .take = take_spans,
     .shape = &span_shape,
     .schema = "{\"type\":\"array\",\"minItems\":1,\"maxItems\":64}",
     .doc = "Which parts are left out, one after the other. Without: each sentence."},
    {.name = "each_token", .kind = FIELD_BOOL, AT(each_token),
     .doc = "Tell of each token of the answer too."},
    {.name = "cost_max", .kind = FIELD_COUNT, AT(cost_max), .low = 1, .high = ENGINE_COST_MAX,
     .doc = "Tokens it may compute, (spans + 1) x (prompt + answer) at most; over it is refused."},
    {.name = "user", .kind = FIELD_PASS, .doc = "Has no effect."},
};
const struct shape attribution_shape = {SHAPE_OF(attribution_rows)};

enum sk_code attribution_read(struct reading *r, struct gate_ask *ask) {
    struct attribution_fields fields = {0};
    TRY(fields_take(r, r->root, &attribution_shape, &fields));
    struct gate_task *task = arena_take(r->arena, 1, sizeof *task);
    if (!task) return refuse_memory(r);
    task->operation = GATE_OP_ATTRIBUTE;
    task->job.messages = fields.messages;
    task->job.messages_len = fields.messages_len;
    task->answer = fields.answer;
    task->spans = fields.spans;
    task->spans_len = fields.spans_len;
    task->each_token = fields.each_token;
    task->cost_max = fields.cost_max;
    ask->model = fields.model;
    ask->protocol = &attribution_protocol;
    ask->tasks = task;
    ask->tasks_len = 1;
    return SK_OK;
}

// ---- the answer ----

static void attribution_whole(struct gate_answer *answer, struct buf *out) {
    const struct gate_choice *choice = answer->choices;
    struct view members = view_from(choice->result, 1); // {"baseline":…} without its brackets
    if (members.len) members.len--;
    buf_put_text(out, "{\"id\":");
    json_escape(out, view_of(answer->id));
    buf_print(out, ",\"object\":\"attribution\",\"created\":%llu,\"model\":",
              (unsigned long long)answer->created_s);
    json_escape(out, view_of(answer->model));
    buf_put_char(out, ',');
    buf_put_view(out, members);
    buf_put_text(out, ",\"sekisho\":{\"receipt\":");
    buf_put_view(out, choice->receipt.len ? choice->receipt : VIEW("null"));
    buf_put_text(out, "}}");
}

const struct gate_protocol attribution_protocol = {
    .id_prefix = "attr-",
    .whole = attribution_whole,
    .error = gate_error_write,
    .param = same_param,
};
