// Kv: a dozen sequences of four tenants begin, grow and end at random; a shadow beside knows what every
// page really holds and who may use it. With a disk, in memory here, that has room for few, is at times
// full, and at times damaged.
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "engine/kv.h"

enum { PAGES = 60, SEQUENCES = 12, LONGEST = 12, STEPS = 60000, LEN_MAX = LONGEST * KERNEL_PAGE };
enum { PLACES = 40, BOUND_MAX = 256 };

// What was written to a page: its tenant (0: nobody else may read it) and all tokens up to its end.
static struct written {
    uint64_t tenant;
    uint32_t len;
    int32_t ids[LEN_MAX];
} shadow[PAGES];

// The bytes of a page are a number; with each, what they stand for comes and goes.
static uint32_t bytes[PAGES], last_number;
static struct place {
    bool there;
    uint32_t number;
    struct written what;
    char bound[BOUND_MAX];
} disk[PLACES];

static struct sequence {
    bool open;
    uint32_t len, len_max, done;
    struct kv_sequence kv;
    uint32_t pages[LONGEST];
    int32_t ids[LEN_MAX];
} sequences[SEQUENCES];

static struct kv kv;
static uint64_t chance_state = 5;
static uint32_t found, refused, evicted, put, full, got, damaged, dropped, later;

static uint32_t chance(uint32_t below) {
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance_state >> 33) % below;
}

static uint32_t page_of(struct view page) {
    assert_int_equal(page.len, sizeof *bytes);
    return (uint32_t)((const uint32_t *)(const void *)page.at - bytes);
}

static bool disk_put(void *self, uint32_t at, struct view bound, struct view page) {
    struct place *place = &disk[at];
    assert_true(self == disk && at < PLACES && !place->there && bound.len <= BOUND_MAX);
    const struct written *what = &shadow[page_of(page)];
    assert_true(what->tenant != 0 && what->len > 0);
    if (chance(50) == 0) return full++, false;
    *place = (struct place){.there = true, .number = bytes[page_of(page)], .what = *what};
    memcpy(place->bound, bound.at, bound.len);
    return put++, true;
}

static bool disk_get(void *self, uint32_t at, struct view bound, struct view page) {
    struct place *place = &disk[at];
    assert_true(self == disk && at < PLACES && place->there);
    assert_memory_equal(place->bound, bound.at, bound.len);
    if (chance(10) == 0) return damaged++, false;
    for (size_t i = 0; i < SEQUENCES; i++) // it is nobody's who reads
        for (uint32_t j = 0; j < sequences[i].kv.len; j++)
            assert_int_not_equal(sequences[i].pages[j], page_of(page));
    bytes[page_of(page)] = place->number;
    shadow[page_of(page)] = place->what;
    return got++, true;
}

static void disk_drop(void *self, uint32_t at) {
    assert_true(self == disk && at < PLACES && disk[at].there);
    disk[at].there = false;
    dropped++;
}

static void assert_found_is_mine(const struct sequence *s, uint32_t from) {
    for (uint32_t i = from; i < s->kv.len; i++) {
        uint32_t page = s->pages[i], len = (i + 1) * KERNEL_PAGE;
        found++;
        assert_true(s->kv.tenant != 0);
        assert_true(shadow[page].tenant == s->kv.tenant);
        assert_int_equal(shadow[page].len, len);
        assert_true(bytes[page] != 0);
        assert_memory_equal(shadow[page].ids, s->ids, len * sizeof *s->ids);
    }
}

static void begin(struct sequence *s) {
    s->len_max = 1 + chance(LEN_MAX);
    s->len = 1 + chance(s->len_max);
    uint64_t tenant = chance(4);
    for (uint32_t i = 0; i < LEN_MAX; i++) s->ids[i] = chance(40) ? 7 : (int32_t)chance(2);
    s->kv.pages = s->pages;
    uint32_t free_before = kv.idle - kv.reserved, read_before = got + damaged;
    enum sk_code code = kv_begin(&kv, &s->kv, tenant, s->ids, s->len, s->len_max);
    assert_int_equal(got + damaged, read_before);
    if (code != SK_OK) {
        assert_int_equal(code, SK_BUSY);
        assert_true((s->len_max + KERNEL_PAGE - 1) / KERNEL_PAGE > free_before);
        assert_int_equal(kv.idle - kv.reserved, free_before);
        refused++;
        return;
    }
    s->open = true;
    s->done = s->kv.len * KERNEL_PAGE;
    assert_true(s->done < s->len); // the last token is never found
    assert_found_is_mine(s, 0);
}

