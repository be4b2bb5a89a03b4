// Kv: a dozen sequences of four tenants begin, grow and end at random; a shadow beside knows what every
// page really holds and who may use it.
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "engine/kv.h"

enum { PAGES = 60, SEQUENCES = 12, LONGEST = 12, STEPS = 60000, LEN_MAX = LONGEST * KERNEL_PAGE };

// What was written to a page: its tenant (0: nobody else may read it) and all tokens up to its end.
static struct {
    uint64_t tenant;
    uint32_t len;
    int32_t ids[LEN_MAX];
} shadow[PAGES];

static struct sequence {
    bool open;
    uint32_t len, len_max, done;
    struct kv_sequence kv;
    uint32_t pages[LONGEST];
    int32_t ids[LEN_MAX];
} sequences[SEQUENCES];

static struct kv kv;
static uint64_t chance_state = 5;
static uint32_t found, refused, evicted;

static uint32_t chance(uint32_t below) {
    chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(chance_state >> 33) % below;
}

static void assert_found_is_mine(const struct sequence *s, uint32_t from) {
    for (uint32_t i = from; i < s->kv.len; i++) {
        uint32_t page = s->pages[i], len = (i + 1) * KERNEL_PAGE;
        found++;
        assert_true(s->kv.tenant != 0);
        assert_true(shadow[page].tenant == s->kv.tenant);
        assert_int_equal(shadow[page].len, len);
        assert_memory_equal(shadow[page].ids, s->ids, len * sizeof *s->ids);
    }
}

static void begin(struct sequence *s) {
    s->len_max = 1 + chance(LEN_MAX);
    s->len = 1 + chance(s->len_max);
    uint64_t tenant = chance(4);
    for (uint32_t i = 0; i < LEN_MAX; i++) s->ids[i] = chance(40) ? 7 : (int32_t)chance(2);
    s->kv.pages = s->pages;
    uint32_t free_before = kv.idle - kv.reserved;
    enum sk_code code = kv_begin(&kv, &s->kv, tenant, s->ids, s->len, s->len_max);
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
    uint32_t had = s->kv.len;
    while (s->done % KERNEL_PAGE == 0 && s->done + KERNEL_PAGE < s->len_max && chance(2) &&
           kv_find(&kv, &s->kv, s->ids + s->done))
        s->done += KERNEL_PAGE;
    assert_found_is_mine(s, had);
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
        shadow[page].tenant = s->kv.tenant;
        shadow[page].len = s->done + 1;
        memcpy(shadow[page].ids, s->ids, (s->done + 1) * sizeof *s->ids);
        kv_fill(&kv, &s->kv, s->ids + at * KERNEL_PAGE);
    }
}

static void pages_are_shared_only_where_they_may_be(void **state) {
    (void)state;
    struct lay lay = {0};
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
    }
    for (size_t i = 0; i < SEQUENCES; i++)
        if (sequences[i].open) kv_end(&kv, &sequences[i].kv);
    assert_true(kv.idle == PAGES && kv.reserved == 0);
    print_message("%u pages found, %u written again, %u times no room\n", found, evicted, refused);
    assert_true(found > 1000 && evicted > 1000 && refused > 1000);
    free(block);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_are_shared_only_where_they_may_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
