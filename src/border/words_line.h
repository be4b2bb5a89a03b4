// Lines of text as fields, and what each family makes of them (words_make.h is the door).
//
// Promises: a line is passed on as it stands, with its number for errors. Refuses: nothing itself.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

enum { LINE_FIELDS_MAX = 9 };
struct line {
    struct view fields[LINE_FIELDS_MAX];
    uint32_t fields_len, number;
};
// The next line that holds something; false at the end.
bool line_take(struct view *lines, uint32_t *number, struct line *out);
// A word as texts are folded, ASCII letters in lower case when `caseless`. SK_INPUT: nothing left.
enum sk_code line_word(struct view word, bool caseless, struct arena *arena, struct view *out);

enum sk_code places_put(struct view lines, struct arena *arena, struct buf *out);
enum sk_code care_put(struct view lines, struct arena *arena, struct buf *out);
enum sk_code secret_put(struct view lines, struct arena *arena, struct buf *out);
enum sk_code listed_put(struct view lines, struct view secrets, struct arena *arena,
                        struct buf *out);
