// Policy files: what is read, what is refused and where, and the proof of routes.
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/day.h"
#include "border/border.h"
#include "cmocka_chance.h"

enum { TEXT_MAX = 1 << 20 };

static struct arena arena;
static struct policy policy;
static char text[TEXT_MAX];

static int arena_begin(void **state) {
    if (arena_open(&arena, "test", 64 << 20) != SK_OK) return -1;
    return chance_seed(state);
}

static int arena_end(void **state) {
    (void)state;
    arena_close(&arena);
    return 0;
}

static int64_t day(const char *date) {
    int64_t number;
    assert_true(day_take(view_of(date), &number));
    return number;
}

static enum sk_code read_on(const char *yaml, int64_t today) {
    struct policy_sources sources = {.policy = {view_of(yaml), "policy.yaml"}};
    arena_reset(&arena);
    return policy_read(&sources, today, &arena, &policy);
}

#define HEAD "format: 1\nname: \"test\"\nhome: JP\n"
#define PIN "\"4pQ0mZk0d0y1p9i1cL9G3tZf3m0aJw2s7hV5yX8uN1E=\""
// A place abroad at line 4 of a file that begins with HEAD.
#define ABROAD                                                                                     \
    "  - id: eu\n    country: DE\n    operator: X\n    operator_home: DE\n"                        \
    "    processing: single-region\n    url: https://api.example.de/v1\n"                          \
    "    addresses: [203.0.113.9]\n    spki_sha256: [" PIN "]\n    contract: SCC-1\n"              \
    "    contract_until: 2099-12-31\n    models: [m]\n"
#define HERE                                                                                       \
    "  - id: jp\n    country: JP\n    operator: X\n    operator_home: JP\n"                        \
    "    processing: single-region\n    url: https://llm.example.jp:8443/v1\n"                     \
    "    addresses: [\"2001:db8::9\", 192.0.2.9]\n    spki_sha256: [" PIN "]\n    contract: D-1\n" \
    "    contract_until: 2099-12-31\n    models: [m, n]\n"

static void reads(const char *yaml) {
    enum sk_code code = read_on(yaml, day("2026-11-22"));
    if (code != SK_OK) fail_msg("%s: %s", fail_name(code), fail_text());
}

static void refuses(const char *yaml, const char *why) {
    enum sk_code code = read_on(yaml, day("2026-11-22"));
    if (code != SK_INPUT && code != SK_LIMIT) fail_msg("read, but should say: %s", why);
    if (!strstr(fail_text(), why)) fail_msg("says '%s', not '%s'", fail_text(), why);
}

static bool file_read(const char *path, char *out) {
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    size_t len = fread(out, 1, TEXT_MAX - 1, file);
    fclose(file);
    out[len] = 0;
    return true;
}

static void days(void **state) {
    (void)state;
    static char storage[16];
    assert_int_equal(day("1970-01-01"), 0);
    assert_int_equal(day("2000-03-01"), 11017);
    assert_int_equal(day_of_ms(-1), -1);
    assert_int_equal(day_of_ms(86400000), 1);
    for (int64_t n = day("1899-12-30"); n < day("2101-01-02"); n++) {
        struct buf out = buf_over(storage, sizeof storage);
        int64_t again;
        day_put(&out, n);
        assert_true(day_take(buf_view(&out), &again) && again == n);
    }
    static const char *const bad[] = {"2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00",
                                      "2026-1-1",   "26-01-01",   "2026/01/01", "2026-01-011",
                                      "1900-02-29", "2100-02-29", "0000-01-01", "2026-01-3x"};
    int64_t number;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(day_take(view_of(bad[i]), &number));
}

