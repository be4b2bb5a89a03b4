// Answers run.mjs, a line of JSON for a line of JSON: {"schema": text, "walks": how many random
// texts, "seed": number, "texts": [..]} becomes {"code", "error"} or {"bytes", "rules", "walks":
// [texts], "matches": [whether each text is one of the grammar's]}. Two readers of the grammar, the
// engine's and gbnf.c, must agree on every text.
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "engine/grammar.h"
#include "engine/schema.h"
#include "gbnf.h"

enum { LINE_MAX_LEN = 4 << 20, GBNF_MAX = 1 << 20, WALK_BUDGET = 120 };

static struct arena arena, request;
static struct buf grammar, out, text;

static void fail_now(const char *what) {
    fprintf(stderr, "check: %s: %s\n", what, fail_text());
    exit(1);
}

static bool engine_matches(struct view one) {
    static struct grammars grammars;
    struct grammar_run run = {0};
    size_t taken;
    if (grammar_run_init(&run, &grammars, buf_view(&grammar)) != SK_OK) fail_now("the engine");
    enum sk_code code = grammar_run_text(&run, one, &taken);
    bool matches = code == SK_OK && grammar_run_ends(&run);
    grammar_run_fini(&run);
    if (code != SK_OK && code != SK_INPUT) fail_now("the engine");
    return matches;
}

static bool matches(const struct gbnf *gbnf, struct view one) {
    size_t used = arena.used;
    bool found = gbnf_matches(gbnf, one, &arena);
    arena.used = used;
    if (found != engine_matches(one)) {
        fprintf(stderr, "check: %s only by gbnf.c: %.*s\n", found ? "taken" : "refused",
                (int)one.len, one.at);
        exit(1);
    }
    return found;
}

static void answer(struct json_writer *w, const struct json_node *ask) {
    int64_t walks = 0, seed = 1;
    json_i64(json_find(ask, "walks"), &walks);
    json_i64(json_find(ask, "seed"), &seed);
    const struct gbnf *gbnf = gbnf_read(buf_view(&grammar), &arena);
    json_member_u64(w, "bytes", grammar.len);
    json_member_u64(w, "rules", gbnf_rules(gbnf));
    json_name(w, "walks");
    json_open(w, '[');
    uint64_t state = (uint64_t)seed;
    for (int64_t i = 0; i < walks; i++) {
        buf_reset(&text);
        gbnf_walk(gbnf, &state, i % 4 ? WALK_BUDGET : 0, &text);
        if (text.over) fail_now("a walk is too long");
        json_put_string(w, buf_view(&text));
        if (!matches(gbnf, buf_view(&text))) fail_now("a walk does not match");
    }
    json_close(w, ']');
    json_name(w, "matches");
    json_open(w, '[');
    const struct json_node *texts = json_find(ask, "texts"), *one = json_first(texts);
    for (uint32_t i = 0; texts && i < texts->len; i++, one = json_next(one))
        json_put_bool(w, matches(gbnf, json_view(one)));
    json_close(w, ']');
}

static void answer_line(char *line, size_t len) {
    const struct json_node *ask;
    arena_reset(&arena);
    arena_reset(&request);
    buf_reset(&grammar);
    buf_reset(&out);
    if (json_parse(line, len, &request, &ask) != SK_OK) fail_now("request");
    struct json_writer w = json_writer_to(&out);
    json_open(&w, '{');
    uint64_t work = 0;
    enum sk_code code =
        schema_to_gbnf(json_view(json_find(ask, "schema")), &arena, &work, &grammar);
    json_member_text(&w, "code", fail_name(code));
    if (code == SK_OK) {
        answer(&w, ask);
    } else {
        json_member_text(&w, "error", fail_text());
    }
    json_close(&w, '}');
    if (out.over) fail_now("an answer is too long");
    printf("%.*s\n", (int)out.len, out.at);
    fflush(stdout);
}

int main(void) {
    static char line[LINE_MAX_LEN];
    if (arena_open(&arena, "schema", (size_t)512 << 20) ||
        arena_open(&request, "request", 64 << 20) || buf_open(&grammar, GBNF_MAX) ||
        buf_open(&out, LINE_MAX_LEN) || buf_open(&text, 1 << 20))
        fail_now("memory");
    while (fgets(line, sizeof line, stdin))
        answer_line(line, strcspn(line, "\n"));
    return 0;
}
