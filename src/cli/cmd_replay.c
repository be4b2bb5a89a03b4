// Replay: the answer of a receipt computed again, on this machine, and compared.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/cli_receipt.h"
#include "cli/replay_model.h"
#include "gate/gate.h"
#include "node/choice.h"
#include "node/parent.h"

static const char usage[] =
    "usage: sekisho replay FILE --prompt FILE [--model FILE] [--adapter FILE] [--key VKEY]\n"
    "                      [--config FILE] [--choice N] [--json]\n\n"
    "Checks a receipt as `sekisho verify` does, then computes its answer again on this machine\n"
    "and compares prompt, text and counts. Needs no node. '-' is stdin.\n"
    "  --prompt FILE   the request body exactly as it was sent\n"
    "  --model FILE    the GGUF file; default: the configured model of that name\n"
    "  --adapter FILE  the same of an adapter, whose --model is what it goes with\n"
    "  --key VKEY      the node's verifier key, or a file that holds it; default: this node's\n"
    "  --choice N      which of several answers to one request; default 0\n"
    "  --json          the result as JSON\n"
    "Exit code 0: the same answer; 3: rejected, or another answer; 1: cannot be replayed here.\n";

// What the two leaves say of the computation.
struct recorded {
    struct replay_weights weights;
    struct view outcome, sampler, operation;
    int64_t choice, prompt_tokens, completion_tokens, arithmetic, time_s;
};

struct replay_words {
    const char *receipt, *prompt, *model, *adapter, *key, *config, *choice;
    uint32_t index; // the choice
};

enum replay_result { REPLAY_SAME, REPLAY_OTHER, REPLAY_CANNOT };

struct replay {
    struct conf *conf;
    struct arena arena;
    struct buf body;
    struct cli_receipt receipt;
    struct trust trust;
    struct receipt_inputs inputs;
    struct receipt_facts facts;
    enum receipt_fact shown; // the text that stands in the file beside the receipt
    struct recorded recorded;
    struct engine_job job;
    struct cli_model model;
    struct buf answer;           // as the value that is committed to
    enum engine_channel channel; // of its last part
    const char *file;
    uint64_t prompt_tokens, completion_tokens; // computed here
    bool ran;
    enum replay_result result;
    char why[512];
};

static void settle(struct replay *replay, enum replay_result result) {
    replay->result = result;
    snprintf(replay->why, sizeof replay->why, "%s", result == REPLAY_SAME ? "" : fail_text());
}

// ---- what was recorded ----

static enum sk_code leaf_lacks(const char *name) {
    return FAIL(SK_UNSUPPORTED, "its leaves state no %s: its node recorded none, or fell", name);
}

static enum sk_code leaf_text(const struct json_node *leaf, const char *name, struct view *out) {
    const struct json_node *node = json_find(leaf, name);
    if (!json_is(node, JSON_STRING)) return leaf_lacks(name);
    *out = json_view(node);
    return SK_OK;
}

static enum sk_code leaf_number(const struct json_node *leaf, const char *name, int64_t *out) {
    return json_i64(json_find(leaf, name), out) && *out >= 0 ? SK_OK : leaf_lacks(name);
}

static enum sk_code leaf_parse(struct replay *replay, struct view text,
                               const struct json_node **out) {
    char *copy = arena_text(&replay->arena, text);
    return copy ? json_parse(copy, text.len, &replay->arena, out) : SK_LIMIT;
}

