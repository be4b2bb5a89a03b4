// Runs: going on is the same as not having stopped, whatever ends them; what stops them for good.
#include "cmocka_chance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/run.h"
#include "train_data_make.h"

#define RECIPE(more)                                                                               \
    "name: x\noutput: o\nseed: 3\nmodel: {layers: 2, width: 32, heads: 2, heads_kv: 1, ff: 48, "   \
    "context: 16}\ntokenizer: {file: t}\nbatch: {rows: 2, accumulate: 2}\n"                        \
    "data: {validation: 0.2, sources: [{name: a, files: [a], licence: MIT, documents: line}]}\n"   \
    "evaluate_every: 5\n" more
#define TWENTY RECIPE("steps: 20\ncheckpoint_every: 4\nschedule: {warm_up: 3}\n")

enum { LINES_MAX = 1 << 14, VOCABULARY = 325 };

struct bench { // a recipe, data and what a run told
    struct arena arena;
    struct recipe recipe;
    struct sources sources;
    struct data data;
    char text[LINES_MAX], lines[LINES_MAX];
    struct buf told;
    uint64_t begun;
    struct source_file files[2];
    volatile sig_atomic_t stop;
    uint64_t stop_at;
};

static enum sk_code told(void *self, const struct run_event *event) {
    struct bench *b = self;
    if (event->kind == RUN_BEGINS) b->begun = event->step;
    if (event->kind == RUN_STEP)
        buf_print(&b->told, "step %llu loss %a rate %a norm %a\n", (unsigned long long)event->step,
                  event->loss, event->rate, event->norm);
    if (event->kind == RUN_EVALUATED)
        buf_print(&b->told, "held %llu loss %a bits %a\n", (unsigned long long)event->step,
                  event->loss, event->bits_per_byte);
    assert_false(b->told.over);
    if (event->kind == RUN_STEP && event->step == b->stop_at) b->stop = 1;
    return SK_OK;
}

static void take_recipe(struct bench *b, const char *text) {
    arena_reset(&b->arena);
    if (recipe_read(view_of(text), "r", &b->arena, &b->recipe) != SK_OK) fail_msg("%s", fail_text());
}

static void bench_open(struct bench *b, const char *recipe) {
    static const uint8_t key[HASH_LEN] = {1};
    memset(b, 0, sizeof *b);
    uint64_t seed = 5;
    struct buf text = buf_over(b->text, sizeof b->text - 1);
    static const char *const words[] = {"hello", "world", "こんにちは", "世界", "user", "start"};
    for (int i = 0; i < 300; i++)
        buf_print(&text, "%s %s %s\n", words[chance_next(&seed) % 6],
                  words[chance_next(&seed) % 6], words[chance_next(&seed) % 6]);
    b->files[0] = (struct source_file){"a", b->text};
    b->told = buf_over(b->lines, sizeof b->lines);
    assert_int_equal(arena_open(&b->arena, "recipe", 16 << 20), SK_OK);
    take_recipe(b, recipe);
    sources_open(&b->sources, b->files, NULL);
    struct sources *s = &b->sources;
    enum sk_code code = data_build(&b->recipe, key, &s->tokens, &s->outside, &s->world);
    if (code == SK_OK) code = data_open(&b->data, &s->world, &b->recipe, key);
    if (code != SK_OK) fail_msg("%s", fail_text());
}

static void bench_close(struct bench *b) {
    data_close(&b->data);
    sources_close(&b->sources);
    arena_close(&b->arena);
}

static struct run_options options_of(struct bench *b, uint32_t threads) {
    b->stop = 0;
    struct run_options options = {.recipe = &b->recipe,
                                  .world = &b->sources.world,
                                  .data = &b->data,
                                  .shape = b->recipe.shape,
                                  .threads = threads,
                                  .stop = &b->stop,
                                  .told = told,
                                  .self = b};
    options.shape.vocabulary = VOCABULARY;
    return options;
}

// Runs until it ends, stops or fails; the parameters it came to, the caller's to free.
static enum sk_code go(struct bench *b, uint32_t threads, float **out, size_t *bytes) {
    struct run_options options = options_of(b, threads);
    struct run *run;
    bool ended;
    enum sk_code code = run_open(&run, &options);
    if (code != SK_OK) return code;
    code = run_go(run, &ended);
    if (out) {
        *bytes = run_learner(run)->tensors.floats * sizeof(float);
        *out = malloc(*bytes);
        assert_non_null(*out);
        memcpy(*out, run_learner(run)->adam.parameters, *bytes);
    }
    run_close(run);
    return code;
}

static float *whole(const char *recipe, uint32_t threads, char *lines, size_t *bytes) {
    static struct bench b;
    float *parameters;
    bench_open(&b, recipe);
    if (go(&b, threads, &parameters, bytes) != SK_OK) fail_msg("%s", fail_text());
    buf_put_char(&b.told, 0);
    memcpy(lines, b.lines, b.told.len);
    bench_close(&b);
    return parameters;
}

