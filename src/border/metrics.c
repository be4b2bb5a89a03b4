#include "border/metrics.h"

#include "border/policy.h"

#include <stddef.h>
#include <string.h>

#include "base/fail.h"

const char *const border_operations[BORDER_OPERATIONS] = {
    "chat", "text_completion", "embeddings", "rerank", "attribution", "count",
};

static const char *const outcomes[BORDER_OUTCOMES] = {"", "cut", "failed"};

// Boundaries as they are written, and in the unit that is counted.
struct bounds {
    size_t len;
    struct {
        const char *text;
        uint64_t at;
    } rows[BORDER_BOUNDS_MAX];
};

static const struct bounds duration_bounds = {
    14,
    {{"0.01", 10000},
     {"0.02", 20000},
     {"0.04", 40000},
     {"0.08", 80000},
     {"0.16", 160000},
     {"0.32", 320000},
     {"0.64", 640000},
     {"1.28", 1280000},
     {"2.56", 2560000},
     {"5.12", 5120000},
     {"10.24", 10240000},
     {"20.48", 20480000},
     {"40.96", 40960000},
     {"81.92", 81920000}},
};
static const struct bounds first_bounds = {
    16,
    {{"0.001", 1000},
     {"0.005", 5000},
     {"0.01", 10000},
     {"0.02", 20000},
     {"0.04", 40000},
     {"0.06", 60000},
     {"0.08", 80000},
     {"0.1", 100000},
     {"0.25", 250000},
     {"0.5", 500000},
     {"0.75", 750000},
     {"1", 1000000},
     {"2.5", 2500000},
     {"5", 5000000},
     {"7.5", 7500000},
     {"10", 10000000}},
};
static const struct bounds each_bounds = {
    13,
    {{"0.01", 10000},
     {"0.025", 25000},
     {"0.05", 50000},
     {"0.075", 75000},
     {"0.1", 100000},
     {"0.15", 150000},
     {"0.2", 200000},
     {"0.3", 300000},
     {"0.4", 400000},
     {"0.5", 500000},
     {"0.75", 750000},
     {"1", 1000000},
     {"2.5", 2500000}},
};
static const struct bounds tokens_bounds = {
    14,
    {{"1", 1},
     {"4", 4},
     {"16", 16},
     {"64", 64},
     {"256", 256},
     {"1024", 1024},
     {"4096", 4096},
     {"16384", 16384},
     {"65536", 65536},
     {"262144", 262144},
     {"1048576", 1048576},
     {"4194304", 4194304},
     {"16777216", 16777216},
     {"67108864", 67108864}},
};

// ---- counting ----

static void histogram_add(struct border_histogram *histogram, const struct bounds *bounds,
                          uint64_t value) {
    size_t bucket = 0;
    while (bucket < bounds->len && value > bounds->rows[bucket].at)
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum += value;
}

static uint64_t since(int64_t from_us, int64_t to_us) {
    return to_us > from_us ? (uint64_t)(to_us - from_us) : 0;
}

void border_metrics_add(struct border_metrics *metrics, const struct border_sample *sample) {
    struct border_series *series = &metrics->series[sample->model][sample->operation];
    size_t outcome = BORDER_OUTCOMES - 1;
    while (outcome > 0 && strcmp(sample->outcome, outcomes[outcome]) != 0)
        outcome--;
    histogram_add(&series->duration[outcome], &duration_bounds,
                  since(sample->asked_us, sample->over_us));
    if (sample->first_us)
        histogram_add(&series->first, &first_bounds, since(sample->asked_us, sample->first_us));
    if (sample->first_us && sample->completion_tokens > 1)
        histogram_add(&series->each, &each_bounds,
                      since(sample->first_us, sample->last_us) / (sample->completion_tokens - 1));
    histogram_add(&series->input, &tokens_bounds, sample->prompt_tokens);
    histogram_add(&series->output, &tokens_bounds, sample->completion_tokens);
}

void border_metrics_refused(struct border_metrics *metrics, const char *code) {
    struct border_reason *row = metrics->refused;
    while (row->code && row < metrics->refused + BORDER_REASONS_MAX - 1 &&
           strcmp(row->code, code) != 0)
        row++;
    if (!row->code) row->code = code;
    row->count++;
}

// ---- writing ----

// A metric being written: what all its lines share.
struct family {
    struct buf *out;
    const char *name;
    const struct bounds *bounds;
    bool seconds; // else what is counted stands as it is
};

