// Output file: a large file that a command makes, written beside its name first.
//
// Promises: the name appears only when every byte is on the disk; after a failure or without
// output_commit nothing is left of it. Refuses: a name that is taken, unless it is forced.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"

struct output_file {
    const char *path; // the caller's
    char *fresh;      // PATH.tmp
    int descriptor;
    bool force;
};

// SK_DENIED: the name is taken. An old PATH.tmp, of a command that was killed, is written over.
enum sk_code output_open(struct output_file *file, const char *path, bool force);
// As a sink has it; SK_LIMIT: the disk is full.
enum sk_code output_put(void *self, const void *bytes, size_t len);
enum sk_code output_commit(struct output_file *file);
void output_close(struct output_file *file); // fine on a zeroed one, and after output_commit
