// The border room's state, shared by its files.
#pragma once
#include "base/arena.h"
#include "border/border.h"
#include "node/job.h"
#include "node/room.h"
#include "node/texts.h"

enum {
    ASKS_MAX = 1024,       // a job id carries its row in the low bits: id % ASKS_MAX
    ASK_CREDIT_MAX = 4096, // chunks one request may be ahead of its client
    HELD_MAX = 1 << 30,    // bytes of the bodies of all requests
};
enum { REMOTES_MAX = 64 }; // models of routes that metrics count by name
_Static_assert((int)MODELS_MAX + (int)REMOTES_MAX == (int)BORDER_MODELS_MAX, "each is counted");
_Static_assert((int)GATE_OPS == (int)BORDER_OPERATIONS, "each operation has a name");

// Where a request stands. Each step is made by one message, or by the judge:
//   ask → JUDGING → decided →
//     here    WAITING → run → STARTED → begun, append → SEALING → sealed, accept → ANSWERING
//     away    WAITING → append → SEALING → sealed, run → CARRYING → carried, accept → ANSWERING
//     nowhere SEALING → sealed
//   → ended, (archive → ARCHIVING → archived,) conclude → CONCLUDING → receipt, done (or refuse)
//   → free
// A request of several choices is as many asks, each with its own decision and receipt. One that a
// place failed before it answered is judged again for the next, as a decision of its own.
enum ask_stage {
    ASK_FREE,
    ASK_JUDGING,
    ASK_WAITING,
    ASK_STARTED,
    ASK_SEALING,
    ASK_CARRYING,
    ASK_ANSWERING,
    ASK_ARCHIVING,
    ASK_CONCLUDING,
};

// One model of the node: as the parent checked it, and as the engine found it.
struct border_model {
    struct msg_border_model setup; // texts stand in the arenas below, NUL-terminated
    struct msg_card card;
    uint8_t template_digest[HASH_LEN];
    struct arena card_texts; // each engine sends them anew
    bool told;               // the card is that of the engine that runs
    uint32_t running;        // jobs the engine holds, of its adapters too
};

struct refusal {
    uint16_t status;
    uint32_t retry_after_s;
    const char *type, *code, *param;
};

// What was decided for an ask: where its text is processed, or that it is not.
struct decision {
    struct border_rules *rules; // in force when it was; held while the ask lives
    uint64_t classes, label;    // found or vouched for; vouched for
    enum border_reach consent;
    uint16_t tenant, purpose;
    uint16_t route, step, place;   // route: POLICY_NONE where a model of this node was asked for
    uint32_t tried;                // steps that failed it, a bit each
    enum border_level level;       // of the node, when it was
    int64_t day;                   // since 1970, when it was
    struct policy_verdict verdict; // of the place that was preferred, or of the one chosen
    bool away, refused;            // to another place; to none
    int envelope;                  // away: the sealed file that leaves; -1: none
    uint32_t envelope_at, envelope_len; // in it; before lies the job it was written of
    uint8_t commit_envelope[HASH_LEN];
    struct vault *vault; // of what was masked, or NULL
    uint64_t retry_of;   // index of the open leaf of the attempt before; UINT64_MAX: none
};

// What an answer becomes on its way to the client (room_border_filter.c).
struct filter {
    bool holds;               // sentence by sentence, because the client may not see every class
    uint64_t clear, masked;   // classes it may see; may see masked
    uint64_t found;           // classes of the answer
    struct restore restore;   // of the channel that is open
    struct scan_stream judge; // likewise
    struct vault *vault;      // of what is masked for the client
    uint32_t restored, unknown;
};

