// Proofs as texts: what a log writes passes, and nothing that differs from it does.
#include "ledger_keys.h"

enum { LEAVES = 21, AT = 13 };

static struct numbered_key witness;
static struct arena arena;
static struct trust trust, strict; // the log alone; the log and its witness
static char note[2048], text[8192];
static struct proof proof;

static int setup(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct ledger_found found;
    struct note_key key = fixture_note_key();
    struct view body, lines;
    char policy[1024];
    struct buf out = buf_over(policy, sizeof policy);
    numbered_key(&witness, 1, NOTE_COSIGNATURE, "witness.example/w");
    assert_int_equal(arena_open(&arena, "trust", 1 << 20), SK_OK);
    assert_int_equal(trust_of_key(&key, &arena, &trust), SK_OK);
    buf_print(&out, "log ");
    note_key_write(&key, &out);
    buf_print(&out, "\nwitness w %s\nquorum w\n", witness.vkey);
    assert_int_equal(trust_parse(buf_view(&out), &arena, &strict), SK_OK);
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    struct ledger *ledger = fixture_open(sim, &found);
    fixture_grow(ledger, LEAVES);
    proof.index = AT;
    assert_int_equal(ledger_inclusion(ledger, AT, LEAVES, proof.hashes, &proof.len), SK_OK);
    out = buf_over(note, sizeof note);
    buf_put_view(&out, ledger_checkpoint(ledger));
    assert_int_equal(note_split(buf_view(&out), &body, &lines), SK_OK);
    checkpoint_cosign(body, &witness.key, &witness.secret, 5, &out);
    proof.checkpoint = buf_view(&out);
    ledger_close(ledger);
    world_sim_close(sim);
    return 0;
}

static struct view written(struct view extra) {
    struct buf out = buf_over(text, sizeof text);
    proof_write(&proof, extra, &out);
    assert_int_equal(buf_check(&out, "proof"), SK_OK);
    return buf_view(&out);
}

static enum sk_code check(struct view bytes, const struct trust *by) {
    struct proof_facts facts;
    enum sk_code code = proof_check(bytes, fixture_leaf(AT), by, &facts);
    assert_int_equal(code == SK_OK || code == SK_DENIED, facts.included);
    return code;
}

static void test_round(void **unused) {
    (void)unused;
    struct proof_facts facts;
    struct proof read;
    struct view whole = written(VIEW("")), extra;
    assert_true(view_starts(whole, VIEW("c2sp.org/tlog-proof@v1\nindex 13\n")));
    assert_int_equal(proof_check(whole, fixture_leaf(AT), &strict, &facts), SK_OK);
    assert_int_equal(facts.proof.index, AT);
    assert_int_equal(facts.trust.checkpoint.size, LEAVES);
    assert_int_equal(facts.trust.cosigned_s[0], 5);
    assert_int_equal(check(whole, &trust), SK_OK);
    whole = written(VIEW("salt"));
    assert_true(view_starts(whole, VIEW("c2sp.org/tlog-proof@v1\nextra c2FsdA==\nindex 13\n")));
    assert_int_equal(proof_read(whole, &read), SK_OK);
    assert_true(view_is(read.extra, "c2FsdA=="));
    assert_true(view_same(read.checkpoint, proof.checkpoint));
    assert_int_equal(check(whole, &strict), SK_OK);
    // Another leaf; a leaf longer than any.
    assert_int_equal(proof_check(whole, fixture_leaf(AT + 1), &trust, &facts), SK_CORRUPT);
    assert_false(facts.included);
    extra = (struct view){text, LEDGER_LEAF_MAX + 1};
    assert_int_equal(proof_check(whole, extra, &trust, &facts), SK_LIMIT);
    // A policy that asks for more: included, and said so, but not accepted.
    struct numbered_key other;
    numbered_key(&other, 2, NOTE_COSIGNATURE, "witness.example/v");
    struct trust_witness ask = {.name = VIEW("v"), .key = other.key, .group = TRUST_NONE};
    struct trust more = strict;
    more.witnesses = &ask;
    assert_int_equal(check(whole, &more), SK_DENIED);
}

