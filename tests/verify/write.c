// Writes what an auditor may be given, good and bad, for the programs that verify:
//   verify_write DIRECTORY
// leaves there "vkey", "policy" (2 of 3 witnesses), "policy-3" (all three; one never signs), and
//   good/  grown/  an exported log whose checkpoint two witnesses saw, and the same grown
//   alone/         the same as good/, seen by no witness
//   forked/        of the same key and size as good/, with another entry 10
//   gap/  twice/   without the decision 7; with its outcome twice; each signed again by its owner
//   receipt.json   receipt-alone.json  receipt-open.json  request  answer
//   entry.tlog-proof  entry.leaf
//   disclosure.json  disclosure-open.json  disclosure-erased.json, and disclosure.note, the
//                  checkpoint of these, seen by two witnesses
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "ledger/bundle.h"
#include "ledger/ledger.h"

enum { REQUESTS = 400, WITNESSES = 3, TIME_S = 1795000000, OUT = 7 };

static struct sign_key log_secret, witness_secrets[WITNESSES];
static struct note_key log_key, witness_keys[WITNESSES];
static const char *root;

static const struct receipt_salts salts = {
    .present = true, .body = {1}, .prompt = {2}, .choice = {3}};

static void hope(enum sk_code code) {
    if (code == SK_OK) return;
    fprintf(stderr, "verify_write: %s\n", fail_text());
    exit(1);
}

// Makes the directories above `name` too.
static void file_write(const char *name, struct view bytes) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(path, 0755);
        *at = '/';
    }
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes.at, 1, bytes.len, file) != bytes.len || fclose(file) != 0)
        hope(FAIL(SK_IO, "%s", path));
}

static void put_commitment(struct buf *out, const char *field, const uint8_t salt[HASH_LEN],
                           struct view value) {
    uint8_t hash[HASH_LEN];
    commit_of(field, salt, value, hash);
    hex_put(out, hash, HASH_LEN);
}

static uint64_t leaf_add(struct ledger *ledger, const struct buf *leaf) {
    uint64_t index;
    hope(buf_check(leaf, "leaf"));
    hope(ledger_append(ledger, buf_view(leaf), &index));
    return index;
}

static uint64_t open_add(struct ledger *ledger, unsigned n, const char *verdict) {
    char text[2048];
    struct buf leaf = buf_over(text, sizeof text);
    buf_print(&leaf, "{\"body\":\"");
    put_commitment(&leaf, "request_body", salts.body, VIEW("{\"model\":\"x\"}"));
    buf_print(&leaf, "\",\"key\":\"k%u\",\"model\":\"keigo\",\"n\":%u,\"place\":\"node\","
                     "\"prompt\":\"", n % 3, n / 3 + 1);
    put_commitment(&leaf, "prompt_tokens", salts.prompt, VIEW("\1\0\0\0"));
    buf_print(&leaf, "\",\"rule\":\"a <b>\\\"quoted\\\"</b> rule\",\"type\":\"open\",\"verdict\":\"%s\"}",
              verdict);
    return leaf_add(ledger, &leaf);
}

static uint64_t close_add(struct ledger *ledger, unsigned n, uint64_t open) {
    char text[2048];
    struct buf leaf = buf_over(text, sizeof text);
    buf_print(&leaf, "{\"choices\":[\"");
    put_commitment(&leaf, "choice_0", salts.choice, VIEW("はい"));
    buf_print(&leaf, "\"],\"key\":\"k%u\",\"n\":%u,\"open\":%llu,\"outcome\":\"stop\",\"type\":\"close\"}",
              n % 3, n / 3 + 1, (unsigned long long)open);
    return leaf_add(ledger, &leaf);
}

enum kind { GOOD, FORKED, GAP, TWICE };

static struct ledger *log_open(struct world_sim **sim, uint64_t seed) {
    struct ledger *ledger;
    struct ledger_found found;
    const struct ledger_options options = {
        .origin = log_key.name, .key = &log_secret, .leaves_max = 4096};
    hope(world_sim_open(sim, seed));
    hope(ledger_open(&ledger, world_sim_world(*sim), options, &found));
    return ledger;
}

static void log_close(struct world_sim *sim, struct ledger *ledger) {
    ledger_close(ledger);
    world_sim_close(sim);
}

