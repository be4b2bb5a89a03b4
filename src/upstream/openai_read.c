// Answers in OpenAI's protocol: chunks of a stream ("delta"), or the whole ("message"), which hold
// the same members; completions have "text". Thoughts come as reasoning_content (DeepSeek,
// llama.cpp, this node) or reasoning (vLLM, OpenRouter).
#include "upstream/reader.h"

static enum sk_code text_take(struct upstream_reader *r, const struct json_node *object,
                              const char *name, enum engine_channel channel) {
    const struct json_node *node = member(object, name);
    if (!node) return SK_OK;
    if (!json_is(node, JSON_STRING)) return reader_corrupt("a text that is no string");
    return reader_text(r, channel, json_view(node));
}

// ---- calls ----

// A name begins a call; some servers say it again with each piece, some leave out the index, some
// give every call index 0 and an id of its own.
static bool call_begins(const struct upstream_reader *r, struct view name, struct view id,
                        int64_t index) {
    if (!name.len) return false;
    if (!r->call_open || index > r->call_index) return true;
    return id.len > 0 && !view_same(id, (struct view){r->call_id, r->call_id_len});
}

static enum sk_code call_take(struct upstream_reader *r, const struct json_node *call,
                              int64_t index) {
    const struct json_node *function = json_find(call, "function");
    const struct json_node *arguments = member(function, "arguments");
    const struct json_node *said = member(call, "index");
    struct view name = member_view(function, "name"), id = member_view(call, "id");
    if (!json_is(function, JSON_OBJECT)) return reader_corrupt("a call that is no function's");
    if (said && (!json_i64(said, &index) || index < 0 || index >= CALLS_MAX))
        return reader_corrupt("a call of no index");
    if (call_begins(r, name, id, index)) {
        TRY(reader_call(r, name, id, index));
    } else if (!r->call_open || index != r->call_index) {
        return reader_corrupt("a piece of a call that is not open");
    } else if (name.len && !view_same(name, r->call_name)) {
        return reader_corrupt("a call of two names");
    }
    if (!arguments) return SK_OK;
    if (!json_is(arguments, JSON_STRING)) return reader_corrupt("arguments that are no string");
    return reader_arguments(r, json_view(arguments));
}

static enum sk_code calls_take(struct upstream_reader *r, const struct json_node *delta) {
    const struct json_node *calls = member(delta, "tool_calls");
    if (member(delta, "function_call")) return reader_corrupt("a call in the old form");
    if (!calls) return SK_OK;
    if (!json_is(calls, JSON_ARRAY)) return reader_corrupt("calls that are no list");
    const struct json_node *call = json_first(calls);
    for (uint32_t i = 0; i < calls->len; i++, call = json_next(call))
        TRY(call_take(r, call, r->call_open && calls->len == 1 ? r->call_index : i));
    return SK_OK;
}

// ---- the end ----

static enum sk_code finish_take(struct upstream_reader *r, const struct json_node *choice) {
    static const struct finish_word words[] = {
        {"stop", false, false},          {"eos", false, false},
        {"tool_calls", false, false},    {"length", true, false},
        {"model_length", true, false}, // Mistral: of the context
        {"content_filter", false, true},
    };
    reader_stopped_by(r, member_view(choice, "stop_reason")); // vLLM
    return reader_finish_word(r, member(choice, "finish_reason"), words,
                              sizeof words / sizeof *words);
}

static enum sk_code usage_take(struct upstream_reader *r, const struct json_node *root) {
    const struct json_node *usage = member(root, "usage"), *timings = member(root, "timings");
    if (usage) {
        TRY(count_take(usage, "prompt_tokens", &r->end.prompt_tokens));
        TRY(count_take(usage, "completion_tokens", &r->end.completion_tokens));
        TRY(count_take(member(usage, "prompt_tokens_details"), "cached_tokens",
                       &r->end.prompt_cached));
        return count_take(member(usage, "completion_tokens_details"), "reasoning_tokens",
                          &r->end.reasoning_tokens);
    }
    if (!timings) return SK_OK; // llama.cpp: prompt_n are those that were not found
    uint32_t read = 0;
    TRY(count_take(timings, "prompt_n", &read));
    TRY(count_take(timings, "cache_n", &r->end.prompt_cached));
    if (read > UINT32_MAX - r->end.prompt_cached) return reader_corrupt("a count that is none");
    r->end.prompt_tokens = read + r->end.prompt_cached;
    return count_take(timings, "predicted_n", &r->end.completion_tokens);
}

// ---- the whole ----

static enum sk_code delta_take(struct upstream_reader *r, const struct json_node *delta) {
    bool thought = member_view(delta, "reasoning_content").len > 0; // or both, the same
    TRY(text_take(r, delta, thought ? "reasoning_content" : "reasoning", ENGINE_REASONING));
    TRY(text_take(r, delta, "content", ENGINE_CONTENT));
    r->end.filtered = r->end.filtered || member_view(delta, "refusal").len > 0;
    TRY(text_take(r, delta, "refusal", ENGINE_CONTENT));
    return calls_take(r, delta);
}

static enum sk_code choice_take(struct upstream_reader *r, const struct json_node *choice) {
    int64_t index = 0;
    const struct json_node *at = member(choice, "index"), *delta = member(choice, "delta");
    if (!json_is(choice, JSON_OBJECT) || (at && (!json_i64(at, &index) || index != 0)))
        return reader_corrupt("more than one choice");
    if (!delta) delta = member(choice, "message");
    if (r->operation == GATE_OP_COMPLETION) TRY(text_take(r, choice, "text", ENGINE_CONTENT));
    if (r->operation == GATE_OP_CHAT && delta) TRY(delta_take(r, delta));
    if (r->logprobs) TRY(logprobs_take(r, choice));
    return finish_take(r, choice);
}

enum sk_code openai_take(struct upstream_reader *r, const struct json_node *root) {
    const struct json_node *choices = member(root, "choices");
    if (member(root, "error")) return reader_broken(root);
    if (view_is(member_view(root, "object"), "error")) return reader_broken(root); // vLLM
    TRY(usage_take(r, root));
    if (!choices) return SK_OK;
    if (!json_is(choices, JSON_ARRAY)) return reader_corrupt("choices that are no list");
    if (choices->len > 1) return reader_corrupt("more than one choice");
    return choices->len ? choice_take(r, json_first(choices)) : SK_OK;
}
