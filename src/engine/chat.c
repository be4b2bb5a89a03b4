#include "engine/chat.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum { PROGRAM_MAX = 16 << 20 }; // address space for a parsed template of the largest size

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

enum sk_code chat_open(struct chat *chat, const struct vocab *vocab, struct view chat_template) {
    *chat = (struct chat){.vocab = vocab};
    struct view source = template_for(vocab, chat_template);
    if (source.len == 0) {
        chat_not(chat, SK_UNSUPPORTED,
                 "the model has no chat template: it continues texts, it takes no messages");
        return SK_OK;
    }
    chat->dialect = dialect_find(source);
    if (!chat->dialect) chat->dialect = &dialect_generic;
    chat->thought = dialect_thought_find(source);
    TRY(arena_open(&chat->program, "chat template", PROGRAM_MAX));
    TRY(jinja_memory_open(&chat->memory));
    enum sk_code code = jinja_parse(source, &chat->program, &chat->jinja);
    if (code != SK_OK) chat_not(chat, code, fail_text());
    return SK_OK;
}

void chat_close(struct chat *chat) {
    arena_close(&chat->program);
    jinja_memory_close(&chat->memory);
}

// The text of a special token, as the template writes it; empty when there is none.
static struct view token_text(const struct vocab *vocab, int32_t id) {
    struct view text = id == VOCAB_NONE ? VIEW("") : vocab_text(vocab, id);
    return utf8_check(text) ? text : VIEW("");
}

// Whether the template itself began the prompt with `bos`.
static bool begins_with(const struct jinja_text *text, struct view bos) {
    return bos.len > 0 && view_starts((struct view){text->at, text->len}, bos) &&
           !memchr(text->marks, 1, bos.len);
}

enum sk_code chat_prompt(const struct chat *chat, struct tokenizer *tokenizer,
                         const struct engine_job *job, struct jinja_text *text, struct ids *out) {
    const struct vocab *vocab = chat->vocab;
    if (!chat->jinja) return FAIL(chat->why_code, "%s", chat->why_not);
    struct view bos = token_text(vocab, vocab->bos);
    const struct jinja_trusted trusted[] = {{"bos_token", bos},
                                            {"eos_token", token_text(vocab, vocab->eos)},
                                            {"unk_token", token_text(vocab, vocab->unknown)}};
    struct jinja_input input = {.messages = job->messages,
                                .messages_len = job->messages_len,
                                .data = job->template_data,
                                .trusted = trusted,
                                .trusted_len = sizeof trusted / sizeof *trusted,
                                .time_s = job->time_s};
    struct jinja_memory memory = chat->memory; // scratch, and free again
    TRY(jinja_render(chat->jinja, &input, &memory, text));
    size_t from = 0;
    if (vocab->add_bos) { // once, as llama.cpp does: the template's own counts
        ids_put(out, vocab->bos);
        if (begins_with(text, bos)) from = bos.len;
    }
    struct view rest = {text->at + from, text->len - from};
    return tokenize(tokenizer, rest, text->marks + from, true, true, out);
}