struct ask {
    enum ask_stage stage;
    bool gone;    // the client left, or was told an error: nothing more is sent to it
    bool ended;   // the worker is done with it; outcome is set
    enum room at; // the worker that has its job; ROOM_PARENT: none
    bool carried; // counts among those of its place
    bool again;   // once this attempt is sealed as failed, the next step is asked
    uint64_t gate_id, job_id;
    uint64_t order; // of arrival
    uint64_t number, open;
    int64_t asked_us, first_us, last_us; // when it came; of the first and last piece, 0: none yet
    struct border_key *key;
    struct border_model *model; // of this node; NULL: of a route, until it is decided
    char model_name[257];       // as it was asked for
    char label[257], consent[33], purpose[65]; // words of the request
    struct policy_address client;
    enum gate_operation operation;
    uint32_t choice, copy; // which of its request's answers; what is added to the seed
    uint32_t texts;        // the task has
    int body;              // until nothing more can be made of it: the sealed file as it came
    struct view file;      // what it says, from when it came until it is judged; else empty
    uint64_t held;         // bytes of it
    uint32_t body_len, job_at, job_len;
    struct judge *judge; // JUDGING: under way
    bool unjudged;       // a detector cannot work; refusal_text says why, or the room's state
    struct decision decision;
    uint32_t credit;           // of gate, not granted yet
    bool kept;                 // one of it for the end
    uint32_t granted;          // pieces the worker may still send
    uint32_t tokens_max;       // of the answer; 0: until the context is full
    struct border_share share; // of the key's limits
    int64_t charged;           // of the key's turns
    uint32_t prompt_tokens, prompt_cached, completion_tokens, reasoning_tokens;
    uint8_t stop;                // which stop string, or ENGINE_NO_STOP
    enum engine_channel channel; // of the part that was sent last
    enum engine_channel came;    // of the part that the worker sent last
    bool resulted;               // its result came
    int result;                  // a file that waits for the seal; -1: none does
    uint32_t result_len;
    uint32_t arithmetic; // this and the next: of begun, for the close leaf
    uint64_t time_s;
    char sampler[640];
    size_t sampler_len;
    char peer[48]; // away: the address that took the envelope
    uint8_t spki[HASH_LEN];
    const char *outcome, *finish_reason;
    bool filtered;              // the answer was ended by
    char rule[POLICY_RULE_MAX]; //   this; also of what failed
    struct refusal refusal;     // no answer comes: told when its receipt is there
    struct refusal failure;     // of the place before, told when nothing is left to ask
    char refusal_text[1024];
    uint8_t salt_body[HASH_LEN], salt_prompt[HASH_LEN], salt_choice[HASH_LEN];
    uint8_t commit_body[HASH_LEN], commit_prompt[HASH_LEN];
    struct commit answer; // as it passes
    uint32_t keep_days;   // the policy keeps it for; 0: it does not
    struct buf kept_text; // then: the answer, or that it was too long
    int64_t kept_until_s; // it is kept; 0: not
};

// A policy in force, and those before it that some ask was decided by.
struct border_rules {
    struct policy policy;
    struct detector_set wanted;
    struct arena arena; // its texts
    uint32_t users;     // asks
};

// Where it is processed; where it is not, the place that was preferred.
static inline const struct policy_place *decision_place(const struct decision *decision) {
    return &decision->rules->policy.places[decision->place];
}

// What is known of a place beside what the policy says, by its id.
struct border_place {
    char id[POLICY_NAME_MAX + 1]; // "" for a free row
    uint32_t running, failures;   // in a row
    int64_t closed_until_us;      // not asked before
    uint64_t asks, failed;        // counted
    int64_t certificate_s;        // end of the one it showed last, since 1970; 0: none
};

// One ask's texts, being scanned.
struct judge {
    struct ask *ask; // NULL: free
    struct arena arena;
    struct gate_task task;
    struct texts texts;
    struct scan scan;
};

// Questions of gate that the ledger has (room_border_relay.c).
enum { RELAY_MAX = 64 };
struct relay_row {
    uint64_t id, gate_id; // id 0: free; gate_id 0: for nobody
    const struct border_key *key;
};
struct relay {
    struct relay_row rows[RELAY_MAX];
    uint64_t last; // id that was given
};

enum { RULES_MAX = 8, JUDGES_MAX = 8, PLACES_MAX = 2 * POLICY_PLACES_MAX };
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
    struct msg_quorum quorum; // witnesses of the log; witnesses 0: there are none
    char quorum_text[513];
    struct border_witness_gauge witnesses[BORDER_WITNESSES_MAX];
    char witness_names[BORDER_WITNESSES_MAX][65];
    struct msg_spilled spilled; // by the engine, as it told last
    bool spills;                // it did
    struct msg_scrubbed scrubbed; // the ledger's last round; at_ms 0: none yet
    enum border_level level_now;
    uint64_t next_job, next_order;
    struct fair turns; // of keys
    uint32_t open, judging, waiting, running; // rows in use; of them in those stages; at the engine
    uint64_t held;                            // bytes of all bodies
    int64_t begun_us;
    struct border_keys keys;
    struct border_metrics metrics;
    struct border_keep keep;
    struct border_rules rules[RULES_MAX];
    struct border_rules *now; // in force; NULL until the first arrived
    int64_t policy_ms;        // since
    int fresh; // a policy that waits for a free row, as does every decision; -1: none
    uint32_t fresh_len;
    struct detectors *detectors;
    // Why no text can be judged: a file that is damaged, one that is missing; "" for nothing.
    char detector_trouble[256], detector_missing[256];
    bool archive_works;
    char archive_trouble[257]; // why not
    struct border_place places[PLACES_MAX];
    char remotes[REMOTES_MAX][257]; // models of routes, as metrics count them
    struct judge judges[JUDGES_MAX];
    struct relay tiles, fetches, witnessing; // pieces of the log, receipts, checkpoints of others
    uint8_t mask_key[MASK_KEY_LEN];
    uint32_t asks_end; // rows in use are below
    struct ask asks[ASKS_MAX];
    struct filter filters[ASKS_MAX]; // by row of the ask
};

