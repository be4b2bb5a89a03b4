// The default model against llama.cpp on its weights as F32 (tests/parity/golden.mjs): tokens of
// texts, and greedy answers by their ids, for every kernel set. Arguments: source directory, build
// directory.
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "golden_file.h"

enum { IDS_MAX = 256 };

static const char *source;

// The next field of a line, ending at `end` or with the text.
static struct view take_field(struct view *at, char end) {
    const char *found = at->len ? memchr(at->at, end, at->len) : NULL;
    size_t len = found ? (size_t)(found - at->at) : at->len;
    struct view field = {at->at, len};
    *at = view_from(*at, len + 1);
    return field;
}

static struct view unescape(struct view text, char *out) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool escaped = text.at[i] == '\\' && i + 1 < text.len;
        if (escaped) i++;
        out[n++] = !escaped ? text.at[i] : text.at[i] == 'n' ? '\n' : '\t';
    }
    return (struct view){out, n};
}

static void assert_ids(const int32_t *ids, size_t len, struct view want, struct view text) {
    char got[IDS_MAX * 8];
    struct buf out = buf_over(got, sizeof got);
    for (size_t i = 0; i < len; i++) {
        if (i) buf_put_char(&out, ' ');
        buf_put_i64(&out, ids[i]);
    }
    if (!view_same(buf_view(&out), want))
        fail_msg("%.*s: %.*s, not %.*s", (int)text.len, text.at, (int)out.len, out.at,
                 (int)want.len, want.at);
}

static size_t answer(struct engine *engine, struct view text, int32_t *made) {
    const struct engine_message message = {ENGINE_USER, text};
    struct engine_job job = {.messages = &message, .messages_len = 1};
    int32_t ids[IDS_MAX];
    size_t len, n = 0;
    if (engine_prompt(engine, &job, ids, IDS_MAX, &len) != SK_OK ||
        engine_start(engine, 0, &job, ids, len) != SK_OK)
        fail_msg("%s", fail_text());
    for (;;) {
        struct engine_event event;
        engine_step(engine, &(uint32_t){0}, 1, &event);
        if (event.kind == ENGINE_STOPPED) return n;
        assert_int_not_equal(event.kind, ENGINE_LENGTH);
        if (event.kind == ENGINE_TEXT && n < IDS_MAX) made[n++] = event.token;
    }
}

static uint32_t check_lines(struct engine *engine, struct view lines) {
    uint32_t checked = 0;
    while (lines.len) {
        struct view line = take_field(&lines, '\n');
        if (line.len == 0 || line.at[0] == '#') continue;
        char bytes[1024];
        int32_t ids[IDS_MAX];
        size_t len;
        struct view kind = take_field(&line, '\t');
        struct view text = unescape(take_field(&line, '\t'), bytes);
        if (view_is(kind, "tokens"))
            assert_int_equal(engine_tokenize(engine, text, false, ids, IDS_MAX, &len), SK_OK);
        else
            len = answer(engine, text, ids);
        assert_ids(ids, len, line, text);
        checked++;
    }
    return checked;
}

static void the_model_answers_as_its_reference(void **state) {
    (void)state;
    char path[4200];
    snprintf(path, sizeof path, "%s/models/sekisho-keigo.gguf", source);
    struct view file = read_file(path);
    snprintf(path, sizeof path, "%s/tests/golden/keigo.tsv", source);
    struct view lines = read_file(path);
    for (enum engine_kernels kernels = ENGINE_SCALAR; kernels < ENGINE_KERNELS_END; kernels++) {
        struct engine_options options = {.slots = 1, .threads = 2, .kernels = kernels};
        struct engine *engine;
        enum sk_code code = engine_open_file(&engine, file, options);
        if (code == SK_UNSUPPORTED) print_message("not on this CPU: %s\n", fail_text());
        if (code == SK_UNSUPPORTED) continue;
        if (code != SK_OK) fail_msg("%s", fail_text());
        uint32_t checked = check_lines(engine, lines);
        print_message("%s: %u lines\n", engine_kernels_name(engine), checked);
        assert_true(checked >= 20);
        engine_close(engine);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    source = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_model_answers_as_its_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
