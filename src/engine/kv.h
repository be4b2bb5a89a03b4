// Kv: which page of keys and values belongs to whom. Numbers only; the bytes are forward.h's.
// A page that would be forgotten goes to a place on disk where there are any (engine.h: struct
// engine_spill), under the serial it had, so that what comes after it is still found; it comes back
// when its tokens do.
//
// Promises: a sequence that was begun finds a page whenever it needs one (all it may come to need
// are set aside first, so nothing that runs is ever short); a full page is found again by sequences
// of the same tenant with the same adapter and exactly the same tokens from the beginning on, also
// when its sequence has ended, until its place is needed (least recently used first). Refuses:
// sharing between tenants, and with tenant 0 any; trusting a hash: tokens are compared.
#pragma once
#include <stdint.h>

#include "base/fail.h"
#include "engine/engine.h"
#include "engine/kernels.h"
#include "engine/lay.h"

// One in memory, or a place on disk.
struct kv_page {
    // What a full page holds: KERNEL_PAGE tokens after the page `parent` and all before it. Serials
    // are never given twice: a parent that was forgotten leaves nothing to be mistaken.
    uint64_t tenant, parent, serial; // serial 0: it is not to be found
    int32_t ids[KERNEL_PAGE];
    uint32_t holders;      // sequences that use it; of a place 0
    uint32_t older, newer; // among the found pages without holders
    uint32_t next;         // in its bucket, or in the list of empty pages
};

struct kv_list {
    uint32_t empty, oldest, newest; // the last two: of those that are found and have no holders
};

struct kv {
    struct kv_page *pages; // `len` in memory, then the places
    uint32_t *buckets;     // as many
    uint32_t len, places;
    struct kv_list memory, disk;
    uint32_t idle;     // pages in memory without holders
    uint32_t reserved; // of these, set aside
    uint64_t serial;
    struct engine_spill spill;
    char *bytes; // of the pages in memory, page_bytes each
    size_t page_bytes;
    struct engine_spilled spilled;
};

// The pages of one generation, in order of its positions.
struct kv_sequence {
    uint64_t tenant, parent; // parent: of the next full page; of the first it is the adapter
    uint32_t adapter;
    uint32_t *pages;         // room for those of a whole context
    uint32_t len, full;      // pages it has; of these, full ones
    uint32_t reserved;       // pages it may still take
};

// kv->spill is the caller's to set before, bytes and page_bytes before anything is found.
void kv_lay(struct kv *kv, struct lay *lay, uint32_t pages);
void kv_init(struct kv *kv);

// Begins a sequence of at most `positions`, with its `pages` and `adapter` set by the caller: takes
// the pages that are found for its first tokens, the last of them excepted, and sets aside as many
// as are still missing. SK_BUSY when they are not to be had now. Nothing is read from disk.
enum sk_code kv_begin(struct kv *kv, struct kv_sequence *sequence, uint64_t tenant,
                      const int32_t *ids, uint32_t len, uint32_t positions);

enum kv_found { KV_NOWHERE, KV_HERE, KV_ON_DISK };

// Takes the page found for the next KERNEL_PAGE tokens, `ids`, instead of one set aside; all pages
// so far must be full. One on disk is read for one of *reads; when none is left, it stays there.
enum kv_found kv_find(struct kv *kv, struct kv_sequence *sequence, const int32_t *ids,
                      uint32_t *reads);

// Takes the next page, to be written.
void kv_take(struct kv *kv, struct kv_sequence *sequence);

// The first page that was not full now is, with these tokens: from now on it is found.
void kv_fill(struct kv *kv, struct kv_sequence *sequence, const int32_t *ids);

// Gives back everything; full pages are still found.
void kv_end(struct kv *kv, struct kv_sequence *sequence);
