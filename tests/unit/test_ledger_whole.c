// Whole logs walked piece by piece: a good one is accepted at every size, and damage at any place of
// any piece is refused and named: the piece, the entry, the byte.
#include "chance.h"
#include "ledger_fixture.h"

enum { PIECES_MAX = 64, STORE = 1 << 20 };

struct piece {
    char path[TILE_NAME_MAX];
    struct view bytes;
};

// A log copied out piece by piece, as an auditor has it.
struct copy {
    struct piece pieces[PIECES_MAX];
    size_t len;
    char store[STORE];
    size_t used;
};
static struct copy copy;
static struct arena arena;

static void piece_add(const char *path, struct view bytes) {
    struct piece *piece = &copy.pieces[copy.len++];
    assert_true(copy.len <= PIECES_MAX && copy.used + bytes.len + 1 <= STORE);
    (void)snprintf(piece->path, sizeof piece->path, "%s", path);
    if (bytes.len) memcpy(copy.store + copy.used, bytes.at, bytes.len);
    piece->bytes = (struct view){copy.store + copy.used, bytes.len};
    copy.used += bytes.len + 1; // room for one byte more
}

static void tile_add(struct ledger *ledger, struct tile_name name) {
    static char bytes[TILE_MAX];
    char path[TILE_NAME_MAX] = {0};
    struct buf out = buf_over(bytes, sizeof bytes), text = buf_over(path, sizeof path - 1);
    tile_name_put(&name, &text);
    assert_int_equal(ledger_tile(ledger, &name, &out), SK_OK);
    piece_add(path, buf_view(&out));
}

static void copy_make(struct ledger *ledger) {
    copy.len = copy.used = 0;
    piece_add("checkpoint", ledger_checkpoint(ledger));
    for (unsigned kind = 0; kind < 3; kind++) { // entries, level 0, level 1
        struct tile_name name = {.entries = kind == 0, .level = kind == 2};
        uint64_t left = tile_items(ledger_size(ledger), name.level);
        for (; left > 0; name.index++, left -= name.width) {
            name.width = (uint16_t)(left < TILE_WIDTH ? left : TILE_WIDTH);
            tile_add(ledger, name);
        }
    }
}

static enum sk_code copy_read(void *self, struct view path, struct buf *out) {
    (void)self;
    for (size_t i = 0; i < copy.len; i++) {
        if (!view_is(path, copy.pieces[i].path)) continue;
        buf_put_view(out, copy.pieces[i].bytes);
        return buf_check(out, copy.pieces[i].path);
    }
    return FAIL(SK_UNKNOWN, "%.*s: there is no such piece", (int)path.len, path.at);
}

static uint64_t told; // leaves, in order

static enum sk_code leaf_told(void *self, uint64_t index, struct view leaf) {
    (void)self;
    (void)leaf;
    assert_int_equal(index, told++);
    return SK_OK;
}

static enum sk_code check_seen(const struct view *seen, size_t seen_len, struct whole_facts *facts) {
    static const struct tile_source source = {NULL, copy_read};
    struct trust trust;
    arena_reset(&arena);
    const struct note_key key = fixture_note_key();
    assert_int_equal(trust_of_key(&key, &arena, &trust), SK_OK);
    const struct whole_task task = {.source = &source,
                                    .trust = &trust,
                                    .reader = {NULL, leaf_told},
                                    .seen = seen,
                                    .seen_len = seen_len};
    told = 0;
    return whole_check(&task, &arena, facts);
}

static enum sk_code check(struct whole_facts *facts) { return check_seen(NULL, 0, facts); }

static struct ledger *log_of(struct world_sim **sim, uint64_t leaves) {
    struct ledger_found found;
    assert_int_equal(world_sim_open(sim, 1), SK_OK);
    struct ledger *ledger = fixture_open(*sim, &found);
    if (leaves) fixture_grow(ledger, leaves);
    copy_make(ledger);
    return ledger;
}

static void log_end(struct world_sim *sim, struct ledger *ledger) {
    ledger_close(ledger);
    world_sim_close(sim);
}

static void test_every_size(void **unused) {
    (void)unused;
    static const uint64_t sizes[] = {0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 600, 1024, 3000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct world_sim *sim;
        struct whole_facts facts;
        struct tree_hash root;
        struct ledger *ledger = log_of(&sim, sizes[i]);
        if (check(&facts) != SK_OK)
            fail_msg("size %llu: %s", (unsigned long long)sizes[i], fail_text());
        ledger_root(ledger, &root);
        assert_memory_equal(&facts.root, &root, sizeof root);
        assert_int_equal(facts.entries, sizes[i]);
        assert_int_equal(told, sizes[i]);
        assert_int_equal(facts.differs, WHOLE_NONE);
        assert_int_equal(1 + facts.tiles + (sizes[i] + 255) / 256, copy.len);
        log_end(sim, ledger);
    }
}

