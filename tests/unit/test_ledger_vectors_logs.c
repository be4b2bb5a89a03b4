// Logs of others, whole: Tessera's test log, tile by tile from our own log of its entries, and the
// tree of 300 leaves that Sunlight's tests mirror, with the cosignatures of its witnesses.
#include "ledger/tree.h"
#include "ledger_vectors.h"

#define TESSERA "tessera/testdata/log/"
#define SKYLIGHT "sunlight/cmd/skylight/testdata/"

// ---- Tessera: 15 entries, 16 checkpoints, each partial tile ----

enum { ENTRIES = 15 };

static struct checkpoint tessera_checkpoint(uint64_t size, char into[LEDGER_NOTE_MAX]) {
    struct note_key key;
    struct checkpoint checkpoint;
    char name[64];
    (void)snprintf(name, sizeof name, TESSERA "checkpoint.%llu", (unsigned long long)size);
    struct view note = vectors_read(name, into, LEDGER_NOTE_MAX);
    assert_int_equal(note_key_parse(VIEW("example.com/log/testdata+33d7b496+"
                                         "AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"),
                                    &key),
                     SK_OK);
    if (checkpoint_check(note, &key, &checkpoint) != SK_OK) fail_msg("%s: %s", name, fail_text());
    assert_int_equal(checkpoint.size, size);
    return checkpoint;
}

// Appends the entries of a bundle (u16 big-endian length, bytes) to our log.
static void bundle_append(struct ledger *ledger, struct view bundle) {
    while (bundle.len > 0) {
        uint64_t index;
        assert_true(bundle.len >= 2);
        size_t len = (size_t)((uint8_t)bundle.at[0] << 8 | (uint8_t)bundle.at[1]);
        assert_true(bundle.len >= 2 + len);
        struct view leaf = {bundle.at + 2, len};
        assert_int_equal(ledger_append(ledger, leaf, &index), SK_OK);
        assert_int_equal(ledger_commit(ledger), SK_OK);
        bundle = view_from(bundle, 2 + len);
    }
}

static void tile_is(struct ledger *ledger, const char *path) {
    static char file[65536], bytes[65536];
    char name[128];
    struct tile_name tile;
    struct buf out = buf_over(bytes, sizeof bytes);
    (void)snprintf(name, sizeof name, TESSERA "%s", path);
    assert_true(tile_name_take(view_of(path), &tile));
    assert_int_equal(ledger_tile(ledger, &tile, &out), SK_OK);
    if (!view_same(buf_view(&out), vectors_read(name, file, sizeof file))) fail_msg("%s", path);
}

static void tessera_proofs(struct ledger *ledger, uint64_t size, const struct tree_hash *root) {
    struct tree_hash proof[LEDGER_PROOF_MAX], hash;
    char bytes[256], text[LEDGER_NOTE_MAX];
    size_t len;
    for (uint64_t i = 0; i < size; i++) {
        struct buf leaf = buf_over(bytes, sizeof bytes);
        assert_int_equal(ledger_leaf(ledger, i, &leaf), SK_OK);
        tree_leaf(buf_view(&leaf), &hash);
        assert_int_equal(ledger_inclusion(ledger, i, size, proof, &len), SK_OK);
        assert_int_equal(tree_inclusion_check(i, size, &hash, proof, len, root), SK_OK);
    }
    for (uint64_t old = 1; old <= size; old++) {
        struct checkpoint older = tessera_checkpoint(old, text);
        assert_int_equal(ledger_consistency(ledger, old, size, proof, &len), SK_OK);
        assert_int_equal(tree_consistency_check(old, size, &older.root, root, proof, len), SK_OK);
    }
}

static void test_tessera(void **unused) {
    (void)unused;
    static char bundle[4096];
    char text[LEDGER_NOTE_MAX], path[64];
    struct world_sim *sim;
    struct ledger_found found;
    struct tree_hash empty;
    if (!vectors_have(TESSERA "checkpoint")) return;
    assert_int_equal(world_sim_open(&sim, 1), SK_OK);
    struct ledger *ledger = fixture_open(sim, &found);
    ledger_root(ledger, &empty);
    struct checkpoint first = tessera_checkpoint(0, text);
    assert_memory_equal(&first.root, &empty, sizeof empty);
    struct view entries = vectors_read(TESSERA "tile/entries/000.p/15", bundle, sizeof bundle);
    bundle_append(ledger, entries);
    assert_int_equal(ledger_size(ledger), ENTRIES);
    int tiles = 0;
    for (uint64_t size = 1; size <= ENTRIES; size++) {
        struct checkpoint checkpoint = tessera_checkpoint(size, text);
        for (int leaves = 0; leaves < 2; leaves++, tiles++) {
            (void)snprintf(path, sizeof path, "tile/%s/000.p/%llu", leaves ? "entries" : "0",
                           (unsigned long long)size);
            tile_is(ledger, path);
        }
        tessera_proofs(ledger, size, &checkpoint.root);
    }
    print_message("Tessera: %d entries, %d checkpoints, %d tiles, all proofs of all sizes\n",
                  ENTRIES, ENTRIES + 1, tiles);
    ledger_close(ledger);
    world_sim_close(sim);
}

