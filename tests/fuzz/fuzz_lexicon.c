// A payload of places, care, secrets or listed words behind a head that is right, and a text: the
// payload is refused or the scan with it ends, its findings inside the text.
#include <stdint.h>
#include <stdlib.h>

#include "border/care.h"
#include "border/scan.h"
#include "border/scan_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_MAX = 1 << 17, TEXT_MAX = 4096, HEAD_LEN = 4 };

static struct arena arena;
static char bytes[FILE_MAX];

static void inside(const struct finding *findings, uint32_t len, size_t text_len) {
    for (uint32_t i = 0; i < len; i++)
        must(findings[i].len > 0 && findings[i].at <= text_len &&
             findings[i].len <= text_len - findings[i].at && findings[i].score <= 100);
}

static void scan_with(struct view file, const char *wants, struct view text) {
    struct detectors *detectors = NULL;
    struct detector_set wanted = {0};
    struct scan scan;
    bool done = false;
    must(detectors_open(&detectors) == SK_OK && detector_set_add(&wanted, view_of(wants)));
    if (detectors_add(detectors, file) == SK_OK &&
        scan_begin(&scan, detectors, &wanted, text, &arena) == SK_OK) {
        enum sk_code code = SK_OK;
        while (!done && code == SK_OK) code = scan_step(&scan, &done);
        if (code == SK_OK) inside(scan.findings, scan.findings_len, text.len);
    }
    detectors_close(detectors);
}

static void care_with(struct view payload, struct view text) {
    struct finding name = {0, 1, DETECTOR_PERSON, 90};
    const struct care_found names = {&name, text.len > 0};
    struct care_found terms;
    struct fold fold;
    if (care_check(payload) != SK_OK || fold_make(text, &arena, &fold) != SK_OK) return;
    must(care_find(payload, fold.folded, &names, &arena, &terms) == SK_OK);
    inside(terms.at, terms.len, fold.folded.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum table_kind kinds[] = {TABLE_PLACES, TABLE_LISTED, TABLE_SECRETS};
    static const char *const wants[] = {"jp.address", "listed", "secret.*"};
    if (size < HEAD_LEN || size > FILE_MAX / 2) return 0;
    if (!arena.base) must(arena_open(&arena, "fuzz", 64 << 20) == SK_OK);
    arena_reset(&arena);
    size_t rest = size - HEAD_LEN, payload_len = (size_t)data[1] | (size_t)data[2] << 8;
    if (payload_len > rest) payload_len = rest;
    struct view payload = {(const char *)data + HEAD_LEN, payload_len};
    struct view text = view_from((struct view){payload.at, rest}, payload_len);
    if (text.len > TEXT_MAX) text.len = TEXT_MAX;
    if (data[0] % 4 == 3) {
        care_with(payload, text);
        return 0;
    }
    struct buf file = buf_over(bytes, sizeof bytes);
    const struct table table = {kinds[data[0] % 4], VIEW("{}"), payload};
    if (table_write(&table, &file) == SK_OK) scan_with(buf_view(&file), wants[data[0] % 4], text);
    return 0;
}
