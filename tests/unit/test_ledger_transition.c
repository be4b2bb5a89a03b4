// Key transitions: what both keys signed is read, every change is seen, and each key is followed to
// the other for its own part of the log only.
#include "ledger_fixture.h"

static struct signer old, new, other;
static char storage[TRANSITION_NOTE_MAX];

static int setup(void **unused) {
    (void)unused;
    static const uint8_t seeds[3][SIGN_SEED_LEN] = {{1}, {2}, {3}};
    struct signer *signers[] = {&old, &new, &other};
    for (int i = 0; i < 3; i++)
        if (signer_of(FIXTURE_ORIGIN, NOTE_ED25519, seeds[i], signers[i]) != SK_OK) return 1;
    return 0;
}

static struct view note_of(enum transition_stage stage, uint64_t size) {
    struct buf note = buf_over(storage, sizeof storage);
    assert_int_equal(transition_write(stage, &old, &new, size, VIEW("交替"), &note), SK_OK);
    return buf_view(&note);
}

static void both_signed(void **unused) {
    (void)unused;
    struct transition read;
    struct view note = note_of(TRANSITION_BEGIN, 12);
    assert_int_equal(transition_read(note, &read), SK_OK);
    assert_int_equal(read.stage, TRANSITION_BEGIN);
    assert_int_equal(read.size, 12);
    assert_true(view_is(read.reason, "交替"));
    assert_memory_equal(read.new.public, new.name.public, SIGN_PUBLIC_LEN);
    char copy[TRANSITION_NOTE_MAX];
    for (size_t at = 0; at < note.len; at++) {
        memcpy(copy, note.at, note.len);
        copy[at] = (char)(copy[at] ^ 1);
        assert_int_not_equal(transition_read((struct view){copy, note.len}, &read), SK_OK);
        assert_int_not_equal(transition_read((struct view){note.at, at}, &read), SK_OK);
    }
}

static void bad_ones_are_not_written(void **unused) {
    (void)unused;
    static const char *const reasons[] = {"", "a\nb", "\x01", "\xff"};
    struct buf note = buf_over(storage, sizeof storage);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            transition_write(TRANSITION_END, &old, &new, 1, view_of(reasons[i]), &note), SK_INPUT);
    assert_int_equal(transition_write(TRANSITION_END, &old, &old, 1, VIEW("r"), &note), SK_INPUT);
    struct signer named;
    assert_int_equal(signer_of("another", NOTE_ED25519, (const uint8_t[SIGN_SEED_LEN]){9}, &named),
                     SK_OK);
    assert_int_equal(transition_write(TRANSITION_END, &old, &named, 1, VIEW("r"), &note), SK_INPUT);
}

// A checkpoint of that size by one signer, or two.
static struct view signed_by(uint64_t size, const struct signer *a, const struct signer *b) {
    static char text[LEDGER_NOTE_MAX];
    struct buf out = buf_over(text, sizeof text);
    struct tree_hash root = {{7}};
    struct view body, lines;
    checkpoint_sign(FIXTURE_ORIGIN, size, &root, &a->name, &a->key, &out);
    assert_int_equal(note_split(buf_view(&out), &body, &lines), SK_OK);
    if (b) note_sign(body, &b->name, &b->key, &out);
    return buf_view(&out);
}

static enum sk_code follow(enum transition_stage stage, uint64_t size, struct view checkpoint,
                           const struct signer *trusted, const struct signer *signs) {
    struct transition read;
    struct note_key key = trusted->name;
    assert_int_equal(transition_read(note_of(stage, size), &read), SK_OK);
    enum sk_code code = transition_follow(&read, checkpoint, &key);
    if (code == SK_OK) assert_memory_equal(key.public, signs->name.public, SIGN_PUBLIC_LEN);
    return code;
}

static void each_key_for_its_part(void **unused) {
    (void)unused;
    struct view by_old = signed_by(10, &old, NULL);
    assert_int_equal(follow(TRANSITION_END, 10, by_old, &new, &old), SK_OK);
    assert_int_equal(follow(TRANSITION_END, 9, by_old, &new, &old), SK_DENIED);
    assert_int_equal(follow(TRANSITION_BEGIN, 9, by_old, &new, &old), SK_OK);
    assert_int_equal(follow(TRANSITION_END, 9, by_old, &old, &old), SK_OK); // the trusted key's own
    struct view by_new = signed_by(10, &new, NULL);
    assert_int_equal(follow(TRANSITION_BEGIN, 10, by_new, &old, &new), SK_OK);
    assert_int_equal(follow(TRANSITION_BEGIN, 11, by_new, &old, &new), SK_DENIED);
    assert_int_equal(follow(TRANSITION_END, 11, by_new, &old, &new), SK_OK);
    struct view by_both = signed_by(10, &old, &new);
    assert_int_equal(follow(TRANSITION_BEGIN, 10, by_both, &new, &new), SK_OK);
    assert_int_equal(follow(TRANSITION_BEGIN, 10, by_both, &old, &old), SK_OK);
    assert_int_equal(follow(TRANSITION_BEGIN, 1, by_both, &other, &other), SK_DENIED);
    assert_int_equal(follow(TRANSITION_BEGIN, 1, signed_by(10, &other, NULL), &old, &old),
                     SK_CORRUPT);
}

// A log signed by two keys, then by the second alone, opens by each that signed it last.
static void a_log_changes_its_key(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct ledger_found found;
    struct ledger *ledger;
    struct ledger_options options = {
        .origin = FIXTURE_ORIGIN, .key = &old.key, .leaves_max = 1 << 10};
    struct checkpoint checkpoint;
    uint64_t index;
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_OK);
    assert_int_equal(ledger_append(ledger, VIEW("leaf"), &index), SK_OK);
    assert_int_equal(ledger_commit(ledger), SK_OK);
    ledger_sign_by(ledger, &old.key, &new.key);
    struct view note = ledger_checkpoint(ledger);
    assert_int_equal(checkpoint_check(note, &old.name, &checkpoint), SK_OK);
    assert_int_equal(checkpoint_check(note, &new.name, &checkpoint), SK_OK);
    ledger_close(ledger);
    options.key = &new.key;
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_OK);
    assert_int_equal(checkpoint_check(ledger_checkpoint(ledger), &old.name, &checkpoint),
                     SK_CORRUPT);
    ledger_sign_by(ledger, &new.key, NULL);
    ledger_close(ledger);
    options.key = &old.key;
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_CORRUPT);
    world_sim_close(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_signed),
        cmocka_unit_test(bad_ones_are_not_written),
        cmocka_unit_test(each_key_for_its_part),
        cmocka_unit_test(a_log_changes_its_key),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
