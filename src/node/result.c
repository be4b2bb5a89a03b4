#include "node/result.h"

#include "base/json.h"
#include "base/wire.h"

#include <math.h>

bool result_gives(enum gate_operation operation) {
    return operation != GATE_OP_CHAT && operation != GATE_OP_COMPLETION;
}

size_t result_max(enum gate_operation operation) {
    return operation == GATE_OP_ATTRIBUTE ? RESULT_JSON_MAX : RESULT_MAX;
}

static enum sk_code json_check(struct view bytes, struct arena *arena) {
    const struct json_node *root;
    char *copy = arena_text(arena, bytes);
    if (copy && json_parse(copy, bytes.len, arena, &root) == SK_OK && json_is(root, JSON_OBJECT))
        return SK_OK;
    return FAIL(SK_CORRUPT, "an attribution that is no JSON object");
}

static enum sk_code floats_check(struct wire *in, uint64_t len) {
    if ((uint64_t)(in->end - in->at) != 4 * len) in->bad = true;
    while (!in->bad && in->at < in->end)
        if (!isfinite(wire_take_f32(in))) in->bad = true;
    return wire_end(in, "result");
}

enum sk_code result_check(enum gate_operation operation, uint32_t texts, struct view bytes,
                          struct arena *arena) {
    struct wire in = wire_over(bytes);
    if (bytes.len > result_max(operation)) return FAIL(SK_CORRUPT, "a result that is too long");
    switch (operation) {
    case GATE_OP_EMBED: {
        uint32_t width = wire_take_u32(&in);
        return floats_check(&in, (uint64_t)width * texts);
    }
    case GATE_OP_RERANK:
        if (wire_take_u8(&in) >= GATE_SCORES) in.bad = true;
        return floats_check(&in, texts);
    case GATE_OP_ATTRIBUTE:
        return json_check(bytes, arena);
    case GATE_OP_COUNT:
        wire_take_u32(&in);
        return wire_end(&in, "result");
    default:
        return FAIL(SK_CORRUPT, "a result of what gives none");
    }
}
