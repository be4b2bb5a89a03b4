#include "node/cage.h"

#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "node/cage_parts.h"

enum { CAGE_UID_FIRST = 64001 };

const char *cage_room_name(enum cage_room room) {
    static const char *const names[] = {"gate", "border", "engine", "ledger", "ferry", "dial"};
    return room < CAGE_ROOMS ? names[room] : "?";
}

static const char *const levels[] = {"open", "fenced", "walled", "fortress"};

const char *cage_level_name(enum cage_level level) {
    return (size_t)level < sizeof levels / sizeof *levels ? levels[level] : "?";
}

enum cage_level cage_level_of(const char *name) {
    enum cage_level level = CAGE_FORTRESS;
    while (level > CAGE_OPEN && strcmp(levels[level], name) != 0) level--;
    return level;
}

uint32_t cage_uid(enum cage_room room) {
    return CAGE_UID_FIRST + (uint32_t)room;
}

#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define CAGE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAGE_SANITIZED 1
#endif

bool cage_supported(void) {
#ifdef CAGE_SANITIZED
    return false;
#else
    return true;
#endif
}

// ---- the verdict ----
static enum cage_level cage_judge(const struct cage_report *report) {
    uint32_t needed = CAGE_NAMESPACES | CAGE_UNPRIVILEGED | CAGE_LANDLOCK;
    if (report->room != CAGE_DIAL) needed |= CAGE_NETWORK;
    if (!report->filter || report->refused != report->tried) return CAGE_OPEN;
    if ((report->walls & needed) != needed) return CAGE_FENCED;
    return report->walls_refused == report->walls_tried ? CAGE_WALLED : CAGE_FENCED;
}

static void cage_describe(struct cage_report *report) {
    struct buf out = buf_over(report->text, sizeof report->text);
    buf_print(&out, "level=%s landlock=%u namespaces=", cage_level_name(report->level),
              report->landlock_abi);
    if (report->walls & CAGE_NAMESPACES)
        buf_print(&out, "%s%sipc+uts", report->walls & CAGE_USER ? "user+" : "",
                  report->walls & CAGE_NETWORK ? "net+" : "");
    else
        buf_put_text(&out, "none");
    for (uint32_t i = 0; i < report->ports_len; i++)
        buf_print(&out, "%s%u", i ? "," : " ports=", report->ports[i]);
    buf_print(&out, " walls=%u/%u probes=%u/%u", report->walls_refused, report->walls_tried,
              report->refused, report->tried);
    if (report->missing[0]) buf_print(&out, " missing=%s", report->missing);
    if (report->hole[0]) buf_print(&out, " hole=%s", report->hole);
}

static void cage_finish(struct cage_report *report) {
    report->level = cage_judge(report);
    cage_describe(report);
}

// ---- the lock ----
static void cage_look(const struct cage_plan *plan, struct cage_report *report) {
    const char *kind = cage_descriptors(plan);
    report->tried++;
    if (!kind)
        report->refused++;
    else if (!report->hole[0])
        snprintf(report->hole, sizeof report->hole, "open_%s", kind);
}

static void cage_attack(const struct cage_target *target, struct cage_report *report) {
    cage_probe_all(target, report);
    int error = cage_filter_seal();
    if (!error) return;
    report->filter = false;
    cage_missing(report, "seal", error);
}

enum sk_code cage_lock(const struct cage_plan *plan, struct cage_report *report) {
    must(plan->room == report->room && (plan->scratch <= 0 || plan->room == CAGE_ENGINE));
    if (!cage_supported()) {
        snprintf(report->missing, sizeof report->missing, "sanitizer");
        cage_finish(report);
        return SK_OK;
    }
    // The attacking children share this memory: no handler of the room may run in them.
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, &before) != 0)
        return FAIL(SK_IO, "signals cannot be blocked");
    cage_look(plan, report);
    struct cage_target target = cage_target(plan);
    int error = cage_filter_load(plan, SCMP_ACT_KILL_PROCESS);
    report->filter = error == 0;
    if (report->filter)
        cage_attack(&target, report);
    else
        cage_missing(report, "seccomp", error);
    cage_finish(report);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return SK_OK;
}

// ---- from the parent ----
static _Noreturn void throwaway_child(struct cage_plan plan, int report_to) {
    struct cage_report report;
    plan.keep = &report_to;
    plan.keep_len = 1;
    if (cage_walls(&plan, &report) != SK_OK || cage_lock(&plan, &report) != SK_OK) _exit(1);
    _exit(write(report_to, &report, sizeof report) == (ssize_t)sizeof report ? 0 : 1);
}

// A report is smaller than PIPE_BUF: it arrives whole or not at all.
_Static_assert(sizeof(struct cage_report) <= 4096, "a report is one pipe write");

static bool throwaway_wait(int from, int wait_ms, struct cage_report *report) {
    struct pollfd ready = {.fd = from, .events = POLLIN};
    if (poll(&ready, 1, wait_ms) != 1) return false;
    return read(from, report, sizeof *report) == (ssize_t)sizeof *report;
}

enum sk_code cage_throwaway(const struct cage_plan *plan, int wait_ms, struct cage_report *report) {
    *report = (struct cage_report){.room = plan->room};
    int ends[2];
    if (pipe(ends) != 0) return FAIL(SK_IO, "pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) throwaway_child(*plan, ends[1]);
    int error = errno;
    close(ends[1]);
    bool told = child > 0 && throwaway_wait(ends[0], wait_ms, report);
    close(ends[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    if (told) return SK_OK;
    cage_missing(report, "report", child < 0 ? error : ETIME);
    cage_finish(report);
    return FAIL(SK_GONE, "%s: no report from the attacking child", cage_room_name(plan->room));
}
