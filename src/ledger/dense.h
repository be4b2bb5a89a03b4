// Dense: whether the leaves of a log, read in order, tell of every request.
//
// Numbers of a key run from 1 without a gap, so that a leaf that was taken out before the log was
// signed again is missed by key and number; every decision (`open`) has one outcome (`close`) that
// names it. Holds the numbers that are still missing and the decisions that are still open, not the
// leaves: memory grows with what is out of order, and with one bit for each leaf. Refuses:
// more than DENSE_KEYS_MAX keys, DENSE_GAPS_MAX gaps or DENSE_OPEN_MAX open decisions at once.
// Whether the leaves are those of a log is not its question (whole.h).
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/view.h"

enum {
    DENSE_KEYS_MAX = 1 << 16,
    DENSE_GAPS_MAX = 1 << 16,
    DENSE_OPEN_MAX = 1 << 20,
    DENSE_FAULTS_MAX = 64, // that are kept as sentences; all are counted
};

struct dense;

struct dense_key {
    char id[64];
    uint64_t first, last; // numbers seen
    uint64_t decisions;   // leaves of it
    uint64_t missing;     // numbers between that have no leaf
};

struct dense_facts {
    uint64_t leaves, opens, closes;
    uint64_t others;   // of another type
    uint64_t strange;  // no JSON object with a type
    uint64_t unclosed; // decisions without an outcome yet
    bool successor;    // leaf 0 says `restore`: the numbers go on from another log
    uint64_t faults;   // what must not be: gaps (one for each run of numbers), doubles, …
    const char *texts[DENSE_FAULTS_MAX]; // "key k1: number 7 is missing", of the first faults
    const struct dense_key *keys;
    size_t keys_len;
};

struct dense_number {
    uint32_t key;
    uint64_t number;
};
// Told what becomes of the decisions, for whoever counts them; both may be NULL. A failure ends the
// reading.
struct dense_watch {
    void *self;
    // The decision at `index`, number `number` of the key at `key` among the facts' keys; what is
    // put into *tag comes back with its outcome.
    enum sk_code (*open)(void *self, uint64_t index, const struct dense_number *number,
                         const struct json_node *leaf, uint64_t *tag);
    enum sk_code (*close)(void *self, uint64_t index, uint64_t tag, const struct json_node *leaf);
};

enum sk_code dense_open(struct dense **dense);
void dense_watch(struct dense *dense, const struct dense_watch *watch); // before the first leaf
void dense_close(struct dense *dense);
// The next leaf; index is one more than the last, from 0. SK_LIMIT when there is more than it can
// hold. What is wrong with a leaf is a fault, not a failure.
enum sk_code dense_leaf(struct dense *dense, uint64_t index, struct view leaf);
// What is known after all leaves, asked for once; valid until dense_close.
void dense_end(struct dense *dense, struct dense_facts *facts);
