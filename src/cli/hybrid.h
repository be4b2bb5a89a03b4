// Hybrid: what rules and a model of keigo say together of a sentence.
//
// Rules (keigo/keigo.h) propose candidates with priors; the model weighs each by the likelihood of
// giving it as its answer, and the best sum of both is taken. Classes are likelihoods of the
// model's answers. Promises: no text is made that neither wrote; the same for the same model and
// text. Refuses: what the rules and the model's context refuse.
#pragma once
#include "cli/cli.h"
#include "keigo/keigo.h"

enum hybrid_by { HYBRID_BOTH, HYBRID_RULES, HYBRID_MODEL };
enum sk_code hybrid_by_find(struct view name, enum hybrid_by *out); // "both", "rules", "model"

struct hybrid {
    enum hybrid_by by;
    struct cli_model model; // not open: by rules alone
    struct keigo_reader *reader;
    struct keigo_levels levels; // weights NULL: none
    struct buf levels_file;
    int32_t *ids, *whole;
    float *logprobs;
    uint32_t max; // of each of the three
    struct keigo_candidates made;
};
// `file` NULL: the configured model.
enum sk_code hybrid_open(struct hybrid *hybrid, const char *file, enum hybrid_by by);
// Weights of levels, for hybrid_level. `path` NULL: those that came with the program, if any, where
// both are asked.
enum sk_code hybrid_levels_open(struct hybrid *hybrid, const char *path);
void hybrid_close(struct hybrid *hybrid); // fine on a zeroed one

// Log of the likelihood that the model, asked this, answers so and ends; or, without `ends`, begins
// so.
enum sk_code hybrid_likelihood(struct hybrid *hybrid, struct view asked, struct view answer,
                               bool ends, double *log);
// What the model answers, greedily.
enum sk_code hybrid_answer(struct hybrid *hybrid, const struct engine_message *messages,
                           uint32_t len, uint32_t tokens_max, struct buf *out);

// The text in another style, appended.
enum sk_code hybrid_rewrite(struct hybrid *hybrid, struct view text, enum keigo_style style,
                            struct buf *out);
// How likely each level is, 0 … 1, the first the politest: by the weights of levels, where they
// were given, and the model; by rules without weights, by the marks alone.
enum sk_code hybrid_level(struct hybrid *hybrid, struct view text, double share[KEIGO_LEVELS]);
// The level to tell: the likeliest, where to be off by two costs more than by one.
uint32_t hybrid_level_of(const double share[KEIGO_LEVELS]);
// How likely it is that the forms do not fit who acts, 0 … 1, and what the rules found; the model
// is asked where they are not sure. why->sure 0: the model judged.
enum sk_code hybrid_direction(struct hybrid *hybrid, struct view text, double *wrong,
                              struct keigo_direction *why);
