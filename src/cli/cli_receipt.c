#include "cli/cli_receipt.h"

#include "base/json.h"
#include "base/text.h"
#include "gate/gate.h"
#include "node/choice.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum sk_code cli_receipt_key(const char *text, struct note_key *key) {
    char storage[1024];
    struct buf file = buf_over(storage, sizeof storage);
    struct view vkey = view_of(text);
    if (access(text, R_OK) == 0) {
        TRY(cli_read(text, &file));
        vkey = buf_view(&file);
        while (vkey.len > 0 && vkey.at[vkey.len - 1] == '\n')
            vkey.len--;
    }
    return note_key_parse(vkey, key);
}

bool cli_choice(const char *text, uint32_t *index) {
    uint64_t number = 0;
    if (text && (!decimal_take(view_of(text), &number) || number >= GATE_TASKS_MAX)) return false;
    *index = (uint32_t)number;
    return true;
}

static void part_add(struct cli_receipt *found, enum engine_channel channel,
                     const struct json_node *text) {
    if (!json_is(text, JSON_STRING)) return;
    struct engine_part part = {channel, json_view(text)};
    if (part.text.len) choice_put(&found->channel, part, &found->answer);
    found->has_answer = true;
}

// Of a completion, which may begin with its prompt.
static void text_add(struct cli_receipt *found, const struct json_node *choice) {
    const struct json_node *text = json_find(choice, "text");
    int64_t echoed = 0;
    json_i64(json_find(json_find(choice, "sekisho"), "echoed"), &echoed);
    if (!json_is(text, JSON_STRING) || echoed < 0) return;
    struct engine_part part = {ENGINE_CONTENT, view_from(json_view(text), (size_t)echoed)};
    if (part.text.len) choice_put(&found->channel, part, &found->answer);
    found->has_answer = true;
}

// A message or a delta of one. Of a whole message, where the client cannot see what came first:
// reasoning, then content, then calls, as models speak.
static void message_add(struct cli_receipt *found, const struct json_node *message) {
    const struct json_node *calls = json_find(message, "tool_calls");
    part_add(found, ENGINE_REASONING, json_find(message, "reasoning_content"));
    part_add(found, ENGINE_CONTENT, json_find(message, "content"));
    uint32_t len = json_is(calls, JSON_ARRAY) ? calls->len : 0;
    const struct json_node *call = len ? json_first(calls) : NULL;
    for (uint32_t i = 0; i < len; i++, call = json_next(call)) {
        const struct json_node *function = json_find(call, "function");
        part_add(found, ENGINE_CALL, json_find(function, "name"));
        part_add(found, ENGINE_ARGUMENTS, json_find(function, "arguments"));
    }
}

static const struct json_node *item_at(const struct json_node *list, uint32_t index) {
    if (!json_is(list, JSON_ARRAY) || index >= list->len) return NULL;
    const struct json_node *item = json_first(list);
    while (index-- > 0)
        item = json_next(item);
    return item;
}

// The choice asked for, in an answer or an event.
static const struct json_node *choice_find(const struct json_node *choices, uint32_t index) {
    for (uint32_t i = 0; json_is(choices, JSON_ARRAY) && i < choices->len; i++) {
        const struct json_node *choice = item_at(choices, i);
        int64_t number;
        if (json_i64(json_find(choice, "index"), &number) && number == index) return choice;
    }
    return NULL;
}

// One JSON value: a receipt, or an API answer or stream event with one inside or a piece of text.
static enum sk_code find_in_value(char *at, size_t len, struct arena *arena,
                                  struct cli_receipt *found) {
    const struct json_node *root;
    TRY(json_parse(at, len, arena, &root));
    const struct json_node *choices = json_find(root, "choices"),
                           *ours = json_find(root, "sekisho");
    const struct json_node *choice = choice_find(choices, found->choice);
    const struct json_node *delta = json_find(choice, "delta");
    const struct json_node *receipt = json_find(ours, "receipt");
    message_add(found, delta ? delta : json_find(choice, "message"));
    text_add(found, choice);
    if (!receipt) receipt = item_at(json_find(ours, "receipts"), found->choice);
    if (choices && (!choice || !receipt)) return SK_OK; // an event before the last, or of another
    struct json_writer w = json_writer_to(&found->receipt);
    json_put_node(&w, receipt ? receipt : root);
    return SK_OK;
}

// A whole file: one value, or the lines of an event stream as curl -N saves them.
static enum sk_code find_in_file(struct buf *file, struct arena *arena, struct cli_receipt *found) {
    static const struct view data = {"data: ", 6};
    char *at = file->at, *end = file->at + file->len;
    if (!view_starts(buf_view(file), data)) return find_in_value(at, file->len, arena, found);
    while (at < end) {
        char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        struct view line = {at, (size_t)(stop - at)};
        if (view_starts(line, data) && !view_is(line, "data: [DONE]"))
            TRY(find_in_value(at + data.len, line.len - data.len, arena, found));
        at = stop < end ? stop + 1 : end;
    }
    return SK_OK;
}

enum sk_code cli_receipt_find(struct buf *file, uint32_t choice, struct arena *arena,
                              struct cli_receipt *found) {
    static char receipt[RECEIPT_MAX], answer[CLI_FILE_MAX];
    *found = (struct cli_receipt){.choice = choice,
                                  .receipt = buf_over(receipt, sizeof receipt),
                                  .answer = buf_over(answer, sizeof answer)};
    TRY(find_in_file(file, arena, found));
    TRY(buf_check(&found->answer, "answer"));
    if (found->receipt.len == 0) return FAIL(SK_INPUT, "no receipt of that answer in this file");
    return buf_check(&found->receipt, "receipt");
}

enum sk_code cli_answer_read(struct buf *file, uint32_t choice, struct arena *arena,
                             struct buf *answer) {
    static char receipt[RECEIPT_MAX], value[CLI_FILE_MAX];
    struct cli_receipt found = {.choice = choice,
                                .receipt = buf_over(receipt, sizeof receipt),
                                .answer = buf_over(value, sizeof value)};
    char *text = arena_text(arena, buf_view(file));
    if (!text) return SK_LIMIT;
    struct engine_part part = {ENGINE_CONTENT, {text, file->len}};
    if (find_in_file(file, arena, &found) != SK_OK || !found.has_answer) {
        buf_reset(&found.answer);
        found.channel = ENGINE_CONTENT;
        choice_put(&found.channel, part, &found.answer);
    }
    *answer = found.answer;
    return buf_check(answer, "answer");
}
