// deny: every room tries what it must not do, and each attempt has a control outside the cage.
//
// One program, one half per kind of user. Each part runs its attempts in fresh children, leaves the
// results in shared memory and judges them in the test process. A control that this machine does
// not give (no such feature, not permitted anyway) is a counted skip with its name.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/cage_parts.h"

// ---- counting (deny.c) ----
// One check; says the text when it fails. Returns `holds`.
bool deny_check(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
void deny_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
// A room that nobody lied to must be walled; where the machine lacks a layer this is a skip.
void deny_level(const struct cage_report *report);
// Zeroed memory that children share, for the rest of the process.
void *deny_shared(size_t size);
// Runs `body` in a fresh child (exit status 0 when it returns) and gives the wait status.
int deny_child(void (*body)(void *argument), void *argument);
// The plan of a room; its directory for the ledger.
struct cage_plan deny_plan(enum cage_room room, int directory);

// ---- the outside world (deny_outside.c) ----
struct outside {
    int tcp, udp, path, name; // listening sockets
    int directory;            // the ledger's, owned by its uid when root
    char path_text[96], name_text[48], directory_text[64];
    pid_t process; // somebody else, of this user
};
void outside_open(struct outside *outside);
void outside_close(struct outside *outside);
struct cage_target outside_target(const struct outside *outside, enum cage_room room);
// Whether something reached it within wait_ms; takes it.
bool outside_heard(int socket, int wait_ms);
// The socket that an attack reaches, or -1.
int outside_ear(const struct outside *outside, const char *attack);

// ---- the parts ----
void deny_attacks(struct outside *outside); // deny.c: controls, and every attack in every room
void deny_sweep(void);                      // deny_sweep.c: every call that has no row
void deny_lies(void);                       // deny_lies.c: missing layers and layers that lie
void deny_dial(void);                       // deny_dial.c: the one room that connects: where to
void deny_scratch(void);                    // deny_scratch.c: the engine's one file
void deny_work(struct outside *outside);    // deny_work.c: what a locked room must still do