static void it_learns(void **state) {
    (void)state;
    static char lines[LINES_MAX];
    size_t bytes;
    free(whole(RECIPE("steps: 80\noptimiser: {rate: 0.01}\nschedule: {warm_up: 5}\n"), 2, lines,
               &bytes));
    double first = 0, last = 0;
    for (char *at = lines; (at = strstr(at, "held ")); at++) {
        last = strtod(strstr(at, "loss ") + 5, NULL);
        if (first == 0) first = last;
    }
    assert_true(first > 3);
    assert_true(last < 1.5);
}

static void threads_change_no_bit(void **state) {
    (void)state;
    static char one[LINES_MAX], two[LINES_MAX];
    size_t bytes, again;
    float *a = whole(TWENTY, 1, one, &bytes), *b = whole(TWENTY, 3, two, &again);
    assert_int_equal(bytes, again);
    assert_memory_equal(a, b, bytes);
    assert_string_equal(one, two);
    free(a);
    free(b);
}

static void stopping_changes_no_bit(void **state) {
    (void)state;
    static char lines[LINES_MAX];
    static struct bench b;
    size_t bytes;
    float *want = whole(TWENTY, 2, lines, &bytes), *is;
    bench_open(&b, TWENTY);
    b.stop_at = 10;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    b.stop_at = 0;
    assert_int_equal(go(&b, 2, &is, &bytes), SK_OK);
    assert_int_equal(b.begun, 10);
    buf_put_char(&b.told, 0);
    assert_string_equal(lines, b.lines);
    assert_memory_equal(want, is, bytes);
    free(is);
    // One that has ended stays as it is.
    assert_int_equal(go(&b, 2, &is, &bytes), SK_OK);
    assert_int_equal(b.begun, 20);
    assert_memory_equal(want, is, bytes);
    free(is);
    free(want);
    bench_close(&b);
}

// Power fails at any disk call; each time the run goes on from what the disk kept.
static void power_loss_changes_no_bit(void **state) {
    (void)state;
    static char lines[LINES_MAX];
    static struct bench b;
    size_t bytes;
    float *want = whole(TWENTY, 2, lines, &bytes), *is = NULL;
    uint64_t crashes = 0, went_on = 0;
    for (int round = 0; round < 12; round++) {
        bench_open(&b, TWENTY);
        for (int life = 0; life < 6; life++) {
            bool last = life == 5;
            world_sim_stop_after(b.sources.sim, last ? UINT64_MAX : chance_next(&chance_state) % 400);
            enum sk_code code = go(&b, 2, last ? &is : NULL, &bytes);
            if (last && code != SK_OK) fail_msg("%s", fail_text());
            if (code == SK_OK) continue;
            world_sim_crash(b.sources.sim);
            static const uint8_t key[HASH_LEN] = {1};
            b.data = (struct data){0};
            assert_int_equal(data_open(&b.data, &b.sources.world, &b.recipe, key), SK_OK);
            crashes++;
            went_on += b.begun > 0;
        }
        assert_memory_equal(want, is, bytes);
        free(is);
        bench_close(&b);
    }
    print_message("%llu crashes, %llu of runs that had gone on\n", (unsigned long long)crashes,
                  (unsigned long long)went_on);
    free(want);
}

static void full_disk_leaves_the_last_checkpoint(void **state) {
    (void)state;
    static char lines[LINES_MAX];
    static struct bench b;
    size_t bytes;
    float *want = whole(TWENTY, 2, lines, &bytes), *is;
    bench_open(&b, TWENTY);
    b.stop_at = 9;
    assert_int_equal(go(&b, 2, NULL, NULL), SK_OK);
    b.stop_at = 0;
    world_sim_faults(b.sources.sim, (struct world_faults){.write_full = 65536});
    assert_int_equal(go(&b, 2, NULL, NULL), SK_LIMIT);
    assert_non_null(strstr(fail_text(), "the checkpoint of step 12 is not written"));
    assert_non_null(strstr(fail_text(), "full"));
    world_sim_faults(b.sources.sim, (struct world_faults){0});
    assert_int_equal(go(&b, 2, &is, &bytes), SK_OK);
    assert_int_equal(b.begun, 9);
    assert_memory_equal(want, is, bytes);
    free(is);
    free(want);
    bench_close(&b);
}

static void flip(struct bench *b, const char *name, uint64_t at) {
    const struct world *w = &b->sources.world;
    uint8_t byte;
    size_t got;
    int file;
    assert_int_equal(w->open(w->self, name, 0, &file), SK_OK);
    assert_int_equal(w->read(w->self, file, at, &byte, 1, &got), SK_OK);
    byte ^= 4;
    assert_int_equal(w->write(w->self, file, at, &byte, 1), SK_OK);
    w->close(w->self, file);
}

