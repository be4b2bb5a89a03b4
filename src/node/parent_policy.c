// The border's policy and detectors, at the parent: read, kept, handed over as sealed files.
#include "base/log.h"
#include "base/text.h"
#include "node/files.h"
#include "node/parent_parts.h"
#include "node/policy_files.h"
#include "node/sealed.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIRE_MAX = 8 << 20, DETECTOR_MAX = 64 << 20, EXPIRING_DAYS = 30 };

// Two, so that the old one stands until the new one is whole.
static struct policy_memory {
    struct arena arena;
    struct policy policy;
} memories[2];

static struct policy_memory *memory_free(const struct parent *parent) {
    return parent->policy == &memories[0].policy ? &memories[1] : &memories[0];
}

// When the operator's own words that the border has were written; zeros: it has none. It takes
// detectors before its walls stand, so other words than these wait for a restart.
static struct timespec words_sent;

static struct timespec words_written(const struct parent *parent) {
    char path[CONF_PATH_MAX + 64];
    struct stat info;
    policy_files_detector(parent->conf->detectors, parent->conf->policy, TABLE_LISTED, path,
                          sizeof path);
    return stat(path, &info) == 0 ? info.st_mtim : (struct timespec){0};
}

// A policy that wants words which a running border lacks would have every request refused.
static enum sk_code words_check(const struct parent *parent, const struct policy *policy) {
    struct detector_set wanted = {0};
    policy_detectors(policy, &wanted);
    if (!parent->policy || words_sent.tv_sec || !detector_in(&wanted, DETECTOR_LISTED))
        return SK_OK;
    return FAIL(SK_UNKNOWN, "detector listed: there was no listed.skdt at the start: restart");
}

static enum sk_code policy_load(struct parent *parent) {
    struct policy_memory *memory = memory_free(parent);
    if (!memory->arena.base) TRY(arena_open(&memory->arena, "policy", POLICY_FILES_ARENA));
    arena_reset(&memory->arena);
    const char *path = parent->conf->policy;
    TRY(policy_files_read(path, policy_files_today(), &memory->arena, &memory->policy));
    TRY(parent_places_check(&memory->policy));
    TRY(words_check(parent, &memory->policy));
    parent->policy = &memory->policy;
    parent->policy_day = 0; // what expires is said again
    return SK_OK;
}

static void say_policy(const struct parent *parent) {
    const struct policy *policy = parent->policy;
    char digest[2 * HASH_LEN + 1];
    struct buf hex = buf_over(digest, sizeof digest - 1);
    hex_put(&hex, policy->digest, HASH_LEN);
    digest[hex.len] = 0;
    log_line(LOG_INFO, "policy", "name=\"%s\" classes=%u places=%u routes=%u sha256=%s",
             policy->name, policy->classes_len, policy->places_len, policy->routes_len, digest);
}

enum sk_code parent_policy_open(struct parent *parent) {
    enum sk_code code = policy_load(parent);
    if (code != SK_OK) return fail_within(code, "border.policy");
    say_policy(parent);
    return SK_OK;
}

bool parent_policy_reload(struct parent *parent) {
    if (policy_load(parent) != SK_OK) {
        log_line(LOG_ERROR, "policy", "kept=old text=\"%s\"", fail_text());
        return false;
    }
    say_policy(parent);
    struct timespec words = parent->conf->policy[0] ? words_written(parent) : words_sent;
    if (words.tv_sec != words_sent.tv_sec || words.tv_nsec != words_sent.tv_nsec)
        log_line(LOG_WARN, "detector", "file=listed.skdt restart_needed=changed");
    return true;
}

void parent_policy_beat(struct parent *parent) {
    int64_t day = policy_files_today();
    if (day == parent->policy_day) return;
    parent->policy_day = day;
    char lines[16384];
    struct buf out = buf_over(lines, sizeof lines);
    policy_expiring(parent->policy, day, EXPIRING_DAYS, &out);
    struct view rest = buf_view(&out), line;
    while (view_next(&rest, '\n', &line))
        log_line(LOG_WARN, "expires", "what=\"%.*s\"", (int)line.len, line.at);
}

static enum sk_code send_sealed(struct parent *parent, struct msg *msg, struct view bytes) {
    TRY(sealed_make(&bytes, 1, &msg->descriptor));
    enum sk_code code = parent_send(parent, ROOM_BORDER, msg);
    close(msg->descriptor);
    return code;
}

enum sk_code parent_send_policy(struct parent *parent) {
    struct buf wire = {0};
    TRY(buf_open(&wire, WIRE_MAX));
    enum sk_code code = policy_put(parent->policy, &wire);
    struct msg msg = {.type = MSG_border_policy};
    msg.as.border_policy.len = (uint32_t)wire.len;
    if (code == SK_OK) code = send_sealed(parent, &msg, buf_view(&wire));
    buf_close(&wire);
    return code;
}

// A file that is absent is not sent, one that is damaged is: the border says what is wrong, and
// refuses what needs it.
enum sk_code parent_send_detectors(struct parent *parent) {
    struct buf file = {0};
    if (!parent->conf->policy[0]) return SK_OK; // nothing leaves: nothing is looked for
    words_sent = words_written(parent);
    TRY(buf_open(&file, DETECTOR_MAX));
    enum sk_code code = SK_OK;
    for (unsigned kind = 1; kind < TABLE_KINDS && code == SK_OK; kind++) {
        char path[CONF_PATH_MAX + 64];
        policy_files_detector(parent->conf->detectors, parent->conf->policy, (enum table_kind)kind,
                              path, sizeof path);
        buf_reset(&file);
        if (access(path, F_OK) != 0) continue;
        if (files_read(path, &file) != SK_OK) {
            log_line(LOG_ERROR, "detector", "text=\"%s\"", fail_text());
            continue;
        }
        struct msg msg = {.type = MSG_border_detector};
        msg.as.border_detector =
            (struct msg_border_detector){.kind = (uint8_t)kind, .len = (uint32_t)file.len};
        code = send_sealed(parent, &msg, buf_view(&file));
    }
    buf_close(&file);
    return code;
}
