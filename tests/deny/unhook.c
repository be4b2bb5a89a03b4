#include "unhook.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

int unhook(const char *directory) {
    struct stat at;
    unsigned id = 0;
    int count = 0;
    if (stat(directory, &at) != 0) return -1;
    while (bpf_link_get_next_id(id, &id) == 0) {
        struct bpf_link_info info = {0};
        unsigned len = sizeof info;
        int link = bpf_link_get_fd_by_id(id);
        if (link < 0) continue; // gone meanwhile
        if (bpf_obj_get_info_by_fd(link, &info, &len) == 0 && info.type == BPF_LINK_TYPE_CGROUP &&
            info.cgroup.cgroup_id == at.st_ino)
            count += bpf_link_detach(link) == 0;
        close(link);
    }
    return count;
}
