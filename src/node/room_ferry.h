// The ferry room's state, shared by its files.
//
// Ferry carries envelopes that border sealed to the places it was told of, over connections that
// dial made, and brings answers back as pieces. Holds credentials and TLS. Promises: an envelope is
// posted as its bytes are, to the place it was judged for; nothing is sent before the place proved
// its key; nothing comes back that was not granted. Refuses: to resolve, to connect, to follow.
#pragma once
#include <curl/curl.h>
#include <openssl/ssl.h>

#include "base/arena.h"
#include "node/piece.h"
#include "node/room.h"
#include "upstream/upstream.h"

enum {
    FERRY_PLACES_MAX = 128, // of this list, and of those before whose answers still run
    FERRY_ANSWERS_MAX = 512,
    FERRY_ADDRESS_LEN = 16,
    FERRY_TEXT_MAX = 512,            // of failed
    FERRY_HEADER_MAX = 64 << 10,     // bytes of an answer's head
    FERRY_ERROR_MAX = 64 << 10,      // bytes that are read of an answer that is an error
    FERRY_BODY_MAX = 256 << 20,      // bytes of any answer
    FERRY_TOTAL_MS = 60 * 60 * 1000, // of any answer
    FERRY_REST_MS = 1000,            // after its end was said, for the connection's sake
};

struct ferry_place {
    bool used, listed;          // listed: of the list as it is now
    bool witness;               // takes posts, and no envelopes
    uint32_t number;            // of all lists since the start, from 1
    uint8_t name[HASH_LEN];     // policy_place_digest
    uint32_t running, busy, parallel; // answers; those not told yet; of these at once
    uint32_t timeout_ms;        // until the first byte
    enum upstream_kind kind;
    enum place_tls tls;
    uint16_t port;
    char url[513], host[257];
    char pins[256];     // as libcurl wants them; "": only on this machine
    struct view secret; // the credential, as it stands in `headers`
    struct curl_slist *headers, *connect_to;
    X509_STORE *store;    // who may certify it; PLACE_CERTIFIED
    uint8_t ca[HASH_LEN]; // of their PEM
    int64_t warned_day;   // that its certificate ends soon
};

// Where an answer stands: dial → POSTING → (status 200) ANSWERING, (else) FAILING → RESTING: told,
// and only the last bytes of the transfer are read so that its connection can serve again.
enum ferry_stage {
    FERRY_FREE,
    FERRY_DIALLING,
    FERRY_POSTING,
    FERRY_ANSWERING,
    FERRY_FAILING,
    FERRY_RESTING
};

// A transfer of libcurl's, kept by its row: set once for a place and a task, and then only what is
// of one request is set anew.
struct ferry_easy {
    CURL *curl;
    uint32_t place; // number of the one it is set for; 0: none
    enum gate_operation operation;
};

struct ferry_answer {
    enum ferry_stage stage;
    bool waits; // `event` for a grant
    bool plain; // a post: its answer is told as it is, whatever the status
    uint64_t id, dial_id;
    int64_t until_us, total_us; // deadlines: of the next byte, of all
    struct ferry_place *place;
    enum gate_operation operation;
    struct ferry_easy easy;
    bool posted; // `easy` is at work
    char curl_text[CURL_ERROR_SIZE];
    struct view file, envelope;
    struct arena arena;
    struct upstream_reader *reader;
    struct upstream_event event; // the last that was taken
    int socket; // from dial, until libcurl takes it; -1
    bool lacks; // libcurl asked for a socket when there was none
    bool tried; // libcurl began to send the request
    unsigned status;
    size_t head_len, body_len;
    struct buf error; // FAILING: the body
    uint32_t grants, tokens, reasoning;
    bool paused, received; // libcurl holds bytes back; the transfer is over
    enum sk_code code;     // why it fails, once what was read before is told
    char text[FERRY_TEXT_MAX];
};

struct ferry_state {
    struct room_self room;
    CURLM *multi;
    int64_t timer_us; // when libcurl wants to be called; INT64_MAX: not
    int64_t beat_us;  // when deadlines are looked at next
    bool called;      // inside libcurl: it must not be called again
    uint32_t wait_ms; // between two bytes
    uint64_t next_dial;
    bool stopping;
    uint32_t running;
    size_t answers_len; // every row from here on is free
    struct piece_joined joined; // what was read and is not told yet,
    struct ferry_answer *gathering; //   of this answer; NULL: nothing
    bool idle[LOOP_WATCH_MAX]; // connections that are watched, and libcurl does not want now
    struct ferry_place places[FERRY_PLACES_MAX];
    struct ferry_answer answers[FERRY_ANSWERS_MAX];
};
extern struct ferry_state ferry;

int64_t ferry_now_us(void);

// room_ferry_place.c: places.
void ferry_places_begin(void);
void ferry_place_arrives(struct msg *msg);
struct ferry_place *ferry_place_find(const uint8_t name[HASH_LEN]); // listed, or NULL
void ferry_place_leave(struct ferry_place *place);                  // an answer of it is over

// room_ferry_post.c: libcurl.
enum sk_code ferry_post_open(void); // before the lock
// Posts the envelope over an idle connection, or a new one of answer->socket.
enum sk_code ferry_post(struct ferry_answer *answer);
void ferry_post_stop(struct ferry_answer *answer);   // breaks its connection off
void ferry_post_resume(struct ferry_answer *answer); // its bytes may come again
void ferry_post_work(int64_t now_us);                // timers and ends
// Whom an answer comes from: zeros where there is no TLS.
struct ferry_peer {
    uint8_t address[FERRY_ADDRESS_LEN], spki[HASH_LEN];
    int64_t until_s; // end of its certificate
};
void ferry_post_peer(const struct ferry_answer *answer, struct ferry_peer *out);

// room_ferry_piece.c: what a place sent at once.
// Takes answer->event, a piece, to those before it. False: it needs a grant, and none is left.
bool ferry_gather(struct ferry_answer *answer);
void ferry_gathered_tell(void); // the bytes that came are used up, or something else is told

// room_ferry_discreet.c: a place's own words about what went wrong are passed on, unless they
// repeat what it was told.
bool ferry_discreet(const struct ferry_answer *answer, struct view words);

// room_ferry_answer.c: one answer.
void ferry_run(struct msg *msg);
void ferry_post_arrives(struct msg *msg);
void ferry_grant(uint64_t id, uint32_t pieces);
void ferry_cancel(uint64_t id);
void ferry_dialled(struct msg *msg);
void ferry_undialled(const struct msg *msg);
void ferry_dial_lost(void);
void ferry_deadlines(int64_t now_us);
// From libcurl: a line of the head, bytes of the body. ferry_body: how many it took, or
// CURL_WRITEFUNC_PAUSE.
bool ferry_head(struct ferry_answer *answer, struct view line);
size_t ferry_body(struct ferry_answer *answer, struct view bytes);
void ferry_received(struct ferry_answer *answer, CURLcode result);
