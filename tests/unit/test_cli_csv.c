// Rows of foreign tables: quotes, line breaks in them, tabs, what is refused.
#include "cmocka_all.h"

#include <string.h>

#include "cli/csv.h"

static struct buf text;
static char storage[1024];

static struct csv over(const char *bytes) {
    text = buf_over(storage, sizeof storage);
    buf_put_text(&text, bytes);
    return csv_over(&text);
}

static void row(struct csv *csv, const char *a, const char *b) {
    assert_int_equal(csv_next(csv), SK_OK);
    assert_int_equal(csv->fields, 2);
    assert_true(view_is(csv->field[0], a));
    assert_true(view_is(csv->field[1], b));
}

static void commas(void **state) {
    (void)state;
    struct csv csv = over("\xef\xbb\xbf本文,Level\n\"a \"\"b\"\", c\",1\r\n\n\"x\ny\",\n,");
    row(&csv, "本文", "Level");
    assert_int_equal(csv_column(&csv, "Level"), 1);
    assert_int_equal(csv_column(&csv, "level"), -1);
    row(&csv, "a \"b\", c", "1");
    row(&csv, "x\ny", "");
    row(&csv, "", "");
    assert_int_equal(csv_next(&csv), SK_OK);
    assert_int_equal(csv.fields, 0);
}

static void tabs(void **state) {
    (void)state;
    struct csv csv = over("a\tb\n\"今日\t,\"");
    row(&csv, "a", "b");
    row(&csv, "\"今日", ",\"");
}

static void refusals(void **state) {
    (void)state;
    struct csv csv = over("a,\"b\"c\n");
    assert_int_equal(csv_next(&csv), SK_INPUT);
    csv = over("a,b\n\"c");
    row(&csv, "a", "b");
    assert_int_equal(csv_next(&csv), SK_INPUT);
    assert_non_null(strstr(fail_text(), "row 2"));
    csv = over(",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,");
    assert_int_equal(csv_next(&csv), SK_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(commas), cmocka_unit_test(tabs),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
