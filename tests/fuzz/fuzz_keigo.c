// Any bytes as a sentence, in every style: refused, or candidates that are UTF-8, each once, the
// likeliest first, and the same when asked again. Of the direction of respect: a form within the
// text, and a reason that is UTF-8.
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "keigo/keigo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct keigo_candidates *made) {
    must(made->len > 0 && made->len <= KEIGO_CANDIDATES_MAX);
    for (uint32_t i = 0; i < made->len; i++) {
        must(made->text[i].len <= KEIGO_TEXT_MAX && utf8_check(made->text[i]));
        must(i == 0 || made->prior[i] <= made->prior[i - 1]);
        for (uint32_t k = 0; k < i; k++)
            must(!view_same(made->text[i], made->text[k]));
    }
}

static void check_direction(struct keigo_reader *reader, struct view text) {
    static char storage[3 * KEIGO_TEXT_MAX];
    struct keigo_direction direction;
    struct buf reason = buf_over(storage, sizeof storage);
    enum sk_code code = keigo_direction(reader, text, &direction);
    must(code == SK_OK || code == SK_INPUT || code == SK_LIMIT);
    if (code != SK_OK) return;
    must((direction.fit == KEIGO_UNMARKED) == (direction.form_len == 0));
    must(direction.sure >= 0.5 && direction.sure <= 1);
    keigo_direction_tell(&direction, text, &reason);
    must(!reason.over && utf8_check(buf_view(&reason)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct keigo_reader *reader;
    static struct keigo_candidates made, again;
    struct view text = {(const char *)data, size};
    struct keigo_marks marks;
    if (!reader) must(keigo_open(&reader) == SK_OK);
    for (unsigned style = 0; style < KEIGO_STYLES; style++) {
        enum sk_code code = keigo_rewrite(reader, text, (enum keigo_style)style, &made);
        must(code == SK_OK || code == SK_INPUT || code == SK_LIMIT);
        if (code != SK_OK) continue;
        check(&made);
        must(keigo_rewrite(reader, text, (enum keigo_style)style, &again) == SK_OK);
        must(again.len == made.len);
        for (uint32_t i = 0; i < made.len; i++)
            must(view_same(made.text[i], again.text[i]));
    }
    (void)keigo_marks(reader, text, &marks);
    check_direction(reader, text);
    return 0;
}
