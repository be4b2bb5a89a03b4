#include "ledger/witness_store.h"

#include <stdio.h>

#include "base/replace.h"
#include "ledger/cosign.h"

enum { NAME_MAX_LEN = 8 + 2 * HASH_LEN };
static const char fresh_name[] = "witness.new";

// What was kept of one origin.
struct cosigned {
    bool found;
    char bytes[NOTE_MAX];
    struct view text; // of the checkpoint
    struct view line; // the witness's own, with its newline
    uint64_t time_s;  // of that
    struct witness_stored stored;
};

enum sk_code witness_store_open(const struct world *world) {
    return world->sync_directory(world->self);
}

static void name_of(const char *hex, char out[NAME_MAX_LEN + 1]) {
    (void)snprintf(out, NAME_MAX_LEN + 1, "witness.%.*s", 2 * HASH_LEN, hex);
}

enum sk_code witness_store_read(const struct world *world, const char *hex, struct buf *note) {
    char name[NAME_MAX_LEN + 1];
    size_t len;
    name_of(hex, name);
    TRY(file_read_at(world, name, 0, note->at + note->len, note->max - note->len, &len));
    buf_grow(note, len);
    return len > 0 ? SK_OK : FAIL(SK_CORRUPT, "%s: empty", name);
}

// The newest line of the witness's key. There is none of a key that it has not any more: what that
// one cosigned still counts.
static enum sk_code own_line(const struct note_key *key, struct view lines,
                             struct cosigned *kept) {
    struct view line;
    while (view_cut(&lines, '\n', &line)) {
        uint64_t time_s;
        enum sk_code code = note_line_signed(line, kept->text, key, &time_s);
        if (code == SK_UNKNOWN) continue;
        TRY(code);
        kept->line = (struct view){line.at, line.len + 1};
        kept->time_s = time_s;
    }
    return SK_OK;
}

static enum sk_code kept_read(const struct witness *witness, const struct world *world,
                              struct view origin, struct cosigned *kept) {
    char hex[2 * HASH_LEN + 1];
    struct buf note = buf_over(kept->bytes, sizeof kept->bytes);
    struct view lines = {0};
    struct checkpoint checkpoint;
    *kept = (struct cosigned){0};
    witness_origin_hex(origin, hex);
    enum sk_code code = witness_store_read(world, hex, &note);
    if (code == SK_UNKNOWN) return SK_OK;
    if (code == SK_OK) code = note_split(buf_view(&note), &kept->text, &lines);
    if (code == SK_OK) code = own_line(witness->key, lines, kept);
    if (code == SK_OK) code = checkpoint_read(kept->text, &checkpoint);
    if (code == SK_OK && !view_same(checkpoint.origin, origin)) code = SK_CORRUPT;
    if (code != SK_OK) return fail_within(SK_CORRUPT, "witness.%s", hex);
    kept->stored = (struct witness_stored){checkpoint.size, checkpoint.root};
    kept->found = true;
    return SK_OK;
}

// The same text again, cosigned a moment ago: nothing new is said.
static bool again(const struct witness_request *request, const struct cosigned *kept,
                  uint64_t time_s) {
    return kept->found && kept->line.len > 0 && kept->line.len <= WITNESS_BODY_MAX &&
           view_starts(request->note, kept->text) &&
           view_starts(view_from(request->note, kept->text.len), VIEW("\n")) &&
           time_s >= kept->time_s && time_s - kept->time_s < WITNESS_AGAIN_S;
}

static enum sk_code grant(const struct witness *witness, const struct world *world,
                          const struct witness_request *request, const struct cosigned *kept,
                          uint64_t time_s, struct witness_verdict *out) {
    char storage[NOTE_MAX];
    struct buf note = buf_over(storage, sizeof storage);
    char hex[2 * HASH_LEN + 1], name[NAME_MAX_LEN + 1];
    if (again(request, kept, time_s)) {
        memcpy(out->body, kept->line.at, kept->line.len);
        out->body_len = kept->line.len;
        return SK_OK;
    }
    TRY(witness_grant(witness, request, time_s, &note, out));
    witness_origin_hex(request->checkpoint.origin, hex);
    name_of(hex, name);
    return file_replace(world, name, fresh_name, buf_view(&note));
}

enum sk_code witness_answer(const struct witness *witness, const struct world *world,
                            struct view body, struct witness_verdict *out) {
    struct cosigned kept;
    struct witness_request request;
    if (witness_request_read(body, &request) != SK_OK) {
        witness_refuse(out);
        return SK_OK;
    }
    kept.found = false;
    // Strangers make nobody read files.
    if (witness_knows(witness, &request) &&
        kept_read(witness, world, request.checkpoint.origin, &kept) != SK_OK) {
        witness_refuse(out);
        out->status = 500;
        return SK_OK;
    }
    witness_decide(witness, kept.found ? &kept.stored : NULL, &request, out);
    if (out->status != 200) return SK_OK;
    int64_t now_s = world->clock_ms(world->self) / 1000;
    if (now_s > 0) return grant(witness, world, &request, &kept, (uint64_t)now_s, out);
    (void)FAIL(SK_INPUT, "the clock of this witness is not set: a cosignature says when");
    witness_refuse(out);
    out->status = 500;
    return SK_OK;
}
