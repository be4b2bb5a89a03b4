// Personal names: sentences whose names are plain, forms, and files that are no weights.
#include "cmocka_all.h"

#include "border/scan_parts.h"
#include "lexicon_fixture.h"

static void names_of_sentences(void **state) {
    (void)state;
    static const struct sample samples[] = {
        {"昨日、山田太郎さんが来ました。", "[person 山田太郎]"},
        {"担当は佐藤花子です。", "[person 佐藤花子]"},
        {"監督のジョン・スミスは語った。", "[person ジョン・スミス]"},
        {"山口県の天気は晴れです。", ""},
        {"会議は十時に始まります。", ""},
        {"", ""},
    };
    SAMPLES_CHECK(samples);
}

static void a_damaged_file_is_refused(void **state) {
    (void)state;
    struct table table;
    static struct buf copy;
    assert_int_equal(table_read(file_read("detectors/names.skdt"), &table), SK_OK);
    assert_int_equal(names_check(table.payload), SK_OK);
    assert_int_equal(names_check((struct view){table.payload.at, table.payload.len - 64}),
                     SK_CORRUPT);
    assert_int_equal(names_check((struct view){table.payload.at, 60}), SK_CORRUPT);
    assert_int_equal(names_check((struct view){"", 0}), SK_CORRUPT);
    assert_int_equal(buf_open(&copy, table.payload.len), SK_OK);
    for (size_t at = 0; at < 20; at += 4) { // each number of the head
        buf_reset(&copy);
        buf_put_view(&copy, table.payload);
        memset(copy.at + at, 0xff, 4);
        assert_int_equal(names_check(buf_view(&copy)), SK_CORRUPT);
    }
    buf_close(&copy);
}

static int begin(void **state) {
    (void)state;
    static const char *const names[] = {"detectors/names.skdt", NULL};
    static const char *const wants[] = {"person", NULL};
    detectors_begin(names, wants);
    return 0;
}

static int end(void **state) {
    (void)state;
    detectors_close(detectors);
    arena_close(&arena);
    arena_close(&files);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_sentences),
        cmocka_unit_test(a_damaged_file_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
