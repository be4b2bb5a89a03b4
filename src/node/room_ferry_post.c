// Posting: libcurl on sockets that dial connected, by the room's loop.
//
// libcurl is never left to resolve or to connect: a transfer either goes over an idle connection of
// its place, or asks for a socket. When dial has not brought one yet that transfer ends, nothing
// was sent, and it is begun again with the socket.
#include "node/room_ferry.h"

#include <arpa/inet.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

enum { CONNECTIONS_MAX = 512 };

// libcurl 7.88.1 calls connect() also on a socket that is connected: here it is answered, and the
// filter kills the room at any real one.
int connect(int socket, __CONST_SOCKADDR_ARG address, socklen_t len) {
    (void)socket, (void)address, (void)len;
    return 0;
}

// ---- TLS ----
// A place that is known by its pins alone needs no chain, but its dates count.
static int pinned_verify(int passed, X509_STORE_CTX *context) {
    switch (X509_STORE_CTX_get_error(context)) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        X509_STORE_CTX_set_error(context, X509_V_OK);
        return 1;
    default:
        return passed;
    }
}

static CURLcode tls_context(CURL *easy, void *context, void *self) {
    (void)easy;
    const struct ferry_place *place = self;
    if (place->tls == PLACE_PINNED)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, pinned_verify);
    else if (SSL_CTX_set1_cert_store(context, place->store), !place->store)
        return CURLE_SSL_CACERT_BADFILE;
    return CURLE_OK;
}

static int64_t certificate_until(const X509 *certificate) {
    struct tm end;
    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1 ? timegm(&end) : 0;
}

void ferry_post_peer(const struct ferry_answer *answer, struct ferry_peer *out) {
    const char *text = NULL; // of getpeername() when it was connected
    struct curl_tlssessioninfo *tls = NULL;
    *out = (struct ferry_peer){0};
    curl_easy_getinfo(answer->easy.curl, CURLINFO_PRIMARY_IP, &text);
    if (text && inet_pton(AF_INET, text, out->address + 12) == 1)
        out->address[10] = out->address[11] = 0xff;
    else if (text)
        inet_pton(AF_INET6, text, out->address);
    if (curl_easy_getinfo(answer->easy.curl, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK || !tls ||
        tls->backend != CURLSSLBACKEND_OPENSSL || !tls->internals)
        return;
    X509 *certificate = SSL_get0_peer_certificate(tls->internals);
    if (!certificate) return;
    unsigned char *der = NULL;
    int der_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (der_len > 0) hash_of(der, (size_t)der_len, out->spki);
    OPENSSL_free(der);
    out->until_s = certificate_until(certificate);
}

// ---- one transfer ----
static curl_socket_t socket_open(void *self, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose, (void)address;
    struct ferry_answer *answer = self;
    int socket = answer->socket;
    answer->socket = -1;
    if (socket < 0) answer->lacks = true;
    return socket < 0 ? CURL_SOCKET_BAD : socket;
}

// libcurl counts over all transfers of a handle how often an idle connection turned out to be dead,
// and gives up at five: after a second try it is set anew.
static int request_begins(void *self, char *to, char *from, int to_port, int from_port) {
    (void)to, (void)from, (void)to_port, (void)from_port;
    struct ferry_answer *answer = self;
    if (answer->tried) answer->easy.place = 0;
    answer->tried = true;
    return CURL_PREREQFUNC_OK;
}

static size_t head_line(char *at, size_t size, size_t count, void *self) {
    return ferry_head(self, (struct view){at, size * count}) ? size * count : 0;
}

static size_t body_bytes(char *at, size_t size, size_t count, void *self) {
    return ferry_body(self, (struct view){at, size * count});
}

static int socket_close(void *self, curl_socket_t socket) {
    (void)self;
    loop_remove(&ferry.room.loop, socket);
    return close(socket);
}

#define SET(option, value)                                                                         \
    if (curl_easy_setopt(easy, option, value) != CURLE_OK)                                         \
    return FAIL(SK_LIMIT, "libcurl: " #option)

static enum sk_code easy_network(CURL *easy, struct ferry_answer *answer) {
    const struct ferry_place *place = answer->place;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, place->tls == PLACE_PLAIN ? "http" : "https");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_CONNECT_TO, place->connect_to);
    SET(CURLOPT_OPENSOCKETFUNCTION, socket_open);
    SET(CURLOPT_OPENSOCKETDATA, answer);
    SET(CURLOPT_CLOSESOCKETFUNCTION, socket_close);
    SET(CURLOPT_PREREQFUNCTION, request_begins);
    SET(CURLOPT_PREREQDATA, answer);
    SET(CURLOPT_TCP_NODELAY, 0L); // dial set it
    if (place->tls == PLACE_PLAIN) return SK_OK;
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, place->tls == PLACE_CERTIFIED ? 1L : 0L);
    SET(CURLOPT_SSL_VERIFYHOST, place->tls == PLACE_CERTIFIED ? 2L : 0L);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_CA_CACHE_TIMEOUT, 0L); // else all places share the store of the first
    if (place->pins[0]) SET(CURLOPT_PINNEDPUBLICKEY, place->pins);
    SET(CURLOPT_SSL_CTX_FUNCTION, tls_context);
    SET(CURLOPT_SSL_CTX_DATA, (void *)(uintptr_t)place);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L); // each connection proves its key anew
    return SK_OK;
}

