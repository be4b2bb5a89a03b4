// ways: the rooms ferry and dial as they ship, between a driver that plays parent and border and
// places that behave well and badly. Each check that fails is named; nothing depends on how long
// anything takes.
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/buf.h"
#include "border/policy.h"
#include "node/link.h"

// ---- counting (ways.c) ----
bool ways_check(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ways_skip(const char *why);

// ---- keys and certificates (ways_keys.c) ----
struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    uint8_t spki[HASH_LEN];
    uint64_t until_s; // end of the certificate
};
// For `name` (an IP address too), signed by `issuer` (NULL: by itself), valid from now + from_days.
struct identity identity_make(const char *name, const struct identity *issuer, int from_days,
                              int days);
void identity_pem(const struct identity *identity, struct buf *out);
void identity_free(struct identity *identity);

// ---- places (ways_place.c): each is a thread that answers as the path asks ----
struct stand {
    int listener;
    uint16_t port;
    const struct identity *identity;   // NULL: without TLS
    atomic_uint connections, requests; // that came so far
    struct buf last;                   // the last request's head and body
    pthread_t thread;
    void *context; // SSL_CTX
};
void stand_open(struct stand *stand, const char *address, const struct identity *identity);
void stand_close(struct stand *stand);

// ---- rooms (ways_rooms.c) ----
struct rooms {
    const char *libexec;
    struct link ferry, dial; // as parent
    struct link border;      // as border, to ferry
    pid_t ferry_pid, dial_pid;
    char storage[MSG_MAX];
};
// A place as the parent would tell it.
struct told {
    uint8_t name[HASH_LEN];
    const char *path; // of the base URL
    const struct stand *stand;
    const char *host;
    uint8_t tls;
    const struct identity *ca; // NULL: none
    const uint8_t *pins[2];
    const char *addresses[2]; // NULL: 127.0.0.1
    uint32_t timeout_ms, dial_ms, parallel;
    const char *credential;
    uint8_t kind;
};
void rooms_open(struct rooms *rooms, const char *libexec, const struct told *places, size_t len,
                uint32_t wait_ms);
// The list anew, to both.
void rooms_tell(struct rooms *rooms, const struct told *places, size_t len);
void rooms_dial_again(struct rooms *rooms, const struct told *places, size_t len); // killed
// From now on the driver is ferry to dial: `link` takes the place of its link.
void rooms_be_ferry(struct rooms *rooms, struct link *link);
bool rooms_next_of(struct rooms *rooms, struct link *link, struct msg *msg);
void rooms_close(struct rooms *rooms);
void rooms_send(struct link *link, struct msg *msg);
// The next message from ferry to border; false: none came in a long time, or it is gone. A
// descriptor is the caller's.
bool rooms_next(struct rooms *rooms, struct msg *msg);
// Posts an envelope to the place of this name.
void rooms_run(struct rooms *rooms, uint64_t id, const uint8_t name[HASH_LEN],
               struct view envelope);
void rooms_grant(struct rooms *rooms, uint64_t id, uint32_t pieces);
void rooms_cancel(struct rooms *rooms, uint64_t id);

// ---- one answer, as border sees it (ways.c) ----
struct answer {
    bool carried, ended, failed;
    uint32_t pieces, tokens_in, tokens_out;
    uint8_t code, reason;
    uint8_t address[16], spki[HASH_LEN];
    uint64_t until_s;
    char text[513], content[32768];
    size_t len;
};
extern const char an_envelope[];
struct answer ways_ask(struct rooms *rooms, const struct told *place);

// ---- places of all kinds (ways_cases.c) ----
enum { CASES_MAX = 48 };
extern struct stand at_good; // the one that does everything right, if its path says so
extern const uint8_t no_pin[HASH_LEN];
extern size_t cases_len, case_mute; // mute: the one that nobody can connect to
void world_open(void);
void world_close(void);
struct told place_good(const char *path);
void cases_open(struct told *places);
void cases_judge(struct rooms *rooms, const struct told *places);
