// Groups: a step shared among ranks (threads here) is that of one process; all ranks are alike.
#include "cmocka_chance.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "train/run.h"
#include "train_data_make.h"

#define RECIPE(more)                                                                               \
    "name: x\noutput: o\nseed: 3\ntokenizer: {file: t}\n"                                          \
    "data: {validation: 0.2, sources: [{name: a, files: [a], licence: MIT, documents: line}]}\n"   \
    "evaluate_every: 5\nsteps: 20\nschedule: {warm_up: 3}\n" more
#define MODEL "layers: 2, width: 32, heads: 2, heads_kv: 1, ff: 48, context: 16"
#define PLAIN RECIPE("model: {" MODEL "}\nbatch: {rows: 3, accumulate: 2}\n")
#define UNTIED RECIPE("model: {tied: false, " MODEL "}\nbatch: {rows: 4}\n")

enum { RANKS_MAX = 5, STEPS = 20, EVENTS = 24, SPANS_MAX = 16, SUMS_MAX = 16, VOCABULARY = 325,
       TEXT_MAX = 1 << 14 };

// ---- a group of threads ----

struct team {
    uint32_t ranks;
    pthread_barrier_t all;
    double sums[RANKS_MAX][SUMS_MAX];
    struct copy {
        float *at, *own; // where it was; what it was when it was begun
        uint64_t floats;
    } copy[RANKS_MAX][SPANS_MAX];
    uint32_t copies[RANKS_MAX];
    uint64_t floats; // that rank 0 ever began
};

struct member {
    struct team *team;
    const char *recipe;
    char *text;
    struct source_file files[2];
    struct arena arena;
    struct recipe read;
    struct sources sources;
    struct data data;
    struct run_group group;
    double losses[EVENTS];
    uint32_t told;
    uint64_t step, floats;
    volatile sig_atomic_t stop;
    float *parameters;
    uint8_t digest[HASH_LEN];
    enum sk_code code;
    bool spoilt;
};

static enum sk_code team_sum(void *self, double *at, uint32_t len) {
    struct member *m = self;
    struct team *t = m->team;
    must(len <= SUMS_MAX);
    memcpy(t->sums[m->group.rank], at, len * sizeof *at);
    pthread_barrier_wait(&t->all);
    for (uint32_t i = 0; i < len; i++) {
        at[i] = 0;
        for (uint32_t rank = 0; rank < t->ranks; rank++) at[i] += t->sums[rank][i];
    }
    pthread_barrier_wait(&t->all);
    return SK_OK;
}

static void team_begin(void *self, float *at, uint64_t floats) {
    struct member *m = self;
    uint32_t rank = m->group.rank, n = m->team->copies[rank]++;
    must(n < SPANS_MAX);
    float *own = malloc(floats * sizeof *own);
    must(own);
    memcpy(own, at, floats * sizeof *own);
    m->team->copy[rank][n] = (struct copy){at, own, floats};
    if (rank == 0) m->team->floats += floats;
}

static enum sk_code team_finish(void *self) {
    struct member *m = self;
    struct team *t = m->team;
    uint32_t own = m->group.rank;
    pthread_barrier_wait(&t->all);
    for (uint32_t n = 0; n < t->copies[own]; n++) {
        struct copy *copy = &t->copy[own][n];
        memset(copy->at, 0, copy->floats * sizeof *copy->at);
        for (uint32_t rank = 0; rank < t->ranks; rank++) {
            must(t->copy[rank][n].floats == copy->floats);
            for (uint64_t i = 0; i < copy->floats; i++) copy->at[i] += t->copy[rank][n].own[i];
        }
    }
    pthread_barrier_wait(&t->all);
    for (; t->copies[own]; t->copies[own]--) free(t->copy[own][t->copies[own] - 1].own);
    return SK_OK;
}

// ---- a run of each ----

static enum sk_code told(void *self, const struct run_event *event) {
    struct member *m = self;
    if (event->kind != RUN_STEP && event->kind != RUN_EVALUATED) return SK_OK;
    must(m->told < EVENTS && m->group.rank == 0);
    m->losses[m->told++] = event->loss;
    return SK_OK;
}

static void lines_put(char *out, size_t max) {
    static const char *const words[] = {"hello", "world", "こんにちは", "世界", "user", "start"};
    uint64_t seed = 5;
    struct buf text = buf_over(out, max - 1);
    for (int i = 0; i < 300; i++)
        buf_print(&text, "%s %s %s\n", words[chance_next(&seed) % 6],
                  words[chance_next(&seed) % 6], words[chance_next(&seed) % 6]);
}

static enum sk_code run_member(struct member *m, struct run *run) {
    bool ended;
    TRY(run_alike(run, m->digest));
    TRY(run_go(run, &ended));
    const struct learner *learner = run_learner(run);
    m->step = run_state(run)->step;
    m->floats = learner->tensors.floats;
    m->parameters = malloc(m->floats * sizeof *m->parameters);
    must(m->parameters);
    memcpy(m->parameters, learner->adam.parameters, m->floats * sizeof *m->parameters);
    if (m->spoilt) learner->adam.parameters[7] += 1;
    return run_alike(run, m->digest);
}

