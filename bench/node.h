// A real node for a benchmark: made in a directory of its own, started, stopped, removed.
#pragma once
#include <stddef.h>
#include <sys/types.h>

struct node {
    char work[64]; // its directory
    char key[128];
    int port;
    pid_t pid;
};

_Noreturn void give_up(const char *why); // what start() started ends, too
double now_us(void);

// Runs a program with its stdout (1) or stderr (2) collected: the descriptor to read it from.
int start(char *const argv[], int collected, pid_t *pid);
// The same, waited for; it must end well.
void collect(char *const argv[], int collected, char *out, size_t max);

enum { NODE_PATH_MAX = 128 };
void node_path(const struct node *node, const char *name, char out[NODE_PATH_MAX]);
void node_init(struct node *node, char *sekisho, const char *under); // in a new directory there
double node_start(struct node *node, char *sekisho);                 // milliseconds until it serves
void node_stop(struct node *node);
void node_remove(struct node *node);

int dial_loopback(int port); // connected