static enum sk_code recorded_read(struct replay *replay) {
    struct recorded *to = &replay->recorded;
    const struct json_node *open, *close;
    TRY(leaf_parse(replay, replay->facts.open_leaf, &open));
    TRY(leaf_parse(replay, replay->facts.close_leaf, &close));
    TRY(leaf_text(open, "operation", &to->operation));
    if (!view_is(to->operation, "chat") && !view_is(to->operation, "text_completion"))
        return FAIL(SK_UNSUPPORTED, "its operation is %.*s, and answers of text alone are replayed",
                    (int)to->operation.len, to->operation.at);
    TRY(leaf_number(open, "choice", &to->choice));
    TRY(leaf_text(open, "model", &to->weights.model));
    TRY(leaf_text(open, "model_sha256", &to->weights.model_sha256));
    if (json_find(open, "adapter_sha256")) {
        TRY(leaf_text(open, "adapter_sha256", &to->weights.adapter_sha256));
        TRY(leaf_text(open, "adapter_scale", &to->weights.adapter_scale));
    }
    TRY(leaf_text(close, "outcome", &to->outcome));
    TRY(leaf_text(close, "sampler", &to->sampler));
    TRY(leaf_text(close, "template_sha256", &to->weights.template_sha256));
    TRY(leaf_number(close, "template_time_s", &to->time_s));
    TRY(leaf_number(close, "prompt_tokens", &to->prompt_tokens));
    TRY(leaf_number(close, "completion_tokens", &to->completion_tokens));
    TRY(leaf_number(close, "context", &to->weights.context));
    TRY(leaf_number(close, "arithmetic", &to->arithmetic));
    if (to->arithmetic != ENGINE_ARITHMETIC)
        return FAIL(SK_UNSUPPORTED, "it was computed with arithmetic %lld, this build has %d",
                    (long long)to->arithmetic, ENGINE_ARITHMETIC);
    if (json_find(close, "cache_type")) {
        struct view cache_type;
        TRY(leaf_text(close, "cache_type", &cache_type));
        TRY(engine_cache_find(cache_type, &to->weights.cache));
    }
    static const char *const outcomes[] = {"stop", "length", "cut", "failed"};
    bool known = false;
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        known = known || view_is(to->outcome, outcomes[i]);
    if (!known) return FAIL(SK_UNSUPPORTED, "its outcome is none that this build knows");
    int64_t context = to->weights.context;
    if (context <= UINT32_MAX && to->prompt_tokens <= context &&
        to->completion_tokens <= context - to->prompt_tokens)
        return SK_OK;
    return FAIL(SK_CORRUPT, "its leaves state %lld + %lld tokens in a context of %lld",
                (long long)to->prompt_tokens, (long long)to->completion_tokens,
                (long long)context);
}

// ---- the request ----

// The job that an endpoint makes of the body, of the choice that the receipt is of.
static enum sk_code body_read(struct replay *replay, const char *path, struct gate_ask *ask,
                              const struct gate_task **task) {
    struct gate_head head = {.method = VIEW("POST"), .target = view_of(path)};
    struct gate_route route;
    struct gate_error error;
    const struct recorded *recorded = &replay->recorded;
    char *body = arena_text(&replay->arena, buf_view(&replay->body));
    if (!body) return SK_LIMIT;
    enum sk_code code = gate_route_find(&head, &route, &error);
    route.keeps = true; // as of a node that keeps responses
    if (code != SK_OK ||
        gate_ask_read(&route, body, replay->body.len, &replay->arena, ask, &error) != SK_OK)
        return FAIL(SK_CORRUPT, "no node takes this request: %s", error.text);
    if (ask->find.len)
        return FAIL(SK_UNSUPPORTED, "the request goes on with a kept response, whose turns are not "
                                    "in it");
    if ((uint64_t)recorded->choice >= (uint64_t)ask->tasks_len * ask->copies)
        return FAIL(SK_CORRUPT, "the request asks for fewer answers");
    *task = &ask->tasks[recorded->choice / ask->copies];
    const char *operation = (*task)->operation == GATE_OP_CHAT ? "chat" : "text_completion";
    if (view_is(recorded->operation, operation) && view_same(ask->model, recorded->weights.model))
        return SK_OK;
    return FAIL(SK_CORRUPT, "the receipt names another model or operation than the request");
}

// With the seed and the time of then. What the receipt says of the sampler must be what the body
// asks for.
static enum sk_code job_read_by(struct replay *replay, const char *path) {
    struct gate_ask ask;
    const struct gate_task *task = NULL;
    struct engine_sampling then, plain;
    char text[ENGINE_SAMPLING_TEXT_MAX];
    struct view sampler = replay->recorded.sampler;
    TRY(body_read(replay, path, &ask, &task));
    char *line = arena_text(&replay->arena, sampler);
    if (!line) return SK_LIMIT;
    if (engine_sampling_read(line, sampler.len, &replay->arena, &then) != SK_OK)
        return FAIL(SK_CORRUPT, "the receipt's sampler cannot be read");
    struct engine_job *job = &replay->job;
    *job = task->job;
    job->sampling.seed += (uint64_t)replay->recorded.choice % ask.copies;
    if (!ask.seeded) job->sampling.seed = then.seed;
    job->time_s = replay->recorded.time_s;
    plain = job->sampling;
    plain.dry_breakers_len = plain.logit_bias_len = 0;
    struct buf again = buf_over(text, sizeof text);
    TRY(engine_sampling_write(&plain, &again));
    if (view_same(buf_view(&again), sampler)) return SK_OK;
    return FAIL(SK_CORRUPT, "the receipt names another sampler than the request asks for");
}

