// POST /v1/completions: raw prompts, without the chat template. Each prompt has n choices.
#include "base/utf8.h"
#include "gate/protocols.h"
#include "gate/sampling.h"

struct completion_fields {
    struct sampling_fields common; // first: sampling_shape writes it
    const struct json_node *prompt;
    uint32_t max_tokens, logprobs, best_of;
    bool echo;
};

// ---- the request ----

static enum sk_code take_node(struct reading *r, const struct json_node *node, void *out) {
    (void)r;
    *(const struct json_node **)out = node;
    return SK_OK;
}

static bool harmless_nothing(const struct json_node *node) {
    return json_is(node, JSON_STRING) && node->len == 0;
}

#define AT(member) .at = offsetof(struct completion_fields, member)
static const struct field completion_rows[] = {
    {.name = "prompt",
     .kind = FIELD_OTHER,
     .required = true,
     AT(prompt),
     .take = take_node,
     .schema = "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1,\"maxItems\":"
               "16,\"items\":{\"type\":\"string\"}}]}",
     .doc = "A text, or several. Token ids are refused: send text."},
    {.name = "max_tokens", .kind = FIELD_COUNT, AT(max_tokens), .high = UINT32_MAX,
     .doc = "Tokens of the answer at most. Default 16, as OpenAI's. 0: only the prompt is read."},
    {.name = "logprobs", .kind = FIELD_COUNT, AT(logprobs), .high = ENGINE_CANDIDATES_MAX,
     .doc = "Log-probabilities, with so many likeliest alternatives beside each token."},
    {.name = "echo", .kind = FIELD_BOOL, AT(echo),
     .doc = "The prompt comes before the answer, with log-probabilities its tokens' too."},
    {.name = "best_of", .kind = FIELD_COUNT, AT(best_of), .low = 1, .high = GATE_TASKS_MAX,
     .doc = "Only what n is."},
    {.name = "suffix", .kind = FIELD_NOT, .harmless = harmless_nothing,
     .doc = "filling in the middle"},
};
const struct shape completion_shape = {SHAPE_OF(completion_rows), &sampling_shape};

static enum sk_code prompt_take(struct reading *r, const struct json_node *node,
                                struct gate_task *task) {
    if (json_is(node, JSON_NUMBER) || json_is(node, JSON_ARRAY))
        return refuse_unsupported(r, "a prompt of token ids");
    return take_text(r, node, 1, UINT32_MAX, &task->job.prompt);
}

static enum sk_code prompts_take(struct reading *r, const struct completion_fields *fields,
                                 struct gate_ask *ask) {
    const struct json_node *prompt = fields->prompt;
    uint32_t len = json_is(prompt, JSON_ARRAY) ? prompt->len : 1;
    path_enter(r, "prompt");
    if (len == 0) return refuse_value(r, "must hold at least one text.");
    if (len * fields->common.n > GATE_TASKS_MAX || len > GATE_TASKS_MAX)
        return refuse_value(r, "has %u texts of %u choices; %d answers are the limit of a request.",
                            len, fields->common.n, GATE_TASKS_MAX);
    struct gate_task *tasks = arena_take(r->arena, len, sizeof *tasks);
    if (!tasks) return refuse_memory(r);
    if (!json_is(prompt, JSON_ARRAY)) TRY(prompt_take(r, prompt, tasks));
    const struct json_node *item = json_first(prompt);
    for (uint32_t i = 0; json_is(prompt, JSON_ARRAY) && i < len; i++, item = json_next(item)) {
        size_t before = path_enter_at(r, i);
        TRY(prompt_take(r, item, &tasks[i]));
        path_leave(r, before);
    }
    path_leave(r, 0);
    ask->tasks = tasks;
    ask->tasks_len = len;
    for (uint32_t i = 0; i < len; i++) {
        tasks[i].operation = GATE_OP_COMPLETION;
        struct engine_job *job = &tasks[i].job;
        job->tokens_max = fields->max_tokens;
        job->prompt_only = fields->max_tokens == 0;
        if (field_given(r->root, "logprobs")) job->logprobs = 1 + fields->logprobs;
        if (job->logprobs && fields->echo) job->score_from = 1;
        TRY(sampling_end(r, &fields->common, job));
    }
    return SK_OK;
}

// What echo needs later: the prompts, each after its length.
static enum sk_code echo_keep(struct reading *r, struct gate_ask *ask) {
    struct buf rest = arena_rest(r->arena);
    for (uint32_t i = 0; i < ask->tasks_len; i++) wire_put_text(&rest, ask->tasks[i].job.prompt);
    return take_written(r, &rest, &ask->echo);
}

