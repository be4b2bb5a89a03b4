// The answer of a slot: what it may be, and what a token adds to it.
#include <string.h>

#include "engine/dialect_grammar.h"
#include "engine/format.h"
#include "engine/state.h"

enum { ENDS_WITH_TOKENS = 8 }; // that a mark may be cut into

// ---- what it may be ----

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

// A format alone is a grammar of its own, whose errors name its lines.
static enum sk_code bind_format(struct engine *engine, struct slot *slot,
                                const struct engine_job *job, struct buf *gbnf) {
    enum sk_code code = format_gbnf(job->format, job->format_text, gbnf);
    if (code == SK_OK)
        code = grammar_run_init(&slot->grammar, &engine->grammars, buf_view(gbnf));
    return code == SK_OK ? code : fail_within(code, "format");
}

// Tools whose schemas together are too much for one grammar are held to the strict ones only.
static enum sk_code bind_all(struct engine *engine, struct slot *slot,
                             struct dialect_binding binding, struct buf *gbnf) {
    bool offered = binding.data->offered;
    struct arena scratch = engine->chat.scratch;
    scratch.used = binding.data->used;
    for (;;) {
        bool loose = binding.loose;
        buf_reset(gbnf);
        enum sk_code code = dialect_bind(&binding, &scratch, &slot->tools, gbnf, &slot->bond);
        if (code == SK_OK && slot->bond == DIALECT_FREE) return SK_OK;
        if (code == SK_OK)
            code = grammar_run_init(&slot->grammar, &engine->grammars, buf_view(gbnf));
        if (code == SK_LIMIT && offered && !loose) {
            binding.loose = true;
            continue;
        }
        if (code == SK_OK) return SK_OK;
        bool said = strncmp(fail_text(), "tools: ", 7) == 0 ||
                    strncmp(fail_text(), "format: ", 8) == 0;
        return said ? code : fail_within(code, offered ? "tools" : "format");
    }
}

static enum sk_code bind(struct engine *engine, struct slot *slot,
                         struct dialect_binding binding) {
    struct buf gbnf;
    const struct engine_job *job = binding.job;
    bool formed = job->format != ENGINE_FREE, offered = binding.data->offered;
    if (!formed && !offered) return SK_OK;
    TRY(buf_open(&gbnf, GRAMMAR_TEXT_MAX));
    enum sk_code code = SK_OK;
    if (formed) code = bind_format(engine, slot, job, &gbnf);
    slot->bond = DIALECT_BOUND;
    if (code == SK_OK && (offered || binding.thought)) {
        grammar_run_fini(&slot->grammar);
        code = bind_all(engine, slot, binding, &gbnf);
    }
    if (code == SK_OK && binding.thought) {
        buf_reset(&gbnf);
        dialect_bind_thoughts(&binding, &gbnf);
        code = grammar_run_init(&slot->thoughts, &engine->grammars, buf_view(&gbnf));
    }
    buf_close(&gbnf);
    if (code != SK_OK) slot_answer_end(slot);
    return code;
}

enum sk_code slot_answer_begin(struct engine *engine, struct slot *slot,
                               const struct engine_job *job, const int32_t *ids, size_t len) {
    const struct chat *chat = &engine->chat;
    struct dialect_data data = {.root = NULL};
    struct dialect_binding binding = {
        .job = job, .data = &data, .vocab = &engine->vocab, .dialect = chat->dialect};
    struct arena scratch = chat->scratch;
    slot->bond = DIALECT_FREE;
    if (chat->jinja && (job->messages_len || job->template_data.len)) {
        TRY(dialect_data_read(job, &scratch, &data));
        binding.thought = chat->thought;
        binding.one_call = chat->needs.one_call;
    }
    if (data.offered) TRY(dialect_check(chat->dialect));
    binding.thinking =
        binding.thought && ends_with(&engine->vocab, ids, len, binding.thought->open);
    TRY(answer_init(&slot->answer, job, data.offered ? chat->dialect : NULL, binding.thought,
                    &slot->tools, binding.thinking));
    if (job->format != ENGINE_FREE) slot->answer.bare = false;
    slot->formed = job->format != ENGINE_FREE;
    return bind(engine, slot, binding);
}

