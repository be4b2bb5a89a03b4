// A real node for a benchmark: made in a directory of its own, started, stopped, removed.
#pragma once
#include <stddef.h>
#include <sys/types.h>

extern char node_work[]; // its directory
extern char node_key[];
extern int node_port;
extern pid_t node_pid;

_Noreturn void give_up(const char *why); // ends the node, too
double now_us(void);

// Runs a program with its stdout (1) or stderr (2) collected: the descriptor to read it from.
int start(char *const argv[], int collected, pid_t *pid);
// The same, waited for; it must end well.
void collect(char *const argv[], int collected, char *out, size_t max);

void node_init(char *sekisho); // `sekisho init` in a new directory
double node_start(char *sekisho); // milliseconds until it serves
void node_stop(void);
void node_remove(void);

int dial_loopback(int port); // connected
