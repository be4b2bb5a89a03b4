// Receipts: what one proves, and that every change of it is seen.
#include "base/arena.h"

#include "ledger_fixture.h"

static struct world_sim *sim;
static struct ledger *ledger;
static struct arena arena;
static struct receipt_salts salts = {.present = true, .body = {1}, .prompt = {2}, .choice = {3}};
static char storage[RECEIPT_MAX];

static const struct view body = {"{\"messages\":[]}", 15}, answer = {"\xe6\xb3\x95", 3};
static const uint8_t ids[8] = {1, 0, 0, 0, 2, 1, 0, 0}; // tokens 1 and 258

static uint64_t append(const char *text) {
    uint64_t index;
    assert_int_equal(ledger_append(ledger, view_of(text), &index), SK_OK);
    return index;
}

static void hex_commit(struct buf *out, const char *field, const uint8_t *salt, struct view value) {
    uint8_t hash[HASH_LEN];
    commit_of(field, salt, value, hash);
    hex_put(out, hash, HASH_LEN);
}

static uint64_t append_open(void) {
    char text[1024];
    struct buf out = buf_over(text, sizeof text);
    buf_print(&out, "{\"body\":\"");
    hex_commit(&out, "request_body", salts.body, body);
    buf_print(&out, "\",\"key\":\"k1\",\"n\":9,\"prompt\":\"");
    hex_commit(&out, "prompt_tokens", salts.prompt, (struct view){(const char *)ids, sizeof ids});
    buf_print(&out, "\",\"type\":\"open\",\"verdict\":\"\xe5\x8f\xaf\\n\"}");
    buf_put_char(&out, '\0');
    return append(text);
}

static uint64_t append_close(uint64_t open, int n, const char *key) {
    char text[1024];
    struct buf out = buf_over(text, sizeof text);
    buf_print(&out, "{\"choices\":[\"");
    hex_commit(&out, "choice_0", salts.choice, answer);
    buf_print(&out, "\"],\"key\":\"%s\",\"n\":%d,\"open\":%llu,\"type\":\"close\"}", key, n,
              (unsigned long long)open);
    buf_put_char(&out, '\0');
    return append(text);
}

static int setup(void **unused) {
    (void)unused;
    struct ledger_found found;
    if (world_sim_open(&sim, 1) != SK_OK) return 1;
    ledger = fixture_open(sim, &found);
    fixture_grow(ledger, 21);
    return arena_open(&arena, "receipt", RECEIPT_ARENA) == SK_OK ? 0 : 1;
}

static int teardown(void **unused) {
    (void)unused;
    ledger_close(ledger);
    world_sim_close(sim);
    arena_close(&arena);
    return 0;
}

static struct view written_with(uint64_t open, uint64_t close, const struct receipt_salts *with) {
    struct buf out = buf_over(storage, sizeof storage);
    assert_int_equal(ledger_commit(ledger), SK_OK);
    if (receipt_write(ledger, open, close, with, &out) != SK_OK) fail_msg("%s", fail_text());
    return buf_view(&out);
}

static struct view written(uint64_t open, uint64_t close) {
    return written_with(open, close, &salts);
}

static enum sk_code check(struct view receipt, const struct receipt_inputs *inputs,
                          struct receipt_facts *facts) {
    struct note_key key = fixture_note_key();
    struct trust trust;
    arena_reset(&arena);
    assert_int_equal(trust_of_key(&key, &arena, &trust), SK_OK);
    return receipt_check(receipt, &trust, inputs, &arena, facts);
}

static struct receipt_inputs all_inputs(void) {
    return (struct receipt_inputs){.body = body,
                                   .prompt = {(const char *)ids, sizeof ids},
                                   .response = answer,
                                   .has_body = true,
                                   .has_prompt = true,
                                   .has_response = true};
}

