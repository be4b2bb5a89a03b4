// What comes back: masks are restored, and where the client may not see every class the answer is
// judged, sentence by sentence, before it leaves.
//
// Each run of parts of one channel (and each call's arguments) is a stream of its own: what is held
// of one is let go, in order, before the next begins.
#include "base/world.h"
#include "node/piece.h"
#include "node/room_border.h"

#include <stdio.h>

enum { FILTER_ARENA = 16 << 20 };

static struct filter *filter_of(struct border_state *state, const struct ask *ask) {
    return &state->filters[ask - state->asks];
}

static uint64_t classes_all(const struct policy *policy) {
    return policy->classes_len < 64 ? (UINT64_C(1) << policy->classes_len) - 1 : UINT64_MAX;
}

bool filter_narrow(const struct border_state *state, const struct ask *ask) {
    const struct policy *policy = &ask->decision.rules->policy;
    uint64_t clear, masked;
    policy_shown(policy, REACH_WORLD, state->level_now, &clear, &masked);
    return (classes_all(policy) & ~clear) != 0;
}

void filter_begin(struct border_state *state, struct ask *ask) {
    struct filter *filter = filter_of(state, ask);
    const struct policy *policy = &ask->decision.rules->policy;
    enum border_reach client = policy_client(policy, &ask->client);
    filter->found = 0;
    filter->restored = filter->unknown = 0;
    filter->restore = (struct restore){0};
    policy_shown(policy, client, state->level_now, &filter->clear, &filter->masked);
    filter->holds = (classes_all(policy) & ~filter->clear) != 0;
    if (!filter->holds) return;
    scan_stream_begin(&filter->judge, state->detectors, &ask->decision.rules->wanted);
}

void filter_end(struct border_state *state, struct ask *ask) {
    struct filter *filter = filter_of(state, ask);
    vault_close(filter->vault);
    filter->vault = NULL;
}

bool filter_works(struct border_state *state, const struct ask *ask) {
    return filter_of(state, ask)->holds || ask->decision.vault;
}

struct filter_told filter_told(struct border_state *state, const struct ask *ask) {
    const struct filter *filter = filter_of(state, ask);
    const struct policy *policy = &ask->decision.rules->policy;
    return (struct filter_told){.client = border_reach_name(policy_client(policy, &ask->client)),
                                .judged = filter->holds,
                                .found = filter->found,
                                .restored = filter->restored,
                                .unknown = filter->unknown};
}

// ---- judging what leaves ----

struct leaving {
    struct border_state *state;
    struct ask *ask;
    struct filter *filter;
    struct arena *arena;
    enum engine_channel channel;
    struct buf *out; // parts
};

static void part_leaves(struct leaving *leaving, struct view text) {
    if (text.len) piece_part_put((struct engine_part){leaving->channel, text}, leaving->out);
}

// The class that keeps a finding from the client, or POLICY_NONE.
static uint16_t class_kept(const struct policy *policy, uint64_t classes) {
    for (uint16_t i = 0; i < policy->classes_len; i++)
        if (classes >> i & 1) return i;
    return POLICY_NONE;
}

static enum sk_code vault_ready(struct leaving *leaving) {
    struct filter *filter = leaving->filter;
    if (filter->vault) return SK_OK;
    uint8_t key[MASK_KEY_LEN];
    struct world world = world_real(-1);
    TRY(world.random(world.self, key, sizeof key));
    return vault_open(&filter->vault, key, VIEW("answer"));
}

// One judged stretch with its findings: as it is, masked, or the answer ends before it.
static enum sk_code stretch_leaves(struct leaving *leaving, const struct judged *judged) {
    struct filter *filter = leaving->filter;
    const struct policy *policy = &leaving->ask->decision.rules->policy;
    struct detector_set cut = {0};
    for (uint32_t i = 0; i < judged->len; i++) {
        struct detector_set one = {UINT64_C(1) << judged->findings[i].detector};
        uint64_t classes = policy_classes(policy, &one), kept = classes & ~filter->clear;
        filter->found |= classes;
        if (!kept) continue;
        cut.bits |= one.bits;
        uint16_t class = class_kept(policy, kept & ~filter->masked);
        if (class == POLICY_NONE) continue;
        snprintf(leaving->ask->rule, sizeof leaving->ask->rule, "class.%.80s",
                 policy->classes[class].id);
        return FAIL(SK_DENIED, "%s", leaving->ask->rule);
    }
    if (!cut.bits) {
        part_leaves(leaving, judged->text);
        return SK_OK;
    }
    struct buf masked = arena_rest(leaving->arena);
    TRY(vault_ready(leaving));
    TRY(mask_learn(filter->vault, judged->text, judged->findings, judged->len, &cut, &cut));
    TRY(mask_put(filter->vault, judged->text, judged->findings, judged->len, &cut, &masked));
    TRY(buf_check(&masked, "masked answer"));
    part_leaves(leaving, arena_keep(leaving->arena, masked.len));
    return SK_OK;
}

static enum sk_code text_judge(struct leaving *leaving, struct view text, bool last) {
    struct filter *filter = leaving->filter;
    do {
        struct judged judged;
        TRY(scan_stream_push(&filter->judge, &text, last, leaving->arena, &judged));
        if (judged.text.len) TRY(stretch_leaves(leaving, &judged));
    } while (text.len);
    if (last)
        scan_stream_begin(&filter->judge, leaving->state->detectors,
                          &leaving->ask->decision.rules->wanted);
    return SK_OK;
}

// ---- restoring what came ----

static enum sk_code text_comes(struct leaving *leaving, struct view text, bool last) {
    struct filter *filter = leaving->filter;
    struct vault *vault = leaving->ask->decision.vault;
    if (vault) {
        struct buf restored = arena_rest(leaving->arena);
        bool json = leaving->channel == ENGINE_ARGUMENTS;
        TRY(restore_put(&filter->restore, vault, text, json, last, &restored));
        TRY(buf_check(&restored, "restored answer"));
        text = arena_keep(leaving->arena, restored.len);
        if (last) {
            filter->restored += filter->restore.restored;
            filter->unknown += filter->restore.unknown;
            filter->restore = (struct restore){0};
        }
    }
    if (filter->holds) return text_judge(leaving, text, last);
    part_leaves(leaving, text);
    return SK_OK;
}

enum sk_code filter_parts(struct border_state *state, struct ask *ask, struct view parts, bool last,
                          struct buf *out) {
    static struct arena arena;
    if (!arena.base) TRY(arena_open(&arena, "filter", FILTER_ARENA));
    arena_reset(&arena);
    struct leaving leaving = {state, ask, filter_of(state, ask), &arena, ask->came, out};
    struct engine_part part;
    while (piece_part_take(&parts, &part)) {
        bool other = part.channel != ask->came || part.channel == ENGINE_CALL;
        if (other) TRY(text_comes(&leaving, VIEW(""), true));
        ask->came = leaving.channel = part.channel;
        if (part.channel == ENGINE_CALL) // a name: not text that could hold a value
            part_leaves(&leaving, part.text);
        else
            TRY(text_comes(&leaving, part.text, false));
    }
    if (last) TRY(text_comes(&leaving, VIEW(""), true));
    return buf_check(out, "answer after restoring");
}