static void grow(struct sequence *s) {
    uint32_t had = s->kv.len, reads = chance(4), most = got + damaged + reads;
    enum kv_found found_now = KV_NOWHERE;
    while (s->done % KERNEL_PAGE == 0 && s->done + KERNEL_PAGE < s->len_max && chance(8) &&
           (found_now = kv_find(&kv, &s->kv, s->ids + s->done, &reads)) == KV_HERE)
        s->done += KERNEL_PAGE;
    assert_int_equal(got + damaged + reads, most);
    later += found_now == KV_ON_DISK;
    assert_found_is_mine(s, had);
    if (found_now == KV_ON_DISK && chance(8)) return; // else it is computed again
    for (uint32_t n = chance(40); n > 0 && s->done < s->len_max; n--, s->done++) {
        if (s->done % KERNEL_PAGE == 0) {
            kv_take(&kv, &s->kv);
            uint32_t page = s->pages[s->kv.len - 1];
            for (size_t i = 0; i < SEQUENCES; i++) // nobody else reads what is written now
                for (uint32_t j = 0; &sequences[i] != s && j < sequences[i].kv.len; j++)
                    assert_int_not_equal(sequences[i].pages[j], page);
            evicted += shadow[page].len > 0;
            shadow[page].len = 0;
        }
        if (s->done % KERNEL_PAGE != KERNEL_PAGE - 1) continue;
        uint32_t at = s->done / KERNEL_PAGE, page = s->pages[at];
        bytes[page] = ++last_number;
        shadow[page].tenant = s->kv.tenant;
        shadow[page].len = s->done + 1;
        memcpy(shadow[page].ids, s->ids, (s->done + 1) * sizeof *s->ids);
        kv_fill(&kv, &s->kv, s->ids + at * KERNEL_PAGE);
    }
}

static void run(uint32_t places) {
    struct lay lay = {0};
    memset(shadow, 0, sizeof shadow);
    found = refused = evicted = put = full = got = damaged = dropped = later = 0;
    kv = (struct kv){.spill = {disk, places, disk_put, disk_get, disk_drop},
                     .bytes = (char *)bytes,
                     .page_bytes = sizeof *bytes};
    kv_lay(&kv, &lay, PAGES);
    void *block = aligned_alloc(LAY_ALIGN, lay.used);
    memset(block, 0, lay.used);
    lay = (struct lay){.base = block};
    kv_lay(&kv, &lay, PAGES);
    kv_init(&kv);
    for (uint32_t step = 0; step < STEPS; step++) {
        struct sequence *s = &sequences[chance(SEQUENCES)];
        if (!s->open) {
            begin(s);
        } else if (s->done == s->len_max || chance(20) == 0) {
            kv_end(&kv, &s->kv);
            s->open = false;
        } else {
            grow(s);
        }
        uint32_t held = 0;
        for (uint32_t i = 0; i < PAGES; i++) held += kv.pages[i].holders > 0;
        assert_int_equal(held + kv.idle, PAGES);
        assert_true(kv.reserved <= kv.idle);
        uint32_t there = 0;
        for (uint32_t i = 0; i < PLACES; i++) there += disk[i].there;
        assert_int_equal(there, kv.spilled.pages);
    }
    for (size_t i = 0; i < SEQUENCES; i++) {
        if (sequences[i].open) kv_end(&kv, &sequences[i].kv);
        sequences[i].open = false;
    }
    assert_true(kv.idle == PAGES && kv.reserved == 0);
    print_message("%u pages found, %u written again, %u times no room\n", found, evicted, refused);
    print_message("%u put, %u not, %u got, %u damaged, %u later\n", put, full, got, damaged, later);
    assert_true(found > 1000 && evicted > 1000 && refused > 1000);
    assert_int_equal(kv.spilled.hits, got);
    assert_int_equal(put, dropped + kv.spilled.pages);
    memset(disk, 0, sizeof disk);
    free(block);
}

static void pages_are_shared_only_where_they_may_be(void **state) {
    (void)state;
    run(0);
    assert_true(put == 0 && got == 0 && later == 0);
}

static void what_comes_from_disk_is_what_went_there(void **state) {
    (void)state;
    for (uint32_t places = 1; places <= PLACES; places += 13) {
        run(places);
        assert_true(put > 1000 && full > 10 && got > places && later > places);
    }
    assert_true(damaged > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_shared_only_where_they_may_be),
        cmocka_unit_test(what_comes_from_disk_is_what_went_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
