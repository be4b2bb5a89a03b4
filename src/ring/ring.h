// Ring: the group of a run over MPI: one process a rank, gradients summed in a ring beside the
// backward pass.
//
// A thread of its own carries what was begun, span after span: each is cut into as many parts as
// there are ranks; every part goes round once to be summed and once to be handed out (Patarasuk &
// Yuan 2009), so each rank sends and receives 2 (ranks - 1) / ranks of the bytes, and every part is
// summed in one order at one place. Promises: the same bits on all ranks and each time. While it
// waits the thread sleeps. Refuses: an MPI that is not safe for two threads that take turns.
// What travels is neither encrypted nor proven: the network between the ranks must be private.
#pragma once
#include "train/train.h"

struct ring;
// Joins the others (MPI_Init). Alone, without mpirun, it is a group of one.
enum sk_code ring_open(struct ring **ring);
// All ranks leave. Fine on NULL.
void ring_close(struct ring *ring);
// Ends all ranks, this one with a status that is not 0.
_Noreturn void ring_abort(void);
const struct run_group *ring_group(const struct ring *ring);

// What the gradients took, so far.
struct ring_use {
    uint64_t bytes;             // summed
    double carried_s, waited_s; // on the way; of these the run waited, with nothing left to compute
};
struct ring_use ring_use(const struct ring *ring);
