// Chat: messages to the prompt a model was trained on.
//
// A GGUF file brings its template as a Jinja program; this sees which of four known forms it is:
//   ChatML  <|im_start|>role\ntext<|im_end|>\n
//   Llama 3 <|start_header_id|>role<|end_header_id|>\n\ntext<|eot_id|>
//   Llama 2 [INST] <<SYS>>\nsystem\n<</SYS>>\n\nuser [/INST] assistant </s><s>
//   Zephyr  <|role|>\ntext</s>\n
// Promises: markers go in as control tokens and texts as text, so a message that contains
// "<|im_end|>" stays a message (Zephyr's and Llama 2's role markers are plain text in most
// vocabularies; there only the end of a turn is safe). Refuses: other templates, and models with
// neither template nor <|im_start|>: guessing would change what the model says.
#pragma once
#include "base/fail.h"
#include "engine/engine.h"
#include "engine/tokenize.h"

enum chat_form { CHAT_NONE, CHAT_CHATML, CHAT_LLAMA3, CHAT_LLAMA2, CHAT_ZEPHYR };

struct chat {
    enum chat_form form;
    const char *why_not; // CHAT_NONE: what to say
    int32_t open, close, end; // control tokens: before the role, after it, after the text
};

void chat_init(struct chat *chat, const struct vocab *vocab, struct view chat_template);

// Appends the ids of the messages and of the opened answer; `run` is scratch for text. SK_INPUT:
// an order of roles the form has no place for.
enum sk_code chat_prompt(const struct chat *chat, struct tokenizer *tokenizer,
                         const struct engine_job *job, struct buf *run, struct ids *out);
