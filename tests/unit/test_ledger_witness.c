// Witnesses: each status and which comes first, what a reply is worth, and a witness that meets a
// log that grows, forks and lies: it cosigns exactly what grows from what it has.
#include "chance.h"
#include "ledger/tree.h"
#include "ledger_keys.h"

enum { LEAVES = 64 };

static struct numbered_key log_key, next_key, own;
static struct witness_log logs[2];
static struct witness witness;
static struct tree tree;
static char note_bytes[4096];

static int setup(void **unused) {
    (void)unused;
    numbered_key(&log_key, 1, NOTE_ED25519, "log.example/a");
    numbered_key(&next_key, 2, NOTE_ED25519, "log.example/a");
    numbered_key(&own, 3, NOTE_COSIGNATURE, "witness.example/w");
    logs[0].key = log_key.key;
    logs[1].key = next_key.key;
    for (int i = 0; i < 2; i++)
        (void)snprintf(logs[i].origin, sizeof logs[i].origin, "log.example/a");
    witness = (struct witness){logs, 2, &own.key, &own.secret};
    assert_int_equal(tree_open(&tree, LEAVES), SK_OK);
    for (uint64_t i = 0; i < LEAVES; i++) {
        struct tree_hash leaf;
        tree_leaf(fixture_leaf(i), &leaf);
        tree_put(&tree, &leaf);
    }
    return 0;
}

// A checkpoint of `size` of a tree, signed with the log's key.
static struct view signed_note(const struct tree *of, uint64_t size) {
    struct tree_hash root;
    struct buf out = buf_over(note_bytes, sizeof note_bytes);
    tree_root(of, size, &root);
    checkpoint_sign("log.example/a", size, &root, &log_key.key, &log_key.secret, &out);
    return buf_view(&out);
}

static struct witness_request request_of(const struct tree *of, uint64_t old, uint64_t size) {
    struct witness_request request = {.old = old, .note = signed_note(of, size)};
    if (old > 0 && old <= size)
        request.proof_len = tree_consistency(of, old, size, request.proof);
    return request;
}

static struct witness_stored stored_of(const struct tree *of, uint64_t size) {
    struct witness_stored stored = {.size = size};
    tree_root(of, size, &stored.root);
    return stored;
}

// Written, read again and decided.
static struct witness_verdict ask(const struct witness_request *request,
                                  const struct witness_stored *stored,
                                  struct witness_request *read) {
    static char body[WITNESS_REQUEST_MAX];
    struct witness_verdict verdict;
    struct buf out = buf_over(body, sizeof body);
    witness_request_write(request, &out);
    assert_false(out.over);
    if (witness_request_read(buf_view(&out), read) != SK_OK) witness_refuse(&verdict);
    else witness_decide(&witness, stored, read, &verdict);
    assert_true(verdict.status == 200 || verdict.body_len > 1);
    return verdict;
}

static void status_is(const struct witness_request *request, const struct witness_stored *stored,
                      unsigned want) {
    struct witness_request read;
    struct witness_verdict verdict = ask(request, stored, &read);
    if (verdict.status != want)
        fail_msg("status %u, want %u: %s", verdict.status, want, verdict.body);
}

static void test_granted(void **unused) {
    (void)unused;
    struct witness_stored five = stored_of(&tree, 5);
    struct witness_request request = request_of(&tree, 0, 7), read;
    status_is(&request, NULL, 200);
    request = request_of(&tree, 0, 0);
    status_is(&request, NULL, 200);
    request = request_of(&tree, 5, 5);
    status_is(&request, &five, 200);
    request = request_of(&tree, 5, 64);
    struct witness_verdict verdict = ask(&request, &five, &read);
    assert_int_equal(verdict.status, 200);
    assert_int_equal(verdict.body_len, 0);
    char bytes[NOTE_MAX];
    struct buf kept = buf_over(bytes, sizeof bytes);
    assert_int_equal(witness_grant(&witness, &read, 99, &kept, &verdict), SK_OK);
    struct checkpoint checkpoint;
    uint64_t time_s;
    assert_int_equal(checkpoint_check(buf_view(&kept), &log_key.key, &checkpoint), SK_OK);
    assert_int_equal(note_signed(buf_view(&kept), &own.key, &time_s), SK_OK);
    assert_int_equal(time_s, 99);
    kept = buf_over(bytes, 100);
    assert_int_equal(witness_grant(&witness, &read, 99, &kept, &verdict), SK_LIMIT);
}

