// Succession: a log of another name and key goes on in place of this node's own
// (ledger/successor.h).
//
// Each step can be repeated after a fall, and the configuration changes last: the new key's file;
// the old log moved aside; the new log with its first leaf; its key in place.
#pragma once
#include "cli/cli_log.h"
#include "node/parent.h"

struct succession {
    struct conf *conf;
    struct signer_memory *memory;
    const char *cause; // of successor_first
    bool old_copy;     // what is here is an old copy: what it knows as a witness is old, too
    struct view reason;
    char note[LEDGER_NOTE_MAX]; // the last checkpoint of the old log
    size_t note_len;
    char node[sizeof((struct conf *)0)->node]; // of the new log
    char ledger[PARENT_PATH_MAX], aside[PARENT_PATH_MAX + 16];
};

static inline const struct signer *succession_signer(const struct succession *it,
                                                     enum key_file which) {
    return &it->memory->signer[which];
}

bool succession_reason(struct view reason); // one line, not too long
// Names the new log, reads the key of the old one. *done: all but succession_save was done.
enum sk_code succession_open(struct succession *it, const char *chosen, bool *done);
// No node runs on the old log, if it is there, and none starts until this process ends.
enum sk_code succession_lock(const struct succession *it);
enum sk_code succession_key(struct succession *it);   // the new one's file
enum sk_code succession_aside(struct succession *it); // the old log, with the key that verifies it
enum sk_code succession_finish(struct succession *it);
enum sk_code succession_save(struct succession *it);
