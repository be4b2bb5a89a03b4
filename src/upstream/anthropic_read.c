// Answers of Anthropic's Messages: the events of a stream, or the whole message. Kinds of events
// that are not known pass, as the protocol demands; blocks that were not asked for do not.
#include "upstream/reader.h"

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
    struct view type = member_view(block, "type");
    if (r->block_kind != BLOCK_NONE) return reader_corrupt("a block in a block");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (view_is(type, kinds[i].type)) r->block_kind = kinds[i].kind;
    switch (r->block_kind) {
    case BLOCK_TEXT:
        return reader_text(r, ENGINE_CONTENT, member_view(block, "text"));
    case BLOCK_THINKING:
        return reader_text(r, ENGINE_REASONING, member_view(block, "thinking"));
    case BLOCK_CALL:
        return reader_call(r, member_view(block, "name"), member_view(block, "id"), r->block);
    case BLOCK_SILENT:
        return SK_OK;
    default:
        return reader_corrupt("a block that was not asked for");
    }
}

static enum sk_code delta_take(struct upstream_reader *r, const struct json_node *delta) {
    struct view type = member_view(delta, "type");
    if (view_is(type, "text_delta") && r->block_kind == BLOCK_TEXT)
        return reader_text(r, ENGINE_CONTENT, member_view(delta, "text"));
    if (view_is(type, "thinking_delta") && r->block_kind == BLOCK_THINKING)
        return reader_text(r, ENGINE_REASONING, member_view(delta, "thinking"));
    if (view_is(type, "input_json_delta") && r->block_kind == BLOCK_CALL)
        return reader_arguments(r, member_view(delta, "partial_json"));
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
    static const struct finish_word words[] = {
        {"end_turn", false, false},
        {"stop_sequence", false, false},
        {"tool_use", false, false},
        {"max_tokens", true, false},
        {"model_context_window_exceeded", true, false},
        {"refusal", false, true},
    };
    const struct json_node *reason = member(message, "stop_reason");
    if (reason && r->block_kind != BLOCK_NONE) return reader_corrupt("an end within a block");
    reader_stopped_by(r, member_view(message, "stop_sequence"));
    return reader_finish_word(r, reason, words, sizeof words / sizeof *words);
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
    for (uint32_t i = 0; i < blocks->len; i++, block = json_next(block))
        TRY(block_take(r, block));
    TRY(usage_take(r, json_find(message, "usage")));
    return finish_take(r, message);
}

static enum sk_code index_check(const struct upstream_reader *r, const struct json_node *root) {
    int64_t index;
    if (json_i64(json_find(root, "index"), &index) && index == r->block) return SK_OK;
    return reader_corrupt("a block out of order");
}

enum sk_code anthropic_take(struct upstream_reader *r, const struct json_node *root) {
    struct view type = member_view(root, "type");
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
