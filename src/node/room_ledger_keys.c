// The ledger room's keys. They come as descriptors of their files: no other room reads them, and
// they pass through no message and no buffer that stays.
#include "base/log.h"
#include "base/secret.h"
#include "node/room_ledger.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { KEYS_MAX = 2 }; // the log's; the next, while it changes

static struct keys {
    struct signer signers[KEYS_MAX + 1]; // the last: where one is read
    struct signer witness;
    bool witnesses;
    char text[SKEY_TEXT_MAX]; // of the one being read
} * keys;
static size_t keys_len;
static bool closed;              // another log goes on in its place
static struct transition change; // the last of the log; its size 0: there is none

static enum sk_code text_read(int descriptor, struct buf *out) {
    for (;;) {
        char *at = out->at + out->len;
        ssize_t n = pread(descriptor, at, out->max - out->len, (off_t)out->len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return FAIL(SK_IO, "%s", strerror(errno));
        if (n == 0) return SK_OK;
        out->len += (size_t)n;
        if (out->len == out->max) return FAIL(SK_LIMIT, "over %zu bytes", out->max - 1);
    }
}

static enum sk_code key_take(int descriptor) {
    bool locked = true;
    void *memory = keys;
    if (!keys) TRY(secret_open(sizeof *keys, &memory, &locked));
    keys = memory;
    if (!locked) log_line(LOG_WARN, "keys", "text=\"not locked: they may be swapped\"");
    struct buf text = buf_over(keys->text, sizeof keys->text);
    enum sk_code code = text_read(descriptor, &text);
    if (code == SK_OK) code = skey_read(buf_view(&text), &keys->signers[keys_len]);
    explicit_bzero(keys->text, sizeof keys->text);
    if (code != SK_OK) return code;
    struct signer *taken = &keys->signers[keys_len];
    if (taken->name.type != NOTE_COSIGNATURE) {
        must(++keys_len <= KEYS_MAX);
        return SK_OK;
    }
    keys->witness = *taken;
    keys->witnesses = true;
    explicit_bzero(taken, sizeof *taken);
    return SK_OK;
}

void keys_message(struct room_self *room, const struct msg *msg) {
    enum sk_code code = key_take(msg->descriptor);
    if (code != SK_OK) room_fail(room, fail_within(code, "signing key"));
}

enum sk_code keys_log(const char *origin, const struct sign_key **key) {
    if (keys_len == 0) return FAIL(SK_DENIED, "the signing key is a witness's, no log's");
    const struct note_key *name = &keys->signers[0].name;
    *key = &keys->signers[0].key;
    if (strcmp(name->name, origin) == 0 && name->type == NOTE_ED25519) return SK_OK;
    return FAIL(SK_DENIED,
                "the signing key is of the log %s, and this node is %s: make `node` of the "
                "configuration the log's name, or import its key (sekisho key import)",
                name->name, origin);
}

const struct signer *keys_witness(void) {
    return keys && keys->witnesses ? &keys->witness : NULL;
}

enum sk_code keys_recall(const struct json_node *leaf, uint64_t index) {
    const struct json_node *type = json_find(leaf, "type"), *note = json_find(leaf, "note");
    closed |= view_is(json_view(type), "closed");
    if (!view_is(json_view(type), "key-transition")) return SK_OK;
    if (!json_is(note, JSON_STRING)) return FAIL(SK_CORRUPT, "key transition without its note");
    TRY(transition_read(json_view(note), &change));
    change.reason = (struct view){0}; // it stands in the leaf, which goes
    if (change.size == index + 1) return SK_OK;
    return FAIL(SK_CORRUPT, "key transition of another place of the log");
}

static bool is_key(size_t which, const struct note_key *key) {
    return which < keys_len &&
           memcmp(keys->signers[which].name.public, key->public, SIGN_PUBLIC_LEN) == 0;
}

enum sk_code keys_sign(struct ledger *ledger) {
    const struct sign_key *also = NULL;
    bool changes = change.size && change.stage == TRANSITION_BEGIN;
    if (closed)
        return FAIL(SK_DENIED, "this log was closed, and another goes on in its place: nothing may "
                               "come after its last leaf (docs/keys.md)");
    if (changes && !(is_key(0, &change.old) && is_key(1, &change.new)))
        return FAIL(SK_DENIED, "the log's key is changing, and the old or the new one is not there "
                               "(log.skey, next.skey: docs/keys.md)");
    if (change.size && !changes && !is_key(0, &change.new))
        return FAIL(SK_DENIED,
                    "the log's key was retired: `sekisho key retire` puts the new one in "
                    "its place");
    if (changes)
        also = &keys->signers[1].key;
    else if (keys_len > 1)
        log_line(LOG_WARN, "keys", "text=\"next.skey is not used: sekisho key rotate\"");
    log_line(LOG_INFO, "keys", "signatures=%d", changes ? 2 : 1);
    ledger_sign_by(ledger, &keys->signers[0].key, also);
    return ledger_release(ledger);
}

void keys_close(void) {
    secret_close(keys);
}
