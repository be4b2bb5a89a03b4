// Any bytes: the fast paths agree with a walk character by character, and a text cut anywhere is
// still UTF-8 without its tail. Escaped, any bytes become a JSON string that reads back.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The well-formed text at the beginning, one character at a time, each written back.
static size_t walk(struct view text) {
    size_t n = 0;
    while (n < text.len) {
        uint32_t c;
        char back[4];
        size_t len = utf8_take(view_from(text, n), &c);
        if (len == 0) break;
        must(utf8_put(c, back) == len && memcmp(back, text.at + n, len) == 0);
        n += len;
    }
    return n;
}

static size_t walk_wide(struct view text) {
    size_t n = 0;
    uint32_t c;
    for (size_t len; n < text.len && (unsigned char)text.at[n] >= 0x80; n += len) {
        len = utf8_take(view_from(text, n), &c);
        if (len == 0) break;
    }
    return n;
}

static void check_escaped(struct view text, bool good) {
    static struct arena arena;
    static struct buf out;
    if (!arena.base) {
        must(arena_open(&arena, "fuzz", 1 << 16) == SK_OK && buf_open(&out, 16 << 20) == SK_OK);
    }
    arena_reset(&arena);
    buf_reset(&out);
    json_escape(&out, text);
    must(buf_check(&out, "fuzz") == SK_OK);
    const struct json_node *root;
    must(json_parse(out.at, out.len, &arena, &root) == SK_OK && json_is(root, JSON_STRING));
    if (good) must(view_same(json_view(root), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct view text = {(const char *)data, size};
    size_t good = walk(text);
    must(utf8_check(text) == (good == size));
    must(utf8_check((struct view){text.at, good}));
    size_t tail = utf8_tail(text);
    must(tail <= 3 && tail <= size);
    if (tail > 0) must(good <= size - tail);
    for (size_t cut = good < 64 ? good : 64; cut > 0; cut--) {
        struct view begun = {text.at, cut};
        begun.len -= utf8_tail(begun);
        must(utf8_check(begun));
    }
    for (size_t i = 0; i < size && i < 64; i++) {
        must(utf8_wide(view_from(text, i)) == walk_wide(view_from(text, i)));
    }
    size_t plain = json_plain(text);
    must(plain <= good);
    for (size_t i = 0; i < plain; i++) must(data[i] >= 0x20 && data[i] != '"' && data[i] != '\\');
    if (plain < good) must(data[plain] < 0x20 || data[plain] == '"' || data[plain] == '\\');
    check_escaped(text, good == size);
    return 0;
}
