// Any bytes as a text to scan: refused when they are no UTF-8, else spans are whole characters of
// it, in order; and so they are of it as a stream.
#include "base/utf8.h"
#include "border/scan.h"
#include "border/table.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 1 << 18, ARENA_MAX = 1 << 26 };

static struct arena arena;
static struct detectors *detectors;
static struct detector_set wanted;

static void add(enum table_kind kind, struct view payload) {
    static char files[TABLE_KINDS][256];
    struct buf out = buf_over(files[kind], sizeof files[kind]);
    struct table table = {kind, VIEW("{}"), payload};
    if (table_write(&table, &out) != SK_OK) abort();
    if (detectors_add(detectors, buf_view(&out)) != SK_OK) abort();
}

static void prepare(void) {
    if (detectors) return;
    if (arena_open(&arena, "fuzz", ARENA_MAX) != SK_OK) abort();
    if (detectors_open(&detectors) != SK_OK) abort();
    add(TABLE_POSTAL, VIEW("\x41\x42\x0f\0"));
    add(TABLE_BANKS, VIEW("\1\0\1\0"));
    add(TABLE_PHONES, VIEW("03\0\0\0\0\4\0"));
    for (int i = DETECTOR_MYNUMBER; i <= DETECTOR_LK_NIC; i++)
        if (i < DETECTOR_ADDRESS || i > DETECTOR_PERSON) wanted.bits |= 1ull << i;
}

static bool starts_character(struct view text, uint32_t at) {
    return at == text.len || ((uint8_t)text.at[at] & 0xc0) != 0x80;
}

static void spans_check(struct view text, const struct finding *findings, uint32_t len) {
    for (uint32_t i = 0; i < len; i++) {
        const struct finding *found = &findings[i];
        if (found->len == 0 || (size_t)found->at + found->len > text.len) abort();
        if (!starts_character(text, found->at)) abort();
        if (!starts_character(text, found->at + found->len)) abort();
        if (!detector_in(&wanted, (enum detector)found->detector)) abort();
        if (i && (found->at < findings[i - 1].at ||
                  (found->at == findings[i - 1].at && found->len > findings[i - 1].len)))
            abort();
    }
}

// A stream of the text in pieces of about `step` bytes: nothing of it is lost, spans are right.
static void stream_check(struct view text, size_t step) {
    static struct scan_stream stream;
    size_t judged_len = 0;
    scan_stream_begin(&stream, detectors, &wanted);
    for (size_t at = 0, last = 0; !last;) {
        size_t end = at + step < text.len ? at + step : text.len;
        while (!starts_character(text, (uint32_t)end))
            end++;
        struct view piece = {text.at + at, end - at};
        at = end;
        last = at == text.len;
        do {
            struct judged judged;
            arena_reset(&arena);
            if (scan_stream_push(&stream, &piece, last, &arena, &judged) != SK_OK) abort();
            spans_check(judged.text, judged.findings, judged.len);
            struct view there = {text.at + judged_len, judged.text.len};
            if (judged_len + judged.text.len > text.len || !view_same(there, judged.text)) abort();
            judged_len += judged.text.len;
        } while (piece.len);
    }
    if (judged_len != text.len) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct view text = {(const char *)data, size};
    if (size > TEXT_MAX) return 0;
    prepare();
    arena_reset(&arena);
    struct scan scan;
    bool done = false;
    if (scan_begin(&scan, detectors, &wanted, text, &arena) != SK_OK) abort();
    enum sk_code code = SK_OK;
    while (!done && code == SK_OK)
        code = scan_step(&scan, &done);
    if ((code == SK_OK) != utf8_check(text)) abort();
    if (code != SK_OK && code != SK_INPUT) abort();
    if (code == SK_OK) {
        spans_check(text, scan.findings, scan.findings_len);
        stream_check(text, 1 + size % 61);
    }
    return 0;
}
