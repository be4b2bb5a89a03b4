#include "train/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/run_parts.h"

enum { RECIPE_TEXT_MAX = 1 << 21, HOURS_STEPS = 1 << 20, ROWS_MAX = 1 << 20 };

// ---- opening ----

static uint64_t rows_all(const struct run *run) {
    const struct data *data = run->options.data;
    uint64_t rows = 0;
    for (uint32_t i = 0; i < data->sources_len; i++) {
        if (data->weight[i] <= 0) continue;
        if (data->limit[i] == UINT64_MAX) return UINT64_MAX;
        rows += data->limit[i];
    }
    return rows;
}

// The steps that recipe and data give; 0: the hours decide.
static enum sk_code steps_count(struct run *run) {
    const struct recipe *recipe = run->options.recipe;
    uint64_t rows = rows_all(run), most = rows / run->rows;
    if (rows != UINT64_MAX && most == 0)
        return FAIL(SK_INPUT, "data: %llu rows are fewer than the %u of one step",
                    (unsigned long long)rows, run->rows);
    run->most = most;
    run->steps = recipe->steps;
    if (recipe->epochs || recipe->steps > most) run->steps = most;
    return SK_OK;
}

static enum sk_code schedule_set(struct run *run) {
    const struct recipe *recipe = run->options.recipe;
    uint64_t steps = run->steps ? run->steps : HOURS_STEPS;
    run->schedule = (struct schedule){
        .kind = (enum schedule_kind)recipe->schedule.kind,
        .steps = steps,
        .decay = (uint64_t)((double)recipe->schedule.decay * (double)steps),
        .rate = (double)recipe->optimiser.rate,
        .floor = (double)recipe->optimiser.rate * (double)recipe->schedule.final};
    run->warm_up = recipe->schedule.warm_up;
    if (run->warm_up == RECIPE_AUTO) run->warm_up = steps < 1000 ? (uint32_t)steps / 10 : 100;
    // By the clock the warm-up is none of the schedule's: it counts real steps.
    if (run->steps) run->schedule.warmup = run->warm_up;
    return schedule_check(&run->schedule);
}

// Rows of a step and of this rank. All ranks take as many at once, that they share evaluations.
static enum sk_code rows_count(struct run *run) {
    const struct recipe *recipe = run->options.recipe;
    struct run_group group = run_group(run);
    uint64_t rows = (uint64_t)recipe->batch.rows * recipe->batch.accumulate;
    if (rows > ROWS_MAX)
        return FAIL(SK_LIMIT, "batch: a step has %llu rows (rows x accumulate) > %d: give less",
                    (unsigned long long)rows, ROWS_MAX);
    run->rows = (uint32_t)rows;
    if (run->rows < group.ranks)
        return FAIL(SK_INPUT, "batch: a step has %u rows (rows x accumulate), at least the %u of "
                    "the ranks are wanted", run->rows, group.ranks);
    uint32_t most = (run->rows + group.ranks - 1) / group.ranks;
    run->own = (run->rows - group.rank + group.ranks - 1) / group.ranks;
    run->batch = recipe->batch.rows < most ? recipe->batch.rows : most;
    if ((uint64_t)run->batch * run->len <= NET_BATCH_MAX) return SK_OK;
    return FAIL(SK_LIMIT, "batch: %u rows of %u tokens at once are more than %d tokens: give fewer "
                "rows, and accumulate", run->batch, run->len, NET_BATCH_MAX);
}

static enum sk_code rows_take(struct run *run) {
    uint64_t rows = run->own > run->batch ? run->own : run->batch, tokens = rows * run->len;
    run->ids = calloc(tokens, sizeof *run->ids);
    run->targets = calloc(tokens, sizeof *run->targets);
    run->segments = calloc(tokens, sizeof *run->segments);
    return run->ids && run->targets && run->segments ? SK_OK
                                                     : FAIL(SK_LIMIT, "memory: none left");
}

static enum sk_code recipe_keep(struct run *run) {
    TRY(arena_open(&run->arena, "checkpoint", 4 * (size_t)SNAPSHOT_HEAD_MAX));
    struct buf text = buf_over(arena_take_raw(&run->arena, RECIPE_TEXT_MAX, 1), RECIPE_TEXT_MAX);
    recipe_write(run->options.recipe, RECIPE_ALL, &text);
    run->state.recipe = buf_view(&text);
    return buf_check(&text, "the recipe");
}