// The design's own example: it loads, and its ten tests are run by that.
static void the_example(void **state) {
    (void)state;
    const char *shared = getenv("SEKISHO_SHARED"), *strict = getenv("SEKISHO_STRICT");
    char path[1024];
    snprintf(path, sizeof path, "%s/design/border-policy.example.yaml",
             shared ? shared : SEKISHO_ROOT "/../shared");
    if (!file_read(path, text)) {
        print_message("skip: no %s\n", path);
        assert_true(!strict || strcmp(strict, "1") != 0);
        return;
    }
    reads(text);
    assert_int_equal(policy.classes_len, 7);
    assert_int_equal(policy.places_len, 3);
    assert_int_equal(policy_distance(&policy, 1, 0), REACH_COUNTRY);
    assert_int_equal(policy_distance(&policy, 2, 0), REACH_LISTED);
    assert_string_equal(policy.places[1].off, "no address"); // networks only: nothing to dial
    // Each test matters: another expectation does not load, and names the test.
    const char *expect = text;
    static const char *const others[] = {"send", "mask", "local-only", "block"};
    unsigned tests = 0;
    while ((expect = strstr(expect, "expect: \"")) != NULL) {
        expect += 9;
        for (unsigned i = 0; i < 4; i++) {
            static char changed[TEXT_MAX];
            if (strncmp(expect, others[i], strlen(others[i])) == 0) continue;
            snprintf(changed, sizeof changed, "%.*s%s%s", (int)(expect - text), text, others[i],
                     strchr(expect, '"'));
            refuses(changed, "fails: expected");
        }
        tests++;
    }
    assert_int_equal(tests, 10);
}

static void countries_are_text(void **state) {
    (void)state;
    reads("format: 1\nname: n\nhome: NO\n");
    assert_string_equal(policy.home, "NO");
    assert_string_equal(policy.places[0].country, "NO");
    refuses("format: 1\nname: n\nhome: no\n", "policy.yaml:3:1: home must be two capital letters");
    refuses("format: 1\nname: n\nhome: JPN\n", "home must be two capital");
    refuses("format: 1\nname: n\nhome:\n", "home must be a country");
}

static void the_top(void **state) {
    (void)state;
    reads(HEAD);
    assert_int_equal(policy.unknown, REACH_NODE);
    assert_int_equal(policy.on_detector_error, VERDICT_BLOCK);
    assert_int_equal(policy.networks_len, 6);
    refuses("", "must be a map");
    refuses("format: 1\nhome: JP\n", "name is missing");
    refuses("format: 2\nname: n\nhome: JP\n", "policy.yaml:1:1: format must be 1");
    refuses(HEAD "color: red\n", "policy.yaml:4:1: unknown key 'color'");
    refuses(HEAD "unknown: far\n", "policy.yaml:4:1: unknown must be node, country, listed or");
    refuses(HEAD "on_detector_error: send\n", "on_detector_error must be one of local-only, block");
    refuses(HEAD "on_stale_geo_days: 0\n", "must be a number from 1");
    refuses(HEAD "packs: [../../etc/passwd]\n", "policy.yaml:4:9: a pack is named by small letters");
    reads(HEAD "geo: [a.mmdb, {file: b.mmdb, operators: true}]\n");
    assert_int_equal(policy.geo_len, 2);
    assert_true(policy.geo[1].operators);
}

static void digits_in_the_same_form(void **state) {
    (void)state;
#define FORMAT(detect, more)                                                                       \
    HEAD "classes:\n  a: {detect: [" detect "], masked_reach: country, mask: format" more "}\n"
    reads(FORMAT("jp.phone, us.ssn", ""));
    assert_int_equal(policy.classes[0].mask, MASK_FORMAT);
    reads(HEAD "classes:\n  a: {detect: [jp.mynumber]}\n");
    assert_int_equal(policy.classes[0].mask, MASK_TOKENS);
    refuses(FORMAT("jp.phone, jp.mynumber", ""),
            "policy.yaml:5:3: mask: format is not for jp.mynumber and card");
    refuses(FORMAT("card", ""), "mask: format is not for jp.mynumber and card");
    refuses(FORMAT("jp.phone, email", ""), "mask: format is for numbers of digits alone");
    refuses(FORMAT("jp.bank_account", ""), "mask: format is for numbers of digits alone");
    refuses(HEAD "classes:\n  a: {mask: format}\n", "mask: format needs detectors");
    refuses(HEAD "classes:\n  a: {detect: [jp.phone], masked_reach: listed, mask: format}\n",
            "masked_reach must be node or country");
    refuses(FORMAT("jp.phone", ", one_way: true"), "one_way must be false; or mask: tokens");
}

