// Pages: memory from the system, zeroed, in pages of 2 MB where the system has such.
#pragma once
#include <stdint.h>

// NULL when there is none.
void *pages_take(uint64_t bytes);
void pages_give(void *at, uint64_t bytes); // as many as were taken; fine with NULL
