#include "base/text.h"
#include "border/border.h"

static const char keyless_id[] = "keyless";

static void key_id(const uint8_t digest[HASH_LEN], char id[BORDER_KEY_ID_LEN + 1]) {
    static const char domain[] = "sekisho/key/v1";
    uint8_t bytes[sizeof domain + HASH_LEN], hash[HASH_LEN];
    memcpy(bytes, domain, sizeof domain);
    memcpy(bytes + sizeof domain, digest, HASH_LEN);
    hash_of(bytes, sizeof bytes, hash);
    struct buf out = buf_over(id, BORDER_KEY_ID_LEN);
    hex_put(&out, hash, BORDER_KEY_ID_LEN / 2);
    id[BORDER_KEY_ID_LEN] = 0;
}

// The row of `id`, made when absent; NULL when the table is full.
static struct border_key *key_row(struct border_keys *keys, struct view id) {
    for (uint32_t i = 0; i < keys->len; i++)
        if (view_is(id, keys->rows[i].id)) return &keys->rows[i];
    if (keys->len == BORDER_KEYS_MAX || id.len > BORDER_KEY_ID_LEN) return NULL;
    struct border_key *row = &keys->rows[keys->len++];
    *row = (struct border_key){0};
    memcpy(row->id, id.at, id.len);
    return row;
}

static enum sk_code key_activate(struct border_keys *keys, struct view name, struct view id,
                                 struct border_key **row) {
    *row = key_row(keys, id);
    if (!*row || name.len > BORDER_NAME_MAX)
        return FAIL(SK_LIMIT, "keys: at most %d, names up to %d bytes", BORDER_KEYS_MAX,
                    BORDER_NAME_MAX);
    memcpy((*row)->name, name.at, name.len);
    (*row)->name[name.len] = 0;
    keys->active[*row - keys->rows] = true;
    return SK_OK;
}

void border_keys_begin(struct border_keys *keys, bool keyless, const struct border_limits *limits) {
    memset(keys->active, 0, sizeof keys->active);
    keys->keyless = keyless;
    struct border_key *row;
    if (!keyless) return;
    must(key_activate(keys, VIEW("keyless"), view_of(keyless_id), &row) == SK_OK);
    row->limits = *limits;
    row->turn.weight = 1;
}

enum sk_code border_keys_add(struct border_keys *keys, struct view name,
                             const uint8_t digest[HASH_LEN], struct border_key **row) {
    char id[BORDER_KEY_ID_LEN + 1];
    key_id(digest, id);
    TRY(key_activate(keys, name, view_of(id), row));
    memcpy((*row)->digest, digest, HASH_LEN);
    return SK_OK;
}

enum sk_code border_keys_recall(struct border_keys *keys, struct view id, uint64_t number) {
    struct border_key *row = key_row(keys, id);
    if (!row) return FAIL(SK_LIMIT, "keys: the ledger knows more than %d", BORDER_KEYS_MAX);
    if (number > row->number) row->number = number;
    return SK_OK;
}

static bool digest_same(const uint8_t *a, const uint8_t *b) {
    uint8_t different = 0;
    for (size_t i = 0; i < HASH_LEN; i++) different |= a[i] ^ b[i];
    return different == 0;
}

enum sk_code border_identify(struct border_keys *keys, struct view credential,
                             struct border_key **who) {
    *who = NULL;
    uint8_t digest[HASH_LEN];
    hash_of(credential.at, credential.len, digest);
    for (uint32_t i = 0; i < keys->len; i++) {
        bool same = keys->keyless ? view_is(VIEW("keyless"), keys->rows[i].id)
                                  : digest_same(keys->rows[i].digest, digest);
        if (keys->active[i] && same) *who = &keys->rows[i];
    }
    if (*who) return SK_OK;
    return credential.len == 0
               ? FAIL(SK_DENIED, "No API key given. Send it as 'Authorization: Bearer KEY'.")
               : FAIL(SK_DENIED, "Incorrect API key. Keys of this node are listed under 'keys' in "
                                 "its configuration.");
}