// The leaf does not say at which endpoint it was asked: the first that makes such a job of the
// body.
static enum sk_code job_read_again(struct replay *replay) {
    static const char *const chats[] = {"/v1/chat/completions", "/v1/messages", "/v1/responses",
                                        NULL};
    static const char *const texts[] = {"/v1/completions", NULL};
    const char *const *path = view_is(replay->recorded.operation, "chat") ? chats : texts;
    enum sk_code first = job_read_by(replay, *path);
    if (first == SK_OK) return SK_OK;
    char why[512];
    snprintf(why, sizeof why, "%s", fail_text());
    while (*++path) {
        enum sk_code code = job_read_by(replay, *path);
        if (code == SK_OK || code == SK_UNSUPPORTED) return code;
    }
    return FAIL(first, "%s", why);
}

// ---- the answer ----

static enum sk_code answer_check(struct replay *replay) {
    replay->inputs.response = buf_view(&replay->answer);
    replay->inputs.has_response = true;
    enum sk_code code = receipt_check(buf_view(&replay->receipt.receipt), &replay->trust,
                                      &replay->inputs, &replay->arena, &replay->facts);
    if (replay->facts.prompt == RECEIPT_REFUTED)
        return FAIL(SK_CORRUPT, "here the prompt has other tokens");
    if (replay->facts.choice == RECEIPT_REFUTED)
        return FAIL(SK_CORRUPT, "here the answer is another");
    return code;
}

// Makes tokens until the answer ends or, where the client left, has as many as were sent. A last
// event without a token may or may not have been among them.
static enum sk_code answer_run(struct replay *replay) {
    const struct recorded *recorded = &replay->recorded;
    struct engine *engine = replay->model.engine;
    bool whole = view_is(recorded->outcome, "stop") || view_is(recorded->outcome, "length");
    struct engine_event event = {.kind = ENGINE_PREFILL};
    if (!whole && recorded->completion_tokens == 0) return answer_check(replay);
    while (event.kind <= ENGINE_TEXT) {
        engine_step(engine, &(uint32_t){0}, 1, &event);
        if (event.kind == ENGINE_FAILED)
            return FAIL(event.code, "%.*s", (int)event.why.len, event.why.at);
        if (!whole && event.tokens > (uint64_t)recorded->completion_tokens) break;
        for (uint32_t i = 0; i < event.parts_len; i++)
            choice_put(&replay->channel, event.parts[i], &replay->answer);
        replay->completion_tokens = event.tokens;
        bool sent = event.tokens == (uint64_t)recorded->completion_tokens;
        if (!whole && sent && answer_check(replay) == SK_OK) return SK_OK;
    }
    TRY(buf_check(&replay->answer, "answer"));
    const char *end = event.kind == ENGINE_STOPPED ? "stop" : "length";
    if (whole && !view_is(recorded->outcome, end))
        return FAIL(SK_CORRUPT, "here the answer ends by %s", end);
    return answer_check(replay);
}

static enum sk_code replay_run(struct replay *replay) {
    struct engine *engine = replay->model.engine;
    uint32_t max = engine_shape(engine).context;
    int32_t *ids = arena_take(&replay->arena, max, sizeof *ids);
    size_t len;
    if (!ids) return SK_LIMIT;
    TRY(engine_prompt(engine, &replay->job, ids, max, &len));
    replay->job.adapter = replay->model.adapter;
    TRY(engine_start(engine, 0, &replay->job, ids, len));
    replay->ran = true;
    replay->prompt_tokens = len;
    replay->inputs.prompt = (struct view){(const char *)ids, len * sizeof *ids};
    replay->inputs.has_prompt = true;
    TRY(answer_run(replay));
    if (replay->prompt_tokens != (uint64_t)replay->recorded.prompt_tokens ||
        replay->completion_tokens != (uint64_t)replay->recorded.completion_tokens)
        return FAIL(SK_CORRUPT, "the counts of tokens differ");
    return SK_OK;
}

