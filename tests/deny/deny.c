#include "deny.h"

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBES_MAX = 64, ORDINARY_USER = 64900, FILES_MAX = 256, EAR_MS = 200 };

static struct { unsigned passed, failed, skipped; } count;

bool deny_check(bool holds, const char *format, ...) {
    if (holds) {
        count.passed++;
        return true;
    }
    count.failed++;
    va_list list;
    va_start(list, format);
    fputs("FAILED: ", stdout);
    vprintf(format, list);
    fputs("\n", stdout);
    va_end(list);
    return false;
}

void deny_skip(const char *format, ...) {
    count.skipped++;
    va_list list;
    va_start(list, format);
    fputs("skip: ", stdout);
    vprintf(format, list);
    fputs("\n", stdout);
    va_end(list);
}

void deny_level(const struct cage_report *report) {
    const char *name = cage_room_name(report->room);
    if (report->level < CAGE_WALLED && report->missing[0])
        deny_skip("%s: %s", name, report->text);
    else
        deny_check(report->level == CAGE_WALLED, "%s: %s", name, report->text);
}

void *deny_shared(size_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(at != MAP_FAILED);
    return at;
}

int deny_child(void (*body)(void *argument), void *argument) {
    fflush(stdout);
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        body(argument);
        _exit(0);
    }
    int status = 0;
    must(waitpid(child, &status, 0) == child);
    return status;
}

struct cage_plan deny_plan(enum cage_room room, int directory) {
    return (struct cage_plan){
        .room = room, .directory = room == CAGE_LEDGER ? directory : -1, .files_max = FILES_MAX};
}

// ---- every attack, outside and in every room ----
struct attacked {
    struct cage_plan plan;
    struct cage_target target;
    struct cage_report report;
    enum cage_outcome walls[PROBES_MAX], locked[PROBES_MAX];
    bool walled, done;
};

static void attack_walled(void *at) {
    struct attacked *room = at;
    if (cage_walls(&room->plan, &room->report) != SK_OK) return;
    for (size_t i = 0; i < cage_probes_len; i++)
        room->walls[i] = cage_probe_try(&cage_probes[i], &room->target, false);
    room->walled = true;
}

static void attack_locked(void *at) {
    struct attacked *room = at;
    if (cage_walls(&room->plan, &room->report) != SK_OK) return;
    if (cage_filter_load(&room->plan, SCMP_ACT_KILL_PROCESS) != 0) return;
    for (size_t i = 0; i < cage_probes_len; i++)
        room->locked[i] = cage_probe_try(&cage_probes[i], &room->target, true);
    room->done = true;
}

// Nothing arrives from a room. Dial keeps the machine's network: from behind its walls alone,
// without the filter, UDP, MPTCP and fast open arrive, as docs/powers.md says.
static void attack_silence(const struct outside *outside, const struct cage_plan *plan) {
    const int ears[] = {outside->tcp, outside->udp, outside->path, outside->name};
    for (size_t i = 0; i < sizeof ears / sizeof *ears; i++) {
        bool heard = false;
        while (outside_heard(ears[i], 0))
            heard = true;
        if (plan) deny_check(!heard, "a socket outside heard %s", cage_room_name(plan->room));
    }
}

// The walls that must refuse an attack here: two more than in a room's own attack, because here the
// sockets it looks for are there.
static uint32_t attack_walls(const struct cage_probe *probe) {
    if (strcmp(probe->name, "unix_path") == 0) return CAGE_ROOT;
    if (strcmp(probe->name, "unix_abstract") == 0) return CAGE_NETWORK | CAGE_SCOPES;
    return probe->wall;
}

static const char *outcome_name(enum cage_outcome outcome) {
    static const char *const names[] = {"killed", "refused", "through"};
    return names[outcome];
}

static void attack_judge(const struct attacked *room, size_t i) {
    const struct cage_probe *probe = &cage_probes[i];
    const char *name = cage_room_name(room->plan.room);
    // The ledger opens files: where the machine gives no wall around them, there is none.
    bool bare = room->plan.room == CAGE_LEDGER && !(probe->wall & room->report.walls);
    if (bare && room->report.missing[0] && room->locked[i] == CAGE_THROUGH)
        deny_skip("%s: no wall here against %s", name, probe->name);
    else
        deny_check(room->locked[i] != CAGE_THROUGH, "%s: %s comes through the lock", name,
                   probe->name);
    if (attack_walls(probe) & room->report.walls)
        deny_check(room->walls[i] != CAGE_THROUGH, "%s: %s comes through the walls", name,
                   probe->name);
}

// Outside every attack must work, and what it reaches must hear it.
static bool attack_control(const struct outside *outside, const struct cage_probe *probe) {
    struct cage_target target = outside_target(outside, CAGE_LEDGER);
    if (cage_probe_try(probe, &target, false) != CAGE_THROUGH) {
        deny_skip("control %s is not available here", probe->name);
        return false;
    }
    int ear = outside_ear(outside, probe->name);
    return deny_check(ear < 0 || outside_heard(ear, EAR_MS), "control %s: nothing arrived",
                      probe->name);
}

