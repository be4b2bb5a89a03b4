// Location data may only veto: what contradicts turns a place off, what is old or silent does not.
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/day.h"
#include "mmdb_make.h"
#include "node/files.h"
#include "node/geo.h"
#include "node/policy_files.h"

static struct arena arena;
static struct policy policy;
static char directory[] = "/tmp/sekisho-geo-XXXXXX", policy_path[64];

static const char yaml[] =
    "format: 1\nname: n\nhome: JP\ngeo: [place.mmdb, {file: owner.mmdb, operators: true}]\nplaces:\n"
    "  - {id: a, country: JP, operator: X, operator_home: JP, processing: single-region, "
    "url: \"https://192.0.2.7\", spki_sha256: "
    "[\"4pQ0mZk0d0y1p9i1cL9G3tZf3m0aJw2s7hV5yX8uN1E=\"], contract: C, "
    "contract_until: 2099-01-01}\n";

static int64_t day(const char *date) {
    int64_t number;
    assert_true(day_take(view_of(date), &number));
    return number;
}

static void path_of(const char *name, char out[64]) {
    snprintf(out, 64, "%s/%s", directory, name);
}

static void file_put(const char *name, struct view bytes) {
    char path[64];
    path_of(name, path);
    unlink(path);
    assert_int_equal(files_create(path, bytes, 0600), SK_OK);
}

static void geo_put(const char *name, const char *country, int nested, const char *built) {
    static struct mmdb mmdb;
    static char text[MMDB_TEXT_MAX];
    struct buf out = buf_over(text, sizeof text);
    mmdb_begin(&mmdb);
    mmdb_add(&mmdb, 0xc0000200, 24, country, nested); // 192.0.2.0/24
    mmdb_add(&mmdb, 0xc6336400, 24, "US", nested);    // 198.51.100.0/24
    mmdb_put(&mmdb, (uint64_t)day(built) * 86400 + 5, &out);
    assert_false(out.over);
    file_put(name, buf_view(&out));
}

static enum sk_code read_on(const char *today) {
    arena_reset(&arena);
    return policy_files_read(policy_path, day(today), &arena, &policy);
}

static int begin(void **state) {
    (void)state;
    if (!mkdtemp(directory) || arena_open(&arena, "test", POLICY_FILES_ARENA) != SK_OK) return -1;
    path_of("policy.yaml", policy_path);
    return 0;
}

static int end(void **state) {
    (void)state;
    static const char *const names[] = {"policy.yaml", "place.mmdb", "owner.mmdb"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        path_of(names[i], path);
        unlink(path);
    }
    rmdir(directory);
    arena_close(&arena);
    return 0;
}

static void it_only_vetoes(void **state) {
    (void)state;
    file_put("policy.yaml", view_of(yaml));
    if (!geo_supported()) {
        assert_int_equal(read_on("2026-11-22"), SK_UNSUPPORTED);
        print_message("skip: built without libmaxminddb\n");
        return;
    }
    geo_put("place.mmdb", "JP", 1, "2026-11-01");
    geo_put("owner.mmdb", "JP", 0, "2026-11-01");
    assert_int_equal(read_on("2026-11-22"), SK_OK);
    assert_null(policy.places[1].off);
    assert_null(policy.places[1].unverified);
    geo_put("place.mmdb", "KR", 0, "2026-11-01");
    assert_int_equal(read_on("2026-11-22"), SK_OK);
    assert_string_equal(policy.places[1].off,
                        "country is JP, but place.mmdb, built 2026-11-01, says KR");
    geo_put("place.mmdb", "JP", 0, "2026-11-01");
    geo_put("owner.mmdb", "US", 1, "2026-11-02");
    assert_int_equal(read_on("2026-11-22"), SK_OK);
    assert_string_equal(policy.places[1].off,
                        "operator_home is JP, but owner.mmdb, built 2026-11-02, says US");
}

static void old_or_silent_data_veto_nothing(void **state) {
    (void)state;
    if (!geo_supported()) return;
    geo_put("place.mmdb", "KR", 0, "2026-10-07"); // 46 days
    geo_put("owner.mmdb", "JP", 0, "2026-11-01");
    assert_int_equal(read_on("2026-11-22"), SK_OK);
    assert_null(policy.places[1].off);
    assert_string_equal(policy.places[1].unverified, "place.mmdb is 46 days old");
    char lines[1024];
    struct buf out = buf_over(lines, sizeof lines - 1);
    policy_lint(&policy, day("2026-11-22"), &out);
    lines[out.len] = 0;
    assert_non_null(strstr(lines, "place.a is unverified: place.mmdb is 46 days old\n"));
    assert_int_equal(read_on("2026-11-21"), SK_OK); // 45 days: still heard
    assert_non_null(policy.places[1].off);
    static struct mmdb none;
    static char text[MMDB_TEXT_MAX];
    out = buf_over(text, sizeof text);
    mmdb_begin(&none);
    mmdb_add(&none, 0xcb007100, 24, "KR", 0);
    mmdb_put(&none, (uint64_t)day("2026-11-01") * 86400, &out);
    file_put("place.mmdb", buf_view(&out));
    assert_int_equal(read_on("2026-11-22"), SK_OK);
    assert_null(policy.places[1].off);
    assert_string_equal(policy.places[1].unverified, "place.mmdb does not know its addresses");
}

static void what_cannot_be_read_is_refused(void **state) {
    (void)state;
    char path[64];
    if (!geo_supported()) return;
    file_put("place.mmdb", VIEW("no such format"));
    assert_int_equal(read_on("2026-11-22"), SK_CORRUPT);
    path_of("place.mmdb", path);
    unlink(path);
    assert_int_equal(read_on("2026-11-22"), SK_UNKNOWN);
    assert_non_null(strstr(fail_text(), "place.mmdb"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_only_vetoes),
        cmocka_unit_test(old_or_silent_data_veto_nothing),
        cmocka_unit_test(what_cannot_be_read_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
