// Detectors opened in this process, for subcommands that look at texts without a node.
#pragma once
#include "border/border.h"

struct cli_detectors {
    struct detectors *all;
    struct detector_set working; // the others miss their file
    struct buf files[TABLE_KINDS];
};

// The detector files in `directory` (NULL or "": where they are installed), and the words beside
// the file `policy` (NULL or "": none). A damaged file is an error, a missing one is not: its
// detectors are not `working`.
enum sk_code cli_detectors_open(const char *directory, const char *policy,
                                struct cli_detectors *out);
void cli_detectors_close(struct cli_detectors *detectors);
// All findings of `text`, in `arena`.
enum sk_code cli_detect(const struct cli_detectors *detectors, const struct detector_set *wanted,
                        struct view text, struct arena *arena, struct scan *out);
