// Engine: tokens in, tokens out. C over memory: it opens no file, no socket, and reads no clock.
//
// Holds one GGUF model (read-only mappings the caller keeps alive) and a fixed number of slots,
// each the state of one generation. Promises: every length and offset of the file is checked before
// use; the same job gives the same tokens and logprobs for any thread count, any other slots in its
// steps, and any kernel set (I9); memory is taken at open and known beforehand, but for grammars
// (grammar.h), which bring some 10 MB each while answers run with them. Refuses: silent truncation,
// texts over the context, files with NaN weights in the parts it checks, unknown architectures.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum {
    ENGINE_ARITHMETIC = 2, // of every computed bit: raised when any of them changes, for receipts
    ENGINE_MESSAGES_MAX = 1024,
    ENGINE_STOPS_MAX = 16,
    ENGINE_STOP_LEN_MAX = 256, // bytes of one stop string
    ENGINE_PIECE_MAX = 8192,   // bytes of text one step can bring out (held stop text included)
    ENGINE_BIASES_MAX = 300,   // as OpenAI
    ENGINE_BREAKERS_MAX = 16,  // sequence breakers of DRY
    ENGINE_BREAKER_LEN_MAX = 40,
    ENGINE_CANDIDATES_MAX = 20, // alternatives shown beside a token
    ENGINE_PARTS_MAX = 16,      // of one event
    ENGINE_NAME_MAX = 64,       // bytes of a tool's name, as OpenAI
    ENGINE_NO_STOP = 255,       // no stop string ended it
    ENGINE_SPANS_MAX = 64,      // of one attribution
    ENGINE_COST_MAX = 1 << 17,  // tokens that one attribution may compute
    ENGINE_ADAPTERS_MAX = 64,   // of one model
};

// Which kernels compute. AUTO takes the best the CPU has; all give equal bits.
enum engine_kernels {
    ENGINE_AUTO,
    ENGINE_SCALAR,
    ENGINE_AVX2,
    ENGINE_AVX512,
    ENGINE_AVX512VNNI,
    ENGINE_AVXVNNI,
    ENGINE_NEON,
    ENGINE_NEONDOT,
    ENGINE_KERNELS_END // none; how many there are
};

// What keys and values are kept in (kernels.h: struct kernel_attention). Encoders: always F16.
enum engine_cache { ENGINE_CACHE_F16, ENGINE_CACHE_Q8_0, ENGINE_CACHE_END };

// "f16" or "q8_0".
const char *engine_cache_name(enum engine_cache cache);
// SK_UNSUPPORTED: no such name.
enum sk_code engine_cache_find(struct view name, enum engine_cache *out);

// Told of bytes of the files that are read rarely from now on, or not at all: whoever mapped them
// may give their memory back, as long as they can still be read.
typedef void engine_release(struct view bytes);

// Where pages of keys and values go that memory has no room for: `places`, each for one of
// engine_shape's page_bytes, in a file the caller keeps. `bound` says what the page is of, tenant
// and tokens and all: what comes back must have been put under the same. Whoever keeps them
// encrypts them, and answers false for whatever is not certain to be what was put: it counts as not
// found.
struct engine_spill {
    void *self;
    uint32_t places;
    bool (*put)(void *self, uint32_t place, struct view bound, struct view page);
    bool (*get)(void *self, uint32_t place, struct view bound, struct view page); // into its bytes
    void (*drop)(void *self, uint32_t place); // what is there is not asked for any more
};

struct engine_spilled {
    uint64_t hits;  // pages of prompts that were read back
    uint32_t pages; // on disk now
};

// A LoRA over the model, in a GGUF file (adapter.h), for the jobs that ask for it.
struct engine_adapter {
    struct view file; // kept mapped by the caller, as the model's are
    struct view name; // for errors, and read during engine_open only
    float scale;      // times what it adds; 1: as it was trained
};

struct engine_options {
    // Tokens per slot; 0 = what the model was trained for, halved (not below 4096) until memory_max
    // has room for it in every slot.
    uint32_t context;
    uint32_t slots;              // generations at once, 1..64
    uint32_t threads;            // 1..64, without `pool`
    struct engine_threads *pool; // threads shared with other engines; NULL: of its own
    enum engine_kernels kernels; // UNSUPPORTED when the CPU lacks them
    enum engine_cache cache;
    // Bytes for KV and scratch; 0 = no limit of ours. Room for the KV of every slot's whole context
    // is taken, or for as many as fit, at least one.
    uint64_t memory_max;
    // Bytes of one text to be tokenized; 0 = 16 for each token of context, 16 MB with tokens_only.
    uint32_t text_max;
    // Only the vocabulary is read, of any architecture, from a file that may have no tensors. Then
    // nothing but engine_tokenize, engine_detokenize, engine_around, engine_prompt and engine_shape
    // is there.
    bool tokens_only;
    struct engine_spill spill; // no places: nowhere
    const struct engine_adapter *adapters; // up to ENGINE_ADAPTERS_MAX, of texts' models only
    uint32_t adapters_len;
    // Set by engine_open and engine_look: the number of the adapter for whose sake they fail; 0:
    // they do not, or for another reason. May be NULL.
    uint32_t *adapter_failed;
    engine_release *release; // while engine_open runs, the last time with each file whole; or NULL
};

