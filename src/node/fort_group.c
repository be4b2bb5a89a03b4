// The node's cgroup. Version 2 is found wherever it is mounted: alone, or beside version 1.
#include "node/fort_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char mounts[] = "/sys/fs/cgroup"; // where nftables looks for names

// Where version 2 is mounted, below `mounts`: "", "/unified"; NULL: it is not.
static const char *group_mount(char line[1024]) {
    FILE *file = fopen("/proc/self/mounts", "re");
    char *found = NULL;
    while (file && !found && fgets(line, 1024, file)) {
        char *at = strchr(line, ' '), *kind = at ? strchr(at + 1, ' ') : NULL;
        if (!kind || strncmp(kind, " cgroup2 ", 9) != 0) continue;
        *kind = 0;
        size_t len = strlen(mounts);
        if (strncmp(at + 1, mounts, len) == 0) found = at + 1 + len;
    }
    if (file) fclose(file);
    return found;
}

// The cgroup this process is in: "/system.slice/sekisho.service".
static bool group_own(char out[FORT_PATH_MAX]) {
    FILE *file = fopen("/proc/self/cgroup", "re");
    char line[FORT_PATH_MAX];
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        if (strncmp(line, "0::/", 4) != 0) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(out, FORT_PATH_MAX, "%s", line + 3);
        found = true;
    }
    if (file) fclose(file);
    return found;
}

static int group_procs(int directory, const char *name) {
    return openat(directory, name, O_WRONLY | O_CLOEXEC);
}

// What a fallen node left goes, and its hooks with it: its rooms end with it, or a moment later.
static bool group_mkdir(int directory, const char *name, const char *rooms) {
    enum { TRIES = 100, WAIT_US = 10000 };
    for (int i = 0; i < TRIES; i++) {
        unlinkat(directory, rooms, AT_REMOVEDIR);
        unlinkat(directory, name, AT_REMOVEDIR);
        if (mkdirat(directory, name, 0755) == 0) return mkdirat(directory, rooms, 0755) == 0;
        if (errno != EEXIST) return false;
        usleep(WAIT_US);
    }
    return false;
}

static enum sk_code group_make(struct fort_group *group, const char *name) {
    char rooms[FORT_NAME_MAX + 16], procs[FORT_NAME_MAX + 32], path[FORT_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", mounts, group->path);
    *strrchr(path, '/') = 0;
    group->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (group->directory < 0) return FAIL(SK_IO, "cgroup: %s", strerror(errno));
    snprintf(rooms, sizeof rooms, "%s/rooms", name);
    if (!group_mkdir(group->directory, name, rooms))
        return FAIL(SK_IO, "cgroup: %s", strerror(errno));
    snprintf(procs, sizeof procs, "%s/cgroup.procs", name);
    group->node = group_procs(group->directory, procs);
    snprintf(procs, sizeof procs, "%s/rooms/cgroup.procs", name);
    group->rooms = group_procs(group->directory, procs);
    if (group->node < 0 || group->rooms < 0) return FAIL(SK_IO, "cgroup: %s", strerror(errno));
    return SK_OK;
}

enum sk_code fort_group_open(struct fort_group *group, const char *name) {
    char line[1024], own[FORT_PATH_MAX];
    *group = (struct fort_group){.directory = -1, .node = -1, .rooms = -1};
    const char *mount = group_mount(line);
    if (!mount || !group_own(own)) return FAIL(SK_UNSUPPORTED, "no cgroup2 in %s", mounts);
    if (strcmp(own, "/") == 0) own[0] = 0;
    int len = snprintf(group->path, sizeof group->path, "%s%s/%s", mount, own, name);
    if (len < 0 || (size_t)len >= sizeof group->path || strpbrk(group->path, "\"\\"))
        return FAIL(SK_UNSUPPORTED, "cgroup: its name cannot be given to nftables");
    memmove(group->path, group->path + 1, strlen(group->path)); // without the first slash
    for (const char *at = own; *at; at++)
        group->depth += *at == '/';
    group->depth++;
    return group_make(group, name);
}

void fort_group_close(struct fort_group *group, const char *name) {
    char rooms[FORT_NAME_MAX + 16];
    if (group->node >= 0) close(group->node);
    if (group->rooms >= 0) close(group->rooms);
    if (group->directory < 0) return;
    snprintf(rooms, sizeof rooms, "%s/rooms", name);
    unlinkat(group->directory, rooms, AT_REMOVEDIR);
    unlinkat(group->directory, name, AT_REMOVEDIR);
    close(group->directory);
    *group = (struct fort_group){.directory = -1, .node = -1, .rooms = -1};
}

int fort_group_rooms(const struct fort_group *group, const char *name) {
    char rooms[FORT_NAME_MAX + 16];
    snprintf(rooms, sizeof rooms, "%s/rooms", name);
    return openat(group->directory, rooms, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool group_has(const char *path, pid_t room) {
    char line[32];
    bool found = false;
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file))
        found = strtol(line, NULL, 10) == room;
    if (file) fclose(file);
    return found;
}

// A child that has ended is in no cgroup, and has not left it.
static bool has_ended(pid_t room) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)room, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == room;
}

enum sk_code fort_group_check(const struct fort_group *group, const pid_t *rooms, uint32_t len) {
    char path[FORT_PATH_MAX + 48];
    uint32_t left = 0;
    snprintf(path, sizeof path, "%s/%s/rooms/cgroup.procs", mounts, group->path);
    for (uint32_t i = 0; i < len; i++)
        left += !group_has(path, rooms[i]) && !has_ended(rooms[i]);
    return left == 0 ? SK_OK : FAIL(SK_GONE, "%u of %u rooms left the cgroup", left, len);
}

void fort_group_gather(const struct fort_group *group, const pid_t *rooms, uint32_t len) {
    for (uint32_t i = 0; i < len; i++)
        dprintf(group->rooms, "%d", rooms[i]);
}