static void classes(void **state) {
    (void)state;
    reads(HEAD "classes:\n  a:\n    detect: [person, secret.*]\n    reach: country\n"
               "    masked_reach: listed\n    one_way: true\n  b:\n    consent: cannot\n");
    assert_int_equal(policy.classes_len, 2);
    assert_int_equal(policy.classes[0].consent, REACH_COUNTRY);
    assert_int_equal(policy.classes[0].masked, REACH_LISTED);
    assert_true(policy.classes[0].one_way);
    assert_int_equal(policy.classes[1].reach, REACH_NODE);
    assert_int_equal(policy.classes[1].consent, REACH_NODE);
    assert_int_equal(policy.classes[1].level, LEVEL_WALLED);
#define CLASS HEAD "classes:\n  a:\n    detect: [person]\n    "
    refuses(CLASS "reach: listed\n    consent: country\n", "consent country is nearer than reach");
    refuses(CLASS "reach: listed\n    masked_reach: node\n", "masked_reach node is nearer than");
    refuses(CLASS "reach: [listed]\n", "policy.yaml:7:5: reach must be node, country, listed");
    refuses(CLASS "level: high\n", "level must be one of open, fenced, walled, fortress");
    refuses(CLASS "mask: ff1\n", "mask must be one of tokens, format");
    refuses(CLASS "shadow: yes\n", "shadow must be true or false");
    refuses(HEAD "classes:\n  a:\n    detect: [jp.my*]\n", "no detector is called 'jp.my*'");
    refuses(HEAD "classes:\n  a:\n    masked_reach: world\n", "what nothing finds cannot be masked");
    refuses(HEAD "classes:\n  a b: {}\n", "a name must be 1 to 64 letters");
    refuses(HEAD "classes:\n  a: {}\n  a: {}\n", "key given twice");
    refuses(HEAD "classes: [a]\n", "must be a map");
}

static void places(void **state) {
    (void)state;
    reads(HEAD "places:\n" ABROAD HERE "  - {id: mock, url: \"http://127.0.0.1:9000/v1\"}\n"
               "  - {id: node, country: JP, reach: node}\n");
    assert_int_equal(policy.places_len, 4);
    assert_string_equal(policy.places[2].host, "llm.example.jp");
    assert_int_equal(policy.places[2].port, 8443);
    assert_int_equal(policy.places[2].addresses_len, 2);
    assert_int_equal(policy.places[3].port, 9000);
    for (unsigned i = 0; i < 4; i++) assert_null(policy.places[i].off);
    assert_int_equal(policy_distance(&policy, 3, 0), REACH_NODE);
    assert_int_equal(policy.places[1].pins[0][0], 0xe2);
    assert_int_equal(read_on(HEAD "places:\n" ABROAD, day("2099-12-31")), SK_OK);
    assert_null(policy.places[1].off);
    assert_int_equal(read_on(HEAD "places:\n" ABROAD, day("2100-01-01")), SK_OK);
    assert_string_equal(policy.places[1].off, "contract_until 2099-12-31 is over");
#define PLACES HEAD "places:\n" ABROAD "    "
    refuses(PLACES "cidr: [203.0.114.0/24]\n", "address 1 of it is in no network of its cidr");
    refuses(PLACES "reach: country\n", "reach country, but by where it is and who can compel it, "
                                       "it is listed");
    refuses(PLACES "kind: other\n", "kind must be one of openai, anthropic");
    refuses(PLACES "timeout_ms: 7\n", "timeout_ms must be a number from 100");
    refuses(HEAD "places:\n" ABROAD ABROAD, "policy.yaml:16:5: place eu is given twice");
    refuses(HEAD "places:\n  - {id: a, url: \"http://192.0.2.1/v1\"}\n", "http is for loopback");
    refuses(HEAD "places:\n  - {id: a, url: \"http://api.example/v1\"}\n", "needs a loopback");
    refuses(HEAD "places:\n  - {id: a, url: \"https://api.example/v1\"}\n", "country is missing");
    static const char *const urls[] = {"ftp://x", "https://", "https://a@b/", "https://a?b",
                                       "https://a:0/", "https://a:70000/", "https://[::1/",
                                       "https://a b/", "https://a_b/", "https://a:x/"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml, HEAD "places:\n  - {id: a, url: \"%s\"}\n", urls[i]);
        refuses(yaml, "url must be https://HOST");
    }
    refuses(HEAD "places:\n  - {id: node, country: DE}\n", "this node stands in home, JP");
    refuses(HEAD "places:\n  - {id: node, reach: world}\n", "its reach is node");
    // What is missing turns a place off; the file still loads.
    reads(HEAD "places:\n  - {id: a, country: DE, operator: X, operator_home: DE, "
               "processing: global, url: \"https://192.0.2.1\"}\n");
    assert_string_equal(policy.places[1].off, "no spki_sha256");
    assert_int_equal(policy_distance(&policy, 1, 0), REACH_WORLD);
}

