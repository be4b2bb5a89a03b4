#include "base/json.h"
#include "cli/cli_receipt.h"
#include "node/files.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho verify FILE --key VKEY [--request FILE] [--response FILE]\n"
    "                      [--result FILE] [--prompt FILE] [--choice N] [--transition FILE]\n\n"
    "Checks a receipt offline: needs no node, no network. FILE holds the receipt, or a whole API\n"
    "answer with the receipt inside, as JSON or as an event stream saved whole; '-' is stdin.\n"
    "  --key VKEY       the node's verifier key (NAME+HASH+KEY), or a file that holds it\n"
    "  --request FILE   the request body exactly as it was sent\n"
    "  --response FILE  the answer, as text or as the API gave it; taken from FILE when that is\n"
    "                   a whole API answer\n"
    "  --result FILE    instead: the vectors, scores or other result (docs/ledger-format.md)\n"
    "  --prompt FILE    the prompt's token ids, each an int32, little-endian; of an answer from\n"
    "                   another place the envelope: the exact bytes that were sent there\n"
    "  --choice N       which of several answers to one request; default 0\n"
    "  --transition FILE\n"
    "                   the note of a key transition (docs/keys.md): the receipt may be signed by\n"
    "                   the key before or after the one that is trusted\n"
    "Prints what was proven and what was not. Exit code 0: verified; 3: rejected.\n";

static void print_member(const struct json_node *leaf, const char *label, const char *name) {
    const struct json_node *node = json_find(leaf, name);
    if (json_is(node, JSON_STRING) || json_is(node, JSON_NUMBER))
        cli_print_stated(label, (struct view){node->at, node->len});
}

// A list of texts on one line; nothing where there is none.
static void print_list(const struct json_node *leaf, const char *label, const char *name) {
    const struct json_node *list = json_find(leaf, name);
    char storage[1024];
    struct buf out = buf_over(storage, sizeof storage);
    if (!json_is(list, JSON_ARRAY) || list->len == 0) return;
    const struct json_node *one = json_first(list);
    for (uint32_t i = 0; i < list->len; i++, one = json_next(one)) {
        if (!json_is(one, JSON_STRING)) return;
        if (i) buf_put_text(&out, ", ");
        buf_put_view(&out, json_view(one));
    }
    if (!out.over) cli_print_stated(label, buf_view(&out));
}

// What each leaf states that a person asks for; the rest is in the file.
static const char *const open_rows[][2] = {
    {"number", "n"},
    {"operation", "operation"},
    {"verdict", "verdict"},
    {"place", "place"},
    {"rule", "rule"},
    {"consent", "consent"},
    {"purpose", "purpose"},
    {"shadow", "shadow_rule"},
    {"isolation", "isolation"},
    {"policy", "policy_sha256"},
    {"model", "model"},
    {"weights", "model_sha256"},
    {"signed by", "model_signer"},
    {"signed", "model_signature_sha256"},
    {NULL, NULL},
};
static const char *const close_rows[][2] = {
    {"outcome", "outcome"},
    {"rule", "rule"},
    {"peer", "peer"},
    {"peer key", "spki_sha256"},
    {"client", "client"},
    {"tokens in", "prompt_tokens"},
    {"tokens out", "completion_tokens"},
    {"sampler", "sampler"},
    {"arithmetic", "arithmetic"},
    {"energy", "energy"},
    {NULL, NULL},
};

// When the weights' digest was computed: "now, …" in this run of the node, or "cached since …".
static void print_checked(const struct json_node *leaf) {
    const struct json_node *how = json_find(leaf, "model_checked");
    int64_t ms;
    struct tm time;
    char text[40];
    if (!json_is(how, JSON_STRING) || !json_i64(json_find(leaf, "model_checked_ms"), &ms)) return;
    time_t seconds = (time_t)(ms / 1000);
    if (!gmtime_r(&seconds, &time) || !strftime(text, sizeof text, "%FT%TZ", &time)) return;
    printf("  %-11s  ", "checked");
    cli_print(json_view(how));
    printf("%s %s\n", view_is(json_view(how), "now") ? "," : " since", text);
}

static void print_leaf(struct view text, const char *const rows[][2], struct arena *arena) {
    const struct json_node *leaf;
    char *copy = arena_text(arena, text);
    if (text.len == 0 || !copy || json_parse(copy, text.len, arena, &leaf) != SK_OK) return;
    for (size_t i = 0; rows[i][0]; i++)
        print_member(leaf, rows[i][0], rows[i][1]);
    print_list(leaf, "label", "label");
    print_list(leaf, "classes", "classes");
    print_list(leaf, "answer has", "answer_classes");
    print_checked(leaf);
}

