#include "ways.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <ifaddrs.h>
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

static struct {
    unsigned passed, failed, skipped;
} count;

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

// ---- the places of this test ----
static struct identity authority, stranger, good, expired, elsewhere, alone, stale;
static struct stand at_good, at_expired, at_elsewhere, at_alone, at_stale, at_plain,
    at_outside;
static const uint8_t no_pin[HASH_LEN] = {1, 2, 3};
static const char envelope[] = "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                               "\"the patient is called 7K2QD9\"}],\"stream\":true}";
static const char secret[] = "sk-very-secret-key";
static uint64_t next_id = 1000;

enum { TLS_NONE, TLS_CERTIFIED, TLS_PINNED };

static struct told place_at(const char *path, const struct stand *stand, uint8_t tls) {
    struct told told = {.path = path, .stand = stand, .host = "127.0.0.1", .tls = tls};
    if (tls == TLS_CERTIFIED) told.ca = &authority;
    if (tls) told.pins[0] = stand->identity->spki;
    told.credential = secret;
    return told;
}

static void name_places(struct told *places, size_t len) {
    for (size_t i = 0; i < len; i++)
        hash_of(&i, sizeof i, places[i].name);
}

static void open_world(void) {
    authority = identity_make("authority", NULL, 0, 30);
    stranger = identity_make("stranger", NULL, 0, 30);
    good = identity_make("127.0.0.1", &authority, 0, 30);
    expired = identity_make("127.0.0.1", &authority, -30, 20);
    elsewhere = identity_make("elsewhere.example", &authority, 0, 30);
    alone = identity_make("127.0.0.1", NULL, 0, 30);
    stale = identity_make("127.0.0.1", NULL, -30, 20);
    stand_open(&at_good, "127.0.0.1", &good);
    stand_open(&at_expired, "127.0.0.1", &expired);
    stand_open(&at_elsewhere, "127.0.0.1", &elsewhere);
    stand_open(&at_alone, "127.0.0.1", &alone);
    stand_open(&at_stale, "127.0.0.1", &stale);
    stand_open(&at_plain, "127.0.0.1", NULL);
}

static void close_world(void) {
    struct stand *const stands[] = {&at_good,  &at_expired, &at_elsewhere, &at_alone,
                                    &at_stale, &at_plain,   &at_outside};
    struct identity *const identities[] = {&authority, &stranger, &good, &expired,
                                           &elsewhere, &alone,    &stale};
    for (size_t i = 0; i < sizeof stands / sizeof *stands; i++)
        if (stands[i]->listener) stand_close(stands[i]);
    for (size_t i = 0; i < sizeof identities / sizeof *identities; i++)
        identity_free(identities[i]);
}

// ---- one answer, as border sees it ----
struct answer {
    bool carried, ended, failed;
    uint32_t pieces, tokens_in, tokens_out;
    uint8_t code, reason;
    uint8_t address[16], spki[HASH_LEN];
    char text[513], content[32768];
    size_t len;
};

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
        return false;
    case MSG_piece: take_piece(answer, msg->as.piece.parts); return false;
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
    default: return false;
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

static struct answer ask(struct rooms *rooms, const struct told *place) {
    uint64_t id = next_id++;
    rooms_run(rooms, id, place->name, view_of(envelope));
    rooms_grant(rooms, id, 100);
    return finish(rooms, id);
}

// ---- who answers, and who does not ----
struct expectation {
    const char *what;
    struct told place;
    enum sk_code code;  // SK_OK: an answer
    const char *says;   // in the text of a failure
    bool asked;         // the place gets the request
};

