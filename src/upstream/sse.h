// Server-sent events (WHATWG HTML, 9.2), read from bytes in any chunks. Inside the upstream module
// only.
//
// Promises: lines may end with CR, LF or both, events be cut anywhere; comments, ids and other
// fields pass. Refuses: an event, or a line, over the buffer. llama.cpp's field `error` counts as
// data of an error. The last event may lack its empty line.
#pragma once
#include "base/buf.h"
#include "base/fail.h"
#include "base/view.h"

struct sse {
    struct buf held; // the event's data so far; from `data_len` on the line that is not whole yet
    size_t data_len;
    bool any;     // data was there
    bool error;   // the event is of type error
    bool skip_lf; // the line before ended with CR
    bool taken;   // an event was given: the next begins anew
};

// Takes bytes up to the end of the next event, whose data is then sse->held until the next call;
// *event is false when all bytes were taken before that. `last`: none will follow.
enum sk_code sse_take(struct sse *sse, struct view *bytes, bool last, bool *event);
