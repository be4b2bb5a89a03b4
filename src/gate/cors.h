// CORS (Fetch standard, section 3.2): which pages of other origins may call from a browser.
//
// Promises: only a configured origin is answered, byte for byte; cookies and other credentials of a
// browser are never allowed; what a preflight allows are the fields that clients of these APIs
// send. Refuses: origins as no browser writes them, and "*" among others.
#pragma once
#include "gate/edge.h"

struct gate_error;
struct gate_head;

// `origins`: comma separated, "scheme://host" or "scheme://host:port" each as browsers send it
// (lower case, no path, no default port), or "*" alone. SK_INPUT says what is wrong.
enum sk_code gate_origins_check(struct view origins);

// What a request from that head is to be told: the edge's fields of CORS.
void gate_cors_begin(const struct gate_head *head, struct view origins, struct gate_edge *edge);

// A browser asks first: OPTIONS with an origin and Access-Control-Request-Method.
bool gate_cors_preflight(const struct gate_head *head);
// The whole response; SK_INPUT: the edge's request is of no origin that may call.
enum sk_code gate_cors_respond(const struct gate_head *head, const struct gate_edge *edge,
                               int64_t now_s, struct buf *out, struct gate_error *error);
