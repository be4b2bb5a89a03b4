// Share: how far each prompt is read in a step.
//
// Columns go to tenants by weight (base/fair.h), one at a time; of a tenant's, every other one to
// its oldest prompt, the rest to the one of the others that has least left, so that neither a long
// prompt holds up short ones nor short ones a long one. Promises: every column is given away while
// a prompt has tokens left; of two tenants that have prompts in all steps, columns over weights
// never differ by more than one each. The result depends on nothing but the calls.
#pragma once
#include <stdint.h>

#include "base/fair.h"

enum { SHARE_MAX = 64 };

struct share_prompt {
    uint64_t tenant;
    uint32_t weight; // of the tenant
    uint64_t order;  // of arrival
    uint32_t left;   // tokens
    uint32_t count;  // out: read in this step
};

struct share_flow {
    uint64_t tenant;
    struct fair_flow flow;
    bool second; // its next column is not the oldest prompt's
    bool here;   // it has prompts in this step
};

// Of tenants that have prompts.
struct share {
    struct fair fair;
    struct share_flow flows[SHARE_MAX];
    uint32_t len;
};

// At most SHARE_MAX prompts, in any order; their counts begin at 0.
void share_deal(struct share *share, struct share_prompt *prompts, uint32_t len, uint32_t columns);
