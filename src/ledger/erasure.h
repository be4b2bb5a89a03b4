// Erasure: the leaf that says whose texts were made unreadable, when and why; and which leaf says
// so of a request.
//
// The leaf is written first: a crash after it is made good before anything else happens, for what
// it names and the archive still has is erased at the next start.
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/json.h"
#include "base/view.h"

enum { ERASURE_MAX = 1000, ERASURE_REASON_MAX = 64 }; // requests of one leaf; bytes

struct erasure {
    uint64_t opens[ERASURE_MAX]; // ascending
    size_t len;
    struct view reason; // "retention", or a word of whoever asked
    int64_t time_ms;
};
// 1 to 64 of a-z, 0-9, '.', '_' and '-': a code, for the log is for ever and no place for words
// about anybody.
bool erasure_reason_check(struct view reason);
void erasure_write(const struct erasure *erasure, struct buf *out);
// Of a leaf that was parsed. SK_UNKNOWN: of another type; SK_CORRUPT: not as it is written.
enum sk_code erasure_read(const struct json_node *leaf, struct erasure *out);

// Of the whole log: which leaf says that a request was erased.
struct erasures {
    struct erasure_row {
        uint64_t open, leaf;
    } * rows;
    size_t len, max;
};
enum sk_code erasures_add(struct erasures *erasures, const struct erasure *erasure, uint64_t leaf);
uint64_t erasures_find(const struct erasures *erasures, uint64_t open); // UINT64_MAX: none
void erasures_close(struct erasures *erasures);
