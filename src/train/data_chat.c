#include <stdlib.h>

#include "train/data_parts.h"

enum { TOKENS_MAX = 1 << 18 }; // of one conversation

enum sk_code data_chat_open(struct data_chat *chat, const struct data_tokens *tokens) {
    char storage[2048];
    uint32_t vocabulary = engine_shape(tokens->engine).vocabulary;
    *chat = (struct data_chat){.tokens = tokens, .max = TOKENS_MAX};
    chat->whole.max = TOKENS_MAX;
    chat->control = calloc(vocabulary, sizeof *chat->control);
    chat->whole.at = calloc(TOKENS_MAX, sizeof *chat->whole.at);
    chat->whole.learned = calloc(TOKENS_MAX, 1);
    chat->prompt = calloc(TOKENS_MAX, sizeof *chat->prompt);
    chat->full = calloc(TOKENS_MAX, sizeof *chat->full);
    if (!chat->control || !chat->whole.at || !chat->whole.learned || !chat->prompt || !chat->full)
        return FAIL(SK_LIMIT, "memory: none left");
    for (uint32_t i = 0; i < vocabulary; i++) {
        struct buf piece = buf_over(storage, sizeof storage);
        engine_detokenize(tokens->engine, (int32_t)i, &piece);
        chat->control[i] = piece.len == 0 && !piece.over;
    }
    return SK_OK;
}

void data_chat_close(struct data_chat *chat) {
    free(chat->control);
    free(chat->whole.at);
    free(chat->whole.learned);
    free(chat->prompt);
    free(chat->full);
    *chat = (struct data_chat){0};
}

static enum sk_code render(const struct data_chat *chat, const struct engine_message *messages,
                           uint32_t len, bool opened, int32_t *ids, size_t *ids_len) {
    struct engine_job job = {.messages = messages, .messages_len = len};
    if (!opened) job.template_data = VIEW("{\"add_generation_prompt\":false}");
    return engine_prompt(chat->tokens->engine, &job, ids, chat->max, ids_len);
}

static bool begins_with(const int32_t *ids, size_t len, const int32_t *with, size_t with_len) {
    return len >= with_len && memcmp(ids, with, with_len * sizeof *ids) == 0;
}

static void append(struct data_ids *to, const int32_t *ids, size_t len, bool learned) {
    must(to->len + len <= to->max);
    if (len) memcpy(to->at + to->len, ids, len * sizeof *ids);
    if (len) memset(to->learned + to->len, learned, len);
    to->len += len;
}

enum sk_code data_chat_ids(struct data_chat *chat, const struct engine_message *messages,
                           uint32_t len, data_chat_put *put, void *self) {
    struct data_ids *whole = &chat->whole;
    whole->len = 0;
    for (uint32_t i = 0; i < len; i++) {
        size_t prompt_len, full_len, end;
        if (messages[i].role != ENGINE_ASSISTANT) continue;
        TRY(render(chat, messages, i, true, chat->prompt, &prompt_len));
        TRY(render(chat, messages, i + 1, false, chat->full, &full_len));
        if (!begins_with(chat->full, full_len, chat->prompt, prompt_len))
            return FAIL(SK_UNSUPPORTED, "chat_template: messages[%u]: the reply does not follow "
                                        "its prompt, token by token", i);
        for (end = full_len; end > prompt_len && !chat->control[chat->full[end - 1]];) end--;
        if (end == prompt_len)
            return FAIL(SK_UNSUPPORTED,
                        "chat_template: messages[%u]: no control token ends the reply", i);
        if (!begins_with(chat->prompt, prompt_len, whole->at, whole->len)) {
            TRY(put(self, whole));
            whole->len = 0;
        }
        append(whole, chat->prompt + whole->len, prompt_len - whole->len, false);
        append(whole, chat->full + prompt_len, end - prompt_len, true);
        append(whole, chat->full + end, full_len - end, false);
    }
    return whole->len ? put(self, whole) : SK_OK;
}
