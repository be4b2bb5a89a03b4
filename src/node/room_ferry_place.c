// Places as ferry knows them: how to speak to one, and how it proves itself. No address.
//
// To libcurl each place of each list is a host of its own (its number), so that no connection is
// ever shared between places, nor lives on from an old list to a new one.
#include "node/room_ferry.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "node/sealed.h"

static void place_free(struct ferry_place *place) {
    if (place->secret.len) explicit_bzero((void *)(uintptr_t)place->secret.at, place->secret.len);
    curl_slist_free_all(place->headers);
    curl_slist_free_all(place->connect_to);
    X509_STORE_free(place->store);
    *place = (struct ferry_place){0};
}

void ferry_places_begin(void) {
    for (size_t i = 0; i < FERRY_PLACES_MAX; i++) {
        struct ferry_place *place = &ferry.places[i];
        place->listed = false;
        if (place->used && place->running == 0) place_free(place);
    }
}

void ferry_place_leave(struct ferry_place *place) {
    place->running--;
    if (!place->listed && place->running == 0) place_free(place);
}

struct ferry_place *ferry_place_find(const uint8_t name[HASH_LEN]) {
    for (size_t i = 0; i < FERRY_PLACES_MAX; i++) {
        struct ferry_place *place = &ferry.places[i];
        if (place->listed && memcmp(place->name, name, HASH_LEN) == 0) return place;
    }
    return NULL;
}

// ---- how it proves itself ----
static enum sk_code place_store(struct ferry_place *place, struct view pem) {
    // Most places are certified by the same ones: they are read once.
    hash_of(pem.at, pem.len, place->ca);
    for (size_t i = 0; i < FERRY_PLACES_MAX && !place->store; i++) {
        const struct ferry_place *other = &ferry.places[i];
        bool same = memcmp(other->ca, place->ca, HASH_LEN) == 0;
        if (other->store && same) place->store = other->store;
    }
    if (place->store) {
        X509_STORE_up_ref(place->store);
        return SK_OK;
    }
    BIO *from = BIO_new_mem_buf(pem.at, (int)pem.len);
    place->store = X509_STORE_new();
    if (!from || !place->store) {
        BIO_free(from);
        return FAIL(SK_LIMIT, "no memory for CA certificates");
    }
    unsigned count = 0;
    for (X509 *ca; (ca = PEM_read_bio_X509(from, NULL, NULL, NULL)) != NULL; count++) {
        X509_STORE_add_cert(place->store, ca);
        X509_free(ca);
    }
    BIO_free(from);
    ERR_clear_error(); // its end is told as an error
    return count ? SK_OK : FAIL(SK_INPUT, "no CA certificate to check it with");
}

static enum sk_code place_pins(struct ferry_place *place, struct view pins) {
    struct buf out = buf_over(place->pins, sizeof place->pins - 1);
    if (pins.len % HASH_LEN || (!pins.len && place->tls == PLACE_PINNED))
        return FAIL(SK_INPUT, "no pin, or one that is not %d bytes", HASH_LEN);
    for (size_t at = 0; at < pins.len; at += HASH_LEN) {
        buf_put_text(&out, at ? ";sha256//" : "sha256//");
        base64_put(&out, pins.at + at, HASH_LEN);
    }
    TRY(buf_check(&out, "pins"));
    place->pins[out.len] = 0;
    return SK_OK;
}

// ---- how to speak to it ----
static enum sk_code list_add(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (!longer) return FAIL(SK_LIMIT, "no memory for a place");
    *list = longer;
    return SK_OK;
}

static enum sk_code place_headers(struct ferry_place *place) {
    char line[256];
    TRY(list_add(&place->headers, place->witness ? "Content-Type: text/plain"
                                                   : "Content-Type: application/json"));
    TRY(list_add(&place->headers, "Expect:")); // no 100-continue
    struct view one, rest = view_of(place->witness ? "" : upstream_headers(place->kind));
    while (view_next(&rest, '\n', &one)) {
        snprintf(line, sizeof line, "%.*s", (int)one.len, one.at);
        if (one.len) TRY(list_add(&place->headers, line));
    }
    return SK_OK;
}