static void damaged_checkpoint_is_passed_over(void **state) {
    (void)state;
    static struct bench b;
    bench_open(&b, TWENTY);
    b.stop_at = 9;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    flip(&b, "checkpoint", 5000);
    b.stop_at = 10;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    assert_int_equal(b.begun, 8);
    flip(&b, "checkpoint", 5000);
    flip(&b, "checkpoint.old", 40);
    assert_int_equal(go(&b, 1, NULL, NULL), SK_CORRUPT);
    assert_non_null(strstr(fail_text(), "torn or damaged"));
    // Alone too it is why, not that there is no older one.
    b.sources.world.remove(b.sources.world.self, "checkpoint.old");
    assert_int_equal(go(&b, 1, NULL, NULL), SK_CORRUPT);
    assert_non_null(strstr(fail_text(), "checkpoint: its digest does not fit"));
    assert_non_null(strstr(fail_text(), "--fresh"));
    bench_close(&b);
}

// The older one took a damaged one's place when the power failed; the new one has no name yet.
static void one_without_its_name_is_taken_last(void **state) {
    (void)state;
    static struct bench b;
    bench_open(&b, TWENTY);
    const struct world *w = &b.sources.world;
    b.stop_at = 9;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    assert_int_equal(w->rename(w->self, "checkpoint", "checkpoint.new"), SK_OK);
    b.stop_at = 10;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    assert_int_equal(b.begun, 8);
    assert_int_equal(w->rename(w->self, "checkpoint", "checkpoint.new"), SK_OK);
    flip(&b, "checkpoint.old", 40);
    b.stop_at = 11;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    assert_int_equal(b.begun, 10);
    // A torn one is as none: so ends a run that had no other.
    assert_int_equal(w->rename(w->self, "checkpoint", "checkpoint.new"), SK_OK);
    w->remove(w->self, "checkpoint.old");
    flip(&b, "checkpoint.new", 5000);
    b.stop_at = 1;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    assert_int_equal(b.begun, 0);
    bench_close(&b);
}

static void changes_are_refused_by_name(void **state) {
    (void)state;
    static struct bench b;
    bench_open(&b, TWENTY);
    b.stop_at = 5;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    take_recipe(&b, RECIPE("steps: 20\noptimiser: {rate: 0.5}\n"));
    assert_int_equal(go(&b, 1, NULL, NULL), SK_INPUT);
    assert_non_null(strstr(fail_text(), "'optimiser.rate 0.5' was 'optimiser.rate 0.00100000"));
    take_recipe(&b, TWENTY "threads: 1\n");
    b.data.digest[0] ^= 1;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_INPUT);
    assert_non_null(strstr(fail_text(), "the data has changed"));
    b.data.digest[0] ^= 1;
    b.stop_at = 6;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    bench_close(&b);
}

static void too_large_batches_are_refused_by_name(void **state) {
    (void)state;
    static struct bench b;
    bench_open(&b, TWENTY);
    b.recipe.batch.rows = b.recipe.batch.accumulate = 1 << 16;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_LIMIT);
    assert_non_null(strstr(fail_text(), "a step has 4294967296 rows"));
    b.recipe.batch.accumulate = 1;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_LIMIT);
    assert_non_null(strstr(fail_text(), "65536 rows of 16 tokens"));
    bench_close(&b);
}

static void no_number_stops_it_and_is_named(void **state) {
    (void)state;
    static struct bench b;
    bench_open(&b, TWENTY);
    b.stop_at = 6;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    struct run_options options = options_of(&b, 1);
    struct run *run;
    bool ended;
    assert_int_equal(run_open(&run, &options), SK_OK);
    const struct learner *learner = run_learner(run);
    learner->adam.parameters[learner->tensors.tensor[2].at] = NAN;
    assert_int_equal(run_go(run, &ended), SK_INPUT);
    assert_non_null(strstr(fail_text(), "step 7: the loss is not a number"));
    run_close(run);
    b.stop_at = 7;
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK); // from the good one
    assert_int_equal(b.begun, 6);
    bench_close(&b);
}

static void data_is_used_up(void **state) {
    (void)state;
    static struct bench b;
    bench_open(&b, RECIPE("epochs: 2\nschedule: {warm_up: 1}\n"));
    uint64_t rows = data_rows(&b.data, DATA_TRAIN);
    assert_int_equal(go(&b, 1, NULL, NULL), SK_OK);
    char want[32];
    snprintf(want, sizeof want, "step %llu ", (unsigned long long)(2 * rows / 4));
    buf_put_char(&b.told, 0);
    assert_non_null(strstr(b.lines, want));
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(stopping_changes_no_bit),
        cmocka_unit_test(power_loss_changes_no_bit),
        cmocka_unit_test(full_disk_leaves_the_last_checkpoint),
        cmocka_unit_test(damaged_checkpoint_is_passed_over),
        cmocka_unit_test(one_without_its_name_is_taken_last),
        cmocka_unit_test(changes_are_refused_by_name),
        cmocka_unit_test(too_large_batches_are_refused_by_name),
        cmocka_unit_test(no_number_stops_it_and_is_named),
        cmocka_unit_test(data_is_used_up),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