// Threads for several engines, of which one at a time may be in engine_step or engine_score. To be
// closed after them.
enum sk_code engine_threads_open(struct engine_threads **threads, uint32_t len);
void engine_threads_close(struct engine_threads *threads);

struct engine;

// What a model is, for `model add`, /v1/models and the card. Views point into the mapping.
struct engine_shape {
    struct view architecture, name, license, chat_template;
    uint64_t parameters, file_bytes;
    uint64_t weights_bytes; // memory of the weights: packed, and what is read as the file has it
    uint64_t state_bytes;   // KV, scratch and half of each adapter, taken at open
    uint64_t page_bytes;    // KV of one page; 0: an encoder's, which are not kept
    uint32_t layers, width, heads, heads_kv, vocabulary, context_trained, context;
    enum engine_cache cache;
    uint32_t tokens_held; // whose KV there is room for, all slots together
    bool encoder;        // makes embeddings (engine_embed), no text; or with
    bool ranks;          // … scores of pairs (engine_rank)
    int32_t bos;         // the token engine_prompt begins with, -1: none
    char type_text[128]; // e.g. "Q8_0" or "Q4_K + Q6_K": weight types by bytes, most first
};

// Opens a model of one file, or of the parts of a split one in order (up to 128; the views are
// read during the call only). Checks it whole and takes all memory; without `pool` threads start
// here (so before lockdown).
// SK_CORRUPT: damaged file; SK_UNSUPPORTED: architecture, type or tokenizer this build lacks;
// SK_LIMIT: memory_max. The text names tensor or key, the value and the limit.
enum sk_code engine_open(struct engine **engine, const struct view *files, size_t files_len,
                         struct engine_options options);
static inline enum sk_code engine_open_file(struct engine **engine, struct view file,
                                            struct engine_options options) {
    return engine_open(engine, &file, 1, options);
}
// What engine_open would make of it, by the keys alone: takes nothing, looks at no tensor.
// shape->state_bytes is the least it needs; parameters and types are not known. The views of the
// shape point into the files.
enum sk_code engine_look(const struct view *files, size_t files_len, struct engine_options options,
                         struct engine_shape *shape);
void engine_close(struct engine *engine);
struct engine_shape engine_shape(const struct engine *engine);
// "avx512vnni", "avx512", "avxvnni", "avx2", "neondot", "neon" or "scalar".
const char *engine_kernels_name(const struct engine *engine);
struct engine_spilled engine_spilled(const struct engine *engine);

enum engine_role { ENGINE_SYSTEM, ENGINE_USER, ENGINE_ASSISTANT };

struct engine_message {
    enum engine_role role;
    struct view text; // UTF-8
};

struct engine_bias {
    int32_t token;
    float bias; // added to its logit, -100..100
};

// How a token is drawn from the logits. Zero is off, field by field, so that a zeroed struct is
// greedy. Lists are borrowed as the job's views are.
struct engine_sampling {
    float temperature;         // below 0.0001: greedy; up to 100
    uint32_t top_k;            // only the k likeliest
    float top_p;               // 0..1: only the likeliest that together reach p; 1 is off too
    float min_p;               // 0..1: only those at least p times as likely as the likeliest
    float typical_p;           // 0..1: only the most typical that together reach p; 1 is off too
    float repetition_penalty;  // 0..100: divides (below 0: multiplies) logits seen; 1 is off too
    float presence_penalty;    // -2..2: taken from logits of tokens that were generated
    float frequency_penalty;   // -2..2: the same for each time one was generated
    uint32_t penalty_last_n;   // the three look back over so many tokens; 0 = over all
    float dry_multiplier;      // DRY: taken from what continues a repetition of n tokens is
    float dry_base;            //   multiplier x base^(n - allowed_length); 0 = 1.75
    uint32_t dry_allowed_length; // n from which it acts; 0 = 2
    uint32_t dry_penalty_last_n; // it looks back over so many tokens; 0 = over all
    const struct view *dry_breakers; // texts that a repetition does not reach across
    uint32_t dry_breakers_len;
    const struct engine_bias *logit_bias; // ascending tokens
    uint32_t logit_bias_len;
    uint64_t seed; // ignored when greedy
};

