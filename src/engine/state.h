// State: what an open engine holds. Inside the engine only.
#pragma once
#include "engine/chat.h"
#include "engine/dialect_answer.h"
#include "engine/dialect_grammar.h"
#include "engine/engine.h"
#include "engine/forward.h"
#include "engine/grammar.h"
#include "engine/guess.h"
#include "engine/kv.h"
#include "engine/sample.h"
#include "engine/share.h"
#include "engine/tokenize.h"

enum { ENGINE_SLOTS_MAX = KERNEL_COLUMNS_MAX }; // so that a step can read a token of each

// One generation: ids[0 .. done) are in the cache, [done .. len) are known and not run yet.
struct slot {
    bool running;
    struct sampler sampler;
    struct answer answer;
    struct dialect_tools tools;
    enum dialect_bond bond;
    bool formed;                // the job has a format
    struct grammar_run grammar;  // what binds it
    struct grammar_run thoughts; // and its thoughts: the answer does not end in them
    char why[256]; // it failed
    struct kv_sequence sequence;
    int32_t *ids; // `context` of them
    uint32_t prompt, len, done, len_max;
    uint32_t cached; // tokens of the prompt that were found
    uint32_t logprobs, score_from; // as the job has them
    bool prompt_only, one_by_one;
    struct guess guess;
    uint32_t found_max; // pages that end before this one of its tokens may be found
    struct engine_candidate top[ENGINE_CANDIDATES_MAX];
    uint64_t tenant, order; // order: of its start
    uint32_t weight;        // of the tenant
    uint64_t owes;   // work on its grammar that held up others, and was not waited for yet
    struct engine_scored scores[KERNEL_COLUMNS_MAX];
    struct engine_candidate scores_top[KERNEL_COLUMNS_MAX][ENGINE_CANDIDATES_MAX];
};

struct engine_threads {
    struct pool pool;
};

struct engine {
    struct model model;
    struct vocab vocab;
    struct chat chat;
    struct tokenizer tokenizer;
    struct forward forward;
    struct kv kv;
    struct kv_sequence scored; // the text of engine_score, while it runs
    struct pool *pool, own_pool;
    const struct kernels *kernels;
    struct slot *slots;
    struct jinja_text prompt; // rendered, before it is cut into tokens
    size_t text_max;
    float *logits; // rows of a padded vocabulary, `logits_len` of them
    uint64_t runs; // what logits hold is of the last
    uint32_t ran;  // columns of the step before; 0: it went on with what there was
    struct choice choice;
    struct grammars grammars;
    uint32_t slots_len, logits_len, context;
    struct share share;
    uint64_t orders;
    uint64_t file_bytes, weights_bytes, state_bytes; // as the shape tells them
    void *state; // the one block
    void *weights; // packed
    uint64_t packed_bytes;
    bool tokens_only;
    struct adapter adapters[ENGINE_ADAPTERS_MAX]; // while it is opened
};

// SK_INPUT: no tokens, or one the vocabulary lacks; SK_LIMIT: more than the context has room for.
// `what` names them.
enum sk_code engine_ids_check(const struct engine *engine, const char *what, const int32_t *ids,
                              size_t len);

// A column of the last run, and what came after it.
struct score_want {
    uint32_t column;
    struct engine_scored *to;     // its token is set; the rest is filled
    struct engine_candidate *top; // room for `alternatives`
    uint32_t alternatives;
    uint32_t damaged; // the first token whose logit is not finite, or none: the vocabulary's length
};

// Fills up to KERNEL_COLUMNS_MAX of them; engine->logits are scratch.
void score_columns(struct engine *engine, struct score_want *wants, uint32_t len);
// SK_CORRUPT when one of them is damaged.
enum sk_code score_check(const struct engine *engine, const struct score_want *wants, uint32_t len);

struct slot *slot_at(const struct engine *engine, uint32_t slot);

// Ends what runs in the slot and gives its pages back.
void slot_free(struct engine *engine, struct slot *slot);

// The job failed with `code` and fail_text(): the event says so, the slot is free.
void slot_fail(struct engine *engine, struct slot *slot, enum sk_code code,
               struct engine_event *event);

// Makes the slot's next token from `logits` and says in the event what came of it; frees the slot
// when that was the last.
void slot_next(struct engine *engine, struct slot *slot, const float *logits,
               struct engine_event *event);

// ---- slot_answer.c ----

// Begins the answer of a job and what binds it. Errors begin with the term of the field at fault.
enum sk_code slot_answer_begin(struct engine *engine, struct slot *slot,
                               const struct engine_job *job, const int32_t *ids, size_t len);
// What the next token must be of, or NULL.
struct grammar_run *slot_binds(struct slot *slot);
void slot_answer_end(struct slot *slot);
// Adds a token to the slot's answer and says what the event is.
enum sk_code slot_answer_token(struct engine *engine, struct slot *slot, int32_t token,
                               struct engine_event *event);
