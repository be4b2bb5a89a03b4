#include "engine/chat.h"

#include <stdio.h>
#include <string.h>

static bool has(struct view text, const char *part) {
    return text.len && memmem(text.at, text.len, part, strlen(part)) != NULL;
}

static void chat_none(struct chat *chat, const char *why) {
    *chat = (struct chat){.why_not = why};
}

static void init_chatml(struct chat *chat, const struct vocab *vocab) {
    chat->form = CHAT_CHATML;
    chat->open = vocab_control(vocab, VIEW("<|im_start|>"));
    chat->end = vocab_control(vocab, VIEW("<|im_end|>"));
    if (chat->open == VOCAB_NONE || chat->end == VOCAB_NONE)
        chat_none(chat, "ChatML without <|im_start|> and <|im_end|> as control tokens");
}

static void init_llama3(struct chat *chat, const struct vocab *vocab) {
    chat->form = CHAT_LLAMA3;
    chat->open = vocab_control(vocab, VIEW("<|start_header_id|>"));
    chat->close = vocab_control(vocab, VIEW("<|end_header_id|>"));
    chat->end = vocab_control(vocab, VIEW("<|eot_id|>"));
    if (chat->open == VOCAB_NONE || chat->close == VOCAB_NONE || chat->end == VOCAB_NONE)
        chat_none(chat, "Llama 3's template without its header and eot control tokens");
}

void chat_init(struct chat *chat, const struct vocab *vocab, struct view form) {
    *chat = (struct chat){.end = vocab->eos};
    if (form.len == 0) {
        init_chatml(chat, vocab);
        if (chat->form == CHAT_NONE)
            chat_none(chat, "the model has no chat template: send a prompt, not messages");
    } else if (has(form, "<|im_start|>")) {
        init_chatml(chat, vocab);
    } else if (has(form, "<|start_header_id|>")) {
        init_llama3(chat, vocab);
    } else if (has(form, "[INST]") && has(form, "<<SYS>>")) {
        chat->form = CHAT_LLAMA2;
        chat->open = vocab->bos;
    } else if (has(form, "<|user|>") && has(form, "eos_token") && !has(form, "<|end|>")) {
        chat->form = CHAT_ZEPHYR;
    } else {
        chat_none(chat, "the model's chat template is none of ChatML, Llama 3, Llama 2, Zephyr");
    }
    bool needs_end = chat->form == CHAT_LLAMA2 || chat->form == CHAT_ZEPHYR;
    if (needs_end && (vocab->eos == VOCAB_NONE || (chat->form == CHAT_LLAMA2 && chat->open < 0)))
        chat_none(chat, "the model's chat template needs bos and eos tokens");
}

// ---- writing: runs of text between control tokens are cut into tokens as wholes ----

struct writer {
    struct tokenizer *tokenizer;
    struct buf *run;
    struct ids *out;
};

static enum sk_code flush(struct writer *w) {
    if (w->run->over)
        return FAIL(SK_LIMIT, "the prompt has more than %zu bytes, too long for the context",
                    w->run->max);
    enum sk_code code = tokenize(w->tokenizer, buf_view(w->run), NULL, false, true, w->out);
    buf_reset(w->run);
    return code;
}

