#include "ways.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

#include "engine/engine.h"
#include "node/piece.h"

static struct { unsigned passed, failed, skipped; } count;

bool ways_check(bool holds, const char *format, ...) {
    if (holds) {
        count.passed++;
        return true;
    }
    count.failed++;
    va_list list;
    va_start(list, format);
    fputs("FAILED: ", stdout);
    vprintf(format, list);
    fputs("\n", stdout);
    va_end(list);
    return false;
}

void ways_skip(const char *why) {
    count.skipped++;
    printf("skip: %s\n", why);
}

// ---- one answer, as border sees it ----
const char an_envelope[] = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                           "\"the patient is called 7K2QD9\"}],\"stream\":true}";
static uint64_t next_id = 1000;

static void take_piece(struct answer *answer, struct view parts) {
    struct engine_part part;
    answer->pieces++;
    while (piece_part_take(&parts, &part)) {
        if (answer->len + part.text.len >= sizeof answer->content) continue;
        memcpy(answer->content + answer->len, part.text.at, part.text.len);
        answer->len += part.text.len;
    }
}

// True: that was the end.
static bool take(struct answer *answer, const struct msg *msg) {
    switch (msg->type) {
    case MSG_carried:
        answer->carried = true;
        memcpy(answer->address, msg->as.carried.address.at, 16);
        memcpy(answer->spki, msg->as.carried.spki, HASH_LEN);
        answer->until_s = msg->as.carried.until_s;
        return false;
    case MSG_piece:
        take_piece(answer, msg->as.piece.parts);
        return false;
    case MSG_ended:
        answer->ended = true;
        answer->reason = msg->as.ended.reason;
        answer->tokens_in = msg->as.ended.prompt_tokens;
        answer->tokens_out = msg->as.ended.completion_tokens;
        return true;
    case MSG_failed:
        answer->failed = true;
        answer->code = msg->as.failed.code;
        snprintf(answer->text, sizeof answer->text, "%.*s", (int)msg->as.failed.text.len,
                 msg->as.failed.text.at);
        return true;
    default:
        return false;
    }
}

static struct answer finish(struct rooms *rooms, uint64_t id) {
    static struct answer answer;
    answer = (struct answer){0};
    struct msg msg;
    while (rooms_next(rooms, &msg))
        if (msg.id == id && take(&answer, &msg)) break;
    answer.content[answer.len] = 0;
    return answer;
}

struct answer ways_ask(struct rooms *rooms, const struct told *place) {
    uint64_t id = next_id++;
    rooms_run(rooms, id, place->name, view_of(an_envelope));
    rooms_grant(rooms, id, 100);
    return finish(rooms, id);
}