// ---- Sunlight: what its witness and its mirror stand for ----

#define ORIGIN_HEX "000de184301123b9278c086a7d9f68c9577e83872224c197058fd90784ea9706"
#define MIRROR SKYLIGHT "witness/mirror/" ORIGIN_HEX "/"

enum { LEAVES = 300 };

static struct checkpoint cosigned_by(const char *name, const char *vkey, char *into) {
    struct note_key key;
    struct view note = vectors_read(name, into, LEDGER_NOTE_MAX), text, lines;
    struct checkpoint checkpoint;
    uint64_t time_s;
    assert_int_equal(note_key_parse(view_of(vkey), &key), SK_OK);
    assert_int_equal(key.type, NOTE_COSIGNATURE);
    if (note_signed(note, &key, &time_s) != SK_OK) fail_msg("%s: %s", name, fail_text());
    assert_int_equal(time_s, 0x69546780); // 2025-12-31
    assert_int_equal(note_split(note, &text, &lines), SK_OK);
    assert_int_equal(checkpoint_read(text, &checkpoint), SK_OK);
    assert_int_equal(checkpoint.size, LEAVES);
    // One bit of the text, and it is not what the witness saw.
    into[checkpoint.origin.len - 1] ^= 1;
    assert_int_equal(note_signed(note, &key, &time_s), SK_CORRUPT);
    into[checkpoint.origin.len - 1] ^= 1;
    return checkpoint;
}

static void test_sunlight(void **unused) {
    (void)unused;
    static char witness[LEDGER_NOTE_MAX], mirror[LEDGER_NOTE_MAX], bytes[16384];
    char hex[2 * HASH_LEN + 1];
    if (!vectors_have(MIRROR "checkpoint")) return;
    (void)cosigned_by(SKYLIGHT "witness/" ORIGIN_HEX "/checkpoint",
                      "witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN",
                      witness);
    (void)cosigned_by(
        SKYLIGHT "witness2/88ad7a28caeb0b2aa890fdf0304c2fcaf59fca2ee140134ff8c1300bac493482/"
                 "checkpoint",
        "witness2.example.org+2e55b896+BIZ7fpceQWd60IfqQeS9IAnmNOCZjMDne8lZuguz/bi9", witness);
    struct checkpoint checkpoint = cosigned_by(
        MIRROR "checkpoint",
        "mirror.example.org+3fb148ef+BAAjjch9GyYz0sJsJx7ALhbdAtz2ov0unbzSl1vMp94O", mirror);
    witness_origin_hex(checkpoint.origin, hex);
    assert_string_equal(hex, ORIGIN_HEX);

    // The tiles: their leaves make the cosigned root, and each is proven in it.
    struct tree tree;
    struct tree_hash root, proof[LEDGER_PROOF_MAX];
    assert_int_equal(tree_open(&tree, 512), SK_OK);
    struct view full = vectors_read(MIRROR "tile/0/000", bytes, sizeof bytes);
    struct view part = vectors_read(MIRROR "tile/0/001.p/44", bytes + full.len,
                                    sizeof bytes - full.len);
    assert_int_equal(full.len + part.len, LEAVES * HASH_LEN);
    for (size_t i = 0; i < LEAVES; i++) {
        struct tree_hash leaf;
        memcpy(&leaf, bytes + i * HASH_LEN, HASH_LEN);
        tree_put(&tree, &leaf);
    }
    tree_root(&tree, LEAVES, &root);
    assert_memory_equal(&root, &checkpoint.root, sizeof root);
    for (uint64_t i = 0; i < LEAVES; i++) {
        size_t len = tree_inclusion(&tree, i, LEAVES, proof);
        assert_int_equal(
            tree_inclusion_check(i, LEAVES, tree_leaf_at(&tree, i), proof, len, &root), SK_OK);
    }
    struct view level1 = vectors_read(MIRROR "tile/1/000.p/1", bytes, sizeof bytes);
    tree_root(&tree, 256, &root);
    assert_int_equal(level1.len, HASH_LEN);
    assert_memory_equal(level1.at, &root, sizeof root);
    print_message("Sunlight: 3 cosignatures, %d leaves proven\n", LEAVES);
    tree_close(&tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tessera),
        cmocka_unit_test(test_sunlight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