// SK_INPUT or SK_LIMIT naming the setting that is out of its range.
enum sk_code engine_sampling_check(const struct engine_sampling *sampling);

// The settings that are not off as one line of JSON, for receipts: in the order above under the
// names of the HTTP interface, numbers with the fewest digits that give the same float. One text
// for one sampling, at most ENGINE_SAMPLING_TEXT_MAX bytes. Errors as engine_sampling_check.
enum { ENGINE_SAMPLING_TEXT_MAX = 16384 };
enum sk_code engine_sampling_write(const struct engine_sampling *sampling, struct buf *out);
// Back again. Lists are taken from `arena`, texts stay in `text`, which is changed in place. Any
// order is read; SK_INPUT: unknown names, wrong types, values out of range.
enum sk_code engine_sampling_read(char *text, size_t len, struct arena *arena,
                                  struct engine_sampling *out);

// One token a step could have made, and its natural log of probability before any sampling.
struct engine_candidate {
    int32_t token;
    float logprob;
};

// A token of the prompt, and how likely it was; with job.logprobs also what else was.
struct engine_scored {
    int32_t token;
    float logprob;
    const struct engine_candidate *top;
    uint32_t top_len;
};

// What the whole answer (but for reasoning and tool calls) must be.
enum engine_format {
    ENGINE_FREE,
    ENGINE_JSON,        // a JSON object
    ENGINE_JSON_SCHEMA, // JSON that validates against the schema in format_text
    ENGINE_GBNF,        // a text of the grammar in format_text
};

enum engine_tool_choice {
    ENGINE_TOOLS_AUTO,     // text or calls
    ENGINE_TOOLS_NONE,     // text only
    ENGINE_TOOLS_REQUIRED, // at least one call
    ENGINE_TOOLS_NAMED,    // a call of tool_name
};

// One generation as asked. Views are borrowed until engine_start returns.
struct engine_job {
    const struct engine_message *messages; // chat: the model's template is applied; or
    uint32_t messages_len;
    struct view prompt;         // raw text when there are neither messages nor template_data
    // JSON object or empty: further variables of the template (tools, documents, enable_thinking
    // …), over those it has from messages. A member "messages" takes their place, for conversations
    // that hold more than roles and texts (tool calls and answers); a member "tools" offers tools.
    // Both in OpenAI's shape of a chat request. "strict_tools" names those whose parameters are
    // held to, or refused where that cannot be; of others such parameters are any JSON object.
    // It is not for the template. All its text is data.
    struct view template_data;
    enum engine_format format;
    struct view format_text; // JSON Schema or GBNF
    enum engine_tool_choice tool_choice; // without tools nothing is called
    struct view tool_name;
    bool parallel_calls; // several calls in one answer
    uint32_t tokens_max; // at most; the context's end is one too, and the only one when this is 0
    struct engine_sampling sampling;
    uint32_t logprobs; // 0 = none, else 1 + alternatives wanted, at most ENGINE_CANDIDATES_MAX
    // Prompt tokens from this one on come with their log-probabilities (event.scores) while they
    // are read, of which none is left out for being found; 0 = none do.
    uint32_t score_from;
    bool prompt_only; // ends when the prompt was read: LENGTH, no token. tokens_max is 0
    uint32_t adapter; // options.adapters[adapter - 1]; 0: none
    bool one_by_one;  // no token is guessed and computed ahead: the same answer, to measure
    uint64_t tenant;   // prompts' beginnings are shared within one tenant; 0 = with nobody
    uint32_t weight;   // of the tenant: its part of a step's prompt tokens; 0 = 1
    int64_t time_s;    // the caller's clock, since 1970 UTC, for templates that show the date
    struct view stops[ENGINE_STOPS_MAX];
    uint32_t stops_len;
};

// Text to token ids, without those that engine_around tells. `special`: texts of control tokens
// become those tokens (templates only; user text never). Any bytes are a text: those that are not
// UTF-8 are kept where the vocabulary has bytes, elsewhere each is U+FFFD. SK_LIMIT when more than
// max ids are needed (*len then says how many) or when the text is longer than text_max (*len is
// 0). This and engine_prompt share scratch memory: one thread at a time.
enum sk_code engine_tokenize(const struct engine *engine, struct view text, bool special,
                             int32_t *ids, size_t max, size_t *len);
