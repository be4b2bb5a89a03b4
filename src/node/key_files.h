// Key files: where the signing keys of this node stand, and who may read them.
//
// A key is one line, ledger/skey.h, in keys/NAME.skey of the data directory, readable by its owner
// alone, or a credential NAME.skey that systemd decrypted for this service
// ($CREDENTIALS_DIRECTORY); the credential goes first. Refuses: a file that others could read, or
// that anybody could write. Only its holder reads a key, into locked memory; the parent opens.
#pragma once
#include "ledger/ledger.h"
#include "node/conf.h"

enum key_file {
    KEY_LOG,       // signs the log
    KEY_NEXT,      // signs it too, while the key changes (docs/keys.md)
    KEY_WITNESS,   // cosigns the logs of others; made when there is none
    KEY_SUCCESSOR, // will sign the log that goes on in its place
    KEY_ARCHIVE,   // of the texts that are kept (docs/erasure.md): 64 hex digits
    KEY_ARCHIVE_NEXT, // takes its place (sekisho key archive rotate)
    KEY_FILES,
};
enum { KEY_PATH_MAX = CONF_PATH_MAX + 64 };

// In the data directory.
void key_path(const struct conf *conf, enum key_file which, char out[KEY_PATH_MAX]);
// SK_UNKNOWN: there is none; SK_DENIED: others may read it, or we may not. `path` (of KEY_PATH_MAX,
// or NULL) gets where it was found.
enum sk_code key_open(const struct conf *conf, enum key_file which, char *path, int *descriptor);
