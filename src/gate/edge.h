// Edge: what every answer carries beside its body, whatever its protocol: the request's id,
// the caller's limits, and what a browser is told about pages of other origins (cors.h).
//
// Promises: one list of header fields, for answers written here and by libmicrohttpd alike. The id
// is chance, and says nothing about request or caller.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    GATE_REQUEST_ID_CHANCE = 12,
    GATE_ORIGIN_MAX = 255,
    GATE_REQUEST_ID_LEN = 4 + 2 * GATE_REQUEST_ID_CHANCE, // "req_" and hex
};

// One limit of the caller's key; limit 0: there is none.
struct gate_rate {
    uint32_t limit, left;
    uint64_t reset_ms; // until all of it is there again
};

struct gate_edge {
    char id[GATE_REQUEST_ID_LEN + 1];
    bool anthropic; // Anthropic's names of header fields, else OpenAI's
    struct gate_rate requests, tokens;
    char origin[GATE_ORIGIN_MAX + 1]; // whose pages may read it, or "*"; "": only those from here
    bool vary;                        // another origin would be told another
};

// A new edge with an id made of `chance`.
void gate_edge_begin(struct gate_edge *edge, const uint8_t chance[GATE_REQUEST_ID_CHANCE]);

// The field Date, with its line end.
void gate_put_date(int64_t now_s, struct buf *out);

// Calls `put` for each header field. `now_s`: since 1970.
typedef void (*gate_put_header)(void *self, const char *name, const char *value);
void gate_edge_headers(const struct gate_edge *edge, int64_t now_s, gate_put_header put,
                       void *self);
