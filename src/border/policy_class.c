// Classes of a policy file: new ones, and those of a pack made narrower.
#include "border/policy_parts.h"

#define CLASS(member) offsetof(struct policy_class, member)
enum { SOURCE_MAX = 256 };
static const struct policy_field class_rows[] = {
    {FIELD("detect", policy_take_detect), .offset = CLASS(detect)},
    {FIELD("reach", policy_take_reach), .offset = CLASS(reach)},
    {FIELD("consent", policy_take_consent), .offset = CLASS(consent)},
    {FIELD("masked_reach", policy_take_reach), .offset = CLASS(masked)},
    {FIELD("level", policy_take_choice), .offset = CLASS(level), .names = policy_level_names},
    {FIELD("shadow", policy_take_bool), .offset = CLASS(shadow)},
    {FIELD("one_way", policy_take_bool), .offset = CLASS(one_way)},
    {FIELD("keep", policy_take_number), .offset = CLASS(keep_days), .max = POLICY_KEEP_MAX},
    {FIELD("mask", policy_take_choice), .offset = CLASS(mask), .names = policy_mask_names},
    {FIELD("source", policy_take_text), .offset = CLASS(source), .max = SOURCE_MAX},
    {0}};

static enum sk_code class_check(const struct policy_reader *reader, const struct yaml_node *node,
                                const struct policy_class *class) {
    if (class->consent < class->reach)
        return policy_wrong(reader, node, "consent %s is nearer than reach %s",
                            border_reach_name(class->consent), border_reach_name(class->reach));
    if (class->masked < class->reach)
        return policy_wrong(reader, node, "masked_reach %s is nearer than reach %s",
                            border_reach_name(class->masked), border_reach_name(class->reach));
    if (class->masked > class->reach && class->detect.bits == 0)
        return policy_wrong(reader, node,
                            "masked_reach %s needs detectors: what nothing finds cannot be masked",
                            border_reach_name(class->masked));
    const char *lacks = class->mask == MASK_FORMAT ? policy_format_lacks(class) : NULL;
    if (lacks) return policy_wrong(reader, node, "mask: format %s; or mask: tokens", lacks);
    return SK_OK;
}

// The first thing in which `class` would open more than its pack does, or NULL.
static const char *wider(const struct policy_class *class, const struct policy_class *pack) {
    if (class->reach > pack->reach) return "reach";
    if (class->consent > pack->consent) return "consent";
    if (class->masked > pack->masked) return "masked_reach";
    if (class->level < pack->level) return "level";
    if (class->shadow && !pack->shadow) return "shadow";
    if (class->mask > pack->mask) return "mask";
    return pack->one_way && !class->one_way ? "one_way" : NULL;
}

static enum sk_code class_read(struct policy_reader *reader, const struct yaml_node *node) {
    struct policy *policy = reader->policy;
    uint16_t index = policy_class_find(policy, node->key);
    const char *pack = index == POLICY_NONE ? NULL : reader->class_packs[index];
    struct policy_class class = {.level = LEVEL_WALLED, .source = ""};
    uint32_t given;
    if (reader->pack && pack)
        return policy_wrong(reader, node, "class %s is of pack %s already",
                            policy->classes[index].id, pack);
    if (pack)
        class = policy->classes[index];
    else
        TRY(policy_take_key(reader, node, &class.id));
    TRY(policy_fields(reader, node, class_rows, &class, &given));
    if (pack && policy_given(class_rows, given, "source"))
        return policy_wrong(reader, node, "the source of class %s is that of pack %s", class.id,
                            pack);
    bool cannot = class.consent == REACH_COUNT;
    if (cannot || (!pack && !policy_given(class_rows, given, "consent")))
        class.consent = class.reach;
    if (!pack && !policy_given(class_rows, given, "masked_reach")) class.masked = class.reach;
    const char *more = pack ? wider(&class, &policy->classes[index]) : NULL;
    if (more)
        return policy_wrong(reader, node, "%s of class %s is wider than in pack %s (%s)", more,
                            class.id, pack, policy->classes[index].source);
    TRY(class_check(reader, node, &class));
    if (!pack && policy->classes_len == POLICY_CLASSES_MAX)
        return FAIL(SK_LIMIT, "%s:%u:%u: more than %d classes", reader->file, node->line,
                    node->column, POLICY_CLASSES_MAX);
    if (!pack) index = (uint16_t)policy->classes_len++;
    policy->classes[index] = class;
    if (reader->pack) reader->class_packs[index] = reader->pack;
    return SK_OK;
}

enum sk_code policy_read_classes(struct policy_reader *reader, const struct yaml_node *node,
                                 void *at, const struct policy_field *field) {
    (void)at, (void)field;
    TRY(policy_list(reader, node, YAML_MAP, POLICY_CLASSES_MAX));
    for (const struct yaml_node *one = node->first; one; one = one->next)
        TRY(class_read(reader, one));
    return SK_OK;
}
