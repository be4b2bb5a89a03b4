// A scan for tests: tables made here, all of a text at once.
#pragma once
#include "cmocka_all.h"

#include "base/arena.h"
#include "border/scan.h"
#include "border/table.h"

static struct arena scan_arena;
static struct detectors *scan_detectors;

// Banks 0001-001, 0005-002; postal codes 060-0000, 100-0001, 150-0002, 530-0001, 981-3205; area
// codes of 2 to 5 digits.
static const struct {
    enum table_kind kind;
    const char *payload;
    size_t len;
} scan_tables[] = {
    {TABLE_BANKS, "\1\0\1\0\5\0\2\0", 8},
    {TABLE_POSTAL, "\xc0\x27\x09\0\x41\x42\x0f\0\x62\xe3\x16\0\x21\xdf\x50\0\xd5\xbc\x95\0", 20},
    {TABLE_PHONES,
     "011\0\0\0\3\0"
     "03\0\0\0\0\4\0"
     "0422\0\0\2\0"
     "04992\0\1\0"
     "052\0\0\0\3\0"
     "06\0\0\0\0\4\0",
     48},
};

static inline int scan_setup(void **state) {
    (void)state;
    static char files[sizeof scan_tables / sizeof *scan_tables][512];
    assert_int_equal(arena_open(&scan_arena, "scan", 64 << 20), SK_OK);
    assert_int_equal(detectors_open(&scan_detectors), SK_OK);
    for (size_t i = 0; i < sizeof scan_tables / sizeof *scan_tables; i++) {
        struct buf out = buf_over(files[i], sizeof files[i]);
        struct table table = {
            scan_tables[i].kind, VIEW("{}"), {scan_tables[i].payload, scan_tables[i].len}};
        assert_int_equal(table_write(&table, &out), SK_OK);
        assert_int_equal(detectors_add(scan_detectors, buf_view(&out)), SK_OK);
    }
    return 0;
}

static inline int scan_teardown(void **state) {
    (void)state;
    detectors_close(scan_detectors);
    arena_close(&scan_arena);
    return 0;
}

// Identifiers: every detector up to LK_NIC that needs no other table.
static inline struct detector_set scan_identifiers(void) {
    struct detector_set all = {(1ull << (DETECTOR_LK_NIC + 1)) - 1};
    for (int i = DETECTOR_ADDRESS; i <= DETECTOR_PERSON; i++)
        all.bits &= ~(1ull << i);
    return all;
}

static inline struct scan scan_all(struct view text) {
    struct scan scan;
    struct detector_set wanted = scan_identifiers();
    bool done = false;
    arena_reset(&scan_arena);
    assert_int_equal(scan_begin(&scan, scan_detectors, &wanted, text, &scan_arena), SK_OK);
    while (!done)
        assert_int_equal(scan_step(&scan, &done), SK_OK);
    return scan;
}
