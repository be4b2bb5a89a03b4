// The engine's scratch file: the one file on disk that its room may write, by its number, and only
// without a name. All else is refused as without it.
#include "deny.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

// What a room with a scratch file does, and how that must end.
static const struct scratch {
    const char *what;
    bool named, second; // the file has a name; another writable one is there
    bool elsewhere;     // it writes to another descriptor
    const char *hole;   // in its report; NULL: none
    int signal;         // that ends it; 0: it is done
} rows[] = {
    {"scratch file", false, false, false, NULL, 0},
    {"scratch, write elsewhere", false, false, true, NULL, SIGSYS},
    {"scratch with a name", true, false, false, "hole=open_named_file", 0},
    {"scratch and another file", false, true, false, "hole=open_writable_file", 0},
};

struct scratched {
    const struct scratch *row;
    char path[64];
    struct cage_report report;
    bool locked, done;
};

static int without_name(void) { return open("/tmp", O_TMPFILE | O_RDWR, 0600); }

static void scratch_room(void *at) {
    struct scratched *room = at;
    int file = room->row->named ? mkstemp(room->path) : without_name();
    int ends[2];
    must(pipe(ends) == 0);
    int keep[] = {file, room->row->second ? without_name() : ends[1]};
    must(keep[0] > 0 && keep[1] > 0);
    struct cage_plan plan = deny_plan(CAGE_ENGINE, -1);
    plan.scratch = file;
    plan.keep = keep;
    plan.keep_len = 2;
    if (cage_walls(&plan, &room->report) != SK_OK) return;
    if (cage_lock(&plan, &room->report) != SK_OK) return;
    room->locked = true;
    char back[8] = "";
    must(pwrite(file, "sealed", 6, 4096) == 6 && pread(file, back, 6, 4096) == 6);
    if (room->row->elsewhere) (void)!pwrite(keep[1], "out", 3, 0);
    room->done = strcmp(back, "sealed") == 0;
}

void deny_scratch(void) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct scratch *row = &rows[i];
        struct scratched *room = deny_shared(sizeof *room);
        *room = (struct scratched){.row = row, .path = "/tmp/sekisho-deny-XXXXXX"};
        int status = deny_child(scratch_room, room);
        if (row->named) unlink(room->path);
        const char *text = room->report.text;
        printf("%-24s%s\n", row->what, text);
        deny_check(room->locked, "%s: the lock did not end", row->what);
        if (row->hole)
            deny_check(room->report.level == CAGE_OPEN && strstr(text, row->hole),
                       "%s is not seen: %s", row->what, text);
        else
            deny_level(&room->report);
        int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        deny_check(signal == row->signal && room->done == (signal == 0), "%s: ended with signal %d",
                   row->what, signal);
    }
}
