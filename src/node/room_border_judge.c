// What stands in a request: its texts are scanned, a short step of each at a time, so that a long
// one holds up neither the short ones nor what flows.
#include "node/room_border.h"
#include "node/sealed.h"

#include <stdio.h>

enum {
    JUDGE_ARENA = 1 << 30, // reserved; touched as a request needs it
    JUDGE_KEPT = 1 << 20,  // of that, for the next one: fresh pages cost more than a short text
};

void judge_end(struct judge *judge) {
    if (!judge->ask) return;
    judge->ask->judge = NULL;
    sealed_unmap(&judge->ask->file);
    struct arena arena = judge->arena;
    if (arena.base) arena_shrink(&arena, JUDGE_KEPT);
    *judge = (struct judge){.arena = arena};
}

// Of those that wait the shortest: a queue of long texts does not delay a short one.
static struct ask *judge_next(struct border_state *state) {
    struct ask *next = NULL;
    for (size_t i = 0; i < state->asks_end; i++) {
        struct ask *ask = &state->asks[i];
        if (ask->stage != ASK_JUDGING || ask->judge) continue;
        bool shorter = !next || ask->job_len < next->job_len ||
                       (ask->job_len == next->job_len && ask->order < next->order);
        if (shorter) next = ask;
    }
    return next;
}

static enum sk_code judge_open(struct border_state *state, struct judge *judge, struct ask *ask) {
    if (!judge->arena.base) TRY(arena_open(&judge->arena, "judge", JUDGE_ARENA));
    if (!ask->file.len) TRY(sealed_map_any(ask->body, JOB_FILE_MAX, &ask->file)); // judged before
    struct view job = {ask->file.at + ask->job_at, ask->job_len};
    TRY(job_read(job, &judge->arena, &judge->task));
    TRY(texts_of(&judge->task, &judge->arena, &judge->texts));
    const struct detector_set *wanted = &state->now->wanted;
    if (!wanted->bits) return SK_OK;
    return scan_begin(&judge->scan, state->detectors, wanted, judge->texts.joined, &judge->arena);
}

// What cannot be judged is decided without findings, as one that a detector failed on.
static void judge_fails(struct border_state *state, struct judge *judge) {
    struct ask *ask = judge->ask;
    snprintf(ask->refusal_text, sizeof ask->refusal_text, "%s", fail_text());
    ask->unjudged = true;
    judge_end(judge);
    ask_decide(state, ask, NULL);
}

static void judge_work(struct border_state *state, struct judge *judge) {
    bool done = true;
    enum sk_code code = SK_OK;
    if (judge->scan.detectors) code = scan_step(&judge->scan, &done);
    if (code != SK_OK) {
        judge_fails(state, judge);
    } else if (done) {
        struct ask *ask = judge->ask;
        ask_decide(state, ask, judge);
        judge_end(judge);
    }
}

static void judge_begin(struct border_state *state, struct judge *judge, struct ask *ask) {
    judge->ask = ask;
    ask->judge = judge;
    if (judge_open(state, judge, ask) != SK_OK) judge_fails(state, judge);
}

// Whether anything in a text could make a difference: a class to find, or a place to write to.
static bool judge_matters(const struct border_state *state) {
    return state->now->wanted.bits || state->now->policy.places_len > 1;
}

static bool judges_can(const struct border_state *state) {
    return state->now && state->fresh < 0 && state->recalled && state->level[0] &&
           state->judging > 0;
}

static void judges_begin(struct border_state *state) {
    for (size_t i = 0; i < JUDGES_MAX && judges_can(state); i++) {
        struct judge *judge = &state->judges[i];
        if (judge->ask) continue;
        struct ask *ask = judge_next(state);
        if (!ask) return;
        ask->unjudged = state->detector_trouble[0] || state->detector_missing[0];
        if (ask->unjudged) ask->refusal_text[0] = 0; // the room's own trouble is the cause
        if (ask->unjudged || !judge_matters(state)) {
            sealed_unmap(&ask->file);
            ask_decide(state, ask, NULL);
        } else {
            judge_begin(state, judge, ask);
        }
    }
}

void judges_again(struct border_state *state) {
    for (size_t i = 0; i < JUDGES_MAX; i++)
        judge_end(&state->judges[i]);
}

bool judges_work(struct border_state *state) {
    judges_begin(state);
    for (size_t i = 0; i < JUDGES_MAX; i++)
        if (state->judges[i].ask) judge_work(state, &state->judges[i]);
    return judges_can(state);
}
