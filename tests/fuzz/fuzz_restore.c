// Any stream in any pieces: the same as in one piece, at most MASK_HOLD_MAX bytes held, and without
// a token or substitute of the vault not a byte changed. Bytes 1 to 5 of the input stand for tokens
// of the vault, which no fuzzer can guess, 6 for a substitute; its first byte says how the stream is
// cut.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "border/mask.h"

enum { TEXT_MAX = 1 << 22, TOKENS = 5, MARKS = TOKENS + 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vault *vault;
static char storage[MARKS][64];
static struct view tokens[MARKS]; // the last is the substitute
static struct buf stream, whole, pieces;

static void prepare(void) {
    static const struct {
        const char *text;
        uint8_t detector;
    } values[TOKENS] = {{"佐藤 花子", DETECTOR_PERSON},
                        {"佐藤花子", DETECTOR_PERSON},
                        {"東京都\n\"港区\"", DETECTOR_ADDRESS},
                        {"hunter-22", DETECTOR_SECRET_PASSWORD},
                        {"090-1234-5678", DETECTOR_PHONE}};
    const struct detector_set all = {UINT64_MAX};
    const struct detector_set one_way = {UINT64_C(1) << DETECTOR_SECRET_PASSWORD};
    uint8_t key[MASK_KEY_LEN] = {1};
    must(vault_open(&vault, key, VIEW("fuzz")) == SK_OK);
    for (int i = 0; i < TOKENS; i++) {
        struct view text = view_of(values[i].text);
        struct finding is = {0, (uint32_t)text.len, values[i].detector, 90};
        struct buf out = buf_over(storage[i], sizeof storage[i]);
        must(mask_learn(vault, text, &is, 1, &all, &one_way) == SK_OK);
        must(mask_put(vault, text, &is, 1, &all, &out) == SK_OK);
        tokens[i] = buf_view(&out);
    }
    struct view phone = VIEW("080-1234-5678");
    struct finding is = {0, (uint32_t)phone.len, DETECTOR_PHONE, 90};
    struct mask_argument argument = {phone, &is, 1, all, VIEW("")};
    struct buf out = buf_over(storage[TOKENS], sizeof storage[TOKENS]);
    must(mask_learn(vault, phone, &is, 1, &all, &one_way) == SK_OK);
    must(mask_format(vault, &argument, &out));
    tokens[TOKENS] = buf_view(&out);
    must(buf_open(&stream, TEXT_MAX) == SK_OK && buf_open(&whole, TEXT_MAX) == SK_OK &&
         buf_open(&pieces, TEXT_MAX) == SK_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!vault) prepare();
    if (size == 0) return 0;
    uint32_t cuts = data[0];
    bool json = cuts & 1, held_any = false;
    buf_reset(&stream);
    buf_reset(&whole);
    buf_reset(&pieces);
    for (size_t i = 1; i < size && stream.len < TEXT_MAX / 4; i++) {
        held_any = held_any || (data[i] >= 1 && data[i] <= MARKS);
        if (data[i] >= 1 && data[i] <= MARKS)
            buf_put_view(&stream, tokens[data[i] - 1]);
        else
            buf_put_char(&stream, (char)data[i]);
    }
    struct view text = buf_view(&stream);
    struct restore once = {0}, cut = {0};
    must(restore_put(&once, vault, text, json, true, &whole) == SK_OK);
    struct view digits = tokens[TOKENS];
    held_any = held_any || memmem(text.at, text.len, digits.at, digits.len);
    if (!held_any) must(once.restored == 0 && view_same(buf_view(&whole), text));
    for (size_t at = 0; at < text.len;) {
        cuts = cuts * 1664525u + 1013904223u;
        size_t len = (cuts >> 24) % 24;
        if (len > text.len - at) len = text.len - at;
        // An exact copy: a look past the piece is seen by the sanitizer.
        char *piece = malloc(len ? len : 1);
        must(piece);
        if (len) memcpy(piece, text.at + at, len);
        at += len;
        must(restore_put(&cut, vault, (struct view){piece, len}, json, false, &pieces) == SK_OK);
        must(cut.held_len <= MASK_HOLD_MAX);
        free(piece);
    }
    must(restore_put(&cut, vault, (struct view){NULL, 0}, json, true, &pieces) == SK_OK);
    must(cut.held_len == 0 && cut.restored == once.restored && cut.unknown == once.unknown);
    must(view_same(buf_view(&whole), buf_view(&pieces)));
    return 0;
}
