// Hostile names of tiles: what is accepted is what we would write, and a small log answers it with
// all of the tile or says that it has none.
#include "ledger/ledger.h"
#include "taken.h"

enum { LEAVES = 300 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ledger *log_make(void) {
    static struct sign_key key;
    struct world_sim *sim;
    struct ledger *ledger;
    struct ledger_found found;
    sign_init(&key, (const uint8_t[SIGN_SEED_LEN]){42});
    const struct ledger_options options = {
        .origin = "sekisho.example/test", .key = &key, .leaves_max = 1024};
    must(world_sim_open(&sim, 1) == SK_OK);
    must(ledger_open(&ledger, world_sim_world(sim), options, &found) == SK_OK);
    for (uint64_t i = 0, index; i < LEAVES; i++)
        must(ledger_append(ledger, (struct view){(const char *)&i, sizeof i}, &index) == SK_OK);
    must(ledger_commit(ledger) == SK_OK);
    return ledger;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct ledger *ledger;
    if (!ledger) ledger = log_make();
    static char bytes[TILE_MAX];
    char storage[TILE_NAME_MAX];
    struct buf written = buf_over(storage, sizeof storage), out = buf_over(bytes, sizeof bytes);
    struct view path = {(const char *)data, size};
    struct tile_name name;
    if (!tile_name_take(path, &name)) return 0;
    fuzz_take();
    tile_name_put(&name, &written);
    must(view_same(buf_view(&written), path));
    enum sk_code code = ledger_tile(ledger, &name, &out);
    size_t item = name.entries ? 2 + sizeof(uint64_t) : sizeof(struct tree_hash);
    must(code == SK_OK ? out.len == name.width * item : code == SK_UNKNOWN && out.len == 0);
    return 0;
}
