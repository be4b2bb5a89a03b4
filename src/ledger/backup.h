// Backup: a log directory copied while its node writes there, for the day its disk is lost.
//
// Holds of each segment the bytes that count, up to the checkpoint `released`; that record; the
// newest cosigned one where there is one (`published`); log.vkey, who signed; and BACKUP_MANIFEST,
// the SHA-256 of each of these as sha256sum prints them. Promises: what was written is read back,
// every digest and every leaf computed again and the signature checked, before SK_OK; then all of
// it is durable. The log it came from is only read. Refuses: a source that is damaged, or another
// log's; a file that is there already. Never copied: signing keys, what the archive keeps (what
// was erased would live on), and what this node cosigned as a witness (an old copy of that must
// not cosign again).
#pragma once
#include "base/world.h"
#include "ledger/note.h"

#define BACKUP_MANIFEST "SHA256SUMS"

struct backup_done {
    uint64_t size, bytes; // leaves; bytes of all files but the manifest
    uint32_t segments;
    struct tree_hash root;
    uint8_t manifest[HASH_LEN]; // SHA-256 of the file
};

// Copies the log of `from` into `to`, an empty directory. After an error what stands in `to` is no
// backup. SK_UNKNOWN: there is no log.
enum sk_code backup_make(struct world from, struct world to, const struct note_key *key,
                         struct backup_done *done);
// Reads a backup again, all of it. SK_UNKNOWN: it is none; SK_CORRUPT: fail_text() names what is
// missing, damaged or too much.
enum sk_code backup_check(struct world world, const struct note_key *key,
                          struct backup_done *done);
// Whether this directory is a backup: no log may grow there.
bool backup_is(struct world world);
