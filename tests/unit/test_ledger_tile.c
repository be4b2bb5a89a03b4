// Tiles of logs of many sizes against the tree put together again from the leaves, and against those
// that Tessera wrote for the same entries.
#include "chance.h"
#include "ledger_fixture.h"

enum { BIG = 70000 };

static struct tree_hash leaves[BIG];

// RFC 6962's root of 256^level leaves, from the leaves.
static void subtree(unsigned level, uint64_t index, struct tree_hash *out) {
    static struct tree_hash row[65536];
    uint64_t len = (uint64_t)1 << TILE_HEIGHT * level;
    memcpy(row, leaves + index * len, len * sizeof *row);
    for (; len > 1; len /= 2)
        for (uint64_t i = 0; i < len / 2; i++) tree_node(&row[2 * i], &row[2 * i + 1], &row[i]);
    *out = row[0];
}

static void tile_is_right(struct ledger *ledger, const struct tile_name *name) {
    static char bytes[TILE_MAX];
    struct buf out = buf_over(bytes, sizeof bytes);
    if (ledger_tile(ledger, name, &out) != SK_OK) fail_msg("%s", fail_text());
    size_t at = 0;
    for (unsigned i = 0; i < name->width; i++) {
        uint64_t item = name->index * TILE_WIDTH + i;
        struct tree_hash hash;
        if (name->entries) {
            struct view leaf = fixture_leaf(item);
            assert_int_equal((uint8_t)bytes[at] << 8 | (uint8_t)bytes[at + 1], leaf.len);
            assert_true(view_same((struct view){bytes + at + 2, leaf.len}, leaf));
            at += 2 + leaf.len;
            continue;
        }
        subtree(name->level, item, &hash);
        assert_memory_equal(bytes + at, &hash, sizeof hash);
        at += sizeof hash;
    }
    assert_int_equal(at, out.len);
}

static void tile_is_not(struct ledger *ledger, const struct tile_name *name) {
    char byte;
    struct buf out = buf_over(&byte, 1);
    assert_int_equal(ledger_tile(ledger, name, &out), SK_UNKNOWN);
    assert_int_equal(out.len, 0);
}

// Every tile of `level` that a log of this size has, the newest also at other widths.
static void level_is_right(struct ledger *ledger, struct tile_name name, uint64_t *chance) {
    uint64_t items = tile_items(ledger_size(ledger), name.level);
    name.width = TILE_WIDTH;
    for (name.index = 0; (name.index + 1) * TILE_WIDTH <= items; name.index++)
        if (name.index % 16 == 0 || chance_next(chance) % 8 == 0) tile_is_right(ledger, &name);
    tile_is_not(ledger, &name);
    unsigned left = (unsigned)(items % TILE_WIDTH);
    for (unsigned tries = 0; tries < 3 && left > 0; tries++) {
        name.width = (uint16_t)(tries == 0 ? left : 1 + chance_next(chance) % left);
        tile_is_right(ledger, &name);
    }
    name.width = (uint16_t)(left + 1);
    tile_is_not(ledger, &name);
    for (unsigned tries = 0; tries < 3 && name.index > 0; tries++) { // full ones, asked for in part
        struct tile_name part = {name.entries, name.level, chance_next(chance) % name.index,
                                 (uint16_t)(1 + chance_next(chance) % (TILE_WIDTH - 1))};
        tile_is_right(ledger, &part);
    }
    name.index = UINT64_MAX / TILE_WIDTH + 1;
    tile_is_not(ledger, &name);
    name.index = UINT64_MAX;
    tile_is_not(ledger, &name);
}

