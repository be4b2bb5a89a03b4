#include "border/words_make.h"

#include <stdlib.h>

#include "base/text.h"
#include "base/utf8.h"
#include "base/wire.h"
#include "border/scan_parts.h"
#include "border/words_line.h"

bool line_take(struct view *lines, uint32_t *number, struct line *out) {
    struct view line;
    while (view_next(lines, '\n', &line)) {
        ++*number;
        if (line.len && line.at[line.len - 1] == '\r') line.len--;
        if (line.len == 0 || view_starts(line, VIEW("# "))) continue;
        *out = (struct line){.number = *number};
        for (bool more = true; more && out->fields_len < LINE_FIELDS_MAX;) {
            const char *tab = memchr(line.at, '\t', line.len);
            more = tab && out->fields_len + 1 < LINE_FIELDS_MAX;
            struct view field = {line.at, more ? (size_t)(tab - line.at) : line.len};
            out->fields[out->fields_len++] = field;
            line = view_from(line, field.len + 1);
        }
        return true;
    }
    return false;
}

enum sk_code line_word(struct view word, bool caseless, struct arena *arena, struct view *out) {
    struct fold fold;
    if (!utf8_check(word)) return FAIL(SK_INPUT, "not UTF-8");
    TRY(fold_make(word, arena, &fold));
    char *text = arena_text(arena, fold.folded);
    if (!text) return SK_LIMIT;
    struct view folded = {text, fold.folded.len};
    while (folded.len && folded.at[0] == ' ')
        folded = view_from(folded, 1);
    while (folded.len && folded.at[folded.len - 1] == ' ')
        folded.len--;
    if (folded.len == 0) return FAIL(SK_INPUT, "no word");
    for (size_t i = 0; caseless && text[i]; i++)
        if (text[i] >= 'A' && text[i] <= 'Z') text[i] = (char)(text[i] + 32);
    *out = folded;
    return SK_OK;
}

// ---- lists of numbers ----

static bool digits_take(struct view text, size_t len, uint32_t *out) {
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9') return false;
        *out = *out * 10 + (uint32_t)(text.at[i] - '0');
    }
    return text.len == len;
}

// A row of a list as a number whose order is the list's.
static bool row_take(enum table_kind kind, const struct line *line, uint64_t *out) {
    uint32_t number, branch;
    struct view first = line->fields[0];
    switch (kind) {
    case TABLE_POSTAL:
        *out = digits_take(first, 7, &number) ? number : 0;
        return line->fields_len == 1 && digits_take(first, 7, &number);
    case TABLE_BANKS:
        if (line->fields_len != 2 || !digits_take(first, 4, &number) ||
            !digits_take(line->fields[1], 3, &branch))
            return false;
        *out = (uint64_t)number << 16 | branch;
        return true;
    case TABLE_PHONES: // six characters and the zeroes behind them, as one number
        if (line->fields_len != 1 || first.len < 2 || first.len > 5 || first.at[0] != '0' ||
            !digits_take(first, first.len, &number))
            return false;
        *out = 0;
        for (size_t i = 0; i < 6; i++)
            *out = *out << 8 | (i < first.len ? (uint8_t)first.at[i] : 0);
        return true;
    default:
        return false;
    }
}

static void row_put(enum table_kind kind, uint64_t row, struct buf *out) {
    if (kind == TABLE_POSTAL) {
        wire_put_u32(out, (uint32_t)row);
    } else if (kind == TABLE_BANKS) {
        wire_put_u16(out, (uint16_t)(row >> 16));
        wire_put_u16(out, (uint16_t)row);
    } else {
        uint8_t len = 0;
        for (int shift = 40; shift >= 0; shift -= 8) {
            wire_put_u8(out, (uint8_t)(row >> shift));
            len = (uint8_t)(len + ((row >> shift & 0xff) != 0));
        }
        wire_put_u8(out, (uint8_t)(10 - 4 - len)); // digits of the local exchange
        wire_put_u8(out, 0);
    }
}

static int ascending(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum sk_code rows_put(enum table_kind kind, struct view lines, struct arena *arena,
                             struct buf *out) {
    struct line line;
    uint32_t number = 0, len = 0;
    uint64_t *rows = arena_take_raw(arena, lines.len / 2 + 1, sizeof *rows);
    if (!rows) return SK_LIMIT;
    while (line_take(&lines, &number, &line))
        if (!row_take(kind, &line, &rows[len++]))
            return FAIL(SK_INPUT, "line %u is not of the form of %s", line.number,
                        table_name(kind));
    if (len == 0) return FAIL(SK_INPUT, "no lines");
    qsort(rows, len, sizeof *rows, ascending);
    for (uint32_t i = 0; i < len; i++)
        if (i == 0 || rows[i] != rows[i - 1]) row_put(kind, rows[i], out);
    return buf_check(out, table_name(kind));
}

enum sk_code words_make(enum table_kind kind, struct view lines, struct view secrets,
                        struct arena *arena, struct buf *out) {
    switch (kind) {
    case TABLE_PLACES:
        return places_put(lines, arena, out);
    case TABLE_CARE:
        return care_put(lines, arena, out);
    case TABLE_SECRETS:
        return secret_put(lines, arena, out);
    case TABLE_LISTED:
        return listed_put(lines, secrets, arena, out);
    case TABLE_POSTAL:
    case TABLE_BANKS:
    case TABLE_PHONES:
        return rows_put(kind, lines, arena, out);
    case TABLE_NAMES:
    case TABLE_KINDS:
        break;
    }
    return FAIL(SK_INPUT, "%s.skdt is not made of lines", table_name(kind));
}