enum sk_code completion_read(struct reading *r, struct gate_ask *ask) {
    struct completion_fields fields = {.common = sampling_usual(), .max_tokens = 16};
    TRY(fields_take(r, r->root, &completion_shape, &fields));
    path_enter(r, "best_of");
    if (fields.best_of && fields.best_of != fields.common.n)
        return refuse_unsupported(r, "choosing among more answers than n");
    path_leave(r, 0);
    TRY(sampling_ask(r, &fields.common, ask));
    TRY(prompts_take(r, &fields, ask));
    if (fields.echo) TRY(echo_keep(r, ask));
    ask->protocol = &completion_protocol;
    return SK_OK;
}

// ---- the answer ----

static struct view echo_of(const struct gate_answer *answer, const struct gate_choice *choice) {
    struct wire in = wire_over(buf_view(&answer->echo));
    struct view text = {0};
    for (uint32_t i = 0; i <= choice->index / answer->copies; i++)
        text = wire_take_text(&in, SIZE_MAX);
    return in.bad ? (struct view){0} : text;
}

static void put_head(struct json_writer *w, const struct gate_answer *answer) {
    json_open(w, '{');
    json_member_text(w, "id", answer->id);
    json_member_text(w, "object", "text_completion");
    json_member_u64(w, "created", answer->created_s);
    json_member_text(w, "model", answer->model);
    json_name(w, "choices");
    json_open(w, '[');
}

// One list of the log-probabilities' four: of each token its text, its own, its alternatives, or
// where it begins in the answer.
enum column { TOKENS, LOGPROBS, TOPS, OFFSETS };

// Code points of a text that may begin or end inside a character.
static uint64_t code_points(struct view text) {
    uint64_t n = 0;
    for (size_t i = 0; i < text.len; i++) n += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return n;
}

// Bytes of the well-formed characters that text begins with.
static size_t well_formed(struct view text) {
    size_t n = 0, wide = 1;
    for (; n < text.len && wide; n += wide)
        wide = (unsigned char)text.at[n] < 0x80 ? 1 : utf8_wide(view_from(text, n));
    return n;
}

// Whether both are one name in JSON, where what is not UTF-8 becomes U+FFFD.
static bool told_same(struct view a, struct view b) {
    for (;;) {
        size_t len = well_formed(a), other = well_formed(b);
        if (!view_same((struct view){a.at, len}, (struct view){b.at, other})) return false;
        if (len == a.len || other == b.len) return a.len == b.len;
        a = view_from(a, len + 1);
        b = view_from(b, other + 1);
    }
}

// An object by text: of tokens that are told alike the likeliest.
static void put_tops(struct json_writer *w, struct wire *in, uint32_t len) {
    struct view seen[UINT8_MAX];
    json_open(w, '{');
    for (uint32_t i = 0; i < len; i++) {
        struct token other = token_alternative(in);
        bool again = false;
        for (uint32_t j = 0; j < i; j++) again = again || told_same(seen[j], other.bytes);
        seen[i] = other.bytes;
        if (again) continue;
        json_name_view(w, other.bytes);
        json_put_f64(w, (double)other.logprob);
    }
    json_close(w, '}');
}

// Log-probabilities of tokens that begin at code point `at` of the text. The first of a prompt has
// none, as OpenAI.
struct weighed {
    struct view bytes;
    uint64_t at;
    bool first_bare;
};

static void put_column(struct json_writer *w, const struct weighed *weighed, enum column column) {
    struct wire in = wire_over(weighed->bytes);
    struct token token;
    uint64_t offset = weighed->at;
    bool bare = weighed->first_bare;
    json_open(w, '[');
    for (; token_next(&in, &token); bare = false) {
        if (column == TOKENS) json_put_string(w, token.bytes);
        if (column == OFFSETS) json_put_u64(w, offset);
        if (column == LOGPROBS && !bare) json_put_f64(w, (double)token.logprob);
        if ((column == LOGPROBS || column == TOPS) && bare) json_put_null(w);
        offset += code_points(token.bytes);
        if (column == TOPS && !bare)
            put_tops(w, &in, token.alternatives);
        else
            for (uint32_t i = 0; i < token.alternatives; i++) token_alternative(&in);
    }
    json_close(w, ']');
}

