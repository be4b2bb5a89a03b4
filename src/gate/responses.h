// Responses: what the parts of OpenAI's Responses API share. Inside the gate module only.
//
// A kept response is a record of four texts (u32 length, bytes): the response as JSON; the items of
// its whole conversation before it as JSON values, a comma between two; its output as a JSON array;
// the events of its stream, empty unless it ran in the background. What an
// answer must know of its request (gate_answer.echo) is likewise: u8 flags, the members of the
// response that the request decides, the items.
#pragma once
#include "gate/conversation.h"
#include "gate/protocols.h"

enum responses_flag { RESPONSES_STORE = 1, RESPONSES_BACKGROUND = 2, RESPONSES_LOGPROBS = 4 };

// Adds the messages of the items to the conversation (responses_items.c). `most`: items whose
// messages there is room for are counted by the caller.
enum sk_code items_take(struct reading *r, const struct json_node *items, struct conversation *c);

// A run of parts of one item of the output.
struct item {
    enum engine_channel channel; // CONTENT: a message; REASONING; CALL
    uint32_t index;
    struct view name;  // of a CALL
    struct view parts; // of one channel: CONTENT, REASONING, or ARGUMENTS of the CALL
};
// The items of an answer's parts, from the first; false after the last.
struct items {
    struct view parts;
    size_t at;
    uint32_t len;
};
bool items_next(struct items *items, struct item *out);

// The members of an object, into the object that is open.
void put_node_members(struct json_writer *w, const struct json_node *object);
