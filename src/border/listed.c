// The operator's words: folded, without regard to the case of ASCII letters, the longest at each
// place, whole words where they begin or end with an ASCII letter or digit.
//
// Payload of TABLE_LISTED: a set of words (words.h; kind 1, number 0), then rules of secrets as in
// TABLE_SECRETS (secret.c), perhaps none.
#include "border/scan_parts.h"
#include "border/secret.h"
#include "border/words_line.h"
#include "border/words_text.h"

enum { SCORE = 100, KIND = 1 };

enum sk_code listed_check(struct view payload) {
    struct words words;
    TRY(words_take(&payload, 1, &words));
    return secret_check(payload);
}

struct view listed_secrets(struct view payload) {
    if (payload.at) words_over(&payload);
    return payload;
}

// A word that begins or ends with an ASCII letter or digit is not found inside a longer one.
static bool whole(struct view text, size_t at, uint32_t len) {
    if (at > 0 && is_word((uint8_t)text.at[at]) && is_word((uint8_t)text.at[at - 1])) return false;
    size_t end = at + len;
    return end == text.len || !is_word((uint8_t)text.at[end]) ||
           !is_word((uint8_t)text.at[end - 1]);
}

enum sk_code listed_scan(struct scan *scan) {
    struct view payload = detectors_table(scan->detectors, TABLE_LISTED);
    if (!payload.at || !detector_in(&scan->wanted, DETECTOR_LISTED)) return SK_OK;
    struct words words = words_over(&payload);
    words.caseless = true;
    struct view text = scan_fold(scan)->folded;
    for (size_t at = 0; at < text.len;) {
        struct word_is is;
        uint32_t len = words_longest(&words, view_from(text, at), KIND, &is);
        while (len && !whole(text, at, len)) // a shorter one may be
            len = words_longest(&words, (struct view){text.at + at, len - 1}, KIND, &is);
        if (len) {
            TRY(scan_put(scan, DETECTOR_LISTED, (uint32_t)at, len, SCORE));
            at += len;
        } else {
            at += char_len(text.at[at]);
        }
    }
    return SK_OK;
}

// 山田 太郎 is written 山田太郎 too: without the spaces between wide characters.
static enum sk_code joined(struct view word, struct arena *arena, struct view *out) {
    char *text = arena_take_raw(arena, word.len, 1);
    if (!text) return SK_LIMIT;
    *out = (struct view){text, 0};
    for (size_t i = 0; i < word.len; i++) {
        bool wide = i > 0 && i + 1 < word.len && (uint8_t)word.at[i - 1] >= 0x80 &&
                    (uint8_t)word.at[i + 1] >= 0x80;
        if (word.at[i] != ' ' || !wide) text[out->len++] = word.at[i];
    }
    return SK_OK;
}

enum sk_code listed_put(struct view lines, struct view secrets, struct arena *arena,
                        struct buf *out) {
    struct line line;
    uint32_t number = 0, len = 0;
    struct words_entry *entries = arena_take_raw(arena, lines.len + 2, sizeof *entries);
    if (!entries) return SK_LIMIT;
    while (line_take(&lines, &number, &line)) {
        struct view word;
        enum sk_code code = line.fields_len == 1 ? line_word(line.fields[0], true, arena, &word)
                                                 : FAIL(SK_INPUT, "one word, without tabs");
        if (code != SK_OK) return fail_within(code, "line %u", line.number);
        entries[len++] = (struct words_entry){word, {KIND, 0}};
        TRY(joined(word, arena, &entries[len].word));
        entries[len].is = entries[len - 1].is;
        if (entries[len].word.len < word.len) len++;
    }
    TRY(words_put(entries, len, arena, out));
    return secret_put(secrets, arena, out);
}
