// Keys for tests of many: witness or log number n, from the seed n.
#pragma once
#include "ledger_fixture.h"

struct numbered_key {
    struct sign_key secret;
    struct note_key key;
    char vkey[256];
};

static inline void numbered_key(struct numbered_key *out, int number, enum note_type type,
                                const char *name) {
    uint8_t seed[SIGN_SEED_LEN] = {(uint8_t)number, (uint8_t)type, 7};
    struct buf text = buf_over(out->vkey, sizeof out->vkey - 1);
    sign_init(&out->secret, seed);
    assert_int_equal(note_key_of(name, type, out->secret.public, &out->key), SK_OK);
    note_key_write(&out->key, &text);
    out->vkey[text.len] = '\0';
}