// The bytes of one token, appended to out (control tokens: nothing).
void engine_detokenize(const struct engine *engine, int32_t id, struct buf *out);
// Its text as the file has it, also of a control token: a name to show.
struct view engine_token_name(const struct engine *engine, int32_t id);

// The tokens that go before and after a whole text (BOS, EOS, CLS, SEP), or -1: none.
struct engine_around {
    int32_t before, after;
};
struct engine_around engine_around(const struct engine *engine);

// The prompt of a job as token ids, template and BOS applied: the ids that engine_start will run.
// Errors as engine_tokenize; SK_UNSUPPORTED: messages to a model without a template, or with one
// that is not understood (the text names line and what); SK_INPUT: an empty prompt, text
// that is not UTF-8, what the template refuses (in its own words); SK_LIMIT also: a template that
// does not come to an end.
enum sk_code engine_prompt(const struct engine *engine, const struct engine_job *job, int32_t *ids,
                           size_t max, size_t *len);

// The GBNF (llama.cpp's dialect) of a format other than ENGINE_FREE, appended, as a job with it
// has it; and whether a text is of some GBNF: *taken of its bytes are a beginning of one, *whole
// says that all of it is one. Errors begin with "format: ".
enum sk_code engine_format_gbnf(enum engine_format format, struct view text, struct buf *gbnf);
enum sk_code engine_format_match(struct view gbnf, struct view text, size_t *taken, bool *whole);

// Begins a job in a free slot (must be free). SK_LIMIT: the prompt leaves no room in the context
// ("prompt of 600 tokens > 511, the context's 512 but one"); SK_INPUT: empty prompt, bad sampler
// value or stop string; SK_UNSUPPORTED: an encoder; SK_BUSY: KV for all its tokens cannot be set
// aside now, try again when a slot was freed. The answer ends with the context. What the KV of
// the tenant's other prompts and answers, running or ended, has in common with the beginning of
// this one is used again.
enum sk_code engine_start(struct engine *engine, uint32_t slot, const struct engine_job *job,
                          const int32_t *ids, size_t len);
// Of the prompt of a slot that was just started, the tokens whose KV was found in memory.
uint32_t engine_cached(const struct engine *engine, uint32_t slot);

// What an answer is made of, in the order it comes. Everything of one call comes together.
enum engine_channel {
    ENGINE_CONTENT,
    ENGINE_REASONING,
    ENGINE_CALL,      // the whole name of an offered tool: a call begins
    ENGINE_ARGUMENTS, // of the call that began last: all together a JSON object, when it closes
};
struct engine_part {
    enum engine_channel channel;
    struct view text; // whole UTF-8 characters, not empty
};

enum engine_event_kind {
    ENGINE_WAITED,  // others took the step, or pages of it are still to be read from disk
    ENGINE_PREFILL, // a chunk of the prompt was read and more is left; no text yet
    ENGINE_TEXT,    // one token was made; no part while UTF-8, a stop or a mark is held back
    ENGINE_STOPPED, // end of text or a stop string: with what was held back before it
    ENGINE_LENGTH,  // tokens_max or context reached: with what was held back
    ENGINE_FAILED,  // `code`; `why`
};

struct engine_event {
    enum engine_event_kind kind;
    const struct engine_part *parts; // at most ENGINE_PARTS_MAX; valid until the slot's next step
    uint32_t parts_len;
    uint32_t stop;          // STOPPED: which stop string, or ENGINE_NO_STOP
    int32_t token;          // TEXT, STOPPED, LENGTH: the token sampled (STOPPED by EOS: EOS)
    uint32_t prompt_done;   // prompt tokens read
    uint32_t prompt_cached; // of these, not computed but found
    uint32_t tokens;        // tokens made, the EOS not counted
    enum sk_code code;      // FAILED
    struct view why;        // FAILED, valid as long as the parts
    // When the job asked for them: of `token`, and the likeliest first (valid as long as parts).
    float logprob;
    const struct engine_candidate *top;
    uint32_t top_len;
    // Tokens of the prompt from index scores_at on, in order (valid as long as parts).
    const struct engine_scored *scores;
    uint32_t scores_at, scores_len;
};

// Appends the event's content: the text beside reasoning and calls.
void engine_event_content(const struct engine_event *event, struct buf *out);

// One step of the given running slots, each named once, together: one token is read for each slot
// that makes tokens, and 64 in all, 32 beside such slots, are shared by prompts: by the weights of
// their tenants, and of one tenant's half to the oldest (share.h). Where nobody reads a prompt,
// tokens that answers may go on with are computed too (guess.h); slots that have their next token
// by this take a step of their own, while the others wait, for no longer than drawing takes.
// events[i] is of slots[i]. After STOPPED, LENGTH or FAILED the slot is free. SK_CORRUPT in FAILED:
// a logit was not finite, the weights are damaged.
void engine_step(struct engine *engine, const uint32_t *slots, uint32_t len,
                 struct engine_event *events);
