// Lines of files: as they were written, plain or compressed, whatever the blocks; and what is
// refused, by the byte.
#include "cmocka_chance.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "cli/lines.h"

enum { TEXT_MAX = LINES_LEN_MAX + (1 << 20) };

static char text[TEXT_MAX], packed[TEXT_MAX + (TEXT_MAX >> 7)];
static char path[64];
static int file = -1;

static const char *file_of(const void *bytes, size_t len) {
    if (file >= 0) close(file);
    file = memfd_create("text", MFD_CLOEXEC);
    assert_true(file >= 0);
    for (size_t at = 0; at < len;) {
        ssize_t n = write(file, (const char *)bytes + at, len - at);
        assert_true(n > 0);
        at += (size_t)n;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return path;
}

// All lines together are the text, and each but the last ends with its only line break.
static void are_the_lines(const void *bytes, size_t bytes_len, const char *as, size_t len) {
    struct lines lines;
    struct view line;
    size_t at = 0;
    assert_int_equal(lines_open(&lines, file_of(bytes, bytes_len)), SK_OK);
    for (;;) {
        assert_int_equal(lines_next(&lines, &line), SK_OK);
        if (line.len == 0) break;
        assert_true(at + line.len <= len);
        assert_memory_equal(line.at, as + at, line.len);
        at += line.len;
        const char *first = memchr(line.at, '\n', line.len);
        assert_true(first ? first == line.at + line.len - 1 : at == len);
    }
    assert_int_equal(at, len);
    lines_close(&lines);
}

static size_t write_text(size_t len_max) {
    static const char *const parts[] = {"あ", "漢字", "a", "\n", "𠮟", "é", " ", "\r\n", "\n\n"};
    size_t len = 0;
    uint64_t rare = 1 + chance_next(&chance_state) % 1000;
    while (len + 16 < len_max) {
        const char *part = parts[chance_next(&chance_state) % 9];
        if (strchr(part, '\n') && chance_next(&chance_state) % rare) continue;
        memcpy(text + len, part, strlen(part));
        len += strlen(part);
    }
    return len;
}

static void random_texts_come_back(void **state) {
    (void)state;
    for (int i = 0; i < chance_rounds(40); i++) {
        size_t len = write_text(16 + chance_next(&chance_state) % (i < 30 ? 2000 : 2000000));
        are_the_lines(text, len, text, len);
        size_t got = ZSTD_compress(packed, sizeof packed, text, len, 1 + i % 3);
        assert_false(ZSTD_isError(got));
        are_the_lines(packed, got, text, len);
    }
}

static void frames_follow_each_other(void **state) {
    (void)state;
    size_t len = write_text(300000), half = len / 2; // a character may be cut in two
    size_t got = ZSTD_compress(packed, sizeof packed, text, half, 1);
    got += ZSTD_compress(packed + got, sizeof packed - got, text + half, len - half, 1);
    are_the_lines(packed, got, text, len);
    are_the_lines("", 0, "", 0);
}

// A frame whose text is as long as the room for it: 128 KB more than the longest line.
static void a_frame_ends_where_the_room_does(void **state) {
    (void)state;
    const size_t room = LINES_LEN_MAX + (1 << 17);
    memset(text, 'a', room);
    for (size_t at = 999; at < room; at += 1000) text[at] = '\n';
    size_t got = ZSTD_compress(packed, sizeof packed, text, room, 1);
    are_the_lines(packed, got, text, room);
}

static void is_refused(const void *bytes, size_t len, enum sk_code code, const char *why) {
    struct lines lines;
    struct view line;
    enum sk_code got = lines_open(&lines, file_of(bytes, len));
    while (got == SK_OK && (got = lines_next(&lines, &line)) == SK_OK && line.len)
        ;
    assert_int_equal(got, code);
    if (!strstr(fail_text(), why)) fail_msg("\"%s\" lacks \"%s\"", fail_text(), why);
    if (!strstr(fail_text(), path)) fail_msg("\"%s\" lacks \"%s\"", fail_text(), path);
    lines_close(&lines);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    is_refused("ab\nc\xff\n", 6, SK_INPUT, "byte 4 (0xff): not UTF-8");
    is_refused("ab\n\xe3\x81", 5, SK_INPUT, "byte 3 (0xe3): not UTF-8");
    memset(text, 'a', sizeof text);
    for (size_t at = 999; at < sizeof text; at += 1000) text[at] = '\n';
    memcpy(text + LINES_LEN_MAX + 5000, "\xed\xa0\x80", 3);
    char why[64];
    snprintf(why, sizeof why, "byte %d (0xed)", LINES_LEN_MAX + 5000);
    is_refused(text, sizeof text, SK_INPUT, why);
    size_t got = ZSTD_compress(packed, sizeof packed, text, sizeof text, 1);
    is_refused(packed, got, SK_INPUT, why);
    got = ZSTD_compress(packed, sizeof packed, text, LINES_LEN_MAX, 1);
    is_refused(packed, got / 2, SK_CORRUPT, "ends too early");
    memset(packed + got / 2, 0xff, 100);
    is_refused(packed, got, SK_CORRUPT, "after byte");
    memset(text, 'a', sizeof text);
    is_refused(text, sizeof text, SK_LIMIT, "the line is over");
    struct lines lines;
    assert_int_equal(lines_open(&lines, "/no/such/file"), SK_IO);
    lines_close(&lines);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_texts_come_back),
        cmocka_unit_test(frames_follow_each_other),
        cmocka_unit_test(a_frame_ends_where_the_room_does),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, chance_seed, NULL);
}
