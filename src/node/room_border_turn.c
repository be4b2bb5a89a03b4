// Whose turn it is: keys whose requests wait share the engine and the places by weight.
//
// A key is charged what its requests cost (base/fair.h): the prompt when it goes on, by its length
// until its tokens are known, and each token of the answer when it comes. The next to go on is the
// oldest request of the key that was charged least. One key alone cannot fill the queue.
#include "node/room_border.h"

// A token of an answer costs about as much as so many of a prompt: of the 0.5B model, 4 answers
// together make 140 tokens a second, and 390 of a prompt are read.
enum { ANSWER_COST = 3, PROMPT_BYTES = 4 };

// Of what is free, as many times a key may hold at most, when there are others.
enum { HELD_OVER_FREE = 3 };

// Whether its model, or its place, can take one more.
static bool ask_fits(struct border_state *state, const struct ask *ask) {
    const struct decision *decision = &ask->decision;
    if (!decision->away) {
        const struct border_model *model = border_model_base(state, ask->model);
        return border_engine_ready(state) && state->running < state->jobs_max &&
               model->running < model->setup.jobs_max;
    }
    const struct policy_place *place = decision_place(decision);
    return place_of(state, place->id)->running < place->parallel;
}

static bool ask_before(const struct ask *a, const struct ask *b) {
    return fair_older(&a->key->turn, a->order, &b->key->turn, b->order);
}

struct ask *turn_next(struct border_state *state) {
    struct ask *next = NULL;
    for (size_t i = 0; i < state->asks_end; i++) {
        struct ask *ask = &state->asks[i];
        if (ask->stage != ASK_WAITING || (next && !ask_before(ask, next))) continue;
        if (ask_fits(state, ask)) next = ask;
    }
    return next;
}

static uint32_t count_of(const struct border_state *state, const struct border_key *key,
                         bool waiting) {
    uint32_t count = 0;
    for (size_t i = 0; i < state->asks_end; i++) {
        const struct ask *ask = &state->asks[i];
        if (ask->stage == ASK_FREE || ask->key != key) continue;
        count += !waiting || ask->stage == ASK_WAITING;
    }
    return count;
}

void turn_wait(struct border_state *state, struct ask *ask) {
    if (count_of(state, ask->key, true) == 0) fair_wake(&state->turns, &ask->key->turn);
    state->waiting++;
    ask->stage = ASK_WAITING;
}

static int64_t cost_of(const struct ask *ask) {
    int64_t prompt = ask->prompt_tokens - ask->prompt_cached;
    if (!ask->prompt_tokens) prompt = 1 + ask->job_len / PROMPT_BYTES;
    return prompt + (int64_t)ANSWER_COST * ask->completion_tokens;
}

void turn_serve(struct border_state *state, struct ask *ask) {
    int64_t cost = cost_of(ask) - ask->charged;
    fair_serve(&state->turns, &ask->key->turn, cost);
    ask->charged += cost;
}

void turn_charge(struct ask *ask) {
    if (!ask->charged) return; // it had no turn yet
    int64_t cost = cost_of(ask) - ask->charged;
    fair_charge(&ask->key->turn, cost);
    ask->charged += cost;
}

static bool keys_several(const struct border_state *state) {
    uint32_t keys = 0;
    for (uint32_t i = 0; i < state->keys.len && keys < 2; i++)
        keys += state->keys.active[i] && state->keys.rows[i].right == BORDER_ASKS;
    return keys == 2;
}

bool turn_admits(const struct border_state *state, const struct border_key *key, uint32_t places) {
    uint32_t free = places > state->open ? places - state->open : 0;
    if (free == 0) return false;
    uint32_t most = HELD_OVER_FREE * free;
    // Nobody is counted where all that are open are not too many.
    return state->open < most || !keys_several(state) || count_of(state, key, false) < most;
}
