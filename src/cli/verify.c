#include "cli/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_receipt.h"

struct words {
    const char *what, *key, *policy, *transition, *leaf;
    const char *request, *response, *result, *prompt, *choice;
    struct verify_web web;
    char **seen;
    size_t seen_len;
    bool json, hashes;
    uint32_t index; // the choice
};

// What one run holds; the arena outlives the report.
struct run {
    const struct words *words;
    struct arena arena;
    struct trust trust;
    struct report report;
};

static enum sk_code file_keep(const char *path, size_t max, struct arena *arena,
                              struct view *out) {
    struct buf file = arena_rest(arena);
    if (file.max > max) file.max = max;
    TRY(cli_read(path, &file));
    *out = arena_keep(arena, file.len);
    return SK_OK;
}

static enum sk_code file_read(struct run *run, const char *path, size_t max, struct view *out) {
    return file_keep(path, max, &run->arena, out);
}

// For a parser, which changes what it reads.
static enum sk_code copy_of(struct run *run, struct view text, struct buf *out) {
    *out = (struct buf){.at = arena_text(&run->arena, text), .len = text.len};
    return out->at ? SK_OK : SK_LIMIT;
}

enum sk_code verify_trust(const char *key, const char *policy, struct arena *arena,
                          struct trust *out) {
    struct view text;
    struct note_key parsed;
    if (key) {
        TRY(cli_receipt_key(key, &parsed));
        return trust_of_key(&parsed, arena, out);
    }
    TRY(file_keep(policy, TRUST_TEXT_MAX, arena, &text));
    enum sk_code code = trust_parse(text, arena, out);
    return code == SK_OK ? code : fail_within(code, "%s", policy);
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
    TRY(copy_of(run, answer, &file));
    TRY(cli_answer_read(&file, words->index, &run->arena, &value));
    inputs->response = buf_view(&value);
    inputs->has_response = true;
    return SK_OK;
}

// Before a sentence was reached: by the last failure.
static enum sk_code rejected(struct run *run, const char *what) {
    run->report = (struct report){.what = what,
                                  .verdict = REPORT_REJECTED,
                                  .arena = &run->arena,
                                  .trust = &run->trust};
    snprintf(run->report.reason, sizeof run->report.reason, "%s", fail_text());
    return SK_OK;
}

static enum sk_code receipt_note(struct run *run, struct view receipt, struct view *note) {
    const struct json_node *root;
    struct buf copy;
    TRY(copy_of(run, receipt, &copy));
    TRY(json_parse(copy.at, copy.len, &run->arena, &root));
    const struct json_node *found = json_find(root, "checkpoint");
    if (!json_is(found, JSON_STRING)) return FAIL(SK_INPUT, "receipt without a checkpoint");
    *note = json_view(found);
    return SK_OK;
}

static enum sk_code receipt_transition(struct run *run, struct view receipt) {
    struct view note;
    if (!run->words->transition) return SK_OK;
    TRY(receipt_note(run, receipt, &note));
    return cli_transition(run->words->transition, note, &run->trust);
}

static enum sk_code receipt_run(struct run *run, struct view text) {
    struct receipt_inputs inputs = {0};
    struct cli_receipt found;
    struct buf file;
    TRY(inputs_read(run, &inputs));
    TRY(copy_of(run, text, &file));
    enum sk_code code = cli_receipt_find(&file, run->words->index, &run->arena, &found);
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
    TRY(file_read(run, run->words->what, CLI_FILE_MAX, &text));
    if (is_disclosure(text)) {
        report_disclosure(text, &run->trust, &run->arena, &run->report);
        return SK_OK;
    }
    if (!view_starts(text, magic)) return receipt_run(run, text);
    if (!run->words->leaf) return FAIL(SK_INPUT, "a tlog-proof is of a leaf: give --leaf FILE");
    TRY(file_read(run, run->words->leaf, LEDGER_LEAF_MAX, &leaf));
    struct proof proof;
    if (run->words->transition && (proof_read(text, &proof) != SK_OK ||
                                   cli_transition(run->words->transition, proof.checkpoint,
                                                  &run->trust) != SK_OK))
        return rejected(run, "proof");
    report_proof(text, leaf, &run->trust, &run->arena, &run->report);
    return SK_OK;
}

// ---- logs ----

enum sk_code verify_directory_read(void *self, struct view path, struct buf *out) {
    char name[TILE_NAME_MAX + 1];
    int directory = *(const int *)self;
    must(path.len < sizeof name);
    snprintf(name, sizeof name, "%.*s", (int)path.len, path.at);
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return FAIL(SK_UNKNOWN, "%s is missing", name);
    if (file < 0) return FAIL(SK_IO, "%s: %s", name, strerror(errno));
    for (;;) {
        char block[65536];
        ssize_t n = read(file, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            int error = errno;
            close(file);
            return FAIL(SK_IO, "%s: %s", name, strerror(error));
        }
        buf_put(out, block, (size_t)n);
        if (n == 0 || out->over) break;
    }
    close(file);
    return buf_check(out, name);
}

