#include "cli/cli_receipt.h"

#include "base/json.h"
#include "node/files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum sk_code cli_receipt_key(const char *text, struct note_key *key) {
    char storage[1024];
    struct buf file = buf_over(storage, sizeof storage);
    struct view vkey = view_of(text);
    if (access(text, R_OK) == 0) {
        TRY(files_read(text, &file));
        vkey = buf_view(&file);
        while (vkey.len > 0 && vkey.at[vkey.len - 1] == '\n') vkey.len--;
    }
    return note_key_parse(vkey, key);
}

// One JSON value: a receipt, or an API answer or stream event with one inside or a piece of text.
static enum sk_code find_in_value(char *at, size_t len, struct arena *arena,
                                  struct cli_receipt *found) {
    const struct json_node *root;
    TRY(json_parse(at, len, arena, &root));
    const struct json_node *inside = json_find(json_find(root, "sekisho"), "receipt");
    const struct json_node *choices = json_find(root, "choices"), *content = NULL;
    if (json_is(choices, JSON_ARRAY) && choices->len == 1) {
        const struct json_node *choice = json_first(choices), *delta = json_find(choice, "delta");
        content = json_find(delta ? delta : json_find(choice, "message"), "content");
    }
    if (json_is(content, JSON_STRING)) {
        buf_put_view(&found->text, json_view(content));
        found->has_text = true;
    }
    if (!inside && choices) return SK_OK; // an event before the last
    struct json_writer w = json_writer_to(&found->receipt);
    json_put_node(&w, inside ? inside : root);
    return SK_OK;
}

// A whole file: one value, or the lines of an event stream as curl -N saves them.
enum sk_code cli_receipt_find(struct buf *file, struct arena *arena, struct cli_receipt *found) {
    static char receipt[RECEIPT_MAX], text[CLI_FILE_MAX];
    *found = (struct cli_receipt){.receipt = buf_over(receipt, sizeof receipt),
                                  .text = buf_over(text, sizeof text)};
    static const struct view data = {"data: ", 6};
    char *at = file->at, *end = file->at + file->len;
    if (!view_starts(buf_view(file), data)) {
        TRY(find_in_value(at, file->len, arena, found));
    } else {
        while (at < end) {
            char *stop = memchr(at, '\n', (size_t)(end - at));
            if (!stop) stop = end;
            struct view line = {at, (size_t)(stop - at)};
            if (view_starts(line, data) && !view_is(line, "data: [DONE]"))
                TRY(find_in_value(at + data.len, line.len - data.len, arena, found));
            at = stop < end ? stop + 1 : end;
        }
    }
    if (found->receipt.len == 0) return FAIL(SK_INPUT, "no receipt in this file");
    return buf_check(&found->receipt, "receipt");
}

void cli_print_fact(const char *what, enum receipt_fact fact, const char *missing) {
    static const char *const words[] = {"not checked", "proven", "REFUTED"};
    printf("  %-11s  %s%s%s\n", words[fact], what, fact == RECEIPT_NOT_CHECKED ? ": " : "",
           fact == RECEIPT_NOT_CHECKED ? missing : "");
}

void cli_print_proofs(const struct receipt_facts *facts) {
    cli_print_fact("the checkpoint is signed by this key", facts->signature, "not a checkpoint");
    cli_print_fact("the decision is in the ledger", facts->open_in, "no valid proof was read");
    cli_print_fact("the outcome is in the ledger", facts->close_in, "not closed when it was cut");
    cli_print_fact("decision and outcome are of one request", facts->bound, "not closed");
}

void cli_print_stated(const char *label, struct view text) {
    printf("  %-11s  ", label);
    cli_print(text);
    putchar('\n');
}
