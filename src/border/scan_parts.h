// The parts of a scan, for scan*.c and the families of detectors only (and vault.c, which folds
// values as they fold texts).
//
// A family gets the folded text of a window of the text (some kilobytes, and what stands around it)
// and puts what it found; it never cuts and never decides. It is called again for each window, once
// more for a wider one when a finding ends where the window ends.
#pragma once
#include "border/label.h"
#include "border/scan.h"
#include "border/table.h"

// A text as detectors read it: NFKC where it matters, full-width and kanji digits as ASCII digits
// between digits, dashes and long-vowel bars between digits as '-', variants of characters as one,
// without zero-width characters and variation selectors, escapes of other formats (escape.c) as
// what they stand for. map[i] is the byte of `raw` that folded byte i came from; map[folded.len]
// is raw.len.
struct fold {
    struct view raw, folded;
    const uint32_t *map;
};
enum sk_code fold_make(struct view raw, struct arena *arena, struct fold *out);
// Bytes of an arena that suffice for folding `len` bytes.
size_t fold_room(size_t len);
// The character that text (not empty) begins with when it is written as an escape: its length,
// or 0.
size_t escape_take(struct view text, uint32_t *code);

// After scan_begin: what stands before byte `from` was judged and is only read; `columns` are those
// of a table that began there. A finding that began there is reported from `from` on.
void scan_from(struct scan *scan, uint32_t from, const struct scan_columns *columns);
// Reports bytes [at, at + len) of the folded text. Ignored when `detector` is not wanted.
enum sk_code scan_put(struct scan *scan, enum detector detector, uint32_t at, uint32_t len,
                      unsigned score);
// The folded text, and findings put so far (offsets are of the folded text while a scan runs).
const struct fold *scan_fold(const struct scan *scan);
// Where what is reported of this window ends in the folded text.
uint32_t scan_core_end(const struct scan *scan);
// For identifiers: words that label numbers; heads of columns as they hold when the window begins,
// and as they are to hold when the next one does.
const struct label_words *scan_words(const struct scan *scan);
struct scan_columns *scan_columns(const struct scan *scan);
struct scan_columns *scan_columns_next(const struct scan *scan);
// Where byte `raw` of the text (of what is seen of it) went in the folded text.
uint32_t scan_folded(const struct scan *scan, uint32_t raw);
// Bytes of the first sentence of `text`: to 。 or a line break, to ! or ? before a space or a wide
// character, or to `max` after a space, else between characters.
size_t sentence_len(struct view text, size_t max);
// The file of a kind; payload.at NULL when there is none.
struct view detectors_table(const struct detectors *detectors, enum table_kind kind);
// The reader of names; NULL when MeCab or its dictionary could not be opened.
struct names;
struct names *detectors_names(const struct detectors *detectors);

// identifiers.c: numbers with formats and check digits, dates of birth, e-mail, IBAN, …
enum sk_code identifiers_scan(struct scan *scan);
// address.c: prefectures, municipalities, towns, block numbers.
enum sk_code address_scan(struct scan *scan);
// secret.c: keys, tokens, passwords; operators' rules.
enum sk_code secret_scan(struct scan *scan);
// listed.c: the operator's words.
enum sk_code listed_scan(struct scan *scan);
// care.c: after the names; a term counts near a person (scan's findings so far).
enum sk_code care_scan(struct scan *scan);
// names.c: persons in sentence [at, at + len) of the folded text; at most 2048 bytes.
enum sk_code names_scan(struct scan *scan, uint32_t at, uint32_t len);
// MeCab reads its files here and none later: before the walls of a room. For one thread.
enum sk_code names_open(struct names **out);
void names_close(struct names *names);

// What a family checks when its file is added; NULL payload never comes.
enum sk_code places_check(struct view payload);
enum sk_code names_check(struct view payload);
enum sk_code care_check(struct view payload);
enum sk_code secret_check(struct view payload);
enum sk_code listed_check(struct view payload);
enum sk_code postal_check(struct view payload);
enum sk_code banks_check(struct view payload);
enum sk_code phones_check(struct view payload);
