// Doctor: the rows of `sekisho doctor`, from its files: what is good, what to look at, what keeps a
// node from serving.
#pragma once
#include "node/conf.h"

enum doctor_state { DOCTOR_GOOD, DOCTOR_LOOK, DOCTOR_BAD };
void doctor_row(enum doctor_state state, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// doctor_isolation.c: each room and the fort, really tried; the level they come to and why it is
// not a higher one; what of this machine weakens them.
void doctor_isolation(const struct conf *conf);

// doctor_border.c: whether the policy loads and its detectors can work, what of it is off or does
// nothing, and what ends within 30 days.
void doctor_border(const struct conf *conf);

// doctor_witness.c: what a quorum of the log's witnesses saw last; whether their policy will do for
// others, too.
void doctor_witness(const struct conf *conf);
