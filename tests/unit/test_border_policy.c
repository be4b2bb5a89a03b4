// The lattice: what it says of known questions, and laws that hold for every policy and question.
#include "cmocka_all.h"

#include <string.h>

#include "border/border.h"
#include "cmocka_chance.h"
#include "policy_make.h"

enum { TURNS = 20000 };

static struct arena arena;
static struct policy policy;

static int arena_begin(void **state) {
    if (arena_open(&arena, "test", 16 << 20) != SK_OK) return -1;
    return chance_seed(state);
}

static int arena_end(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

static void detectors_have_names(void **state) {
    (void)state;
    struct detector_set set = {0};
    assert_string_equal(detector_name(DETECTOR_MYNUMBER), "jp.mynumber");
    assert_string_equal(detector_prefix(DETECTOR_PERSON), "PER");
    assert_true(detector_set_add(&set, VIEW("jp.mynumber")));
    assert_true(detector_in(&set, DETECTOR_MYNUMBER));
    assert_false(detector_in(&set, DETECTOR_CORPORATE));
    assert_true(detector_set_add(&set, VIEW("secret.*")));
    assert_true(detector_in(&set, DETECTOR_SECRET_URL) && detector_in(&set, DETECTOR_SECRET_KEY));
    assert_false(detector_set_add(&set, VIEW("jp.my*")));
    assert_false(detector_set_add(&set, VIEW(".*")));
    assert_false(detector_set_add(&set, VIEW("*")));
    assert_false(detector_set_add(&set, VIEW("")));
    assert_false(detector_set_add(&set, VIEW("mynumber")));
    for (unsigned i = 0; i < DETECTOR_COUNT; i++) {
        struct detector_set one = {0};
        assert_true(detector_set_add(&one, view_of(detector_name((enum detector)i))));
        assert_int_equal(one.bits, UINT64_C(1) << i);
    }
}

static void nothing_leaves_without_a_file(void **state) {
    (void)state;
    struct policy_verdict verdict;
    arena_reset(&arena);
    policy_default("JP", &arena, &policy);
    struct policy_ask ask = {.purpose = POLICY_NONE, .level = LEVEL_WALLED};
    policy_judge(&policy, &ask, &verdict);
    assert_int_equal(verdict.verdict, VERDICT_SEND); // to this node
    assert_string_equal(verdict.rule, "unknown");
    policy.places[policy.places_len++] =
        (struct policy_place){.id = "far", .country = "JP", .operator_home = "JP"};
    ask.place = 1;
    policy_judge(&policy, &ask, &verdict);
    assert_int_equal(verdict.verdict, VERDICT_LOCAL_ONLY);
    assert_false(verdict.consent_required);
}

static enum border_reach client(const char *bytes, size_t len) {
    struct policy_address address = {{[10] = 0xff, [11] = 0xff}};
    memcpy(address.bytes + 16 - len, bytes, len);
    if (len == 16) memcpy(address.bytes, bytes, len);
    return policy_client(&policy, &address);
}

static void clients_by_their_network(void **state) {
    (void)state;
    arena_reset(&arena);
    policy_default("JP", &arena, &policy);
    assert_int_equal(client("\x7f\0\0\1", 4), REACH_NODE);
    assert_int_equal(client("\x0a\1\2\3", 4), REACH_NODE);
    assert_int_equal(client("\xac\x10\0\1", 4), REACH_NODE);
    assert_int_equal(client("\xac\x1f\xff\1", 4), REACH_NODE);
    assert_int_equal(client("\xac\x20\0\1", 4), REACH_WORLD);
    assert_int_equal(client("\xc0\xa8\1\1", 4), REACH_NODE);
    assert_int_equal(client("\x08\x08\x08\x08", 4), REACH_WORLD);
    assert_int_equal(client("\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16), REACH_NODE);
    assert_int_equal(client("\xfe\xbf\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16), REACH_NODE);
    assert_int_equal(client("\xfe\xc0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16), REACH_WORLD);
    assert_int_equal(client("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16), REACH_NODE);
    // The longest prefix counts, whatever its place in the list; loopback is the node's, unless it
    // is declared itself.
    policy.networks_len = 0;
    policy.networks[policy.networks_len++] =
        (struct policy_network){{{[10] = 0xff, [11] = 0xff, 10, 1}}, 112, REACH_LISTED};
    policy.networks[policy.networks_len++] =
        (struct policy_network){{{[10] = 0xff, [11] = 0xff, 10}}, 104, REACH_COUNTRY};
    policy.networks[policy.networks_len++] = (struct policy_network){{{0}}, 0, REACH_WORLD};
    assert_int_equal(client("\x0a\1\2\3", 4), REACH_LISTED);
    assert_int_equal(client("\x0a\2\2\3", 4), REACH_COUNTRY);
    assert_int_equal(client("\x0b\2\2\3", 4), REACH_WORLD);
    assert_int_equal(client("\x7f\1\0\1", 4), REACH_NODE);
    policy.networks[policy.networks_len++] =
        (struct policy_network){{{[10] = 0xff, [11] = 0xff, 127}}, 104, REACH_WORLD};
    assert_int_equal(client("\x7f\1\0\1", 4), REACH_WORLD);
    assert_int_equal(client("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16), REACH_NODE);
}

static void places_by_where_and_by_whom(void **state) {
    (void)state;
    arena_reset(&arena);
    policy_default("JP", &arena, &policy);
    policy.tenants[policy.tenants_len++] = (struct policy_tenant){.id = "de", .home = "DE"};
    struct policy_place *place = &policy.places[policy.places_len++];
    *place = (struct policy_place){.id = "a", .country = "JP", .operator_home = "JP"};
    assert_int_equal(policy_distance(&policy, 0, 1), REACH_NODE);
    assert_int_equal(policy_distance(&policy, 1, 0), REACH_COUNTRY);
    assert_int_equal(policy_distance(&policy, 1, 1), REACH_LISTED);
    place->operator_home = "US"; // on our soil, under another's law
    assert_int_equal(policy_distance(&policy, 1, 0), REACH_LISTED);
    place->operator_home = "JP";
    place->processing = PROCESSING_GEOGRAPHY;
    assert_int_equal(policy_distance(&policy, 1, 0), REACH_LISTED);
    place->processing = PROCESSING_GLOBAL;
    assert_int_equal(policy_distance(&policy, 1, 0), REACH_WORLD);
    place->processing = PROCESSING_SINGLE_REGION;
    place->training = true;
    assert_int_equal(policy_distance(&policy, 1, 0), REACH_WORLD);
    place->training = false;
    place->reach = REACH_LISTED;
    assert_int_equal(policy_distance(&policy, 1, 0), REACH_LISTED);
    *place = (struct policy_place){.id = "a", .country = "", .operator_home = ""};
    place->addresses[0] = (struct policy_address){{[10] = 0xff, [11] = 0xff, 127, 0, 0, 1}};
    place->addresses_len = 1;
    assert_int_equal(policy_distance(&policy, 1, 1), REACH_NODE);
    place->country = "DE"; // a tunnel
    assert_int_equal(policy_distance(&policy, 1, 0), REACH_LISTED);
}

static void what_a_client_is_shown(void **state) {
    (void)state;
    uint64_t clear, masked;
    arena_reset(&arena);
    policy_default("JP", &arena, &policy);
    policy.classes_len = 3;
    policy.classes[0] = (struct policy_class){.id = "a", .reach = REACH_COUNTRY,
                                              .consent = REACH_LISTED, .masked = REACH_LISTED};
    policy.classes[1] = (struct policy_class){.id = "b", .masked = REACH_WORLD,
                                              .level = LEVEL_WALLED};
    policy.classes[2] = (struct policy_class){.id = "c", .shadow = true};
    policy_shown(&policy, REACH_NODE, LEVEL_FENCED, &clear, &masked);
    assert_true(clear == 7 && masked == 0);
    policy_shown(&policy, REACH_COUNTRY, LEVEL_WALLED, &clear, &masked);
    assert_true(clear == 5 && masked == 2);
    policy_shown(&policy, REACH_LISTED, LEVEL_FENCED, &clear, &masked);
    assert_true(clear == 4 && masked == 1);
    policy_shown(&policy, REACH_WORLD, LEVEL_WALLED, &clear, &masked);
    assert_true(clear == 4 && masked == 2);
}

// ---- laws ----

static void judge(const struct policy_ask *ask, struct policy_verdict *out) {
    policy_judge(&policy, ask, out);
    assert_true(out->rule[0]);
    assert_true(out->mask == 0 || out->verdict == VERDICT_MASK);
    assert_true(out->verdict != VERDICT_MASK || out->mask);
    assert_int_equal(out->mask & ~ask->classes, 0);
}

static uint64_t shadows(void) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < policy.classes_len; i++)
        if (policy.classes[i].shadow) bits |= UINT64_C(1) << i;
    return bits;
}

static void a_class_more_or_a_consent_less_never_opens(void **state) {
    (void)state;
    for (int turn = 0; turn < TURNS; turn++) {
        arena_reset(&arena);
        make_policy(&chance_state, &arena, &policy);
        struct policy_ask ask = make_ask(&chance_state, &policy), more = ask;
        struct policy_verdict before, after;
        judge(&ask, &before);
        more.classes |= UINT64_C(1) << make_below(&chance_state, policy.classes_len);
        judge(&more, &after);
        // A label that vouches for no class vouches for nothing: there `unknown` counts.
        if (!ask.vouched || ask.classes & ~shadows()) assert_true(after.verdict >= before.verdict);
        more = ask;
        more.consent = (enum border_reach)make_below(&chance_state, ask.consent + 1u);
        judge(&more, &after);
        assert_true(after.verdict >= before.verdict);
        more = ask;
        more.level = (enum border_level)make_below(&chance_state, ask.level + 1u);
        judge(&more, &after);
        assert_true(after.verdict >= before.verdict);
        more = ask;
        more.vouched = false;
        judge(&more, &after);
        assert_true(after.verdict >= before.verdict);
    }
}

static void farther_is_never_freer(void **state) {
    (void)state;
    for (int turn = 0; turn < TURNS; turn++) {
        arena_reset(&arena);
        make_policy(&chance_state, &arena, &policy);
        struct policy_ask near = make_ask(&chance_state, &policy), far = near;
        far.place = (uint16_t)make_below(&chance_state, policy.places_len);
        if (policy_distance(&policy, near.place, near.tenant) >
            policy_distance(&policy, far.place, far.tenant)) {
            struct policy_ask swap = near;
            near = far;
            far = swap;
        }
        const struct policy_place *place = &policy.places[near.place];
        bool off = place->off || (near.place && place->contract_until < near.day);
        struct policy_verdict a, b;
        judge(&near, &a);
        judge(&far, &b);
        if (!off) assert_true(b.verdict >= a.verdict);
        else assert_int_equal(a.verdict, VERDICT_BLOCK);
    }
}

static void what_nothing_vouches_for_stays(void **state) {
    (void)state;
    for (int turn = 0; turn < TURNS; turn++) {
        arena_reset(&arena);
        make_policy(&chance_state, &arena, &policy);
        struct policy_ask ask = make_ask(&chance_state, &policy);
        struct policy_verdict verdict;
        ask.vouched = ask.vouched && ask.classes == 0 ? true : false;
        judge(&ask, &verdict);
        enum border_reach distance = policy_distance(&policy, ask.place, ask.tenant);
        if (distance > policy.unknown) assert_true(verdict.verdict >= VERDICT_LOCAL_ONLY);
        if (distance > REACH_NODE && ask.level == LEVEL_OPEN)
            assert_true(verdict.verdict >= VERDICT_LOCAL_ONLY);
    }
}

// Every verdict is that of some class alone, of the frame, or of `unknown`: nothing is made up.
static void shadows_are_said_and_do_nothing(void **state) {
    (void)state;
    for (int turn = 0; turn < TURNS; turn++) {
        arena_reset(&arena);
        make_policy(&chance_state, &arena, &policy);
        struct policy_ask ask = make_ask(&chance_state, &policy), without = ask;
        struct policy_verdict a, b, enforced;
        without.classes &= ~shadows();
        judge(&ask, &a);
        judge(&without, &b);
        assert_int_equal(a.verdict, b.verdict);
        assert_string_equal(a.rule, b.rule);
        assert_false(b.shadowed);
        for (uint32_t i = 0; i < policy.classes_len; i++) policy.classes[i].shadow = false;
        judge(&ask, &enforced);
        assert_int_equal(a.shadowed, enforced.verdict > a.verdict);
        if (a.shadowed) assert_string_equal(a.shadow_rule, enforced.rule);
    }
}

// ---- bytes ----

static void as_bytes_and_back(void **state) {
    (void)state;
    enum { MAX = 1 << 16, WIRE_TURNS = 300 };
    static char first[MAX], second[MAX];
    static struct policy again;
    for (int turn = 0; turn < WIRE_TURNS; turn++) {
        arena_reset(&arena);
        make_policy(&chance_state, &arena, &policy);
        struct buf a = buf_over(first, MAX), b = buf_over(second, MAX);
        assert_int_equal(policy_put(&policy, &a), SK_OK);
        assert_int_equal(policy_take(buf_view(&a), &arena, &again), SK_OK);
        assert_int_equal(policy_put(&again, &b), SK_OK);
        assert_true(view_same(buf_view(&a), buf_view(&b)));
        for (int i = 0; i < 50; i++) {
            struct policy_ask ask = make_ask(&chance_state, &policy);
            struct policy_verdict x, y;
            policy_judge(&policy, &ask, &x);
            policy_judge(&again, &ask, &y);
            assert_memory_equal(&x, &y, sizeof x);
        }
        struct view cut = {first, make_below(&chance_state, (uint32_t)a.len)};
        assert_int_equal(policy_take(cut, &arena, &again), SK_CORRUPT);
    }
    struct arena small;
    struct buf a = buf_over(first, MAX);
    assert_int_equal(policy_put(&policy, &a), SK_OK);
    assert_int_equal(arena_open(&small, "small", 16), SK_OK);
    assert_int_equal(policy_take(buf_view(&a), &small, &again), SK_LIMIT);
    arena_close(&small);
}

static void kept_for_the_least_that_a_class_says(void **state) {
    (void)state;
    policy_default("JP", &arena, &policy);
    assert_int_equal(policy_keep_days(&policy, 0), 0);
    policy.keep_days = 30;
    policy.classes_len = 4;
    policy.classes[0] = (struct policy_class){.id = "a", .keep_days = 9};
    policy.classes[1] = (struct policy_class){.id = "b", .keep_days = 7};
    policy.classes[2] = (struct policy_class){.id = "c"};
    policy.classes[3] = (struct policy_class){.id = "d", .keep_days = 1, .shadow = true};
    static const uint32_t days[] = {30, 9, 7, 7, 0, 0, 0, 0, 30, 9, 7, 7, 0, 0, 0, 0};
    for (uint64_t classes = 0; classes < 16; classes++)
        assert_int_equal(policy_keep_days(&policy, classes), days[classes]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detectors_have_names),
        cmocka_unit_test(nothing_leaves_without_a_file),
        cmocka_unit_test(clients_by_their_network),
        cmocka_unit_test(places_by_where_and_by_whom),
        cmocka_unit_test(what_a_client_is_shown),
        cmocka_unit_test(a_class_more_or_a_consent_less_never_opens),
        cmocka_unit_test(farther_is_never_freer),
        cmocka_unit_test(what_nothing_vouches_for_stays),
        cmocka_unit_test(shadows_are_said_and_do_nothing),
        cmocka_unit_test(kept_for_the_least_that_a_class_says),
        cmocka_unit_test(as_bytes_and_back),
    };
    return cmocka_run_group_tests(tests, arena_begin, arena_end);
}
