// Writes a log on the real disk and what an auditor is given, for verifiers that are not ours:
//   ledger_write DIRECTORY [requests]
// leaves in DIRECTORY the log, "vkey", "checkpoint", "leaves" (one per line, in order) and
// "receipt-<i>.json" of each request, some cut before the request was closed.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "ledger/ledger.h"

enum { REQUESTS = 40, REQUESTS_MAX = 1000 };

static const struct receipt_salts salts = {
    .present = true, .body = {1}, .prompt = {2}, .choice = {3}};

static void hope(enum sk_code code) {
    if (code == SK_OK) return;
    fprintf(stderr, "ledger_write: %s\n", fail_text());
    exit(1);
}

static void file_write(int directory, const char *name, struct view bytes) {
    int file = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    bool good = file >= 0 && write(file, bytes.at, bytes.len) == (ssize_t)bytes.len;
    if (!good || close(file) != 0) hope(FAIL(SK_IO, "%s", name));
}

static void put_commitment(struct buf *out, const char *field, const uint8_t salt[HASH_LEN],
                           struct view value) {
    uint8_t hash[HASH_LEN];
    commit_of(field, salt, value, hash);
    hex_put(out, hash, HASH_LEN);
}

static uint64_t leaf_add(struct ledger *ledger, struct buf *leaf, struct buf *leaves) {
    uint64_t index;
    hope(buf_check(leaf, "leaf"));
    hope(ledger_append(ledger, buf_view(leaf), &index));
    buf_put_view(leaves, buf_view(leaf));
    buf_put_char(leaves, '\n');
    return index;
}

static uint64_t open_add(struct ledger *ledger, int n, struct buf *leaves) {
    char text[2048];
    struct buf leaf = buf_over(text, sizeof text);
    buf_print(&leaf, "{\"body\":\"");
    put_commitment(&leaf, "request_body", salts.body, VIEW("{}"));
    buf_print(&leaf, "\",\"class\":\"個人情報\",\"key\":\"k1\",\"n\":%d,\"prompt\":\"", n);
    put_commitment(&leaf, "prompt_tokens", salts.prompt, VIEW("\1\0\0\0"));
    buf_print(&leaf, "\",\"rule\":\"a \\\"quoted\\\" \\\\ rule\",\"type\":\"open\"}");
    return leaf_add(ledger, &leaf, leaves);
}

static uint64_t close_add(struct ledger *ledger, int n, uint64_t open, struct buf *leaves) {
    char text[2048];
    struct buf leaf = buf_over(text, sizeof text);
    buf_print(&leaf, "{\"choices\":[\"");
    put_commitment(&leaf, "choice_0", salts.choice, VIEW("yes"));
    buf_print(&leaf, "\"],\"key\":\"k1\",\"n\":%d,\"open\":%llu,\"type\":\"close\"}", n,
              (unsigned long long)open);
    return leaf_add(ledger, &leaf, leaves);
}

int main(int argc, char **argv) {
    int requests = argc > 2 ? atoi(argv[2]) : REQUESTS;
    int directory = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
    if (directory < 0 || requests < 0 || requests > REQUESTS_MAX) return 2;
    struct sign_key key;
    static const uint8_t seed[SIGN_SEED_LEN] = {42};
    sign_init(&key, seed);
    struct ledger *ledger;
    struct ledger_found found;
    struct ledger_options options = {.origin = "sekisho.example/test", .key = &key};
    hope(ledger_open(&ledger, world_real(directory), options, &found));
    struct buf leaves, receipt;
    hope(buf_open(&leaves, 4 << 20));
    hope(buf_open(&receipt, RECEIPT_MAX));
    for (int n = 0; n < requests; n++) {
        char name[64];
        uint64_t open = open_add(ledger, n, &leaves);
        hope(ledger_commit(ledger));
        uint64_t close = n % 7 == 6 ? UINT64_MAX : close_add(ledger, n, open, &leaves);
        hope(ledger_commit(ledger));
        buf_reset(&receipt);
        hope(receipt_write(ledger, open, close, &salts, &receipt));
        (void)snprintf(name, sizeof name, "receipt-%d.json", n);
        file_write(directory, name, buf_view(&receipt));
    }
    buf_reset(&receipt);
    note_key_write(ledger_key(ledger), &receipt);
    file_write(directory, "vkey", buf_view(&receipt));
    file_write(directory, "checkpoint", ledger_checkpoint(ledger));
    file_write(directory, "leaves", buf_view(&leaves));
    ledger_close(ledger);
    buf_close(&receipt);
    buf_close(&leaves);
    sign_fini(&key);
    return 0;
}
