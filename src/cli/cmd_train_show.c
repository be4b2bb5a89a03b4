#include "base/json.h"
#include "cli/train_cli.h"
#include "ledger/ledger.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { METRICS_MAX = 1 << 30, CURVE_MAX = 1 << 20, LINE_MAX_LEN = 1024, POINTS_FIRST = 1024 };

#define SHOWN_EVERY_S 10.0 // where no terminal is looked at

// ---- points ----

static enum sk_code point_add(struct train_points *points, uint64_t step, double loss) {
    if (points->len == points->max) {
        size_t max = points->max ? 2 * points->max : POINTS_FIRST;
        struct curve_point *at = realloc(points->at, max * sizeof *at);
        if (!at) return FAIL(SK_LIMIT, "memory: none left");
        points->at = at;
        points->max = max;
    }
    points->at[points->len++] = (struct curve_point){step, loss};
    return SK_OK;
}

static uint64_t cpu_ms(void) {
    struct timespec used;
    must(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void line_note(struct train_show *show, const struct json_node *root) {
    int64_t started;
    double cpu_s;
    if (json_i64(json_find(root, "started_ms"), &started) && started >= 0)
        show->started_ms = (uint64_t)started;
    if (json_f64(json_find(root, "cpu_s"), &cpu_s) && cpu_s >= 0 && cpu_s < 1e12)
        show->cpu_before_ms = (uint64_t)(cpu_s * 1000);
}

// One line of metrics.jsonl. False: it is of a later step than `last`, or no line of ours.
static bool line_take(struct train_show *show, struct view line, struct arena *arena,
                      uint64_t last) {
    const struct json_node *root;
    int64_t step;
    double loss;
    char copy[LINE_MAX_LEN];
    if (line.len > sizeof copy) return false;
    memcpy(copy, line.at, line.len);
    arena_reset(arena);
    if (json_parse(copy, line.len, arena, &root) != SK_OK) return false;
    if (!json_i64(json_find(root, "step"), &step) || step < 0 || (uint64_t)step > last)
        return false;
    line_note(show, root);
    if (json_f64(json_find(root, "loss"), &loss))
        return point_add(&show->trained, (uint64_t)step, loss) == SK_OK;
    if (!json_f64(json_find(root, "validation_loss"), &loss)) return true;
    show->held_loss = loss;
    show->held_bits = 0;
    json_f64(json_find(root, "bits_per_byte"), &show->held_bits);
    return point_add(&show->held, (uint64_t)step, loss) == SK_OK;
}

// The bytes of the lines up to this step.
static enum sk_code metrics_read(struct train_show *show, uint64_t step, struct buf *text,
                                 struct arena *arena) {
    const struct world *world = show->world;
    uint64_t size;
    size_t got;
    TRY(world->size(world->self, show->metrics, &size));
    if (size > METRICS_MAX)
        return FAIL(SK_LIMIT, "%llu bytes, at most %d: move it away and the run begins another",
                    (unsigned long long)size, METRICS_MAX);
    TRY(buf_open(text, METRICS_MAX));
    TRY(arena_open(arena, "metrics", 1 << 20));
    TRY(world->read(world->self, show->metrics, 0, text->at, size, &got));
    struct view rest = {text->at, got}, line;
    while (view_cut(&rest, '\n', &line) && line_take(show, line, arena, step))
        show->metrics_len = (uint64_t)(line.at + line.len + 1 - text->at);
    return SK_OK;
}

// What was written up to this step stays; what an abrupt end left after it goes.
static enum sk_code metrics_cut(struct train_show *show, uint64_t step) {
    const struct world *world = show->world;
    struct buf text = {0};
    struct arena arena = {0};
    show->metrics_len = 0;
    enum sk_code code = step > 0 ? metrics_read(show, step, &text, &arena) : SK_OK;
    arena_close(&arena);
    buf_close(&text);
    if (code == SK_OK) code = world->truncate(world->self, show->metrics, show->metrics_len);
    return code == SK_OK ? SK_OK : fail_within(code, "metrics.jsonl");
}

static void number(struct json_writer *w, const char *name, double value) {
    json_name(w, name);
    json_put_f64(w, value);
}

static enum sk_code line_put(struct train_show *show, struct buf *line) {
    const struct world *world = show->world;
    buf_put_char(line, '\n');
    enum sk_code code = buf_check(line, "a line");
    if (code == SK_OK)
        code = world->write(world->self, show->metrics, show->metrics_len, line->at, line->len);
    if (code != SK_OK) return fail_within(code, "metrics.jsonl");
    show->metrics_len += line->len;
    return SK_OK;
}

// The first line: when it began.
static enum sk_code started_put(struct train_show *show) {
    char storage[128];
    struct buf line = buf_over(storage, sizeof storage);
    show->started_ms = (uint64_t)show->world->clock_ms(show->world->self);
    buf_print(&line, "{\"step\":0,\"started_ms\":%llu}", (unsigned long long)show->started_ms);
    return line_put(show, &line);
}

static enum sk_code metrics_put(struct train_show *show, const struct run_event *event) {
    char storage[LINE_MAX_LEN];
    struct buf line = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&line);
    bool step = event->kind == RUN_STEP;
    json_open(&w, '{');
    json_member_u64(&w, "step", event->step);
    number(&w, step ? "loss" : "validation_loss", event->loss);
    if (step) number(&w, "rate", event->rate);
    if (step) number(&w, "norm", event->norm);
    if (!step && event->bits_per_byte > 0) number(&w, "bits_per_byte", event->bits_per_byte);
    json_member_u64(&w, "tokens", event->tokens);
    if (step) number(&w, "tokens_per_s", round(event->tokens_per_s));
    number(&w, "seconds", round(event->seconds * 1000) / 1000);
    show->cpu_ms = show->cpu_before_ms + cpu_ms();
    number(&w, "cpu_s", (double)show->cpu_ms / 1000);
    json_close(&w, '}');
    return line_put(show, &line);
}

static enum sk_code curve_put(struct train_show *show) {
    struct curve curve = {.title = show->recipe->name,
                          .trained = show->trained.at,
                          .held = show->held.at,
                          .trained_len = show->trained.len,
                          .held_len = show->held.len,
                          .steps = show->steps};
    struct buf svg = {0};
    TRY(buf_open(&svg, CURVE_MAX));
    curve_write(&curve, &svg);
    enum sk_code code = buf_check(&svg, "the picture");
    if (code == SK_OK)
        code = file_replace(show->world, "loss.svg", "loss.svg.new", buf_view(&svg));
    buf_close(&svg);
    return code == SK_OK ? SK_OK : fail_within(code, "loss.svg");
}

// ---- the line ----

static void recent_add(struct train_show *show, double loss) {
    enum { LEN = sizeof show->recent / sizeof *show->recent };
    if (show->recent_len == LEN)
        memmove(show->recent, show->recent + 1, --show->recent_len * sizeof *show->recent);
    show->recent[show->recent_len++] = (float)loss;
}

static void print_spark(const struct train_show *show) {
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    float low = INFINITY, high = -INFINITY;
    for (uint32_t i = 0; i < show->recent_len; i++) {
        low = fminf(low, show->recent[i]);
        high = fmaxf(high, show->recent[i]);
    }
    for (uint32_t i = 0; i < show->recent_len; i++)
        fputs(bars[high > low ? (int)(7 * (show->recent[i] - low) / (high - low)) : 0], stderr);
}

static void print_time(double seconds) {
    uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;
    if (s >= 3600)
        fprintf(stderr, "%lluh%02llum", (unsigned long long)(s / 3600),
                (unsigned long long)(s / 60 % 60));
    else if (s >= 60)
        fprintf(stderr, "%llum%02llus", (unsigned long long)(s / 60), (unsigned long long)(s % 60));
    else
        fprintf(stderr, "%llus", (unsigned long long)s);
}

static void print_step(struct train_show *show, const struct run_event *event) {
    if (!show->live && event->seconds - show->shown_s < SHOWN_EVERY_S && event->step > 1) return;
    show->shown_s = event->seconds;
    fprintf(stderr, "%sstep %llu", show->live ? "\r" : "", (unsigned long long)event->step);
    if (event->steps) fprintf(stderr, "/%llu", (unsigned long long)event->steps);
    fprintf(stderr, "  loss %.4f  ", event->loss);
    if (show->live) print_spark(show);
    fprintf(stderr, "  %.0f tokens/s  ", event->tokens_per_s);
    print_time(event->left);
    fprintf(stderr, " left%s", show->live ? "\033[K" : "\n");
    show->line_open = show->live;
}

static void print_held(struct train_show *show, const struct run_event *event) {
    fprintf(stderr, "%sstep %llu  validation %.4f", show->live ? "\r" : "",
            (unsigned long long)event->step, event->loss);
    if (event->bits_per_byte > 0) fprintf(stderr, "  %.4f bits per byte", event->bits_per_byte);
    fprintf(stderr, "%s%s\n", event->best ? "  best so far" : "", show->live ? "\033[K" : "");
    show->line_open = false;
}

// ---- events ----

static enum sk_code begins(struct train_show *show, const struct run_event *event) {
    show->steps = event->steps;
    if (event->step)
        fprintf(stderr, "goes on after step %llu", (unsigned long long)event->step);
    else
        fprintf(stderr, "begins");
    fprintf(stderr, ", %.0f MB\n", (double)event->bytes / 1e6);
    show->shown_s = event->seconds;
    TRY(metrics_cut(show, event->step));
    show->cpu_ms = show->cpu_before_ms;
    return show->metrics_len ? SK_OK : started_put(show);
}

enum sk_code train_show_event(void *self, const struct run_event *event) {
    struct train_show *show = self;
    switch (event->kind) {
    case RUN_BEGINS: return begins(show, event);
    case RUN_SAVED: return SK_OK;
    case RUN_STEP:
        recent_add(show, event->loss);
        print_step(show, event);
        TRY(point_add(&show->trained, event->step, event->loss));
        return metrics_put(show, event);
    case RUN_EVALUATED:
        print_held(show, event);
        show->held_loss = event->loss;
        show->held_bits = event->bits_per_byte;
        TRY(point_add(&show->held, event->step, event->loss));
        TRY(metrics_put(show, event));
        return curve_put(show);
    }
    must(false);
    return SK_OK;
}

enum sk_code train_show_open(struct train_show *show, const struct recipe *recipe,
                             const struct world *world) {
    *show = (struct train_show){.recipe = recipe, .world = world, .metrics = -1};
    show->live = isatty(STDERR_FILENO);
    return world->open(world->self, "metrics.jsonl", WORLD_CREATE, &show->metrics);
}

enum sk_code train_show_end(struct train_show *show, bool failed) {
    if (show->line_open) fputc('\n', stderr);
    return failed ? SK_OK : curve_put(show);
}

void train_show_close(struct train_show *show) {
    if (show->world && show->metrics >= 0) show->world->close(show->world->self, show->metrics);
    free(show->trained.at);
    free(show->held.at);
    *show = (struct train_show){0};
}
