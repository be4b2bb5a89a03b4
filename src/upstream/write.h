// Write: what the writers of envelopes share. Inside the upstream module only.
//
// A conversation is the task's template_data (gate's conversation.c writes it): "messages" and
// "tools" in OpenAI's shape with arguments as objects, "strict_tools", and variables of the chat
// template. Promises: nothing of it is left out silently. Refuses: what the protocol has no term
// for, by the engine's name of it.
#pragma once
#include "upstream/member.h"
#include "upstream/upstream.h"

struct talk {
    const struct json_node *messages; // an array of objects with a role
    const struct json_node *tools;    // an array of objects, or NULL
    const struct json_node *root;
};

// Of a chat. SK_INPUT, SK_LIMIT: not as gate writes it.
enum sk_code talk_read(const struct gate_task *task, struct arena *arena, struct talk *out);
// Whether the tool of that name is to be held to its parameters.
bool talk_strict(const struct talk *talk, struct view name);
// A variable of the template that has a place of its own in no protocol, or NULL after the last:
// for (i = 0; (value = talk_variable(talk, &i, &name));)
const struct json_node *talk_variable(const struct talk *talk, uint32_t *i, struct view *name);

// The value as JSON text, taken from the arena.
enum sk_code node_text(const struct json_node *node, struct arena *arena, struct view *out);
// The schema of the answer.
enum sk_code schema_read(const struct engine_job *job, struct arena *arena,
                         const struct json_node **out);

// The number with the fewest digits that become this float.
void put_number(struct json_writer *w, const char *name, float number);
void put_stops(struct json_writer *w, const char *name, const struct engine_job *job);

// SK_UNSUPPORTED, "NAME: …".
enum sk_code cannot_travel(const char *name, const char *what);

enum sk_code openai_write(const struct gate_task *task, struct view model, struct arena *arena,
                          struct buf *out);
enum sk_code anthropic_write(const struct gate_task *task, struct view model, struct arena *arena,
                             struct buf *out);
