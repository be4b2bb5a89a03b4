// Detector files: what is written is read back, anything else is refused with its cause.
#include "cmocka_all.h"

#include "base/buf.h"
#include "border/scan.h"
#include "border/table.h"

static char bytes[4096];

static struct view file_of(enum table_kind kind, struct view payload) {
    struct buf out = buf_over(bytes, sizeof bytes);
    struct table table = {kind, VIEW("{\"source\":\"test\"}"), payload};
    assert_int_equal(table_write(&table, &out), SK_OK);
    return buf_view(&out);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    struct table table;
    struct view file = file_of(TABLE_POSTAL, VIEW("\1\0\0\0\2\0\0\0"));
    assert_int_equal(table_read(file, &table), SK_OK);
    assert_int_equal(table.kind, TABLE_POSTAL);
    assert_true(view_is(table.header, "{\"source\":\"test\"}"));
    assert_int_equal(table.payload.len, 8);
    assert_int_equal((table.payload.at - file.at) % 64, 0);
}

static void every_changed_byte_is_seen(void **state) {
    (void)state;
    struct view file = file_of(TABLE_POSTAL, VIEW("\1\0\0\0\2\0\0\0"));
    size_t header = 52, header_len = 17; // inside the header is for people
    for (size_t i = 0; i < file.len; i++) {
        struct table table;
        if (i > header && i < header + header_len - 1) continue;
        bytes[i] ^= 1;
        enum sk_code code = table_read(file, &table);
        if (i == 6)
            assert_true(code == SK_OK ? table.kind != TABLE_POSTAL : code == SK_CORRUPT);
        else
            assert_int_equal(code, SK_CORRUPT);
        bytes[i] ^= 1;
        struct view cut = {file.at, i};
        assert_int_equal(table_read(cut, &table), SK_CORRUPT);
    }
}

static void lists_must_ascend(void **state) {
    (void)state;
    const struct {
        enum table_kind kind;
        struct view payload;
        bool right;
    } cases[] = {
        {TABLE_POSTAL, VIEW("\1\0\0\0\2\0\0\0"), true},
        {TABLE_POSTAL, VIEW("\2\0\0\0\2\0\0\0"), false},
        {TABLE_POSTAL, VIEW("\2\0\0"), false},
        {TABLE_POSTAL, VIEW(""), false},
        {TABLE_POSTAL, VIEW("\x80\x96\x98\0"), false}, // 10000000
        {TABLE_BANKS, VIEW("\1\0\2\0\1\0\3\0\2\0\1\0"), true},
        {TABLE_BANKS, VIEW("\1\0\3\0\1\0\2\0"), false},
        {TABLE_BANKS, VIEW("\1\0\xe8\3"), false}, // branch 1000
        {TABLE_PHONES,
         VIEW("03\0\0\0\0\4\0"
              "0422\0\0\2\0"),
         true},
        {TABLE_PHONES,
         VIEW("0422\0\0\2\0"
              "03\0\0\0\0\4\0"),
         false},
        {TABLE_PHONES, VIEW("03\0\0\0\0\3\0"), false},
        {TABLE_PHONES, VIEW("13\0\0\0\0\4\0"), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct detectors *detectors = NULL;
        assert_int_equal(detectors_open(&detectors), SK_OK);
        enum sk_code code = detectors_add(detectors, file_of(cases[i].kind, cases[i].payload));
        assert_int_equal(code, cases[i].right ? SK_OK : SK_CORRUPT);
        detectors_close(detectors);
    }
}

static void what_is_wanted_must_be_there(void **state) {
    (void)state;
    struct detectors *detectors = NULL;
    struct detector_set wanted = {0};
    assert_int_equal(detectors_open(&detectors), SK_OK);
    assert_true(detector_set_add(&wanted, VIEW("jp.mynumber")));
    assert_int_equal(detectors_check(detectors, &wanted), SK_OK);
    assert_true(detector_set_add(&wanted, VIEW("jp.postal")));
    assert_int_equal(detectors_check(detectors, &wanted), SK_UNKNOWN);
    assert_non_null(strstr(fail_text(), "postal.skdt"));
    struct view file = file_of(TABLE_POSTAL, VIEW("\1\0\0\0"));
    assert_int_equal(detectors_add(detectors, file), SK_OK);
    assert_int_equal(detectors_check(detectors, &wanted), SK_OK);
    assert_int_equal(detectors_add(detectors, file), SK_INPUT); // twice
    detectors_close(detectors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_changed_byte_is_seen),
        cmocka_unit_test(lists_must_ascend),
        cmocka_unit_test(what_is_wanted_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