static enum sk_code easy_request(CURL *easy, struct ferry_answer *answer) {
    const struct ferry_place *place = answer->place;
    char url[640];
    const char *path =
        answer->plain ? "/add-checkpoint" : upstream_path(place->kind, answer->operation);
    if (!path) return FAIL(SK_UNSUPPORTED, "no such task there");
    snprintf(url, sizeof url, "%s%s", place->url, path);
    SET(CURLOPT_URL, url);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTPHEADER, place->headers);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_HEADERFUNCTION, head_line);
    SET(CURLOPT_HEADERDATA, answer);
    SET(CURLOPT_WRITEFUNCTION, body_bytes);
    SET(CURLOPT_WRITEDATA, answer);
    SET(CURLOPT_ERRORBUFFER, answer->curl_text);
    SET(CURLOPT_PRIVATE, answer);
    return SK_OK;
}

static enum sk_code easy_ready(struct ferry_answer *answer) {
    struct ferry_easy *easy = &answer->easy;
    if (easy->place == answer->place->number && easy->operation == answer->operation) return SK_OK;
    if (!easy->curl) easy->curl = curl_easy_init();
    if (!easy->curl) return FAIL(SK_LIMIT, "libcurl: no memory");
    curl_easy_reset(easy->curl);
    easy->place = 0;
    TRY(easy_network(easy->curl, answer));
    TRY(easy_request(easy->curl, answer));
    easy->place = answer->place->number;
    easy->operation = answer->operation;
    return SK_OK;
}

// What libcurl tells inside a call is read after it, and its pieces go on together.
static void post_turn(int socket, int events) {
    int running;
    must(!ferry.called);
    ferry.called = true;
    curl_multi_socket_action(ferry.multi, socket, events, &running);
    ferry.called = false;
    ferry_gathered_tell();
}

enum sk_code ferry_post(struct ferry_answer *answer) {
    TRY(easy_ready(answer));
    CURL *easy = answer->easy.curl;
    answer->lacks = answer->tried = false;
    answer->curl_text[0] = 0;
    SET(CURLOPT_POSTFIELDS, answer->envelope.at);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)answer->envelope.len);
    if (curl_multi_add_handle(ferry.multi, easy) != CURLM_OK)
        return FAIL(SK_LIMIT, "libcurl: no room for another answer");
    answer->posted = true;
    post_turn(CURL_SOCKET_TIMEOUT, 0); // out now, not with the next turn of the loop
    return SK_OK;
}

void ferry_post_stop(struct ferry_answer *answer) {
    if (!answer->posted) return;
    must(!ferry.called);
    curl_multi_remove_handle(ferry.multi, answer->easy.curl);
    answer->posted = false;
}

void ferry_post_resume(struct ferry_answer *answer) {
    must(!ferry.called);
    ferry.called = true;
    CURLcode result = curl_easy_pause(answer->easy.curl, CURLPAUSE_CONT); // tells what it held back
    ferry.called = false;
    ferry_gathered_tell();
    if (result == CURLE_OK) return;
    ferry_post_stop(answer);
    ferry_received(answer, result);
}

// ---- the loop ----
static void post_event(void *self, int descriptor, unsigned events) {
    (void)self;
    if (ferry.idle[descriptor]) { // libcurl sees what it is when it wants it again
        loop_remove(&ferry.room.loop, descriptor);
        return;
    }
    int what = 0;
    if (events & LOOP_READ) what |= CURL_CSELECT_IN;
    if (events & LOOP_WRITE) what |= CURL_CSELECT_OUT;
    if (events & LOOP_HANGUP) what |= CURL_CSELECT_IN; // libcurl reads the end itself
    post_turn(descriptor, what);
}

// A connection stays watched between two transfers, and while its transfer is held back: mostly
// nothing happens on it until libcurl wants it again.
static int post_watch(CURL *easy, curl_socket_t socket, int what, void *self, void *watched) {
    (void)easy, (void)self, (void)watched;
    must(socket < LOOP_WATCH_MAX);
    ferry.idle[socket] = what == CURL_POLL_REMOVE;
    if (what == CURL_POLL_REMOVE) return 0;
    unsigned wants = what & CURL_POLL_IN ? LOOP_READ : 0;
    if (what & CURL_POLL_OUT) wants |= LOOP_WRITE;
    if (loop_watches(&ferry.room.loop, socket)) {
        loop_change(&ferry.room.loop, socket, wants);
        return 0;
    }
    struct loop_watch watch = {socket, wants, post_event, NULL};
    return loop_add(&ferry.room.loop, watch) == SK_OK ? 0 : -1;
}

static int post_timer(CURLM *multi, long wait_ms, void *self) {
    (void)multi, (void)self;
    ferry.timer_us = wait_ms < 0 ? INT64_MAX : ferry_now_us() + (int64_t)wait_ms * 1000;
    return 0;
}

void ferry_post_work(int64_t now_us) {
    if (now_us >= ferry.timer_us) {
        ferry.timer_us = INT64_MAX;
        post_turn(CURL_SOCKET_TIMEOUT, 0);
    }
    CURLMsg *done;
    int left;
    while ((done = curl_multi_info_read(ferry.multi, &left)) != NULL) {
        struct ferry_answer *answer = NULL;
        CURLcode result = done->data.result; // gone with the handle
        if (done->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE, &answer);
        must(answer != NULL);
        ferry_post_stop(answer);
        ferry_received(answer, result);
    }
}

enum sk_code ferry_post_open(void) {
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK || !(ferry.multi = curl_multi_init()))
        return FAIL(SK_LIMIT, "libcurl does not begin");
    ferry.timer_us = INT64_MAX;
    curl_multi_setopt(ferry.multi, CURLMOPT_SOCKETFUNCTION, post_watch);
    curl_multi_setopt(ferry.multi, CURLMOPT_TIMERFUNCTION, post_timer);
    curl_multi_setopt(ferry.multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    return SK_OK;
}
