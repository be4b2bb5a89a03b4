#include "engine/share.h"

#include "base/fail.h"

static struct share_flow *flow_of(struct share *share, uint64_t tenant) {
    for (uint32_t i = 0; i < share->len; i++)
        if (share->flows[i].tenant == tenant) return &share->flows[i];
    return NULL;
}

// A row for every tenant that has prompts, and no other: one without is ahead by a column at most.
static void line_up(struct share *share, const struct share_prompt *prompts, uint32_t len) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < share->len; i++) {
        struct share_flow *row = &share->flows[i];
        if (!row->here) fair_wake(&share->fair, &row->flow); // its prompts were read
        row->here = false;
    }
    for (uint32_t i = 0; i < len; i++) {
        struct share_flow *row = flow_of(share, prompts[i].tenant);
        if (row) row->here = true;
    }
    for (uint32_t i = 0; i < share->len; i++)
        if (share->flows[i].here) share->flows[kept++] = share->flows[i];
    share->len = kept;
    for (uint32_t i = 0; i < len; i++) {
        struct share_flow *row = flow_of(share, prompts[i].tenant);
        if (!row) {
            must(share->len < SHARE_MAX);
            row = &share->flows[share->len++];
            *row = (struct share_flow){.tenant = prompts[i].tenant, .here = true};
            fair_wake(&share->fair, &row->flow);
        }
        row->flow.weight = prompts[i].weight;
    }
}

// The tenant's oldest prompt with tokens left, or the one of the others that has least.
static struct share_prompt *prompt_of(const struct share_flow *row, struct share_prompt *prompts,
                                      uint32_t len) {
    struct share_prompt *oldest = NULL, *least = NULL;
    for (uint32_t i = 0; i < len; i++) {
        struct share_prompt *prompt = &prompts[i];
        bool hungry = prompt->tenant == row->tenant && prompt->count < prompt->left;
        if (hungry && (!oldest || prompt->order < oldest->order)) oldest = prompt;
    }
    for (uint32_t i = 0; i < len && row->second; i++) {
        struct share_prompt *prompt = &prompts[i];
        bool hungry = prompt->tenant == row->tenant && prompt->count < prompt->left;
        if (!hungry || prompt == oldest) continue;
        uint32_t left = prompt->left - prompt->count;
        uint32_t other = least ? least->left - least->count : 0;
        if (!least || left < other || (left == other && prompt->order < least->order))
            least = prompt;
    }
    return least ? least : oldest;
}

void share_deal(struct share *share, struct share_prompt *prompts, uint32_t len, uint32_t columns) {
    must(len <= SHARE_MAX);
    line_up(share, prompts, len);
    for (uint32_t i = 0; i < len; i++) prompts[i].count = 0;
    for (; columns > 0; columns--) {
        struct share_flow *next = NULL;
        for (uint32_t i = 0; i < share->len; i++) {
            struct share_flow *row = &share->flows[i];
            if (row->here && (!next || fair_before(&row->flow, &next->flow))) next = row;
        }
        if (!next) return;
        struct share_prompt *prompt = prompt_of(next, prompts, len);
        next->here = prompt != NULL;
        if (!prompt) {
            columns++;
            continue;
        }
        prompt->count++;
        next->second = !next->second;
        fair_serve(&share->fair, &next->flow, 1);
    }
}
