// What is kept: found by its owner until its time, by nobody else, in no more memory than allowed.
#include "cmocka_all.h"

#include "border/border.h"

#include <stdio.h>
#include <stdlib.h>

static struct border_keep keep;
static struct world_sim *sim;
static struct world world;

static int begin(void **state) {
    (void)state;
    if (world_sim_open(&sim, 7) != SK_OK || border_keep_open(&keep) != SK_OK) return 1;
    world = world_sim_world(sim);
    border_keep_bound(&keep, 3600, 1 << 20, world.monotonic_us(world.self));
    return 0;
}

static int end(void **state) {
    (void)state;
    border_keep_close(&keep);
    world_sim_close(sim);
    return 0;
}

static int64_t now(void) { return world.monotonic_us(world.self); }

static enum sk_code put(uint32_t owner, const char *name, struct view content, uint32_t seconds) {
    return border_keep_put(&keep, &(struct border_keep_name){owner, view_of(name)}, content, seconds,
                           &world);
}

static enum sk_code find(uint32_t owner, const char *name, const char *content) {
    struct buf out;
    enum sk_code code =
        border_keep_find(&keep, &(struct border_keep_name){owner, view_of(name)}, now(), &out);
    if (code == SK_OK && content) assert_true(view_is(buf_view(&out), content));
    buf_close(&out);
    return code;
}

static enum border_claim claim(uint32_t owner, const char *name, uint8_t body, uint64_t claimant) {
    uint8_t hash[HASH_LEN] = {body};
    return border_keep_claim(&keep, &(struct border_keep_name){owner, view_of(name)}, hash, claimant,
                             now());
}

static void its_owner_finds_it_and_nobody_else(void **state) {
    (void)state;
    assert_int_equal(put(1, "resp_a", VIEW("はい"), 60), SK_OK);
    assert_int_equal(put(2, "resp_b", VIEW(""), 60), SK_OK);
    assert_int_equal(find(1, "resp_a", "はい"), SK_OK);
    assert_int_equal(find(2, "resp_b", ""), SK_OK);
    assert_int_equal(find(2, "resp_a", NULL), SK_UNKNOWN);
    char other[256];
    snprintf(other, sizeof other, "%s", fail_text());
    assert_int_equal(find(1, "no such", NULL), SK_UNKNOWN);
    assert_string_equal(fail_text(), other); // the same as for what never was
    // The same name again is the newer content.
    assert_int_equal(put(1, "resp_a", VIEW("いいえ"), 60), SK_OK);
    assert_int_equal(find(1, "resp_a", "いいえ"), SK_OK);
    assert_int_equal(keep.entries_len, 2);
    border_keep_drop(&keep, &(struct border_keep_name){2, VIEW("resp_a")});
    assert_int_equal(find(1, "resp_a", "いいえ"), SK_OK);
    border_keep_drop(&keep, &(struct border_keep_name){1, VIEW("resp_a")});
    assert_int_equal(find(1, "resp_a", NULL), SK_UNKNOWN);
}

static void it_goes_at_its_time_and_its_key_with_it(void **state) {
    (void)state;
    static const uint8_t none[SECRET_KEY_LEN];
    assert_int_equal(put(1, "short", VIEW("x"), 10), SK_OK);
    assert_int_equal(put(1, "long", VIEW("y"), 1000000), SK_OK); // an hour is the most
    assert_memory_not_equal(keep.keys[0], none, sizeof none);
    world_sim_clock_step(sim, 9999);
    border_keep_beat(&keep, now());
    assert_int_equal(keep.entries_len, 2);
    world_sim_clock_step(sim, 1);
    border_keep_beat(&keep, now());
    assert_int_equal(keep.entries_len, 1);
    assert_memory_equal(keep.keys[0], none, sizeof none);
    assert_int_equal(find(1, "short", NULL), SK_UNKNOWN);
    world_sim_clock_step(sim, 3600000 - 10001);
    assert_int_equal(find(1, "long", "y"), SK_OK);
    world_sim_clock_step(sim, 1);
    assert_int_equal(find(1, "long", NULL), SK_UNKNOWN);
    assert_int_equal(keep.entries_len, 0);
    assert_int_equal(keep.bytes, 0);
}