static void put_head(struct buf *out, const char *name, const char *type, const char *help) {
    buf_print(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

// A label's value: backslash, quote and line feed are escaped.
static void put_value(struct buf *out, struct view text) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '\\' || c == '"') buf_put_char(out, '\\');
        if (c == '\n')
            buf_put_text(out, "\\n");
        else
            buf_put_char(out, c);
    }
}

static void put_sum(const struct family *family, uint64_t sum) {
    unsigned long long number = sum;
    if (family->seconds)
        buf_print(family->out, "%llu.%06llu\n", number / 1000000, number % 1000000);
    else
        buf_print(family->out, "%llu\n", number);
}

// `labels` without braces. Nothing is written of what never happened.
static void put_histogram(const struct family *family, const struct border_histogram *histogram,
                          struct view labels) {
    struct buf *out = family->out;
    uint64_t count = 0;
    for (size_t i = 0; i <= family->bounds->len; i++)
        count += histogram->counts[i];
    if (count == 0) return;
    unsigned long long below = 0;
    for (size_t i = 0; i <= family->bounds->len; i++) {
        const char *bound = i < family->bounds->len ? family->bounds->rows[i].text : "+Inf";
        below += histogram->counts[i];
        buf_print(out, "%s_bucket{", family->name);
        buf_put_view(out, labels);
        buf_print(out, ",le=\"%s\"} %llu\n", bound, below);
    }
    buf_print(out, "%s_sum{", family->name);
    buf_put_view(out, labels);
    buf_put_text(out, "} ");
    put_sum(family, histogram->sum);
    buf_print(out, "%s_count{", family->name);
    buf_put_view(out, labels);
    buf_print(out, "} %llu\n", below);
}

enum { LABELS_MAX = 1024 }; // a model id twice as long by escapes, and our own words

// The histograms of one family of each model and operation that has any: `offset` is where the
// series has `count` of them side by side, and `more` is the label that tells these apart.
struct place {
    size_t offset, count;
    const char *more[BORDER_OUTCOMES];
};

static void put_family(const struct family *family, const struct border_metrics *metrics,
                       const struct border_gauges *gauges, const struct place *place) {
    for (uint32_t m = 0; m < BORDER_MODELS_MAX; m++) {
        for (uint32_t o = 0; o < BORDER_OPERATIONS && gauges->models[m].len; o++) {
            const char *at = (const char *)&metrics->series[m][o] + place->offset;
            for (size_t i = 0; i < place->count; i++) {
                char storage[LABELS_MAX];
                struct buf labels = buf_over(storage, sizeof storage);
                buf_print(&labels,
                          "gen_ai_operation_name=\"%s\",gen_ai_provider_name=\"sekisho\","
                          "gen_ai_request_model=\"",
                          border_operations[o]);
                put_value(&labels, gauges->models[m]);
                buf_print(&labels, "\"%s", place->more[i]);
                must(!labels.over);
                put_histogram(family, (const struct border_histogram *)(const void *)at + i,
                              buf_view(&labels));
            }
        }
    }
}