static void test_every_tile(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct ledger *ledger;
    struct ledger_found found;
    struct ledger_options options = fixture_options();
    options.leaves_max = 131072;
    options.segment_max = 300000; // tiles reach over segments
    assert_int_equal(world_sim_open(&sim, 11), SK_OK);
    assert_int_equal(ledger_open(&ledger, world_sim_world(sim), options, &found), SK_OK);
    for (uint64_t i = 0; i < BIG; i++) tree_leaf(fixture_leaf(i), &leaves[i]);
    static const uint64_t sizes[] = {0,   1,   2,   3,   255,  256,   257,   511,  512,
                                     513, 700, 767, 768, 4097, 65535, 65536, 65537, BIG};
    uint64_t chance = 5;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        while (ledger_size(ledger) < sizes[i]) {
            uint64_t left = sizes[i] - ledger_size(ledger), batch = 1 + chance_next(&chance) % 900;
            fixture_grow(ledger, batch < left ? batch : left);
        }
        for (uint8_t level = 0; level <= TILE_LEVEL_MAX; level++)
            level_is_right(ledger, (struct tile_name){.level = level}, &chance);
        level_is_right(ledger, (struct tile_name){.entries = true}, &chance);
    }
    // As the specification counts them: 273 full and 112 of level 0, 1 and 17, then 1.
    assert_int_equal(tile_items(BIG, 0), 273 * TILE_WIDTH + 112);
    assert_int_equal(tile_items(BIG, 1), TILE_WIDTH + 17);
    assert_int_equal(tile_items(BIG, 2), 1);
    ledger_close(ledger);
    world_sim_close(sim);
}

static void test_open_batch(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct ledger_found found;
    uint64_t index;
    assert_int_equal(world_sim_open(&sim, 12), SK_OK);
    struct ledger *ledger = fixture_open(sim, &found);
    fixture_grow(ledger, 3);
    assert_int_equal(ledger_append(ledger, VIEW("not yet"), &index), SK_OK);
    tile_is_not(ledger, &(struct tile_name){.width = 4}); // only what is durable
    tile_is_not(ledger, &(struct tile_name){.entries = true, .width = 4});
    char small[8];
    struct buf out = buf_over(small, sizeof small);
    assert_int_equal(ledger_tile(ledger, &(struct tile_name){.width = 3}, &out), SK_LIMIT);
    out = buf_over(small, 1);
    struct tile_name entries = {.entries = true, .width = 3};
    assert_int_equal(ledger_tile(ledger, &entries, &out), SK_LIMIT);
    ledger_close(ledger);
    world_sim_close(sim);
}

// ---- names ----

static void name_is(const char *path, struct tile_name want) {
    struct tile_name name = {.width = 999};
    char bytes[TILE_NAME_MAX];
    struct buf out = buf_over(bytes, sizeof bytes);
    if (!tile_name_take(view_of(path), &name)) fail_msg("%s: refused", path);
    assert_int_equal(name.entries, want.entries);
    assert_int_equal(name.level, want.level);
    assert_true(name.index == want.index);
    assert_int_equal(name.width, want.width);
    tile_name_put(&name, &out);
    assert_true(!out.over && view_is(buf_view(&out), path));
}

