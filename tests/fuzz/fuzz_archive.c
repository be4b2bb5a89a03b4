// Hostile files of an archive: refused, or opened with what they can prove; records and erasure
// leaves likewise.
//
// Input: a byte (1: a good head goes before the rest), then the bytes of kept.keys; the same bytes
// as a record, and as an erasure leaf.
#include "base/arena.h"
#include "ledger/archive.h"
#include "ledger/erasure.h"
#include "ledger/kept.h"
#include "taken.h"

enum { HEAD = 104, INPUT_MAX = 65536 };
static const uint8_t key[SECRET_KEY_LEN] = {4};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keys_put(struct world world, bool head, struct view bytes) {
    int file;
    struct archive *archive;
    struct archive_found found;
    if (head) must(archive_open(&archive, world, key, false, &found) == SK_OK);
    if (head) archive_close(archive);
    must(world.open(world.self, "kept.keys", WORLD_CREATE, &file) == SK_OK);
    must(world.write(world.self, file, head ? HEAD : 0, bytes.at, bytes.len) == SK_OK);
    world.close(world.self, file);
}

static void archive_use(bool head, struct view bytes) {
    struct world_sim *sim;
    struct archive *archive;
    struct archive_found found;
    must(world_sim_open(&sim, 1) == SK_OK);
    struct world world = world_sim_world(sim);
    keys_put(world, head, bytes);
    if (archive_open(&archive, world, key, false, &found) == SK_OK) {
        must(archive_put(archive, 5, 1, bytes) == SK_OK && archive_commit(archive) == SK_OK);
        archive_close(archive);
        must(archive_open(&archive, world, key, false, &found) == SK_OK && found.damaged == 0);
        must(archive_has(archive, 5));
        must(archive_erase(archive, (const uint64_t[]){5}, 1) == SK_OK && !archive_has(archive, 5));
        archive_close(archive);
    } else {
        must(!head);
    }
    world_sim_close(sim);
}

static void erasure_use(struct view bytes) {
    static char text[INPUT_MAX], again[INPUT_MAX];
    static struct erasure erasure;
    static struct arena arena;
    const struct json_node *root;
    struct buf out = buf_over(again, sizeof again);
    if (!arena.base) must(arena_open(&arena, "leaf", 8 << 20) == SK_OK);
    arena_reset(&arena);
    if (bytes.len) memcpy(text, bytes.at, bytes.len);
    if (json_parse(text, bytes.len, &arena, &root) != SK_OK) return;
    if (erasure_read(root, &erasure) != SK_OK) return;
    fuzz_take();
    erasure_write(&erasure, &out);
    must(!out.over);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > INPUT_MAX) return 0;
    struct view bytes = {(const char *)data + 1, size - 1};
    struct kept kept;
    archive_use(data[0] & 1, bytes);
    if (kept_record_take(bytes, &kept) == SK_OK) {
        fuzz_take();
        static char storage[INPUT_MAX];
        struct buf out = buf_over(storage, sizeof storage);
        kept_record_put(&kept, &out);
        must(view_same(buf_view(&out), bytes));
    }
    erasure_use(bytes);
    return 0;
}