int64_t border_now_ms(void);
int64_t border_clock_us(void); // monotonic
// The model of this node that is called so; NULL: there is none.
struct border_model *border_model_of(struct border_state *state, struct view name);
// The model that an adapter is of, or itself.
struct border_model *border_model_base(struct border_state *state, struct border_model *model);
// The engine runs and told what every model is.
bool border_engine_ready(const struct border_state *state);

// room_border_policy.c: the policy in force, and what finds things.
void policy_arrives(struct border_state *state, struct msg *msg);
void detector_arrives(struct border_state *state, struct msg *msg);
void policy_beat(struct border_state *state);                 // takes a policy that waited
void policy_state(struct border_state *state);                // tells the ledger of it
void detectors_ready(struct border_state *state);             // whether all are there that it needs
void rules_hold(struct ask *ask, struct border_rules *rules); // NULL: none any more
// What is to be decided anew holds up no policy that waits for the row of an old one.
void rules_leave(const struct border_state *state, struct ask *ask);
struct border_place *place_of(struct border_state *state, const char *id);
void place_failed(struct border_place *place, int64_t now_us);
void place_worked(struct border_place *place);

// room_border_judge.c: what stands in a request.
bool judges_work(struct border_state *state);  // one short step each; whether there is more
void judge_end(struct judge *judge);           // also in the middle
void judges_again(struct border_state *state); // a policy came: what is under way begins anew

// room_border_route.c: where it goes. `judge`: its findings; NULL: there is nothing to find.
void ask_decide(struct border_state *state, struct ask *ask, struct judge *judge);
// Its place failed before it answered, and that is sealed: judged again for what is left.
void ask_elsewhere(struct border_state *state, struct ask *ask);
// Whether it would be decided likewise now: by this policy, at this level of isolation, on this
// day.
bool decision_stands(const struct border_state *state, const struct ask *ask);

// room_border_envelope.c: what leaves. SK_UNSUPPORTED, SK_INPUT: the caller's request cannot
// travel, the text says why; SK_DENIED: something that was to be masked is still there.
enum sk_code envelope_make(struct border_state *state, struct ask *ask, struct judge *judge);

// room_border_filter.c: what comes back.
void filter_begin(struct border_state *state, struct ask *ask);
void filter_end(struct border_state *state, struct ask *ask);
bool filter_works(struct border_state *state, const struct ask *ask); // else parts pass as they are
// Whether there is a client that may not see every class.
bool filter_narrow(const struct border_state *state, const struct ask *ask);
// For the close leaf.
struct filter_told {
    const char *client;
    bool judged;
    uint64_t found;
    uint32_t restored, unknown;
};
struct filter_told filter_told(struct border_state *state, const struct ask *ask);
// Turns parts that came into parts that may be sent. SK_DENIED: the answer must end here; what may
// be sent is in `out`. SK_CORRUPT, SK_LIMIT: it cannot be judged.
enum sk_code filter_parts(struct border_state *state, struct ask *ask, struct view parts, bool last,
                          struct buf *out);

// room_border_ask.c: the life of one task, up to its answer.
void ask_arrives(struct border_state *state, struct msg *msg);
void ask_credit(struct border_state *state, const struct msg *msg);
void ask_leaves(struct border_state *state, uint64_t gate_id);
void ask_begun(struct border_state *state, struct msg *msg);
void asks_dispatch(struct border_state *state); // starts what waits, while there is room
void asks_gate_lost(struct border_state *state);
void asks_worker_lost(struct border_state *state, enum room worker);

// Of a number the ledger answers, or a worker works on.
struct ask *ask_of_job(struct border_state *state, uint64_t job_id);
// The one whose job that worker holds; NULL also for a job it was never given.
struct ask *ask_at(struct border_state *state, enum room worker, uint64_t job_id);
void ask_free(struct border_state *state, struct ask *ask);
// Lets go of what the last decision made, before the next one makes it anew.
void decision_end(struct border_state *state, struct ask *ask);
void ask_refuse(struct border_state *state, struct ask *ask, struct refusal refusal,
                const char *text);

