// The witnesses of this log: asked in rounds to cosign its newest checkpoint. What they cosigned is
// on disk (the file "published") before it is shown. The first round is the question at start: one
// that has seen more of this log than there is here, or another, says that this is an old copy, and
// the log must not grow. Later such a word is a line of the log and a number: a witness that lies
// must not stop a node.
#include "base/log.h"
#include "base/utf8.h"
#include "node/room_ledger.h"
#include "node/sealed.h"

#include <stdio.h>
#include <unistd.h>

enum {
    ROUND_US = 10 * 1000000, // in that time a witness answers, or did not
    AGAIN_US = 500000,   // at start: ferry may not be there yet
    TEXT_MAX = 512,
    PLACE_NAME_MAX = 64, // as in msg.def
};
static const int64_t fresh_us = INT64_C(3600) * 1000000; // then the same one is cosigned again
static const char published_name[] = "published", published_new[] = "published.new";

struct asked {
    uint64_t id;    // of the request under way; 0: none
    uint64_t known; // the size that it has, as far as was told
    bool again;     // in this round: it told a size, and was asked again;
    bool cosigned;  //   it cosigned;
    char why[128];  //   why not
    uint64_t size, time_s, rounds, failed; // what it cosigned last, and when; counted
};

static struct {
    bool on, required, begun;
    uint32_t every_s;
    struct arena arena;
    struct trust trust;
    struct trust_log own;
    struct asked rows[TRUST_MAX];
    bool running;
    int64_t until_us, next_us, start_us; // of the round, the next one, the question at start
    int64_t cosigned_us, cosigned_s;     // when a quorum did last
    uint64_t size;                       // of the round
    struct buf note;                     // its checkpoint, with what was cosigned so far;
    size_t own_len;                      //   the first bytes are as this log signed it
    char note_bytes[NOTE_MAX], published[NOTE_MAX];
    size_t published_len;
    uint64_t published_size, next_id;
} state;

static int64_t now_us(void) {
    struct world world = world_real(-1);
    return world.monotonic_us(world.self);
}

static struct view published(void) { return (struct view){state.published, state.published_len}; }

// ---- what was cosigned before ----

// A checkpoint of this log that is no beginning of it: the log is an old copy, or another.
static enum sk_code grown_check(struct ledger *ledger, const struct checkpoint *old) {
    struct tree_hash proof[LEDGER_PROOF_MAX], root;
    size_t len = 0;
    uint64_t size = ledger_size(ledger);
    if (old->size > size)
        return FAIL(SK_DENIED, "%llu leaves were cosigned, here are %llu",
                    (unsigned long long)old->size, (unsigned long long)size);
    if (old->size == 0) return SK_OK;
    ledger_root(ledger, &root);
    TRY(ledger_consistency(ledger, old->size, size, proof, &len));
    return tree_consistency_check(old->size, size, &old->root, &root, proof, len);
}

static enum sk_code published_read(struct ledger *ledger) {
    struct world world = world_real(ROOM_DIRECTORY_FD);
    struct checkpoint old;
    enum sk_code code = file_read_at(&world, published_name, 0, state.published, NOTE_MAX,
                                     &state.published_len);
    if (code == SK_UNKNOWN) return SK_OK;
    if (code == SK_OK) code = checkpoint_of(published(), &old);
    if (code == SK_OK) code = grown_check(ledger, &old);
    if (code != SK_OK)
        return fail_within(code, "%s: the log is an old copy, or damaged (docs/witness.md)",
                           published_name);
    state.published_size = old.size;
    ledger_publish(ledger, published(), old.size);
    return SK_OK;
}

// Each witness is a place, and what this file calls it stands in /readyz and /metrics.
static enum sk_code names_check(struct view text) {
    if (!utf8_check(text)) return FAIL(SK_INPUT, "not UTF-8");
    for (uint32_t i = 0; i < state.trust.witnesses_len; i++) {
        struct view name = state.trust.witnesses[i].name;
        if (name.len > PLACE_NAME_MAX)
            return FAIL(SK_LIMIT, "witness %.*s: a place's name has %d bytes at most",
                        (int)name.len, name.at, PLACE_NAME_MAX);
    }
    return SK_OK;
}

static enum sk_code policy_arrives(const struct msg *msg) {
    struct view text;
    TRY(arena_open(&state.arena, "witnesses", 1 << 20));
    TRY(sealed_map(msg->descriptor, msg->as.witness_policy.len, &text));
    enum sk_code code = trust_parse(text, &state.arena, &state.trust);
    if (code == SK_OK) code = names_check(text);
    sealed_unmap(&text);
    if (code != SK_OK) return fail_within(code, "witness.policy");
    state.every_s = msg->as.witness_policy.every_s;
    state.required = msg->as.witness_policy.required;
    state.on = true;
    return SK_OK;
}

