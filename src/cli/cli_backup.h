// Where backups stand: directories made whole, or not at all.
#pragma once
#include "cli/cli.h"
#include "ledger/ledger.h"
#include "node/parent.h"

// Copies the log in `from` to the new directory `to`, mode 0700; what was there when it failed is
// taken away. SK_DENIED: `to` exists. `owner`: a directory whose owner gets it, when root makes it;
// NULL: nobody else does.
enum sk_code cli_backup_make(const char *from, const char *to, const struct note_key *key,
                             const char *owner, struct backup_done *done);
// `key`: the log's now. Becomes the one before it that signed `note`, where the transitions in
// keys/ lead there; else it stays, and the check of the note says so. SK_DENIED: that one had
// signed its last before.
enum sk_code cli_backup_signer(const struct conf *conf, struct view note, struct note_key *key);
// The same, of the backup in `path`.
enum sk_code cli_backup_key(const struct conf *conf, const char *path, struct note_key *key);
// SK_UNKNOWN: there is no backup.
enum sk_code cli_backup_check(const char *path, const struct note_key *key,
                              struct backup_done *done);
