// Lines of an operator as a detector file of each kind: refused with a reason, or the payload made
// of them passes its check. The first byte is the kind; the first empty line parts words and rules.
#include <stdint.h>
#include <stdlib.h>

#include "border/border.h"
#include "border/scan_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES_MAX = 1 << 14, PAYLOAD_MAX = 8 << 20 };

static enum sk_code check(enum table_kind kind, struct view payload) {
    switch (kind) {
    case TABLE_PLACES: return places_check(payload);
    case TABLE_POSTAL: return postal_check(payload);
    case TABLE_BANKS: return banks_check(payload);
    case TABLE_PHONES: return phones_check(payload);
    case TABLE_CARE: return care_check(payload);
    case TABLE_LISTED: return listed_check(payload);
    case TABLE_SECRETS: return secret_check(payload);
    default: return SK_CORRUPT;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    static struct buf out;
    if (size == 0 || size > LINES_MAX) return 0;
    if (!arena.base) {
        must(arena_open(&arena, "fuzz", 256 << 20) == SK_OK);
        must(buf_open(&out, PAYLOAD_MAX) == SK_OK);
    }
    arena_reset(&arena);
    buf_reset(&out);
    enum table_kind kind = (enum table_kind)(1 + data[0] % (TABLE_KINDS - 1));
    struct view lines = {(const char *)data + 1, size - 1}, secrets = {0};
    const char *empty = lines.len ? memmem(lines.at, lines.len, "\n\n", 2) : NULL;
    if (kind == TABLE_LISTED && empty) {
        secrets = view_from(lines, (size_t)(empty - lines.at) + 2);
        lines.len = (size_t)(empty - lines.at) + 1;
    }
    if (words_make(kind, lines, secrets, &arena, &out) == SK_OK)
        must(check(kind, buf_view(&out)) == SK_OK);
    else
        must(fail_text()[0]);
    return 0;
}
