// A decision becomes a leaf, and what was decided begins once that leaf is on disk (I3): the answer
// flows, the envelope leaves, or the client is told no.
#include "node/room_border.h"

#include <arpa/inet.h>

// The decision as its open leaf.
static void leaf_write(struct border_state *state, const struct ask *ask, struct buf *out) {
    const struct decision *decision = &ask->decision;
    const struct policy *policy = &decision->rules->policy;
    const struct policy_verdict *verdict = &decision->verdict;
    bool here = !decision->away && !decision->refused;
    struct border_open open = {
        .node = state->setup.origin.at,
        .model = ask->model_name,
        .key = ask->key->id,
        .isolation = state->level,
        .operation = border_operations[ask->operation],
        .choice = ask->choice,
        .number = ask->number,
        .time_ms = border_now_ms(),
        .policy_digest = policy->digest,
        .runtime_digest = state->setup.runtime_digest,
        .body = ask->commit_body,
        .classes = {policy, decision->classes},
        .label = {policy, decision->label},
        .consent = decision->consent > REACH_NODE ? border_reach_name(decision->consent) : NULL,
        .purpose = decision->purpose == POLICY_NONE ? NULL : policy->purposes[decision->purpose].id,
        .verdict = border_verdict_name(verdict->verdict),
        .rule = verdict->rule,
        .place = policy->places[decision->place].id,
        .shadow_verdict = verdict->shadowed ? border_verdict_name(verdict->shadow) : NULL,
        .shadow_rule = verdict->shadowed ? verdict->shadow_rule : NULL,
        .retry_of = decision->retry_of,
        .envelope = decision->away && !decision->refused ? decision->commit_envelope : NULL};
    if (here) {
        const struct msg_border_model *own = &ask->model->setup;
        const struct msg_border_model *base = &border_model_base(state, ask->model)->setup;
        open.model_digest = base->digest;
        if (base->is_signed) {
            open.model_signer = base->signer;
            open.model_statement = base->statement;
        }
        if (own != base) {
            open.adapter_digest = own->digest;
            open.adapter_scale = own->scale.at;
        }
        if (own != base && own->is_signed) {
            open.adapter_signer = own->signer;
            open.adapter_statement = own->statement;
        }
        open.model_cached = base->cached || own->cached;
        // Of the two, that which was looked at longest ago.
        open.model_checked_ms =
            (int64_t)(own->checked_ms < base->checked_ms ? own->checked_ms : base->checked_ms);
        open.prompt = ask->commit_prompt;
    }
    border_open_write(&open, out);
}

void ask_seal(struct border_state *state, struct ask *ask) {
    static char leaf[16384];
    struct buf out = buf_over(leaf, sizeof leaf);
    if (ask->stage == ASK_JUDGING) state->judging--;
    ask->number = ++ask->key->number;
    commit_begin(&ask->answer, "choice_0", ask->salt_choice);
    archive_begin(ask);
    leaf_write(state, ask, &out);
    state->metrics.decisions[ask->decision.verdict.verdict]++;
    must(!out.over);
    struct msg append = {.type = MSG_append, .id = ask->job_id, .descriptor = -1};
    append.as.append.leaf = buf_view(&out);
    ask->stage = ASK_SEALING;
    room_send(&state->room, ROOM_LEDGER, &append);
}

static void address_write(struct view bytes, char *out, size_t max) {
    struct in6_addr address;
    memcpy(&address, bytes.at, sizeof address);
    bool four = IN6_IS_ADDR_V4MAPPED(&address);
    const void *at = four ? &address.s6_addr[12] : &address.s6_addr[0];
    must(inet_ntop(four ? AF_INET : AF_INET6, at, out, (socklen_t)max) != NULL);
}

// One chunk is kept back where something may be held until the end: of an answer from elsewhere
// always, what its client may see is not known yet when the first is granted.
void ask_grant(struct border_state *state, struct ask *ask) {
    bool holds = ask->decision.away || filter_works(state, ask);
    uint32_t keep = holds && !ask->kept ? 1 : 0;
    if (ask->credit <= keep || ask->ended) return;
    ask->kept |= keep > 0;
    struct msg grant = {.type = MSG_grant, .id = ask->job_id, .descriptor = -1};
    grant.as.grant.pieces = ask->credit - keep;
    ask->granted += ask->credit - keep;
    ask->credit = 0;
    room_send(&state->room, ask->at, &grant);
}

// The answer may flow.
static void ask_accept(struct border_state *state, struct ask *ask) {
    ask->stage = ASK_ANSWERING;
    filter_begin(state, ask);
    if (ask->gone) return;
    limits_tell(state, ask->gate_id, ask->key);
    struct msg accept = {.type = MSG_accept, .id = ask->gate_id, .descriptor = -1};
    accept.as.accept = (struct msg_accept){.narrow = filter_narrow(state, ask),
                                           .open = ask->open,
                                           .created_s = (uint64_t)border_now_ms() / 1000,
                                           .prompt_tokens = ask->prompt_tokens,
                                           .prompt_cached = ask->prompt_cached,
                                           .model = view_of(ask->model_name)};
    room_send(&state->room, ROOM_GATE, &accept);
    ask_grant(state, ask);
    ask_give(state, ask);
}

// What was judged for a place is sent to it, and to no other.
static void ask_carry(struct border_state *state, struct ask *ask) {
    const struct decision *decision = &ask->decision;
    const struct policy_place *place = decision_place(decision);
    struct msg run = {.type = MSG_run, .id = ask->job_id, .descriptor = decision->envelope};
    run.as.run = (struct msg_run){.operation = (uint8_t)ask->operation,
                                  .texts = ask->texts,
                                  .tokens_max = ask->tokens_max,
                                  .job_at = decision->envelope_at,
                                  .job_len = decision->envelope_len};
    policy_place_digest(place, run.as.run.place);
    ask->at = ROOM_FERRY;
    ask->stage = ASK_CARRYING;
    if (room_send(&state->room, ROOM_FERRY, &run))
        ask_grant(state, ask); // the envelope is sealed; the answer waits for no more
    else
        ask_place_failed(state, ask, "its room is being restarted");
}

void ask_sealed(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_of_job(state, msg->id);
    if (!ask || ask->stage != ASK_SEALING) return;
    ask->open = msg->as.sealed.index;
    if (ask->decision.refused) {
        ask->ended = true;
        ask->outcome = "refused";
        ask_conclude(state, ask);
    } else if (!ask->decision.away) {
        ask_accept(state, ask);
        if (ask->ended) ask_conclude(state, ask);
    } else if (ask->gone) {
        ask_over(state, ask, "cut");
    } else if (!decision_stands(state, ask)) {
        ask_stale(state, ask);
    } else {
        ask_carry(state, ask);
    }
}

void ask_carried(struct border_state *state, const struct msg *msg) {
    struct ask *ask = ask_at(state, ROOM_FERRY, msg->id);
    const struct msg_carried *carried = &msg->as.carried;
    if (!ask || ask->stage != ASK_CARRYING) return;
    if (carried->address.len != sizeof(struct policy_address)) {
        room_drop(&state->room, ROOM_FERRY, "carried: to no address");
        return;
    }
    address_write(carried->address, ask->peer, sizeof ask->peer);
    memcpy(ask->spki, carried->spki, HASH_LEN);
    const struct decision *decision = &ask->decision;
    struct border_place *place = place_of(state, decision_place(decision)->id);
    place->certificate_s = (int64_t)carried->until_s;
    if (carried->status != 200) return; // what failed is told next
    place_worked(place);
    ask_accept(state, ask);
}
