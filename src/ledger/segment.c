// Segment files by their number: names, first frames, and the record of those that are full.
#include "base/replace.h"
#include "base/text.h"
#include "base/wire.h"
#include "ledger/store.h"

#include <stdio.h>

void segment_name(uint32_t number, char name[16]) { snprintf(name, 16, "log.%06u", number); }

enum sk_code segment_head_read(struct world *world, struct view origin, uint32_t number,
                               struct segment_head *out) {
    char name[16], bytes[FRAME_SIZE + 4 + HASH_LEN + LEDGER_ORIGIN_MAX];
    size_t len;
    segment_name(number, name);
    TRY(file_read_at(world, name, 0, bytes, sizeof bytes, &len));
    struct frame frame;
    if (!frame_take((struct view){bytes, len}, &frame) || frame.type != FRAME_SEGMENT ||
        frame.payload.len < 4 + HASH_LEN)
        return FAIL(SK_CORRUPT, "%s: its first frame is damaged", name);
    struct wire wire = wire_over(frame.payload);
    uint32_t named = wire_take_u32(&wire);
    struct view root = wire_take_bytes(&wire, HASH_LEN);
    struct view of = view_from(frame.payload, 4 + HASH_LEN);
    if (named != number) return FAIL(SK_CORRUPT, "%s: it is segment %u", name, named);
    if (origin.len > 0 && !view_same(of, origin))
        return FAIL(SK_INPUT, "%s: of log %.*s, not %.*s", name, (int)of.len, of.at,
                    (int)origin.len, origin.at);
    out->first = frame.index;
    out->nonce = frame.nonce;
    out->size = frame_size(&frame);
    memcpy(&out->root, root.at, HASH_LEN);
    return SK_OK;
}

// ---- the file "sealed" ----

// One line for each full segment, in order: "log.000000 <bytes, ten digits> <64 hex>\n".
enum { LINE = 10 + 1 + 10 + 1 + 2 * HASH_LEN + 1 };

static const char sealed_name[] = "sealed", sealed_new[] = "sealed.new";

static void line_put(uint32_t number, const struct segment_seal *seal, char line[LINE]) {
    char name[16];
    struct buf out = buf_over(line, LINE);
    segment_name(number, name);
    buf_print(&out, "%s %010llu ", name, (unsigned long long)seal->size);
    hex_put(&out, seal->digest, HASH_LEN);
    buf_put_char(&out, '\n');
    must(out.len == LINE);
}

static bool line_take(uint32_t number, const char line[LINE], struct segment_seal *out) {
    char right[LINE];
    struct view digits = {line + 11, 10};
    while (digits.len > 1 && digits.at[0] == '0') digits = view_from(digits, 1);
    if (!decimal_take(digits, &out->size) ||
        !hex_take((struct view){line + 22, 2 * HASH_LEN}, out->digest, HASH_LEN))
        return false;
    line_put(number, out, right);
    return memcmp(line, right, LINE) == 0;
}

enum sk_code seal_read(struct world *world, uint32_t number, struct segment_seal *out) {
    char line[LINE];
    size_t len;
    TRY(file_read_at(world, sealed_name, (uint64_t)number * LINE, line, LINE, &len));
    if (len == 0) return FAIL(SK_UNKNOWN, "segment %u is not sealed", number);
    if (len == LINE && line_take(number, line, out)) return SK_OK;
    return FAIL(SK_CORRUPT, "%s: its line %llu is damaged", sealed_name,
                (unsigned long long)number + 1);
}

// The lines before number's, then its own.
static enum sk_code lines_read(struct world *world, uint32_t number,
                               const struct segment_seal *seal, struct buf *out) {
    size_t len = (size_t)number * LINE, got = 0;
    TRY(buf_open(out, len + LINE));
    if (number > 0) TRY(file_read_at(world, sealed_name, 0, buf_room(out, len), len, &got));
    if (got != len) return FAIL(SK_CORRUPT, "%s: it is too short", sealed_name);
    line_put(number, seal, buf_room(out, LINE));
    return SK_OK;
}

// The file is written anew each time: of one that only grows a part may be in the cache alone, left
// by a sync that failed.
enum sk_code seal_write(struct world *world, uint32_t number, const struct segment_seal *seal) {
    char name[16];
    struct buf lines = {0};
    segment_name(number, name);
    TRY(world->protect(world->self, name));
    enum sk_code code = lines_read(world, number, seal, &lines);
    if (code == SK_OK) code = file_replace(world, sealed_name, sealed_new, buf_view(&lines));
    buf_close(&lines);
    return code;
}
