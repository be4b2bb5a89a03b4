// Parts of `sekisho train`: what opens, shows and writes files for src/train.
#pragma once
#include "cli/cli.h"
#include "cli/detect.h"
#include "cli/lines.h"
#include "train/train.h"

// `sekisho train` with its words; `group`: NULL, or the processes it is one of. EXIT_….
int train_command(int argc, char **argv, const struct run_group *group);

// ---- what makes tokens, and the sources' files (cmd_train_data.c) ----

struct train_source {
    struct weights weights; // of the tokenizer's file, or of the base model
    struct view views[WEIGHTS_PARTS_MAX];
    struct gguf gguf;
    struct buf vocabulary; // a GGUF file of its vocabulary alone
    struct data_tokens tokens;
};
// Opens the file that the recipe names: recipe->base, or its tokenizer; or learns one from the
// sources, as tokenizer.gguf in the output directory, unless it is there; of a group (may be NULL)
// rank 0 does.
enum sk_code train_source_open(const struct recipe *recipe, const struct run_group *group,
                               struct train_source *source);
void train_source_close(struct train_source *source); // fine on a zeroed one

// The data of a run, built now unless it is there; of a group (may be NULL) rank 0 builds.
enum sk_code train_data_open(const struct recipe *recipe, const struct train_source *source,
                             const struct run_group *group, const struct world *world,
                             struct data *data);

// ---- what is seen of a run (cmd_train_show.c) ----

struct train_show {
    const struct recipe *recipe;
    const struct world *world; // of the output directory
    int metrics;               // metrics.jsonl, open
    uint64_t metrics_len;
    struct train_points {
        struct curve_point *at;
        size_t len, max;
    } trained, held;
    uint64_t steps;
    // Of the whole run, goings-on included; and the newest evaluation (0: none).
    uint64_t started_ms, cpu_ms, cpu_before_ms;
    double held_loss, held_bits;
    double shown_s; // when a line was last shown
    bool live;      // on a terminal
    bool line_open; // a step's line stands there, to be written over
    float recent[32]; // losses, for the sparkline
    uint32_t recent_len;
};
enum sk_code train_show_open(struct train_show *show, const struct recipe *recipe,
                             const struct world *world);
enum sk_code train_show_event(void *self, const struct run_event *event); // run_options.told
// The line ends; after a run that did not fail the curve is written.
enum sk_code train_show_end(struct train_show *show, bool failed);
void train_show_close(struct train_show *show);

// ---- what comes of it (cmd_train_export.c) ----

struct train_export {
    const struct recipe *recipe;
    const struct run *run;
    const struct train_source *source;
    const struct data *data;
    const char *directory;
    uint32_t context, threads;
    uint8_t data_digest[HASH_LEN]; // of the tokens it learned from
    // Outputs, as they are written.
    struct train_output {
        char name[256], type[16];
        uint8_t digest[HASH_LEN];
        uint64_t bytes;
    } output[RECORD_OUTPUTS_MAX];
    uint32_t outputs_len;
};
// Whether its export types are known, each named once; of adapters there are F32 and F16.
enum sk_code train_export_check(const struct recipe *recipe);
// DIRECTORY/NAME-TYPE.gguf of each type of the recipe (none: F16), shown one a line.
enum sk_code train_export(struct train_export *export);

// ---- what is told of it (cmd_train_record.c) ----

// DIRECTORY/record.json; with `conf` it becomes a leaf of that node's ledger.
struct train_told {
    const struct train_export *export;
    const struct train_show *show;
    const struct conf *conf; // NULL: none
    uint32_t ranks;          // processes
};
// Before the run: that its record will be taken, however large the figures become.
enum sk_code train_record_check(const struct train_told *told);
enum sk_code train_record_put(const struct train_told *told, const struct world *world);
