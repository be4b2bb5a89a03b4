// Answers of Anthropic's Messages: the events of a stream, or the whole message. Kinds of events
// that are not known pass, as the protocol demands; blocks that were not asked for do not.
#include "upstream/reader.h"

static struct view string_of(const struct json_node *object, const char *name) {
    const struct json_node *node = json_find(object, name);
    return json_is(node, JSON_STRING) ? json_view(node) : (struct view){0};
}

// input_tokens are those that were neither found in the cache nor put into it.
static enum sk_code usage_take(struct upstream_reader *r, const struct json_node *usage) {
    uint32_t fresh = 0, written = 0, found = r->end.prompt_cached;
    if (!json_is(json_find(usage, "input_tokens"), JSON_NUMBER))
        return count_take(usage, "output_tokens", &r->end.completion_tokens);
    TRY(count_take(usage, "input_tokens", &fresh));
    TRY(count_take(usage, "cache_creation_input_tokens", &written));
    TRY(count_take(usage, "cache_read_input_tokens", &found));
    uint64_t all = (uint64_t)fresh + written + found;
    if (all > UINT32_MAX) return reader_corrupt("a count that is none");
    r->end.prompt_tokens = (uint32_t)all;
    r->end.prompt_cached = found;
    return count_take(usage, "output_tokens", &r->end.completion_tokens);
}

// ---- blocks ----

static enum sk_code block_begin(struct upstream_reader *r, const struct json_node *block) {
    static const struct {
        const char *type;
        enum block kind;
    } kinds[] = {{"text", BLOCK_TEXT},
                 {"thinking", BLOCK_THINKING},
                 {"redacted_thinking", BLOCK_SILENT},
                 {"tool_use", BLOCK_CALL}};
    struct view type = string_of(block, "type");
    if (r->block_kind != BLOCK_NONE) return reader_corrupt("a block in a block");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (view_is(type, kinds[i].type)) r->block_kind = kinds[i].kind;
    switch (r->block_kind) {
    case BLOCK_TEXT: return reader_text(r, ENGINE_CONTENT, string_of(block, "text"));
    case BLOCK_THINKING: return reader_text(r, ENGINE_REASONING, string_of(block, "thinking"));
    case BLOCK_CALL:
        return reader_call(r, string_of(block, "name"), string_of(block, "id"), r->block);
    case BLOCK_SILENT: return SK_OK;
    default: return reader_corrupt("a block that was not asked for");
    }
}

static enum sk_code delta_take(struct upstream_reader *r, const struct json_node *delta) {
    struct view type = string_of(delta, "type");
    if (view_is(type, "text_delta") && r->block_kind == BLOCK_TEXT)
        return reader_text(r, ENGINE_CONTENT, string_of(delta, "text"));
    if (view_is(type, "thinking_delta") && r->block_kind == BLOCK_THINKING)
        return reader_text(r, ENGINE_REASONING, string_of(delta, "thinking"));
    if (view_is(type, "input_json_delta") && r->block_kind == BLOCK_CALL)
        return reader_arguments(r, string_of(delta, "partial_json"));
    if (view_is(type, "signature_delta") && r->block_kind == BLOCK_THINKING) return SK_OK;
    return reader_corrupt("a piece of no block of its kind");
}

static enum sk_code block_end(struct upstream_reader *r) {
    if (r->block_kind == BLOCK_NONE) return reader_corrupt("the end of no block");
    r->block_kind = BLOCK_NONE;
    r->block++;
    return reader_call_end(r);
}

static enum sk_code finish_take(struct upstream_reader *r, const struct json_node *message) {
    static const struct {
        const char *word;
        bool length, filtered;
    } words[] = {
        {"end_turn", false, false},    {"stop_sequence", false, false}, {"tool_use", false, false},
        {"max_tokens", true, false},   {"refusal", false, true},
        {"model_context_window_exceeded", true, false},
    };
    const struct json_node *node = json_find(message, "stop_reason");
    if (!node || json_is(node, JSON_NULL)) return SK_OK;
    if (r->block_kind != BLOCK_NONE) return reader_corrupt("an end within a block");
    reader_stopped_by(r, string_of(message, "stop_sequence"));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (json_is(node, JSON_STRING) && view_is(json_view(node), words[i].word))
            return reader_finish(r, words[i].length, words[i].filtered);
    return reader_corrupt("a stop_reason that is none");
}

// ---- the whole ----

// A block as it is when it is whole.
static enum sk_code block_take(struct upstream_reader *r, const struct json_node *block) {
    const struct json_node *input = json_find(block, "input");
    TRY(block_begin(r, block));
    if (r->block_kind == BLOCK_CALL && input) {
        struct buf rest = arena_rest(&r->scratch);
        struct json_writer w = json_writer_to(&rest);
        json_put_node(&w, input);
        TRY(buf_check(&rest, "the place's answer"));
        TRY(reader_arguments(r, arena_keep(&r->scratch, rest.len)));
    }
    return block_end(r);
}

static enum sk_code message_take(struct upstream_reader *r, const struct json_node *message) {
    const struct json_node *blocks = json_find(message, "content");
    if (!json_is(blocks, JSON_ARRAY)) return reader_corrupt("content that is no list");
    const struct json_node *block = json_first(blocks);
    for (uint32_t i = 0; i < blocks->len; i++, block = json_next(block)) TRY(block_take(r, block));
    TRY(usage_take(r, json_find(message, "usage")));
    return finish_take(r, message);
}

static enum sk_code index_check(const struct upstream_reader *r, const struct json_node *root) {
    int64_t index;
    if (json_i64(json_find(root, "index"), &index) && index == r->block) return SK_OK;
    return reader_corrupt("a block out of order");
}

enum sk_code anthropic_take(struct upstream_reader *r, const struct json_node *root) {
    struct view type = string_of(root, "type");
    if (view_is(type, "error") || json_is(json_find(root, "error"), JSON_OBJECT))
        return reader_broken(root);
    if (view_is(type, "message")) return message_take(r, root);
    if (view_is(type, "message_start"))
        return usage_take(r, json_find(json_find(root, "message"), "usage"));
    if (view_is(type, "content_block_start")) {
        TRY(index_check(r, root));
        return block_begin(r, json_find(root, "content_block"));
    }
    if (view_is(type, "content_block_delta")) {
        TRY(index_check(r, root));
        return delta_take(r, json_find(root, "delta"));
    }
    if (view_is(type, "content_block_stop")) {
        TRY(index_check(r, root));
        return block_end(r);
    }
    if (view_is(type, "message_delta")) {
        TRY(usage_take(r, json_find(root, "usage")));
        return finish_take(r, json_find(root, "delta"));
    }
    return type.len ? SK_OK : reader_corrupt("an event without a type");
}
