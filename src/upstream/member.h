// Members of JSON objects as the protocols use them: null is as good as absent. Inside the upstream
// module only.
#pragma once
#include "base/json.h"

// The member, or NULL when it is absent or null.
static inline const struct json_node *member(const struct json_node *object, const char *name) {
    const struct json_node *node = json_find(object, name);
    return json_is(node, JSON_NULL) ? NULL : node;
}

// The text of a member that is a string, else empty.
static inline struct view member_view(const struct json_node *object, const char *name) {
    const struct json_node *node = json_find(object, name);
    return json_is(node, JSON_STRING) ? json_view(node) : (struct view){0};
}
