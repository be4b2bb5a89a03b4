#include "cli/detect.h"
#include "cli/doctor.h"
#include "node/geo.h"
#include "node/parent.h"
#include "node/policy_files.h"

#include <string.h>

enum { EXPIRING_DAYS = 30, LINES_MAX = 32 << 10 };

static void rows(const char *what, struct view lines) {
    struct view line;
    while (view_next(&lines, '\n', &line))
        doctor_row(DOCTOR_LOOK, what, "%.*s", (int)line.len, line.at);
}

static void look_over(const struct policy *policy, int64_t day) {
    static char text[LINES_MAX];
    struct buf out = buf_over(text, sizeof text);
    policy_expiring(policy, day, EXPIRING_DAYS, &out);
    rows("expires", buf_view(&out));
    buf_reset(&out);
    policy_lint(policy, day, &out);
    rows("policy", buf_view(&out));
}

// Places that cannot be asked as they stand.
static void check_places(const struct conf *conf, const struct policy *policy) {
    for (uint32_t i = 1; i < policy->places_len; i++) {
        const struct policy_place *place = &policy->places[i];
        if (!place->off && parent_place_files(conf, place) != SK_OK)
            doctor_row(DOCTOR_BAD, "place", "%s: %s", place->id, fail_text());
    }
}

// What a class names and cannot be looked for: every request would be refused.
static void check_detectors(const struct conf *conf, const struct policy *policy) {
    static struct cli_detectors detectors;
    struct detector_set wanted = {0};
    char text[512];
    struct buf names = buf_over(text, sizeof text);
    policy_detectors(policy, &wanted);
    if (cli_detectors_open(conf->detectors, conf->policy, &detectors) != SK_OK) {
        doctor_row(DOCTOR_BAD, "detectors", "%s", fail_text());
        return;
    }
    for (unsigned i = 0; i < DETECTOR_COUNT; i++)
        if (wanted.bits & ~detectors.working.bits & UINT64_C(1) << i)
            buf_print(&names, " %s", detector_name((enum detector)i));
    if (names.len)
        doctor_row(DOCTOR_BAD, "detectors",
                   "without their files, so that every request is refused:%.*s", (int)names.len,
                   names.at);
    else
        doctor_row(DOCTOR_GOOD, "detectors", "all that the policy names");
    cli_detectors_close(&detectors);
}

void doctor_border(const struct conf *conf) {
    static struct policy policy;
    struct arena arena = {0};
    int64_t day = policy_files_today();
    enum sk_code code = arena_open(&arena, "policy", POLICY_FILES_ARENA);
    if (code == SK_OK) code = policy_files_read(conf->policy, day, &arena, &policy);
    if (code != SK_OK) {
        doctor_row(DOCTOR_BAD, "policy", "%s", fail_text());
    } else if (!conf->policy[0]) {
        doctor_row(DOCTOR_GOOD, "policy", "none: nothing leaves this node");
    } else {
        doctor_row(DOCTOR_GOOD, "policy", "%s: %u classes, %u places, %u routes", policy.name,
                   policy.classes_len, policy.places_len, policy.routes_len);
        look_over(&policy, day);
        check_places(conf, &policy);
        check_detectors(conf, &policy);
    }
    arena_close(&arena);
    if (!geo_supported())
        doctor_row(DOCTOR_LOOK, "libmaxminddb",
                   "this build is without it: a policy with geo is refused (libmaxminddb-dev)");
}
