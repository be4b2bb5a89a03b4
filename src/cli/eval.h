// Eval: figures of a model, each with its interval.
//
// What the tasks measure and of which files: the usage of `sekisho eval` (cmd_eval.c). Promises:
// the same figures for the same model, file and seed. Refuses: files of another form, by row.
#pragma once
#include "cli/csv.h"
#include "cli/hybrid.h"
#include "train/train.h"

enum {
    EVAL_FIGURES_MAX = 16,
    EVAL_ITEMS_MAX = 1 << 20,
    EVAL_FILE_MAX = 1 << 28,
    EVAL_ANSWER_MAX = 1 << 14,
};

struct eval_figure {
    const char *name; // "exact"
    double value;
    struct score_interval interval; // 95 %
    uint64_t items;
};

struct eval {
    struct hybrid hybrid;
    struct buf file;      // the task's, whole
    uint64_t seed, limit; // limit: items at most, the first ones
    struct eval_figure figures[EVAL_FIGURES_MAX];
    uint32_t figures_len;
    struct score_room room;
    // Of the items so far: two numbers each (what a figure divides), in columns.
    double *above, *below;
    uint32_t *picked;
    uint32_t items;
    struct eval_made { // texts against their references, of a task that makes texts
        uint64_t exact, texts;
        struct score_chrf *chrf; // of each
        uint32_t max;
    } made;
};

typedef enum sk_code eval_task(struct eval *eval);
eval_task eval_text, eval_choice, eval_generate, eval_levels, eval_polite, eval_direction;

// One more item; SK_LIMIT: more than EVAL_ITEMS_MAX.
enum sk_code eval_item(struct eval *eval, double above, double below);
// Figures: hits of trials (Wilson); the sum of the items' `above` by that of `below`, times `scale`
// (bootstrap).
void eval_share(struct eval *eval, const char *name, uint64_t hits, uint64_t trials);
void eval_ratio(struct eval *eval, const char *name, double scale);
// One text more, and "exact", "character error rate" and "chrF" of all.
enum sk_code eval_made_add(struct eval *eval, struct view text, struct view reference);
void eval_made_tell(struct eval *eval);
// Shows how far it is, on a terminal.
void eval_progress(uint64_t done);
