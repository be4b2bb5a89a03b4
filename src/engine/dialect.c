#include "engine/dialect.h"

#include <string.h>

#define DEEPSEEK(name) "<\uff5ctool\u2581" name "\uff5c>"

const struct dialect dialect_generic = {
    .name = "generic",
    .open = "<tool_call>",
    .before = "\n{\"name\": \"",
    .after = "\", \"arguments\": ",
    .close = "}\n</tool_call>",
    .next = "\n<tool_call>\n{\"name\": \"",
    .end = "",
};

// The first whose signs are all there.
static const struct dialect dialects[] = {
    // Qwen3-Coder, Qwen3.5, Nemotron 3 Nano, Step 3.5
    {.name = "qwen-coder",
     .signs = {"<tool_call>", "<function=", "<parameter="},
     .open = "<tool_call>",
     .before = "\n<function=",
     .after = ">",
     .close = "\n</function>\n</tool_call>",
     .next = "\n<tool_call>\n<function=",
     .end = "",
     .argument = {"\n<parameter=", ">\n", "\n</parameter>"},
     .arguments = DIALECT_TAGS},
    {.name = "seed",
     .signs = {"<seed:tool_call>", "<function=", "<parameter="},
     .open = "<seed:tool_call>",
     .before = "\n<function=",
     .after = ">",
     .close = "\n</function>\n</seed:tool_call>",
     .next = "\n<seed:tool_call>\n<function=",
     .end = "",
     .argument = {"\n<parameter=", ">", "</parameter>"},
     .arguments = DIALECT_TAGS},
    // GLM 4.5 to 4.7
    {.name = "glm",
     .signs = {"<tool_call>", "<arg_key>", "<arg_value>"},
     .open = "<tool_call>",
     .before = "",
     .after = "",
     .close = "\n</tool_call>",
     .next = "\n<tool_call>",
     .end = "",
     .argument = {"\n<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>"},
     .arguments = DIALECT_TAGS},
    // Functionary 3.1
    {.name = "functionary",
     .signs = {"<function=", "</function>"},
     .open = "<function=",
     .before = "",
     .after = ">",
     .close = "</function>",
     .next = "\n<function=",
     .end = ""},
    // Mistral since 2025: Small 3.2, Devstral, Ministral 3
    {.name = "mistral",
     .signs = {"[TOOL_CALLS]", "[ARGS]"},
     .open = "[TOOL_CALLS]",
     .before = "",
     .after = "[ARGS]",
     .close = "",
     .next = "[TOOL_CALLS]",
     .end = "",
     .ids = DIALECT_IDS_NINE},
    // Mistral 7B v0.3, Nemo, Large: a list
    {.name = "mistral-list",
     .signs = {"[TOOL_CALLS]"},
     .open = "[TOOL_CALLS]",
     .before = " [{\"name\": \"",
     .after = "\", \"arguments\": ",
     .tag = ", \"id\": \"\1\"",
     .close = "}",
     .next = ", {\"name\": \"",
     .end = "]",
     .ids = DIALECT_IDS_NINE},
    {.name = "deepseek-r1",
     .signs = {DEEPSEEK("calls\u2581begin"), "```json"},
     .open = DEEPSEEK("calls\u2581begin"),
     .before = DEEPSEEK("call\u2581begin") "function" DEEPSEEK("sep"),
     .after = "\n```json\n",
     .close = "\n```" DEEPSEEK("call\u2581end"),
     .next = "\n" DEEPSEEK("call\u2581begin") "function" DEEPSEEK("sep"),
     .end = DEEPSEEK("calls\u2581end")},
    {.name = "kimi",
     .signs = {"<|tool_calls_section_begin|>"},
     .open = "<|tool_calls_section_begin|>",
     .before = "<|tool_call_begin|>functions.",
     .after = ":\1<|tool_call_argument_begin|>",
     .close = "<|tool_call_end|>",
     .next = "<|tool_call_begin|>functions.",
     .end = "<|tool_calls_section_end|>",
     .ids = DIALECT_IDS_NAMED},
    // Command R7B, Command A
    {.name = "command",
     .signs = {"<|START_ACTION|>"},
     .open = "<|START_ACTION|>",
     .before = "[\n    {\"tool_call_id\": \"\1\", \"tool_name\": \"",
     .after = "\", \"parameters\": ",
     .close = "}",
     .next = ",\n    {\"tool_call_id\": \"\1\", \"tool_name\": \"",
     .end = "\n]<|END_ACTION|>"},
    // Nemotron Nano 2
    {.name = "nemotron",
     .signs = {"<TOOLCALL>"},
     .open = "<TOOLCALL>",
     .before = "[{\"name\": \"",
     .after = "\", \"arguments\": ",
     .close = "}",
     .next = ", {\"name\": \"",
     .end = "]</TOOLCALL>"},
    // Gemma 4
    {.name = "gemma",
     .signs = {"<|tool_call>", "<|\"|>"},
     .open = "<|tool_call>",
     .before = "call:",
     .after = "",
     .close = "<tool_call|>",
     .next = "<|tool_call>call:",
     .end = "",
     .quote = "<|\"|>",
     .arguments = DIALECT_PAIRS},
    {.name = "functiongemma",
     .signs = {"<start_function_call>", "<escape>"},
     .open = "<start_function_call>",
     .before = "call:",
     .after = "",
     .close = "<end_function_call>",
     .next = "<start_function_call>call:",
     .end = "",
     .quote = "<escape>",
     .arguments = DIALECT_PAIRS},
    // gpt-oss: everything is in channels, calls too
    {.name = "gpt-oss", .signs = {"<|channel|>", "<|message|>"}, .refused = true},
    // Qwen 2.5 and 3, QwQ, Hermes 2 and 3, Granite 4, MiMo and many more
    {.name = "hermes",
     .signs = {"<tool_call>"},
     .open = "<tool_call>",
     .before = "\n{\"name\": \"",
     .after = "\", \"arguments\": ",
     .close = "}\n</tool_call>",
     .next = "\n<tool_call>\n{\"name\": \"",
     .end = ""},
    // Llama 3.1 to 3.3
    {.name = "llama-3",
     .signs = {"ipython", "\"parameters\": "},
     .open = "<|python_tag|>",
     .before = "{\"name\": \"",
     .after = "\", \"parameters\": ",
     .close = "}",
     .next = "; {\"name\": \"",
     .end = "",
     .bare = true},
};

