// The parts of the fort, for fort*.c only: its cgroup, its two layers, and the attacks on them.
#pragma once
#include "node/fort.h"

// ---- fort_group.c ----
// Makes the cgroup `name` with `rooms` in it, below the one this process is in. SK_UNSUPPORTED: no
// cgroup2 is mounted; SK_IO: it cannot be made.
enum sk_code fort_group_open(struct fort_group *group, const char *name);
void fort_group_close(struct fort_group *group, const char *name);
// Opens the cgroup the rooms are in; -1 and errno.
int fort_group_rooms(const struct fort_group *group, const char *name);
// SK_GONE: one of these processes is not in it.
enum sk_code fort_group_check(const struct fort_group *group, const pid_t *rooms, uint32_t len);
// Brings them back.
void fort_group_gather(const struct fort_group *group, const pid_t *rooms, uint32_t len);

// ---- fort_nft.c: a table of our own, family inet ----
struct fort_nft;
// SK_UNSUPPORTED: built without libnftables.
enum sk_code fort_nft_open(struct fort_nft **out);
void fort_nft_close(struct fort_nft *nft); // and the table with it
// Replaces the table, as one transaction.
enum sk_code fort_nft_load(struct fort_nft *nft, const struct fort *fort);
// SK_GONE: the table does not read as it was loaded.
enum sk_code fort_nft_check(struct fort_nft *nft, const struct fort *fort);
// Packets it refused since it was loaded.
uint64_t fort_nft_refused(struct fort_nft *nft, const struct fort *fort);

// ---- fort_bpf.c: five hooks on the rooms' cgroup ----
struct fort_bpf;
// SK_UNSUPPORTED: built without libbpf; SK_DENIED: the kernel refuses a program.
enum sk_code fort_bpf_open(struct fort_bpf **out);
void fort_bpf_close(struct fort_bpf *bpf);
// Programs over this list take the place of what is attached, hook by hook.
enum sk_code fort_bpf_load(struct fort_bpf *bpf, const struct fort *fort);
// SK_GONE: a hook is not attached, or not with our program.
enum sk_code fort_bpf_check(struct fort_bpf *bpf);
int fort_bpf_events(const struct fort_bpf *bpf);
void fort_bpf_event(struct fort_bpf *bpf);
void fort_bpf_quiet(struct fort_bpf *bpf); // after the attacks of a round: they are not told
uint64_t fort_bpf_refused(const struct fort_bpf *bpf); // attempts besides those

// ---- fort_attack.c ----
enum fort_target { FORT_NFT, FORT_BPF };
// A child joins the cgroup where only this layer stands, becomes dial, then ferry, and tries to
// pass, to loopback addresses that are not in the list. SK_GONE names what came through.
enum sk_code fort_attack(const struct fort *fort, enum fort_target target);