static void tenants_purposes_clients(void **state) {
    (void)state;
    reads(HEAD "classes:\n  a: {}\n  b: {}\npurposes:\n  - {id: p, allow_classes: [\"*\"]}\n"
               "tenants:\n  - {id: default, label: [a]}\n"
               "  - {id: t, home: DE, keys: [k1, k2], labels: [a, b], consent: country, "
               "consent_max: listed, purpose: p}\n"
               "clients:\n  - {network: 10.0.0.0/8, reach: country}\n"
               "  - {network: \"::/0\", reach: listed}\n");
    assert_int_equal(policy.tenants_len, 2);
    assert_int_equal(policy.tenants[0].labels, 1);
    assert_int_equal(policy_tenant_of(&policy, VIEW("k2")), 1);
    assert_int_equal(policy_tenant_of(&policy, VIEW("k3")), 0);
    assert_int_equal(policy.tenants[1].labels, 3);
    assert_int_equal(policy.tenants[1].consent_max, REACH_LISTED);
    assert_int_equal(policy.tenants[1].purpose, 0);
    assert_int_equal(policy.purposes[0].classes, 3);
    assert_int_equal(policy.networks_len, 2);
    assert_int_equal(policy.networks[0].prefix, 104);
#define CLASSES HEAD "classes:\n  a: {}\n  b: {}\n"
    refuses(CLASSES "tenants:\n  - {id: t, label: [c]}\n", "label: no class is called 'c'");
    refuses(CLASSES "tenants:\n  - {id: t, label: [a], labels: [b]}\n", "labels must hold all");
    refuses(CLASSES "tenants:\n  - {id: t, consent: world, consent_max: node}\n", "is nearer than");
    refuses(CLASSES "tenants:\n  - {id: t}\n  - {id: t}\n", "tenant t is given twice");
    refuses(CLASSES "tenants:\n  - {id: t}\n  - {id: default}\n", "default is not first");
    refuses(CLASSES "tenants:\n  - {id: default, keys: [k]}\n", "has the keys of no other");
    refuses(CLASSES "tenants:\n  - {id: t, keys: [k]}\n  - {id: u, keys: [k]}\n", "is of tenant t");
    refuses(CLASSES "tenants:\n  - {id: t, purpose: p}\n", "no purpose is called 'p'");
    refuses(CLASSES "purposes:\n  - {id: p, allow_classes: [c]}\n", "no class is called 'c'");
    refuses(HEAD "clients:\n  - {network: 10.0.0.0/33, reach: node}\n", "network must be like");
    refuses(HEAD "clients:\n  - {network: 10.0.0/8, reach: node}\n", "network must be like");
}

#define ROUTE HEAD "classes:\n  c: {detect: [person], reach: country, masked_reach: listed}\n"     \
    "places:\n" HERE ABROAD

