// Hostile pieces of a log: whatever a bundle of entries or a tile is, the walk ends, and it accepts
// the entries that were logged and no others. The first byte says which piece is replaced.
#include "ledger/ledger.h"

enum { LEAVES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {"checkpoint", "tile/entries/000.p/3", "tile/0/000.p/3"};
static struct view pieces[3];
static struct note_key name;

static void log_make(void) {
    static char note[LEDGER_NOTE_MAX], bundle[64], tile[LEAVES * HASH_LEN];
    struct buf out = buf_over(note, sizeof note), entries = buf_over(bundle, sizeof bundle);
    struct sign_key key;
    struct tree_hash hashes[LEAVES], root;
    sign_init(&key, (const uint8_t[SIGN_SEED_LEN]){42});
    must(note_key_of("sekisho.example/test", NOTE_ED25519, key.public, &name) == SK_OK);
    for (size_t i = 0; i < LEAVES; i++) {
        struct view leaf = {"abc", i};
        buf_put(&entries, (const char[2]){0, (char)i}, 2);
        buf_put_view(&entries, leaf);
        tree_leaf(leaf, &hashes[i]);
    }
    memcpy(tile, hashes, sizeof tile);
    tree_node(&hashes[0], &hashes[1], &root);
    tree_node(&root, &hashes[2], &root);
    checkpoint_sign(name.name, LEAVES, &root, &name, &key, &out);
    pieces[0] = buf_view(&out);
    pieces[1] = buf_view(&entries);
    pieces[2] = (struct view){tile, sizeof tile};
}

static enum sk_code piece_read(void *self, struct view path, struct buf *out) {
    const struct view *replaced = self;
    for (size_t i = 0; i < 3; i++) {
        if (!view_is(path, paths[i])) continue;
        buf_put_view(out, replaced[i]);
        return buf_check(out, paths[i]);
    }
    return FAIL(SK_UNKNOWN, "no such piece");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct arena arena;
    if (!name.name[0]) log_make();
    if (!arena.base) must(arena_open(&arena, "fuzz", WHOLE_ARENA + (1 << 20)) == SK_OK);
    if (size == 0) return 0;
    struct view mine[3] = {pieces[0], pieces[1], pieces[2]};
    struct view given = {(const char *)data + 1, size - 1};
    size_t which = data[0] % 3;
    mine[which] = given;
    struct tile_source source = {mine, piece_read};
    struct trust trust;
    struct whole_facts facts;
    arena_reset(&arena);
    must(trust_of_key(&name, &arena, &trust) == SK_OK);
    const struct whole_task task = {.source = &source, .trust = &trust};
    enum sk_code code = whole_check(&task, &arena, &facts);
    bool same = view_same(given, pieces[which]);
    must(code != SK_OK || same || which == 0); // a note may have more signatures
    must(code == SK_OK || !same);
    return 0;
}
