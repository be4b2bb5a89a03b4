// Receipts in files.
#pragma once
#include "cli/cli.h"
#include "engine/engine.h"
#include "ledger/ledger.h"

enum { CLI_FILE_MAX = 32 << 20 };

// What a file gave: a receipt's JSON, and the answer it is of when the file is a whole answer, as
// the value that was committed to (node/choice.h).
struct cli_receipt {
    uint32_t choice; // which one of several
    struct buf receipt, answer;
    bool has_answer;
    enum engine_channel channel; // of the answer's last part
};

// A verifier key (NAME+HASH+KEY), or a file that holds one.
enum sk_code cli_receipt_key(const char *text, struct note_key *key);
// cli_transition.c: by the note of a key transition in the file `path`, the checkpoint may be
// signed by the key that one of `trust` took the place of, or that took its place.
enum sk_code cli_transition(const char *path, struct view checkpoint, struct trust *trust);
// The number that --choice says, 0 without one; false when it is none.
bool cli_choice(const char *text, uint32_t *index);
// Of a whole file (changed in place): a receipt, or an API answer with one inside, as JSON or as an
// event stream. What is found stands in memory of its own, of which there is one.
enum sk_code cli_receipt_find(struct buf *file, uint32_t choice, struct arena *arena,
                              struct cli_receipt *found);
// Of a whole file (changed in place): an API answer, or a plain text, as the value that is
// committed to. It stands in memory of its own, of which there is one.
enum sk_code cli_answer_read(struct buf *file, uint32_t choice, struct arena *arena,
                             struct buf *answer);