static void test_names(void **unused) {
    (void)unused;
    name_is("tile/0/000", (struct tile_name){.width = 256});
    name_is("tile/0/000.p/1", (struct tile_name){.width = 1});
    name_is("tile/63/999.p/255", (struct tile_name){.level = 63, .index = 999, .width = 255});
    name_is("tile/1/x001/000", (struct tile_name){.level = 1, .index = 1000, .width = 256});
    name_is("tile/3/x001/x234/067",
            (struct tile_name){.level = 3, .index = 1234067, .width = 256});
    name_is("tile/entries/x001/x234/067.p/8",
            (struct tile_name){.entries = true, .index = 1234067, .width = 8});
    name_is("tile/63/x018/x446/x744/x073/x709/x551/615.p/255",
            (struct tile_name){.level = 63, .index = UINT64_MAX, .width = 255});
    static const char *const none[] = {
        "", "tile", "tile/", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000",
        "tile/00/000", "tile/01/000", "tile/64/000", "tile/-1/000", "tile/+1/000", "tile//000",
        "tile/0/x000/000", "tile/0/x000/001", "tile/0/x001", "tile/0/x001/", "tile/0/x001/x002",
        "tile/0/001/002", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256",
        "tile/0/000.p/01", "tile/0/000.p/1/", "tile/0/000.p/1.p/1", "tile/0/000/", "tile/0/000 ",
        "tile/0/ 00", "tile/0/0 0", "tile/0/x1/000", "tile/0/X001/000", "tile/0/000.P/1",
        "/tile/0/000", "tile/8/0/000", "tile/data/000", "tile/entries", "tile/entries/0/000",
        "tile/entriesx/000", "tile/0/../000", "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/x001/x000/x000/x000/x000/x000/x000/000"};
    struct tile_name name;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (tile_name_take(view_of(none[i]), &name)) fail_msg("%s: accepted", none[i]);
    assert_false(tile_name_take(VIEW("tile/0/000\0"), &name));
    assert_false(tile_name_take(VIEW("tile/0/000.p/5\0"), &name));
    uint64_t chance = 3;
    for (int i = 0; i < 100000; i++) {
        bool entries = chance_next(&chance) % 2;
        struct tile_name made = {entries, entries ? 0 : (uint8_t)(chance_next(&chance) % 64),
                                 chance_next(&chance) >> chance_next(&chance) % 64,
                                 (uint16_t)(1 + chance_next(&chance) % TILE_WIDTH)};
        char bytes[TILE_NAME_MAX + 1];
        struct buf out = buf_over(bytes, TILE_NAME_MAX);
        tile_name_put(&made, &out);
        assert_false(out.over);
        bytes[out.len] = '\0';
        name_is(bytes, made);
    }
}

// ---- the log of another ----

static char foreign[65536];

static struct view foreign_read(const struct tile_name *name) {
    const char *shared = getenv("SEKISHO_SHARED");
    char path[2048];
    struct buf out = buf_over(path, sizeof path - 1);
    buf_print(&out, "%s/data/ledger-vectors/tessera/testdata/log/",
              shared ? shared : SEKISHO_ROOT "/../shared");
    tile_name_put(name, &out);
    path[out.len] = '\0';
    FILE *file = fopen(path, "rb");
    if (!file) return (struct view){NULL, 0};
    size_t len = fread(foreign, 1, sizeof foreign, file);
    fclose(file);
    return (struct view){foreign, len};
}

static void foreign_append(struct ledger *ledger, struct view entries) {
    while (entries.len >= 2) {
        size_t len = (size_t)((uint8_t)entries.at[0] << 8 | (uint8_t)entries.at[1]);
        uint64_t index;
        assert_true(entries.len >= 2 + len);
        assert_int_equal(ledger_append(ledger, (struct view){entries.at + 2, len}, &index), SK_OK);
        entries = view_from(entries, 2 + len);
    }
    assert_int_equal(ledger_commit(ledger), SK_OK);
}

// The fifteen entries of Tessera's log, appended to ours, have its tiles at every width.
static void test_tessera(void **unused) {
    (void)unused;
    enum { ENTRIES = 15 };
    struct world_sim *sim;
    struct ledger_found found;
    struct view theirs = foreign_read(&(struct tile_name){.entries = true, .width = ENTRIES});
    if (!theirs.at) {
        const char *strict = getenv("SEKISHO_STRICT");
        print_message("skip: no log of Tessera in ../shared\n");
        assert_true(!strict || strcmp(strict, "1") != 0);
        return;
    }
    assert_int_equal(world_sim_open(&sim, 13), SK_OK);
    struct ledger *ledger = fixture_open(sim, &found);
    foreign_append(ledger, theirs);
    assert_int_equal(ledger_size(ledger), ENTRIES);
    for (unsigned i = 0; i < 2 * ENTRIES; i++) {
        static char bytes[TILE_MAX];
        struct buf out = buf_over(bytes, sizeof bytes);
        struct tile_name name = {.entries = i % 2, .width = (uint16_t)(1 + i / 2)};
        assert_int_equal(ledger_tile(ledger, &name, &out), SK_OK);
        assert_true(view_same(buf_view(&out), foreign_read(&name)));
    }
    ledger_close(ledger);
    world_sim_close(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tile), cmocka_unit_test(test_open_batch),
        cmocka_unit_test(test_names),      cmocka_unit_test(test_tessera),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