// Frees a slot, between any two steps; fine on a free one.
void engine_stop(struct engine *engine, uint32_t slot);

// The embedding of a text, as an encoder's file says it is made, of length 1: `width` floats.
// SK_UNSUPPORTED: not an encoder; SK_LIMIT: more tokens than the context; SK_INPUT: empty text, a
// token out of the vocabulary; SK_CORRUPT: damaged weights. It and engine_step: one thread at a
// time.
enum sk_code engine_embed(struct engine *engine, const int32_t *ids, size_t len, float *out);
// The first `dimensions` of a vector, of length 1 again: for models trained so that they suffice
// (Kusupati et al. 2022, arXiv:2205.13147). SK_INPUT: not in 1..width.
enum sk_code engine_embed_cut(float *vector, size_t width, size_t dimensions);

// How well a text answers a query, of the tokens of engine_pair: a reranker's logit, any number,
// larger for better. Errors as engine_embed; SK_UNSUPPORTED: no reranker.
enum sk_code engine_rank(struct engine *engine, const int32_t *ids, size_t len, float *score);
// The two texts as one, as rerankers are trained: "CLS query SEP text SEP" of BERT, and what the
// file says of others. Errors as engine_tokenize; SK_INPUT: not UTF-8.
enum sk_code engine_pair(const struct engine *engine, struct view query, struct view text,
                         int32_t *ids, size_t max, size_t *len);

// Natural log of the probability of each ids[i] given those before it, i >= 1 (logprobs[0] is 0),
// with an adapter as a job has it.
// Errors as engine_embed, SK_UNSUPPORTED here for encoders; SK_BUSY as engine_start.
enum sk_code engine_score_adapted(struct engine *engine, uint32_t adapter, const int32_t *ids,
                                  size_t len, float *logprobs);
static inline enum sk_code engine_score(struct engine *engine, const int32_t *ids, size_t len,
                                        float *logprobs) {
    return engine_score_adapted(engine, 0, ids, len, logprobs);
}

// ---- attribution: which parts of the conversation an answer rests on (attribute.c) ----

// Code points first .. end of messages[message].
struct engine_span {
    uint32_t message, first, end;
};

// Views are borrowed until the attribution is over.
struct engine_attribute {
    const struct engine_job *job; // its messages, template_data, tenant and time
    struct view answer;
    const struct engine_span *spans; // none: each sentence of each message
    uint32_t spans_len;
    bool tokens;       // tell of each token of the answer too
    uint64_t cost_max; // tokens it may compute; 0, or more: ENGINE_COST_MAX
};

struct engine_attribution;

// Leave one out: the answer is scored after the whole conversation, then after it without each of
// the spans (whose message stays, be it empty). What moved its log-probability is what it rests on.
// All memory is taken from `arena`; ids[0 .. max) are scratch.
// SK_INPUT: an empty answer, a span that is empty or outside its message; SK_LIMIT: over
// ENGINE_SPANS_MAX spans, or (spans + 1) x (prompt + answer) tokens, the most it can cost, over
// cost_max: the text names all of them. Errors also as engine_prompt.
enum sk_code engine_attribute_begin(struct engine *engine, const struct engine_attribute *ask,
                                    struct arena *arena, int32_t *ids, size_t max,
                                    struct engine_attribution **out);
// The next job: for engine_start, with these ids. *len 0: there is none, all is known. Until its
// last event was taken this is the same job again. The spans that come last in the prompt are left
// out first, so that what jobs share is in the cache as long as one needs it.
enum sk_code engine_attribute_next(struct engine_attribution *attribution, int32_t *ids,
                                   size_t max, size_t *len, struct engine_job *job);
// Each of the job's events. SK_CORRUPT as its code says.
enum sk_code engine_attribute_take(struct engine_attribution *attribution,
                                   const struct engine_event *event);
// When all is known, as one JSON object:
//   baseline  {"logprob": of the whole answer, "tokens": [{"token", "bytes", "logprob"}]}
//   spans     [{"message", "start", "end", "text", "delta", "tokens": [a delta for each]}]: how
//             much log-probability the answer loses without the span (below 0: gains)
//   cost      {"tokens_max": as refused by, "tokens_computed", "tokens_cached"}
// Both "tokens" only when asked for.
enum sk_code engine_attribute_write(const struct engine_attribution *attribution, struct buf *out);