static enum sk_code place_credential(struct ferry_place *place, struct view credential) {
    const char *name = upstream_credential(place->kind);
    for (size_t i = 0; i < credential.len; i++)
        if (credential.at[i] <= ' ' || credential.at[i] > '~')
            return FAIL(SK_INPUT, "a credential has visible ASCII characters only");
    char line[4096];
    int len = snprintf(line, sizeof line, "%s%.*s", name, (int)credential.len, credential.at);
    if (len < 0 || (size_t)len >= sizeof line) return FAIL(SK_LIMIT, "credential: too long");
    struct curl_slist *longer = curl_slist_append(place->headers, line);
    explicit_bzero(line, sizeof line);
    if (!longer) return FAIL(SK_LIMIT, "no memory for a place");
    place->headers = longer;
    while (longer->next)
        longer = longer->next;
    place->secret = (struct view){longer->data + strlen(name), credential.len};
    return SK_OK;
}

// libcurl is told an address because it wants one, of those that lead nowhere (RFC 6666); dial
// knows where the place is.
static enum sk_code place_host(struct ferry_place *place) {
    static uint32_t number;
    char line[64];
    place->number = ++number;
    snprintf(line, sizeof line, "::[100::%x:%x]:%u", number >> 16, number & 0xffff, place->port);
    return list_add(&place->connect_to, line);
}

static enum sk_code place_read(struct ferry_place *place, const struct msg_ferry_place *fields,
                               int descriptor) {
    struct view file;
    size_t len = (size_t)fields->ca_len + fields->credential_len;
    if (fields->tls > PLACE_PINNED || place->kind > UPSTREAM_ANTHROPIC)
        return FAIL(SK_UNSUPPORTED, "speaks what this build does not");
    if (fields->tls != PLACE_PLAIN) TRY(place_pins(place, fields->pins));
    TRY(place_headers(place));
    TRY(place_host(place));
    if (len == 0) return fields->tls == PLACE_CERTIFIED ? place_store(place, VIEW("")) : SK_OK;
    TRY(sealed_map(descriptor, len, &file));
    struct view ca = {file.at, fields->ca_len};
    struct view credential = {file.at + ca.len, fields->credential_len};
    enum sk_code code = fields->tls == PLACE_CERTIFIED ? place_store(place, ca) : SK_OK;
    if (code == SK_OK && credential.len) code = place_credential(place, credential);
    sealed_unmap(&file);
    return code;
}

// A place that cannot be used is one that is not listed: what is judged for it fails by name.
void ferry_place_arrives(struct msg *msg) {
    const struct msg_ferry_place *fields = &msg->as.ferry_place;
    struct ferry_place *place = NULL;
    for (size_t i = 0; i < FERRY_PLACES_MAX && !place; i++)
        if (!ferry.places[i].used) place = &ferry.places[i];
    if (!place) {
        log_line(LOG_ERROR, "place", "refused=\"answers of old lists hold every row\"");
        return;
    }
    *place = (struct ferry_place){.used = true,
                                  .listed = true,
                                  .parallel = fields->parallel,
                                  .timeout_ms = fields->timeout_ms,
                                  .witness = fields->kind == PLACE_WITNESS,
                                  .tls = (enum place_tls)fields->tls,
                                  .port = fields->port};
    if (!place->witness) place->kind = (enum upstream_kind)fields->kind;
    memcpy(place->name, fields->place, HASH_LEN);
    snprintf(place->url, sizeof place->url, "%.*s", (int)fields->url.len, fields->url.at);
    for (size_t len = strlen(place->url); len && place->url[len - 1] == '/'; len--)
        place->url[len - 1] = 0; // paths begin with one
    snprintf(place->host, sizeof place->host, "%.*s", (int)fields->host.len, fields->host.at);
    if (place_read(place, fields, msg->descriptor) == SK_OK) return;
    log_line(LOG_ERROR, "place", "host=%s refused=\"%s\"", place->host, fail_text());
    place_free(place);
}
