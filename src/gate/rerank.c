// POST /v1/rerank: which documents answer a query best. Cohere's and Jina's form, as vLLM and
// llama.cpp have it.
#include <math.h>
#include <stdlib.h>

#include "gate/protocols.h"
#include "gate/text_list.h"

struct rerank_fields {
    struct view model, query;
    struct text_list documents;
    uint32_t top_n;
    bool return_documents;
};

// {"text": …} or the text itself.
static enum sk_code take_document(struct reading *r, const struct json_node *node,
                                  struct view *out) {
    const struct json_node *text = json_is(node, JSON_OBJECT) ? field_given(node, "text") : node;
    if (!text) return refuse_missing(r, "text");
    return take_text(r, text, 1, UINT32_MAX, out);
}

static enum sk_code take_documents(struct reading *r, const struct json_node *list, void *out) {
    if (!json_is(list, JSON_ARRAY)) return refuse_type(r, "an array of texts");
    return take_texts(r, list, take_document, out);
}

#define AT(member) .at = offsetof(struct rerank_fields, member)
static const struct field rerank_rows[] = {
    FIELD_MODEL(offsetof(struct rerank_fields, model),
                "An id of GET /v1/models, of a reranker or another encoder."),
    {.name = "query",
     .kind = FIELD_TEXT,
     .required = true,
     AT(query),
     .low = 1,
     .high = UINT32_MAX},
    {.name = "documents",
     .kind = FIELD_OTHER,
     .required = true,
     AT(documents),
     .take = take_documents,
     .schema = "{\"type\":\"array\",\"minItems\":1,\"maxItems\":2048,\"items\":{\"anyOf\":[{"
               "\"type\":\"string\"},{\"type\":\"object\",\"required\":[\"text\"]}]}}"},
    {.name = "top_n", .kind = FIELD_COUNT, AT(top_n), .low = 1, .high = UINT32_MAX,
     .doc = "Only the best so many."},
    {.name = "return_documents", .kind = FIELD_BOOL, AT(return_documents),
     .doc = "The results hold the documents' texts."},
    {.name = "user", .kind = FIELD_PASS, .doc = "Has no effect."},
};
const struct shape rerank_shape = {SHAPE_OF(rerank_rows)};

// What the answer needs: top_n, and the documents when they are wanted.
static enum sk_code echo_keep(struct reading *r, const struct rerank_fields *fields,
                              struct gate_ask *ask) {
    struct buf rest = arena_rest(r->arena);
    wire_put_u32(&rest, fields->top_n);
    for (uint32_t i = 0; fields->return_documents && i < fields->documents.len; i++)
        wire_put_text(&rest, fields->documents.texts[i]);
    return take_written(r, &rest, &ask->echo);
}

enum sk_code rerank_read(struct reading *r, struct gate_ask *ask) {
    struct rerank_fields fields = {.top_n = UINT32_MAX};
    TRY(fields_take(r, r->root, &rerank_shape, &fields));
    struct gate_task *task = arena_take(r->arena, 1, sizeof *task);
    if (!task) return refuse_memory(r);
    task->operation = GATE_OP_RERANK;
    task->query = fields.query;
    task->texts = fields.documents.texts;
    task->texts_len = fields.documents.len;
    ask->model = fields.model;
    ask->protocol = &rerank_protocol;
    ask->tasks = task;
    ask->tasks_len = 1;
    return echo_keep(r, &fields, ask);
}

// ---- the answer ----

struct ranked {
    uint32_t index;
    float score;
};

static int best_first(const void *a, const void *b) {
    const struct ranked *one = a, *other = b;
    if (one->score != other->score) return one->score < other->score ? 1 : -1;
    return one->index < other->index ? -1 : 1;
}

static void put_document(struct json_writer *w, const struct gate_answer *answer, uint32_t index) {
    struct wire in = wire_over(view_from(buf_view(&answer->echo), 4));
    struct view text = {0};
    for (uint32_t i = 0; i <= index; i++) text = wire_take_text(&in, SIZE_MAX);
    json_name(w, "document");
    json_open(w, '{');
    json_member_string(w, "text", text);
    json_close(w, '}');
}

static void rerank_whole(struct gate_answer *answer, struct buf *out) {
    const struct gate_choice *choice = answer->choices;
    struct wire in = wire_over(choice->result), kept = wire_over(buf_view(&answer->echo));
    static const char *const scores[GATE_SCORES] = {"cosine", "rank head", "place"};
    struct ranked results[GATE_TEXTS_MAX];
    uint8_t kind = wire_take_u8(&in);
    bool head = kind == GATE_SCORE_HEAD;
    uint32_t len = 0, top_n = wire_take_u32(&kept);
    for (; len < GATE_TEXTS_MAX && in.at < in.end; len++) {
        float score = wire_take_f32(&in);
        // A reranker's logit as what it was trained to be, a probability.
        results[len] = (struct ranked){len, head ? 1 / (1 + expf(-score)) : score};
    }
    qsort(results, len, sizeof *results, best_first);
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "id", answer->id);
    json_member_text(&w, "object", "list");
    json_member_text(&w, "model", answer->model);
    json_name(&w, "results");
    json_open(&w, '[');
    for (uint32_t i = 0; i < len && i < top_n; i++) {
        json_open(&w, '{');
        json_member_u64(&w, "index", results[i].index);
        json_name(&w, "relevance_score");
        json_put_f64(&w, (double)results[i].score);
        if (answer->echo.len > 4) put_document(&w, answer, results[i].index);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_name(&w, "usage");
    json_open(&w, '{');
    json_member_u64(&w, "prompt_tokens", choice->prompt_tokens);
    json_member_u64(&w, "total_tokens", choice->prompt_tokens);
    json_close(&w, '}');
    json_name(&w, "sekisho");
    json_open(&w, '{');
    json_member_text(&w, "score", scores[kind < GATE_SCORES ? kind : GATE_SCORE_PLACE]);
    json_name(&w, "receipt");
    json_put_raw(&w, choice->receipt.len ? choice->receipt : VIEW("null"));
    json_close(&w, '}');
    json_close(&w, '}');
}

const struct gate_protocol rerank_protocol = {
    .id_prefix = "rerank-",
    .whole = rerank_whole,
    .error = gate_error_write,
    .param = same_param,
};
