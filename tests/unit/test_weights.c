// Model files: parts found by name, their digest, and the cache of digests with everything that must
// make it forget.
#include "cmocka_all.h"

#include "base/text.h"
#include "node/weights.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char place[] = "/tmp/sekisho-weights-XXXXXX";
static struct weights weights;
static struct digests digests, again;

static const char *path_of(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static void put(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_digest(const char *hex) {
    char text[2 * HASH_LEN + 1];
    struct buf out = buf_over(text, 2 * HASH_LEN);
    hex_put(&out, weights.digest, HASH_LEN);
    text[out.len] = 0;
    assert_string_equal(text, hex);
}

static void check(const char *name, bool fresh, bool cached) {
    assert_int_equal(weights_open(&weights, path_of(name)), SK_OK);
    assert_int_equal(weights_check(&weights, &digests, fresh, NULL), SK_OK);
    assert_int_equal(weights.cached, cached);
    weights_close(&weights);
}

static void parts_are_found_by_name(void **state) {
    (void)state;
    put("m-00001-of-00003.gguf", "one");
    put("m-00002-of-00003.gguf", "two");
    assert_int_equal(weights_open(&weights, path_of("m-00001-of-00003.gguf")), SK_UNKNOWN);
    assert_non_null(strstr(fail_text(), "m-00003-of-00003.gguf: No such file"));
    put("m-00003-of-00003.gguf", "three");
    assert_int_equal(weights_open(&weights, path_of("m-00002-of-00003.gguf")), SK_INPUT);
    assert_non_null(strstr(fail_text(), "part 2 of 3: name the first"));
    check("m-00001-of-00003.gguf", false, false);
    // sha256sum m-*-of-*.gguf | sha256sum
    assert_digest("58244dd8edb97235cc4ad9ac439b4802f6d38c65160bef0b07ee85e78e2ac0ce");
    assert_int_equal(weights_open(&weights, path_of("m-00001-of-00003.gguf")), SK_OK);
    struct view views[WEIGHTS_PARTS_MAX];
    assert_int_equal(weights.len, 3);
    assert_int_equal(weights.bytes, 11);
    assert_int_equal(weights_map(&weights, views), SK_OK);
    assert_true(view_is(views[0], "one") && view_is(views[2], "three"));
    weights_unmap(&weights, views);
    weights_close(&weights);
    put("x-00001-of-00129.gguf", "x");
    assert_int_equal(weights_open(&weights, path_of("x-00001-of-00129.gguf")), SK_LIMIT);
}

static void other_names_are_one_file(void **state) {
    (void)state;
    static const char *const names[] = {"abc.gguf", "-00000-of-00002.gguf", "a-00002-of-00001.gguf",
                                        "a-0001-of-00002.gguf", "a-00001-of-0000x.gguf", "y"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put(names[i], "abc");
        digests.len = 0;
        check(names[i], false, false);
        assert_digest("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
    assert_int_equal(weights_open(&weights, place), SK_CORRUPT);
    assert_int_equal(weights_open(&weights, path_of("none")), SK_UNKNOWN);
    put("empty", "");
    assert_int_equal(weights_open(&weights, path_of("empty")), SK_CORRUPT);
}

// Fresh files are not remembered: their next change could have the same times.
static void a_settled_file_is_known_again_until_it_changes(void **state) {
    (void)state;
    put("old", "abc");
    digests.len = 0;
    check("old", false, false);
    assert_int_equal(digests.len, 0);
    sleep(3);
    check("old", false, false);
    assert_int_equal(digests.len, 1);
    uint64_t checked_ms = digests.rows[0].checked_ms;
    check("old", false, true);
    assert_digest("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(weights.checked_ms == checked_ms);
    check("old", true, false); // asked to read it
    assert_int_equal(digests.len, 1);
    const struct digest_row row = digests.rows[0];
    put("old", "abd"); // the same inode and size
    check("old", false, false);
    assert_digest("a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9");
    assert_memory_equal(&digests.rows[0], &row, sizeof row); // too fresh to take its place
    // The times put back: the ctime tells.
    int fd = open(path_of("old"), O_WRONLY);
    const struct timespec times[2] = {{0, 0}, {(time_t)(row.file.mtime_ns / 1000000000),
                                               (long)(row.file.mtime_ns % 1000000000)}};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    check("old", false, false);
}

// Two writes in one tick of the file system's clock leave the same times: the file is read only when
// another write would show.
static void a_file_just_written_is_read_a_tick_later(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        put("tick", i % 2 ? "abc" : "cba");
        assert_int_equal(weights_open(&weights, path_of("tick")), SK_OK);
        assert_int_equal(weights_check(&weights, &digests, true, NULL), SK_OK);
        struct file_state then = weights.parts[0].file;
        put("tick", "xyz");
        struct stat info;
        assert_int_equal(fstat(weights.parts[0].descriptor, &info), 0);
        struct file_state now = file_state_of(&info);
        assert_false(file_state_same(&then, &now));
        weights_close(&weights);
    }
}

static void each_part_of_a_state_counts(void **state) {
    (void)state;
    const struct digest_row row = {.file = {1, 2, 3, 4, 5}, .checked_ms = 10000};
    digests.len = 0;
    digests_put(&digests, &row);
    assert_non_null(digests_find(&digests, &row.file));
    for (size_t i = 0; i < 5; i++) {
        struct file_state other = row.file;
        ((uint64_t *)&other)[i]++;
        assert_null(digests_find(&digests, &other));
    }
    struct digest_row newer = row;
    newer.file.size = 9;
    digests_put(&digests, &newer); // the same inode: in its place
    assert_int_equal(digests.len, 1);
    for (uint64_t i = 0; i < DIGESTS_MAX + 5; i++)
        digests_put(&digests, &(struct digest_row){.file = {7, 100 + i, 0, 0, 0},
                                                   .checked_ms = 20000 + i});
    assert_int_equal(digests.len, DIGESTS_MAX);
    assert_null(digests_find(&digests, &newer.file)); // the oldest went
    assert_non_null(digests_find(&digests, &(struct file_state){7, 100 + DIGESTS_MAX + 4, 0, 0, 0}));
}

static void the_cache_is_whole_ours_or_empty(void **state) {
    (void)state;
    const char *path = path_of("digests");
    char copy[256], bytes[4096];
    snprintf(copy, sizeof copy, "%s", path);
    digests.len = 0;
    for (uint64_t i = 1; i <= 3; i++)
        digests_put(&digests, &(struct digest_row){.file = {i, UINT64_MAX, 3, 4, 5},
                                                   .digest = {(uint8_t)i},
                                                   .checked_ms = 10000});
    assert_int_equal(digests_write(copy, &digests), SK_OK);
    assert_int_equal(digests_write(copy, &digests), SK_OK); // over the old one
    digests_read(copy, &again);
    assert_int_equal(again.len, 3);
    assert_memory_equal(again.rows, digests.rows, 3 * sizeof *again.rows);
    int fd = open(copy, O_RDWR);
    ssize_t len = read(fd, bytes, sizeof bytes);
    assert_true(len > 100);
    for (ssize_t at = 0; at < len; at++) { // any byte changed
        char wrong = (char)(bytes[at] ^ 1);
        assert_int_equal(pwrite(fd, &wrong, 1, at), 1);
        digests_read(copy, &again);
        assert_int_equal(again.len, 0);
        assert_int_equal(pwrite(fd, &bytes[at], 1, at), 1);
    }
    for (ssize_t at = len - 1; at >= 0; at -= 7) { // any cut
        assert_int_equal(ftruncate(fd, at), 0);
        digests_read(copy, &again);
        assert_int_equal(again.len, 0);
    }
    assert_int_equal(pwrite(fd, bytes, (size_t)len, 0), len);
    digests_read(copy, &again);
    assert_int_equal(again.len, 3);
    assert_int_equal(fchmod(fd, 0620), 0); // a group that may write
    digests_read(copy, &again);
    assert_int_equal(again.len, 0);
    assert_int_equal(fchmod(fd, 0600), 0);
    if (geteuid() == 0) {
        assert_int_equal(fchown(fd, 65534, 65534), 0);
        digests_read(copy, &again);
        assert_int_equal(again.len, 0);
    }
    close(fd);
    digests_read("/nowhere", &again);
    assert_int_equal(again.len, 0);
}

static int removed(const char *path, const struct stat *info, int flag, struct FTW *at) {
    (void)info, (void)flag, (void)at;
    return remove(path);
}

int main(void) {
    if (!mkdtemp(place)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found_by_name),
        cmocka_unit_test(other_names_are_one_file),
        cmocka_unit_test(a_settled_file_is_known_again_until_it_changes),
        cmocka_unit_test(a_file_just_written_is_read_a_tick_later),
        cmocka_unit_test(each_part_of_a_state_counts),
        cmocka_unit_test(the_cache_is_whole_ours_or_empty),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nftw(place, removed, 8, FTW_DEPTH | FTW_PHYS);
    return failed;
}
