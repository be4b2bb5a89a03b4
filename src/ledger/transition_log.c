// The transitions of a log, from its directory: which keys sign it beside
// the one that is known.
#include <stdlib.h>

#include "base/json.h"
#include "ledger/leaves.h"
#include "ledger/transition.h"

enum { CHAIN_MAX = 64, CHAIN_ARENA = 1 << 20 };
struct chain {
    struct transition steps[CHAIN_MAX];
    size_t len;
    struct arena arena; // of one leaf
};

// Leaves are canonical JSON: their type is found as it is written.
static enum sk_code chain_put(struct chain *chain, struct view leaf) {
    static const char type[] = "\"type\":\"key-transition\"";
    const struct json_node *root;
    if (!memmem(leaf.at, leaf.len, type, sizeof type - 1)) return SK_OK;
    arena_reset(&chain->arena);
    char *copy = arena_text(&chain->arena, leaf);
    if (!copy) return SK_LIMIT;
    TRY(json_parse(copy, leaf.len, &chain->arena, &root));
    const struct json_node *note = json_find(root, "note");
    if (!json_is(note, JSON_STRING)) return SK_OK; // a leaf that speaks of one
    if (chain->len == CHAIN_MAX) return FAIL(SK_LIMIT, "more than %d key transitions", CHAIN_MAX);
    return transition_read(json_view(note), &chain->steps[chain->len++]);
}

static enum sk_code chain_read(struct chain *chain, struct world world, const char *origin,
                               uint64_t size) {
    struct leaves *leaves;
    TRY(leaves_open(&leaves, world, origin, 0, size));
    enum sk_code code = SK_OK;
    for (uint64_t at = 0; at < size && code == SK_OK; at++) {
        struct view leaf;
        code = leaves_next(leaves, &leaf);
        if (code == SK_OK) code = chain_put(chain, leaf);
    }
    leaves_close(leaves);
    return code;
}

// The keys that follow each other from `key` on, in both directions.
static bool chain_signed(const struct chain *chain, const struct note_key *key,
                         struct view checkpoint) {
    const struct note_key *known[CHAIN_MAX + 1] = {key};
    struct checkpoint found;
    size_t len = 1;
    for (size_t at = 0; at < len; at++) {
        if (checkpoint_check(checkpoint, known[at], &found) == SK_OK) return true;
        for (size_t i = 0; i < chain->len && len <= CHAIN_MAX; i++) {
            const struct transition *step = &chain->steps[i];
            bool is_old = note_key_same(known[at], &step->old);
            if (!is_old && !note_key_same(known[at], &step->new)) continue;
            const struct note_key *other = is_old ? &step->new : &step->old;
            size_t same = 0;
            while (same < len && !note_key_same(known[same], other)) same++;
            if (same == len) known[len++] = other;
        }
    }
    return false;
}

enum sk_code transition_signed(struct world world, const struct note_key *key, uint64_t size,
                               struct view checkpoint) {
    struct checkpoint found;
    uint64_t time_s;
    enum sk_code code = note_signed(checkpoint, key, &time_s);
    if (code != SK_UNKNOWN) return code == SK_OK ? checkpoint_check(checkpoint, key, &found) : code;
    struct chain *chain = calloc(1, sizeof *chain);
    if (!chain) return FAIL(SK_LIMIT, "transitions: no memory");
    code = arena_open(&chain->arena, "leaf", CHAIN_ARENA);
    if (code == SK_OK) code = chain_read(chain, world, key->name, size);
    if (code == SK_OK && !chain_signed(chain, key, checkpoint))
        code = FAIL(SK_DENIED,
                    "the log's checkpoint is signed neither by %s nor by a key that the log's "
                    "transitions lead to from it",
                    key->name);
    arena_close(&chain->arena);
    free(chain);
    return code;
}
