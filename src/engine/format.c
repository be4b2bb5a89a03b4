#include "engine/format.h"

#include "engine/grammar.h"
#include "engine/schema.h"

// Any JSON object (RFC 8259). White space is bounded, so that an answer cannot be endless spaces.
static const char json_object[] =
    "root ::= object\n"
    "value ::= object | array | string | number | \"true\" | \"false\" | \"null\"\n"
    "object ::= \"{\" ws (member (\",\" ws member)*)? \"}\"\n"
    "member ::= string \":\" ws value ws\n"
    "array ::= \"[\" ws (value ws (\",\" ws value ws)*)? \"]\"\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "char ::= [^\"\\\\\\x00-\\x1F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" unit)\n"
    // Halves of surrogate pairs come in pairs, or not every reader takes them.
    "unit ::= [0-9A-CE-Fa-ce-f] [0-9A-Fa-f]{3} | [Dd] [0-7] [0-9A-Fa-f]{2} |\n"
    "  [Dd] [89ABab] [0-9A-Fa-f]{2} \"\\\\u\" [Dd] [C-Fc-f] [0-9A-Fa-f]{2}\n"
    "number ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15}) (\".\" [0-9]{1,16})? ([eE] [+\\-]? "
    "[0-9]{1,2})?\n"
    "ws ::= (\"\\n\" \" \"{0,32} | \" \")?\n";

static enum sk_code put_schema(struct view schema, struct buf *gbnf) {
    struct arena arena;
    TRY(arena_open(&arena, "schema", SCHEMA_MEMORY));
    uint64_t work = 0;
    enum sk_code code = schema_to_gbnf(schema, &arena, &work, gbnf);
    arena_close(&arena);
    return code;
}

enum sk_code format_gbnf(enum engine_format format, struct view text, struct buf *gbnf) {
    switch (format) {
    case ENGINE_JSON:
        buf_put_text(gbnf, json_object);
        break;
    case ENGINE_GBNF:
        buf_put_view(gbnf, text);
        break;
    case ENGINE_JSON_SCHEMA: TRY(put_schema(text, gbnf)); break;
    case ENGINE_FREE: must(false);
    }
    return buf_check(gbnf, "the grammar");
}

enum sk_code engine_format_gbnf(enum engine_format format, struct view text, struct buf *gbnf) {
    enum sk_code code = format_gbnf(format, text, gbnf);
    return code == SK_OK ? code : fail_within(code, "format");
}

enum sk_code engine_format_match(struct view gbnf, struct view text, size_t *taken, bool *whole) {
    struct grammars grammars = {0};
    struct grammar_run run;
    *taken = 0;
    *whole = false;
    enum sk_code code = grammar_run_init(&run, &grammars, gbnf);
    if (code == SK_OK) {
        code = grammar_run_text(&run, text, taken);
        *whole = code == SK_OK && grammar_run_ends(&run);
        if (code == SK_INPUT) code = SK_OK; // said by *taken
    }
    grammar_run_fini(&run);
    grammars_close(&grammars);
    return code == SK_OK ? code : fail_within(code, "format");
}
