#include "cli/eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum sk_code eval_item(struct eval *eval, double above, double below) {
    if (eval->items == EVAL_ITEMS_MAX)
        return FAIL(SK_LIMIT, "more than %d items; --limit N takes the first", EVAL_ITEMS_MAX);
    if (!eval->above) {
        eval->above = calloc(EVAL_ITEMS_MAX, sizeof *eval->above);
        eval->below = calloc(EVAL_ITEMS_MAX, sizeof *eval->below);
        eval->picked = calloc(EVAL_ITEMS_MAX, sizeof *eval->picked);
    }
    if (!eval->above || !eval->below || !eval->picked) return FAIL(SK_LIMIT, "no memory");
    eval->above[eval->items] = above;
    eval->below[eval->items++] = below;
    return SK_OK;
}

static void figure(struct eval *eval, struct eval_figure figure) {
    must(eval->figures_len < EVAL_FIGURES_MAX);
    eval->figures[eval->figures_len++] = figure;
}

void eval_share(struct eval *eval, const char *name, uint64_t hits, uint64_t trials) {
    double value = trials ? (double)hits / (double)trials : 0;
    figure(eval, (struct eval_figure){name, value, score_wilson(hits, trials), trials});
}

static double ratio(void *self, const uint32_t *picked, uint32_t len) {
    const struct eval *eval = self;
    double above = 0, below = 0;
    for (uint32_t i = 0; i < len; i++) {
        above += eval->above[picked[i]];
        below += eval->below[picked[i]];
    }
    return below > 0 ? above / below : 0;
}

static void each_once(struct eval *eval) {
    for (uint32_t i = 0; i < eval->items; i++)
        eval->picked[i] = i;
}

void eval_ratio(struct eval *eval, const char *name, double scale) {
    each_once(eval);
    double value = ratio(eval, eval->picked, eval->items);
    struct score_interval interval =
        score_bootstrap(ratio, eval, eval->picked, eval->items, eval->seed);
    figure(eval,
           (struct eval_figure){
               name, value * scale, {interval.low * scale, interval.high * scale}, eval->items});
}

enum sk_code eval_made_add(struct eval *eval, struct view text, struct view reference) {
    struct eval_made *made = &eval->made;
    uint32_t distance, len;
    if (made->texts == made->max) {
        uint32_t max = made->max ? 2 * made->max : 1024;
        struct score_chrf *more = realloc(made->chrf, max * sizeof *more);
        if (!more) return FAIL(SK_LIMIT, "no memory for %u texts", max);
        made->chrf = more;
        made->max = max;
    }
    struct score_chrf *chrf = &made->chrf[made->texts];
    *chrf = (struct score_chrf){0};
    TRY(score_distance(&eval->room, text, reference, &distance, &len));
    TRY(score_chrf_add(&eval->room, text, reference, chrf));
    TRY(eval_item(eval, distance, len));
    made->exact += distance == 0;
    made->texts++;
    return SK_OK;
}

static double chrf_of(void *self, const uint32_t *picked, uint32_t len) {
    const struct eval_made *made = self;
    struct score_chrf sum = {0};
    for (uint32_t i = 0; i < len; i++)
        for (unsigned n = 0; n < SCORE_ORDERS; n++) {
            const struct score_chrf *one = &made->chrf[picked[i]];
            sum.made[n] += one->made[n];
            sum.wanted[n] += one->wanted[n];
            sum.common[n] += one->common[n];
        }
    return score_chrf_value(&sum);
}

void eval_made_tell(struct eval *eval) {
    struct eval_made *made = &eval->made;
    eval_share(eval, "exact", made->exact, made->texts);
    eval_ratio(eval, "character error rate", 1);
    each_once(eval);
    double value = chrf_of(made, eval->picked, eval->items);
    struct score_interval interval =
        score_bootstrap(chrf_of, made, eval->picked, eval->items, eval->seed);
    figure(eval, (struct eval_figure){"chrF", value, interval, made->texts});
}

void eval_progress(uint64_t done) {
    if (!isatty(STDERR_FILENO)) return;
    fprintf(stderr, "\r%llu ", (unsigned long long)done);
}
