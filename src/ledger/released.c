// The checkpoints that stand in the log directory. "released" is the anti-rollback record: of some
// size that was durable. A log that is shorter, or whose tree of that size has another root, is
// damaged or an old copy. "published" is the newest that witnesses cosigned.
#include "base/replace.h"
#include "ledger/store.h"

static const char released_name[] = "released", released_new[] = "released.new";

enum sk_code released_note(struct world *world, char note[LEDGER_NOTE_MAX], struct view *out) {
    *out = (struct view){.at = note};
    return file_read_at(world, released_name, 0, note, LEDGER_NOTE_MAX, &out->len);
}

static enum sk_code head_read(struct world *world, const char *name, struct head *out) {
    out->note.at = out->bytes;
    enum sk_code code = file_read_at(world, name, 0, out->bytes, NOTE_MAX, &out->note.len);
    if (code == SK_UNKNOWN) return code;
    if (code == SK_OK) code = checkpoint_of(out->note, &out->checkpoint);
    return code == SK_OK ? code : fail_within(code, "%s", name);
}

enum sk_code heads_read(struct world *world, struct heads *out) {
    *out = (struct heads){.newest = &out->released};
    TRY(head_read(world, released_name, &out->released));
    enum sk_code code = head_read(world, "published", &out->witnessed);
    if (code == SK_UNKNOWN) return SK_OK;
    TRY(code);
    if (!view_same(out->released.checkpoint.origin, out->witnessed.checkpoint.origin))
        return FAIL(SK_CORRUPT, "published: it is of another log than released");
    if (out->witnessed.checkpoint.size >= out->released.checkpoint.size)
        out->newest = &out->witnessed;
    return SK_OK;
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