void slot_answer_end(struct slot *slot) {
    grammar_run_fini(&slot->grammar);
    grammar_run_fini(&slot->thoughts);
}

struct grammar_run *slot_binds(struct slot *slot) {
    if (slot->bond != DIALECT_BOUND) return NULL;
    return slot->answer.state == ANSWER_THOUGHT ? &slot->thoughts : &slot->grammar;
}

// ---- tokens ----

// The bytes of a new token as the client sees them. Right after BOS a text's first space is the
// one that such a vocabulary puts before every text; a grammar has judged it with that space.
static struct view piece_of(const struct engine *engine, const struct slot *slot, int32_t token,
                            struct buf *out) {
    detokenize(&engine->vocab, token, out);
    must(!out->over);
    struct view piece = buf_view(out);
    const struct vocab *vocab = &engine->vocab;
    bool prefixed = vocab->add_space && slot->ids[slot->len - 1] == vocab->bos &&
                    slot->bond != DIALECT_BOUND;
    return prefixed && piece.len && piece.at[0] == ' ' ? view_from(piece, 1) : piece;
}

// Whether what seems to be a call is one; from then on it can be nothing else.
static enum sk_code judge_call(struct engine *engine, struct slot *slot, bool marked,
                               const struct view text[2], bool *is) {
    struct answer *answer = &slot->answer;
    const char *mark = answer->dialect->open;
    *is = !slot->formed || !answer->spoke;
    if (slot->bond == DIALECT_BOUND) return SK_OK; // the grammar has seen it
    enum sk_code code;
    if (marked && answer->by_token) {
        code = grammar_run_token(&slot->grammar, vocab_control(&engine->vocab, view_of(mark)));
    } else {
        char storage[ANSWER_QUEUE_MAX + DIALECT_LITERAL_MAX];
        struct buf whole = buf_over(storage, sizeof storage);
        if (marked) buf_put_text(&whole, mark);
        buf_put_view(&whole, text[0]);
        buf_put_view(&whole, text[1]);
        must(!whole.over);
        code = grammar_run_text(&slot->grammar, buf_view(&whole), NULL);
    }
    *is = code == SK_OK;
    if (*is) slot->bond = DIALECT_BOUND;
    return code == SK_INPUT ? SK_OK : code;
}

static enum sk_code read_token(struct engine *engine, struct slot *slot, int32_t token) {
    char bytes[VOCAB_PIECE_MAX];
    struct buf out = buf_over(bytes, sizeof bytes);
    struct answer *answer = &slot->answer;
    bool control = engine->vocab.tokens[token].kind == VOCAB_CONTROL, marked, is;
    struct grammar_run *binds = slot_binds(slot);
    if (binds) TRY(grammar_run_token(binds, token));
    struct view piece = piece_of(engine, slot, token, &out), text[2];
    TRY(control ? answer_mark(answer, vocab_text(&engine->vocab, token))
                : answer_put(answer, piece));
    // What stands behind the end of thoughts, in the same token, is the grammar's.
    struct view after = control ? VIEW("") : answer_after_thought(answer);
    if (slot->bond == DIALECT_BOUND && after.len)
        TRY(grammar_run_text(&slot->grammar, after, NULL));
    while (answer_asks(answer, &marked, text)) {
        TRY(judge_call(engine, slot, marked, text, &is));
        TRY(is ? answer_accept(answer) : answer_refuse(answer));
    }
    return SK_OK;
}

enum sk_code slot_answer_token(struct engine *engine, struct slot *slot, int32_t token,
                               struct engine_event *event) {
    struct answer *answer = &slot->answer;
    event->token = token;
    event->kind = ENGINE_STOPPED;
    answer_next(answer);
    if (!engine->vocab.tokens[token].end) {
        TRY(read_token(engine, slot, token));
        slot->ids[slot->len++] = token;
        bool last = slot->len == slot->len_max;
        if (answer->stop == ENGINE_NO_STOP) event->kind = last ? ENGINE_LENGTH : ENGINE_TEXT;
    }
    if (event->kind != ENGINE_TEXT) TRY(answer_end(answer));
    event->stop = answer->stop;
    event->parts = answer->parts;
    event->parts_len = answer->parts_len;
    return SK_OK;
}
