// A text in pieces: not judged yet, so nothing of it passes (fail closed).
#include "border/scan.h"

void scan_stream_begin(struct scan_stream *stream, const struct detectors *detectors,
                       const struct detector_set *wanted) {
    *stream = (struct scan_stream){.detectors = detectors, .wanted = *wanted};
}

enum sk_code scan_stream_push(struct scan_stream *stream, struct view *piece, bool last,
                              struct arena *arena, struct judged *out) {
    (void)stream, (void)piece, (void)last, (void)arena, (void)out;
    return FAIL(SK_UNSUPPORTED, "answers are not judged yet");
}