static bool has(struct view text, const char *sign) {
    return text.len && memmem(text.at, text.len, sign, strlen(sign)) != NULL;
}

const struct dialect *dialect_find(struct view chat_template) {
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        bool all = true;
        for (size_t j = 0; j < DIALECT_SIGNS_MAX && dialects[i].signs[j]; j++)
            all = all && has(chat_template, dialects[i].signs[j]);
        if (all) return &dialects[i];
    }
    return NULL;
}

enum sk_code dialect_check(const struct dialect *dialect) {
    if (!dialect->refused) return SK_OK;
    return FAIL(SK_UNSUPPORTED, "tools: calls as %s writes them are not known here",
                dialect->name);
}

bool dialect_match(const char *literal, struct view *text) {
    struct view left = *text;
    for (; *literal; literal++) {
        bool space = dialect_space(*literal), id = *literal == DIALECT_ID;
        if (!space && !id && (left.len == 0 || left.at[0] != *literal)) return false;
        if (!space && !id) left = view_from(left, 1);
        while (left.len && ((space && dialect_space(left.at[0])) ||
                            (id && dialect_name_char(left.at[0]))))
            left = view_from(left, 1);
    }
    *text = left;
    return true;
}

const struct dialect_thought *dialect_thought_find(struct view chat_template) {
    static const struct dialect_thought thoughts[] = {
        {"<think>", "</think>"},             // Qwen 3, DeepSeek R1, QwQ and many more
        {"[THINK]", "[/THINK]"},             // Magistral, Ministral 3
        {"<|START_THINKING|>", "<|END_THINKING|>"}, // Command
        {"<seed:think>", "</seed:think>"},
        {"<|channel>thought", "<channel|>"}, // Gemma 4
    };
    for (size_t i = 0; i < sizeof thoughts / sizeof *thoughts; i++)
        if (has(chat_template, thoughts[i].close)) return &thoughts[i];
    return NULL;
}
