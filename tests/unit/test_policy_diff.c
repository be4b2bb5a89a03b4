// What people are shown of a policy: the table, what a change opens, what ends.
#include "cmocka_all.h"

#include <string.h>

#include "base/day.h"
#include "base/json.h"
#include "border/border.h"
#include "cmocka_chance.h"
#include "policy_make.h"

enum { OUT_MAX = 4 << 20 };

static struct arena arena;
static struct policy old, fresh;
static char storage[OUT_MAX + 1];

static int arena_begin(void **state) {
    if (arena_open(&arena, "test", 64 << 20) != SK_OK) return -1;
    return chance_seed(state);
}

static int arena_end(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

#define PLACE(id, where, until)                                                                    \
    "  - {id: " id ", country: " where ", operator: \"例株式会社\", operator_home: " where ", "    \
    "processing: single-region, url: \"https://a.example/v1\", addresses: [203.0.113.9], "         \
    "spki_sha256: [\"4pQ0mZk0d0y1p9i1cL9G3tZf3m0aJw2s7hV5yX8uN1E=\"], contract: C, "               \
    "contract_until: " until ", models: [m]}\n"
#define POLICY(reach, masked)                                                                      \
    "format: 1\nname: n\nhome: JP\nclasses:\n"                                                     \
    "  c: {detect: [person], reach: " reach ", masked_reach: " masked "}\n"                        \
    "  d: {reach: node, shadow: true}\n"                                                           \
    "places:\n" PLACE("jp", "JP", "2026-12-01") PLACE("eu", "DE", "2027-12-01")

static void reads(const char *yaml, struct policy *out) {
    struct policy_sources sources = {.policy = {view_of(yaml), "policy.yaml"}};
    int64_t day;
    assert_true(day_take(VIEW("2026-11-22"), &day));
    if (policy_read(&sources, day, &arena, out) != SK_OK) fail_msg("%s", fail_text());
}

static int64_t today(void) {
    int64_t day;
    assert_true(day_take(VIEW("2026-11-22"), &day));
    return day;
}

static uint32_t diff(const char *a, const char *b) {
    uint32_t opened;
    arena_reset(&arena);
    reads(a, &old);
    reads(b, &fresh);
    struct buf out = buf_over(storage, OUT_MAX);
    policy_diff(&old, &fresh, today(), false, &out, &opened);
    assert_false(out.over);
    storage[out.len] = 0;
    return opened;
}

static void says(const char *text) {
    if (!strstr(storage, text)) fail_msg("not '%s' in:\n%s", text, storage);
}

static void the_table_lines_up(void **state) {
    (void)state;
    arena_reset(&arena);
    reads(POLICY("country", "listed"), &fresh);
    struct buf out = buf_over(storage, OUT_MAX);
    policy_explain(&fresh, today(), false, &out);
    storage[out.len] = 0;
    says("class              consent  node  country     listed      world       level\n");
    says("c                  any      send  send        mask        local-only  walled\n");
    says("d                  any      send  local-only  local-only  local-only  walled  shadow\n");
    says("(nothing vouches)  any      send  local-only  local-only  local-only\n");
    says("place  country  operator    compelled by  for a tenant of  is\n");
    says("jp     JP       例株式会社  JP            JP               country\n"); // 10 cells wide
    for (const char *at = storage; (at = strstr(at, " \n")) != NULL;) fail_msg("blank at an end");
}

static void json_has_every_cell(void **state) {
    (void)state;
    static char copy[OUT_MAX];
    for (int turn = 0; turn < 20; turn++) {
        arena_reset(&arena);
        make_policy(&chance_state, &arena, &fresh);
        struct buf out = buf_over(storage, OUT_MAX);
        policy_explain(&fresh, 20000, true, &out);
        assert_false(out.over);
        memcpy(copy, storage, out.len);
        const struct json_node *root;
        assert_int_equal(json_parse(copy, out.len, &arena, &root), SK_OK);
        uint32_t homes = 0;
        for (uint32_t i = 0; i < fresh.tenants_len; i++) {
            bool seen = false;
            for (uint32_t k = 0; k < i; k++)
                seen = seen || strcmp(fresh.tenants[k].home, fresh.tenants[i].home) == 0;
            homes += !seen;
        }
        uint32_t cells = homes * fresh.places_len * (4 * fresh.classes_len + 1);
        assert_int_equal(json_find(root, "cells")->len, cells);
    }
}

static void a_policy_beside_itself(void **state) {
    (void)state;
    for (int turn = 0; turn < 200; turn++) {
        arena_reset(&arena);
        make_policy(&chance_state, &arena, &fresh);
        struct buf out = buf_over(storage, OUT_MAX);
        uint32_t opened;
        policy_diff(&fresh, &fresh, 20000, false, &out, &opened);
        assert_int_equal(opened, 0);
        assert_int_equal(out.len, 0);
    }
}

// What one side opens the other closes; and a verdict that got freer is always said.
static void there_and_back(void **state) {
    (void)state;
    for (int turn = 0; turn < 200; turn++) {
        arena_reset(&arena);
        make_policy(&chance_state, &arena, &old);
        fresh = old;
        uint32_t i = make_below(&chance_state, fresh.classes_len), opened, closed = 0, back;
        struct policy_class *class = &fresh.classes[i];
        class->masked = (enum border_reach)make_below(&chance_state, REACH_COUNT);
        if (class->masked < class->reach) class->masked = class->reach;
        struct buf out = buf_over(storage, OUT_MAX);
        policy_diff(&old, &fresh, 20000, false, &out, &opened);
        storage[out.len] = 0;
        for (const char *at = storage; (at = strstr(at, "closes")) != NULL; at++) closed++;
        buf_reset(&out);
        policy_diff(&fresh, &old, 20000, true, &out, &back);
        assert_int_equal(back, closed);
        for (int k = 0; k < 50; k++) {
            struct policy_ask ask = make_ask(&chance_state, &old);
            struct policy_verdict before, after;
            policy_judge(&old, &ask, &before);
            policy_judge(&fresh, &ask, &after);
            if (after.verdict < before.verdict) assert_true(opened > 0);
            if (after.verdict > before.verdict) assert_true(closed > 0);
        }
    }
}

static void what_opens_is_said(void **state) {
    (void)state;
    assert_int_equal(diff(POLICY("country", "listed"), POLICY("country", "country")), 0);
    says("closes  place.eu (listed for JP)  class.c  mask  ->  local-only\n");
    assert_int_equal(diff(POLICY("node", "node"), POLICY("country", "world")), 2);
    says("opens  place.eu (listed for JP)   class.c  local-only  ->  mask\n"
         "opens  place.jp (country for JP)  class.c  local-only  ->  send\n"); // widest first
    assert_int_equal(diff(POLICY("node", "node"), POLICY("node", "node") "tenants:\n"
                          "  - {id: t, keys: [k], label: [c], consent: country}\n"), 5);
    says("tenant.t  label c");
    says("tenant.t  may label c");
    says("consent_max");
    says("key k");
    assert_int_equal(diff(POLICY("node", "node"), POLICY("node", "node") "routes:\n"
                          "  - {model: m, to: [{place: jp}]}\n"), 1);
    says("opens  route m  to jp (m)");
    assert_int_equal(diff(POLICY("node", "node"), POLICY("node", "node") "unknown: listed\n"), 2);
    says("what nothing vouches for");
    assert_int_equal(diff(POLICY("node", "node"),
                          POLICY("node", "node") "on_detector_error: local-only\n"), 1);
    assert_int_equal(diff(POLICY("node", "node"), POLICY("node", "node") "clients:\n"
                          "  - {network: 198.51.100.0/24, reach: node}\n"), 1);
    says("clients of 198.51.100.0");
}

// Who is at the other end, what is looked for, who may say what: no cell shows it.
static void what_is_no_cell_is_said(void **state) {
    (void)state;
#define WITH(detect, more, url, address, pin, rest)                                                \
    "format: 1\nname: n\nhome: JP\nclasses:\n"                                                     \
    "  c: {detect: [" detect "], reach: country" more "}\nplaces:\n"                              \
    "  - {id: eu, country: DE, operator: X, operator_home: DE, processing: single-region, url: \""  \
    url "\", addresses: [" address "], spki_sha256: [" pin pin pin pin "], contract: C, "          \
    "contract_until: 2099-12-01, models: [m]}\npurposes:\n  - {id: p, allow_classes: [" rest "]}\n"
#define A "0123456789abcdef"
#define B "fedcba9876543210"
    static const char base[] = WITH("person, email", "", "https://a.example", "192.0.2.1", A, "c");
    assert_int_equal(diff(base, base), 0);
    assert_int_equal(diff(base, WITH("person", "", "https://a.example", "192.0.2.1", A, "c")), 1);
    says("opens  class.c  detect email  yes  ->  no\n");
    assert_int_equal(diff(base, WITH("person, email", ", level: fenced", "https://a.example",
                                     "192.0.2.1", A, "c")), 1);
    says("opens  class.c  level  walled  ->  fenced\n");
    assert_int_equal(diff(base, WITH("person, email", ", one_way: true", "https://a.example",
                                     "192.0.2.1", A, "c")), 0);
    says("closes  class.c  one_way  no  ->  yes\n");
    static const char phone[] = WITH("jp.phone", "", "https://a.example", "192.0.2.1", A, "c");
    assert_int_equal(diff(phone, WITH("jp.phone", ", mask: format", "https://a.example",
                                      "192.0.2.1", A, "c")), 1);
    says("opens  class.c  mask  tokens  ->  format\n");
    assert_int_equal(diff(base, WITH("person, email", "", "https://b.example", "192.0.2.1", A,
                                     "c")), 1);
    says("url  https://a.example  ->  https://b.example\n");
    assert_int_equal(diff(base, WITH("person, email", "", "https://a.example", "192.0.2.2", A,
                                     "c")), 1);
    says("opens   place.eu  address 192.0.2.2  no   ->  yes\n");
    says("closes  place.eu  address 192.0.2.1  yes  ->  no\n");
    assert_int_equal(diff(base, WITH("person, email", "", "https://a.example", "192.0.2.1", B,
                                     "c")), 1);
    says("key fedcba9876543210...  no   ->  yes\n");
    assert_int_equal(diff(base, WITH("person, email", "", "https://a.example", "192.0.2.1", A,
                                     "")), 0);
    says("closes  purpose.p  covers c  yes  ->  no\n");
    assert_int_equal(diff(WITH("person, email", "", "https://a.example", "192.0.2.1", A, ""),
                          base), 1);
}

static void what_ends_is_said(void **state) {
    (void)state;
    arena_reset(&arena);
    reads(POLICY("node", "node"), &fresh);
    struct buf out = buf_over(storage, OUT_MAX);
    policy_expiring(&fresh, today(), 30, &out);
    storage[out.len] = 0;
    assert_string_equal(storage, "place.jp contract_until 2026-12-01 in 9 days\n");
    buf_reset(&out);
    policy_expiring(&fresh, today() + 10, 400, &out);
    storage[out.len] = 0;
    assert_string_equal(storage, "place.jp contract_until 2026-12-01 is over\n"
                                 "place.eu contract_until 2027-12-01 in 364 days\n");
    buf_reset(&out);
    policy_lint(&fresh, today(), &out);
    storage[out.len] = 0;
    says("place.jp: no route leads there\n");
    says("class.d is a shadow: nothing enforces it\n");
    says("class.d: no detector finds it and no tenant may label it\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_lines_up),
        cmocka_unit_test(json_has_every_cell),
        cmocka_unit_test(a_policy_beside_itself),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(what_opens_is_said),
        cmocka_unit_test(what_is_no_cell_is_said),
        cmocka_unit_test(what_ends_is_said),
    };
    return cmocka_run_group_tests(tests, arena_begin, arena_end);
}
