#include "cli/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/utf8.h"

enum { BLOCK = 1 << 17 };

struct lines_zstd {
    ZSTD_DCtx *context;
    ZSTD_inBuffer in;
    bool within; // a frame
    bool full;   // within a frame the last output filled its room: there may be more of it
    char block[BLOCK];
};

static enum sk_code read_some(const struct lines *lines, void *out, size_t max, size_t *got) {
    ssize_t n;
    do
        n = read(lines->file, out, max);
    while (n < 0 && errno == EINTR);
    if (n < 0) return FAIL(SK_IO, "%s: %s", lines->path, strerror(errno));
    *got = (size_t)n;
    return SK_OK;
}

static enum sk_code zstd_open(struct lines *lines) {
    struct lines_zstd *zstd = lines->zstd = calloc(1, sizeof *zstd);
    if (zstd) zstd->context = ZSTD_createDCtx();
    if (!zstd || !zstd->context) return FAIL(SK_LIMIT, "memory: none left");
    memcpy(zstd->block, lines->text.at, lines->text.len);
    zstd->in = (ZSTD_inBuffer){zstd->block, lines->text.len, 0};
    buf_reset(&lines->text);
    return SK_OK;
}

enum sk_code lines_open(struct lines *lines, const char *path) {
    static const char magic[] = {'\x28', '\xb5', '\x2f', '\xfd'};
    *lines = (struct lines){.path = path, .file = STDIN_FILENO};
    if (strcmp(path, "-") != 0) lines->file = open(path, O_RDONLY | O_CLOEXEC);
    if (lines->file < 0) return FAIL(SK_IO, "%s: %s", path, strerror(errno));
    TRY(buf_open(&lines->text, LINES_LEN_MAX + BLOCK));
    while (lines->text.len < sizeof magic && !lines->ended) {
        size_t got;
        TRY(read_some(lines, lines->text.at + lines->text.len, BLOCK - lines->text.len, &got));
        buf_grow(&lines->text, got);
        lines->ended = got == 0;
    }
    if (!view_starts(buf_view(&lines->text), (struct view){magic, sizeof magic})) return SK_OK;
    return zstd_open(lines);
}

void lines_close(struct lines *lines) {
    if (lines->zstd) ZSTD_freeDCtx(lines->zstd->context);
    free(lines->zstd);
    buf_close(&lines->text);
    if (lines->file > STDIN_FILENO) close(lines->file);
    *lines = (struct lines){0};
}

// Decompresses into the text's room. What zstd holds back comes before more is read.
static enum sk_code zstd_more(struct lines *lines) {
    struct lines_zstd *zstd = lines->zstd;
    struct buf *text = &lines->text;
    ZSTD_outBuffer out = {text->at, text->max, text->len};
    while (out.pos == text->len && !lines->ended) {
        if (zstd->in.pos == zstd->in.size && !zstd->full) {
            zstd->in.pos = 0;
            TRY(read_some(lines, zstd->block, BLOCK, &zstd->in.size));
            lines->ended = zstd->in.size == 0;
            if (lines->ended && zstd->within)
                return FAIL(SK_CORRUPT, "%s: the compressed file ends too early", lines->path);
            if (lines->ended) break;
        }
        size_t left = ZSTD_decompressStream(zstd->context, &out, &zstd->in);
        if (ZSTD_isError(left))
            return FAIL(SK_CORRUPT, "%s: after byte %llu of its text: %s", lines->path,
                        (unsigned long long)(lines->offset + out.pos), ZSTD_getErrorName(left));
        zstd->within = left != 0;
        zstd->full = zstd->within && out.pos == out.size;
    }
    buf_grow(text, out.pos - text->len);
    return SK_OK;
}

static enum sk_code read_more(struct lines *lines) {
    struct buf *text = &lines->text;
    memmove(text->at, text->at + lines->at, text->len - lines->at);
    lines->offset += lines->at;
    lines->sought -= lines->at;
    text->len -= lines->at;
    lines->at = 0;
    if (text->len > LINES_LEN_MAX)
        return FAIL(SK_LIMIT, "%s: byte %llu: the line is over %d bytes", lines->path,
                    (unsigned long long)lines->offset, LINES_LEN_MAX);
    if (lines->zstd) return zstd_more(lines);
    size_t got;
    TRY(read_some(lines, text->at + text->len, BLOCK, &got));
    buf_grow(text, got);
    lines->ended = got == 0;
    return SK_OK;
}

static enum sk_code check(const struct lines *lines, struct view line) {
    if (utf8_check(line)) return SK_OK;
    size_t good = 0;
    uint32_t codepoint;
    for (size_t len; (len = utf8_take(view_from(line, good), &codepoint)) > 0;) good += len;
    return FAIL(SK_INPUT, "%s: byte %llu (0x%02x): not UTF-8", lines->path,
                (unsigned long long)(lines->offset + lines->at + good), (uint8_t)line.at[good]);
}

enum sk_code lines_next(struct lines *lines, struct view *line) {
    const char *end;
    *line = (struct view){"", 0};
    for (;;) {
        struct view rest = view_from(buf_view(&lines->text), lines->sought);
        end = rest.len ? memchr(rest.at, '\n', rest.len) : NULL;
        if (end || lines->ended) break;
        lines->sought = lines->text.len;
        TRY(read_more(lines));
    }
    struct view found = view_from(buf_view(&lines->text), lines->at);
    if (end) found.len = (size_t)(end + 1 - found.at);
    TRY(check(lines, found));
    lines->at = lines->sought = lines->at + found.len;
    *line = found;
    return SK_OK;
}
