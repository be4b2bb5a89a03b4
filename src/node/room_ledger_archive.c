// The archive in the ledger room: what border gives is kept with one commit for all that came in a
// turn, and answered; once a second an order of the operator is looked for; what expired is erased.
// What takes long of these is done one step a turn, between commits. A write of these that fails is
// told in the log and to border, which then refuses texts that are to be kept; the node goes on. It
// is tried again before each order, and after a while.
#include "base/log.h"
#include "base/text.h"
#include "node/room_ledger.h"
#include "node/sealed.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ORDERS_US = 1000000, RETENTION_US = 60 * 1000000, KEY_TEXT = 2 * SECRET_KEY_LEN + 1,
       RECORD_EXTRA = 1024 }; // bytes of a record beside its values, at most

static struct {
    uint8_t (*key)[SECRET_KEY_LEN]; // NULL: none came
    struct archive *archive;
    struct erasures erasures;
    struct order_hands hands;
    struct order order; // one at a time, in steps
    struct arena arena; // of it
    struct buf record, text, answer;
    uint64_t waits[ARCHIVE_BATCH_MAX]; // jobs whose record was put, until the commit
    size_t waits_len;
    int64_t orders_us, retention_us; // when next
    char trouble[257];               // why nothing can be kept; "": it can
    bool stays;                      // an order that was answered could not be taken away
} state;

// ---- the key ----

static enum sk_code key_take(int descriptor) {
    char text[KEY_TEXT + 1];
    bool locked;
    ssize_t n = pread(descriptor, text, sizeof text, 0);
    struct view digits = {text, n > 0 ? (size_t)n : 0};
    if (digits.len == KEY_TEXT && text[KEY_TEXT - 1] == '\n') digits.len--;
    enum sk_code code = secret_keys_open(1, &state.key, &locked);
    if (code == SK_OK && !hex_take(digits, state.key[0], SECRET_KEY_LEN))
        code = FAIL(SK_INPUT, "archive.key: not 64 hex digits (sekisho key archive makes it)");
    explicit_bzero(text, sizeof text);
    return code;
}

// ---- keeping ----

void archive_tell(struct room_self *room) {
    struct msg msg = {.type = MSG_archive_state, .descriptor = -1};
    msg.as.archive_state = (struct msg_archive_state){.works = !state.trouble[0],
                                                      .text = view_of(state.trouble)};
    room_send(room, ROOM_BORDER, &msg);
}

static void trouble(struct room_self *room) {
    snprintf(state.trouble, sizeof state.trouble, "%.256s", fail_text());
    log_line(LOG_ERROR, "archive", "text=\"%s\"", state.trouble);
    archive_tell(room);
}

static void answer(struct room_self *room, uint64_t id, bool kept) {
    struct msg msg = {.type = MSG_archived, .id = id, .descriptor = -1, .as.archived.kept = kept};
    room_send(room, ROOM_BORDER, &msg);
}

static void field_add(struct kept *kept, struct view name, const uint8_t salt[HASH_LEN],
                      const struct view *value) {
    struct kept_field *field = &kept->fields[kept->len++];
    *field = (struct kept_field){.name = name, .valued = value != NULL};
    if (value) field->value = *value;
    memcpy(field->salt, salt, HASH_LEN);
}

static enum sk_code record_put(const struct msg_archive *fields, struct view file) {
    struct view body = {file.at, fields->body_len};
    struct view envelope = {file.at + body.len, fields->envelope_len};
    struct view text = {envelope.at + envelope.len, fields->answer_len};
    struct kept kept = {.len = 0};
    field_add(&kept, VIEW("request_body"), fields->salt_body, &body);
    if (fields->away)
        field_add(&kept, VIEW("envelope"), fields->salt_prompt, &envelope);
    else
        field_add(&kept, VIEW("prompt_tokens"), fields->salt_prompt, NULL);
    field_add(&kept, VIEW("choice_0"), fields->salt_choice, &text);
    kept_record_put(&kept, &state.record);
    TRY(buf_check(&state.record, "record"));
    return archive_put(state.archive, fields->open, (int64_t)fields->until_s,
                       buf_view(&state.record));
}

static void waits_commit(struct room_self *room) {
    if (state.waits_len == 0) return;
    enum sk_code code = archive_commit(state.archive);
    for (size_t i = 0; i < state.waits_len; i++)
        answer(room, state.waits[i], code == SK_OK);
    state.waits_len = 0;
    if (code != SK_OK) trouble(room);
}

static void keep(struct room_self *room, const struct msg *msg) {
    const struct msg_archive *fields = &msg->as.archive;
    struct view file;
    uint64_t len = (uint64_t)fields->body_len + fields->envelope_len + fields->answer_len;
    bool fits = len <= ARCHIVE_RECORD_MAX - RECORD_EXTRA;
    if (!fits || state.trouble[0] || sealed_map(msg->descriptor, len, &file) != SK_OK) {
        answer(room, msg->id, false);
        return;
    }
    if (state.waits_len == ARCHIVE_BATCH_MAX) waits_commit(room);
    enum sk_code code = record_put(fields, file);
    sealed_unmap(&file);
    buf_wipe(&state.record);
    if (code == SK_OK) {
        state.waits[state.waits_len++] = msg->id;
        return;
    }
    answer(room, msg->id, false);
    trouble(room);
}

void archive_message(struct room_self *room, const struct msg *msg) {
    if (msg->type == MSG_archive) {
        keep(room, msg);
        return;
    }
    enum sk_code code = key_take(msg->descriptor);
    if (code != SK_OK) room_fail(room, code);
}

// ---- the start ----

