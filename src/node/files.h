// Files: the few places where the parent and the command line touch the file system.
#pragma once
#include "base/buf.h"
#include "base/fail.h"
#include "base/hash.h"

// Directory of this program's rooms: <exe>/libexec/sekisho, else <exe>/../libexec/sekisho.
enum sk_code files_libexec(char *out, size_t max);
// The model that comes with the program: beside the build, in the source tree, or installed.
void files_default_model(char *out, size_t max);
// The weights of levels of politeness that came with it; empty when there are none.
void files_default_levels(char *out, size_t max);
// The directory of detector files that came with the program; empty when there is none.
void files_default_detectors(char *out, size_t max);
// The directory of policy packs that came with the program; empty when there is none.
void files_default_packs(char *out, size_t max);
// /var/lib/sekisho for root, else $XDG_STATE_HOME/sekisho or ~/.local/state/sekisho.
void files_default_data(char *out, size_t max);

// Appends the whole file ("-": stdin) to `out`; SK_LIMIT when it does not fit.
enum sk_code files_read(const char *path, struct buf *out);
// Makes a new file with that mode, synced; SK_DENIED when it exists already.
enum sk_code files_create(const char *path, struct view bytes, unsigned mode);
// Makes the directory and its parents, mode 0700; fine when it exists.
enum sk_code files_directory(const char *path);
// Is that name in the directory a regular file itself, no link to one? A file system may leave
// d_type unknown.
bool files_regular(int directory, const char *name);
// SHA-256 of an open file's bytes; `progress` (may be NULL) is called with bytes done and all.
typedef void files_progress(uint64_t done, uint64_t all);
enum sk_code files_digest(int descriptor, uint8_t out[HASH_LEN], files_progress *progress);
