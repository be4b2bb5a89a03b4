// Order: what an operator asks of the archive, as one JSON object: of a running node through a file
// in the log's directory (docs/erasure.md), of a stopped one by the same function.
//
//   {"do":"erase","opens":[4,9],"reason":"art-17"}   or "key" instead of "opens": all of that key
//   {"do":"list","key":"…","from":0}                 what is kept of it ("": of all) from there
//   {"do":"prove","open":4}                          leaves and proofs, without fields (bundle.h)
//   {"do":"backup", …}, retention, forecast           see upkeep.h
//   {"do":"training", …}                              see training.h
// Answers: {"erased":2,"leaf":17}; {"next":null,"opens":[4,9]}; the bundle; {"code":"SK_UNKNOWN",
// "error":"…"}.
#pragma once
#include "ledger/archive.h"
#include "ledger/bundle.h"

enum {
    ORDER_MAX = 32 << 10,                // bytes of an order
    ORDER_ANSWER_MAX = BUNDLE_PROOFS_MAX,
    ORDER_LIST_MAX = 4096,               // requests of one answer
};
#define ORDER_FILE "order"        // made by renaming, taken away when it is answered
#define ORDER_ANSWER "order.done" // made by renaming, taken away by who asked

struct order_hands {
    struct ledger *ledger;
    struct archive *archive; // NULL: there is no archive key
    struct erasures *erasures;
    int64_t now_ms;
    void *self;
    // Appends a leaf, durably.
    enum sk_code (*seal)(void *self, struct view leaf, uint64_t *index);
    uint64_t (*close_of)(void *self, uint64_t open); // UINT64_MAX: none
};

// Under way: what takes long is done in steps, between which requests are sealed and kept.
struct order {
    enum { ORDER_DONE, ORDER_LIST, ORDER_FIND, ORDER_ERASE } stage;
    const struct order_hands *hands; // the caller's until it is done, as what follows, and the text
    struct arena *arena;
    struct buf *answer; // NULL: nobody asked
    struct view key, reason;
    uint64_t opens[ORDER_LIST_MAX]; // ascending
    size_t len, max;
    uint64_t from; // of those that are looked for
    uint64_t leaf; // of the erasure
    uint64_t bytes; // that the records of what expired took
    bool all;      // there are no more of the key
    bool expires;  // it erases what expired, and that is an order
};

// The answer is there when the stage is ORDER_DONE, also of an order that cannot be done. Another
// code than SK_OK: an erasure was begun, its leaf is in the log, and it could not be ended; the
// answer says so. Where the archive is poisoned it is made good by archive_reopen and order_resume.
enum sk_code order_begin(struct order *order, const struct order_hands *hands, struct buf *text,
                         struct arena *arena, struct buf *answer);
enum sk_code order_step(struct order *order); // some milliseconds, and two syncs
// Erases what expired until now_ms, at most ERASURE_MAX requests, with a leaf whose reason is
// retention: done at once when there are none. Errors as of order_begin. Not of a poisoned archive.
enum sk_code order_retire(struct order *order, const struct order_hands *hands);
enum sk_code order_run(const struct order_hands *hands, struct buf *text, struct arena *arena,
                       struct buf *answer); // all of it
// Erases what the log says was erased. At the start, before anything else.
enum sk_code order_resume(const struct order_hands *hands);
