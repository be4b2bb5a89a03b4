// Metrics at the border, which lives as long as the node: what it counted and what stands now, in a
// sealed file, since they may be longer than a message.
#include "build_id.h"
#include "node/room_border.h"

static void places_now(struct border_state *state, struct border_gauges *out) {
    enum { DAY_S = 86400 };
    const struct policy *policy = &state->now->policy;
    for (uint32_t i = 1; i < policy->places_len; i++) {
        const struct policy_place *place = &policy->places[i];
        const struct border_place *known = place_of(state, place->id);
        bool ends = place->contract_until != INT64_MIN;
        out->places[out->places_len++] = (struct border_place_gauge){
            .id = view_of(place->id),
            .up = !place->off && border_clock_us() >= known->closed_until_us,
            .until_s = ends ? (place->contract_until + 1) * DAY_S : 0,
            .certificate_s = known->certificate_s,
            .asks = known->asks,
            .failed = known->failed,
            .running = known->running};
    }
}

static struct border_gauges gauges_now(struct border_state *state) {
    int64_t up_us = border_clock_us() - state->begun_us;
    struct border_gauges gauges = {.build = SEKISHO_BUILD,
                                   .isolation = state->level,
                                   .isolation_parts = state->level_parts,
                                   .models_len = state->models_len,
                                   .open = state->open,
                                   .waiting = state->waiting,
                                   .waiting_max = state->setup.queue_max,
                                   .running = state->running,
                                   .running_max = state->jobs_max,
                                   .uptime_s = (uint64_t)up_us / 1000000,
                                   .witnesses_len = state->quorum.witnesses,
                                   .quorum_size = state->quorum.size,
                                   .quorum_s = (int64_t)state->quorum.time_s,
                                   .quorum = state->quorum.holds,
                                   .disk = state->spills,
                                   .disk_pages = state->spilled.pages,
                                   .disk_hits = state->spilled.hits,
                                   .disk_read = state->spilled.read,
                                   .disk_written = state->spilled.written,
                                   .disk_failed = state->spilled.failed,
                                   .disk_damaged = state->spilled.damaged,
                                   .scrub_at_s = (int64_t)state->scrubbed.at_ms / 1000,
                                   .scrub_leaves = state->scrubbed.leaves,
                                   .scrub_damaged = state->scrubbed.damaged,
                                   .scrub_segments = state->scrubbed.segments,
                                   .scrub_sealed = state->scrubbed.sealed};
    memcpy(gauges.witnesses, state->witnesses, sizeof gauges.witnesses);
    for (uint32_t i = 0; i < state->models_len; i++) {
        gauges.models[i] = state->models[i].setup.id;
        gauges.loaded[i] = state->models[i].told && state->models[i].card.loaded;
    }
    for (uint32_t i = 0; i < REMOTES_MAX; i++)
        gauges.models[MODELS_MAX + i] = view_of(state->remotes[i]);
    if (state->now) places_now(state, &gauges);
    return gauges;
}

void metrics_answer(struct border_state *state, uint64_t gate_id) {
    struct buf text = {0};
    enum sk_code code = buf_open(&text, BORDER_METRICS_MAX);
    if (code == SK_OK) {
        struct border_gauges gauges = gauges_now(state);
        border_metrics_write(&state->metrics, &gauges, &text);
        code = buf_check(&text, "metrics");
    }
    border_found(state, gate_id, code, buf_view(&text));
    buf_close(&text);
}
