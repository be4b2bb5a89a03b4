// This node's log asks its witnesses: the ledger's request goes through ferry to the place that the
// policy has for that witness, and the answer back. It is read again before it leaves: nothing but
// checkpoint, signatures and hashes of this node's log is in it.
#include "ledger/ledger.h"
#include "node/room_border.h"
#include "node/sealed.h"

#include <stdio.h>
#include <unistd.h>

_Static_assert((int)TRUST_MAX == (int)BORDER_WITNESSES_MAX, "each witness is counted");
enum { CONSULTS_MAX = 512, POST_BIT = 62, SIGNATURES_MAX = 2 };

static uint64_t rows[CONSULTS_MAX]; // ids of the ledger's requests that ferry has; 0: free

static void tell(struct border_state *state, uint64_t id, unsigned status, struct view body) {
    struct msg msg = {.type = MSG_consulted, .id = id};
    if (sealed_make(&body, 1, &msg.descriptor) != SK_OK) room_fail(&state->room, SK_LIMIT);
    msg.as.consulted =
        (struct msg_consulted){.status = (uint16_t)status, .len = (uint32_t)body.len};
    room_send(&state->room, ROOM_LEDGER, &msg);
    close(msg.descriptor);
}

// One of the log's own keys signs under the log's name.
static bool signatures_own(struct view lines, struct view origin) {
    struct view line, mark = VIEW("\xe2\x80\x94 ");
    int count = 0;
    for (; view_cut(&lines, '\n', &line); count++) {
        if (!view_starts(line, mark)) return false;
        line = view_from(line, mark.len);
        if (!view_starts(line, origin) || !view_starts(view_from(line, origin.len), VIEW(" ")))
            return false;
        if (line.len > origin.len + 1 + 4 * (NOTE_ID_LEN + SIGN_LEN + 2) / 3) return false;
    }
    return count > 0 && count <= SIGNATURES_MAX;
}

static enum sk_code body_check(struct view body, struct view origin) {
    static char storage[WITNESS_FILE_MAX];
    struct buf again = buf_over(storage, sizeof storage);
    struct witness_request request;
    struct view text, lines;
    TRY(witness_request_read(body, &request));
    TRY(note_split(request.note, &text, &lines));
    witness_request_write(&request, &again);
    const struct checkpoint *checkpoint = &request.checkpoint;
    bool own = view_same(checkpoint->origin, origin) && checkpoint->extension.len == 0;
    if (own && signatures_own(lines, origin) && view_same(buf_view(&again), body)) return SK_OK;
    return FAIL(SK_DENIED, "more than a checkpoint of this log would leave");
}

static enum sk_code place_find(const struct border_state *state, struct view id,
                               const struct policy_place **out) {
    const struct policy *policy = state->now ? &state->now->policy : NULL;
    uint16_t at = policy ? policy_place_find(policy, id) : POLICY_NONE;
    const struct policy_place *place = at == POLICY_NONE ? NULL : &policy->places[at];
    if (!place || place->use != USE_WITNESS)
        return FAIL(SK_UNKNOWN, "the policy has no place %.*s with use: witness", (int)id.len,
                    id.at);
    if (place->off) return FAIL(SK_DENIED, "place %s is off: %s", place->id, place->off);
    *out = place;
    return SK_OK;
}

static enum sk_code post(struct border_state *state, const struct msg *msg) {
    const struct msg_consult *fields = &msg->as.consult;
    const struct policy_place *place = NULL;
    struct view body;
    uint64_t *row = NULL;
    for (size_t i = 0; i < CONSULTS_MAX && !row; i++)
        if (rows[i] == 0) row = &rows[i];
    if (!row) return FAIL(SK_BUSY, "too many requests to witnesses at once");
    TRY(place_find(state, fields->place, &place));
    if (fields->len > WITNESS_FILE_MAX) return FAIL(SK_LIMIT, "request: too long");
    TRY(sealed_map(msg->descriptor, fields->len, &body));
    enum sk_code code = body_check(body, state->setup.origin);
    sealed_unmap(&body);
    TRY(code);
    struct msg out = {.type = MSG_post, .id = msg->id | UINT64_C(1) << POST_BIT,
                      .descriptor = msg->descriptor, .as.post.len = fields->len};
    policy_place_digest(place, out.as.post.place);
    if (!room_send(&state->room, ROOM_FERRY, &out)) return FAIL(SK_GONE, "ferry is being started");
    *row = msg->id;
    return SK_OK;
}

void consult_arrives(struct border_state *state, const struct msg *msg) {
    if (post(state, msg) != SK_OK) tell(state, msg->id, 0, view_of(fail_text()));
}

bool consult_over(struct border_state *state, const struct msg *msg) {
    uint64_t id = msg->id & ~(UINT64_C(1) << POST_BIT);
    if (id == msg->id) return false;
    size_t at = 0;
    while (at < CONSULTS_MAX && rows[at] != id)
        at++;
    if (id == 0 || at == CONSULTS_MAX) return true;
    struct view body = VIEW("");
    rows[at] = 0;
    if (msg->type != MSG_posted) {
        tell(state, id, 0, msg->as.failed.text);
    } else if (msg->as.posted.len > WITNESS_FILE_MAX || msg->as.posted.status < 200 ||
               (msg->as.posted.len &&
                sealed_map(msg->descriptor, msg->as.posted.len, &body) != SK_OK)) {
        room_drop(&state->room, ROOM_FERRY, "posted: of no status, too long, or not the file");
        tell(state, id, 0, VIEW("ferry is being restarted"));
    } else {
        tell(state, id, msg->as.posted.status, body);
        if (body.len) sealed_unmap(&body);
    }
    return true;
}

void consults_ferry_lost(struct border_state *state) {
    for (size_t i = 0; i < CONSULTS_MAX; i++) {
        if (rows[i]) tell(state, rows[i], 0, VIEW("ferry is being restarted"));
        rows[i] = 0;
    }
}

void cosigner_arrives(struct border_state *state, const struct msg *msg) {
    const struct msg_cosigner *fields = &msg->as.cosigner;
    must(msg->id < BORDER_WITNESSES_MAX);
    char *name = state->witness_names[msg->id];
    snprintf(name, sizeof *state->witness_names, "%.*s", (int)fields->name.len, fields->name.at);
    state->witnesses[msg->id] = (struct border_witness_gauge){.name = view_of(name),
                                                              .cosigned = fields->cosigned,
                                                              .size = fields->size,
                                                              .time_s = (int64_t)fields->time_s,
                                                              .rounds = fields->rounds,
                                                              .failed = fields->failed};
}

void quorum_arrives(struct border_state *state, const struct msg_quorum *quorum) {
    must(quorum->witnesses <= BORDER_WITNESSES_MAX);
    state->quorum = *quorum;
    snprintf(state->quorum_text, sizeof state->quorum_text, "%.*s", (int)quorum->text.len,
             quorum->text.at);
    state->quorum.text = view_of(state->quorum_text);
}
