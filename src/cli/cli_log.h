// The log opened by a command, while no node runs on it.
#pragma once
#include "cli/signer_file.h"

struct cli_log {
    struct ledger *ledger;
    int directory; // locked: a node would find it taken
    char path[CONF_PATH_MAX + 64];
};

// The log at `path`, signed by this signer. SK_BUSY: a node runs on it.
enum sk_code cli_log_open(const char *path, const struct signer *signer, struct cli_log *log);
// Durable, with its checkpoint; what root made belongs to who the directory belongs to.
enum sk_code cli_log_close(struct cli_log *log);
// The same after a command that went so: after an error it is let go as it is, and that told.
enum sk_code cli_log_end(struct cli_log *log, enum sk_code code);
// One more leaf, durable. SK_DENIED: the log is closed.
enum sk_code cli_log_append(struct cli_log *log, struct view leaf);
// The last leaf of a type into `leaf`, which is empty when there is none.
enum sk_code cli_log_last(struct cli_log *log, const char *type, struct buf *leaf);
// The last key transition; its size is 0 when there is none. Its reason is not kept; its note
// is appended to `note`, unless that is NULL.
enum sk_code cli_log_transition(struct cli_log *log, struct transition *out, struct buf *note);
// keys/STAGE-ID.note of the data directory: the note of the transition to the key `new`.
void cli_log_note_path(const struct conf *conf, enum transition_stage stage,
                       const struct note_key *new, char out[KEY_PATH_MAX + 64]);
// While the log's key changes, both keys sign; the signer of KEY_LOG is read already.
enum sk_code cli_log_sign(struct cli_log *log, const struct conf *conf,
                          struct signer_memory *memory);
// Whether its last leaf says that nothing comes after it.
enum sk_code cli_log_closed(struct cli_log *log, bool *closed);
// SK_DENIED when it does: no command may append.
enum sk_code cli_log_goes_on(struct cli_log *log);
// The time of a leaf.
int64_t cli_log_now_ms(void);
