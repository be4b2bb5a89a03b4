// What `verify` and `audit` share: who is believed, which checkpoint of a log is asked, and what
// somebody kept of it.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_receipt.h"
#include "cli/verify.h"

enum sk_code verify_file(const char *path, size_t max, struct arena *arena, struct view *out) {
    struct buf file = arena_rest(arena);
    if (file.max > max) file.max = max;
    TRY(cli_read(path, &file));
    *out = arena_keep(arena, file.len);
    return SK_OK;
}

enum sk_code verify_copy(struct view text, struct arena *arena, struct buf *out) {
    *out = (struct buf){.at = arena_text(arena, text), .len = text.len};
    return out->at ? SK_OK : SK_LIMIT;
}

enum sk_code verify_trust(const char *key, const char *policy, struct arena *arena,
                          struct trust *out) {
    struct view text;
    struct note_key parsed;
    if (key) {
        TRY(cli_receipt_key(key, &parsed));
        return trust_of_key(&parsed, arena, out);
    }
    TRY(verify_file(policy, TRUST_TEXT_MAX, arena, &text));
    enum sk_code code = trust_parse(text, arena, out);
    return code == SK_OK ? code : fail_within(code, "%s", policy);
}

bool verify_is_url(const char *what) {
    return strncmp(what, "https://", 8) == 0 || strncmp(what, "http://", 7) == 0;
}

enum sk_code verify_directory_read(void *self, struct view path, struct buf *out) {
    char name[TILE_NAME_MAX + 1];
    int directory = *(const int *)self;
    must(path.len < sizeof name);
    snprintf(name, sizeof name, "%.*s", (int)path.len, path.at);
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (file < 0 && (errno == ENOENT || errno == ENOTDIR))
        return FAIL(SK_UNKNOWN, "%s is missing", name);
    if (file < 0) return FAIL(SK_IO, "%s: %s", name, strerror(errno));
    for (;;) {
        char block[65536];
        ssize_t n = read(file, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            int error = errno;
            close(file);
            return FAIL(SK_IO, "%s: %s", name, strerror(error));
        }
        buf_put(out, block, (size_t)n);
        if (n == 0 || out->over) break;
    }
    close(file);
    return buf_check(out, name);
}

void verify_rejected(const char *what, const struct trust *trust, struct arena *arena,
                     struct report *out) {
    *out = (struct report){.what = what, .verdict = REPORT_REJECTED, .arena = arena,
                           .trust = trust};
    snprintf(out->reason, sizeof out->reason, "%s", fail_text());
}

enum sk_code verify_receipt_note(struct view receipt, struct arena *arena, struct view *note) {
    const struct json_node *root;
    struct buf copy;
    TRY(verify_copy(receipt, arena, &copy));
    TRY(json_parse(copy.at, copy.len, arena, &root));
    const struct json_node *found = json_find(root, "checkpoint");
    if (!json_is(found, JSON_STRING)) return FAIL(SK_INPUT, "receipt without a checkpoint");
    *note = json_view(found);
    return SK_OK;
}

// A checkpoint that somebody kept, as it is or in a receipt.
static enum sk_code seen_read(const struct verify_log *log, const char *path, struct arena *arena,
                              struct view *note) {
    struct cli_receipt found;
    struct buf file;
    TRY(verify_file(path, CLI_FILE_MAX, arena, note));
    if (!view_starts(*note, VIEW("{")) && !view_starts(*note, VIEW("data: "))) return SK_OK;
    TRY(verify_copy(*note, arena, &file));
    enum sk_code code = cli_receipt_find(&file, log->choice, arena, &found);
    if (code == SK_OK) code = verify_receipt_note(buf_view(&found.receipt), arena, note);
    return code == SK_OK ? code : fail_within(code, "%s", path);
}

// ---- which checkpoint ----

// A source whose checkpoint is chosen.
struct chosen {
    const struct tile_source *source;
    struct view note;
};

static enum sk_code chosen_read(void *self, struct view path, struct buf *out) {
    const struct chosen *chosen = self;
    if (!view_is(path, "checkpoint")) return chosen->source->read(chosen->source->self, path, out);
    buf_put_view(out, chosen->note);
    return buf_check(out, "checkpoint");
}

static enum sk_code note_read(const struct tile_source *source, const char *name,
                              struct arena *arena, struct view *out) {
    struct buf note = arena_rest(arena);
    if (note.max > NOTE_MAX) note.max = NOTE_MAX;
    TRY(source->read(source->self, view_of(name), &note));
    *out = arena_keep(arena, note.len);
    return SK_OK;
}

// The largest of the checkpoints that somebody kept; the check says which of them are none.
static uint64_t seen_most(const struct view *seen, size_t len) {
    struct checkpoint kept;
    uint64_t most = 0;
    for (size_t i = 0; i < len; i++)
        if (checkpoint_of(seen[i], &kept) == SK_OK && kept.size > most) most = kept.size;
    return most;
}

// Where a quorum is asked for and the newest one has none: the newest that witnesses cosigned, when
// those are enough and it is of no fewer than `least` entries, so that all that was kept can be
// compared. *newer: what the log has signed beyond it.
static void quorum_seek(const struct tile_source *source, const struct trust *trust,
                        uint64_t least, struct arena *arena, struct view *note,
                        uint64_t *newer) {
    struct trust_facts newest, seen;
    struct view witnessed;
    if (trust_check(trust, *note, &newest) != SK_DENIED ||
        note_read(source, WHOLE_WITNESSED, arena, &witnessed) != SK_OK ||
        trust_check(trust, witnessed, &seen) != SK_OK || seen.checkpoint.size < least ||
        seen.checkpoint.size > newest.checkpoint.size)
        return;
    *note = witnessed;
    *newer = newest.checkpoint.size - seen.checkpoint.size;
}

// ---- the check ----

enum sk_code verify_log(const struct verify_log *log, const struct tile_source *source,
                        struct trust *trust, struct arena *arena, struct report *report) {
    struct chosen chosen = {.source = source};
    const struct tile_source pieces = {&chosen, chosen_read};
    struct view *seen = arena_take(arena, log->seen_len, sizeof *seen);
    uint64_t newer = 0;
    if (!seen) return SK_LIMIT;
    for (size_t i = 0; i < log->seen_len; i++)
        TRY(seen_read(log, log->seen[i], arena, &seen[i]));
    enum sk_code code = note_read(source, "checkpoint", arena, &chosen.note);
    bool read = code == SK_OK; // else the check says why not
    if (read && log->transition) code = cli_transition(log->transition, chosen.note, trust);
    if (code != SK_OK && log->transition) {
        verify_rejected("log", trust, arena, report);
        return SK_OK;
    }
    if (read)
        quorum_seek(source, trust, seen_most(seen, log->seen_len), arena, &chosen.note, &newer);
    const struct whole_task task = {.source = read ? &pieces : source,
                                    .trust = trust,
                                    .hashes = log->hashes,
                                    .seen = seen,
                                    .seen_len = log->seen_len};
    report_log_watched(&task, &log->watch, arena, report);
    report->newer = newer;
    return SK_OK;
}
