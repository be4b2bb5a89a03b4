// Operations that give a result instead of text. Encoders read one text in a step, so that answers
// of other models go on; an attribution's jobs are steps beside those of other jobs.
#include "node/room_engine.h"

#include "base/wire.h"
#include "node/result.h"
#include "node/sealed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TASK_ARENA = 64 << 20,    // of one task: its lists and scratch
    TASK_IDS_MAX = 64 << 20,  // bytes of all its prompts' ids
    TASK_READ_BYTES = 1 << 16, // of texts that are made tokens in a step
};

// One task. Its items are the prompts it reads one after the other: a text each; with a query that
// no document is read together with, that one first.
struct task {
    struct gate_task asked;
    struct arena arena;
    uint32_t items, read, done; // read: made tokens; done: computed
    bool told;                  // begun
    struct buf ids, out;        // of all items; the result
    uint32_t *lens;             // tokens of each item
    size_t at;                  // in ids.at, where the next item to be computed begins
    int32_t *scratch;           // ids of a context
    float *vector, *query;      // query: the vector of the first item
    struct engine_attribution *attribution;
    bool running; // its job is in the model's slot
};

// ---- begin and stop ----

static enum sk_code task_check(const struct slot *slot, enum gate_operation operation) {
    struct engine_shape shape = engine_shape(slot->model->engine);
    if (operation == GATE_OP_EMBED && (!shape.encoder || shape.ranks))
        return FAIL(SK_UNSUPPORTED, "model: %s makes no embeddings",
                    shape.ranks ? "a reranker" : "a model of text");
    if (operation == GATE_OP_RERANK && !shape.encoder)
        return FAIL(SK_UNSUPPORTED, "model: neither a reranker nor one that makes embeddings");
    if (operation == GATE_OP_ATTRIBUTE && shape.encoder)
        return FAIL(SK_UNSUPPORTED, "model: an encoder makes no text");
    return SK_OK;
}

static bool has_query_item(const struct slot *slot, const struct task *task) {
    return task->asked.operation == GATE_OP_RERANK && !engine_shape(slot->model->engine).ranks;
}

static enum sk_code task_fill(struct slot *slot, struct task *task) {
    struct engine_shape shape = engine_shape(slot->model->engine);
    TRY(arena_open(&task->arena, "task", TASK_ARENA));
    TRY(buf_open(&task->ids, TASK_IDS_MAX));
    TRY(job_read(slot->job, &task->arena, &task->asked));
    TRY(buf_open(&task->out, result_max(task->asked.operation)));
    task->asked.job.tenant = slot->tenant;
    task->asked.job.adapter = slot->asked->adapter;
    bool texts = task->asked.operation == GATE_OP_EMBED || task->asked.operation == GATE_OP_RERANK;
    task->items = texts ? task->asked.texts_len + has_query_item(slot, task) : 1;
    task->lens = arena_take(&task->arena, task->items, sizeof *task->lens);
    task->scratch = arena_take(&task->arena, shape.context, sizeof *task->scratch);
    task->vector = arena_take(&task->arena, shape.width, sizeof *task->vector);
    task->query = arena_take(&task->arena, shape.width, sizeof *task->query);
    return task->lens && task->scratch && task->vector && task->query ? SK_OK : SK_LIMIT;
}

enum sk_code task_begin(struct slot *slot, const struct gate_task *asked) {
    TRY(task_check(slot, asked->operation));
    struct task *task = slot->task = calloc(1, sizeof *task);
    if (!task) return FAIL(SK_LIMIT, "memory: none left");
    enum sk_code code = task_fill(slot, task);
    if (code != SK_OK) task_stop(slot);
    return code;
}

void task_stop(struct slot *slot) {
    struct task *task = slot->task;
    if (!task) return;
    if (task->running) engine_stop(slot->model->engine, slot->index);
    arena_close(&task->arena);
    buf_close(&task->ids);
    buf_close(&task->out);
    free(task);
    slot->task = NULL;
}

// ---- reading: texts to tokens, a few at a time ----

static struct view item_text(const struct task *task, uint32_t item) {
    bool query_first = task->items > task->asked.texts_len;
    if (query_first && item == 0) return task->asked.query;
    return task->asked.texts[item - query_first];
}

static enum sk_code item_prompt(const struct slot *slot, const struct task *task, uint32_t item,
                                size_t *len) {
    const struct engine *engine = slot->model->engine;
    struct engine_shape shape = engine_shape(engine);
    if (task->asked.operation == GATE_OP_COUNT)
        return engine_prompt(engine, &task->asked.job, task->scratch, shape.context, len);
    struct view text = item_text(task, item);
    if (shape.ranks)
        return engine_pair(engine, task->asked.query, text, task->scratch, shape.context, len);
    struct engine_job job = {.prompt = text};
    return engine_prompt(engine, &job, task->scratch, shape.context, len);
}

// What was wrong, and with which of the texts.
static enum sk_code item_fail(const struct task *task, uint32_t item, enum sk_code code) {
    char why[512];
    snprintf(why, sizeof why, "%s", fail_text());
    switch (task->asked.operation) {
    case GATE_OP_EMBED: return FAIL(code, "input: text %u: %s", item, why);
    case GATE_OP_RERANK:
        if (task->items > task->asked.texts_len && item-- == 0)
            return FAIL(code, "query: %s", why);
        return FAIL(code, "documents: document %u: %s", item, why);
    default: return code;
    }
}

