// The level of a node: what its rooms and its fort were found to be, at the start and in every
// round, told to border and held against the configuration.
#include "base/log.h"
#include "node/parent_parts.h"

#include <stdio.h>
#include <string.h>

enum { PROBE_WAIT_MS = 2000, REPORT_MAX = 1024, PARTS_MAX = 256 };

// Was it ready once? What is being started is judged when it says what it is.
static bool is_known(const struct parent *parent, enum room room) {
    return parent->children[room].cage[0] != 0;
}

static enum cage_level parent_level(const struct parent *parent) {
    enum cage_level level = CAGE_WALLED;
    EACH_ROOM(room) {
        enum cage_level one = parent->children[room].level;
        if (is_known(parent, room) && one < level) level = one;
    }
    return level == CAGE_WALLED && fort_held(&parent->fort) ? CAGE_FORTRESS : level;
}

// The fort first: what stands below it is cut where a machine has more to say than fits.
enum sk_code parent_level_send(struct parent *parent) {
    char text[REPORT_MAX], words[PARTS_MAX];
    struct buf out = buf_over(text, sizeof text), parts = buf_over(words, sizeof words);
    fort_report(&parent->fort, &out);
    EACH_ROOM(room) {
        const struct child *child = &parent->children[room];
        if (!is_known(parent, room)) continue;
        buf_print(&out, "; %s: %.110s", room_name(room), child->cage);
        buf_print(&parts, "%s=%s ", room_name(room), cage_level_name(child->level));
    }
    buf_print(&parts, "nftables=%s bpf=%s", fort_state_name(parent->fort.nft.state),
              fort_state_name(parent->fort.bpf.state));
    struct msg msg = {.type = MSG_border_level, .descriptor = -1};
    msg.as.border_level = (struct msg_border_level){
        .level = (uint8_t)parent_level(parent), .parts = buf_view(&parts), .text = buf_view(&out)};
    return parent_send(parent, ROOM_BORDER, &msg);
}

// A sanitizer build has no cage: every receipt says level open.
enum sk_code parent_level_room(const struct parent *parent, enum room room) {
    const struct child *child = &parent->children[room];
    enum cage_level lowest = cage_level_of(parent->conf->isolation);
    if (lowest > CAGE_WALLED) lowest = CAGE_WALLED;
    if (child->level >= lowest || !cage_supported()) return SK_OK;
    return FAIL(SK_DENIED,
                "isolation of %s is %s, below the configured %s (%s). See docs/powers.md, or set "
                "isolation: fenced",
                room_name(room), cage_level_name(child->level), parent->conf->isolation,
                child->cage);
}

static enum sk_code level_check(struct parent *parent) {
    char text[REPORT_MAX];
    struct buf out = buf_over(text, sizeof text);
    EACH_ROOM(room) {
        if (is_known(parent, room)) TRY(parent_level_room(parent, room));
    }
    enum cage_level level = parent_level(parent);
    if (level >= cage_level_of(parent->conf->isolation) || !cage_supported()) return SK_OK;
    fort_report(&parent->fort, &out);
    return FAIL(SK_DENIED,
                "isolation of the node is %s, below the configured %s (%.*s). See docs/powers.md, "
                "or set isolation: walled",
                cage_level_name(level), parent->conf->isolation, (int)out.len, out.at);
}

static uint32_t room_ids(const struct parent *parent, pid_t out[ROOM_COUNT]) {
    uint32_t len = 0;
    EACH_ROOM(room) {
        const struct child *child = &parent->children[room];
        if (child->stage == CHILD_READY) out[len++] = child->pid;
    }
    return len;
}

// Places that are on, but this node; dial has the same list.
static void destinations(const struct policy *policy, struct fort_list *out) {
    for (uint32_t i = 1; i < policy->places_len; i++) {
        const struct policy_place *place = &policy->places[i];
        for (uint32_t a = 0; a < place->addresses_len && !place->off; a++)
            must(fort_list_add(out, place->addresses[a].bytes, place->port) == SK_OK);
    }
}
_Static_assert((int)FORT_PLACES_MAX >= (int)POLICY_PLACES_MAX * (int)POLICY_ADDRESSES_MAX,
               "every address of a policy fits");

enum sk_code parent_level_raise(struct parent *parent) {
    struct fort_list list = {.len = 0};
    pid_t ids[ROOM_COUNT];
    destinations(parent->policy, &list);
    fort_raise(&parent->fort, &list, ids, room_ids(parent, ids));
    TRY(level_check(parent));
    return parent_level_send(parent);
}

// A room's walls do not come back: its level only falls.
static void room_attack(struct parent *parent, enum room room) {
    struct child *child = &parent->children[room];
    struct cage_plan plan = {.room = (enum cage_room)(room - ROOM_GATE),
                             .directory = room == ROOM_LEDGER ? parent->directory : -1,
                             .files_max = 64};
    if (room == ROOM_DIAL) {
        plan.ports = parent->ports;
        plan.ports_len = parent->ports_len;
    }
    struct cage_report report;
    cage_throwaway(&plan, PROBE_WAIT_MS, &report);
    if (report.level < child->level) {
        log_line(LOG_ERROR, "isolation", "room=%s was=%s now=%s", room_name(room),
                 cage_level_name(child->level), cage_level_name(report.level));
        child->level = report.level;
    }
    snprintf(child->cage, sizeof child->cage, "%s", report.text);
}

enum sk_code parent_level_round(struct parent *parent) {
    pid_t ids[ROOM_COUNT];
    enum cage_level before = parent_level(parent);
    EACH_ROOM(room) {
        if (is_known(parent, room)) room_attack(parent, room);
    }
    fort_check(&parent->fort, ids, room_ids(parent, ids));
    enum cage_level now = parent_level(parent);
    if (now != before)
        log_line(now < before ? LOG_ERROR : LOG_INFO, "isolation", "was=%s now=%s",
                 cage_level_name(before), cage_level_name(now));
    TRY(parent_level_send(parent));
    return level_check(parent);
}