static void routes(void **state) {
    (void)state;
    reads(ROUTE "routes:\n  - model: m\n    to: [{place: jp}, {place: node}]\n"
                "  - {model: x, reach: listed, to: [{place: jp, model: n}, "
                "{place: eu, model: m, weight: 3}]}\n");
    assert_int_equal(policy.routes_len, 2);
    assert_int_equal(policy.routes[0].reach, REACH_COUNTRY);
    assert_string_equal(policy.routes[0].steps[0].model, "m");
    assert_int_equal(policy.routes[1].steps[1].rank, 1);
    assert_int_equal(policy.routes[1].steps[1].weight, 3);
    refuses(ROUTE "routes:\n  - {model: m, to: [{place: jp}, {place: eu}]}\n",
            "route m, step 2 (eu): listed for tenant default, farther than country; class c would "
            "go there masked. Where that is meant, write reach: listed");
    refuses(ROUTE "routes:\n  - {model: m, reach: country, to: [{place: eu}]}\n", "step 1 (eu)");
    refuses(ROUTE "routes:\n  - {model: z, to: [{place: jp}]}\n", "does not allow the model 'z'");
    refuses(ROUTE "routes:\n  - {model: m, to: [{place: us}]}\n", "no place is called 'us'");
    refuses(ROUTE "routes:\n  - {model: m, to: []}\n", "a route needs a step");
    refuses(ROUTE "routes:\n  - {model: m, to: [{place: jp}]}\n  - {model: m, to: [{place: jp}]}\n",
            "model m has two routes");
    refuses(ROUTE "routes:\n  - {model: m, reach: listed, to: [{place: jp, rank: 1}, "
                  "{place: eu, rank: 1}]}\n", "left to chance");
    refuses(ROUTE "routes:\n  - {model: m, to: [{place: jp, rank: 2}, {place: node, rank: 1}]}\n",
            "rank 1 comes after rank 2");
    // The first step of a Japanese tenant is nearer than that of a German one: each has its own.
    reads(ROUTE "tenants:\n  - {id: de, home: DE, keys: [k]}\n"
                "routes:\n  - {model: m, to: [{place: jp}, {place: node}]}\n");
    assert_int_equal(policy.routes[0].reach, REACH_LISTED);
    refuses(HEAD "places:\n" ABROAD "    use: witness\nroutes:\n"
                 "  - {model: m, to: [{place: eu}]}\n", "is not for models");
}

static void tests_in_the_file(void **state) {
    (void)state;
#define TESTS ROUTE "routes:\n  - {model: m, to: [{place: jp}, {place: node}]}\ntests:\n"
    reads(TESTS "  - {say: a, classes: [c], to: eu, expect: mask, rule: class.c}\n"
                "  - {say: b, label: [c], model: m, expect: send}\n"
                "  - {say: c, classes: [c], label: [], to: jp, expect: local-only, rule: unknown}\n"
                "  - {say: d, classes: [c], to: jp, level: fenced, expect: local-only}\n"
                "  - {say: e, classes: [c], to: eu, on: 2100-01-01, expect: block}\n"
                "  - {say: f, classes: [c], model: m, on: 2100-01-01, expect: send}\n"
                "  - {say: h, classes: [], model: m, expect: local-only, rule: unknown}\n"
                "  - {say: g, classes: [], model: elsewhere, expect: send, rule: unknown}\n");
    refuses(TESTS "  - {say: a b, classes: [c], to: eu, expect: send}\n",
            "test \"a b\" fails: expected send, got mask by class.c");
    refuses(TESTS "  - {say: a, classes: [c], to: eu, expect: mask, rule: unknown}\n",
            "expected mask by unknown, got mask by class.c");
    refuses(TESTS "  - {say: a, classes: [c], expect: mask}\n", "a test is of one place");
    refuses(TESTS "  - {say: a, to: eu, model: m, expect: mask}\n", "a test is of one place");
    refuses(TESTS "  - {say: a, to: eu, expect: maybe}\n", "expect must be one of send, mask");
    refuses(TESTS "  - {say: a, to: eu, purpose: q, expect: mask}\n", "no purpose is called 'q'");
    // A file that loads today loads when its contracts are over.
    assert_int_equal(read_on(TESTS "  - {say: a, classes: [c], to: eu, expect: mask}\n",
                             day("2150-01-01")), SK_OK);
    assert_non_null(policy.places[2].off);
}

// ---- packs ----

static char pack_texts[3][TEXT_MAX];
static struct policy_sources packed; // a policy that names all of them

