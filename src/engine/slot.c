// One generation after another in a slot: how it begins, what a token adds to it, how it ends.
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/format.h"
#include "engine/logprob.h"
#include "engine/state.h"

enum { ENDS_WITH_TOKENS = 8 }; // that a mark may be cut into

struct slot *slot_at(const struct engine *engine, uint32_t slot) {
    must(slot < engine->slots_len);
    return &engine->slots[slot];
}

// Whether the prompt of a chat ends with the mark after which thoughts begin.
static bool ends_with(const struct vocab *vocab, const int32_t *ids, size_t len,
                      const char *mark) {
    char storage[ENDS_WITH_TOKENS * VOCAB_PIECE_MAX];
    struct buf tail = buf_over(storage, sizeof storage);
    for (size_t i = len < ENDS_WITH_TOKENS ? 0 : len - ENDS_WITH_TOKENS; i < len; i++)
        if (vocab->tokens[ids[i]].kind == VOCAB_CONTROL)
            buf_put_view(&tail, vocab_text(vocab, ids[i]));
        else
            detokenize(vocab, ids[i], &tail);
    must(!tail.over);
    while (tail.len && dialect_space(tail.at[tail.len - 1])) tail.len--;
    size_t mark_len = strlen(mark);
    return tail.len >= mark_len && memcmp(tail.at + tail.len - mark_len, mark, mark_len) == 0;
}

static enum sk_code begin_answer(const struct engine *engine, struct slot *slot,
                                 const struct engine_job *job, const int32_t *ids, size_t len) {
    bool chat = job->messages_len || job->template_data.len;
    const struct dialect_thought *thought = chat ? engine->chat.thought : NULL;
    bool thinking = thought && ends_with(&engine->vocab, ids, len, thought->open);
    return answer_init(&slot->answer, job, NULL, thought, &slot->tools, thinking);
}

static enum sk_code begin_format(struct engine *engine, struct slot *slot,
                                 const struct engine_job *job) {
    if (job->format == ENGINE_FREE) return SK_OK;
    struct buf gbnf;
    TRY(buf_open(&gbnf, GRAMMAR_TEXT_MAX));
    enum sk_code code = format_gbnf(job->format, job->format_text, &gbnf);
    if (code == SK_OK)
        code = grammar_run_init(&slot->grammar, &engine->grammars, buf_view(&gbnf));
    buf_close(&gbnf);
    return code == SK_OK ? code : fail_within(code, "format");
}

enum sk_code engine_start(struct engine *engine, uint32_t index, const struct engine_job *job,
                          const int32_t *ids, size_t len) {
    struct slot *slot = slot_at(engine, index);
    must(!slot->running);
    if (engine->model.family->encoder)
        return FAIL(SK_UNSUPPORTED, "a %s model makes embeddings only",
                    engine->model.family->name);
    must(!job->prompt_only || job->tokens_max == 0);
    uint32_t least = job->prompt_only ? 0 : 1;
    if (len > engine->context || least > engine->context - len)
        return FAIL(SK_LIMIT, "prompt of %zu tokens > %u, the context's %u but one", len,
                    engine->context - least, engine->context);
    TRY(engine_ids_check(engine, "prompt", ids, len));
    if (job->score_from > len)
        return FAIL(SK_INPUT, "prompt: scores from token %u of %zu", job->score_from, len);
    if (job->logprobs > 1 + ENGINE_CANDIDATES_MAX)
        return FAIL(SK_LIMIT, "logprobs: %u alternatives > %d", job->logprobs - 1,
                    ENGINE_CANDIDATES_MAX);
    TRY(sampler_init(&slot->sampler, &job->sampling, &engine->vocab));
    TRY(begin_answer(engine, slot, job, ids, len));
    memcpy(slot->ids, ids, len * sizeof *ids);
    slot->prompt = slot->len = (uint32_t)len;
    bool bound = job->tokens_max > 0 && job->tokens_max < engine->context - slot->len;
    slot->len_max = bound ? slot->len + job->tokens_max : engine->context;
    slot->score_from = job->score_from;
    slot->prompt_only = job->prompt_only;
    // What a scored token is drawn from is computed.
    slot->found_max = job->score_from ? job->score_from : slot->len;
    // The last token made is not run any more.
    uint32_t positions = job->prompt_only ? slot->len : slot->len_max - 1;
    TRY(begin_format(engine, slot, job));
    enum sk_code code =
        kv_begin(&engine->kv, &slot->sequence, job->tenant, ids, slot->found_max, positions);
    if (code != SK_OK) {
        grammar_run_fini(&slot->grammar);
        return code;
    }
    slot->done = slot->cached = slot->sequence.len * KERNEL_PAGE;
    slot->served = engine->steps;
    slot->logprobs = job->logprobs;
    slot->running = true;
    return SK_OK;
}

