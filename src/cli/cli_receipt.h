// Receipts in files, and what a check of them found, on the terminal.
#pragma once
#include "cli/cli.h"
#include "ledger/ledger.h"

enum { CLI_FILE_MAX = 32 << 20 };

// What a file gave: the receipt's JSON, and the answer's text when the file is a whole answer.
struct cli_receipt {
    struct buf receipt, text;
    bool has_text;
};

// A verifier key (NAME+HASH+KEY), or a file that holds one.
enum sk_code cli_receipt_key(const char *text, struct note_key *key);
// Of a whole file (changed in place): a receipt, or an API answer with one inside, as JSON or as an
// event stream. What is found stands in memory of its own, of which there is one.
enum sk_code cli_receipt_find(struct buf *file, struct arena *arena, struct cli_receipt *found);

// "  proven       the checkpoint is signed by this key"; `missing` says why it was not checked.
void cli_print_fact(const char *what, enum receipt_fact fact, const char *missing);
// Signature, ledger and binding.
void cli_print_proofs(const struct receipt_facts *facts);
// "  label        text", the text as cli_print.
void cli_print_stated(const char *label, struct view text);
