// Audit: the decisions of a period, counted as they were made; for "every request that left in
// September, by class and place".
//
// Holds one row for each different decision (classes, place, verdict, rule) and one for each key,
// not the requests: whoever wants each of them is told in order. Fed by dense.h, which says whether
// one is missing. Promises: every decision of the log is counted once, inside the period or
// outside, by the time that its own leaf states: the node's statement, no proof. Refuses: more than
// AUDIT_CELLS_MAX different decisions, texts of them over AUDIT_TEXTS_MAX.
#pragma once
#include "ledger/dense.h"

enum {
    AUDIT_CELLS_MAX = 1 << 14,
    AUDIT_CLASSES_MAX = 64,     // of one decision
    AUDIT_TEXTS_MAX = 16 << 20, // bytes
};

enum audit_outcome { // of a decision; UNDER_WAY: none yet, OTHER: a word not known here
    AUDIT_UNDER_WAY,
    AUDIT_STOP,
    AUDIT_LENGTH,
    AUDIT_FILTERED,
    AUDIT_CUT,
    AUDIT_FAILED,
    AUDIT_REFUSED,
    AUDIT_LOST,
    AUDIT_OTHER,
    AUDIT_OUTCOMES,
};
extern const char *const audit_outcome_names[AUDIT_OUTCOMES];

struct audit_cell {
    const char *classes[AUDIT_CLASSES_MAX]; // as the leaf lists them
    uint32_t classes_len;
    const char *place, *verdict, *rule;     // "" where the leaf has none
    uint64_t requests;
    uint64_t left; // of these: an envelope was sealed for another place
    uint64_t outcomes[AUDIT_OUTCOMES]; // of these
};

struct audit_key { // decisions of one key that are counted; others are 0
    uint64_t first, last, requests; // the smallest and the largest number
};

struct audit_open { // one decision that is counted
    uint64_t index, number;
    int64_t time_ms;
    uint32_t key, cell; // places among the keys of dense_facts, and the cells
    bool left;
};
struct audit_end { // its outcome
    uint64_t index;
    int64_t time_ms;
    enum audit_outcome outcome;
    uint64_t prompt_tokens, completion_tokens;
};
// Told each request: `row` counts from 0 in the order of the log; ends come as they do.
struct audit_reader {
    void *self;
    enum sk_code (*open)(void *self, uint64_t row, const struct audit_open *open);
    enum sk_code (*end)(void *self, uint64_t row, const struct audit_end *end);
};

struct audit_query {
    int64_t from_ms, to_ms; // the period: from_ms <= time < to_ms
    bool left;              // only those for which an envelope was sealed
    struct audit_reader reader; // functions may be NULL
};

struct audit_facts {
    uint64_t requests, left;          // that are counted
    uint64_t first_index, last_index; // of their leaves, where there are any
    int64_t first_ms, last_ms;        // the earliest and the latest time stated by them
    uint64_t before, after;           // decisions before the period, and from its end on
    uint64_t undated;                 // that state no time: not counted
    uint64_t back;                    // that state a time before that of the decision before them
    int64_t back_ms;                  // by how much at most
    const struct audit_cell *cells;   // in the order in which they first came
    size_t cells_len;
    const struct audit_key *keys; // beside dense_facts.keys
};

struct audit;
enum sk_code audit_open(const struct audit_query *query, struct audit **out);
void audit_close(struct audit *audit);
// For dense_watch. SK_LIMIT when there is more than it can hold, or what the reader returned.
struct dense_watch audit_watch(struct audit *audit);
// What is known so far; valid until audit_close.
void audit_end(struct audit *audit, struct audit_facts *facts);
