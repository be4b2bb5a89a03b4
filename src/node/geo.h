// Location data: files an operator supplies (MMDB), which may only veto.
//
// An address proves neither where text is processed nor who can compel it; but where data say
// another country than a place declares, something is wrong, and the place is off. Data that are
// too old say nothing. Read when a policy is loaded, by the parent and the command; by no room.
#pragma once
#include "base/arena.h"
#include "border/border.h"

// Whether this build can read them.
bool geo_supported(void);
// Looks up each address of each place in the files of policy->geo, relative to the directory of
// `path`. Sets `off` where one contradicts the country, or the operator's home for files of
// operators, and `unverified` where none could speak. SK_UNSUPPORTED: this build cannot; else a
// file cannot be read.
enum sk_code geo_check(struct policy *policy, const char *path, int64_t day, struct arena *arena);
