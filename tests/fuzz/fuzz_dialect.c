// Bytes as an answer with calls and thoughts, in any dialect and any chunks: parts are well-formed,
// and the same however the bytes are cut. The first byte chooses the dialect, the second what is
// believed; a chunk is as long as its first byte says.
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/dialect_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const signs[] = {
    "",
    "<tool_call>",
    "<tool_call><function=<parameter=",
    "<seed:tool_call><function=<parameter=",
    "<tool_call><arg_key><arg_value>",
    "<function=</function>",
    "[TOOL_CALLS][ARGS]",
    "[TOOL_CALLS]",
    "<\uff5ctool\u2581calls\u2581begin\uff5c>```json",
    "<|tool_calls_section_begin|>",
    "<|START_ACTION|>",
    "<TOOLCALL>",
    "ipython \"parameters\": ",
    "<|tool_call><|\"|>",
};
static const struct dialect_tools tools = {.len = 2,
                                           .name_lens = {1, 3},
                                           .names = {"f", "get"},
                                           .texts_len = 3,
                                           .texts = "\0\1a"};

static const char *const names[] = {
    "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<think>", "</think>",
    "<|\"|>", "<|tool_call>", "<|python_tag|>",
    "<\uff5ctool\u2581calls\u2581begin\uff5c>", "<\uff5ctool\u2581call\u2581begin\uff5c>",
};

struct said {
    char text[1 << 16];
    struct buf out;
    int channel;
};

// As one text: parts of one channel joined, each begun by its number.
static void add_parts(struct said *said, const struct answer *answer) {
    must(answer->parts_len <= ENGINE_PARTS_MAX);
    for (uint32_t i = 0; i < answer->parts_len; i++) {
        struct engine_part part = answer->parts[i];
        must(part.text.len > 0 && utf8_check(part.text));
        must(part.channel != ENGINE_CALL || dialect_tools_find(&tools, part.text) >= 0);
        must(part.channel >= ENGINE_CALL || said->channel < ENGINE_CALL);
        must(part.channel != ENGINE_ARGUMENTS || said->channel >= ENGINE_CALL);
        if (part.channel == ENGINE_CALL || said->channel != (int)part.channel)
            buf_put_char(&said->out, (char)(1 + part.channel));
        said->channel = (int)part.channel;
        buf_put_view(&said->out, part.text);
    }
}

static enum sk_code decide(struct answer *answer, bool believes) {
    bool marked;
    struct view text[2];
    while (answer_asks(answer, &marked, text))
        TRY(believes ? answer_accept(answer) : answer_refuse(answer));
    return SK_OK;
}

// Adds the next chunk; 2 and another byte are a control token. Returns its length.
static size_t put(struct answer *answer, struct view left, bool whole, enum sk_code *code) {
    answer_next(answer);
    if (left.at[0] == 2) {
        uint8_t name = left.len > 1 ? (uint8_t)left.at[1] : 0;
        *code = answer_mark(answer, view_of(names[name % (sizeof names / sizeof *names)]));
        return left.len > 1 ? 2 : 1;
    }
    size_t n = whole ? 64 : 1 + (uint8_t)left.at[0] % 7;
    if (n > left.len) n = left.len;
    const char *control = memchr(left.at, 2, n);
    if (control) n = (size_t)(control - left.at);
    *code = answer_put(answer, (struct view){left.at, n});
    return n;
}

// `whole`: in chunks as large as may be, else as the bytes say.
static enum sk_code read_answer(const uint8_t *data, size_t size, bool whole, struct said *said) {
    static struct answer answer;
    struct engine_job job = {.stops_len = 0};
    const char *sign = signs[data[0] % (sizeof signs / sizeof *signs)];
    const struct dialect *dialect = data[0] & 0x80 ? &dialect_generic : dialect_find(view_of(sign));
    const struct dialect_thought *thought =
        data[1] & 1 ? dialect_thought_find(view_of("</think>")) : NULL;
    must(answer_init(&answer, &job, dialect, thought, &tools, data[1] & 2) == SK_OK);
    said->out = buf_over(said->text, sizeof said->text);
    said->channel = -1;
    struct view left = {(const char *)data + 2, size - 2};
    while (left.len) {
        enum sk_code code;
        size_t n = put(&answer, left, whole, &code);
        TRY(code);
        TRY(decide(&answer, !(data[1] & 4)));
        add_parts(said, &answer);
        left = view_from(left, n);
    }
    answer_next(&answer);
    TRY(answer_end(&answer));
    add_parts(said, &answer);
    return SK_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct said one, other;
    if (size < 2 || size > 8192) return 0;
    bool same = read_answer(data, size, true, &one) == SK_OK;
    same = read_answer(data, size, false, &other) == SK_OK && same;
    if (same) must(view_same(buf_view(&one.out), buf_view(&other.out)));
    return 0;
}
