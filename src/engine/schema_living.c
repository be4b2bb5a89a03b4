#include "engine/schema_parts.h"

// A required property that only fits itself, forever, has no finite value: what lives is found
// from below, round by round, until a round finds nothing new.

static uint64_t optional_keys(const struct schema *s, const struct object *object) {
    uint64_t count = 0;
    for (uint32_t i = 0; i < object->keys_len; i++)
        count += !object->keys[i].required && goal_lives(s, object->keys[i].goal);
    return count;
}

static bool object_lives(const struct schema *s, const struct object *object) {
    uint64_t required = 0, most = optional_keys(s, object);
    for (uint32_t i = 0; i < object->keys_len; i++) {
        if (object->keys[i].required && !goal_lives(s, object->keys[i].goal)) return false;
        required += object->keys[i].required;
    }
    most += required;
    for (uint32_t i = 0; i < object->extras_len; i++)
        if (goal_lives(s, object->extras[i].goal)) most = UINT64_MAX;
    return required <= object->max && object->min <= most && object->min <= object->max;
}

static bool list_lives(const struct schema *s, const struct list *list) {
    uint64_t most = 0;
    while (most < list->prefix_len && goal_lives(s, list->prefix[most]))
        most++;
    if (most == list->prefix_len && goal_lives(s, list->rest)) most = UINT64_MAX;
    return list->min <= most && list->min <= list->max;
}

bool shape_type_lives(const struct schema *s, const struct shape *shape, unsigned type) {
    if (!(shape->types & type)) return false;
    switch (type) {
    case TYPE_NUMBER:
        return !shape->numbers || shape->numbers->len;
    case TYPE_STRING:
        return shape->strings ? shape->strings->len > 0 : shape->length[0] <= shape->length[1];
    case TYPE_ARRAY:
        return list_lives(s, &shape->list);
    case TYPE_OBJECT:
        return object_lives(s, &shape->object);
    default:
        return true;
    }
}

static bool shape_lives(const struct schema *s, const struct shape *shape) {
    if (shape->values) return shape->values_len > 0;
    for (unsigned type = 1; type < TYPE_ALL; type <<= 1)
        if (shape_type_lives(s, shape, type)) return true;
    return false;
}

void schema_live(struct schema *s) {
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < s->shapes_len; i++)
            if (!s->shapes[i].living && shape_lives(s, &s->shapes[i]))
                s->shapes[i].living = more = true;
        for (uint32_t i = 0; i < s->goals_len; i++) {
            struct goal *goal = &s->goals[i];
            for (uint32_t j = 0; j < goal->shapes_len && !goal->living; j++)
                if (s->shapes[goal->shapes[j]].living) goal->living = more = true;
        }
    }
}
