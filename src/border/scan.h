// Scan: what protected things stand in a text, and where.
//
// Findings are spans of the original bytes. Detection is by format, check digit, words around and
// boundary, over a folded view of the text (fold.h) whose offsets lead back; names by a trained
// tagger. Promises: no byte of the text is skipped; the same text gives the same findings, in one
// piece or in steps; where two detectors could be meant both findings stand. A detector that
// cannot work makes the scan fail (SK_CORRUPT): never a silent pass. Refuses: text that is not
// UTF-8, more than SCAN_FINDINGS_MAX findings.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/view.h"
#include "border/detector.h"

enum { SCAN_FINDINGS_MAX = 1 << 16, SCAN_TEXT_MAX = 16 << 20 };

struct finding {
    uint32_t at, len; // bytes of the original text, whole characters
    uint8_t detector; // enum detector
    uint8_t score;    // 0 to 100, how sure: format + check + words + boundary
};

// The tables and weights all scans of a room share. Made of detector files (table.h) that must be
// there; addresses inside stay until detectors_close. Opening also opens MeCab, which reads its
// dictionary then and never later: before the walls of a room, and for one thread.
struct detectors;
enum sk_code detectors_open(struct detectors **out);
void detectors_close(struct detectors *detectors);
// One detector file, checked whole (magic, version, digest, structure); the bytes stay the
// caller's and must outlive *detectors. SK_CORRUPT names the file's kind and what is wrong.
enum sk_code detectors_add(struct detectors *detectors, struct view file);
// SK_UNKNOWN: a file that one of `wanted` needs was not added; the text names it.
enum sk_code detectors_check(const struct detectors *detectors, const struct detector_set *wanted);

// One text under way. Steps are short (about a millisecond), so that a loop can do other things
// between them; nobody else takes from the arena until it is done (what is not findings is given
// back then).
struct scan {
    const struct detectors *detectors;
    struct detector_set wanted; // findings of others are not reported; their work may be skipped
    struct view text;
    struct arena *arena;      // holds the findings until it is reset
    struct finding *findings; // when done: sorted by `at`, then longest first
    uint32_t findings_len;
    struct scan_work *work;
};
enum sk_code scan_begin(struct scan *scan, const struct detectors *detectors,
                        const struct detector_set *wanted, struct view text, struct arena *arena);
// *done: all of the text was looked at.
enum sk_code scan_step(struct scan *scan, bool *done);

// Heads of the columns of a table, so that a later row is read by them.
enum { SCAN_COLUMNS_MAX = 64 };
struct scan_columns {
    uint8_t labels[SCAN_COLUMNS_MAX];
    uint32_t cells; // marks in a line; 0: no table
    char mark;      // '\t', '|', ',' or ';'; ' ': two or more
};

// A text that comes in pieces. It is judged sentence by sentence: to 。！？, to ! or ? before a space
// or a wide character, to a line break that does not stand in a number, or to SCAN_SENTENCE_MAX
// bytes where no word or number stands, if there is such a place. What stood before, up to
// SCAN_CONTEXT_MAX bytes, is read as words around; so are the heads of a table's columns.
// Promises: what is judged together and what is found depends on the text only, not on its pieces;
// and it is what a scan of the whole text finds, where the words that say what a number is stand
// before it or in its sentence.
enum { SCAN_SENTENCE_MAX = 1024, SCAN_CONTEXT_MAX = 512 };
struct scan_stream {
    const struct detectors *detectors;
    struct detector_set wanted;
    char text[SCAN_CONTEXT_MAX + 4 * SCAN_SENTENCE_MAX];
    uint32_t before, judged, len; // bytes of it: context; to the end of what is judged; all
    struct scan_columns columns;
};
void scan_stream_begin(struct scan_stream *stream, const struct detectors *detectors,
                       const struct detector_set *wanted);
// What of a stream is judged now: text, and findings with offsets in it. Both until the next call.
struct judged {
    struct view text;
    struct finding *findings;
    uint32_t len;
};
// Adds at most SCAN_SENTENCE_MAX bytes of `piece` (whole characters) and moves it past them.
// Everything is judged when `last` and nothing of the piece is left.
enum sk_code scan_stream_push(struct scan_stream *stream, struct view *piece, bool last,
                              struct arena *arena, struct judged *out);
