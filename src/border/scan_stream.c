#include "border/scan_parts.h"

// Bytes behind a sentence that are read to know that it ends: a line break and a margin.
enum { AHEAD = 24 };
enum { UNKNOWN = 0 }; // the end of a sentence is not known yet

void scan_stream_begin(struct scan_stream *stream, const struct detectors *detectors,
                       const struct detector_set *wanted) {
    *stream = (struct scan_stream){.detectors = detectors, .wanted = *wanted};
}

// ---- where a sentence ends: a function of the text from its beginning on ----

static bool digit_at(struct view text, size_t at) { // also full-width
    if (at >= text.len) return false;
    if (text.at[at] >= '0' && text.at[at] <= '9') return true;
    return view_starts_at(text, at, "\xef\xbc") && at + 2 < text.len &&
           (uint8_t)text.at[at + 2] >= 0x90 && (uint8_t)text.at[at + 2] <= 0x99;
}

static bool digit_or_dash_before(struct view text, size_t at) {
    while (at > 0 && (text.at[at - 1] == ' ' || text.at[at - 1] == '\r'))
        at--;
    if (at > 0 && text.at[at - 1] == '-') return true;
    return (at > 0 && digit_at(text, at - 1)) ||
           (at > 2 && (digit_at(text, at - 3) || view_starts_at(text, at - 3, "－") ||
                       view_starts_at(text, at - 3, "ー")));
}

// Whether the line break at `at` stands inside a number. *known: enough of the text is there.
static bool break_in_number(struct view text, size_t at, bool last, bool *known) {
    if (!digit_or_dash_before(text, at)) return false;
    size_t next = at + 1;
    while (next < text.len && next - at < AHEAD && text.at[next] == ' ')
        next++;
    *known = last || next + 2 < text.len || next - at >= AHEAD;
    return digit_at(text, next);
}

static bool wide_or_space(struct view text, size_t at) {
    return at < text.len && ((uint8_t)text.at[at] >= 0x80 || text.at[at] == ' ');
}

// Where a text without an end is cut: the last place in its second half with no word or number on
// both sides, else between any characters.
static size_t forced_end(struct view text) {
    size_t end = SCAN_SENTENCE_MAX;
    for (; end > SCAN_SENTENCE_MAX / 2; end--) {
        uint8_t before = (uint8_t)text.at[end - 1], behind = (uint8_t)text.at[end];
        bool wide = before >= 0x80 && behind >= 0xc0 && !digit_at(text, end) &&
                    !digit_or_dash_before(text, end);
        if (wide || ((before == ' ' || before == ',') && !digit_at(text, end))) return end;
    }
    for (end = SCAN_SENTENCE_MAX; ((uint8_t)text.at[end] & 0xc0) == 0x80;)
        end--;
    return end;
}

// Bytes of the first sentence; UNKNOWN while more of the text has to come.
static size_t sentence_end(struct view text, bool last) {
    for (size_t at = 0; at < text.len && at < SCAN_SENTENCE_MAX; at++) {
        uint8_t c = (uint8_t)text.at[at];
        bool known = true;
        if (c == '\n' && !break_in_number(text, at, last, &known)) return known ? at + 1 : UNKNOWN;
        if (!known) return UNKNOWN;
        if (c == '!' || c == '?') {
            if (at + 1 == text.len && !last) return UNKNOWN;
            if (wide_or_space(text, at + 1)) return at + 1;
        }
        if ((c == 0xe3 && view_starts_at(text, at, "。")) ||
            (c == 0xef && (view_starts_at(text, at, "！") || view_starts_at(text, at, "？"))))
            return at + 3;
    }
    if (text.len > SCAN_SENTENCE_MAX + AHEAD) return forced_end(text);
    if (!last) return UNKNOWN;
    return text.len > SCAN_SENTENCE_MAX ? forced_end(text) : text.len;
}

// ---- pieces ----

// What was judged becomes context; what is older goes.
static void judged_leaves(struct scan_stream *stream) {
    uint32_t keep = stream->judged < SCAN_CONTEXT_MAX ? stream->judged : SCAN_CONTEXT_MAX;
    uint32_t from = stream->judged - keep;
    while (from < stream->judged && ((uint8_t)stream->text[from] & 0xc0) == 0x80)
        from++;
    memmove(stream->text, stream->text + from, stream->len - from);
    stream->len -= from;
    stream->before = stream->judged -= from;
}

static void piece_joins(struct scan_stream *stream, struct view *piece) {
    size_t len = piece->len < SCAN_SENTENCE_MAX ? piece->len : SCAN_SENTENCE_MAX;
    while (len < piece->len && len > 0 && ((uint8_t)piece->at[len] & 0xc0) == 0x80)
        len--;
    must(stream->len + len <= sizeof stream->text);
    if (len) memcpy(stream->text + stream->len, piece->at, len);
    stream->len += (uint32_t)len;
    *piece = view_from(*piece, len);
}

// Judges the next sentence, `len` bytes behind what was judged; its findings join `out`.
static enum sk_code sentence_judge(struct scan_stream *stream, uint32_t len, struct arena *arena,
                                   struct judged *out) {
    uint32_t end = stream->judged + len, context = stream->judged, from = 0;
    if (context > SCAN_CONTEXT_MAX) from = context - SCAN_CONTEXT_MAX;
    while (((uint8_t)stream->text[from] & 0xc0) == 0x80)
        from++;
    struct view text = {stream->text + from, end - from};
    struct scan scan;
    bool done = false;
    TRY(scan_begin(&scan, stream->detectors, &stream->wanted, text, arena));
    scan_from(&scan, context - from, &stream->columns);
    while (!done)
        TRY(scan_step(&scan, &done));
    stream->columns = *scan_columns(&scan);
    struct finding *all = arena_take(arena, out->len + scan.findings_len + 1, sizeof *all);
    if (!all) return SK_LIMIT;
    if (out->len) memcpy(all, out->findings, out->len * sizeof *all);
    for (uint32_t i = 0; i < scan.findings_len; i++) {
        all[out->len] = scan.findings[i];
        all[out->len++].at += from - stream->before;
    }
    out->findings = all;
    stream->judged = end;
    return SK_OK;
}

enum sk_code scan_stream_push(struct scan_stream *stream, struct view *piece, bool last,
                              struct arena *arena, struct judged *out) {
    *out = (struct judged){0};
    judged_leaves(stream);
    piece_joins(stream, piece);
    last = last && piece->len == 0;
    for (;;) {
        struct view rest = {stream->text + stream->judged, stream->len - stream->judged};
        size_t len = rest.len ? sentence_end(rest, last) : UNKNOWN;
        if (len == UNKNOWN) break;
        TRY(sentence_judge(stream, (uint32_t)len, arena, out));
    }
    out->text = (struct view){stream->text + stream->before, stream->judged - stream->before};
    return SK_OK;
}
