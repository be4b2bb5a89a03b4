// Parent: starts the rooms, hands each its slice and its edges, restarts what may be restarted, and
// stops the node for the rest. Holds the configuration; sees no text and carries no request.
#pragma once
#include "node/conf.h"

struct parent_options {
    const char *config; // path or NULL, read again at each SIGHUP
    bool quiet;         // no line on stdout
    bool check;         // read every model file again, whatever the cache of digests says
};

// Serves until SIGTERM or SIGINT (drains; a second one stops at once). Single-threaded.
// SK_OK after a clean stop. SIGHUP reads the configuration again.
enum sk_code parent_run(const struct conf *conf, struct parent_options options);

// Paths under conf->data, made by `init`.
enum { PARENT_PATH_MAX = CONF_PATH_MAX + 32 };
void parent_vkey_path(const struct conf *conf, char out[PARENT_PATH_MAX]);  // keys/log.vkey
void parent_ledger_path(const struct conf *conf, char out[PARENT_PATH_MAX]); // ledger
// keys/places/NAME: the credential that a place of the policy names.
void parent_credential_path(const struct conf *conf, const char *name, char *out, size_t max);
void parent_digests_path(const struct conf *conf, char out[PARENT_PATH_MAX]); // digests

// Whether the files that a place needs are there: its credential, which nobody else may read, and
// its CA certificates.
struct policy_place;
enum sk_code parent_place_files(const struct conf *conf, const struct policy_place *place);