static void log_grow(struct ledger *ledger, unsigned from, unsigned to, enum kind kind) {
    for (unsigned n = from; n < to; n++) {
        if (kind == GAP && n == OUT) continue;
        uint64_t open = open_add(ledger, n, kind == FORKED && n == 5 ? "block" : "send");
        close_add(ledger, n, open);
        if (kind == TWICE && n == OUT) close_add(ledger, n, open);
        hope(ledger_commit(ledger));
    }
}

// The checkpoint, with the signatures of the first `witnesses`.
static struct view cosigned(struct ledger *ledger, unsigned witnesses) {
    static char storage[NOTE_MAX];
    struct view text, lines, note = ledger_checkpoint(ledger);
    struct buf out = buf_over(storage, sizeof storage);
    buf_put_view(&out, note);
    hope(note_split(note, &text, &lines));
    for (unsigned i = 0; i < witnesses; i++)
        checkpoint_cosign(text, &witness_keys[i], &witness_secrets[i], TIME_S + i, &out);
    return buf_view(&out);
}

static void log_export(struct ledger *ledger, const char *name, unsigned witnesses) {
    static char bytes[TILE_MAX];
    char path[256];
    (void)snprintf(path, sizeof path, "%s/checkpoint", name);
    file_write(path, cosigned(ledger, witnesses));
    for (unsigned kind = 0; kind < 3; kind++) { // entries, level 0, level 1
        struct tile_name tile = {.entries = kind == 0, .level = kind == 2};
        uint64_t left = tile_items(ledger_size(ledger), tile.level);
        for (; left > 0; tile.index++, left -= tile.width) {
            tile.width = (uint16_t)(left < TILE_WIDTH ? left : TILE_WIDTH);
            struct buf out = buf_over(bytes, sizeof bytes), text = buf_over(path, sizeof path - 1);
            buf_print(&text, "%s/", name);
            tile_name_put(&tile, &text);
            path[text.len] = 0;
            hope(ledger_tile(ledger, &tile, &out));
            file_write(path, buf_view(&out));
        }
    }
}

// A receipt as the node cuts it, and with what witnesses signed later in its checkpoint.
static void receipt_add(struct ledger *ledger, const char *name, uint64_t close, unsigned witnesses) {
    static char bytes[RECEIPT_MAX], more[RECEIPT_MAX];
    struct buf out = buf_over(bytes, sizeof bytes), with = buf_over(more, sizeof more);
    hope(receipt_write(ledger, 20, close, &salts, &out));
    struct buf note = buf_over(malloc(NOTE_MAX), NOTE_MAX);
    json_escape(&note, cosigned(ledger, witnesses));
    const char *at = memmem(bytes, out.len, "\"checkpoint\":", 13);
    const char *end = memmem(at, out.len - (size_t)(at - bytes), ",\"salts\"", 8);
    buf_put(&with, bytes, (size_t)(at - bytes) + 13);
    buf_put_view(&with, buf_view(&note));
    buf_put(&with, end, (size_t)(bytes + out.len - end));
    file_write(name, buf_view(&with));
    free(note.at);
}

static void proof_add(struct ledger *ledger) {
    static char bytes[PROOF_TEXT_MAX];
    struct proof proof = {.index = 20, .checkpoint = cosigned(ledger, 2)};
    struct buf out = buf_over(bytes, sizeof bytes), leaf = buf_over(bytes, sizeof bytes);
    hope(ledger_leaf(ledger, proof.index, &leaf));
    file_write("entry.leaf", buf_view(&leaf));
    hope(ledger_inclusion(ledger, proof.index, ledger_size(ledger), proof.hashes, &proof.len));
    proof_write(&proof, (struct view){NULL, 0}, &out);
    file_write("entry.tlog-proof", buf_view(&out));
}

