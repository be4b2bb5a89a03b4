// Policies: what is read, what is refused and at which line, and that quorums of random groups are
// what a slow reading of the specification says.
#include "chance.h"
#include "ledger_keys.h"

enum { KEYS = 8 };

static struct numbered_key logs[2], witnesses[KEYS];
static struct arena arena;
static char policy_text[1 << 16];

static int setup(void **unused) {
    (void)unused;
    numbered_key(&logs[0], 0, NOTE_ED25519, "log.example/a");
    numbered_key(&logs[1], 1, NOTE_ED25519, "log.example/b");
    for (int i = 0; i < KEYS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "witness.example/%d", i);
        numbered_key(&witnesses[i], i, NOTE_COSIGNATURE, name);
    }
    return arena_open(&arena, "trust", 4 << 20) != SK_OK;
}

// In a pattern $0 is log a's key, $1 to $7 witnesses' keys, $8 log b's.
static struct view policy(const char *pattern) {
    struct buf out = buf_over(policy_text, sizeof policy_text);
    for (const char *at = pattern; *at; at++) {
        if (*at != '$') {
            buf_put_char(&out, *at);
            continue;
        }
        int number = *++at - '0';
        buf_put_text(&out, number == 0   ? logs[0].vkey
                           : number == 8 ? logs[1].vkey
                                         : witnesses[number].vkey);
    }
    assert_false(out.over);
    return buf_view(&out);
}

static enum sk_code parse(const char *pattern, struct trust *trust) {
    arena_reset(&arena);
    return trust_parse(policy(pattern), &arena, trust);
}

static void test_read(void **unused) {
    (void)unused;
    struct trust trust;
    assert_int_equal(parse("# a policy\n"
                           "\t log $0 https://log.example/\n\n"
                           "witness X1 $1\nwitness X2\t$2  https://x2.example/w \n"
                           "witness \xe8 $3\n"
                           "group X 2 X1 X2 \xe8\n"
                           "witness Y $4\ngroup X-and-Y all X Y\nquorum X-and-Y\nlog $8\n",
                           &trust),
                     SK_OK);
    assert_int_equal(trust.logs_len, 2);
    assert_memory_equal(&trust.logs[0].key, &logs[0].key, sizeof logs[0].key);
    assert_true(view_is(trust.logs[0].url, "https://log.example/"));
    assert_int_equal(trust.logs[1].url.len, 0);
    assert_int_equal(trust.witnesses_len, 4);
    assert_true(view_is(trust.witnesses[1].url, "https://x2.example/w"));
    assert_true(view_is(trust.witnesses[2].name, "\xe8"));
    assert_int_equal(trust.groups_len, 2);
    assert_int_equal(trust.groups[0].need, 2);
    assert_int_equal(trust.groups[0].members, 3);
    assert_int_equal(trust.groups[0].group, 1);
    assert_int_equal(trust.groups[1].need, 2);
    assert_int_equal(trust.quorum, TRUST_MAX + 1);
    // Copied: the text may go.
    memset(policy_text, 0, sizeof policy_text);
    assert_true(view_is(trust.groups[1].name, "X-and-Y"));
    assert_int_equal(parse("quorum none\n", &trust), SK_OK);
    assert_int_equal(trust.quorum, TRUST_NONE);
    assert_int_equal(parse("witness W $1\nquorum W\n", &trust), SK_OK);
    assert_int_equal(trust.quorum, 0);
    // One key may be a log's and, under its other type, a witness's.
    struct numbered_key both;
    numbered_key(&both, 1, NOTE_COSIGNATURE, "w");
    assert_int_equal(note_key_of("w", NOTE_COSIGNATURE, logs[0].secret.public, &both.key), SK_OK);
    struct buf out = buf_over(policy_text, sizeof policy_text);
    buf_print(&out, "log %s\nwitness w ", logs[0].vkey);
    note_key_write(&both.key, &out);
    buf_print(&out, "\nquorum w\n");
    arena_reset(&arena);
    assert_int_equal(trust_parse(buf_view(&out), &arena, &trust), SK_OK);
}

