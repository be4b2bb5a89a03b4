// The anti-rollback record: the checkpoint of some size that was durable, in a file of its own. A
// log that is shorter, or whose tree of that size has another root, is damaged or an old copy.
#include "ledger/replace.h"
#include "ledger/store.h"

static const char released_name[] = "released", released_new[] = "released.new";

enum sk_code released_note(struct world *world, char note[LEDGER_NOTE_MAX], struct view *out) {
    *out = (struct view){.at = note};
    return file_read_at(world, released_name, 0, note, LEDGER_NOTE_MAX, &out->len);
}

enum sk_code released_read(struct ledger *ledger, struct checkpoint *out) {
    char storage[LEDGER_NOTE_MAX];
    struct view note;
    TRY(released_note(&ledger->world, storage, &note));
    enum sk_code code = checkpoint_check(note, &ledger->name, out);
    out->origin = view_of(ledger->name.name);
    if (code != SK_OK) return fail_within(SK_CORRUPT, "%s", released_name);
    return SK_OK;
}

enum sk_code released_write(struct ledger *ledger) {
    struct world *world = &ledger->world;
    struct view note = ledger_checkpoint(ledger);
    TRY(file_replace(world, released_name, released_new, note));
    ledger->released_size = ledger->size;
    ledger->released_us = world->monotonic_us(world->self);
    return SK_OK;
}