// ---- what is sent, and over what ----
static void envelope_goes_as_it_is(struct rooms *rooms, const struct told *place) {
    unsigned before = atomic_load(&at_good.connections);
    static const uint8_t loopback[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    struct answer answer = ways_ask(rooms, place);
    ways_check(answer.carried && memcmp(answer.spki, at_good.identity->spki, HASH_LEN) == 0 &&
                   memcmp(answer.address, loopback, 16) == 0,
               "carried tells another address or key");
    ways_check(answer.until_s == at_good.identity->until_s, "its certificate ends another day");
    at_good.last.at[at_good.last.len] = 0;
    const char *request = at_good.last.at, *body = strstr(request, "\r\n\r\n");
    ways_check(body && strcmp(body + 4, an_envelope) == 0, "the envelope is not what arrived");
    ways_check(strstr(request, "POST /ok/chat/completions HTTP/1.1\r\n") == request,
               "posted elsewhere");
    ways_check(strstr(request, "\r\nAuthorization: Bearer sk-very-secret-key\r\n") != NULL,
               "no credential");
    ways_check(strstr(request, "\r\nContent-Type: application/json\r\n") != NULL, "no type");
    ways_check(strstr(request, "\r\nExpect:") == NULL, "expects");
    for (int i = 0; i < 20; i++)
        ways_ask(rooms, place);
    ways_check(atomic_load(&at_good.connections) - before <= 1, "connections are not used again");
}

static void nothing_that_was_not_granted(struct rooms *rooms, const struct told *place) {
    uint64_t id = next_id++;
    uint32_t granted = 0;
    struct answer *answer = calloc(1, sizeof *answer);
    struct msg msg;
    bool over = false, more = true;
    must(answer != NULL);
    rooms_run(rooms, id, place->name, view_of(an_envelope));
    for (uint32_t step = 1; more && !over; step = step % 7 + 1) {
        granted += step;
        rooms_grant(rooms, id, step);
        while (answer->pieces < granted && !over && (more = rooms_next(rooms, &msg)))
            over = take(answer, &msg);
        ways_check(answer->pieces <= granted, "%u pieces, %u granted", answer->pieces, granted);
    }
    ways_check(answer->ended && answer->len == 3000, "of 3000 pieces %zu came: %s", answer->len,
               answer->text);
    free(answer);
}

static unsigned open_files(pid_t pid) {
    char path[64];
    unsigned files = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *directory = opendir(path);
    while (directory && readdir(directory))
        files++;
    if (directory) closedir(directory);
    return files;
}

// How answers of many ended.
struct ends {
    unsigned over, lost, ended;
};

static bool take_end(struct rooms *rooms, struct ends *ends) {
    static struct answer answer;
    struct msg msg;
    answer = (struct answer){0};
    if (!rooms_next(rooms, &msg)) return false;
    if (!take(&answer, &msg)) return true;
    ends->over++;
    ends->ended += answer.ended;
    ends->lost += answer.failed && answer.code != SK_BUSY;
    return true;
}

// At every point of an answer's life: before it is dialled, while it is posted, between pieces.
static void cancels(struct rooms *rooms, const struct told *places, size_t len) {
    enum { CANCELS = 1008, AT_ONCE = 16 };
    unsigned before = open_files(rooms->ferry_pid);
    struct ends ends = {0};
    for (unsigned i = 0; i < CANCELS; i += AT_ONCE) {
        uint64_t first = next_id;
        for (unsigned j = 0; j < AT_ONCE; j++, next_id++) {
            rooms_run(rooms, next_id, places[(i + j) % len].name, view_of(an_envelope));
            rooms_grant(rooms, next_id, 1 + j);
            if (j % 3 == 0) rooms_cancel(rooms, next_id);
        }
        for (unsigned j = 0; j < i / AT_ONCE % 20; j++) // some answers begin meanwhile
            if (ends.over < i + AT_ONCE / 3) take_end(rooms, &ends);
        for (unsigned j = 0; j < AT_ONCE; j++)
            if (j % 3) rooms_cancel(rooms, first + j);
        while (ends.over < i + AT_ONCE && take_end(rooms, &ends))
            continue;
    }
    ways_check(ends.lost == 0 && ends.over == CANCELS, "of %u cancelled answers %u failed",
               ends.over, ends.lost);
    printf("%-34s%u ended\n", "1008 cancels", ends.ended);
    unsigned after = open_files(rooms->ferry_pid);
    if (before < 4)
        ways_skip("descriptors of ferry cannot be counted");
    else
        ways_check(after <= before + 64, "ferry held %u descriptors, now %u", before, after);
}

static void lists_change(struct rooms *rooms, struct told *places, size_t len) {
    struct told *slow = NULL;
    for (size_t i = 0; i < len && !slow; i++)
        if (strcmp(places[i].path, "/many") == 0) slow = &places[i];
    must(slow != NULL);
    uint64_t id = next_id++;
    struct msg msg;
    rooms_run(rooms, id, slow->name, view_of(an_envelope));
    rooms_grant(rooms, id, 1);
    static struct answer begun;
    while (!begun.pieces && rooms_next(rooms, &msg))
        if (msg.id == id) take(&begun, &msg);
    unsigned before = atomic_load(&at_good.connections);
    rooms_tell(rooms, places, 1); // the first alone is left
    struct answer answer = ways_ask(rooms, &places[2]);
    ways_check(answer.failed && answer.code == SK_GONE, "a place of the old list answers");
    answer = ways_ask(rooms, &places[0]);
    ways_check(answer.ended, "a place of the new list: %s", answer.text);
    ways_check(atomic_load(&at_good.connections) == before + 1,
               "a connection of the old list serves the new one");
    rooms_grant(rooms, id, 5000);
    answer = finish(rooms, id);
    ways_check(answer.ended && begun.len + answer.len == 3000, "an answer under way broke off: %s",
               answer.text);
    rooms_tell(rooms, places, len);
    answer = ways_ask(rooms, &places[2]);
    ways_check(answer.ended, "the old list again: %s", answer.text);
}

static void dial_falls(struct rooms *rooms, const struct told *places, size_t len) {
    rooms_dial_again(rooms, places, len);
    rooms_tell(rooms, places, len); // no idle connection is left to use
    struct answer answer = ways_ask(rooms, &places[0]);
    ways_check(answer.ended, "after dial fell: %s", answer.text);
}

// A ferry that lies can ask for places by name, and for nothing else.
static void dial_is_asked(struct rooms *rooms, const struct told *known, const struct told *deaf) {
    enum { MANY = 300 };
    struct link link;
    struct msg msg, dial = {.type = MSG_dial, .id = 1};
    unsigned refused = 0, late = 0;
    rooms_be_ferry(rooms, &link);
    memcpy(dial.as.dial.place, no_pin, HASH_LEN);
    rooms_send(&link, &dial);
    bool came = rooms_next_of(rooms, &link, &msg);
    ways_check(came && msg.type == MSG_undialled && view_is(msg.as.undialled.text, "no such place"),
               "dial connects to a place it does not know");
    memcpy(dial.as.dial.place, known->name, HASH_LEN);
    rooms_send(&link, &dial);
    came = rooms_next_of(rooms, &link, &msg);
    struct sockaddr_in peer = {0};
    socklen_t len = sizeof peer;
    bool right = came && msg.type == MSG_dialled &&
                 getpeername(msg.descriptor, (struct sockaddr *)&peer, &len) == 0 &&
                 peer.sin_port == htons(known->stand->port);
    ways_check(right, "dial connects elsewhere");
    if (came && msg.descriptor >= 0) close(msg.descriptor);
    memcpy(dial.as.dial.place, deaf->name, HASH_LEN);
    for (dial.id = 2; dial.id < 2 + MANY; dial.id++)
        rooms_send(&link, &dial);
    for (int i = 0; i < MANY && rooms_next_of(rooms, &link, &msg); i++) {
        struct view why = msg.type == MSG_undialled ? msg.as.undialled.text : VIEW("");
        refused += view_starts(why, VIEW("too many"));
        late += view_starts(why, VIEW("none of 1 addresses"));
    }
    ways_check(refused > 0 && refused + late == MANY, "of %d dials %u refused, %u in vain", MANY,
               refused, late);
    link_close(&link);
}

static void too_many(struct rooms *rooms, const struct told *place) {
    uint64_t first = next_id++, second = next_id++;
    rooms_run(rooms, first, place->name, view_of(an_envelope));
    rooms_run(rooms, second, place->name, view_of(an_envelope));
    struct answer answer = finish(rooms, second);
    ways_check(answer.failed && answer.code == SK_BUSY, "one more than at once: %s", answer.text);
    rooms_cancel(rooms, first);
    answer = finish(rooms, first);
    ways_check(answer.ended && answer.reason == END_CANCELLED, "not cancelled");
}

// A connection that the place left meanwhile is found out before anything is lost.
static void idle_connections_end(struct rooms *rooms, const struct told *place) {
    unsigned before = atomic_load(&at_good.requests), answers = 0;
    enum { ASKS = 60 };
    for (int i = 0; i < ASKS; i++)
        answers += ways_ask(rooms, place).ended;
    ways_check(answers == ASKS, "of %d answers by a place that leaves %u came", ASKS, answers);
    ways_check(atomic_load(&at_good.requests) - before == ASKS, "it was asked more than once");
}

// Longer than what the kernel takes at once.
static void long_envelopes(struct rooms *rooms, const struct told *place) {
    enum { LONG = 900000 };
    uint64_t id = next_id++;
    char *text = malloc(LONG);
    must(text != NULL);
    memset(text, 'a', LONG);
    rooms_run(rooms, id, place->name, (struct view){text, LONG});
    rooms_grant(rooms, id, 100);
    struct answer answer = finish(rooms, id);
    struct view request = buf_view(&at_good.last);
    ways_check(answer.ended && request.len > LONG &&
                   memcmp(request.at + request.len - LONG, text, LONG) == 0,
               "a long envelope: %s", answer.text);
    free(text);
}

// A place that says its end and keeps the connection open must not keep the answer open.
static void end_is_told_at_once(struct rooms *rooms, const struct told *place) {
    struct answer answer = ways_ask(rooms, place);
    ways_check(answer.ended && strcmp(answer.content, "a") == 0, "the end waits: %s", answer.text);
}

int main(int argc, char **argv) {
    static struct told places[CASES_MAX + 4];
    static struct rooms rooms;
    must(argc == 2);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    world_open();
    cases_open(places);
    size_t len = cases_len;
    size_t many = len++, hang = len++, endless = len++, leaves = len++;
    places[many] = place_good("/many");
    places[hang] = place_good("/hang");
    places[hang].parallel = 1;
    places[endless] = place_good("/never-stops");
    places[leaves] = place_good("/ok-leaves");
    for (size_t i = 0; i < len; i++)
        hash_of(&i, sizeof i, places[i].name);
    rooms_open(&rooms, argv[1], places, len, 400);
    cases_judge(&rooms, places);
    envelope_goes_as_it_is(&rooms, &places[0]);
    end_is_told_at_once(&rooms, &places[endless]);
    idle_connections_end(&rooms, &places[leaves]);
    long_envelopes(&rooms, &places[0]);
    nothing_that_was_not_granted(&rooms, &places[many]);
    too_many(&rooms, &places[hang]);
    const struct told mixed[] = {places[0], places[many], places[hang], places[many], places[0]};
    cancels(&rooms, mixed, sizeof mixed / sizeof *mixed);
    lists_change(&rooms, places, len);
    dial_falls(&rooms, places, len);
    dial_is_asked(&rooms, &places[0], &places[case_mute]);
    rooms_close(&rooms);
    world_close();
    printf("%u passed, %u failed, %u skipped\n", count.passed, count.failed, count.skipped);
    return count.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
