#include "engine/kv.h"

#include <stddef.h>
#include <string.h>

static const uint32_t none = UINT32_MAX;

void kv_lay(struct kv *kv, struct lay *lay, uint32_t pages) {
    kv->len = pages;
    kv->places = kv->spill.places;
    kv->pages = lay_take(lay, (uint64_t)pages + kv->places, sizeof *kv->pages);
    kv->buckets = lay_take(lay, (uint64_t)pages + kv->places, sizeof *kv->buckets);
}

static void empty_add(struct kv *kv, struct kv_list *list, uint32_t index) {
    kv->pages[index].next = list->empty;
    list->empty = index;
}

void kv_init(struct kv *kv) {
    kv->memory = kv->disk = (struct kv_list){none, none, none};
    kv->idle = kv->len;
    kv->reserved = 0;
    kv->serial = ENGINE_ADAPTERS_MAX; // those below stand for an adapter, before any page
    for (uint32_t i = kv->len + kv->places; i-- > 0;) {
        kv->buckets[i] = none;
        empty_add(kv, i < kv->len ? &kv->memory : &kv->disk, i);
    }
}

static bool on_disk(const struct kv *kv, uint32_t index) {
    return index != none && index >= kv->len;
}

// ---- full pages, found by what they hold ----

static uint32_t *bucket_of(const struct kv *kv, uint64_t tenant, uint64_t parent,
                           const int32_t *ids) {
    uint64_t hash = tenant * 0x9e3779b97f4a7c15u ^ parent;
    for (int i = 0; i < KERNEL_PAGE; i++) {
        hash = (hash ^ (uint32_t)ids[i]) * 0xbf58476d1ce4e5b9u;
        hash ^= hash >> 29;
    }
    return &kv->buckets[hash % (kv->len + kv->places)];
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

// From now on the page at `index` is found as this one.
static void name(struct kv *kv, uint32_t index, const struct kv_page *as) {
    struct kv_page *page = &kv->pages[index];
    uint32_t *bucket = bucket_of(kv, as->tenant, as->parent, as->ids);
    page->tenant = as->tenant;
    page->parent = as->parent;
    page->serial = as->serial;
    memcpy(page->ids, as->ids, sizeof page->ids);
    page->next = *bucket;
    *bucket = index;
}

static void forget(struct kv *kv, uint32_t index) {
    struct kv_page *page = &kv->pages[index];
    uint32_t *link = bucket_of(kv, page->tenant, page->parent, page->ids);
    while (*link != index) link = &kv->pages[*link].next;
    *link = page->next;
    page->serial = 0;
}

// ---- found pages without holders, by age ----

static void idle_add(struct kv *kv, struct kv_list *list, uint32_t index) {
    struct kv_page *page = &kv->pages[index];
    page->older = list->newest;
    page->newer = none;
    *(list->newest == none ? &list->oldest : &kv->pages[list->newest].newer) = index;
    list->newest = index;
}

static void idle_remove(struct kv *kv, struct kv_list *list, uint32_t index) {
    const struct kv_page *page = &kv->pages[index];
    *(page->older == none ? &list->oldest : &kv->pages[page->older].newer) = page->newer;
    *(page->newer == none ? &list->newest : &kv->pages[page->newer].older) = page->older;
}

// ---- places on disk ----

static struct view bytes_of(const struct kv *kv, uint32_t index) {
    return (struct view){kv->bytes + index * kv->page_bytes, kv->page_bytes};
}

// What the bytes of a page are bound to: whose they are, and all tokens by its parent's serial.
static struct view bound_of(const struct kv_page *page) {
    return (struct view){(const char *)page, offsetof(struct kv_page, holders)};
}

// It is not found any more, and not in the list of what may make room for others.
static struct kv_page place_detach(struct kv *kv, uint32_t index) {
    struct kv_page was = kv->pages[index];
    idle_remove(kv, &kv->disk, index);
    forget(kv, index);
    kv->spilled.pages--;
    return was;
}

static void place_drop(struct kv *kv, uint32_t index) {
    kv->spill.drop(kv->spill.self, index - kv->len);
    empty_add(kv, &kv->disk, index);
}

// An empty place, or the one that was put longest ago, or none.
static uint32_t place_take(struct kv *kv) {
    if (kv->disk.empty == none && kv->disk.oldest == none) return none;
    uint32_t index = kv->disk.oldest;
    if (kv->disk.empty == none) {
        place_detach(kv, index);
        place_drop(kv, index);
    }
    index = kv->disk.empty;
    kv->disk.empty = kv->pages[index].next;
    return index;
}

// What the page holds is forgotten in memory, and found on disk where that goes.
static void spill(struct kv *kv, uint32_t index) {
    struct kv_page was = kv->pages[index];
    forget(kv, index);
    uint32_t to = place_take(kv);
    if (to == none) return;
    if (!kv->spill.put(kv->spill.self, to - kv->len, bound_of(&was), bytes_of(kv, index))) {
        empty_add(kv, &kv->disk, to);
        return;
    }
    name(kv, to, &was);
    idle_add(kv, &kv->disk, to);
    kv->spilled.pages++;
}

// A page in memory for something new; there is one, because it was set aside.
static uint32_t take(struct kv *kv) {
    uint32_t index = kv->memory.empty;
    if (index != none) {
        kv->memory.empty = kv->pages[index].next;
    } else {
        index = kv->memory.oldest;
        must(index != none);
        idle_remove(kv, &kv->memory, index);
        spill(kv, index);
    }
    return index;
}

// Brings a page back from disk, into one set aside: in no list, without holders. `none` when what
// is there is not what was put.
static uint32_t fetch(struct kv *kv, uint32_t from) {
    struct kv_page was = place_detach(kv, from);
    uint32_t index = take(kv);
    bool came = kv->spill.get(kv->spill.self, from - kv->len, bound_of(&was), bytes_of(kv, index));
    place_drop(kv, from);
    if (came) {
        name(kv, index, &was);
        kv->spilled.hits++;
        return index;
    }
    empty_add(kv, &kv->memory, index);
    return none;
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

enum kv_found kv_find(struct kv *kv, struct kv_sequence *sequence, const int32_t *ids,
                      uint32_t *reads) {
    must(sequence->len == sequence->full);
    uint32_t index = sequence->tenant == 0 ? none : find(kv, sequence, ids);
    if (on_disk(kv, index)) {
        if (*reads == 0) return KV_ON_DISK;
        --*reads;
        index = fetch(kv, index);
    } else if (index != none && kv->pages[index].holders == 0) {
        idle_remove(kv, &kv->memory, index);
    }
    if (index == none) return KV_NOWHERE;
    hold(kv, sequence, index);
    sequence->full++;
    sequence->parent = kv->pages[index].serial;
    return KV_HERE;
}

enum sk_code kv_begin(struct kv *kv, struct kv_sequence *sequence, uint64_t tenant,
                      const int32_t *ids, uint32_t len, uint32_t positions) {
    uint32_t wanted = (positions + KERNEL_PAGE - 1) / KERNEL_PAGE;
    uint32_t reads = 0;
    *sequence = (struct kv_sequence){.tenant = tenant,
                                     .parent = sequence->adapter,
                                     .adapter = sequence->adapter,
                                     .pages = sequence->pages,
                                     .reserved = wanted};
    kv->reserved += wanted;
    while ((sequence->len + 1) * KERNEL_PAGE < len &&
           kv_find(kv, sequence, ids + sequence->len * KERNEL_PAGE, &reads) == KV_HERE) {}
    if (kv->reserved <= kv->idle) return SK_OK;
    kv_end(kv, sequence);
    return FAIL(SK_BUSY, "%u tokens: %u pages of keys and values wanted, %u free now", positions,
                wanted, kv->idle - kv->reserved);
}

void kv_take(struct kv *kv, struct kv_sequence *sequence) {
    hold(kv, sequence, take(kv));
}

void kv_fill(struct kv *kv, struct kv_sequence *sequence, const int32_t *ids) {
    must(sequence->full < sequence->len);
    uint32_t index = sequence->pages[sequence->full++];
    if (sequence->tenant == 0) return;
    uint32_t same = find(kv, sequence, ids);
    struct kv_page page = {.tenant = sequence->tenant, .parent = sequence->parent};
    if (on_disk(kv, same)) { // computed again: found here from now on, by the same serial
        page = place_detach(kv, same);
        place_drop(kv, same);
        same = none;
    }
    if (same == none) {
        if (page.serial == 0) page.serial = ++kv->serial;
        memcpy(page.ids, ids, sizeof page.ids);
        name(kv, index, &page);
        same = index;
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
        if (page->serial)
            idle_add(kv, &kv->memory, index);
        else
            empty_add(kv, &kv->memory, index);
    }
    sequence->full = 0;
}
