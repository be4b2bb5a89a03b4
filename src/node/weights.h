// Weights: a model on disk, in one file or in parts, and its digest.
//
// Holds a descriptor for each part. Promises: of "NAME-00001-of-0000N.gguf" the N parts beside it
// are opened, in order; the digest is of the very files behind the descriptors, read now or known
// from an earlier reading of the same state (digests.h). Refuses: a part that is missing, a file
// that changes while it is read, anything but regular files.
#pragma once
#include "base/view.h"
#include "node/digests.h"
#include "node/files.h"

enum { WEIGHTS_PARTS_MAX = 128 };

struct weights {
    struct weights_part {
        int descriptor;
        struct file_state file;
        char name[256]; // without its directory
        uint8_t digest[HASH_LEN]; // after weights_check
    } parts[WEIGHTS_PARTS_MAX];
    uint32_t len;
    uint64_t bytes; // of all parts
    uint8_t digest[HASH_LEN];
    bool cached;         // at least one part was not read now
    uint64_t checked_ms; // when the part read longest ago was
};

// `path`: the file, or the first of the parts. SK_UNKNOWN: a file cannot be opened. On an error
// nothing is open.
enum sk_code weights_open(struct weights *weights, const char *path);
void weights_close(struct weights *weights);

// The digest: SHA-256 of the one file, or of the lines "SHA-256, two spaces, name" of the parts in
// order, as `sha256sum NAME-*-of-*.gguf` prints them. `digests` gets what was read; with `fresh`
// nothing is looked up in it.
enum sk_code weights_check(struct weights *weights, struct digests *digests, bool fresh,
                           files_progress *progress);

// Read-only mappings of the parts into views[weights->len].
enum sk_code weights_map(const struct weights *weights, struct view *views);
void weights_unmap(const struct weights *weights, struct view *views);