static void test_proven(void **unused) {
    (void)unused;
    uint64_t open = append_open(), close = append_close(open, 9, "k1");
    struct view receipt = written(open, close);
    struct receipt_inputs inputs = all_inputs();
    struct receipt_facts facts;
    if (check(receipt, &inputs, &facts) != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(facts.signature, RECEIPT_PROVEN);
    assert_int_equal(facts.open_in, RECEIPT_PROVEN);
    assert_int_equal(facts.close_in, RECEIPT_PROVEN);
    assert_int_equal(facts.bound, RECEIPT_PROVEN);
    assert_int_equal(facts.body, RECEIPT_PROVEN);
    assert_int_equal(facts.prompt, RECEIPT_PROVEN);
    assert_int_equal(facts.choice, RECEIPT_PROVEN);
    assert_int_equal(facts.open_index, 21);
    assert_int_equal(facts.close_index, 22);
    assert_int_equal(facts.tree_size, 23);
    assert_string_equal(facts.origin, FIXTURE_ORIGIN);
    char leaf[2048];
    struct buf out = buf_over(leaf, sizeof leaf);
    assert_int_equal(ledger_leaf(ledger, open, &out), SK_OK);
    assert_true(view_same(buf_view(&out), facts.open_leaf));
    // Nothing given: nothing opened, and still a good receipt.
    assert_int_equal(check(receipt, &(struct receipt_inputs){0}, &facts), SK_OK);
    assert_int_equal(facts.body, RECEIPT_NOT_CHECKED);
    assert_int_equal(facts.choice, RECEIPT_NOT_CHECKED);
}

static void test_not_closed(void **unused) {
    (void)unused;
    uint64_t open = append_open();
    struct receipt_inputs inputs = all_inputs();
    struct receipt_facts facts;
    inputs.has_response = false;
    assert_int_equal(check(written(open, UINT64_MAX), &inputs, &facts), SK_BUSY);
    assert_int_equal(facts.open_in, RECEIPT_PROVEN);
    assert_int_equal(facts.close_in, RECEIPT_NOT_CHECKED);
    assert_int_equal(facts.bound, RECEIPT_NOT_CHECKED);
    assert_int_equal(facts.body, RECEIPT_PROVEN);
    assert_int_equal(facts.choice, RECEIPT_NOT_CHECKED);
}

// What was given must be opened: a receipt without its salts, or without its outcome, would let any
// answer pass for the true one.
static void test_stripped(void **unused) {
    (void)unused;
    uint64_t open = append_open(), close = append_close(open, 9, "k1");
    struct receipt_inputs inputs = {.response = VIEW("forged"), .has_response = true};
    struct receipt_facts facts;
    assert_int_equal(check(written(open, close), &inputs, &facts), SK_CORRUPT);
    assert_int_equal(check(written_with(open, close, NULL), &inputs, &facts), SK_UNKNOWN);
    assert_int_equal(check(written(open, UINT64_MAX), &inputs, &facts), SK_UNKNOWN);
    assert_int_equal(facts.choice, RECEIPT_NOT_CHECKED);
    inputs = (struct receipt_inputs){.body = body, .has_body = true};
    assert_int_equal(check(written_with(open, close, NULL), &inputs, &facts), SK_UNKNOWN);
    inputs = (struct receipt_inputs){.prompt = body, .has_prompt = true};
    assert_int_equal(check(written_with(open, close, NULL), &inputs, &facts), SK_UNKNOWN);
    assert_int_equal(check(written_with(open, close, NULL), &(struct receipt_inputs){0}, &facts),
                     SK_OK);
}

static void test_inputs(void **unused) {
    (void)unused;
    uint64_t open = append_open();
    struct view receipt = written(open, append_close(open, 9, "k1"));
    struct receipt_facts facts;
    struct receipt_inputs inputs = all_inputs();
    inputs.body.len--;
    assert_int_equal(check(receipt, &inputs, &facts), SK_CORRUPT);
    assert_int_equal(facts.body, RECEIPT_REFUTED);
    assert_int_equal(facts.choice, RECEIPT_PROVEN);
    inputs = all_inputs();
    inputs.response = VIEW("\xe6\xb3\x96");
    assert_int_equal(check(receipt, &inputs, &facts), SK_CORRUPT);
    assert_int_equal(facts.choice, RECEIPT_REFUTED);
    assert_int_equal(facts.signature, RECEIPT_PROVEN);
    inputs = all_inputs();
    inputs.prompt.len = 4;
    assert_int_equal(check(receipt, &inputs, &facts), SK_CORRUPT);
    assert_int_equal(facts.prompt, RECEIPT_REFUTED);
}

static void test_binding(void **unused) {
    (void)unused;
    struct receipt_facts facts;
    const struct receipt_inputs none = {0};
    uint64_t open = append_open();
    const struct {
        uint64_t open;
        int n;
        const char *key;
    } wrong[] = {{open + 1, 9, "k1"}, {open, 8, "k1"}, {open, 9, "k2"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint64_t close = append_close(wrong[i].open, wrong[i].n, wrong[i].key);
        assert_int_equal(check(written(open, close), &none, &facts), SK_CORRUPT);
        assert_int_equal(facts.close_in, RECEIPT_PROVEN); // it is in the log, of another request
        assert_int_equal(facts.bound, RECEIPT_REFUTED);
    }
    uint64_t close = append_close(open, 9, "k1");
    assert_int_equal(check(written(close, open), &none, &facts), SK_CORRUPT);
    assert_int_equal(facts.bound, RECEIPT_REFUTED);
}

static void test_other_key(void **unused) {
    (void)unused;
    uint64_t open = append_open();
    struct view receipt = written(open, append_close(open, 9, "k1"));
    struct receipt_facts facts;
    struct sign_key other;
    struct note_key key;
    const uint8_t seed[SIGN_SEED_LEN] = {43};
    sign_init(&other, seed);
    assert_int_equal(note_key_of(FIXTURE_ORIGIN, NOTE_ED25519, other.public, &key), SK_OK);
    struct trust trust;
    arena_reset(&arena);
    assert_int_equal(trust_of_key(&key, &arena, &trust), SK_OK);
    assert_int_equal(receipt_check(receipt, &trust, &(struct receipt_inputs){0}, &arena, &facts),
                     SK_CORRUPT);
    assert_int_equal(facts.signature, RECEIPT_REFUTED);
    assert_int_equal(facts.open_in, RECEIPT_NOT_CHECKED);
}

// Every bit of the receipt matters, but for the salts of commitments nobody opened.
static void test_every_byte(void **unused) {
    (void)unused;
    static char copy[RECEIPT_MAX];
    uint64_t open = append_open();
    struct view receipt = written(open, append_close(open, 9, "k1"));
    struct receipt_inputs inputs = all_inputs();
    struct receipt_facts facts;
    for (size_t i = 0; i < receipt.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, receipt.at, receipt.len);
            copy[i] = (char)(copy[i] ^ 1 << bit);
            if (check((struct view){copy, receipt.len}, &inputs, &facts) == SK_OK)
                fail_msg("byte %zu, bit %d: accepted", i, bit);
        }
        assert_int_not_equal(check((struct view){receipt.at, i}, &inputs, &facts), SK_OK);
    }
}

