// Places at the parent: what of the policy ferry and dial are told, each its own part.
//
// Dial gets addresses and ports, ferry names, pins, certificates and credentials; neither gets the
// other's. A place that cannot be used as it stands (its credential or CA file is missing) is said
// in the log and not told: what is judged for it fails by name.
#include "base/log.h"
#include "node/files.h"
#include "node/parent_parts.h"
#include "node/sealed.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CA_MAX = 4 << 20,
    CREDENTIAL_MAX = 2048,
    DIAL_MS_MAX = 5000,      // of one address
    WAIT_MS = 2 * 60 * 1000, // between two bytes of an answer
};
static const char ca_system[] = "/etc/ssl/certs/ca-certificates.crt";

// Place `i`, if ferry and dial are told of it: one that is on, and is not this node.
static const struct policy_place *place_told(const struct policy *policy, uint32_t i) {
    const struct policy_place *place = &policy->places[i];
    return i > 0 && !place->off ? place : NULL;
}

static bool port_in(uint16_t port, const uint16_t *ports, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        if (ports[i] == port) return true;
    return false;
}

uint32_t parent_places_ports(const struct policy *policy, uint16_t ports[CAGE_PORTS_MAX]) {
    uint32_t len = 0;
    for (uint32_t i = 0; i < policy->places_len; i++) {
        const struct policy_place *place = place_told(policy, i);
        if (place && !port_in(place->port, ports, len) && len < CAGE_PORTS_MAX)
            ports[len++] = place->port;
    }
    return len;
}

enum sk_code parent_places_check(const struct policy *policy) {
    uint16_t ports[CAGE_PORTS_MAX];
    uint32_t len = parent_places_ports(policy, ports);
    for (uint32_t i = 0; i < policy->places_len; i++) {
        const struct policy_place *place = place_told(policy, i);
        if (place && !port_in(place->port, ports, len))
            return FAIL(SK_LIMIT, "place %s: more than %d different ports of places", place->id,
                        CAGE_PORTS_MAX);
    }
    return SK_OK;
}

bool parent_places_any(const struct policy *policy) {
    for (uint32_t i = 0; i < policy->places_len; i++)
        if (place_told(policy, i)) return true;
    return false;
}

// ---- dial ----
static enum sk_code send_dial_place(struct parent *parent, const struct policy_place *place) {
    struct msg msg = {.type = MSG_dial_place, .descriptor = -1};
    struct view addresses = {(const char *)place->addresses,
                             place->addresses_len * sizeof place->addresses[0]};
    uint32_t timeout_ms = place->timeout_ms < DIAL_MS_MAX ? place->timeout_ms : DIAL_MS_MAX;
    msg.as.dial_place = (struct msg_dial_place){
        .port = place->port, .addresses = addresses, .timeout_ms = timeout_ms};
    policy_place_digest(place, msg.as.dial_place.place);
    return parent_send(parent, ROOM_DIAL, &msg);
}

enum sk_code parent_send_dial(struct parent *parent) {
    struct msg begin = {.type = MSG_dial_places, .descriptor = -1};
    TRY(parent_send(parent, ROOM_DIAL, &begin));
    for (uint32_t i = 0; i < parent->policy->places_len; i++) {
        const struct policy_place *place = place_told(parent->policy, i);
        if (place) TRY(send_dial_place(parent, place));
    }
    return SK_OK;
}

// ---- ferry ----
static enum sk_code read_ca(const struct conf *conf, const struct policy_place *place,
                            struct buf *out) {
    char path[2 * CONF_PATH_MAX];
    const char *policy = conf->policy, *slash = strrchr(policy, '/');
    if (strcmp(place->ca, "system") == 0)
        snprintf(path, sizeof path, "%s", ca_system);
    else if (place->ca[0] == '/' || !slash)
        snprintf(path, sizeof path, "%s", place->ca);
    else // beside the policy
        snprintf(path, sizeof path, "%.*s/%s", (int)(slash - policy), policy, place->ca);
    return files_read(path, out);
}