// room_border_turn.c: whose turn it is among keys.
void turn_wait(struct border_state *state, struct ask *ask); // it is decided, and waits
struct ask *turn_next(struct border_state *state); // of those that can go on; NULL: none can
void turn_serve(struct border_state *state, struct ask *ask); // it goes on
void turn_charge(struct ask *ask);                            // more is known of what it costs
// Whether a key may have one request more among `places`.
bool turn_admits(const struct border_state *state, const struct border_key *key, uint32_t places);

// room_border_seal.c: the decision, from its leaf to what it lets begin.
void ask_seal(struct border_state *state, struct ask *ask); // states it
void ask_grant(struct border_state *state, struct ask *ask);
void ask_sealed(struct border_state *state, const struct msg *msg);
void ask_carried(struct border_state *state, const struct msg *msg);

// room_border_answer.c: what a worker makes of it, up to the receipt.
void ask_piece(struct border_state *state, enum room worker, const struct msg *msg);
void ask_result(struct border_state *state, enum room worker, struct msg *msg);
void ask_give(struct border_state *state, struct ask *ask); // the result that waited for the seal
void ask_ended(struct border_state *state, enum room worker, const struct msg *msg);
void ask_failed(struct border_state *state, enum room worker, const struct msg *msg);
void ask_receipt(struct border_state *state, const struct msg *msg);
// Its place did not answer: what is left is asked, or it is refused.
void ask_place_failed(struct border_state *state, struct ask *ask, const char *why);
// What it was decided by changed before it left: it is decided anew.
void ask_stale(struct border_state *state, struct ask *ask);
// The worker holds it no more. What was opened must close, whoever is still there.
void ask_over(struct border_state *state, struct ask *ask, const char *outcome);
void ask_conclude(struct border_state *state, struct ask *ask);

// room_border_archive.c: texts that the policy keeps.
// False: refused, for what is to be kept could not be.
bool archive_decide(struct border_state *state, struct ask *ask);
void archive_begin(struct ask *ask); // its answer begins
void archive_end(struct ask *ask);
// Adds to the answer: to its commitment, and to what is kept.
void answer_more(struct ask *ask, struct view part);
// Sends it to be kept. False: there is nothing, or it cannot be: conclude.
bool archive_send(struct border_state *state, struct ask *ask);
void archived_arrives(struct border_state *state, const struct msg *msg);
void archive_state_arrives(struct border_state *state, const struct msg *msg);

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

// room_border_witness.c: checkpoints of others.
void witness_arrives(struct border_state *state, const struct msg *msg);
void witness_told(struct border_state *state, const struct msg *msg);

// room_border_consult.c: witnesses of this node's log.
void consult_arrives(struct border_state *state, const struct msg *msg);
// False: it is no answer of one.
bool consult_over(struct border_state *state, const struct msg *msg);
void consults_ferry_lost(struct border_state *state);
void cosigner_arrives(struct border_state *state, const struct msg *msg);
void quorum_arrives(struct border_state *state, const struct msg_quorum *quorum);

// room_border_relay.c: what gate asks and the ledger answers.
// A row with an id for the ledger; 0: as many as may be are there. `key`: who asks; may be NULL.
uint64_t relay_add(struct relay *relay, uint64_t gate_id, const struct border_key *key);
// Its answer came. Of a gate_id of 0 if it is for nobody, or of nothing that was asked.
struct relay_row relay_take(struct relay *relay, uint64_t id);
void relay_gate_lost(struct relay *relay); // a new gate counts its ids from the beginning

// room_border_query.c: reads.
void query_arrives(struct border_state *state, const struct msg *msg);
void metrics_answer(struct border_state *state, uint64_t gate_id); // room_border_metrics.c
// A receipt that was fetched for a query; false when `id` is no query's.
bool query_receipt(struct border_state *state, const struct msg *msg);

// room_border_tile.c: pieces of the log, for whoever may read them.
void tile_arrives(struct border_state *state, const struct msg *msg);
void tile_cut(struct border_state *state, const struct msg *msg);

// Whose credential it is, and whether that key may do this; else refused.
bool border_admit(struct border_state *state, const struct msg *msg, struct view credential,
                  struct border_key **key);
void border_refuse(struct border_state *state, uint64_t gate_id, struct refusal refusal,
                   const char *text);
// What was asked for, in a sealed file; or, with a `code`, that it cannot be had.
void border_found(struct border_state *state, uint64_t gate_id, enum sk_code code,
                  struct view content);
// With the index of the open leaf that states it; UINT64_MAX: none does.
void border_refuse_of(struct border_state *state, uint64_t gate_id, struct refusal refusal,
                      const char *text, uint64_t open);
