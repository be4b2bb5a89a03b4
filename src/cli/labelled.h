// Labelled texts: what stands where, as someone says who knows; read from files, and measured
// against what detectors find.
//
// Four formats, told by their content: JSON lines as `sekisho border generate` writes them, a JSON
// array with `full_text` (presidio-research) or with `entities` (stockmark NER), CoNLL-U with
// NE=…-PERSON, and one word and tag a line (BIO). Promises: labels are whole characters inside
// their text. Refuses: a label that names no detector, one outside its text.
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "border/border.h"

enum { LABELS_MAX = 1 << 12 }; // of one text

struct label {
    uint32_t at, len; // bytes
    uint8_t detector; // DETECTOR_COUNT: nothing to find, but it looks like something
    struct view form; // how it is written, or what it is instead; may be empty
};

struct labelled {
    struct view text, origin; // origin: template, or empty
    struct label *labels;     // by place
    uint32_t labels_len;
};

struct corpus {
    const char *format;         // for people
    struct detector_set labels; // that are marked wherever they stand
    bool phones_alike;          // a phone number of any country counts as "phone"
    struct labelled *texts;
    uint32_t len;
};

// `file` is changed in place and outlives *corpus. SK_INPUT names the line or the text's number.
enum sk_code corpus_read(struct buf *file, struct arena *arena, struct corpus *out);

// ---- measuring ----

enum failure {
    FAILURE_MISSED,   // nothing of its class there
    FAILURE_EXTENT,   // found, with other ends
    FAILURE_CONFUSED, // a labelled thing found as another class
    FAILURE_SPURIOUS, // nothing labelled there
    FAILURE_KINDS,
};
const char *failure_name(enum failure kind);

struct count {
    uint32_t gold, found;                  // labels, findings
    uint32_t exact, gold_met, found_meets; // exactly alike; labels and findings that overlap one
};

// Failures of one kind on one class: with `detail`, the label's form or what it is instead.
struct failures {
    enum failure kind;
    uint8_t detector;
    struct view detail;
    uint32_t count;
};

enum { FAILURES_MAX = 1024 };

struct score {
    struct count counts[DETECTOR_COUNT];
    struct failures failures[FAILURES_MAX]; // in the order they came
    uint32_t failures_len;
    uint32_t texts, bytes;
    // Called for each failure with its number in its kind; may be NULL.
    void (*tell)(void *told, const struct failures *of, const struct labelled *text, uint32_t at,
                 uint32_t len);
    void *told;
};

// Adds one text. `findings` of classes outside `measured` are left aside.
void score_text(struct score *score, const struct corpus *corpus, const struct labelled *text,
                const struct finding *findings, uint32_t len, const struct detector_set *measured);

enum { RATE_NONE = -1 }; // there was nothing to measure
struct rates {
    double precision, recall, f1;
};
struct rates rates_exact(const struct count *count);
struct rates rates_overlap(const struct count *count);
// Sums the counts of `of`.
struct count score_sum(const struct score *score, const struct detector_set *of);