// Signed by the second key too, by strangers, twice: kept is what was checked, once.
static void test_kept(void **unused) {
    (void)unused;
    struct witness_request request = request_of(&tree, 0, 7), read;
    struct buf out = buf_over(note_bytes, sizeof note_bytes);
    struct view text, lines;
    struct numbered_key stranger;
    char bytes[NOTE_MAX];
    out.len = request.note.len;
    assert_int_equal(note_split(request.note, &text, &lines), SK_OK);
    numbered_key(&stranger, 9, NOTE_ED25519, "log.example/a");
    note_sign(text, &stranger.key, &stranger.secret, &out);
    note_sign(text, &next_key.key, &next_key.secret, &out);
    note_sign(text, &log_key.key, &log_key.secret, &out);
    request.note = buf_view(&out);
    struct witness_verdict verdict = ask(&request, NULL, &read);
    assert_int_equal(verdict.status, 200);
    struct buf kept = buf_over(bytes, sizeof bytes);
    assert_int_equal(witness_grant(&witness, &read, 99, &kept, &verdict), SK_OK);
    int many = 0;
    struct view rest, line;
    assert_int_equal(note_split(buf_view(&kept), &text, &rest), SK_OK);
    while (view_cut(&rest, '\n', &line)) many++;
    assert_int_equal(many, 3);
    uint64_t time_s;
    assert_int_equal(note_signed(buf_view(&kept), &stranger.key, &time_s), SK_UNKNOWN);
    // A false signature of one known key beside a good one of the other.
    char *at = strstr(note_bytes, "log.example/a ") + strlen("log.example/a ") + 50;
    *at = *at == 'A' ? 'B' : 'A';
    request.note = (struct view){note_bytes, request.note.len};
    status_is(&request, NULL, 403);
}

// Faults one on the other, the first that the specification names last: its status stands.
static void test_order(void **unused) {
    (void)unused;
    struct witness_stored five = stored_of(&tree, 5);
    struct witness_request request = request_of(&tree, 5, 9);
    request.proof[0].at[0] ^= 1;
    status_is(&request, &five, 422);
    request.old = 4;
    status_is(&request, &five, 409);
    request.old = 10;
    status_is(&request, &five, 400);
    char *at = strstr(note_bytes, "\u2014 ") + strlen("\u2014 log.example/a ") + 40;
    *at = *at == 'A' ? 'B' : 'A';
    status_is(&request, &five, 403);
    note_bytes[0] = 'L';
    status_is(&request, &five, 404);
    *strchr(note_bytes, '\n') = '\r';
    status_is(&request, &five, 400);
}

static void test_statuses(void **unused) {
    (void)unused;
    struct witness_stored five = stored_of(&tree, 5);
    struct witness_request request = request_of(&tree, 4, 9), read;
    struct witness_verdict verdict = ask(&request, &five, &read);
    assert_int_equal(verdict.status, 409);
    assert_string_equal(verdict.body, "5\n");
    assert_int_equal(verdict.body_len, 2);
    assert_string_equal(verdict.type, "text/x.tlog.size");
    verdict = ask(&request, NULL, &read);
    assert_int_equal(verdict.status, 409);
    assert_string_equal(verdict.body, "0\n");
    // From nothing nothing is proven.
    request = request_of(&tree, 0, 9);
    request.proof_len = 1;
    status_is(&request, NULL, 422);
    // One size, two roots; a proof where there is nothing to prove.
    request = request_of(&tree, 5, 5);
    struct witness_stored other = stored_of(&tree, 4);
    other.size = 5;
    status_is(&request, &other, 422);
    request.proof_len = 1;
    status_is(&request, &five, 422);
    // Nothing, with a root.
    struct tree_hash root;
    struct buf out = buf_over(note_bytes, sizeof note_bytes);
    tree_leaf(VIEW(""), &root);
    checkpoint_sign("log.example/a", 0, &root, &log_key.key, &log_key.secret, &out);
    request = (struct witness_request){.note = buf_view(&out)};
    status_is(&request, NULL, 422);
    // Not signed by a key of this log: by nobody known, by no line.
    request = request_of(&tree, 5, 9);
    struct witness none = witness;
    none.logs_len = 0;
    char body[8192];
    struct buf written = buf_over(body, sizeof body);
    witness_request_write(&request, &written);
    assert_int_equal(witness_request_read(buf_view(&written), &read), SK_OK);
    witness_decide(&none, &five, &read, &verdict);
    assert_int_equal(verdict.status, 404);
    none = (struct witness){logs + 1, 1, &own.key, &own.secret};
    witness_decide(&none, &five, &read, &verdict);
    assert_int_equal(verdict.status, 403);
    request.note.len = (size_t)(strstr(note_bytes, "\n\n") + 2 - note_bytes);
    status_is(&request, &five, 403);
}

#define HASH "tPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3Mco=\n"
#define NOTE "log.example/a\n5\n" HASH "\n\u2014 x AAAAAAAA\n"