// For want of memory nothing was compared.
static enum replay_result result_of(enum sk_code code) {
    if (code == SK_OK) return REPLAY_SAME;
    return code == SK_LIMIT || code == SK_BUSY || code == SK_UNSUPPORTED ? REPLAY_CANNOT
                                                                        : REPLAY_OTHER;
}

static enum sk_code model_open(struct replay *replay, const struct replay_words *words) {
    replay->recorded.weights.model_file = words->model;
    replay->recorded.weights.adapter_file = words->adapter;
    return replay_model_open(replay->conf, &replay->recorded.weights, &replay->model,
                             &replay->file);
}

// Everything in order; the first that fails says what the result is.
static void replay_all(struct replay *replay, const struct replay_words *words) {
    struct view receipt = buf_view(&replay->receipt.receipt);
    replay->inputs.body = buf_view(&replay->body);
    replay->inputs.has_body = true;
    replay->inputs.response = buf_view(&replay->receipt.answer);
    replay->inputs.has_response = replay->receipt.has_answer;
    enum sk_code code =
        receipt_check(receipt, &replay->trust, &replay->inputs, &replay->arena, &replay->facts);
    replay->shown = replay->facts.choice;
    replay->facts.choice = RECEIPT_NOT_CHECKED; // what is computed here is not compared yet
    if (code != SK_OK) { // no salt, or not closed: nobody can compare
        settle(replay, code == SK_UNKNOWN || code == SK_BUSY ? REPLAY_CANNOT : REPLAY_OTHER);
    } else if ((code = recorded_read(replay)) != SK_OK) {
        settle(replay, result_of(code));
    } else if (model_open(replay, words) != SK_OK) {
        settle(replay, REPLAY_CANNOT);
    } else {
        code = job_read_again(replay);
        if (code == SK_OK) code = replay_run(replay);
        settle(replay, result_of(code));
    }
}

// ---- what is told ----

static const char *const results[] = {"same", "different", "cannot"};

static void print_fact(const char *what, enum receipt_fact fact, const char *missing) {
    static const char *const words[] = {"not checked", "proven", "REFUTED"};
    printf("  %-11s  %s%s%s\n", words[fact], what, fact == RECEIPT_NOT_CHECKED ? ": " : "",
           fact == RECEIPT_NOT_CHECKED ? missing : "");
}

static void print_proofs(const struct receipt_facts *facts) {
    print_fact("the checkpoint is signed by this key", facts->signature, "not a checkpoint");
    print_fact("the decision is in the ledger", facts->open_in, "no valid proof was read");
    print_fact("the outcome is in the ledger", facts->close_in, "not closed when it was cut");
    print_fact("decision and outcome are of one request", facts->bound, "not closed");
}

static void print_stated(const char *label, struct view text) {
    printf("  %-11s  ", label);
    cli_print(text);
    putchar('\n');
}

static void print_count(const char *what, uint64_t here, int64_t then) {
    bool same = here == (uint64_t)then;
    printf("  %-11s  %s: %llu", same ? "same" : "DIFFERENT", what, (unsigned long long)here);
    if (!same) printf(" here, %lld recorded", (long long)then);
    putchar('\n');
}

static void print_compared(const char *what, enum receipt_fact fact) {
    static const char *const words[] = {"not reached", "same", "DIFFERENT"};
    printf("  %-11s  %s\n", words[fact], what);
}

static void print_text(const struct replay *replay) {
    const struct receipt_facts *facts = &replay->facts;
    const struct recorded *recorded = &replay->recorded;
    printf("proven or not\n");
    print_proofs(facts);
    print_fact("the request is the one committed to", facts->body,
                   "no salt (only the answer as it came has it)");
    print_fact("the answer in the file is the one committed to", replay->shown,
                   replay->receipt.has_answer ? "the receipt carries no salt"
                                            : "the file holds the receipt alone");
    if (replay->ran) {
        printf("computed again\n");
        print_stated("model", view_of(replay->file));
        print_stated("sampler", recorded->sampler);
        print_stated("outcome", recorded->outcome);
        print_count("tokens of the prompt", replay->prompt_tokens, recorded->prompt_tokens);
        print_compared("the prompt's tokens", facts->prompt);
        print_count("tokens of the answer", replay->completion_tokens,
                    recorded->completion_tokens);
        print_compared("the answer's text", facts->choice);
    }
    static const char *const ends[] = {"replayed: the same answer", "rejected: ",
                                       "cannot be replayed here: "};
    fputs(ends[replay->result], stdout);
    cli_print(view_of(replay->why));
    putchar('\n');
}

