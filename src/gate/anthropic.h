// Anthropic's Messages API: what its readers and writers share. Inside the gate module only.
#pragma once
#include "gate/conversation.h"

// The signature of a block of thoughts. It proves nothing, since what a client says an assistant
// thought is the client's word like the rest of the conversation. With `display: omitted` it
// carries the thoughts, up to ANTHROPIC_CARRIED_MAX bytes, so that they come back with the next
// request: the name, a colon, the text.
#define ANTHROPIC_SIGNATURE "sekisho"
enum { ANTHROPIC_CARRIED_MAX = 1 << 16 };

// What the answer needs of the request, as it stands in ask->echo: u8 thoughts are omitted, u32
// tokens at most, then the stop sequences as texts.

// "messages" and "system", as text or blocks, to a conversation in the engine's shape:
//   - texts of one turn, and turns of one role in a row, become one message, a line break between
//   - results of tools become messages of their own, before what else the user says
//   - what is said as system anywhere becomes the first message: templates have one place for it,
//     and only the answer still to come heeds it
//   - thoughts become their message's reasoning
// `continued`: the last turn may be the assistant's.
enum sk_code turns_take(struct reading *r, const struct json_node *messages,
                        const struct json_node *system, bool continued, struct conversation *c);