static void test_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "line 1"},
        {"old 1", "line 1"},
        {"old\n\n" NOTE, "line 1"},
        {"old 01\n\n" NOTE, "line 1"},
        {"old +1\n\n" NOTE, "line 1"},
        {"old 1\r\n\n" NOTE, "line 1"},
        {"old 1 \n\n" NOTE, "line 1"},
        {"old  1\n\n" NOTE, "line 1"},
        {"Old 1\n\n" NOTE, "line 1"},
        {"old 18446744073709551616\n\n" NOTE, "line 1"},
        {"old 1\n" HASH "tPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3Mcp=\n\n" NOTE, "line 3"},
        {"old 1\ntPwlX3gGZDO0ijFqwZ0GJtJgdXFHdfTXY0f0nPf3Mco\n\n" NOTE, "line 2"},
        {"old 1\n" NOTE, "line 2"},
        {"old 1\n\n", "no checkpoint"},
        {"old 1\n" HASH, "no checkpoint"},
        {"old 1\n\nlog.example/a\n5\n" HASH, "no checkpoint"},
        {"old 1\n\n\n5\n" HASH "\n\u2014 x AAAAAAAA\n", "no checkpoint"},
        {"old 1\n\nlog.example/a\n05\n" HASH "\n\u2014 x AAAAAAAA\n", "line 2"},
        {"old 1\n\nlog.example/a\n5\nAAAA\n\n\u2014 x AAAAAAAA\n", "line 3"},
    };
    struct witness_request read;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum sk_code code = witness_request_read(view_of(cases[i].text), &read);
        if (code != SK_INPUT) fail_msg("case %zu: %s", i, fail_name(code));
        if (i != 16 && !strstr(fail_text(), cases[i].why))
            fail_msg("case %zu: %s", i, fail_text());
    }
    for (int many = WITNESS_PROOF_MAX; many <= WITNESS_PROOF_MAX + 1; many++) {
        char body[8192];
        struct buf out = buf_over(body, sizeof body);
        buf_print(&out, "old 1\n");
        for (int i = 0; i < many; i++) buf_print(&out, HASH);
        buf_print(&out, "\n" NOTE);
        assert_int_equal(witness_request_read(buf_view(&out), &read),
                         many > WITNESS_PROOF_MAX ? SK_LIMIT : SK_OK);
    }
    static char large[WITNESS_REQUEST_MAX + 1];
    assert_int_equal(witness_request_read((struct view){large, sizeof large}, &read), SK_LIMIT);
    struct buf out = buf_over(large, sizeof large);
    buf_print(&out, "old 0\n\n" NOTE);
    while (out.len <= WITNESS_NOTE_MAX + 8) buf_print(&out, "\u2014 x AAAAAAAA\n");
    assert_int_equal(witness_request_read(buf_view(&out), &read), SK_LIMIT);
}