static void test_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "no quorum"},
        {"log $0\n", "no quorum"},
        {"quorum none", "line 1: no newline"},
        {"quorum none\nquorum none\n", "line 2: a second quorum"},
        {"quorum none none\n", "line 1: not 'quorum name'"},
        {"quorum\n", "line 1: not 'quorum name'"},
        {"quorum W\nwitness W $1\n", "line 1: no 'W' before"},
        {"# \f\nquorum none\n", "line 1: control character"},
        {"#\r\nquorum none\n", "line 1: control character"},
        {"# \x7f\nquorum none\n", "line 1: control character"},
        {"logs $0\nquorum none\n", "line 1: 'logs' is not"},
        {"\n\nLOG $0\nquorum none\n", "line 3: 'LOG' is not"},
        {"log\nquorum none\n", "line 1: no verifier key"},
        {"log $0 url # comment\nquorum none\n", "line 1: '#' is one item too many"},
        {"log $0\n  log $0\nquorum none\n", "line 2: the key of log log.example/a a second"},
        {"log $1\nquorum none\n", "line 1: a key of type 4, not 1"},
        {"witness W $0\nquorum W\n", "line 1: a key of type 1, not 4"},
        {"witness W\nquorum W\n", "line 1: no verifier key"},
        {"witness\nquorum none\n", "line 1: no name"},
        {"witness W $1 url url\nquorum W\n", "line 1: 'url' is one item too many"},
        {"witness W $1\nwitness V $1\nquorum W\n", "line 2: the key of witness W a second"},
        {"witness W $1\nwitness W $2\nquorum W\n", "line 2: a second 'W'"},
        {"witness none $1\nquorum none\n", "line 1: the name 'none'"},
        {"witness W $1\ngroup none any W\nquorum none\n", "line 2: the name 'none'"},
        {"witness W $1\ngroup W any W\nquorum W\n", "line 2: a second 'W'"},
        {"witness W $1\ngroup G all W V\nwitness V $2\nquorum G\n", "line 2: no 'V' before"},
        {"witness W $1\ngroup G any G\nquorum G\n", "line 2: no 'G' before"},
        {"witness W $1\ngroup G all W W\nquorum G\n", "line 2: 'W' is a member twice"},
        {"witness W $1\ngroup G any W\ngroup H any W\nquorum H\n", "line 3: 'W' is a member"},
        {"witness W $1\ngroup G all W none\nquorum G\n", "line 2: no 'none' before"},
        {"group G all\nquorum G\n", "line 1: all of 0 members"},
        {"group G\nquorum G\n", "line 1: not 'group name"},
        {"witness W $1\ngroup G 0 W\nquorum G\n", "line 2: 0 of 1"},
        {"witness W $1\ngroup G 2 W\nquorum G\n", "line 2: 2 of 1"},
        {"witness W $1\ngroup G 01 W\nquorum G\n", "line 2: '01' is not"},
        {"witness W $1\ngroup G +1 W\nquorum G\n", "line 2: '+1' is not"},
        {"witness W $1\ngroup G 18446744073709551617 W\nquorum G\n", "is not all, any"},
        {"witness W $1\ngroup G some W\nquorum G\n", "line 2: 'some' is not"},
        {"log x+00000000+AQAA\nquorum none\n", "line 1: verifier key"},
    };
    struct trust trust;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (parse(cases[i].text, &trust) != SK_INPUT) fail_msg("case %zu accepted", i);
        if (!strstr(fail_text(), cases[i].why)) fail_msg("case %zu: %s", i, fail_text());
    }
    // ML-DSA-44, reserved: said as such.
    char key[2048];
    struct buf out = buf_over(key, sizeof key);
    uint8_t bytes[1313] = {6};
    buf_put_text(&out, "quorum none\nwitness W w+00000000+");
    base64_put(&out, bytes, sizeof bytes);
    buf_put_char(&out, '\n');
    arena_reset(&arena);
    assert_int_equal(trust_parse(buf_view(&out), &arena, &trust), SK_UNSUPPORTED);
    assert_non_null(strstr(fail_text(), "line 2"));
    arena_reset(&arena);
    const char nul[] = "quorum none\n# \0\n";
    assert_int_equal(trust_parse((struct view){nul, sizeof nul - 1}, &arena, &trust), SK_INPUT);
}

