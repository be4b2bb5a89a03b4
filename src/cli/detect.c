#include "cli/detect.h"

#include <limits.h>
#include <unistd.h>

#include "node/files.h"
#include "node/policy_files.h"

enum { FILE_MAX = 256 << 20 };

static enum sk_code file_add(struct cli_detectors *detectors, enum table_kind kind,
                             const char *path) {
    struct buf *file = &detectors->files[kind];
    if (access(path, F_OK) != 0) return SK_OK;
    TRY(buf_open(file, FILE_MAX));
    TRY(files_read(path, file));
    enum sk_code code = detectors_add(detectors->all, buf_view(file));
    return code == SK_OK ? SK_OK : fail_within(code, "%s", path);
}

enum sk_code cli_detectors_open(const char *directory, const char *policy,
                                struct cli_detectors *out) {
    *out = (struct cli_detectors){0};
    enum sk_code code = detectors_open(&out->all);
    for (int kind = TABLE_NAMES; kind < TABLE_KINDS && code == SK_OK; kind++) {
        char path[PATH_MAX];
        policy_files_detector(directory ? directory : "", policy ? policy : "",
                              (enum table_kind)kind, path, sizeof path);
        code = file_add(out, (enum table_kind)kind, path);
    }
    if (code != SK_OK) {
        cli_detectors_close(out);
        return code;
    }
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        struct detector_set one = {UINT64_C(1) << i};
        if (detectors_check(out->all, &one) == SK_OK) out->working.bits |= one.bits;
    }
    return SK_OK;
}

void cli_detectors_close(struct cli_detectors *detectors) {
    if (detectors->all) detectors_close(detectors->all);
    for (int kind = 0; kind < TABLE_KINDS; kind++)
        buf_close(&detectors->files[kind]);
    *detectors = (struct cli_detectors){0};
}

enum sk_code cli_detect(const struct cli_detectors *detectors, const struct detector_set *wanted,
                        struct view text, struct arena *arena, struct scan *out) {
    bool done = false;
    TRY(scan_begin(out, detectors->all, wanted, text, arena));
    while (!done)
        TRY(scan_step(out, &done));
    return SK_OK;
}