static enum sk_code control(struct writer *w, int32_t id) {
    TRY(flush(w));
    ids_put(w->out, id);
    return SK_OK;
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static struct view trim(struct view text) {
    while (text.len && is_space(text.at[0])) text = view_from(text, 1);
    while (text.len && is_space(text.at[text.len - 1])) text.len--;
    return text;
}

static const char *role_name(enum engine_role role) {
    static const char *const names[] = {"system", "user", "assistant"};
    must(role <= ENGINE_ASSISTANT);
    return names[role];
}

static enum sk_code put_chatml(const struct chat *chat, struct writer *w, enum engine_role role,
                               const struct view *text) {
    TRY(control(w, chat->open));
    buf_put_text(w->run, role_name(role));
    buf_put_char(w->run, '\n');
    if (!text) return SK_OK;
    buf_put_view(w->run, *text);
    TRY(control(w, chat->end));
    buf_put_char(w->run, '\n');
    return SK_OK;
}

static enum sk_code put_llama3(const struct chat *chat, struct writer *w, enum engine_role role,
                               const struct view *text) {
    TRY(control(w, chat->open));
    buf_put_text(w->run, role_name(role));
    TRY(control(w, chat->close));
    buf_put_text(w->run, "\n\n");
    if (!text) return SK_OK;
    buf_put_view(w->run, trim(*text));
    return control(w, chat->end);
}

static enum sk_code put_zephyr(const struct chat *chat, struct writer *w, enum engine_role role,
                               const struct view *text) {
    char marker[16];
    snprintf(marker, sizeof marker, "<|%s|>", role_name(role));
    int32_t id = vocab_control(w->tokenizer->vocab, view_of(marker));
    if (id == VOCAB_NONE)
        buf_put_text(w->run, marker);
    else
        TRY(control(w, id));
    buf_put_char(w->run, '\n');
    if (!text) return SK_OK;
    buf_put_view(w->run, *text);
    TRY(control(w, chat->end));
    buf_put_char(w->run, '\n');
    return SK_OK;
}

// The whole conversation: system only first, then user and assistant in turns, user last.
static enum sk_code put_llama2(const struct chat *chat, struct writer *w,
                               const struct engine_job *job) {
    uint32_t i = 0, first = job->messages[0].role == ENGINE_SYSTEM;
    for (i = first; i < job->messages_len; i++) {
        const struct engine_message *message = &job->messages[i];
        bool user = (i - first) % 2 == 0;
        if (message->role != (user ? ENGINE_USER : ENGINE_ASSISTANT))
            return FAIL(SK_INPUT, "message %u: this model takes user and assistant in turns", i);
        if (!user) {
            buf_put_char(w->run, ' ');
            buf_put_view(w->run, trim(message->text));
            buf_put_char(w->run, ' ');
            TRY(control(w, chat->end));
            continue;
        }
        if (i > first) TRY(control(w, chat->open));
        buf_put_text(w->run, "[INST] ");
        if (i == 1 && first) {
            buf_put_text(w->run, "<<SYS>>\n");
            buf_put_view(w->run, trim(job->messages[0].text));
            buf_put_text(w->run, "\n<</SYS>>\n\n");
        }
        buf_put_view(w->run, trim(message->text));
        buf_put_text(w->run, " [/INST]");
    }
    if (i == first || (i - first) % 2 == 0)
        return FAIL(SK_INPUT, "the last message must be the user's for this model");
    return SK_OK;
}

enum sk_code chat_prompt(const struct chat *chat, struct tokenizer *tokenizer,
                         const struct engine_job *job, struct buf *run, struct ids *out) {
    typedef enum sk_code put_message(const struct chat *, struct writer *, enum engine_role,
                                     const struct view *);
    static put_message *const forms[] = {
        [CHAT_CHATML] = put_chatml, [CHAT_LLAMA3] = put_llama3, [CHAT_ZEPHYR] = put_zephyr};
    if (chat->form == CHAT_NONE) return FAIL(SK_UNSUPPORTED, "%s", chat->why_not);
    struct writer w = {tokenizer, run, out};
    buf_reset(run);
    if (tokenizer->vocab->add_bos) ids_put(out, tokenizer->vocab->bos);
    if (chat->form == CHAT_LLAMA2) {
        TRY(put_llama2(chat, &w, job));
        return flush(&w);
    }
    for (uint32_t i = 0; i < job->messages_len; i++)
        TRY(forms[chat->form](chat, &w, job->messages[i].role, &job->messages[i].text));
    TRY(forms[chat->form](chat, &w, ENGINE_ASSISTANT, NULL));
    return flush(&w);
}