static void member_open(struct member *m) {
    static const uint8_t key[HASH_LEN] = {1};
    m->text = calloc(1, TEXT_MAX);
    assert_non_null(m->text);
    lines_put(m->text, TEXT_MAX);
    m->files[0] = (struct source_file){"a", m->text};
    assert_int_equal(arena_open(&m->arena, "recipe", 16 << 20), SK_OK);
    assert_int_equal(recipe_read(view_of(m->recipe), "r", &m->arena, &m->read), SK_OK);
    struct sources *s = &m->sources;
    sources_open(s, m->files, NULL);
    assert_int_equal(data_build(&m->read, key, &s->tokens, &s->outside, &s->world), SK_OK);
    assert_int_equal(data_open(&m->data, &s->world, &m->read, key), SK_OK);
}

static void member_close(struct member *m) {
    data_close(&m->data);
    sources_close(&m->sources);
    arena_close(&m->arena);
    free(m->text);
}

static void *member_main(void *self) {
    struct member *m = self;
    struct run *run = NULL;
    struct run_options options = {.recipe = &m->read,
                                  .world = &m->sources.world,
                                  .data = &m->data,
                                  .shape = m->read.shape,
                                  .threads = 1 + m->group.rank,
                                  .group = m->team->ranks > 1 ? &m->group : NULL,
                                  .stop = &m->stop,
                                  .told = told,
                                  .self = m};
    options.shape.vocabulary = VOCABULARY;
    m->code = run_open(&run, &options);
    if (m->code == SK_OK) m->code = run_member(m, run);
    run_close(run);
    return NULL;
}

static void go(struct team *team, struct member *member, const char *recipe, uint32_t ranks) {
    pthread_t thread[RANKS_MAX];
    *team = (struct team){.ranks = ranks};
    assert_int_equal(pthread_barrier_init(&team->all, NULL, ranks), 0);
    for (uint32_t i = 0; i < ranks; i++) {
        struct member *m = &member[i];
        m->team = team;
        m->recipe = recipe;
        m->group = (struct run_group){i, ranks, m, team_sum, team_begin, team_finish};
        member_open(m);
    }
    for (uint32_t i = 0; i < ranks; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, member_main, &member[i]), 0);
    for (uint32_t i = 0; i < ranks; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        member_close(&member[i]);
    }
    pthread_barrier_destroy(&team->all);
}

static void let_go(struct member *member, uint32_t ranks) {
    for (uint32_t i = 0; i < ranks; i++) free(member[i].parameters);
    free(member);
}

// ---- tests ----

static void compare(const char *recipe, uint32_t ranks) {
    static struct team team;
    struct member *one = calloc(1, sizeof *one), *many = calloc(RANKS_MAX, sizeof *many);
    double worst = 0;
    go(&team, one, recipe, 1);
    go(&team, many, recipe, ranks);
    assert_int_equal(one[0].told, STEPS + 4);
    assert_int_equal(many[0].told, STEPS + 4);
    for (uint32_t i = 0; i < one[0].told; i++)
        worst = fmax(worst, fabs(one[0].losses[i] - many[0].losses[i]));
    print_message("%u ranks: losses within %.2g\n", ranks, worst);
    assert_true(worst < 1e-5);
    assert_true(one[0].losses[STEPS + 3] < one[0].losses[0] - 0.05);
    assert_int_equal(team.floats, many[0].floats * STEPS);
    for (uint32_t i = 0; i < ranks; i++) {
        assert_int_equal(many[i].code, SK_OK);
        assert_memory_equal(many[0].digest, many[i].digest, HASH_LEN);
        assert_memory_equal(many[0].parameters, many[i].parameters,
                            many[0].floats * sizeof(float));
    }
    let_go(one, 1);
    let_go(many, ranks);
}

static void ranks_are_as_one_process(void **state) {
    (void)state;
    compare(PLAIN, 2);
    compare(PLAIN, 3);
    compare(PLAIN, 5); // 6 rows: 2, 1, 1, 1, 1
    compare(UNTIED, 2);
}

static void too_many_ranks_are_refused(void **state) {
    (void)state;
    static struct team team;
    struct member *many = calloc(RANKS_MAX, sizeof *many);
    go(&team, many, UNTIED, 5);
    for (uint32_t i = 0; i < 5; i++) assert_int_equal(many[i].code, SK_INPUT);
    let_go(many, 5);
}

static void what_stops_one_stops_all(void **state) {
    (void)state;
    static struct team team;
    struct member *many = calloc(3, sizeof *many);
    many[2].stop = 1;
    go(&team, many, PLAIN, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(many[i].code, SK_OK);
        assert_int_equal(many[i].step, 0);
    }
    let_go(many, 3);
}

static void one_that_differs_is_told(void **state) {
    (void)state;
    static struct team team;
    struct member *many = calloc(3, sizeof *many);
    many[1].spoilt = true;
    go(&team, many, PLAIN, 3);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(many[i].code, SK_INPUT);
    let_go(many, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_as_one_process),
        cmocka_unit_test(too_many_ranks_are_refused),
        cmocka_unit_test(what_stops_one_stops_all),
        cmocka_unit_test(one_that_differs_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
