#include "cli/cli_log.h"

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

enum sk_code cli_log_append(struct cli_log *log, struct view leaf) {
    uint64_t index;
    TRY(ledger_append(log->ledger, leaf, &index));
    return ledger_commit(log->ledger);
}

enum sk_code cli_log_find(struct cli_log *log, const char *type, struct buf *out) {
    char member[64];
    snprintf(member, sizeof member, "\"type\":\"%s\"", type); // leaves are canonical
    for (uint64_t i = ledger_size(log->ledger); i-- > 0;) {
        buf_reset(out);
        TRY(ledger_leaf(log->ledger, i, out));
        if (memmem(out->at, out->len, member, strlen(member))) return SK_OK;
    }
    return FAIL(SK_UNKNOWN, "the log has no leaf of type %s", type);
}

enum sk_code cli_log_transition(struct cli_log *log, struct transition *out) {
    static char storage[LEDGER_LEAF_MAX];
    struct buf leaf = buf_over(storage, sizeof storage);
    struct arena arena;
    const struct json_node *root;
    *out = (struct transition){0};
    enum sk_code code = cli_log_find(log, "key-transition", &leaf);
    if (code == SK_UNKNOWN) return SK_OK;
    TRY(code);
    TRY(arena_open(&arena, "leaf", 1 << 20));
    code = json_parse(leaf.at, leaf.len, &arena, &root);
    const struct json_node *note = code == SK_OK ? json_find(root, "note") : NULL;
    if (json_is(note, JSON_STRING)) code = transition_read(json_view(note), out);
    out->reason = (struct view){0};
    arena_close(&arena);
    return code;
}
