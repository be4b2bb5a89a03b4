// What the ledger's tests share: one key, numbered leaves, a log on a simulated machine.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "ledger/ledger.h"

#define FIXTURE_ORIGIN "sekisho.example/test"

static inline const struct sign_key *fixture_key(void) {
    static struct sign_key key;
    static const uint8_t seed[SIGN_SEED_LEN] = {42};
    sign_init(&key, seed);
    return &key;
}

static inline struct note_key fixture_note_key(void) {
    struct note_key key;
    assert_int_equal(note_key_of(FIXTURE_ORIGIN, NOTE_ED25519, fixture_key()->public, &key), SK_OK);
    return key;
}

// The same bytes for the same number, of lengths 0..96.
static inline struct view fixture_leaf(uint64_t number) {
    static char text[128];
    size_t len = (size_t)(number * 37 % 97);
    for (size_t i = 0; i < len; i++) text[i] = (char)('a' + (number + i) % 26);
    if (len >= 20) (void)snprintf(text, sizeof text, "%019llu", (unsigned long long)number);
    return (struct view){text, len};
}

static inline struct ledger_options fixture_options(void) {
    return (struct ledger_options){
        .origin = FIXTURE_ORIGIN, .key = fixture_key(), .leaves_max = 4096};
}

static inline struct ledger *fixture_open(struct world_sim *sim, struct ledger_found *found) {
    struct ledger *ledger;
    enum sk_code code = ledger_open(&ledger, world_sim_world(sim), fixture_options(), found);
    if (code != SK_OK) fail_msg("open: %s", fail_text());
    return ledger;
}

// Appends the leaves of the next `count` numbers and commits.
static inline void fixture_grow(struct ledger *ledger, uint64_t count) {
    uint64_t from = ledger_size(ledger), index;
    for (uint64_t i = 0; i < count; i++) {
        assert_int_equal(ledger_append(ledger, fixture_leaf(from + i), &index), SK_OK);
        assert_int_equal(index, from + i);
    }
    assert_int_equal(ledger_commit(ledger), SK_OK);
}

// Every leaf is the one its number says.
static inline bool fixture_intact(struct ledger *ledger) {
    char bytes[LEDGER_LEAF_MAX];
    for (uint64_t i = 0; i < ledger_size(ledger); i++) {
        struct buf leaf = buf_over(bytes, sizeof bytes);
        if (ledger_leaf(ledger, i, &leaf) != SK_OK) return false;
        if (!view_same(buf_view(&leaf), fixture_leaf(i))) return false;
    }
    return true;
}
