// What is kept at the border for a key: put there, found again and claimed by gate in the name of a
// caller. Content travels in sealed files; here it is only ever encrypted. Before it stands the
// address of the client that it was judged for: one that may see less does not get it.
#include "base/log.h"
#include "node/room_border.h"
#include "node/sealed.h"

static const struct refusal refusal_absent = {404, 0, "invalid_request_error", "not_found", ""},
                            refusal_running = {409, 1, "invalid_request_error",
                                               "idempotency_key_in_use", ""},
                            refusal_other = {422, 0, "invalid_request_error",
                                             "idempotency_key_reused", ""},
                            refusal_full = {503, 1, "server_error", "overloaded", ""},
                            refusal_farther = {403, 0, "permission_error", "residency_blocked", ""},
                            refusal_nothing = {400, 0, "invalid_request_error",
                                               "idempotency_unsupported", ""};

static struct border_keep_name name_of(const struct border_state *state,
                                       const struct border_key *key, struct view name) {
    return (struct border_keep_name){.owner = (uint32_t)(key - state->keys.rows), .name = name};
}

static struct policy_address address_of(struct view client) { // none: ::, as far as can be
    struct policy_address address = {{0}};
    if (client.len == sizeof address) memcpy(&address, client.at, sizeof address);
    return address;
}

static enum sk_code put(struct border_state *state, const struct border_keep_name *name,
                        struct view content, const struct msg_keep *fields) {
    struct world world = world_real(-1);
    struct policy_address client = address_of(fields->client);
    struct buf whole;
    TRY(buf_open(&whole, sizeof client + content.len));
    buf_put(&whole, &client, sizeof client);
    buf_put_view(&whole, content);
    enum sk_code code =
        border_keep_put(&state->keep, name, buf_view(&whole), fields->seconds, &world);
    buf_close(&whole);
    return code;
}

// Whether who asks now may see all that the one before might.
static bool may_see(const struct border_state *state, const struct policy_address *now,
                    const struct policy_address *before) {
    if (!state->now) return false;
    const struct policy *policy = &state->now->policy;
    uint64_t clear, masked, clear_before, masked_before;
    policy_shown(policy, policy_client(policy, now), state->level_now, &clear, &masked);
    policy_shown(policy, policy_client(policy, before), state->level_now, &clear_before,
                 &masked_before);
    return !(clear_before & ~clear) && !(masked_before & ~(clear | masked));
}

void keep_arrives(struct border_state *state, const struct msg *msg) {
    const struct msg_keep *fields = &msg->as.keep;
    struct border_key *key;
    struct view content;
    if (border_identify(&state->keys, fields->credential, &key) != SK_OK) return; // taken away
    if (sealed_map(msg->descriptor, fields->len, &content) != SK_OK) {
        room_drop(&state->room, ROOM_GATE, "keep: not the sealed file announced");
        return;
    }
    struct border_keep_name name = name_of(state, key, fields->name);
    enum sk_code code = put(state, &name, content, fields);
    sealed_unmap(&content);
    if (code != SK_OK) log_line(LOG_WARN, "keep", "refused=\"%s\"", fail_text());
}

static void found_send(struct border_state *state, uint64_t gate_id,
                       const struct border_keep_name *name, struct view client) {
    struct buf content;
    struct policy_address now = address_of(client), before;
    enum sk_code code = border_keep_find(&state->keep, name, border_clock_us(), &content);
    if (code == SK_UNKNOWN) {
        border_refuse(state, gate_id, refusal_absent,
                      "Nothing of that id is kept for this API key.");
        return;
    }
    struct view all = {0};
    if (code == SK_OK) {
        must(content.len >= sizeof before);
        memcpy(&before, content.at, sizeof before);
        all = view_from(buf_view(&content), sizeof before);
    }
    if (code == SK_OK && !may_see(state, &now, &before)) {
        buf_close(&content);
        border_refuse(state, gate_id, refusal_farther,
                      "What is kept was answered to a client that may see more than one at this "
                      "address may.");
        return;
    }
    border_found(state, gate_id, code, all);
    buf_close(&content);
}

void find_arrives(struct border_state *state, const struct msg *msg) {
    struct border_key *key;
    if (!border_admit(state, msg, msg->as.find.credential, &key)) return;
    struct border_keep_name name = name_of(state, key, msg->as.find.name);
    found_send(state, msg->id, &name, msg->as.find.client);
}

void drop_arrives(struct border_state *state, const struct msg *msg) {
    struct border_key *key;
    if (border_identify(&state->keys, msg->as.drop.credential, &key) != SK_OK) return;
    struct border_keep_name name = name_of(state, key, msg->as.drop.name);
    border_keep_drop(&state->keep, &name);
}

void claim_arrives(struct border_state *state, const struct msg *msg) {
    const struct msg_claim *fields = &msg->as.claim;
    struct border_key *key;
    struct view asked;
    uint8_t body[HASH_LEN];
    if (!border_admit(state, msg, fields->credential, &key)) return;
    if (state->keep.seconds_max == 0) {
        border_refuse(state, msg->id, refusal_nothing,
                      "This node keeps no answers (keep.seconds is 0), so it cannot promise that a "
                      "repeated request runs once. Send it without Idempotency-Key.");
        return;
    }
    if (msg->id == 0 || sealed_map(msg->descriptor, fields->len, &asked) != SK_OK) {
        room_drop(&state->room, ROOM_GATE, "claim: of no request, or not the file announced");
        return;
    }
    hash_of(asked.at, asked.len, body);
    sealed_unmap(&asked);
    struct border_keep_name name = name_of(state, key, fields->name);
    struct msg claimed = {.type = MSG_claimed, .id = msg->id, .descriptor = -1};
    switch (border_keep_claim(&state->keep, &name, body, msg->id, border_clock_us())) {
    case BORDER_CLAIM_YOURS:
        room_send(&state->room, ROOM_GATE, &claimed);
        break;
    case BORDER_CLAIM_KEPT:
        found_send(state, msg->id, &name, fields->client);
        break;
    case BORDER_CLAIM_RUNNING:
        border_refuse(state, msg->id, refusal_running,
                      "A request with this Idempotency-Key is in progress. Try again when it has "
                      "ended: the same answer will be given.");
        break;
    case BORDER_CLAIM_OTHER:
        border_refuse(state, msg->id, refusal_other,
                      "This Idempotency-Key was used for another request. Use a new key for each "
                      "request.");
        break;
    case BORDER_CLAIM_FULL:
        border_refuse(state, msg->id, refusal_full,
                      "Too many requests with an Idempotency-Key are in progress. Try again "
                      "later.");
        break;
    }
}
