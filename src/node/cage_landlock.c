// Landlock by system call, with constants of our own: Debian 12's header stops at ABI 2.
//
// Source: the kernel's include/uapi/linux/landlock.h (6.18, ABI 7) and
// Documentation/userspace-api/landlock.rst. A later kernel is used up to what is known here.
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "node/cage_parts.h"

enum {
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_REG = 1 << 8,
    FS_TRUNCATE = 1 << 14,
    CREATE_RULESET_VERSION = 1,
    CONNECT_TCP = 1 << 1,
    RULE_PATH_BENEATH = 1,
    RULE_NET_PORT = 2,
    ABI_PORTS = 4,  // rights over TCP ports
    ABI_SCOPES = 6, // signals and abstract sockets
};

struct landlock_rights { // struct landlock_ruleset_attr
    uint64_t files, ports, scopes;
};

struct landlock_beneath { // struct landlock_path_beneath_attr
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

struct landlock_port { // struct landlock_net_port_attr
    uint64_t allowed, port;
};

// Every right of an ABI; an older kernel wants the rest to be zero.
static struct landlock_rights landlock_rights(uint32_t abi) {
    static const struct {
        uint32_t abi;
        struct landlock_rights all;
    } known[] = {
        {6, {0xffff, 3, 3}}, // + scopes: abstract unix sockets, signals
        {5, {0xffff, 3, 0}}, // + ioctl on devices
        {4, {0x7fff, 3, 0}}, // + TCP bind, connect
        {3, {0x7fff, 0, 0}}, // + truncate
        {2, {0x3fff, 0, 0}}, // + refer
        {1, {0x1fff, 0, 0}}, // execute, read, write, remove and make of each kind
    };
    size_t i = 0;
    while (known[i].abi > abi)
        i++;
    return known[i].all;
}

static int landlock_allow(int ruleset, int directory, uint64_t handled) {
    const uint64_t needs =
        FS_WRITE_FILE | FS_READ_FILE | FS_REMOVE_FILE | FS_MAKE_REG | FS_TRUNCATE;
    struct landlock_beneath rule = {.allowed = needs & handled, .parent = directory};
    return (int)syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
}

// A kernel without rights over ports has nothing to except from them.
static int landlock_ports(int ruleset, const struct cage_plan *plan, uint64_t handled) {
    for (uint32_t i = 0; i < plan->ports_len && handled; i++) {
        struct landlock_port rule = {.allowed = CONNECT_TCP, .port = plan->ports[i]};
        if (syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) != 0) return -1;
    }
    return 0;
}

void cage_landlock(const struct cage_plan *plan, struct cage_report *report) {
    int directory = plan->directory;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    if (abi < 1) {
        cage_missing(report, "landlock", abi < 0 ? errno : ENOSYS);
        return;
    }
    struct landlock_rights rights = landlock_rights((uint32_t)abi);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof rights, 0);
    bool up = ruleset >= 0 &&
              (directory < 0 || landlock_allow(ruleset, directory, rights.files) == 0) &&
              landlock_ports(ruleset, plan, rights.ports) == 0 &&
              syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    int error = errno;
    if (ruleset >= 0) close(ruleset);
    if (!up) {
        cage_missing(report, "landlock", error);
        return;
    }
    report->landlock_abi = (uint32_t)abi;
    if (abi >= ABI_PORTS) {
        report->walls |= CAGE_LANDLOCK;
        for (uint32_t i = 0; i < plan->ports_len; i++)
            report->ports[report->ports_len++] = plan->ports[i];
    } else {
        cage_missing(report, "landlock_ports", ENOSYS);
    }
    if (abi >= ABI_SCOPES) report->walls |= CAGE_SCOPES;
}
