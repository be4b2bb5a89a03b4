// `sekisho key rotate` and `key retire`: the log's key changes, with a time in which both sign.
//
// Each step can be repeated after a fall: the new key's file, then the leaf that begins; the leaf
// that ends, then the new key's file in place of the old one's.
#include "base/text.h"
#include "cli/cli.h"
#include "cli/cli_log.h"
#include "cli/cmd_key.h"
#include "node/parent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: sekisho key rotate [--reason TEXT] [--config FILE]\n"
    "       sekisho key retire [--reason TEXT] [--config FILE]\n\n"
    "Changes the key that signs the log, while the node is stopped. rotate makes the new key and\n"
    "puts it on record, signed by both; from then on checkpoints carry both signatures. Tell the\n"
    "new key to whoever verifies, wait until they have it, then retire the old one. The notes in\n"
    "keys/ prove the change: `sekisho verify --transition`.\n";

struct change {
    const struct conf *conf;
    struct signer_memory *memory;
    struct cli_log log;
    struct transition last; // the last of the log; its size 0: there is none
    struct view reason;
};

static const struct signer *signer(const struct change *change, enum key_file which) {
    return &change->memory->signer[which];
}

static bool is_key(const struct note_key *key, const struct signer *signer) {
    return memcmp(key->public, signer->name.public, SIGN_PUBLIC_LEN) == 0;
}

// The note as a file for whoever verifies.
static enum sk_code note_keep(const struct change *change, enum transition_stage stage,
                              const struct note_key *new, struct view note) {
    char path[KEY_PATH_MAX + 64];
    cli_log_note_path(change->conf, stage, new, path);
    if (access(path, F_OK) == 0) return SK_OK;
    TRY(signer_file_make(change->conf, path, note, 0444));
    printf("note     %s\n", path);
    return SK_OK;
}

// The note, in the log and as that file.
static enum sk_code put_on_record(struct change *change, enum transition_stage stage) {
    static char note_text[TRANSITION_NOTE_MAX], leaf_text[LEDGER_LEAF_MAX];
    struct buf note = buf_over(note_text, sizeof note_text),
               leaf = buf_over(leaf_text, sizeof leaf_text);
    const struct signer *old = signer(change, KEY_LOG), *new = signer(change, KEY_NEXT);
    uint64_t size = ledger_size(change->log.ledger) + 1;
    TRY(transition_write(stage, old, new, size, change->reason, &note));
    transition_leaf(buf_view(&note), cli_log_now_ms(), &leaf);
    TRY(buf_check(&leaf, "leaf"));
    // At the end the new key must open the log; before the beginning it signs nothing.
    if (stage == TRANSITION_END) ledger_sign_by(change->log.ledger, &old->key, &new->key);
    TRY(ledger_release(change->log.ledger));
    TRY(cli_log_append(&change->log, buf_view(&leaf)));
    ledger_sign_by(change->log.ledger, &old->key, &new->key);
    return note_keep(change, stage, &new->name, buf_view(&note));
}

// The next key: of a rotation that was not finished, or a new one.
static enum sk_code next_make(struct change *change) {
    enum sk_code code = signer_read(change->conf, KEY_NEXT, change->memory, NULL);
    if (code != SK_UNKNOWN) return code;
    TRY(signer_make(signer(change, KEY_LOG)->name.name, KEY_NEXT, change->memory));
    return signer_write(change->conf, KEY_NEXT, change->memory);
}

static enum sk_code rotate(struct change *change) {
    const struct transition *last = &change->last;
    if (last->size && last->stage == TRANSITION_BEGIN)
        return FAIL(SK_DENIED, "the key is changing already: `sekisho key retire` ends it");
    if (last->size && !is_key(&last->new, signer(change, KEY_LOG)))
        return FAIL(SK_DENIED, "the last change is not finished: `sekisho key retire`");
    TRY(next_make(change));
    TRY(put_on_record(change, TRANSITION_BEGIN));
    signer_print("new", &signer(change, KEY_NEXT)->name);
    printf("Start the node: both keys sign. When all who verify have the new one: key retire\n");
    return SK_OK;
}

static enum sk_code retire(struct change *change) {
    const struct transition *last = &change->last;
    char from[KEY_PATH_MAX], to[KEY_PATH_MAX], used[KEY_PATH_MAX];
    if (!last->size || is_key(&last->new, signer(change, KEY_LOG)))
        return FAIL(SK_DENIED, "no key is changing: `sekisho key rotate` begins it");
    TRY(signer_read(change->conf, KEY_NEXT, change->memory, used));
    if (!is_key(&last->new, signer(change, KEY_NEXT)))
        return FAIL(SK_DENIED, "%s is not the key that the log names as the next", used);
    if (last->stage == TRANSITION_BEGIN) TRY(put_on_record(change, TRANSITION_END));
    key_path(change->conf, KEY_NEXT, from);
    key_path(change->conf, KEY_LOG, to);
    signer_print("key", &signer(change, KEY_NEXT)->name);
    printf("Older backups need the notes in keys/: keep them, and make a backup (ledger backup)\n");
    if (strcmp(used, from) != 0) {
        printf("The keys are credentials: give the service the next one as log.skey\n");
        return SK_OK;
    }
    TRY(signer_vkey_write(change->conf, &signer(change, KEY_NEXT)->name));
    return rename(from, to) == 0 ? SK_OK : FAIL(SK_IO, "%s: %s", to, strerror(errno));
}

static enum sk_code change_key(struct change *change, bool rotates) {
    static char storage[TRANSITION_NOTE_MAX];
    struct buf note = buf_over(storage, sizeof storage);
    char path[PARENT_PATH_MAX];
    parent_ledger_path(change->conf, path);
    TRY(signer_read(change->conf, KEY_LOG, change->memory, NULL));
    TRY(cli_log_open(path, signer(change, KEY_LOG), &change->log));
    enum sk_code code = cli_log_goes_on(&change->log);
    if (code == SK_OK) code = cli_log_transition(&change->log, &change->last, &note);
    if (code == SK_OK && note.len) // else of a command that was killed
        code = note_keep(change, change->last.stage, &change->last.new, buf_view(&note));
    if (code == SK_OK) code = rotates ? rotate(change) : retire(change);
    return cli_log_end(&change->log, code);
}

int cmd_key_rotate(int argc, char **argv) {
    static struct conf conf;
    bool rotates = strcmp(argv[0], "rotate") == 0;
    const char *config = NULL, *reason = "scheduled";
    const struct cli_option options[] = {
        {"--config", &config, NULL}, {"--reason", &reason, NULL}, {0}};
    struct change change = {.conf = &conf};
    int rest;
    if (!cli_options(argc, argv, usage, options, &rest)) return EXIT_USAGE;
    if (rest > 0) return cli_usage(usage, "what is '%s'?", argv[1]);
    change.reason = view_of(reason);
    enum sk_code code = conf_read(config, &conf);
    if (code == SK_OK) code = signer_open(&change.memory);
    if (code == SK_OK) code = change_key(&change, rotates);
    signer_close(change.memory);
    return code == SK_OK ? EXIT_DONE : cli_failed();
}
