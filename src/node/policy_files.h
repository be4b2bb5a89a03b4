// Policy files: a policy, the packs it names and the geo data it asks for, read from disk; and
// where detector files are.
//
// A pack NAME is NAME.yaml beside the policy file, else among those that come with the program.
// Only the parent and the command read them; rooms get policy_put's bytes.
#pragma once
#include "base/arena.h"
#include "border/border.h"

enum { POLICY_FILES_ARENA = 256 << 20 }; // of address space, for one policy

// Days since 1970-01-01 UTC, by this machine's clock.
int64_t policy_files_today(void);
// `path` "": the policy of a node without a file. Everything is taken from `arena`. Errors name
// file, line and column.
enum sk_code policy_files_read(const char *path, int64_t day, struct arena *arena,
                               struct policy *out);

// Where the detector file of a kind is: in `directory` ("": where the program's are); the
// operator's own words else beside the policy file that needs them. It need not be there.
void policy_files_detector(const char *directory, const char *policy, enum table_kind kind,
                           char *out, size_t max);
