// Any text with any findings: what is masked shows none of the values, and restored it is the text.
// The first bytes of the input are findings of three bytes each (how far on, how long, of what), as
// many as its first byte says.
#include <stdint.h>

#include "base/utf8.h"
#include "border/mask.h"

enum { TEXT_MAX = 1 << 23, FINDINGS_MAX = 255 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct view text, size_t at) {
    return at < text.len && ((uint8_t)text.at[at] & 0xc0) == 0x80;
}

// Whole characters from `at` on; 0: the text is over.
static uint32_t length_from(struct view text, size_t at, size_t len) {
    if (at >= text.len) return 0;
    size_t end = at + len > text.len ? text.len : at + len;
    while (inside(text, end))
        end++;
    return (uint32_t)(end - at);
}

// Between brackets stand tokens, in which a value could stand by chance.
static bool clean(const struct vault *vault, struct view text) {
    while (text.len) {
        size_t len = 0;
        while (len < text.len && !view_starts(view_from(text, len), VIEW("⟦")))
            len++;
        if (!vault_clean(vault, (struct view){text.at, len})) return false;
        text = view_from(text, len);
        while (text.len && !view_starts(text, VIEW("⟧")))
            text = view_from(text, 1);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct buf masked, back;
    static struct finding findings[FINDINGS_MAX];
    static const uint8_t key[MASK_KEY_LEN] = {1};
    const struct detector_set all = {UINT64_MAX}, none = {0};
    if (!masked.at)
        must(buf_open(&masked, TEXT_MAX) == SK_OK && buf_open(&back, TEXT_MAX) == SK_OK);
    size_t head = size ? 1 + 3u * data[0] : 1;
    if (size < head) return 0;
    struct view text = {(const char *)data + head, size - head};
    if (!utf8_check(text)) return 0;
    uint32_t len = 0;
    size_t at = 0;
    for (size_t i = 1; i < head; i += 3) {
        at += data[i] % 16;
        while (inside(text, at))
            at++;
        uint32_t bytes = length_from(text, at, 1 + data[i + 1] % 32u);
        uint8_t detector = data[i + 2] % DETECTOR_COUNT;
        if (bytes) findings[len++] = (struct finding){(uint32_t)at, bytes, detector, 50};
    }
    struct vault *vault;
    struct restore restore = {0};
    must(vault_open(&vault, key, text) == SK_OK);
    must(mask_learn(vault, text, findings, len, &all, &none) == SK_OK);
    must(vault_holds(vault) == (len > 0));
    buf_reset(&masked);
    buf_reset(&back);
    must(mask_put(vault, text, findings, len, &all, &masked) == SK_OK);
    must(utf8_check(buf_view(&masked)) && clean(vault, buf_view(&masked)));
    must(restore_put(&restore, vault, buf_view(&masked), false, true, &back) == SK_OK);
    must(view_same(buf_view(&back), text));
    vault_close(vault);
    return 0;
}