static void judge(struct rooms *rooms, const struct expectation *wanted) {
    unsigned before = atomic_load(&wanted->place.stand->requests);
    struct answer answer = ask(rooms, &wanted->place);
    unsigned asked = atomic_load(&wanted->place.stand->requests) - before;
    printf("%-34s%-12s%s\n", wanted->what, answer.ended ? "answer" : fail_name(answer.code),
           answer.text);
    ways_check(answer.ended != answer.failed, "%s: no end", wanted->what);
    ways_check(asked == wanted->asked, "%s: %u requests went out", wanted->what, asked);
    ways_check(!strstr(answer.text, "secret"), "%s: tells the credential: %s", wanted->what,
               answer.text);
    ways_check(!strstr(answer.text, "7K2QD9"), "%s: tells the prompt: %s", wanted->what,
               answer.text);
    if (wanted->code == SK_OK) {
        ways_check(answer.ended && strcmp(answer.content, "こんにちは") == 0 &&
                       answer.tokens_in == 7 && answer.tokens_out == 3,
                   "%s: not the answer: %s %s", wanted->what, answer.content, answer.text);
        return;
    }
    ways_check(answer.code == wanted->code, "%s: %s, not %s", wanted->what,
               fail_name(answer.code), fail_name(wanted->code));
    ways_check(strstr(answer.text, wanted->says) != NULL, "%s: says \"%s\", not \"%s\"",
               wanted->what, answer.text, wanted->says);
}

// A place that is asked in vain, at the end of `path`.
static struct expectation badly(const char *path, enum sk_code code, const char *says) {
    struct expectation it = {
        .what = path, .place = place_at(path, &at_good, TLS_CERTIFIED), .code = code};
    it.says = says;
    it.asked = true;
    return it;
}

enum { CASES_MAX = 48 };
static struct expectation cases[CASES_MAX];
static size_t cases_len;

static struct expectation *add(struct expectation it) {
    must(cases_len < CASES_MAX);
    cases[cases_len] = it;
    return &cases[cases_len++];
}

static struct expectation *add_place(const char *what, struct told place, enum sk_code code,
                                     const char *says) {
    return add((struct expectation){
        .what = what, .place = place, .code = code, .says = says, .asked = code == SK_OK});
}

static void cases_keys(void) {
    const char *ok = "/ok";
    add_place("its pin", place_at(ok, &at_good, TLS_CERTIFIED), SK_OK, "");
    struct told other = place_at(ok, &at_good, TLS_CERTIFIED);
    other.pins[0] = no_pin;
    add_place("another pin", other, SK_DENIED, "none of the pins");
    other.pins[1] = good.spki;
    add_place("its pin as the next one", other, SK_OK, "");
    add_place("expired", place_at(ok, &at_expired, TLS_CERTIFIED), SK_DENIED, "expired");
    add_place("of another name", place_at(ok, &at_elsewhere, TLS_CERTIFIED), SK_DENIED, "127.0.0.1");
    other = place_at(ok, &at_good, TLS_CERTIFIED);
    other.ca = &stranger;
    add_place("certified by a stranger", other, SK_DENIED, "certificate");
    add_place("by itself", place_at(ok, &at_alone, TLS_CERTIFIED), SK_DENIED, "certificate");
    add_place("by itself, pinned", place_at(ok, &at_alone, TLS_PINNED), SK_OK, "");
    add_place("by itself, pinned, expired", place_at(ok, &at_stale, TLS_PINNED), SK_DENIED,
              "expired");
    other = place_at(ok, &at_alone, TLS_PINNED);
    other.pins[0] = no_pin;
    add_place("by itself, another pin", other, SK_DENIED, "none of the pins");
    add_place("without TLS, this machine", place_at(ok, &at_plain, TLS_NONE), SK_OK, "");
    other = place_at(ok, &at_good, TLS_NONE);
    add_place("without TLS, a TLS place", other, SK_GONE, "");
}

// An address where connections are neither taken nor refused: its queue is full.
static const char *swallow(uint16_t port) {
    static const char address[] = "127.0.0.8";
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    must(inet_pton(AF_INET, address, &here.sin_addr) == 1);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(listener, (struct sockaddr *)&here, sizeof here) == 0 && listen(listener, 0) == 0);
    for (int i = 0; i < 8; i++) {
        int caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        must(caller >= 0);
        (void)!connect(caller, (struct sockaddr *)&here, sizeof here);
    }
    return address;
}

