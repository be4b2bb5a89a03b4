// Metrics: what the node's operator may know of its work, as numbers; Prometheus text format 0.0.4.
//
// Histograms have the names, units and boundaries of OpenTelemetry's semantic conventions for
// generative AI (gen-ai-metrics), spelt as Prometheus spells them. Promises: labels are model ids
// of the configuration and words of our own tables, never a key, its name, or anything of a client;
// so the number of series is bounded. Integers only: sums are of microseconds and tokens.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"

enum {
    BORDER_MODELS_MAX = 32 + 64, // of the node; of its routes
    BORDER_OPERATIONS = 6,
    BORDER_OUTCOMES = 3,
    BORDER_REASONS_MAX = 32,
    BORDER_VERDICTS = 4,
    BORDER_PLACES_MAX = 64,
    BORDER_WITNESSES_MAX = 64,
    BORDER_BOUNDS_MAX = 16,
    BORDER_METRICS_MAX = 30 << 20, // bytes of the text
};

// gen_ai.operation.name, by number.
extern const char *const border_operations[BORDER_OPERATIONS];

struct border_histogram {
    uint64_t counts[BORDER_BOUNDS_MAX + 1]; // of each bucket alone; the last has no bound
    uint64_t sum;
};

// Of one model and operation.
struct border_series {
    struct border_histogram duration[BORDER_OUTCOMES]; // µs: done, cut, failed
    struct border_histogram first, each;               // µs
    struct border_histogram input, output;             // tokens
};

struct border_reason {
    const char *code; // of a refusal, a constant text
    uint64_t count;
};

struct border_metrics {
    struct border_series series[BORDER_MODELS_MAX][BORDER_OPERATIONS];
    struct border_reason refused[BORDER_REASONS_MAX];
    uint64_t receipts;                   // cut and sent
    uint64_t decisions[BORDER_VERDICTS]; // sealed, by enum border_verdict
};

// An answer that is over.
struct border_sample {
    uint32_t model, operation;
    const char *outcome; // as its close leaf says
    uint32_t prompt_tokens, completion_tokens;
    int64_t asked_us, first_us, last_us, over_us; // first and last token's text; 0: there was none
};
void border_metrics_add(struct border_metrics *metrics, const struct border_sample *sample);
// A request that was told no. Codes past BORDER_REASONS_MAX count as the last of them.
void border_metrics_refused(struct border_metrics *metrics, const char *code);

// A place of the policy that is not this node.
struct border_place_gauge {
    struct view id;
    bool up;         // neither off nor left alone for its failures
    int64_t until_s; // end of its contract, since 1970; 0: none
    int64_t certificate_s; // end of the certificate it showed last; 0: none
    uint64_t asks, failed;
    uint32_t running;
};

// A witness of the log.
struct border_witness_gauge {
    struct view name;
    bool cosigned;    // in the last round
    uint64_t size;    // that it cosigned last; 0: it did not, since the node began
    int64_t time_s;   // when
    uint64_t rounds, failed;
};

// What stands now.
struct border_gauges {
    const char *build, *isolation;
    const char *isolation_parts;           // "gate=walled … bpf=held", by spaces
    struct view models[BORDER_MODELS_MAX]; // empty: none; the first models_len are the node's own
    bool loaded[BORDER_MODELS_MAX];
    uint32_t models_len;
    struct border_place_gauge places[BORDER_PLACES_MAX];
    uint32_t places_len;
    uint32_t open, waiting, running, running_max, waiting_max;
    uint64_t uptime_s;
    // The engine's keys and values on disk, when it has such.
    bool disk;
    uint64_t disk_pages, disk_hits, disk_read, disk_written, disk_failed, disk_damaged;
    // The ledger's last round through all segments; none yet: at_s is 0.
    int64_t scrub_at_s;
    uint64_t scrub_leaves, scrub_damaged, scrub_segments, scrub_sealed;
    // Witnesses of the log. What a quorum cosigned last, when, and whether it did the last time.
    struct border_witness_gauge witnesses[BORDER_WITNESSES_MAX];
    uint32_t witnesses_len;
    uint64_t quorum_size;
    int64_t quorum_s;
    bool quorum;
};
void border_metrics_write(const struct border_metrics *metrics, const struct border_gauges *gauges,
                          struct buf *out);