enum sk_code archive_recall(const struct json_node *leaf, uint64_t index) {
    static struct erasure erasure;
    enum sk_code code = erasure_read(leaf, &erasure);
    if (code == SK_UNKNOWN) return SK_OK;
    TRY(code);
    return erasures_add(&state.erasures, &erasure, index);
}

enum sk_code archive_prepare(const struct order_hands *hands) {
    struct archive_found found;
    state.hands = *hands;
    state.hands.erasures = &state.erasures;
    TRY(arena_open(&state.arena, "order", 4 << 20));
    TRY(buf_open(&state.text, ORDER_MAX + 1));
    TRY(buf_open(&state.answer, ORDER_ANSWER_MAX));
    snprintf(state.trouble, sizeof state.trouble,
             "this node has no archive key (sekisho key archive)");
    if (!state.key) return SK_OK;
    TRY(buf_open(&state.record, ARCHIVE_RECORD_MAX));
    TRY(archive_open(&state.archive, world_real(ROOM_DIRECTORY_FD), state.key[0], false, &found));
    secret_keys_close(state.key);
    state.key = NULL;
    state.hands.archive = state.archive;
    state.trouble[0] = 0;
    log_line(found.damaged ? LOG_WARN : LOG_INFO, "archive", "records=%llu epoch=%llu damaged=%llu",
             (unsigned long long)found.records, (unsigned long long)found.epoch,
             (unsigned long long)found.damaged);
    return order_resume(&state.hands);
}

// ---- orders and time ----

// After a failure: what the log says was erased is erased before anything else.
static void mend(struct room_self *room) {
    if (!state.archive || !state.trouble[0]) return;
    enum sk_code code = SK_OK;
    if (archive_poisoned(state.archive)) {
        code = archive_reopen(state.archive);
        if (code == SK_OK) code = order_resume(&state.hands);
    }
    if (code != SK_OK) {
        trouble(room);
        return;
    }
    state.trouble[0] = 0;
    log_line(LOG_INFO, "archive", "records=%llu",
             (unsigned long long)archive_records(state.archive));
    archive_tell(room);
}

// Of an order or of what is due: an archive that cannot be written does not stop the node.
static void failed(struct room_self *room, enum sk_code code) {
    if (!state.archive || !archive_poisoned(state.archive))
        room_fail(room, fail_within(code, "order"));
    trouble(room);
}

// Once it is answered: nothing is done twice.
static bool order_away(struct world *world) {
    enum sk_code code = world->remove(world->self, ORDER_FILE);
    bool stays = code != SK_OK && code != SK_UNKNOWN;
    if (stays && !state.stays) log_line(LOG_WARN, "order", "text=\"%s\"", fail_text());
    state.stays = stays;
    return !stays;
}

// False: there is none.
static bool order_take(struct room_self *room, struct world *world) {
    struct buf *text = &state.text;
    if (state.stays && !order_away(world)) return false;
    enum sk_code code = file_read_at(world, ORDER_FILE, 0, text->at, text->max, &text->len);
    if (code == SK_UNKNOWN) return false;
    if (code != SK_OK) {
        log_line(LOG_WARN, "order", "text=\"%s\"", fail_text());
        order_away(world);
        return false;
    }
    mend(room);
    buf_reset(&state.answer);
    arena_reset(&state.arena);
    code = order_begin(&state.order, &state.hands, text, &state.arena, &state.answer);
    if (code != SK_OK) failed(room, code);
    return true;
}

// False: nothing is over, or nothing can be erased.
static bool retention_begin(struct room_self *room) {
    mend(room);
    if (archive_poisoned(state.archive)) return false;
    enum sk_code code = order_retire(&state.order, &state.hands);
    if (code != SK_OK) failed(room, code);
    return state.order.len > 0;
}

static bool work_begin(struct room_self *room, struct world *world) {
    int64_t now_us = world->monotonic_us(world->self);
    if (now_us >= state.orders_us) {
        state.orders_us = now_us + ORDERS_US;
        if (order_take(room, world)) return true;
    }
    if (!state.archive || now_us < state.retention_us) return false;
    state.retention_us = now_us + RETENTION_US;
    return retention_begin(room);
}

static void work_end(struct world *world) {
    if (!state.order.answer) {
        if (archive_poisoned(state.archive)) return; // what failed was told
        if (state.order.len == ERASURE_MAX) state.retention_us = 0; // there may be more
        log_line(LOG_INFO, "retention", "erased=%zu leaf=%llu bytes=%llu", state.order.len,
                 (unsigned long long)state.order.leaf, (unsigned long long)state.order.bytes);
        return;
    }
    enum sk_code code =
        file_replace(world, ORDER_ANSWER, ORDER_ANSWER ".new", buf_view(&state.answer));
    if (code != SK_OK) log_line(LOG_WARN, "order", "text=\"%s: %s\"", ORDER_ANSWER, fail_text());
    order_away(world);
}

bool archive_work(struct room_self *room) {
    struct world world = world_real(ROOM_DIRECTORY_FD);
    bool any = state.order.stage != ORDER_DONE;
    waits_commit(room);
    state.hands.now_ms = world.clock_ms(world.self);
    if (any) {
        enum sk_code code = order_step(&state.order);
        if (code != SK_OK) failed(room, code);
    } else {
        any = work_begin(room, &world);
    }
    if (any && state.order.stage == ORDER_DONE) work_end(&world);
    return state.order.stage != ORDER_DONE || (state.archive && state.retention_us == 0);
}

void archive_end(void) {
    archive_close(state.archive);
    erasures_close(&state.erasures);
}
