// A compromised engine: well-formed messages at the wrong moment, or with the wrong content. Which lie
// it tells is in the file "lie" beside its executable. Border must drop it, and the node go on.
#include "build_id.h"
#include "node/link.h"
#include "node/piece.h"
#include "node/sealed.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct link parent, border;
static char lie[32];

static void tell(struct link *link, struct msg msg) {
    if (!msg_has_descriptor(msg.type)) msg.descriptor = -1;
    if (link_send(link, &msg) != SK_OK) _exit(3);
    while (link_waits(link)) {
        struct pollfd takes = {link->socket, POLLOUT, 0};
        if (poll(&takes, 1, -1) < 0 || link_flush(link) != SK_OK) _exit(3);
    }
}

static bool is(const char *name) { return strcmp(lie, name) == 0; }

static void begun(uint64_t id, bool sealed, uint32_t tokens) {
    static const int32_t ids[4];
    struct view part = {(const char *)ids, sizeof ids};
    struct msg msg = {.type = MSG_begun, .id = id, .as.begun.prompt_tokens = tokens};
    if (is("sampler not UTF-8")) msg.as.begun.sampler = VIEW("{\"seed\":\xff}");
    msg.descriptor = memfd_create("lie", 0);
    if (sealed && sealed_make(&part, 1, &msg.descriptor) != SK_OK) _exit(3);
    tell(&border, msg);
}

static void piece_of(uint64_t id, struct view parts, struct view logprobs) {
    struct msg_piece fields = {.tokens = 1, .parts = parts, .logprobs = logprobs};
    tell(&border, (struct msg){.type = MSG_piece, .id = id, .as.piece = fields});
}

static void piece(uint64_t id, enum engine_channel channel, struct view text) {
    char storage[256];
    struct buf parts = buf_over(storage, sizeof storage);
    piece_part_put((struct engine_part){channel, text}, &parts);
    piece_of(id, buf_view(&parts), VIEW(""));
}

static void many_parts(uint64_t id) {
    char storage[256];
    struct buf parts = buf_over(storage, sizeof storage);
    for (int i = 0; i <= ENGINE_PARTS_MAX; i++)
        piece_part_put((struct engine_part){ENGINE_CONTENT, VIEW("x")}, &parts);
    piece_of(id, buf_view(&parts), VIEW(""));
}

static void no_number(uint64_t id) {
    char storage[64];
    struct buf logprobs = buf_over(storage, sizeof storage);
    piece_token_put(VIEW("x"), NAN, 0, &logprobs);
    piece_of(id, VIEW(""), buf_view(&logprobs));
}

// Well-formed, so that border lets it pass; the gate must not keep it.
static void unasked(uint64_t id) {
    char storage[64];
    struct buf logprobs = buf_over(storage, sizeof storage);
    piece_token_put(VIEW("x"), -1, 0, &logprobs);
    piece_of(id, VIEW(""), buf_view(&logprobs));
    tell(&border, (struct msg){.type = MSG_sealed, .id = id});
}

static void result(uint64_t id) {
    struct view four = VIEW("four");
    struct msg msg = {.type = MSG_result, .id = id, .as.result.len = 4};
    if (sealed_make(&four, 1, &msg.descriptor) != SK_OK) _exit(3);
    tell(&border, msg);
}

static struct msg card = {.type = MSG_card, .as.card = {.loaded = 1, .context = 512}};

static struct msg_ended end_of(enum end_reason reason) {
    return (struct msg_ended){
        .completion_tokens = 1, .reason = (uint8_t)reason, .stop = ENGINE_NO_STOP};
}

