#include "node/piece.h"

#include "base/utf8.h"
#include "base/wire.h"

#include <math.h>
#include <string.h>

void piece_part_put(struct engine_part part, struct buf *parts) {
    wire_put_u8(parts, (uint8_t)part.channel);
    wire_put_text(parts, part.text);
}

bool piece_part_take(struct view *parts, struct engine_part *out) {
    struct wire in = wire_over(*parts);
    uint8_t channel = wire_take_u8(&in);
    out->channel = (enum engine_channel)channel;
    out->text = wire_take_text(&in, PIECE_PARTS_MAX);
    if (in.bad || channel > ENGINE_ARGUMENTS) return false;
    *parts = view_from(*parts, 5 + out->text.len);
    return true;
}

enum sk_code piece_parts_check(struct view parts, enum engine_channel *last) {
    struct engine_part part;
    for (uint32_t n = 0; n < ENGINE_PARTS_MAX && piece_part_take(&parts, &part); n++) {
        if (part.text.len == 0 || !utf8_check(part.text))
            return FAIL(SK_CORRUPT, "a part that is empty or not UTF-8");
        if (part.channel == ENGINE_CALL && part.text.len > ENGINE_NAME_MAX)
            return FAIL(SK_CORRUPT, "a call of %zu bytes", part.text.len);
        if (part.channel == ENGINE_ARGUMENTS && *last != ENGINE_CALL && *last != ENGINE_ARGUMENTS)
            return FAIL(SK_CORRUPT, "arguments of no call");
        *last = part.channel;
    }
    return parts.len == 0 ? SK_OK : FAIL(SK_CORRUPT, "parts that are none");
}

static void weighed_put(struct view text, float logprob, struct buf *out) {
    must(text.len <= PIECE_TOKEN_MAX);
    wire_put_u16(out, (uint16_t)text.len);
    buf_put_view(out, text);
    wire_put_f32(out, logprob);
}

void piece_token_put(struct view text, float logprob, uint32_t more, struct buf *logprobs) {
    must(more <= ENGINE_CANDIDATES_MAX);
    weighed_put(text, logprob, logprobs);
    wire_put_u8(logprobs, (uint8_t)more);
}

void piece_alternative_put(struct view text, float logprob, struct buf *logprobs) {
    weighed_put(text, logprob, logprobs);
}

static void weighed_check(struct wire *in) {
    wire_take_bytes(in, wire_take_u16(in));
    if (!isfinite(wire_take_f32(in))) in->bad = true;
}

enum sk_code piece_logprobs_check(struct view logprobs) {
    struct wire in = wire_over(logprobs);
    while (!in.bad && in.at < in.end) {
        weighed_check(&in);
        uint8_t more = wire_take_u8(&in);
        if (more > ENGINE_CANDIDATES_MAX) in.bad = true;
        for (uint8_t i = 0; i < more && !in.bad; i++)
            weighed_check(&in);
    }
    return wire_end(&in, "log-probabilities");
}

// ---- pieces that travel as one ----

static bool joins(const struct piece_joined *joined, struct view parts, struct view logprobs) {
    struct engine_part part;
    bool weighed = joined->logprobs_len || logprobs.len;
    uint32_t count = joined->count;
    if (parts.len > sizeof joined->parts - joined->parts_len ||
        logprobs.len > sizeof joined->logprobs - joined->logprobs_len)
        return false;
    while (piece_part_take(&parts, &part)) {
        if (weighed && count && count == joined->count && part.channel != joined->last)
            return false;
        count++;
    }
    must(parts.len == 0);
    return count <= ENGINE_PARTS_MAX;
}

static void part_join(struct piece_joined *joined, struct engine_part part) {
    struct buf out = buf_over(joined->parts, sizeof joined->parts);
    out.len = joined->parts_len;
    if (joined->count && part.channel == joined->last && part.channel != ENGINE_CALL) {
        struct view last = view_from(buf_view(&out), joined->last_at);
        struct engine_part before;
        must(piece_part_take(&last, &before));
        struct buf len = buf_over(joined->parts + joined->last_at + 1, 4);
        wire_put_u32(&len, (uint32_t)(before.text.len + part.text.len));
        buf_put_view(&out, part.text);
    } else {
        joined->last_at = out.len;
        joined->last = part.channel;
        joined->count++;
        piece_part_put(part, &out);
    }
    must(!out.over);
    joined->parts_len = out.len;
}

bool piece_join(struct piece_joined *joined, struct view parts, struct view logprobs,
                uint32_t tokens) {
    struct engine_part part;
    if (!joins(joined, parts, logprobs)) return false;
    while (piece_part_take(&parts, &part)) part_join(joined, part);
    if (logprobs.len) memcpy(joined->logprobs + joined->logprobs_len, logprobs.at, logprobs.len);
    joined->logprobs_len += logprobs.len;
    joined->tokens += tokens;
    return true;
}
