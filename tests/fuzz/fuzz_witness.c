// Hostile requests to a witness, and hostile replies to the one who asks. Nothing is granted that
// the log's key did not sign, or that is smaller than what is stored. The corpus is signed with the
// keys below; a file that begins with a digit is a reply of that status (2: 200, 4: 409).
#include "ledger/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOTE "log.example/a\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n\u2014 x AAAAAAAA\n"

static struct sign_key secret;
static struct witness_log log_of = {.origin = "log.example/a"};
static struct note_key witness_key;
static struct witness witness = {&log_of, 1, &witness_key, &secret};

static void reply_try(unsigned status, struct view body) {
    struct witness_reply reply;
    enum sk_code code = witness_reply_read(status, body, VIEW(NOTE), &witness_key, &reply);
    must(code != SK_BUSY || status == 409);
    if (code != SK_OK) return;
    must(status == 200 && reply.time_s > 0);
    must(reply.line.at >= body.at && reply.line.at + reply.line.len <= body.at + body.len);
}

static void granted_check(const struct witness_request *request, uint64_t stored_size,
                          struct witness_verdict *verdict) {
    static char bytes[NOTE_MAX];
    struct buf kept = buf_over(bytes, sizeof bytes);
    struct witness_reply reply;
    uint64_t time_s;
    must(request->old == stored_size && request->checkpoint.size >= stored_size);
    must(note_signed(request->note, &log_of.key, &time_s) == SK_OK);
    must(witness_grant(&witness, request, 9, &kept, verdict) == SK_OK);
    must(note_signed(buf_view(&kept), &log_of.key, &time_s) == SK_OK);
    must(note_signed(buf_view(&kept), &witness_key, &time_s) == SK_OK && time_s == 9);
    struct view body = {verdict->body, verdict->body_len};
    must(witness_reply_read(200, body, request->note, &witness_key, &reply) == SK_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char storage[2 * WITNESS_REQUEST_MAX];
    if (!log_of.key.name[0]) {
        sign_init(&secret, (const uint8_t[SIGN_SEED_LEN]){42});
        must(note_key_of("log.example/a", NOTE_ED25519, secret.public, &log_of.key) == SK_OK);
        must(note_key_of("w.example/b", NOTE_COSIGNATURE, secret.public, &witness_key) == SK_OK);
    }
    struct view body = {(const char *)data, size};
    if (size > 0 && (data[0] == '2' || data[0] == '4')) {
        reply_try(data[0] == '2' ? 200 : 409, view_from(body, 1));
        return 0;
    }
    struct witness_request request;
    struct witness_verdict verdict;
    if (witness_request_read(body, &request) != SK_OK) return 0;
    struct buf out = buf_over(storage, sizeof storage);
    witness_request_write(&request, &out);
    must(view_same(buf_view(&out), body));
    struct witness_stored three = {.size = 3};
    hash_of("three", 5, three.root.at);
    for (int has = 0; has < 2; has++) {
        witness_decide(&witness, has ? &three : NULL, &request, &verdict);
        if (verdict.status == 200) granted_check(&request, has ? 3 : 0, &verdict);
        else must(verdict.body_len > 0 && verdict.body_len < WITNESS_BODY_MAX && verdict.type);
    }
    return 0;
}