static void put_logprobs(struct json_writer *w, struct weighed weighed) {
    static const char *const names[] = {"tokens", "token_logprobs", "top_logprobs", "text_offset"};
    json_name(w, "logprobs");
    if (!weighed.bytes.len) {
        json_put_null(w);
        return;
    }
    json_open(w, '{');
    for (int i = 0; i < 4; i++) {
        json_name(w, names[i]);
        put_column(w, &weighed, (enum column)i);
    }
    json_close(w, '}');
}

// The texts of a piece, or of the whole answer. What is an echo is no part of what the receipt is
// of: its bytes are told.
static void put_text(struct json_writer *w, struct view before, struct view parts) {
    struct wire in = wire_over(parts);
    struct engine_part part;
    json_name(w, "text");
    json_string_begin(w);
    json_string_more(w, before);
    while (part_next(&in, &part)) json_string_more(w, part.text);
    json_string_end(w);
    if (before.len == 0) return;
    json_name(w, "sekisho");
    json_open(w, '{');
    json_member_u64(w, "echoed", before.len);
    json_close(w, '}');
}

static void put_end(struct json_writer *w, const struct gate_choice *choice) {
    json_name(w, "finish_reason");
    if (choice->over)
        json_put_string(w, choice->finish_reason);
    else
        json_put_null(w);
    json_close(w, '}');
}

static void put_event(const struct gate_answer *answer, const struct gate_choice *choice,
                      struct view before, const struct gate_piece *piece, struct buf *out) {
    struct json_writer w = event_begin(out);
    put_head(&w, answer);
    json_open(&w, '{');
    json_member_u64(&w, "index", choice->index);
    put_text(&w, before, piece->parts);
    bool first = answer->echo.len > 0 && choice->blocks == 0;
    put_logprobs(&w, (struct weighed){piece->logprobs, choice->logprobs_at, first});
    put_end(&w, choice);
    json_close(&w, ']');
    if (answer->usage) {
        json_name(&w, "usage");
        json_put_null(&w);
    }
    if (choice->over) put_receipts(&w, choice, 1);
    json_close(&w, '}');
    event_end(out);
}

static void completion_begin(struct gate_answer *answer, struct buf *out) {
    for (uint32_t i = 0; answer->echo.len > 0 && i < answer->choices_len; i++)
        put_event(answer, &answer->choices[i], echo_of(answer, &answer->choices[i]),
                  &(struct gate_piece){0}, out);
}

static void completion_piece(struct gate_answer *answer, struct gate_choice *choice,
                             const struct gate_piece *piece, struct buf *out) {
    put_event(answer, choice, (struct view){0}, piece, out);
    struct wire in = wire_over(piece->logprobs);
    struct token token;
    while (token_next(&in, &token)) {
        choice->blocks = 1; // of logprobs
        choice->logprobs_at += code_points(token.bytes);
        for (uint32_t i = 0; i < token.alternatives; i++) token_alternative(&in);
    }
}

static void completion_end_choice(struct gate_answer *answer, struct gate_choice *choice,
                                  struct buf *out) {
    put_event(answer, choice, (struct view){0}, &(struct gate_piece){0}, out);
}

static void completion_end(struct gate_answer *answer, struct buf *out) {
    if (answer->usage) {
        struct json_writer w = event_begin(out);
        put_head(&w, answer);
        json_close(&w, ']');
        put_usage(&w, answer);
        json_close(&w, '}');
        event_end(out);
    }
    buf_put_text(out, "data: [DONE]\n\n");
}

static void completion_whole(struct gate_answer *answer, struct buf *out) {
    struct json_writer w = json_writer_to(out);
    put_head(&w, answer);
    for (uint32_t i = 0; i < answer->choices_len; i++) {
        const struct gate_choice *choice = &answer->choices[i];
        struct view echo = echo_of(answer, choice);
        json_open(&w, '{');
        json_member_u64(&w, "index", choice->index);
        put_text(&w, echo, buf_view(&choice->parts));
        put_logprobs(&w, (struct weighed){buf_view(&choice->logprobs), 0, echo.len > 0});
        put_end(&w, choice);
    }
    json_close(&w, ']');
    put_usage(&w, answer);
    put_receipts(&w, answer->choices, answer->choices_len);
    json_close(&w, '}');
}

static const char *completion_param(const char *param) {
    return view_is(view_of(param), "format") ? "json_schema" : param;
}

const struct gate_protocol completion_protocol = {
    .id_prefix = "cmpl-",
    .begin = completion_begin,
    .piece = completion_piece,
    .end_choice = completion_end_choice,
    .end = completion_end,
    .broken = stream_broken,
    .ping = ping_comment,
    .whole = completion_whole,
    .error = gate_error_write,
    .param = completion_param,
};