static void attack_table(const struct attacked *rooms, const bool *controls) {
    printf("%-22s%-10s", "attack", "outside");
    for (int room = 0; room < CAGE_ROOMS; room++)
        printf("%-18s", cage_room_name((enum cage_room)room));
    printf("\n%-22s%-10s", "", "");
    for (int room = 0; room < CAGE_ROOMS; room++)
        printf("%-9s%-9s", "walls", "locked");
    printf("\n");
    for (size_t i = 0; i < cage_probes_len; i++) {
        printf("%-22s%-10s", cage_probes[i].name, controls[i] ? "works" : "-");
        for (int room = 0; room < CAGE_ROOMS; room++)
            printf("%-9s%-9s", outcome_name(rooms[room].walls[i]),
                   outcome_name(rooms[room].locked[i]));
        printf("\n");
    }
}

void deny_attacks(struct outside *outside) {
    must(cage_probes_len <= PROBES_MAX);
    struct attacked *rooms = deny_shared(CAGE_ROOMS * sizeof *rooms);
    bool controls[PROBES_MAX] = {false};
    for (size_t i = 0; i < cage_probes_len; i++)
        controls[i] = attack_control(outside, &cage_probes[i]);
    for (int i = 0; i < CAGE_ROOMS; i++) {
        enum cage_room room = (enum cage_room)i;
        rooms[i].plan = deny_plan(room, outside->directory);
        rooms[i].target = outside_target(outside, room);
        deny_child(attack_walled, &rooms[i]);
        bool bare = rooms[i].report.missing[0] != 0; // said by a skip of its own
        attack_silence(outside, room == CAGE_DIAL || bare ? NULL : &rooms[i].plan);
        deny_child(attack_locked, &rooms[i]);
        attack_silence(outside, bare ? NULL : &rooms[i].plan);
        if (!deny_check(rooms[i].walled && rooms[i].done, "%s: the attacks did not end",
                        cage_room_name(room)))
            continue;
        for (size_t j = 0; j < cage_probes_len; j++)
            attack_judge(&rooms[i], j);
    }
    attack_table(rooms, controls);
    if (rooms[CAGE_BORDER].report.missing[0])
        deny_skip("silence outside: this machine has no %s", rooms[CAGE_BORDER].report.missing);
}

// ---- the program ----
static void deny_off(void) {
    struct cage_plan plan = deny_plan(CAGE_BORDER, -1);
    struct cage_report report;
    deny_check(cage_walls(&plan, &report) == SK_OK && cage_lock(&plan, &report) == SK_OK &&
                   report.level == CAGE_OPEN && strstr(report.text, "missing=sanitizer"),
               "a sanitizer build must say so: %s", report.text);
    deny_skip("sanitizer build: no cage to attack");
}

static void deny_half(void) {
    if (!cage_supported()) {
        deny_off();
        return;
    }
    struct outside outside;
    outside_open(&outside);
    deny_attacks(&outside);
    deny_dial();
    deny_work(&outside);
    outside_close(&outside);
    deny_sweep();
    deny_lies();
    deny_scratch();
}

static int deny_end(void) {
    printf("%u passed, %u failed, %u skipped\n", count.passed, count.failed, count.skipped);
    return count.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

// The child is an ordinary user's process, as if it had been started by one.
static void become_user(void) {
    must(setgroups(0, NULL) == 0 && setresgid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER) == 0);
    must(setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER) == 0);
    must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

// For developers: runs a program under a room's list; the kernel log names calls without a row.
static int log_program(const char *name, char **program) {
    for (int i = 0; i < CAGE_ROOMS; i++) {
        enum cage_room room = (enum cage_room)i;
        if (strcmp(name, cage_room_name(room)) != 0) continue;
        struct cage_plan plan = deny_plan(room, -1);
        int error = cage_filter_load(&plan, SCMP_ACT_LOG);
        if (!error) execvp(program[0], program);
        printf("%s: %s\n", program[0], strerror(error ? error : errno));
        return EXIT_FAILURE;
    }
    printf("no room is named %s\n", name);
    return EXIT_FAILURE;
}

int main(int argc, char **argv) {
    if (argc >= 4 && strcmp(argv[1], "--log") == 0) return log_program(argv[2], argv + 3);
    bool root = argc == 2 && strcmp(argv[1], "root") == 0;
    if (!root && !(argc == 2 && strcmp(argv[1], "user") == 0)) {
        printf("usage: deny root | user | --log ROOM PROGRAM ARGUMENT…\n");
        return EXIT_FAILURE;
    }
    if (root && geteuid() != 0) {
        deny_skip("not started by root: run `deny user`");
        return deny_end();
    }
    if (!root && geteuid() == 0) become_user();
    deny_half();
    return deny_end();
}
