// Upkeep: what an operator did to look after the log, each a leaf and an order (order.h).
//
//   {"bytes":…,"do":"backup","manifest":"<64 hex>","root":"<64 hex>","size":…}
//   {"do":"retention"}                            erases what is due, at most ERASURE_MAX
//   {"do":"forecast","free":…,"kept":{…},"log":{…},"reserve":…,"size":…}   as forecast_put
// Answers: {"leaf":17}; {"erased":4,"erased_bytes":…,"leaf":19}. The leaves have the members of the
// order, a time and their type (docs/ledger-format.md). Promises: a backup is recorded only when it
// has the log's own root.
#pragma once
#include "base/json.h"
#include "ledger/backup.h"
#include "ledger/forecast.h"
#include "ledger/order.h"

// The order to record a backup.
void upkeep_backup_put(const struct backup_done *done, struct buf *out);
// SK_CORRUPT: it is of another log than this.
enum sk_code upkeep_backup(const struct order_hands *hands, const struct json_node *order,
                           struct json_writer *answer);

// After what was due was erased.
enum sk_code upkeep_retention(const struct order *order, struct json_writer *answer);

// The order to record a forecast. What it says of the disk the log cannot know, and believes.
void upkeep_forecast_put(const struct forecast *forecast, struct buf *out);
enum sk_code upkeep_forecast(const struct order_hands *hands, const struct json_node *order,
                             struct json_writer *answer);