void quorum_open(struct room_self *room, struct ledger *ledger) {
    state.note = buf_over(state.note_bytes, sizeof state.note_bytes);
    state.begun = state.trust.witnesses_len == 0;
    state.start_us = now_us() + ROUND_US;
    if (!state.on) return;
    // The policy says whom to ask; that this node's own key signs is known.
    state.own = (struct trust_log){.key = *ledger_key(ledger)};
    state.trust.logs = &state.own;
    state.trust.logs_len = 1;
    enum sk_code code = published_read(ledger);
    if (code != SK_OK) room_fail(room, code);
}

bool quorum_begun(void) { return state.begun; }

// ---- a round ----

static void tell_state(struct room_self *room, const struct trust_facts *facts, bool holds) {
    char text[TEXT_MAX];
    struct buf out = buf_over(text, sizeof text);
    for (uint32_t i = 0; i < state.trust.witnesses_len; i++) {
        const struct asked *row = &state.rows[i];
        struct msg msg = {.type = MSG_cosigner, .id = i, .descriptor = -1};
        msg.as.cosigner = (struct msg_cosigner){.name = state.trust.witnesses[i].name,
                                                .cosigned = row->cosigned,
                                                .size = row->size,
                                                .time_s = row->time_s,
                                                .rounds = row->rounds,
                                                .failed = row->failed};
        room_send(room, ROOM_BORDER, &msg);
    }
    buf_put_text(&out, !state.begun ? "asking: " : holds ? "cosigned: " : "not cosigned: ");
    trust_explain(&state.trust, facts, &out);
    if (out.over) {
        buf_reset(&out);
        buf_put_text(&out, "see the log");
    }
    struct msg msg = {.type = MSG_quorum, .descriptor = -1};
    msg.as.quorum = (struct msg_quorum){.holds = holds,
                                        .size = state.published_size,
                                        .time_s = (uint64_t)state.cosigned_s,
                                        .witnesses = state.trust.witnesses_len,
                                        .text = buf_view(&out)};
    room_send(room, ROOM_BORDER, &msg);
}

static void ask(struct room_self *room, struct ledger *ledger, uint32_t which) {
    static char storage[WITNESS_REQUEST_MAX];
    struct buf body = buf_over(storage, sizeof storage);
    struct asked *row = &state.rows[which];
    // What others cosigned so far is not for this one.
    struct witness_request request = {.old = row->known,
                                      .note = {state.note.at, state.own_len}};
    enum sk_code code = SK_OK;
    if (row->known > state.size) { // an answer of the round before came late
        snprintf(row->why, sizeof row->why, "it cosigned more meanwhile");
        return;
    }
    if (row->known > 0)
        code = ledger_consistency(ledger, row->known, state.size, request.proof,
                                  &request.proof_len);
    if (code != SK_OK) room_fail(room, code);
    witness_request_write(&request, &body);
    must(!body.over);
    struct view sent = buf_view(&body);
    struct msg msg = {.type = MSG_consult, .id = row->id = ++state.next_id};
    code = sealed_make(&sent, 1, &msg.descriptor);
    if (code != SK_OK) room_fail(room, code);
    msg.as.consult =
        (struct msg_consult){.place = state.trust.witnesses[which].name, .len = (uint32_t)sent.len};
    room_send(room, ROOM_BORDER, &msg);
    close(msg.descriptor);
}

static void round_begin(struct room_self *room, struct ledger *ledger) {
    buf_reset(&state.note);
    buf_put_view(&state.note, ledger_checkpoint(ledger));
    state.own_len = state.note.len;
    state.size = ledger_size(ledger);
    state.until_us = now_us() + ROUND_US;
    state.running = true;
    for (uint32_t i = 0; i < state.trust.witnesses_len; i++) {
        struct asked *row = &state.rows[i];
        row->id = 0;
        row->again = row->cosigned = false;
        row->why[0] = 0;
        ask(room, ledger, i);
    }
    if (state.begun) return;
    struct trust_facts facts;
    trust_check(&state.trust, buf_view(&state.note), &facts); // nobody did yet: who is asked
    tell_state(room, &facts, false);
}

static enum sk_code publish(struct ledger *ledger) {
    struct world world = world_real(ROOM_DIRECTORY_FD);
    TRY(file_replace(&world, published_name, published_new, buf_view(&state.note)));
    memcpy(state.published, state.note.at, state.note.len);
    state.published_len = state.note.len;
    state.published_size = state.size;
    state.cosigned_us = now_us();
    state.cosigned_s = world.clock_ms(world.self) / 1000;
    ledger_publish(ledger, published(), state.size);
    return SK_OK;
}

// At start: asks again until a quorum answers, or time is over.
static void start_decide(struct room_self *room, bool holds) {
    if (!holds && now_us() < state.start_us) {
        state.next_us = now_us() + AGAIN_US;
        return;
    }
    if (!holds && state.required)
        room_fail(room, FAIL(SK_DENIED, "witnesses: no quorum says that this log is not an old "
                                        "copy (witness.required, docs/witness.md)"));
    if (!holds) log_line(LOG_WARN, "witnesses", "text=\"started without a quorum\"");
    state.begun = true;
}

