#include "cli/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_receipt.h"

struct words {
    const char *key, *policy, *leaf;
    const char *request, *response, *result, *prompt, *choice;
    struct verify_log log; // `what` and `transition` are also those of a receipt or proof
    bool json;
};

// What one run holds; the arena outlives the report.
struct run {
    const struct words *words;
    struct arena arena;
    struct trust trust;
    struct report report;
};

static enum sk_code file_read(struct run *run, const char *path, size_t max, struct view *out) {
    return verify_file(path, max, &run->arena, out);
}

// ---- receipts and proofs ----

static enum sk_code inputs_read(struct run *run, struct receipt_inputs *inputs) {
    const struct words *words = run->words;
    const char *paths[] = {words->request, words->result, words->prompt};
    struct view *views[] = {&inputs->body, &inputs->response, &inputs->prompt};
    struct view answer;
    struct buf file, value;
    bool *has[] = {&inputs->has_body, &inputs->has_response, &inputs->has_prompt};
    for (size_t i = 0; i < 3; i++) {
        if (!paths[i]) continue;
        TRY(file_read(run, paths[i], CLI_FILE_MAX, views[i]));
        *has[i] = true;
    }
    if (!words->response || words->result) return SK_OK;
    TRY(file_read(run, words->response, CLI_FILE_MAX, &answer));
    TRY(verify_copy(answer, &run->arena, &file));
    TRY(cli_answer_read(&file, words->log.choice, &run->arena, &value));
    inputs->response = buf_view(&value);
    inputs->has_response = true;
    return SK_OK;
}

static enum sk_code rejected(struct run *run, const char *what) {
    verify_rejected(what, &run->trust, &run->arena, &run->report);
    return SK_OK;
}

static enum sk_code receipt_transition(struct run *run, struct view receipt) {
    struct view note;
    if (!run->words->log.transition) return SK_OK;
    TRY(verify_receipt_note(receipt, &run->arena, &note));
    return cli_transition(run->words->log.transition, note, &run->trust);
}

static enum sk_code receipt_run(struct run *run, struct view text) {
    struct receipt_inputs inputs = {0};
    struct cli_receipt found;
    struct buf file;
    TRY(inputs_read(run, &inputs));
    TRY(verify_copy(text, &run->arena, &file));
    enum sk_code code = cli_receipt_find(&file, run->words->log.choice, &run->arena, &found);
    if (code == SK_OK) code = receipt_transition(run, buf_view(&found.receipt));
    if (code != SK_OK) return rejected(run, "receipt");
    if (found.has_answer && !inputs.has_response) {
        inputs.response = buf_view(&found.answer);
        inputs.has_response = true;
    }
    report_receipt(buf_view(&found.receipt), &run->trust, &inputs, &run->arena, &run->report);
    return SK_OK;
}

// `sekisho ledger disclose` writes its members in order.
static bool is_disclosure(struct view text) {
    static const char version[] = "\"v\":\"sekisho-disclosure/1\"}";
    return view_starts(text, VIEW("{\"close\":")) &&
           memmem(text.at, text.len, version, sizeof version - 1);
}

static enum sk_code file_run(struct run *run) {
    static const struct view magic = {"c2sp.org/tlog-proof@", 20};
    struct view text, leaf = {0};
    TRY(file_read(run, run->words->log.what, CLI_FILE_MAX, &text));
    if (is_disclosure(text)) {
        report_disclosure(text, &run->trust, &run->arena, &run->report);
        return SK_OK;
    }
    if (!view_starts(text, magic)) return receipt_run(run, text);
    if (!run->words->leaf) return FAIL(SK_INPUT, "a tlog-proof is of a leaf: give --leaf FILE");
    TRY(file_read(run, run->words->leaf, LEDGER_LEAF_MAX, &leaf));
    struct proof proof;
    if (run->words->log.transition && (proof_read(text, &proof) != SK_OK ||
                                        cli_transition(run->words->log.transition,
                                                       proof.checkpoint, &run->trust) != SK_OK))
        return rejected(run, "proof");
    report_proof(text, leaf, &run->trust, &run->arena, &run->report);
    return SK_OK;
}

// ---- logs ----