static void run(uint64_t id) {
    struct msg ended = {.type = MSG_ended, .id = id, .as.ended = end_of(END_STOP)};
    if (is("ends before it began")) tell(&border, ended);
    if (is("prompt not sealed")) begun(id, false, 4);
    if (is("prompt of another length")) begun(id, true, 5);
    if (is("prompt without end")) begun(id, true, UINT32_MAX);
    if (is("says it stopped")) tell(&parent, (struct msg){.type = MSG_stopped});
    for (int i = 0; is("many cards") && i < 300000; i++) tell(&border, card);
    if (is("says it stopped") || is("many cards")) _exit(0);
    if (is("speaks out of turn")) tell(&border, (struct msg){.type = MSG_sealed, .id = id});
    struct msg failed = {.type = MSG_failed, .id = id, .as.failed = {.text = VIEW("\xff")}};
    if (is("failure not UTF-8")) tell(&border, failed);
    failed.as.failed = (struct msg_failed){.code = SK_INPUT, .param = VIEW("seed")};
    if (is("failure of no field")) tell(&border, failed);
    if (is("result before it began")) result(id);
    if (is("card not UTF-8")) {
        card.as.card.name = VIEW("\xe3");
        tell(&border, card);
    }
    begun(id, true, 4); // whatever else it is
    if (is("text before the seal")) piece(id, ENGINE_CONTENT, VIEW("early"));
}

static void granted(uint64_t id, uint32_t pieces) {
    struct msg ended = {.type = MSG_ended, .id = id, .as.ended = end_of(END_STOP)};
    if (is("text not UTF-8")) piece(id, ENGINE_CONTENT, VIEW("\xe3\x81"));
    if (is("text of no length")) piece(id, ENGINE_REASONING, VIEW(""));
    if (is("part of no channel")) piece(id, (enum engine_channel)9, VIEW("x"));
    if (is("arguments of no call")) piece(id, ENGINE_ARGUMENTS, VIEW("{}"));
    if (is("parts that are cut")) piece_of(id, VIEW("\0\5\0\0\0abc"), VIEW(""));
    if (is("too many parts")) many_parts(id);
    if (is("log-probability of no number")) no_number(id);
    if (is("unasked log-probabilities")) unasked(id);
    if (is("log-probabilities that are cut")) piece_of(id, VIEW(""), VIEW("\1\0"));
    if (is("result of an answer")) result(id);
    ended.as.ended.reasoning_tokens = 2;
    if (is("thought more than it made")) tell(&border, ended);
    ended.as.ended = end_of(END_STOP);
    ended.as.ended.prompt_cached = 5;
    if (is("found more than it was given")) tell(&border, ended);
    ended.as.ended = end_of(END_STOP);
    ended.as.ended.stop = ENGINE_STOPS_MAX;
    if (is("stopped by no string")) tell(&border, ended);
    ended.as.ended = end_of(END_CANCELLED);
    if (is("ends as cancelled")) tell(&border, ended);
    for (uint32_t i = 0; is("text not granted") && i <= pieces; i++) piece(id, ENGINE_CONTENT, VIEW("more "));
}

static void receive(struct link *link) {
    static char storage[MSG_MAX];
    struct msg msg;
    enum sk_code code;
    while ((code = link_receive(link, storage, &msg)) == SK_OK) {
        if (msg.type == MSG_link) link_open(&border, msg.descriptor, ROOM_ENGINE, ROOM_BORDER, LINK_LIVE);
        if (msg.type == MSG_engine_setup) {
            struct msg ready = {.type = MSG_ready, .as.ready = {VIEW(SEKISHO_BUILD), 2, VIEW("lies"), 0}};
            tell(link, ready);
            link->state = LINK_LIVE;
            tell(&border, card);
        }
        if (msg.type == MSG_run) run(msg.id);
        if (msg.type == MSG_grant) granted(msg.id, msg.as.grant.pieces);
    }
    if (code != SK_BUSY) _exit(0);
}

int main(void) {
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 8);
    if (len <= 0) return 2;
    path[len] = 0;
    memcpy(strrchr(path, '/'), "/lie", 5);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(lie, sizeof lie, file)) return 2;
    border.socket = -1;
    struct view nothing = VIEW("");
    if (sealed_make(&nothing, 1, &card.descriptor) != SK_OK) return 2;
    if (link_open(&parent, 3, ROOM_ENGINE, ROOM_PARENT, LINK_SETUP) != SK_OK) return 2;
    for (;;) {
        struct pollfd polls[] = {{parent.socket, POLLIN, 0}, {border.socket, POLLIN, 0}};
        if (poll(polls, 2, -1) < 0) return 2;
        if (polls[0].revents) receive(&parent);
        if (polls[1].revents) receive(&border);
    }
}
