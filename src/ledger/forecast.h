// Forecast: how fast the log and the texts that are kept grow, by the times that leaves state, and
// when the disk is full.
//
// Holds nothing. Promises: only reads, also while a node writes there; no clock: now is the time of
// the newest leaf that has one. A rate is of what was written within the last day, week or month,
// or since the log began where that is less; of texts, less what expires within as long from now.
#pragma once
#include "base/json.h"
#include "ledger/archive.h"
#include "ledger/note.h"

enum { FORECAST_SPANS = 3 }; // day, week, month
extern const uint32_t forecast_span_days[FORECAST_SPANS];

struct forecast_part {
    uint64_t bytes;                   // now
    int64_t a_day[FORECAST_SPANS];    // bytes
};
struct forecast {
    uint64_t size;           // leaves
    int64_t time_ms, age_ms; // of the newest leaf; since the oldest
    struct forecast_part log, kept;
    uint64_t free, reserve; // bytes of the disk: for the caller to fill in, as kept.bytes
};

// Of the log `origin` in world's directory, its first `size` leaves; `archive` may be NULL.
// SK_UNKNOWN: no leaf has a time.
enum sk_code forecast_read(struct world world, const char *origin, uint64_t size,
                           const struct archive *archive, struct forecast *out);
// Bytes a day of both, by the span in which they grew fastest.
int64_t forecast_a_day(const struct forecast *forecast);
// Days until no more than `left` bytes are free; false: never, as it is now.
bool forecast_days(const struct forecast *forecast, uint64_t left, uint64_t *days);
// Its members but for time_ms, in the order of their names, into an open object.
void forecast_put(const struct forecast *forecast, struct json_writer *w);
