// The parts of policy*.c, for each other only.
#pragma once
#include "border/policy.h"

// A policy in which nothing is declared: place 0, tenant 0, private networks. Texts are literals.
void policy_begin(struct policy *policy, const char *home);
