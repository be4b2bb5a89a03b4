// A compromised engine: well-formed messages at the wrong moment, or with the wrong content. Which lie
// it tells is in the file "lie" beside its executable. Border must drop it, and the node go on.
#include "build_id.h"
#include "node/link.h"
#include "node/piece.h"
#include "node/sealed.h"

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

static void piece(uint64_t id, enum engine_channel channel, struct view text) {
    char storage[256];
    struct buf parts = buf_over(storage, sizeof storage);
    piece_part_put((struct engine_part){channel, text}, &parts);
    struct msg_piece fields = {.tokens = 1, .parts = buf_view(&parts)};
    tell(&border, (struct msg){.type = MSG_piece, .id = id, .as.piece = fields});
}

static struct msg card = {.type = MSG_card, .as.card = {.loaded = 1, .context = 512}};

static void run(uint64_t id) {
    struct msg ended = {.type = MSG_ended, .id = id, .as.ended = {1, 0, END_STOP, ENGINE_NO_STOP, 0}};
    if (is("ends before it began")) tell(&border, ended);
    if (is("prompt not sealed")) begun(id, false, 4);
    if (is("prompt of another length")) begun(id, true, 5);
    if (is("prompt without end")) begun(id, true, UINT32_MAX);
    if (is("says it stopped")) tell(&parent, (struct msg){.type = MSG_stopped});
    for (int i = 0; is("many cards") && i < 300000; i++) tell(&border, card);
    if (is("says it stopped") || is("many cards")) _exit(0);
    if (is("speaks out of turn")) tell(&border, (struct msg){.type = MSG_sealed, .id = id});
    if (is("text before the seal") || is("text not granted") || is("text not UTF-8") ||
        is("ends as cancelled") || is("sampler not UTF-8"))
        begun(id, true, 4);
    struct msg failed = {.type = MSG_failed, .id = id, .as.failed = {.text = VIEW("\xff")}};
    if (is("failure not UTF-8")) tell(&border, failed);
    if (is("card not UTF-8")) {
        card.as.card.name = VIEW("\xe3");
        tell(&border, card);
    }
    if (is("text before the seal")) piece(id, ENGINE_CONTENT, VIEW("early"));
}

static void granted(uint64_t id, uint32_t pieces) {
    struct msg ended = {.type = MSG_ended, .id = id, .as.ended = {1, 0, END_CANCELLED, ENGINE_NO_STOP, 0}};
    if (is("text not UTF-8")) piece(id, ENGINE_CONTENT, VIEW("\xe3\x81"));
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
