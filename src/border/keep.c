#include "border/keep.h"

#include <string.h>

// Owner and name cannot be told apart from another pair: the number has a fixed width.
static void keep_tag(struct border_keep *keep, const struct border_keep_name *name,
                     uint8_t tag[HASH_LEN]) {
    static const char domain[] = "sekisho/keep/v1";
    hash_begin(&keep->hash);
    hash_more(&keep->hash, domain, sizeof domain);
    hash_more(&keep->hash, &name->owner, sizeof name->owner);
    hash_more(&keep->hash, name->name.at, name->name.len);
    hash_end(&keep->hash, tag);
}

static bool tag_same(const uint8_t *a, const uint8_t *b) {
    uint8_t different = 0;
    for (size_t i = 0; i < HASH_LEN; i++) different |= a[i] ^ b[i];
    return different == 0;
}

// Looks at every entry and at every byte of its tag, whatever it finds.
static struct border_keep_entry *entry_find(struct border_keep *keep, const uint8_t *tag) {
    struct border_keep_entry *found = NULL;
    for (size_t i = 0; i < KEEP_ENTRIES_MAX; i++) {
        struct border_keep_entry *entry = &keep->entries[i];
        if (tag_same(entry->tag, tag) && entry->state != KEEP_FREE) found = entry;
    }
    return found;
}

static uint8_t *entry_key(struct border_keep *keep, const struct border_keep_entry *entry) {
    return keep->keys[entry - keep->entries];
}

static void entry_free(struct border_keep *keep, struct border_keep_entry *entry) {
    secret_wipe(entry_key(keep, entry));
    keep->bytes -= entry->sealed.len;
    keep->held[entry->owner] -= entry->sealed.len;
    keep->entries_len--;
    buf_close(&entry->sealed);
    *entry = (struct border_keep_entry){0};
}

static void keep_expire(struct border_keep *keep, int64_t now_us) {
    if (now_us < keep->next_us) return;
    keep->next_us = INT64_MAX;
    for (size_t i = 0; i < KEEP_ENTRIES_MAX; i++) {
        struct border_keep_entry *entry = &keep->entries[i];
        if (entry->state != KEEP_KEPT) continue;
        if (entry->until_us <= now_us)
            entry_free(keep, entry);
        else if (entry->until_us < keep->next_us)
            keep->next_us = entry->until_us;
    }
}

// Frees one kept entry: of the owner that holds most, the one unused for longest. False: there is
// none.
static bool keep_evict(struct border_keep *keep) {
    struct border_keep_entry *worst = NULL;
    for (size_t i = 0; i < KEEP_ENTRIES_MAX; i++) {
        struct border_keep_entry *entry = &keep->entries[i];
        if (entry->state != KEEP_KEPT) continue;
        uint64_t held = keep->held[entry->owner], most = worst ? keep->held[worst->owner] : 0;
        if (!worst || held > most || (held == most && entry->used < worst->used)) worst = entry;
    }
    if (worst) entry_free(keep, worst);
    return worst != NULL;
}

// A free entry for `owner` with room for `len` bytes; NULL when all are claimed.
static struct border_keep_entry *entry_make(struct border_keep *keep, uint32_t owner,
                                            const uint8_t *tag, uint64_t len) {
    while (keep->entries_len == KEEP_ENTRIES_MAX || keep->bytes + len > keep->bytes_max)
        if (!keep_evict(keep)) break;
    if (keep->entries_len == KEEP_ENTRIES_MAX) return NULL;
    struct border_keep_entry *entry = keep->entries;
    while (entry->state != KEEP_FREE) entry++;
    *entry = (struct border_keep_entry){.owner = owner, .used = ++keep->uses};
    memcpy(entry->tag, tag, HASH_LEN);
    keep->entries_len++;
    return entry;
}

enum sk_code border_keep_open(struct border_keep *keep) {
    *keep = (struct border_keep){.next_us = INT64_MAX};
    TRY(hash_open(&keep->hash));
    return secret_keys_open(KEEP_ENTRIES_MAX, &keep->keys, &keep->locked);
}

void border_keep_close(struct border_keep *keep) {
    for (size_t i = 0; i < KEEP_ENTRIES_MAX; i++) buf_close(&keep->entries[i].sealed);
    secret_keys_close(keep->keys);
    hash_close(&keep->hash);
    *keep = (struct border_keep){0};
}

void border_keep_bound(struct border_keep *keep, uint32_t seconds_max, uint64_t bytes_max,
                       int64_t now_us) {
    bool none = seconds_max == 0 || bytes_max == 0;
    keep->seconds_max = none ? 0 : seconds_max;
    keep->bytes_max = none ? 0 : bytes_max;
    int64_t until_us = now_us + (int64_t)keep->seconds_max * 1000000;
    for (size_t i = 0; i < KEEP_ENTRIES_MAX; i++)
        if (keep->entries[i].until_us > until_us) keep->entries[i].until_us = until_us;
    if (keep->next_us > until_us) keep->next_us = until_us;
    keep_expire(keep, now_us);
    while (keep->bytes > keep->bytes_max) must(keep_evict(keep));
}

void border_keep_beat(struct border_keep *keep, int64_t now_us) { keep_expire(keep, now_us); }

