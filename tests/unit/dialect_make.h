// A small template of every dialect, as dialect_try finds it: for tests of answers and grammars.
#pragma once
#include <stddef.h>

#define MAKE_DS(name) "<\uff5ctool\u2581" name "\uff5c>"
#define MAKE_NAME "{{ c.function.name }}"
#define MAKE_ARGUMENTS "{{ c.function.arguments | tojson }}"
#define MAKE_PAIRS(open, between, close)                                                           \
    "{% for k, v in c.function.arguments | items %}" open "{{ k }}" between                        \
    "{{ v if v is string else v | tojson }}" close "{% endfor %}"
#define MAKE_TEMPLATE(before, call, after)                                                         \
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}"                \
    "{{ m.role ~ ':' ~ (m.content or '') }}{% if m.tool_calls %}" before                           \
    "{% for c in m.tool_calls %}" call "{% endfor %}" after "{% endif %};{% endfor %}a:"

#define MAKE_GEMMA(open, quote, close)                                                             \
    MAKE_TEMPLATE("", open MAKE_NAME "{{ '{' }}{% for k, v in c.function.arguments | items %}"     \
                      "{{ ',' if not loop.first }}{{ k }}:{% if v is string %}" quote "{{ v }}"    \
                      quote "{% else %}{{ v | tojson }}{% endif %}{% endfor %}{{ '}' }}" close, "")

struct dialect_make {
    const char *name, *source;
    const char *marks[4]; // that may be tokens: first the one that calls begin with
    const char *end;      // of an argument between tags, or NULL
};

static const struct dialect_make dialect_makes[] = {
    {"generic", "{% for m in messages %}{{ m.role ~ ':' ~ m.content ~ ';' }}{% endfor %}a:",
     {"<tool_call>", "</tool_call>"}, NULL},
    {"hermes",
     MAKE_TEMPLATE("", "<tool_call>\n{\"name\": \"" MAKE_NAME "\", \"arguments\": " MAKE_ARGUMENTS
                       "}\n</tool_call>", ""),
     {"<tool_call>", "</tool_call>"}, NULL},
    {"qwen-coder",
     MAKE_TEMPLATE("", "<tool_call>\n<function=" MAKE_NAME ">\n"
                       MAKE_PAIRS("<parameter=", ">\n", "\n</parameter>\n")
                       "</function>\n</tool_call>", ""),
     {"<tool_call>", "</tool_call>"}, "\n</parameter>"},
    {"seed",
     MAKE_TEMPLATE("", "<seed:tool_call>\n<function=" MAKE_NAME ">\n"
                       MAKE_PAIRS("<parameter=", ">", "</parameter>\n")
                       "</function>\n</seed:tool_call>", ""),
     {"<seed:tool_call>", "</seed:tool_call>"}, "</parameter>"},
    {"glm",
     MAKE_TEMPLATE("", "<tool_call>" MAKE_NAME "\n"
                       MAKE_PAIRS("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>\n")
                       "</tool_call>", ""),
     {"<tool_call>", "</tool_call>"}, "</arg_value>"},
    {"functionary", MAKE_TEMPLATE("", "<function=" MAKE_NAME ">" MAKE_ARGUMENTS "</function>", ""),
     {"<function="}, NULL},
    {"mistral", MAKE_TEMPLATE("", "[TOOL_CALLS]" MAKE_NAME "[ARGS]" MAKE_ARGUMENTS, ""),
     {"[TOOL_CALLS]", "[ARGS]"}, NULL},
    {"mistral-list",
     MAKE_TEMPLATE("[TOOL_CALLS] [", "{\"name\": \"" MAKE_NAME "\", \"arguments\": " MAKE_ARGUMENTS
                   ", \"id\": \"{{ c.id }}\"}{{ ', ' if not loop.last }}", "]"),
     {"[TOOL_CALLS]"}, NULL},
    {"deepseek-r1",
     MAKE_TEMPLATE(MAKE_DS("calls\u2581begin"),
                   MAKE_DS("call\u2581begin") "function" MAKE_DS("sep") MAKE_NAME "\n```json\n"
                   MAKE_ARGUMENTS "\n```" MAKE_DS("call\u2581end") "\n", MAKE_DS("calls\u2581end")),
     {MAKE_DS("calls\u2581begin"), MAKE_DS("call\u2581begin"), MAKE_DS("sep"),
      MAKE_DS("calls\u2581end")}, NULL},
    {"kimi",
     MAKE_TEMPLATE("<|tool_calls_section_begin|>",
                   "<|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>" MAKE_ARGUMENTS
                   "<|tool_call_end|>", "<|tool_calls_section_end|>"),
     {"<|tool_calls_section_begin|>", "<|tool_call_begin|>", "<|tool_call_argument_begin|>",
      "<|tool_call_end|>"}, NULL},
    {"command",
     MAKE_TEMPLATE("<|START_ACTION|>[\n",
                   "    {\"tool_call_id\": \"{{ loop.index0 }}\", \"tool_name\": \"" MAKE_NAME
                   "\", \"parameters\": " MAKE_ARGUMENTS "}{{ ',' if not loop.last }}\n",
                   "]<|END_ACTION|>"),
     {"<|START_ACTION|>", "<|END_ACTION|>"}, NULL},
    {"nemotron",
     MAKE_TEMPLATE("<TOOLCALL>[", "{\"name\": \"" MAKE_NAME "\", \"arguments\": " MAKE_ARGUMENTS
                   "}{{ ', ' if not loop.last }}", "]</TOOLCALL>"),
     {"<TOOLCALL>"}, NULL},
    {"gemma", MAKE_GEMMA("<|tool_call>call:", "<|\"|>", "<tool_call|>"),
     {"<|tool_call>", "<tool_call|>", "<|\"|>"}, NULL},
    {"functiongemma", MAKE_GEMMA("<start_function_call>call:", "<escape>", "<end_function_call>"),
     {"<start_function_call>", "<end_function_call>", "<escape>"}, NULL},
    {"llama-3",
     "ipython " MAKE_TEMPLATE("", "{\"name\": \"" MAKE_NAME "\", \"parameters\": " MAKE_ARGUMENTS "}",
                              ""),
     {"<|python_tag|>"}, NULL},
};
enum { DIALECT_MAKES = sizeof dialect_makes / sizeof *dialect_makes };