static void state_set(struct run *run) {
    struct snapshot *state = &run->state;
    struct learner *learner = &run->learner;
    state->best = INFINITY;
    memcpy(state->data, run->options.data->digest, HASH_LEN);
    memcpy(state->base, run->options.base_digest, HASH_LEN);
    state->block[0].at = learner->adam.parameters;
    state->block[0].bytes = learner->tensors.floats * sizeof(float);
    state->block[1].at = learner->adam.mean;
    state->block[2].at = learner->adam.square;
    state->block[1].bytes = state->block[2].bytes = learner->moment_bytes;
    state->blocks_len = 3;
}

static enum sk_code all_take(struct run *run) {
    const struct run_options *options = &run->options;
    const struct recipe *recipe = options->recipe;
    run->len = options->data->context;
    TRY(rows_count(run));
    struct net_options net = {.threads = options->threads,
                              .tokens_max = run->batch * run->len,
                              .len_max = run->len,
                              .checkpoints = recipe->precision.checkpoints,
                              .halved = recipe->precision.activations == RECIPE_BF16};
    TRY(steps_count(run));
    TRY(schedule_set(run));
    TRY(rows_take(run));
    TRY(recipe_keep(run));
    TRY(learner_open(&run->learner, recipe, &options->shape, options->base));
    TRY(net_room_open(&run->room, &run->learner.net, &net));
    state_set(run);
    return options->fresh ? SK_OK : run_resume(run);
}

enum sk_code run_open(struct run **out, const struct run_options *options) {
    struct run *run = *out = calloc(1, sizeof *run);
    if (!run) return FAIL(SK_LIMIT, "memory: none left");
    run->options = *options;
    enum sk_code code = all_take(run);
    if (code == SK_OK) return SK_OK;
    run_close(run);
    *out = NULL;
    return code;
}

void run_close(struct run *run) {
    if (!run) return;
    net_room_close(run->room);
    learner_close(&run->learner);
    arena_close(&run->arena);
    free(run->ids);
    free(run->targets);
    free(run->segments);
    free(run);
}

const struct learner *run_learner(const struct run *run) { return &run->learner; }
const struct snapshot *run_state(const struct run *run) { return &run->state; }

// ---- a step ----

struct data_row run_row(const struct run *run, uint32_t at) {
    size_t from = (size_t)at * run->len;
    return (struct data_row){run->ids + from, run->targets + from, run->segments + from};
}

struct net_batch run_batch(const struct run *run, uint32_t from, uint32_t rows) {
    struct data_row row = run_row(run, from);
    return (struct net_batch){row.ids, row.targets, row.segments, rows, run->len};
}

// The rows of the next step that are this rank's. `targets`: how many count in all.
static enum sk_code rows_read(struct run *run, struct data_cursor *cursor, double *targets) {
    const struct run_options *options = &run->options;
    struct run_group group = run_group(run);
    *targets = 0;
    for (uint32_t i = 0; i < run->rows; i++) {
        uint64_t row;
        if (!data_next(options->data, options->recipe->seed, cursor, &row))
            return FAIL(SK_CORRUPT, "the checkpoint: its place in the data is past the end");
        if (i % group.ranks != group.rank) continue;
        struct data_row out = run_row(run, i / group.ranks);
        TRY(data_read(options->data, DATA_TRAIN, row, &out));
        for (uint32_t k = 0; k < run->len; k++) *targets += out.targets[k] != NET_IGNORED;
    }
    return run_sum(run, targets, 1);
}

static double rate_of(const struct run *run, uint64_t step) {
    const struct recipe *recipe = run->options.recipe;
    if (run->steps) return schedule_rate(&run->schedule, step);
    double part = run->state.seconds / (3600 * (double)recipe->hours);
    double rate = schedule_rate(&run->schedule, 1 + (uint64_t)(part * HOURS_STEPS));
    return step < run->warm_up ? rate * (double)step / run->warm_up : rate;
}

static enum sk_code gradients_make(struct run *run, uint64_t step, double targets, double *loss) {
    const struct recipe *recipe = run->options.recipe;
    struct run_group group = run_group(run);
    uint64_t batches = (run->own + run->batch - 1) / run->batch;
    double sum = 0;
    for (uint32_t i = 0; i < batches; i++) {
        uint32_t from = i * run->batch, left = run->own - from;
        struct net_batch batch = run_batch(run, from, left < run->batch ? left : run->batch);
        uint64_t nth = (step * batches + i) * group.ranks + group.rank;
        struct net_step one = {.batch = &batch,
                               .scale = 1 / (float)targets,
                               .dropout = recipe->low_rank.dropout,
                               .seed = recipe->seed + nth};
        if (i + 1 == batches) run_sum_begin(run);
        sum += net_run(run->room, &run->learner.net, &one).sum;
    }
    TRY(run_sum_end(run));
    TRY(run_sum(run, &sum, 1));
    *loss = sum / targets;
    if (isfinite(*loss)) return SK_OK;
    return FAIL(SK_INPUT,
                "step %llu: the loss is %s: nothing was changed by it; a lower optimiser.rate or "
                "a longer schedule.warm_up may help",
                (unsigned long long)step, isnan(*loss) ? "not a number" : "infinite");
}

