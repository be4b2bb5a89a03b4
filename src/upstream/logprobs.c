// Log-probabilities of OpenAI's answers: chats have a list of tokens ("content"), completions four
// lists side by side (llama.cpp gives the first form there too).
#include "upstream/reader.h"

#include "base/text.h"

enum { TOKEN_ROOM = TOKEN_MAX + 1 };

// The token's bytes, where they are told: it need not be whole characters.
static enum sk_code bytes_of(const struct json_node *token, char room[TOKEN_ROOM],
                             struct view *out) {
    const struct json_node *text = json_find(token, "token"), *bytes = json_find(token, "bytes");
    if (!json_is(text, JSON_STRING)) return reader_corrupt("a token without its text");
    *out = json_view(text);
    if (!json_is(bytes, JSON_ARRAY)) return SK_OK;
    if (bytes->len > TOKEN_MAX) return reader_corrupt("a token over 2048 bytes");
    const struct json_node *node = json_first(bytes);
    for (uint32_t i = 0; i < bytes->len; i++, node = json_next(node)) {
        int64_t byte;
        if (!json_i64(node, &byte) || byte < 0 || byte > 255)
            return reader_corrupt("a token's byte that is none");
        room[i] = (char)(unsigned char)byte;
    }
    *out = (struct view){room, bytes->len};
    return SK_OK;
}

static enum sk_code number_of(const struct json_node *node, double *out) {
    if (json_is(node, JSON_NUMBER) && json_f64(node, out)) return SK_OK;
    return reader_corrupt("a token without its log-probability");
}

// So many alternatives as were asked for: some servers give one more, the token itself.
static uint32_t wanted_of(const struct upstream_reader *r, uint32_t len) {
    return len < r->logprobs - 1 ? len : r->logprobs - 1;
}

static enum sk_code token_take(struct upstream_reader *r, const struct json_node *token) {
    char room[TOKEN_ROOM];
    struct view bytes;
    double logprob;
    const struct json_node *tops = json_find(token, "top_logprobs");
    uint32_t top = json_is(tops, JSON_ARRAY) ? wanted_of(r, tops->len) : 0;
    TRY(bytes_of(token, room, &bytes));
    TRY(number_of(json_find(token, "logprob"), &logprob));
    TRY(reader_token(r, bytes, logprob, top));
    const struct json_node *node = top ? json_first(tops) : NULL;
    for (uint32_t i = 0; i < top; i++, node = json_next(node)) {
        TRY(bytes_of(node, room, &bytes));
        TRY(number_of(json_find(node, "logprob"), &logprob));
        TRY(reader_alternative(r, bytes, logprob));
    }
    return SK_OK;
}

static enum sk_code list_take(struct upstream_reader *r, const struct json_node *list) {
    if (!list) return SK_OK;
    if (!json_is(list, JSON_ARRAY)) return reader_corrupt("log-probabilities that are no list");
    const struct json_node *token = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, token = json_next(token))
        TRY(token_take(r, token));
    return SK_OK;
}

// {"TOKEN": LOGPROB, …} of one token.
static enum sk_code row_take(struct upstream_reader *r, const struct json_node *tops,
                             uint32_t top) {
    const struct json_node *name = top ? json_first(tops) : NULL, *value;
    for (uint32_t i = 0; i < top; i++, name = json_next(value)) {
        double logprob;
        value = json_next(name);
        TRY(number_of(value, &logprob));
        TRY(reader_alternative(r, json_view(name), logprob));
    }
    return SK_OK;
}

static enum sk_code columns_take(struct upstream_reader *r, const struct json_node *logprobs) {
    const struct json_node *tokens = json_find(logprobs, "tokens");
    const struct json_node *numbers = json_find(logprobs, "token_logprobs");
    const struct json_node *tops = json_find(logprobs, "top_logprobs");
    if (!json_is(tops, JSON_ARRAY)) tops = NULL;
    bool same = json_is(tokens, JSON_ARRAY) && json_is(numbers, JSON_ARRAY) &&
                tokens->len == numbers->len && (!tops || tops->len == tokens->len);
    if (!same) return reader_corrupt("log-probabilities of other than its tokens");
    const struct json_node *token = json_first(tokens), *number = json_first(numbers);
    const struct json_node *row = tops ? json_first(tops) : NULL;
    for (uint32_t i = 0; i < tokens->len; i++) {
        double logprob;
        uint32_t top = json_is(row, JSON_OBJECT) ? wanted_of(r, row->len) : 0;
        if (!json_is(token, JSON_STRING)) return reader_corrupt("a token without its text");
        TRY(number_of(number, &logprob));
        TRY(reader_token(r, json_view(token), logprob, top));
        TRY(row_take(r, row, top));
        token = json_next(token);
        number = json_next(number);
        if (row) row = json_next(row);
    }
    return SK_OK;
}

enum sk_code logprobs_take(struct upstream_reader *r, const struct json_node *choice) {
    const struct json_node *logprobs = member(choice, "logprobs");
    if (!logprobs) return SK_OK;
    if (!json_is(logprobs, JSON_OBJECT)) return reader_corrupt("log-probabilities that are none");
    if (json_find(logprobs, "tokens")) return columns_take(r, logprobs);
    TRY(list_take(r, member(logprobs, "content")));
    return list_take(r, member(logprobs, "refusal"));
}
