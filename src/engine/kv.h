// Kv: which page of keys and values belongs to whom. Numbers only; the bytes are forward.h's.
//
// Promises: a sequence that was begun finds a page whenever it needs one (all it may come to need
// are set aside first, so nothing that runs is ever short); a full page is found again by sequences
// of the same tenant with exactly the same tokens from the beginning on, also when its sequence has
// ended, until its place is needed (least recently used first). Refuses: sharing between tenants,
// and with tenant 0 any; trusting a hash: tokens are compared.
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "engine/kernels.h"
#include "engine/lay.h"

struct kv_page {
    // What a full page holds: KERNEL_PAGE tokens after the page `parent` and all before it. Serials
    // are never given twice: a parent whose place was taken leaves nothing to be mistaken.
    uint64_t tenant, parent, serial; // serial 0: it is not to be found
    int32_t ids[KERNEL_PAGE];
    uint32_t holders;      // sequences that use it
    uint32_t older, newer; // among the found pages without holders
    uint32_t next;         // in its bucket, or in the list of empty pages
};

struct kv {
    struct kv_page *pages;
    uint32_t *buckets; // as many as pages
    uint32_t len;
    uint32_t empty, oldest, newest; // lists
    uint32_t idle;                  // pages without holders
    uint32_t reserved;              // of these, set aside
    uint64_t serial;
};

// The pages of one generation, in order of its positions.
struct kv_sequence {
    uint64_t tenant, parent; // parent: of the next full page
    uint32_t *pages;         // room for those of a whole context
    uint32_t len, full;      // pages it has; of these, full ones
    uint32_t reserved;       // pages it may still take
};

void kv_lay(struct kv *kv, struct lay *lay, uint32_t pages);
void kv_init(struct kv *kv);

// Begins a sequence of at most `positions`, with `sequence->pages` set by the caller: takes the
// pages that are found for its first tokens, the last of them excepted, and sets aside as many as
// are still missing. SK_BUSY when they are not to be had now.
enum sk_code kv_begin(struct kv *kv, struct kv_sequence *sequence, uint64_t tenant,
                      const int32_t *ids, uint32_t len, uint32_t positions);

// Takes the page found for the next KERNEL_PAGE tokens, `ids`, instead of one set aside; all pages
// so far must be full. False when there is none.
bool kv_find(struct kv *kv, struct kv_sequence *sequence, const int32_t *ids);

// Takes the next page, to be written.
void kv_take(struct kv *kv, struct kv_sequence *sequence);

// The first page that was not full now is, with these tokens: from now on it is found.
void kv_fill(struct kv *kv, struct kv_sequence *sequence, const int32_t *ids);

// Gives back everything; full pages are still found.
void kv_end(struct kv *kv, struct kv_sequence *sequence);