static void cases_addresses(void) {
    struct told place = place_at("/ok", &at_good, TLS_CERTIFIED);
    place.addresses[0] = "127.0.0.9"; // nobody listens there
    add_place("nobody at its address", place, SK_GONE, "refused");
    place.addresses[1] = "127.0.0.1";
    add_place("at its second address", place, SK_OK, "");
    place.addresses[0] = swallow(at_good.port);
    place.dial_ms = 300;
    add_place("one address swallows", place, SK_OK, "");
    place.addresses[1] = NULL;
    add_place("its only address swallows", place, SK_GONE, "timed out");
    if (!at_outside.listener) return;
    place = place_at("/ok", &at_outside, TLS_NONE);
    place.addresses[0] = place.host = (const char *)at_outside.context;
    at_outside.context = NULL;
    add_place("without TLS, another machine", place, SK_DENIED, "without a pin");
    place = place_at("/ok", &at_good, TLS_CERTIFIED);
    place.pins[0] = NULL;
    add_place("without a pin, this machine", place, SK_OK, "");
}

static void cases_answers(void) {
    add(badly("/half-head", SK_GONE, "in time"))->place.timeout_ms = 300;
    add(badly("/hang", SK_GONE, "in time"))->place.timeout_ms = 300;
    add(badly("/slow", SK_GONE, "stopped coming"));
    add(badly("/huge", SK_LIMIT, ""));
    add(badly("/long-head", SK_CORRUPT, "head"));
    add(badly("/long-error", SK_GONE, "500"));
    add(badly("/garbage", SK_CORRUPT, ""));
    add(badly("/no-json", SK_CORRUPT, "answer"));
    add(badly("/no-text", SK_CORRUPT, "answer"));
    add(badly("/cut", SK_GONE, ""));
    add(badly("/cut-whole", SK_CORRUPT, "ends in the middle"));
    add(badly("/says-no", SK_GONE, "broke its answer off"));
    add(badly("/says-no-echo", SK_GONE, "broke its answer off"));
    add(badly("/compressed", SK_CORRUPT, ""));
    add(badly("/302", SK_CORRUPT, "redirects are not followed"));
    add(badly("/400", SK_INPUT, "status 400: temperature is too high"));
    add(badly("/400-echo", SK_INPUT, "status 400"));
    add(badly("/401", SK_DENIED, "status 401"));
    add(badly("/404", SK_UNKNOWN, "status 404"));
    add(badly("/429", SK_BUSY, "status 429: later"));
    add(badly("/500", SK_GONE, "status 500: broken"));
    add(badly("/503", SK_BUSY, "status 503: full"));
}

// Another address of this machine, if it has one: the plain place must refuse it.
static void open_outside(void) {
    static char text[INET_ADDRSTRLEN];
    struct ifaddrs *list;
    must(getifaddrs(&list) == 0);
    for (struct ifaddrs *it = list; it && !text[0]; it = it->ifa_next) {
        if (!it->ifa_addr || it->ifa_addr->sa_family != AF_INET) continue;
        struct in_addr at = ((struct sockaddr_in *)(void *)it->ifa_addr)->sin_addr;
        if (ntohl(at.s_addr) >> 24 != 127) inet_ntop(AF_INET, &at, text, sizeof text);
    }
    freeifaddrs(list);
    if (!text[0]) {
        ways_skip("this machine has no address but loopback");
        return;
    }
    stand_open(&at_outside, text, NULL);
    at_outside.context = text;
}