// The entry that has byte `at` of a bundle.
static uint64_t entry_of(const struct tile_name *name, struct view bundle, size_t at) {
    size_t end = 0;
    for (uint64_t i = name->index * TILE_WIDTH;; i++) {
        end += 2 + ((size_t)(uint8_t)bundle.at[end] << 8 | (uint8_t)bundle.at[end + 1]);
        if (at < end) return i;
    }
}

// What was damaged is refused and named.
static void named(const struct piece *piece, size_t at, uint64_t entry) {
    struct whole_facts facts;
    struct tile_name name;
    enum sk_code code = check(&facts);
    if (code == SK_OK) fail_msg("%s, byte %zu: accepted", piece->path, at);
    if (!tile_name_take(view_of(piece->path), &name)) {
        assert_true(facts.differs == WHOLE_CHECKPOINT);
        return;
    }
    assert_int_equal(code, SK_CORRUPT);
    assert_int_equal(facts.differs, name.entries ? WHOLE_ENTRY : WHOLE_TILE);
    assert_true(facts.tile.level == name.level && facts.tile.index == name.index &&
                facts.tile.width == name.width && facts.tile.entries == name.entries);
    if (name.entries) assert_int_equal(facts.entry, entry);
    if (name.entries) assert_true(facts.byte <= at);
    else assert_int_equal(facts.byte, at);
}

static void flip(struct piece *piece, size_t at, unsigned bit) {
    struct tile_name name;
    bool entries = tile_name_take(view_of(piece->path), &name) && name.entries;
    uint64_t entry = entries ? entry_of(&name, piece->bytes, at) : 0;
    char *byte = copy.store + (piece->bytes.at - copy.store) + at, was = *byte;
    *byte = (char)(was ^ (1 << bit));
    named(piece, at, entry);
    *byte = was;
}

static void test_damage_everywhere(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct ledger *ledger = log_of(&sim, 24);
    struct whole_facts facts;
    for (size_t i = 0; i < copy.len; i++) {
        struct piece *piece = &copy.pieces[i];
        const struct view was = piece->bytes;
        for (size_t at = 0; at < was.len; at++) {
            flip(piece, at, at % 8);
            piece->bytes.len = at; // cut there
            assert_int_not_equal(check(&facts), SK_OK);
            piece->bytes = was;
        }
        copy.store[was.at - copy.store + (ptrdiff_t)was.len] = 'x';
        piece->bytes.len++;
        assert_int_not_equal(check(&facts), SK_OK);
        piece->bytes = was;
        piece->path[0] ^= 1; // not there
        assert_int_equal(check(&facts), SK_UNKNOWN);
        piece->path[0] ^= 1;
    }
    assert_int_equal(check(&facts), SK_OK);
    log_end(sim, ledger);
}

static void test_damage_somewhere(void **unused) {
    (void)unused;
    struct world_sim *sim;
    struct ledger *ledger = log_of(&sim, 700);
    uint64_t chance = 5;
    for (int i = 0; i < 400; i++) {
        struct piece *piece = &copy.pieces[chance_next(&chance) % copy.len];
        flip(piece, chance_next(&chance) % piece->bytes.len, chance_next(&chance) % 8);
    }
    log_end(sim, ledger);
}

// An entry changed, and every hash above it made again; then all but the root.
static void test_all_but_the_checkpoint(void **unused) {
    (void)unused;
    struct world_sim *sim, *other_sim;
    struct whole_facts facts;
    struct ledger_found found;
    struct ledger *ledger = log_of(&sim, 300);
    static char note[LEDGER_NOTE_MAX];
    struct view signed_note = ledger_checkpoint(ledger);
    memcpy(note, signed_note.at, signed_note.len);
    assert_int_equal(world_sim_open(&other_sim, 2), SK_OK);
    struct ledger *other = fixture_open(other_sim, &found);
    uint64_t index;
    assert_int_equal(ledger_append(other, VIEW("another first entry"), &index), SK_OK);
    assert_int_equal(ledger_commit(other), SK_OK);
    fixture_grow(other, 299);
    copy_make(other);
    copy.pieces[0].bytes = (struct view){note, signed_note.len};
    assert_int_equal(check(&facts), SK_CORRUPT);
    assert_int_equal(facts.differs, WHOLE_CHECKPOINT);
    ledger_close(other);
    world_sim_close(other_sim);
    log_end(sim, ledger);
}