uint32_t engine_cached(const struct engine *engine, uint32_t index) {
    return slot_at(engine, index)->cached;
}

void slot_free(struct engine *engine, struct slot *slot) {
    kv_end(&engine->kv, &slot->sequence);
    grammar_run_fini(&slot->grammar);
    slot->running = false;
}

void engine_stop(struct engine *engine, uint32_t index) {
    struct slot *slot = slot_at(engine, index);
    if (slot->running) slot_free(engine, slot);
}

// The bytes of a new token as the client sees them. Right after BOS a text's first space is the
// one that such a vocabulary puts before every text; a grammar has judged it with that space.
static struct view piece_of(const struct engine *engine, const struct slot *slot, int32_t token,
                            struct buf *out) {
    detokenize(&engine->vocab, token, out);
    must(!out->over);
    struct view piece = buf_view(out);
    const struct vocab *vocab = &engine->vocab;
    bool prefixed = vocab->add_space && slot->ids[slot->len - 1] == vocab->bos &&
                    !slot->grammar.grammar;
    return prefixed && piece.len && piece.at[0] == ' ' ? view_from(piece, 1) : piece;
}

// Whether the next token must be one of the grammar: thoughts are free.
static bool is_bound(const struct slot *slot) {
    return slot->grammar.grammar && slot->answer.state != ANSWER_THOUGHT;
}

// Adds a token to the slot's answer and says what the event is.
static enum sk_code take_token(const struct engine *engine, struct slot *slot, int32_t token,
                               struct engine_event *event) {
    char bytes[VOCAB_PIECE_MAX];
    struct buf out = buf_over(bytes, sizeof bytes);
    const struct vocab_token *is = &engine->vocab.tokens[token];
    struct answer *answer = &slot->answer;
    event->token = token;
    answer_next(answer);
    event->kind = ENGINE_STOPPED;
    if (!is->end && is_bound(slot)) TRY(grammar_run_token(&slot->grammar, token));
    if (!is->end) {
        struct view piece = piece_of(engine, slot, token, &out);
        slot->ids[slot->len++] = token;
        if (is->kind == VOCAB_CONTROL)
            TRY(answer_mark(answer, vocab_text(&engine->vocab, token)));
        else
            TRY(answer_put(answer, piece));
        bool last = slot->len == slot->len_max;
        if (answer->stop == ENGINE_NO_STOP) event->kind = last ? ENGINE_LENGTH : ENGINE_TEXT;
    }
    if (event->kind != ENGINE_TEXT) TRY(answer_end(answer));
    event->stop = answer->stop;
    event->parts = answer->parts;
    event->parts_len = answer->parts_len;
    return SK_OK;
}

// How likely the token was, and what else was.
static void weigh_token(struct slot *slot, const float *logits, uint32_t n, int32_t token,
                        struct engine_event *event) {
    if (slot->logprobs == 0) return;
    double total = logprob_total(logits, n);
    event->logprob = logprob_of(logits, total, token);
    event->top = slot->top;
    event->top_len = logprob_top(logits, n, total, slot->top, slot->logprobs - 1);
}

void engine_event_content(const struct engine_event *event, struct buf *out) {
    for (uint32_t i = 0; i < event->parts_len; i++)
        if (event->parts[i].channel == ENGINE_CONTENT) buf_put_view(out, event->parts[i].text);
}

void slot_fail(struct engine *engine, struct slot *slot, enum sk_code code,
               struct engine_event *event) {
    event->kind = ENGINE_FAILED;
    event->code = code;
    snprintf(slot->why, sizeof slot->why, "%s", fail_text());
    size_t len = strlen(slot->why);
    event->why = (struct view){slot->why, len - utf8_tail((struct view){slot->why, len})};
    slot_free(engine, slot);
}

void slot_next(struct engine *engine, struct slot *slot, const float *logits,
               struct engine_event *event) {
    int32_t token;
    engine->choice.logits = logits;
    engine->choice.past.ids = slot->ids;
    engine->choice.past.len = slot->len;
    engine->choice.past.prompt = slot->prompt;
    engine->choice.grammar = is_bound(slot) ? &slot->grammar : NULL;
    enum sk_code code = sampler_pick(&slot->sampler, engine->kernels, &engine->choice, &token);
    if (code == SK_OK) {
        weigh_token(slot, logits, engine->vocab.len, token, event);
        code = take_token(engine, slot, token, event);
    }
    if (code != SK_OK)
        slot_fail(engine, slot, code, event);
    else if (event->kind != ENGINE_TEXT)
        slot_free(engine, slot);
}