static enum sk_code step_make(struct run *run, struct run_event *event) {
    const struct recipe *recipe = run->options.recipe;
    struct snapshot *state = &run->state;
    struct data_cursor cursor = state->cursor;
    double targets;
    event->step = state->step + 1;
    TRY(rows_read(run, &cursor, &targets));
    event->rate = rate_of(run, event->step);
    if (targets > 0) {
        struct adam_step step = {.step = event->step,
                                 .rate = event->rate,
                                 .beta_mean = (double)recipe->optimiser.beta1,
                                 .beta_square = (double)recipe->optimiser.beta2,
                                 .epsilon = (double)recipe->optimiser.epsilon,
                                 .decay = (double)recipe->optimiser.decay,
                                 .clip = (double)recipe->optimiser.clip};
        TRY(gradients_make(run, event->step, targets, &event->loss));
        struct pool *pool = net_room_pool(run->room);
        TRY(adam_step(pool, &run->learner.adam, &step, &event->norm));
    }
    state->step = event->step;
    state->cursor = cursor;
    state->tokens += (uint64_t)run->rows * run->len;
    return SK_OK;
}

// ---- the loop ----

static double now_s(const struct run *run) {
    const struct world *world = run->options.world;
    return (double)world->monotonic_us(world->self) * 1e-6;
}

// What is left, in seconds, at the pace of the last steps.
static double left_of(const struct run *run) {
    if (!run->steps) return 3600 * (double)run->options.recipe->hours - run->state.seconds;
    return (double)(run->steps - run->state.step) * run->pace;
}

// The clock is that of rank 0.
static enum sk_code step_tell(struct run *run, struct run_event *event, double seconds) {
    double tokens = (double)run->rows * run->len;
    if (run_group(run).rank) seconds = 0;
    TRY(run_sum(run, &seconds, 1));
    run->state.seconds += seconds;
    run->pace = run->pace > 0 ? 0.9 * run->pace + 0.1 * seconds : seconds;
    event->kind = RUN_STEP;
    event->tokens_per_s = seconds > 0 ? tokens / seconds : 0;
    return run_tell(run, event);
}

enum sk_code run_tell(struct run *run, struct run_event *event) {
    event->step = run->state.step;
    event->steps = run->steps;
    event->tokens = run->state.tokens;
    event->seconds = run->state.seconds;
    event->left = left_of(run);
    return run_group(run).rank ? SK_OK : run->options.told(run->options.self, event);
}

static bool is_over(const struct run *run) {
    const struct recipe *recipe = run->options.recipe;
    if (run->state.step >= run->most) return true;
    if (run->steps) return run->state.step >= run->steps;
    return run->state.seconds >= 3600 * (double)recipe->hours;
}

static bool is_due(uint64_t step, uint32_t every) { return every && step % every == 0; }

static enum sk_code step_go(struct run *run, bool *over) {
    const struct recipe *recipe = run->options.recipe;
    struct run_event event = {0};
    double began = now_s(run);
    TRY(step_make(run, &event));
    TRY(step_tell(run, &event, now_s(run) - began));
    *over = is_over(run);
    if (is_due(run->state.step, recipe->evaluate_every) || *over) TRY(run_evaluate(run));
    if (is_due(run->state.step, recipe->checkpoint_every) || *over) return run_save(run);
    return SK_OK;
}

static enum sk_code stop_look(const struct run *run, double *stop) {
    *stop = run->options.stop && *run->options.stop;
    return run_sum(run, stop, 1);
}

enum sk_code run_go(struct run *run, bool *ended) {
    double stop;
    struct run_event event = {.kind = RUN_BEGINS,
                              .bytes = run->learner.bytes + net_room_bytes(run->room)};
    TRY(run_tell(run, &event));
    *ended = is_over(run);
    while (!*ended) {
        TRY(stop_look(run, &stop));
        if (stop > 0) return run_save(run);
        TRY(step_go(run, ended));
    }
    return SK_OK;
}
