// Tasks over any model: a text foretold, questions with choices, and answers made.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/eval.h"

enum {
    CHUNK = 256,
    TEXT_MAX = 1 << 24,
    MESSAGES_MAX = 64,
    CHOICES_MAX = 32,
    ANSWER_TOKENS_MAX = 512,
};

// ---- text ----

struct foretold {
    int32_t *ids;
    size_t len;
    double *bytes; // of each chunk
};

static enum sk_code chunk(struct eval *eval, const struct foretold *texts, size_t from,
                          size_t len) {
    struct hybrid *hybrid = &eval->hybrid;
    struct engine *engine = hybrid->model.engine;
    char storage[ENGINE_PIECE_MAX];
    double lost = 0, tokens = 0;
    int32_t bos = engine_shape(engine).bos;
    size_t read = bos >= 0 ? 1 : 0;
    if (read) hybrid->ids[0] = bos;
    memcpy(hybrid->ids + read, texts->ids + from, len * sizeof *hybrid->ids);
    TRY(engine_score(engine, hybrid->ids, read + len, hybrid->logprobs));
    texts->bytes[eval->items] = 0;
    for (size_t i = 0; i < len; i++) {
        struct buf piece = buf_over(storage, sizeof storage);
        if (i + read == 0) continue; // nothing foretells the first
        lost -= (double)hybrid->logprobs[i + read];
        tokens++;
        engine_detokenize(engine, texts->ids[from + i], &piece);
        texts->bytes[eval->items] += (double)piece.len;
    }
    return eval_item(eval, lost, tokens);
}

// The whole text as tokens: by the vocabulary alone, for which no context is too short.
static enum sk_code ids_make(const struct eval *eval, struct foretold *texts) {
    const struct view text = buf_view(&eval->file);
    struct engine_options options = {.tokens_only = true, .text_max = TEXT_MAX};
    struct engine *engine;
    size_t max = text.len + 1;
    if (text.len > TEXT_MAX)
        return FAIL(SK_LIMIT, "the text has %zu bytes, at most %d: give a part of it", text.len,
                    TEXT_MAX);
    texts->ids = calloc(max, sizeof *texts->ids);
    if (!texts->ids) return FAIL(SK_LIMIT, "no memory for %zu tokens", max);
    TRY(engine_open_file(&engine, eval->hybrid.model.views[0], options));
    enum sk_code code = engine_tokenize(engine, text, false, texts->ids, max, &texts->len);
    engine_close(engine);
    return code;
}

static enum sk_code chunks(struct eval *eval, struct foretold *texts) {
    TRY(ids_make(eval, texts));
    if (!texts->len) return FAIL(SK_INPUT, "the text is empty");
    size_t size = eval->hybrid.max < CHUNK + 1 ? eval->hybrid.max - 1 : CHUNK;
    texts->bytes = calloc(texts->len / size + 1, sizeof *texts->bytes);
    if (!texts->bytes) return FAIL(SK_LIMIT, "no memory for %zu chunks", texts->len / size);
    for (size_t at = 0; at < texts->len && eval->items < eval->limit; at += size) {
        eval_progress(eval->items);
        TRY(chunk(eval, texts, at, texts->len - at < size ? texts->len - at : size));
    }
    return SK_OK;
}

enum sk_code eval_text(struct eval *eval) {
    struct foretold texts = {0};
    enum sk_code code = chunks(eval, &texts);
    if (code == SK_OK) {
        eval_ratio(eval, "perplexity", 1);
        struct eval_figure *figure = &eval->figures[eval->figures_len - 1];
        figure->value = exp(figure->value);
        figure->interval.low = exp(figure->interval.low);
        figure->interval.high = exp(figure->interval.high);
        memcpy(eval->below, texts.bytes, eval->items * sizeof *eval->below);
        eval_ratio(eval, "bits per byte", 1 / log(2));
    }
    free(texts.ids);
    free(texts.bytes);
    return code;
}

// ---- lines of JSON ----

typedef enum sk_code eval_line(struct eval *eval, const struct json_node *root, void *self);