static enum sk_code read_packed(const char *yaml) {
    static const char *const names[] = {"jp", "eu", "lk"};
    static const char *const files[] = {"jp.yaml", "eu.yaml", "lk.yaml"};
    struct view asked[POLICY_PACKS_MAX];
    packed = (struct policy_sources){.policy = {view_of(yaml), "policy.yaml"}};
    arena_reset(&arena);
    TRY(policy_packs(packed.policy, &arena, asked, &packed.packs_len));
    for (uint32_t i = 0; i < packed.packs_len; i++)
        for (unsigned k = 0; k < 3; k++)
            if (view_is(asked[i], names[k]))
                packed.packs[i] = (struct policy_source){view_of(pack_texts[k]), files[k]};
    return policy_read(&packed, day("2026-11-22"), &arena, &policy);
}

static void packs_begin(void) {
    static const char *const names[] = {"jp", "eu", "lk"};
    for (unsigned k = 0; k < 3; k++) {
        char path[1024];
        snprintf(path, sizeof path, SEKISHO_ROOT "/packs/%s.yaml", names[k]);
        assert_true(file_read(path, pack_texts[k]));
    }
}

static void packs_load_with_their_tests(void **state) {
    (void)state;
    packs_begin();
    if (read_packed(HEAD "packs: [jp, eu, lk]\n") != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(policy.classes_len, 11);
    assert_int_equal(policy.classes[0].masked, REACH_NODE);
    assert_int_equal(policy.classes[0].consent, REACH_NODE);
    assert_true(policy.rules_len > 20);
    for (uint32_t i = 0; i < policy.rules_len; i++) {
        const struct policy_rule *rule = &policy.rules[i];
        assert_true(rule->classes && rule->law[0] && rule->article[0] && rule->text[0]);
    }
    uint8_t digest[HASH_LEN];
    memcpy(digest, policy.digest, HASH_LEN);
    pack_texts[2][strlen(pack_texts[2]) - 1] = ' '; // a pack's bytes are in the digest
    if (read_packed(HEAD "packs: [jp, eu, lk]\n") != SK_OK) fail_msg("%s", fail_text());
    assert_memory_not_equal(digest, policy.digest, HASH_LEN);
}

static void a_policy_only_narrows_its_packs(void **state) {
    (void)state;
    packs_begin();
#define JP HEAD "packs: [jp]\nclasses:\n"
    static const char *const wider[][2] = {
        {JP "  my_number: {consent: country}\n", "policy.yaml:6:3: consent of class my_number is "
                                                 "wider than in pack jp (My Number Act"},
        {JP "  my_number: {masked_reach: country}\n", "masked_reach of class my_number is wider"},
        {JP "  contact: {reach: listed}\n", "reach of class contact is wider"},
        {JP "  contact: {level: fenced}\n", "level of class contact is wider"},
        {JP "  contact: {shadow: true}\n", "shadow of class contact is wider"},
        {JP "  my_number: {one_way: false}\n", "one_way of class my_number is wider"},
        {JP "  identifier: {detect: [jp.licence], mask: format}\n",
         "mask of class identifier is wider"},
        {JP "  contact: {source: mine}\n", "the source of class contact is that of pack jp"},
        {HEAD "packs: [jp, jp]\n", "pack jp is given twice"},
    };
    for (size_t i = 0; i < sizeof wider / sizeof *wider; i++) {
        assert_int_equal(read_packed(wider[i][0]), SK_INPUT);
        if (!strstr(fail_text(), wider[i][1])) fail_msg("%s", fail_text());
    }
    if (read_packed(JP "  contact: {reach: node, consent: cannot, detect: [ip]}\n") != SK_OK)
        fail_msg("%s", fail_text());
    uint16_t contact = policy_class_find(&policy, VIEW("contact"));
    assert_int_equal(policy.classes[contact].consent, REACH_NODE);
    assert_int_equal(policy.classes[contact].masked, REACH_LISTED);
    assert_true(detector_in(&policy.classes[contact].detect, DETECTOR_PERSON));
    assert_true(detector_in(&policy.classes[contact].detect, DETECTOR_IP));
    // A pack's own test holds it together.
    char *reach = strstr(pack_texts[0], "reach: \"country\"\n    consent: \"listed\"");
    memcpy(reach, "reach: \"node\"   ", 16);
    assert_int_equal(read_packed(HEAD "packs: [jp]\n"), SK_INPUT);
    assert_non_null(strstr(fail_text(), "jp.yaml:"));
    assert_non_null(strstr(fail_text(), "contact goes clear inside the country"));
}

static uint32_t below(uint32_t end) { return (uint32_t)(chance_next(&chance_state) % end); }

// A class of the pack with some of its keys given again, each with some value.
static void class_again(char *out, size_t max) {
    static const char *const ids[] = {"my_number", "special_care", "identifier", "contact"};
    static const struct {
        const char *key, *values[4];
    } rows[] = {{"reach", {"node", "country", "listed", "world"}},
                {"consent", {"cannot", "country", "listed", "world"}},
                {"masked_reach", {"node", "country", "listed", "world"}},
                {"level", {"open", "fenced", "walled", "fortress"}},
                {"shadow", {"true", "false", "false", "false"}},
                {"one_way", {"true", "true", "true", "false"}},
                {"detect", {"[ip]", "[]", "[person]", "[secret.*]"}}};
    struct buf yaml = buf_over(out, max - 1);
    buf_print(&yaml, "  %s: {", ids[below(4)]);
    bool first = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (below(3)) continue;
        buf_print(&yaml, "%s%s: %s", first ? "" : ", ", rows[i].key, rows[i].values[below(4)]);
        first = false;
    }
    buf_put_text(&yaml, "}\n");
    out[yaml.len] = 0;
}

