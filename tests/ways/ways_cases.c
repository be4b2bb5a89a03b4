// Who answers and who does not: places of all kinds, each asked once, and what must come of it.
#include "ways.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// ---- the places of this test ----
static struct identity authority, stranger, good, six, expired, elsewhere, alone, stale;
struct stand at_good;
static struct stand at_expired, at_elsewhere, at_alone, at_stale, at_plain, at_outside, at_six;
const uint8_t no_pin[HASH_LEN] = {1, 2, 3};
static const char secret[] = "sk-very-secret-key";

static struct told place_at(const char *path, const struct stand *stand, uint8_t tls) {
    struct told told = {.path = path, .stand = stand, .host = "127.0.0.1", .tls = tls};
    if (tls == PLACE_CERTIFIED) told.ca = &authority;
    if (tls) told.pins[0] = stand->identity->spki;
    told.credential = secret;
    return told;
}

struct told place_good(const char *path) {
    return place_at(path, &at_good, PLACE_CERTIFIED);
}

void world_open(void) {
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

void world_close(void) {
    struct stand *const stands[] = {&at_good,  &at_expired, &at_elsewhere, &at_alone,
                                    &at_stale, &at_plain,   &at_outside,   &at_six};
    struct identity *const identities[] = {&authority, &stranger, &good,  &expired,
                                           &elsewhere, &alone,    &stale, &six};
    for (size_t i = 0; i < sizeof stands / sizeof *stands; i++)
        if (stands[i]->listener) stand_close(stands[i]);
    for (size_t i = 0; i < sizeof identities / sizeof *identities; i++)
        identity_free(identities[i]);
}

// ---- who answers, and who does not ----
struct expectation {
    const char *what;
    struct told place;
    enum sk_code code; // SK_OK: an answer
    const char *says;  // in the text of a failure
    bool asked;        // the place gets the request
};

static void judge(struct rooms *rooms, const struct expectation *wanted) {
    unsigned before = atomic_load(&wanted->place.stand->requests);
    struct answer answer = ways_ask(rooms, &wanted->place);
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
    ways_check(answer.code == wanted->code, "%s: %s, not %s", wanted->what, fail_name(answer.code),
               fail_name(wanted->code));
    ways_check(strstr(answer.text, wanted->says) != NULL, "%s: says \"%s\", not \"%s\"",
               wanted->what, answer.text, wanted->says);
}

// A place that is asked in vain, at the end of `path`.
static struct expectation badly(const char *path, enum sk_code code, const char *says) {
    struct expectation it = {
        .what = path, .place = place_at(path, &at_good, PLACE_CERTIFIED), .code = code};
    it.says = says;
    it.asked = true;
    return it;
}

static struct expectation cases[CASES_MAX];
size_t cases_len, case_mute;

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
    add_place("its pin", place_at(ok, &at_good, PLACE_CERTIFIED), SK_OK, "");
    struct told other = place_at(ok, &at_good, PLACE_CERTIFIED);
    other.pins[0] = no_pin;
    add_place("another pin", other, SK_DENIED, "none of the pins");
    other.pins[1] = good.spki;
    add_place("its pin as the next one", other, SK_OK, "");
    add_place("expired", place_at(ok, &at_expired, PLACE_CERTIFIED), SK_DENIED, "expired");
    add_place("of another name", place_at(ok, &at_elsewhere, PLACE_CERTIFIED), SK_DENIED,
              "127.0.0.1");
    other = place_at(ok, &at_good, PLACE_CERTIFIED);
    other.ca = &stranger;
    add_place("certified by a stranger", other, SK_DENIED, "certificate");
    add_place("by itself", place_at(ok, &at_alone, PLACE_CERTIFIED), SK_DENIED, "certificate");
    add_place("by itself, pinned", place_at(ok, &at_alone, PLACE_PINNED), SK_OK, "");
    add_place("by itself, pinned, expired", place_at(ok, &at_stale, PLACE_PINNED), SK_DENIED,
              "expired");
    other = place_at(ok, &at_alone, PLACE_PINNED);
    other.pins[0] = no_pin;
    add_place("by itself, another pin", other, SK_DENIED, "none of the pins");
    add_place("without TLS, this machine", place_at(ok, &at_plain, PLACE_PLAIN), SK_OK, "");
    other = place_at(ok, &at_good, PLACE_PLAIN);
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

static bool six_there(void) {
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool there = fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof here) == 0;
    if (fd >= 0) close(fd);
    if (!there) ways_skip("this machine has no IPv6");
    return there;
}

static void cases_addresses(void) {
    struct told place = place_at("/ok", &at_good, PLACE_CERTIFIED);
    place.addresses[0] = "127.0.0.9"; // nobody listens there
    add_place("nobody at its address", place, SK_GONE, "refused");
    place.addresses[1] = "127.0.0.1";
    add_place("at its second address", place, SK_OK, "");
    place.addresses[0] = swallow(at_good.port);
    place.dial_ms = 300;
    add_place("one address swallows", place, SK_OK, "");
    place.addresses[1] = NULL;
    case_mute = cases_len;
    add_place("its only address swallows", place, SK_GONE, "timed out");
    if (six_there()) {
        six = identity_make("::1", &authority, 0, 30);
        stand_open(&at_six, "::1", &six);
        place = place_at("/ok", &at_six, PLACE_CERTIFIED);
        place.addresses[0] = "::1";
        place.host = "[::1]";
        add_place("over IPv6", place, SK_OK, "");
    }
    if (!at_outside.listener) return;
    place = place_at("/ok", &at_outside, PLACE_PLAIN);
    place.addresses[0] = place.host = (const char *)at_outside.context;
    at_outside.context = NULL;
    add_place("without TLS, another machine", place, SK_DENIED, "without a pin");
    place = place_at("/ok", &at_good, PLACE_CERTIFIED);
    place.pins[0] = NULL;
    add_place("without a pin, this machine", place, SK_OK, "");
}

static void cases_answers(void) {
    add(badly("/half-head", SK_GONE, "in time"))->place.timeout_ms = 300;
    add(badly("/hang", SK_GONE, "in time"))->place.timeout_ms = 300;
    add(badly("/slow", SK_GONE, "stopped coming"));
    add(badly("/huge", SK_CORRUPT, ""));
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

void cases_open(struct told *places) {
    open_outside();
    cases_keys();
    cases_addresses();
    cases_answers();
    for (size_t i = 0; i < cases_len; i++)
        places[i] = cases[i].place;
}

void cases_judge(struct rooms *rooms, const struct told *places) {
    for (size_t i = 0; i < cases_len; i++) {
        memcpy(cases[i].place.name, places[i].name, HASH_LEN);
        judge(rooms, &cases[i]);
    }
}
