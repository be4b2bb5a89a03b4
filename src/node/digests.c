// One line for each file: device, inode, size, mtime_ns, ctime_ns, SHA-256, checked_ms; a line of
// its name before, a CRC-32C of all that in hex after.
#include "node/digests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/text.h"
#include "node/files.h"

enum { TEXT_MAX = 1 << 18, SETTLED_MS = 2000 };
_Static_assert(DIGESTS_MAX * 200 < TEXT_MAX, "six numbers and a digest a line");

static const char name_line[] = "sekisho-digests/1\n";

// The next word of a line, and the byte that ended it.
static struct view word_take(struct view *text, char end) {
    const char *at = text->len ? memchr(text->at, end, text->len) : NULL;
    if (!at) return (struct view){"", 0};
    struct view word = {text->at, (size_t)(at - text->at)};
    *text = view_from(*text, word.len + 1);
    return word;
}

static bool row_take(struct view *text, struct digest_row *row) {
    uint64_t *numbers[] = {&row->file.device, &row->file.inode, &row->file.size,
                           &row->file.mtime_ns, &row->file.ctime_ns};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!decimal_take(word_take(text, ' '), numbers[i])) return false;
    return hex_take(word_take(text, ' '), row->digest, HASH_LEN) &&
           decimal_take(word_take(text, '\n'), &row->checked_ms);
}

static bool text_take(struct view text, struct digests *out) {
    enum { END_LEN = 9 }; // eight digits and a line break
    struct view name = {name_line, sizeof name_line - 1};
    char end[END_LEN + 1];
    if (text.len < name.len + END_LEN || !view_starts(text, name)) return false;
    struct view last = view_from(text, text.len - END_LEN);
    text.len -= END_LEN;
    snprintf(end, sizeof end, "%08x\n", (unsigned)crc32c(0, text.at, text.len));
    if (!view_is(last, end)) return false;
    text = view_from(text, name.len);
    while (text.len > 0)
        if (out->len == DIGESTS_MAX || !row_take(&text, &out->rows[out->len++])) return false;
    return true;
}

// Nobody else may have written it: a digest of theirs would go into receipts.
static bool file_trusted(int descriptor) {
    struct stat info;
    return fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
           (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

void digests_read(const char *path, struct digests *out) {
    struct buf text = {0};
    out->len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return;
    bool good = file_trusted(fd) && buf_open(&text, TEXT_MAX) == SK_OK;
    for (ssize_t n = 1; good && n > 0;) {
        char block[4096];
        n = read(fd, block, sizeof block);
        if (n > 0) buf_put(&text, block, (size_t)n);
        good = n >= 0 && !text.over;
    }
    close(fd);
    if (!good || !text_take(buf_view(&text), out)) out->len = 0;
    buf_close(&text);
}

enum sk_code digests_write(const char *path, const struct digests *digests) {
    char fresh[4096];
    struct buf text;
    if (snprintf(fresh, sizeof fresh, "%s.new", path) >= (int)sizeof fresh)
        return FAIL(SK_LIMIT, "%s: path too long", path);
    TRY(buf_open(&text, TEXT_MAX));
    buf_put_text(&text, name_line);
    for (uint32_t i = 0; i < digests->len; i++) {
        const struct digest_row *row = &digests->rows[i];
        const uint64_t numbers[] = {row->file.device, row->file.inode, row->file.size,
                                    row->file.mtime_ns, row->file.ctime_ns};
        for (size_t j = 0; j < sizeof numbers / sizeof *numbers; j++) {
            buf_put_u64(&text, numbers[j]);
            buf_put_char(&text, ' ');
        }
        hex_put(&text, row->digest, HASH_LEN);
        buf_put_char(&text, ' ');
        buf_put_u64(&text, row->checked_ms);
        buf_put_char(&text, '\n');
    }
    buf_print(&text, "%08x\n", (unsigned)crc32c(0, text.at, text.len));
    must(!text.over);
    unlink(fresh); // left by a fall
    enum sk_code code = files_create(fresh, buf_view(&text), 0600);
    buf_close(&text);
    if (code != SK_OK || rename(fresh, path) == 0) return code;
    unlink(fresh);
    return FAIL(SK_IO, "%s: %s", path, strerror(errno));
}

const struct digest_row *digests_find(const struct digests *digests,
                                      const struct file_state *file) {
    for (uint32_t i = 0; i < digests->len; i++)
        if (file_state_same(&digests->rows[i].file, file)) return &digests->rows[i];
    return NULL;
}

void digests_put(struct digests *digests, const struct digest_row *row) {
    if (row->checked_ms < SETTLED_MS) return;
    const uint64_t settled_ns = (row->checked_ms - SETTLED_MS) * 1000000;
    if (row->file.mtime_ns >= settled_ns || row->file.ctime_ns >= settled_ns) return;
    uint32_t place = digests->len;
    for (uint32_t i = 0; i < digests->len; i++) {
        const struct file_state *old = &digests->rows[i].file;
        if (old->device == row->file.device && old->inode == row->file.inode) place = i;
    }
    if (place == DIGESTS_MAX) {
        place = 0;
        for (uint32_t i = 1; i < DIGESTS_MAX; i++)
            if (digests->rows[i].checked_ms < digests->rows[place].checked_ms) place = i;
    }
    digests->rows[place] = *row;
    if (place == digests->len) digests->len++;
}
