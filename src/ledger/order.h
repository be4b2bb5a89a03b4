// Order: what an operator asks of the archive, as one JSON object: of a running node through a file
// in the log's directory (docs/erasure.md), of a stopped one by the same function.
//
//   {"do":"erase","opens":[4,9],"reason":"art-17"}   or "key" instead of "opens": all of that key
//   {"do":"list","key":"…","from":0}                 what is kept of it ("": of all)
//   {"do":"prove","open":4}                          leaves and proofs, without fields (bundle.h)
//   {"do":"backup", …}, retention, forecast           see upkeep.h
// Answers: {"erased":2,"leaf":17}; {"next":null,"opens":[4,9]}; the bundle; {"code":"SK_UNKNOWN",
// "error":"…"}.
#pragma once
#include "ledger/archive.h"
#include "ledger/bundle.h"

enum {
    ORDER_MAX = 32 << 10,                // bytes of an order
    ORDER_ANSWER_MAX = BUNDLE_PROOFS_MAX,
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

// Writes the answer, also of an order that cannot be done. Another code than SK_OK: it was begun
// and could not be ended; it must be, before anything else (order_resume).
enum sk_code order_run(const struct order_hands *hands, struct buf *order, struct arena *arena,
                       struct buf *answer);
// At most ERASURE_MAX requests: the leaf first, then their keys. *leaf: where it is.
enum sk_code order_erase(const struct order_hands *hands, uint64_t *opens, size_t len,
                         struct view reason, uint64_t *leaf);
// Erases what expired until now_ms, at most ERASURE_MAX requests, with a leaf whose reason is
// retention: the one way in which texts expire.
struct order_expired {
    size_t len;           // requests; 0: none was due
    uint64_t bytes, leaf; // what their records took; where the erasure leaf is
};
enum sk_code order_expire(const struct order_hands *hands, struct order_expired *out);
// Erases what the log says was erased. At the start, before anything else.
enum sk_code order_resume(const struct order_hands *hands);