static enum sk_code each_line(struct eval *eval, eval_line *line_read, void *self) {
    struct arena arena;
    struct view rest = buf_view(&eval->file), line;
    uint64_t number = 0, done = 0;
    TRY(arena_open(&arena, "json", 64 << 20));
    enum sk_code code = SK_OK;
    while (code == SK_OK && done < eval->limit && view_next(&rest, '\n', &line)) {
        const struct json_node *root;
        number++;
        if (!view_trim(line).len) continue;
        eval_progress(done++);
        arena_reset(&arena);
        code = json_parse((char *)(uintptr_t)line.at, line.len, &arena, &root);
        if (code == SK_OK) code = line_read(eval, root, self);
        if (code != SK_OK) code = fail_within(code, "line %llu", (unsigned long long)number);
    }
    arena_close(&arena);
    return code;
}

// ---- choices ----

struct choices {
    uint64_t all, likeliest, by_byte;
};

static enum sk_code choice_line(struct eval *eval, const struct json_node *root, void *self) {
    struct choices *count = self;
    const struct json_node *question = json_find(root, "question");
    const struct json_node *choices = json_find(root, "choices");
    const struct json_node *node = json_find(root, "answer");
    int64_t answer = -1;
    double most[2] = {-INFINITY, -INFINITY};
    int64_t best[2] = {-1, -1};
    if (!json_is(question, JSON_STRING) || !json_is(choices, JSON_ARRAY) || !node ||
        !json_i64(node, &answer) || answer < 0 || answer >= choices->len ||
        choices->len > CHOICES_MAX)
        return FAIL(SK_INPUT,
                    "\"question\" a text, \"choices\" at most %d texts, \"answer\" the "
                    "number of one from 0",
                    CHOICES_MAX);
    const struct json_node *choice = json_first(choices);
    for (uint32_t i = 0; i < choices->len; i++, choice = json_next(choice)) {
        double log;
        if (!json_is(choice, JSON_STRING) || !choice->len)
            return FAIL(SK_INPUT, "\"choices\": %u is no text, or is empty", i);
        TRY(hybrid_likelihood(&eval->hybrid, json_view(question), json_view(choice), true, &log));
        const double by[2] = {log, log / choice->len};
        for (unsigned k = 0; k < 2; k++)
            if (by[k] > most[k]) {
                most[k] = by[k];
                best[k] = i;
            }
    }
    count->all++;
    count->likeliest += best[0] == answer;
    count->by_byte += best[1] == answer;
    return SK_OK;
}

enum sk_code eval_choice(struct eval *eval) {
    struct choices count = {0};
    TRY(each_line(eval, choice_line, &count));
    eval_share(eval, "likeliest is right", count.likeliest, count.all);
    eval_share(eval, "likeliest by byte is right", count.by_byte, count.all);
    return SK_OK;
}

// ---- answers ----

static bool role_of(const struct json_node *node, enum engine_role *out) {
    static const char *const names[] = {"system", "user", "assistant"};
    static const enum engine_role roles[] = {ENGINE_SYSTEM, ENGINE_USER, ENGINE_ASSISTANT};
    for (unsigned i = 0; i < 3; i++)
        if (json_is_text(node, names[i])) {
            *out = roles[i];
            return true;
        }
    return false;
}

static enum sk_code generate_line(struct eval *eval, const struct json_node *root, void *self) {
    (void)self;
    static char storage[EVAL_ANSWER_MAX];
    struct engine_message messages[MESSAGES_MAX];
    struct buf out = buf_over(storage, sizeof storage);
    const struct json_node *list = json_find(root, "messages");
    uint32_t len = 0;
    if (!json_is(list, JSON_ARRAY) || list->len < 2 || list->len > MESSAGES_MAX)
        return FAIL(SK_INPUT, "\"messages\": a list of 2 to %d", MESSAGES_MAX);
    for (const struct json_node *node = json_first(list); len < list->len;
         node = json_next(node), len++) {
        const struct json_node *content = json_find(node, "content");
        if (!role_of(json_find(node, "role"), &messages[len].role) ||
            !json_is(content, JSON_STRING))
            return FAIL(SK_INPUT,
                        "message %u: \"role\" system, user or assistant, \"content\" a "
                        "text",
                        len);
        messages[len].text = json_view(content);
    }
    if (messages[len - 1].role != ENGINE_ASSISTANT)
        return FAIL(SK_INPUT, "the last message is the assistant's: what should be answered");
    TRY(hybrid_answer(&eval->hybrid, messages, len - 1, ANSWER_TOKENS_MAX, &out));
    return eval_made_add(eval, buf_view(&out), messages[len - 1].text);
}

enum sk_code eval_generate(struct eval *eval) {
    TRY(each_line(eval, generate_line, NULL));
    eval_made_tell(eval);
    return SK_OK;
}