static enum sk_code log_run(struct run *run, const struct tile_source *source) {
    return verify_log(&run->words->log, source, &run->trust, &run->arena, &run->report);
}

static enum sk_code directory_run(struct run *run) {
    int directory = open(run->words->log.what, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return FAIL(SK_IO, "%s: %s", run->words->log.what, strerror(errno));
    enum sk_code code;
    if (faccessat(directory, "log.000000", F_OK, 0) == 0)
        code = FAIL(SK_INPUT, "%s: a node's own log; check what sekisho ledger export makes of it",
                    run->words->log.what);
    else
        code = log_run(run, &(const struct tile_source){&directory, verify_directory_read});
    close(directory);
    return code;
}

static enum sk_code url_run(struct run *run, const struct verify_ways *ways) {
    struct tile_source source;
    if (!ways->open)
        return FAIL(SK_UNSUPPORTED, "this program has no network: give it an exported log");
    TRY(ways->open(run->words->log.what, &run->words->log.web, &source));
    enum sk_code code = log_run(run, &source);
    ways->close(&source);
    return code;
}

// ---- the command ----

static enum sk_code run_what(struct run *run, const struct verify_ways *ways) {
    struct stat at;
    TRY(arena_open(&run->arena, "verify", REPORT_ARENA));
    TRY(verify_trust(run->words->key, run->words->policy, &run->arena, &run->trust));
    if (verify_is_url(run->words->log.what)) return url_run(run, ways);
    if (stat(run->words->log.what, &at) == 0 && S_ISDIR(at.st_mode)) return directory_run(run);
    if (run->words->log.seen_len > 0)
        return FAIL(SK_INPUT, "one receipt or proof at a time; checkpoints go with a log");
    return file_run(run);
}

int verify_exit(const struct report *report) {
    static const int exits[] = {EXIT_DONE, EXIT_FAILED, EXIT_REJECTED, EXIT_QUORUM};
    return exits[report->verdict];
}

static int told(const struct run *run) {
    struct buf out;
    if (buf_open(&out, REPORT_TEXT_MAX) != SK_OK) return cli_failed();
    if (run->words->json) {
        report_json(&run->report, &out);
        buf_put_char(&out, '\n');
    } else {
        report_text(&run->report, &out);
    }
    bool whole = buf_check(&out, "report") == SK_OK;
    if (whole) fwrite(out.at, 1, out.len, stdout);
    buf_close(&out);
    return whole ? verify_exit(&run->report) : cli_failed();
}

int verify_run(int argc, char **argv, const struct verify_ways *ways) {
    struct words words = {0};
    struct run run = {.words = &words};
    const struct cli_option options[] = {
        {"--key", &words.key, NULL},         {"--policy", &words.policy, NULL},
        {"--transition", &words.log.transition, NULL},
        {"--request", &words.request, NULL}, {"--response", &words.response, NULL},
        {"--result", &words.result, NULL},   {"--prompt", &words.prompt, NULL},
        {"--choice", &words.choice, NULL},   {"--leaf", &words.leaf, NULL},
        {"--json", NULL, &words.json},       {"--hashes", NULL, &words.log.hashes},
        VERIFY_WEB_OPTIONS(words.log.web),   {0}};
    int rest;
    if (!cli_options(argc, argv, ways->usage, options, &rest)) return EXIT_USAGE;
    if (rest < 1) return cli_usage(ways->usage, "what is to be verified?");
    if (!words.key && !words.policy)
        return cli_usage(ways->usage, "--key or --policy is needed: who is believed?");
    if (words.key && words.policy) return cli_usage(ways->usage, "--key or --policy, not both");
    if (!cli_choice(words.choice, &words.log.choice))
        return cli_usage(ways->usage, "--choice is a number");
    if (rest - 1 > WHOLE_SEEN_MAX)
        return cli_usage(ways->usage, "at most %d checkpoints", WHOLE_SEEN_MAX);
    words.log.what = argv[1];
    words.log.seen = (const char *const *)argv + 2;
    words.log.seen_len = (size_t)rest - 1;
    int status = run_what(&run, ways) == SK_OK ? told(&run) : cli_failed();
    report_end(&run.report);
    arena_close(&run.arena);
    return status;
}