static void test_replies(void **unused) {
    (void)unused;
    struct witness_reply reply;
    struct view note = signed_note(&tree, 7), text, lines;
    struct numbered_key other;
    char body[1024];
    struct buf out = buf_over(body, sizeof body);
    assert_int_equal(note_split(note, &text, &lines), SK_OK);
    numbered_key(&other, 4, NOTE_COSIGNATURE, "witness.example/w");
    checkpoint_cosign(text, &other.key, &other.secret, 8, &out);
    assert_int_equal(witness_reply_read(200, buf_view(&out), note, &own.key, &reply), SK_INPUT);
    size_t from = out.len;
    checkpoint_cosign(text, &own.key, &own.secret, 7, &out);
    size_t len = out.len - from;
    assert_int_equal(witness_reply_read(200, buf_view(&out), note, &own.key, &reply), SK_OK);
    assert_int_equal(reply.time_s, 7);
    assert_true(view_same(reply.line, (struct view){body + from, len}));
    // Of two the newer; one that fails refuses all; so does what is no line.
    checkpoint_cosign(text, &own.key, &own.secret, 6, &out);
    assert_int_equal(witness_reply_read(200, buf_view(&out), note, &own.key, &reply), SK_OK);
    assert_int_equal(reply.time_s, 7);
    struct view most = {body, out.len - 1};
    assert_int_equal(witness_reply_read(200, most, note, &own.key, &reply), SK_INPUT);
    body[out.len - 30] ^= 1;
    assert_int_not_equal(witness_reply_read(200, buf_view(&out), note, &own.key, &reply), SK_OK);
    body[out.len - 30] ^= 1;
    struct view eight = signed_note(&tree, 8);
    assert_int_equal(witness_reply_read(200, buf_view(&out), eight, &own.key, &reply), SK_CORRUPT);
    assert_int_equal(witness_reply_read(200, VIEW(""), eight, &own.key, &reply), SK_INPUT);
    assert_int_equal(witness_reply_read(200, VIEW("\n"), eight, &own.key, &reply), SK_INPUT);
    assert_int_equal(witness_reply_read(200, VIEW("ok\n"), eight, &own.key, &reply), SK_INPUT);

    assert_int_equal(witness_reply_read(409, VIEW("12\n"), note, &own.key, &reply), SK_BUSY);
    assert_int_equal(reply.size, 12);
    static const char *const sizes[] = {"", "\n", "12", "012\n", "12\n\n", "-1\n", "12\r\n", " 1\n"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_int_equal(witness_reply_read(409, view_of(sizes[i]), note, &own.key, &reply),
                         SK_INPUT);
    static const struct {
        unsigned status;
        enum sk_code code;
    } codes[] = {{400, SK_INPUT}, {403, SK_DENIED},  {404, SK_UNKNOWN}, {422, SK_CORRUPT},
                 {500, SK_GONE},  {204, SK_GONE},    {302, SK_GONE},    {0, SK_GONE}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_int_equal(witness_reply_read(codes[i].status, VIEW("x"), note, &own.key, &reply),
                         codes[i].code);
}

// ---- a log that grows, forks and lies ----

struct keeper { // what a witness has on its disk
    char bytes[NOTE_MAX];
    size_t len;
};

static bool keeper_stored(const struct keeper *keeper, struct witness_stored *out) {
    struct checkpoint checkpoint;
    if (keeper->len == 0) return false;
    struct view note = {keeper->bytes, keeper->len};
    uint64_t time_s;
    assert_int_equal(checkpoint_check(note, &log_key.key, &checkpoint), SK_OK);
    assert_int_equal(note_signed(note, &own.key, &time_s), SK_OK);
    *out = (struct witness_stored){checkpoint.size, checkpoint.root};
    return true;
}

// Two trees, equal up to leaf `fork`.
static void trees_grow(struct tree trees[2], uint64_t fork) {
    for (int branch = 0; branch < 2; branch++) {
        tree_cut(&trees[branch], 0);
        for (uint64_t i = 0; i < LEAVES; i++) {
            struct tree_hash leaf;
            tree_leaf(fixture_leaf(i), &leaf);
            leaf.at[0] ^= branch && i >= fork;
            tree_put(&trees[branch], &leaf);
        }
    }
}

static void test_growth(void **unused) {
    (void)unused;
    struct tree trees[2];
    int granted = 0, conflicts = 0, forks = 0;
    assert_int_equal(tree_open(&trees[0], LEAVES), SK_OK);
    assert_int_equal(tree_open(&trees[1], LEAVES), SK_OK);
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t state = seed, fork = chance_next(&state) % LEAVES, size = 0;
        int branch = 0; // of what was cosigned last
        struct keeper keeper = {0};
        trees_grow(trees, fork);
        for (int round = 0; round < 24; round++) {
            struct witness_stored stored;
            struct witness_request request, read;
            int on = chance_next(&state) % 4 == 0;
            uint64_t old = chance_next(&state) % 4 ? size : chance_next(&state) % LEAVES;
            uint64_t to = old + chance_next(&state) % (LEAVES - old) / (1 + chance_next(&state) % 8);
            request = request_of(&trees[on], old, to);
            bool lies = request.proof_len > 0 && chance_next(&state) % 5 == 0;
            if (lies) request.proof[chance_next(&state) % request.proof_len].at[3] ^= 4;
            bool any = keeper_stored(&keeper, &stored);
            assert_int_equal(any ? stored.size : 0, size);
            struct witness_verdict verdict = ask(&request, any ? &stored : NULL, &read);
            bool same = on == branch || size <= fork; // it grows from what is stored
            unsigned want = old != size ? 409 : lies || !same ? 422 : 200;
            if (verdict.status != want)
                fail_msg("seed %d round %d: %u, want %u", (int)seed, round, verdict.status, want);
            conflicts += want == 409;
            forks += want == 422 && !lies;
            if (want != 200) continue;
            struct buf kept = buf_over(keeper.bytes, sizeof keeper.bytes);
            uint64_t now = 1 + seed * 100 + (uint64_t)round;
            assert_int_equal(witness_grant(&witness, &read, now, &kept, &verdict), SK_OK);
            keeper.len = kept.len;
            size = to;
            branch = on;
            granted++;
        }
    }
    print_message("granted %d, conflicts %d, forks refused %d\n", granted, conflicts, forks);
    assert_true(granted > 100 && conflicts > 50 && forks > 10);
    tree_close(&trees[0]);
    tree_close(&trees[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_granted), cmocka_unit_test(test_kept),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_replies),
        cmocka_unit_test(test_growth),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
