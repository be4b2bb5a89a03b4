// Unhook: what root can do to the BPF hooks of a cgroup: detach them, while their owner runs.
#pragma once

// Detaches every link at the cgroup that is this directory; how many there were, -1: not permitted.
int unhook(const char *directory);