static void test_limits(void **unused) {
    (void)unused;
    static const char *const kinds[] = {"log", "witness", "group"};
    for (size_t kind = 0; kind < 3; kind++) {
        for (int many = TRUST_MAX; many <= TRUST_MAX + 1; many++) {
            struct buf out = buf_over(policy_text, sizeof policy_text);
            struct trust trust;
            if (kind == 2) buf_print(&out, "witness g0 %s\n", witnesses[1].vkey);
            for (int i = 1; i <= many; i++) {
                struct numbered_key one;
                numbered_key(&one, i, kind ? NOTE_COSIGNATURE : NOTE_ED25519, "k");
                if (kind == 0) buf_print(&out, "log %s\n", one.vkey);
                if (kind == 1) buf_print(&out, "witness w%d %s\n", i, one.vkey);
                if (kind == 2) buf_print(&out, "group g%d any g%d\n", i, i - 1);
            }
            buf_print(&out, "quorum none\n");
            assert_false(out.over);
            arena_reset(&arena);
            enum sk_code code = trust_parse(buf_view(&out), &arena, &trust);
            if (code != (many > TRUST_MAX ? SK_LIMIT : SK_OK))
                fail_msg("%d of %s: %s", many, kinds[kind], fail_text());
        }
    }
}

// ---- checking ----

static char lines[KEYS][512]; // what witness i says of the checkpoint
static char body[512];        // text, blank line and the log's line

static void checkpoint_make(void) {
    struct tree_hash root;
    struct buf out = buf_over(body, sizeof body - 1);
    tree_leaf(VIEW("x"), &root);
    checkpoint_sign("log.example/a", 12, &root, &logs[0].key, &logs[0].secret, &out);
    body[out.len] = '\0';
    struct view text, rest;
    assert_int_equal(note_split(buf_view(&out), &text, &rest), SK_OK);
    for (int i = 0; i < KEYS; i++) {
        struct buf line = buf_over(lines[i], sizeof lines[i] - 1);
        checkpoint_cosign(text, &witnesses[i].key, &witnesses[i].secret, 1000 + (uint64_t)i, &line);
        lines[i][line.len] = '\0';
    }
}

// The checkpoint with the cosignatures of the witnesses in `set`.
static struct view cosigned(unsigned set) {
    static char note[8192];
    struct buf out = buf_over(note, sizeof note);
    buf_put_text(&out, body);
    for (int i = 0; i < KEYS; i++)
        if (set >> i & 1) buf_put_text(&out, lines[i]);
    return buf_view(&out);
}

static void test_check(void **unused) {
    (void)unused;
    struct trust trust;
    struct trust_facts facts;
    checkpoint_make();
    assert_int_equal(parse("log $8\nlog $0\nwitness X1 $1\nwitness X2 $2\nwitness X3 $3\n"
                           "group X 2 X1 X2 X3\nwitness Y1 $4\nwitness Y2 $5\ngroup Y any Y1 Y2\n"
                           "witness Z $6\ngroup X-and-Y all X Y\nquorum X-and-Y\n",
                           &trust),
                     SK_OK);
    assert_int_equal(trust_check(&trust, cosigned(1 << 1 | 1 << 3 | 1 << 5), &facts), SK_OK);
    assert_true(facts.quorum && facts.log == &trust.logs[1]);
    assert_int_equal(facts.checkpoint.size, 12);
    assert_int_equal(facts.cosigned_s[0], 1001);
    assert_int_equal(facts.cosigned_s[1], 0);
    assert_int_equal(trust_check(&trust, cosigned(1 << 1 | 1 << 2), &facts), SK_DENIED);
    assert_false(facts.quorum);
    assert_non_null(facts.log);
    assert_non_null(
        strstr(fail_text(), "X-and-Y 1 of 2, Y 0 of 1, X 2 of 2; missing: X3 Y1 Y2"));
    assert_null(strstr(fail_text(), "Z"));
    // A line of a known witness that fails refuses all, were the quorum there or not.
    char note[8192];
    (void)snprintf(note, sizeof note, "%s%s%s%s", body, lines[1], lines[2], lines[4]);
    char *at = strstr(note, "witness.example/4 ") + strlen("witness.example/4 ") + 60;
    *at = *at == 'A' ? 'B' : 'A';
    assert_int_equal(trust_check(&trust, view_of(note), &facts), SK_CORRUPT);
    *strstr(note, "12\n") = '2'; // another text
    assert_int_equal(trust_check(&trust, view_of(note), &facts), SK_CORRUPT);
    // Another log's checkpoint; ours without its signature.
    assert_int_equal(parse("log $8\nquorum none\n", &trust), SK_OK);
    assert_int_equal(trust_check(&trust, cosigned(0), &facts), SK_UNKNOWN);
    assert_null(facts.log);
    assert_int_equal(parse("quorum none\n", &trust), SK_OK);
    assert_int_equal(trust_check(&trust, cosigned(0), &facts), SK_UNKNOWN);
    assert_int_equal(trust_check(&trust, VIEW("text\n"), &facts), SK_INPUT);
    // A key alone.
    arena_reset(&arena);
    assert_int_equal(trust_of_key(&logs[0].key, &arena, &trust), SK_OK);
    assert_int_equal(trust_check(&trust, cosigned(0xff), &facts), SK_OK);
    assert_int_equal(trust_of_key(&witnesses[1].key, &arena, &trust), SK_INPUT);
}

