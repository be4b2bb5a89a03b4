// A real checkpoint (karpathy/tinyllamas stories260K, MIT): the text llama2.c is known to write from
// it at temperature 0, and one drawn by our own sampler, kept since it was first drawn (I9: any
// machine draws it again). 200 tokens from BOS, for every kernel set and thread count.
// Arguments: source directory, build directory (the converted model goes there).
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/engine.h"
#include "golden_file.h"

enum { STEPS = 200, BOS = 1 };

static const char *source, *build;
static char stories[4096]; // directory of the checkpoint

// True when ../shared has the checkpoint; a strict run fails without it.
static bool have_stories(void) {
    const char *shared = getenv("SEKISHO_SHARED"), *strict = getenv("SEKISHO_STRICT");
    char path[4200];
    if (shared)
        snprintf(stories, sizeof stories, "%s/data/train/stories260K", shared);
    else
        snprintf(stories, sizeof stories, "%s/../shared/data/train/stories260K", source);
    snprintf(path, sizeof path, "%s/stories260K.bin", stories);
    if (access(path, R_OK) == 0) return true;
    if (strict && strcmp(strict, "1") == 0) fail_msg("%s is missing", path);
    print_message("skip: 1 test needs %s\n", path);
    return false;
}

static struct view convert(void) {
    static char script[4200], model[4200], tokens[4200], out[4200];
    snprintf(script, sizeof script, "%s/scripts/gguf_stories.py", source);
    snprintf(model, sizeof model, "%s/stories260K.bin", stories);
    snprintf(tokens, sizeof tokens, "%s/tok512.bin", stories);
    snprintf(out, sizeof out, "%s/stories260K.gguf", build);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        execlp("python3", "python3", script, model, tokens, out, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("%s failed", script);
    return read_file(out);
}

static void write_story(struct engine *engine, const struct engine_job *job, struct buf *out) {
    const int32_t bos = BOS;
    struct engine_event event;
    if (engine_start(engine, 0, job, &bos, 1) != SK_OK) fail_msg("%s", fail_text());
    do {
        engine_step(engine, &(uint32_t){0}, 1, &event);
        engine_event_content(&event, out);
    } while (event.kind == ENGINE_TEXT);
    assert_int_equal(event.kind, ENGINE_LENGTH);
    assert_int_equal(event.tokens, STEPS);
}

static void assert_story(const struct engine_job *job, const char *expected) {
    char text[2048];
    struct view file = convert(), want = read_file(expected);
    for (enum engine_kernels kernels = ENGINE_SCALAR; kernels < ENGINE_KERNELS_END; kernels++) {
        for (uint32_t threads = 1; threads <= 2; threads++) {
            struct engine_options options = {.slots = 1, .threads = threads, .kernels = kernels};
            struct engine *engine;
            enum sk_code code = engine_open_file(&engine, file, options);
            if (code == SK_UNSUPPORTED) {
                print_message("not on this CPU: %s\n", fail_text());
                break;
            }
            if (code != SK_OK) fail_msg("%s", fail_text());
            struct buf out = buf_over(text, sizeof text);
            write_story(engine, job, &out);
            buf_put_char(&out, '\n'); // as llama2.c's run ends
            if (!view_same(buf_view(&out), want))
                fail_msg("%s, %u threads: %.*s", engine_kernels_name(engine), threads, (int)out.len,
                         out.at);
            print_message("%s, %u threads: the same %zu bytes\n", engine_kernels_name(engine),
                          threads, out.len);
            engine_close(engine);
        }
    }
}

static void the_likeliest_story_is_the_known_one(void **state) {
    (void)state;
    if (!have_stories()) return;
    char path[4200];
    snprintf(path, sizeof path, "%s/expected-t0-n200.txt", stories);
    struct engine_job job = {.tokens_max = STEPS};
    assert_story(&job, path);
}

static void a_drawn_story_stays_the_same(void **state) {
    (void)state;
    if (!have_stories()) return;
    char path[4200];
    snprintf(path, sizeof path, "%s/tests/golden/stories-drawn.txt", source);
    struct engine_job job = {
        .tokens_max = STEPS,
        .sampling = {.temperature = 1, .top_p = 0.9f, .top_k = 40, .seed = 133742}};
    assert_story(&job, path);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    source = argv[1];
    build = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_likeliest_story_is_the_known_one),
        cmocka_unit_test(a_drawn_story_stays_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
