// Reader: one answer under way. What the protocols' readers find becomes pieces, checked here.
// Inside the upstream module only.
//
// Promises: a piece keeps the sizes of node/piece.h; a call has a name that was offered and
// arguments that are a JSON object, told as "{}" where the place gives none; nothing comes after
// the finish reason. Refuses (SK_CORRUPT): all else.
#pragma once
#include "upstream/member.h"
#include "upstream/sse.h"
#include "upstream/upstream.h"

enum {
    PARTS_MAX = 4096,        // bytes; a quarter of PIECE_PARTS_MAX: masks in it grow to values
    LOGPROBS_MAX = 45056,    // bytes, as PIECE_LOGPROBS_MAX
    TOKEN_MAX = 2048,        // bytes, as PIECE_TOKEN_MAX
    ARGUMENTS_MAX = 1 << 20, // bytes of one call
    CALL_ID_MAX = 256,
    CALLS_MAX = 128, // of one answer
};

enum form { FORM_UNKNOWN, FORM_WHOLE, FORM_EVENTS };
enum block { BLOCK_NONE, BLOCK_TEXT, BLOCK_THINKING, BLOCK_CALL, BLOCK_SILENT };

struct upstream_reader {
    enum upstream_kind kind;
    enum gate_operation operation;
    struct arena *arena;
    // of the task
    struct view offered[UPSTREAM_TOOLS_MAX]; // what may be called
    uint32_t offered_len;
    struct view stops[ENGINE_STOPS_MAX];
    uint32_t stops_len, texts_len, dimensions, logprobs;
    bool must_call, parallel; // a call is asked for; several are allowed
    // the bytes
    enum form form;
    uint32_t mark; // bytes of a byte order mark seen
    struct sse sse;
    struct buf body;      // of FORM_WHOLE
    struct arena scratch; // nodes of one event
    // pieces not yet taken: u32 length of parts, u32 of logprobs, u32 tokens, then both
    struct buf queue;
    size_t queue_at, piece_at; // the next to be taken; the open one, or SIZE_MAX
    uint32_t piece_parts;      // in the open one
    bool piece_first;          // no piece was opened for this event
    // calls, and the one that is open
    uint32_t calls_len;
    bool call_open;
    struct view call_name;
    int64_t call_index;
    char call_id[CALL_ID_MAX];
    size_t call_id_len;
    struct buf arguments;
    // the end
    bool finished;         // why it ended was said
    bool over;             // and nothing more is read
    bool end_given;        // taken by upstream_next
    uint32_t told;         // tokens of the pieces that were taken
    bool texted, weighed;  // content, log-probabilities came
    uint32_t block;        // of Anthropic: which is open, or the next, and
    enum block block_kind; //   of what kind it is
    struct upstream_event end;
    struct view result;
};

// ---- reader.c ----
// Text of a channel other than a call's. Empty is nothing.
enum sk_code reader_text(struct upstream_reader *r, enum engine_channel channel, struct view text);
enum sk_code reader_call(struct upstream_reader *r, struct view name, struct view id,
                         int64_t index);
enum sk_code reader_arguments(struct upstream_reader *r, struct view text);
enum sk_code reader_call_end(struct upstream_reader *r);
// A token's log-probability; `top` alternatives follow.
enum sk_code reader_token(struct upstream_reader *r, struct view bytes, double logprob,
                          uint32_t top);
enum sk_code reader_alternative(struct upstream_reader *r, struct view bytes, double logprob);
// Why it ended, as a word of the protocol, closes what is open; NULL: it was not said yet.
struct finish_word {
    const char *word;
    bool length, filtered; // as in upstream_event
};
enum sk_code reader_finish_word(struct upstream_reader *r, const struct json_node *reason,
                                const struct finish_word *words, size_t len);
// A stop string ended it.
void reader_stopped_by(struct upstream_reader *r, struct view stop);

// "the place's answer: WHAT"
enum sk_code reader_corrupt(const char *what);
// What it says of itself inside an answer, in any of the shapes of errors; SK_GONE. Only a word of
// it is told: sentences may repeat what the place was asked.
enum sk_code reader_broken(const struct json_node *root);

// ---- of the protocols: one event, or the whole ----
enum sk_code openai_take(struct upstream_reader *r, const struct json_node *root);
enum sk_code anthropic_take(struct upstream_reader *r, const struct json_node *root);
// logprobs.c: of one choice of OpenAI's, when they are asked for.
enum sk_code logprobs_take(struct upstream_reader *r, const struct json_node *choice);
// result.c: the whole answer of EMBED, RERANK and COUNT, to r->result and r->end.
enum sk_code result_take(struct upstream_reader *r, const struct json_node *root);

// A count of the answer's, at most UINT32_MAX; absent or null changes nothing.
enum sk_code count_take(const struct json_node *object, const char *name, uint32_t *out);
