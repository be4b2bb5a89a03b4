// The border room's state, shared by its files.
#pragma once
#include "base/arena.h"
#include "border/border.h"
#include "node/job.h"
#include "node/room.h"

enum {
    ASKS_MAX = 1024,       // a job id carries its row in the low bits: id % ASKS_MAX
    ASK_CREDIT_MAX = 4096, // chunks one request may be ahead of its client
};
_Static_assert((int)MODELS_MAX <= (int)BORDER_MODELS_MAX, "metrics count every model");
_Static_assert((int)GATE_OPS == (int)BORDER_OPERATIONS, "each operation has a name");

// Where a request stands. Each step is made by one message:
//   ask → WAITING → run → STARTED → begun, append → SEALING → sealed, accept → ANSWERING
//   → ended, conclude → CONCLUDING → receipt, done → free
// A request of several choices is as many asks, each with its own decision and receipt.
enum ask_stage { ASK_FREE, ASK_WAITING, ASK_STARTED, ASK_SEALING, ASK_ANSWERING, ASK_CONCLUDING };

// One model of the node: as the parent checked it, and as the engine found it.
struct border_model {
    struct msg_border_model setup; // texts stand in the arenas below, NUL-terminated
    struct msg_card card;
    uint8_t template_digest[HASH_LEN];
    struct arena card_texts; // each engine sends them anew
    bool told;               // the card is that of the engine that runs
    uint32_t running;        // jobs the engine holds
};

struct ask {
    enum ask_stage stage;
    bool gone;  // the client left, or was told an error: nothing more is sent to it
    bool ended; // the engine is done with it; outcome is set
    uint64_t gate_id, job_id;
    uint64_t order; // of arrival
    uint64_t number, open;
    int64_t asked_us, first_us, last_us; // when it came; of the first and last piece, 0: none yet
    struct border_key *key;
    struct border_model *model;
    enum gate_operation operation;
    uint32_t choice, copy; // which of its request's answers; what is added to the seed
    uint32_t texts;        // the task has
    int body;              // WAITING: the sealed file that will run
    uint32_t job_at, job_len;
    uint32_t credit;           // of gate, not granted yet
    uint32_t granted;          // pieces the engine may still send
    uint32_t tokens_max;       // of the answer; 0: until the context is full
    struct border_share share; // of the key's limits
    uint32_t prompt_tokens, prompt_cached, completion_tokens, reasoning_tokens;
    uint8_t stop;                // which stop string, or ENGINE_NO_STOP
    enum engine_channel channel; // of the part that came last
    bool resulted;               // its result came
    int result;                  // a file that waits for the seal; -1: none does
    uint32_t result_len;
    uint32_t arithmetic; // this and the next: of begun, for the close leaf
    uint64_t time_s;
    char sampler[640];
    size_t sampler_len;
    const char *outcome, *finish_reason;
    uint8_t salt_body[HASH_LEN], salt_prompt[HASH_LEN], salt_choice[HASH_LEN];
    uint8_t commit_body[HASH_LEN], commit_prompt[HASH_LEN];
    struct commit answer; // as it passes
};

struct border_state {
    struct room_self room;
    struct msg_border_setup setup; // texts stand in the arena, NUL-terminated
    struct arena arena;
    struct border_model models[MODELS_MAX];
    uint32_t models_len;
    uint32_t jobs_max; // of all models
    bool recalled;     // the ledger told all it knows
    bool stopping;
    char level[16], level_parts[257]; // isolation of the node, and of its parts
    uint64_t next_job, next_order;
    uint32_t open, waiting, running; // rows in use; of them not started; jobs the engine holds
    int64_t begun_us;
    struct border_keys keys;
    struct border_metrics metrics;
    struct border_keep keep;
    struct ask asks[ASKS_MAX];
};

struct refusal {
    uint16_t status;
    uint32_t retry_after_s;
    const char *type, *code, *param;
};

int64_t border_now_ms(void);
int64_t border_clock_us(void); // monotonic
// The engine runs and told what every model is.
bool border_engine_ready(const struct border_state *state);

// room_border_ask.c: the life of one task, up to its answer.
void ask_arrives(struct border_state *state, struct msg *msg);
void ask_credit(struct border_state *state, const struct msg *msg);
void ask_leaves(struct border_state *state, uint64_t gate_id);
void ask_begun(struct border_state *state, struct msg *msg);
void ask_sealed(struct border_state *state, const struct msg *msg);
void asks_dispatch(struct border_state *state); // starts what waits, while the engine has room
void asks_gate_lost(struct border_state *state);
void asks_engine_lost(struct border_state *state);

// Of a number the ledger answers, or the engine works on.
struct ask *ask_of_job(struct border_state *state, uint64_t job_id);
// The one whose job the engine holds; NULL also for a job it was never given.
struct ask *ask_at_engine(struct border_state *state, uint64_t job_id);
void ask_free(struct border_state *state, struct ask *ask);
void ask_refuse(struct border_state *state, struct ask *ask, struct refusal refusal,
                const char *text);

// room_border_answer.c: what the engine makes of it, up to the receipt.
void ask_piece(struct border_state *state, const struct msg *msg);
void ask_result(struct border_state *state, struct msg *msg);
void ask_give(struct border_state *state, struct ask *ask); // the result that waited for the seal
void ask_ended(struct border_state *state, const struct msg *msg);
void ask_failed(struct border_state *state, const struct msg *msg);
void ask_receipt(struct border_state *state, const struct msg *msg);
// The engine holds it no more. What was opened must close, whoever is still there.
void ask_over(struct border_state *state, struct ask *ask, const char *outcome);
void ask_conclude(struct border_state *state, struct ask *ask);

// room_border_limit.c: limits of keys. False: refused, gate is told with the key's rates.
bool limits_take(struct border_state *state, const struct msg *msg, struct border_key *key,
                 const struct border_model *model, struct border_share *share); // msg: ask
bool limits_reserve(struct border_state *state, struct ask *ask); // its prompt is known
void limits_settle(struct border_key *key, struct border_share *share, uint64_t tokens);
void limits_tell(struct border_state *state, uint64_t gate_id, struct border_key *key);

// room_border_keep.c: what is kept for a key.
void keep_arrives(struct border_state *state, const struct msg *msg);
void find_arrives(struct border_state *state, const struct msg *msg);
void drop_arrives(struct border_state *state, const struct msg *msg);
void claim_arrives(struct border_state *state, const struct msg *msg);

// room_border_query.c: reads.
void query_arrives(struct border_state *state, const struct msg *msg);
void queries_gate_lost(void);
void metrics_answer(struct border_state *state, uint64_t gate_id); // room_border_metrics.c
// A receipt that was fetched for a query; false when `id` is no query's.
bool query_receipt(struct border_state *state, const struct msg *msg);

// Whose credential it is, and whether that key may do this; else refused.
bool border_admit(struct border_state *state, const struct msg *msg, struct view credential,
                  struct border_key **key);
void border_refuse(struct border_state *state, uint64_t gate_id, struct refusal refusal,
                   const char *text);