static void put_histograms(const struct border_metrics *metrics, const struct border_gauges *gauges,
                           struct buf *out) {
    static const struct {
        const char *name, *help;
        const struct bounds *bounds;
        struct place place;
    } rows[] = {
        {"gen_ai_server_request_duration_seconds",
         "From request to the end of its answer.",
         &duration_bounds,
         {offsetof(struct border_series, duration),
          BORDER_OUTCOMES,
          {"", ",error_type=\"cut\"", ",error_type=\"failed\""}}},
        {"gen_ai_server_time_to_first_token_seconds",
         "From request to the first text.",
         &first_bounds,
         {offsetof(struct border_series, first), 1, {""}}},
        {"gen_ai_server_time_per_output_token_seconds",
         "Mean time between the tokens of one answer, after its first.",
         &each_bounds,
         {offsetof(struct border_series, each), 1, {""}}},
        {"gen_ai_client_token_usage",
         "Tokens of one request.",
         &tokens_bounds,
         {offsetof(struct border_series, input),
          2,
          {",gen_ai_token_type=\"input\"", ",gen_ai_token_type=\"output\""}}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct family family = {out, rows[i].name, rows[i].bounds,
                                rows[i].bounds != &tokens_bounds};
        put_head(out, family.name, "histogram", rows[i].help);
        put_family(&family, metrics, gauges, &rows[i].place);
    }
}

static void put_number(struct buf *out, const char *type, const char *name, const char *help,
                       uint64_t number) {
    put_head(out, name, type, help);
    buf_print(out, "%s %llu\n", name, (unsigned long long)number);
}

static void put_parts(const char *parts, struct buf *out) {
    for (const char *at = parts; at && *at;) {
        size_t name = strcspn(at, "="), all = strcspn(at, " ");
        must(name < all);
        buf_print(out, "sekisho_isolation_part_info{part=\"%.*s\",level=\"%.*s\"} 1\n", (int)name,
                  at, (int)(all - name - 1), at + name + 1);
        at += all + (at[all] == ' ');
    }
}

static void put_states(const struct border_metrics *metrics, const struct border_gauges *gauges,
                       struct buf *out) {
    put_head(out, "sekisho_build_info", "gauge", "1; the build that runs.");
    buf_print(out, "sekisho_build_info{build=\"%s\"} 1\n", gauges->build);
    put_head(out, "sekisho_isolation_info", "gauge", "1; the isolation of the node.");
    buf_print(out, "sekisho_isolation_info{level=\"%s\"} 1\n", gauges->isolation);
    put_head(out, "sekisho_isolation_part_info", "gauge", "1; that of each room and layer.");
    put_parts(gauges->isolation_parts, out);
    put_head(out, "sekisho_model_loaded", "gauge", "Whether the model is in memory.");
    for (uint32_t i = 0; i < gauges->models_len; i++) {
        buf_put_text(out, "sekisho_model_loaded{gen_ai_request_model=\"");
        put_value(out, gauges->models[i]);
        buf_print(out, "\"} %d\n", gauges->loaded[i]);
    }
    put_head(out, "sekisho_requests_refused_total", "counter", "Requests the border refused.");
    for (size_t i = 0; i < BORDER_REASONS_MAX && metrics->refused[i].code; i++)
        buf_print(out, "sekisho_requests_refused_total{reason=\"%s\"} %llu\n",
                  metrics->refused[i].code, (unsigned long long)metrics->refused[i].count);
}

// Things of one kind, each with the same numbers; one below 0 is not there.
enum { COLUMNS_MAX = 6 };
struct column {
    const char *name, *type, *help;
};
struct table {
    const char *label; // what a thing is
    const struct column *columns;
    size_t columns_len, rows_len;
    struct row {
        struct view name;
        int64_t values[COLUMNS_MAX];
    } rows[BORDER_PLACES_MAX];
};
_Static_assert((int)BORDER_WITNESSES_MAX <= (int)BORDER_PLACES_MAX, "rows of a table");

static void put_table(const struct table *table, struct buf *out) {
    for (size_t n = 0; n < table->columns_len; n++) {
        const struct column *column = &table->columns[n];
        put_head(out, column->name, column->type, column->help);
        for (size_t i = 0; i < table->rows_len; i++) {
            const struct row *row = &table->rows[i];
            if (row->values[n] < 0) continue;
            buf_print(out, "%s{%s=\"", column->name, table->label);
            put_value(out, row->name);
            buf_print(out, "\"} %lld\n", (long long)row->values[n]);
        }
    }
}

static int64_t or_absent(int64_t value) { return value ? value : -1; }

static void put_places(const struct border_gauges *gauges, struct buf *out) {
    static const struct column columns[] = {
        {"sekisho_place_up", "gauge", "Whether the place may be asked now."},
        {"sekisho_place_contract_until_seconds", "gauge", "When its contract ends, Unix time."},
        {"sekisho_place_certificate_until_seconds", "gauge",
         "When the certificate that it showed last ends, Unix time."},
        {"sekisho_place_requests_total", "counter", "Envelopes that went to it."},
        {"sekisho_place_failures_total", "counter", "Of them it failed."},
        {"sekisho_place_requests_running", "gauge", "Of them under way."},
    };
    struct table table = {"place", columns, sizeof columns / sizeof *columns, 0, {{{0}, {0}}}};
    for (uint32_t i = 0; i < gauges->places_len; i++) {
        const struct border_place_gauge *place = &gauges->places[i];
        table.rows[table.rows_len++] = (struct row){
            place->id,
            {place->up, or_absent(place->until_s), or_absent(place->certificate_s),
             (int64_t)place->asks, (int64_t)place->failed, place->running}};
    }
    put_table(&table, out);
}

static void put_decisions(const struct border_metrics *metrics, struct buf *out) {
    put_head(out, "sekisho_decisions_total", "counter", "Decisions that were sealed.");
    for (int i = 0; i < BORDER_VERDICTS; i++)
        buf_print(out, "sekisho_decisions_total{verdict=\"%s\"} %llu\n",
                  border_verdict_name((enum border_verdict)i),
                  (unsigned long long)metrics->decisions[i]);
}

static void put_disk(const struct border_gauges *gauges, struct buf *out) {
    if (!gauges->disk) return;
    put_number(out, "gauge", "sekisho_cache_disk_pages", "Pages of keys and values on disk.",
               gauges->disk_pages);
    put_number(out, "counter", "sekisho_cache_disk_hits_total", "Pages read back from there.",
               gauges->disk_hits);
    put_number(out, "counter", "sekisho_cache_disk_read_bytes_total", "Bytes read there.",
               gauges->disk_read);
    put_number(out, "counter", "sekisho_cache_disk_written_bytes_total", "Bytes written there.",
               gauges->disk_written);
    put_number(out, "counter", "sekisho_cache_disk_failed_total",
               "Pages that could not be written there.", gauges->disk_failed);
    put_number(out, "counter", "sekisho_cache_disk_damaged_total",
               "Pages that did not come back as they were written.", gauges->disk_damaged);
}

static void put_scrub(const struct border_gauges *gauges, struct buf *out) {
    if (gauges->scrub_at_s == 0) return;
    put_number(out, "gauge", "sekisho_ledger_scrub_end_seconds",
               "When all segments had been read again last, Unix time.",
               (uint64_t)gauges->scrub_at_s);
    put_number(out, "gauge", "sekisho_ledger_scrub_leaves", "Leaves read then.",
               gauges->scrub_leaves);
    put_number(out, "gauge", "sekisho_ledger_damaged", "Places found damaged then.",
               gauges->scrub_damaged);
    put_number(out, "gauge", "sekisho_ledger_segments", "Segments then.", gauges->scrub_segments);
    put_number(out, "gauge", "sekisho_ledger_segments_sealed", "Of them sealed.",
               gauges->scrub_sealed);
}

static void put_witnesses(const struct border_gauges *gauges, struct buf *out) {
    static const struct column columns[] = {
        {"sekisho_witness_up", "gauge", "Whether the witness cosigned in the last round."},
        {"sekisho_witness_cosigned_leaves", "gauge", "Leaves of the log that it cosigned last."},
        {"sekisho_witness_cosigned_timestamp_seconds", "gauge", "When it did, Unix time."},
        {"sekisho_witness_rounds_total", "counter", "Rounds in which it was asked."},
        {"sekisho_witness_failures_total", "counter", "Of them it did not cosign."},
    };
    struct table table = {"witness", columns, sizeof columns / sizeof *columns, 0, {{{0}, {0}}}};
    if (gauges->witnesses_len == 0) return;
    for (uint32_t i = 0; i < gauges->witnesses_len; i++) {
        const struct border_witness_gauge *one = &gauges->witnesses[i];
        table.rows[table.rows_len++] = (struct row){
            one->name,
            {one->cosigned, or_absent((int64_t)one->size), or_absent(one->time_s),
             (int64_t)one->rounds, (int64_t)one->failed}};
    }
    put_table(&table, out);
    put_number(out, "gauge", "sekisho_witness_quorum", "1: a quorum cosigned in the last round.",
               gauges->quorum);
    put_number(out, "gauge", "sekisho_witness_quorum_leaves", "Leaves of the log under a quorum.",
               gauges->quorum_size);
    put_number(out, "gauge", "sekisho_witness_quorum_timestamp_seconds",
               "When a quorum cosigned last, Unix time; 0: not since the node began.",
               (uint64_t)gauges->quorum_s);
}

void border_metrics_write(const struct border_metrics *metrics, const struct border_gauges *gauges,
                          struct buf *out) {
    put_histograms(metrics, gauges, out);
    put_states(metrics, gauges, out);
    put_decisions(metrics, out);
    put_places(gauges, out);
    put_disk(gauges, out);
    put_scrub(gauges, out);
    put_witnesses(gauges, out);
    put_number(out, "counter", "sekisho_receipts_total", "Receipts that were cut.",
               metrics->receipts);
    put_number(out, "gauge", "sekisho_requests_open", "Requests at the border.", gauges->open);
    put_number(out, "gauge", "sekisho_requests_waiting", "Of them not begun.", gauges->waiting);
    put_number(out, "gauge", "sekisho_requests_waiting_max", "How many may (limits.queue).",
               gauges->waiting_max);
    put_number(out, "gauge", "sekisho_requests_running", "Jobs the engine holds.", gauges->running);
    put_number(out, "gauge", "sekisho_requests_running_max", "How many may (parallel of models).",
               gauges->running_max);
    put_number(out, "gauge", "sekisho_uptime_seconds", "Since the border room began.",
               gauges->uptime_s);
}