static enum sk_code items_read(const struct slot *slot, struct task *task) {
    size_t bytes = 0, len;
    bool texts = task->asked.operation != GATE_OP_COUNT;
    for (; task->read < task->items && bytes < TASK_READ_BYTES; task->read++) {
        enum sk_code code = item_prompt(slot, task, task->read, &len);
        if (code != SK_OK) return item_fail(task, task->read, code);
        task->lens[task->read] = (uint32_t)len;
        buf_put(&task->ids, task->scratch, len * sizeof *task->scratch);
        if (texts) bytes += item_text(task, task->read).len + task->asked.query.len;
    }
    return buf_check(&task->ids, "tokens");
}

static enum sk_code attribution_read(const struct slot *slot, struct task *task) {
    struct engine *engine = slot->model->engine;
    uint32_t context = engine_shape(engine).context;
    const struct gate_task *asked = &task->asked;
    struct engine_attribute ask = {.job = &asked->job,
                                   .answer = asked->answer,
                                   .spans = asked->spans,
                                   .spans_len = asked->spans_len,
                                   .tokens = asked->each_token,
                                   .cost_max = asked->cost_max};
    TRY(engine_attribute_begin(engine, &ask, &task->arena, task->scratch, context,
                               &task->attribution));
    struct engine_job job;
    size_t len;
    TRY(engine_attribute_next(task->attribution, task->scratch, context, &len, &job));
    buf_put(&task->ids, task->scratch, len * sizeof *task->scratch);
    task->read = task->items;
    return SK_OK;
}

static enum sk_code task_read(struct slot *slot, struct task *task) {
    bool attribution = task->asked.operation == GATE_OP_ATTRIBUTE;
    TRY(attribution ? attribution_read(slot, task) : items_read(slot, task));
    if (task->read < task->items) return SK_OK;
    task->told = true;
    return job_tell_begun(slot, buf_view(&task->ids), &task->asked.job);
}

// ---- computing ----

static double dot(const float *a, const float *b, uint32_t len) {
    double sum = 0;
    for (uint32_t i = 0; i < len; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

static void result_head(struct task *task, const struct engine_shape *shape) {
    uint32_t wanted = task->asked.dimensions;
    if (task->asked.operation == GATE_OP_EMBED)
        wire_put_u32(&task->out, wanted ? wanted : shape->width);
    else
        wire_put_u8(&task->out, shape->ranks);
}

static enum sk_code embedding_put(struct task *task, uint32_t width) {
    uint32_t wanted = task->asked.dimensions ? task->asked.dimensions : width;
    TRY(engine_embed_cut(task->vector, width, wanted));
    for (uint32_t i = 0; i < wanted; i++) wire_put_f32(&task->out, task->vector[i]);
    return SK_OK;
}

static enum sk_code item_run(const struct slot *slot, struct task *task) {
    struct engine *engine = slot->model->engine;
    struct engine_shape shape = engine_shape(engine);
    uint32_t item = task->done++, len = task->lens[item];
    const int32_t *ids = (const int32_t *)(const void *)(task->ids.at + task->at);
    task->at += len * sizeof *ids;
    if (item == 0) result_head(task, &shape);
    if (shape.ranks) {
        float score;
        TRY(engine_rank(engine, ids, len, &score));
        wire_put_f32(&task->out, score);
        return SK_OK;
    }
    bool query = item == 0 && has_query_item(slot, task);
    TRY(engine_embed(engine, ids, len, query ? task->query : task->vector));
    if (task->asked.operation == GATE_OP_EMBED) return embedding_put(task, shape.width);
    if (!query) wire_put_f32(&task->out, (float)dot(task->query, task->vector, shape.width));
    return SK_OK;
}

// Puts the next of an attribution's jobs into the model's slot. SK_BUSY: no memory now.
static enum sk_code attribution_start(const struct slot *slot, struct task *task) {
    struct engine *engine = slot->model->engine;
    struct engine_job job;
    size_t len;
    TRY(engine_attribute_next(task->attribution, task->scratch, engine_shape(engine).context, &len,
                              &job));
    if (len == 0) {
        task->done = task->items;
        return engine_attribute_write(task->attribution, &task->out);
    }
    TRY(engine_start(engine, slot->index, &job, task->scratch, len));
    task->running = true;
    return SK_OK;
}

bool task_running(const struct slot *slot) {
    const struct task *task = slot->task;
    return task && task->running;
}

void task_event(struct slot *slot, const struct engine_event *event) {
    struct task *task = slot->task;
    if (event->kind >= ENGINE_STOPPED) task->running = false;
    enum sk_code code = engine_attribute_take(task->attribution, event);
    if (code != SK_OK) job_fail(slot, code, view_of(fail_text()));
}

// ---- the end ----

static enum sk_code result_tell(struct slot *slot, struct task *task) {
    TRY(buf_check(&task->out, "result"));
    struct view bytes = buf_view(&task->out);
    struct msg msg = {.as.result = {.len = (uint32_t)bytes.len}};
    TRY(sealed_make(&bytes, 1, &msg.descriptor));
    engine_tell(MSG_result, slot->id, &msg);
    close(msg.descriptor);
    job_end(slot, END_STOP);
    return SK_OK;
}

static enum sk_code task_compute(struct slot *slot, struct task *task) {
    if (task->done < task->items) {
        switch (task->asked.operation) {
        case GATE_OP_ATTRIBUTE: return attribution_start(slot, task);
        case GATE_OP_COUNT:
            task->done = task->items;
            wire_put_u32(&task->out, task->lens[0]);
            return SK_OK;
        default: return item_run(slot, task);
        }
    }
    return model_good(slot->model) ? result_tell(slot, task) : SK_OK; // else it failed
}

bool task_step(struct slot *slot) {
    struct task *task = slot->task;
    if (task->running) return false;
    enum sk_code code = task->told ? task_compute(slot, task) : task_read(slot, task);
    if (code == SK_BUSY) return false;
    if (code != SK_OK) job_fail(slot, code, view_of(fail_text()));
    return true;
}