static void test_hostile(void **unused) {
    (void)unused;
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"v\":\"sekisho-receipt/2\"}",
        "{\"v\":\"sekisho-receipt/1\"}",
        "{\"v\":\"sekisho-receipt/1\",\"origin\":\"o\",\"checkpoint\":\"\"}",
        "{\"v\":\"sekisho-receipt/1\",\"origin\":\"o\",\"checkpoint\":\"x\",\"open\":{\"index\":-1,"
        "\"leaf\":\"\",\"proof\":[]},\"close\":null,\"salts\":null}",
        "{\"v\":\"sekisho-receipt/1\",\"origin\":\"o\",\"checkpoint\":\"x\",\"open\":{\"index\":1,"
        "\"leaf\":\"\",\"proof\":[1]},\"close\":null,\"salts\":null}",
        "{\"v\":\"sekisho-receipt/1\",\"origin\":\"o\",\"checkpoint\":\"x\",\"open\":{\"index\":1,"
        "\"leaf\":\"{}\",\"proof\":[]},\"close\":null,\"salts\":[]}",
    };
    struct receipt_facts facts;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(check(view_of(texts[i]), &(struct receipt_inputs){0}, &facts), SK_INPUT);
    static char big[RECEIPT_MAX + 1];
    assert_int_equal(check((struct view){big, sizeof big}, &(struct receipt_inputs){0}, &facts),
                     SK_LIMIT);
    // A leaf that is not text cannot be in a receipt.
    uint64_t binary = append("\xff\xfe");
    struct buf out = buf_over(storage, sizeof storage);
    assert_int_equal(ledger_commit(ledger), SK_OK);
    assert_int_equal(receipt_write(ledger, binary, UINT64_MAX, &salts, &out), SK_INPUT);
    out = buf_over(storage, 100);
    assert_int_equal(receipt_write(ledger, append_open() - 1, UINT64_MAX, NULL, &out), SK_INPUT);
    assert_int_equal(ledger_commit(ledger), SK_OK);
    assert_int_equal(receipt_write(ledger, binary + 1, UINT64_MAX, NULL, &out), SK_LIMIT);
    assert_int_equal(receipt_write(ledger, binary + 9, UINT64_MAX, NULL, &out), SK_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_proven, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stripped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inputs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_binding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
