// Endpoint: every path of the node, once. route.c finds requests in this table, ask.c reads their
// bodies by it, openapi.c shows it. Inside the gate module only.
#pragma once
#include "gate/field.h"

struct gate_endpoint {
    const char *method; // of GET also HEAD
    const char *path;   // a {name} takes what is left of the target: last, or before one more word
    enum gate_what what;
    enum sk_code (*read)(struct reading *r, struct gate_ask *ask); // of GATE_ASK
    const struct shape *shape;                                     // of its body
    const struct gate_protocol *protocol; // in whose words errors are told
    bool streams;                         // events too, where they are asked for
    const char *media;                    // what it answers with, as the header says; NULL: JSON
    const char *id, *summary, *doc; // id: operationId
};

extern const struct gate_endpoint gate_endpoints[];
extern const size_t gate_endpoints_len;