static void test_seen_before(void **unused) {
    (void)unused;
    enum { SIZES = 40 };
    static char notes[SIZES][LEDGER_NOTE_MAX];
    struct view seen[SIZES];
    struct whole_facts facts;
    struct world_sim *sim, *other_sim;
    struct ledger_found found;
    struct ledger *ledger = log_of(&sim, 0);
    for (size_t i = 0; i < SIZES; i++) { // in an order that is not that of their sizes
        struct view note = ledger_checkpoint(ledger);
        size_t to = (i * 7 + 3) % SIZES;
        memcpy(notes[to], note.at, note.len);
        seen[to] = (struct view){notes[to], note.len};
        fixture_grow(ledger, 13);
    }
    copy_make(ledger);
    if (check_seen(seen, SIZES, &facts) != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(facts.seen, SIZES);
    // The same key signed another log: it forked after its 13th entry.
    assert_int_equal(world_sim_open(&other_sim, 2), SK_OK);
    struct ledger *other = fixture_open(other_sim, &found);
    uint64_t index;
    fixture_grow(other, 13);
    assert_int_equal(ledger_append(other, VIEW("another entry"), &index), SK_OK);
    assert_int_equal(ledger_commit(other), SK_OK);
    seen[5] = ledger_checkpoint(other);
    assert_int_equal(check_seen(seen, SIZES, &facts), SK_CORRUPT);
    assert_int_equal(facts.differs, WHOLE_SEEN);
    assert_int_equal(facts.seen_at, 5);
    assert_non_null(strstr(fail_text(), "forked"));
    // A log that was cut is shorter than what it signed.
    fixture_grow(ledger, 1);
    seen[5] = ledger_checkpoint(ledger);
    assert_int_equal(check_seen(seen, SIZES, &facts), SK_CORRUPT);
    assert_int_equal(facts.differs, WHOLE_SEEN);
    assert_int_equal(facts.seen_at, 5);
    assert_non_null(strstr(fail_text(), "cut"));
    ledger_close(other);
    world_sim_close(other_sim);
    log_end(sim, ledger);
}

// A log that grew dropped the parts of tiles that are whole now.
static void test_parts_in_whole_tiles(void **unused) {
    (void)unused;
    static char note[LEDGER_NOTE_MAX];
    struct world_sim *sim;
    struct whole_facts facts;
    struct ledger *ledger = log_of(&sim, 200);
    struct view old = ledger_checkpoint(ledger);
    memcpy(note, old.at, old.len);
    fixture_grow(ledger, 400);
    copy_make(ledger);
    copy.pieces[0].bytes = (struct view){note, old.len};
    if (check(&facts) != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(facts.entries, 200);
    log_end(sim, ledger);
}

// Logs that others wrote.
static enum sk_code disk_read(void *self, struct view path, struct buf *out) {
    char name[1024], block[4096];
    (void)snprintf(name, sizeof name, "%s/%.*s", (const char *)self, (int)path.len, path.at);
    FILE *file = fopen(name, "rb");
    if (!file) return FAIL(SK_UNKNOWN, "%s: there is no such piece", name);
    for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;) buf_put(out, block, n);
    fclose(file);
    return buf_check(out, name);
}

static void test_tessera(void **unused) {
    (void)unused;
    const char *shared = getenv("SEKISHO_SHARED"), *strict = getenv("SEKISHO_STRICT");
    char directory[512];
    (void)snprintf(directory, sizeof directory, "%s/data/ledger-vectors/tessera/testdata/log",
                   shared ? shared : SEKISHO_ROOT "/../shared");
    const struct tile_source source = {directory, disk_read};
    static char bytes[NOTE_MAX];
    struct buf note = buf_over(bytes, sizeof bytes);
    if (disk_read(directory, VIEW("checkpoint"), &note) != SK_OK) {
        print_message("skip: no log of Tessera in ../shared\n");
        assert_true(!strict || strcmp(strict, "1") != 0);
        return;
    }
    struct note_key key;
    struct trust trust;
    struct whole_facts facts;
    arena_reset(&arena);
    assert_int_equal(note_key_parse(VIEW("example.com/log/testdata+33d7b496+"
                                         "AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"),
                                    &key),
                     SK_OK);
    assert_int_equal(trust_of_key(&key, &arena, &trust), SK_OK);
    struct view seen[15];
    static char notes[15][1024];
    for (size_t i = 0; i < 15; i++) {
        char name[32];
        struct buf out = buf_over(notes[i], sizeof notes[i]);
        (void)snprintf(name, sizeof name, "checkpoint.%zu", i + 1);
        assert_int_equal(disk_read(directory, view_of(name), &out), SK_OK);
        seen[i] = buf_view(&out);
    }
    const struct whole_task task = {
        .source = &source, .trust = &trust, .seen = seen, .seen_len = 15};
    if (whole_check(&task, &arena, &facts) != SK_OK) fail_msg("%s", fail_text());
    assert_int_equal(facts.entries, 15);
    assert_int_equal(facts.seen, 15);
}

static int setup(void **unused) {
    (void)unused;
    return arena_open(&arena, "test", WHOLE_ARENA + (1 << 20)) == SK_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),       cmocka_unit_test(test_damage_everywhere),
        cmocka_unit_test(test_damage_somewhere), cmocka_unit_test(test_all_but_the_checkpoint),
        cmocka_unit_test(test_seen_before),      cmocka_unit_test(test_parts_in_whole_tiles),
        cmocka_unit_test(test_tessera)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