// ---- what is sent, and over what ----
static void envelope_goes_as_it_is(struct rooms *rooms, const struct told *place) {
    unsigned before = atomic_load(&at_good.connections);
    static const uint8_t loopback[16] = {
        [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    struct answer answer = ask(rooms, place);
    ways_check(answer.carried && memcmp(answer.spki, good.spki, HASH_LEN) == 0 &&
                   memcmp(answer.address, loopback, 16) == 0,
               "carried tells another address or key");
    at_good.last.at[at_good.last.len] = 0;
    const char *request = at_good.last.at, *body = strstr(request, "\r\n\r\n");
    ways_check(body && strcmp(body + 4, envelope) == 0, "the envelope is not what arrived");
    ways_check(strstr(request, "POST /ok/chat/completions HTTP/1.1\r\n") == request,
               "posted elsewhere");
    ways_check(strstr(request, "\r\nAuthorization: Bearer sk-very-secret-key\r\n") != NULL,
               "no credential");
    ways_check(strstr(request, "\r\nContent-Type: application/json\r\n") != NULL, "no type");
    ways_check(strstr(request, "\r\nExpect:") == NULL, "expects");
    for (int i = 0; i < 20; i++)
        ask(rooms, place);
    ways_check(atomic_load(&at_good.connections) - before <= 1, "connections are not used again");
}

static void nothing_that_was_not_granted(struct rooms *rooms, const struct told *place) {
    uint64_t id = next_id++;
    uint32_t granted = 0;
    struct answer *answer = calloc(1, sizeof *answer);
    struct msg msg;
    bool over = false, more = true;
    must(answer != NULL);
    rooms_run(rooms, id, place->name, view_of(envelope));
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
            rooms_run(rooms, next_id, places[(i + j) % len].name, view_of(envelope));
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
    rooms_run(rooms, id, slow->name, view_of(envelope));
    rooms_grant(rooms, id, 1);
    while (rooms_next(rooms, &msg) && msg.type != MSG_piece)
        continue;
    unsigned before = atomic_load(&at_good.connections);
    rooms_tell(rooms, places, 1); // the first alone is left
    struct answer answer = ask(rooms, &places[2]);
    ways_check(answer.failed && answer.code == SK_GONE, "a place of the old list answers");
    answer = ask(rooms, &places[0]);
    ways_check(answer.ended, "a place of the new list: %s", answer.text);
    ways_check(atomic_load(&at_good.connections) == before + 1,
               "a connection of the old list serves the new one");
    rooms_grant(rooms, id, 5000);
    answer = finish(rooms, id);
    ways_check(answer.ended && answer.len == 2999, "an answer under way broke off: %s",
               answer.text);
    rooms_tell(rooms, places, len);
    answer = ask(rooms, &places[2]);
    ways_check(answer.ended, "the old list again: %s", answer.text);
}

static void dial_falls(struct rooms *rooms, const struct told *places, size_t len) {
    rooms_dial_again(rooms, places, len);
    rooms_tell(rooms, places, len); // no idle connection is left to use
    struct answer answer = ask(rooms, &places[0]);
    ways_check(answer.ended, "after dial fell: %s", answer.text);
}

static void too_many(struct rooms *rooms, const struct told *place) {
    uint64_t first = next_id++, second = next_id++;
    rooms_run(rooms, first, place->name, view_of(envelope));
    rooms_run(rooms, second, place->name, view_of(envelope));
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
        answers += ask(rooms, place).ended;
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
    struct answer answer = ask(rooms, place);
    ways_check(answer.ended && strcmp(answer.content, "a") == 0, "the end waits: %s", answer.text);
}

int main(int argc, char **argv) {
    static struct told places[CASES_MAX + 4];
    static struct rooms rooms;
    must(argc == 2);
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    open_world();
    open_outside();
    cases_keys();
    cases_addresses();
    cases_answers();
    size_t len = cases_len;
    for (size_t i = 0; i < len; i++)
        places[i] = cases[i].place;
    size_t many = len++, hang = len++, endless = len++, leaves = len++;
    places[many] = place_at("/many", &at_good, TLS_CERTIFIED);
    places[hang] = place_at("/hang", &at_good, TLS_CERTIFIED);
    places[hang].parallel = 1;
    places[endless] = place_at("/never-stops", &at_good, TLS_CERTIFIED);
    places[leaves] = place_at("/ok-leaves", &at_good, TLS_CERTIFIED);
    name_places(places, len);
    for (size_t i = 0; i < cases_len; i++)
        memcpy(cases[i].place.name, places[i].name, HASH_LEN);
    rooms_open(&rooms, argv[1], places, len, 400);
    for (size_t i = 0; i < cases_len; i++)
        judge(&rooms, &cases[i]);
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
    rooms_close(&rooms);
    close_world();
    printf("%u passed, %u failed, %u skipped\n", count.passed, count.failed, count.skipped);
    return count.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
