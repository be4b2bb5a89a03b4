// Logs of others, which this node cosigns: what strangers ask of it, one in a turn, after the
// commit of this node's own log, whose sync it cannot share (what it costs: docs/witness.md). What
// it told is on disk before (ledger/witness_store.h); when the disk fails it says nothing more, and
// the node stops, as for its own log.
#include "base/log.h"
#include "base/text.h"
#include "node/room_ledger.h"
#include "node/sealed.h"

#include <unistd.h>

enum { ASKS_MAX = 64 }; // as border lets through
_Static_assert((int)WITNESS_FILE_MAX == (int)WITNESS_REQUEST_MAX, "rooms pass on what is read");

struct ask {
    uint64_t id;
    int descriptor;
    uint32_t len;
    enum witness_what what;
};

static struct ask asks[ASKS_MAX]; // a ring
static unsigned first, asks_len;
static struct witness_log logs[WITNESS_LOGS_MAX];
static size_t logs_len;
static struct world world;

void witness_open(struct room_self *room) {
    const struct signer *signer = keys_witness();
    world = world_real(ROOM_DIRECTORY_FD);
    enum sk_code code = witness_store_open(&world);
    if (code != SK_OK) room_fail(room, code);
    log_line(LOG_INFO, "witness", "key=%s logs=%zu", signer ? signer->name.name : "none", logs_len);
}

static void logs_arrive(struct room_self *room, const struct msg_witness_logs *fields) {
    enum sk_code code = witness_logs_parse(fields->keys, logs, &logs_len);
    if (code != SK_OK) room_fail(room, code); // the parent has read them
}

static void ask_arrives(struct room_self *room, struct msg *msg) {
    const struct msg_witness_ask *fields = &msg->as.witness_ask;
    bool known = fields->what == WITNESS_ADD || fields->what == WITNESS_LAST;
    if (!known || asks_len == ASKS_MAX || fields->len == 0 || fields->len > WITNESS_FILE_MAX) {
        room_drop(room, ROOM_BORDER, "witness_ask: too many, too long, or of nothing");
        return;
    }
    asks[(first + asks_len++) % ASKS_MAX] =
        (struct ask){msg->id, msg->descriptor, fields->len, (enum witness_what)fields->what};
    msg->descriptor = -1;
}

void witness_message(struct room_self *room, struct msg *msg) {
    if (msg->type == MSG_witness_logs) logs_arrive(room, &msg->as.witness_logs);
    else ask_arrives(room, msg);
}

static void tell(struct room_self *room, uint64_t id, const struct witness_verdict *verdict,
                 struct view body) {
    struct msg msg = {.type = MSG_witness_told, .id = id};
    msg.as.witness_told = (struct msg_witness_told){.status = (uint16_t)verdict->status,
                                                    .type = view_of(verdict->type),
                                                    .len = (uint32_t)body.len};
    enum sk_code code = sealed_make(&body, 1, &msg.descriptor);
    if (code != SK_OK) room_fail(room, code);
    room_send(room, ROOM_BORDER, &msg);
    close(msg.descriptor);
}

static void add(struct room_self *room, uint64_t id, struct view body) {
    const struct signer *signer = keys_witness();
    struct witness witness = {logs, signer ? logs_len : 0, NULL, NULL};
    struct witness_verdict verdict;
    if (signer) {
        witness.key = &signer->name;
        witness.secret = &signer->key;
    }
    enum sk_code code = witness_answer(&witness, &world, body, &verdict);
    if (code != SK_OK) room_fail(room, fail_within(code, "witness"));
    log_line(verdict.status == 500 ? LOG_ERROR : LOG_INFO, "cosign", "status=%u text=\"%.*s\"",
             verdict.status, verdict.status == 500 ? (int)verdict.body_len - 1 : 0, verdict.body);
    tell(room, id, &verdict, (struct view){verdict.body, verdict.body_len});
}

// Monitors: what was cosigned last, as it is kept.
static void last(struct room_self *room, uint64_t id, struct view hex) {
    char storage[NOTE_MAX], name[2 * HASH_LEN + 1];
    struct buf note = buf_over(storage, sizeof storage), digits = buf_over(name, 2 * HASH_LEN);
    uint8_t hash[HASH_LEN];
    struct witness_verdict verdict = {.status = 404, .type = "text/plain; charset=utf-8"};
    enum sk_code code = SK_UNKNOWN;
    if (hex_take(hex, hash, sizeof hash)) {
        hex_put(&digits, hash, sizeof hash);
        code = witness_store_read(&world, name, &note);
    }
    if (code == SK_OK) verdict.status = 200;
    else buf_put_text(&note, "unknown log\n");
    if (code != SK_OK && code != SK_UNKNOWN) {
        log_line(LOG_ERROR, "cosign", "text=\"%s\"", fail_text());
        verdict.status = 500;
    }
    tell(room, id, &verdict, buf_view(&note));
}

bool witness_work(struct room_self *room) {
    if (asks_len == 0) return false;
    struct ask *ask = &asks[first];
    struct view file;
    enum sk_code code = sealed_map(ask->descriptor, ask->len, &file);
    close(ask->descriptor);
    first = (first + 1) % ASKS_MAX;
    asks_len--;
    if (code != SK_OK) {
        room_drop(room, ROOM_BORDER, "witness_ask: not the file");
        return false;
    }
    if (ask->what == WITNESS_ADD) add(room, ask->id, file);
    else last(room, ask->id, file);
    sealed_unmap(&file);
    return asks_len > 0;
}
