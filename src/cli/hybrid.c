#include "cli/hybrid.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/files.h"

enum {
    WEIGHED_MAX = 12,    // candidates the model weighs, the likeliest by the rules
    ASKED_MAX = 1 << 14, // bytes
    ANSWER_TOKENS_MAX = 256,
    LEVELS_MAX = 16 << 20, // bytes
};
// Found on the topics held back. Of logs of a level's shares by the weights of levels and by the
// model; what it costs more to be off by two levels than by one; and of the model's log-likelihood
// of a rewritten text beside the rules' prior.
static const double weights_weight = 0.75, level_weight = 0.5, far_cost = 2.75, model_weight = 0.2;
// Of a verdict by the rules: below, both readings are in use.
static const double direction_sure = 0.6;

enum sk_code hybrid_by_find(struct view name, enum hybrid_by *out) {
    static const char *const names[] = {"both", "rules", "model"};
    for (unsigned i = 0; i < 3; i++)
        if (view_is(name, names[i])) {
            *out = (enum hybrid_by)i;
            return SK_OK;
        }
    return FAIL(SK_INPUT, "--by %.*s: both, rules or model", (int)(name.len < 40 ? name.len : 40),
                name.at);
}

enum sk_code hybrid_open(struct hybrid *hybrid, const char *file, enum hybrid_by by) {
    *hybrid = (struct hybrid){.by = by};
    TRY(keigo_open(&hybrid->reader));
    if (by == HYBRID_RULES) return SK_OK;
    TRY(cli_model_configured(file, NULL, &hybrid->model));
    uint32_t max = hybrid->max = engine_shape(hybrid->model.engine).context;
    hybrid->ids = calloc(max, sizeof *hybrid->ids);
    hybrid->whole = calloc(max, sizeof *hybrid->whole);
    hybrid->logprobs = calloc(max, sizeof *hybrid->logprobs);
    if (!hybrid->ids || !hybrid->whole || !hybrid->logprobs)
        return FAIL(SK_LIMIT, "no memory for %u tokens", max);
    return SK_OK;
}

enum sk_code hybrid_levels_open(struct hybrid *hybrid, const char *path) {
    char own[PATH_MAX] = "";
    if (!path && hybrid->by == HYBRID_BOTH) files_default_levels(own, sizeof own);
    if (!path && !own[0]) return SK_OK;
    if (!path) path = own;
    TRY(buf_open(&hybrid->levels_file, LEVELS_MAX));
    TRY(cli_read(path, &hybrid->levels_file));
    enum sk_code code = keigo_levels_read(buf_view(&hybrid->levels_file), &hybrid->levels);
    return code == SK_OK ? SK_OK : fail_within(code, "%s", path);
}

void hybrid_close(struct hybrid *hybrid) {
    keigo_close(hybrid->reader);
    if (hybrid->model.engine) cli_model_close(&hybrid->model);
    buf_close(&hybrid->levels_file);
    free(hybrid->ids);
    free(hybrid->whole);
    free(hybrid->logprobs);
    *hybrid = (struct hybrid){0};
}

enum sk_code hybrid_likelihood(struct hybrid *hybrid, struct view asked, struct view answer,
                               bool ends, double *log) {
    const struct engine_message messages[] = {{ENGINE_USER, asked}, {ENGINE_ASSISTANT, answer}};
    struct engine *engine = hybrid->model.engine;
    struct engine_job job = {.messages = messages, .messages_len = 1};
    size_t from, len;
    TRY(engine_prompt(engine, &job, hybrid->ids, hybrid->max, &from));
    job.messages_len = 2;
    job.template_data = VIEW("{\"add_generation_prompt\":false}");
    TRY(engine_prompt(engine, &job, hybrid->whole, hybrid->max, &len));
    if (len <= from || memcmp(hybrid->ids, hybrid->whole, from * sizeof *hybrid->ids) != 0)
        return FAIL(SK_UNSUPPORTED, "the model's template writes an answer that was given other "
                                    "than one that it made");
    TRY(engine_score(engine, hybrid->whole, len, hybrid->logprobs));
    *log = 0;
    for (size_t i = from; i + !ends < len; i++)
        *log += (double)hybrid->logprobs[i];
    return SK_OK;
}

enum sk_code hybrid_answer(struct hybrid *hybrid, const struct engine_message *messages,
                           uint32_t len, uint32_t tokens_max, struct buf *out) {
    struct engine *engine = hybrid->model.engine;
    struct engine_job job = {.messages = messages, .messages_len = len, .tokens_max = tokens_max};
    size_t ids_len;
    TRY(engine_prompt(engine, &job, hybrid->ids, hybrid->max, &ids_len));
    TRY(engine_start(engine, 0, &job, hybrid->ids, ids_len));
    for (;;) {
        struct engine_event event;
        engine_step(engine, &(uint32_t){0}, 1, &event);
        if (event.kind == ENGINE_FAILED)
            return FAIL(event.code, "%.*s", (int)event.why.len, event.why.at);
        if (event.kind == ENGINE_PREFILL) continue;
        engine_event_content(&event, out);
        if (event.kind != ENGINE_TEXT) return buf_check(out, "an answer");
    }
}

static struct view ask(char storage[ASKED_MAX], const char *words, struct view text) {
    struct buf asked = buf_over(storage, ASKED_MAX);
    buf_put_text(&asked, words);
    buf_put_view(&asked, text);
    must(!asked.over); // the rules refused texts over KEIGO_TEXT_MAX
    return buf_view(&asked);
}

