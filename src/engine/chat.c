#include "engine/chat.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum { // address space: touched as needed
    PROGRAM_MAX = 16 << 20, // for a parsed template of the largest size
    SCRATCH_MAX = 256 << 20,
    DATA_MAX = 64 << 20,
    TRIAL_MAX = 1 << 16, // bytes of a small conversation
};

static const char chatml[] = "{% for message in messages %}"
                             "{{ '<|im_start|>' + message.role + '\\n' + message.content }}"
                             "{{ '<|im_end|>\\n' }}"
                             "{% endfor %}"
                             "{% if add_generation_prompt %}"
                             "{{ '<|im_start|>assistant\\n' }}"
                             "{% endif %}";

static void chat_not(struct chat *chat, enum sk_code code, const char *why) {
    chat->why_code = code;
    snprintf(chat->why_not, sizeof chat->why_not, "%s", why);
}

static struct view template_for(const struct vocab *vocab, struct view own) {
    bool has_chatml = vocab_control(vocab, VIEW("<|im_start|>")) != VOCAB_NONE &&
                      vocab_control(vocab, VIEW("<|im_end|>")) != VOCAB_NONE;
    return own.len == 0 && has_chatml ? view_of(chatml) : own;
}

// The text of a special token, as the template writes it; empty when there is none.
static struct view token_text(const struct vocab *vocab, int32_t id) {
    struct view text = id == VOCAB_NONE ? VIEW("") : vocab_text(vocab, id);
    return utf8_check(text) ? text : VIEW("");
}

static void trust(const struct vocab *vocab, struct jinja_trusted trusted[3]) {
    trusted[0] = (struct jinja_trusted){"bos_token", token_text(vocab, vocab->bos)};
    trusted[1] = (struct jinja_trusted){"eos_token", token_text(vocab, vocab->eos)};
    trusted[2] = (struct jinja_trusted){"unk_token", token_text(vocab, vocab->unknown)};
}

static enum sk_code try_dialect(struct chat *chat, struct view source) {
    struct jinja_trusted trusted[3];
    trust(chat->vocab, trusted);
    struct dialect_trial trial = {.jinja = chat->jinja,
                                  .input = {.trusted = trusted, .trusted_len = 3},
                                  .memory = &chat->memory,
                                  .arena = &chat->scratch,
                                  .out = &chat->data};
    trial.text.at = arena_take(&chat->scratch, TRIAL_MAX, 1);
    trial.text.marks = arena_take(&chat->scratch, TRIAL_MAX, 1);
    trial.text.max = TRIAL_MAX;
    if (!trial.text.at || !trial.text.marks) return SK_LIMIT;
    chat->dialect = dialect_try(&trial, dialect_find(source), &chat->needs);
    chat->thought = dialect_thought_find(source);
    arena_reset(&chat->scratch);
    return SK_OK;
}

enum sk_code chat_open(struct chat *chat, const struct vocab *vocab, struct view chat_template) {
    *chat = (struct chat){.vocab = vocab};
    struct view source = template_for(vocab, chat_template);
    if (source.len == 0) {
        chat_not(chat, SK_UNSUPPORTED,
                 "the model has no chat template: it continues texts, it takes no messages");
        return SK_OK;
    }
    TRY(arena_open(&chat->program, "chat template", PROGRAM_MAX));
    TRY(arena_open(&chat->scratch, "template data", SCRATCH_MAX));
    TRY(buf_open(&chat->data, DATA_MAX));
    TRY(jinja_memory_open(&chat->memory));
    enum sk_code code = jinja_parse(source, &chat->program, &chat->jinja);
    if (code == SK_OK) return try_dialect(chat, source);
    chat_not(chat, code, fail_text());
    return SK_OK;
}

void chat_close(struct chat *chat) {
    arena_close(&chat->program);
    arena_close(&chat->scratch);
    buf_close(&chat->data);
    jinja_memory_close(&chat->memory);
}

// Whether the template itself began the prompt with `bos`.
static bool begins_with(const struct jinja_text *text, struct view bos) {
    return bos.len > 0 && view_starts((struct view){text->at, text->len}, bos) &&
           !memchr(text->marks, 1, bos.len);
}

// The job's template_data as the template takes it, in scratch memory.
static enum sk_code take_data(const struct chat *chat, const struct engine_job *job,
                              struct arena *scratch, struct view *out) {
    struct dialect_data data;
    *out = job->template_data;
    TRY(dialect_data_read(job, scratch, &data));
    if (!data.calls && data.functions_len == 0) return SK_OK;
    if (data.offered) TRY(dialect_check(chat->dialect));
    struct buf text = chat->data;
    TRY(dialect_prompt(&data, job, chat->dialect, &chat->needs, scratch, &text));
    *out = buf_view(&text);
    return SK_OK;
}

enum sk_code chat_prompt(const struct chat *chat, struct tokenizer *tokenizer,
                         const struct engine_job *job, struct jinja_text *text, struct ids *out) {
    const struct vocab *vocab = chat->vocab;
    if (!chat->jinja) return FAIL(chat->why_code, "%s", chat->why_not);
    struct view bos = token_text(vocab, vocab->bos);
    struct jinja_trusted trusted[3];
    trust(vocab, trusted);
    struct jinja_input input = {.messages = job->messages,
                                .messages_len = job->messages_len,
                                .trusted = trusted,
                                .trusted_len = sizeof trusted / sizeof *trusted,
                                .time_s = job->time_s};
    struct arena scratch = chat->scratch; // and memory: free again
    struct jinja_memory memory = chat->memory;
    TRY(take_data(chat, job, &scratch, &input.data));
    TRY(jinja_render(chat->jinja, &input, &memory, text));
    size_t from = 0;
    if (vocab->add_bos) { // once, as llama.cpp does: the template's own counts
        ids_put(out, vocab->bos);
        if (begins_with(text, bos)) from = bos.len;
    }
    struct view rest = {text->at + from, text->len - from};
    return tokenize(tokenizer, rest, text->marks + from, true, true, out);
}
