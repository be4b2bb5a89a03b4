// Training: the record of a training run as a leaf, by an order (order.h).
//
//   {"do":"training","record":{…}}      answer: {"leaf":17}
// The leaf: {"record":{…},"time_ms":…,"type":"training","v":2}. Promises: the leaf is canonical
// JSON (RFC 8785), so a record that is so too stands in it byte for byte. Refuses: what strings,
// integers, arrays and objects with their names in order cannot be, what is too long for a leaf.
// What a record says the log cannot know, and believes.
#pragma once
#include "base/json.h"
#include "ledger/order.h"

// The order to record it.
void training_put(struct view record, struct buf *out);

enum sk_code training_seal(const struct order_hands *hands, const struct json_node *order,
                           struct json_writer *answer);