// The best of the candidates in hybrid->made.
static enum sk_code weigh(struct hybrid *hybrid, struct view asked, uint32_t *best) {
    double most = -INFINITY;
    uint32_t len = hybrid->made.len < WEIGHED_MAX ? hybrid->made.len : WEIGHED_MAX;
    *best = 0;
    for (uint32_t i = 0; i < len && len > 1; i++) {
        double log;
        TRY(hybrid_likelihood(hybrid, asked, hybrid->made.text[i], true, &log));
        double sum = (double)hybrid->made.prior[i] + model_weight * log;
        if (sum <= most) continue;
        most = sum;
        *best = i;
    }
    return SK_OK;
}

enum sk_code hybrid_rewrite(struct hybrid *hybrid, struct view text, enum keigo_style style,
                            struct buf *out) {
    char storage[ASKED_MAX];
    uint32_t best = 0;
    TRY(keigo_rewrite(hybrid->reader, text, style, &hybrid->made));
    struct view asked = ask(storage, keigo_style_ask(style), text);
    if (hybrid->by == HYBRID_MODEL)
        return hybrid_answer(hybrid, &(struct engine_message){ENGINE_USER, asked}, 1,
                             ANSWER_TOKENS_MAX, out);
    if (hybrid->by == HYBRID_BOTH) TRY(weigh(hybrid, asked, &best));
    buf_put_view(out, hybrid->made.text[best]);
    return buf_check(out, "the rewritten text");
}

// By the marks alone: what a text has, and nothing finer.
static enum sk_code level_by_rules(struct hybrid *hybrid, struct view text,
                                   double share[KEIGO_LEVELS]) {
    struct keigo_marks marks;
    TRY(keigo_marks(hybrid->reader, text, &marks));
    bool high = marks.honorific || marks.humble;
    for (unsigned i = 0; i < KEIGO_LEVELS; i++)
        share[i] = 0;
    share[high ? marks.polite_end ? 0 : 1 : marks.polite_end ? 2 : 3] = 1;
    return SK_OK;
}

// Shares whose logs these are, but for a common part.
static void shares(const double *log, unsigned len, double *share) {
    double most = -INFINITY, sum = 0;
    for (unsigned i = 0; i < len; i++)
        most = fmax(most, log[i]);
    for (unsigned i = 0; i < len; i++)
        sum += share[i] = exp(log[i] - most);
    for (unsigned i = 0; i < len; i++)
        share[i] /= sum;
}

// Adds to `log` what the model's answers weigh, times `weight`.
static enum sk_code answers_weigh(struct hybrid *hybrid, struct view asked,
                                  const char *const *answers, unsigned len, double weight,
                                  double *log) {
    for (unsigned i = 0; i < len; i++) {
        double one;
        TRY(hybrid_likelihood(hybrid, asked, view_of(answers[i]), false, &one));
        log[i] += weight * one;
    }
    return SK_OK;
}

enum sk_code hybrid_level(struct hybrid *hybrid, struct view text, double share[KEIGO_LEVELS]) {
    static const char *const answers[KEIGO_LEVELS] = {KEIGO_LEVEL_1, KEIGO_LEVEL_2, KEIGO_LEVEL_3,
                                                      KEIGO_LEVEL_4};
    char storage[ASKED_MAX];
    double log[KEIGO_LEVELS] = {0}, by_weights[KEIGO_LEVELS];
    if (text.len > KEIGO_TEXT_MAX)
        return FAIL(SK_LIMIT, "a text of %zu bytes, at most %d", text.len, KEIGO_TEXT_MAX);
    bool weights = hybrid->levels.weights && hybrid->by != HYBRID_MODEL;
    bool model = hybrid->by != HYBRID_RULES, both = weights && model;
    if (!model && !weights) return level_by_rules(hybrid, text, share);
    if (model)
        TRY(answers_weigh(hybrid, ask(storage, KEIGO_ASK_LEVEL, text), answers, KEIGO_LEVELS,
                          both ? level_weight : 1, log));
    if (weights) {
        TRY(keigo_levels_score(hybrid->reader, &hybrid->levels, text, by_weights));
        for (unsigned i = 0; i < KEIGO_LEVELS; i++)
            log[i] += (both ? weights_weight : 1) * by_weights[i];
    }
    shares(log, KEIGO_LEVELS, share);
    return SK_OK;
}

uint32_t hybrid_level_of(const double share[KEIGO_LEVELS]) {
    uint32_t best = 0;
    double least = INFINITY;
    for (uint32_t i = 0; i < KEIGO_LEVELS; i++) {
        double cost = 0;
        for (uint32_t k = 0; k < KEIGO_LEVELS; k++) {
            uint32_t off = i > k ? i - k : k - i;
            cost += share[k] * ((off > 0 ? 1 : 0) + (off > 1 ? far_cost : 0));
        }
        if (cost >= least) continue;
        least = cost;
        best = i;
    }
    return best + 1;
}

enum sk_code hybrid_direction(struct hybrid *hybrid, struct view text, double *wrong,
                              struct keigo_direction *why) {
    static const char *const answers[] = {KEIGO_RIGHT, KEIGO_WRONG};
    char storage[ASKED_MAX];
    double log[2] = {0}, share[2];
    if (text.len > KEIGO_TEXT_MAX)
        return FAIL(SK_LIMIT, "a text of %zu bytes, at most %d", text.len, KEIGO_TEXT_MAX);
    TRY(keigo_direction(hybrid->reader, text, why));
    *wrong = why->fit == KEIGO_MISFITS ? why->sure : 1 - why->sure;
    bool sure = why->sure >= direction_sure;
    if (hybrid->by == HYBRID_RULES || (hybrid->by == HYBRID_BOTH && sure)) return SK_OK;
    why->sure = 0;
    TRY(answers_weigh(hybrid, ask(storage, KEIGO_ASK_DIRECTION, text), answers, 2, 1, log));
    shares(log, 2, share);
    *wrong = share[1];
    return SK_OK;
}
