#include "cli/cli_log.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum sk_code cli_log_open(const char *path, const struct signer *signer, struct cli_log *log) {
    struct ledger_options options = {.origin = signer->name.name, .key = &signer->key};
    struct ledger_found found;
    *log = (struct cli_log){0};
    snprintf(log->path, sizeof log->path, "%s", path);
    log->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (log->directory < 0) return FAIL(SK_UNKNOWN, "%s: %s", path, strerror(errno));
    enum sk_code code = SK_OK;
    if (flock(log->directory, LOCK_EX | LOCK_NB) != 0)
        code = FAIL(SK_BUSY, "a node runs on %s: stop it first", path);
    if (code == SK_OK)
        code = ledger_open(&log->ledger, world_real(log->directory), options, &found);
    if (code != SK_OK) close(log->directory);
    return code;
}

enum sk_code cli_log_close(struct cli_log *log) {
    enum sk_code code = ledger_release(log->ledger);
    ledger_close(log->ledger);
    if (code == SK_OK) code = signer_owned(log->path);
    close(log->directory);
    return code;
}

enum sk_code cli_log_end(struct cli_log *log, enum sk_code code) {
    if (code == SK_OK) return cli_log_close(log);
    ledger_close(log->ledger);
    close(log->directory);
    return code;
}

// Leaves are canonical JSON: their type is found as it is written.
static bool leaf_is(const struct buf *leaf, const char *type) {
    char member[64];
    int len = snprintf(member, sizeof member, "\"type\":\"%s\"", type);
    return memmem(leaf->at, leaf->len, member, (size_t)len) != NULL;
}

enum sk_code cli_log_closed(struct cli_log *log, bool *closed) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    uint64_t size = ledger_size(log->ledger);
    *closed = false;
    if (size == 0) return SK_OK;
    TRY(ledger_leaf(log->ledger, size - 1, &leaf));
    *closed = leaf_is(&leaf, "closed");
    return SK_OK;
}

enum sk_code cli_log_goes_on(struct cli_log *log) {
    bool closed;
    TRY(cli_log_closed(log, &closed));
    if (!closed) return SK_OK;
    return FAIL(SK_DENIED,
                "%s: this log was closed, and another goes on in its place: nothing may "
                "come after its last leaf (docs/keys.md)",
                log->path);
}

enum sk_code cli_log_append(struct cli_log *log, struct view leaf) {
    uint64_t index;
    TRY(cli_log_goes_on(log));
    TRY(ledger_append(log->ledger, leaf, &index));
    return ledger_commit(log->ledger);
}

int64_t cli_log_now_ms(void) {
    struct world world = world_real(-1);
    return world.clock_ms(world.self);
}

enum sk_code cli_log_last(struct cli_log *log, const char *type, struct buf *leaf) {
    for (uint64_t at = ledger_size(log->ledger); at-- > 0;) {
        buf_reset(leaf);
        TRY(ledger_leaf(log->ledger, at, leaf));
        if (leaf_is(leaf, type)) return SK_OK;
    }
    buf_reset(leaf);
    return SK_OK;
}

enum sk_code cli_log_transition(struct cli_log *log, struct transition *out, struct buf *text) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    struct arena arena;
    const struct json_node *root;
    *out = (struct transition){0};
    TRY(cli_log_last(log, "key-transition", &leaf));
    if (leaf.len == 0) return SK_OK;
    TRY(arena_open(&arena, "leaf", 1 << 20));
    enum sk_code code = json_parse(leaf.at, leaf.len, &arena, &root);
    const struct json_node *note = code == SK_OK ? json_find(root, "note") : NULL;
    if (json_is(note, JSON_STRING)) {
        code = transition_read(json_view(note), out);
        if (text) buf_put_view(text, json_view(note));
    } else if (code == SK_OK) {
        code = FAIL(SK_CORRUPT, "key transition without its note");
    }
    out->reason = (struct view){0};
    arena_close(&arena);
    return code;
}

void cli_log_note_path(const struct conf *conf, enum transition_stage stage,
                       const struct note_key *new, char out[KEY_PATH_MAX + 64]) {
    struct buf id = buf_over((char[16]){0}, 16);
    hex_put(&id, new->id, NOTE_ID_LEN);
    snprintf(out, KEY_PATH_MAX + 64, "%s/keys/%s-%.*s.note", conf->data,
             stage == TRANSITION_BEGIN ? "begin" : "end", (int)id.len, id.at);
}

enum sk_code cli_log_sign(struct cli_log *log, const struct conf *conf,
                          struct signer_memory *memory) {
    struct transition last;
    TRY(cli_log_transition(log, &last, NULL));
    if (!last.size || last.stage != TRANSITION_BEGIN) return SK_OK;
    TRY(signer_read(conf, KEY_NEXT, memory, NULL));
    ledger_sign_by(log->ledger, &memory->signer[KEY_LOG].key, &memory->signer[KEY_NEXT].key);
    return SK_OK;
}
