// Conversation: messages and tools as a protocol said them, and the one form in which the engine's
// chat template gets them: a JSON object with "messages" and "tools" in OpenAI's shape. Inside the
// gate module only.
//
// Promises: a call's arguments reach the template as an object when they are one, else as the text
// they are; a result of a call carries the name of what was called. Refuses: results of calls that
// no message before them made, tools of one name.
#pragma once
#include "gate/field.h"

enum { TOOLS_MAX = 128, CALLS_MAX = 128, CALL_ID_MAX = 256 };

enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TOOL };

struct call {
    struct view id, name, arguments;
    bool is_object; // the arguments are JSON, and an object
};

struct message {
    enum role role;
    uint32_t from; // its place in the request, for refusals
    struct view content, reasoning, name;
    bool said; // has a content
    struct view call_id; // TOOL
    struct call *calls;  // ASSISTANT
    uint32_t calls_len;
};

struct tool {
    struct view name, description;
    const struct json_node *parameters; // JSON Schema, or NULL: an empty object
    bool strict;                        // held to, whatever it says, or refused
};

enum thinking { THINKING_UNSAID, THINKING_OFF, THINKING_ON };

struct conversation {
    struct message *messages;
    uint32_t messages_len, messages_max;
    struct tool *tools;
    uint32_t tools_len;
    const struct json_node *variables; // an object: further variables of the template, or NULL
    struct view reasoning_effort;      // the same under this name, empty: not said
    enum thinking thinking;            // the same, as enable_thinking
};

// Which tools may, or must, be called.
struct tool_choice {
    enum engine_tool_choice kind;
    struct view name; // NAMED
    bool parallel;    // several calls in one answer
};

// Room for so many messages, 1 to ENGINE_MESSAGES_MAX.
enum sk_code conversation_begin(struct reading *r, struct conversation *c, uint32_t messages_max);
struct message *conversation_add(struct conversation *c, enum role role);

// Texts of parts, a line break between two: `take` gives the text of each.
enum sk_code take_parts(struct reading *r, const struct json_node *array, take_part *take,
                        struct view *out);

// `text` as the arguments of a call.
enum sk_code call_arguments(struct reading *r, struct view text, struct call *out);

// The name of a tool, to a struct view.
enum sk_code take_tool_name(struct reading *r, const struct json_node *node, void *out);
// An object that is a JSON Schema, to a node.
enum sk_code take_schema_node(struct reading *r, const struct json_node *node, void *out);
// {"name","description","parameters","strict"}: what a tool does, to a struct tool. With strict the
// schema must be in the form that OpenAI demands.
extern const struct shape function_shape;
// The tools of a request; `take` reads one of them.
typedef enum sk_code take_offer(struct reading *r, const struct json_node *node, struct tool *out);
enum sk_code tools_take(struct reading *r, const struct json_node *list, take_offer *take,
                        struct conversation *c);
enum sk_code take_tool(struct reading *r, const struct json_node *function, struct tool *out);
// What a shape of `function_shape` and more has taken.
enum sk_code tool_check(struct reading *r, const struct tool *tool);
// A schema in the form of strict mode: every object closed, every property required.
enum sk_code strict_check(struct reading *r, const struct json_node *schema);

// OpenAI's tool_choice: auto, none, required, or {"type":"function"} with a name in the object
// itself or in its member `inside`.
enum sk_code tool_choice_take(struct reading *r, const struct json_node *node, const char *inside,
                              struct tool_choice *out);
// To the job, checked against the tools there are.
enum sk_code conversation_choose(struct reading *r, const struct conversation *c,
                                 const struct tool_choice *choice, struct engine_job *job);
// To job->template_data. The path is at the list of messages.
enum sk_code conversation_end(struct reading *r, const struct conversation *c,
                              struct engine_job *job);
