// Texts: everything in a task that somebody wrote, as one text to be judged, and the same task with
// other texts in their places.
//
// Promises: every string and number of messages, tools, schemas, prompts, documents, stops and
// names is there once, in reading order, each on a line of its own; a member's name stands before
// its value, so that labels are words around what they label. Refuses: JSON that is none.
#pragma once
#include "base/arena.h"
#include "border/border.h"
#include "gate/gate.h"

enum { TEXTS_MAX = 1 << 20 }; // of one task

struct text_place {
    struct view text; // as it is, or what takes its place
    uint32_t at;      // where it stands in `joined`
    bool argument;    // a string among a tool call's arguments
};

struct texts {
    const struct gate_task *task;
    struct arena *arena;
    struct view joined;
    struct text_place *places;
    uint32_t len;
    struct json_node *data, *form; // of template_data and of a schema, their texts' nodes; or NULL
};

// Everything is taken from `arena`; texts of JSON are unescaped.
enum sk_code texts_of(const struct gate_task *task, struct arena *arena, struct texts *out);

// The findings of `texts->joined` that lie in place `i`, with offsets in its text; a finding that
// reaches beyond is cut to it. `findings` are sorted; *from is where to begin looking, and moves
// on.
enum sk_code texts_findings(const struct texts *texts, uint32_t i, const struct scan *scan,
                            uint32_t *from, struct finding **out, uint32_t *len);

// The task with the texts of `places`. `instruction`, where it is not empty, is said to the model
// by a system message: at the end of the first, or by one of its own.
enum sk_code texts_task(const struct texts *texts, struct view instruction, struct arena *arena,
                        struct gate_task *out);
