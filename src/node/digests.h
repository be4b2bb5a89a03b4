// Digests: which files were read whole, and what their SHA-256 was.
//
// Holds one row for each file, in a text file of the data directory. Promises: a row is found only
// for a file of the same device, inode, size, mtime and ctime; every write changes the ctime, and
// nothing but the clock or the disk itself can set it back. It is written whole or not at all.
// Refuses: a file that is damaged, or that another user could have written: it counts as empty.
#pragma once
#include "base/fail.h"
#include "base/hash.h"
#include "node/file_state.h"

enum { DIGESTS_MAX = 1024 };

struct digest_row {
    struct file_state file;
    uint8_t digest[HASH_LEN];
    uint64_t checked_ms; // since 1970: when it was read
};

struct digests {
    struct digest_row rows[DIGESTS_MAX];
    uint32_t len;
};

void digests_read(const char *path, struct digests *out);
enum sk_code digests_write(const char *path, const struct digests *digests);

const struct digest_row *digests_find(const struct digests *digests, const struct file_state *file);
// Takes the place of the same file's older state; when the table is full, of the oldest. A file
// that changed within the two seconds before it was read is left out: the next change could carry
// the same times.
void digests_put(struct digests *digests, const struct digest_row *row);
