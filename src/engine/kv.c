#include "engine/kv.h"

#include <string.h>

static const uint32_t none = UINT32_MAX;

void kv_lay(struct kv *kv, struct lay *lay, uint32_t pages) {
    kv->pages = lay_take(lay, pages, sizeof *kv->pages);
    kv->buckets = lay_take(lay, pages, sizeof *kv->buckets);
    kv->len = pages;
}

void kv_init(struct kv *kv) {
    kv->empty = kv->oldest = kv->newest = none;
    kv->idle = kv->len;
    kv->reserved = 0;
    kv->serial = 0;
    for (uint32_t i = kv->len; i-- > 0;) {
        kv->buckets[i] = none;
        kv->pages[i].next = kv->empty;
        kv->empty = i;
    }
}

// ---- full pages, found by what they hold ----

static uint32_t *bucket_of(const struct kv *kv, uint64_t tenant, uint64_t parent,
                           const int32_t *ids) {
    uint64_t hash = tenant * 0x9e3779b97f4a7c15u ^ parent;
    for (int i = 0; i < KERNEL_PAGE; i++) {
        hash = (hash ^ (uint32_t)ids[i]) * 0xbf58476d1ce4e5b9u;
        hash ^= hash >> 29;
    }
    return &kv->buckets[hash % kv->len];
}

static uint32_t find(const struct kv *kv, const struct kv_sequence *sequence, const int32_t *ids) {
    uint32_t i = *bucket_of(kv, sequence->tenant, sequence->parent, ids);
    for (; i != none; i = kv->pages[i].next) {
        const struct kv_page *page = &kv->pages[i];
        if (page->tenant == sequence->tenant && page->parent == sequence->parent &&
            memcmp(page->ids, ids, sizeof page->ids) == 0)
            break;
    }
    return i;
}

static void forget(struct kv *kv, uint32_t index) {
    struct kv_page *page = &kv->pages[index];
    uint32_t *link = bucket_of(kv, page->tenant, page->parent, page->ids);
    while (*link != index) link = &kv->pages[*link].next;
    *link = page->next;
    page->serial = 0;
}

// ---- found pages without holders, by age ----

static void idle_add(struct kv *kv, uint32_t index) {
    struct kv_page *page = &kv->pages[index];
    page->older = kv->newest;
    page->newer = none;
    *(kv->newest == none ? &kv->oldest : &kv->pages[kv->newest].newer) = index;
    kv->newest = index;
}

static void idle_remove(struct kv *kv, uint32_t index) {
    const struct kv_page *page = &kv->pages[index];
    *(page->older == none ? &kv->oldest : &kv->pages[page->older].newer) = page->newer;
    *(page->newer == none ? &kv->newest : &kv->pages[page->newer].older) = page->older;
}

// ---- sequences ----

// One of the pages set aside for the sequence is now `index`.
static void hold(struct kv *kv, struct kv_sequence *sequence, uint32_t index) {
    must(sequence->reserved > 0);
    sequence->reserved--;
    kv->reserved--;
    if (kv->pages[index].holders++ == 0) kv->idle--;
    sequence->pages[sequence->len++] = index;
}

bool kv_find(struct kv *kv, struct kv_sequence *sequence, const int32_t *ids) {
    must(sequence->len == sequence->full);
    uint32_t index = sequence->tenant == 0 ? none : find(kv, sequence, ids);
    if (index == none) return false;
    if (kv->pages[index].holders == 0) idle_remove(kv, index);
    hold(kv, sequence, index);
    sequence->full++;
    sequence->parent = kv->pages[index].serial;
    return true;
}

enum sk_code kv_begin(struct kv *kv, struct kv_sequence *sequence, uint64_t tenant,
                      const int32_t *ids, uint32_t len, uint32_t positions) {
    uint32_t *pages = sequence->pages, wanted = (positions + KERNEL_PAGE - 1) / KERNEL_PAGE;
    *sequence = (struct kv_sequence){.tenant = tenant, .pages = pages, .reserved = wanted};
    kv->reserved += wanted;
    while ((sequence->len + 1) * KERNEL_PAGE < len &&
           kv_find(kv, sequence, ids + sequence->len * KERNEL_PAGE)) {}
    if (kv->reserved <= kv->idle) return SK_OK;
    kv_end(kv, sequence);
    return FAIL(SK_BUSY, "%u tokens: %u pages of keys and values wanted, %u free now", positions,
                wanted, kv->idle - kv->reserved);
}

void kv_take(struct kv *kv, struct kv_sequence *sequence) {
    uint32_t index = kv->empty;
    if (index != none) {
        kv->empty = kv->pages[index].next;
    } else {
        index = kv->oldest;
        must(index != none);
        idle_remove(kv, index);
        forget(kv, index);
    }
    hold(kv, sequence, index);
}

void kv_fill(struct kv *kv, struct kv_sequence *sequence, const int32_t *ids) {
    must(sequence->full < sequence->len);
    uint32_t index = sequence->pages[sequence->full++];
    if (sequence->tenant == 0) return;
    uint32_t same = find(kv, sequence, ids);
    if (same == none) {
        struct kv_page *page = &kv->pages[index];
        uint32_t *bucket = bucket_of(kv, sequence->tenant, sequence->parent, ids);
        page->tenant = sequence->tenant;
        page->parent = sequence->parent;
        page->serial = ++kv->serial;
        memcpy(page->ids, ids, sizeof page->ids);
        page->next = *bucket;
        *bucket = same = index;
    } // else somebody filled one at the same time: that one is found, this one goes with its holder
    sequence->parent = kv->pages[same].serial;
}

void kv_end(struct kv *kv, struct kv_sequence *sequence) {
    kv->reserved -= sequence->reserved;
    sequence->reserved = 0;
    // The last page first, so that it is the oldest: without those before it, it is of no use.
    for (; sequence->len > 0; sequence->len--) {
        uint32_t index = sequence->pages[sequence->len - 1];
        struct kv_page *page = &kv->pages[index];
        if (--page->holders > 0) continue;
        kv->idle++;
        if (page->serial) {
            idle_add(kv, index);
        } else {
            page->next = kv->empty;
            kv->empty = index;
        }
    }
    sequence->full = 0;
}
