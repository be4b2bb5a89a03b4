// Conversations with another's witness: torchwood's litewitness, as its tests have them, through
// witness_decide. Each request byte for byte; statuses, the body of a conflict, and that a cosigned
// reply begins as it should and is good.
//
// One differs: litewitness answers 403 to a log it does not know, where C2SP tlog-witness says 404.
#include "ledger_vectors.h"

#define LITEWITNESS "torchwood/cmd/litewitness/testdata/"

static struct witness_log log_of;
static struct note_key key;
static struct sign_key secret;
static struct witness witness = {.logs = &log_of, .logs_len = 1, .key = &key, .secret = &secret};
static struct witness_stored stored;
static bool has_stored;

// The witness's key: an OpenSSH file whose last fields are seed, public key and a comment.
static void witness_begin(struct view file) {
    static const char head[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
    char base64[1024];
    uint8_t bytes[768];
    struct buf text = buf_over(base64, sizeof base64);
    size_t len;
    const char *at = strstr(file.at, "-- witness_key.pem --\n");
    assert_non_null(at);
    struct view rest = view_of(at + strlen("-- witness_key.pem --\n")), line;
    assert_true(view_starts(rest, view_of(head)));
    rest = view_from(rest, strlen(head));
    while (view_cut(&rest, '\n', &line) && !view_starts(line, VIEW("-----")))
        buf_put_view(&text, line);
    assert_true(base64_take(buf_view(&text), bytes, sizeof bytes, &len));
    for (size_t i = 4; i + 2 * 32 <= len; i++) { // u32 64 before seed and public key
        static const uint8_t u32_64[4] = {0, 0, 0, 64};
        if (memcmp(bytes + i - 4, u32_64, 4) != 0) continue;
        sign_init(&secret, bytes + i);
        if (memcmp(secret.public, bytes + i + 32, 32) == 0) break;
    }
    assert_int_equal(note_key_of("example.com/witness", NOTE_COSIGNATURE, secret.public, &key),
                     SK_OK);
    has_stored = false;
}

static void stored_is(const struct witness_request *request) {
    stored = (struct witness_stored){request->checkpoint.size, request->checkpoint.root};
    has_stored = true;
}

static void grant_check(const struct witness_request *request, struct witness_verdict *verdict) {
    static char text[NOTE_MAX];
    struct buf kept = buf_over(text, sizeof text);
    struct witness_reply reply;
    uint64_t time_s;
    assert_int_equal(witness_grant(&witness, request, 1700000000, &kept, verdict), SK_OK);
    struct view body = {verdict->body, verdict->body_len};
    assert_int_equal(witness_reply_read(200, body, request->note, &key, &reply), SK_OK);
    assert_int_equal(reply.time_s, 1700000000);
    // What is kept is what came, and our line.
    assert_int_equal(note_signed(buf_view(&kept), &log_of.key, &time_s), SK_OK);
    assert_int_equal(note_signed(buf_view(&kept), &key, &time_s), SK_OK);
    assert_int_equal(kept.len, request->note.len + body.len);
    stored_is(request);
}

// One request; `expect` is the text from its status on.
static void conversation_try(struct view body, const char *expect) {
    struct witness_request request;
    struct witness_verdict verdict;
    unsigned want = (unsigned)strtoul(expect, NULL, 10);
    const char *end = strstr(expect, "\nPOST "), *exact = strstr(expect, "body == \"");
    const char *unknown = strstr(expect, "body contains \"unknown log\"");
    if (unknown && (!end || unknown < end)) want = 404;
    if (witness_request_read(body, &request) != SK_OK) {
        witness_refuse(&verdict);
    } else {
        witness_decide(&witness, has_stored ? &stored : NULL, &request, &verdict);
        if (verdict.status == 200) grant_check(&request, &verdict);
    }
    if (verdict.status != want)
        fail_msg("%u, want %u for:\n%.*s", verdict.status, want, (int)body.len, body.at);
    struct view said = {verdict.body, verdict.body_len};
    if (want == 409) {
        assert_non_null(exact); // body == "3\n"
        const char *digits = exact + strlen("body == \"");
        size_t len = strcspn(digits, "\\");
        assert_int_equal(said.len, len + 1);
        assert_memory_equal(said.at, digits, len);
        assert_int_equal(said.at[len], '\n');
        assert_string_equal(verdict.type, "text/x.tlog.size");
    }
    if (want == 200) assert_true(view_starts(said, VIEW("\u2014 example.com/witness ")));
}

static int conversations_in(const char *text) {
    int many = 0;
    const char *at = strstr(text, "-- add-checkpoint.hurl --\n");
    assert_non_null(at);
    while ((at = strstr(at, "\n```\n")) != NULL) {
        at += 5;
        const char *end = strstr(at, "```\nHTTP ");
        assert_non_null(end);
        conversation_try((struct view){at, (size_t)(end - at)}, end + strlen("```\nHTTP "));
        many++;
        at = end + 3;
    }
    return many;
}

static struct view file_read(const char *name) {
    static char text[65536];
    struct view file = vectors_read(name, text, sizeof text - 1);
    text[file.len] = '\0';
    return file;
}

static void sigsum_log(const char *hex) {
    uint8_t public[SIGN_PUBLIC_LEN];
    char hash[2 * HASH_LEN + 1];
    assert_true(hex_take(view_of(hex), public, sizeof public));
    witness_origin_hex((struct view){(const char *)public, sizeof public}, hash);
    (void)snprintf(log_of.origin, sizeof log_of.origin, "sigsum.org/v1/tree/%s", hash);
    assert_int_equal(note_key_of(log_of.origin, NOTE_ED25519, public, &log_of.key), SK_OK);
}

static void test_torchwood(void **unused) {
    (void)unused;
    if (!vectors_have(LITEWITNESS)) return;
    const char *hex = "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f";
    struct view file = file_read(LITEWITNESS "litewitness.txt");
    sigsum_log(hex);
    witness_begin(file);
    int many = conversations_in(file.at);
    assert_int_equal(stored.size, 5);
    file = file_read(LITEWITNESS "bastion.txt");
    witness_begin(file);
    many += conversations_in(file.at);
    assert_int_equal(stored.size, 1);
    // The real sum.golang.org, whose origin is not its key's name.
    file = file_read(LITEWITNESS "sumdb.txt");
    witness_begin(file);
    (void)snprintf(log_of.origin, sizeof log_of.origin, "go.sum database tree");
    assert_int_equal(note_key_parse(VIEW("sum.golang.org+033de0ae+"
                                         "Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"),
                                    &log_of.key),
                     SK_OK);
    many += conversations_in(file.at);
    assert_int_equal(stored.size, 35225469);
    print_message("torchwood: %d conversations\n", many);
    assert_int_equal(many, 11);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_torchwood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