static enum sk_code log_transition(struct run *run, const struct tile_source *source) {
    static char bytes[NOTE_MAX];
    struct buf note = buf_over(bytes, sizeof bytes);
    TRY(source->read(source->self, VIEW("checkpoint"), &note));
    return cli_transition(run->words->transition, buf_view(&note), &run->trust);
}

// A checkpoint that somebody kept, as it is or in a receipt.
static enum sk_code seen_read(struct run *run, const char *path, struct view *note) {
    struct cli_receipt found;
    struct buf file;
    TRY(file_read(run, path, CLI_FILE_MAX, note));
    if (!view_starts(*note, VIEW("{")) && !view_starts(*note, VIEW("data: "))) return SK_OK;
    TRY(copy_of(run, *note, &file));
    enum sk_code code = cli_receipt_find(&file, run->words->index, &run->arena, &found);
    if (code == SK_OK) code = receipt_note(run, buf_view(&found.receipt), note);
    return code == SK_OK ? code : fail_within(code, "%s", path);
}

static enum sk_code log_run(struct run *run, const struct tile_source *source) {
    const struct words *words = run->words;
    struct whole_task task = {.source = source,
                              .trust = &run->trust,
                              .hashes = words->hashes,
                              .seen_len = words->seen_len};
    struct view *seen = arena_take(&run->arena, words->seen_len, sizeof *seen);
    if (!seen) return SK_LIMIT;
    for (size_t i = 0; i < words->seen_len; i++)
        TRY(seen_read(run, words->seen[i], &seen[i]));
    task.seen = seen;
    if (words->transition && log_transition(run, source) != SK_OK) return rejected(run, "log");
    report_log(&task, &run->arena, &run->report);
    return SK_OK;
}

static enum sk_code directory_run(struct run *run) {
    int directory = open(run->words->what, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return FAIL(SK_IO, "%s: %s", run->words->what, strerror(errno));
    enum sk_code code;
    if (faccessat(directory, "log.000000", F_OK, 0) == 0)
        code = FAIL(SK_INPUT, "%s: a node's own log; check what sekisho ledger export makes of it",
                    run->words->what);
    else
        code = log_run(run, &(const struct tile_source){&directory, verify_directory_read});
    close(directory);
    return code;
}

static enum sk_code url_run(struct run *run, const struct verify_ways *ways) {
    struct tile_source source;
    if (!ways->open)
        return FAIL(SK_UNSUPPORTED, "this program has no network: give it an exported log");
    TRY(ways->open(run->words->what, &run->words->web, &source));
    enum sk_code code = log_run(run, &source);
    ways->close(&source);
    return code;
}

// ---- the command ----

static bool is_url(const char *what) {
    return strncmp(what, "https://", 8) == 0 || strncmp(what, "http://", 7) == 0;
}

static enum sk_code run_what(struct run *run, const struct verify_ways *ways) {
    struct stat at;
    TRY(arena_open(&run->arena, "verify", REPORT_ARENA));
    TRY(verify_trust(run->words->key, run->words->policy, &run->arena, &run->trust));
    if (is_url(run->words->what)) return url_run(run, ways);
    if (stat(run->words->what, &at) == 0 && S_ISDIR(at.st_mode)) return directory_run(run);
    if (run->words->seen_len > 0)
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
        {"--transition", &words.transition, NULL},
        {"--request", &words.request, NULL}, {"--response", &words.response, NULL},
        {"--result", &words.result, NULL},   {"--prompt", &words.prompt, NULL},
        {"--choice", &words.choice, NULL},   {"--leaf", &words.leaf, NULL},
        {"--ca", &words.web.ca, NULL},       {"--pin", &words.web.pin, NULL},
        {"--token", &words.web.token, NULL}, {"--json", NULL, &words.json},
        {"--hashes", NULL, &words.hashes},   {0}};
    int rest;
    if (!cli_options(argc, argv, ways->usage, options, &rest)) return EXIT_USAGE;
    if (rest < 1) return cli_usage(ways->usage, "what is to be verified?");
    if (!words.key && !words.policy)
        return cli_usage(ways->usage, "--key or --policy is needed: who is believed?");
    if (words.key && words.policy) return cli_usage(ways->usage, "--key or --policy, not both");
    if (!cli_choice(words.choice, &words.index))
        return cli_usage(ways->usage, "--choice is a number");
    if (rest - 1 > WHOLE_SEEN_MAX)
        return cli_usage(ways->usage, "at most %d checkpoints", WHOLE_SEEN_MAX);
    words.what = argv[1];
    words.seen = argv + 2;
    words.seen_len = (size_t)rest - 1;
    int status = run_what(&run, ways) == SK_OK ? told(&run) : cli_failed();
    report_end(&run.report);
    arena_close(&run.arena);
    return status;
}