// The content of a new entry, sealed under a new key.
static enum sk_code entry_fill(struct border_keep *keep, struct border_keep_entry *entry,
                               struct view content, const struct world *world) {
    TRY(buf_open(&entry->sealed, content.len + SECRET_EXTRA_LEN));
    TRY(world->random(world->self, entry_key(keep, entry), SECRET_KEY_LEN));
    struct view bound = {(const char *)entry->tag, HASH_LEN};
    entry->sealed.len = content.len + SECRET_EXTRA_LEN;
    keep->bytes += entry->sealed.len;
    keep->held[entry->owner] += entry->sealed.len;
    secret_seal(entry_key(keep, entry), bound, content, (uint8_t *)entry->sealed.at);
    return SK_OK;
}

enum sk_code border_keep_put(struct border_keep *keep, const struct border_keep_name *name,
                             struct view content, uint32_t seconds, const struct world *world) {
    uint8_t tag[HASH_LEN], body[HASH_LEN] = {0};
    int64_t now_us = world->monotonic_us(world->self);
    must(name->owner < KEEP_OWNERS_MAX);
    keep_tag(keep, name, tag);
    keep_expire(keep, now_us);
    struct border_keep_entry *entry = entry_find(keep, tag);
    if (entry) { // a claim's own hash goes over to its answer
        memcpy(body, entry->body, HASH_LEN);
        entry_free(keep, entry);
    }
    if (keep->seconds_max == 0) return FAIL(SK_UNSUPPORTED, "nothing is kept (keep.seconds is 0)");
    uint64_t len = (uint64_t)content.len + SECRET_EXTRA_LEN;
    if (len > keep->bytes_max / KEEP_SHARE)
        return FAIL(SK_LIMIT, "%zu bytes are more than a part in %d of keep.memory", content.len,
                    KEEP_SHARE);
    entry = entry_make(keep, name->owner, tag, len);
    if (!entry) return FAIL(SK_LIMIT, "%d entries are kept already", KEEP_ENTRIES_MAX);
    enum sk_code code = entry_fill(keep, entry, content, world);
    if (code != SK_OK) {
        entry_free(keep, entry);
        return code;
    }
    if (seconds > keep->seconds_max) seconds = keep->seconds_max;
    memcpy(entry->body, body, HASH_LEN);
    entry->state = KEEP_KEPT;
    entry->until_us = now_us + (int64_t)seconds * 1000000;
    if (entry->until_us < keep->next_us) keep->next_us = entry->until_us;
    return SK_OK;
}

enum sk_code border_keep_find(struct border_keep *keep, const struct border_keep_name *name,
                              int64_t now_us, struct buf *out) {
    uint8_t tag[HASH_LEN];
    *out = (struct buf){0};
    keep_tag(keep, name, tag);
    keep_expire(keep, now_us);
    struct border_keep_entry *entry = entry_find(keep, tag);
    if (!entry || entry->state != KEEP_KEPT)
        return FAIL(SK_UNKNOWN, "nothing of that name is kept");
    size_t len = entry->sealed.len - SECRET_EXTRA_LEN;
    TRY(buf_open(out, len ? len : 1));
    struct view bound = {(const char *)entry->tag, HASH_LEN};
    if (!secret_unseal(entry_key(keep, entry), bound, buf_view(&entry->sealed),
                       (uint8_t *)out->at)) {
        buf_close(out);
        entry_free(keep, entry);
        return FAIL(SK_CORRUPT, "what was kept is damaged");
    }
    out->len = len;
    entry->used = ++keep->uses;
    return SK_OK;
}

void border_keep_drop(struct border_keep *keep, const struct border_keep_name *name) {
    uint8_t tag[HASH_LEN];
    keep_tag(keep, name, tag);
    struct border_keep_entry *entry = entry_find(keep, tag);
    if (entry && entry->state == KEEP_KEPT) entry_free(keep, entry);
}

enum border_claim border_keep_claim(struct border_keep *keep, const struct border_keep_name *name,
                                    const uint8_t body[HASH_LEN], uint64_t claimant,
                                    int64_t now_us) {
    uint8_t tag[HASH_LEN];
    must(claimant != 0 && name->owner < KEEP_OWNERS_MAX);
    keep_tag(keep, name, tag);
    keep_expire(keep, now_us);
    struct border_keep_entry *entry = entry_find(keep, tag);
    if (entry && !tag_same(entry->body, body)) return BORDER_CLAIM_OTHER;
    if (entry) return entry->state == KEEP_KEPT ? BORDER_CLAIM_KEPT : BORDER_CLAIM_RUNNING;
    entry = entry_make(keep, name->owner, tag, 0);
    if (!entry) return BORDER_CLAIM_FULL;
    memcpy(entry->body, body, HASH_LEN);
    entry->state = KEEP_CLAIMED;
    entry->claimant = claimant;
    return BORDER_CLAIM_YOURS;
}

void border_keep_unclaim(struct border_keep *keep, uint64_t claimant) {
    for (size_t i = 0; i < KEEP_ENTRIES_MAX; i++) {
        struct border_keep_entry *entry = &keep->entries[i];
        if (entry->state != KEEP_CLAIMED) continue;
        if (claimant == 0 || entry->claimant == claimant) entry_free(keep, entry);
    }
}
