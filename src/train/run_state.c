#include <math.h>
#include <string.h>

#include "train/run_parts.h"

// ---- validation ----

enum { HELD_SUM, HELD_TARGETS, HELD_TEXT_SUM, HELD_TEXT_BYTES, HELD }; // of texts: for bits a byte

static const struct data_source *source_of(const struct data *data, uint64_t row) {
    uint32_t at = 0;
    while (at + 1 < data->sources_len && row >= data->source[at + 1].first[DATA_HELD]) at++;
    return &data->source[at];
}

// The rows of one source at a time, as many as a batch has.
static enum sk_code held_batch(struct run *run, const uint64_t *rows, uint32_t len,
                               double held[HELD]) {
    const struct data *data = run->options.data;
    const struct data_count *count = &source_of(data, rows[0])->part[DATA_HELD];
    for (uint32_t i = 0; i < len; i++) {
        struct data_row out = run_row(run, i);
        TRY(data_read(data, DATA_HELD, rows[i], &out));
    }
    struct net_batch batch = run_batch(run, 0, len);
    struct net_step step = {.batch = &batch};
    struct net_loss loss = net_run(run->room, &run->learner.net, &step);
    held[HELD_SUM] += loss.sum;
    held[HELD_TARGETS] += (double)loss.targets;
    if (!count->bytes) return SK_OK;
    held[HELD_TEXT_SUM] += loss.sum;
    held[HELD_TEXT_BYTES] += (double)loss.targets * (double)count->bytes / (double)count->learned;
    return SK_OK;
}

// Rows evenly over all that was held back; ranks take turns by batches.
static enum sk_code held_all(struct run *run, double held[HELD]) {
    const struct recipe *recipe = run->options.recipe;
    struct run_group group = run_group(run);
    uint64_t all = data_rows(run->options.data, DATA_HELD), row[16];
    uint64_t wanted = all < recipe->evaluate_rows ? all : recipe->evaluate_rows;
    uint32_t most = run->batch < 16 ? run->batch : 16, len = 0, batches = 0;
    for (uint64_t i = 0; i < wanted; i++) {
        row[len++] = i * all / wanted;
        uint64_t next = (i + 1) * all / wanted;
        bool last = i + 1 == wanted || source_of(run->options.data, next) !=
                                           source_of(run->options.data, row[0]);
        if (len < most && !last) continue;
        if (batches++ % group.ranks == group.rank) TRY(held_batch(run, row, len, held));
        len = 0;
    }
    return run_sum(run, held, HELD);
}

enum sk_code run_evaluate(struct run *run) {
    double held[HELD] = {0};
    struct run_event event = {.kind = RUN_EVALUATED};
    TRY(held_all(run, held));
    if (held[HELD_TARGETS] <= 0) return SK_OK;
    event.loss = held[HELD_SUM] / held[HELD_TARGETS];
    if (held[HELD_TEXT_BYTES] > 0)
        event.bits_per_byte = held[HELD_TEXT_SUM] / held[HELD_TEXT_BYTES] / log(2);
    event.best = event.loss < run->state.best;
    if (event.best) {
        run->state.best = event.loss;
        run->state.best_step = run->state.step;
    }
    return run_tell(run, &event);
}

// ---- checkpoints ----

enum sk_code run_save(struct run *run) {
    struct run_event event = {.kind = RUN_SAVED};
    if (run->saved == run->state.step && run->saved) return SK_OK;
    if (run_group(run).rank == 0) TRY(snapshot_save(&run->state, run->options.world));
    run->saved = run->state.step;
    return run_tell(run, &event);
}

// The first line in which the two differ, as the checkpoint has it and as it is now.
static enum sk_code recipe_compare(struct view was, struct view is) {
    struct view a, b;
    for (;;) {
        bool more = view_next(&was, '\n', &a), also = view_next(&is, '\n', &b);
        if (!more && !also) return SK_OK;
        if (more != also || !view_same(a, b)) break;
        a = b = (struct view){"", 0};
    }
    return FAIL(SK_INPUT,
                "the recipe has changed since the checkpoint: '%.*s' was '%.*s'. Give it back, "
                "another output directory, or --fresh",
                b.len < 120 ? (int)b.len : 120, b.at, a.len < 120 ? (int)a.len : 120, a.at);
}

static enum sk_code compare(const struct snapshot *was, const struct snapshot *is) {
    TRY(recipe_compare(was->recipe, is->recipe));
    if (memcmp(was->data, is->data, HASH_LEN) != 0)
        return FAIL(SK_INPUT, "the data has changed since the checkpoint (sources or tokenizer): "
                              "take another output directory, or --fresh");
    if (memcmp(was->base, is->base, HASH_LEN) != 0)
        return FAIL(SK_INPUT, "the base model has changed since the checkpoint: take another "
                              "output directory, or --fresh");
    bool same = was->blocks_len == is->blocks_len;
    for (uint32_t i = 0; same && i < is->blocks_len; i++)
        same = was->block[i].bytes == is->block[i].bytes;
    return same ? SK_OK : FAIL(SK_CORRUPT, "the checkpoint is of another network");
}

enum sk_code run_resume(struct run *run) {
    struct snapshot_file file;
    struct snapshot was;
    enum sk_code code = snapshot_open(&file, run->options.world, &run->arena, &was);
    if (code == SK_UNKNOWN) return SK_OK;
    TRY(code);
    code = compare(&was, &run->state);
    if (code == SK_OK) code = snapshot_read(&file, &run->state);
    snapshot_close(&file);
    TRY(code);
    run->state.step = run->saved = was.step;
    run->state.tokens = was.tokens;
    run->state.seconds = was.seconds;
    run->state.best = was.best;
    run->state.best_step = was.best_step;
    run->state.cursor = was.cursor;
    return SK_OK;
}
