// POST /v1/embeddings: texts to vectors of length 1.
#include "gate/protocols.h"
#include "gate/text_list.h"

struct embedding_fields {
    struct view model;
    struct text_list input;
    int encoding_format;
    uint32_t dimensions;
};

static const char *const encodings[] = {"float", "base64", NULL};

#define AT(member) .at = offsetof(struct embedding_fields, member)
static const struct field embedding_rows[] = {
    FIELD_MODEL(offsetof(struct embedding_fields, model),
                "An id of GET /v1/models, of an encoder."),
    {.name = "input",
     .kind = FIELD_OTHER,
     .required = true,
     AT(input),
     .take = take_text_list,
     .schema = "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1,\"maxItems\":"
               "2048,\"items\":{\"type\":\"string\",\"minLength\":1}}]}",
     .doc = "A text, or several. Token ids are refused: send text."},
    {.name = "encoding_format", .kind = FIELD_WORD, AT(encoding_format), .words = encodings,
     .doc = "base64: float32, little-endian."},
    {.name = "dimensions",
     .kind = FIELD_COUNT,
     AT(dimensions),
     .low = 1,
     .high = UINT32_MAX,
     .doc = "The first so many of each vector, of length 1 again; at most its width."},
    {.name = "user", .kind = FIELD_PASS, .doc = "Has no effect."},
};
const struct shape embedding_shape = {SHAPE_OF(embedding_rows)};

enum sk_code embedding_read(struct reading *r, struct gate_ask *ask) {
    struct embedding_fields fields = {0};
    TRY(fields_take(r, r->root, &embedding_shape, &fields));
    struct gate_task *task = arena_take(r->arena, 1, sizeof *task);
    if (!task) return refuse_memory(r);
    task->operation = GATE_OP_EMBED;
    task->texts = fields.input.texts;
    task->texts_len = fields.input.len;
    task->dimensions = fields.dimensions;
    ask->model = fields.model;
    ask->echo = fields.encoding_format == 1 ? VIEW("base64") : VIEW("");
    ask->protocol = &embedding_protocol;
    ask->tasks = task;
    ask->tasks_len = 1;
    return SK_OK;
}

// ---- the answer ----

static void put_floats(struct json_writer *w, struct view bytes) {
    struct wire in = wire_over(bytes);
    json_open(w, '[');
    for (size_t i = 0; i < bytes.len / 4; i++) json_put_f64(w, (double)wire_take_f32(&in));
    json_close(w, ']');
}

static void embedding_whole(struct gate_answer *answer, struct buf *out) {
    const struct gate_choice *choice = answer->choices;
    struct wire in = wire_over(choice->result);
    size_t width = 4 * (size_t)wire_take_u32(&in);
    struct json_writer w = json_writer_to(out);
    json_open(&w, '{');
    json_member_text(&w, "object", "list");
    json_name(&w, "data");
    json_open(&w, '[');
    for (uint64_t i = 0; !in.bad && in.at < in.end; i++) {
        struct view vector = wire_take_bytes(&in, width);
        if (in.bad) break;
        json_open(&w, '{');
        json_member_text(&w, "object", "embedding");
        json_member_u64(&w, "index", i);
        json_name(&w, "embedding");
        if (answer->echo.len)
            json_put_base64(&w, vector.at, vector.len);
        else
            put_floats(&w, vector);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_member_text(&w, "model", answer->model);
    json_name(&w, "usage");
    json_open(&w, '{');
    json_member_u64(&w, "prompt_tokens", choice->prompt_tokens);
    json_member_u64(&w, "total_tokens", choice->prompt_tokens);
    json_close(&w, '}');
    put_receipts(&w, choice, 1);
    json_close(&w, '}');
}

const struct gate_protocol embedding_protocol = {
    .id_prefix = "embd-",
    .whole = embedding_whole,
    .error = gate_error_write,
    .param = same_param,
};