// ---- random groups, as the specification reads ----

struct slow_group {
    int need, many, members[KEYS + KEYS]; // below KEYS a witness, else KEYS + group
};

static bool slow_holds(const struct slow_group *groups, int member, unsigned set) {
    if (member < KEYS) return set >> member & 1;
    const struct slow_group *group = &groups[member - KEYS];
    int have = 0;
    for (int i = 0; i < group->many; i++) have += slow_holds(groups, group->members[i], set);
    return have >= group->need;
}

// Writes a policy of all witnesses and some groups of what is still free; the last name is its
// quorum's.
static int random_policy(uint64_t *seed, struct slow_group *groups, struct buf *out) {
    int free[2 * KEYS], frees = 0, many = 1 + (int)(chance_next(seed) % 6), last = 0;
    buf_print(out, "log %s\n", logs[0].vkey);
    for (int i = 0; i < KEYS; i++) {
        buf_print(out, "witness n%d %s\n", i, witnesses[i].vkey);
        free[frees++] = i;
    }
    for (int g = 0; g < many && frees > 0; g++) {
        struct slow_group *group = &groups[g];
        int members = 1 + (int)(chance_next(seed) % (uint64_t)frees);
        if (members > 4) members = 4;
        group->many = 0;
        group->need = 1 + (int)(chance_next(seed) % (uint64_t)members);
        if (group->need == members && (chance_next(seed) & 1)) buf_print(out, "group n%d all", KEYS + g);
        else if (group->need == 1) buf_print(out, "group n%d any", KEYS + g);
        else buf_print(out, "group n%d %d", KEYS + g, group->need);
        while (group->many < members) {
            int at = (int)(chance_next(seed) % (uint64_t)frees);
            group->members[group->many++] = free[at];
            buf_print(out, " n%d", free[at]);
            free[at] = free[--frees];
        }
        buf_put_char(out, '\n');
        last = free[frees++] = KEYS + g;
    }
    if (chance_next(seed) % 8 == 0) last = (int)(chance_next(seed) % KEYS);
    buf_print(out, "quorum n%d\n", last);
    return last;
}

static void test_random(void **unused) {
    (void)unused;
    int held = 0, rounds = 300;
    checkpoint_make();
    for (uint64_t seed = 1; seed <= (uint64_t)rounds; seed++) {
        uint64_t state = seed;
        struct slow_group groups[KEYS];
        struct buf out = buf_over(policy_text, sizeof policy_text);
        struct trust trust;
        struct trust_facts facts;
        int quorum = random_policy(&state, groups, &out);
        arena_reset(&arena);
        if (trust_parse(buf_view(&out), &arena, &trust) != SK_OK)
            fail_msg("seed %d: %s\n%.*s", (int)seed, fail_text(), (int)out.len, out.at);
        unsigned set = (unsigned)(chance_next(&state) & 0xff);
        bool want = slow_holds(groups, quorum, set);
        enum sk_code code = trust_check(&trust, cosigned(set), &facts);
        if (code != (want ? SK_OK : SK_DENIED) || facts.quorum != want)
            fail_msg("seed %d, set %x: %s\n%.*s", (int)seed, set, fail_name(code), (int)out.len,
                     out.at);
        held += want;
    }
    print_message("%d random policies, %d quorums\n", rounds, held);
    assert_true(held > 30 && held < rounds - 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),  cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_check), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
