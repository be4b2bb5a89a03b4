// The committed detector files, and what they find in a text, written out for comparison.
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "border/border.h"
#include "border/scan.h"

static struct detectors *detectors;
static struct arena arena, files;
static struct detector_set wanted;

static struct view file_read(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", SEKISHO_ROOT, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    struct buf rest = arena_rest(&files);
    size_t len = fread(rest.at, 1, rest.max, file);
    fclose(file);
    return arena_keep(&files, len);
}

static void detectors_begin(const char *const *names, const char *const *wants) {
    assert_int_equal(arena_open(&arena, "scan", 256 << 20), SK_OK);
    assert_int_equal(arena_open(&files, "files", 64 << 20), SK_OK);
    assert_int_equal(detectors_open(&detectors), SK_OK);
    for (; *names; names++)
        assert_int_equal(detectors_add(detectors, file_read(*names)), SK_OK);
    for (; *wants; wants++) assert_true(detector_set_add(&wanted, view_of(*wants)));
}

// "[jp.address 東京都港区芝公園4-2-8][…]"
static const char *findings_text(const char *text, const struct finding *findings, uint32_t count) {
    static char out[8192];
    size_t len = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < count && len < sizeof out; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, "[%s %.*s]",
                                detector_name((enum detector)findings[i].detector),
                                (int)findings[i].len, text + findings[i].at);
    return out;
}

static inline const char *found(const char *text) {
    struct scan scan;
    bool done = false;
    arena_reset(&arena);
    assert_int_equal(scan_begin(&scan, detectors, &wanted, view_of(text), &arena), SK_OK);
    while (!done) assert_int_equal(scan_step(&scan, &done), SK_OK);
    return findings_text(text, scan.findings, scan.findings_len);
}

struct sample {
    const char *text, *found;
};
static inline void samples_check(const char *(*find)(const char *), const struct sample *samples,
                          size_t len) {
    for (size_t i = 0; i < len; i++) {
        const char *got = find(samples[i].text);
        if (strcmp(got, samples[i].found) != 0)
            fail_msg("in:   %s\nwant: %s\ngot:  %s", samples[i].text, samples[i].found, got);
    }
}
#define SAMPLES_CHECK(samples) samples_check(found, samples, sizeof samples / sizeof *samples)
