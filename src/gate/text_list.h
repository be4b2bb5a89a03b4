// Text list: texts as embeddings and rerank take them. Inside the gate module only.
#pragma once
#include "gate/field.h"

// One to GATE_TEXTS_MAX texts, none empty.
struct text_list {
    struct view *texts;
    uint32_t len;
};

// A string or an array of strings, to a struct text_list.
enum sk_code take_text_list(struct reading *r, const struct json_node *node, void *out);
// What `take` makes of the items.
enum sk_code take_texts(struct reading *r, const struct json_node *array, take_part *take,
                        struct text_list *out);