static void test_every_byte(void **unused) {
    (void)unused;
    struct view whole = written(VIEW(""));
    char copy[8192];
    for (size_t i = 0; i < whole.len; i++) {
        memcpy(copy, whole.at, whole.len);
        copy[i] = (char)(copy[i] ^ 1 << i % 8);
        // A line of an unknown witness is passed over; with the quorum asked for, nothing is.
        enum sk_code code = check((struct view){copy, whole.len}, &strict);
        if (code == SK_OK) fail_msg("accepted a flip at byte %zu", i);
        if (check((struct view){whole.at, i}, &strict) == SK_OK) fail_msg("accepted %zu bytes", i);
    }
}

#define FIRST "c2sp.org/tlog-proof@v1\n"
#define HASH "tPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3Mco=\n"

static void test_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "line 1"},
        {"c2sp.org/tlog-proof@v2\nindex 0\n\nx", "line 1"},
        {"c2sp.org/tlog-proof@v1\r\nindex 0\n\nx", "line 1"},
        {" " FIRST "index 0\n\nx", "line 1"},
        {FIRST, "line 2"},
        {FIRST "index 0", "line 2"},
        {FIRST "index\n\nx", "line 2"},
        {FIRST "index 00\n\nx", "line 2"},
        {FIRST "index +1\n\nx", "line 2"},
        {FIRST "index -1\n\nx", "line 2"},
        {FIRST "index 1 \n\nx", "line 2"},
        {FIRST "index  1\n\nx", "line 2"},
        {FIRST "index 1\r\n\nx", "line 2"},
        {FIRST "index 18446744073709551616\n\nx", "line 2"},
        {FIRST "extra \nindex 0\n\nx", "line 2"},
        {FIRST "extra\nindex 0\n\nx", "line 2"},
        {FIRST "extra AA\nindex 0\n\nx", "line 2"},
        {FIRST "extra AB==\nindex 0\n\nx", "line 2"},
        {FIRST "extra AA==\nextra AA==\nindex 0\n\nx", "line 3"},
        {FIRST "index 0\nextra AA==\n\nx", "line 3"},
        {FIRST "extra AA==", "line 2"},
        {FIRST "index 1\n" HASH "tPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3Mcp=\n\nx", "line 4"},
        {FIRST "index 1\ntPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3Mco\n\nx", "line 3"},
        {FIRST "index 1\ntPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3\n\nx", "line 3"},
        {FIRST "index 1\n" HASH " \nx", "line 4"},
        {FIRST "index 1\n" HASH, "line 4: no hash, no blank line"},
        {FIRST "index 1\n" HASH "AAAA", "line 4: no hash, no blank line"},
        {FIRST "index 1\n" HASH "\n", "line 5: no checkpoint"},
    };
    struct proof read;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (proof_read(view_of(cases[i].text), &read) != SK_INPUT) fail_msg("case %zu", i);
        if (!strstr(fail_text(), cases[i].why)) fail_msg("case %zu: %s", i, fail_text());
    }
    struct buf out = buf_over(text, sizeof text);
    buf_print(&out, FIRST "index 1\n");
    for (int i = 0; i <= LEDGER_PROOF_MAX; i++) buf_print(&out, HASH);
    buf_print(&out, "\nx");
    assert_int_equal(proof_read(buf_view(&out), &read), SK_LIMIT);
    static char extra[PROOF_EXTRA_MAX + 1];
    char big[3 * PROOF_EXTRA_MAX];
    out = buf_over(big, sizeof big);
    proof_write(&proof, (struct view){extra, PROOF_EXTRA_MAX}, &out);
    assert_int_equal(proof_read(buf_view(&out), &read), SK_OK);
    out = buf_over(big, sizeof big);
    proof_write(&proof, (struct view){extra, PROOF_EXTRA_MAX + 1}, &out);
    assert_int_not_equal(proof_read(buf_view(&out), &read), SK_OK);
    assert_int_equal(proof_read((struct view){extra, PROOF_TEXT_MAX + 1}, &read), SK_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