static void print_facts(const struct receipt_facts *facts, const struct receipt_inputs *inputs,
                        struct arena *arena) {
    const char *salt = "no salt (only the answer as it came has it)";
    printf("proven or not\n");
    cli_print_proofs(facts);
    cli_print_fact("the request is the one committed to", facts->body,
                   inputs->has_body ? salt : "give --request");
    cli_print_fact("the prompt (its tokens, or envelope) is the one committed to", facts->prompt,
                   inputs->has_prompt ? salt : "give --prompt");
    cli_print_fact("the answer is the one committed to", facts->choice,
                   inputs->has_response ? salt : "give --response");
    printf("what the node stated (the ledger proves that it said so, not that it is true)\n");
    cli_print_stated("node", view_of(facts->origin));
    printf("  %-11s  %llu and %llu of %llu\n", "entries", (unsigned long long)facts->open_index,
           (unsigned long long)facts->close_index, (unsigned long long)facts->tree_size);
    print_leaf(facts->open_leaf, open_rows, arena);
    print_leaf(facts->close_leaf, close_rows, arena);
}

struct verify_files {
    const char *receipt, *key, *transition, *request, *response, *result, *prompt, *choice;
    uint32_t index; // the choice
};

static enum sk_code open_inputs(const struct verify_files *files, struct arena *arena,
                                struct buf *buffers, struct receipt_inputs *inputs) {
    const char *answer_file = files->result ? files->result : files->response;
    const char *paths[] = {files->request, answer_file, files->prompt};
    struct view *views[] = {&inputs->body, &inputs->response, &inputs->prompt};
    bool *has[] = {&inputs->has_body, &inputs->has_response, &inputs->has_prompt};
    for (size_t i = 0; i < 3; i++) {
        if (!paths[i]) continue;
        TRY(buf_open(&buffers[i], CLI_FILE_MAX));
        TRY(files_read(paths[i], &buffers[i]));
        *views[i] = buf_view(&buffers[i]);
        *has[i] = true;
    }
    struct buf answer;
    if (!files->response || files->result) return SK_OK;
    TRY(cli_answer_read(&buffers[1], files->index, arena, &answer));
    inputs->response = buf_view(&answer);
    return SK_OK;
}

static int verify(const struct verify_files *files, struct arena *arena, struct buf *buffers) {
    struct buf file;
    struct cli_receipt found;
    struct receipt_inputs inputs = {0};
    struct receipt_facts facts = {0};
    struct note_key key;
    enum sk_code code = cli_receipt_key(files->key, &key);
    if (code == SK_OK) code = open_inputs(files, arena, buffers, &inputs);
    if (code == SK_OK) code = buf_open(&file, CLI_FILE_MAX);
    if (code == SK_OK) code = files_read(files->receipt, &file);
    if (code != SK_OK) return cli_failed();
    code = cli_receipt_find(&file, files->index, arena, &found);
    if (found.has_answer && !inputs.has_response) {
        inputs.response = buf_view(&found.answer);
        inputs.has_response = true;
    }
    if (code == SK_OK && files->transition)
        code = cli_transition(files->transition, buf_view(&found.receipt), arena, &key);
    if (code == SK_OK) code = receipt_check(buf_view(&found.receipt), &key, &inputs, arena, &facts);
    char why[512];
    snprintf(why, sizeof why, "%s", fail_text());
    if (facts.open_leaf.len > 0) print_facts(&facts, &inputs, arena);
    if (code == SK_OK || code == SK_BUSY) {
        puts(code == SK_OK ? "verified" : "verified, but cut before the request was closed");
        return EXIT_DONE;
    }
    printf("rejected: ");
    cli_print(view_of(why));
    putchar('\n');
    return EXIT_REJECTED;
}

int cmd_verify(int argc, char **argv) {
    struct verify_files files = {0};
    const struct cli_option options[] = {{"--key", &files.key, NULL},
                                         {"--transition", &files.transition, NULL},
                                         {"--request", &files.request, NULL},
                                         {"--response", &files.response, NULL},
                                         {"--result", &files.result, NULL},
                                         {"--prompt", &files.prompt, NULL},
                                         {"--choice", &files.choice, NULL},
                                         {0}};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest != 1) return cli_usage(usage, "one receipt file is needed");
    if (!files.key) return cli_usage(usage, "--key is needed: who is believed?");
    if (!cli_choice(files.choice, &files.index)) return cli_usage(usage, "--choice is a number");
    files.receipt = argv[1];
    struct arena arena;
    struct buf buffers[3] = {0};
    if (arena_open(&arena, "receipt", (size_t)256 << 20) != SK_OK) return cli_failed();
    int status = verify(&files, &arena, buffers);
    for (size_t i = 0; i < 3; i++)
        buf_close(&buffers[i]);
    arena_close(&arena);
    return status;
}