// A secret that others on this machine can read is none.
static enum sk_code read_credential(const struct conf *conf, const struct policy_place *place,
                                    struct buf *out) {
    char path[PARENT_PATH_MAX + POLICY_NAME_MAX];
    struct stat info;
    if (!place->credential[0]) return SK_OK;
    parent_credential_path(conf, place->credential, path, sizeof path);
    if (stat(path, &info) != 0)
        return FAIL(SK_UNKNOWN, "%s: %s (sekisho place key %s)", path, strerror(errno),
                    place->credential);
    if (!S_ISREG(info.st_mode) || info.st_mode & 077)
        return FAIL(SK_DENIED, "%s: others may read it: chmod 400", path);
    TRY(files_read(path, out));
    while (out->len && (out->at[out->len - 1] == '\n' || out->at[out->len - 1] == '\r'))
        out->len--;
    return out->len ? SK_OK : FAIL(SK_INPUT, "%s: empty", path);
}

void parent_credential_path(const struct conf *conf, const char *name, char *out, size_t max) {
    snprintf(out, max, "%s/keys/places/%s", conf->data, name);
}

static enum place_tls place_tls(const struct policy_place *place) {
    if (strncmp(place->url, "http://", 7) == 0) return PLACE_PLAIN;
    return strcmp(place->ca, "pin-only") == 0 ? PLACE_PINNED : PLACE_CERTIFIED;
}

struct ferry_files {
    struct buf ca, credential;
};

static enum sk_code read_files(const struct conf *conf, const struct policy_place *place,
                               struct ferry_files *out) {
    buf_reset(&out->ca);
    buf_reset(&out->credential);
    if (place_tls(place) == PLACE_CERTIFIED) TRY(read_ca(conf, place, &out->ca));
    return read_credential(conf, place, &out->credential);
}

enum sk_code parent_place_files(const struct conf *conf, const struct policy_place *place) {
    char credential[CREDENTIAL_MAX];
    struct ferry_files files = {.credential = buf_over(credential, sizeof credential)};
    TRY(buf_open(&files.ca, CA_MAX));
    enum sk_code code = read_files(conf, place, &files);
    explicit_bzero(credential, sizeof credential);
    buf_close(&files.ca);
    return code;
}

static enum sk_code send_ferry_place(struct parent *parent, const struct policy_place *place,
                                     struct ferry_files *files) {
    TRY(read_files(parent->conf, place, files));
    struct view parts[] = {buf_view(&files->ca), buf_view(&files->credential)};
    struct msg msg = {.type = MSG_ferry_place};
    msg.as.ferry_place = (struct msg_ferry_place){
        .kind = place->use == USE_WITNESS ? PLACE_WITNESS : (uint8_t)place->kind,
        .port = place->port,
        .url = view_of(place->url),
        .host = view_of(place->host),
        .pins = {(const char *)place->pins, place->pins_len * sizeof place->pins[0]},
        .tls = (uint8_t)place_tls(place),
        .timeout_ms = place->timeout_ms,
        .parallel = place->parallel,
        .ca_len = (uint32_t)files->ca.len,
        .credential_len = (uint32_t)files->credential.len};
    policy_place_digest(place, msg.as.ferry_place.place);
    TRY(sealed_make(parts, 2, &msg.descriptor));
    enum sk_code code = parent_send(parent, ROOM_FERRY, &msg);
    close(msg.descriptor);
    return code;
}

enum sk_code parent_send_ferry(struct parent *parent) {
    char credential[CREDENTIAL_MAX];
    struct ferry_files files = {.credential = buf_over(credential, sizeof credential)};
    struct msg begin = {.type = MSG_ferry_places, .descriptor = -1};
    TRY(buf_open(&files.ca, CA_MAX));
    enum sk_code code = parent_send(parent, ROOM_FERRY, &begin);
    for (uint32_t i = 0; i < parent->policy->places_len && code == SK_OK; i++) {
        const struct policy_place *place = place_told(parent->policy, i);
        if (!place || send_ferry_place(parent, place, &files) == SK_OK) continue;
        log_line(LOG_ERROR, "place", "id=%s unusable=\"%s\"", place->id, fail_text());
    }
    explicit_bzero(credential, sizeof credential);
    buf_close(&files.ca);
    return code;
}

// ---- slices ----
enum sk_code parent_setup_dial(struct parent *parent) {
    struct msg setup = {.type = MSG_dial_setup, .descriptor = -1};
    TRY(parent_send_dial(parent));
    return parent_send(parent, ROOM_DIAL, &setup);
}

enum sk_code parent_setup_ferry(struct parent *parent) {
    struct msg setup = {.type = MSG_ferry_setup, .descriptor = -1};
    setup.as.ferry_setup.wait_ms = WAIT_MS;
    TRY(parent_send_ferry(parent));
    return parent_send(parent, ROOM_FERRY, &setup);
}