static void memory_holds_only_what_is_encrypted(void **state) {
    (void)state;
    struct view text = VIEW("the patient's name is Yamada");
    assert_int_equal(put(1, "a", text, 60), SK_OK);
    const struct buf *sealed = &keep.entries[0].sealed;
    assert_null(memmem(sealed->at, sealed->len, text.at, 8));
    assert_null(memmem(&keep.entries, sizeof keep.entries, "resp", 4));
    // Any byte changed, or put under another name, is found out, and gone.
    sealed->at[3] ^= 1;
    assert_int_equal(find(1, "a", NULL), SK_CORRUPT);
    assert_int_equal(find(1, "a", NULL), SK_UNKNOWN);
    assert_int_equal(put(1, "a", text, 60), SK_OK);
    assert_int_equal(put(2, "b", text, 60), SK_OK);
    struct buf of_a = keep.entries[0].sealed;
    keep.entries[0].sealed = keep.entries[1].sealed;
    keep.entries[1].sealed = of_a;
    uint8_t key[SECRET_KEY_LEN];
    memcpy(key, keep.keys[0], sizeof key);
    memcpy(keep.keys[0], keep.keys[1], sizeof key);
    memcpy(keep.keys[1], key, sizeof key);
    assert_int_equal(find(1, "a", NULL), SK_CORRUPT);
    assert_int_equal(find(2, "b", NULL), SK_CORRUPT);
}

static void bounds_hold_and_who_keeps_most_loses_first(void **state) {
    (void)state;
    static char large[1 << 18];
    struct view quarter = {large, (1 << 18) - SECRET_EXTRA_LEN};
    assert_int_equal(put(1, "x", (struct view){large, sizeof large}, 60), SK_LIMIT);
    assert_int_equal(put(2, "small", VIEW("ours"), 60), SK_OK);
    char name[16];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(put(1, name, quarter, 60), SK_OK);
        assert_true(keep.bytes <= 1 << 20);
    }
    assert_int_equal(find(2, "small", "ours"), SK_OK);
    assert_int_equal(find(1, "19", NULL), SK_OK);
    assert_int_equal(find(1, "16", NULL), SK_UNKNOWN);
    // Entries are bounded too.
    for (int i = 0; i < 2 * KEEP_ENTRIES_MAX; i++) {
        snprintf(name, sizeof name, "e%d", i);
        assert_int_equal(put(3, name, VIEW("e"), 60), SK_OK);
    }
    assert_int_equal(keep.entries_len, KEEP_ENTRIES_MAX);
    // Less room, then none.
    border_keep_bound(&keep, 3600, 1000, now());
    assert_true(keep.bytes <= 1000);
    border_keep_bound(&keep, 0, 1000, now());
    assert_int_equal(keep.entries_len, 0);
    assert_int_equal(put(1, "x", VIEW("x"), 60), SK_UNSUPPORTED);
}

static void of_two_with_one_name_only_one_is_done(void **state) {
    (void)state;
    assert_int_equal(claim(1, "k", 1, 100), BORDER_CLAIM_YOURS);
    assert_int_equal(claim(1, "k", 1, 101), BORDER_CLAIM_RUNNING);
    assert_int_equal(claim(1, "k", 2, 101), BORDER_CLAIM_OTHER);
    assert_int_equal(claim(2, "k", 2, 102), BORDER_CLAIM_YOURS); // another's name is another name
    assert_int_equal(find(1, "k", NULL), SK_UNKNOWN);
    world_sim_clock_step(sim, 10000000); // however long it takes
    assert_int_equal(claim(1, "k", 1, 101), BORDER_CLAIM_RUNNING);
    assert_int_equal(put(1, "k", VIEW("answer"), 60), SK_OK);
    assert_int_equal(claim(1, "k", 1, 101), BORDER_CLAIM_KEPT);
    assert_int_equal(claim(1, "k", 2, 101), BORDER_CLAIM_OTHER);
    assert_int_equal(find(1, "k", "answer"), SK_OK);
    border_keep_unclaim(&keep, 100); // over already
    assert_int_equal(find(1, "k", "answer"), SK_OK);
    world_sim_clock_step(sim, 60000);
    assert_int_equal(claim(1, "k", 2, 103), BORDER_CLAIM_YOURS); // its time is over
    border_keep_unclaim(&keep, 103);
    assert_int_equal(claim(1, "k", 1, 104), BORDER_CLAIM_YOURS);
    border_keep_unclaim(&keep, 0);
    assert_int_equal(keep.entries_len, 0);
    // Claims are never pushed out: they are what is promised.
    char name[16];
    for (int i = 0; i < KEEP_ENTRIES_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_int_equal(claim(1, name, 1, 7), BORDER_CLAIM_YOURS);
    }
    assert_int_equal(claim(1, "k", 1, 7), BORDER_CLAIM_FULL);
    assert_int_equal(put(2, "x", VIEW("x"), 60), SK_LIMIT);
    // An answer that is not kept ends its claim all the same.
    border_keep_bound(&keep, 0, 0, now());
    assert_int_equal(put(1, "0", VIEW("x"), 60), SK_UNSUPPORTED);
    assert_int_equal(claim(1, "0", 9, 8), BORDER_CLAIM_YOURS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(its_owner_finds_it_and_nobody_else),
        TEST(it_goes_at_its_time_and_its_key_with_it),
        TEST(memory_holds_only_what_is_encrypted),
        TEST(bounds_hold_and_who_keeps_most_loses_first),
        TEST(of_two_with_one_name_only_one_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