static void disclosure_add(struct ledger *ledger, const char *name, uint64_t close,
                           uint64_t erasure) {
    static char bytes[BUNDLE_PROOFS_MAX], more[BUNDLE_PROOFS_MAX];
    struct buf bundle = buf_over(bytes, sizeof bytes), with = buf_over(more, sizeof more);
    struct kept fields = {.fields = {{.name = VIEW("request_body"), .salt = {1}, .valued = true,
                                      .value = VIEW("{\"model\":\"x\"}")},
                                     {.name = VIEW("prompt_tokens"), .salt = {2}},
                                     {.name = VIEW("choice_0"), .salt = {3}, .valued = true,
                                      .value = VIEW("はい")}},
                          .len = erasure != UINT64_MAX ? 0 : close != UINT64_MAX ? 3 : 2};
    struct arena arena;
    hope(arena_open(&arena, "disclosure", 4 << 20));
    hope(bundle_write(ledger, 20, close, erasure, &bundle));
    hope(bundle_open(&bundle, &fields, &arena, &with));
    file_write(name, buf_view(&with));
    arena_close(&arena);
}

static void disclosures_add(struct ledger *ledger) {
    static const char text[] = "{\"opens\":[20],\"reason\":\"art-17\",\"time_ms\":1795000000000,"
                               "\"type\":\"erasure\",\"v\":2}";
    char copy[sizeof text];
    struct buf leaf = buf_over(copy, sizeof copy);
    buf_put_text(&leaf, text);
    uint64_t erasure = leaf_add(ledger, &leaf);
    hope(ledger_commit(ledger));
    disclosure_add(ledger, "disclosure.json", 21, UINT64_MAX);
    disclosure_add(ledger, "disclosure-open.json", UINT64_MAX, UINT64_MAX);
    disclosure_add(ledger, "disclosure-erased.json", 21, erasure);
    file_write("disclosure.note", cosigned(ledger, 2));
}

static void keys_make(void) {
    static const char *const names[] = {"ministry.example/w", "university.example/w",
                                        "court.example/w"};
    char storage[4096], vkey[512];
    struct buf policy = buf_over(storage, sizeof storage), text = buf_over(vkey, sizeof vkey);
    sign_init(&log_secret, (const uint8_t[SIGN_SEED_LEN]){42});
    hope(note_key_of("sekisho.example/test", NOTE_ED25519, log_secret.public, &log_key));
    note_key_write(&log_key, &text);
    file_write("vkey", buf_view(&text));
    buf_print(&policy, "log %.*s\n", (int)text.len, vkey);
    for (unsigned i = 0; i < WITNESSES; i++) {
        sign_init(&witness_secrets[i], (const uint8_t[SIGN_SEED_LEN]){(uint8_t)(50 + i)});
        hope(note_key_of(names[i], NOTE_COSIGNATURE, witness_secrets[i].public, &witness_keys[i]));
        buf_print(&policy, "witness W%u ", i + 1);
        note_key_write(&witness_keys[i], &policy);
        buf_put_char(&policy, '\n');
    }
    size_t common = policy.len;
    buf_put_text(&policy, "group G 2 W1 W2 W3\nquorum G\n");
    file_write("policy", buf_view(&policy));
    policy.len = common;
    buf_put_text(&policy, "group G all W1 W2 W3\nquorum G\n");
    file_write("policy-3", buf_view(&policy));
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    root = argv[1];
    mkdir(root, 0755);
    keys_make();
    struct world_sim *sim;
    struct ledger *ledger = log_open(&sim, 1);
    log_grow(ledger, 0, REQUESTS, GOOD);
    log_export(ledger, "good", 2);
    log_export(ledger, "alone", 0);
    receipt_add(ledger, "receipt.json", 21, 2);
    receipt_add(ledger, "receipt-alone.json", 21, 0);
    receipt_add(ledger, "receipt-open.json", UINT64_MAX, 2);
    proof_add(ledger);
    file_write("request", VIEW("{\"model\":\"x\"}"));
    file_write("answer", VIEW("はい"));
    log_grow(ledger, REQUESTS, REQUESTS + 10, GOOD);
    receipt_add(ledger, "receipt-later.json", 21, 0);
    log_grow(ledger, REQUESTS + 10, REQUESTS + 30, GOOD);
    log_export(ledger, "grown", 2);
    disclosures_add(ledger);
    log_close(sim, ledger);
    static const char *const names[] = {NULL, "forked", "gap", "twice"};
    for (enum kind kind = FORKED; kind <= TWICE; kind++) {
        ledger = log_open(&sim, 1 + kind);
        log_grow(ledger, 0, REQUESTS, kind);
        log_export(ledger, names[kind], 2);
        log_close(sim, ledger);
    }
    return 0;
}