static void round_end(struct room_self *room, struct ledger *ledger) {
    struct trust_facts facts;
    enum sk_code code = trust_check(&state.trust, buf_view(&state.note), &facts);
    bool holds = code == SK_OK, any = state.note.len > state.own_len;
    state.running = false;
    state.next_us = now_us() + (int64_t)state.every_s * 1000000;
    if (holds && any && publish(ledger) != SK_OK) room_fail(room, SK_IO);
    if (!state.begun) start_decide(room, holds && any);
    for (uint32_t i = 0; i < state.trust.witnesses_len; i++) {
        struct asked *row = &state.rows[i];
        row->rounds++;
        if (row->cosigned) continue;
        row->failed++;
        log_line(LOG_WARN, "witness", "name=%.*s failed=\"%s\"",
                 (int)state.trust.witnesses[i].name.len, state.trust.witnesses[i].name.at,
                 row->why[0] ? row->why : "no answer in time");
    }
    tell_state(room, &facts, holds);
}

void quorum_work(struct room_self *room, struct ledger *ledger) {
    if (state.trust.witnesses_len == 0) return;
    int64_t now = now_us();
    if (state.running) {
        bool waits = false;
        for (uint32_t i = 0; i < state.trust.witnesses_len; i++)
            waits |= state.rows[i].id != 0;
        if (!waits || now >= state.until_us) round_end(room, ledger);
        return;
    }
    if (now < state.next_us) return;
    bool same = ledger_size(ledger) == state.published_size && state.cosigned_us > 0;
    if (!state.begun || !same || now - state.cosigned_us >= fresh_us) round_begin(room, ledger);
    else state.next_us = now + (int64_t)state.every_s * 1000000;
}

// ---- answers ----

// It has seen what is not here, or another log. At start that is the last word.
static void contradicts(struct room_self *room, struct ledger *ledger, uint32_t which,
                        uint64_t size) {
    struct view name = state.trust.witnesses[which].name;
    char what[96];
    if (size > 0)
        snprintf(what, sizeof what, "has cosigned %llu leaves of this log, and here are %llu",
                 (unsigned long long)size, (unsigned long long)ledger_size(ledger));
    else
        snprintf(what, sizeof what, "has cosigned another log of this name than these %llu leaves",
                 (unsigned long long)state.size);
    snprintf(state.rows[which].why, sizeof state.rows[which].why, "it %s", what);
    log_line(LOG_ERROR, "witness", "name=%.*s text=\"it %s\"", (int)name.len, name.at, what);
    if (state.begun) return;
    room_fail(room, FAIL(SK_DENIED,
                         "witness %.*s %s: this is an old copy, or a fork, and signs nothing. Put "
                         "the whole log back, or go on in a new one: sekisho ledger restore",
                         (int)name.len, name.at, what));
}

static void answer_read(struct room_self *room, struct ledger *ledger, uint32_t which,
                        unsigned status, struct view body) {
    struct asked *row = &state.rows[which];
    struct witness_reply reply;
    struct view note = {state.note.at, state.own_len};
    const struct note_key *key = &state.trust.witnesses[which].key;
    enum sk_code code = witness_reply_read(status, body, note, key, &reply);
    if (code == SK_OK && state.note.len + reply.line.len <= NOTE_MAX) {
        buf_put_view(&state.note, reply.line);
        row->known = row->size = state.size;
        row->time_s = reply.time_s;
        row->cosigned = true;
        return;
    }
    snprintf(row->why, sizeof row->why, "%s", code == SK_OK ? "no room for its line" : fail_text());
    if (code == SK_BUSY && reply.size > ledger_size(ledger))
        contradicts(room, ledger, which, reply.size);
    else if (code == SK_CORRUPT && status == 422)
        contradicts(room, ledger, which, 0);
    else if (code == SK_BUSY && !row->again) {
        row->known = reply.size;
        row->again = true;
        ask(room, ledger, which);
    }
}

static void answer_arrives(struct room_self *room, struct ledger *ledger, const struct msg *msg) {
    const struct msg_consulted *fields = &msg->as.consulted;
    struct view body = VIEW("");
    uint32_t which = 0;
    while (which < state.trust.witnesses_len && state.rows[which].id != msg->id)
        which++;
    if (msg->id == 0 || which == state.trust.witnesses_len || !state.running) return; // too late
    struct asked *row = &state.rows[which];
    row->id = 0;
    if (fields->len > WITNESS_FILE_MAX ||
        (fields->len && sealed_map(msg->descriptor, fields->len, &body) != SK_OK)) {
        room_drop(room, ROOM_BORDER, "consulted: too long, or not the file");
        return;
    }
    if (fields->status)
        answer_read(room, ledger, which, fields->status, body);
    else
        snprintf(row->why, sizeof row->why, "%.*s", (int)(body.len < 120 ? body.len : 120),
                 body.at);
    if (body.len) sealed_unmap(&body);
}

void quorum_message(struct room_self *room, struct ledger *ledger, const struct msg *msg) {
    if (msg->type == MSG_consulted) {
        answer_arrives(room, ledger, msg);
        return;
    }
    enum sk_code code = policy_arrives(msg);
    if (code != SK_OK) room_fail(room, code);
}