static void put_fact(struct json_writer *w, const char *name, enum receipt_fact fact) {
    static const char *const words[] = {"not checked", "proven", "refuted"};
    json_member_text(w, name, words[fact]);
}

static void print_json(const struct replay *replay) {
    static char storage[1 << 16];
    struct buf out = buf_over(storage, sizeof storage);
    struct json_writer w = json_writer_to(&out);
    const struct receipt_facts *facts = &replay->facts;
    json_open(&w, '{');
    json_member_text(&w, "result", results[replay->result]);
    json_member_text(&w, "reason", replay->why);
    put_fact(&w, "signature", facts->signature);
    put_fact(&w, "open", facts->open_in);
    put_fact(&w, "close", facts->close_in);
    put_fact(&w, "bound", facts->bound);
    put_fact(&w, "request", facts->body);
    put_fact(&w, "shown", replay->shown);
    put_fact(&w, "prompt", facts->prompt);
    put_fact(&w, "answer", facts->choice);
    if (replay->ran) {
        json_member_string(&w, "model_sha256", replay->recorded.weights.model_sha256);
        if (replay->recorded.weights.adapter_sha256.len)
            json_member_string(&w, "adapter_sha256", replay->recorded.weights.adapter_sha256);
        json_member_string(&w, "sampler", replay->recorded.sampler);
        json_member_u64(&w, "prompt_tokens", replay->prompt_tokens);
        json_member_u64(&w, "completion_tokens", replay->completion_tokens);
    }
    json_close(&w, '}');
    buf_put_char(&out, '\n');
    must(!out.over);
    fwrite(out.at, 1, out.len, stdout);
}

static enum sk_code inputs_open(struct replay *replay, const struct replay_words *words) {
    static struct buf file;
    char key[PARENT_PATH_MAX];
    enum sk_code code = conf_read(words->config, replay->conf);
    if (code != SK_OK && code != SK_UNKNOWN) return code;
    parent_vkey_path(replay->conf, key);
    if (!words->key && access(key, R_OK) != 0)
        return FAIL(SK_UNKNOWN, "--key is needed: who is believed? (there is no node's key here)");
    struct note_key log;
    TRY(cli_receipt_key(words->key ? words->key : key, &log));
    TRY(arena_open(&replay->arena, "replay", (size_t)512 << 20));
    TRY(trust_of_key(&log, &replay->arena, &replay->trust));
    TRY(buf_open(&replay->body, CLI_FILE_MAX));
    TRY(buf_open(&replay->answer, CLI_FILE_MAX));
    TRY(buf_open(&file, CLI_FILE_MAX));
    TRY(files_read(words->prompt, &replay->body));
    TRY(files_read(words->receipt, &file));
    code = cli_receipt_find(&file, words->index, &replay->arena, &replay->receipt);
    return code == SK_OK ? code : fail_within(code, "%s", words->receipt);
}

int cmd_replay(int argc, char **argv) {
    static struct replay replay;
    static struct conf conf;
    struct replay_words words = {0};
    bool json = false;
    const struct cli_option options[] = {{"--prompt", &words.prompt, NULL},
                                         {"--model", &words.model, NULL},
                                         {"--adapter", &words.adapter, NULL},
                                         {"--key", &words.key, NULL},
                                         {"--config", &words.config, NULL},
                                         {"--choice", &words.choice, NULL},
                                         {"--json", NULL, &json},
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1) return cli_usage(usage, "one receipt file is needed");
    if (!words.prompt) return cli_usage(usage, "--prompt is needed: the request's body");
    if (!cli_choice(words.choice, &words.index)) return cli_usage(usage, "--choice is a number");
    words.receipt = argv[1];
    replay.conf = &conf;
    if (inputs_open(&replay, &words) != SK_OK) return cli_failed();
    replay_all(&replay, &words);
    if (json)
        print_json(&replay);
    else
        print_text(&replay);
    cli_model_close(&replay.model);
    static const int exits[] = {EXIT_DONE, EXIT_REJECTED, EXIT_FAILED};
    return exits[replay.result];
}
