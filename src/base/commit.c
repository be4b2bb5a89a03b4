#include "base/hash.h"

void commit_begin(struct commit *commit, const char *field, const uint8_t salt[HASH_LEN]) {
    static const char domain[] = "sekisho/commit/v1";
    if (!commit->hash.context) must(hash_open(&commit->hash) == SK_OK);
    commit->len = 0;
    hash_begin(&commit->hash);
    hash_more(&commit->hash, domain, sizeof domain); // with its NUL
    hash_more(&commit->hash, field, view_of(field).len + 1);
    hash_more(&commit->hash, salt, HASH_LEN);
}

void commit_more(struct commit *commit, struct view part) {
    hash_more(&commit->hash, part.at, part.len);
    commit->len += part.len;
}

void commit_end(struct commit *commit, uint8_t out[HASH_LEN]) {
    uint8_t len[8];
    for (int i = 0; i < 8; i++) len[i] = (uint8_t)(commit->len >> (8 * i));
    hash_more(&commit->hash, len, sizeof len);
    hash_end(&commit->hash, out);
}

void commit_of(const char *field, const uint8_t salt[HASH_LEN], struct view value,
               uint8_t out[HASH_LEN]) {
    struct commit commit = {0};
    commit_begin(&commit, field, salt);
    commit_more(&commit, value);
    commit_end(&commit, out);
    hash_close(&commit.hash);
}