// Whatever a policy says of a pack's class, if it loads no question has a freer answer.
static void what_loads_over_a_pack_is_never_freer(void **state) {
    (void)state;
    enum { TURNS = 300, ASKS = 200 };
    static const char places[] = "places:\n" HERE ABROAD;
    static struct policy alone;
    char yaml[4096];
    unsigned loaded = 0;
    packs_begin();
    snprintf(yaml, sizeof yaml, HEAD "packs: [jp]\n%s", places);
    assert_int_equal(read_packed(yaml), SK_OK);
    alone = policy;
    struct arena kept = arena; // `alone` points into it
    assert_int_equal(arena_open(&arena, "test", 64 << 20), SK_OK);
    for (int turn = 0; turn < TURNS; turn++) {
        char class[512];
        class_again(class, sizeof class);
        snprintf(yaml, sizeof yaml, HEAD "packs: [jp]\nclasses:\n%s%s", class, places);
        if (read_packed(yaml) != SK_OK) continue;
        loaded++;
        for (int i = 0; i < ASKS; i++) {
            struct policy_ask ask = {
                .classes = 1 + below(15),
                .vouched = below(2),
                .purpose = POLICY_NONE,
                .place = (uint16_t)below(policy.places_len),
                .consent = (enum border_reach)below(REACH_COUNT),
                .level = (enum border_level)below(4),
                .day = 20000};
            struct policy_verdict before, after;
            policy_judge(&alone, &ask, &before);
            policy_judge(&policy, &ask, &after);
            assert_true(after.verdict >= before.verdict);
        }
    }
    print_message("%u of %d loaded\n", loaded, TURNS);
    arena_close(&arena);
    arena = kept;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days),
        cmocka_unit_test(the_example),
        cmocka_unit_test(countries_are_text),
        cmocka_unit_test(the_top),
        cmocka_unit_test(classes), cmocka_unit_test(digits_in_the_same_form),
        cmocka_unit_test(places),
        cmocka_unit_test(tenants_purposes_clients),
        cmocka_unit_test(routes),
        cmocka_unit_test(tests_in_the_file),
        cmocka_unit_test(packs_load_with_their_tests),
        cmocka_unit_test(a_policy_only_narrows_its_packs),
        cmocka_unit_test(what_loads_over_a_pack_is_never_freer),
    };
    return cmocka_run_group_tests(tests, arena_begin, arena_end);
}
